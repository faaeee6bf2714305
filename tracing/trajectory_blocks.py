"""Share the particles of a run among threads and choose the kernel: together on a fixed step, else one by one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tracing.trajectory_kernel import Array, Fields, Plan, follow_paths
from tracing.trajectory_lockstep import Clock, step_together

# Fewer particles than this are not worth a thread of their own: each blends the wind for itself.
_SMALLEST_BLOCK = 2_000

Members = NDArray[np.int64]


def follow(
    fields: Fields, plan: Plan, starts: Array, filled: tuple[Array, NDArray[np.int64]], *, threads: int = 1
) -> None:
    """Follow all ``starts`` (particle, 4) and fill output and ends, as :func:`tracing.trajectory_kernel.follow_paths`.

    Neither ``threads`` nor the order of the starts shows in a path's numbers.
    """
    out, ends = filled
    if regular(plan):
        tasks = [
            partial(step_together, fields, plan, clock, members, starts, out, ends)
            for phase, clock in _clocks(plan, starts)
            for members in _blocks(_in_order(plan, starts, clock, phase), threads)
        ]
    else:
        everyone = np.arange(len(starts))
        tasks = [
            partial(follow_paths, fields, plan, members, starts, out, ends) for members in _blocks(everyone, threads)
        ]
    if threads == 1 or len(tasks) == 1:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()


def regular(plan: Plan) -> bool:
    """Whether every output time and the end lie on a whole number of steps."""
    if plan.step <= 0.0:
        return False
    ratios = np.array([plan.output, abs(plan.minutes)]) / plan.step
    return bool(np.all(np.abs(ratios - np.rint(ratios)) < 1e-9))


def _clocks(plan: Plan, starts: Array) -> Iterator[tuple[Members, Clock]]:
    """Yield the particles that share the moments of their steps, and their clock."""
    first = np.floor(starts[:, 3] / plan.step).astype(np.int64)
    # To a microsecond: what remains is rounding of minutes.
    phase = np.round(starts[:, 3] - first * plan.step, 8)
    steps, output = (round(abs(minutes) / plan.step) for minutes in (plan.minutes, plan.output))
    for value in np.unique(phase):
        yield np.flatnonzero(phase == value), Clock(float(value), first, steps, output)


def _in_order(plan: Plan, starts: Array, clock: Clock, members: Members) -> Members:
    """Return particles by first tick, then by place, so that neighbours in memory are neighbours in the air."""
    place = starts[members]
    tick = clock.first[members] if plan.minutes > 0 else -clock.first[members]
    return members[np.lexsort((place[:, 2], place[:, 0].astype(np.int64), place[:, 1].astype(np.int64), tick))]


def _blocks(members: Members, threads: int) -> list[Members]:
    """Return equal contiguous blocks, one per thread."""
    n = max(1, min(threads, members.size // _SMALLEST_BLOCK))
    return [block for block in np.array_split(members, n) if block.size]
