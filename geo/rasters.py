"""Satellite grids: read from GeoTIFF and NetCDF, written as cloud-optimised GeoTIFF (COG)."""

import os
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import rasterio
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.crs import CRS

from geo.errors import InvalidInput, SourceUnavailable
from geo.raster_geotiff import read_geotiff
from geo.raster_grid import GDAL_ERRORS, RawGrid, one_line, utc_time
from geo.raster_netcdf import read_netcdf

KINDS = ("fire_mask", "brightness_temperature")

# Classes of the MODIS and VIIRS fire masks; and what a thermal band can see, from cloud tops to a saturated fire.
MASK_CLASSES = (0, 9)
KELVIN_RANGE = (150.0, 1000.0)

_UNIT_OF = {"fire_mask": "1", "brightness_temperature": "K"}
_KELVIN = {"k", "kelvin", "degk", "degrees_kelvin"}
_CELSIUS = {"degc", "celsius", "°c", "degree_celsius", "degrees_celsius", "deg_c", "c"}
_MASK_NAME = re.compile(r"fire[ _-]?(mask|class|flag)|^mask\b")
_KELVIN_NAME = re.compile(r"brightness|(^|[ _])(bt|tb)([ _]|\d|$)|(^|[ _])(t4|t11|t21|t31|i4|i5|m13)([ _]|$)")
_RESERVED = {"time", "kind", "units", "tifftag_datetime", "area_or_point"}


