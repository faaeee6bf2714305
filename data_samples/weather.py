"""The practice episode's weather: a synthetic 3-D wind field from a few physical pieces, on pressure levels.

Order of making: sea-level pressure and temperature are prescribed; heights follow hydrostatically; the free wind is
geostrophic; friction and the sea breeze (:mod:`data_samples.boundary_layer`) change it near the ground; the vertical
motion follows from mass continuity, zero at the ground. Nothing here was observed.
"""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from data_samples import boundary_layer
from data_samples.boundary_layer import FINE_HPA, standard_height_m
from data_samples.domain import Domain

Array = NDArray[np.float64]

GRAVITY = 9.80665
DRY_AIR_GAS_CONSTANT = 287.05
CORIOLIS = 8.26e-5  # at 34.5 N
AIR_DENSITY = 1.22
SOUTHWARD_WARMING_K_M = 3.7e-6  # 9 m/s more westerly wind at 500 hPa than at sea level

LEVELS_HPA = (1000.0, 975.0, 950.0, 925.0, 900.0, 850.0, 700.0, 500.0)
# Large-scale geostrophic wind at sea level: city's time, direction it blows from (degrees), speed (m/s).
LARGE_SCALE_WIND = (
    ("2021-10-15 18:00", 320, 7.0),
    ("2021-10-16 12:00", 340, 6.0),
    ("2021-10-17 00:00", 20, 5.0),
    ("2021-10-17 12:00", 65, 5.0),
    ("2021-10-18 00:00", 95, 5.0),
    ("2021-10-18 12:00", 105, 5.0),
    ("2021-10-18 20:00", 116, 5.0),
    ("2021-10-19 07:00", 126, 4.5),
    ("2021-10-19 15:00", 205, 3.0),
    ("2021-10-19 21:00", 270, 3.5),
    ("2021-10-20 08:00", 280, 2.5),
    ("2021-10-20 14:00", 285, 4.0),
    ("2021-10-20 22:00", 285, 5.0),
    ("2021-10-21 06:00", 255, 5.0),
    ("2021-10-21 12:00", 265, 5.0),
    ("2021-10-22 00:00", 335, 5.0),
    ("2021-10-22 12:00", 350, 4.0),
    ("2021-10-23 03:00", 10, 3.0),
)

FRONT_PASSES = pd.Timestamp("2021-10-21 12:00", tz="Asia/Shanghai")
FRONT_SPEED = 10.0  # m/s, towards the south-east
FRONT_HEADING_DEG = 135.0
FRONT_COOLING_K = 7.0

# Eddies of the large-scale flow: wavelengths east and north (km), phase, drift east (m/s), wind (m/s).
_EDDIES = ((520.0, 900.0, 0.4, 3.0, 0.7), (-760.0, 430.0, 2.1, 2.0, 0.6), (410.0, -610.0, 4.4, 4.0, 0.4))


def make(domain: Domain, times: pd.DatetimeIndex) -> xr.Dataset:
    """Return the synthetic meteorology.

    Parameters
    ----------
    domain : grid, terrain height and distance to the coast
    times : DatetimeIndex in UTC with a zone

    Returns
    -------
    xarray.Dataset, dimensions (time, level, y, x), names and SI units of :mod:`tracing.met.arl_names`: z, t, u, v,
    omega, rh on pressure levels (Pa, from the ground up) and sp, zs, blh, u10, v10, t2m. Every value is rounded to a
    fixed number of decimals. Levels below the ground hold values continued downwards, as in analyses.
    """
    steps = [_one_time(domain, time) for time in times]
    fields = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
    dims = {4: ("time", "level", "y", "x"), 3: ("time", "y", "x")}
    data = {name: (dims[v.ndim], np.round(v, _DECIMALS[name])) for name, v in fields.items()}
    coords = {
        "time": times.tz_convert("UTC").tz_localize(None),
        "level": ("level", np.array(LEVELS_HPA) * 100.0),
        "lon": ("x", domain.lon),
        "lat": ("y", domain.lat),
    }
    attrs = {"grid_mapping_name": "latitude_longitude", "vertical": "pressure", "source": "PRAC", "synthetic": 1}
    return xr.Dataset(data, coords, attrs)


