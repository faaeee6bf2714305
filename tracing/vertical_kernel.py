"""Kernel: columns of meteorology to the internal levels, and vertical motion from the fields. NumPy and Numba only."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Wind = tuple[Array, Array]
Cells = tuple[Array, Array, Array]
Flags = NDArray[np.bool_]
Places = tuple[NDArray[np.int64], Array]

# Columns that are interpolated together: what they need stays in the first cache.
_BLOCK = 64

# Heights a k**2 + b k + c of the internal levels, k = 1, 2, ..., from coarse to fine; all begin at 10 m.
_SPACINGS = ((30.0, -25.0, 5.0), (20.0, -15.0, 5.0), (10.0, -5.0, 5.0), (5.0, 0.0, 5.0))


def internal_heights(n_levels: int, top_m: float) -> Array:
    """Return heights (m) of the internal levels up to the first at or above ``top_m``.

    The coarsest spacing that has as many levels as the data (``n_levels``) is taken: as HYSPLIT's output implies, 19
    levels for 10 sigma levels of NGM, 23 for the 23 pressure levels of GDAS.
    """
    heights = np.empty(0)
    for a, b, c in _SPACINGS:
        k = np.arange(1.0, 2.0 + np.ceil(np.sqrt(top_m / a) + abs(b) / a))
        heights = a * k * k + b * k + c
        heights = heights[: int(np.searchsorted(heights, top_m)) + 1]
        if heights.size >= n_levels:
            break
    return heights


def level_lookup(sigma: Array) -> NDArray[np.int64]:
    """Return for equal bins of falling ``sigma`` the level at or below each bin's lower edge.

    The bins, 256 or more, are narrower than the narrowest layer: no bin holds more than one level inside.
    """
    bins = max(256, int(np.ceil(1.1 * (sigma[0] - sigma[-1]) / np.min(-np.diff(sigma)))))
    edges = sigma[0] + (sigma[-1] - sigma[0]) * np.arange(bins) / bins
    below = np.searchsorted(-sigma, -edges, side="right") - 1
    return np.asarray(np.clip(below, 0, sigma.size - 2), np.int64)


@njit(cache=True, nogil=True)
def interpolate_columns(height: Array, values: Array, target: Array) -> Array:
    """Interpolate linearly in height, column by column.

    Parameters
    ----------
    height : ndarray, shape (level, point), m; the first level is the ground, a level at or below it is passed over
    values : ndarray, shape (field, level, point); a NaN level is passed over
    target : ndarray, shape (out, point), m, rising

    Returns
    -------
    ndarray, shape (field, out, point). Above the highest level its value holds; a column without values is NaN.
    """
    n_fields, n_levels, n_points = values.shape
    out = np.empty((n_fields, target.shape[0], n_points))
    places = np.empty((2, target.shape[0], _BLOCK), np.int64), np.empty((target.shape[0], _BLOCK))
    every = np.ones(n_levels, np.bool_)
    gaps = np.array([_has_nan(np.ascontiguousarray(values[m]).reshape(-1)) for m in range(n_fields)])
    for first in range(0, n_points, _BLOCK):
        last = min(first + _BLOCK, n_points)
        for p in range(first, last):
            _bracket(height[:, p], every, target[:, p], places, p - first)
        for m in range(n_fields):
            if gaps[m] and np.isnan(values[m, :, first:last]).any():
                for p in range(first, last):
                    _past_gaps(height[:, p], values[m, :, p], target[:, p], out[m, :, p])
            else:
                _between(np.ascontiguousarray(values[m]).reshape(-1), places, out[m], first, last)
    return out


@njit(cache=True, nogil=True)
def _has_nan(values: Array) -> bool:
    """Whether a NaN is among ``values``; without a branch several are looked at in one instruction."""
    count = 0
    for value in values:
        count += value != value
    return count > 0


@njit(cache=True, nogil=True)
def _bracket(height: Array, valid: Flags, target: Array, places: Places, b: int) -> int:
    """Write the levels below and above each target and the upper one's share; return how many levels are used."""
    levels, share = places
    used, n = np.empty(height.size, np.int64), 0
    for k in range(height.size):
        if valid[k] and (n == 0 or height[k] > height[used[n - 1]]):
            used[n] = k
            n += 1
    if not n:
        return 0
    k = 0
    for q in range(target.size):
        while k < n - 1 and height[used[k + 1]] <= target[q]:
            k += 1
        inside = k < n - 1 and target[q] > height[used[0]]
        low, high = used[k], used[k + 1 if inside else k]
        levels[0, q, b], levels[1, q, b] = low, high
        share[q, b] = (target[q] - height[low]) / (height[high] - height[low]) if inside else 0.0
    return n


