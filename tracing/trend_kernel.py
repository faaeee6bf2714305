"""What memory does to the Mann-Kendall test, on plain arrays: that of the values, and that of windows that overlap."""

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Longer series are corrected as series of this length: the factor has long settled by then.
MOST_STEPS = 120
# A memory above this is no memory but a trend that is not straight.
MOST_MEMORY = 0.98


def pooled_memory(values: Floats) -> float:
    """Return the lag-one autocorrelation that series have in common, 0 or more, once their straight trends are off.

    Each series is divided by its spread and counts alike. A straight line that is taken off takes some of the memory
    with it: the estimate is the autocorrelation of a first-order process whose residuals show on average what is seen.

    Parameters
    ----------
    values : ndarray, shape (series, step), any unit
        NaN where missing.

    Returns
    -------
    float
        0 where no series has four values, two of them in successive steps, or all are straight lines.
    """
    steps = np.arange(values.shape[1], dtype=np.float64)
    has = ~np.isnan(values)
    count = has.sum(axis=1)
    used = count >= 4
    if not used.any():
        return 0.0
    has, x = has[used], values[used]
    n = count[used][:, None].astype(np.float64)
    t = np.where(has, steps - (has * steps).sum(axis=1, keepdims=True) / n, 0.0)
    x = np.where(has, x - np.where(has, x, 0.0).sum(axis=1, keepdims=True) / n, 0.0)
    slope = (t * x).sum(axis=1, keepdims=True) / (t * t).sum(axis=1, keepdims=True)
    rest = np.where(has, x - slope * t, 0.0)
    power, pairs = (rest * rest).sum(axis=1), (has[:, 1:] & has[:, :-1]).sum(axis=1)
    real = (power > 1e-12 * (x * x).sum(axis=1)) & (pairs > 0)
    if not real.any():
        return 0.0
    # Steps without a neighbour in time count in the power alone: the products are scaled up to as many.
    products = (rest[:, 1:] * rest[:, :-1]).sum(axis=1) * (n[:, 0] - 1.0) / np.maximum(pairs, 1)
    return _memory_that_shows(float((products[real] / power[real]).mean()), values.shape[1])


def _memory_that_shows(seen: float, steps: int) -> float:
    """Return the memory at which residuals of `steps` steps have the lag-one autocorrelation `seen` on average."""
    t = np.arange(steps, dtype=np.float64)
    line = np.column_stack([np.ones(steps), t - t.mean()])
    off = np.eye(steps) - line @ np.linalg.pinv(line)
    shifted = off @ (np.eye(steps, k=1) + np.eye(steps, k=-1)) @ off / 2.0
    apart = np.abs(t[:, None] - t[None, :])
    low, high = 0.0, MOST_MEMORY
    for _ in range(20):
        middle = (low + high) / 2.0
        known = middle**apart
        if (shifted * known).sum() / (off * known).sum() < seen:
            low = middle
        else:
            high = middle
    # Not even no memory would show so little: it is noise about none.
    return 0.0 if low == 0.0 else round(middle, 3)


def window_correlation(steps: int, back: int, memory: float = 0.0) -> Floats:
    """Return the correlation of sums over each step and the `back` steps before it.

    Parameters
    ----------
    memory : float
        Correlation of the values at successive steps, which falls off with its powers; 0 for independent values, where
        the sums are correlated by the share of common steps, overlap / sqrt(size size).

    Returns
    -------
    ndarray, shape (steps, steps)
    """
    t = np.arange(steps)
    window = ((t[:, None] >= t[None, :]) & (t[:, None] - t[None, :] <= back)).astype(np.float64)
    covariance = window @ (float(memory) ** np.abs(t[:, None] - t[None, :])) @ window.T
    spread = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / (spread[:, None] * spread[None, :]))


@lru_cache(maxsize=64)
def inflation(steps: int, back: int, memory: float = 0.0) -> float:
    """Return by what memory and overlap multiply the variance of Mann-Kendall's S in a series without trend.

    Var S = (2 / pi) sum_{i<j} sum_{k<l} asin(r_ijkl), r the correlation of the differences z_j - z_i and z_l - z_k,
    over n (n - 1) (2 n + 5) / 18: exact for normal values.

    Parameters
    ----------
    steps : int
        2 or more; above 120 the factor of 120.
    back, memory
        As `window_correlation`.

    References
    ----------
    Hamed 2009, doi:10.1016/j.jhydrol.2009.01.040, for the variance under a known correlation
    """
    n = min(steps, MOST_STEPS)
    if (back == 0 and memory == 0.0) or n < 2:
        return 1.0
    return float(_variance(window_correlation(n, back, memory))) / (n * (n - 1) * (2 * n + 5) / 18.0)


@njit(cache=True, nogil=True)
def _variance(r: Floats) -> float:
    n = r.shape[0]
    total = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            own = 1.0 - r[i, j]
            for k in range(i, n):
                for m in range(k + 1, n):
                    upper = r[j, m] - r[j, k] - r[i, m] + r[i, k]
                    if upper != 0.0:
                        ratio = upper / (2.0 * np.sqrt(own * (1.0 - r[k, m])))
                        # Pairs of differences come in two orders; those from one first step are met in both.
                        total += (1.0 if k == i else 2.0) * np.arcsin(min(1.0, max(-1.0, ratio)))
    return 2.0 / np.pi * total
