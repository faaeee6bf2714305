"""Vector tiles against an independent decoder: what is drawn, where, as what; nothing lost or doubled."""

import geopandas as gpd
import mapbox_vector_tile
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from web_map.mvt_kernel import signed_areas, varints, without_repeats, zigzag
from web_map.vector_tiles import EXTENT, MOST_FEATURES, TileSource

RNG = np.random.default_rng(7)


def frame(geometries: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=geometries, crs=4326)


def decoded(source: TileSource, z: int, x: int, y: int) -> list[dict[str, object]]:
    content = source.tile(z, x, y)
    if not content:
        return []
    (layer,) = mapbox_vector_tile.decode(content, default_options={"y_coord_down": True}).values()
    assert (layer["version"], layer["extent"]) == (2, EXTENT)
    return layer["features"]


def tile_of(lon: float, lat: float, z: int) -> tuple[int, int]:
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(y * 2**z)


@given(st.lists(st.integers(0, 2**55), max_size=50))
def test_varints_are_those_of_protobuf(values: list[int]) -> None:
    content, offsets = varints(np.array(values, dtype=np.int64))
    for value, start, end in zip(values, offsets, offsets[1:], strict=False):
        part = content[start:end]
        assert sum((byte & 0x7F) << 7 * n for n, byte in enumerate(part)) == value
        assert [byte >> 7 for byte in part] == [1] * (len(part) - 1) + [0]


def test_zigzag_by_hand() -> None:
    assert zigzag(np.array([0, -1, 1, -2, 2])).tolist() == [0, 1, 2, 3, 4]


def test_repeats_and_areas_by_hand() -> None:
    ring = np.array([[0, 0], [0, 0], [4, 0], [4, 4], [0, 4], [0, 0], [9, 9], [9, 9]])
    keep = without_repeats(ring, np.array([0, 0, 0, 0, 0, 0, 1, 1]), closed=True)
    assert keep.tolist() == [True, False, True, True, True, False, True, False]
    assert signed_areas(ring[keep][:4], np.array([0])).tolist() == [32]


def test_a_known_polygon_with_a_hole() -> None:
    shape = shapely.box(0, 0, 90, 60) - shapely.box(20, 20, 40, 40)
    (feature,) = decoded(TileSource(frame([shape], name=["甲"], n=[3]), "zones"), 1, 1, 0)
    assert feature["id"] == 1
    assert feature["properties"] == {"name": "甲", "n": 3}
    found = shapely.geometry.shape(feature["geometry"])
    wanted = shapely.transform(
        shape, lambda p: np.column_stack([p[:, 0] / 180, 1 - np.arcsinh(np.tan(np.radians(p[:, 1]))) / np.pi]) * EXTENT
    )
    assert found.is_valid
    assert len(found.interiors) == 1
    assert found.symmetric_difference(wanted).area < 4 * wanted.length


def test_values_keep_their_kinds_and_gaps_stay_away() -> None:
    table = frame(
        [shapely.Point(10, 10)] * 3,
        text=["a", None, "a"],
        whole=pd.array([-5, 2**40, None], dtype="Int64"),
        real=[1.25, np.nan, np.inf],
        yes=pd.array([True, False, None], dtype="boolean"),
        time=pd.to_datetime(["2021-01-10T22:00Z", None, None]),
    )
    told = [feature["properties"] for feature in decoded(TileSource(table, "x"), 0, 0, 0)]
    assert told == [
        {"text": "a", "whole": -5, "real": 1.25, "yes": True, "time": "2021-01-10T22:00:00Z"},
        {"whole": 2**40, "yes": False},
        {"text": "a"},
    ]


