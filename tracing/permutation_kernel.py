"""Conditional permutations of local sums, with random numbers that are counted, not drawn in turn."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tracing.gi_kernel import row_sums

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
# Sums of the same numbers in another order are equal: relative to the largest sum of absolute values.
_EQUAL = 1e-11
# Places that one task takes; small enough to share the work, large enough to forget the call.
_TASK_PLACES = 2048
# Places that share draws; fixed, so that it is part of the answer and the number of threads is not.
_SHARING = 32


class _Sums(NamedTuple):
    """What the kernel reads: centred values, rows of weights, each place's sum as seen and what counts as equal."""

    centred: Array
    indptr: Counts
    data: Array
    observed: Array
    equal: Array
    alike: bool


def permutation_p(
    values: Array, weights: csr_array, permutations: int, seed: int, *, threads: int | None = None
) -> Array:
    """Return two-sided pseudo p values of each place's weighted sum over its neighbours.

    Each place keeps its value; its neighbours' values are drawn from all other places without replacement,
    `permutations` times; blocks of 32 places in a row share their draws (each passing over its own value), which leaves
    the p value of each as it is. p = min(1, 2 (r + 1) / (R + 1)) with r the smaller of the
    numbers of draws at or above and at or below what was seen: twice the one-sided value, at least 2 / (R + 1).

    Every random number is a hash (the SplitMix64 finaliser) of seed, block, permutation and draw: the answer does not
    depend on the number of threads. An index is chosen with a bias below n / 2^32.

    Parameters
    ----------
    values : ndarray, shape (n,), any unit
        Finite, n >= 3.
    weights : csr_array, shape (n, n), dimensionless
        Nothing on the diagonal; the number of stored weights of a row is the number of values drawn for it.
    permutations : int
        R >= 1.
    seed : int
        Any; only its lowest 64 bits count.
    threads : int, optional
        As many as there are cores if not given.

    Returns
    -------
    ndarray, shape (n,)
        NaN where a place has no neighbour or every other place as neighbour.

    References
    ----------
    Anselin 1995, doi:10.1111/j.1538-4632.1995.tb00338.x; Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195
    """
    n = values.size
    centred = values - values.mean()
    indptr, data = weights.indptr.astype(np.int64), weights.data.astype(np.float64)
    counts = np.diff(indptr)
    filled = counts > 0
    alike = bool((np.repeat(data[indptr[:-1][filled]], counts[filled]) == data).all())
    equal = _EQUAL * np.abs(centred).max() * row_sums(abs(weights))[0]
    sums = _Sums(centred, indptr, data, np.asarray(weights @ centred, dtype=np.float64), equal, alike)
    reached = np.zeros((n, 2), dtype=np.int64)
    key = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)

    def task(start: int) -> None:
        _count(sums, permutations, key, start, reached[start : start + _TASK_PLACES])

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        list(pool.map(task, range(0, n, _TASK_PLACES)))
    p = np.minimum(2.0 * (reached.min(axis=1) + 1.0) / (permutations + 1.0), 1.0)
    return np.where((counts > 0) & (counts < n - 1), p, np.nan)


def conditional_z(values: Array, weights: csr_array) -> Array:
    """Return how far each place's weighted sum of neighbours lies from its mean over conditional permutations.

    The place keeps its value, the others are dealt anew: mean w_i mu_i, variance s_i^2 ((m w2_i - w_i^2) / (m - 1)),
    m = n - 1, mu_i and s_i^2 the mean and variance (by m) of the others. These are the moments that simulated
    permutations tend to (Sokal et al. 1998, A7 and A8).

    Parameters
    ----------
    values : ndarray, shape (n,), any unit
        Finite, n >= 3.
    weights : csr_array, shape (n, n), dimensionless
        Non-negative, nothing on the diagonal.

    Returns
    -------
    ndarray, shape (n,), dimensionless
        NaN where the variance vanishes: no neighbour, every place a neighbour, or the others all equal.
    """
    m = values.size - 1
    deviation = values - values.mean()
    others_mean = -deviation / m
    others_variance = np.maximum((np.sum(deviation**2) - deviation**2) / m - others_mean**2, 0.0)
    total, squares = row_sums(weights)
    spread = (m * squares - total**2) / (m - 1)
    exists = (spread > 1e-9 * m * squares) & (others_variance > 1e-12 * np.mean(deviation**2))
    z = np.full(values.size, np.nan)
    above = np.asarray(weights @ deviation) - total * others_mean
    z[exists] = above[exists] / np.sqrt(others_variance[exists] * spread[exists])
    return z


