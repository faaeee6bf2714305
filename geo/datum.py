"""China's coordinate datums, to WGS 84 and back.

``wgs84``     what satellites, GPS loggers and this platform use.
``cgcs2000``  China's national datum since 2008. It differs from WGS 84 by some centimetres today (the frames share
              the ellipsoid to 0.1 mm; plate motion since epoch 2000.0 adds up to about 0.8 m on the ground), far below
              the metre to which stations, boilers and boundaries are known: taken as coincident here, and said so.
``gcj02``     the shifted datum of Amap, Tencent and most Chinese web maps, 100 to 700 m off WGS 84.
``bd09``      Baidu's further shift of GCJ-02.

GCJ-02 has no published definition: the polynomial here is the one in common use since 2013. It is applied inside a
box around China and is the identity outside. Its inverse has no closed form and is found by iteration.
"""

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.errors import InvalidInput, NotConverged

DATUMS = ("wgs84", "cgcs2000", "gcj02", "bd09")

Array = NDArray[np.float64]
Shift = Callable[[Array, Array], tuple[Array, Array]]

_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_BOX_LON = (72.004, 137.8347)
_BOX_LAT = (0.8293, 55.8271)
# Wider than the largest shift: what lies farther off cannot come from inside the box.
_BOX_MARGIN = 0.05
_BD_FREQUENCY = np.pi * 3000.0 / 180.0
_BD_LON, _BD_LAT = 0.0065, 0.006
_TOLERANCE_DEG = 1e-11
_MAX_ITERATIONS = 40


def check_datum(datum: str) -> str:
    """Return the datum's canonical name.

    Raises
    ------
    InvalidInput
        The name is none of `DATUMS`.
    """
    name = str(datum).strip().lower().replace("-", "").replace("_", "").replace(" ", "")
    if name not in DATUMS:
        raise InvalidInput(f"unknown datum {str(datum)!r}: use one of {', '.join(DATUMS)}")
    return name


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> tuple[Array, Array]:
    """Convert longitudes and latitudes of a datum to WGS 84.

    Parameters
    ----------
    lon, lat : array_like, broadcastable, degrees
        NaN stays NaN. Values out of range are not judged here: they lie outside China and come back unshifted.
    datum : str
        One of `DATUMS`.

    Returns
    -------
    lon, lat : ndarray, degrees
        For GCJ-02 and BD-09 inside China, `from_wgs84` of the answer reproduces the input to 1e-10 degrees.
        Within 700 m of the box around China (foreign land or open sea) a GCJ-02 position can have two origins or
        none: the shifted origin is preferred.

    Raises
    ------
    InvalidInput
        Unknown datum, or shapes that do not broadcast.
    NotConverged
        The inverse did not settle (not seen for any finite position).
    """
    name = check_datum(datum)
    x, y = _pair(lon, lat)
    if name == "gcj02":
        return _gcj_to_wgs(x, y)
    if name == "bd09":
        return _gcj_to_wgs(*_invert(_bd_shift, x, y))
    return x, y


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: str) -> tuple[Array, Array]:
    """Convert WGS 84 longitudes and latitudes to a datum; the counterpart of `to_wgs84`.

    Parameters
    ----------
    lon, lat : array_like, broadcastable, degrees
        NaN stays NaN.
    datum : str
        One of `DATUMS`.

    Returns
    -------
    lon, lat : ndarray, degrees

    Raises
    ------
    InvalidInput
        Unknown datum, or shapes that do not broadcast.
    """
    name = check_datum(datum)
    x, y = _pair(lon, lat)
    if name in ("gcj02", "bd09"):
        x, y = _wgs_to_gcj(x, y)
    if name == "bd09":
        dx, dy = _bd_shift(x, y)
        x, y = np.asarray(x + dx), np.asarray(y + dy)
    return x, y


