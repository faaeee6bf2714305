"""Classes of a surface as polygons that fit together: no gaps, no overlaps, valid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from contourpy import contour_generator
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Array = NDArray[np.float64]

# Vertices lie on multiples of this (degrees, 1 mm), so that lines that meet share their points exactly.
PRECISION_DEG = 1e-8


def above(lon: Array, lat: Array, values: Array, level: float) -> BaseGeometry:
    """Return where a surface, shape (y, x), lies above a level, as a valid (multi)polygon; empty where nowhere.

    Between nodes the surface is linear along the edges of the cells; cells with a missing corner do not count.
    """
    known = values[np.isfinite(values)]
    if not known.size or known.max() <= level:
        return shapely.Polygon()
    top = float(known.max()) + 1.0
    masked = np.ma.masked_invalid(values)
    drawn: Any = contour_generator(lon, lat, masked, fill_type="OuterOffset").filled(level, top)
    parts = []
    for points, ends in zip(*drawn, strict=True):
        rings = [points[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]
        parts.append(shapely.Polygon(rings[0], rings[1:]))
    return polygonal(shapely.union_all([shapely.make_valid(part) for part in parts]))


def polygonal(shape: BaseGeometry) -> BaseGeometry:
    """Return only the polygons of a geometry."""
    parts = [one for one in shapely.get_parts(shape) if one.geom_type == "Polygon" and one.area > 0.0]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def classes(area: BaseGeometry, lon: Array, lat: Array, values: Array, levels: Sequence[float]) -> list[BaseGeometry]:
    """Return the part of an area in each class between rising levels, from below the first to above the last.

    Parameters
    ----------
    area : Polygon or MultiPolygon, degrees
        The surface must be known in every cell that meets it.
    lon, lat : ndarray, shape (x,), (y,), degrees
    values : ndarray, shape (y, x)
    levels : sequence of float, rising

    Returns
    -------
    list of (Multi)Polygon, one more than levels; empty where a class has no place.

    Notes
    -----
    The lines of all levels and the area's boundary are noded together on a fine grid and make faces; each face belongs
    to one class, so the classes share their edges and make up the area.
    """
    higher = [above(lon, lat, values, level) for level in levels]
    lines = [shapely.boundary(shape) for shape in (area, *higher) if not shape.is_empty]
    noded = shapely.union_all(lines, grid_size=PRECISION_DEG)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inner = shapely.point_on_surface(faces)
    shapely.prepare(area)
    inside = shapely.contains(area, inner)
    faces, inner = faces[inside], inner[inside]
    number = np.zeros(len(faces), dtype=int)
    for shape in higher:
        shapely.prepare(shape)
        number += shapely.contains(shape, inner)
    return [_joined(faces[number == n]) for n in range(len(levels) + 1)]


def _joined(faces: NDArray[np.object_]) -> BaseGeometry:
    return polygonal(shapely.coverage_union_all(faces)) if len(faces) else shapely.Polygon()
