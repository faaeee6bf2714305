"""Moran's I at growing distances, on plain arrays."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def incremental_moran(
    values: Floats, left: Ints, right: Ints, distance: Floats, limits: Floats
) -> tuple[Floats, Floats]:
    """Return Moran's I and its z under randomisation, with binary weights, within each of several distances.

    I = (n / S0) sum_ij w_ij d_i d_j / sum_i d_i^2, expectation -1 / (n - 1), the variance of Cliff and Ord with
    S1 = 2 S0 and S2 = 4 sum_i w_i^2, as the weights are 0 or 1 and symmetric.

    Parameters
    ----------
    values : ndarray, shape (n,), any unit
        Finite, n >= 4, not all equal.
    left, right : ndarray, shape (pair,)
        Each pair of places once.
    distance : ndarray, shape (pair,), m
    limits : ndarray, shape (distance,), m
        Rising.

    Returns
    -------
    moran, z : ndarray, shape (distance,)
        NaN where no pair is within the distance, or every pair is.

    References
    ----------
    Cliff and Ord 1981, Spatial Processes, equation 1.44
    """
    n = values.size
    deviation = values - values.mean()
    m2, m4 = np.mean(deviation**2), np.mean(deviation**4)
    kurtosis = m4 / m2**2
    bins = np.searchsorted(limits, distance, side="left")
    moran, z = np.full(limits.size, np.nan), np.full(limits.size, np.nan)
    counts, cross, pairs = np.zeros(n), 0.0, 0
    for step in range(limits.size):
        new = bins == step
        cross += float(np.sum(deviation[left[new]] * deviation[right[new]]))
        counts += np.bincount(left[new], minlength=n) + np.bincount(right[new], minlength=n)
        pairs += int(new.sum())
        if pairs == 0 or pairs == n * (n - 1) // 2:
            continue
        s0 = 2.0 * pairs
        s1, s2 = 2.0 * s0, 4.0 * float(np.sum(counts**2))
        moran[step] = 2.0 * cross / (s0 * m2)
        expected = -1.0 / (n - 1)
        upper = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
        upper -= kurtosis * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
        variance = upper / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
        if variance > 0.0:
            z[step] = (moran[step] - expected) / np.sqrt(variance)
    return moran, z


def first_peak(z: Floats, least: float) -> int:
    """Return the first step whose z is above `least` and above both beside it, else the highest above it, else -1."""
    known = np.nan_to_num(z, nan=-np.inf)
    for step in range(1, known.size - 1):
        if known[step] >= least and known[step] > known[step - 1] and known[step] >= known[step + 1]:
            return step
    best = int(np.argmax(known)) if known.size else -1
    return best if best >= 0 and known[best] >= least else -1