def geometry_to_wgs84(geoseries: gpd.GeoSeries, datum: str) -> gpd.GeoSeries:
    """Convert every vertex of a GeoSeries from a datum to WGS 84.

    Parameters
    ----------
    geoseries : GeoSeries
        Its CRS, where set, is first undone to longitude and latitude: so GCJ-02 positions drawn in Web Mercator, or
        CGCS2000 in a Gauss-Kruger zone, are read as they are meant. Without a CRS the coordinates are degrees.
        Heights are kept; missing and empty geometries stay as they are.
    datum : str
        One of `DATUMS`.

    Returns
    -------
    GeoSeries
        Same index and name, EPSG:4326.

    Raises
    ------
    InvalidInput
        Unknown datum.
    """
    name = check_datum(datum)
    lonlat = geoseries.to_crs(4326) if geoseries.crs is not None else geoseries.set_crs(4326)
    if name in ("wgs84", "cgcs2000"):
        return lonlat
    shapes = np.asarray(lonlat.array, dtype=object)
    with_z = shapely.has_z(shapes)
    moved = np.empty(len(shapes), dtype=object)
    for mask, include_z in ((~with_z, False), (with_z, True)):
        moved[mask] = shapely.transform(shapes[mask], lambda c: _shift_vertices(c, name), include_z=include_z)
    return gpd.GeoSeries(moved, index=geoseries.index, crs=4326, name=geoseries.name)


def _shift_vertices(coordinates: Array, datum: str) -> Array:
    lon, lat = to_wgs84(coordinates[:, 0], coordinates[:, 1], datum)
    return np.column_stack([lon, lat, *coordinates[:, 2:].T])


def _pair(lon: ArrayLike, lat: ArrayLike) -> tuple[Array, Array]:
    try:
        x, y = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    except (ValueError, TypeError) as error:
        raise InvalidInput("longitudes and latitudes must be numbers of one shape: check both arrays") from error
    return x.copy(), y.copy()


def _inside_box(lon: Array, lat: Array, margin: float = 0.0) -> NDArray[np.bool_]:
    west, east = _BOX_LON
    south, north = _BOX_LAT
    across = (lon >= west - margin) & (lon <= east + margin)
    return across & (lat >= south - margin) & (lat <= north + margin)


def _wgs_to_gcj(lon: Array, lat: Array) -> tuple[Array, Array]:
    inside = _inside_box(lon, lat)
    x, y = lon.copy(), lat.copy()
    dx, dy = _gcj_shift(lon[inside], lat[inside])
    x[inside] += dx
    y[inside] += dy
    return x, y


def _gcj_to_wgs(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Undo the shift without the box's edge in the iteration, then keep it where the origin lies in the box."""
    near = _inside_box(lon, lat, margin=_BOX_MARGIN)
    x, y = lon.copy(), lat.copy()
    x[near], y[near] = _invert(_gcj_shift, lon[near], lat[near])
    inside = _inside_box(x, y)
    return np.where(inside, x, lon), np.where(inside, y, lat)


def _invert(shift: Shift, lon: Array, lat: Array) -> tuple[Array, Array]:
    """Solve p + shift(p) = (lon, lat) by fixed-point iteration; the shifts change by < 1 % of the step."""
    x, y = lon.copy(), lat.copy()
    for _ in range(_MAX_ITERATIONS):
        dx, dy = shift(x, y)
        error_x, error_y = lon - (x + dx), lat - (y + dy)
        x, y = np.asarray(x + error_x), np.asarray(y + error_y)
        # NaN positions compare as settled: they stay NaN.
        if not np.any((np.abs(error_x) > _TOLERANCE_DEG) | (np.abs(error_y) > _TOLERANCE_DEG)):
            return x, y
    raise NotConverged("GCJ-02 or BD-09 could not be undone at some position: check that the coordinates are degrees")


def _gcj_shift(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Return the GCJ-02 offset in degrees at WGS 84 positions, without the box."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    shared = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (shared + _waves(x, (20.0, 1.0), (40.0, 3.0), (150.0, 12.0), (300.0, 30.0))) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (shared + _waves(y, (20.0, 1.0), (40.0, 3.0), (160.0, 12.0), (320.0, 30.0))) * 2.0 / 3.0
    latitude = np.radians(lat)
    w2 = 1.0 - _ECCENTRICITY_SQUARED * np.sin(latitude) ** 2
    meridian = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_SQUARED) / (w2 * np.sqrt(w2))
    parallel = _SEMI_MAJOR_M / np.sqrt(w2) * np.cos(latitude)
    return np.degrees(east / parallel), np.degrees(north / meridian)


def _waves(value: Array, *terms: tuple[float, float]) -> Array:
    return np.sum([amplitude * np.sin(np.pi * value / divisor) for amplitude, divisor in terms], axis=0)


def _bd_shift(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Return Baidu's offset in degrees at GCJ-02 positions."""
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_FREQUENCY)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_FREQUENCY)
    return radius * np.cos(angle) + _BD_LON - lon, radius * np.sin(angle) + _BD_LAT - lat
