"""Distances, circles, areas and lengths on the WGS 84 ellipsoid.

Everything here is geodesic (Karney 2013, doi:10.1007/s00190-012-0578-z, through PROJ): never degrees, never
Web Mercator metres. Edges of polygons and lines are geodesics between their vertices.
"""

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from geo.errors import InvalidInput

GEOD = Geod(ellps="WGS84")

Array = NDArray[np.float64]

_BLOCK_PAIRS = 1_000_000


def distance_m(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Array:
    """Return the geodesic distances between pairs of positions.

    Parameters
    ----------
    lon1, lat1, lon2, lat2 : array_like, broadcastable, degrees

    Returns
    -------
    ndarray, metres
        The broadcast shape (0-d for scalars). NaN where a coordinate is NaN.

    Raises
    ------
    InvalidInput
        A latitude beyond 90 degrees, a longitude beyond 360, or shapes that do not broadcast.
    """
    try:
        arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (lon1, lat1, lon2, lat2)))
    except (ValueError, TypeError) as error:
        raise InvalidInput("coordinates must be numbers of shapes that fit together: check the arrays") from error
    _check_range(arrays[0], arrays[1])
    _check_range(arrays[2], arrays[3])
    finite = np.logical_and.reduce([np.isfinite(a) for a in arrays])
    out = np.full(arrays[0].shape, np.nan)
    if finite.any():
        x1, y1, x2, y2 = (a[finite] for a in arrays)
        out[finite] = GEOD.inv(x1, y1, x2, y2)[2]
    return out


def distance_matrix_m(lon_a: ArrayLike, lat_a: ArrayLike, lon_b: ArrayLike, lat_b: ArrayLike) -> Array:
    """Return all geodesic distances from n positions to m positions.

    Parameters
    ----------
    lon_a, lat_a : array_like, shape (n,), degrees
    lon_b, lat_b : array_like, shape (m,), degrees

    Returns
    -------
    ndarray, shape (n, m), metres
        NaN where a coordinate is NaN.

    Raises
    ------
    InvalidInput
        As `distance_m`.
    """
    xa, ya = np.atleast_1d(np.asarray(lon_a, dtype=float)), np.atleast_1d(np.asarray(lat_a, dtype=float))
    xb, yb = np.atleast_1d(np.asarray(lon_b, dtype=float)), np.atleast_1d(np.asarray(lat_b, dtype=float))
    out = np.empty((xa.size, xb.size))
    # Row blocks keep the temporaries small whatever n and m.
    step = max(1, _BLOCK_PAIRS // max(1, xb.size))
    for start in range(0, xa.size, step):
        rows = slice(start, start + step)
        out[rows] = distance_m(xa[rows, None], ya[rows, None], xb[None, :], yb[None, :])
    return out


def circle(lon: float, lat: float, radius_m: float, vertices: int = 360) -> shapely.Polygon:
    """Return the geodesic circle around a position as a polygon.

    The vertices lie on the circle, so the polygon is inscribed: its area is smaller than the circle's by the share
    (2 pi / vertices)^2 / 6, that is 0.005 % with 360. Who must decide about a point on the boundary compares
    `distance_m` with the radius instead of asking the polygon.

    Parameters
    ----------
    lon, lat : float, degrees
    radius_m : float, metres
    vertices : int
        At least 8.

    Returns
    -------
    Polygon, EPSG:4326, counter-clockwise

    Raises
    ------
    InvalidInput
        A position out of range, a radius that is not positive, too few vertices, or a circle that holds a pole or
        crosses the 180th meridian.
    """
    if not (np.isfinite(lon) and np.isfinite(lat) and abs(lat) <= 90.0 and abs(lon) <= 180.0):
        raise InvalidInput(f"no circle around lon {lon}, lat {lat}: give degrees within -180..180 and -90..90")
    if not (np.isfinite(radius_m) and radius_m > 0.0):
        raise InvalidInput(f"no circle of radius {radius_m} m: give a positive number of metres")
    if vertices < 8:
        raise InvalidInput(f"a circle of {vertices} vertices is too coarse: give at least 8")
    # Azimuths fall from north through west: counter-clockwise.
    azimuths = -np.arange(vertices) * (360.0 / vertices)
    origin = np.full(vertices, float(lon)), np.full(vertices, float(lat))
    x, y, _ = GEOD.fwd(*origin, azimuths, np.full(vertices, float(radius_m)))
    # Around a pole or over the 180th meridian the longitudes wrap: no single ring in degrees shows that circle.
    if np.ptp(x) >= 180.0:
        raise InvalidInput(
            f"a circle of {radius_m / 1000:g} km around lon {lon:g}, lat {lat:g} holds a pole or crosses the 180th "
            "meridian and is not one polygon: choose a smaller radius"
        )
    return shapely.Polygon(np.column_stack([x, y]))


def area_m2(geometry: BaseGeometry | gpd.GeoSeries) -> Any:
    """Return geodesic areas; the orientation of rings does not matter, holes are taken off.

    Parameters
    ----------
    geometry : shapely geometry in degrees, or GeoSeries
        A GeoSeries with another CRS is brought to EPSG:4326 first; one without a CRS is read as degrees.

    Returns
    -------
    float or Series, m2
        0 for points and lines; NaN for a missing geometry. A Series keeps the index.

    Raises
    ------
    InvalidInput
        A GeoSeries whose CRS cannot be brought to longitude and latitude.
    """
    return _measure(geometry, _area_of)


def length_m(geometry: BaseGeometry | gpd.GeoSeries) -> Any:
    """Return geodesic lengths of lines, or perimeters of polygons; see `area_m2` for the rest.

    Returns
    -------
    float or Series, m
        0 for points; NaN for a missing geometry.
    """
    return _measure(geometry, _length_of)


def _measure(geometry, measure):
    if isinstance(geometry, gpd.GeoSeries):
        lonlat = geometry if geometry.crs is None else geometry.to_crs(4326)
        values = [np.nan if shape is None else measure(shape) for shape in lonlat]
        return pd.Series(values, index=geometry.index, dtype="float64")
    return np.nan if geometry is None else measure(geometry)


def _area_of(shape: BaseGeometry) -> float:
    total = 0.0
    for part in _parts(shape):
        if isinstance(part, shapely.Polygon) and not part.is_empty:
            total += _ring_area(part.exterior) - sum(_ring_area(ring) for ring in part.interiors)
    return total


def _ring_area(ring: shapely.LinearRing) -> float:
    x, y = np.asarray(ring.coords)[:, :2].T
    return abs(GEOD.polygon_area_perimeter(x, y)[0])


def _length_of(shape: BaseGeometry) -> float:
    total = 0.0
    for part in _parts(shape):
        if part.is_empty or isinstance(part, shapely.Point):
            continue
        lines = [part.exterior, *part.interiors] if isinstance(part, shapely.Polygon) else [part]
        total += sum(GEOD.line_length(*np.asarray(line.coords)[:, :2].T) for line in lines)
    return total


def _parts(shape: BaseGeometry) -> list[BaseGeometry]:
    """Return the single geometries of a geometry, collections inside collections included."""
    if not hasattr(shape, "geoms"):
        return [shape]
    return [single for part in shape.geoms for single in _parts(part)]


def _check_range(lon: Array, lat: Array) -> None:
    for values, limit, word in ((lat, 90.0, "latitude"), (lon, 360.0, "longitude")):
        beyond = np.abs(values) > limit
        if beyond.any():
            bad = values[beyond].flat[0]
            raise InvalidInput(f"{word} {bad:g} is out of range: give degrees, longitude before latitude")
