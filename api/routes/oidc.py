"""Signing in with the account of one's organisation: off to the provider, and back."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from api.accounts.linked import sign_in_linked
from api.errors import Busy, Conflict, DoorError, Forbidden, NotSignedIn, Throttled, UnknownResource
from api.http_errors import problem_for
from api.language import preferred
from api.routes.accounts import login_page, safe_target, set_session
from api.routes.query import check_parameters
from api.routes.services import Services, ServicesDep
from api.translation import told
from geo.errors import SourceUnavailable

router = APIRouter(tags=["accounts"])
CALLBACK = "/login/oidc/callback"
_COOKIE = "suyuan_oidc"
_FRESH = {"Cache-Control": "no-store"}


@router.get("/login/oidc", include_in_schema=False)
async def begin_log_in(request: Request, services: ServicesDep, next: str = "/") -> Response:
    """Send the browser to the provider."""
    check_parameters(request, ("next",))
    if services.provider is None:
        raise UnknownResource("no provider is set; see SUYUAN_OIDC_ISSUER", "未配置统一身份认证")
    base = services.settings.public_url or str(request.base_url)
    redirect_uri = f"{base.rstrip('/')}{CALLBACK}"
    try:
        url, browser = await run_in_threadpool(services.provider.begin, redirect_uri, safe_target(next))
    except (DoorError, SourceUnavailable) as error:
        return _told(request, services, error, "")
    answer = RedirectResponse(url, status_code=303, headers=_FRESH)
    secure = redirect_uri.startswith("https:")
    # Lax: the provider's page leads back here, and the cookie has to come along.
    answer.set_cookie(_COOKIE, browser, max_age=600, secure=secure, httponly=True, samesite="lax", path="/login/oidc")
    return answer


@router.get(CALLBACK, include_in_schema=False)
async def end_log_in(request: Request, services: ServicesDep) -> Response:
    """Take what the provider sent along, and begin a session."""
    if services.provider is None:
        raise UnknownResource("no provider is set; see SUYUAN_OIDC_ISSUER", "未配置统一身份认证")
    address = request.client.host if request.client else ""
    attempt = f"oidc {address}"
    try:
        services.throttle.check(attempt, address)
        browser, given = request.cookies.get(_COOKIE), dict(request.query_params)
        signed = await run_in_threadpool(services.provider.finish, given, browser)
        name, secret = await run_in_threadpool(sign_in_linked, services.accounts, signed.identity, signed.role)
    except (DoorError, SourceUnavailable) as error:
        if isinstance(error, NotSignedIn):
            services.throttle.fail(attempt, address)
        return _told(request, services, error, address)
    services.throttle.succeed(attempt, address)
    await run_in_threadpool(services.accounts.note, name, str(signed.role), address, "signed in through OIDC", 303)
    answer = RedirectResponse(signed.target, status_code=303, headers=_FRESH)
    answer.delete_cookie(_COOKIE, path="/login/oidc")
    set_session(answer, request, secret)
    return answer


def _told(request: Request, services: Services, error: DoorError | SourceUnavailable, address: str) -> Response:
    """Return the log-in page with what went wrong; refusals are written down."""
    status = problem_for(error).status  # type: ignore[arg-type]
    if isinstance(error, NotSignedIn | Forbidden | Conflict | Throttled):
        services.accounts.note("", "", address, f"refused through OIDC: {error}"[:500], status)
    english = preferred(request.headers.get("accept-language")) == "en"
    page = login_page(services, "/", told(str(error), "en" if english else "zh", getattr(error, "zh", "")), status)
    if isinstance(error, Busy):
        page.headers["Retry-After"] = str(error.retry_seconds)
    page.delete_cookie(_COOKIE, path="/login/oidc")
    return page
