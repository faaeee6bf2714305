"""Kernel: all particles of a block stepped together on a fixed step. NumPy arrays in and out, compiled by Numba.

Time is the outer loop, so the wind is blended to the time of a stage once, not per particle, and only where particles
are. A particle's path depends on its own start alone: blocks, threads and other particles do not show in the bytes.
Single precision where the fields are, double for positions and times. Branches in the inner loop are kept to those that
nearly always go one way (a mispredicted one costs as much as half an evaluation), and it uses arrays as plain arguments
and locals: taking one out of a tuple counts references, which costs more than the arithmetic.
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
    interval,
    keep_value,
    scalar,
)

# Half steps of which a blended wind is kept at once (RK4 needs three), and columns blended at a time.
_SLOTS = 4
_PART_BITS = 5
_PART = 1 << _PART_BITS


Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Filled = tuple[Array, Ints]
Velocity = tuple[float, float, float]
Weights = tuple[np.float32, np.float32, np.float32, np.float32, np.float32]


class Clock(NamedTuple):
    """Time in steps: minutes of tick 0, and each particle's first tick; steps in all and between outputs."""

    phase: float
    first: Ints
    steps: int
    output: int


class _Block(NamedTuple):
    """One block of particles and its workspace.

    values, tags : winds at the half steps in use, flat and slot by slot; per slot and part of a row its half step
    cells, bins : see ``_tables``
    members : row of each particle among the starts
    state, kept : column, row, sigma; value of the quantity that the particle keeps
    due, last : signed tick of the next output and of the end
    safe : particles with this sigma or more are below every top
    """

    values: Field
    tags: Ints
    cells: Array
    bins: Array
    members: Ints
    state: Array
    kept: Array
    due: Ints
    last: Ints
    safe: float


class _Shape(NamedTuple):
    """Columns, rows, levels and parts of a row; sigma of the lowest and highest level, bins per sigma; flags."""

    nx: int
    ny: int
    nl: int
    parts: int
    lowest: float
    highest: float
    bins: float
    by_row: bool
    cyclic: bool


@njit(cache=True, nogil=True)
def _shape(fields: Fields) -> _Shape:
    ny, nx, nl = fields.surface.shape[0], fields.surface.shape[1], fields.sigma.size
    lowest, highest = fields.sigma[0], fields.sigma[nl - 1]
    # A hair less than the number of bins, so that the highest level falls into the last one.
    bins = fields.lookup.size * (1.0 - 1e-12) / (lowest - highest)
    parts = (nx + _PART - 1) >> _PART_BITS
    return _Shape(nx, ny, nl, parts, lowest, highest, bins, fields.by_row, fields.cyclic)


@njit(cache=True, nogil=True)
def _tables(fields: Fields) -> tuple[Array, Array]:
    """Return cell sizes, m s/min along columns and rows, per row or per point; and what each bin of sigma needs.

    A bin holds level k at or below its lower edge, sigma of k and k + 1, and one over the thickness above each.
    """
    columns = 1 if fields.by_row else fields.surface.shape[1]
    cells = fields.surface[:, :columns, CELL_X:].copy().reshape(-1, 2) / 60.0
    sigma, n = fields.sigma, fields.sigma.size
    bins = np.empty((fields.lookup.size, 5))
    for b in range(fields.lookup.size):
        k = fields.lookup[b]
        after = min(k + 2, n - 1)
        bins[b, 0], bins[b, 1], bins[b, 2] = k, sigma[k], sigma[k + 1]
        bins[b, 3] = 1.0 / (sigma[k] - sigma[k + 1])
        bins[b, 4] = 1.0 / (sigma[k + 1] - sigma[after]) if after > k + 1 else 0.0
    return cells, bins


