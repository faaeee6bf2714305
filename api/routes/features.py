"""Collections and their features: OGC API - Features, Parts 1 to 3."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from api.routes.crs import CRS84, parse_crs, references
from api.routes.etags import etag_of, unchanged
from api.routes.feature_formats import MEDIA, document, features_page
from api.routes.geojson import MEDIA_TYPE, collection_frame, feature_texts, rfc3339
from api.routes.links import Link, collection_path, link, same_query, wants_html
from api.routes.query import ItemsQuery, check_parameters, items_query
from api.routes.selection import Selection, select, select_one
from api.routes.services import RecordDep, Services, ServicesDep
from api.routes.spliced import Block, spliced
from layers.store import LayerRecord

router = APIRouter(tags=["features"])
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
SCHEMA = "http://www.opengis.net/def/rel/ogc/1.0/schema"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
PICTURE_TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"
_FRESH = {"Cache-Control": "no-cache", "Vary": "Accept"}


@router.get("/collections", summary="All layers", response_class=Response)
def list_collections(request: Request, services: ServicesDep, f: str = "") -> Response:
    """Return every layer of the workspace as a collection."""
    check_parameters(request, ("f",))
    records = services.records()
    if wants_html(request, f):
        page = services.templates.get_template("collections.html").render(records=records)
        return HTMLResponse(page, headers=_FRESH)
    body = {
        "links": [
            link(request, "/collections", "self", title="Collections"),
            link(request, "/collections?f=html", "alternate", media="text/html", title="Collections"),
        ],
        "crs": [CRS84],
        "collections": [collection(request, record) for record in records],
    }
    return JSONResponse(body, headers=_FRESH)


@router.get("/collections/{collection_id}", summary="One layer", response_class=Response)
def show_collection(request: Request, services: ServicesDep, record: RecordDep, f: str = "") -> Response:
    """Return one layer's titles, extent and links."""
    check_parameters(request, ("f",))
    if wants_html(request, f):
        page = services.templates.get_template("collection.html")
        return HTMLResponse(page.render(record=record, references=references(record)), headers=_FRESH)
    return JSONResponse(collection(request, record), headers=_FRESH)


@router.get(
    "/collections/{collection_id}/items",
    summary="Features of a layer",
    response_class=Response,
    responses={200: {"content": {media: {} for media in (MEDIA_TYPE, *(media for _, media in MEDIA))}}},
)
def list_items(
    request: Request,
    services: ServicesDep,
    record: RecordDep,
    query: Annotated[ItemsQuery, Depends(items_query)],
) -> Response:
    """Return one page of a layer's features: GeoJSON, a page for people, CSV or FlatGeobuf."""
    headers = _FRESH | {"ETag": etag_of(record.content_hash, request, query.format)}
    if query.format != "html" and unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    found = select(services, record, query)
    if query.format == "html":
        links = {item["rel"]: item["href"] for item in _page_links(request, record, query, found)}
        return HTMLResponse(features_page(services, record, found.frame, found.ids.tolist(), links, found.matched))
    if query.format != "json":
        headers["Link"] = ", ".join(
            f'<{item["href"]}>; rel="{item["rel"]}"; type="{item["type"]}"'
            for item in _page_links(request, record, query, found)
            if item["rel"] in ("self", "alternate", "next", "prev")
        )
        headers["OGC-NumberMatched"], headers["OGC-NumberReturned"] = str(found.matched), str(len(found.ids))
        content, media = document(found.frame, found.ids.tolist(), record, query)
        return Response(content, media_type=media, headers=headers)
    members = {
        "timeStamp": rfc3339_now(),
        "numberMatched": found.matched,
        "numberReturned": len(found.ids),
        "links": _page_links(request, record, query, found),
    }
    headers["Content-Crs"] = f"<{query.reference.uri}>"
    head, tail = collection_frame(members)
    return spliced(request, (head, _block(services, record, query, found), tail), media=MEDIA_TYPE, headers=headers)


