"""`suyuan users`: who may come in, as what, and with which tokens."""

import argparse
import getpass
import secrets
import sys
from typing import Any

from api.accounts.linked import link
from api.accounts.roles import Role
from api.accounts.store import Accounts
from api.settings import Settings
from geo.errors import InvalidInput


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `users add`, `list`, `password`, `remove`, `token`, `tokens`, `revoke`, `link` and `audit`."""
    users = commands.add_parser("users", help="用户 · user accounts").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )

    def declare(name: str, command: Any, zh: str, en: str, example: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = users.add_parser(
            name,
            parents=[common],
            help=f"{zh} · {en}",
            description=f"{zh}。 {en[0].upper()}{en[1:]}.",
            epilog=f"example: suyuan users {name}{example}",
        )
        parser.set_defaults(command=command)
        return parser

    how = "make a user; the password is asked for or read from standard input, or without one made and shown"
    add = declare("add", _add, "新建用户，密码从终端或标准输入读取", how, " li --role analyst")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    declare("list", _list, "用户清单", "list of users", "")
    declare("password", _password, "更改密码", "set a password", " li").add_argument("name", metavar="NAME")
    declare("remove", _remove, "删除用户", "remove a user", " li").add_argument("name", metavar="NAME")
    token = declare("token", _token, "新建令牌（只显示一次）", "make a bearer token, shown once", " li --days 90")
    token.add_argument("name", metavar="NAME")
    token.add_argument("--days", type=int, default=90, help="how long it lives (default: 90)")
    token.add_argument("--label", default="", help="what it is for")
    declare("tokens", _tokens, "令牌清单", "list of tokens", "")
    declare("revoke", _revoke, "撤销令牌", "revoke a token", " 1a2b3c4d").add_argument("id", metavar="ID")
    linked = declare(
        "link", _link, "关联统一身份认证的账号", "link a user to an account of the OIDC provider", " li --subject 8f2c"
    )
    linked.add_argument("name", metavar="NAME")
    linked.add_argument("--subject", required=True, metavar="SUB", help="the claim `sub` of that account")
    audit = declare("audit", _audit, "操作记录", "who did what", " --limit 50")
    audit.add_argument("--limit", type=int, default=100, metavar="N", help="most lines (default: 100)")


def _add(options: argparse.Namespace, settings: Settings) -> None:
    accounts = Accounts(settings.workspace)
    password, made = _ask()
    accounts.add(options.name, Role(options.role), password)
    sys.stdout.write(f"{options.name} ({options.role})\n")
    if made:
        sys.stdout.write(f"密码 password: {password}\n")


def _list(options: argparse.Namespace, settings: Settings) -> None:
    for name, role, created in Accounts(settings.workspace).users():
        sys.stdout.write(f"{name}  {role}  {created}\n")


def _password(options: argparse.Namespace, settings: Settings) -> None:
    password, made = _ask()
    Accounts(settings.workspace).set_password(options.name, password)
    if made:
        sys.stdout.write(f"密码 password: {password}\n")


def _remove(options: argparse.Namespace, settings: Settings) -> None:
    Accounts(settings.workspace).remove(options.name)


def _token(options: argparse.Namespace, settings: Settings) -> None:
    token, secret = Accounts(settings.workspace).new_token(options.name, options.label, options.days)
    sys.stderr.write(f"note: {token.id}, {token.expires}\n")
    sys.stdout.write(f"{secret}\n")


def _tokens(options: argparse.Namespace, settings: Settings) -> None:
    for token in Accounts(settings.workspace).tokens():
        state = f"revoked {token.revoked}" if token.revoked else f"until {token.expires}"
        sys.stdout.write(f"{token.id}  {token.user}  {state}  {token.label}\n")


def _revoke(options: argparse.Namespace, settings: Settings) -> None:
    Accounts(settings.workspace).revoke(options.id)


def _link(options: argparse.Namespace, settings: Settings) -> None:
    if settings.oidc_issuer is None:
        raise InvalidInput("no provider is set: set SUYUAN_OIDC_ISSUER first")
    link(Accounts(settings.workspace), options.name, settings.oidc_issuer, options.subject)


def _audit(options: argparse.Namespace, settings: Settings) -> None:
    if options.limit < 1:
        raise InvalidInput(f"--limit {options.limit}: give 1 or more")
    for line in Accounts(settings.workspace).audit(options.limit):
        who = f"{line['who'] or '-'} ({line['role'] or '-'})"
        sys.stdout.write(f"{line['time']}  {who}  {line['address']}  {line['status']}  {line['action']}\n")


def _ask() -> tuple[str, bool]:
    """Return a password and whether it was made here: asked for on a terminal, else the first line of the input."""
    if sys.stdin.isatty():
        password = getpass.getpass("密码 password: ")
        if password != getpass.getpass("再输一次 again: "):
            raise InvalidInput("the two passwords differ; try again")
        return password, False
    password = sys.stdin.readline().rstrip("\r\n")
    return (password, False) if password else (secrets.token_urlsafe(15), True)
