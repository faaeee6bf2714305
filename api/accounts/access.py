"""The one table of who may do what: every route, and the permission that it asks for."""

import re
from functools import cache

from api.accounts.roles import Permission

PUBLIC, READ, RUN = Permission.PUBLIC, Permission.READ, Permission.RUN
WRITE, ADMIN = Permission.WRITE, Permission.ADMIN

# What nobody has to sign in for tells nothing of the data: the log-in page, its files, the health check.
ACCESS: dict[tuple[str, str], Permission] = {
    ("GET", "/login"): PUBLIC,
    ("POST", "/login"): PUBLIC,
    ("GET", "/login/oidc"): PUBLIC,
    ("GET", "/login/oidc/callback"): PUBLIC,
    ("POST", "/logout"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/static/{name:path}"): PUBLIC,
    ("GET", "/assets/{name:path}"): PUBLIC,
    ("GET", "/"): READ,
    ("GET", "/api"): READ,
    ("GET", "/openapi.json"): READ,
    ("GET", "/conformance"): READ,
    ("GET", "/map"): READ,
    ("GET", "/map/times/{collection_id}"): READ,
    ("GET", "/collections"): READ,
    ("GET", "/collections/{collection_id}"): READ,
    ("GET", "/collections/{collection_id}/queryables"): READ,
    ("GET", "/collections/{collection_id}/schema"): READ,
    ("GET", "/collections/{collection_id}/items"): READ,
    ("GET", "/collections/{collection_id}/items/{feature_id}"): READ,
    ("GET", "/collections/{collection_id}/rasters/{feature_id}"): READ,
    ("GET", "/collections/{collection_id}/rasters/{feature_id}.png"): READ,
    ("GET", "/collections/{collection_id}/tiles"): READ,
    ("GET", "/collections/{collection_id}/tiles/WebMercatorQuad"): READ,
    ("GET", "/collections/{collection_id}/tiles/WebMercatorQuad/{z}/{row}/{column}"): READ,
    ("GET", "/collections/{collection_id}/map/tiles"): READ,
    ("GET", "/collections/{collection_id}/map/tiles/WebMercatorQuad"): READ,
    ("GET", "/collections/{collection_id}/map/tiles/WebMercatorQuad/{z}/{row}/{column}"): READ,
    ("GET", "/tileMatrixSets"): READ,
    ("GET", "/tileMatrixSets/WebMercatorQuad"): READ,
    ("GET", "/processes"): READ,
    ("GET", "/processes/{process_id}"): READ,
    ("POST", "/processes/{process_id}/execution"): RUN,
    ("POST", "/processes/{process_id}/form"): RUN,
    ("GET", "/jobs"): READ,
    ("GET", "/jobs/{job_id}"): READ,
    ("GET", "/jobs/{job_id}/results"): READ,
    ("GET", "/jobs/{job_id}/results/{output}"): READ,
    ("GET", "/jobs/{job_id}/found"): READ,
    ("GET", "/jobs/{job_id}/provenance"): READ,
    ("GET", "/jobs/{job_id}/log"): READ,
    ("GET", "/jobs/{job_id}/events"): READ,
    ("POST", "/jobs/{job_id}/rerun"): RUN,
    ("POST", "/jobs/{job_id}/dismiss"): RUN,
    ("DELETE", "/jobs/{job_id}"): RUN,
    ("GET", "/uploads"): READ,
    ("POST", "/uploads"): WRITE,
    ("GET", "/account"): READ,
    ("GET", "/account/tokens"): READ,
    ("POST", "/account/tokens"): READ,
    ("DELETE", "/account/tokens/{token_id}"): READ,
    ("GET", "/audit"): ADMIN,
    ("GET", "/metrics"): READ,
}


def permission_for(method: str, path: str) -> Permission | None:
    """Return what a request asks for; None for what the table does not know."""
    found = _find(method, path)
    return None if found is None else ACCESS[found]


def template_for(method: str, path: str) -> str | None:
    """Return the route that a path belongs to, such as ``/jobs/{job_id}``; None for what the table does not know."""
    found = _find(method, path)
    return None if found is None else found[1]


def _find(method: str, path: str) -> tuple[str, str] | None:
    method = "GET" if method == "HEAD" else method
    return next((key for key, pattern in _patterns() if key[0] == method and pattern.fullmatch(path)), None)


@cache
def _patterns() -> tuple[tuple[tuple[str, str], re.Pattern[str]], ...]:
    return tuple((key, _pattern(key[1])) for key in ACCESS)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(:path)?\}", template)
    text = ""
    for place, part in enumerate(parts):
        if place % 3 == 0:
            text += re.escape(part)
        elif place % 3 == 1:
            text += ".*" if parts[place + 1] else "[^/]+"
    return re.compile(text, re.DOTALL)
