"""What the file of accounts holds, and what it does not."""

import re
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from api.accounts.roles import Role
from api.accounts.store import Accounts
from api.errors import NotSignedIn, UnknownResource
from geo.errors import InvalidInput
from tests.api.accounts.conftest import PASSWORD


def test_no_secret_is_in_the_file(accounts: Accounts) -> None:
    session = accounts.sign_in("viewer", PASSWORD)
    token, secret = accounts.new_token("viewer", "note", 1)
    accounts.note("viewer", "viewer", "127.0.0.1", "POST /x", 200)
    files = accounts.path.parent.glob("users.sqlite*")
    content = b"".join(path.read_bytes() for path in files)
    for text in (PASSWORD, session, secret):
        assert text.encode() not in content
    assert content.count(b"$argon2id$") >= len(Role)
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    assert token.id in {one.id for one in accounts.tokens()}


def test_a_password_opens_its_own_account_alone(accounts: Accounts) -> None:
    assert accounts.by_session(accounts.sign_in("viewer", PASSWORD)).role is Role.VIEWER
    for name, password in (("viewer", PASSWORD + "x"), ("nobody", PASSWORD), ("viewer", ""), ("viewer' --", PASSWORD)):
        with pytest.raises(NotSignedIn, match="name or password"):
            accounts.sign_in(name, password)
    assert accounts.by_session("") is None
    assert accounts.by_token("suyuan_x") is None


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [
        ("li", "short", "10 to 256"),
        ("li", "x" * 300, "10 to 256"),
        ("administrator", "Administrator", "not be the name"),
        ("a b", PASSWORD, "user name"),
        ("../x", PASSWORD, "user name"),
        ("viewer", PASSWORD, "exists already"),
    ],
)
def test_bad_names_and_passwords_are_refused(accounts: Accounts, name: str, password: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        accounts.add(name, Role.VIEWER, password)


def test_tokens_end(accounts: Accounts) -> None:
    token, secret = accounts.new_token("analyst", "", 1)
    assert accounts.by_token(secret).name == "analyst"
    with closing(sqlite3.connect(accounts.path)) as base, base:
        base.execute("UPDATE tokens SET expires = ?", ((datetime.now(UTC) - timedelta(seconds=1)).isoformat(),))
    assert accounts.by_token(secret) is None
    token, secret = accounts.new_token("analyst", "", 1)
    with pytest.raises(UnknownResource, match="no token"):
        accounts.revoke(token.id, "viewer")
    accounts.revoke(token.id, "analyst")
    assert accounts.by_token(secret) is None
    for days in (0, 400):
        with pytest.raises(InvalidInput, match="between 1 and 366"):
            accounts.new_token("analyst", "", days)


@pytest.mark.parametrize("column", ["expires", "seen"])
def test_sessions_end(accounts: Accounts, column: str) -> None:
    secret = accounts.sign_in("analyst", PASSWORD)
    with closing(sqlite3.connect(accounts.path)) as base, base:
        base.execute(f"UPDATE sessions SET {column} = ?", ((datetime.now(UTC) - timedelta(hours=3)).isoformat(),))
    assert accounts.by_session(secret) is None


def test_another_password_ends_sessions_and_removal_everything(accounts: Accounts) -> None:
    session, (_, token) = accounts.sign_in("admin", PASSWORD), accounts.new_token("admin", "", 1)
    accounts.set_password("admin", PASSWORD + "2")
    assert accounts.by_session(session) is None
    assert accounts.by_token(token) is not None
    session = accounts.sign_in("admin", PASSWORD + "2")
    accounts.remove("admin")
    assert accounts.by_session(session) is None
    assert accounts.by_token(token) is None
    with pytest.raises(UnknownResource, match="no user"):
        accounts.remove("admin")


def test_users_from_the_command_line(suyuan, workspace, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    given = tmp_path / "password"
    given.write_text(f"{PASSWORD}\n")
    with given.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        code, said, _ = suyuan("users", "add", "li", "--role", "analyst")
        assert (code, PASSWORD in said) == (0, False)
        code, said, _ = suyuan("users", "add", "wang", "--role", "viewer")
    made = re.search(r"password: (\S{20})", said).group(1)
    accounts = Accounts(workspace)
    assert accounts.by_session(accounts.sign_in("li", PASSWORD)).role is Role.ANALYST
    assert accounts.by_session(accounts.sign_in("wang", made)).role is Role.VIEWER
    code, secret, _ = suyuan("users", "token", "li", "--days", "2", "--label", "script")
    assert accounts.by_token(secret.strip()).name == "li"
    code, said, _ = suyuan("users", "tokens")
    assert suyuan("users", "revoke", said.split()[0])[0] == 0
    assert accounts.by_token(secret.strip()) is None
    assert suyuan("users", "list")[1].split()[:2] == ["li", "analyst"]
    assert suyuan("users", "remove", "nobody")[0] == 2
    assert suyuan("users", "add", "x", "--role", "king")[0] == 2
    assert suyuan("users", "audit")[0] == 0


def test_other_addresses_need_a_user(suyuan, workspace) -> None:
    workspace.mkdir()
    code, _, err = suyuan("serve", "--host", "0.0.0.0", "--port", "0")
    assert (code, "suyuan users add" in err) == (2, True)
    assert len(err.splitlines()) == 1
