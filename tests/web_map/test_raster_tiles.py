"""Tiles of rasters: each pixel against the raster itself, overlaps, edges, the other projections."""

import io
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.crs import CRS

from geo.errors import SourceUnavailable
from geo.rasters import Raster, write_cog
from web_map.raster_image import BINARY_FIRE, MASK_COLOURS, colours_of
from web_map.raster_tiles import TILE_PIXELS, Scene, raster_tile, tile_box

TIME = pd.Timestamp("2021-01-01T00:00Z")
DEGREES = Affine(0.05, 0, 118.0, 0, -0.05, 36.0)
BOX = (118.0, 34.0, 120.5, 36.0)
# A tile of zoom 8 that the grid fills: 118.1 to 119.5, 34.3 to 35.5.
TILE = (8, 212, 101)


@pytest.fixture
def keep(tmp_path: Path):
    """Write a raster as the workspace does, and give the scene."""

    def write(
        values: object,
        transform: Affine = DEGREES,
        *,
        kind: str = "fire_mask",
        crs: int = 4326,
        box: tuple[float, float, float, float] = BOX,
    ) -> Scene:
        raster = Raster(np.array(values, dtype=np.float32), transform, CRS.from_epsg(crs), TIME, kind)
        name = f"{len(list(tmp_path.iterdir()))}.tif"
        write_cog(raster, tmp_path / name)
        return Scene(name, kind, box)

    return write


def picture(content: bytes) -> npt.NDArray[np.uint8]:
    found = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    assert found.shape == (TILE_PIXELS, TILE_PIXELS, 4)
    return found


