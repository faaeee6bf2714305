"""Validators of answers: a client that has the present one is told so instead of sent it again."""

import hashlib

from fastapi import Request

import api


def etag_of(content_hash: str, request: Request, form: str) -> str:
    """Return a weak validator of what some content gives for a request in some format."""
    query = "&".join(sorted(f"{name}={value}" for name, value in request.query_params.multi_items()))
    text = "\x1f".join([content_hash, request.url.path, query, form, api.version(), str(request.base_url)])
    return f'W/"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def unchanged(request: Request, tag: str) -> bool:
    """Return whether the client has this already."""
    given = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    return "*" in given or tag.removeprefix("W/") in given
