"""High values against what the past and the neighbours lead one to expect, on plain arrays; only the past is used.

Everything is in logarithms: a difference is a ratio. An hour's past is the same time of day, give or take some hours,
on earlier days, so the hours just before, in which an episode may already be running, do not raise the expectation.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS = 24
# The quartiles of a normal distribution lie this many standard deviations apart.
QUARTILES_APART = 1.3489795003921634


@njit(cache=True, nogil=True)
def past_median(values: Floats, weather: Floats, days: int, reach: int, nearest: int, least: int) -> Floats:
    """Return the median of each hour's past.

    Parameters
    ----------
    values : ndarray, shape (hour, place), any unit
        NaN where missing; rows are consecutive hours.
    weather : ndarray, shape (hour, place, variable)
        With variables, only the `nearest` hours of the past whose weather is most alike count (each variable divided
        by its standard deviation in that past); an hour whose own weather is not known takes its whole past.
    days : int
        Earlier days that are looked at.
    reach : int
        Hours before and after the same time of day, at most 11.
    nearest : int
        See `weather`.
    least : int
        Fewest values.

    Returns
    -------
    ndarray, shape (hour, place)
        NaN with fewer than `least` values.
    """
    hours, places = values.shape
    out = np.full((hours, places), np.nan)
    found, rows = np.empty(days * (2 * reach + 1)), np.empty(days * (2 * reach + 1), dtype=np.int64)
    for place in range(places):
        for hour in range(hours):
            n = _gather(values, hour, place, days, reach, found, rows)
            if n < least:
                continue
            if weather.shape[2] > 0:
                n = _alike(weather, hour, place, nearest, found, rows, n)
                if n < least:
                    continue
            out[hour, place] = np.median(found[:n])
    return out


@njit(cache=True, nogil=True)
def past_spread(values: Floats, days: int, reach: int, least: int) -> tuple[Floats, Floats]:
    """Return the median of each hour's past and its standard deviation as the quartiles tell it; see `past_median`.

    Returns
    -------
    centre, spread : ndarray, shape (hour, place)
        NaN with fewer than `least` values. The spread is the distance of the quartiles, divided by 1.349.
    """
    hours, places = values.shape
    centre, spread = np.full((hours, places), np.nan), np.full((hours, places), np.nan)
    found, rows = np.empty(days * (2 * reach + 1)), np.empty(days * (2 * reach + 1), dtype=np.int64)
    for place in range(places):
        for hour in range(hours):
            n = _gather(values, hour, place, days, reach, found, rows)
            if n < least:
                continue
            ordered = np.sort(found[:n])
            centre[hour, place] = _quantile(ordered, 0.5)
            spread[hour, place] = (_quantile(ordered, 0.75) - _quantile(ordered, 0.25)) / QUARTILES_APART
    return centre, spread


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
    for place in range(places):
        for hour in range(hours):
            n = 0
            for at in range(indptr[place], indptr[place + 1]):
                value = values[hour, indices[at]]
                if not np.isnan(value):
                    found[n] = value
                    n += 1
            count[hour, place] = n
            if n >= least:
                median[hour, place] = np.median(found[:n])
    return median, count


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


@njit(cache=True, nogil=True)
def _gather(values: Floats, hour: int, place: int, days: int, reach: int, found: Floats, rows: Ints) -> int:
    """Write the values of an hour's past and their rows; return their number."""
    n = 0
    for day in range(1, days + 1):
        middle = hour - HOURS * day
        for row in range(max(middle - reach, 0), middle + reach + 1):
            value = values[row, place] if row >= 0 else np.nan
            if not np.isnan(value):
                found[n] = value
                rows[n] = row
                n += 1
    return n


@njit(cache=True, nogil=True)
def _alike(weather: Floats, hour: int, place: int, nearest: int, found: Floats, rows: Ints, n: int) -> int:
    """Keep the values of the `nearest` rows whose weather is most like that of `hour`; return their number."""
    away = np.zeros(n)
    for variable in range(weather.shape[2]):
        now = weather[hour, place, variable]
        if np.isnan(now):
            return n
        known, total, squares = 0, 0.0, 0.0
        for k in range(n):
            then = weather[rows[k], place, variable]
            if not np.isnan(then):
                known += 1
                total += then - now
                squares += (then - now) ** 2
        variance = squares / known - (total / known) ** 2 if known > 0 else 0.0
        for k in range(n):
            then = weather[rows[k], place, variable]
            if np.isnan(then):
                away[k] = np.inf
            elif variance > 0.0:
                away[k] += (then - now) ** 2 / variance
    order = np.argsort(away, kind="mergesort")
    kept = np.empty(min(nearest, n))
    m = 0
    for k in order[: kept.size]:
        if np.isfinite(away[k]):
            kept[m] = found[k]
            m += 1
    found[:m] = kept[:m]
    return m


@njit(cache=True, nogil=True)
def _quantile(ordered: Floats, share: float) -> float:
    at = share * (ordered.size - 1)
    low = int(at)
    high = min(low + 1, ordered.size - 1)
    return float(ordered[low] + (at - low) * (ordered[high] - ordered[low]))
