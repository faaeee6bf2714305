"""Points on their way between processes: the numbers, without what the starts tell already."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tracing.trajectory_run import Integration, ages_of, run_paths
from tracing.trajectory_spread import OFFSETS, run_all
from tracing.trajectory_table import POINT_COLUMNS, Paths, points_table
from tracing.vertical import Prepared

_LABELS = frozenset(POINT_COLUMNS) - {"lon", "lat", "height_m_agl", "pressure_hpa"} | {"member"}


def run_packed(
    prepared: Prepared, starts: pd.DataFrame, numbers: NDArray[np.int64], *, hours: float, options: Integration
) -> Paths:
    """Do as :func:`tracing.trajectory_spread.run_all`, of starts that need no ``receptor``, and label nothing."""
    if not options.ensemble and options.error is None:
        return run_paths(prepared, starts, hours=hours, options=options, numbers=numbers)
    return _packed(run_all(prepared, starts, hours=hours, options=options, numbers=numbers))


def _packed(points: pd.DataFrame) -> Paths:
    number = points["trajectory"].to_numpy()
    begin = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if number.size else np.empty(0, np.intp)
    reason = points["end_reason"].cat.codes.to_numpy()[begin].astype(np.int64)
    columns = {str(name): points[name].to_numpy() for name in points if name not in _LABELS}
    return Paths(number[begin], np.diff(np.append(begin, number.size)), reason, columns)


def unpack(
    paths: Paths, starts: pd.DataFrame, rows: NDArray[np.int64], *, hours: float, options: Integration
) -> pd.DataFrame:
    """Return the table of points of ``run_all``; ``starts`` are those at ``rows``, with their receptors."""
    members = len(OFFSETS) if options.ensemble else 1
    of_start = np.searchsorted(rows, (paths.number - 1) // members)
    points = points_table(paths, starts.iloc[of_start], ages_of(hours, options), threads=1)
    if options.ensemble:
        points["member"] = (points["trajectory"] - 1) % members + 1
    return points
