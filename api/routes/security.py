"""Headers that tell a browser what a page of ours may do."""

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def content_security_policy(*, nonce: str | None = None, image_origins: Iterable[str] = ()) -> str:
    """Return a policy under which nothing comes from another server, but for tiles of a chosen base map.

    Parameters
    ----------
    nonce : str, optional
        Marks the page's own inline scripts and styles; without it there are none.
    image_origins : iterable of str
        Servers from which pictures may come.
    """
    own = "'self'" if nonce is None else f"'self' 'nonce-{nonce}'"
    images = " ".join(["'self'", "data:", *image_origins])
    return (
        f"default-src 'none'; script-src {own}; style-src {own}; img-src {images}; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


class SecurityHeaders:
    """Middleware that adds the headers to every answer that does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self.app = app
        self.headers = {
            "Content-Security-Policy": content_security_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
