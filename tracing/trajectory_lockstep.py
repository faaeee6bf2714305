"""Kernel: all particles of a block stepped together on a fixed step. NumPy arrays in and out, compiled by Numba.

Time is the outer loop, so that particles meet in the winds that the caches hold; inside it a chunk of particles takes a
stage together, so that their evaluations do not wait for each other. A particle's path depends on its own start alone:
blocks, threads and other particles do not show in the bytes. Single precision where the fields are, double for
positions and times. Coordinates lie one after the other and branches nearly always go one way; arrays are plain locals
in the inner loops, as taking one out of a tuple counts references, which costs more than the arithmetic.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracing.trajectory_kernel import (
    CELL_X,
    COLUMN,
    COMPLETED,
    DEPTH,
    END_OF_DATA,
    HEIGHT,
    LEFT_DOMAIN,
    LEFT_TOP,
    PRESSURE,
    ROW,
    RUNNING,
    TINY,
    Array,
    Field,
    Fields,
    Plan,
    above_top,
    advance_in_space,
    interval,
    keep_value,
    near_pole,
    scalar,
    surface_at,
)
from tracing.trilinear_kernel import FIELDS, trilinear

# Particles that take a stage together: what they need stays in the first cache.
_CHUNK = 256
# Points of a path that wait to be written together, a cache line of each column.
_STAGED = 8
# Ended particles are carried along until they are one in so many.
_CARRIED = 16

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Filled = tuple[Array, Ints]


class Clock(NamedTuple):
    """Time in steps: minutes of tick 0, and each particle's first tick; steps in all and between outputs."""

    phase: float
    first: Ints
    steps: int
    output: int


class _Block(NamedTuple):
    """The particles under way, the first ``count`` of each array, and tables.

    wind : of the fields, flat
    cells, thickness : see ``_cells`` and ``_thickness``
    member : row of each particle among the starts
    place : where each particle's points wait in ``staged``
    state : column, row and sigma, shape (3, particle)
    kept : value of the quantity that the particle keeps
    due, last : signed tick of the next output and of the end
    gone, noted : whether the path has ended; whether a point of it is due
    staged : points not yet written, shape (``_STAGED``, 4, place)
    safe : particles with this sigma or more are below every top
    """

    wind: Field
    cells: Array
    thickness: Array
    member: Ints
    place: Ints
    state: Array
    kept: Array
    due: Ints
    last: Ints
    gone: Flags
    noted: Flags
    staged: Array
    safe: float


@njit(cache=True, nogil=True)
def _cells(fields: Fields) -> Array:
    """Return the cells' sizes along columns and rows, m s/min, per row where they depend on the row alone."""
    columns = 1 if fields.by_row else fields.surface.shape[1]
    return fields.surface[:, :columns, CELL_X:].copy().reshape(-1, 2) / 60.0


@njit(cache=True, nogil=True)
def _thickness(sigma: Array) -> Array:
    """Return one over the sigma of each layer."""
    return 1.0 / (sigma[:-1] - sigma[1:])


@njit(cache=True, nogil=True)
def _bins(fields: Fields) -> float:
    """Return bins per sigma, a hair less than there are, so that the highest level falls into the last one."""
    return float(fields.lookup.size * (1.0 - 1e-12) / (fields.sigma[0] - fields.sigma[-1]))


@njit(cache=True, nogil=True)
def _cell_size(cells: Array, nx: np.uintp, axis: int, at: np.uintp, fx: float, fy: float) -> float:
    one, above = np.uintp(1), at + nx
    low = (1.0 - fx) * cells[at, axis] + fx * cells[at + one, axis]
    return float((1.0 - fy) * low + fy * ((1.0 - fx) * cells[above, axis] + fx * cells[above + one, axis]))


@njit(cache=True, nogil=True)
def _corners(fields: Fields, at: Array, cell: Ints, bins: Ints, share: Array, weights: Field) -> None:
    """Write for positions ``at`` the cell, the bin of sigma, the shares along x and y and the weights of the corners.

    Kept apart from what follows it because it is all arithmetic, which the compiler does eight particles at a time.
    """
    ny, nx, sigma, single = fields.surface.shape[0], fields.surface.shape[1], fields.sigma, np.float32(1.0)
    lowest, highest, per_sigma = sigma[0], sigma[sigma.size - 1], _bins(fields)
    for a in range(np.uintp(at.shape[1])):
        x, y = at[0, a], at[1, a]
        i, j = min(int(x), nx - 2), min(int(y), ny - 2)
        share[0, a], share[1, a] = x - i, y - j
        p, q = np.float32(x - i), np.float32(y - j)
        both = p * q
        weights[0, a], weights[1, a], weights[2, a], weights[3, a] = single - p - q + both, p - both, q - both, both
        cell[a] = j * nx + i
        bins[a] = int((lowest - min(max(at[2, a], highest), lowest)) * per_sigma)


