"""Model levels (ERA5's hybrid levels, WRF's eta levels) onto constant heights above the ground."""

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import MissingData
from tracing.met.heights import GRAVITY, R_DRY
from tracing.met.lazy import at_time, lazy
from tracing.vertical_kernel import interpolate_columns

L137_LEVELS = 137
_VIRTUAL = 0.608
_FIELDS = ("u", "v", "omega", "t", "q")

Array = NDArray[np.float64]


@cache
def l137() -> tuple[Array, Array]:
    """Return the half levels' coefficients a (Pa) and b of ECMWF's 137 levels (ERA5), shape (138,), from the top."""
    table = resources.files("tracing.met").joinpath("half_levels_l137.csv").read_text(encoding="utf-8")
    values = np.loadtxt(table.splitlines(), delimiter=",", skiprows=3)
    return values[:, 1], values[:, 2]


def half_level_heights(half: Array, virtual: Array) -> tuple[Array, Array]:
    """Return pressure (Pa) and height above the ground (m) of full levels between half levels.

    Parameters
    ----------
    half : ndarray, shape (level + 1, y, x), Pa, from the ground up
    virtual : ndarray, shape (level, y, x), virtual temperature, K

    Notes
    -----
    Full-level pressure is the mean of its half levels; the height is that of Simmons and Burridge (1981),
    doi:10.1175/1520-0493(1981)109<0758:AEAAMC>2.0.CO;2, eq. 3.19: half a level's thickness by the factor alpha.
    """
    below, above = half[:-1], np.maximum(half[1:], 1e-3)
    log = np.log(below / above)
    alpha = np.where(half[1:] <= 0.0, np.log(2.0), 1.0 - above / (below - above) * log)
    layer = R_DRY / GRAVITY * virtual * log
    edge = np.concatenate([np.zeros_like(layer[:1]), np.cumsum(layer, axis=0)[:-1]])
    return 0.5 * (half[:-1] + half[1:]), edge + R_DRY / GRAVITY * virtual * alpha


def on_constant_heights(met: xr.Dataset) -> xr.Dataset:
    """Return fields of model levels on constant heights above ground (``vertical`` is then ``terrain``), lazily.

    The heights are the highest that each level has over the first time's field. Values between levels are linear in
    height (pressure: its logarithm), below the lowest level those of the lowest, above the highest NaN.

    Raises
    ------
    MissingData
        If the coefficients of the half levels are missing or do not reach the levels of the file.
    """
    target = _columns(met, 0)[1].reshape(met.sizes["level"], -1).max(axis=1)
    names = [name for name in _FIELDS if name in met]
    kept: dict[int, dict[str, NDArray[np.float32]]] = {}

    def at(i: int) -> dict[str, NDArray[np.float32]]:
        # All fields of a time share the work; only the last time is kept.
        found = kept.get(i)
        if found is None:
            found = _interpolated(met, i, names, target)
            kept.clear()
            kept[i] = found
        return found

    shape = (target.size, met.sizes["y"], met.sizes["x"])
    out = met.drop_vars([name for name in met.data_vars if "level" in met[name].dims])
    out = out.assign_coords(level=("level", target, {"units": "m", "positive": "up"}))
    for name in (*names, "p"):
        rows = [lambda i=i, name=name: at(i)[name] for i in range(met.sizes["time"])]
        attrs = met[name].attrs if name in met else {"standard_name": "air_pressure", "units": "Pa"}
        out[name] = lazy(rows, shape, attrs)
    out.attrs |= {"vertical": "terrain"}
    said = (
        "模式层插值到离地等高面 / model levels were interpolated to constant heights above the ground, linear in height"
    )
    out.attrs["assumed"] = [*met.attrs.get("assumed", ()), said]
    return out


def _interpolated(met: xr.Dataset, i: int, names: list[str], target: Array) -> dict[str, NDArray[np.float32]]:
    pressure, height = _columns(met, i)
    now = at_time(met, i)
    stacked = np.stack([*(np.asarray(now[name].values, np.float64) for name in names), np.log(pressure)])
    n, levels = stacked.shape[:2]
    wanted = np.ascontiguousarray(np.broadcast_to(target[:, None], (target.size, height[0].size)))
    flat = interpolate_columns(height.reshape(levels, -1), stacked.reshape(n, levels, -1), wanted)
    flat = np.where(wanted > np.maximum(height[-1].ravel(), target[-2]), np.nan, flat)
    flat[-1] = np.exp(flat[-1])
    shaped = flat.reshape(n, target.size, *height.shape[1:]).astype(np.float32)
    return dict(zip((*names, "p"), shaped, strict=True))


def _columns(met: xr.Dataset, i: int) -> tuple[Array, Array]:
    """Return pressure (Pa) and height above ground (m) of time ``i``, levels from the ground up."""
    now = at_time(met, i)
    if "height_agl" in now and "p" in now:
        pressure, height = (np.asarray(now[name].values, np.float64) for name in ("p", "height_agl"))
        return pressure, height
    half = _half_pressures(met, np.asarray(now["sp"].values, np.float64))
    virtual = np.asarray(now["t"].values, np.float64)
    if "q" in now:
        virtual = virtual * (1.0 + _VIRTUAL * np.asarray(now["q"].values, np.float64))
    return half_level_heights(half, virtual)


def _half_pressures(met: xr.Dataset, surface: Array) -> Array:
    a, b = (np.asarray(met.attrs.get(key, ()), np.float64) for key in ("half_a", "half_b"))
    levels: Any = np.rint(met["level"].values).astype(int)
    if a.size < 2:
        raise MissingData(
            f"meteorology: {levels.size} model levels up to number {levels.max()} without their coefficients, and not "
            "ERA5's 137; add a NetCDF file with hyai and hybi to the others"
        )
    if levels[0] != a.size - 1 or np.any(np.diff(levels) != -1):
        raise MissingData(
            f"meteorology: model levels {levels[-1]} to {levels[0]} of {a.size - 1}; levels from the ground "
            f"({a.size - 1}) up without gaps are needed; add those that are missing"
        )
    edges = np.append(levels, levels[-1] - 1)
    return a[edges][:, None, None] + b[edges][:, None, None] * surface
