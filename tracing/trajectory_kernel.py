"""Kernel: move particles through prepared winds. NumPy arrays in and out, compiled by Numba.

A position is fractional column and row (0-based) and sigma = 1 - z / (z_top - terrain); times are minutes since the
first time of the meteorology. Winds stay in m/s while they are interpolated and are divided by the size of the cell at
the place: dividing at the grid points first costs 0.1 % of the path on a coarse polar grid. Near a pole that lies on a
grid of longitude and latitude a step is taken in space instead, as columns run together there.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

RUNNING, COMPLETED, LEFT_DOMAIN, LEFT_TOP, END_OF_DATA = -1, 0, 1, 2, 3
# Columns of Fields.surface.
DEPTH, CELL_X, CELL_Y = 0, 1, 2
# Columns of the output.
COLUMN, ROW, HEIGHT, PRESSURE = 0, 1, 2, 3

Array = NDArray[np.float64]
Field = NDArray[np.float32]


class Fields(NamedTuple):
    """Prepared meteorology.

    wind : float32 (time, y, x, level, 4): m/s along columns, m/s along rows, sigma/min, and the pressure, Pa
    follow : float32 (time, y, x, level): the quantity that particles keep, or one single value where they keep none
    top : float32 (time, y, x, 1): the highest level of the data, m above ground
    surface : float64 (y, x, 3): metres from the ground to z_top, metres per column, metres per row
    times : float64 (time,), min
    sigma : float64 (level,), falling from the lowest level up
    lookup : int64, for equal bins of sigma the level at or below the bin's lower edge
    cyclic : whether the last column repeats the first
    by_row : whether the size of a cell depends on its row alone
    south, north : whether the first or last row is the pole of a grid that goes round the Earth
    row_angle : radians of latitude per row of such a grid
    """

    wind: Field
    follow: Field
    top: Field
    surface: Array
    times: Array
    sigma: Array
    lookup: NDArray[np.int64]
    cyclic: bool
    by_row: bool
    south: bool
    north: bool
    row_angle: float


class Plan(NamedTuple):
    """Signed minutes in all, minutes between outputs, fixed step in minutes (0: automatic), cells a step, top in m.

    The scheme is explicit, each stage reached with the slope of the one before: ``fractions`` of the step at which the
    stages lie (multiples of a half, the first 0) and the ``weights`` of their slopes.
    """

    minutes: float
    output: float
    step: float
    max_cells: float
    top_m: float
    fractions: Array
    weights: Array


_STEPS = np.array([60.0, 30.0, 20.0, 15.0, 12.0, 10.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
TINY = 1e-9
# Of a followed quantity, float32.
_ROUNDING = 1e-6
# Radians from a pole within which steps are taken in space.
_CAP = np.radians(10.0)


@njit(cache=True, nogil=True)
def _cell(x: float, n: int) -> int:
    return max(min(int(x), n - 2), 0)


@njit(cache=True, nogil=True)
def _level(fields: Fields, sigma: float) -> tuple[int, float]:
    """Return the level below ``sigma`` and the weight of the one above; outside the levels the nearest holds."""
    levels, n = fields.sigma, fields.sigma.size
    if sigma >= levels[0]:
        return 0, 0.0
    if sigma <= levels[n - 1]:
        return n - 2, 1.0
    share = (levels[0] - sigma) / (levels[0] - levels[n - 1])
    k = fields.lookup[int(share * fields.lookup.size)]
    while levels[k + 1] > sigma:
        k += 1
    return k, (levels[k] - sigma) / (levels[k] - levels[k + 1])


@njit(cache=True, nogil=True)
def interval(times: Array, t: float) -> tuple[int, float]:
    """Return the time at or before ``t`` that has another after it, and the weight of that other."""
    i, end = 0, times.size - 2
    while i < end:
        middle = (i + end + 1) >> 1
        if times[middle] <= t:
            i = middle
        else:
            end = middle - 1
    return i, (t - times[i]) / (times[i + 1] - times[i])


@njit(cache=True, nogil=True)
def surface_at(fields: Fields, column: int, x: float, y: float) -> float:
    """Return a column of ``Fields.surface`` at a place, bilinear."""
    surface = fields.surface
    i, j = _cell(x, surface.shape[1]), _cell(y, surface.shape[0])
    fx, fy = x - i, y - j
    low = (1.0 - fx) * surface[j, i, column] + fx * surface[j, i + 1, column]
    high = (1.0 - fx) * surface[j + 1, i, column] + fx * surface[j + 1, i + 1, column]
    return float((1.0 - fy) * low + fy * high)


@njit(cache=True, nogil=True)
def velocity(fields: Fields, x: float, y: float, sigma: float, t: float) -> tuple[float, float, float]:
    """Return columns/min, rows/min and sigma/min: bilinear in the horizontal, linear in sigma and time."""
    wind = fields.wind
    i, j = _cell(x, wind.shape[2]), _cell(y, wind.shape[1])
    fx, fy = x - i, y - j
    k, fz = _level(fields, sigma)
    n, ft = interval(fields.times, t)
    u = v = w = 0.0
    for dn in range(2):
        wt = ft if dn else 1.0 - ft
        for dj in range(2):
            wy = wt * (fy if dj else 1.0 - fy)
            for di in range(2):
                weight = wy * (fx if di else 1.0 - fx)
                a, b = weight * (1.0 - fz), weight * fz
                column = wind[n + dn, j + dj, i + di]
                u += a * column[k, 0] + b * column[k + 1, 0]
                v += a * column[k, 1] + b * column[k + 1, 1]
                w += a * column[k, 2] + b * column[k + 1, 2]
    cell_x, cell_y = surface_at(fields, CELL_X, x, y), surface_at(fields, CELL_Y, x, y)
    return u * 60.0 / cell_x, v * 60.0 / cell_y, w


@njit(cache=True, nogil=True)
def scalar_on_level(field: Field, place: tuple[int, float, int, float, int, float], k: int) -> float:
    """Return a scalar on level ``k`` at a place given as cell and weight in time, row and column."""
    n, ft, j, fy, i, fx = place
    total = 0.0
    for dn in range(2):
        wt = ft if dn else 1.0 - ft
        for dj in range(2):
            wy = wt * (fy if dj else 1.0 - fy)
            total += wy * ((1.0 - fx) * field[n + dn, j + dj, i, k] + fx * field[n + dn, j + dj, i + 1, k])
    return total


@njit(cache=True, nogil=True)
def _place(fields: Fields, x: float, y: float, t: float) -> tuple[int, float, int, float, int, float]:
    i, j = _cell(x, fields.surface.shape[1]), _cell(y, fields.surface.shape[0])
    n, ft = interval(fields.times, t)
    return n, ft, j, y - j, i, x - i


@njit(cache=True, nogil=True)
def scalar(fields: Fields, field: Field, p: Array, t: float) -> float:
    """Return a prepared scalar at position ``p`` (column, row, sigma) and time ``t``."""
    place = _place(fields, p[0], p[1], t)
    k, fz = _level(fields, p[2])
    return (1.0 - fz) * scalar_on_level(field, place, k) + fz * scalar_on_level(field, place, k + 1)


@njit(cache=True, nogil=True)
def keep_value(fields: Fields, p: Array, t: float, value: float) -> None:
    """Move ``p`` up or down to the nearest place where ``fields.follow`` is ``value``.

    Where the column holds no such place the particle lies on the ground (all values are on its upper side) or at the
    highest level. Below the lowest level, where its value holds, it stays.
    """
    place = _place(fields, p[0], p[1], t)
    n = fields.sigma.size
    best, found = p[2], False
    low = scalar_on_level(fields.follow, place, 0) - value
    if p[2] >= fields.sigma[0] - TINY and abs(low) <= _ROUNDING * abs(value):
        return
    bottom, rising = low, 0.0
    for k in range(n - 1):
        high = scalar_on_level(fields.follow, place, k + 1) - value
        if (low <= 0.0 <= high or high <= 0.0 <= low) and low != high:
            sigma = fields.sigma[k] + (fields.sigma[k + 1] - fields.sigma[k]) * low / (low - high)
            if not found or abs(sigma - p[2]) < abs(best - p[2]):
                best, found = sigma, True
        rising = high - bottom
        low = high
    if not found:
        best = 1.0 if bottom * rising >= 0.0 else fields.sigma[n - 1]
    p[2] = best


@njit(cache=True, nogil=True)
def _on_grid(fields: Fields, x: float, y: float) -> bool:
    columns, rows = fields.surface.shape[1], fields.surface.shape[0]
    return bool(0.0 <= x <= columns - 1 and 0.0 <= y <= rows - 1)


@njit(cache=True, nogil=True)
def _wrap(fields: Fields, x: float) -> float:
    return x % (fields.surface.shape[1] - 1) if fields.cyclic else x


@njit(cache=True, nogil=True)
def _step_minutes(plan: Plan, u: float, v: float) -> float:
    """Return the longest step on which the particle crosses at most ``max_cells`` of a cell."""
    if plan.step > 0.0:
        return plan.step
    speed = max(abs(u), abs(v))
    for step in _STEPS:
        if speed * step <= plan.max_cells:
            return float(step)
    return 1.0


@njit(cache=True, nogil=True)
def advance(fields: Fields, plan: Plan, p: Array, t: float, dt: float, first: tuple[float, float, float]) -> int:
    """Advance ``p`` (column, row, sigma) by ``dt``, ``first`` being the velocity there. Return an end code.

    Sigma never lies below the ground, neither at a stage nor at the end.
    """
    u, v, w = first
    along_x, along_y, up = plan.weights[0] * u, plan.weights[0] * v, plan.weights[0] * w
    for s in range(1, plan.fractions.size):
        h = plan.fractions[s] * dt
        x, y = _wrap(fields, p[0] + u * h), p[1] + v * h
        if not _on_grid(fields, x, y):
            return LEFT_DOMAIN
        u, v, w = velocity(fields, x, y, min(p[2] + w * h, 1.0), t + h)
        along_x += plan.weights[s] * u
        along_y += plan.weights[s] * v
        up += plan.weights[s] * w
    x, y = _wrap(fields, p[0] + along_x * dt), p[1] + along_y * dt
    if not _on_grid(fields, x, y):
        return LEFT_DOMAIN
    p[0], p[1], p[2] = x, y, min(p[2] + up * dt, 1.0)
    return RUNNING


@njit(cache=True, nogil=True)
def near_pole(fields: Fields, y: float) -> bool:
    """Return whether a row lies so near a pole of the grid that steps are taken in space."""
    rows = fields.surface.shape[0] - 1.0
    north = fields.north and (rows - y) * fields.row_angle < _CAP
    south = fields.south and y * fields.row_angle < _CAP
    return bool(north or south)


@njit(cache=True, nogil=True)
def _to_space(fields: Fields, x: float, y: float) -> tuple[float, float]:
    """Return longitude, counted from the first column, and latitude of a place, radians."""
    lon = 2.0 * np.pi * x / (fields.surface.shape[1] - 1.0)
    if fields.south:
        return lon, y * fields.row_angle - 0.5 * np.pi
    return lon, 0.5 * np.pi - (fields.surface.shape[0] - 1.0 - y) * fields.row_angle


@njit(cache=True, nogil=True)
def _from_space(fields: Fields, r: Array) -> tuple[float, float]:
    """Return column and row of a vector."""
    columns = fields.surface.shape[1] - 1.0
    x = (np.arctan2(r[1], r[0]) / (2.0 * np.pi) * columns) % columns
    lat = np.arctan2(r[2], np.hypot(r[0], r[1]))
    if fields.south:
        y = (lat + 0.5 * np.pi) / fields.row_angle
    else:
        y = fields.surface.shape[0] - 1.0 - (0.5 * np.pi - lat) / fields.row_angle
    return x, min(max(y, 0.0), fields.surface.shape[0] - 1.0)


@njit(cache=True, nogil=True)
def _turning(fields: Fields, p: tuple[float, float, float], t: float, out: Array) -> float:
    """Write the velocity at a place as a vector, radians/min, and return sigma/min."""
    u, v, w = velocity(fields, p[0], p[1], p[2], t)
    lon, lat = _to_space(fields, p[0], p[1])
    rows = fields.row_angle / surface_at(fields, CELL_Y, p[0], p[1])
    east, north = u * surface_at(fields, CELL_X, p[0], p[1]) * rows, v * fields.row_angle
    out[0] = -east * np.sin(lon) - north * np.sin(lat) * np.cos(lon)
    out[1] = east * np.cos(lon) - north * np.sin(lat) * np.sin(lon)
    out[2] = north * np.cos(lat)
    return w


@njit(cache=True, nogil=True)
def advance_in_space(fields: Fields, plan: Plan, p: Array, t: float, dt: float) -> int:
    """Do as ``advance`` near a pole: the stages are vectors from the centre of the Earth, so a pole is as any place.

    The chord that a step makes instead of an arc is second to the scheme's own error: 4e-5 of a step of 70 km.
    """
    lon, lat = _to_space(fields, p[0], p[1])
    r = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    slope, along, up = np.zeros(3), np.zeros(3), 0.0
    place, w = (p[0], p[1], p[2]), 0.0
    for s in range(plan.fractions.size):
        h = plan.fractions[s] * dt
        if s:
            x, y = _from_space(fields, r + slope * h)
            if not _on_grid(fields, x, y):
                return LEFT_DOMAIN
            place = (x, y, min(p[2] + w * h, 1.0))
        w = _turning(fields, place, t + h, slope)
        along += plan.weights[s] * slope
        up += plan.weights[s] * w
    x, y = _from_space(fields, r + along * dt)
    if not _on_grid(fields, x, y):
        return LEFT_DOMAIN
    p[0], p[1], p[2] = x, y, min(p[2] + up * dt, 1.0)
    return RUNNING


@njit(cache=True, nogil=True)
def record(fields: Fields, p: Array, t: float, row: Array) -> None:
    """Write place, height above ground (m) and pressure (Pa) at position ``p`` and time ``t`` into a row of output."""
    row[COLUMN], row[ROW] = p[0], p[1]
    row[HEIGHT] = (1.0 - p[2]) * surface_at(fields, DEPTH, p[0], p[1])
    row[PRESSURE] = scalar(fields, fields.wind[:, :, :, :, 3], p, t)


@njit(cache=True, nogil=True)
def top_at(fields: Fields, x: float, y: float, t: float) -> float:
    """Return the height above ground (m) of the data's highest level."""
    return scalar_on_level(fields.top, _place(fields, x, y, t), 0)


