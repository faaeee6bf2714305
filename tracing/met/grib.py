"""GRIB meteorology (GFS, ERA5) through cfgrib, which the optional extra ``grib`` brings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met.cf_names import identify
from tracing.met.join import Part, join
from tracing.met.netcdf import labelled
from tracing.met.precipitation import ACCUMULATED

_ON_LEVELS = ("isobaricInhPa", "isobaricInPa")
_AT_GROUND = ("surface", "heightAboveGround", "meanSea")
_HOUR = np.timedelta64(1, "h")


def is_grib(head: bytes) -> bool:
    """Whether a file begins as GRIB does."""
    return head[:4] == b"GRIB"


def read_grib(path: Path) -> xr.Dataset:
    """Return the meteorology of one GRIB file on pressure levels and at the ground.

    Fields on other surfaces are passed over. A variable on other levels than the wind has NaN where it has none.

    Raises
    ------
    SourceUnavailable
        If cfgrib is not installed; says what to install.
    InvalidInput
        If the file is damaged or holds none of the fields.
    """
    cfgrib = _cfgrib(path)
    try:
        # No index file is left beside the data.
        cubes = cfgrib.open_datasets(str(path), backend_kwargs={"indexpath": ""}, cache=False)
    except (OSError, EOFError, ValueError, KeyError, cfgrib.DatasetBuildError) as error:
        said = " ".join(str(error).split())
        raise InvalidInput(f"{path}: damaged or cut short GRIB ({said}); copy the file again") from error
    parts = [part for cube in _on_one_set_of_levels(cubes) for part in _parts(cube, str(path))]
    if not parts:
        raise InvalidInput(f"{path}: no wind on pressure levels and no field at the ground; give GFS or ERA5 fields")
    met = join(parts)
    return met.assign_attrs(format="GRIB")


def _cfgrib(path: Path) -> Any:
    # pyproj is loaded by now, by tracing.met.grid: cfgrib loaded before it crashes the interpreter at its end.
    try:
        import cfgrib
    except (ImportError, RuntimeError) as error:
        raise SourceUnavailable(
            f"{path}: GRIB needs the optional extra grib; install it with: pip install 'suyuan[grib]' ({error})"
        ) from error
    return cfgrib


def _kind(cube: xr.Dataset) -> str:
    return next((str(array.attrs.get("GRIB_typeOfLevel", "")) for array in cube.data_vars.values()), "")


def _on_one_set_of_levels(cubes: list[xr.Dataset]) -> Iterator[xr.Dataset]:
    """Return the cubes at the ground, and those on pressure levels put on the levels of the wind."""
    yield from (cube for cube in cubes if _kind(cube) in _AT_GROUND)
    upper = [cube for cube in cubes if _kind(cube) in _ON_LEVELS]
    upper = [cube if cube[_kind(cube)].ndim else cube.expand_dims(_kind(cube)) for cube in upper]
    wind = next((cube for cube in upper if "u" in cube), None)
    for cube in upper if wind is not None else ():
        name = _kind(cube)
        if wind is not None and name in wind.coords:
            same = np.array_equal(cube[name].values, wind[name].values)
            yield cube if same else cube.reindex({name: wind[name].values})


def _accumulated(source: str, begin_hour: int, longest: float) -> float:
    """Return over how many hours of the clock a producer adds up precipitation."""
    if source == "GFS":
        return 6.0
    # ERA5's short forecasts from 06 and 18 UTC hold single hours; all others of ECMWF count from their beginning.
    return 1.0 if begin_hour in (6, 18) and longest <= 18.0 else np.inf


def _parts(cube: xr.Dataset, path: str) -> Iterator[Part]:
    """Return one labelled part per analysis or forecast that a cube holds; none if no field is known."""
    on_levels = _kind(cube) in _ON_LEVELS
    if not any(identify(str(name), array.attrs, on_levels=on_levels) for name, array in cube.data_vars.items()):
        return
    for dim in ("time", "step"):
        cube = cube if dim in cube.dims else cube.expand_dims(dim)
    for k in range(cube.sizes["time"]):
        run = cube.isel(time=k)
        ahead = run["step"].values
        hours = ahead / _HOUR if np.issubdtype(ahead.dtype, np.timedelta64) else ahead
        run = run.drop_vars(["valid_time", "time"], errors="ignore").assign_coords(
            step=run["time"].values + (hours * 3600.0).round().astype("timedelta64[s]")
        )
        data = labelled(run.rename(step="valid_time"), path)
        if "tp" in data:
            data["tp"].attrs[ACCUMULATED] = _accumulated(
                data.attrs["source"], int(run["time"].dt.hour), float(hours.max())
            )
        yield path, data.assign_coords(forecast_h=("time", np.rint(hours).astype(np.int64), {"units": "h"}))
