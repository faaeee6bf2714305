"""What every raster reader hands on: one grid of numbers with its place, time and metadata."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError

from geo.errors import InvalidInput

# A scene of the whole of China at 1 km has 30 million pixels; more than this would fill the memory of a small server.
MAX_PIXELS = 100_000_000

# GDAL's own errors reach the caller unwrapped from some of rasterio's paths.
GDAL_ERRORS = (RasterioError, CPLE_BaseError)

TIME_TAGS = ("time", "acquisition_time", "time_coverage_start", "tifftag_datetime")


@dataclass(frozen=True, eq=False)
class RawGrid:
    """A grid as the file holds it, after scale, offset and missing values, north up.

    values : ndarray, shape (y, x), NaN where the file has no data
    name : the variable, or the band's number and description
    attrs : metadata of the file and the variable, keys in lower case
    """

    values: NDArray[np.float64]
    transform: Affine
    crs: CRS
    time: pd.Timestamp | None
    name: str
    attrs: dict[str, str] = field(default_factory=dict)


def one_line(error: BaseException) -> str:
    """Return an error's message without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def check_size(height: int, width: int, path: Path) -> None:
    """Refuse grids that are too small to be one, or too large to hold.

    Raises
    ------
    InvalidInput
        Fewer than 2 x 2 or more than `MAX_PIXELS` pixels.
    """
    if height < 2 or width < 2:
        raise InvalidInput(f"{path.name}: a grid of {height} x {width} pixels is no raster: give at least 2 x 2")
    if height * width > MAX_PIXELS:
        raise InvalidInput(f"{path.name}: {height} x {width} pixels are more than {MAX_PIXELS:,}: cut the raster first")


def utc_time(value: object, where: str) -> pd.Timestamp:
    """Return a time as a UTC Timestamp; a time without zone is taken as UTC, as satellite products give it.

    Raises
    ------
    InvalidInput
        Not a time.
    """
    text = str(value).strip() if isinstance(value, str) else value
    # TIFF writes dates with colons: 2024:06:12 05:30:00.
    if isinstance(text, str) and text[4:5] == ":" and text[7:8] == ":":
        text = text[:4] + "-" + text[5:7] + "-" + text[8:]
    try:
        stamp = pd.Timestamp(text)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"{where}: {value!r} is no time: write it as 2024-06-12T05:30:00Z") from error
    if not isinstance(stamp, pd.Timestamp):
        raise InvalidInput(f"{where}: {value!r} is no time: write it as 2024-06-12T05:30:00Z")
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def time_from_tags(tags: dict[str, str], path: Path) -> pd.Timestamp | None:
    """Return the first time that the metadata name, or None; keys are in lower case."""
    for key in TIME_TAGS:
        if str(tags.get(key, "")).strip():
            return utc_time(tags[key], f"{path.name}, metadata item {key}")
    return None
