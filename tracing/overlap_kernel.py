"""What the overlap of successive windows does to the Mann-Kendall test, on plain arrays."""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Longer series are corrected as series of this length: the factor has long settled by then.
MOST_STEPS = 120


def overlap_correlation(steps: int, back: int) -> Floats:
    """Return the correlation of sums of independent values over each step and the `back` steps before it.

    Returns
    -------
    ndarray, shape (steps, steps)
        The share of common steps: overlap / sqrt(size size).
    """
    first = np.maximum(np.arange(steps) - back, 0)
    last = np.arange(steps) + 1
    common = np.minimum(last[:, None], last[None, :]) - np.maximum(first[:, None], first[None, :])
    size = (last - first).astype(np.float64)
    return np.asarray(np.maximum(common, 0) / np.sqrt(size[:, None] * size[None, :]))


@lru_cache(maxsize=64)
def inflation(steps: int, back: int) -> float:
    """Return by what the overlap multiplies the variance of Mann-Kendall's S in a series without trend.

    Var S = (2 / pi) sum_{i<j} sum_{k<l} asin(r_ijkl), r the correlation of the differences z_j - z_i and z_l - z_k,
    over n (n - 1) (2 n + 5) / 18: exact for normal values.

    Parameters
    ----------
    steps : int
        2 or more; above 120 the factor of 120.
    back : int

    References
    ----------
    Hamed 2009, doi:10.1016/j.jhydrol.2009.01.040, for the variance under a known correlation
    """
    n = min(steps, MOST_STEPS)
    if back == 0 or n < 2:
        return 1.0
    return float(_variance(overlap_correlation(n, back))) / (n * (n - 1) * (2 * n + 5) / 18.0)


@njit(cache=True, nogil=True)
def _variance(r: Floats) -> float:
    n = r.shape[0]
    total = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            own = 1.0 - r[i, j]
            for k in range(n):
                for m in range(k + 1, n):
                    upper = r[j, m] - r[j, k] - r[i, m] + r[i, k]
                    if upper != 0.0:
                        ratio = upper / (2.0 * np.sqrt(own * (1.0 - r[k, m])))
                        total += np.arcsin(min(1.0, max(-1.0, ratio)))
    return 2.0 / np.pi * total
