"""Puffs that a changing wind carries: a table of winds in time, or paths through a field of winds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.errors import InvalidInput, MissingData
from geo.geodesic import GEOD
from tracing import calm_kernel
from tracing import plume_kernel as gauss
from tracing.local_field import filled
from tracing.plume import DEFAULT, MAX_DISTANCE_M, MAX_TRAVEL_S, PlumeOptions, meander
from tracing.release import CALM_M_S, Air, Release, check_lid, within

Array = NDArray[np.float64]

# Puffs are let go often enough to overlap: every so many metres of wind, between these times.
_SPACING_M = 15.0
_LEAST_S, _MOST_S = 2.0, 60.0
_STEP_S = 30.0
_GRID = 201
_LOOKED_AT = 60
_NOTHING_BEYOND = 5.5


@dataclass(frozen=True)
class Paths:
    """Where puffs are: metres east and north of the source and metres travelled, shape (puff, time); NaN before.

    `times` (s after the start), `released` (s), shape (puff,), `mass` (g), shape (puff,).
    """

    times: Array
    released: Array
    mass: Array
    east: Array
    north: Array
    travelled: Array


@dataclass(frozen=True)
class DriftingPuffs:
    """A release followed in a changing wind; positions in metres east (x) and north (y) of the source."""

    release: Release
    air: Air
    paths: Paths
    stability: str
    options: PlumeOptions
    limit_m: float
    model_zh: str
    model_en: str
    warnings: tuple[str, ...] = ()

    def concentration(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
        """Return the highest concentration (mg m-3) over the time followed."""
        east, north, up = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (x, y, z)))
        flat = east.ravel(), north.ravel(), up.ravel()
        best = np.zeros(flat[0].size)
        for step in range(len(self.paths.times)):
            best = np.maximum(best, self._points_at(step, *flat))
        return best.reshape(east.shape)

    def at_time(self, x: ArrayLike, y: ArrayLike, z: ArrayLike, time_s: float) -> Array:
        """Return the concentration (mg m-3) so many seconds after the start, at the nearest time followed."""
        east, north, up = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (x, y, z)))
        step = int(np.abs(self.paths.times - time_s).argmin())
        return self._points_at(step, east.ravel(), north.ravel(), up.ravel()).reshape(east.shape)

    def highest(self, x: Array, y: Array, z_m: float, threshold: float) -> tuple[Array, Array]:
        """Return the highest concentration (mg m-3) on a grid and when (s) a threshold is first passed (NaN: never)."""
        best, first = np.zeros((len(y), len(x))), np.full((len(y), len(x)), np.nan)
        for step, time in enumerate(self.paths.times):
            now = self._grid_at(step, x, y, z_m)
            best = np.maximum(best, now)
            first = np.where(np.isnan(first) & (now >= threshold), time, first)
        return best, first

    def dense_box(self, z_m: float, threshold: float) -> Array | None:
        """Return a box (metres: west, south, east, north) around the puffs at whose centres a threshold is passed."""
        corners = []
        for step in range(len(self.paths.times)):
            east, north, spread, _ = self._puffs(step, z_m)
            # Neighbours are alike: some of them show how far the gas is dense, with a margin for those between.
            few = slice(None, None, max(len(east) // _LOOKED_AT, 1))
            over = self._points_at(step, east[few], north[few], np.full(east[few].shape, z_m)) >= threshold
            if over.any():
                margin = 5.0 * spread[few][over] + 100.0
                centres = np.array([east[few], north[few]])[:, over]
                low, high = centres - margin, centres + margin
                corners.append([*low.min(axis=1), *high.max(axis=1)])
        if not corners:
            return None
        found = np.array(corners)
        return np.concatenate([found[:, :2].min(axis=0), found[:, 2:].max(axis=0)])

    def beyond(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which points lie farther than the model holds."""
        return np.hypot(np.asarray(x, dtype=float), np.asarray(y, dtype=float)) > self.limit_m

    def _puffs(self, step: int, z: Array | float) -> tuple[Array, Array, Array, Array]:
        """Return east, north, sideways spread (m) and strength (mg m-1 at height z) of the puffs let go so far."""
        out = self.paths.released < self.paths.times[step] - 1e-9
        far = np.maximum(self.paths.travelled[out, step], 1.0)
        age = self.paths.times[step] - self.paths.released[out]
        sideways, upward = self._spreads(far, age)
        lid = np.inf if self.air.mixing_height_m is None else self.air.mixing_height_m
        up = np.asarray(z, dtype=float)[..., None]
        level = gauss.vertical(up, upward, self.release.height_m, lid)
        left = 1.0 if self.options.half_life_s is None else np.exp2(-age / self.options.half_life_s)
        strength = self.paths.mass[out] * left * level * 1e3
        return self.paths.east[out, step], self.paths.north[out, step], sideways, strength

    def _spreads(self, far: Array, age: Array) -> tuple[Array, Array]:
        """Return a puff's spreads (m): by distance in wind, by age in calm air, whichever is wider for its speed."""
        factor = self.options.widen * meander(self.release, self.options)
        sideways = gauss.sigma_y(far, self.stability, self.options.terrain) * factor
        upward = gauss.sigma_z(far, self.stability, self.options.terrain)
        calm = far / np.maximum(age, 1e-9) < CALM_M_S
        g1, g2 = calm_kernel.growth(self.stability, 0.5)
        wide, high = np.maximum(sideways, g1 * age), np.maximum(upward, g2 * age)
        return np.where(calm, wide, sideways), np.where(calm, high, upward)

    def _grid_at(self, step: int, x: Array, y: Array, z_m: float) -> Array:
        east, north, spread, strength = self._puffs(step, z_m)
        # Of a puff further away than this not a millionth comes here.
        far = _NOTHING_BEYOND * spread
        near = (east > x[0] - far) & (east < x[-1] + far) & (north > y[0] - far) & (north < y[-1] + far)
        east, north, spread, strength = (values[near] for values in (east, north, spread, strength))
        across = gauss.crosswind(x[None, :] - east[:, None], spread[:, None])
        upward = gauss.crosswind(y[None, :] - north[:, None], spread[:, None]) * strength[:, None]
        return np.asarray(upward.T @ across)

    def _points_at(self, step: int, x: Array, y: Array, z: Array) -> Array:
        east, north, spread, strength = self._puffs(step, z)
        near = gauss.crosswind(x[:, None] - east, spread) * gauss.crosswind(y[:, None] - north, spread)
        return np.asarray((near * strength).sum(axis=1))


