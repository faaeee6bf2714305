"""Reads one two-dimensional field of a CF NetCDF file."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from geo.errors import InvalidInput, SourceUnavailable
from geo.raster_grid import RawGrid, check_size, one_line, time_from_tags, utc_time

_AXIS_BY_STANDARD_NAME = {
    "latitude": "lat",
    "longitude": "lon",
    "projection_y_coordinate": "y",
    "projection_x_coordinate": "x",
    "time": "time",
}
_AXIS_BY_NAME = {"lat": "lat", "latitude": "lat", "lon": "lon", "longitude": "lon", "y": "y", "x": "x", "time": "time"}
_METRES = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "km": 1000.0}


def read_netcdf(path: Path, variable: str | None = None, time: pd.Timestamp | None = None) -> RawGrid:
    """Read one field on a regular grid.

    Parameters
    ----------
    path : Path
        NetCDF-3 or NetCDF-4, coordinates ascending or descending.
    variable : str, optional
        Needed only where several fields are grids.
    time : Timestamp (UTC), optional
        Chooses the step where the field has several; it must be one of them.

    Returns
    -------
    RawGrid
        Scale, offset, fill value and valid range applied; north up, west first. Longitudes beyond 180 degrees are
        brought back where the grid stays regular. Without a grid mapping the coordinates are WGS 84 degrees.

    Raises
    ------
    InvalidInput
        Not NetCDF, damaged, no grid, several candidates, no or irregular coordinates, an ambiguous or unknown time.
    SourceUnavailable
        The NetCDF-4 library is not installed.
    """
    try:
        with xr.open_dataset(path, cache=False) as dataset:
            return _read(dataset, path, variable, time)
    except ImportError as error:
        raise SourceUnavailable(f"{path.name} needs a library that is missing: {one_line(error)}") from error
    except InvalidInput:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise InvalidInput(f"{path.name} cannot be read as NetCDF: {one_line(error)}") from error


def _read(dataset: xr.Dataset, path: Path, variable: str | None, time: pd.Timestamp | None) -> RawGrid:
    field = _choose(dataset, path, variable)
    axes = _axes(field)
    field, stamp = _at_time(field, dataset, path, time)
    geographic = "lat" in axes
    y, x = (axes["lat"], axes["lon"]) if geographic else (axes["y"], axes["x"])
    plane = _plane(field, y, x, path)
    values, rows, columns = _valid(plane), _numbers(plane[y], path), _numbers(plane[x], path)
    if geographic:
        if rows.min() < -90.5 or rows.max() > 90.5:
            raise InvalidInput(f"{path.name}: latitudes run from {rows.min():g} to {rows.max():g}: they are no degrees")
        columns, values = _wrap(columns, values)
    values, transform = _north_up(values, columns, rows, path)
    crs = _crs(field, dataset, geographic, path)
    return RawGrid(values, transform, crs, stamp, str(field.name), _tags(field, dataset))


def _plane(field: xr.DataArray, y: str, x: str, path: Path) -> xr.DataArray:
    extra = [str(dim) for dim in field.dims if dim not in (y, x)]
    if any(field.sizes[dim] > 1 for dim in extra):
        raise InvalidInput(f"{path.name}: {field.name} is more than a grid (also by {', '.join(extra)}): cut it first")
    check_size(field.sizes[y], field.sizes[x], path)
    return field.squeeze(extra, drop=True).transpose(y, x)


def _choose(dataset: xr.Dataset, path: Path, variable: str | None) -> xr.DataArray:
    grids = [str(name) for name, field in dataset.data_vars.items() if _is_grid(field)]
    if variable is not None:
        if variable not in dataset.data_vars:
            raise InvalidInput(f"{path.name} has no variable {variable!r}: its grids are {', '.join(grids) or 'none'}")
        if variable not in grids:
            raise InvalidInput(f"{path.name}: {variable} has no regular grid of coordinates: {_no_grid(dataset)}")
        return dataset[variable]
    if not grids:
        raise InvalidInput(f"{path.name} holds no variable on a regular grid: {_no_grid(dataset)}")
    if len(grids) > 1:
        raise InvalidInput(f"{path.name} holds several grids: name one of {', '.join(grids)} as the variable")
    return dataset[grids[0]]


def _no_grid(dataset: xr.Dataset) -> str:
    swath = any(_axis(dataset[name]) == "lat" and dataset[name].ndim == 2 for name in dataset.variables)
    return "it is a swath, resample it to a regular grid first" if swath else "give lat and lon, or x and y with a CRS"


def _is_grid(field: xr.DataArray) -> bool:
    axes = _axes(field)
    return np.issubdtype(field.dtype, np.number) and ({"lat", "lon"} <= set(axes) or {"y", "x"} <= set(axes))


def _axes(field: xr.DataArray) -> dict[str, str]:
    """Return which dimension is lat, lon, y, x or time, from the dimensions' own coordinates."""
    found = {}
    for dim in field.dims:
        if dim in field.coords and (axis := _axis(field.coords[dim])):
            found[axis] = str(dim)
    return found


def _axis(coordinate: xr.DataArray) -> str | None:
    standard_name = str(coordinate.attrs.get("standard_name", ""))
    if standard_name in _AXIS_BY_STANDARD_NAME:
        return _AXIS_BY_STANDARD_NAME[standard_name]
    units = str(coordinate.attrs.get("units", "")).lower()
    if re.fullmatch(r"degrees?_?n(orth)?", units):
        return "lat"
    if re.fullmatch(r"degrees?_?e(ast)?", units):
        return "lon"
    return _AXIS_BY_NAME.get(str(coordinate.name).lower())


