"""Read NetCDF meteorology (ERA5, GFS and others that follow CF) into the labelled form, lazily.

What stands in a file is found by its content: names, units and dimensions. A file may hold only some of the
variables; :func:`tracing.met.join.join` puts files together and :func:`tracing.met.complete.complete` adds heights.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.met import cf_names, wrf
from tracing.met.cf_names import STATIC, SURFACE, UPPER
from tracing.met.grid import LATLON, MetGrid, even_axis
from tracing.met.lazy import Row, lazy, plain
from tracing.met.precipitation import ACCUMULATED

# What one variable keeps of its file: many times of a regional field, one of a global one.
_BLOCK_BYTES = 16 * 2**20
_UNREADABLE = (OSError, RuntimeError, ValueError)
_HDF5, _CLASSIC = b"\x89HDF\r\n\x1a\n", (b"CDF\x01", b"CDF\x02")
_LATITUDE, _LONGITUDE = ("latitude", "lat"), ("longitude", "lon")
_TIME = ("valid_time", "time", "t")
_PRESSURE = ("pressure_level", "isobaricInhPa", "isobaric", "plev", "level", "lev", "pressure", "isobaricInPa")
_MODEL = ("model_level", "hybrid", "nhym", "lev", "level", "mlev")
_MODEL_WORDS = ("model", "hybrid", "eta")
_HALF = (("hyai", "hybi"), ("a_half", "b_half"), ("ap_bnds", "b_bnds"))


@dataclass(frozen=True)
class _Axes:
    """The file's names of the dimensions, and how its axes become ascending ones."""

    time: str
    lat: str
    lon: str
    level: str | None
    grid: MetGrid
    times: NDArray[Any]
    levels: NDArray[np.float64]
    vertical: str
    flip_lat: bool
    columns: int
    level_order: NDArray[np.intp]


def is_netcdf(head: bytes) -> bool:
    """Whether a file begins as NetCDF-4 (HDF5) or classic NetCDF does."""
    return head[:8] == _HDF5 or head[:4] in _CLASSIC


def read_netcdf(path: Path) -> xr.Dataset:
    """Return the meteorology of one NetCDF file, lazily: a field is read one time at a time, when asked for.

    Raises
    ------
    InvalidInput
        If the file is damaged, or its dimensions or units are not understood.
    """
    try:
        with path.open("rb") as file:
            engine = "h5netcdf" if file.read(8) == _HDF5 else "scipy"
        # decode_timedelta: a forecast step stays a number of hours, xarray would warn otherwise.
        ds = xr.open_dataset(path, engine=engine, cache=False, decode_timedelta=False)
    except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
        said = " ".join(str(error).split())
        raise InvalidInput(f"{path}: damaged or cut short NetCDF ({said}); copy the file again") from error
    if wrf.is_wrf(ds):
        return wrf.read_wrf(ds, str(path))
    return labelled(ds, str(path))


def labelled(ds: xr.Dataset, path: str) -> xr.Dataset:
    """Return a CF Dataset on longitude and latitude in the labelled form; ``path`` is for messages."""
    half = _half_levels(ds)
    if half and not any(name in ds.dims for name in _LATITUDE):
        return xr.Dataset(attrs=half)
    axes, producer = _axes(ds, path), _producer(ds)
    data = {}
    for name, array in ds.data_vars.items():
        found = _field(array.assign_attrs(producer=producer), str(name), axes, path)
        if found is not None and found[0] not in data:
            data[found[0]] = found[1]
    if not data:
        have = sorted(str(name) for name in ds.data_vars)
        raise InvalidInput(f"{path}: no field that is known among {have}; give wind u and v on levels, or u10 and v10")
    on_levels = any("level" in variable.dims for variable in data.values())
    units = {"units": "Pa" if axes.vertical == "pressure" else "1", "positive": "down"}
    level = {"level": plain("level", axes.levels, units)} if on_levels else {}
    time = {"time": plain("time", axes.times, {"standard_name": "time"})}
    vertical = {"vertical": axes.vertical} if on_levels else {}
    attrs = {"Conventions": "CF-1.11", "source": producer, "format": "NetCDF", **vertical, **half}
    return xr.Dataset(data, {**time, **level, **axes.grid.coordinates()}, {**attrs, **axes.grid.mapping_attrs()})


