"""Trajectories: where air came from or goes to, from starts and meteorology, as HYSPLIT computes them.

Petterssen's two-stage scheme, linear in space and time, terrain-following coordinate: Draxler and Hess (1998); Stein et
al. (2015), doi:10.1175/BAMS-D-14-00110.1. One Earth radius everywhere: :data:`EARTH_RADIUS_M`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from tracing import trajectory_kernel as kernel
from tracing.met.grid import EARTH_RADIUS_M
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


@dataclass(frozen=True)
class Integration:
    """How to integrate.

    Attributes
    ----------
    method : ``petterssen``.
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
        if self.method != "petterssen":
            raise InvalidInput(f"method {self.method!r} is not known; use petterssen")
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
    points = run(prepared, starts, hours=hours, options=options)
    points.attrs |= {"warnings": assumptions(met, options.roughness), "source": met.attrs.get("source", "")}
    return points


def run(
    prepared: Prepared, starts: pd.DataFrame, *, hours: float, options: Integration = DEFAULT, first: int = 1
) -> pd.DataFrame:
    """Do as :func:`trajectories` does on meteorology prepared before; ``first`` is the first trajectory's number.

    Raises
    ------
    InvalidInput
        If a start lies outside the grid, below ground or above the top.
    """
    begin = _kernel_starts(prepared, starts, options, first)
    n_points = int(np.floor(abs(hours) * 60.0 / options.output_minutes + 1e-9)) + 2
    out = np.full((len(starts), n_points, 5), np.nan)
    ends = np.zeros((len(starts), 2), np.int64)
    step = options.step_minutes or 0.0
    plan = kernel.Plan(hours * 60.0, float(options.output_minutes), float(step), _CELLS_PER_STEP, float(options.top_m))
    kernel.follow_paths(prepared.fields, plan, begin, out, ends)
    return _table(prepared, starts, out, ends, first)


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
    minutes = (starts["time"] - prepared.start).dt.total_seconds().to_numpy() / 60.0
    depth = np.array([kernel.surface_at(fields, kernel.DEPTH, *p) for p in zip(x, y, strict=True)])
    tops = np.array([kernel.top_at(fields, *p) for p in zip(x, y, minutes, strict=True)])
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
    prepared: Prepared, starts: pd.DataFrame, out: NDArray[np.float64], ends: NDArray[np.int64], first: int
) -> pd.DataFrame:
    """Return the points that the kernel filled, in DESIGN's columns."""
    count = ends[:, 0]
    points = out[np.arange(out.shape[1]) < count[:, None]]
    lon, lat = prepared.grid.to_lonlat(points[:, kernel.COLUMN], points[:, kernel.ROW])
    # The start is told as it was given, not as it comes back from the grid.
    begin = np.cumsum(count) - count
    given = starts["lon"].to_numpy(np.float64)
    lon[begin] = np.where(given < 180.0, given, given - 360.0)
    lat[begin], points[begin, kernel.HEIGHT] = starts["lat"], starts["height_m_agl"]
    start_time = starts["time"].dt.tz_convert("UTC").dt.as_unit("s")
    repeated = np.repeat(start_time.dt.tz_localize(None).to_numpy(), count)
    seconds = np.rint(points[:, kernel.AGE] * 60.0).astype(np.int64)
    data = {
        "trajectory": np.repeat(np.arange(first, first + len(starts), dtype=np.int64), count),
        "receptor": pd.array(np.repeat(starts["receptor"].astype("str").to_numpy(dtype=object), count), dtype="str"),
        "start_time": pd.DatetimeIndex(repeated).tz_localize("UTC"),
        "time": pd.DatetimeIndex(repeated + seconds * _SECOND).tz_localize("UTC"),
        "age_h": seconds / 3600.0,
        "lon": lon,
        "lat": lat,
        "height_m_agl": points[:, kernel.HEIGHT],
        "pressure_hpa": points[:, kernel.PRESSURE] / 100.0,
        "end_reason": pd.array(np.repeat(np.array(END_REASONS, dtype=object)[ends[:, 1]], count), dtype="str"),
    }
    return pd.DataFrame(data, columns=list(POINT_COLUMNS))


def _say(time: pd.Timestamp) -> str:
    return f"{time.tz_convert('UTC'):%Y-%m-%dT%H:%MZ}"


__all__ = ["DEFAULT", "EARTH_RADIUS_M", "Integration", "run", "trajectories", "trajectory_lines"]