def centres(tile: tuple[int, int, int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return longitude and latitude of a tile's pixels by the formula of the Mercator projection."""
    zoom, column, row = tile
    steps = (np.arange(TILE_PIXELS) + 0.5) / TILE_PIXELS
    x, y = (column + steps) / 2**zoom, (row + steps) / 2**zoom
    lat = [math.degrees(2 * math.atan(math.exp(math.pi * (1 - 2 * value))) - 90 * math.pi / 180) for value in y]
    lon, lats = np.meshgrid(x * 360 - 180, np.array(lat))
    return lon, lats


@given(zoom=st.integers(0, 14), lon=st.floats(-180, 179.9), lat=st.floats(-85, 85))
def test_boxes_of_tiles_hold_their_places(zoom: int, lon: float, lat: float) -> None:
    x = (lon + 180) / 360 * 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom
    west, south, east, north = tile_box((zoom, int(x), int(y)))
    assert west - 1e-9 <= lon <= east + 1e-9
    assert south - 1e-9 <= lat <= north + 1e-9
    assert east - west == pytest.approx(360 / 2**zoom)


@pytest.mark.parametrize("tile", [TILE, (10, 850, 403), (6, 53, 25), (7, 105, 50)])
def test_each_pixel_shows_the_value_at_its_place(keep, tmp_path, tile) -> None:
    values = np.random.default_rng(7).uniform(270, 430, (40, 50))
    values[5:9, 3:20] = np.nan
    scene = keep(values, kind="brightness_temperature")
    found = picture(raster_tile([scene], tile, find=tmp_path.joinpath))
    lon, lat = centres(tile)
    column, row = np.floor((lon - 118.0) / 0.05).astype(int), np.floor((36.0 - lat) / 0.05).astype(int)
    inside = (column >= 0) & (column < 50) & (row >= 0) & (row < 40)
    there = np.where(inside, values[row.clip(0, 39), column.clip(0, 49)], np.nan).astype(np.float32)
    wanted = colours_of(there, "brightness_temperature", classes=False)
    wrong = (found != wanted).any(axis=2) & ~((found[..., 3] == 0) & (wanted[..., 3] == 0))
    # GDAL takes places from the ends of each line, so a pixel whose centre lies on an edge may be its neighbour.
    assert wrong.mean() < 0.012 * 2 ** max(0, 8 - tile[0]), wrong.mean()
    assert (wanted[..., 3] > 0).any()


def test_neighbours_fit_together(keep, tmp_path) -> None:
    scene = keep(np.random.default_rng(1).integers(7, 10, (40, 50)))
    left, right = (picture(raster_tile([scene], (9, column, 203), find=tmp_path.joinpath)) for column in (424, 425))
    both = np.concatenate([left[:, -1], right[:, 0]])
    assert (both[:, 3] > 0).all(), "no seam"


def test_where_nothing_lies_there_is_no_picture(keep, tmp_path) -> None:
    scene = keep(np.full((40, 50), 8))
    empty = keep(np.full((40, 50), np.nan))
    assert raster_tile([scene], (8, 0, 0), find=tmp_path.joinpath) == b""
    assert raster_tile([empty], TILE, find=tmp_path.joinpath) == b""
    assert raster_tile([], TILE, find=tmp_path.joinpath) == b""


def test_the_first_of_a_kind_covers_the_others_where_it_has_values(keep, tmp_path) -> None:
    above, below = np.full((40, 50), 7.0), np.full((40, 50), 9.0)
    above[:, 25:] = np.nan
    found = picture(raster_tile([keep(above), keep(below)], TILE, find=tmp_path.joinpath))
    shown = {tuple(colour) for colour in found[found[..., 3] > 0]}
    assert shown == {MASK_COLOURS[7], MASK_COLOURS[9]}
    only = picture(raster_tile([keep(below), keep(above)], TILE, find=tmp_path.joinpath))
    assert {tuple(colour) for colour in only[only[..., 3] > 0]} == {MASK_COLOURS[9]}


def test_a_covered_raster_is_not_read(keep, tmp_path) -> None:
    top = keep(np.full((40, 50), 8.0))
    asked: list[str] = []

    def find(name: str) -> Path:
        asked.append(name)
        return tmp_path / name

    raster_tile([top, Scene("missing.tif", "fire_mask", BOX)], TILE, find=find)
    assert asked == [top.name]


def test_a_mask_lies_over_temperatures(keep, tmp_path) -> None:
    mask = np.zeros((40, 50))
    mask[20, 20] = 9
    kelvin = keep(np.full((40, 50), 330.0), kind="brightness_temperature")
    found = picture(raster_tile([keep(mask), kelvin], TILE, find=tmp_path.joinpath))
    assert tuple(found[128, 5]) == (254, 178, 76, 190)
    # 190 of 255 of the temperature under 245 of 255 of the fire, as Porter and Duff compose them.
    alpha = 245 / 255 + 190 / 255 * (1 - 245 / 255)
    red = (190 * 245 / 255 + 254 * 190 / 255 * (1 - 245 / 255)) / alpha
    fires = found[(found[..., 3] > 240)]
    assert fires[0, 0] == pytest.approx(red, abs=1.5)


def test_one_means_fire_only_where_there_are_no_classes(keep, tmp_path) -> None:
    # The tile sees ones alone; whether they are fire depends on the rest of the raster.
    ones = np.zeros((40, 50))
    ones[:, 40:] = 1
    classes = ones.copy()
    classes[39, 0] = 3
    tile = (10, 854, 404)
    binary = picture(raster_tile([keep(ones)], tile, find=tmp_path.joinpath))
    assert (binary == BINARY_FIRE).all(axis=2).any()
    assert not picture(raster_tile([keep(classes)], tile, find=tmp_path.joinpath)).any()


def test_webp_shows_the_same(keep, tmp_path) -> None:
    scene = keep(np.random.default_rng(3).uniform(280, 420, (40, 50)), kind="brightness_temperature")
    png, webp = (raster_tile([scene], TILE, find=tmp_path.joinpath, form=form) for form in ("png", "webp"))
    assert (png[:4], webp[:4], webp[8:12]) == (b"\x89PNG", b"RIFF", b"WEBP")
    assert np.array_equal(picture(png), picture(webp))
    assert png == raster_tile([scene], TILE, find=tmp_path.joinpath)


@settings(deadline=None, max_examples=10)
@given(code=st.sampled_from([32650, 4490, 3857, 4549]))
def test_other_projections_lie_in_their_place(tmp_path_factory, code: int) -> None:
    folder = tmp_path_factory.mktemp("crs")
    crs = CRS.from_epsg(code)
    to_crs = pyproj.Transformer.from_crs(4326, crs.to_wkt(), always_xy=True)
    x, y = to_crs.transform(119.0, 34.7)
    size = 0.01 if crs.is_geographic else 1000.0
    values = np.zeros((21, 21), dtype=np.float32)
    values[10, 10] = 9
    transform = Affine(size, 0, x - 10.5 * size, 0, -size, y + 10.5 * size)
    write_cog(Raster(values, transform, crs, TIME, "fire_mask"), folder / "a.tif")
    tile = (10, int((119.0 + 180) / 360 * 1024), 406)
    found = picture(raster_tile([Scene("a.tif", "fire_mask", (118, 34, 120, 35.5))], tile, find=folder.joinpath))
    rows, columns = np.nonzero(found[..., 3])
    lon, lat = centres(tile)
    assert lon[rows, columns].mean() == pytest.approx(119.0, abs=0.006)
    assert lat[rows, columns].mean() == pytest.approx(34.7, abs=0.006)


def test_a_damaged_raster_is_said(tmp_path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\x00 and nothing else")
    with pytest.raises(SourceUnavailable, match="a.tif cannot be drawn"):
        raster_tile([Scene("a.tif", "fire_mask", BOX)], TILE, find=tmp_path.joinpath)


def test_a_whole_city_at_the_smallest_zoom(keep, tmp_path) -> None:
    found = raster_tile([keep(np.full((40, 50), 8.0))], (0, 0, 0), find=tmp_path.joinpath)
    assert (picture(found)[..., 3] > 0).any(), "a box of two pixels"
