"""Points of trajectories on their way between processes: the numbers, without what the starts tell already."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracing.trajectory_run import Integration, ages_of
from tracing.trajectory_spread import OFFSETS
from tracing.trajectory_table import POINT_COLUMNS, labels_of

_NUMBERS = ("lon", "lat", "height_m_agl", "pressure_hpa")


class Packed(NamedTuple):
    """A table of points: a third of its bytes.

    ``trajectory``, ``size`` (points) and ``reason`` (place in END_REASONS) have shape (path,); ``numbers`` holds the
    other columns, float64 (column, point): one piece, for which the receiver asks the system for large pages.
    """

    trajectory: NDArray[np.int64]
    size: NDArray[np.int64]
    reason: NDArray[np.int64]
    names: tuple[str, ...]
    numbers: NDArray[np.float64]


def pack(points: pd.DataFrame) -> Packed:
    """Return the points of :func:`tracing.trajectory_spread.run_all`, packed."""
    number = points["trajectory"].to_numpy()
    begin = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if number.size else np.empty(0, np.intp)
    reason = points["end_reason"].cat.codes.to_numpy()[begin].astype(np.int64)
    told = [str(name) for name in points if name not in POINT_COLUMNS and name != "member"]
    names = (*_NUMBERS, *told)
    numbers = np.empty((len(names), number.size))
    for row, name in zip(numbers, names, strict=True):
        row[:] = points[name]
    return Packed(number[begin], np.diff(np.append(begin, number.size)), reason, names, numbers)


def unpack(
    packed: Packed, starts: pd.DataFrame, rows: NDArray[np.int64], *, hours: float, options: Integration
) -> pd.DataFrame:
    """Return the table that was packed; ``starts`` are those at ``rows`` of the table of all starts."""
    members = len(OFFSETS) if options.ensemble else 1
    of_start = np.searchsorted(rows, (packed.trajectory - 1) // members)
    ends = np.column_stack([packed.size, packed.reason])
    ages = ages_of(hours, options)
    with ThreadPoolExecutor(1) as pool:
        labels = labels_of(starts.iloc[of_start], packed.trajectory, ends, (packed.size, ages), pool)
    numbers = dict(zip(packed.names, packed.numbers, strict=True))
    columns = numbers | labels
    told = {name: values for name, values in numbers.items() if name not in _NUMBERS}
    points = pd.DataFrame({name: columns[name] for name in POINT_COLUMNS} | told, copy=False)
    if options.ensemble:
        points["member"] = (points["trajectory"] - 1) % members + 1
    return points