@njit(cache=True, nogil=True)
def _slopes(fields: Fields, block: _Block, t: float, at: Array, slopes: Array) -> None:
    """Write columns/min, rows/min, sigma/min and Pa at positions ``at``: linear in x, y, sigma and time.

    Outside the levels the nearest one holds.
    """
    wind, thickness, lookup, sigma = block.wind, block.thickness, fields.lookup, fields.sigma
    ny, nx, nl = fields.surface.shape[0], fields.surface.shape[1], sigma.size
    lowest, highest, one = sigma[0], sigma[nl - 1], np.uintp(1)
    n, later = interval(fields.times, t)
    column = np.uintp(FIELDS * nl)
    step = (column, column * np.uintp(nx), column * np.uintp(nx * ny))
    base, late = np.uintp(n) * step[2], np.float32(later)
    m = at.shape[1]
    cell, bins, share, w = np.empty(m, np.int64), np.empty(m, np.int64), np.empty((2, m)), np.empty((4, m), np.float32)
    _corners(fields, at, cell, bins, share, w)
    for a in range(np.uintp(m)):
        s, k = min(max(at[2, a], highest), lowest), np.uintp(lookup[np.uintp(bins[a])])
        k = min(k + np.uintp(sigma[k + one] > s), np.uintp(nl - 2))
        fz = np.float32((sigma[k] - s) * thickness[k])
        place = base + (np.uintp(cell[a]) * np.uintp(nl) + k) * np.uintp(FIELDS)
        corners = (w[0, a], w[1, a], w[2, a], w[3, a], fz, late)
        slopes[0, a], slopes[1, a], slopes[2, a], slopes[3, a] = trilinear(wind, place, step, corners)  # type: ignore[call-arg]
    _per_cell(fields, block, cell, share, slopes)


@njit(cache=True, nogil=True)
def _per_cell(fields: Fields, block: _Block, cell: Ints, share: Array, slopes: Array) -> None:
    """Turn m/s along columns and rows into columns/min and rows/min."""
    cells, nx, one = block.cells, np.uintp(fields.surface.shape[1]), np.uintp(1)
    for a in range(np.uintp(cell.size)):
        fx, fy, at = share[0, a], share[1, a], np.uintp(cell[a])
        if fields.by_row:
            row = at // nx
            size_x = cells[row, 0] + fy * (cells[row + one, 0] - cells[row, 0])
            size_y = cells[row, 1] + fy * (cells[row + one, 1] - cells[row, 1])
        else:
            size_x, size_y = _cell_size(cells, nx, 0, at, fx, fy), _cell_size(cells, nx, 1, at, fx, fy)
        slopes[0, a] /= size_x
        slopes[1, a] /= size_y


@njit(cache=True, nogil=True)
def _go(fields: Fields, start: Array, slopes: Array, dt: float, at: Array, left: Flags) -> None:
    """Write to ``at`` where ``slopes`` lead from ``start`` in ``dt``; who goes off the grid has left."""
    east, north, cyclic = fields.surface.shape[1] - 1.0, fields.surface.shape[0] - 1.0, fields.cyclic
    for a in range(np.uintp(left.size)):
        x, y = start[0, a] + slopes[0, a] * dt, start[1, a] + slopes[1, a] * dt
        if cyclic:
            x = x % east
        inside = (x >= 0.0) & (x <= east) & (y >= 0.0) & (y <= north)
        left[a] |= not inside
        at[0, a], at[1, a] = (x if inside else 0.0), (y if inside else 0.0)
        at[2, a] = min(start[2, a] + slopes[2, a] * dt, 1.0)


