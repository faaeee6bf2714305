"""Tile sets of a layer, vector or picture: their descriptions for OGC API - Tiles, and as TileJSON."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from api.errors import UnknownResource
from api.routes.crs import CRS84
from api.routes.links import collection_path, link
from api.routes.query import check_format, check_parameters
from layers.catalogue import SCHEMAS
from layers.store import LayerRecord
from web_map.vector_tiles import DEEPEST_ZOOM

TILING = "WebMercatorQuad"
TILING_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
WEB_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
MVT = "application/vnd.mapbox-vector-tile"
_TILING_REL = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
_FRESH = {"Cache-Control": "no-cache"}


@dataclass(frozen=True)
class TileKind:
    """One way in which layers are given as tiles: the path below the collection, the standard's name, the formats."""

    path: tuple[str, ...]
    data_type: str
    formats: tuple[tuple[str, str], ...]


VECTOR = TileKind(("tiles",), "vector", (("mvt", MVT),))
PICTURE = TileKind(("map", "tiles"), "map", (("png", "image/png"), ("webp", "image/webp")))


def tileset_list(request: Request, record: LayerRecord, kind: TileKind, f: str) -> JSONResponse:
    """Return the tile sets of a layer: one."""
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    path = collection_path(record.id, *kind.path)
    body = {"links": [link(request, path, "self", title="Tile sets")], "tilesets": [_tileset(request, record, kind)]}
    return JSONResponse(body, headers=_FRESH)


def tileset(request: Request, record: LayerRecord, kind: TileKind, f: str) -> JSONResponse:
    """Return where a layer's tiles are and what is in them, as OGC API - Tiles or as TileJSON has it."""
    check_parameters(request, ("f",))
    check_format(f, ("json", "tilejson"))
    body = _tilejson(request, record, kind) if f == "tilejson" else _tileset(request, record, kind)
    return JSONResponse(body, headers=_FRESH)


def check_tile(z: int, row: int, column: int) -> None:
    """Raise UnknownResource unless there is such a tile."""
    if not (0 <= z <= DEEPEST_ZOOM and 0 <= row < 2**z and 0 <= column < 2**z):
        raise UnknownResource(
            f"no tile {z}/{row}/{column}: zoom is 0 to {DEEPEST_ZOOM}, row and column below 2**zoom",
            f"没有瓦片 {z}/{row}/{column}",
        )


def _tileset(request: Request, record: LayerRecord, kind: TileKind) -> dict[str, Any]:
    path = collection_path(record.id, *kind.path, TILING)
    tiles = f"{path}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    body: dict[str, Any] = {
        "title": f"{record.title_zh} · {record.title_en}",
        "dataType": kind.data_type,
        "crs": WEB_MERCATOR,
        "tileMatrixSetURI": TILING_URI,
        "links": [
            link(request, path, "self", title="This tile set"),
            link(request, f"{path}?f=tilejson", "describedby", title="TileJSON"),
            *(
                {**link(request, f"{tiles}?f={f}", "item", media=media, title="Tiles"), "templated": True}
                for f, media in kind.formats
            ),
            link(request, f"/tileMatrixSets/{TILING}", _TILING_REL, title=TILING),
        ],
        "layers": [{"id": record.id, "dataType": kind.data_type}],
    }
    if record.bbox is not None:
        west, south, east, north = record.bbox
        body["boundingBox"] = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84}
    return body


def _tilejson(request: Request, record: LayerRecord, kind: TileKind) -> dict[str, Any]:
    path = collection_path(record.id, *kind.path, TILING)
    body: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": f"{record.title_zh} · {record.title_en}",
        "scheme": "xyz",
        "tiles": [
            link(request, f"{path}/{{z}}/{{y}}/{{x}}?f={f}", "item", media=media)["href"]
            for f, media in kind.formats[:1]
        ],
        "minzoom": 0,
        "maxzoom": DEEPEST_ZOOM,
    }
    if record.bbox is not None:
        body["bounds"] = list(record.bbox)
    if kind is VECTOR:
        body["vector_layers"] = [{"id": record.id, "fields": _fields(record)}]
    return body


def _fields(record: LayerRecord) -> dict[str, str]:
    """Return each property and what it is, in both languages where the schema says it."""
    schema = SCHEMAS.get(record.schema)
    titles = {item.name: f"{item.title_zh} · {item.title_en}" for item in schema.fields} if schema else {}
    return {name: titles.get(name, str(kind)) for name, kind in record.columns.items()}