def _axes(ds: xr.Dataset, path: str) -> _Axes:
    lat, lon, time = (_dimension(ds, names) for names in (_LATITUDE, _LONGITUDE, _TIME))
    if lat is None or lon is None:
        raise InvalidInput(f"{path}: no latitude and longitude among the dimensions {sorted(map(str, ds.dims))}")
    level, vertical = _vertical(ds)
    lats, lons = (np.round(ds[name].values.astype(np.float64), 6) for name in (lat, lon))
    lons = np.rad2deg(np.unwrap(np.deg2rad(lons))).round(6)
    columns = int(np.searchsorted(lons, lons[0] + 360.0 - 1e-6)) if lons.size > 1 and lons[1] > lons[0] else lons.size
    flip = bool(lats.size > 1 and lats[0] > lats[-1])
    (x0, dx, nx), (y0, dy, ny) = (
        even_axis(f"{path}: {name}", values)
        for name, values in ((lon, lons[:columns]), (lat, lats[::-1] if flip else lats))
    )
    levels = _level_values(ds, level, vertical)
    order = np.argsort(-levels)
    grid = MetGrid(LATLON, x0, y0, dx, dy, nx, ny)
    return _Axes(
        time or "", lat, lon, level, grid, _times(ds, time, path), levels[order], vertical, flip, columns, order
    )


def _dimension(ds: xr.Dataset, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in ds.variables and ds[name].dims == (name,)), None)


def _vertical(ds: xr.Dataset) -> tuple[str | None, str]:
    """Return the level dimension of a file and whether it counts pressure or model levels."""
    for name in dict.fromkeys(_PRESSURE + _MODEL):
        if name in ds.dims:
            attrs = ds[name].attrs if name in ds.variables else {}
            words = f"{name} {attrs.get('long_name', '')} {attrs.get('standard_name', '')}".lower()
            model = any(word in words for word in _MODEL_WORDS) or name == "nhym" or "lnsp" in ds
            return name, "model" if model else "pressure"
    return None, "pressure"


def _level_values(ds: xr.Dataset, level: str | None, vertical: str) -> NDArray[np.float64]:
    if level is None:
        return np.empty(0)
    values = ds[level].values.astype(np.float64) if level in ds.variables else np.arange(1.0, ds.sizes[level] + 1)
    if vertical == "model":
        return values
    unit = cf_names.plain_unit(str(ds[level].attrs.get("units", "")))
    # Without a unit: no level of the troposphere is above 1100 in hPa, none below it in Pa.
    hecto = unit in ("hpa", "millibars", "millibar", "mbar", "mb") or (unit not in ("pa",) and values.max() < 1100.0)
    return np.round(values * (100.0 if hecto else 1.0), 4)


def _times(ds: xr.Dataset, time: str | None, path: str) -> NDArray[Any]:
    single = next((ds[name] for name in _TIME if name in ds.variables and ds[name].ndim == 0), None)
    values = ds[time].values if time else np.atleast_1d(single.values) if single is not None else None
    if values is None or not np.issubdtype(values.dtype, np.datetime64):
        raise InvalidInput(
            f"{path}: no time that is understood; a coordinate time or valid_time with CF units is needed"
        )
    return values.astype("datetime64[ns]")


def _field(array: xr.DataArray, name: str, axes: _Axes, path: str) -> tuple[str, xr.Variable] | None:
    """Return a file's variable in the labelled form, or None for one that is not used."""
    if not {axes.lat, axes.lon} <= set(array.dims):
        return None
    on_levels = axes.level is not None and axes.level in array.dims
    short = cf_names.identify(name, array.attrs, on_levels=on_levels)
    if short is None:
        return None
    if short == "z" and on_levels and axes.vertical == "model" and array.sizes[axes.level] == 1:
        short, on_levels = "zs", False
    unit = str(array.attrs.get("units", ""))
    scale = cf_names.to_si(short, unit, on_levels=on_levels)
    if scale is None:
        if short == "omega":
            return _field(array.rename("dzdt"), "dzdt", axes, path) if _is_speed(unit) else None
        raise InvalidInput(f"{path}: {name} has unit {unit!r}, which is not one of {short}; correct the attribute")
    array = _drop_members(array, axes, name, path)
    blocks = _Blocks(array, axes, on_levels=on_levels, path=path)
    rows = [_row(blocks, i, axes, scale, on_levels=on_levels) for i in range(axes.times.size)]
    size = (axes.grid.ny, axes.grid.nx)
    attrs = (UPPER if on_levels else SURFACE)[short].attrs()
    if short == "tp" and str(array.attrs.get("producer")) == "ERA5":
        # ERA5 adds up over the hour before, whatever step was downloaded.
        attrs[ACCUMULATED] = 1.0
    if short in STATIC:
        rows = rows[:1] * len(rows)
    return short, lazy(rows, (axes.levels.size, *size) if on_levels else size, attrs)


def _is_speed(unit: str) -> bool:
    return cf_names.to_si("w", unit, on_levels=True) is not None


