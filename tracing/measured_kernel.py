"""How well answers agree with what was measured: log-likelihoods of releases over candidates and rates."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def log_likelihood(measured: Array, predicted: Array, factors: Array, *, floor: float, log_sd: float) -> Array:
    """Return the log-likelihood of each candidate at each factor on its release.

    Logarithms of measured and predicted concentration differ by a normal error; `floor` is added to both, so that a
    measured or predicted zero counts as "below what can be told from nothing" and not as impossible.

    Parameters
    ----------
    measured : ndarray, shape (place,), mg m-3
    predicted : ndarray, shape (candidate, place), mg m-3
        What each candidate brings with its release as given; concentrations grow with the release in proportion.
    factors : ndarray, shape (rate,)
        Factors on the release.
    floor : float, mg m-3, above 0
    log_sd : float, above 0
        Standard deviation of the natural logarithm: model and instrument together.

    Returns
    -------
    ndarray, shape (candidate, rate)
        Without the constant term.
    """
    seen = np.log(measured + floor)
    total = np.zeros((len(predicted), len(factors)))
    for place in range(len(measured)):
        expected = np.log(predicted[:, place, np.newaxis] * factors + floor)
        total -= 0.5 * ((seen[place] - expected) / log_sd) ** 2
    return total


def weights(log_likelihoods: Array) -> Array:
    """Return weights that add up to 1, safe where all likelihoods are tiny."""
    raised = np.exp(log_likelihoods - log_likelihoods.max())
    made: Array = raised / raised.sum()
    return made


def effective_size(weighted: Array) -> float:
    """Return how many equally weighted candidates these weights are worth (Kish): 1 / sum w2."""
    return float(1.0 / np.sum(weighted**2))


def systematic(weighted: Array, count: int, start: float) -> NDArray[np.int64]:
    """Return `count` indices drawn in proportion to flat weights at even steps from `start` (0 to 1)."""
    steps = (np.arange(count) + start) / count
    found: NDArray[np.int64] = np.searchsorted(np.cumsum(weighted), steps).clip(0, len(weighted) - 1).astype(np.int64)
    return found