@njit(cache=True, nogil=True)
def sample(fields: Fields, field: Field, points: Array, t: Array) -> Array:
    """Return a field at points (4, point) as ``record`` writes them and at times; one level is the ground."""
    out, p = np.empty(t.size), np.empty(3)
    for n in range(t.size):
        p[0], p[1] = points[COLUMN, n], points[ROW, n]
        p[2] = 1.0 - points[HEIGHT, n] / surface_at(fields, DEPTH, p[0], p[1])
        if field.shape[3] == 1:
            out[n] = scalar_on_level(field, _place(fields, p[0], p[1], t[n]), 0)
        else:
            out[n] = scalar(fields, field, p, t[n])
    return out


@njit(cache=True, nogil=True)
def depths_and_tops(fields: Fields, x: Array, y: Array, t: Array) -> tuple[Array, Array]:
    """Return for places and times the metres from the ground to z_top and to the data's highest level."""
    depth, top = np.empty(x.size), np.empty(x.size)
    for n in range(x.size):
        depth[n], top[n] = surface_at(fields, DEPTH, x[n], y[n]), top_at(fields, x[n], y[n], t[n])
    return depth, top


@njit(cache=True, nogil=True)
def above_top(fields: Fields, plan: Plan, p: Array, t: float) -> bool:
    """Return whether ``p`` lies above the model's top or the data's highest level."""
    height = (1.0 - p[2]) * surface_at(fields, DEPTH, p[0], p[1])
    return bool(height > min(plan.top_m, top_at(fields, p[0], p[1], t)) + 1e-3)