@njit(cache=True, nogil=True)
def _blend_part(wind: Field, n: int, share: np.float32, j: int, part: int, out: Field) -> None:
    """Write the wind of one part of row ``j``, one column more included, at ``share`` of the way from time ``n``."""
    nx, width = wind.shape[2], wind.shape[3] * 3
    i0, i1 = part * _PART, min(part * _PART + _PART + 1, nx)
    before, after = wind[n, j, i0:i1].reshape(-1), wind[n + 1, j, i0:i1].reshape(-1)
    target = out[(j * nx + i0) * width : (j * nx + i1) * width]
    for c in range(target.size):
        target[c] = before[c] + share * (after[c] - before[c])


@njit(cache=True, nogil=True)
def _blend(fields: Fields, half: int, t: float, place: tuple[int, int], block: _Block) -> None:
    """Make sure that the wind at half step ``half``, time ``t``, is there for the cells of a row's part ``place``."""
    slot, size = half % _SLOTS, block.values.size // _SLOTS
    parts = block.tags.shape[1] // fields.surface.shape[0]
    n, share = interval(fields.times, t)
    for j in range(place[0], place[0] + 2):
        at = j * parts + place[1]
        if block.tags[slot, at] != half:
            _blend_part(fields.wind, n, np.float32(share), j, place[1], block.values[slot * size : (slot + 1) * size])
            block.tags[slot, at] = half


@njit(cache=True, nogil=True)
def _cell_size(cells: Array, shape: _Shape, axis: int, i: int, j: int, fx: float, fy: float) -> float:
    one = np.uintp(1)
    if shape.by_row:
        at = np.uintp(j)
        return float(cells[at, axis] + fy * (cells[at + one, axis] - cells[at, axis]))
    at = np.uintp(j * shape.nx + i)
    above = at + np.uintp(shape.nx)
    low = (1.0 - fx) * cells[at, axis] + fx * cells[at + one, axis]
    return float((1.0 - fy) * low + fy * ((1.0 - fx) * cells[above, axis] + fx * cells[above + one, axis]))


@njit(cache=True, nogil=True)
def _trilinear(values: Field, base: np.uintp, step: tuple[np.uintp, np.uintp], weights: Weights) -> float:
    w00, w01, w10, w11, fz = weights
    b01, b10 = base + step[0], base + step[1]
    b11, up = b10 + step[0], np.uintp(3)
    low = w00 * values[base] + w01 * values[b01] + w10 * values[b10] + w11 * values[b11]
    high = w00 * values[base + up] + w01 * values[b01 + up] + w10 * values[b10 + up] + w11 * values[b11 + up]
    return float(low + fz * (high - low))


@njit(cache=True, nogil=True)
def _level(bins: Array, shape: _Shape, sigma: float) -> tuple[int, float]:
    """Return the level below ``sigma`` and the weight of the one above; outside the levels the nearest holds."""
    s = min(max(sigma, shape.highest), shape.lowest)
    b = np.uintp(int((shape.lowest - s) * shape.bins))
    up = int(bins[b, 2] > s)
    return int(bins[b, 0]) + up, float((bins[b, np.uintp(1 + up)] - s) * bins[b, np.uintp(3 + up)])


@njit(cache=True, nogil=True)
def _velocity(values: Field, offset: int, cells: Array, bins: Array, shape: _Shape, p: Velocity) -> Velocity:
    """Return columns/min, rows/min, sigma/min from a blended wind: bilinear, linear in sigma."""
    x, y, sigma = p
    i, j = min(int(x), shape.nx - 2), min(int(y), shape.ny - 2)
    fx, fy = x - i, y - j
    k, up = _level(bins, shape, sigma)
    fz = np.float32(up)
    fa, fb = np.float32(fx), np.float32(fy)
    w11 = fa * fb
    weights = (np.float32(1.0) - fa - fb + w11, fa - w11, fb - w11, w11, fz)
    base = np.uintp(offset + ((j * shape.nx + i) * shape.nl + k) * 3)
    step = (np.uintp(3 * shape.nl), np.uintp(3 * shape.nl * shape.nx))
    u = _trilinear(values, base, step, weights)
    v = _trilinear(values, base + np.uintp(1), step, weights)
    w = _trilinear(values, base + np.uintp(2), step, weights)
    size_x, size_y = _cell_size(cells, shape, 0, i, j, fx, fy), _cell_size(cells, shape, 1, i, j, fx, fy)
    return u / size_x, v / size_y, w


