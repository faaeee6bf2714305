"""How alike values are with distance: the empirical semivariogram and the models fitted to it.

NumPy in, NumPy out. Places are positions in metres in two or three dimensions; distances are straight lines. All
three models are valid in both. Ranges are practical ones: where 95 % of the sill is reached (spherical: all of it).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MODELS = ("spherical", "exponential", "gaussian")
WEIGHTINGS = ("distance", "semivariance")
# Without a nugget the Gaussian model's matrix cannot be solved: its values at near places are almost the same.
GAUSSIAN_NUGGET = 1e-3
_FEWEST_LAGS, _MOST_LAGS = 5, 15
_CANDIDATES = 60
_BLOCK_VALUES = 1_000_000
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


class Variogram(NamedTuple):
    """A model: `nugget` and `partial_sill` in squared units of the values, practical `range_m`."""

    model: str
    nugget: float
    partial_sill: float
    range_m: float

    @property
    def sill(self) -> float:
        """The variance that is reached far away."""
        return self.nugget + self.partial_sill

    def at(self, distance_m: Array) -> Array:
        """Return the semivariance at distances (m); 0 at 0, the nugget just beside it."""
        h = np.asarray(distance_m, dtype=np.float64)
        grown = self.nugget + self.partial_sill * structure(self.model, h / self.range_m)
        return np.where(h > 0.0, grown, 0.0)


class Lags(NamedTuple):
    """The empirical semivariogram: mean distance (m), semivariance and number of pairs of each class of distance."""

    distance_m: Array
    semivariance: Array
    pairs: NDArray[np.int64]


def structure(model: str, share: Array) -> Array:
    """Return a model's rise from 0 to 1 at distances in shares of its practical range."""
    if model == "spherical":
        near = np.minimum(share, 1.0)
        return np.asarray(near * (1.5 - 0.5 * near * near))
    if model == "exponential":
        return np.asarray(-np.expm1(-3.0 * share))
    return np.asarray(-np.expm1(-3.0 * share * share))


def empirical(places: Array, values: Array, *, cutoff_m: float | None = None) -> Lags:
    """Return Matheron's estimate, half the mean squared difference of pairs, in classes of equal width.

    Parameters
    ----------
    places : ndarray, shape (station, 2 or 3), m
    values : ndarray, shape (station,), without gaps
    cutoff_m : float, optional
        Pairs farther apart do not count; by default half the largest distance.

    Returns
    -------
    Lags
        Only classes that hold pairs: 5 to 15 of them, more where there are more pairs.

    References
    ----------
    Matheron (1963), doi:10.2113/gsecongeo.58.8.1246.
    """
    moved = places - places.mean(axis=0)
    blocks = _blocks(len(values))
    if cutoff_m is None:
        cutoff_m = 0.5 * float(max(_distances(moved, rows).max() for rows in blocks))
    # Each pair is met twice, and each station with itself.
    within = sum(int((_distances(moved, rows) <= cutoff_m).sum()) for rows in blocks) - len(values)
    count = int(np.clip(round(np.sqrt(within / 2.0) / 2.0), _FEWEST_LAGS, _MOST_LAGS))
    sums = np.sum([_binned(moved, values, rows, cutoff_m, count) for rows in blocks], axis=0)
    sums[0, 0] -= len(values)
    pairs, distance, squared = sums[:, sums[0] > 0.0]
    return Lags(distance / pairs, squared / pairs, (pairs / 2.0).astype(np.int64))


