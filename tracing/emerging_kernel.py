"""Space-time Gi* of a cube of places and steps, and the seventeen patterns of emerging hot spots."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[np.float64]

HOT = ("new", "consecutive", "intensifying", "persistent", "diminishing", "sporadic", "oscillating", "historical")
PATTERNS = ("none", *(f"{name}_hot" for name in HOT), *(f"{name}_cold" for name in HOT))
WINDOWS = ("cube", "neighbourhood", "step")
# The share of a place's steps that makes it lastingly hot or cold.
LASTING = 0.9


def space_time_gi_z(cube: Array, weights: csr_array, *, window: str = "cube", back: int = 1) -> Array:
    """Return Gi* of each bin as a standard normal deviate.

    A bin's neighbourhood is its place and that place's neighbours at its step and at the `back` steps before (as far
    as there are any), with binary weights. Its sum is compared with the bins of the window, n of them with data:

    - `cube` : all bins
    - `neighbourhood` : all places at the step and the `back` steps before
    - `step` : all places at the step; the neighbourhood then is of this step alone, so that it is part of its window

    Parameters
    ----------
    cube : ndarray, shape (place, step), any unit
        NaN for a missing bin: it counts neither in neighbourhoods nor in windows.
    weights : csr_array, shape (place, place)
        1 for a neighbour, nothing on the diagonal.

    Returns
    -------
    ndarray, shape (place, step), dimensionless
        NaN for a missing bin, a place without neighbours, all values of the window equal, or a neighbourhood that is
        the whole window.

    References
    ----------
    Ord and Getis 1995, doi:10.1111/j.1538-4632.1995.tb00912.x, with places and steps as one set of bins
    """
    reach = 0 if window == "step" else back
    has = ~np.isnan(cube)
    centred = np.where(has, cube - np.mean(cube[has]), 0.0)
    n, mean, spread = _window_moments(centred, has, window, reach)
    sums = _trailing(weights @ centred + centred, reach)
    sizes = _trailing(weights @ has.astype(np.float64) + has, reach)
    variance = (n * sizes - sizes**2) / np.maximum(n - 1.0, 1.0)
    exists = has & (variance > 0.0) & (spread > 0.0) & (np.diff(weights.indptr) > 0)[:, None]
    scale = spread * np.sqrt(np.where(exists, variance, 1.0))
    return np.where(exists, (sums - mean * sizes) / np.where(exists, scale, 1.0), np.nan)


def _trailing(by_step: Array, reach: int) -> Array:
    """Return the sum over each step and the `reach` steps before it; the last axis is the step."""
    total = by_step.copy()
    for lag in range(1, min(reach, by_step.shape[-1] - 1) + 1):
        total[..., lag:] += by_step[..., :-lag]
    return total


def _window_moments(centred: Array, has: NDArray[np.bool_], window: str, reach: int) -> tuple[Array, Array, Array]:
    """Return number, mean and standard deviation of the bins of each step's window, shape (step,)."""
    parts = np.stack([has.sum(axis=0), centred.sum(axis=0), (centred**2).sum(axis=0)]).astype(np.float64)
    whole = parts.sum(axis=1, keepdims=True) + np.zeros_like(parts)
    n, first, second = whole if window == "cube" else _trailing(parts, reach)
    n = np.maximum(n, 1.0)
    mean = first / n
    variance = second / n - mean**2
    # What is left of equal values is rounding.
    return n, mean, np.sqrt(np.where(variance > 1e-12 * second / n, variance, 0.0))


def patterns(sign: NDArray[np.int8], tested: NDArray[np.bool_], trend: NDArray[np.int8]) -> NDArray[np.intp]:
    """Return the pattern of each place as its number in `PATTERNS`.

    Bins that were not tested are passed over: shares count tested bins, and a gap does not break a run. Where two
    definitions hold, the place's state at the last step decides: not hot at the last step is never called
    persistent but historical, and hot at the last step is judged by the hot patterns first. New goes before
    oscillating.

    Parameters
    ----------
    sign : ndarray of int8, shape (place, step)
        1 for a significantly hot bin, -1 for a cold one, else 0.
    tested : ndarray of bool, shape (place, step)
        The last step is tested in every place that is asked about.
    trend : ndarray of int8, shape (place,)
        1 for a significant rise of the place's z, -1 for a significant fall, else 0.
    """
    hot = _one_sided(sign, tested, trend)
    cold = _one_sided(-sign, tested, -trend)
    cold = np.where(cold > 0, cold + len(HOT), 0)
    cold_now = sign[:, -1] < 0
    return np.where(cold_now | (hot == 0), np.where(cold > 0, cold, hot), hot)


def _one_sided(sign: NDArray[np.int8], tested: NDArray[np.bool_], trend: NDArray[np.int8]) -> NDArray[np.intp]:
    """Return 1..8 for the hot patterns in the order of `HOT`, 0 for none."""
    hot = (sign > 0) & tested
    n_hot, now = hot.sum(axis=1), hot[:, -1]
    lasting = n_hot >= LASTING * tested.sum(axis=1)
    ever_cold = ((sign < 0) & tested).any(axis=1)
    one_run = _run_at_end(hot, tested) == n_hot
    rules = (
        now & (n_hot == 1),
        now & (n_hot >= 2) & one_run & ~lasting,
        now & lasting & (trend > 0),
        now & lasting & (trend == 0),
        now & lasting & (trend < 0),
        (n_hot > 0) & ~lasting & ~ever_cold,
        now & ~lasting & ever_cold,
        ~now & lasting & (n_hot > 0),
    )
    return np.select(rules, np.arange(1, len(rules) + 1), 0)


def _run_at_end(hot: NDArray[np.bool_], tested: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return how many hot bins stand at the end without a tested bin that is not hot between them."""
    backwards = (hot | ~tested)[:, ::-1]
    unbroken = np.logical_and.accumulate(backwards, axis=1)[:, ::-1]
    return np.asarray((hot & unbroken).sum(axis=1))