@njit(cache=True, nogil=True)
def _move(fields: Fields, plan: Plan, t: float, block: _Block, state: Array, slopes: Array, left: Flags) -> None:
    """Move the particles ``state`` by one step from ``t`` on, where they have ``slopes``; say which of them left."""
    weights, fractions, dt = plan.weights, plan.fractions, (plan.step if plan.minutes > 0 else -plan.step)
    n = state.shape[1]
    at, along = np.empty((3, n)), np.zeros((3, n))
    for s in range(fractions.size):
        if s:
            _go(fields, state, slopes, fractions[s] * dt, at, left)
            _slopes(fields, block, t + fractions[s] * dt, at, slopes)
        for c in range(3):
            for a in range(n):
                along[c, a] += weights[s] * slopes[c, a]
    _go(fields, state, along, dt, state, left)


@njit(cache=True, nogil=True)
def _move_at_poles(fields: Fields, plan: Plan, t: float, before: Array, state: Array, left: Flags) -> None:
    """Move again, in space, the particles that were near a pole ``before``."""
    dt = plan.step if plan.minutes > 0 else -plan.step
    for a in range(left.size):
        if near_pole(fields, before[1, a]):
            p = before[:, a].copy()
            left[a] = advance_in_space(fields, plan, p, t, dt) == LEFT_DOMAIN
            state[:, a] = p


@njit(cache=True, nogil=True)
def _move_all(fields: Fields, plan: Plan, t: float, block: _Block, count: int, filled: Filled) -> None:
    """Note who is due and move all particles under way by one step; the gone ones, carried along, stay gone."""
    left = np.zeros(count, np.bool_)
    for a in range(0, count, _CHUNK):
        b = min(a + _CHUNK, count)
        chunk, slopes = block.state[:, a:b].copy(), np.empty((FIELDS, b - a))
        _slopes(fields, block, t, chunk, slopes)
        for n in range(b - a):
            if block.noted[a + n]:
                _note(fields, block, a + n, slopes[3, n], filled)
        _move(fields, plan, t, block, chunk, slopes, left[a:b])
        if fields.south or fields.north:
            _move_at_poles(fields, plan, t, block.state[:, a:b], chunk, left[a:b])
        block.state[:, a:b] = chunk
    for a in range(count):
        if left[a] and not block.gone[a]:
            block.gone[a] = True
            filled[1][block.member[a], 1] = LEFT_DOMAIN


@njit(cache=True, nogil=True)
def _safe_sigma(fields: Fields, plan: Plan) -> float:
    """Return a sigma; particles at or below it are below every top whatever their place."""
    top = min(plan.top_m, float(fields.top.min()))
    return float(1.0 - top / fields.surface[:, :, DEPTH].max())


@njit(cache=True, nogil=True)
def _empty_block(fields: Fields, plan: Plan, n: int) -> _Block:
    wind, cells, thickness = fields.wind.reshape(-1), _cells(fields), _thickness(fields.sigma)
    member, place, due, last = np.empty((4, n), np.int64)
    state, kept, staged = np.empty((3, n)), np.empty(n), np.empty((_STAGED, FIELDS, n))
    gone, noted = np.empty((2, n), np.bool_)
    safe = _safe_sigma(fields, plan)
    return _Block(wind, cells, thickness, member, place, state, kept, due, last, gone, noted, staged, safe)


@njit(cache=True, nogil=True)
def _enter(
    fields: Fields, clock: Clock, now: tuple[int, float], who: tuple[int, int], start: Array, block: _Block, a: int
) -> None:
    """Put a start, ``who`` (its row, its place among the staged), at ``a`` of the block at ``now`` (tick, time)."""
    block.member[a], block.place[a] = who
    block.due[a], block.last[a] = now[0], now[0] + clock.steps
    block.state[:, a], block.gone[a] = start[:3], False
    block.kept[a] = scalar(fields, fields.follow, start, now[1]) if fields.follow.size > 1 else 0.0


@njit(cache=True, nogil=True)
def _look(
    fields: Fields, plan: Plan, clock: Clock, now: tuple[int, float], block: _Block, count: int, ends: Ints
) -> Ints:
    """Mark at ``now`` (signed tick, time), before the move, who is due and who ends; return who is due last."""
    tick, t = now
    dt = plan.step if plan.minutes > 0 else -plan.step
    goes_on = fields.times[0] - TINY <= t + dt <= fields.times[-1] + TINY
    state, last, due_at, gone, safe = block.state, block.last, block.due, block.gone, block.safe
    final, n = np.empty(count, np.int64), 0
    for a in range(count):
        block.noted[a] = False
        if gone[a]:
            continue
        code = RUNNING
        if state[2, a] < safe and above_top(fields, plan, state[:, a].copy(), t):
            code = LEFT_TOP
        elif tick == last[a]:
            code = COMPLETED
        elif not goes_on:
            code = END_OF_DATA
        due = due_at[a] == tick and code != LEFT_TOP
        if due and code == RUNNING:
            block.noted[a], due_at[a] = True, min(tick + clock.output, last[a])
        elif due:
            final[n] = a
            n += 1
        if code != RUNNING:
            gone[a] = True
            ends[block.member[a], 1] = code
    return final[:n]