_DECIMALS = {
    **{"z": 2, "t": 3, "u": 3, "v": 3, "omega": 5, "rh": 2},
    **{"sp": 1, "zs": 2, "blh": 1, "u10": 3, "v10": 3, "t2m": 3},
}


def _one_time(domain: Domain, time: pd.Timestamp) -> dict[str, Array]:
    """Return all fields of one time: upper air (level, y, x), surface (y, x)."""
    front = _behind_front(domain, time)
    pressure = _sea_level_pressure(domain, time, front)
    levels = [int(np.flatnonzero(FINE_HPA == hpa)[0]) for hpa in LEVELS_HPA]
    smooth_t = _temperature(domain, front)
    heights = _heights(pressure, smooth_t)[levels]
    free_u, free_v = _geostrophic(domain, heights)
    layer = boundary_layer.state(domain, time, np.hypot(free_u[0], free_v[0]))
    t = smooth_t + boundary_layer.warming(domain, time, layer)
    z = _heights(pressure, t)[levels]
    sp = _surface_pressure(pressure, domain.height_m, t[0])
    u, v = boundary_layer.wind(domain, layer, (free_u, free_v), z - domain.height_m)
    u10, v10 = boundary_layer.wind(domain, layer, (free_u[:1], free_v[:1]), np.full((1, *domain.shape), 10.0))
    omega = vertical_motion(domain, (u, v), (u10[0], v10[0]), sp)
    t2m = t[0] + 0.0065 * (z[0] - domain.height_m) + 0.3 * layer.warmth
    return {
        **{"z": z, "t": t[levels], "u": u, "v": v, "omega": omega, "rh": _humidity(front, layer.height_m, z, domain)},
        **{"sp": sp, "zs": domain.height_m, "blh": layer.height_m, "u10": u10[0], "v10": v10[0], "t2m": t2m},
    }


def _behind_front(domain: Domain, time: pd.Timestamp) -> Array:
    """Return the distance behind the front (m, negative ahead of it), shape (y, x)."""
    heading = np.radians(FRONT_HEADING_DEG)
    ahead = domain.east_m * np.sin(heading) + domain.north_m * np.cos(heading)
    return FRONT_SPEED * (time - FRONT_PASSES).total_seconds() - ahead


def _sea_level_pressure(domain: Domain, time: pd.Timestamp, front: Array) -> Array:
    """Return sea-level pressure (Pa): a wind that turns, a few eddies, the front's trough and the high behind it."""
    u, v = _large_scale(time)
    field = 102_000.0 + AIR_DENSITY * CORIOLIS * (v * domain.east_m - u * domain.north_m)
    seconds = (time - FRONT_PASSES).total_seconds()
    for east_km, north_km, phase, drift, wind in _EDDIES:
        k, m = 2 * np.pi / (1000 * east_km), 2 * np.pi / (1000 * north_km)
        wave = np.sin(k * (domain.east_m - drift * seconds) + m * domain.north_m + phase)
        field = field + AIR_DENSITY * CORIOLIS * wind / np.hypot(k, m) * wave
    trough = -180.0 / np.cosh(np.clip(front / 220e3, -20, 20)) ** 2
    return field + trough + 450.0 * 0.5 * (1 + np.tanh((front - 250e3) / 350e3))


def _large_scale(time: pd.Timestamp) -> tuple[float, float]:
    """Return the large-scale geostrophic wind components (m/s) at one time, linear between the nodes."""
    nodes = pd.DatetimeIndex([row[0] for row in LARGE_SCALE_WIND]).tz_localize("Asia/Shanghai")
    at = (nodes - nodes[0]).total_seconds().to_numpy()
    blows_from = np.radians([row[1] for row in LARGE_SCALE_WIND])
    speed = np.array([row[2] for row in LARGE_SCALE_WIND])
    now = (time - nodes[0]).total_seconds()
    return float(np.interp(now, at, -speed * np.sin(blows_from))), float(
        np.interp(now, at, -speed * np.cos(blows_from))
    )


