"""The points of a run: what the kernel wrote becomes DESIGN's columns, in place where it can."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from tracing.met.grid import MetGrid
from tracing.trajectory_kernel import COLUMN, HEIGHT, PRESSURE, ROW, Plan, sample
from tracing.vertical import Prepared

END_REASONS = ("completed", "left_domain", "left_top", "end_of_data")
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
# Categories: a text for each of ten million points would be a third of the table.
TEXT_COLUMNS = ("receptor", "end_reason")
# Points whose longitude and latitude are made together: what is between stays in the cache.
_PIECE = 16_384

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class Paths(NamedTuple):
    """The points of paths without what the starts tell already: a third of the table's bytes.

    ``number`` (of the trajectory), ``size`` (points) and ``reason`` (place in END_REASONS) have shape (path,); each of
    ``columns`` is float64 (point,).
    """

    number: Ints
    size: Ints
    reason: Ints
    columns: dict[str, Array]


def paths_of(
    prepared: Prepared, starts: pd.DataFrame, filled: tuple[Array, Ints], plan: Plan, *, numbers: Ints, threads: int
) -> Paths:
    """Return the points that the kernel filled, and what is told along the path.

    Parameters
    ----------
    filled : output (4, particle, point), which becomes the columns, and ends (particle, 2), as of
        :func:`tracing.trajectory_kernel.follow_paths`
    numbers : of the trajectories, shape (particle,)
    """
    (out, ends), ages = filled, point_ages(plan.minutes, plan.output, filled[0].shape[2])
    count = np.ascontiguousarray(ends[:, 0])
    points = out.reshape(4, -1)
    if np.any(count < out.shape[2]):
        points = points[:, : _close_ranks(out, count)]
    begin = (np.cumsum(count) - count)[count > 0]
    # The start is told as it was given, not as it comes back from the grid.
    points[HEIGHT, begin] = starts["height_m_agl"].to_numpy(np.float64)[count > 0]
    with ThreadPoolExecutor(threads) as pool:
        told = _told(prepared, starts, points, (count, ages), pool)
        _to_lonlat(prepared.grid, points, pool)
        lon = starts["lon"].to_numpy(np.float64)[count > 0]
        points[COLUMN, begin] = np.where(lon < 180.0, lon, lon - 360.0)
        points[ROW, begin] = starts["lat"].to_numpy(np.float64)[count > 0]
        points[PRESSURE] /= 100.0
    columns = {"lon": points[COLUMN], "lat": points[ROW], "height_m_agl": points[HEIGHT]}
    columns |= {"pressure_hpa": points[PRESSURE], **told}
    return Paths(numbers.astype(np.int64), count, np.ascontiguousarray(ends[:, 1]), columns)


def points_table(paths: Paths, starts: pd.DataFrame, ages: Ints, *, threads: int) -> pd.DataFrame:
    """Return paths in DESIGN's columns and those told along the path.

    Parameters
    ----------
    starts : one for each path; without the column ``receptor`` the table has none
    ages : age (s) of each point of a whole path
    """
    with ThreadPoolExecutor(threads) as pool:
        columns = paths.columns | _labels(paths, starts, ages, pool)
    told = {name: values for name, values in paths.columns.items() if name not in POINT_COLUMNS}
    return pd.DataFrame({name: columns[name] for name in POINT_COLUMNS if name in columns} | told, copy=False)


def point_ages(minutes: float, output: float, n_points: int) -> Ints:
    """Return the signed age (s) of each point of a path of signed ``minutes`` with points each ``output`` minutes."""
    ages = np.minimum(np.arange(n_points) * output, abs(minutes))
    return np.asarray(np.rint(np.sign(minutes) * ages * 60.0), np.int64)


@njit(cache=True, nogil=True)
def _close_ranks(out: Array, count: Ints) -> int:
    """Move the points of each path (4, particle, point) up to those of the one before; return how many there are."""
    _, n_paths, n_points = out.shape
    total = 0
    for c in range(4):
        flat, total = out[c].reshape(-1), 0
        for m in range(n_paths):
            for n in range(count[m]):
                flat[total + n] = flat[m * n_points + n]
            total += count[m]
    return total


def _spread(of_path: NDArray, of_point: NDArray, count: Ints) -> NDArray:
    """Return ``of_path`` + ``of_point`` for the points of all paths, ``count`` of each."""
    # NumPy asks the system for large pages, Numba does not: three times as fast on fresh memory.
    out = np.empty(int(count.sum()), of_path.dtype)
    _add(of_path, of_point, count, out)
    return out


@njit(cache=True, nogil=True)
def _add(of_path: NDArray, of_point: NDArray, count: Ints, out: NDArray) -> None:
    at = 0
    for m in range(count.size):
        for n in range(count[m]):
            out[at + n] = of_path[m] + of_point[n]
        at += count[m]


def _told(
    prepared: Prepared, starts: pd.DataFrame, points: Array, rows: tuple[Ints, Ints], pool: Executor
) -> dict[str, Array]:
    """Return by column what is told along the path at ``points`` (column, row, height, ...)."""
    if not prepared.along:
        return {}
    count, ages = rows
    begin = np.asarray((starts["time"] - prepared.start).dt.total_seconds(), np.float64) / 60.0
    minutes = _spread(begin, ages / 60.0, count)
    values = pool.map(lambda field: sample(prepared.fields, field, points, minutes), prepared.along.values())
    return dict(zip(prepared.along, values, strict=True))


def _to_lonlat(grid: MetGrid, points: Array, pool: Executor) -> None:
    """Turn columns and rows into degrees, in their place."""

    def turn(i: int) -> None:
        piece = points[:, i : i + _PIECE]
        piece[COLUMN], piece[ROW] = grid.to_lonlat(piece[COLUMN], piece[ROW])

    for _ in pool.map(turn, range(0, points.shape[1], _PIECE)):
        pass


def _labels(paths: Paths, starts: pd.DataFrame, ages: Ints, pool: Executor) -> dict[str, Any]:
    """Return by column what tells paths and points apart."""
    count = paths.size
    at_start = starts["time"].dt.tz_convert("UTC").dt.as_unit("s").array
    makers: dict[str, Callable[[], Any]] = {
        "trajectory": partial(_spread, paths.number, np.zeros_like(ages), count),
        "start_time": partial(at_start.repeat, count),
        "time": partial(_later, at_start, ages, count),
        "age_h": partial(_spread, np.zeros(count.size), ages / 3600.0, count),
        "end_reason": lambda: _reasons(paths.reason).repeat(count),
    }
    if "receptor" in starts:
        makers["receptor"] = partial(starts["receptor"].astype("category").array.repeat, count)
    made = pool.map(lambda make: make(), makers.values())
    return dict(zip(makers, made, strict=True))


def _reasons(code: Ints) -> Any:
    return pd.Categorical.from_codes(code.astype(np.int8), dtype=pd.CategoricalDtype([*END_REASONS]))


def as_categories(points: pd.DataFrame) -> pd.DataFrame:
    """Return points whose texts are categories, end reasons in the order of :data:`END_REASONS`, others behind."""
    found = points["end_reason"].astype("str")
    reasons = pd.CategoricalDtype([*END_REASONS, *sorted(set(found.dropna()) - set(END_REASONS))])
    return points.astype({"receptor": "str"}).astype({"receptor": "category", "end_reason": reasons})


def _later(at_start: Any, ages: Ints, count: Ints) -> Any:
    """Return the times of the points of all paths; a second array for the time zone would take as long as all else."""
    times = at_start.repeat(count)
    _add(at_start.asi8, ages, count, times.asi8)
    return times