@njit(cache=True, nogil=True)
def _between(values: Array, places: Places, out: Array, first: int, last: int) -> None:
    """Interpolate the columns ``first`` to ``last`` of flat ``values`` (level, point)."""
    levels, share = places
    n_points = np.uintp(out.shape[1])
    for q in range(out.shape[0]):
        for b in range(last - first):
            p = np.uintp(first + b)
            low = values[np.uintp(levels[0, q, b]) * n_points + p]
            high = values[np.uintp(levels[1, q, b]) * n_points + p]
            out[q, first + b] = low + share[q, b] * (high - low)


@njit(cache=True, nogil=True)
def _past_gaps(height: Array, values: Array, target: Array, out: Array) -> None:
    """Interpolate one column, some of whose values are NaN."""
    places, found = (np.empty((2, target.size, 1), np.int64), np.empty((target.size, 1))), np.empty((target.size, 1))
    if _bracket(height, ~np.isnan(values), target, places, 0):
        _between(values.copy(), places, found, 0, 1)
        out[:] = found[:, 0]
    else:
        out[:] = np.nan


@njit(cache=True, nogil=True)
def interleave(fields: tuple[Array, Array, Array, Array], out: NDArray[np.float32]) -> bool:
    """Write four fields (level, y, x) side by side into ``out``, shape (y, x, level, 4); return if all are finite."""
    a, b, c, d = fields
    nothing = np.float32(0.0)
    n_levels, ny, nx = a.shape
    for j in range(ny):
        for k in range(n_levels):
            for i in range(nx):
                out[j, i, k, 0], out[j, i, k, 1] = a[k, j, i], b[k, j, i]
                out[j, i, k, 2], out[j, i, k, 3] = c[k, j, i], d[k, j, i]
                for part in range(4):
                    nothing += np.float32(0.0) * out[j, i, k, part]
    return bool(np.isfinite(nothing))


def gradient(values: Array, axis: int, *, cyclic: bool) -> Array:
    """Return centred differences per cell along ``axis``: one-sided at the edges, or round the Earth."""
    if cyclic:
        return np.asarray(0.5 * (np.roll(values, -1, axis) - np.roll(values, 1, axis)))
    return np.asarray(np.gradient(values, axis=axis))


def keep_quantity(q: Array, tendency: Array, wind: Wind, cells: Cells, *, cyclic: bool) -> Array:
    """Return sigma/s that keeps ``q``: -(dq/dt + u dq/dx + v dq/dy) / (dq/dsigma).

    Parameters
    ----------
    q, tendency : ndarray, shape (level, y, x); its tendency per second
    wind : u and v, shape (level, y, x), m s-1
    cells : metres per column and per row, shape (y, x), and sigma of the levels, shape (level,)

    Returns
    -------
    ndarray, shape (level, y, x); 0 where ``q`` does not change with height.
    """
    cell_x, cell_y, sigma = cells
    along_x = wind[0] * gradient(q, 2, cyclic=cyclic) / cell_x
    along_y = wind[1] * gradient(q, 1, cyclic=False) / cell_y
    slope = np.gradient(q, sigma, axis=0)
    return np.divide(-(tendency + along_x + along_y), slope, out=np.zeros_like(q), where=np.abs(slope) > 0)


def from_divergence(wind: Wind, cells: Cells, *, cyclic: bool) -> Array:
    """Return sigma/s from the horizontal divergence du/dx + dv/dy integrated upward from the ground.

    The air is taken as incompressible, the change of the map's scale inside a cell is left out and the divergence is
    zero at the ground itself, as the steps of HYSPLIT's runs show: of some forty forms this one alone gives each of
    their 60-min steps, to 7 mm in the median (NGM) and 1.4 mm (GDAS). Arguments are those of :func:`keep_quantity`.
    """
    cell_x, cell_y, sigma = cells
    divergence = gradient(wind[0], 2, cyclic=cyclic) / cell_x + gradient(wind[1], 1, cyclic=False) / cell_y
    from_ground = np.concatenate([np.zeros_like(divergence[:1]), divergence])
    layers = -np.diff(sigma, prepend=1.0)[:, None, None] * 0.5 * (from_ground[1:] + from_ground[:-1])
    return _three_levels(np.cumsum(layers, axis=0))


def _three_levels(values: Array) -> Array:
    """Return the mean of each level and its neighbours above and below."""
    total, count = values.copy(), np.ones((values.shape[0], 1, 1))
    for into, neighbour in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        total[into] += values[neighbour]
        count[into] += 1.0
    return total / count
