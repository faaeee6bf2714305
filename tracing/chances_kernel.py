"""The share of shapes that hold a place, if each may be turned around the origin by a normally distributed angle.

In polar coordinates a turn shifts the angle. So the angle is not drawn but integrated over its distribution, which
leaves the expectation as it is and takes the scatter of the drawn angles away (Rao-Blackwell): what a ring of places at
one radius sees of a shape are angles at which it begins or ends, and convolving with the wrapped normal distribution is
a product with exp(-(k sd)^2 / 2) in the Fourier series of the angle.

References
----------
Casella, G. and C. P. Robert (1996), Rao-Blackwellisation of sampling schemes, doi:10.1093/biomet/83.1.81.
Mardia, K. V. and P. E. Jupp (2000), Directional Statistics, section 3.5.7 (wrapped normal distribution).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Points = NDArray[np.complex128]

ANGLES = 1440


def angles() -> Array:
    """Return the middles of the cells into which a turn is cut, from -pi to pi."""
    return np.asarray((np.arange(ANGLES) + 0.5) * (2.0 * np.pi / ANGLES) - np.pi)


def share_inside(rings: Sequence[Points], weights: Sequence[float], radii: Array) -> Array:
    """Return how much of each cell of angle is inside, over all shapes by their weights, shape (radius, angle).

    Parameters
    ----------
    rings : closed rings (x + iy), counter-clockwise around what they hold and clockwise around holes.
    weights : of each ring its shape's.
    radii : ascending, above 0.
    """
    start, end, weight = _edges(rings, weights)
    table = _beginnings(start, end, weight, radii).cumsum(axis=1)[:, :ANGLES]
    return np.clip(table + _at_the_seam(start, end, weight, radii)[:, None], 0.0, 1.0)


def blurred(share: Array, sd: float) -> Array:
    """Return shares by angle averaged over turns with a standard deviation (radians)."""
    if sd == 0.0:
        return share
    damped = np.exp(-0.5 * (sd * np.arange(ANGLES // 2 + 1)) ** 2)
    return np.clip(np.fft.irfft(np.fft.rfft(share, axis=1) * damped, n=ANGLES, axis=1), 0.0, 1.0)


def latin_hypercube(rng: np.random.Generator, count: int, columns: int) -> Array:
    """Return numbers between 0 and 1, each column one of each of `count` equal parts, shape (count, columns).

    References
    ----------
    McKay, M. D., R. J. Beckman and W. J. Conover (1979), A comparison of three methods for selecting values of input
    variables in the analysis of output from a computer code, doi:10.2307/1268522.
    """
    parts = rng.permuted(np.tile(np.arange(count)[:, None], columns), axis=0)
    return np.asarray((parts + rng.random((count, columns))) / count)


def _edges(rings: Sequence[Points], weights: Sequence[float]) -> tuple[Points, Points, Array]:
    """Return the edges, cut where they are nearest to the origin, so that the distance along each rises or falls."""
    start, end = np.concatenate([ring[:-1] for ring in rings]), np.concatenate([ring[1:] for ring in rings])
    weight = np.repeat(np.asarray(weights, dtype=float), [len(ring) - 1 for ring in rings])
    step = end - start
    squared = np.abs(step) ** 2
    along = -(start.conj() * step).real / np.where(squared > 0.0, squared, 1.0)
    cut = (along > 0.0) & (along < 1.0)
    foot = start + along * step
    return (
        np.concatenate([start, foot[cut]]),
        np.concatenate([np.where(cut, foot, end), end[cut]]),
        np.concatenate([weight, weight[cut]]),
    )


def _beginnings(start: Points, end: Points, weight: Array, radii: Array) -> Array:
    """Return where shapes begin (+) and end (-) as the angle grows, shape (radius, angle + 1).

    A beginning within a cell is shared with the next one, so that the sum along the row is how much of a cell is in.
    """
    near, far = np.abs(start), np.abs(end)
    outward = far > near
    first = np.searchsorted(radii, np.minimum(near, far))
    number = np.searchsorted(radii, np.maximum(near, far)) - first
    edge = np.repeat(np.arange(len(start)), number)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(number) - number, number) + first[edge]
    begin, step = start[edge], (end - start)[edge]
    half_b, squared = (begin.conj() * step).real, np.abs(step) ** 2
    root = np.sqrt(np.maximum(half_b**2 - squared * (near[edge] ** 2 - radii[row] ** 2), 0.0))
    place = begin + (np.where(outward[edge], root, -root) - half_b) / squared * step
    position = (np.angle(place) + np.pi) * (ANGLES / (2.0 * np.pi))
    cell = np.clip(position.astype(np.int64), 0, ANGLES - 1)
    rest, sign = position - cell, np.where(outward, weight, -weight)[edge]
    index, size = row * (ANGLES + 1) + cell, len(radii) * (ANGLES + 1)
    found = np.bincount(index, sign * (1.0 - rest), size) + np.bincount(index + 1, sign * rest, size)
    return np.asarray(found.reshape(len(radii), ANGLES + 1))


def _at_the_seam(start: Points, end: Points, weight: Array, radii: Array) -> Array:
    """Return how much is inside at the angle -pi, shape (radius,)."""
    turn = np.angle(end) - np.angle(start)
    over = np.abs(turn) > np.pi
    p, step = start[over], (end - start)[over]
    crossing = np.abs(p.real - p.imag / step.imag * step.real)
    # Counter-clockwise over the seam: what is nearer to the origin is inside.
    sign = np.where(turn[over] < 0.0, weight[over], -weight[over])
    beyond = np.bincount(np.searchsorted(radii, crossing), sign, len(radii) + 1)
    return np.asarray(beyond[::-1].cumsum()[::-1][1:])
