"""Vector tiles of layers in WebMercatorQuad: OGC API - Tiles."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.errors import UnknownResource
from api.routes.etags import etag_of, unchanged
from api.routes.links import collection_path, link
from api.routes.query import check_format, check_parameters
from api.routes.services import RecordDep, ServicesDep
from api.routes.spliced import spliced
from geo.errors import MissingData
from layers.store import LayerRecord
from web_map.vector_tiles import DEEPEST_ZOOM

router = APIRouter(tags=["tiles"])
MVT = "application/vnd.mapbox-vector-tile"
TILING = "WebMercatorQuad"
TILING_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
WEB_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
_TILING_REL = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
_HALF_WORLD = 20037508.3427892
_FIRST_SCALE = 559082264.028717
_FIRST_CELL = 156543.033928041


@router.get("/tileMatrixSets", summary="Tilings")
def list_tilings(request: Request, f: str = "json") -> JSONResponse:
    """Return the tilings that there are: one."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    links = [link(request, f"/tileMatrixSets/{TILING}", "self", title=TILING)]
    return JSONResponse({"tileMatrixSets": [{"id": TILING, "uri": TILING_URI, "links": links}]})


@router.get(f"/tileMatrixSets/{TILING}", summary="The Web Mercator tiling")
def show_tiling(request: Request, f: str = "json") -> JSONResponse:
    """Return the definition of the tiling."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    matrices = [
        {
            "id": str(zoom),
            "scaleDenominator": _FIRST_SCALE / 2**zoom,
            "cellSize": _FIRST_CELL / 2**zoom,
            "pointOfOrigin": [-_HALF_WORLD, _HALF_WORLD],
            "tileWidth": 256,
            "tileHeight": 256,
            "matrixWidth": 2**zoom,
            "matrixHeight": 2**zoom,
        }
        for zoom in range(DEEPEST_ZOOM + 1)
    ]
    body = {"id": TILING, "title": "Google Maps Compatible for the World", "uri": TILING_URI, "crs": WEB_MERCATOR}
    return JSONResponse(body | {"orderedAxes": ["E", "N"], "tileMatrices": matrices})


@router.get("/collections/{collection_id}/tiles", summary="Tile sets of a layer")
def list_tilesets(request: Request, record: RecordDep, f: str = "json") -> JSONResponse:
    """Return the tile sets of a layer: one."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    path = collection_path(record.id, "tiles")
    body = {"links": [link(request, path, "self", title="Tile sets")], "tilesets": [_tileset(request, record)]}
    return JSONResponse(body, headers={"Cache-Control": "no-cache"})


@router.get(f"/collections/{{collection_id}}/tiles/{TILING}", summary="A layer's tile set")
def show_tileset(request: Request, record: RecordDep, f: str = "json") -> JSONResponse:
    """Return where a layer's tiles are, and what is in them."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    return JSONResponse(_tileset(request, record), headers={"Cache-Control": "no-cache"})


@router.get(
    f"/collections/{{collection_id}}/tiles/{TILING}/{{z}}/{{row}}/{{column}}",
    summary="A vector tile",
    response_class=Response,
    responses={200: {"content": {MVT: {}}}, 204: {"description": "没有要素 · Nothing there"}},
)
def show_tile(
    request: Request, services: ServicesDep, record: RecordDep, z: int, row: int, column: int, f: str = "mvt"
) -> Response:
    """Return one tile as Mapbox Vector Tile; 204 where the layer has nothing."""
    check_parameters(request, ("f",))
    check_format(f, ("mvt",))
    if record.geometry == "none" and record.count:
        raise MissingData(f"collection {record.id} has no geometry, so no tiles")
    if not (0 <= z <= DEEPEST_ZOOM and 0 <= row < 2**z and 0 <= column < 2**z):
        raise UnknownResource(
            f"no tile {z}/{row}/{column}: zoom is 0 to {DEEPEST_ZOOM}, row and column below 2**zoom",
            f"没有瓦片 {z}/{row}/{column}",
        )
    headers = {"ETag": etag_of(record.content_hash, request, f), "Cache-Control": "no-cache"}
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    key = ("tile", record.id, record.content_hash, z, row, column)
    block = services.blocks(key, lambda: services.tiles.get(services.cache, record).tile(z, column, row))
    if not block.plain:
        return Response(status_code=204, headers=headers)
    return spliced(request, (b"", block, b""), media=MVT, headers=headers)


def _tileset(request: Request, record: LayerRecord) -> dict[str, Any]:
    path = collection_path(record.id, "tiles", TILING)
    item = link(request, f"{path}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=mvt", "item", media=MVT, title="Tiles")
    body: dict[str, Any] = {
        "title": f"{record.title_zh} · {record.title_en}",
        "dataType": "vector",
        "crs": WEB_MERCATOR,
        "tileMatrixSetURI": TILING_URI,
        "links": [
            link(request, path, "self", title="This tile set"),
            {**item, "templated": True},
            link(request, f"/tileMatrixSets/{TILING}", _TILING_REL, title=TILING),
        ],
        "layers": [{"id": record.id, "dataType": "vector"}],
    }
    if record.bbox is not None:
        west, south, east, north = record.bbox
        body["boundingBox"] = {
            "lowerLeft": [west, south],
            "upperRight": [east, north],
            "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        }
    return body
