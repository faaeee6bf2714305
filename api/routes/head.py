"""HEAD: what GET would say, without the body, for every route that answers GET."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnswerHead:
    """Middleware that answers HEAD by GET and keeps the body back."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        ended = False

        async def gone() -> Message:
            # Nobody waits for a body: a stream of events ends with its first one.
            return {"type": "http.disconnect"} if ended else await receive()

        async def headers_alone(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                ended = True

        await self.app({**scope, "method": "GET"}, gone, headers_alone)
