"""The scan over cylinders on plain arrays: log-likelihood ratios, the best window of each centre, replications.

A zone is the set of places within some distance of a centre; a cylinder is a zone over consecutive time steps. Sums
over a cylinder are differences of cumulative sums along time, so that one more place costs one more addition.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]

POISSON, BERNOULLI = 0, 1
# One case is no cluster.
LEAST_CASES = 2.0
# Sums in another order differ by rounding: less than this share is no improvement.
SAME = 1e-11


@njit(cache=True, nogil=True, error_model="numpy")
def x_log_ratio(x: float, y: float) -> float:
    """Return x ln(x / y), 0 at x = 0."""
    return x * np.log(x / y) if x > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def log_ratio(cases: float, measure: float, totals: tuple[float, float], model: int) -> float:
    """Return the log-likelihood ratio of a cylinder with more cases than expected, 0 otherwise.

    Parameters
    ----------
    cases, measure : float
        Cases in the cylinder, and its expected cases (POISSON) or its cases and controls together (BERNOULLI).
    totals : (float, float)
        The same of the whole study.
    model : int
        POISSON also serves the space-time permutation.

    References
    ----------
    Kulldorff 1997, doi:10.1080/03610929708831995
    """
    all_cases, all_measure = totals
    if cases < LEAST_CASES or cases * all_measure <= measure * all_cases:
        return 0.0
    rest, rest_measure = all_cases - cases, all_measure - measure
    if model == POISSON:
        return x_log_ratio(cases, measure) + (x_log_ratio(rest, rest_measure) if rest > 0.0 else 0.0)
    inside = x_log_ratio(cases, measure) + x_log_ratio(measure - cases, measure)
    outside = x_log_ratio(rest, rest_measure) + x_log_ratio(rest_measure - rest, rest_measure)
    null = x_log_ratio(all_cases, all_measure) + x_log_ratio(all_measure - all_cases, all_measure)
    return inside + outside - null


@njit(cache=True, nogil=True, error_model="numpy")
def best_of_centres(
    cases: Floats, measure: Floats, order: Ints, ends: Bools, longest: int, prospective: bool, model: int
) -> tuple[Floats, Ints]:
    """Return each centre's most likely cylinder.

    Parameters
    ----------
    cases, measure : ndarray, shape (places, steps + 1)
        Cumulative along time from a leading 0.
    order : ndarray, shape (centres, neighbours)
        Places from near to far; -1 after the last.
    ends : ndarray, shape (centres, neighbours)
        Whether a zone may end here: the next place lies farther away.
    longest : int
        Most steps of a cylinder.
    prospective : bool
        Only cylinders that reach the last step.
    model : int
        As `log_ratio`.

    Returns
    -------
    ratio : ndarray, shape (centres,)
        0 where no cylinder has more cases than expected.
    where : ndarray, shape (centres, 3)
        Places in the zone, first step, step after the last. Of equal ratios the smallest zone, then the shortest and
        the earliest window.
    """
    steps = cases.shape[1] - 1
    totals = (cases[:, steps].sum(), measure[:, steps].sum())
    ratio, where = np.zeros(order.shape[0]), np.zeros((order.shape[0], 3), dtype=np.int32)
    for centre in range(order.shape[0]):
        inside, expected = np.zeros(steps + 1), np.zeros(steps + 1)
        for k in range(order.shape[1]):
            place = order[centre, k]
            if place < 0:
                break
            inside += cases[place]
            expected += measure[place]
            if not ends[centre, k]:
                continue
            for length in range(1, longest + 1):
                for first in range(steps - length if prospective else 0, steps - length + 1):
                    count = inside[first + length] - inside[first]
                    mu = expected[first + length] - expected[first]
                    if cannot_beat(count, mu, ratio[centre], totals, model):
                        continue
                    value = log_ratio(count, mu, totals, model)
                    if value > ratio[centre] * (1.0 + SAME):
                        ratio[centre] = value
                        where[centre] = (k + 1, first, first + length)
    return ratio, where


@njit(cache=True, nogil=True, error_model="numpy")
def cannot_beat(count: float, mu: float, best: float, totals: tuple[float, float], model: int) -> bool:
    """Say without a logarithm that a cylinder's ratio is not above `best`; False is no promise.

    With x ln x - x + 1 <= (x - 1)^2 / 2 for x >= 1 and <= (x - 1)^2 for all x, the Poisson ratio is at most
    (c - mu)^2 (1 / (2 mu) + 1 / (C - mu)).
    """
    if count < LEAST_CASES or count * totals[1] <= mu * totals[0]:
        return True
    if model != POISSON or mu >= totals[0]:
        return False
    excess = count - mu
    return excess * excess * (totals[0] + mu) <= best * 2.0 * mu * (totals[0] - mu)


@njit(cache=True, nogil=True, error_model="numpy")
def cumulated(place: Ints, step: Ints, places: int, steps: int) -> Floats:
    """Return the cumulative cases, shape (places, steps + 1), of single cases in `place` at `step`."""
    out = np.zeros((places, steps + 1))
    for k in range(place.size):
        out[place[k], step[k] + 1] += 1.0
    for p in range(places):
        for t in range(steps):
            out[p, t + 1] += out[p, t]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def least_cases(mu: float, total: float, floor: float) -> float:
    """Return the smallest whole number of cases whose Poisson ratio is above `floor`; total + 1 if there is none."""
    low, high = max(np.floor(mu), LEAST_CASES - 1.0), total + 1.0
    while high - low > 1.0:
        middle = np.floor((low + high) / 2.0)
        if log_ratio(middle, mu, (total, total), POISSON) > floor:
            high = middle
        else:
            low = middle
    return high


@njit(cache=True, nogil=True, error_model="numpy")
def thresholds(levels: Floats, window_cases: Floats, total: float, floor: float) -> NDArray[np.float32]:
    """Return, for zones of at least `levels` cases, what a window must exceed to have a ratio above `floor`.

    Under permutation the margins are fixed: mu = (cases of the zone) (cases of the window) / C. A zone's bound is
    that of the next lower level, which is not above its own.

    Parameters
    ----------
    levels : ndarray, shape (levels,)
    window_cases : ndarray, shape (windows,)

    Returns
    -------
    ndarray, shape (levels, windows)
        Whole numbers less one half.
    """
    most = int(window_cases.max())
    out = np.empty((levels.size, window_cases.size), dtype=np.float32)
    table = np.empty(most + 1)
    for level in range(levels.size):
        for count in range(most + 1):
            table[count] = least_cases(levels[level] * count / total, total, floor) - 0.5
        for window in range(window_cases.size):
            out[level, window] = table[int(window_cases[window])]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def any_over(inside: NDArray[np.float32], bound: NDArray[np.float32], longest: int) -> bool:
    """Say whether a window has more cases than its bound; windows by length, then first step."""
    steps, at = inside.size - 1, 0
    for length in range(1, longest + 1):
        count = steps - length + 1
        later, earlier, bounds = inside[length:], inside[:count], bound[at : at + count]
        # Without branches and in 32 bits the compiler tests 8 or 16 windows at once.
        found = np.int32(0)
        for first in range(count):
            found = np.int32(found | np.int32(later[first] - earlier[first] > bounds[first]))
        if found:
            return True
        at += count
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def permuted_maximum(
    cases: Floats, order: Ints, ends: Bools, level: Ints, bounds: NDArray[np.float32], longest: int, floor: float
) -> float:
    """Return the largest ratio of a permuted study if it is above `floor`, else `floor`.

    Parameters
    ----------
    cases : ndarray, shape (places, steps + 1), cumulative
    order, ends : as `best_of_centres`
    level : ndarray, shape (centres, neighbours)
        Row of `bounds` for each zone.
    bounds : ndarray, as `thresholds` returns
    longest : int
    floor : float
    """
    steps, single = cases.shape[1] - 1, cases.astype(np.float32)
    by_step = np.zeros(steps + 1)
    for place in range(cases.shape[0]):
        by_step += cases[place]
    best = floor
    for centre in range(order.shape[0]):
        inside = np.zeros(steps + 1, dtype=np.float32)
        for k in range(order.shape[1]):
            place = order[centre, k]
            if place < 0:
                break
            inside += single[place]
            if ends[centre, k] and any_over(inside, bounds[level[centre, k]], longest):
                best = best_window(inside, by_step, longest, best)
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def best_window(inside: NDArray[np.float32], by_step: Floats, longest: int, best: float) -> float:
    """Return the largest ratio of a zone's windows under permutation if it is above `best`, else `best`."""
    steps, total = inside.size - 1, by_step[-1]
    for length in range(1, longest + 1):
        for first in range(steps - length + 1):
            count = float(inside[first + length] - inside[first])
            mu = inside[steps] * (by_step[first + length] - by_step[first]) / total
            if not cannot_beat(count, mu, best, (total, total), POISSON):
                best = max(best, log_ratio(count, mu, (total, total), POISSON))
    return best