@njit(cache=True, nogil=True, inline="always")
def mix(x: np.uint64) -> np.uint64:
    """Return 64 well-mixed bits of a counter."""
    x = (x ^ (x >> _S30)) * _MIX1
    x = (x ^ (x >> _S27)) * _MIX2
    return x ^ (x >> _S31)


@njit(cache=True, nogil=True)
def _count(sums: _Sums, permutations: int, key: np.uint64, start: int, reached: Counts) -> None:
    """Write, for the places from `start` on, how many draws are at or above and at or below what was seen."""
    centred, n = sums.centred, sums.centred.size
    stop = start + reached.shape[0]
    seen = np.full(n, -1, dtype=np.int64)
    for first in range(start, stop, _SHARING):
        last = min(first + _SHARING, stop)
        longest = min((sums.indptr[first + 1 : last + 1] - sums.indptr[first:last]).max(), n - 2)
        drawn = np.empty(longest + 1, dtype=np.int64)
        prefix = np.zeros(longest + 2)
        hits = reached[first - start : last - start]
        stream = mix(mix(key + _GOLDEN) + np.uint64(first) * _GOLDEN)
        for repeat in range(permutations):
            stamp = first * permutations + repeat
            inside = _draw(stream + (np.uint64(repeat) << _S32), (stamp, first, last), seen, drawn)
            if sums.alike:
                for m in range(longest + 1):
                    prefix[m + 1] = prefix[m] + centred[drawn[m]]
                _compare_alike(sums, first, drawn, prefix, inside, hits)
            else:
                _compare(sums, first, drawn, hits)


@njit(cache=True, nogil=True)
def _draw(counter: np.uint64, block: tuple[int, int, int], seen: Counts, drawn: Counts) -> bool:
    """Fill `drawn` with different places in random order; return whether any lies in the block itself."""
    stamp, first, last = block
    n = np.uint64(seen.size)
    m, step, inside = 0, np.uint64(0), np.int64(0)
    while m < drawn.size:
        bits = mix((counter + step) * _GOLDEN)
        step += np.uint64(1)
        for half in (bits & _LOW, bits >> _S32):
            index = np.int64((half * n) >> _S32)
            if m < drawn.size and seen[index] != stamp:
                seen[index] = stamp
                drawn[m] = index
                inside += np.int64(first <= index < last)
                m += 1
    return bool(inside > 0)


@njit(cache=True, nogil=True)
def _own(drawn: Counts, place: int, k: int) -> int:
    """Return where a place drew itself among the first k, k if nowhere: it then takes the one after them."""
    for m in range(k):
        if drawn[m] == place:
            return m
    return k


@njit(cache=True, nogil=True)
def _compare_alike(sums: _Sums, first: int, drawn: Counts, prefix: Array, inside: bool, hits: Counts) -> None:
    indptr, data, observed, equal = sums.indptr, sums.data, sums.observed, sums.equal
    for b in range(hits.shape[0]):
        place = first + b
        start = indptr[place]
        k = min(indptr[place + 1] - start, drawn.size - 1)
        total = prefix[k]
        if inside and _own(drawn, place, k) < k:
            total = prefix[k + 1] - sums.centred[place]
        gap = total * data[start] - observed[place] if k > 0 else 0.0
        hits[b, 0] += gap >= -equal[place]
        hits[b, 1] += gap <= equal[place]


@njit(cache=True, nogil=True)
def _compare(sums: _Sums, first: int, drawn: Counts, hits: Counts) -> None:
    centred, indptr, data = sums.centred, sums.indptr, sums.data
    for b in range(hits.shape[0]):
        place = first + b
        start = indptr[place]
        k = min(indptr[place + 1] - start, drawn.size - 1)
        own, gap = _own(drawn, place, k), -sums.observed[place]
        for m in range(k):
            gap += data[start + m] * centred[drawn[m + (m >= own)]]
        hits[b, 0] += gap >= -sums.equal[place]
        hits[b, 1] += gap <= sums.equal[place]