def _temperature(domain: Domain, front: Array) -> Array:
    """Return temperature (K) on the fine levels without the day's cycle, shape (fine level, y, x).

    A lapse rate of 6 K/km, warmer towards the south, and cold air behind the front that is shallow.
    """
    height = standard_height_m(FINE_HPA)[:, None, None]
    cold = 0.5 * (1 + np.tanh(front / 180e3)) * FRONT_COOLING_K
    return 289.5 - 0.006 * height - SOUTHWARD_WARMING_K_M * domain.north_m - cold * np.exp(-height / 2500.0)


def _heights(pressure: Array, temperature: Array) -> Array:
    """Return geopotential heights (m) of the fine levels: hydrostatic above the sea-level pressure."""
    lowest = temperature[0]
    column = DRY_AIR_GAS_CONSTANT / GRAVITY
    heights = [column * lowest * np.log(pressure / (100 * FINE_HPA[0]))]
    for k in range(1, FINE_HPA.size):
        mean = 0.5 * (temperature[k] + temperature[k - 1])
        heights.append(heights[-1] + column * mean * np.log(FINE_HPA[k - 1] / FINE_HPA[k]))
    return np.stack(heights)


def _surface_pressure(pressure: Array, height: Array, lowest: Array) -> Array:
    return pressure * np.exp(-GRAVITY * height / (DRY_AIR_GAS_CONSTANT * lowest))


def _geostrophic(domain: Domain, heights: Array) -> tuple[Array, Array]:
    """Return the geostrophic wind (m/s) of heights (m, shape (level, y, x)).

    The Coriolis parameter is that of 34.5 N everywhere, so this wind has no divergence.
    """
    north = np.gradient(heights, domain.spacing_north_m, axis=1)
    east = np.gradient(heights, 1.0, axis=2) / domain.spacing_east_m
    return -GRAVITY / CORIOLIS * north, GRAVITY / CORIOLIS * east


def vertical_motion(domain: Domain, wind: tuple[Array, Array], wind10: tuple[Array, Array], sp: Array) -> Array:
    """Return omega (Pa/s, shape (level, y, x)) from continuity in pressure: d(omega)/dp = -divergence, 0 at the ground.

    Parameters
    ----------
    wind, wind10 : east and north components (m/s), shape (level, y, x) and (y, x)
    sp : surface pressure (Pa), shape (y, x)
    """
    below_p, below_d = sp, divergence(domain, *wind10)
    omega = np.zeros_like(sp)
    out = []
    for hpa, u, v in zip(LEVELS_HPA, *wind, strict=True):
        here = divergence(domain, u, v)
        above = 100 * hpa < sp
        omega = np.where(above, omega + 0.5 * (below_d + here) * (below_p - 100 * hpa), 0.0)
        below_p, below_d = np.where(above, 100 * hpa, below_p), np.where(above, here, below_d)
        out.append(omega)
    return np.stack(out)


def divergence(domain: Domain, u: Array, v: Array) -> Array:
    """Return the horizontal divergence (1/s) of a wind (m/s, shape (y, x)) on the sphere, by centred differences."""
    cosine = np.cos(np.radians(domain.lat))[:, None]
    east = np.gradient(u, 1.0, axis=1) / domain.spacing_east_m
    north = np.gradient(v * cosine, domain.spacing_north_m, axis=0) / cosine
    return east + north


def _humidity(front: Array, blh: Array, z: Array, domain: Domain) -> Array:
    """Return relative humidity (%): moist near the sea and below the inversion, dry behind the front."""
    dry = 0.5 * (1 + np.tanh(front / 150e3))
    surface = 72.0 + 8.0 * (1 - domain.land) - 28.0 * dry
    aloft = 1 / (1 + np.exp(np.clip((z - domain.height_m - blh) / 250.0, -30, 30)))
    return np.clip(25.0 + (surface - 25.0) * aloft, 8.0, 98.0)