@njit(cache=True, nogil=True)
def follow_path(fields: Fields, plan: Plan, start: Array, out: Array) -> tuple[int, int]:
    """Follow one particle from ``start`` (column, row, sigma, time). Return the number of points and the end code."""
    p = start[:3].copy()
    sign = 1.0 if plan.minutes > 0 else -1.0
    age, total, count, due = 0.0, abs(plan.minutes), 0, 0.0
    keeps = fields.follow.size > 1
    value = scalar(fields, fields.follow, p, start[3]) if keeps else 0.0
    while True:
        t = start[3] + sign * age
        if above_top(fields, plan, p, t):
            return count, LEFT_TOP
        if age >= due - TINY:
            record(fields, p, t, out[count])
            count += 1
            due = min(count * plan.output, total)
        if age >= total - TINY:
            return count, COMPLETED
        first = velocity(fields, p[0], p[1], p[2], t)
        near = near_pole(fields, p[1])
        # There columns are narrow, and their number tells nothing: the speed is counted in rows.
        east = first[0] * surface_at(fields, CELL_X, p[0], p[1]) / surface_at(fields, CELL_Y, p[0], p[1])
        dt = min(_step_minutes(plan, east if near else first[0], first[1]), due - age)
        if not fields.times[0] - TINY <= t + sign * dt <= fields.times[-1] + TINY:
            return count, END_OF_DATA
        if near:
            code = advance_in_space(fields, plan, p, t, sign * dt)
        else:
            code = advance(fields, plan, p, t, sign * dt, first)
        if code != RUNNING:
            return count, code
        age += dt
        if keeps:
            keep_value(fields, p, start[3] + sign * age, value)


@njit(cache=True, nogil=True)
def follow_paths(
    fields: Fields, plan: Plan, members: NDArray[np.int64], starts: Array, out: Array, ends: NDArray[np.int64]
) -> None:
    """Follow ``members`` of ``starts`` (particle, 4) one after the other.

    ``out`` (4, particle, point) and ``ends`` (particle, 2), count of points and end code, are written at their rows.
    """
    for n in members:
        ends[n, 0], ends[n, 1] = follow_path(fields, plan, starts[n], out[:, n].T)
