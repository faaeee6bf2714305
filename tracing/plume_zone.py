"""The zone in which a plume passes a threshold, as a polygon in longitude and latitude."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import InvalidInput
from geo.geodesic import GEOD, area_m2
from tracing.plume import Plume

Array = NDArray[np.float64]

_FIRST_M = 0.5
_N_CONTOUR = 700


@dataclass(frozen=True)
class Zone:
    """Where a threshold is passed: polygon in lon, lat, or None; `cut` where the model ends before the zone does."""

    geometry: shapely.Polygon | shapely.MultiPolygon | None
    area_km2: float
    reach_km: float
    cut: bool


def zone(plume: Plume, threshold_mg_m3: float, *, z_m: float = 1.5) -> Zone:
    """Return the zone where the concentration at a height passes a threshold.

    Its outline is exact across the wind: half-width = sigma_y sqrt(2 ln(axis / threshold)). Area is geodesic.

    Raises
    ------
    InvalidInput
        The threshold is not above zero.
    """
    if not 0.0 < threshold_mg_m3 < np.inf:
        raise InvalidInput(f"threshold {threshold_mg_m3:g} mg/m3: give a number above 0")
    x = np.geomspace(_FIRST_M, plume.limit_m, _N_CONTOUR)
    # Below the smallest positive float the logarithm has nothing to say.
    excess = np.log(np.maximum(plume.concentration(x, 0.0, z_m), 1e-300)) - np.log(threshold_mg_m3)
    rings = [_ring(plume, *piece) for piece in _pieces(x, excess)]
    if not rings:
        return Zone(None, 0.0, 0.0, False)
    shape = shapely.union_all([_to_lonlat(ring, plume) for ring in rings])
    reach = max(float(ring[:, 0].max()) for ring in rings)
    return Zone(shape, area_m2(shape) / 1e6, reach / 1000.0, bool(excess[-1] > 0.0))


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


def _ring(plume: Plume, x: Array, excess: Array) -> Array:
    half = plume.spread(x) * np.sqrt(2.0 * np.maximum(excess, 0.0))
    there, back = np.column_stack([x, half]), np.column_stack([x, -half])[::-1]
    ring = np.vstack([there, back])
    return ring[np.append(True, np.any(np.diff(ring, axis=0) != 0.0, axis=1))]


def _to_lonlat(ring: Array, plume: Plume) -> shapely.Polygon:
    azimuth = plume.air.wind_from_deg + 180.0 - np.degrees(np.arctan2(ring[:, 1], ring[:, 0]))
    n = len(ring)
    start = np.full(n, plume.release.lon), np.full(n, plume.release.lat)
    lon, lat, _ = GEOD.fwd(*start, azimuth, np.hypot(ring[:, 0], ring[:, 1]))
    return shapely.Polygon(np.column_stack([lon, lat]))