@router.get("/collections/{collection_id}/items/{feature_id}", summary="One feature", response_class=Response)
def show_item(
    request: Request, services: ServicesDep, record: RecordDep, feature_id: str, crs: str = CRS84, f: str = ""
) -> Response:
    """Return one feature as GeoJSON, or as a page for people."""
    check_parameters(request, ("crs", "f"))
    reference = parse_crs("crs", crs, record)
    if f == "geojson" or not wants_html(request, f):
        tag = etag_of(record.content_hash, request, "json")
        headers = _FRESH | {"ETag": tag, "Content-Crs": f"<{reference.uri}>"}
        found = select_one(services, record, feature_id)
        if unchanged(request, tag):
            return Response(status_code=304, headers=headers)
        here = request.url.path
        links = [
            link(request, f"{here}{same_query(request)}", "self", media=MEDIA_TYPE, title="This feature"),
            link(request, f"{here}?f=html", "alternate", media="text/html", title="This feature"),
            link(request, collection_path(record.id), "collection", title=record.title_en),
        ]
        text = feature_texts(found.frame, found.ids.tolist(), reference, links=links)[0]
        return Response(text, media_type=MEDIA_TYPE, headers=headers)
    found = select_one(services, record, feature_id)
    return HTMLResponse(features_page(services, record, found.frame, found.ids.tolist(), {}, 1))


def collection(request: Request, record: LayerRecord) -> dict[str, Any]:
    """Return the description of a layer as OGC API asks for it, with its titles in both languages."""
    path = collection_path(record.id)
    items = f"{path}/items"
    links = [
        link(request, path, "self", title=record.title_en),
        link(request, f"{path}?f=html", "alternate", media="text/html", title=record.title_en),
        link(request, f"{path}/queryables", QUERYABLES, media="application/schema+json", title="Queryables"),
        link(request, f"{path}/schema", SCHEMA, media="application/schema+json", title="Schema"),
        link(request, items, "items", media=MEDIA_TYPE, title=record.title_en),
        *(link(request, f"{items}?f={f}", "items", media=media, title=record.title_en) for f, media in MEDIA),
    ]
    if record.geometry != "none":
        links.append(link(request, f"{path}/tiles", TILESETS, title="Vector tiles"))
    if record.kind == "raster":
        links.append(link(request, f"{path}/map/tiles", PICTURE_TILESETS, title="Picture tiles"))
    body: dict[str, Any] = {
        "id": record.id,
        "title": f"{record.title_zh} · {record.title_en}",
        "description": " ".join(text for text in (record.note_zh, record.note_en) if text),
        "itemType": "feature",
        "crs": [reference.uri for reference in references(record)],
        "storageCrs": CRS84,
        "extent": _extent(record),
        "links": links,
        "suyuan:schema": record.schema,
        "suyuan:geometry": record.geometry,
        "suyuan:count": record.count,
        "suyuan:synthetic": record.synthetic,
        "suyuan:contentHash": record.content_hash,
        "suyuan:updated": rfc3339(record.updated_at),
    }
    return body


def _block(services: Services, record: LayerRecord, query: ItemsQuery, found: Selection) -> Block:
    """Return the features of a page as text; the same page is asked for again and again, so it is kept."""
    key = ("page", record.id, record.content_hash, query.key, query.reference, query.offset, query.limit)
    ids = found.ids.tolist()
    return services.blocks(key, lambda: ",".join(feature_texts(found.frame, ids, query.reference)).encode("utf-8"))


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
    media = {"json": MEDIA_TYPE, **dict(MEDIA)}
    own = media.pop(query.format)
    links = [
        link(request, f"{path}/items{same_query(request)}", "self", media=own, title="This page"),
        *(
            link(request, f"{path}/items{same_query(request, f=f)}", "alternate", media=kind, title="This page")
            for f, kind in media.items()
        ),
        link(request, path, "collection", title=record.title_en),
    ]
    after = query.offset + len(found.ids)
    if len(found.ids) and after < found.matched:
        following = f"{path}/items{same_query(request, offset=after, limit=query.limit)}"
        links.append(link(request, following, "next", media=own, title="Next page"))
    if query.offset > 0:
        previous = same_query(request, offset=max(0, query.offset - query.limit), limit=query.limit)
        links.append(link(request, f"{path}/items{previous}", "prev", media=own, title="Previous page"))
    return links
