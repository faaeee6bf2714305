"""Vector tiles of layers in WebMercatorQuad: OGC API - Tiles."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.routes.etags import etag_of, unchanged
from api.routes.links import link
from api.routes.query import check_format, check_parameters
from api.routes.services import RecordDep, ServicesDep
from api.routes.spliced import spliced
from api.routes.tilesets import MVT, TILING, TILING_URI, VECTOR, WEB_MERCATOR, check_tile, tileset, tileset_list
from geo.errors import MissingData
from web_map.vector_tiles import DEEPEST_ZOOM

router = APIRouter(tags=["tiles"])
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
    """Return the vector tile sets of a layer: one."""
    return tileset_list(request, record, VECTOR, f)


@router.get(f"/collections/{{collection_id}}/tiles/{TILING}", summary="A layer's tile set")
def show_tileset(request: Request, record: RecordDep, f: str = "json") -> JSONResponse:
    """Return where a layer's tiles are, and what is in them; `f=tilejson` gives it as TileJSON."""
    return tileset(request, record, VECTOR, f)


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
    check_tile(z, row, column)
    headers = {"ETag": etag_of(record.content_hash, request, f), "Cache-Control": "no-cache"}
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    key = ("tile", record.id, record.content_hash, z, row, column)
    block = services.blocks(key, lambda: services.tiles.get(services.cache, record).tile(z, column, row))
    if not block.plain:
        return Response(status_code=204, headers=headers)
    return spliced(request, (b"", block, b""), media=MVT, headers=headers)
