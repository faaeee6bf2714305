"""Vector tiles (MVT 2.1) of a layer in the Web Mercator tiling: clipped, simplified by zoom, nothing lost.

A polygon or line stands in each tile that it meets, under one id; a point stands in exactly one tile. What is too
small to be drawn at a zoom becomes one unit of the tile (1/16 pixel) instead of vanishing; only where a tile would hold
more than `MOST_FEATURES`, one stands for those that lie together in a pixel, or in a few.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from web_map.mvt_kernel import Ints, dots, paths, signed_areas, varints, without_repeats

EXTENT = 4096
BUFFER = 64
DEEPEST_ZOOM = 22
MOST_FEATURES = 6_000
_PIXELS = 256
_NORTHERNMOST = 85.0511287798066
_POINT, _LINE, _POLYGON = 1, 2, 3
_SINGLE = {0: _POINT, 1: _LINE, 2: _LINE, 3: _POLYGON, 4: _POINT, 5: _LINE, 6: _POLYGON}
_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.int64)


@dataclass(frozen=True)
class _Drawn:
    """Features of one kind as commands: which rows, and the bytes of each."""

    rows: Ints
    kind: int
    content: bytes
    starts: Ints


class TileSource:
    """One layer made ready for tiles: projected once, indexed, its values counted.

    Parameters
    ----------
    frame : GeoDataFrame, EPSG:4326
        Features without a geometry are not drawn.
    name : str
        Of the layer in the tile.
    """

    def __init__(self, frame: gpd.GeoDataFrame, name: str) -> None:
        """Project the geometries to the unit square, 0, 0 in the north-west."""
        self.name = name
        geometries = frame.geometry.to_numpy()
        self._rows = np.flatnonzero(~(shapely.is_missing(geometries) | shapely.is_empty(geometries))).astype(np.int64)
        projected = shapely.transform(shapely.force_2d(geometries[self._rows]), _to_unit)
        kinds = shapely.get_type_id(projected)
        areal = np.isin(kinds, (3, 6))
        projected[areal] = shapely.orient_polygons(projected[areal], exterior_cw=False)
        self._geometries = projected
        self._kinds = np.array([_SINGLE.get(int(kind), 0) for kind in kinds], dtype=np.int64)
        self._bounds = shapely.bounds(projected)
        self._tree = shapely.STRtree(projected)
        columns = [column for column in frame.columns if column != frame.active_geometry_name]
        self._keys = [str(column) for column in columns]
        self._values = [_factorised(frame[column]) for column in columns]

    def tile(self, zoom: int, column: int, row: int) -> bytes:
        """Return one tile, empty where the layer has nothing."""
        tiles = 2.0**zoom
        margin = BUFFER / EXTENT
        box = shapely.box(
            (column - margin) / tiles, (row - margin) / tiles, (column + 1 + margin) / tiles, (row + 1 + margin) / tiles
        )
        found = np.sort(self._tree.query(box)).astype(np.int64)
        if len(found) > MOST_FEATURES:
            found = self._thinned(found, zoom)
        drawn = [
            part
            for kind, draw in ((_POLYGON, _polygons), (_LINE, _lines), (_POINT, _points))
            if len(places := found[self._kinds[found] == kind])
            if len((part := draw(places, self._geometries[places], box, zoom, column, row)).rows)
        ]
        return self._written(drawn) if drawn else b""

    def _thinned(self, found: Ints, zoom: int) -> Ints:
        """Let one stand for those that are smaller than a pixel and lie together in it; in two by two and more pixels
        where that leaves too many."""
        for side in (1, 2, 4, 8):
            bounds = self._bounds[found] * (_PIXELS * 2.0**zoom / side)
            small = (bounds[:, 2] - bounds[:, 0] < 1) & (bounds[:, 3] - bounds[:, 1] < 1)
            cells = bounds[small, :2].astype(np.int64)
            _, first = np.unique(cells[:, 0] * (_PIXELS << zoom) + cells[:, 1], return_index=True)
            keep = ~small
            keep[np.flatnonzero(small)[first]] = True
            found = found[keep]
            if len(found) <= MOST_FEATURES:
                break
        return found

    def _written(self, drawn: Sequence[_Drawn]) -> bytes:
        layer_rows = self._rows[np.concatenate([part.rows for part in drawn])]
        tags, offsets, values = self._tags(layer_rows)
        numbers, edges = (layer_rows + 1).tolist(), offsets.tolist()
        body = [_field(15, 2), _bytes_field(1, self.name.encode("utf-8"))]
        at = 0
        for part in drawn:
            kind, starts, content = b"\x18" + _varint(part.kind), part.starts.tolist(), part.content
            for start, end in zip(starts, starts[1:], strict=False):
                tag = tags[edges[at] : edges[at + 1]]
                # The fields of a feature: 1 id, 2 tags, 3 kind, 4 geometry.
                head = b"\x08" + _varint(numbers[at]) + b"\x12" + _varint(len(tag)) + tag
                feature = head + kind + b"\x22" + _varint(end - start) + content[start:end]
                body.append(b"\x12" + _varint(len(feature)) + feature)
                at += 1
        body += [_bytes_field(3, key.encode("utf-8")) for key in self._keys]
        body += [_bytes_field(4, value) for value in values]
        body.append(_field(5, EXTENT))
        return _bytes_field(3, b"".join(body))

    def _tags(self, rows: Ints) -> tuple[bytes, Ints, list[bytes]]:
        """Return for each row the numbers of its keys and values, and the table of values; a missing value has none."""
        pairs = np.full((len(rows), len(self._keys), 2), -1, dtype=np.int64)
        table: list[bytes] = []
        for number, (codes, values) in enumerate(self._values):
            used, places = np.unique(codes[rows], return_inverse=True)
            given = used >= 0
            numbers = np.where(given, len(table) + np.cumsum(given) - 1, -1)
            table += [_value(values[code]) for code in used[given]]
            pairs[:, number, 0] = number
            pairs[:, number, 1] = numbers[places]
        kept = pairs[:, :, 1] >= 0
        content, offsets = varints(pairs[kept].ravel())
        ends = np.concatenate([[0], np.cumsum(2 * kept.sum(axis=1))])
        return content, offsets[ends], table


def _to_unit(positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lat = np.radians(np.clip(positions[:, 1], -_NORTHERNMOST, _NORTHERNMOST))
    return np.column_stack([(positions[:, 0] + 180) / 360, (1 - np.arcsinh(np.tan(lat)) / np.pi) / 2])


def _quantised(xy: npt.NDArray[np.float64], zoom: int, column: int, row: int) -> Ints:
    found: Ints = np.rint((xy * 2.0**zoom - (column, row)) * EXTENT).astype(np.int64)
    return found


def _cut(geometries: npt.NDArray[np.object_], box: shapely.Geometry, zoom: int) -> tuple[npt.NDArray[np.object_], Ints]:
    """Return what of the geometries lies in the box, simplified to a unit of the tile, as parts with their places."""
    shapely.prepare(box)
    crossing = ~shapely.contains_properly(box, geometries)
    cut = geometries.copy()
    if crossing.any():
        cut[crossing] = shapely.clip_by_rect(geometries[crossing], *box.bounds)
    many = shapely.get_num_coordinates(cut) > 8
    if many.any():
        simple = shapely.simplify(cut[many], 1.0 / (EXTENT * 2.0**zoom), preserve_topology=False)
        gone = shapely.is_empty(simple)
        simple[gone] = cut[many][gone]
        cut[many] = simple
    parts, places = shapely.get_parts(cut, return_index=True)
    inner, again = shapely.get_parts(parts, return_index=True)
    return inner, places[again].astype(np.int64)


def _polygons(
    places: Ints, geometries: npt.NDArray[np.object_], box: shapely.Geometry, zoom: int, column: int, row: int
) -> _Drawn:
    parts, owner = _cut(geometries, box, zoom)
    areal = shapely.get_type_id(parts) == 3
    parts, owner = shapely.orient_polygons(parts[areal], exterior_cw=False), owner[areal]
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    points = _quantised(xy, zoom, column, row)
    keep = without_repeats(points, ring, closed=True)
    points, ring = points[keep], ring[keep]
    numbers, starts, counts = np.unique(ring, return_index=True, return_counts=True)
    exterior = np.concatenate([[True], part[1:] != part[:-1]])[numbers] if len(numbers) else np.zeros(0, dtype=bool)
    areas = signed_areas(points, starts)
    good = (counts >= 3) & np.where(exterior, areas > 0, areas < 0)
    whole = np.zeros(len(parts), dtype=bool)
    whole[part[numbers[exterior & good]]] = True
    good &= whole[part[numbers]]
    points, counts = points[np.repeat(good, counts)], counts[good]
    feature = owner[part[numbers[good]]]
    # What is left of no feature becomes one unit, where its first point lies.
    tiny = np.setdiff1d(np.unique(owner), feature)
    first = owner.searchsorted(tiny)
    corners = _quantised(shapely.get_coordinates(shapely.point_on_surface(parts[first])), zoom, column, row)
    squares = (corners[:, None, :] + _SQUARE).reshape(-1, 2)
    points = np.concatenate([points, squares])
    counts = np.concatenate([counts, np.full(len(tiny), 4)])
    feature = np.concatenate([feature, tiny])
    return _stream(places, points, counts, feature, _POLYGON)


def _lines(
    places: Ints, geometries: npt.NDArray[np.object_], box: shapely.Geometry, zoom: int, column: int, row: int
) -> _Drawn:
    parts, owner = _cut(geometries, box, zoom)
    linear = np.isin(shapely.get_type_id(parts), (1, 2))
    parts, owner = parts[linear], owner[linear]
    xy, line = shapely.get_coordinates(parts, return_index=True)
    points = _quantised(xy, zoom, column, row)
    keep = without_repeats(points, line, closed=False)
    points, line = points[keep], line[keep]
    numbers, counts = np.unique(line, return_counts=True)
    # A line of one point is drawn one unit long.
    short = np.repeat(counts == 1, counts)
    repeats = np.where(short, 2, 1)
    points = np.repeat(points, repeats, axis=0)
    points[np.cumsum(repeats)[short] - 1, 0] += 1
    return _stream(places, points, np.maximum(counts, 2), owner[numbers], _LINE)


def _points(
    places: Ints, geometries: npt.NDArray[np.object_], box: shapely.Geometry, zoom: int, column: int, row: int
) -> _Drawn:
    xy, owner = shapely.get_coordinates(geometries, return_index=True)
    last = 2**zoom - 1
    tile = np.clip(np.floor(xy * 2.0**zoom), 0, last).astype(np.int64)
    inside = (tile == (column, row)).all(axis=1)
    points, owner = _quantised(xy[inside], zoom, column, row), owner[inside]
    feature, counts = np.unique(owner, return_counts=True)
    stream, starts = dots(points, counts)
    content, offsets = varints(stream)
    return _Drawn(places[feature], _POINT, content, offsets[starts])


def _stream(places: Ints, points: Ints, counts: Ints, feature: Ints, kind: int) -> _Drawn:
    order = np.argsort(feature, kind="stable")
    firsts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    moved = np.repeat(firsts[order], counts[order]) + _within(counts[order])
    stream, starts = paths(points[moved], counts[order], feature[order], closed=kind == _POLYGON)
    content, offsets = varints(stream)
    drawn, first = np.unique(feature[order], return_index=True)
    edges = np.concatenate([starts[:-1][first], starts[-1:]])
    return _Drawn(places[drawn], kind, content, offsets[edges])


def _within(counts: Ints) -> Ints:
    total = int(counts.sum())
    found: Ints = np.arange(total) - np.repeat(np.concatenate([[0], np.cumsum(counts)])[:-1], counts)
    return found


def _factorised(column: pd.Series) -> tuple[Ints, list[Any]]:
    """Return each row's number of its value, -1 for none, and the values."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    elif pd.api.types.is_float_dtype(column.dtype):
        column = column.astype("float64").where(np.isfinite(column.astype("float64")))
    codes, values = pd.factorize(column)
    return np.asarray(codes, dtype=np.int64), list(values)


def _value(value: Any) -> bytes:
    if isinstance(value, bool | np.bool_):
        return _field(7, int(value))
    if isinstance(value, int | np.integer):
        number = int(value)
        return _field(6, (number << 1) ^ (number >> 63))
    if isinstance(value, float | np.floating):
        return b"\x19" + struct.pack("<d", value)
    return _bytes_field(1, str(value).encode("utf-8", "replace"))


def _field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes_field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    if value < len(_SHORT):
        return _SHORT[value]
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


# Nearly every length and number of a tile is one of these.
_SHORT = [bytes((n,)) if n < 0x80 else bytes((n & 0x7F | 0x80, n >> 7)) for n in range(1 << 14)]
