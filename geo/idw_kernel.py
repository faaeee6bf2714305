"""Inverse-distance weighting: NumPy in, NumPy out, in blocks.

Shepard (1968), doi:10.1145/800186.810616. Values stay between the smallest and the largest; no error is known.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BLOCK_VALUES = 1_000_000
_SAME_PLACE_M2 = 0.25


def predict(places: Array, values: Array, targets: Array, power: float) -> Array:
    """Return the values at targets, weights distance^-power; at a station its own value.

    Parameters
    ----------
    places : ndarray, shape (station, 2 or 3), m
    values : ndarray, shape (station,)
    targets : ndarray, shape (place, 2 or 3), m
    power : float, above 0
    """
    out = np.empty(len(targets))
    step = max(1, _BLOCK_VALUES // len(values))
    for start in range(0, len(targets), step):
        rows = slice(start, start + step)
        squared = ((targets[rows, None, :] - places) ** 2).sum(axis=2)
        out[rows] = _weighted(squared, values, power)
    return out


def leave_one_out(places: Array, values: Array, power: float) -> Array:
    """Return for each station value minus what the others say of it."""
    squared = ((places[:, None, :] - places) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    return np.asarray(values - _weighted(squared, values, power))


def _weighted(squared: Array, values: Array, power: float) -> Array:
    """Return weighted means; distances are counted in the nearest one, so that no power overflows."""
    nearest = squared.min(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = (nearest / squared) ** (power / 2.0)
    here = nearest[:, 0] < _SAME_PLACE_M2
    weights[here] = squared[here] < _SAME_PLACE_M2
    return np.asarray((weights @ values) / weights.sum(axis=1))
