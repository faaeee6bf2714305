"""What a run of trajectories would cost, told before it starts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from tracing.trajectory_groups import (
    STEPS_PER_SECOND,
    STEPS_PER_SECOND_ALONE,
    WINDS_BYTES,
    groups_of,
    runs_per_start,
)
from tracing.trajectory_run import Integration, points_per_path, steps_per_path
from tracing.trajectory_spread import OFFSETS
from tracing.vertical import bytes_per_time

# Measured on two cores (tests/benchmarks/bench_trajectories.py); a machine differs from another by a factor of two.
_PREPARED_BYTES_PER_SECOND = 120e6
_WRITTEN_POINTS_PER_SECOND = 1.5e6
_PARQUET_BYTES_PER_POINT = 45.0
_BASE_BYTES = 400e6
_POINT_BYTES = 130.0


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


def _times_in(met: xr.Dataset, window: tuple[pd.Timestamp, pd.Timestamp]) -> int:
    times = met["time"].values
    first, last = (time.tz_convert("UTC").tz_localize(None).to_datetime64() for time in window)
    begin, end = np.searchsorted(times, first, side="right") - 1, np.searchsorted(times, last, side="left")
    return min(int(end), times.size - 1) - max(int(begin), 0) + 1
