"""Cut a run into parts that fit into memory: groups of starts that share a window of winds, chunks that end in time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from tracing.trajectory_run import Integration, points_per_path, steps_per_path
from tracing.trajectory_spread import OFFSETS, RETURNS
from tracing.vertical import bytes_per_time

Window = tuple[pd.Timestamp, pd.Timestamp]
Positions = NDArray[np.int64]

# Prepared winds that a process holds at once; with output and code this keeps it far below 4 GiB.
WINDS_BYTES = 1_200_000_000
# Particle-steps a second of one thread, together on a fixed step and one by one.
STEPS_PER_SECOND = 10_000_000.0
STEPS_PER_SECOND_ALONE = 700_000.0
# Each chunk blends the wind for itself, so at most so many per thread, and none of fewer starts.
_CHUNKS_PER_THREAD = 32
_SMALLEST_CHUNK = 50
# What is left is cut into so many chunks per thread.
_SHARES = 2
# Points of one chunk: its table stays below 300 MB.
_POINTS = 2_500_000


@dataclass(frozen=True)
class Group:
    """Starts (their rows in the table) that share the window of meteorology from first to last time (UTC)."""

    rows: Positions
    window: Window


def window_of(starts: pd.DataFrame, hours: float) -> Window:
    """Return the first and last time (UTC) that trajectories of ``hours`` from ``starts`` need."""
    span = pd.Timedelta(hours=float(hours))
    first, last = starts["time"].min(), starts["time"].max()
    return min(first, first + span), max(last, last + span)


def groups_of(
    met: xr.Dataset,
    starts: pd.DataFrame,
    *,
    hours: float,
    vertical: str,
    options: Integration,
    budget: int = WINDS_BYTES,
) -> list[Group]:
    """Return the starts in groups whose winds fit into ``budget`` bytes, by start time; most runs are one group.

    A group holds at least the starts of one time, however many bytes their winds take.
    """
    times = met["time"].values
    most = max(2, budget // bytes_per_time(met, vertical, options.top_m, options.along, ensemble=options.ensemble))
    begin = starts["time"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    unique, group_of = np.unique(begin, return_inverse=True)
    span = np.timedelta64(round(abs(hours) * 3600.0), "s")
    earliest, latest = (unique - span, unique) if hours < 0 else (unique, unique + span)
    first = np.searchsorted(times, earliest, side="right") - 1
    last = np.searchsorted(times, latest, side="left")
    groups, at = [], 0
    while at < unique.size:
        stop = at + 1
        while stop < unique.size and last[stop] - first[at] + 1 <= most:
            stop += 1
        rows = np.flatnonzero((group_of >= at) & (group_of < stop))
        groups.append(Group(rows, window_of(starts.iloc[rows], hours)))
        at = stop
    return groups


def chunk_size(hours: float, options: Integration, *, threads: int = 1, seconds: float = 0.5) -> int:
    """Return how many starts one process follows in about ``seconds``, of a table that stays small."""
    rate = STEPS_PER_SECOND if options.step_minutes is not None else STEPS_PER_SECOND_ALONE
    in_time = seconds * threads * rate / (steps_per_path(hours, options) * runs_per_start(options))
    of_size = _POINTS / (points_per_path(hours, options) * (len(OFFSETS) if options.ensemble else 1))
    return max(1, int(min(in_time, of_size)))


def runs_per_start(options: Integration) -> float:
    """Return how many paths of full length are followed for one start: members, and ways back."""
    # The ways back start at points evenly spread along the path.
    back = 0.0 if options.error is None else 0.5 * (RETURNS + 1)
    return (1.0 + back) * (len(OFFSETS) if options.ensemble else 1)


def chunks(group: Group, size: int) -> list[Positions]:
    """Return the rows of a group, ``size`` at a time."""
    return np.split(group.rows, range(size, group.rows.size, size))


def tapering_chunks(group: Group, hours: float, options: Integration, *, threads: int) -> list[Positions]:
    """Return the rows of a group for the threads of a cluster: the last chunks are small, so that all end together."""
    largest = chunk_size(hours, options)
    smallest = max(_SMALLEST_CHUNK, group.rows.size // (_CHUNKS_PER_THREAD * threads))
    at, left = [], group.rows.size
    while left > 0:
        left -= min(largest, max(smallest, -(-left // (_SHARES * threads))))
        at.append(group.rows.size - left)
    return np.split(group.rows, at[:-1])