def drifting_puffs(
    release: Release,
    stability: str,
    paths: Paths,
    *,
    air: Air,
    options: PlumeOptions = DEFAULT,
    source_zh: str,
    source_en: str,
) -> DriftingPuffs:
    """Return the puffs along paths that `table_paths` or `followed_paths` made, in air of one stability class."""
    check_lid(release, air)
    hours = float(paths.times[-1]) / 3_600.0
    said = (
        []
        if hours <= MAX_TRAVEL_S / 3_600.0
        else [
            f"跟踪 {hours:g} 小时，超过模型 1 小时的适用范围，仅作参考 / "
            f"followed for {hours:g} h, longer than the hour for which the model holds: a rough guide"
        ]
    )
    return DriftingPuffs(
        release,
        air,
        paths,
        stability,
        options,
        MAX_DISTANCE_M * max(1.0, hours),
        f"{source_zh}的移动烟团，稳定度 {stability}，跟踪 {hours:g} 小时",
        f"puffs carried by {source_en}, class {stability}, followed for {hours:g} h",
        tuple(said),
    )


def puff_times(release: Release, wind_speed: float, followed_s: float) -> tuple[Array, Array]:
    """Return when puffs are let go (s) and the mass of each (g); all at once makes one puff."""
    if release.at_once:
        return np.array([0.0]), np.array([release.strength_g_s])
    lasts = min(followed_s, np.inf if release.duration_s is None else release.duration_s)
    gap = float(np.clip(_SPACING_M / max(wind_speed, 0.1), _LEAST_S, _MOST_S))
    count = max(int(np.ceil(lasts / gap)), 1)
    edges = np.linspace(0.0, lasts, count + 1)
    return (edges[:-1] + edges[1:]) / 2.0, np.full(count, release.strength_g_s * lasts / count)


