"""The gate that every request passes: who is it, may they, does it come from our own page, is it too large."""

import base64
import hmac
import ipaddress
import re
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from python_multipart.multipart import parse_options_header
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts.access import permission_for
from api.accounts.roles import LOCAL, Permission, Principal
from api.accounts.store import Accounts
from api.errors import Forbidden, NotSignedIn, TooLarge
from api.http_errors import error_response
from geo.errors import SuyuanError

COOKIE = "suyuan_session"
SECURE_COOKIE = "__Host-suyuan_session"
FORM, MULTIPART = b"application/x-www-form-urlencoded", b"multipart/form-data"
UPLOADS = "/uploads"
_BEGINNING = 4096
_SAFE = ("GET", "HEAD", "OPTIONS")
_NOBODY = Principal("", LOCAL.role)


class Gate:
    """Middleware in front of all routes; what it lets pass finds the principal in `request.state`."""

    def __init__(self, app: ASGIApp, accounts: Accounts, most_bytes: int, most_upload_bytes: int = 0) -> None:
        """Wrap an app; an upload may be larger than any other body."""
        self.app, self.accounts, self.most_bytes = app, accounts, most_bytes
        self.most_upload_bytes = most_upload_bytes or most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        principal = _NOBODY
        try:
            most = self.most_upload_bytes if _is_upload(request) else self.most_bytes
            body = _Body(receive, most, request.headers.get("content-length"))
            if self.accounts.path.exists():
                principal = await run_in_threadpool(self._principal, request)
            else:
                principal = self._principal(request)
            needed = permission_for(scope["method"], scope["path"])
            self._may(request, principal, needed)
            await self._own_page(request, principal, body)
        except SuyuanError as error:
            await self._refuse(error, request, principal, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if principal is not LOCAL and scope["path"] not in ("/healthz",):
                    MutableHeaders(scope=message).setdefault("Cache-Control", "private, no-cache")
            await send(message)

        await self.app(scope, body.receive, note)
        if scope["method"] not in _SAFE:
            await self._note(request, principal, status)

    def _principal(self, request: Request) -> Principal:
        if not self.accounts.in_use():
            _require_local_name(request)
            return LOCAL
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = self.accounts.by_token(secret.strip())
            if found is None:
                raise NotSignedIn("the token is unknown, expired or revoked", "令牌无效、已过期或已撤销")
            return found
        if scheme.lower() == "basic":
            return self._with_token(secret)
        cookie = session_cookie(request)
        return (self.accounts.by_session(cookie) if cookie else None) or _NOBODY

    def _with_token(self, secret: str) -> Principal:
        """Return who sends a name with a token in the place of the password, as programs do that know no bearer; never
        a real password, which would get around the log-in's throttle."""
        try:
            name, _, token = base64.b64decode(secret.strip(), validate=True).decode("utf-8").partition(":")
        except ValueError:
            name = token = ""
        found = self.accounts.by_token(token) if token else None
        if found is None or found.name != name:
            raise NotSignedIn(
                "this is no name with a valid token of theirs; HTTP Basic takes a token in the place of the password",
                "用户名与令牌不符或令牌无效：HTTP Basic 的密码处请填写令牌",
            )
        return found

    def _may(self, request: Request, principal: Principal, needed: Permission | None) -> None:
        if needed is Permission.PUBLIC:
            return
        if principal is _NOBODY:
            raise NotSignedIn("sign in at /login, or send a bearer token", "请在 /login 登录，或使用令牌")
        if needed is None:
            # Whatever is not in the table does not exist; the router says so to those who are signed in.
            needed = Permission.READ if not _routed(request) else Permission.ADMIN
        if not principal.may(needed):
            raise Forbidden(
                f"{principal.name} is {principal.role}, which may not {needed} here", f"角色 {principal.role} 无此权限"
            )

    async def _own_page(self, request: Request, principal: Principal, body: "_Body") -> None:
        """Refuse what another site makes a browser send: a foreign origin, or a session without its token."""
        # A browser never adds a bearer token by itself; a name and password that it once took it does.
        bearer = principal.token and request.headers.get("authorization", "").lower().startswith("bearer ")
        if request.method in _SAFE or bearer:
            return
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        own = f"{request.url.scheme}://{request.headers.get('host', '')}"
        if (origin is not None and origin.lower() != own.lower()) or site not in (None, "same-origin", "none"):
            raise Forbidden("this request came from a page of another site", "该请求来自其他网站的页面")
        if principal.csrf and request.url.path != "/login":
            given = request.headers.get("x-csrf-token")
            kind, parameters = parse_options_header(request.headers.get("content-type", ""))
            if given is None and kind.lower() == FORM:
                given = dict(parse_qsl((await body.whole()).decode("utf-8", "replace"))).get("csrf")
            elif given is None and kind.lower() == MULTIPART:
                given = _first_field(await body.beginning(), parameters.get(b"boundary", b""))
            if not hmac.compare_digest((given or "").encode(), principal.csrf.encode()):
                raise Forbidden(
                    "the page's token is missing or old: load the page again, or send X-CSRF-Token",
                    "页面令牌缺失或已过期：请刷新页面后重试",
                )

    async def _refuse(self, error: SuyuanError, request: Request, principal: Principal, send: Send) -> None:
        asks_for_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if isinstance(error, NotSignedIn) and asks_for_page and "authorization" not in request.headers:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            await RedirectResponse(f"/login?next={quote(target, safe='')}", 303)(request.scope, request.receive, send)
            return
        answer = error_response(error, request)
        if answer.status_code in (401, 403) or request.method not in _SAFE:
            await self._note(request, principal, answer.status_code)
        await answer(request.scope, request.receive, send)

    async def _note(self, request: Request, principal: Principal, status: int) -> None:
        address = request.client.host if request.client else ""
        action = f"{request.method} {request.url.path}"[:500]
        role = str(principal.role) if principal.name else ""
        await run_in_threadpool(self.accounts.note, principal.name, role, address, action, status)


class _Body:
    """The body of a request, cut off where it becomes too large; may be read ahead and is then given again."""

    def __init__(self, receive: Receive, most: int, length: str | None) -> None:
        self._receive, self._most, self._seen = receive, most, 0
        self._ahead: list[Message] = []
        self._kept: list[Message] = []
        if length is not None and (not length.isdigit() or int(length) > most):
            raise self._too_large()

    async def receive(self) -> Message:
        if self._ahead:
            return self._ahead.pop(0)
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._most:
            raise self._too_large()
        return message

    async def whole(self) -> bytes:
        messages: list[Message] = []
        while True:
            message = await self.receive()
            messages.append(message)
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        self._ahead = messages
        return b"".join(message.get("body", b"") for message in messages)

    async def beginning(self) -> bytes:
        """Read ahead until the first field of a form with a file must have come, no further."""
        found = b""
        while len(found) < _BEGINNING:
            message = await self.receive()
            self._kept.append(message)
            found += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        self._ahead, self._kept = self._kept, []
        return found

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self._most} bytes", f"请求内容超过 {self._most} 字节")