@njit(cache=True, nogil=True)
def _note_last(fields: Fields, t: float, block: _Block, final: Ints, filled: Filled) -> None:
    """Note the particles ``final``, which do not move any more, at time ``t``."""
    for n in range(0, final.size, _CHUNK):
        who = final[n : n + _CHUNK]
        at, slopes = np.empty((3, who.size)), np.empty((FIELDS, who.size))
        for c in range(3):
            at[c] = block.state[c, who]
        _slopes(fields, block, t, at, slopes)
        for a in range(who.size):
            _note(fields, block, who[a], slopes[3, a], filled)


@njit(cache=True, nogil=True)
def _note(fields: Fields, block: _Block, a: int, pressure: float, filled: Filled) -> None:
    """Note place, height and pressure of particle ``a``; a full cache line of points is written."""
    (out, ends), staged, state = filled, block.staged, block.state
    m, k = block.member[a], block.place[a]
    row = ends[m, 0]
    slot = row % _STAGED
    staged[slot, COLUMN, k], staged[slot, ROW, k] = state[0, a], state[1, a]
    staged[slot, HEIGHT, k] = (1.0 - state[2, a]) * surface_at(fields, DEPTH, state[0, a], state[1, a])
    staged[slot, PRESSURE, k] = pressure
    ends[m, 0] = row + 1
    if slot == _STAGED - 1:
        _write(staged, k, _STAGED, out, m, row + 1)


@njit(cache=True, nogil=True)
def _write(staged: Array, k: int, n: int, out: Array, m: int, end: int) -> None:
    """Write the ``n`` points that wait at place ``k`` before point ``end`` of path ``m``."""
    for c in range(FIELDS):
        for s in range(n):
            out[c, m, end - n + s] = staged[s, c, k]


@njit(cache=True, nogil=True)
def _keep(fields: Fields, block: _Block, count: int, t: float) -> None:
    for a in range(count):
        if not block.gone[a]:
            place = block.state[:, a].copy()
            keep_value(fields, place, t, block.kept[a])
            block.state[2, a] = place[2]


@njit(cache=True, nogil=True)
def _drop_gone(block: _Block, count: int) -> int:
    """Close the ranks and return how many go on, or change nothing while few are gone."""
    stay = np.flatnonzero(~block.gone[:count])
    n = stay.size
    if n and (count - n) * _CARRIED < count:
        return count
    for c in range(3):
        block.state[c, :n] = block.state[c, stay]
    block.member[:n], block.place[:n], block.kept[:n] = block.member[stay], block.place[stay], block.kept[stay]
    block.due[:n], block.last[:n], block.gone[:n] = block.due[stay], block.last[stay], False
    return n


@njit(cache=True, nogil=True)
def step_together(
    fields: Fields, plan: Plan, clock: Clock, members: Ints, starts: Array, out: Array, ends: Ints
) -> None:
    """Follow the particles ``members`` of ``starts``, sorted by their first tick, as ``follow_paths`` does.

    ``out`` (4, particle, point) and ``ends`` (particle, 2) are written at the members' rows only.
    """
    sign = 1 if plan.minutes > 0 else -1
    block = _empty_block(fields, plan, members.size)
    entered, count, tick = 0, 0, 0
    while entered < members.size or count:
        if not count:
            tick = int(clock.first[members[entered]])
        now = (sign * tick, clock.phase + tick * plan.step)
        while entered < members.size and clock.first[members[entered]] == tick:
            who = members[entered]
            _enter(fields, clock, now, (who, entered), starts[who], block, count)
            entered, count = entered + 1, count + 1
        final = _look(fields, plan, clock, now, block, count, ends)
        _note_last(fields, now[1], block, final, (out, ends))
        _move_all(fields, plan, now[1], block, count, (out, ends))
        tick += sign
        if fields.follow.size > 1:
            _keep(fields, block, count, clock.phase + tick * plan.step)
        count = _drop_gone(block, count)
    for k in range(members.size):
        m = members[k]
        _write(block.staged, k, ends[m, 0] % _STAGED, out, m, ends[m, 0])
