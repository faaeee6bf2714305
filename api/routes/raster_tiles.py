"""Picture tiles of raster layers in WebMercatorQuad: OGC API - Tiles, of the kind map."""

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.routes.etags import etag_of, unchanged
from api.routes.query import TimeFilter, check_format, check_parameters, parse_datetime
from api.routes.selection import within
from api.routes.services import RecordDep, Services, ServicesDep
from api.routes.tilesets import PICTURE, TILING, check_tile, tileset, tileset_list
from geo.errors import MissingData
from layers.store import LayerRecord
from web_map.raster_tiles import Picture, Scene, Tile, raster_tile, tile_box

router = APIRouter(tags=["rasters"])
_MEDIA: dict[Picture, str] = {"png": "image/png", "webp": "image/webp"}


@router.get("/collections/{collection_id}/map/tiles", summary="Picture tile sets of a raster layer")
def list_picture_tilesets(request: Request, record: RecordDep, f: str = "json") -> JSONResponse:
    """Return the picture tile sets of a raster layer: one."""
    _check_rasters(record)
    return tileset_list(request, record, PICTURE, f)


@router.get(f"/collections/{{collection_id}}/map/tiles/{TILING}", summary="A raster layer's picture tile set")
def show_picture_tileset(request: Request, record: RecordDep, f: str = "json") -> JSONResponse:
    """Return where a raster layer's tiles are, and in which formats; `f=tilejson` gives it as TileJSON."""
    _check_rasters(record)
    return tileset(request, record, PICTURE, f)


@router.get(
    f"/collections/{{collection_id}}/map/tiles/{TILING}/{{z}}/{{row}}/{{column}}",
    summary="A tile of rasters as a picture",
    response_class=Response,
    responses={
        200: {"content": {media: {} for media in _MEDIA.values()}},
        204: {"description": "此处无栅格 · No raster there"},
    },
)
def show_picture_tile(
    request: Request,
    services: ServicesDep,
    record: RecordDep,
    z: int,
    row: int,
    column: int,
    datetime: str = "",
    f: str = "",
) -> Response:
    """Return one tile in the colours of the legend, transparent where no raster holds anything; 204 where none lies.

    Where rasters overlap the newest is shown, or the newest of the time that `datetime` asks for. Without `f` the
    client has PNG, or WebP if it says that it takes it.
    """
    check_parameters(request, ("datetime", "f"))
    _check_rasters(record)
    check_tile(z, row, column)
    tile = (z, column, row)
    time, form = parse_datetime(datetime), _form(request, f)
    headers = {"ETag": etag_of(record.content_hash, request, form), "Cache-Control": "no-cache", "Vary": "Accept"}
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    key = ("picture", record.id, record.content_hash, tile, time, form)
    picture = services.answers.get(key)
    if picture is None:
        picture = raster_tile(
            _scenes(services, record, tile, time), tile, find=services.workspace.rasters.path, form=form
        )
        services.answers.put(key, picture)
    if not picture:
        return Response(status_code=204, headers=headers)
    return Response(picture, media_type=_MEDIA[form], headers=headers)


def _check_rasters(record: LayerRecord) -> None:
    if record.kind != "raster":
        raise MissingData(f"collection {record.id} has no rasters; its tiles are under /collections/{record.id}/tiles")


def _form(request: Request, f: str) -> Picture:
    if f:
        check_format(f, tuple(_MEDIA))
        return "webp" if f == "webp" else "png"
    return "webp" if "image/webp" in request.headers.get("accept", "") else "png"


def _scenes(services: Services, record: LayerRecord, tile: Tile, time: TimeFilter | None) -> Iterator[Scene]:
    """Yield the rasters that may meet a tile, the newest first; of the same time the later in the layer."""
    frame = services.cache.read(record)
    frame = frame.iloc[sorted(frame.sindex.intersection(tile_box(tile)))]
    if time is not None:
        frame = frame[within(frame["time"], time)]
    newest_first = frame.iloc[::-1].sort_values("time", ascending=False, kind="stable")
    boxes = newest_first.geometry.bounds.to_numpy().tolist()
    for name, kind, box in zip(newest_first["path"], newest_first["kind"], boxes, strict=True):
        yield Scene(str(name), str(kind), tuple(box))