def _is_upload(request: Request) -> bool:
    """Return whether a request may be large: only a form with a file is read part by part."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return request.url.path == UPLOADS and kind == MULTIPART.decode()


def _first_field(start: bytes, boundary: bytes) -> str | None:
    """Return the page's token from the start of a form with a file, where it is the first field."""
    edge = re.escape(boundary)
    found = re.match(
        rb"--" + edge + rb'\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n([^\r\n]*)\r\n--' + edge,
        start,
        re.IGNORECASE,
    )
    return found[1].decode("ascii", "replace") if found else None


def session_cookie(request: Request) -> str | None:
    """Return the secret of the session that a browser shows."""
    return request.cookies.get(SECURE_COOKIE if request.url.scheme == "https" else COOKIE)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _require_local_name(request: Request) -> None:
    """Refuse a foreign host name: a page elsewhere whose name was pointed at this machine asks under its own."""
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        raise Forbidden(
            f"this server answers as 127.0.0.1 or localhost, not as {name[:100]!r}; other names need user accounts",
            "未设用户时只能以 127.0.0.1 或 localhost 访问",
        )


def _routed(request: Request) -> bool:
    router = request.scope["app"].router if "app" in request.scope else None
    if router is None:
        return False
    return any(route.matches(request.scope)[0].value == 2 for route in router.routes)
