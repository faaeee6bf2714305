"""Trajectories: where air came from or goes to, from starts and meteorology, as HYSPLIT computes them.

Petterssen's two-stage scheme, linear in space and time, terrain-following coordinate: Draxler and Hess (1998); Stein et
al. (2015), doi:10.1175/BAMS-D-14-00110.1. One Earth radius everywhere: :data:`EARTH_RADIUS_M`.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from tracing import trajectory_kernel as kernel
from tracing.met.grid import EARTH_RADIUS_M
from tracing.trajectory_blocks import follow
from tracing.trajectory_lines import trajectory_lines
from tracing.vertical import VERTICALS, Prepared, assumptions, prepare

END_REASONS = ("completed", "left_domain", "left_top", "end_of_data")
START_COLUMNS = ("receptor", "time", "lon", "lat", "height_m_agl")
POINT_COLUMNS = (
    "trajectory",
    "receptor",
    "start_time",
    "time",
    "age_h",
    "lon",
    "lat",
    "height_m_agl",
    "pressure_hpa",
    "end_reason",
)
_SECOND = np.timedelta64(1, "s")
_CELLS_PER_STEP = 0.75
_PIECE = 16_384
# Where in the step each scheme's stages lie, and the weights of their slopes.
_SCHEMES = {
    "petterssen": ((0.0, 1.0), (0.5, 0.5)),
    "midpoint": ((0.0, 0.5), (0.0, 1.0)),
    "rk4": ((0.0, 0.5, 0.5, 1.0), (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)),
}
METHODS: tuple[str, ...] = tuple(_SCHEMES)


@dataclass(frozen=True)
class Integration:
    """How to integrate.

    Attributes
    ----------
    method : ``petterssen`` (two evaluations a step, as HYSPLIT), ``midpoint`` (two) or ``rk4`` (four).
    step_minutes : fixed step; by default the longest of 1 to 60 min on which a particle crosses 0.75 of a cell.
    output_minutes : minutes between points of a path.
    top_m : height above ground at which a path ends.
    roughness : m, one value or a map, where the meteorology has no 10 m wind; 0.2 m if not given.
    """

    method: str = "petterssen"
    step_minutes: float | None = None
    output_minutes: float = 60.0
    top_m: float = 10_000.0
    roughness: float | xr.DataArray | None = None

    def check(self) -> None:
        """Raise InvalidInput where a value makes no sense."""
        if self.method not in METHODS:
            raise InvalidInput(f"method {self.method!r} is not known; use one of {', '.join(METHODS)}")
        if self.step_minutes is not None and not 0.0 < self.step_minutes <= 60.0:
            raise InvalidInput(f"step of {self.step_minutes:g} min is not between 0 and 60 min; choose 1 to 60 min")
        if not 1.0 <= self.output_minutes <= 1440.0:
            raise InvalidInput(f"output every {self.output_minutes:g} min is not between 1 and 1440 min; choose 60 min")
        if not 100.0 <= self.top_m <= 20_000.0:
            raise InvalidInput(f"top of {self.top_m:g} m is not between 100 and 20000 m; choose 10000 m")


DEFAULT = Integration()


def trajectories(
    met: xr.Dataset,
    starts: pd.DataFrame,
    *,
    hours: float,
    vertical: str = "omega",
    options: Integration = DEFAULT,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return the points of one trajectory per start.

    Parameters
    ----------
    met : Dataset of :func:`tracing.met.open_met`
    starts : DataFrame
        ``receptor`` (name), ``time`` (UTC, zone-aware), ``lon``, ``lat`` (degrees), ``height_m_agl`` (m above ground).
    hours : length; negative goes back in time.
    vertical : one of :data:`tracing.vertical.VERTICALS`
        From data (omega), along a surface of pressure, potential temperature, density, sigma or height above the sea,
        or from the divergence of the wind.
    options : :class:`Integration`
    threads : by default as many as this process may use; they do not show in the numbers

    Returns
    -------
    DataFrame with the columns of :data:`POINT_COLUMNS`, a row per output time; ``trajectory`` counts the starts from 1,
    ``age_h`` is negative going back. ``end_reason`` is why the path ended: completed; left_domain (sideways); left_top
    (above ``top_m`` or the data's highest level); end_of_data (in time). A path stays on the ground it reaches.
    ``attrs["warnings"]`` says what was assumed where the meteorology is silent.

    Raises
    ------
    InvalidInput
        If a start lies outside the grid, below ground or above the top, or a value makes no sense.
    MissingData
        If a start lies outside the period of the meteorology, or a field is missing.

    Examples
    --------
    >>> points = trajectories(met, starts, hours=-72)  # doctest: +SKIP
    >>> points.query("trajectory == 1")[["lon", "lat"]]  # doctest: +SKIP
    """
    check_request(met, starts, hours=hours, vertical=vertical, options=options)
    prepared = prepare(
        met,
        vertical,
        top_m=options.top_m,
        roughness=options.roughness,
        window=window_of(starts, hours),
        backward=hours < 0,
    )
    points = run(prepared, starts, hours=hours, options=options, threads=threads or len(os.sched_getaffinity(0)))
    points.attrs |= {"warnings": assumptions(met, options.roughness), "source": met.attrs.get("source", "")}
    return points


