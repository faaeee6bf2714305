"""Signing in through the organisation's provider: what proves who somebody is, and everything that does not."""

import logging
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from pydantic import ValidationError

import api.accounts.oidc as oidc
from api.accounts.roles import Role
from api.accounts.store import Accounts
from api.app import create_app
from api.cli import main
from api.oidc_settings import parse_roles, provider_of
from api.settings import Settings
from geo.errors import InvalidInput, SourceUnavailable
from tests.api.accounts.conftest import PASSWORD
from tests.api.accounts.provider import CLIENT, SECRET, FakeProvider, providing

ROLES = "air-admins=admin;air-team=analyst;CN=guests,OU=air=viewer"


@pytest.fixture
def provider():
    with providing() as fake:
        yield fake


@pytest.fixture
def settings(provider: FakeProvider, tmp_path: Path) -> Settings:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    return Settings(
        workspace=tmp_path / "ws",
        oidc_issuer=provider.address,
        oidc_client_id=CLIENT,
        oidc_client_secret_file=secret,
        oidc_roles=ROLES,
    )


@pytest.fixture
def browser(settings: Settings, ask_app):
    """Return new browsers of one app."""
    app = create_app(settings)

    def new(app_settings: Settings | None = None) -> httpx.Client:
        session = ask_app(create_app(app_settings) if app_settings else app, "gis.example")
        session.headers["Accept-Language"] = "en"
        return session

    return new


def sign_in(session: httpx.Client, provider: FakeProvider, target: str = "/account") -> httpx.Response:
    away = session.get("/login/oidc", params={"next": target})
    assert away.status_code == 303, away.text
    back = urlsplit(provider.authorize(away.headers["location"]))
    return session.get(f"{back.path}?{back.query}")


def test_somebody_comes_in_with_the_mapped_role_and_no_other(browser, provider, settings) -> None:
    session = browser()
    page = session.get("/login")
    assert "/login/oidc?next=" in page.text
    answer = sign_in(session, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    cookies = answer.headers.get_list("set-cookie")
    assert any(c.startswith("suyuan_session=") and "HttpOnly" in c and "SameSite=lax" in c for c in cookies)
    who = session.get("/account").json()
    assert (who["name"], who["role"]) == ("王工", "analyst")
    lines = Accounts(settings.workspace).audit()
    assert ("王工", "analyst", "signed in through OIDC") in {
        (line["who"], line["role"], line["action"]) for line in lines
    }
    assert set(provider.asked) == {"/.well-known/openid-configuration", "/token", "/keys"}
    left = session.post("/logout", data={"csrf": who["csrf"]})
    assert left.headers["location"] == "/login?left=1"
    assert f"{provider.address}/leave" in session.get("/login?left=1").text
    assert session.get("/account").status_code == 401


def test_the_role_follows_the_provider(browser, provider, settings) -> None:
    session = browser()
    sign_in(session, provider)
    token, secret = Accounts(settings.workspace).new_token("王工", "t", 1)
    provider.claims["groups"] = ["CN=guests,OU=air"]
    sign_in(browser(), provider)
    assert session.get("/account").json()["role"] == "viewer"
    provider.claims["groups"] = "air-admins"
    sign_in(browser(), provider)
    assert session.get("/account").json()["role"] == "admin"
    provider.claims["groups"] = ["other"]
    refused = sign_in(browser(), provider)
    assert (refused.status_code, "no role here" in refused.text) == (403, True)
    assert session.get("/account").status_code == 401, "what was open before ends too"
    assert Accounts(settings.workspace).by_token(secret) is None
    provider.claims["groups"] = None
    assert sign_in(browser(), provider).status_code == 403


def test_who_has_no_role_may_look_where_the_settings_say_so(browser, provider, settings) -> None:
    provider.claims = {"sub": "1", "realm_access": {"roles": ["none"]}}
    open_settings = settings.model_copy(update={"oidc_default_role": "viewer", "oidc_role_claim": "realm_access.roles"})
    session = browser(open_settings)
    sign_in(session, provider)
    who = session.get("/account").json()
    assert (who["role"], who["name"].startswith("oidc-")) == ("viewer", True)


def test_a_local_user_is_not_taken_over_but_may_be_linked(browser, provider, settings) -> None:
    Accounts(settings.workspace).add("王工", Role.ADMIN, PASSWORD)
    session = browser()
    assert sign_in(session, provider).status_code == 409
    assert session.get("/account").status_code == 401
    environment = {"SUYUAN_OIDC_ISSUER": provider.address, "SUYUAN_OIDC_CLIENT_ID": CLIENT, "SUYUAN_OIDC_ROLES": ROLES}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        words = ["users", "link", "王工", "--subject", "8f2c", "--workspace", str(settings.workspace)]
        assert main(words) == 0
    assert sign_in(session, provider).status_code == 303
    assert session.get("/account").json() | {"csrf": ""} == {"name": "王工", "role": "analyst", "csrf": ""}


def test_an_account_of_the_provider_has_no_password(browser, provider) -> None:
    sign_in(browser(), provider)
    for password in ("", PASSWORD):
        assert browser().post("/login", data={"name": "王工", "password": password}).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another program"},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
    ],
)
def test_a_token_that_says_something_else_is_refused(browser, provider, settings, change) -> None:
    session = browser()
    provider.change = change
    answer = sign_in(session, provider)
    assert (answer.status_code, "not succeed" in answer.text) == (401, True)
    assert session.get("/account").status_code == 401
    assert Accounts(settings.workspace).users() == []


