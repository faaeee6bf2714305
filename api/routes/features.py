"""Collections and their features: OGC API - Features, Part 1, in GeoJSON."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from api.routes.geojson import MEDIA_TYPE, collection_text, feature_texts, rfc3339
from api.routes.links import Link, collection_path, link, same_query
from api.routes.query import CRS84, ItemsQuery, check_format, check_parameters, items_query
from api.routes.selection import Selection, select, select_one
from api.routes.services import RecordDep, ServicesDep
from layers.store import LayerRecord

router = APIRouter(tags=["features"])
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_FRESH = {"Cache-Control": "no-cache"}
_FEATURES = {**_FRESH, "Content-Crs": f"<{CRS84}>"}


@router.get("/collections", summary="All layers")
def list_collections(request: Request, services: ServicesDep, f: str = "json") -> JSONResponse:
    """Return every layer of the workspace as a collection."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    body = {
        "links": [link(request, "/collections", "self", title="Collections")],
        "collections": [collection(request, record) for record in services.records()],
    }
    return JSONResponse(body, headers=_FRESH)


@router.get("/collections/{collection_id}", summary="One layer")
def show_collection(request: Request, record: RecordDep, f: str = "json") -> JSONResponse:
    """Return one layer's titles, extent and links."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    return JSONResponse(collection(request, record), headers=_FRESH)


@router.get("/collections/{collection_id}/items", summary="Features of a layer", response_class=Response)
def list_items(
    request: Request,
    services: ServicesDep,
    record: RecordDep,
    query: Annotated[ItemsQuery, Depends(items_query)],
) -> Response:
    """Return one page of a layer's features as GeoJSON."""
    found = select(services, record, query)
    members = {
        "timeStamp": rfc3339_now(),
        "numberMatched": found.matched,
        "numberReturned": len(found.ids),
        "links": _page_links(request, record, query, found),
    }
    text = collection_text(feature_texts(found.frame, found.ids.tolist()), members)
    return Response(text, media_type=MEDIA_TYPE, headers=_FEATURES)


@router.get("/collections/{collection_id}/items/{feature_id}", summary="One feature", response_class=Response)
def show_item(request: Request, services: ServicesDep, record: RecordDep, feature_id: str, f: str = "json") -> Response:
    """Return one feature as GeoJSON."""
    check_parameters(request, ("f",))
    check_format(f, ("json", "geojson"))
    found = select_one(services, record, feature_id)
    text = feature_texts(found.frame, found.ids.tolist())[0]
    return Response(text, media_type=MEDIA_TYPE, headers=_FEATURES)


def collection(request: Request, record: LayerRecord) -> dict[str, Any]:
    """Return the description of a layer as OGC API asks for it, with its titles in both languages."""
    path = collection_path(record.id)
    body: dict[str, Any] = {
        "id": record.id,
        "title": f"{record.title_zh} · {record.title_en}",
        "description": " ".join(text for text in (record.note_zh, record.note_en) if text),
        "itemType": "feature",
        "crs": [CRS84],
        "storageCrs": CRS84,
        "extent": _extent(record),
        "links": [
            link(request, path, "self", title=record.title_en),
            link(request, f"{path}/items", "items", media=MEDIA_TYPE, title=record.title_en),
        ],
        "suyuan:schema": record.schema,
        "suyuan:geometry": record.geometry,
        "suyuan:count": record.count,
        "suyuan:synthetic": record.synthetic,
        "suyuan:contentHash": record.content_hash,
        "suyuan:updated": rfc3339(record.updated_at),
    }
    return body


def rfc3339_now() -> str:
    """Return the present time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _extent(record: LayerRecord) -> dict[str, Any]:
    extent: dict[str, Any] = {}
    if record.bbox is not None:
        extent["spatial"] = {"bbox": [list(record.bbox)], "crs": CRS84}
    if record.time_start is not None or record.time_end is not None:
        interval = [rfc3339(record.time_start), rfc3339(record.time_end)]
        extent["temporal"] = {"interval": [interval], "trs": GREGORIAN}
    return extent


def _page_links(request: Request, record: LayerRecord, query: ItemsQuery, found: Selection) -> list[Link]:
    path = collection_path(record.id)
    links = [
        link(request, f"{path}/items{same_query(request)}", "self", media=MEDIA_TYPE, title="This page"),
        link(request, path, "collection", title=record.title_en),
    ]
    after = query.offset + len(found.ids)
    if len(found.ids) and after < found.matched:
        following = f"{path}/items{same_query(request, offset=after, limit=query.limit)}"
        links.append(link(request, following, "next", media=MEDIA_TYPE, title="Next page"))
    if query.offset > 0:
        previous = same_query(request, offset=max(0, query.offset - query.limit), limit=query.limit)
        links.append(link(request, f"{path}/items{previous}", "prev", media=MEDIA_TYPE, title="Previous page"))
    return links
