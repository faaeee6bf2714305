"""How likely each place around a source is to lie in a zone, and the bands that this makes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from tracing.chances_kernel import Points, angles, blurred, share_inside
from tracing.local_field import filled

Array = NDArray[np.float64]

_RADII = 240
# Corners closer than this part of the reach say nothing more.
_PLAIN = 1e-4
# A share that is what the band asks for, but for the last digits, belongs to it.
_ROUNDED = 1e-9
_SEAM_M = 1e-3


@dataclass(frozen=True)
class Chances:
    """The share of members whose zone holds a place, by its distance and direction from the source.

    `radius` in m; `angle` in radians counter-clockwise from east, a whole turn; `share`, shape (radius, angle);
    `reaches_m` how far each member's zone goes.
    """

    radius: Array
    angle: Array
    share: Array
    reaches_m: Array

    @property
    def least_m2(self) -> float:
        """The area below which a band is the table's and not the members'."""
        return float(self.radius[0] ** 2)

    def band(self, percent: float) -> shapely.Geometry:
        """Return where a place lies in the zone with at least so many per cent, metres; empty where nowhere."""
        level = percent / 100.0 - _ROUNDED
        within = self.share >= level
        if not within.any():
            return shapely.Polygon()
        first, last = np.flatnonzero(within.any(axis=0))[[0, -1]]
        middle, whole = len(self.angle) // 2, len(self.angle)
        # All around the source the contour has no ends: two halves are drawn and joined.
        over_the_seam = first == 0 or last == whole - 1
        pieces = [(0, middle), (middle, whole)] if over_the_seam else [(first - 1, last + 1)]
        furthest = int(np.flatnonzero(within.any(axis=1))[-1])
        parts = [_from_polar(filled(*self._table(begin, end, furthest), level)) for begin, end in pieces]
        joined = shapely.union_all(parts, grid_size=_SEAM_M) if over_the_seam else parts[0]
        return shapely.simplify(joined, _PLAIN * float(self.radius[-1]))

    def _table(self, begin: int, end: int, furthest: int) -> tuple[Array, Array, Array]:
        """Return angle, radius and share from one cell of angle to another, from the source to past a radius."""
        rows = min(furthest + 2, len(self.radius))
        columns = np.arange(begin, end + 1)
        angle = self.angle[columns % len(self.angle)] + 2.0 * np.pi * (columns // len(self.angle))
        share = self.share[:rows, columns % len(self.angle)]
        radius, beyond = self.radius[:rows], 1.001 * self.radius[rows - 1]
        # At the source as next to it; beyond the furthest zone nowhere.
        share = np.concatenate([share[:1], share, np.zeros((1, len(columns)))])
        return angle, np.concatenate([[0.0], radius, [beyond]]), share


def chances_of(
    shapes: Sequence[Sequence[Points]],
    reaches_m: Array,
    *,
    sd_deg: float,
    weights: Array | None = None,
) -> Chances | None:
    """Return the chances of zones that may be turned around the source; None where all are empty.

    Parameters
    ----------
    shapes : rings of each zone in metres, east + i north, as `rings_of` gives them; none where it is empty.
    reaches_m : how far they go, for `Chances.reaches_m` as it is.
    sd_deg : standard deviation of the angle by which each is turned.
    weights : of each zone; equal by default.
    """
    share = np.full(len(shapes), 1.0 / len(shapes)) if weights is None else weights / weights.sum()
    rings = [ring for shape in shapes for ring in shape]
    if not rings:
        return None
    furthest = max(float(np.abs(ring).max()) for ring in rings)
    radius = furthest * np.linspace(0.0, 1.0, _RADII + 1)[1:] ** 1.5
    # The seam of the angles lies where least of the zones is, behind the source.
    middle = float(np.angle(sum(np.mean(ring / furthest) for ring in rings)))
    back = np.exp(-1j * middle)
    by_ring = [float(weight) for shape, weight in zip(shapes, share, strict=True) for _ in shape]
    inside = share_inside([ring * back for ring in rings], by_ring, radius)
    return Chances(radius, angles() + middle, blurred(inside, np.radians(sd_deg)), reaches_m)


def rings_of(shape: shapely.Geometry) -> list[Points]:
    """Return the rings of a shape as complex numbers, around what they hold counter-clockwise, around holes not."""
    found = []
    for part in shapely.get_parts(shape):
        for number, ring in enumerate([part.exterior, *part.interiors]):
            points = shapely.get_coordinates(ring) @ np.array([1.0, 1j])
            found.append(points if _counter_clockwise(points) == (number == 0) else points[::-1])
    return found


def _counter_clockwise(ring: Points) -> bool:
    return bool((ring[:-1].conj() * ring[1:]).imag.sum() > 0.0)


def _from_polar(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape whose coordinates are angle and radius as one in metres."""

    def placed(points: Array) -> Array:
        return np.column_stack([points[:, 1] * np.cos(points[:, 0]), points[:, 1] * np.sin(points[:, 0])])

    whole = shapely.make_valid(shapely.transform(shape, placed))
    return shapely.union_all([part for part in shapely.get_parts(whole) if part.geom_type.endswith("Polygon")])
