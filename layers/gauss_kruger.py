"""Gauss-Kruger metres, as survey sheets give them, to degrees: zones by prefix, by declaration or by the districts."""

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from geo.errors import InvalidInput
from layers.frames import WGS84
from layers.points import Problem

Array = NDArray[np.float64]

# China lies between about 3 and 54 degrees north; eastings keep within a zone of 6 degrees around 500 km.
_NORTHING_M = (300_000.0, 6_100_000.0)
_EASTING_M = (100_000.0, 900_000.0)
_PREFIX_M = 1_000_000.0
_SIX_DEGREES = range(13, 24)
_THREE_DEGREES = range(24, 46)
_MERIDIANS = tuple(float(meridian) for meridian in range(75, 136, 3))


@dataclass(frozen=True)
class Reference:
    """What is known of a file's coordinates beside the file.

    `central_meridian` (degrees east) is that of Gauss-Kruger metres without a zone in front; `districts` are the
    city's boundaries in EPSG:4326, by which a zone is found and positions are judged.
    """

    central_meridian: float | None = None
    districts: gpd.GeoDataFrame | None = None


@dataclass(frozen=True)
class Degrees:
    """Features in EPSG:4326, the rows that could not be brought there, and what was assumed."""

    frame: gpd.GeoDataFrame
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_metres(values: Array) -> bool:
    """Return whether most coordinate pairs, shape (point, 2), cannot be degrees."""
    finite = values[np.isfinite(values).all(axis=1)]
    return bool(len(finite)) and bool(np.median(np.abs(finite).min(axis=1)) > 180)


def assume_reference(frame: gpd.GeoDataFrame, name: str, reference: Reference | None = None) -> Degrees:
    """Give features without a reference system one: degrees on WGS 84, or CGCS2000 Gauss-Kruger metres.

    Which axis is the northing is told by the numbers, as sheets call it x or y. A zone before the easting
    (39 512 345 m) decides; without one the central meridian must be declared, or be the only one that puts the
    features among the districts.

    Parameters
    ----------
    frame : GeoDataFrame
        Without CRS.
    name : str
        The file's name, for messages.
    reference : Reference, optional

    Returns
    -------
    Degrees

    Raises
    ------
    InvalidInput
        Numbers that are neither; metres whose zone is not known.
    """
    shapes = frame.geometry.to_numpy()
    values = shapely.get_coordinates(shapes)
    if not is_metres(values):
        if np.abs(values[np.isfinite(values).all(axis=1)]).max(initial=0.0) > 180:
            raise _neither(values, name)
        return Degrees(frame.set_crs(WGS84))
    north = _northing_axis(values, name)
    wrong = [row for row, shape in enumerate(shapes) if not _fits(shapely.get_coordinates(shape), north)]
    problems = [
        Problem(row, "geometry", shapes[row].wkt[:60], "不是高斯-克吕格坐标（米）", "is not in Gauss-Kruger metres")
        for row in wrong
    ]
    kept = shapes.copy()
    kept[wrong] = shapely.Point()
    meridian, notes = _meridian(shapely.get_coordinates(kept)[:, [1 - north, north]], name, reference or Reference())
    moved = shapely.transform(kept, lambda xy: _inverse(xy[:, 1 - north], xy[:, north], meridian))
    if north == 0:
        notes.append("the first coordinate is the northing, as its size shows")
    return Degrees(frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=WGS84)), problems, notes)


def _northing_axis(values: Array, name: str) -> int:
    finite = values[np.isfinite(values).all(axis=1)]
    one, two = np.median(finite, axis=0)
    for axis, (north, east) in ((1, (two, one)), (0, (one, two))):
        if _NORTHING_M[0] <= north <= _NORTHING_M[1] and bool(_easting_fits(np.array([east]))[0]):
            return axis
    raise _neither(values, name)


def _neither(values: Array, name: str) -> InvalidInput:
    finite = values[np.isfinite(values).all(axis=1)]
    low, high = finite.min(axis=0), finite.max(axis=0)
    return InvalidInput(
        f"{name} has no coordinate reference system and its numbers are not degrees nor Gauss-Kruger metres "
        f"(x {low[0]:g} to {high[0]:g}, y {low[1]:g} to {high[1]:g}); add the .prj file or save it with its "
        "reference system"
    )


def _easting_fits(east: Array) -> NDArray[np.bool_]:
    zone, within = np.divmod(east, _PREFIX_M)
    zoned = (zone == 0) | ((zone >= _SIX_DEGREES.start) & (zone < _THREE_DEGREES.stop))
    return zoned & (within >= _EASTING_M[0]) & (within <= _EASTING_M[1])


def _fits(values: Array, north: int) -> bool:
    low, high = _NORTHING_M
    inside = (values[:, north] >= low) & (values[:, north] <= high)
    return bool(np.all(inside & _easting_fits(values[:, 1 - north])))


def _meridian(metres: Array, name: str, reference: Reference) -> tuple[float | None, list[str]]:
    """Return the central meridian of eastings without a zone in front, None when all have one."""
    said = [
        "Gauss-Kruger metres taken as CGCS2000; sheets of Beijing 1954 or Xi'an 1980 would lie some 100 m off "
        "/ 高斯-克吕格坐标按 CGCS2000 读取"
    ]
    zones = np.unique(metres[:, 0] // _PREFIX_M).astype(int)
    said += [f"zone {zone}: central meridian {_of_zone(zone):g} E" for zone in zones if zone]
    if 0 not in zones:
        return None, said
    if reference.central_meridian is not None:
        return _checked(reference.central_meridian), said
    bare = metres[metres[:, 0] < _PREFIX_M]
    found = [] if reference.districts is None else _among(bare, reference.districts)
    if len(found) != 1:
        raise InvalidInput(
            f"{name} has Gauss-Kruger metres without a zone in front of the easting; say its central meridian in "
            "degrees east with --central-meridian, for example 120"
        )
    said.append(f"central meridian {found[0]:g} E: the only one that puts the features among the districts")
    return found[0], said


def _checked(meridian: float) -> float:
    if not (70 <= meridian <= 140):
        raise InvalidInput(f"central meridian {meridian:g} is not between 70 and 140 degrees east; give 120, 117, ...")
    return meridian


def _among(metres: Array, districts: gpd.GeoDataFrame) -> list[float]:
    west, south, east, north = districts.total_bounds
    fits = []
    for meridian in _MERIDIANS:
        lon, lat = _inverse(metres[:, 0], metres[:, 1], meridian).T
        inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        if inside.mean() > 0.5:
            fits.append(meridian)
    return fits


def _of_zone(zone: int) -> float:
    return 6.0 * zone - 3.0 if zone in _SIX_DEGREES else 3.0 * zone


def _inverse(east: Array, north: Array, meridian: float | None) -> Array:
    """Return longitude and latitude in degrees, shape (point, 2); `meridian` is for eastings without a zone."""
    zones = (east // _PREFIX_M).astype(int)
    out = np.full((len(east), 2), np.nan)
    for zone in np.unique(zones):
        here = zones == zone
        centre = _of_zone(zone) if zone else meridian
        plane = pyproj.Proj(proj="tmerc", lat_0=0, lon_0=centre, k=1, x_0=500_000, y_0=0, ellps="GRS80")
        out[here] = np.column_stack(plane(east[here] % _PREFIX_M, north[here], inverse=True))
    return out