@dataclass(frozen=True, eq=False)
class Raster:
    """A grid with its place, time and meaning.

    Attributes
    ----------
    values : ndarray of float32, shape (y, x)
        Fire-mask classes 0..9, or kelvin. NaN where there are no data.
    transform : Affine
        From (column, row) corners to the CRS.
    crs : rasterio.crs.CRS
    time : Timestamp (UTC) or None
    kind : "fire_mask" or "brightness_temperature"
    attrs : dict of str
        The file's metadata, keys in lower case, with `variable`, `units`, and `time_from`, `kind_from`: where time
        and kind were found.
    """

    values: NDArray[np.float32]
    transform: Affine
    crs: CRS
    time: pd.Timestamp | None
    kind: str
    attrs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the kind and the shape, and hold float32."""
        _check_kind_name(self.kind)
        values = np.asarray(self.values, dtype=np.float32)
        if values.ndim != 2 or not values.size:
            raise InvalidInput(f"a raster has rows and columns: the array has shape {values.shape}")
        object.__setattr__(self, "values", values)


def read_raster(
    path: str | os.PathLike[str],
    *,
    time: str | datetime | None = None,
    kind: str | None = None,
    variable: str | None = None,
) -> Raster:
    """Read a fire mask or a grid of brightness temperatures from a GeoTIFF or NetCDF file.

    The format is told by the content, not by the name.

    Parameters
    ----------
    path : path
        A local file.
    time : str or datetime, optional
        Time of acquisition; without zone it is UTC. It outranks the file's own time, and chooses the step where a
        NetCDF field has several. Without it: the CF time, else the metadata items time, acquisition_time,
        time_coverage_start, TIFFTAG_DATETIME, in this order.
    kind : str, optional
        "fire_mask" or "brightness_temperature". Without it: the metadata item kind, the units, flag meanings, the
        names, and last the values decide.
    variable : str, optional
        NetCDF variable, or GeoTIFF band by description or number, where there are several.

    Returns
    -------
    Raster
        North up for NetCDF; a GeoTIFF as it lies. Degrees Celsius become kelvin.

    Raises
    ------
    InvalidInput
        Not such a file, damaged, no georeference, no time, values that fit neither kind or not the one declared.
    SourceUnavailable
        The file is not there.
    """
    source = Path(path)
    if kind is not None:
        _check_kind_name(kind)
    asked = None if time is None else utc_time(time, "time")
    grid = _open(source, variable, asked)
    stamp = asked if asked is not None else grid.time
    if stamp is None:
        raise InvalidInput(f"{source.name} does not say when it was acquired: give the time, as 2024-06-12T05:30:00Z")
    values, kelvin_note = _to_kelvin(grid)
    decided, reason = (kind, "argument") if kind is not None else _decide_kind(grid, values, source)
    _check_values(values, decided, source)
    attrs = {key: text for key, text in grid.attrs.items() if key not in _RESERVED}
    attrs |= {"variable": grid.name, "units": _UNIT_OF[decided], "kind_from": reason}
    attrs |= {"time_from": "argument" if asked is not None else "file"} | kelvin_note
    return Raster(values.astype(np.float32), grid.transform, grid.crs, stamp, decided, attrs)


def write_cog(raster: Raster, path: str | os.PathLike[str]) -> Path:
    """Write a raster as a cloud-optimised GeoTIFF that `read_raster` and any GIS read back.

    The file appears whole or not at all: it is written beside its place and moved there. Time, kind, units and the
    attributes go into its metadata; NaN is the nodata value; overviews repeat pixels, so that classes stay classes.

    Parameters
    ----------
    raster : Raster
    path : path
        Its folder must exist; a file that is there is replaced.

    Returns
    -------
    Path

    Raises
    ------
    SourceUnavailable
        The folder is missing or cannot be written.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise SourceUnavailable(f"cannot write {target.name}: the folder {target.parent} is not there, create it first")
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        _write_cog(raster, part)
        with open(part, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(part, target)
    except (*GDAL_ERRORS, OSError) as error:
        raise SourceUnavailable(f"cannot write {target}: {one_line(error.__cause__ or error)}") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def pixel_centres_lonlat(
    raster: Raster, rows: ArrayLike, cols: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centres of pixels as WGS 84 longitude and latitude.

    Parameters
    ----------
    raster : Raster
        In any CRS; CGCS2000 counts as WGS 84.
    rows, cols : array_like of int, broadcastable
        From 0, row 0 being the first line of `raster.values`.

    Returns
    -------
    lon, lat : ndarray, degrees
        Longitudes within -180..180.

    Raises
    ------
    InvalidInput
        A pixel outside the grid, or a place that its CRS cannot bring to longitude and latitude.
    """
    row, col = np.broadcast_arrays(np.asarray(rows), np.asarray(cols))
    height, width = raster.values.shape
    if row.size and not ((row >= 0) & (row < height) & (col >= 0) & (col < width)).all():
        raise InvalidInput(f"a pixel lies outside the grid of {height} rows and {width} columns: count from 0")
    across, down, t = col + 0.5, row + 0.5, raster.transform
    to_lonlat = pyproj.Transformer.from_crs(raster.crs.to_wkt(), 4326, always_xy=True)
    x, y = t.a * across + t.b * down + t.c, t.d * across + t.e * down + t.f
    lon, lat = (np.asarray(a) for a in to_lonlat.transform(x, y))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise InvalidInput("some pixels have no longitude and latitude in the raster's CRS: cut it to the Earth")
    return np.where(np.abs(lon) > 180.0, (lon + 180.0) % 360.0 - 180.0, lon), lat


def _open(path: Path, variable: str | None, time: pd.Timestamp | None) -> RawGrid:
    if not path.is_file():
        raise SourceUnavailable(f"there is no file {path}: check the name")
    try:
        with path.open("rb") as stream:
            magic = stream.read(8)
    except OSError as error:
        raise SourceUnavailable(f"{path} cannot be opened: {one_line(error)}") from error
    if magic[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return read_geotiff(path, variable)
    if magic[:3] == b"CDF" or magic == b"\x89HDF\r\n\x1a\n":
        return read_netcdf(path, variable, time)
    found = "HDF4" if magic[:4] == b"\x0e\x03\x13\x01" else "neither GeoTIFF nor NetCDF"
    raise InvalidInput(f"{path.name} is {found}: give a GeoTIFF or a NetCDF grid")


def _to_kelvin(grid: RawGrid) -> tuple[NDArray[np.float64], dict[str, str]]:
    if grid.attrs.get("units", "").strip().lower() in _CELSIUS:
        return grid.values + 273.15, {"converted": "degrees Celsius to K (+273.15)"}
    return grid.values, {}


def _decide_kind(grid: RawGrid, values: NDArray[np.float64], path: Path) -> tuple[str, str]:
    tags = grid.attrs
    if tags.get("kind") in KINDS:
        return tags["kind"], "metadata"
    if tags.get("units", "").strip().lower() in _KELVIN | _CELSIUS:
        return "brightness_temperature", "units"
    names = " ".join([grid.name, tags.get("standard_name", ""), tags.get("long_name", "")]).lower()
    if "flag_meanings" in tags or _MASK_NAME.search(names):
        return "fire_mask", "name"
    if _KELVIN_NAME.search(names):
        return "brightness_temperature", "name"
    for kind in KINDS:
        if np.isfinite(values).any() and _misfits(values, kind) == 0:
            return kind, "values"
    raise InvalidInput(f"{path.name}: the values{_span(values)} {_EXPECTED}: check the file, or declare its kind")


_EXPECTED = (
    f"are neither a fire mask (whole classes {MASK_CLASSES[0]}..{MASK_CLASSES[1]}) nor brightness temperatures "
    f"({KELVIN_RANGE[0]:g}..{KELVIN_RANGE[1]:g} K)"
)


def _check_values(values: NDArray[np.float64], kind: str, path: Path) -> None:
    wrong = _misfits(values, kind)
    if wrong:
        low, high = MASK_CLASSES if kind == "fire_mask" else KELVIN_RANGE
        wanted = f"whole classes {low}..{high}" if kind == "fire_mask" else f"{low:g}..{high:g} K"
        raise InvalidInput(
            f"{path.name}: {wrong} pixels{_span(values)} do not fit the kind {kind} ({wanted}): "
            "check the kind, the units, and that missing pixels carry the file's nodata value"
        )


def _misfits(values: NDArray[np.float64], kind: str) -> int:
    """Count the pixels that cannot be of a kind; missing ones fit both."""
    valid = values[~np.isnan(values)]
    low, high = MASK_CLASSES if kind == "fire_mask" else KELVIN_RANGE
    fits = (valid >= low) & (valid <= high)
    if kind == "fire_mask":
        fits &= valid == np.round(valid)
    return int(valid.size - fits.sum())


def _span(values: NDArray[np.float64]) -> str:
    valid = values[np.isfinite(values)]
    return f" ({valid.min():g} to {valid.max():g})" if valid.size else " (all missing)"


def _check_kind_name(kind: str) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"unknown kind of raster {kind!r}: use one of {', '.join(KINDS)}")


def _write_cog(raster: Raster, path: Path) -> None:
    height, width = raster.values.shape
    profile = {
        "driver": "COG",
        "height": height,
        "width": width,
        "count": 1,
        "dtype": "float32",
        "crs": raster.crs,
        "transform": raster.transform,
        "nodata": np.nan,
        "compress": "DEFLATE",
        "predictor": "YES",
        "overview_resampling": "NEAREST",
    }
    tags = {key: text for key, text in raster.attrs.items() if key not in _RESERVED} | {"kind": raster.kind}
    if raster.time is not None:
        tags["time"] = raster.time.isoformat()
        tags["TIFFTAG_DATETIME"] = f"{raster.time:%Y:%m:%d %H:%M:%S}"
    with rasterio.open(path, "w", **profile) as out:
        out.write(raster.values, 1)
        out.update_tags(**tags)
        out.set_band_description(1, raster.attrs.get("variable", raster.kind))
        out.set_band_unit(1, raster.attrs.get("units", _UNIT_OF[raster.kind]))
