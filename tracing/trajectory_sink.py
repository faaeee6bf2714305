"""Take the parts of a run: a table in memory, and what is counted of all paths."""

from collections import Counter

import numpy as np
import pandas as pd

from tracing.vertical import ground_contact, touching_ground


class TableSink:
    """Parts that become one table; the counterpart in memory of :class:`tracing.trajectory_parquet.ParquetSink`."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._parts: list[pd.DataFrame] = []

    def add(self, points: pd.DataFrame) -> None:
        """Append points, of the columns of the first part."""
        self._parts.append(points)

    def points(self) -> pd.DataFrame:
        """Return all points in the order of the trajectories."""
        if len(self._parts) > 1:
            self._parts = [pd.concat(self._parts, ignore_index=True)]
        (points,) = self._parts
        if not points["trajectory"].is_monotonic_increasing:
            points = points.sort_values("trajectory", kind="stable", ignore_index=True)
            self._parts = [points]
        return points


class Tally:
    """Counts of a run's paths: ``paths``, ``ends`` by reason, and what lies on the ground.

    Parameters
    ----------
    vertical : motion, as of :data:`tracing.vertical.VERTICALS`
    """

    def __init__(self, vertical: str) -> None:
        """Begin at nothing."""
        self.paths = 0
        self.ends: Counter[str] = Counter()
        self._vertical = vertical
        self._touching: list[pd.DataFrame] = []

    def add(self, points: pd.DataFrame) -> None:
        """Count the paths of a part; a path is never cut between parts."""
        number = points["trajectory"].to_numpy()
        last = np.flatnonzero(np.append(number[1:] != number[:-1], True)) if number.size else np.empty(0, np.intp)
        self.paths += last.size
        self.ends.update(points["end_reason"].iloc[last])
        self._touching.append(touching_ground(points, self._vertical))

    def ground_contact(self) -> list[str]:
        """Return in one sentence, Chinese and English, which paths lie on the ground."""
        return ground_contact(pd.concat(self._touching), self._vertical) if self._touching else []


def with_member(points: pd.DataFrame, starts: pd.DataFrame) -> pd.DataFrame:
    """Return points with the column ``member`` of the starts, where these have one."""
    if "member" not in starts:
        return points
    return points.assign(member=starts["member"].to_numpy()[points["trajectory"].to_numpy() - 1])
