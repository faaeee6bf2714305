"""Links between resources, absolute, as the request named this server."""

from typing import TypedDict
from urllib.parse import quote, urlencode

from fastapi import Request

from api.routes.query import check_format


class Link(TypedDict):
    """One link of an OGC API document."""

    href: str
    rel: str
    type: str
    title: str


def link(request: Request, path: str, rel: str, *, media: str = "application/json", title: str = "") -> Link:
    """Return a link to a path of this server."""
    return Link(href=f"{str(request.base_url).rstrip('/')}{path}", rel=rel, type=media, title=title)


def collection_path(collection_id: str, *parts: str) -> str:
    """Return the path of a collection or of something in it."""
    return "/".join(["/collections", quote(collection_id, safe=""), *(quote(part, safe="") for part in parts)])


def same_query(request: Request, **changes: object) -> str:
    """Return the request's query with some parameters changed, beginning with ?; empty without parameters."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    parameters = [*kept, *((name, str(value)) for name, value in changes.items())]
    return f"?{urlencode(parameters)}" if parameters else ""


def wants_html(request: Request, f: str) -> bool:
    """Return whether a page for people is asked for: by `f`, else by what the client accepts."""
    if f:
        check_format(f, ("json", "html"))
    return f == "html" or (not f and "text/html" in request.headers.get("accept", ""))
