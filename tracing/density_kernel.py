"""Kernel density with the quartic kernel, and the share of a kernel that lies inside an area, on plain arrays."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The golden angle spreads directions evenly whatever their number.
_GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))


@njit(cache=True, nogil=True)
def summed_kernels(
    distance: Floats, weight: Floats, place: Ints, cells: int, bandwidth: float
) -> tuple[Floats, Floats]:
    """Return the sum of quartic kernels at each cell, and of their squares.

    K(d) = 3 / (pi h^2) (1 - d^2 / h^2)^2 for d < h, 0 beyond: its volume is 1.

    Parameters
    ----------
    distance : ndarray, shape (pair,), m
        From a cell's centre to a point.
    weight : ndarray, shape (pair,)
        Of the point.
    place : ndarray, shape (pair,)
        Number of the cell.
    cells : int
    bandwidth : float, m

    Returns
    -------
    density : ndarray, shape (cells,), weight m-2
    squares : ndarray, shape (cells,), weight^2 m-4
        The estimated variance of the density where points come independently.

    References
    ----------
    Silverman 1986, Density Estimation for Statistics and Data Analysis, equation 4.5
    """
    density, squares = np.zeros(cells), np.zeros(cells)
    scale = 3.0 / (np.pi * bandwidth * bandwidth)
    for pair in range(distance.size):
        ratio = distance[pair] / bandwidth
        if ratio < 1.0:
            value = weight[pair] * scale * (1.0 - ratio * ratio) ** 2
            density[place[pair]] += value
            squares[place[pair]] += value * value
    return density, squares


def kernel_nodes(count: int) -> Floats:
    """Return offsets, in bandwidths, of `count` points of a disc that carry equal parts of the quartic kernel.

    The part within r is 1 - (1 - r^2)^3; directions turn by the golden angle.

    Returns
    -------
    ndarray, shape (count, 2)
    """
    share = (np.arange(count) + 0.5) / count
    radius = np.sqrt(1.0 - np.cbrt(1.0 - share))
    angle = np.arange(count) * _GOLDEN_ANGLE
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
