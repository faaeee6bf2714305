"""Moments and intervals of CQL2, and how they lie to each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.errors import InvalidInput

Ticks = npt.NDArray[np.int64]
EARLIEST, LATEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True)
class Period:
    """Starts and ends, both included, in milliseconds of UTC since 1970; of a moment they are the same."""

    start: Ticks
    end: Ticks
    missing: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, times: pd.Series) -> "Period":
        """Return the moments of a column."""
        ticks = times.dt.tz_convert("UTC").dt.as_unit("ms").astype("int64").to_numpy()
        return cls(ticks, ticks, times.isna().to_numpy(dtype=bool))


def is_moment(node: Any) -> bool:
    """Return whether a node is a time that is written out."""
    return isinstance(node, dict) and set(node) in ({"timestamp"}, {"date"}, {"interval"})


def as_period(node: Any) -> Period:
    """Return a timestamp, a date (the whole day of UTC), an interval, or one of them as text.

    Raises
    ------
    InvalidInput
        It is no time, or an interval that ends before it begins.
    """
    if isinstance(node, dict) and set(node) == {"interval"}:
        first, last = node["interval"]
        start = EARLIEST if first == ".." else as_period(first).start
        end = LATEST if last == ".." else as_period(last).end
        if start > end:
            raise InvalidInput(f"filter: the interval {first}/{last} ends before it begins")
        return _period(start, end)
    text = next(iter(node.values())) if isinstance(node, dict) and len(node) == 1 else node
    if not isinstance(text, str):
        raise InvalidInput(f"filter: {node} is no time; write TIMESTAMP('2025-01-15T08:00:00Z')")
    try:
        stamp = pd.Timestamp(text)
        stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
        start = int(stamp.timestamp() * 1000 + (0.5 if stamp.year >= 1970 else -0.5))
    except (ValueError, OverflowError, TypeError):
        raise InvalidInput(f"filter: {text!r} is no time; write TIMESTAMP('2025-01-15T08:00:00Z')") from None
    whole_day = len(text) == 10
    return _period(start, start + 86_399_999 if whole_day else start)


def _period(start: Any, end: Any) -> Period:
    return Period(np.array([start]).reshape(1), np.array([end]).reshape(1), np.zeros(1, dtype=bool))


def _disjoint(a: Period, b: Period) -> npt.NDArray[np.bool_]:
    return (a.start > b.end) | (a.end < b.start)


TEMPORAL: dict[str, Callable[[Period, Period], npt.NDArray[np.bool_]]] = {
    "t_after": lambda a, b: a.start > b.end,
    "t_before": lambda a, b: a.end < b.start,
    "t_contains": lambda a, b: (a.start < b.start) & (a.end > b.end),
    "t_disjoint": _disjoint,
    "t_during": lambda a, b: (a.start > b.start) & (a.end < b.end),
    "t_equals": lambda a, b: (a.start == b.start) & (a.end == b.end),
    "t_finishedby": lambda a, b: (a.start < b.start) & (a.end == b.end),
    "t_finishes": lambda a, b: (a.start > b.start) & (a.end == b.end),
    "t_intersects": lambda a, b: ~_disjoint(a, b),
    "t_meets": lambda a, b: a.end == b.start,
    "t_metby": lambda a, b: a.start == b.end,
    "t_overlappedby": lambda a, b: (a.start > b.start) & (a.start < b.end) & (a.end > b.end),
    "t_overlaps": lambda a, b: (a.start < b.start) & (a.end > b.start) & (a.end < b.end),
    "t_startedby": lambda a, b: (a.start == b.start) & (a.end > b.end),
    "t_starts": lambda a, b: (a.start == b.start) & (a.end < b.end),
    # Not of the standard: what = and <> mean for a moment and a day.
    "t_within": lambda a, b: (a.start >= b.start) & (a.end <= b.end),
    "t_outside": lambda a, b: ~((a.start >= b.start) & (a.end <= b.end)),
}