@pytest.mark.parametrize("algorithm", ["none", "HS256", "another key"])
def test_a_token_that_the_provider_did_not_sign_is_refused(browser, provider, algorithm: str) -> None:
    if algorithm == "another key":
        provider.sign_with = RSAKey.generate_key(2048, {"kid": "one"})
    else:
        provider.algorithm = algorithm
    assert sign_in(browser(), provider).status_code == 401


def test_a_new_key_of_the_provider_is_fetched(browser, provider, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sign_in(browser(), provider).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
    assert sign_in(browser(), provider).status_code == 401, "within a minute it is not asked again"
    monkeypatch.setattr(oidc, "_AGAIN_SECONDS", 0.0)
    assert sign_in(browser(), provider).status_code == 303


def test_a_log_in_ends_once_in_its_own_browser_and_soon(browser, provider, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = browser(), browser()
    back = urlsplit(provider.authorize(first.get("/login/oidc").headers["location"]))
    assert second.get(f"{back.path}?{back.query}").status_code == 401, "a link from somebody else signs nobody in"
    assert first.get(f"{back.path}?{back.query}").status_code == 401, "and is used up"
    away = first.get("/login/oidc").headers["location"]
    back = urlsplit(provider.authorize(away))
    other = f"{back.path}?code={parse_qs(back.query)['code'][0]}&state=another"
    assert first.get(other).status_code == 401
    assert sign_in(first, provider).status_code == 303
    monkeypatch.setattr(oidc, "PENDING_SECONDS", -1.0)
    assert sign_in(browser(), provider).status_code == 401


def test_a_code_of_somebody_else_is_refused(browser, provider) -> None:
    victim, thief = browser(), browser()
    stolen = parse_qs(urlsplit(provider.authorize(victim.get("/login/oidc").headers["location"])).query)["code"][0]
    state = parse_qs(urlsplit(thief.get("/login/oidc").headers["location"]).query)["state"][0]
    answer = thief.get("/login/oidc/callback", params={"code": stolen, "state": state})
    assert answer.status_code == 401, "the verifier does not fit"


def test_what_the_provider_says_is_text_and_refusals_are_written_down(browser, provider, settings) -> None:
    session = browser()
    state = parse_qs(urlsplit(session.get("/login/oidc").headers["location"]).query)["state"][0]
    answer = session.get("/login/oidc/callback", params={"error": "<script>alert(1)</script>", "state": state})
    assert (answer.status_code, "<script>alert" in answer.text) == (401, False)
    Accounts(settings.workspace).add("someone", Role.VIEWER, PASSWORD)
    session.get("/login/oidc/callback", params={"state": "x"})
    assert any(line["action"].startswith("refused through OIDC") for line in Accounts(settings.workspace).audit())


def test_failures_are_throttled(browser) -> None:
    session = browser()
    answers = [session.get("/login/oidc/callback", params={"state": "x"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "60"


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "https://evil.example/token"},
        {"jwks_uri": "http://127.0.0.1:1/keys"},
        {"authorization_endpoint": None},
    ],
)
def test_no_other_host_is_asked(browser, provider, description) -> None:
    session = browser()
    provider.description = description
    away = session.get("/login/oidc")
    if away.status_code == 303:
        back = urlsplit(provider.authorize(away.headers["location"]))
        away = session.get(f"{back.path}?{back.query}")
    assert away.status_code == 503


def test_a_provider_that_is_away_leaves_passwords(browser, provider, settings) -> None:
    Accounts(settings.workspace).add("local", Role.VIEWER, PASSWORD)
    session = browser(settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:9"}))
    answer = session.get("/login/oidc", headers={"Accept-Language": "zh"})
    assert (answer.status_code, "统一身份认证" in answer.text) == (503, True)
    assert session.post("/login", data={"name": "local", "password": PASSWORD}).status_code == 303


def test_no_secret_is_in_the_logs(browser, provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.change = {"nonce": "another"}
    sign_in(browser(), provider)
    provider.change = {}
    session = browser()
    sign_in(session, provider)
    secrets = [SECRET, *session.cookies.values()]
    assert not any(secret in record.getMessage() for record in caplog.records for secret in secrets)


def test_without_a_provider_there_is_no_such_page(tmp_path: Path, ask_app) -> None:
    session = ask_app(create_app(Settings(workspace=tmp_path / "ws")))
    assert session.get("/login/oidc").status_code == 404
    assert session.get("/login/oidc/callback").status_code == 404
    assert "/login/oidc" not in session.get("/login").text


def test_with_a_provider_everybody_signs_in(browser) -> None:
    assert browser().get("/collections").status_code == 401


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    whole = {"oidc_issuer": "https://id.example", "oidc_client_id": "x", "oidc_roles": ROLES}
    for change, told in (
        ({"oidc_client_id": None}, "go together"),
        ({"oidc_issuer": "http://id.example"}, "https"),
        ({"oidc_roles": ""}, "OIDC_ROLES"),
        ({"oidc_client_secret": "a", "oidc_client_secret_file": "b"}, "not both"),
    ):
        with pytest.raises(ValidationError, match=told):
            Settings(workspace=tmp_path, **(whole | change))
    with pytest.raises(InvalidInput, match="VALUE=ROLE"):
        parse_roles("air-team=boss")
    lost = Settings(workspace=tmp_path, **whole, oidc_client_secret_file=tmp_path / "none")
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        provider_of(lost)
    assert parse_roles(ROLES)["CN=guests,OU=air"] is Role.VIEWER
