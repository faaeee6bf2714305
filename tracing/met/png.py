"""A 10 m wind of the whole Earth as pictures: red is u, green is v; a JSON file beside each says what 0 and 255 are.

Column 0 lies at 180 W and row 0 at 90 N, as the pictures of the GFS for wind maps on the web have it.
"""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from PIL import Image

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met.cf_names import SURFACE
from tracing.met.grid import LATLON, MetGrid
from tracing.met.lazy import lazy, plain

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BANDS = {"u10": 0, "v10": 1}
_NEEDED = ("date", "width", "height", "uMin", "uMax", "vMin", "vMax")
_FULL = 255.0
_SAID = "PNG 风场只有 8 位，分辨到其范围的 1/255 / the wind of the PNG has 8 bits: it is known to 1/255 of its range"


def is_png(head: bytes) -> bool:
    """Whether a file begins as PNG does, or as the JSON that stands beside one."""
    return head.startswith(_SIGNATURE) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def read_png(path: Path) -> xr.Dataset:
    """Return the 10 m wind of a picture and its JSON (same name, either may be given), lazily.

    Raises
    ------
    SourceUnavailable
        If one of the two cannot be read.
    InvalidInput
        If the JSON lacks a value, or picture and JSON do not fit.
    """
    picture, beside = path.with_suffix(".png"), path.with_suffix(".json")
    said = _said(beside, path)
    grid = _grid(said, beside)
    _check_picture(picture, grid)
    time = np.array([_time(said, beside)], "datetime64[ns]")
    data = {}
    for name, band in _BANDS.items():
        low, high = (float(said[f"{name[0]}{end}"]) for end in ("Min", "Max"))
        if not (np.isfinite([low, high]).all() and low < high):
            raise InvalidInput(f"{beside}: {name[0]}Min {low:g} is not below {name[0]}Max {high:g}; correct it")
        data[name] = lazy([partial(_read, picture, band, low, high)], (grid.ny, grid.nx), SURFACE[name].attrs())
    attrs: dict[str, Any] = {
        "Conventions": "CF-1.11",
        "source": "GFS" if "ncep" in str(said).lower() else "PNG",
        "format": "PNG",
    }
    attrs |= {"assumed": [_SAID], **grid.mapping_attrs()}
    return xr.Dataset(data, {"time": plain("time", time, {"standard_name": "time"}), **grid.coordinates()}, attrs)


def _said(beside: Path, given: Path) -> dict[str, Any]:
    try:
        said = json.loads(beside.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SourceUnavailable(
            f"{given}: a wind as PNG needs {beside.name} beside it, with {', '.join(_NEEDED)}; it cannot be read "
            f"({error.strerror})"
        ) from error
    except ValueError as error:
        raise InvalidInput(f"{beside}: not JSON ({error}); give the JSON of a PNG wind") from error
    missing = [name for name in _NEEDED if not isinstance(said, dict) or name not in said]
    if missing:
        raise InvalidInput(f"{beside}: {', '.join(missing)} missing; the JSON of a PNG wind has {', '.join(_NEEDED)}")
    wrong = [name for name in _NEEDED[1:] if isinstance(said[name], bool) or not isinstance(said[name], int | float)]
    if wrong:
        raise InvalidInput(f"{beside}: {wrong[0]} {said[wrong[0]]!r} is not a number; correct it")
    return said


def _time(said: dict[str, Any], beside: Path) -> pd.Timestamp:
    # The pictures' maker writes the hour as hundreds: T600:00Z is 06 UTC.
    text = re.sub(r"T(\d{1,2})00:00Z?$", r"T\1:00Z", str(said["date"]).strip())
    text = re.sub(r"T(\d):", r"T0\1:", text)
    try:
        time = pd.Timestamp(text)
    except ValueError as error:
        raise InvalidInput(f"{beside}: date {said['date']!r} is not a time; write it as 2016-11-20T00:00Z") from error
    if pd.isna(time):
        raise InvalidInput(f"{beside}: date {said['date']!r} is not a time; write it as 2016-11-20T00:00Z")
    return time.tz_convert("UTC").tz_localize(None) if time.tzinfo else time


def _grid(said: dict[str, Any], beside: Path) -> MetGrid:
    nx, ny = int(said["width"]), int(said["height"])
    step = 360.0 / max(nx, 1)
    # Rows from pole to pole, or without the South Pole.
    if nx < 4 or ny not in (round(180.0 / step), round(180.0 / step) + 1):
        raise InvalidInput(f"{beside}: {nx} x {ny} points do not go round the Earth in even steps; give a global wind")
    return MetGrid(LATLON, -180.0, 90.0 - step * (ny - 1), step, step, nx, ny)


def _check_picture(picture: Path, grid: MetGrid) -> None:
    try:
        with Image.open(picture, formats=["PNG"]) as image:
            found, mode = image.size, image.mode
    except FileNotFoundError as error:
        raise SourceUnavailable(f"{picture}: cannot be read (it is not there); put it beside its JSON") from error
    except (OSError, SyntaxError) as error:
        raise InvalidInput(f"{picture}: not a PNG that can be read ({error}); copy the file again") from error
    if found != (grid.nx, grid.ny):
        raise InvalidInput(
            f"{picture}: {found[0]} x {found[1]} points, but its JSON says {grid.nx} x {grid.ny}; "
            "give the two that belong together"
        )
    if mode not in ("RGB", "RGBA"):
        raise InvalidInput(f"{picture}: colours of kind {mode}; red (u) and green (v) of 8 bits are needed")


def _read(picture: Path, band: int, low: float, high: float) -> NDArray[np.float32]:
    try:
        with Image.open(picture, formats=["PNG"]) as image:
            levels = np.asarray(image)[..., band]
    except (OSError, SyntaxError) as error:
        raise InvalidInput(f"{picture}: damaged or cut short ({error}); copy the file again") from error
    return (low + (high - low) * levels[::-1] / _FULL).astype(np.float32)
