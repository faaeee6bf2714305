"""Cells that stand out from the cells around them in one hour, on plain arrays."""

import numpy as np
from numpy.typing import NDArray

from tracing.alarm_kernel import neighbours_median

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The median of absolute deviations of a normal distribution is this part of its standard deviation.
MAD_SHARE = 0.6744897501960817


def bubble_z(
    values: Floats, indptr: Ints, indices: Ints, *, least: int, fewest: int, floor: float
) -> tuple[Floats, Floats, Ints]:
    """Return how far each cell lies above its neighbours, in robust standard deviations of that hour.

    z = (y - median of the neighbours) / s, s the median over all cells of the absolute numerator, divided by 0.6745:
    the same difference as all cells of the hour show it.

    Parameters
    ----------
    values : ndarray, shape (hour, cell)
        Logarithms; NaN where there is no value.
    indptr, indices : ndarray
        Rows of neighbours, as a CSR matrix has them.
    least : int
        Fewest neighbours with a value.
    fewest : int
        Fewest cells that an hour's spread may rest on.
    floor : float
        Smallest spread.

    Returns
    -------
    z, median : ndarray, shape (hour, cell)
        NaN where not judged.
    count : ndarray, shape (hour, cell)
        Neighbours with a value.
    """
    median, count = neighbours_median(values, indptr, indices, least)
    apart = values - median
    judged = ~np.isnan(apart)
    enough = judged.sum(axis=1) >= fewest
    spread = np.full(values.shape[0], np.nan)
    if enough.any():
        spread[enough] = np.nanmedian(np.abs(apart[enough]), axis=1) / MAD_SHARE
    z = apart / np.maximum(spread, floor)[:, None]
    return z, median, count