@njit(cache=True, nogil=True)
def _inside(shape: _Shape, x: float, y: float) -> bool:
    return bool(0.0 <= x <= shape.nx - 1 and 0.0 <= y <= shape.ny - 1)


@njit(cache=True, nogil=True)
def _safe_sigma(fields: Fields, plan: Plan) -> float:
    """Return a sigma; particles at or below it are below every top whatever their place."""
    top = min(plan.top_m, float(fields.top.min()))
    return float(1.0 - top / fields.surface[:, :, DEPTH].max())


@njit(cache=True, nogil=True)
def _block(fields: Fields, plan: Plan, clock: Clock, members: Ints, starts: Array) -> _Block:
    shape = _shape(fields)
    cells, bins = _tables(fields)
    sign = 1 if plan.minutes > 0 else -1
    size = shape.nx * shape.ny * shape.nl * 3
    tags = np.full((_SLOTS, shape.ny * shape.parts), -(2**62))
    state, due = starts[members, :3].copy(), sign * clock.first[members]
    kept = np.zeros(members.size)
    if fields.follow.size > 1:
        for b in range(members.size):
            kept[b] = scalar(fields, fields.follow, state[b], clock.phase + clock.first[members[b]] * plan.step)
    values, last, safe = np.empty(_SLOTS * size, np.float32), due + clock.steps, _safe_sigma(fields, plan)
    return _Block(values, tags, cells, bins, members, state, kept, due, last, safe)


@njit(cache=True, nogil=True)
def _look(fields: Fields, plan: Plan, clock: Clock, tick: int, block: _Block, alive: Ints, ends: Ints) -> Flags:
    """Say which of ``alive`` end at ``tick``, before they move; the reason is written to ``ends``."""
    t, sign = clock.phase + tick * plan.step, (1 if plan.minutes > 0 else -1)
    goes_on = fields.times[0] - TINY <= t + sign * plan.step <= fields.times[-1] + TINY
    state, members, last, safe, now = block.state, block.members, block.last, block.safe, tick * sign
    ended = np.zeros(alive.size, np.bool_)
    for a in range(alive.size):
        b = alive[a]
        code = RUNNING
        if state[b, 2] < safe and above_top(fields, plan, state[b], t):
            code = LEFT_TOP
        elif now == last[b]:
            code = COMPLETED
        elif not goes_on:
            code = END_OF_DATA
        if code != RUNNING:
            ended[a] = True
            ends[members[b], 1] = code
    return ended


@njit(cache=True, nogil=True)
def _record(fields: Fields, clock: Clock, now: tuple[int, float], block: _Block, alive: Ints, filled: Filled) -> None:
    """Write place, height and pressure of the particles due at ``now`` (signed tick, time) and below the top."""
    out, ends = filled
    state, members, due, last = block.state, block.members, block.due, block.last
    depth, pressure, nx, ny = fields.surface, fields.pressure, fields.surface.shape[1], fields.surface.shape[0]
    tick, t = now
    n, share = interval(fields.times, t)
    bins, shape = block.bins, _shape(fields)
    for b in alive:
        m = members[b]
        if tick != due[b] or ends[m, 1] == LEFT_TOP:
            continue
        x, y = state[b, 0], state[b, 1]
        i, j = min(int(x), nx - 2), min(int(y), ny - 2)
        k, fz = _level(bins, shape, state[b, 2])
        height = value = 0.0
        for dj in range(2):
            wy = y - j if dj else 1.0 - (y - j)
            for di in range(2):
                weight = wy * (x - i if di else 1.0 - (x - i))
                height += weight * depth[j + dj, i + di, DEPTH]
                for dn in range(2):
                    wt = weight * (share if dn else 1.0 - share)
                    low, high = pressure[n + dn, j + dj, i + di, k], pressure[n + dn, j + dj, i + di, k + 1]
                    value += wt * ((1.0 - fz) * low + fz * high)
        row = ends[m, 0]
        out[m, row, COLUMN], out[m, row, ROW] = x, y
        out[m, row, HEIGHT], out[m, row, PRESSURE] = (1.0 - state[b, 2]) * height, value
        ends[m, 0] = row + 1
        due[b] = min(tick + clock.output, last[b])


