"""Stations with one value each, as interpolation needs them: at distinct places, without gaps, near the area."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy.spatial import KDTree
from shapely.geometry.base import BaseGeometry

from geo.errors import InvalidInput, MissingData

Array = NDArray[np.float64]

_A, _F = 6378137.0, 1.0 / 298.257223563
SAME_PLACE_M = 1.0


@dataclass(frozen=True)
class Sites:
    """Longitudes and latitudes (degrees) and values, each shape (station,); `row` is the first row in the input."""

    lon: Array
    lat: Array
    values: Array
    row: NDArray[np.int64]

    def xyz(self) -> Array:
        """Return the places in metres in space, shape (station, 3)."""
        return to_xyz(self.lon, self.lat)


def to_xyz(lon: Array, lat: Array) -> Array:
    """Return geocentric positions (m), shape (n, 3), of places on the WGS 84 ellipsoid."""
    x, y = np.radians(lon), np.radians(lat)
    e2 = _F * (2.0 - _F)
    n = _A / np.sqrt(1.0 - e2 * np.sin(y) ** 2)
    return np.column_stack([n * np.cos(y) * np.cos(x), n * np.cos(y) * np.sin(x), n * (1.0 - e2) * np.sin(y)])


def local_metres(shape: BaseGeometry) -> Transformer:
    """Return what brings degrees to metres around a shape: equidistant from its middle."""
    middle = shape.envelope.centroid
    local = CRS.from_proj4(f"+proj=aeqd +lat_0={middle.y} +lon_0={middle.x} +datum=WGS84 +units=m")
    return Transformer.from_crs(4326, local, always_xy=True)


def distance_to_m(lon: Array, lat: Array, shape: BaseGeometry) -> Array:
    """Return the distances (m) of places from a shape in degrees; 0 inside a polygon."""
    local = local_metres(shape)
    there = shapely.transform(shape, lambda points: np.column_stack(local.transform(points[:, 0], points[:, 1])))
    shapely.prepare(there)
    return np.asarray(shapely.distance(shapely.points(*local.transform(lon, lat)), there))


def clean(
    lon: Array, lat: Array, values: Array, area: BaseGeometry, *, margin_km: float = 50.0
) -> tuple[Sites, list[str]]:
    """Return the stations that count, and what must be said of the others.

    Without a value or place: left out. Farther than the margin from the area: left out. At the same place (1 m): one,
    with their mean.

    Raises
    ------
    InvalidInput
        A place that is not on Earth, or an infinite value.
    MissingData
        No station is left.
    """
    _check_places(lon, lat, values)
    notes = []
    there = np.isfinite(lon) & np.isfinite(lat) & np.isfinite(values)
    if not there.all():
        gaps = int((~there).sum())
        notes.append(f"{gaps} 个站点没有值或位置，未参与 / {gaps} stations without value or place are left out")
    rows = np.flatnonzero(there)
    if not rows.size:
        raise MissingData(f"none of {len(values)} stations has a value: nothing to interpolate")
    distance = distance_to_m(lon[rows], lat[rows], area)
    far = distance > 1000.0 * margin_km
    if far.all():
        raise MissingData(
            f"all {rows.size} stations lie more than {margin_km:g} km outside the area (nearest "
            f"{distance.min() / 1000.0:.0f} km): check their coordinates and datum, or give another area"
        )
    notes += _about_outside(distance, far, margin_km)
    rows = rows[~far]
    sites, same = _merged(lon[rows], lat[rows], values[rows], rows)
    if same:
        notes.append(
            f"{same} 个站点与另一站点同址，取其平均 / {same} stations share a place with another: their mean counts"
        )
    return sites, notes


def _check_places(lon: Array, lat: Array, values: Array) -> None:
    wrong = np.flatnonzero((np.abs(lat) > 90.0) | (np.abs(lon) > 180.0))
    if wrong.size:
        at = wrong[0]
        raise InvalidInput(f"station in row {at + 1}: lon {lon[at]:g}, lat {lat[at]:g} is no place in degrees")
    endless = np.flatnonzero(np.isinf(values))
    if endless.size:
        raise InvalidInput(f"station in row {endless[0] + 1}: the value is infinite; correct it")


def _about_outside(distance: Array, far: NDArray[np.bool_], margin_km: float) -> list[str]:
    notes = []
    if far.any():
        count = int(far.sum())
        notes.append(
            f"{count} 个站点在区域外 {margin_km:g} km 以远，未参与 / "
            f"{count} stations lie more than {margin_km:g} km outside "
            "the area and are left out"
        )
    if not (distance == 0.0).any():
        notes.append(
            "区域内没有站点，表面全部由区域外站点外推 / "
            "no station lies inside the area: the surface is extrapolated from "
            "stations outside"
        )
    return notes


def _merged(lon: Array, lat: Array, values: Array, rows: NDArray[np.int64]) -> tuple[Sites, int]:
    """Return one site for stations at the same place, at the place of the first, and how many were merged."""
    pairs = KDTree(to_xyz(lon, lat)).query_pairs(SAME_PLACE_M, output_type="ndarray")
    first = np.arange(len(lon))
    for a, b in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
        first[b] = min(first[b], first[a])
    kept, group = np.unique(first, return_inverse=True)
    mean = np.bincount(group, weights=values) / np.bincount(group)
    return Sites(lon[kept], lat[kept], mean, rows[kept]), len(lon) - len(kept)
