"""What an hour's past leads one to expect, on plain arrays: medians and quartiles over windows that slide day by day.

An hour's past is the same time of day, give or take some hours, on earlier days, so the hours just before, in which an
episode may already be running, do not raise the expectation. From one day to the next a window gains one day and loses
one: it is kept in order, so that its quantiles need no sorting.
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
    out = np.full(values.shape, np.nan)
    for place in range(values.shape[1]):
        # One place's hours side by side: the window then stays in the processor's nearest memory.
        column = values[:, place].copy()
        if weather.shape[2] > 0:
            out[:, place] = _alike_median(column, weather[:, place].copy(), days, reach, nearest, least)
        else:
            out[:, place] = _past_quantiles(column, days, reach, least)[1]
    return out


@njit(cache=True, nogil=True)
def past_spread(values: Floats, days: int, reach: int, least: int) -> tuple[Floats, Floats]:
    """Return the median of each hour's past and its standard deviation as the quartiles tell it; see `past_median`.

    Returns
    -------
    centre, spread : ndarray, shape (hour, place)
        NaN with fewer than `least` values. The spread is the distance of the quartiles, divided by 1.349.
    """
    centre, spread = np.empty(values.shape), np.empty(values.shape)
    for place in range(values.shape[1]):
        low, middle, high = _past_quantiles(values[:, place].copy(), days, reach, least)
        centre[:, place] = middle
        spread[:, place] = (high - low) / QUARTILES_APART
    return centre, spread


@njit(cache=True, nogil=True)
def _past_quantiles(column: Floats, days: int, reach: int, least: int) -> tuple[Floats, Floats, Floats]:
    """Return the lower quartile, the median and the upper quartile of each hour's past, each of shape (hour,)."""
    hours = column.size
    low, middle, high = np.full(hours, np.nan), np.full(hours, np.nan), np.full(hours, np.nan)
    ordered = np.empty(days * (2 * reach + 1))
    for clock in range(min(HOURS, hours)):
        n = 0
        for hour in range(clock, hours, HOURS):
            yesterday, gone = hour - HOURS, hour - HOURS * (days + 1)
            for step in range(-reach, reach + 1):
                old = column[gone + step] if gone + step >= 0 else np.nan
                new = column[yesterday + step] if yesterday + step >= 0 else np.nan
                n = _replace(ordered, n, old, new)
            if n >= least:
                low[hour] = _quantile(ordered, n, 0.25)
                middle[hour] = _quantile(ordered, n, 0.5)
                high[hour] = _quantile(ordered, n, 0.75)
    return low, middle, high


@njit(cache=True, nogil=True)
def _replace(ordered: Floats, n: int, old: float, new: float) -> int:
    """Replace a value of the first `n`, which stay in order; return their new number. NaN is no value."""
    at = n
    if not np.isnan(old):
        at = int(np.searchsorted(ordered[:n], old))
    elif not np.isnan(new):
        n += 1
    else:
        return n
    if np.isnan(new):
        for k in range(at, n - 1):
            ordered[k] = ordered[k + 1]
        return n - 1
    # The gap moves to where the new value belongs: only what lies between the two is touched.
    while at > 0 and ordered[at - 1] > new:
        ordered[at] = ordered[at - 1]
        at -= 1
    while at + 1 < n and ordered[at + 1] < new:
        ordered[at] = ordered[at + 1]
        at += 1
    ordered[at] = new
    return n


@njit(cache=True, nogil=True)
def _quantile(ordered: Floats, n: int, share: float) -> float:
    at = share * (n - 1)
    low = int(at)
    high = min(low + 1, n - 1)
    return float(ordered[low] + (at - low) * (ordered[high] - ordered[low]))


@njit(cache=True, nogil=True)
def _alike_median(column: Floats, weather: Floats, days: int, reach: int, nearest: int, least: int) -> Floats:
    """Return `past_median` of one place with weather, shape (hour, variable)."""
    out = np.full(column.size, np.nan)
    found, rows = np.empty(days * (2 * reach + 1)), np.empty(days * (2 * reach + 1), dtype=np.int64)
    for hour in range(column.size):
        n = _gather(column, hour, days, reach, found, rows)
        if n >= least:
            n = _alike(weather, hour, nearest, found, rows, n)
        if n >= least:
            out[hour] = np.median(found[:n])
    return out


@njit(cache=True, nogil=True)
def _gather(column: Floats, hour: int, days: int, reach: int, found: Floats, rows: Ints) -> int:
    """Write the values of an hour's past and their rows; return their number."""
    n = 0
    for day in range(1, days + 1):
        middle = hour - HOURS * day
        for row in range(max(middle - reach, 0), middle + reach + 1):
            if not np.isnan(column[row]):
                found[n] = column[row]
                rows[n] = row
                n += 1
    return n


@njit(cache=True, nogil=True)
def _alike(weather: Floats, hour: int, nearest: int, found: Floats, rows: Ints, n: int) -> int:
    """Keep the values of the `nearest` rows whose weather is most like that of `hour`; return their number."""
    away = np.zeros(n)
    for variable in range(weather.shape[1]):
        now = weather[hour, variable]
        if np.isnan(now):
            return n
        known, total, squares = 0, 0.0, 0.0
        for k in range(n):
            apart = weather[rows[k], variable] - now
            if not np.isnan(apart):
                known += 1
                total += apart
                squares += apart * apart
        variance = squares / known - (total / known) ** 2 if known > 0 else 0.0
        for k in range(n):
            apart = weather[rows[k], variable] - now
            if np.isnan(apart):
                away[k] = np.inf
            elif variance > 0.0:
                away[k] += apart * apart / variance
    return _nearest(away, nearest, found, n)


@njit(cache=True, nogil=True)
def _nearest(away: Floats, nearest: int, found: Floats, n: int) -> int:
    """Move the values of the `nearest` smallest finite distances to the front, of equal ones the first."""
    limit = np.partition(away, nearest - 1)[nearest - 1] if nearest < n else np.inf
    below = 0
    for k in range(n):
        below += int(away[k] < limit)
    equal, m = nearest - below, 0
    for k in range(n):
        at_limit = away[k] == limit and np.isfinite(limit)
        if away[k] < limit or (at_limit and equal > 0):
            equal -= int(at_limit)
            found[m] = found[k]
            m += 1
    return m