@njit(cache=True, nogil=True)
def _move(fields: Fields, plan: Plan, clock: Clock, tick: int, block: _Block, alive: Ints) -> Flags:
    """Move the particles ``alive`` by one step and say which of them left the domain."""
    shape, size = _shape(fields), block.values.size // _SLOTS
    values, tags, cells, bins, state = block.values, block.tags, block.cells, block.bins, block.state
    fractions, weights, phase, step = plan.fractions, plan.weights, clock.phase, plan.step
    sign, stages = (1 if plan.minutes > 0 else -1), plan.fractions.size
    left = np.zeros(alive.size, np.bool_)
    for a in range(alive.size):
        b = alive[a]
        x, y, sigma = state[b, 0], state[b, 1], state[b, 2]
        at_x, at_y, at_sigma = x, y, sigma
        along_x = along_y = up = 0.0
        for s in range(stages):
            half = 2 * tick + sign * int(2.0 * fractions[s])
            slot = half % _SLOTS
            j, part = min(int(at_y), shape.ny - 2), min(int(at_x), shape.nx - 2) >> _PART_BITS
            tag = j * shape.parts + part
            if tags[slot, tag] != half or tags[slot, tag + shape.parts] != half:
                _blend(fields, half, phase + 0.5 * half * step, (j, part), block)
            u, v, w = _velocity(values, slot * size, cells, bins, shape, (at_x, at_y, at_sigma))
            along_x, along_y, up = along_x + weights[s] * u, along_y + weights[s] * v, up + weights[s] * w
            if s == stages - 1:
                u, v, w, dt = along_x, along_y, up, sign * step
            else:
                dt = sign * fractions[s + 1] * step
            at_x, at_y, at_sigma = x + u * dt, y + v * dt, min(sigma + w * dt, 1.0)
            if shape.cyclic:
                at_x = at_x % (shape.nx - 1)
            if not _inside(shape, at_x, at_y):
                left[a] = True
                break
        state[b, 0], state[b, 1], state[b, 2] = at_x, at_y, at_sigma
    return left


@njit(cache=True, nogil=True)
def _keep(fields: Fields, block: _Block, alive: Ints, t: float) -> None:
    for b in alive:
        keep_value(fields, block.state[b], t, block.kept[b])


@njit(cache=True, nogil=True)
def step_together(
    fields: Fields, plan: Plan, clock: Clock, members: Ints, starts: Array, out: Array, ends: Ints
) -> None:
    """Follow the particles ``members`` of ``starts``, sorted by their first tick, as ``follow_paths`` does.

    ``out`` (particle, point, 4) and ``ends`` (particle, 2) are written at the members' rows only.
    """
    sign = 1 if plan.minutes > 0 else -1
    block = _block(fields, plan, clock, members, starts)
    alive = np.empty(0, np.int64)
    entered, tick = 0, 0
    while entered < members.size or alive.size:
        if not alive.size:
            tick = int(clock.first[members[entered]])
        before = entered
        while entered < members.size and clock.first[members[entered]] == tick:
            entered += 1
        if entered > before:
            alive = np.concatenate((alive, np.arange(before, entered)))
        ended = _look(fields, plan, clock, tick, block, alive, ends)
        _record(fields, clock, (sign * tick, clock.phase + tick * plan.step), block, alive, (out, ends))
        alive = alive[~ended]
        left = _move(fields, plan, clock, tick, block, alive)
        ends[members[alive[left]], 1] = LEFT_DOMAIN
        alive = alive[~left]
        tick += sign
        if fields.follow.size > 1:
            _keep(fields, block, alive, clock.phase + tick * plan.step)
