"""Observations spread over stations and hours: a compiled loop over the store's columns."""

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
def spread_hours(
    station: NDArray[np.int32],
    pollutant: NDArray[np.int32],
    time: NDArray[np.int64],
    value: NDArray[np.float64],
    start: int,
    hours: NDArray[np.float64],
) -> None:
    """Write each value to its place; values below zero and NaN are left out.

    Parameters
    ----------
    station, pollutant : ndarray of int, shape (n,)
        Places along the first two axes of `hours`; a pollutant of -1 is left out.
    time : ndarray of int, shape (n,), ms since 1970 UTC
    value : ndarray, shape (n,)
    start : int
        Time of the first hour, ms since 1970 UTC; every time lies in the hours from there on.
    hours : ndarray, shape (pollutant, station, hour)
        Filled in place; of two values in one hour the later row stays.
    """
    for row in range(len(value)):
        if value[row] >= 0.0 and pollutant[row] >= 0:
            hours[pollutant[row], station[row], (time[row] - start) // 3_600_000] = value[row]


@numba.njit(cache=True, nogil=True)
def city_days(
    hours: NDArray[np.float64], ozone: int, day_hours: int, window_hours: int, day_windows: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Average the daily values of all stations; one pass over the hours.

    Parameters
    ----------
    hours : ndarray, shape (pollutant, station, hour), hours of whole days
        NaN is missing.
    ozone : int
        Place of ozone along the first axis, whose day is its largest 8-h mean; -1 where there is none.
    day_hours, window_hours, day_windows : int
        Hours that a day needs, hours that an 8-h mean needs, 8-h means that a day of ozone needs.

    Returns
    -------
    total, count : ndarray, shape (pollutant + 1, day)
        Sum of the stations' daily values and how many stations have one; the last row is the largest hour of ozone.
    stations : ndarray, shape (day,)
        Stations with any value on the day.
    """
    n_pollutants, n_stations, n_hours = hours.shape
    n_days = n_hours // 24
    total = np.zeros((n_pollutants + 1, n_days))
    count = np.zeros((n_pollutants + 1, n_days), np.int64)
    seen = np.zeros((n_stations, n_days), np.bool_)
    for pollutant in range(n_pollutants):
        for station in range(n_stations):
            for day in range(n_days):
                values = hours[pollutant, station, day * 24 : day * 24 + 24]
                there, added, largest = 0, 0.0, -np.inf
                for value in values:
                    if np.isfinite(value):
                        there += 1
                        added += value
                        largest = max(largest, value)
                if there == 0:
                    continue
                seen[station, day] = True
                if pollutant != ozone:
                    if there >= day_hours:
                        total[pollutant, day] += added / there
                        count[pollutant, day] += 1
                    continue
                if there >= day_hours:
                    total[n_pollutants, day] += largest
                    count[n_pollutants, day] += 1
                mean, windows = _largest_8h(values, window_hours)
                if windows >= day_windows:
                    total[pollutant, day] += mean
                    count[pollutant, day] += 1
    return total, count, seen.sum(axis=0)


@numba.njit(cache=True, nogil=True)
def _largest_8h(values: NDArray[np.float64], window_hours: int) -> tuple[float, int]:
    """Return the largest 8-h mean within a day's 24 hours, and how many of the 17 means there are."""
    largest, windows = -np.inf, 0
    for first in range(17):
        there, added = 0, 0.0
        for value in values[first : first + 8]:
            if np.isfinite(value):
                there += 1
                added += value
        if there >= window_hours:
            windows += 1
            largest = max(largest, added / there)
    return largest, windows
