"""Signing in and out, one's own tokens, and the audit log."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from api.accounts.gate import COOKIE, SECURE_COOKIE, session_cookie
from api.accounts.store import SESSION_HOURS, Token
from api.errors import NotSignedIn, Throttled
from api.language import preferred
from api.routes.access import PrincipalDep
from api.routes.query import check_parameters
from api.routes.services import Services, ServicesDep
from geo.errors import InvalidInput

router = APIRouter(tags=["accounts"])
_FRESH = {"Cache-Control": "no-store"}


@router.get("/login", include_in_schema=False)
def show_login(request: Request, services: ServicesDep, next: str = "/", left: str = "") -> HTMLResponse:
    """Return the log-in page; who has just signed out is told that the provider may still know them."""
    check_parameters(request, ("next", "left"))
    leave = services.provider.leave() if left and services.provider is not None else None
    return login_page(services, next, None, 200, leave)


@router.post("/login", include_in_schema=False)
async def sign_in(request: Request, services: ServicesDep) -> Response:
    """Check name and password, and begin a session."""
    try:
        form = dict(parse_qsl((await request.body()).decode("utf-8"), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise InvalidInput("the form is not URL-encoded UTF-8 text; send it from the log-in page") from None
    name, address = form.get("name", "")[:64], request.client.host if request.client else ""
    try:
        services.throttle.check(name, address)
        secret = await run_in_threadpool(services.accounts.sign_in, name, form.get("password", ""))
    except (NotSignedIn, Throttled) as error:
        if isinstance(error, NotSignedIn):
            services.throttle.fail(name, address)
        if "text/html" not in request.headers.get("accept", ""):
            raise
        english = preferred(request.headers.get("accept-language")) == "en"
        text = str(error) if english else error.zh
        page = login_page(services, form.get("next", "/"), text, 401 if isinstance(error, NotSignedIn) else 429)
        if isinstance(error, Throttled):
            page.headers["Retry-After"] = str(error.retry_seconds)
        return page
    services.throttle.succeed(name, address)
    await run_in_threadpool(services.accounts.note, name, "", address, "signed in", 303)
    answer = RedirectResponse(safe_target(form.get("next", "/")), status_code=303, headers=_FRESH)
    set_session(answer, request, secret)
    return answer


def set_session(answer: Response, request: Request, secret: str) -> None:
    """Give the browser its session; scripts cannot read it."""
    secure = request.url.scheme == "https"
    answer.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        secret,
        max_age=SESSION_HOURS * 3600,
        secure=secure,
        httponly=True,
        samesite="lax",
        path="/",
    )


@router.post("/logout", include_in_schema=False)
async def sign_out(request: Request, services: ServicesDep) -> Response:
    """End the session."""
    cookie = session_cookie(request)
    if cookie:
        await run_in_threadpool(services.accounts.sign_out, cookie)
    target = "/login" if services.provider is None else "/login?left=1"
    answer = RedirectResponse(target, status_code=303, headers={"Clear-Site-Data": '"cache", "cookies"'})
    answer.delete_cookie(SECURE_COOKIE if request.url.scheme == "https" else COOKIE, path="/")
    return answer


class NewToken(BaseModel):
    """What a token is asked for with."""

    label: str = Field("", max_length=100, description="what it is for")
    days: int = Field(90, ge=1, le=366, description="how long it lives")


@router.get("/account", summary="Who is signed in")
def show_account(request: Request, principal: PrincipalDep) -> JSONResponse:
    """Return one's own name, role and, in a session, the token that pages send."""
    check_parameters(request, ())
    body = {"name": principal.name, "role": str(principal.role), "csrf": principal.csrf or None}
    return JSONResponse(body, headers=_FRESH)


@router.get("/account/tokens", summary="One's own tokens")
def list_tokens(request: Request, services: ServicesDep, principal: PrincipalDep) -> JSONResponse:
    """Return one's own bearer tokens, without their secrets."""
    check_parameters(request, ())
    return JSONResponse({"tokens": [_token(token) for token in services.accounts.tokens(principal.name)]})


@router.post("/account/tokens", summary="A new token", status_code=201)
def make_token(request: Request, services: ServicesDep, principal: PrincipalDep, body: NewToken) -> JSONResponse:
    """Make a bearer token of one's own; its secret is shown this once."""
    check_parameters(request, ())
    token, secret = services.accounts.new_token(principal.name, body.label, body.days)
    return JSONResponse(_token(token) | {"token": secret}, status_code=201, headers=_FRESH)


@router.delete("/account/tokens/{token_id}", summary="Revoke a token", status_code=204)
def revoke_token(request: Request, services: ServicesDep, principal: PrincipalDep, token_id: str) -> Response:
    """Revoke one of one's own tokens."""
    check_parameters(request, ())
    services.accounts.revoke(token_id, principal.name)
    return Response(status_code=204)


@router.get("/audit", summary="Audit log")
def show_audit(
    request: Request, services: ServicesDep, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
) -> JSONResponse:
    """Return who did what, the newest first."""
    check_parameters(request, ("limit",))
    return JSONResponse({"entries": services.accounts.audit(limit)}, headers=_FRESH)


def safe_target(text: str) -> str:
    """Return a path of this server to go to, and the portal for everything else."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if plain else "/"


def login_page(
    services: Services, target: str, fault: str | None, status: int, leave: str | None = None
) -> HTMLResponse:
    """Return the log-in page; `leave` is where one signs out at the provider itself."""
    page = services.templates.get_template("login.html").render(
        next=safe_target(target), fault=fault, oidc=services.provider is not None, leave=leave
    )
    return HTMLResponse(page, status_code=status, headers=_FRESH)


def _token(token: Token) -> dict[str, str | None]:
    return {name: getattr(token, name) for name in ("id", "label", "created", "expires", "revoked")}