def _at_time(
    field: xr.DataArray, dataset: xr.Dataset, path: Path, wanted: pd.Timestamp | None
) -> tuple[xr.DataArray, pd.Timestamp | None]:
    """Return the field at one time, and that time: from its own axis, a scalar time, or the file's metadata."""
    dim = _axes(field).get("time")
    if dim is None:
        single = next((v for v in dataset.variables.values() if v.dtype.kind == "M" and v.size == 1), None)
        if single is not None and not pd.isna(single.values.ravel()[0]):
            return field, utc_time(pd.Timestamp(single.values.ravel()[0]), path.name)
        return field, time_from_tags(_tags(field, dataset), path)
    if field[dim].dtype.kind != "M":
        raise InvalidInput(f"{path.name}: {dim} has no CF time units: write them as 'hours since 2024-01-01'")
    times = [utc_time(pd.Timestamp(value), path.name) for value in field[dim].values]
    if len(times) == 1:
        return field.isel({dim: 0}, drop=True), times[0]
    span = f"{len(times)} times from {times[0]:%Y-%m-%dT%H:%M:%SZ} to {times[-1]:%Y-%m-%dT%H:%M:%SZ}"
    if wanted is None:
        raise InvalidInput(f"{path.name} holds {span}: say which one")
    if wanted not in times:
        raise InvalidInput(f"{path.name} holds {span}, none at {wanted:%Y-%m-%dT%H:%M:%SZ}: name one that is there")
    return field.isel({dim: times.index(wanted)}, drop=True), wanted


def _valid(plane: xr.DataArray) -> NDArray[np.float64]:
    """Return the values with those outside the CF valid range missing; its limits are in packed units."""
    values = plane.values.astype(float)
    low, high = plane.attrs.get("valid_min", -np.inf), plane.attrs.get("valid_max", np.inf)
    if "valid_range" in plane.attrs:
        low, high = np.ravel(plane.attrs["valid_range"])[:2]
    scale, offset = float(plane.encoding.get("scale_factor", 1.0)), float(plane.encoding.get("add_offset", 0.0))
    ends = sorted((float(low) * scale + offset, float(high) * scale + offset))
    # Unpacking may go through float32: a thousandth of a packed step leaves room for its rounding.
    slack = 1e-3 * abs(scale) if scale != 1.0 else 0.0
    return np.where((values >= ends[0] - slack) & (values <= ends[1] + slack), values, np.nan)


def _numbers(coordinate: xr.DataArray, path: Path) -> NDArray[np.float64]:
    values = np.asarray(coordinate.values, dtype=float)
    if not np.isfinite(values).all():
        raise InvalidInput(f"{path.name}: coordinate {coordinate.name} has gaps: it must be complete")
    if _axis(coordinate) in ("lat", "lon"):
        return values
    units = str(coordinate.attrs.get("units", "m")).lower()
    if units not in _METRES:
        raise InvalidInput(f"{path.name}: coordinate {coordinate.name} is in {units!r}: give it in m or km")
    return values * _METRES[units]


def _wrap(lon: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bring longitudes of 0..360 to -180..180 where the columns stay one regular run."""
    if lon.max() <= 180.0:
        return lon, values
    wrapped = (lon + 180.0) % 360.0 - 180.0
    order = np.argsort(wrapped)
    steps = np.diff(wrapped[order])
    if steps.max() > 1.5 * np.median(steps) or steps.min() < 0.5 * np.median(steps):
        return lon, values
    return wrapped[order], values[:, order]


def _north_up(
    values: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], path: Path
) -> tuple[NDArray[np.float64], Affine]:
    if x[0] > x[-1]:
        x, values = x[::-1], values[:, ::-1]
    if y[0] < y[-1]:
        y, values = y[::-1], values[::-1]
    for name, centres in (("column", x), ("row", y)):
        even = np.linspace(centres[0], centres[-1], centres.size)
        if centres[0] == centres[-1] or np.abs(centres - even).max() > 0.05 * abs(even[1] - even[0]):
            raise InvalidInput(f"{path.name}: the {name} coordinates are not evenly spaced: resample it first")
    dx, dy = (x[-1] - x[0]) / (x.size - 1), (y[-1] - y[0]) / (y.size - 1)
    return np.ascontiguousarray(values), Affine(dx, 0.0, x[0] - dx / 2.0, 0.0, dy, y[0] - dy / 2.0)


def _crs(field: xr.DataArray, dataset: xr.Dataset, geographic: bool, path: Path) -> CRS:
    name = field.encoding.get("grid_mapping", field.attrs.get("grid_mapping"))
    if name is None or name not in dataset.variables:
        if geographic:
            return CRS.from_epsg(4326)
        raise InvalidInput(f"{path.name}: {field.name} has x and y but no grid mapping: no georeference")
    try:
        crs = pyproj.CRS.from_cf(dataset[name].attrs)
    except (pyproj.exceptions.CRSError, KeyError) as error:
        raise InvalidInput(f"{path.name}: grid mapping {name} is not understood ({one_line(error)})") from error
    if crs.is_geographic != geographic:
        raise InvalidInput(f"{path.name}: grid mapping {name} does not fit the coordinates of {field.name}")
    return CRS.from_wkt(crs.to_wkt())


def _tags(field: xr.DataArray, dataset: xr.Dataset) -> dict[str, str]:
    return {str(key).lower(): str(value) for key, value in {**dataset.attrs, **field.attrs}.items()}
