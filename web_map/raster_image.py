"""A fire raster as a picture in Web Mercator, with the place where the map has to put it."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio.warp
from affine import Affine
from PIL import Image
from rasterio.enums import Resampling

from geo.errors import MissingData
from geo.rasters import Raster

WEB_MERCATOR = "EPSG:3857"
MERCATOR_LATITUDE = 85.0511
MAX_PIXELS = 1024

# (value, red, green, blue, alpha): brightness temperature in K, interpolated between the stops.
KELVIN_STOPS: tuple[tuple[float, int, int, int, int], ...] = (
    (280.0, 70, 70, 110, 0),
    (300.0, 110, 110, 140, 45),
    (310.0, 255, 237, 160, 130),
    (330.0, 254, 178, 76, 190),
    (360.0, 240, 59, 32, 225),
    (420.0, 128, 0, 38, 240),
)
# Classes of the MODIS fire mask (MOD14): cloud, and fire of low, nominal and high confidence.
MASK_COLOURS: dict[int, tuple[int, int, int, int]] = {
    4: (150, 160, 170, 90),
    7: (255, 200, 60, 230),
    8: (255, 110, 0, 235),
    9: (190, 0, 30, 245),
}
BINARY_FIRE = (190, 0, 30, 240)


@dataclass(frozen=True)
class RasterImage:
    """A PNG and its corners: `bounds` is west, south, east, north in degrees (WGS 84)."""

    png: bytes
    bounds: tuple[float, float, float, float]
    width: int
    height: int


def raster_image(raster: Raster) -> RasterImage:
    """Draw a raster for a map in Web Mercator.

    Parameters
    ----------
    raster : Raster
        `kind` "brightness_temperature" (K) is drawn with `KELVIN_STOPS`; "fire_mask" with `MASK_COLOURS`, or,
        where no value is above 1, as fire (1) and no fire (0). NaN is transparent.

    Returns
    -------
    RasterImage
        Nearest-neighbour resampled, at most `MAX_PIXELS` on its longer side.

    Raises
    ------
    MissingData
        The raster lies across 180 degrees or outside the latitudes of Web Mercator.
    """
    values, bounds = _to_mercator(raster)
    rgba = colours_of(values, raster.kind, classes=bool((raster.values > 1).any()))
    return RasterImage(png_bytes(rgba), bounds, rgba.shape[1], rgba.shape[0])


def colours_of(values: npt.NDArray[np.float32], kind: str, *, classes: bool) -> npt.NDArray[np.uint8]:
    """Return the colours of a raster's values as the legend shows them, NaN transparent.

    Parameters
    ----------
    values : ndarray, shape (y, x), K or class
    kind : "brightness_temperature" or "fire_mask"
    classes : bool
        Whether a fire mask holds classes of MOD14; without them 1 is fire and 0 none.

    Returns
    -------
    ndarray of uint8, shape (y, x, 4)
    """
    return _mask_rgba(values, classes) if kind == "fire_mask" else _kelvin_rgba(values)


def _to_mercator(raster: Raster) -> tuple[npt.NDArray[np.float32], tuple[float, float, float, float]]:
    west, south, east, north = _mercator_bounds(raster)
    # Square pixels of about the raster's own size, so that no pixel of a fire is lost.
    pixel = min((east - west) / raster.values.shape[1], (north - south) / raster.values.shape[0])
    pixel = max(pixel, max(east - west, north - south) / MAX_PIXELS)
    columns, rows = max(1, round((east - west) / pixel)), max(1, round((north - south) / pixel))
    across, down = (east - west) / columns, (north - south) / rows
    out = np.full((rows, columns), np.nan, dtype=np.float32)
    rasterio.warp.reproject(
        raster.values,
        out,
        src_transform=raster.transform,
        src_crs=raster.crs,
        src_nodata=np.nan,
        dst_transform=Affine(across, 0.0, west, 0.0, -down, north),
        dst_crs=WEB_MERCATOR,
        dst_nodata=np.nan,
        resampling=Resampling.nearest,
    )
    lon, lat = rasterio.warp.transform(WEB_MERCATOR, "EPSG:4326", [west, east], [south, north])
    return out, (lon[0], lat[0], lon[1], lat[1])


def _mercator_bounds(raster: Raster) -> tuple[float, float, float, float]:
    height, width = raster.values.shape
    t = raster.transform
    x = [t.a * column + t.b * row + t.c for column in (0, width) for row in (0, height)]
    y = [t.d * column + t.e * row + t.f for column in (0, width) for row in (0, height)]
    box = (min(x), min(y), max(x), max(y))
    west, south, east, north = rasterio.warp.transform_bounds(raster.crs, "EPSG:4326", *box)
    south, north = max(south, -MERCATOR_LATITUDE), min(north, MERCATOR_LATITUDE)
    if not (west < east and south < north):
        raise MissingData("the raster has no place on a Web Mercator map: it crosses 180 degrees or lies at a pole")
    corners = rasterio.warp.transform("EPSG:4326", WEB_MERCATOR, [west, east], [south, north])
    return corners[0][0], corners[1][0], corners[0][1], corners[1][1]


def _kelvin_rgba(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    stops = np.array(KELVIN_STOPS)
    channels = [np.interp(values, stops[:, 0], stops[:, channel]) for channel in range(1, 5)]
    rgba = np.stack(channels, axis=-1)
    return np.where(np.isnan(values)[..., None], 0, rgba).round().astype(np.uint8)


def _mask_rgba(values: npt.NDArray[np.float32], classes: bool) -> npt.NDArray[np.uint8]:
    rgba = np.zeros((*values.shape, 4), dtype=np.uint8)
    for value, colour in (MASK_COLOURS if classes else {1: BINARY_FIRE}).items():
        rgba[values == value] = colour
    return rgba


def png_bytes(rgba: npt.NDArray[np.uint8]) -> bytes:
    """Return an 8-bit RGBA picture as PNG (ISO/IEC 15948): the same array gives the same bytes.

    Parameters
    ----------
    rgba : ndarray of uint8, shape (y, x, 4)
    """
    height, width = rgba.shape[:2]
    # Each row of a PNG begins with its filter; 0 is none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), rgba.reshape(height, width * 4)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def webp_bytes(rgba: npt.NDArray[np.uint8]) -> bytes:
    """Return an 8-bit RGBA picture as WebP without loss.

    Parameters
    ----------
    rgba : ndarray of uint8, shape (y, x, 4)
    """
    stream = io.BytesIO()
    Image.fromarray(rgba).save(stream, "WEBP", lossless=True, exact=True, method=0)
    return stream.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
