"""Means of hours and days with their validity rules (GB 3095-2012, HJ 663-2013), as array arithmetic."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

DAY_HOURS = 20
WINDOW_H = 8
WINDOW_HOURS = 6
DAY_WINDOWS = 14


def mean_of(values: Array, least: int) -> Array:
    """Return the mean along the last axis; NaN where fewer than `least` values are there."""
    there = np.isfinite(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.asarray(np.where(count >= max(least, 1), total / np.maximum(count, 1), np.nan))


def day_mean(hours: Array) -> Array:
    """Return the 24-h mean of days.

    Parameters
    ----------
    hours : ndarray, shape (..., 24)
        The day's hourly means; NaN is missing.

    Returns
    -------
    ndarray, shape (...)
        NaN where fewer than 20 hours have a value.
    """
    return mean_of(hours, DAY_HOURS)


def largest_8h(hours: Array) -> Array:
    """Return the largest running 8-h mean of days (ozone).

    Parameters
    ----------
    hours : ndarray, shape (..., 24)
        The day's hourly means, the first hour from midnight; NaN is missing.

    Returns
    -------
    ndarray, shape (...)
        The largest of the 17 means over 8 h that lie wholly within the day (those that end at 8:00 to 24:00). A mean
        needs 6 of its 8 hours, the day 14 of its 17 means; NaN otherwise.
    """
    means = mean_of(sliding_window_view(hours, WINDOW_H, axis=-1), WINDOW_HOURS)
    there = np.isfinite(means)
    largest = np.where(there, means, -np.inf).max(axis=-1)
    return np.asarray(np.where(there.sum(axis=-1) >= DAY_WINDOWS, largest, np.nan))


def percentile(values: Array, percent: float) -> float:
    """Return a percentile as HJ 663-2013 defines it; NaN without any value.

    Values in rising order X(1)..X(n), k = 1 + (n - 1) percent / 100, s its whole part: X(s) + (X(s+1) - X(s)) (k - s).
    Confirmed against a worked example: the 90th percentile of 3, 4, 8, 2, 5, 4 is 6.5.
    """
    ordered = np.sort(values[np.isfinite(values)])
    if ordered.size == 0:
        return float("nan")
    at = (ordered.size - 1) * percent / 100.0
    below = int(at)
    above = min(below + 1, ordered.size - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (at - below))
