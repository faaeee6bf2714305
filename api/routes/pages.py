"""Pages for people, and the health check: portal, map, time steps of a layer."""

import re
import secrets
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from markupsafe import Markup

import api
from api.accounts.roles import Permission
from api.routes.access import PrincipalDep
from api.routes.geojson import rfc3339
from api.routes.links import link
from api.routes.query import check_format, check_parameters
from api.routes.security import content_security_policy
from api.routes.selection import time_field_of
from api.routes.services import RecordDep, Services, ServicesDep
from geo.errors import MissingData, SuyuanError
from layers.periods import iso_day
from layers.store import LayerRecord
from layers.substances import load_substances
from web_map.assets import missing_assets, require_assets
from web_map.basemaps import Basemap, online_basemap
from web_map.folium_map import TITLE, MapPage, build_map, render_page
from web_map.styles import style_for
from web_map.time_index import time_index

router = APIRouter(tags=["pages"])
OPENAPI_TYPE = "application/vnd.oai.openapi+json;version=3.0"
_TAG = re.compile(r"<(script|style)(?=[\s>])")


@router.get("/", summary="Landing page: JSON for programs, the portal for people", response_class=Response)
def show_portal(
    request: Request, services: ServicesDep, f: Annotated[str, Query(description="json or html")] = ""
) -> Response:
    """Return the portal where HTML is preferred, else the landing page in JSON."""
    check_parameters(request, ("f",))
    if f:
        check_format(f, ("json", "html"))
    html = f == "html" or (not f and "text/html" in request.headers.get("accept", ""))
    response = HTMLResponse(_portal(services)) if html else JSONResponse(_landing(request))
    response.headers["Vary"] = "Accept"
    return response


@router.get("/map", summary="The map", response_class=HTMLResponse)
def show_map(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    day: Annotated[
        str, Query(description="day of the city, 2021-11-01: ledgers kept by period as they were then")
    ] = "",
) -> HTMLResponse:
    """Return the map page; it loads nothing from another server unless the settings choose an online base map."""
    check_parameters(request, ("day",))
    at = iso_day(day) if day else None
    settings = services.settings
    require_assets(settings.assets)
    key = settings.tianditu_key.get_secret_value() if settings.tianditu_key else None
    basemap = online_basemap(settings.online_basemap, key)
    leaflet = build_map(
        services.records(), timezone=settings.timezone, basemap=basemap, day=at, substances=_substance_names()
    )
    page = render_page(leaflet)
    nonce = secrets.token_urlsafe(16)
    html = services.templates.get_template("map.html").render(
        title=TITLE,
        nonce=nonce,
        page=_with_nonce(page, nonce),
        day=at or "",
        csrf=principal.csrf,
        may_run=principal.may(Permission.RUN),
    )
    return HTMLResponse(html, headers=_map_headers(nonce, basemap))


@router.get("/map/times/{collection_id}", summary="Time steps of a layer")
def show_times(services: ServicesDep, record: RecordDep) -> JSONResponse:
    """Return the distinct times of a layer and which the map shows first."""
    field = time_field_of(record)
    if field is None:
        raise MissingData(f"collection {record.id} has no times")
    index = time_index(services.cache.read(record), field, style_for(record.schema).worst)
    body = {
        "times": [rfc3339(time) for time in index.times],
        "default": rfc3339(index.default),
        "reason": {"zh": index.reason_zh, "en": index.reason_en},
    }
    return JSONResponse(body, headers={"Cache-Control": "no-cache"})


@router.get("/healthz", summary="Health")
def show_health(services: ServicesDep) -> JSONResponse:
    """Return whether the workspace can be read and the map's files are there; 503 if it cannot be read."""
    counts, fault = _counts(services)
    missing = missing_assets(services.settings.assets)
    body = {
        "status": "unavailable" if fault else "degraded" if missing else "ok",
        "version": api.version(),
        "workspace": {"ok": fault is None, "message": fault or ""},
        "counts": counts,
        "map_assets": {"ok": not missing, "message": "run `make setup`" if missing else ""},
    }
    return JSONResponse(body, status_code=503 if fault else 200, headers={"Cache-Control": "no-store"})


