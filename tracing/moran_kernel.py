"""Local Moran's I and its moments under total randomisation, on plain arrays."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tracing.gi_kernel import row_sums

Array = NDArray[np.float64]


def moran_i(values: Array, weights: csr_array) -> tuple[Array, Array]:
    """Return local Moran's I and its standard normal deviate under total randomisation.

    I_i = (d_i / m2) sum_j w_ij d_j with d the deviations from the mean and m2 = sum d^2 / n; expectation
    -w_i / (n - 1), variance w2_i (n - b2) / (n - 1) + (w_i^2 - w2_i) (2 b2 - n) / ((n - 1) (n - 2)) - (w_i / (n - 1))^2
    with w_i = sum_j w_ij, w2_i = sum_j w_ij^2, b2 = m4 / m2^2.

    Parameters
    ----------
    values : ndarray, shape (n,), any unit
        Finite, n >= 3.
    weights : csr_array, shape (n, n), dimensionless
        Non-negative, nothing on the diagonal; row-standardised if I shall be a mean.

    Returns
    -------
    statistic, z : ndarray, shape (n,), dimensionless
        NaN where all values are equal; z also where the variance vanishes (no neighbour, or all places alike).

    References
    ----------
    Anselin 1995, doi:10.1111/j.1538-4632.1995.tb00338.x; Sokal, Oden and Thomson 1998,
    doi:10.1111/j.1538-4632.1998.tb00406.x, equations A3 and A4
    """
    n = values.size
    if np.ptp(values) == 0.0:
        return np.full(n, np.nan), np.full(n, np.nan)
    deviation = values - values.mean()
    m2 = np.mean(deviation**2)
    b2 = np.mean(deviation**4) / m2**2
    statistic = deviation * np.asarray(weights @ deviation) / m2
    total, squares = row_sums(weights)
    variance = squares * (n - b2) / (n - 1)
    variance += (total**2 - squares) * (2.0 * b2 - n) / ((n - 1) * (n - 2)) - (total / (n - 1)) ** 2
    exists = variance > 1e-9 * np.maximum(squares, total**2)
    z = np.full(n, np.nan)
    z[exists] = (statistic + total / (n - 1))[exists] / np.sqrt(variance[exists])
    return statistic, z


def quadrant(values: Array, weights: csr_array) -> NDArray[np.str_]:
    """Return HH, LH, LL or HL for each place: its own value first, then its neighbours'; "" without neighbours.

    High is above the mean of all places, low is at the mean or below.
    """
    deviation = values - values.mean()
    high, around = deviation > 0.0, np.asarray(weights @ deviation) > 0.0
    names = np.where(high, np.where(around, "HH", "HL"), np.where(around, "LH", "LL"))
    return np.where(np.diff(weights.indptr) > 0, names, "")
