"""Kriging: the best linear unbiased value between stations, and how sure it is.

NumPy in, NumPy out; linear algebra in blocks. One Cholesky factor of the stations' correlations serves the values,
the variances and the leave-one-out errors. Ordinary kriging has the trend column 1; kriging with external drift has
further columns. The nugget is variation over short distances, not measurement error: at a station the answer is the
station's value, whatever the nugget.

Limits: places must be distinct (0.5 m), trend columns linearly independent. Above `EXACT_STATIONS` the variance at a
place takes the stations around it alone, which can only make it larger; the value always takes all.

References
----------
Cressie (1993), doi:10.1002/9781119115151; leave-one-out in one step: Dubrule (1983), doi:10.1007/BF01033232.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.spatial import KDTree

from geo.variogram_kernel import Variogram

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

EXACT_STATIONS = 600
SAME_PLACE_M = 0.5
_BLOCK_VALUES = 1_000_000
_CHOICE_STATIONS = 400
_TILE = 128
_AROUND_TILE, _AROUND_PLACE = 240, 8


class System(NamedTuple):
    """Stations made ready.

    `places` (station, 2 or 3) m from `origin`; `factor` lower Cholesky factor of the correlations; `trend` (station,
    column); `weights` of the stations (station,); `trend_weights` (station, column); `trend_covariance` (column,
    column), in units of the sill; `coefficients` (column,).
    """

    places: Array
    origin: Array
    values: Array
    trend: Array
    variogram: Variogram
    factor: Array
    weights: Array
    trend_weights: Array
    trend_covariance: Array
    coefficients: Array


def system(places: Array, values: Array, trend: Array, variogram: Variogram) -> System:
    """Factorise the stations' correlations and fit the trend by generalised least squares.

    Parameters
    ----------
    places : ndarray, shape (station, 2 or 3), m
    values : ndarray, shape (station,)
    trend : ndarray, shape (station, column)
        The first column is 1.
    variogram : Variogram
        Sill above 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        The correlations or the trend cannot be solved: places that coincide, columns that depend on each other.
    """
    origin = places.mean(axis=0)
    moved = places - origin
    factor = _factor(moved, variogram)
    white = solve_triangular(factor, np.column_stack([trend, values]), lower=True, check_finite=False)
    white_trend, white_values = white[:, :-1], white[:, -1]
    normal = white_trend.T @ white_trend
    if np.linalg.cond(normal / np.sqrt(np.outer(np.diag(normal), np.diag(normal)))) > 1e12:
        raise np.linalg.LinAlgError("the columns of the trend depend on each other")
    covariance = np.linalg.inv(normal)
    coefficients = covariance @ (white_trend.T @ white_values)
    rest = np.column_stack([white_trend, white_values - white_trend @ coefficients])
    solved = solve_triangular(factor, rest, lower=True, trans="T", check_finite=False)
    return System(
        moved, origin, values, trend, variogram, factor, solved[:, -1], solved[:, :-1], covariance, coefficients
    )


def _factor(places: Array, variogram: Variogram) -> Array:
    return np.asarray(np.linalg.cholesky(correlation(places, places, variogram)), dtype=np.float64)


def correlation(a: Array, b: Array, variogram: Variogram) -> Array:
    """Return the correlations, shape (a, b): 1 at the same place, less than 1 - nugget / sill anywhere else."""
    squared = a @ b.T
    squared *= -2.0
    squared += (a * a).sum(axis=1)[:, None]
    squared += (b * b).sum(axis=1)
    same = squared < SAME_PLACE_M**2
    out = _shape(variogram, np.maximum(squared, 0.0, out=squared))
    out *= variogram.partial_sill / variogram.sill
    out[same] = 1.0
    return out


def _shape(variogram: Variogram, squared: Array) -> Array:
    """Return 1 - structure at squared distances (m2), in the same memory."""
    if variogram.model == "gaussian":
        squared *= -3.0 / variogram.range_m**2
        return np.exp(squared, out=squared)
    share = np.sqrt(squared, out=squared)
    share /= variogram.range_m
    if variogram.model == "exponential":
        share *= -3.0
        return np.exp(share, out=share)
    np.minimum(share, 1.0, out=share)
    return np.asarray(1.0 - share * (1.5 - 0.5 * share * share))


def predict(ready: System, places: Array, trend: Array) -> tuple[Array, Array]:
    """Return the values and the kriging variances at places.

    Parameters
    ----------
    ready : System
    places : ndarray, shape (place, 2 or 3), m
        In the coordinates of the stations.
    trend : ndarray, shape (place, column)

    Returns
    -------
    value, variance : ndarray, shape (place,)
    """
    moved = places - ready.origin
    value, explained = np.empty(len(places)), np.empty(len(places))
    leverage = np.empty((len(places), trend.shape[1]))
    exact = len(ready.values) <= EXACT_STATIONS
    both = np.column_stack([ready.weights, ready.trend_weights])
    step = max(1, _BLOCK_VALUES // len(ready.values))
    for start in range(0, len(places), step):
        rows = slice(start, start + step)
        k = correlation(moved[rows], ready.places, ready.variogram)
        product = k @ both
        value[rows] = product[:, 0] + trend[rows] @ ready.coefficients
        leverage[rows] = trend[rows] - product[:, 1:]
        if exact:
            explained[rows] = _explained(ready.factor, k.T)
    if not exact:
        _explain_around(ready, moved, explained)
    unexplained = 1.0 - explained + np.einsum("ij,jk,ik->i", leverage, ready.trend_covariance, leverage)
    return value, ready.variogram.sill * np.maximum(unexplained, 0.0)


def _explained(factor: Array, k: Array) -> Array:
    white = solve_triangular(factor, k, lower=True, check_finite=False)
    return np.asarray(np.einsum("ij,ij->j", white, white))


def _explain_around(ready: System, places: Array, explained: Array) -> None:
    """Write what the stations around each place explain of its variance: never more than all stations would."""
    tree = KDTree(ready.places)
    near_place = tree.query(places, k=_AROUND_PLACE)[1]
    for rows in tiles(places):
        near_tile = tree.query(places[rows].mean(axis=0), k=_AROUND_TILE)[1]
        chosen = np.union1d(near_tile, near_place[rows].ravel())
        around = ready.places[chosen]
        explained[rows] = _explained(
            _factor(around, ready.variogram), correlation(around, places[rows], ready.variogram)
        )


def tiles(places: Array) -> list[Indices]:
    """Split places into compact groups of at most 128 by halving along the longest side."""
    waiting, done = [np.arange(len(places))], []
    while waiting:
        rows = waiting.pop()
        if len(rows) <= _TILE:
            done.append(rows)
            continue
        along = int(np.ptp(places[rows], axis=0).argmax())
        order = rows[np.argsort(places[rows, along], kind="stable")]
        waiting += [order[: len(order) // 2], order[len(order) // 2 :]]
    return done


def leave_one_out(ready: System) -> tuple[Array, Array]:
    """Return for each station value minus what the others say of it, and the kriging variance of that.

    The variogram stays as it is; the trend is fitted again each time.
    """
    lower, info = dpotri(ready.factor, lower=1)
    if info:
        raise np.linalg.LinAlgError("the correlations cannot be inverted")
    trend_part = np.einsum("ij,jk,ik->i", ready.trend_weights, ready.trend_covariance, ready.trend_weights)
    own = np.diag(lower) - trend_part
    return ready.weights / own, ready.variogram.sill / own


def best_of(places: Array, values: Array, trend: Array, variograms: list[Variogram]) -> Variogram:
    """Return the variogram under which the stations tell each other best: the smallest leave-one-out log score.

    The score is the mean of log(variance) + residual^2 / variance, which blames wrong values and wrong variances. Above
    400 stations an even part of them is asked.

    Raises
    ------
    numpy.linalg.LinAlgError
        None of the variograms can be solved.

    References
    ----------
    Gneiting and Raftery (2007), doi:10.1198/016214506000001437.
    """
    part = np.unique(np.linspace(0, len(values) - 1, min(len(values), _CHOICE_STATIONS)).astype(np.int64))
    scores = []
    for variogram in variograms:
        try:
            residual, variance = leave_one_out(system(places[part], values[part], trend[part], variogram))
        except np.linalg.LinAlgError:
            scores.append(np.inf)
            continue
        scores.append(float((np.log(variance) + residual**2 / variance).mean()))
    if not scores or not np.isfinite(min(scores)):
        raise np.linalg.LinAlgError("no variogram with a sill fits the stations")
    return variograms[int(np.argmin(scores))]
