"""Studies drawn under the null hypothesis, each from its own random numbers, so that workers do not show."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tracing.scan_kernel import (
    BERNOULLI,
    POISSON,
    best_of_centres,
    cumulated,
    permuted_maximum,
    thresholds,
)
from tracing.scan_study import Study, Zones

Floats = NDArray[np.float64]

# Zones within this share of cases use one table of thresholds.
_LEVEL_RATIO = 1.02
# What a replication's maximum must exceed to be found fast, as a share of that of the first replication.
_FLOOR_SHARE = 0.7
# Tables of thresholds above this many numbers are not made.
_MOST_THRESHOLDS = 50_000_000


@dataclass(frozen=True)
class Setting:
    """Arrays of one scan, cumulative along time; what every replication shares.

    `model` is the kernel's; `permute` says that the cases keep their places and change their times; `penalty` is the
    factor of each zone's ratio.
    """

    cases: Floats
    measure: Floats
    order: NDArray[np.int32]
    ends: NDArray[np.bool_]
    longest: int
    prospective: bool
    model: int
    permute: bool
    penalty: Floats

    @staticmethod
    def of(study: Study, zones: Zones, longest: int, *, prospective: bool) -> "Setting":
        """Return the arrays of a study and its zones."""
        return Setting(
            _cumulative(study.cases),
            _cumulative(study.measure),
            zones.order,
            zones.ends,
            longest,
            prospective,
            BERNOULLI if study.model == "bernoulli" else POISSON,
            study.model == "space-time-permutation",
            zones.penalty,
        )


def maxima(
    setting: Setting,
    seed: int,
    count: int,
    *,
    first: int = 0,
    floor: float | None = None,
    pool: ThreadPoolExecutor | None = None,
) -> Floats:
    """Return the highest ratio of replications `first` to `first + count`.

    Replication k draws from a Philox generator keyed by the seed and k, so its result does not depend on the others.
    The work is shared by this machine's processors, or by the threads of `pool`; `floor` saves time
    where :func:`floor_of` is known, and changes nothing.
    """
    if pool is None:
        with ThreadPoolExecutor(os.cpu_count()) as own:
            return maxima(setting, seed, count, first=first, floor=floor, pool=own)
    numbers = range(first, first + count)
    highest = _fast(setting, seed, floor_of(setting, seed) if floor is None else floor) if count > 1 else None
    if highest is None:
        highest = partial(_highest, setting, seed)
    return np.fromiter(pool.map(highest, numbers), dtype=float, count=count)


def generator(seed: int, number: int) -> np.random.Generator:
    """Return the random numbers of one replication."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))


def _highest(setting: Setting, seed: int, number: int) -> float:
    drawn = draw(setting, generator(seed, number))
    ratio, _ = best_of_centres(
        drawn, setting.measure, setting.order, setting.ends, setting.longest, setting.prospective, setting.model
    )
    return float((ratio * setting.penalty).max())


def draw(setting: Setting, random: np.random.Generator) -> Floats:
    """Return cumulative cases of one study under the null hypothesis, with the same number of cases in all.

    Poisson: each case falls anywhere with the share of the measure. Permutation: the cases keep their places, their
    times are shuffled. Bernoulli: cases are drawn among cases and controls without replacement.
    """
    cases = np.diff(setting.cases, axis=1)
    if setting.permute:
        place, step = singles(cases)
        return cumulated(place, random.permutation(step), *cases.shape)
    measure = np.diff(setting.measure, axis=1)
    total = int(round(cases.sum()))
    if setting.model == BERNOULLI:
        flat = random.multivariate_hypergeometric(np.rint(measure).astype(np.int64).ravel(), total, method="marginals")
    else:
        flat = random.multinomial(total, (measure / measure.sum()).ravel())
    return _cumulative(flat.reshape(cases.shape).astype(float))


def singles(cases: Floats) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return place and step of each single case."""
    place, step = np.nonzero(cases)
    count = cases[place, step].astype(np.int64)
    return np.repeat(place, count).astype(np.int32), np.repeat(step, count).astype(np.int32)


def floor_of(setting: Setting, seed: int) -> float:
    """Return what most replications' maxima are above, 0 where thresholds do not serve: a part of the first one's."""
    return _FLOOR_SHARE * _highest(setting, seed, 0) if setting.permute and not setting.prospective else 0.0


def _fast(setting: Setting, seed: int, floor: float) -> Callable[[int], float] | None:
    """Return a permutation's maximum by number: most windows are tested by a table of thresholds.

    A replication that stays below all of them is done in full. None without a floor, or where the table would be too
    large.
    """
    if floor <= 0.0:
        return None
    levels, level, windows = _tables(setting)
    if levels.size * windows.size > _MOST_THRESHOLDS:
        return None
    bounds = thresholds(levels, windows, float(setting.cases[:, -1].sum()), floor)
    place, step = singles(np.diff(setting.cases, axis=1))
    shape = setting.cases.shape[0], setting.cases.shape[1] - 1

    def highest(number: int) -> float:
        drawn = cumulated(place, generator(seed, number).permutation(step), *shape)
        found = permuted_maximum(drawn, setting.order, setting.ends, level, bounds, setting.longest, floor)
        return found if found > floor else _highest(setting, seed, number)

    return highest


def _tables(setting: Setting) -> tuple[Floats, NDArray[np.int32], Floats]:
    """Return levels of cases in a zone, the level of each zone, and the cases of all places in each window."""
    by_place = setting.cases[:, -1]
    inside = np.cumsum(np.where(setting.order >= 0, by_place[setting.order], 0.0), axis=1)
    levels = [1.0]
    while levels[-1] < inside.max():
        levels.append(max(levels[-1] + 1.0, np.floor(levels[-1] * _LEVEL_RATIO)))
    level = np.searchsorted(levels, np.maximum(inside, 1.0), side="right") - 1
    by_step = setting.cases.sum(axis=0)
    windows = [by_step[length:] - by_step[:-length] for length in range(1, setting.longest + 1)]
    return np.array(levels), level.astype(np.int32), np.concatenate(windows)


def _cumulative(values: Floats) -> Floats:
    return np.concatenate([np.zeros((values.shape[0], 1)), np.cumsum(values, axis=1)], axis=1)
