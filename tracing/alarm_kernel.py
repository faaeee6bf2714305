"""What the neighbours have at the same hour, and runs of high scores, on plain arrays."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Up to so many values are put in order one by one.
FEW = 64


@njit(cache=True, nogil=True)
def neighbours_median(values: Floats, indptr: Ints, indices: Ints, least: int) -> tuple[Floats, Ints]:
    """Return the median over each place's neighbours at the same hour, and how many had a value.

    Parameters
    ----------
    values : ndarray, shape (hour, place)
    indptr, indices : ndarray
        Rows of neighbours, as a CSR matrix has them.
    least : int
        Fewest neighbours with a value.

    Returns
    -------
    median : ndarray, shape (hour, place)
        NaN with fewer than `least` neighbours.
    count : ndarray, shape (hour, place)
    """
    hours, places = values.shape
    median, count = np.full((hours, places), np.nan), np.zeros((hours, places), dtype=np.int64)
    widest = 1
    for place in range(places):
        widest = max(widest, indptr[place + 1] - indptr[place])
    found = np.empty(widest)
    # Hours outside: a row of values is read once for all places.
    for hour in range(hours):
        for place in range(places):
            n = 0
            for at in range(indptr[place], indptr[place + 1]):
                value = values[hour, indices[at]]
                if not np.isnan(value):
                    found[n] = value
                    n += 1
            count[hour, place] = n
            if n >= least:
                median[hour, place] = _median(found, n)
    return median, count


@njit(cache=True, nogil=True)
def _median(found: Floats, n: int) -> float:
    """Return the median of the first `n` values; a few, as neighbours are, are put in order, which is quicker."""
    if n > FEW:
        return float(np.median(found[:n]))
    for k in range(1, n):
        value, at = found[k], k
        while at > 0 and found[at - 1] > value:
            found[at] = found[at - 1]
            at -= 1
        found[at] = value
    half = n // 2
    return float(found[half] if n % 2 else 0.5 * (found[half - 1] + found[half]))


@njit(cache=True, nogil=True)
def runs(score: Floats, fit: NDArray[np.bool_], begin: float, stay: float, gap: int) -> Ints:
    """Return the runs of high scores.

    A run begins with an hour at or above `begin` that is `fit`, and ends with the last hour at or above `stay` that is
    followed by more than `gap` hours below it or missing. So it is known while it lasts.

    Parameters
    ----------
    score : ndarray, shape (hour, place)
        NaN where not known.
    fit : ndarray of bool, shape (hour, place)
        Whether a run may begin here.

    Returns
    -------
    ndarray, shape (run, 4)
        Place, first hour, last hour, hour of the highest score; sorted by place, then hour.
    """
    hours, places = score.shape
    out = np.empty((hours * places // 2 + places, 4), dtype=np.int64)
    n = 0
    for place in range(places):
        last, peak, inside = -1, -1, False
        for hour in range(hours):
            value = score[hour, place]
            if inside and hour - last > gap + 1:
                inside = False
            if not inside and value >= begin and fit[hour, place]:
                inside, peak = True, hour
                out[n, 0], out[n, 1], out[n, 2], out[n, 3] = place, hour, hour, hour
                n += 1
                last = hour
            elif inside and value >= stay:
                last = hour
                if value > score[peak, place]:
                    peak = hour
                out[n - 1, 2], out[n - 1, 3] = hour, peak
    return out[:n].copy()
