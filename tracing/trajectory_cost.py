"""What a run of trajectories would cost, and whether its starts can be, told before it starts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from tracing.trajectory import check_request, prepare_window
from tracing.trajectory_groups import (
    STEPS_PER_SECOND,
    STEPS_PER_SECOND_ALONE,
    WINDS_BYTES,
    groups_of,
    runs_per_start,
)
from tracing.trajectory_run import Integration, kernel_starts, points_per_path, steps_per_path
from tracing.trajectory_spread import OFFSETS
from tracing.vertical import bytes_per_time
from tracing.vertical_along import check_along

# Measured on two cores (tests/benchmarks/bench_trajectories.py); a machine differs from another by a factor of two.
_PREPARED_BYTES_PER_SECOND = 120e6
_WRITTEN_POINTS_PER_SECOND = 1.5e6
_PARQUET_BYTES_PER_POINT = 45.0
_BASE_BYTES = 400e6
_POINT_BYTES = 130.0
# What the winds of the start times may take to read where only the starts are checked.
_CHECK_SECONDS = 3.0


@dataclass(frozen=True)
class Cost:
    """What a run would take: ``paths``, particle ``steps``, ``points``, ``times`` of the meteorology in ``windows``.

    ``winds_bytes`` is what the largest window takes prepared; ``seconds``, ``memory_bytes`` and ``file_bytes`` (as
    GeoParquet) are estimates within a factor of two or so.
    """

    paths: int
    steps: int
    points: int
    times: int
    windows: int
    winds_bytes: int
    seconds: float
    memory_bytes: float
    file_bytes: float


def cost_of(
    met: xr.Dataset,
    starts: pd.DataFrame,
    *,
    per_time: int,
    hours: float,
    vertical: str,
    options: Integration,
    threads: int,
    streamed: bool,
) -> Cost:
    """Estimate the cost of a run.

    Parameters
    ----------
    starts : one start for each start time
    per_time : starts at each of these times
    streamed : whether the points go to a file part by part instead of staying in memory
    """
    members = len(OFFSETS) if options.ensemble else 1
    paths = len(starts) * per_time * members
    points = paths * points_per_path(hours, options)
    steps = int(len(starts) * per_time * runs_per_start(options) * steps_per_path(hours, options))
    groups = groups_of(met, starts, hours=hours, vertical=vertical, options=options)
    each = bytes_per_time(met, vertical, options.top_m, options.along, ensemble=options.ensemble)
    times = [_times_in(met, group.window) for group in groups]
    rate = STEPS_PER_SECOND if options.step_minutes is not None else STEPS_PER_SECOND_ALONE
    seconds = sum(times) * each / _PREPARED_BYTES_PER_SECOND + steps / (rate * threads)
    winds = max(times) * each
    table = _POINT_BYTES * (min(points, 8_000_000) if streamed else 2 * points)
    return Cost(
        paths=paths,
        steps=steps,
        points=points,
        times=sum(times),
        windows=len(groups),
        winds_bytes=winds,
        seconds=seconds + points / _WRITTEN_POINTS_PER_SECOND,
        memory_bytes=_BASE_BYTES + min(winds, 2 * WINDS_BYTES) + table,
        file_bytes=_PARQUET_BYTES_PER_POINT * points,
    )


def check_starts(
    met: xr.Dataset,
    starts: pd.DataFrame,
    *,
    hours: float,
    vertical: str,
    options: Integration,
    numbers: NDArray[np.int64] | None = None,
) -> tuple[int, int]:
    """Check starts as a run would, but follow none.

    Parameters
    ----------
    starts, hours, vertical, options : as for :func:`tracing.trajectory.trajectories`
    numbers : of the starts' rows, for messages; by default from 1

    Returns
    -------
    At how many start times heights were held against the top and winds against gaps, and how many there are: all, or
    as many of them, evenly spread, as are read in a few seconds. All else is checked of every start.

    Raises
    ------
    InvalidInput, MissingData
        As the run would.
    """
    numbers = np.arange(1, len(starts) + 1) if numbers is None else numbers
    check_along(met, options.along)
    check_request(met, starts, hours=hours, vertical=vertical, options=options)
    begin = starts["time"].dt.tz_convert("UTC")
    times = pd.DatetimeIndex(begin.unique()).sort_values()
    each = 2 * bytes_per_time(met, vertical, options.top_m, options.along) / _PREPARED_BYTES_PER_SECOND
    most = max(1, int(_CHECK_SECONDS / each))
    taken = times[np.unique(np.linspace(0, times.size - 1, min(most, times.size)).round().astype(int))]
    for time in taken:
        prepared = prepare_window(met, (time, time), hours=hours, vertical=vertical, options=options)
        if time == taken[0]:
            # A place that lies outside does so at all times.
            rows = np.flatnonzero(~starts.duplicated(["lon", "lat"]).to_numpy())
            kernel_starts(prepared, starts.iloc[rows].assign(time=time, height_m_agl=0.0), options, numbers[rows])
        rows = np.flatnonzero((begin == time).to_numpy())
        kernel_starts(prepared, starts.iloc[rows], options, numbers[rows])
    return taken.size, times.size


def _times_in(met: xr.Dataset, window: tuple[pd.Timestamp, pd.Timestamp]) -> int:
    times = met["time"].values
    first, last = (time.tz_convert("UTC").tz_localize(None).to_datetime64() for time in window)
    begin, end = np.searchsorted(times, first, side="right") - 1, np.searchsorted(times, last, side="left")
    return min(int(end), times.size - 1) - max(int(begin), 0) + 1