@router.get("/metrics", summary="Metrics", response_class=PlainTextResponse)
def show_metrics(request: Request, services: ServicesDep) -> PlainTextResponse:
    """Return numbers about the running server in Prometheus's text format."""
    check_parameters(request, ())
    text = services.counts.text(services.jobs.counts())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4", headers={"Cache-Control": "no-store"})


@cache
def _substance_names() -> tuple[tuple[str, str], ...]:
    """Return the names of the built-in substances, which do not change while the program runs."""
    return tuple((one.name, one.name_zh) for one in load_substances().values())


def _counts(services: Services) -> tuple[dict[str, int], str | None]:
    if not services.workspace.exists():
        return {"layers": 0, "features": 0}, "the workspace folder is not there: make it with `suyuan demo`"
    try:
        records = services.records()
    except SuyuanError as error:
        return {"layers": 0, "features": 0}, str(error)
    return {"layers": len(records), "features": sum(record.count for record in records)}, None


def _with_nonce(page: MapPage, nonce: str) -> dict[str, Markup]:
    """Mark the page's own inline scripts and styles as ours; the header holds no text of the data."""
    header = _TAG.sub(rf'<\1 nonce="{nonce}"', page.header)
    return {"header": Markup(header), "body": Markup(page.body), "script": Markup(page.script)}


def _map_headers(nonce: str, basemap: Basemap | None) -> dict[str, str]:
    origins = basemap.origins if basemap else ()
    headers = {
        "Content-Security-Policy": content_security_policy(nonce=nonce, image_origins=origins),
        "Cache-Control": "no-store",
    }
    # OpenStreetMap serves tiles only to pages that say where they are.
    return headers | {"Referrer-Policy": "strict-origin-when-cross-origin"} if origins else headers


def _landing(request: Request) -> dict[str, Any]:
    return {
        "title": "溯源 Suyuan",
        "description": "城市空气空间监测与溯源 · Spatial monitoring and source tracing for a city's air",
        "links": [
            link(request, "/?f=json", "self", title="This document"),
            link(request, "/?f=html", "alternate", media="text/html", title="Portal"),
            link(request, "/api", "service-desc", media=OPENAPI_TYPE, title="OpenAPI description"),
            link(request, "/conformance", "conformance", title="Conformance classes"),
            link(request, "/collections", "data", title="Layers"),
            link(request, "/tileMatrixSets", "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes", title="Tilings"),
            link(request, "/processes", "http://www.opengis.net/def/rel/ogc/1.0/processes", title="Analyses"),
            link(request, "/jobs", "http://www.opengis.net/def/rel/ogc/1.0/job-list", title="Jobs"),
            link(request, "/map", "related", media="text/html", title="Map"),
            link(request, "/healthz", "status", title="Health"),
        ],
    }


def _portal(services: Services) -> str:
    records = services.records()
    zone = services.settings.timezone
    return services.templates.get_template("portal.html").render(
        records=[_portal_row(record, zone) for record in records],
        synthetic=any(record.synthetic for record in records),
        missing_assets=missing_assets(services.settings.assets),
        zone="北京时间" if zone == "Asia/Shanghai" else zone,
        version=api.version(),
        workspace_name=services.workspace.name,
    )


def _portal_row(record: LayerRecord, zone: str) -> dict[str, Any]:
    times = [stamp for stamp in (record.time_start, record.time_end) if stamp is not None]
    local = [stamp.tz_convert(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") for stamp in times]
    return {
        "id": record.id,
        "title_zh": record.title_zh,
        "title_en": record.title_en,
        "count": record.count,
        "synthetic": record.synthetic,
        "note_zh": record.note_zh,
        "note_en": record.note_en,
        "period": " – ".join(dict.fromkeys(local)),
    }
