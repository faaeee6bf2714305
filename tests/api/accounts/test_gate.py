"""The gate: every route for every role, sessions, other sites' pages, sizes, the log."""

import re
from pathlib import Path

import httpx
import pytest

from api.accounts.access import ACCESS, permission_for
from api.accounts.roles import ALLOWED, Permission, Role
from api.accounts.store import Accounts
from api.accounts.throttle import MOST_FAILURES
from api.app import ROOMS, create_app
from api.routes.accounts import safe_target
from api.settings import Settings
from tests.api.accounts.conftest import PASSWORD

ROUTES = sorted(ACCESS)
# What each may do, written down here a second time: a change of the rules is a change of this test.
MAY = {
    Role.VIEWER: {Permission.PUBLIC, Permission.READ},
    Role.ANALYST: {Permission.PUBLIC, Permission.READ, Permission.RUN, Permission.WRITE},
    Role.EMERGENCY: {Permission.PUBLIC, Permission.READ, Permission.RUN},
    Role.ADMIN: {Permission.PUBLIC, Permission.READ, Permission.RUN, Permission.WRITE, Permission.ADMIN},
}

# And which routes ask for anything else than to be allowed to look.
NOT_READ = {
    Permission.PUBLIC: {
        "/login",
        "/login/oidc",
        "/login/oidc/callback",
        "/logout",
        "/healthz",
        "/static/{name:path}",
        "/assets/{name:path}",
    },
    Permission.RUN: {
        "/processes/{process_id}/execution",
        "/processes/{process_id}/form",
        "/jobs/{job_id}/rerun",
        "/jobs/{job_id}/dismiss",
        "/jobs/{job_id}",
    },
    Permission.ADMIN: {"/audit"},
}