def run(
    prepared: Prepared,
    starts: pd.DataFrame,
    *,
    hours: float,
    options: Integration = DEFAULT,
    first: int = 1,
    threads: int = 1,
) -> pd.DataFrame:
    """Do as :func:`trajectories` does on meteorology prepared before; ``first`` is the first trajectory's number.

    Raises
    ------
    InvalidInput
        If a start lies outside the grid, below ground or above the top.
    """
    begin = _kernel_starts(prepared, starts, options, first)
    plan = _plan(hours, options)
    out = np.empty((len(starts), points_per_path(hours, options), 4))
    ends = np.zeros((len(starts), 2), np.int64)
    follow(prepared.fields, plan, begin, (out, ends), threads=threads)
    return _table(prepared, starts, (out, ends), plan, first=first, threads=threads)


def points_per_path(hours: float, options: Integration) -> int:
    """Return the number of points of a path that is completed."""
    return int(np.ceil(abs(hours) * 60.0 / options.output_minutes - 1e-9)) + 1


def _plan(hours: float, options: Integration) -> kernel.Plan:
    fractions, weights = (np.array(a) for a in _SCHEMES[options.method])
    step, output = options.step_minutes or 0.0, float(options.output_minutes)
    return kernel.Plan(hours * 60.0, output, float(step), _CELLS_PER_STEP, float(options.top_m), fractions, weights)


def check_request(met: xr.Dataset, starts: pd.DataFrame, *, hours: float, vertical: str, options: Integration) -> None:
    """Raise InvalidInput or MissingData where starts, hours or options cannot be run on this meteorology."""
    options.check()
    if vertical not in VERTICALS:
        raise InvalidInput(f"vertical motion {vertical!r} is not known; use one of {', '.join(VERTICALS)}")
    if not np.isfinite(hours) or hours == 0:
        raise InvalidInput(f"a trajectory of {hours:g} h has no length; give hours, negative to go back in time")
    missing = [name for name in START_COLUMNS if name not in starts]
    if missing:
        raise InvalidInput(f"starts: columns {missing} are missing; a start needs {list(START_COLUMNS)}")
    if starts.empty:
        raise InvalidInput("starts: the table is empty; give one start or more")
    if not isinstance(starts["time"].dtype, pd.DatetimeTZDtype):
        raise InvalidInput("starts: column time has no zone; give times in UTC, for example 2010-02-11T12:00Z")
    _check_numbers(starts)
    _check_period(met, starts, hours)