def table_paths(release: Release, seconds: Array, east: Array, north: Array, *, followed_s: float) -> Paths:
    """Follow puffs in a wind that changes in time only.

    Parameters
    ----------
    seconds : ndarray, shape (n,), s after the release began; the wind is linear between, level before and after
    east, north : ndarray, shape (n,), m/s, where the wind blows to
    """
    within("time followed", followed_s, 60.0, 12 * 3_600.0, "s")
    released, mass = puff_times(release, float(np.hypot(east, north).mean()), followed_s)
    times = np.arange(_STEP_S, followed_s + 1e-6, _STEP_S)
    # The place of a puff is the wind's integral since it was let go: fine enough that steps do not show.
    fine = np.arange(0.0, followed_s + 2.5, 2.5)
    u, v = np.interp(fine, seconds, east), np.interp(fine, seconds, north)
    moved = [_running(fine, values) for values in (u, v, np.hypot(u, v))]
    gone = [np.interp(times, fine, m)[None, :] - np.interp(released, fine, m)[:, None] for m in moved]
    flown = times[None, :] >= released[:, None]
    return Paths(times, released, mass, *(np.where(flown, values, np.nan) for values in gone))


def _running(times: Array, values: Array) -> Array:
    return np.append(0.0, np.cumsum((values[1:] + values[:-1]) / 2.0 * np.diff(times)))


def followed_paths(
    release: Release, points: pd.DataFrame, started: Array, released: Array, mass: Array, *, followed_s: float
) -> Paths:
    """Return the paths of puffs from trajectories that began at `started` (s); puffs between them go between them.

    Parameters
    ----------
    points : DataFrame of :func:`tracing.trajectory.trajectories`
        ``trajectory`` in the order of `started`, ``age_h``, ``lon``, ``lat``.

    Raises
    ------
    MissingData
        A path ends before the time is over.
    """
    times = np.arange(_STEP_S, followed_s + 1e-6, _STEP_S)
    ages = np.arange(0.0, followed_s + 1e-6, _STEP_S)
    known = np.full((3, len(started), len(ages)), np.nan)
    for number, (_, path) in enumerate(points.groupby("trajectory", sort=True)):
        seconds = path["age_h"].to_numpy() * 3_600.0
        if seconds[-1] + started[number] < times[-1] - 1.0:
            raise MissingData(
                f"the meteorology carries the gas for {seconds[-1] / 60.0:.0f} min only "
                f"({path['end_reason'].iloc[-1]}); add files or follow it for a shorter time"
            )
        east, north = metres_from(path, release)
        far = np.append(0.0, np.cumsum(np.hypot(np.diff(east), np.diff(north))))
        known[:, number] = [np.interp(ages, seconds, values) for values in (east, north, far)]
    found = np.full((3, len(released), len(times)), np.nan)
    for number, begun in enumerate(released):
        flown = times >= begun
        before = int(np.clip(np.searchsorted(started, begun) - 1, 0, max(len(started) - 2, 0)))
        after = min(before + 1, len(started) - 1)
        share = (begun - started[before]) / max(started[after] - started[before], 1e-9)
        between = known[:, before] + min(max(share, 0.0), 1.0) * (known[:, after] - known[:, before])
        found[:, number, flown] = [np.interp(times[flown] - begun, ages, values) for values in between]
    return Paths(times, released, mass, *found)


def metres_from(path: pd.DataFrame, release: Release) -> tuple[Array, Array]:
    """Return metres east and north of the source of a path's points."""
    lon, lat = path["lon"].to_numpy(), path["lat"].to_numpy()
    azimuth, _, distance = GEOD.inv(np.full(lon.shape, release.lon), np.full(lat.shape, release.lat), lon, lat)
    return distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))


@dataclass(frozen=True)
class DriftZone:
    """Where a threshold is passed (metres east and north; empty where nowhere), and when it is first passed there."""

    shape: shapely.Geometry
    arrivals: Callable[[float], shapely.Geometry]


def drift_zone(model: DriftingPuffs, threshold: float, z_m: float) -> DriftZone:
    """Return the zone of drifting puffs, and a function of minutes that gives what has been reached by then."""
    if not 0.0 < threshold < np.inf:
        raise InvalidInput(f"threshold {threshold:g} mg/m3: give a number above 0")
    bounds = model.dense_box(z_m, threshold)
    if bounds is None:
        return DriftZone(shapely.Polygon(), lambda minutes: shapely.Polygon())
    x, y = (np.linspace(bounds[i], bounds[i + 2], _GRID) for i in (0, 1))
    best, first = model.highest(x, y, z_m, threshold)
    shape = filled(x, y, np.log(np.maximum(best, 1e-300)) - np.log(threshold), 0.0)

    def reached(minutes: float) -> shapely.Geometry:
        passed = np.where(first <= minutes * 60.0, 1.0, -1.0)
        return shapely.intersection(filled(x, y, passed, 0.0), shape)

    return DriftZone(shape, reached)
