"""One time of a meteorological Dataset as columns above ground: heights, pressure, wind and the air near the ground."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from tracing.met.grid import grid_of, say_period
from tracing.met.lazy import at_time
from tracing.met.levels import level_pressure

GRAVITY = 9.80665
R_DRY = 287.04
KAPPA = 0.286
Z_TOP_M = 25_000.0
DEFAULT_ROUGHNESS_M = 0.2
_WIND_HEIGHT_M = 10.0
_VIRTUAL = 0.608

# Places in Columns.values.
_U, _V, _OMEGA, _LOG_P, _T, _HUMIDITY = range(6)
_UPPER = {"u": _U, "v": _V, "omega": _OMEGA, "t": _T}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """Fields of one time, shape (level, y, x), the first level being the ground; NaN where the file has none.

    ``height`` m above ground (below zero: under the ground). ``values``, shape (6, level, y, x), holds side by side
    what is interpolated: ``u`` and ``v`` m s-1, ``omega`` Pa s-1 (all NaN if absent), the logarithm of the pressure in
    Pa, ``temperature`` K, and specific ``humidity`` kg/kg, 0 where the file does not say.
    """

    height: Array
    values: Array

    @property
    def u(self) -> Array:
        """Wind to the east of the grid, m s-1."""
        return self.values[_U]

    @property
    def pressure(self) -> Array:
        """Pressure, Pa."""
        return np.exp(self.values[_LOG_P])


def check_variables(met: xr.Dataset) -> None:
    """Raise MissingData where wind or the means to place it above ground are missing.

    Raises
    ------
    MissingData, InvalidInput
        Naming what is missing and what is there.
    """
    have = sorted(str(name) for name in met.data_vars)
    for name in ("u", "v"):
        if name not in met:
            raise MissingData(
                f"meteorology {say_period(met)}: no wind component {name}; it holds {have}; give a file with u and v"
            )
    kind = met.attrs.get("vertical", "pressure")
    if kind not in ("pressure", "sigma", "hybrid", "terrain"):
        raise InvalidInput(
            f"meteorology: vertical coordinate {kind!r} is not known; use pressure, sigma, hybrid or terrain"
        )
    needed = {"pressure": ("z", "t"), "sigma": ("t", "sp"), "hybrid": ("t", "sp"), "terrain": ("p", "t")}[kind]
    missing = [name for name in needed if name not in met]
    if missing and not (kind == "pressure" and "z" in met):
        raise MissingData(
            f"meteorology {say_period(met)}: {missing} missing, needed to place {kind} levels above ground; "
            f"it holds {have}"
        )
    if "zs" not in met and "sp" not in met:
        raise MissingData(
            f"meteorology {say_period(met)}: neither terrain height zs nor surface pressure sp; it holds {have}"
        )


def terrain_height(met: xr.Dataset) -> Array:
    """Return the height of the ground above sea level, m, shape (y, x).

    Where the file does not give it: the height at which the first time's pressure is the surface pressure.
    """
    if "zs" in met:
        return np.asarray(met.variables["zs"][0].values, np.float64)
    if "z" not in met:
        raise MissingData("meteorology: no terrain height zs and no geopotential height z to find it; add one of them")
    first = at_time(met, 0)
    log_p = np.log(first["level"].values.astype(np.float64))
    z, target = first["z"].values.astype(np.float64), np.log(first["sp"].values.astype(np.float64))
    k = np.clip((log_p[:, None, None] > target).sum(axis=0) - 1, 0, log_p.size - 2)[None]
    low, high = (np.take_along_axis(z, i, 0)[0] for i in (k, k + 1))
    share = (target - log_p[k[0]]) / (log_p[k[0] + 1] - log_p[k[0]])
    return np.asarray(low + share * (high - low))


def columns_at(met: xr.Dataset, i: int, terrain: Array, roughness_m: Array) -> Columns:
    """Return the columns of time ``i``.

    Parameters
    ----------
    met : Dataset of :func:`tracing.met.open_met`
    terrain, roughness_m : ndarray, shape (y, x), m

    Raises
    ------
    MissingData
        If a value above ground is NaN on a level that holds others; names file, time and place.

    Notes
    -----
    The 10 m wind of the file stands at the ground. Without one: the wind of the first level times
    ln(z10 / z0) / ln(z1 / z0), z10 being 10 m shrunk with the coordinate. Without a 2 m temperature the air below the
    first level is adiabatic. This is what HYSPLIT's end points imply.
    """
    now = at_time(met, i)
    shape = now.variables["u"].shape
    height, values = np.zeros((shape[0] + 1, *shape[1:])), np.empty((6, shape[0] + 1, *shape[1:]))
    upper = values[:, 1:]
    for name, part in _UPPER.items():
        upper[part] = _levels(now, name, np.nan)
    level = level_pressure(now)
    upper[_LOG_P] = np.log(level)
    pressure = np.broadcast_to(level, shape)
    upper[_HUMIDITY] = _humidity(now, upper[_T], pressure)
    height[1:] = _heights(now, upper, pressure, terrain)
    _check_holes(met, i, upper, height[1:])
    lowest = _lowest_above(height[1:])
    first = {name: np.take_along_axis(upper[part], lowest, 0)[0] for name, part in _UPPER.items() if name != "omega"}
    first_p, first_z = (np.take_along_axis(a, lowest, 0)[0] for a in (pressure, height[1:]))
    surface_p = _surface(now, "sp", lambda: first_p * np.exp(GRAVITY * first_z / (R_DRY * first["t"])))
    ground = values[:, 0]
    ground[_T] = _surface(now, "t2m", lambda: first["t"] * (surface_p / first_p) ** KAPPA)
    if "u10" in now.variables and "v10" in now.variables:
        ground[_U], ground[_V] = (now.variables[name].values for name in ("u10", "v10"))
    else:
        share = _log_profile(first_z, terrain, roughness_m)
        ground[_U], ground[_V] = first["u"] * share, first["v"] * share
    ground[_OMEGA], ground[_LOG_P] = 0.0, np.log(surface_p)
    ground[_HUMIDITY] = np.take_along_axis(upper[_HUMIDITY], lowest, 0)[0]
    return Columns(height, values)


def say_nan(met: xr.Dataset, i: int, name: str, place: tuple[int, int], height_m: float) -> str:
    """Return what is said of a NaN of time ``i`` at a row and column and a height above ground, m."""
    lon, lat = grid_of(met).to_lonlat(place[1] % met.sizes["x"], place[0])
    time = pd.Timestamp(met["time"].values[i])
    where = str(met["file"].values[i]) if "file" in met.coords else "meteorology"
    at = f"{time:%Y-%m-%dT%H:%MZ}, {lat:.2f} N {lon:.2f} E, {height_m:.0f} m above ground"
    return f"{where}: {name} is NaN at {at}; fill or cut the field"


def _check_holes(met: xr.Dataset, i: int, upper: Array, height: Array) -> None:
    """Refuse a NaN amid a column on a level that holds the variable elsewhere: what lies there is not known.

    A level on which the file holds no value of the variable is passed over, and so is what lies under the ground. Above
    its highest value a column ends; one without any is refused.
    """
    for name, part in _UPPER.items():
        gaps = np.isnan(upper[part])
        if not gaps.any():
            continue
        amid = np.logical_or.accumulate(~gaps) & np.logical_or.accumulate(~gaps[::-1])[::-1]
        amid |= gaps.all(axis=0)
        holes = gaps & amid & ~gaps.all(axis=(1, 2), keepdims=True) & ~(height <= 0.0)
        if holes.any():
            k, j, x = (int(n) for n in np.argwhere(holes)[0])
            raise MissingData(say_nan(met, i, name, (j, x), float(height[k, j, x])))


def _levels(now: xr.Dataset, name: str, otherwise: float) -> Array | float:
    """Return a field on all levels, ``otherwise`` where the Dataset does not hold it."""
    # Not now[name]: the coordinates that come with it cost more than reading the field.
    if name in now.variables and "level" in now.variables[name].dims:
        return np.asarray(now.variables[name].values, np.float64)
    return otherwise


def _surface(now: xr.Dataset, name: str, otherwise: Callable[[], Array]) -> Array:
    return np.asarray(now.variables[name].values, np.float64) if name in now.variables else otherwise()


def _humidity(now: xr.Dataset, t: Array, pressure: Array) -> Array | float:
    """Return specific humidity, kg/kg; 0 (dry air) where the file does not say."""
    q, rh = (_levels(now, name, np.nan) for name in ("q", "rh"))
    if isinstance(rh, float) or np.isnan(rh).all():
        return np.nan_to_num(q)
    # Saturation over water: Bolton (1980), doi:10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2, eq. 10.
    saturation = 611.2 * np.exp(17.67 * (t - 273.15) / (t - 29.65))
    from_rh = 0.622 * np.minimum(rh, 100.0) / 100.0 * saturation / pressure
    return np.nan_to_num(np.where(np.isnan(q), from_rh, q))


def _heights(now: xr.Dataset, upper: Array, pressure: Array, terrain: Array) -> Array:
    """Return metres above ground: from geopotential, else hypsometric with the layer's virtual temperature."""
    kind = now.attrs.get("vertical", "pressure")
    if kind == "terrain":
        return np.broadcast_to(now["level"].values.astype(np.float64)[:, None, None], pressure.shape)
    if kind == "pressure" and "z" in now:
        return np.asarray(_levels(now, "z", np.nan) - terrain)
    if "sp" not in now:
        raise MissingData("meteorology: surface pressure sp is missing, needed for the heights of its levels")
    virtual = upper[_T] * (1.0 + _VIRTUAL * upper[_HUMIDITY])
    below = np.concatenate([now["sp"].values.astype(np.float64)[None], pressure[:-1]])
    mean = 0.5 * (virtual + np.concatenate([virtual[:1], virtual[:-1]]))
    thickness = R_DRY / GRAVITY * mean * np.log(below / pressure)
    if kind == "pressure":
        return _pressure_heights(thickness, virtual, pressure, below[0])
    return np.cumsum(thickness, axis=0)


def _pressure_heights(thickness: Array, virtual: Array, pressure: Array, surface: Array) -> Array:
    """Return heights of pressure levels counted from the level next to the ground, which has surface pressure."""
    from_first = np.cumsum(np.concatenate([np.zeros_like(thickness[:1]), thickness[1:]]), axis=0)
    k = np.argmax(pressure < surface, axis=0)[None]
    own = R_DRY / GRAVITY * np.take_along_axis(virtual, k, 0) * np.log(surface / np.take_along_axis(pressure, k, 0))
    return np.asarray(from_first - np.take_along_axis(from_first, k, 0) + own)


def _lowest_above(height: Array) -> NDArray[np.intp]:
    """Return, per column, the first level above ground."""
    return np.argmax(height > 0.0, axis=0)[None]


def _log_profile(first_z: Array, terrain: Array, roughness_m: Array) -> Array:
    z10 = _WIND_HEIGHT_M * (1.0 - terrain / Z_TOP_M)
    # A first level at or below 10 m needs no reduction; the bound keeps the logarithms finite over rough ground.
    z0 = np.minimum(roughness_m, 0.5 * z10)
    return np.minimum(np.log(z10 / z0) / np.log(np.maximum(first_z, z10) / z0), 1.0)