def window_of(starts: pd.DataFrame, hours: float) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and last time (UTC) that trajectories of ``hours`` from ``starts`` need."""
    span = pd.Timedelta(hours=float(hours))
    first, last = starts["time"].min(), starts["time"].max()
    return min(first, first + span), max(last, last + span)


def _check_numbers(starts: pd.DataFrame) -> None:
    """Name the first row whose place or time cannot be."""
    limits = (("lon", -180.0, 360.0), ("lat", -90.0, 90.0), ("height_m_agl", 0.0, np.inf))
    for name, low, high in limits:
        values = starts[name].to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.flatnonzero(~((values >= low) & (values <= high)))
        if wrong.size:
            what = "is below ground" if name == "height_m_agl" else f"is not between {low:g} and {high:g} degrees"
            raise InvalidInput(f"starts row {wrong[0] + 1}: {name} {values[wrong[0]]:g} {what}; correct it")
    if starts["time"].isna().any():
        raise InvalidInput(f"starts row {int(np.argmax(starts['time'].isna())) + 1}: no time; give a time in UTC")


def _check_period(met: xr.Dataset, starts: pd.DataFrame, hours: float) -> None:
    first, last = (pd.Timestamp(met["time"].values[i]).tz_localize("UTC") for i in (0, -1))
    outside = np.flatnonzero(((starts["time"] < first) | (starts["time"] > last)).to_numpy())
    period = f"the meteorology covers {_say(first)} to {_say(last)}"
    if outside.size:
        time = starts["time"].iloc[outside[0]]
        raise MissingData(
            f"starts row {outside[0] + 1}: {_say(time)} lies outside; {period}; add files or move the start"
        )
    edge = last if hours > 0 else first
    stuck = np.flatnonzero((starts["time"] == edge).to_numpy())
    if stuck.size:
        way = "forward from its last" if hours > 0 else "back from its first"
        raise MissingData(f"starts row {stuck[0] + 1}: no way {way} time; {period}; add files or move the start")


def _kernel_starts(prepared: Prepared, starts: pd.DataFrame, options: Integration, first: int) -> NDArray[np.float64]:
    """Return column, row, sigma and minutes of each start, checked against grid and top."""
    fields, grid = prepared.fields, prepared.grid
    lon, lat, height = (starts[name].to_numpy(dtype=np.float64) for name in ("lon", "lat", "height_m_agl"))
    x, y = grid.to_index(lon, lat)
    edge = 1e-9
    inside = (x >= -edge) & (x <= fields.surface.shape[1] - 1 + edge) & (y >= -edge) & (y <= grid.ny - 1 + edge)
    if not inside.all():
        i = int(np.argmin(inside))
        raise InvalidInput(
            f"starts row {first + i}: {lat[i]:g} N {lon[i]:g} E lies outside the meteorology, {_extent(prepared)}"
        )
    x, y = np.clip(x, 0.0, fields.surface.shape[1] - 1), np.clip(y, 0.0, grid.ny - 1.0)
    minutes = np.asarray((starts["time"] - prepared.start).dt.total_seconds(), np.float64) / 60.0
    depth, tops = kernel.depths_and_tops(fields, x, y, minutes)
    tops = np.minimum(tops, options.top_m)
    if np.any(height > tops):
        i = int(np.argmax(height > tops))
        raise InvalidInput(
            f"starts row {first + i}: {height[i]:g} m lies above the top of {tops[i]:.0f} m; start lower"
        )
    return np.column_stack([x, y, 1.0 - height / depth, minutes])


def _extent(prepared: Prepared) -> str:
    grid = prepared.grid
    column, row = np.meshgrid(np.arange(grid.nx), np.arange(grid.ny))
    lon, lat = grid.to_lonlat(column, row)
    west, east = (
        (grid.x0, grid.x0 + (grid.nx - 1) * grid.dx) if grid.kind == "latitude_longitude" else (lon.min(), lon.max())
    )
    return f"which covers {lat.min():.1f} to {lat.max():.1f} N, {west:.1f} to {east:.1f} E; move the start or add files"


def _table(
    prepared: Prepared,
    starts: pd.DataFrame,
    filled: tuple[NDArray[np.float64], NDArray[np.int64]],
    plan: kernel.Plan,
    *,
    first: int,
    threads: int,
) -> pd.DataFrame:
    """Return the points that the kernel filled (its output and ends), in DESIGN's columns."""
    out, ends = filled
    count = ends[:, 0]
    whole = bool(np.all(count == out.shape[1]))
    points = out.reshape(-1, out.shape[2]) if whole else out[np.arange(out.shape[1]) < count[:, None]]
    lon, lat = _lonlat(prepared, points)
    # The start is told as it was given, not as it comes back from the grid.
    begin = np.cumsum(count) - count
    given = starts["lon"].to_numpy(np.float64)
    lon[begin] = np.where(given < 180.0, given, given - 360.0)
    lat[begin], points[begin, kernel.HEIGHT] = starts["lat"], starts["height_m_agl"]
    path = np.repeat(np.arange(len(starts)), count)
    seconds = _ages(plan, out.shape[1])[np.arange(path.size) - begin[path]]
    start_time = starts["time"].dt.tz_convert("UTC").dt.as_unit("s").dt.tz_localize(None).to_numpy()
    columns: dict[str, Callable[[], Any]] = {
        "trajectory": lambda: path + np.int64(first),
        "receptor": lambda: starts["receptor"].astype("str").array.take(path),
        "start_time": lambda: pd.DatetimeIndex(start_time[path]).tz_localize("UTC"),
        "time": lambda: pd.DatetimeIndex(start_time[path] + seconds * _SECOND).tz_localize("UTC"),
        "age_h": lambda: seconds / 3600.0,
        "lon": lambda: lon,
        "lat": lambda: lat,
        "height_m_agl": lambda: points[:, kernel.HEIGHT].copy(),
        "pressure_hpa": lambda: points[:, kernel.PRESSURE] / 100.0,
        "end_reason": lambda: pd.array(END_REASONS, dtype="str").take(ends[path, 1]),
    }
    with ThreadPoolExecutor(threads) as pool:
        made = dict(zip(columns, pool.map(lambda make: make(), columns.values()), strict=True))
    return pd.DataFrame(made, columns=list(POINT_COLUMNS), copy=False)


def _lonlat(prepared: Prepared, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude, made piece by piece so that what is between stays in the cache."""
    lon, lat = np.empty(len(points)), np.empty(len(points))
    for i in range(0, len(points), _PIECE):
        piece = slice(i, i + _PIECE)
        lon[piece], lat[piece] = prepared.grid.to_lonlat(points[piece, kernel.COLUMN], points[piece, kernel.ROW])
    return lon, lat


def _ages(plan: kernel.Plan, n_points: int) -> NDArray[np.int64]:
    """Return the signed age (s) of each point of a path."""
    minutes = np.minimum(np.arange(n_points) * plan.output, abs(plan.minutes))
    return np.asarray(np.rint(np.sign(plan.minutes) * minutes * 60.0), np.int64)


def _say(time: pd.Timestamp) -> str:
    return f"{time.tz_convert('UTC'):%Y-%m-%dT%H:%MZ}"


__all__ = ["DEFAULT", "EARTH_RADIUS_M", "Integration", "run", "trajectories", "trajectory_lines"]
