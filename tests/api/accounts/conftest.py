"""A workspace with one user of each role, with light hashes, and clients that come as each of them."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from api.accounts.roles import Role
from api.accounts.store import Accounts
from api.app import create_app
from api.settings import Settings

PASSWORD = "correct horse battery"
LIGHT = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    found = Accounts(tmp_path / "ws", LIGHT)
    for role in Role:
        found.add(role.value, role, PASSWORD)
    return found


@pytest.fixture
def app(accounts: Accounts):
    return create_app(Settings(workspace=accounts.path.parent, most_body_bytes=100_000))


@pytest.fixture
def come(app, accounts: Accounts, ask_app):
    """Return a client that comes with the bearer token of a user; anonymous without a name."""

    def client(name: str | None = None):
        session = ask_app(app)
        if name:
            session.headers["Authorization"] = f"Bearer {accounts.new_token(name, 'test', 1)[1]}"
        return session

    return client


@pytest.fixture
def browser(app, ask_app):
    """Return a client that signed in as a browser does, and the token of its pages."""

    def client(name: str):
        session = ask_app(app)
        answer = session.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return session, session.get("/account").json()["csrf"]

    return client