def _blocks(count: int) -> list[slice]:
    step = max(1, _BLOCK_VALUES // count)
    return [slice(start, start + step) for start in range(0, count, step)]


def _distances(places: Array, rows: slice) -> Array:
    """Return the distances (m) of some places from all of them; a place is 0 from itself."""
    some = places[rows]
    squared = (some * some).sum(axis=1)[:, None] + (places * places).sum(axis=1) - 2.0 * (some @ places.T)
    at = np.arange(len(some))
    squared[at, at + rows.start] = 0.0
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def _binned(places: Array, values: Array, rows: slice, cutoff_m: float, count: int) -> Array:
    """Return numbers, sums of distances and of half squared differences by class, shape (3, class)."""
    distance = _distances(places, rows)
    kept = distance <= cutoff_m
    near = distance[kept]
    half = 0.5 * np.subtract.outer(values[rows], values)[kept] ** 2
    lag = np.minimum((near * (count / cutoff_m)).astype(np.int64), count - 1)
    sums = [np.bincount(lag, weights=weights, minlength=count) for weights in (None, near, half)]
    return np.array(sums, dtype=np.float64)


def fit(lags: Lags, model: str, weighting: str = "distance") -> tuple[Variogram, float]:
    """Fit one model by weighted least squares; return it and its weighted mean squared misfit.

    Weights are pairs / distance^2 ("distance") or pairs / semivariance^2 ("semivariance", relative errors). For a given
    range the nugget and the partial sill are linear and held at 0 or above; the range is searched between half the
    shortest and twice the longest distance.

    References
    ----------
    Pebesma (2004), doi:10.1016/j.cageo.2004.03.012; Cressie (1985), doi:10.1007/BF01032109.
    """
    weight = _weights(lags, weighting)
    low, high = 0.5 * float(lags.distance_m.min()), 2.0 * float(lags.distance_m.max())
    ranges = np.geomspace(low, high, _CANDIDATES)
    errors = [_linear(lags, model, float(one), weight)[1] for one in ranges]
    best = int(np.argmin(errors))
    left, right = np.log(ranges[max(best - 1, 0)]), np.log(ranges[min(best + 1, _CANDIDATES - 1)])
    for _ in range(40):
        inner = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        found = [_linear(lags, model, float(np.exp(one)), weight)[1] for one in inner]
        left, right = (left, inner[1]) if found[0] <= found[1] else (inner[0], right)
    range_m = float(np.exp((left + right) / 2.0))
    (nugget, partial), error = _linear(lags, model, range_m, weight)
    if model == "gaussian" and nugget < GAUSSIAN_NUGGET * (nugget + partial):
        nugget = GAUSSIAN_NUGGET * (nugget + partial)
    return Variogram(model, nugget, partial, range_m), error


def candidates(lags: Lags, models: tuple[str, ...] = MODELS) -> list[Variogram]:
    """Return each model fitted with each weighting, without those that have no sill."""
    found = [fit(lags, model, weighting)[0] for model in models for weighting in WEIGHTINGS]
    return [one for one in found if one.sill > 0.0]


def _weights(lags: Lags, weighting: str) -> Array:
    scale = lags.distance_m
    if weighting == "semivariance":
        # Stations that do not differ at all would weigh without bound.
        scale = np.maximum(lags.semivariance, 1e-3 * lags.semivariance.max())
    weight = lags.pairs / np.where(scale > 0.0, scale, 1.0) ** 2
    return np.asarray(weight / weight.sum())


def _linear(lags: Lags, model: str, range_m: float, weight: Array) -> tuple[tuple[float, float], float]:
    """Return nugget and partial sill, none below 0, for a range; and the weighted mean squared misfit."""
    rise, gamma = structure(model, lags.distance_m / range_m), lags.semivariance
    mean_rise, mean_gamma = float(weight @ rise), float(weight @ gamma)
    spread = float(weight @ (rise - mean_rise) ** 2)
    slope = float(weight @ ((rise - mean_rise) * (gamma - mean_gamma))) / spread if spread > 1e-12 else 0.0
    start = mean_gamma - slope * mean_rise
    if slope < 0.0:
        start, slope = mean_gamma, 0.0
    elif start < 0.0:
        start, slope = 0.0, float(weight @ (rise * gamma)) / float(weight @ rise**2)
    return (start, slope), float(weight @ (gamma - start - slope * rise) ** 2)
