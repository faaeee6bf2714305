"""Users, sessions, tokens and the audit log: `users.sqlite` in the workspace, readable by its owner alone.

No secret is kept: passwords as Argon2id hashes, session and token texts as SHA-256 of 256 random bits.
"""

import hashlib
import os
import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from api.accounts.roles import Principal, Role
from api.errors import NotSignedIn, UnknownResource
from api.sqlite_files import reading, said
from geo.errors import InvalidInput

DATABASE = "users.sqlite"
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 256
SESSION_HOURS = 12
IDLE_MINUTES = 120
MOST_TOKEN_DAYS = 366
TOKEN_PREFIX = "suyuan_"
_NAME = re.compile(r"[\w.@-]{1,64}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    hash TEXT PRIMARY KEY, user TEXT NOT NULL, csrf TEXT NOT NULL, seen TEXT NOT NULL, expires TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, user TEXT NOT NULL, label TEXT NOT NULL, created TEXT NOT NULL,
    expires TEXT NOT NULL, revoked TEXT);
CREATE TABLE IF NOT EXISTS identities (
    issuer TEXT NOT NULL, subject TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (issuer, subject));
CREATE TABLE IF NOT EXISTS audit (
    time TEXT NOT NULL, who TEXT NOT NULL, role TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL,
    status INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Token:
    """A bearer token without its secret."""

    id: str
    user: str
    label: str
    created: str
    expires: str
    revoked: str | None


class Accounts:
    """The accounts of one workspace; safe to use from threads and from several programs."""

    def __init__(self, workspace: Path, hasher: PasswordHasher | None = None, *, required: bool = False) -> None:
        """Name the workspace; the file is made with the first user.

        `required` says that everybody has to sign in even before there is a user, because a provider brings them.
        """
        self.path = workspace / DATABASE
        self._required = required
        self._hasher = hasher or PasswordHasher()
        self._made_up: str | None = None

    def in_use(self) -> bool:
        """Return whether there is a user, so that everybody has to sign in."""
        with self.reading() as base:
            return self._required or (
                base is not None and base.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None
            )

    def add(self, name: str, role: Role, password: str) -> None:
        """Make a user.

        Raises
        ------
        InvalidInput
            The name is taken or not allowed, the password too short.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"user name {name!r}: use letters, digits, dot, hyphen or @, at most 64")
        self._check(name, password)
        with self.writing() as base:
            if base.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
                raise InvalidInput(f"user {name} exists already; `suyuan users remove {name}` first, or set a password")
            base.execute("INSERT INTO users VALUES (?, ?, ?, ?)", (name, role, self._hasher.hash(password), _now()))

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; all their sessions end."""
        self.require_user(name)
        self._check(name, password)
        with self.writing() as base:
            base.execute("UPDATE users SET password = ? WHERE name = ?", (self._hasher.hash(password), name))
            base.execute("DELETE FROM sessions WHERE user = ?", (name,))

    def remove(self, name: str) -> None:
        """Remove a user with all sessions and tokens; the audit log stays."""
        self.require_user(name)
        with self.writing() as base:
            for table, column in (("users", "name"), ("sessions", "user"), ("tokens", "user"), ("identities", "user")):
                base.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))

    def users(self) -> list[tuple[str, Role, str]]:
        """Return name, role and time of making of each user."""
        with self.reading() as base:
            rows = base.execute("SELECT name, role, created FROM users ORDER BY name").fetchall() if base else []
        return [(row["name"], Role(row["role"]), row["created"]) for row in rows]

    def sign_in(self, name: str, password: str) -> str:
        """Check a password and return the secret of a new session.

        Raises
        ------
        NotSignedIn
            Name or password is wrong; the message does not say which.
        """
        with self.reading() as base:
            row = base.execute("SELECT password FROM users WHERE name = ?", (name,)).fetchone() if base else None
        known = self._verify(row["password"] if row else self._nobody(), password[: LONGEST_PASSWORD + 1])
        if row is None or not known:
            raise NotSignedIn("name or password is wrong", "用户名或密码错误")
        return self.open_session(name)

    def open_session(self, name: str) -> str:
        """Begin a session of a user who has proved to be one, and return its secret."""
        secret, now = secrets.token_urlsafe(32), datetime.now(UTC)
        expires = (now + timedelta(hours=SESSION_HOURS)).isoformat()
        with self.writing() as base:
            base.execute("DELETE FROM sessions WHERE expires < ?", (now.isoformat(),))
            base.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
                (_hash(secret), name, secrets.token_urlsafe(24), now.isoformat(), expires),
            )
        return secret

    def end_access(self, name: str) -> None:
        """End all sessions of a user and revoke all tokens."""
        with self.writing() as base:
            base.execute("DELETE FROM sessions WHERE user = ?", (name,))
            base.execute("UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE user = ?", (_now(), name))

    def sign_out(self, secret: str) -> None:
        """End a session."""
        with self.writing() as base:
            base.execute("DELETE FROM sessions WHERE hash = ?", (_hash(secret),))

    def by_session(self, secret: str) -> Principal | None:
        """Return whose session this is; None if it is none, or has expired or been idle for too long."""
        now = datetime.now(UTC)
        with self.reading() as base:
            row = (
                base
                and base.execute(
                    "SELECT name, role, csrf, seen FROM sessions JOIN users ON user = name"
                    " WHERE hash = ? AND expires > ?",
                    (_hash(secret), now.isoformat()),
                ).fetchone()
            )
        if not row:
            return None
        idle = now - datetime.fromisoformat(row["seen"])
        if idle > timedelta(minutes=IDLE_MINUTES):
            return None
        if idle > timedelta(minutes=1):
            with self.writing() as base:
                base.execute("UPDATE sessions SET seen = ? WHERE hash = ?", (now.isoformat(), _hash(secret)))
        return Principal(row["name"], Role(row["role"]), csrf=row["csrf"])

    def new_token(self, user: str, label: str, days: int) -> tuple[Token, str]:
        """Make a bearer token and return it with its secret, which is not to be had again.

        Raises
        ------
        UnknownResource, InvalidInput
            There is no such user; the time is not between 1 day and a year.
        """
        self.require_user(user)
        if not 1 <= days <= MOST_TOKEN_DAYS:
            raise InvalidInput(f"days={days}: a token lives between 1 and {MOST_TOKEN_DAYS} days")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        expires = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
        token = Token(secrets.token_hex(4), user, label[:100], _now(), expires, None)
        with self.writing() as base:
            base.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (token.id, _hash(secret), token.user, token.label, token.created, token.expires),
            )
        return token, secret

    def by_token(self, secret: str) -> Principal | None:
        """Return whose token this is; None if it is none, or has expired or been revoked."""
        with self.reading() as base:
            row = (
                base
                and base.execute(
                    "SELECT name, role, id FROM tokens JOIN users ON user = name"
                    " WHERE hash = ? AND expires > ? AND revoked IS NULL",
                    (_hash(secret), datetime.now(UTC).isoformat()),
                ).fetchone()
            )
        return Principal(row["name"], Role(row["role"]), token=row["id"]) if row else None

    def tokens(self, user: str | None = None) -> list[Token]:
        """Return the tokens of a user, or all."""
        with self.reading() as base:
            rows = (
                base.execute(
                    "SELECT id, user, label, created, expires, revoked FROM tokens WHERE ? IS NULL OR user = ?"
                    " ORDER BY created, id",
                    (user, user),
                ).fetchall()
                if base
                else []
            )
        return [Token(**dict(row)) for row in rows]

    def revoke(self, token_id: str, user: str | None = None) -> None:
        """Revoke a token; with `user` only one of theirs.

        Raises
        ------
        UnknownResource
            There is no such token.
        """
        with self.writing() as base:
            done = base.execute(
                "UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE id = ? AND (? IS NULL OR user = ?)",
                (_now(), token_id, user, user),
            ).rowcount
        if not done:
            raise UnknownResource(f"no token {token_id!r}", f"没有令牌 {token_id!r}")

    def note(self, who: str, role: str, address: str, action: str, status: int) -> None:
        """Add a line to the audit log; it never holds a body, so no secret either."""
        if not self.path.exists():
            return
        with self.writing() as base:
            base.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", (_now(), who, role, address, action, status))

    def audit(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Return the audit log, the newest line first."""
        with self.reading() as base:
            rows = base.execute("SELECT * FROM audit ORDER BY rowid DESC LIMIT ?", (limit,)).fetchall() if base else []
        return [dict(row) for row in rows]

    def require_user(self, name: str) -> None:
        """Raise UnknownResource where there is no such user."""
        there = [user for user, _, _ in self.users()]
        if name not in there:
            raise UnknownResource(f"no user {name!r}; users: {', '.join(there) or 'none'}", f"没有用户 {name!r}")

    def _check(self, name: str, password: str) -> None:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or password.lower() == name.lower():
            raise InvalidInput(
                f"the password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters and not be the name"
            )

    def _nobody(self) -> str:
        """Return a hash to check where there is no such user, so that both answers take as long."""
        self._made_up = self._made_up or self._hasher.hash(secrets.token_urlsafe(16))
        return self._made_up

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    def reading(self) -> AbstractContextManager[sqlite3.Connection | None]:
        """Open the file to read; None where there is none yet."""
        return reading(self.path, self._connect)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one step that happens wholly or not at all."""
        with said(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
            with closing(self._connect()) as base, base:
                yield base

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, timeout=30)
        base.row_factory = sqlite3.Row
        if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'identities'").fetchone():
            base.execute("PRAGMA journal_mode=WAL")
            base.executescript(_SCHEMA)
        return base


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
