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
        Places along the first two axes of `hours`.
    time : ndarray of int, shape (n,), ms since 1970 UTC
    value : ndarray, shape (n,)
    start : int
        Time of the first hour, ms since 1970 UTC; every time lies in the hours from there on.
    hours : ndarray, shape (pollutant, station, hour)
        Filled in place; of two values in one hour the later row stays.
    """
    for row in range(len(value)):
        if value[row] >= 0.0:
            hours[pollutant[row], station[row], (time[row] - start) // 3_600_000] = value[row]