@pytest.mark.parametrize("zoom", [0, 3, 6, 9])
def test_every_point_is_in_exactly_one_tile(zoom: int) -> None:
    edges = [shapely.Point(x, y) for x in (-180, -90, 0, 90, 180) for y in (-85.06, -66.51326044311186, 0, 45, 89.9)]
    points = [*edges, *shapely.points(RNG.uniform(-180, 180, 60), RNG.uniform(-85, 85, 60)), shapely.Point()]
    source = TileSource(frame(points, n=range(len(points))), "p")
    corners = {tile_of(min(p.x, 179.9999), float(np.clip(p.y, -85, 85)), zoom) for p in points[:-1]}
    around = {(x + i, y + j) for x, y in corners for i in (-1, 0, 1) for j in (-1, 0, 1)}
    tiles = [(x, y) for x, y in around if 0 <= x < 2**zoom and 0 <= y < 2**zoom]
    seen = [feature["id"] for x, y in tiles for feature in decoded(source, zoom, x, y)]
    assert sorted(seen) == list(range(1, len(points)))


@settings(max_examples=25, deadline=None)
@given(
    centre=st.tuples(st.floats(-170, 170), st.floats(-70, 70)),
    size=st.floats(1e-7, 5),
    zoom=st.integers(0, 8),
    line=st.booleans(),
)
def test_nothing_vanishes_however_small(centre: tuple[float, float], size: float, zoom: int, line: bool) -> None:
    shape = shapely.box(*centre, centre[0] + size, centre[1] + size)
    shape = shape.exterior if line else shape
    source = TileSource(frame([shape]), "s")
    x, y = tile_of(centre[0] + size / 2, centre[1] + size / 2, zoom)
    columns, rows = range(max(x - 1, 0), min(x + 2, 2**zoom)), range(max(y - 1, 0), min(y + 2, 2**zoom))
    found = [feature for i in columns for j in rows for feature in decoded(source, zoom, i, j)]
    assert found
    assert all(feature["id"] == 1 for feature in found)


def test_what_crosses_an_edge_is_whole_when_put_together() -> None:
    shape = shapely.Point(119.2, 34.6).buffer(0.2)
    source, z = TileSource(frame([shape]), "s"), 10
    west, south = tile_of(119.0, 34.4, z)
    east, north = tile_of(119.4, 34.8, z)
    parts = []
    for x in range(west, east + 1):
        for y in range(north, south + 1):
            for feature in decoded(source, z, x, y):
                part = shapely.geometry.shape(feature["geometry"])
                parts.append(shapely.transform(part, lambda p, x=x, y=y: p / EXTENT + (x, y)))
    assert len(parts) > 3
    together = shapely.union_all(parts)
    whole = source._geometries[0]
    wanted = shapely.transform(whole, lambda p: p * 2**z)
    assert together.symmetric_difference(wanted).area < 0.002 * wanted.area


def test_kinds_may_be_mixed() -> None:
    shapes = [
        shapely.MultiPoint([(1, 1), (2, 2)]),
        shapely.MultiLineString([[(0, 0), (5, 5)], [(6, 6), (9, 9)]]),
        shapely.MultiPolygon([shapely.box(0, 0, 3, 3), shapely.box(4, 4, 8, 8)]),
    ]
    found = {f["id"]: f["geometry"]["type"] for f in decoded(TileSource(frame(shapes), "m"), 2, 2, 1)}
    assert found == {1: "MultiPoint", 2: "MultiLineString", 3: "MultiPolygon"}


def test_a_crowd_is_thinned_to_one_in_a_pixel() -> None:
    count = MOST_FEATURES + 5000
    x, y = RNG.uniform(100, 140, count), RNG.uniform(10, 50, count)
    source = TileSource(frame(list(shapely.box(x, y, x + 1e-3, y + 1e-3))), "crowd")
    found = decoded(source, 0, 0, 0)
    assert 100 < len(found) < 2000
    deep = tile_of(120, 30, 9)
    seen = {feature["id"] for feature in decoded(source, 9, *deep)}
    assert len(seen) > 0
    assert len(seen) == len(decoded(source, 9, *deep)), "deep down all are there, each once"