def _drop_members(array: xr.DataArray, axes: _Axes, name: str, path: str) -> xr.DataArray:
    """Return the field without dimensions of one member; ``expver`` (final and preliminary ERA5) stays for the row."""
    keep = {axes.time, axes.lat, axes.lon, axes.level, "expver"}
    for dim in [d for d in array.dims if d not in keep]:
        if array.sizes[dim] > 1:
            raise InvalidInput(f"{path}: {name} has {array.sizes[dim]} values along {dim!r}; cut out one of them first")
        array = array.isel({dim: 0})
    return array


class _Blocks:
    """A file's variable, read some consecutive times at once and the last ones kept.

    A read of its own for every time costs 3 ms, and a file whose chunks hold many times is unpacked again for each.
    """

    def __init__(self, array: xr.DataArray, axes: _Axes, *, on_levels: bool, path: str) -> None:
        order = ("expver", axes.level, axes.lat, axes.lon) if on_levels else ("expver", axes.lat, axes.lon)
        inner = [dim for dim in order if dim in array.dims]
        self._timed, self._members = axes.time in array.dims, "expver" in array.dims
        self._array = array.variable.transpose(*([axes.time] if self._timed else []), *inner)
        self._said, self._times = f"{path}: {array.name}", axes.times
        bytes_per_time = 8 * int(np.prod([array.sizes[dim] for dim in inner]))
        self._n = max(1, _BLOCK_BYTES // bytes_per_time)
        self._lock = threading.Lock()
        self._kept: tuple[int, NDArray[Any]] = (-1, np.empty(0))

    def at(self, i: int) -> NDArray[Any]:
        """Return one time, ([level,] lat, lon), as the file holds it."""
        with self._lock:
            values = self._of_block(i) if self._timed else self._of_one(i)
        return _first_valid(values) if self._members else values

    def _of_block(self, i: int) -> NDArray[Any]:
        block = i // self._n
        if self._kept[0] != block:
            try:
                self._kept = (block, np.asarray(self._array[block * self._n : (block + 1) * self._n].values))
            except _UNREADABLE:
                # Which time is damaged shows when each is read alone.
                return self._of_one(i)
        return self._kept[1][i - block * self._n]

    def _of_one(self, i: int) -> NDArray[Any]:
        try:
            return np.asarray((self._array[i] if self._timed else self._array).values)
        except _UNREADABLE as error:
            when = f"{pd.Timestamp(self._times[i]):%Y-%m-%dT%H:%MZ}"
            raise InvalidInput(f"{self._said} at {when} cannot be read ({error}); copy the file again") from error


def _row(blocks: _Blocks, i: int, axes: _Axes, scale: tuple[float, float], *, on_levels: bool) -> Row:
    """Return the function that gives one time: SI, levels from the ground up, rows from the south."""
    factor, offset = scale

    def read() -> NDArray[Any]:
        values = blocks.at(i)
        values = values.reshape(-1, *values.shape[-2:]) if on_levels else values.reshape(values.shape[-2:])
        values = values[axes.level_order] if on_levels else values
        values = values[..., ::-1, :] if axes.flip_lat else values
        values = values[..., : axes.columns]
        values = values if scale == (1.0, 0.0) else values * factor + offset
        return values.astype(np.float32)

    return read


def _first_valid(members: NDArray[Any]) -> NDArray[Any]:
    """Return ERA5 where it is final, else the preliminary ERA5T, which comes second."""
    out = members[0]
    for other in members[1:]:
        out = np.where(np.isnan(out), other, out)
    return out


def _half_levels(ds: xr.Dataset) -> dict[str, Any]:
    """Return the coefficients of the half levels, top first, as attributes ``half_a`` (Pa) and ``half_b``."""
    for a, b in _HALF:
        if a in ds.variables and b in ds.variables:
            pair = [_edges(ds[name].values.astype(np.float64)) for name in (a, b)]
            order = slice(None) if pair[1][0] < pair[1][-1] else slice(None, None, -1)
            return {"half_a": pair[0][order].tolist(), "half_b": pair[1][order].tolist()}
    for array in ds.variables.values():
        if "GRIB_pv" in array.attrs:
            pv = np.asarray(array.attrs["GRIB_pv"], np.float64)
            return {"half_a": pv[: pv.size // 2].tolist(), "half_b": pv[pv.size // 2 :].tolist()}
    return {}


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values if values.ndim == 1 else np.append(values[:, 0], values[-1, 1])


def _producer(ds: xr.Dataset) -> str:
    said = " ".join(str(value) for value in ds.attrs.values()).lower()
    if "ecmwf" in said or "ecmf" in said or "copernicus" in said:
        return "ERA5"
    return "GFS" if "kwbc" in said or "ncep" in said or "gfs" in said else "NCDF"
