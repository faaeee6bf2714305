"""Trajectories: where air came from or goes to, from starts and meteorology, as HYSPLIT computes them.

Petterssen's two-stage scheme, linear in space and time, terrain-following coordinate: Draxler and Hess (1998); Stein et
al. (2015), doi:10.1175/BAMS-D-14-00110.1. One Earth radius everywhere: :data:`EARTH_RADIUS_M`.
"""

import os

import numpy as np
import pandas as pd
import xarray as xr

from geo.errors import InvalidInput, MissingData
from tracing.met.grid import EARTH_RADIUS_M, say_period
from tracing.trajectory_groups import Window, groups_of, window_of
from tracing.trajectory_lines import trajectory_lines
from tracing.trajectory_run import DEFAULT, METHODS, Integration, run
from tracing.trajectory_spread import run_all
from tracing.trajectory_table import END_REASONS, POINT_COLUMNS
from tracing.vertical import VERTICALS, Prepared, assumptions, check_times, ground_contact, prepare, touching_ground

START_COLUMNS = ("receptor", "time", "lon", "lat", "height_m_agl")


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
    ``age_h`` is negative going back. ``receptor`` and ``end_reason`` are categories; the latter is why the path ended:
    completed; left_domain (sideways); left_top (above ``top_m`` or the data's highest level); end_of_data (in time). A
    path stays on the ground it reaches.
    With ``options.ensemble`` 27 paths per start and a column ``member``, with ``options.error`` a column ``error_km``,
    and the columns of ``options.along``.
    ``attrs["warnings"]`` says what was assumed where the meteorology is silent, and where a surface that is
    followed (isentropic, constant-height) meets the ground.

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
    threads = threads or available_threads()
    starts = starts.astype({"receptor": "category"})
    tables = []
    for group in groups_of(met, starts, hours=hours, vertical=vertical, options=options):
        prepared = prepare_window(met, group.window, hours=hours, vertical=vertical, options=options)
        some, numbers = (starts, None) if group.rows.size == len(starts) else (starts.iloc[group.rows], group.rows + 1)
        tables.append(run_all(prepared, some, hours=hours, options=options, numbers=numbers, threads=threads))
        del prepared
    return labelled(tables, met, vertical, options)


def available_threads() -> int:
    """Return how many threads this process may use."""
    return len(os.sched_getaffinity(0))


def prepare_window(met: xr.Dataset, window: Window, *, hours: float, vertical: str, options: Integration) -> Prepared:
    """Return the meteorology of a window of times, ready for the kernel."""
    return prepare(
        met,
        vertical,
        top_m=options.top_m,
        roughness=options.roughness,
        window=window,
        backward=hours < 0,
        along=options.along,
    )


def labelled(tables: list[pd.DataFrame], met: xr.Dataset, vertical: str, options: Integration) -> pd.DataFrame:
    """Return the points of a run's parts in the order of the starts, and in ``attrs`` what must be known of them."""
    points = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
    if not points["trajectory"].is_monotonic_increasing:
        points = points.sort_values("trajectory", kind="stable", ignore_index=True)
    said = [*assumptions(met, options.roughness), *ground_contact(touching_ground(points, vertical), vertical)]
    points.attrs |= {"warnings": said, "source": met.attrs.get("source", "")}
    return points


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
    _check_near_ground(met, starts)
    _check_period(met, starts, hours)


def _check_numbers(starts: pd.DataFrame) -> None:
    """Name the first row whose place or time cannot be."""
    limits = (("lon", -180.0, 360.0), ("lat", -90.0, 90.0), ("height_m_agl", 0.0, np.inf))
    for name, low, high in limits:
        try:
            values = starts[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"starts: column {name} holds what is not a number ({error}); correct it") from error
        wrong = np.flatnonzero(~((values >= low) & (values <= high)))
        if wrong.size:
            what = "is below ground" if name == "height_m_agl" else f"is not between {low:g} and {high:g} degrees"
            raise InvalidInput(f"starts row {wrong[0] + 1}: {name} {values[wrong[0]]:g} {what}; correct it")
    if starts["time"].isna().any():
        raise InvalidInput(f"starts row {int(np.argmax(starts['time'].isna())) + 1}: no time; give a time in UTC")


def _check_near_ground(met: xr.Dataset, starts: pd.DataFrame) -> None:
    """Name the first start above a field that holds nothing but a wind near the ground."""
    only = met.attrs.get("only_height_m")
    if only is None:
        return
    height = starts["height_m_agl"].to_numpy(np.float64)
    wrong = np.flatnonzero(height > met["level"].values.max())
    if wrong.size:
        raise InvalidInput(
            f"starts row {wrong[0] + 1}: {height[wrong[0]]:g} m, but the meteorology {say_period(met)} "
            f"holds a wind at {only:g} m only; start at {only:g} m, or add files with winds on levels"
        )


def _check_period(met: xr.Dataset, starts: pd.DataFrame, hours: float) -> None:
    check_times(met)
    first, last = (pd.Timestamp(met["time"].values[i]).tz_localize("UTC") for i in (0, -1))
    outside = np.flatnonzero(((starts["time"] < first) | (starts["time"] > last)).to_numpy())
    period = f"the meteorology covers {say_period(met)}"
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


def _say(time: pd.Timestamp) -> str:
    return f"{time.tz_convert('UTC'):%Y-%m-%dT%H:%MZ}"


__all__ = [
    "DEFAULT",
    "EARTH_RADIUS_M",
    "END_REASONS",
    "METHODS",
    "POINT_COLUMNS",
    "Integration",
    "run",
    "trajectories",
    "trajectory_lines",
    "window_of",
]
