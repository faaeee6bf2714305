"""The zone in which a release passes a threshold, as a polygon in longitude and latitude."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import InvalidInput
from geo.geodesic import area_m2
from tracing.calm import CalmCloud
from tracing.dense_plume import DensePlume
from tracing.local_field import shape_to_lonlat, zone_around
from tracing.plume import Plume

Array = NDArray[np.float64]
Points = NDArray[np.complex128]

_FIRST_M = 0.5
_N_CONTOUR = 700


@dataclass(frozen=True)
class Zone:
    """Where a threshold is passed: polygon in lon, lat, or None; `cut` where the model ends before the zone does."""

    geometry: shapely.Geometry | None
    area_km2: float
    reach_km: float
    cut: bool


def zone(model: Plume | CalmCloud, threshold_mg_m3: float, *, z_m: float = 1.5) -> Zone:
    """Return the zone where the concentration at a height passes a threshold at any time.

    A plume's outline is exact across the wind: half-width = sigma_y sqrt(2 ln(axis / threshold)). In calm air it is a
    contour on a grid. Area is geodesic.

    Raises
    ------
    InvalidInput
        The threshold is not above zero.
    """
    if not 0.0 < threshold_mg_m3 < np.inf:
        raise InvalidInput(f"threshold {threshold_mg_m3:g} mg/m3: give a number above 0")
    shape = zone_m(model, threshold_mg_m3, z_m)
    if shape.is_empty:
        return Zone(None, 0.0, 0.0, False)
    if isinstance(model, CalmCloud):
        reach = float(np.hypot(*shapely.get_coordinates(shape).T).max())
    else:
        reach = float(shape.bounds[2])
    ground = on_the_ground(turned(shape, model.air.wind_from_deg), model)
    return Zone(ground, area_m2(ground) / 1e6, reach / 1000.0, reach > 0.999 * model.limit_m)


def zone_m(model: Plume | CalmCloud, threshold_mg_m3: float, z_m: float) -> shapely.Geometry:
    """Return the zone in metres downwind (x) and across (y); empty where there is none."""
    if isinstance(model, CalmCloud):
        return zone_around(lambda x, y: model.concentration(x, y, z_m), threshold_mg_m3, model.limit_m)
    return outline(model, threshold_mg_m3, z_m=z_m).polygon()


def on_the_ground(shape: shapely.Geometry, model: Plume | CalmCloud) -> shapely.Geometry:
    """Return a shape in metres east and north of the source as one in longitude and latitude."""
    return shape_to_lonlat(shape, model.release.lon, model.release.lat)


def turned(shape: shapely.Geometry, wind_from_deg: float) -> shapely.Geometry:
    """Turn a shape in metres downwind and across into metres east and north."""
    toward = np.radians(wind_from_deg + 180.0)
    axes = np.array([[np.sin(toward), -np.cos(toward)], [np.cos(toward), np.sin(toward)]])
    return shapely.transform(shape, lambda points: points @ axes.T)


@dataclass(frozen=True)
class Outline:
    """A plume's zone: `x` and `half` (m downwind, and to either side) of each stretch above the threshold."""

    stretches: tuple[tuple[Array, Array], ...]

    @property
    def reach_m(self) -> float:
        """How far downwind the zone goes; 0 where there is none."""
        return max((float(x.max()) for x, _ in self.stretches), default=0.0)

    def half_at(self, x: Array) -> Array:
        """Return the half-width (m) at x (m), 0 where the threshold is not passed."""
        found = np.zeros(np.shape(x))
        for along, half in self.stretches:
            found = np.maximum(found, np.interp(x, along, half, left=0.0, right=0.0))
        return found

    def rings(self) -> list[Points]:
        """Return the zone as closed rings, counter-clockwise, metres downwind + i across.

        Where stretches overlap the wider one counts at each of their distances: quicker than uniting polygons.
        """
        groups: list[list[tuple[Array, Array]]] = []
        end = -np.inf
        for x, half in sorted(self.stretches, key=lambda one: float(one[0][0])):
            if x[0] > end:
                groups.append([])
            groups[-1].append((x, half))
            end = max(end, float(x[-1]))
        return [Outline(tuple(group))._ring() for group in groups]

    def _ring(self) -> Points:
        x = np.unique(np.concatenate([along for along, _ in self.stretches]))
        side = x + 1j * self.half_at(x)
        return np.concatenate([side.conj(), side[::-1], side[:1].conj()])

    def polygon(self) -> shapely.Geometry:
        """Return the zone in metres downwind and across; empty where there is none."""
        return shapely.union_all([shapely.Polygon(_ring(*piece)) for piece in self.stretches])


def outline(plume: Plume, threshold_mg_m3: float, *, z_m: float, points: int = _N_CONTOUR) -> Outline:
    """Return the outline of a plume's zone, found at `points` distances that widen with the logarithm."""
    x = np.geomspace(_FIRST_M, plume.limit_m, points)
    # Below the smallest positive float the logarithm has nothing to say.
    excess = np.log(np.maximum(plume.axis(x, z_m), 1e-300)) - np.log(threshold_mg_m3)
    stretches = [
        (along, plume.spread(along) * np.sqrt(2.0 * np.maximum(over, 0.0))) for along, over in _pieces(x, excess)
    ]
    if isinstance(plume, DensePlume):
        stretches += _dense_stretches(plume, x, threshold_mg_m3)
    return Outline(tuple(stretches))


def _dense_stretches(plume: DensePlume, x: Array, threshold: float) -> list[tuple[Array, Array]]:
    """Return the dense layer as far as it passes the threshold, what lies against the wind included."""
    made = []
    for along, _ in _pieces(x, np.log(np.maximum(plume.dense_axis(x), 1e-300)) - np.log(threshold)):
        half, upwind = plume.extent(along)
        # The correlation knows a blunt end only; it is rounded off, so that no corner stands out.
        half = half * np.sqrt(np.clip(1.0 - (np.maximum(along / along[-1] - 0.8, 0.0) / 0.2) ** 2, 0.0, 1.0))
        if along[0] == 0.0:
            along, half = np.append(-upwind, along), np.append(half[0], half)
        made.append((along, half))
    return made


def _pieces(x: Array, excess: Array) -> list[tuple[Array, Array]]:
    """Split the axis into stretches above the threshold, ends found between the points in log x."""
    above = excess > 0.0
    edges = np.flatnonzero(np.diff(above.astype(int), prepend=0, append=0))
    pieces = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        xs, es = x[start:stop], excess[start:stop]
        if start == 0:
            xs, es = np.append(0.0, xs), np.append(0.0, es)
        else:
            xs, es = np.append(_crossing(x, excess, start - 1), xs), np.append(0.0, es)
        if stop < len(x):
            xs, es = np.append(xs, _crossing(x, excess, stop - 1)), np.append(es, 0.0)
        pieces.append((xs, es))
    return pieces


def _crossing(x: Array, excess: Array, i: int) -> float:
    share = excess[i] / (excess[i] - excess[i + 1])
    return float(x[i] * (x[i + 1] / x[i]) ** share)


def _ring(x: Array, half: Array) -> Array:
    there, back = np.column_stack([x, half]), np.column_stack([x, -half])[::-1]
    ring = np.vstack([there, back])
    return ring[np.append(True, np.any(np.diff(ring, axis=0) != 0.0, axis=1))]
