"""Accounts that a provider of the organisation vouches for: made at the first log-in, held to the role that it says."""

import hashlib
import re
from dataclasses import dataclass

from api.accounts.roles import Role
from api.accounts.store import Accounts
from api.errors import Conflict, Forbidden

_LONGEST = 64


@dataclass(frozen=True)
class Identity:
    """Who somebody is at a provider: `subject` never changes there, `name` is what people call them."""

    issuer: str
    subject: str
    name: str

    @property
    def account(self) -> str:
        """The name of the account that is made for them here."""
        plain = re.sub(r"[^\w.@-]", "_", self.name)[:_LONGEST].strip("_")
        return plain or f"oidc-{hashlib.sha256(self.subject.encode()).hexdigest()[:12]}"


def sign_in_linked(accounts: Accounts, identity: Identity, role: Role | None) -> tuple[str, str]:
    """Begin a session for somebody whom the provider vouches for, with exactly the role that it gives.

    Returns
    -------
    name, secret : str
        Of the account, and of the session.

    Raises
    ------
    Forbidden
        The provider gives no role: sessions and tokens of an account that was linked before end too.
    Conflict
        The account's name belongs to a local user; an admin may link the two.
    """
    linked = linked_user(accounts, identity.issuer, identity.subject)
    if role is None:
        if linked is not None:
            accounts.end_access(linked)
        raise Forbidden(
            "your account has no role here: ask for a group that has one",
            "您的账号在本系统没有角色：请申请加入相应的组",
        )
    name = linked or identity.account
    with accounts.writing() as base:
        if linked is not None:
            base.execute("UPDATE users SET role = ? WHERE name = ?", (role, linked))
        elif base.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
            raise Conflict(
                f"a user {name} is here already, who is not linked to you: ask an admin for `suyuan users link`",
                f"已有未与您关联的用户 {name}：请管理员用 `suyuan users link` 关联",
            )
        else:
            # No password fits an empty hash: such an account comes in through the provider alone.
            base.execute("INSERT INTO users VALUES (?, ?, '', datetime('now'))", (name, role))
            base.execute("INSERT INTO identities VALUES (?, ?, ?)", (identity.issuer, identity.subject, name))
    return name, accounts.open_session(name)


def linked_user(accounts: Accounts, issuer: str, subject: str) -> str | None:
    """Return the user that a provider's subject is linked to."""
    with accounts.reading() as base:
        row = (
            base
            and base.execute(
                "SELECT user FROM identities JOIN users ON user = name WHERE issuer = ? AND subject = ?",
                (issuer, subject),
            ).fetchone()
        )
    return str(row["user"]) if row else None


def link(accounts: Accounts, name: str, issuer: str, subject: str) -> None:
    """Link a user who is here already to a subject of the provider.

    Raises
    ------
    UnknownResource
        There is no such user.
    """
    accounts.require_user(name)
    with accounts.writing() as base:
        base.execute("INSERT OR REPLACE INTO identities VALUES (?, ?, ?)", (issuer, subject, name))
