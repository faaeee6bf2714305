"""Zones of a field that is only known point by point: contours on a local grid, in longitude and latitude."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from contourpy import contour_generator
from numpy.typing import NDArray

from geo.geodesic import GEOD

Array = NDArray[np.float64]
Field = Callable[[Array, Array], Array]

_FLOOR = 1e-300
_COARSE = 121
_FINE = 241


def to_lonlat(east: Array, north: Array, lon: float, lat: float) -> tuple[Array, Array]:
    """Return the positions (degrees) so many geodesic metres east and north of a place."""
    x, y = np.asarray(east, dtype=float), np.asarray(north, dtype=float)
    start = np.full(x.shape, lon), np.full(x.shape, lat)
    found_lon, found_lat, _ = GEOD.fwd(*start, np.degrees(np.arctan2(x, y)), np.hypot(x, y))
    return np.asarray(found_lon), np.asarray(found_lat)


def rotated(east: Array, north: Array, clockwise_deg: float) -> tuple[Array, Array]:
    """Return positions turned around the origin, as a wind that turns clockwise carries them."""
    c, s = np.cos(np.radians(clockwise_deg)), np.sin(np.radians(clockwise_deg))
    return east * c + north * s, north * c - east * s


def shape_to_lonlat(shape: shapely.Geometry, lon: float, lat: float) -> shapely.Geometry:
    """Return a shape in metres around a place as one in degrees."""

    def moved(points: Array) -> Array:
        return np.column_stack(to_lonlat(points[:, 0], points[:, 1], lon, lat))

    return shapely.transform(shape, moved)


def filled(x: Array, y: Array, values: Array, low: float, high: float = np.inf) -> shapely.Geometry:
    """Return where low <= values < high on a grid, shape (y, x), as a valid (multi)polygon; empty where nowhere."""
    top = high if np.isfinite(high) else max(float(values.max()), low) + 1.0
    drawn: Any = contour_generator(x, y, values, fill_type="OuterOffset").filled(low, top)
    parts = []
    for ring_points, ends in zip(*drawn, strict=True):
        rings = [ring_points[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]
        parts.append(shapely.Polygon(rings[0], rings[1:]))
    shape = shapely.make_valid(shapely.union_all(parts)) if parts else shapely.Polygon()
    areas = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and part.area > 0.0]
    return shapely.union_all(areas) if areas else shapely.Polygon()


def zone_around(field: Field, threshold: float, limit_m: float) -> shapely.Geometry:
    """Return where a field passes a threshold within `limit_m` of the origin, metres; empty where nowhere.

    The contour is drawn on the field's logarithm, first coarsely to find the zone, then finely around it.
    """
    bounds = np.array([-limit_m, -limit_m, limit_m, limit_m])
    # A zone smaller than a cell is found by closing in on the origin.
    for size in limit_m / 4.0 ** np.arange(0, 8):
        bounds = np.array([-size, -size, size, size])
        found = _contour(field, threshold, bounds, _COARSE)
        if not found.is_empty and _cells(found, bounds) > 20:
            break
    if found.is_empty:
        return found
    west, south, east, north = found.bounds
    margin = 0.1 * max(east - west, north - south)
    closer = np.array([west - margin, south - margin, east + margin, north + margin])
    shape = _contour(field, threshold, np.clip(closer, -limit_m, limit_m), _FINE)
    return shapely.intersection(shape, shapely.Point(0.0, 0.0).buffer(limit_m, quad_segs=90))


def _cells(shape: shapely.Geometry, bounds: Array) -> float:
    west, south, east, north = shape.bounds
    return float(min(east - west, north - south) / ((bounds[2] - bounds[0]) / (_COARSE - 1)))


def _contour(field: Field, threshold: float, bounds: Array, count: int) -> shapely.Geometry:
    x, y = np.linspace(bounds[0], bounds[2], count), np.linspace(bounds[1], bounds[3], count)
    grid_x, grid_y = np.meshgrid(x, y)
    excess = np.log(np.maximum(field(grid_x, grid_y), _FLOOR)) - np.log(threshold)
    return filled(x, y, excess, 0.0)
