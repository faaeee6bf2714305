import math
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from affine import Affine
from rasterio.crs import CRS

from geo.errors import MissingData
from geo.rasters import Raster
from web_map.raster_image import BINARY_FIRE, MASK_COLOURS, MAX_PIXELS, png_bytes, raster_image

TIME = pd.Timestamp("2021-01-01T00:00Z")


def decode(png: bytes) -> npt.NDArray[np.uint8]:
    """Read an RGBA PNG whose rows have no filter, checking each chunk's sum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data, shape = 8, b"", (0, 0)
    while place < len(png):
        length = int.from_bytes(png[place : place + 4])
        kind, body = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert int.from_bytes(png[place + 8 + length : place + 12 + length]) == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 6)
            shape = (height, width)
        data += body if kind == b"IDAT" else b""
        place += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape[0], 1 + 4 * shape[1])
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(*shape, 4)


def raster(values: object, transform: Affine, epsg: int = 4326, kind: str = "fire_mask") -> Raster:
    return Raster(np.array(values, dtype=np.float32), transform, CRS.from_epsg(epsg), TIME, kind)


def test_png_holds_the_pixels() -> None:
    rgba = np.random.default_rng(3).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    assert np.array_equal(decode(png_bytes(rgba)), rgba)
    assert png_bytes(rgba) == png_bytes(rgba.copy())


def test_a_fire_lies_where_the_map_shows_it() -> None:
    values = np.zeros((40, 50))
    values[10, 30] = 9
    image = raster_image(raster(values, Affine(0.05, 0, 118.0, 0, -0.05, 36.0)))
    rgba = decode(image.png)
    rows, columns = np.nonzero((rgba == MASK_COLOURS[9]).all(axis=2))
    west, south, east, north = image.bounds
    assert image.bounds == pytest.approx((118.0, 34.0, 120.5, 36.0), abs=1e-6)

    def mercator(lat: float) -> float:
        return math.asinh(math.tan(math.radians(lat)))

    lon = west + (columns.mean() + 0.5) / image.width * (east - west)
    y = mercator(north) - (rows.mean() + 0.5) / image.height * (mercator(north) - mercator(south))
    lat = math.degrees(math.atan(math.sinh(y)))
    # The pixel's centre, within half a pixel of the picture.
    assert (lon, lat) == pytest.approx((119.525, 35.475), abs=0.03)


def test_a_mask_of_zeros_and_ones_shows_the_ones() -> None:
    rgba = decode(raster_image(raster([[0, 1], [np.nan, 0]], Affine(1, 0, 10, 0, -1, 2))).png)
    burning = (rgba == BINARY_FIRE).all(axis=2)
    assert burning.any()
    assert not rgba[~burning].any()


def test_kelvin_grows_from_nothing_to_opaque_and_nan_is_clear() -> None:
    values = [[250.0, 310.0, 360.0, 500.0, np.nan]]
    kelvin = raster(values, Affine(0.1, 0, 119, 0, -0.1, 0.05), kind="brightness_temperature")
    row = decode(raster_image(kelvin).png)[0]
    assert row.shape[0] == 5
    assert row[:, 3].tolist() == [0, 130, 225, 240, 0]


def test_other_projections_and_large_grids() -> None:
    utm = raster(np.full((1500, 1200), 8.0), Affine(100, 0, 500_000, 0, -100, 3_900_000), epsg=32650)
    image = raster_image(utm)
    assert max(image.width, image.height) <= MAX_PIXELS
    west, south, east, north = image.bounds
    assert west == pytest.approx(117.0, abs=0.05)
    assert 33.8 < south < north < 35.3
    assert (decode(image.png)[..., 3] > 0).mean() > 0.9


def test_what_web_mercator_cannot_hold_is_refused() -> None:
    with pytest.raises(MissingData, match="Web Mercator"):
        raster_image(raster([[1.0]], Affine(1, 0, 10, 0, -1, 89)))
