"""A Lagrangian puff model: how the planted sources' plumes reach the stations of the practice episode.

Every puff goes with the wind averaged over the layer in which it is mixed, taken from the meteorology as it is written
to the file. It is mixed evenly from the ground to the largest mixing height that it has met, spreads sideways with the
distance travelled and loses mass to the ground.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP_S = 180
OLDEST_S = 30 * 3600
METRES_PER_DEGREE = 6_371_200.0 * np.pi / 180
DEPOSITION_M_S = {"pm25": 0.0015, "pm10": 0.0018, "so2": 0.005, "no2": 0.002, "co": 0.0}
_LAYER_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
# Beyond this many sigmas a puff adds less than 4e-4 of its peak.
_REACH_SIGMAS = 4.0


@dataclass(frozen=True)
class Source:
    """A planted source.

    Attributes
    ----------
    id : short name
    places : (longitude, latitude) of its parts, which emit equal shares
    rates : rows of (city's time, share of the full rate from then on)
    full_rate_g_s : full rate of each pollutant (g/s)
    spread_m : sideways sigma of a puff at the source (m)
    """

    id: str
    places: tuple[tuple[float, float], ...]
    rates: tuple[tuple[str, float], ...]
    full_rate_g_s: Mapping[str, float]
    spread_m: float

    @property
    def nodes(self) -> pd.DatetimeIndex:
        """Times (UTC) at which the rate changes."""
        return pd.DatetimeIndex([row[0] for row in self.rates]).tz_localize("Asia/Shanghai").tz_convert("UTC")

    def share(self, time: pd.Timestamp) -> float:
        """Return the share of the full rate that is emitted at a time."""
        at = int(self.nodes.searchsorted(time, side="right")) - 1
        return self.rates[at][1] if at >= 0 else 0.0


@dataclass
class _Puffs:
    """Puffs in the air: position (degrees), mass (g) of each pollutant, depth and path (m), age (s)."""

    lon: Array = field(default_factory=lambda: np.empty(0))
    lat: Array = field(default_factory=lambda: np.empty(0))
    depth: Array = field(default_factory=lambda: np.empty(0))
    path: Array = field(default_factory=lambda: np.empty(0))
    age: Array = field(default_factory=lambda: np.empty(0))
    mass: Array = field(default_factory=lambda: np.empty((0, 0)))

    def add(self, lon: Array, lat: Array, depth: Array, mass: Array) -> None:
        zeros = np.zeros(lon.size)
        self.lon, self.lat = np.concatenate([self.lon, lon]), np.concatenate([self.lat, lat])
        self.depth, self.path = np.concatenate([self.depth, depth]), np.concatenate([self.path, zeros])
        self.age = np.concatenate([self.age, zeros])
        self.mass = np.concatenate([self.mass.reshape(-1, mass.shape[1]), mass])

    def keep(self, wanted: NDArray[np.bool_]) -> None:
        for name in ("lon", "lat", "depth", "path", "age", "mass"):
            setattr(self, name, getattr(self, name)[wanted])


class Winds:
    """The meteorology as arrays, for points at any time (linear in time, height and both horizontal directions)."""

    def __init__(self, met: xr.Dataset) -> None:
        """Take the arrays out of a Dataset with z, zs, u, v, u10, v10 and blh."""
        ground = met["zs"].values[:, None]
        heights = np.concatenate([np.full_like(ground, 10.0), met["z"].values - ground], axis=1).astype(np.float64)
        # A level below 10 m above ground takes no part.
        self.height = np.maximum.accumulate(np.maximum(heights, 10.0), axis=1)
        self.u = np.concatenate([met["u10"].values[:, None], met["u"].values], axis=1).astype(np.float64)
        self.v = np.concatenate([met["v10"].values[:, None], met["v"].values], axis=1).astype(np.float64)
        self.mixing = met["blh"].values.astype(np.float64)
        self.lon, self.lat = met["lon"].values, met["lat"].values
        self.times = pd.DatetimeIndex(met["time"].values).tz_localize("UTC")

    def columns(self, time: pd.Timestamp, lon: Array, lat: Array) -> tuple[Array, Array, Array, Array]:
        """Return heights above ground, u, v (each shape (point, level)) and mixing height (point) over places."""
        hours = (time - self.times[0]) / (self.times[1] - self.times[0])
        x, y = (lon - self.lon[0]) / (self.lon[1] - self.lon[0]), (lat - self.lat[0]) / (self.lat[1] - self.lat[0])
        k, i, j = (
            np.clip(np.floor(q), 0, n - 2).astype(int)
            for q, n in ((hours, self.times.size), (x, self.lon.size), (y, self.lat.size))
        )
        out = []
        for values in (self.height, self.u, self.v, self.mixing[:, None]):
            now = (1 - (hours - k)) * values[k] + (hours - k) * values[k + 1]
            west = (1 - (y - j)) * now[:, j, i] + (y - j) * now[:, j + 1, i]
            east = (1 - (y - j)) * now[:, j, i + 1] + (y - j) * now[:, j + 1, i + 1]
            out.append(((1 - (x - i)) * west + (x - i) * east).T)
        return out[0], out[1], out[2], out[3][:, 0]

    def layer_mean(self, columns: tuple[Array, Array, Array], depth: Array) -> tuple[Array, Array]:
        """Return the wind averaged from the ground to a depth (m, shape (point,)) over columns from :meth:`columns`."""
        height, u, v = columns
        total_u, total_v = np.zeros_like(depth), np.zeros_like(depth)
        rows = np.arange(depth.size)
        for share in _LAYER_SHARES:
            z = np.maximum(share * depth, 10.0)
            k = np.clip((height <= z[:, None]).sum(axis=1) - 1, 0, height.shape[1] - 2)
            low, high = height[rows, k], height[rows, k + 1]
            part = np.clip((z - low) / np.maximum(high - low, 1e-6), 0.0, 1.0)
            total_u += (1 - part) * u[rows, k] + part * u[rows, k + 1]
            total_v += (1 - part) * v[rows, k] + part * v[rows, k + 1]
        return total_u / len(_LAYER_SHARES), total_v / len(_LAYER_SHARES)


def contributions(source: Source, met: xr.Dataset, places: tuple[Array, Array], hours: pd.DatetimeIndex) -> Array:
    """Return what a source adds to the hourly means at places near the ground.

    Parameters
    ----------
    source : Source
    met : Dataset as written, see :func:`tracing.met.arl_write.as_written`
    places : longitude and latitude of the receptors (degrees)
    hours : start of each hour (UTC), without gaps

    Returns
    -------
    ndarray, shape (hour, place, pollutant), ug/m3, pollutants in the order of ``source.full_rate_g_s``
    """
    winds, puffs = Winds(met), _Puffs()
    losses = np.array([DEPOSITION_M_S[name] for name in source.full_rate_g_s])
    rates = np.array(list(source.full_rate_g_s.values()))
    out = np.zeros((hours.size, places[0].size, rates.size))
    per_hour = 3600 // STEP_S
    first = int(hours.searchsorted(source.nodes[0].floor("h")))
    for step in range(first * per_hour, hours.size * per_hour):
        time = hours[0] + pd.Timedelta(seconds=step * STEP_S)
        _release(puffs, source, winds, time, rates * source.share(time) * STEP_S)
        if puffs.lon.size:
            _advance(puffs, winds, time, losses)
            out[step // per_hour] += _concentration(puffs, source.spread_m, places) / per_hour
    return out


def _release(puffs: _Puffs, source: Source, winds: Winds, time: pd.Timestamp, grams: Array) -> None:
    if not grams.any():
        return
    lon, lat = (np.array(values) for values in zip(*source.places, strict=True))
    depth = winds.columns(time, lon, lat)[3]
    puffs.add(lon, lat, depth, np.tile(grams / lon.size, (lon.size, 1)))


def _advance(puffs: _Puffs, winds: Winds, time: pd.Timestamp, losses: Array) -> None:
    """Move the puffs by one step (midpoint rule), deepen, deplete and forget those that left or grew old."""
    u, v = _wind(puffs, winds, time, puffs.lon, puffs.lat)
    lon, lat = _moved(puffs, u, v, STEP_S / 2)
    u, v = _wind(puffs, winds, time + pd.Timedelta(seconds=STEP_S / 2), lon, lat)
    puffs.lon, puffs.lat = _moved(puffs, u, v, STEP_S)
    puffs.path = puffs.path + np.hypot(u, v) * STEP_S
    puffs.age = puffs.age + STEP_S
    puffs.mass = puffs.mass * np.exp(-losses * STEP_S / puffs.depth[:, None])
    inside = (puffs.lon > winds.lon[0]) & (puffs.lon < winds.lon[-1])
    inside &= (puffs.lat > winds.lat[0]) & (puffs.lat < winds.lat[-1])
    puffs.keep(inside & (puffs.age <= OLDEST_S))


def _wind(puffs: _Puffs, winds: Winds, time: pd.Timestamp, lon: Array, lat: Array) -> tuple[Array, Array]:
    height, u, v, mixing = winds.columns(time, lon, lat)
    puffs.depth = np.maximum(puffs.depth, mixing)
    return winds.layer_mean((height, u, v), puffs.depth)


def _moved(puffs: _Puffs, u: Array, v: Array, seconds: float) -> tuple[Array, Array]:
    lat = puffs.lat + v * seconds / METRES_PER_DEGREE
    return puffs.lon + u * seconds / (METRES_PER_DEGREE * np.cos(np.radians(puffs.lat))), lat


def _concentration(puffs: _Puffs, spread: float, places: tuple[Array, Array]) -> Array:
    """Return the concentration (ug/m3, shape (place, pollutant)) of the puffs, evenly mixed in their depth."""
    sigma = np.hypot(spread, 0.10 * puffs.path / np.sqrt(1 + 1e-4 * puffs.path))
    scale = METRES_PER_DEGREE * np.cos(np.radians(puffs.lat))
    east = (places[0][:, None] - puffs.lon) * scale
    north = (places[1][:, None] - puffs.lat) * METRES_PER_DEGREE
    square = (east**2 + north**2) / sigma**2
    near = np.where(square < _REACH_SIGMAS**2, np.exp(-0.5 * square), 0.0)
    return 1e6 * (near / (2 * np.pi * sigma**2 * puffs.depth)) @ puffs.mass