def filled(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", template)


def test_the_table_holds_every_route_and_no_other() -> None:
    routes = {
        (method, route.path) for room in ROOMS for route in room.router.routes for method in route.methods - {"HEAD"}
    }
    # /static is mounted; the two descriptions are added by the app itself.
    assert routes | {("GET", "/static/{name:path}"), ("GET", "/api"), ("GET", "/openapi.json")} == set(ACCESS)


def test_roles_may_what_is_written_here() -> None:
    assert {role: set(allowed) for role, allowed in ALLOWED.items()} == MAY


def test_what_asks_for_more_or_less_than_to_look_is_written_here() -> None:
    for permission, paths in NOT_READ.items():
        assert {path for (_, path), needed in ACCESS.items() if needed is permission} == paths
    assert {key for key, needed in ACCESS.items() if needed is Permission.WRITE} == {("POST", "/uploads")}
    unsafe = {path for (method, path), needed in ACCESS.items() if method != "GET" and needed is Permission.READ}
    assert unsafe == {"/account/tokens", "/account/tokens/{token_id}"}, "one's own tokens, and nothing else, by all"


def test_every_route_for_every_role(come) -> None:
    clients = {role: come(role.value) for role in Role}
    anonymous = come()
    for method, template in ROUTES:
        needed, path = ACCESS[method, template], filled(template)
        assert permission_for(method, path) is needed, (method, path)
        status = anonymous.request(method, path).status_code
        assert (status == 401) == (needed is not Permission.PUBLIC or path == "/login" and method == "POST"), path
        for role, client in clients.items():
            status = client.request(method, path).status_code
            if method == "POST" and path == "/login":
                continue
            assert status != 401, (role, method, path)
            assert (status == 403) == (needed not in MAY[role]), (role, method, path, status)
            assert status < 500 or path in ("/healthz", "/map", "/assets/1"), (role, method, path, status)


def test_a_path_that_the_table_does_not_know_is_not_there(come) -> None:
    assert come().get("/nothing").status_code == 401
    assert come("viewer").get("/nothing").status_code == 404
    assert come("viewer").request("PUT", "/jobs").status_code == 405


def test_a_browser_signs_in_and_out(browser, come) -> None:
    stranger = come().get("/collections?f=json", headers={"Accept": "text/html"})
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/login?next=%2Fcollections%3Ff%3Djson")
    session, csrf = browser("analyst")
    assert session.get("/account").json() == {"name": "analyst", "role": "analyst", "csrf": csrf}
    page = session.get("/processes?f=html")
    assert csrf in page.text
    assert page.headers["cache-control"] == "private, no-cache"
    assert session.post("/logout", data={"csrf": csrf}).status_code == 303
    assert session.get("/account").status_code == 401


def test_the_cookie_is_kept_from_scripts_and_secure_over_https(app, ask_app) -> None:
    for scheme, name in (("http", "suyuan_session="), ("https", "__Host-suyuan_session=")):
        session = ask_app(app)
        session.base_url = httpx.URL(f"{scheme}://gis.example")
        cookie = session.post("/login", data={"name": "viewer", "password": PASSWORD}).headers["set-cookie"]
        assert cookie.startswith(name)
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert ("Secure" in cookie.split("; ")) == (scheme == "https")


def test_a_page_of_another_site_cannot_use_a_session(browser) -> None:
    session, csrf = browser("analyst")
    path, body = "/processes/zone-incident/execution", {"inputs": {}}
    assert session.post(path, json=body).status_code == 403
    assert session.post(path, json=body, headers={"X-CSRF-Token": "wrong"}).status_code == 403
    assert session.post(path, json=body, headers={"X-CSRF-Token": csrf}).status_code == 422
    foreign = {"X-CSRF-Token": csrf, "Origin": "https://evil.example"}
    assert session.post(path, json=body, headers=foreign).status_code == 403
    assert (
        session.post(path, json=body, headers={"X-CSRF-Token": csrf, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    )
    form = "/processes/zone-incident/form"
    assert session.post(form, data={"lat": "1"}).status_code == 403
    assert session.post(form, data={"lat": "1", "csrf": csrf}).status_code == 422


def test_a_token_may_stand_where_a_password_is_asked_for(app, accounts: Accounts, ask_app) -> None:
    secret = accounts.new_token("analyst", "QGIS", 1)[1]
    client = ask_app(app)

    def ask(name: str, password: str, **headers: str) -> int:
        return client.post(
            "/processes/zone-incident/execution", json={"inputs": {}}, auth=(name, password), headers=headers
        ).status_code

    assert client.get("/collections", auth=("analyst", secret)).status_code == 200
    assert client.get("/account", auth=("analyst", secret)).json()["name"] == "analyst"
    assert ask("analyst", secret) == 422, "past the gate"
    # What a browser was once told it would send for another site as well.
    assert ask("analyst", secret, Origin="https://evil.example") == 403
    for name, password in (("viewer", secret), ("analyst", PASSWORD), ("analyst", ""), ("", secret)):
        assert client.get("/collections", auth=(name, password)).status_code == 401, (name, password)
    for wrong in ("Basic", "Basic ???", "Basic /w==", "Basic OnRva2Vu"):
        assert client.get("/collections", headers={"Authorization": wrong}).status_code == 401, wrong
    accounts.revoke(accounts.tokens("analyst")[0].id)
    assert client.get("/collections", auth=("analyst", secret)).status_code == 401


def test_without_accounts_other_names_and_other_pages_are_refused(tmp_path: Path, ask_app) -> None:
    app = create_app(Settings(workspace=tmp_path / "ws"))
    assert ask_app(app).get("/collections").status_code == 200
    assert ask_app(app, "localhost:8000").get("/collections").status_code == 200
    assert ask_app(app, "evil.example").get("/collections").status_code == 403
    assert ask_app(app).post("/logout", headers={"Origin": "https://evil.example"}).status_code == 403
    assert ask_app(app).post("/logout", headers={"Origin": "http://127.0.0.1"}).status_code == 303


def test_log_ins_are_throttled(come) -> None:
    session = come()
    wrong = {"name": "viewer", "password": "wrong password"}
    answers = [session.post("/login", data=wrong).status_code for _ in range(MOST_FAILURES)]
    assert answers == [401] * MOST_FAILURES
    stopped = session.post("/login", data={"name": "viewer", "password": PASSWORD})
    assert (stopped.status_code, stopped.headers["retry-after"]) == (429, "60")
    assert session.post("/login", data={"name": "analyst", "password": PASSWORD}).status_code == 303
    page = session.post("/login", data=wrong, headers={"Accept": "text/html"})
    assert (page.status_code, "失败次数过多" in page.text) == (429, True)


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x=1", "javascript:alert(1)"],
)
def test_signing_in_leads_nowhere_else(target: str) -> None:
    assert safe_target(target) == "/"
    assert safe_target("/jobs?f=html") == "/jobs?f=html"


def test_others_jobs_are_theirs(come) -> None:
    analyst, other, admin = come("analyst"), come("emergency"), come("admin")
    body = {"inputs": {"file": "places", "value": "v"}}
    prefer = {"Prefer": "respond-async"}
    job = analyst.post("/processes/hotspots-gi/execution", json=body, headers=prefer).json()
    assert job["suyuan:owner"] == "analyst"
    path = f"/jobs/{job['jobID']}"
    refused = other.delete(path, headers={"Accept-Language": "zh"})
    assert (refused.status_code, "只有本人" in refused.json()["detail"]) == (403, True)
    assert admin.delete(path).json()["status"] == "dismissed"


def test_who_did_what_is_written_down(come, browser) -> None:
    come("viewer").post("/processes/hotspots-gi/execution", json={})
    come("analyst").post("/processes/hotspots-gi/execution", json={})
    come().get("/collections")
    browser("admin")
    lines = come("admin").get("/audit").json()["entries"]
    told = {(line["who"], line["action"], line["status"]) for line in lines}
    assert {
        ("viewer", "POST /processes/hotspots-gi/execution", 403),
        ("analyst", "POST /processes/hotspots-gi/execution", 422),
        ("", "GET /collections", 401),
        ("admin", "signed in", 303),
    } <= told
    assert PASSWORD not in str(lines)


def test_large_bodies_are_turned_away(come) -> None:
    client = come("analyst")
    path = "/processes/hotspots-gi/execution"
    assert client.post(path, content=b"x" * 200_000).status_code == 413
    said = client.post(path, content=b"{}", headers={"Content-Length": "-1"})
    assert said.status_code == 413


def test_tokens_over_http(come, accounts: Accounts) -> None:
    client = come("viewer")
    made = client.post("/account/tokens", json={"label": "脚本", "days": 3}).json()
    assert accounts.by_token(made["token"]).name == "viewer"
    assert "token" not in client.get("/account/tokens").json()["tokens"][-1]
    assert come("admin").delete(f"/account/tokens/{made['id']}").status_code == 404
    assert client.delete(f"/account/tokens/{made['id']}").status_code == 204
    assert accounts.by_token(made["token"]) is None
    bad = come()
    bad.headers["Authorization"] = f"Bearer {made['token']}"
    answer = bad.get("/collections", headers={"Accept-Language": "zh-CN"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["title"] == "请先登录"
