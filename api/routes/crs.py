"""The reference systems in which features are given and asked for, each with its own order of axes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from geo.errors import InvalidInput
from layers.store import BBox, LayerRecord

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/{}"
_ALWAYS = (4326, 4490, 3857)
# Longitudes in which CGCS2000's 3-degree Gauss-Kruger zones 25 to 45 lie: EPSG 4534 to 4554 without zone numbers.
_FIRST_ZONE, _FIRST_MERIDIAN, _LAST_MERIDIAN = 4534, 75, 135


@dataclass(frozen=True)
class Reference:
    """One reference system; `code` 0 is CRS84, longitude before latitude on WGS 84."""

    code: int

    @property
    def uri(self) -> str:
        """The name under which OGC knows it."""
        return EPSG.format(self.code) if self.code else CRS84

    @property
    def north_first(self) -> bool:
        """Whether a position is written with the north axis before the east axis."""
        return bool(self.code) and pyproj.CRS.from_epsg(self.code).axis_info[0].direction == "north"

    def from_lon_lat(self, geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Return geometries of longitude and latitude in this system, in its order of axes."""
        if not self.code:
            return geometries
        found: npt.NDArray[np.object_] = shapely.transform(geometries, self._forward)
        return found

    def to_lon_lat(self, geometry: shapely.Geometry) -> shapely.Geometry:
        """Return a geometry of this system, in its order of axes, in longitude and latitude."""
        return shapely.transform(geometry, self._back) if self.code else geometry

    def _forward(self, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = _transformer(4326, self.code).transform(positions[:, 0], positions[:, 1])
        return np.column_stack([y, x] if self.north_first else [x, y])

    def _back(self, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = positions.T[::-1] if self.north_first else positions.T
        return np.column_stack(_transformer(self.code, 4326).transform(x, y))


LON_LAT = Reference(0)


def references(record: LayerRecord) -> tuple[Reference, ...]:
    """Return the systems in which a layer can be had: the last is metric, the city's Gauss-Kruger zone."""
    found = [LON_LAT, *(Reference(code) for code in _ALWAYS)]
    if record.bbox is not None:
        meridian = 3 * round((record.bbox[0] + record.bbox[2]) / 6)
        if _FIRST_MERIDIAN <= meridian <= _LAST_MERIDIAN and record.bbox[1] > 0:
            found.append(Reference(_FIRST_ZONE + (meridian - _FIRST_MERIDIAN) // 3))
    return tuple(found)


def parse_crs(name: str, text: str | None, record: LayerRecord) -> Reference:
    """Return the system that a parameter names, by URI or as ``[EPSG:4326]``.

    Raises
    ------
    InvalidInput
        The layer is not to be had in it.
    """
    if not text:
        return LON_LAT
    known = references(record)
    for reference in known:
        short = f"EPSG:{reference.code}" if reference.code else "OGC:CRS84"
        if text in (reference.uri, reference.uri.replace("http://", "https://"), short, f"[{short}]"):
            return reference
    raise InvalidInput(f"{name}={text}: this collection knows {', '.join(reference.uri for reference in known)}")


def region(bbox: BBox, reference: Reference) -> shapely.Geometry:
    """Return a box of some system in longitude and latitude; one whose west is east of its east crosses 180 degrees."""
    west, south, east, north = bbox if not reference.north_first else (bbox[1], bbox[0], bbox[3], bbox[2])
    if not reference.code or reference.code in (4326, 4490):
        if west <= east:
            return shapely.box(west, south, east, north)
        return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))
    # A straight side in one system is a curve in another: many points follow it.
    side = max(east - west, north - south) / 64
    ring = shapely.segmentize(shapely.box(west, south, east, north), side) if side > 0 else shapely.Point(west, south)
    swapped = shapely.transform(ring, lambda xy: xy[:, ::-1]) if reference.north_first else ring
    return shapely.make_valid(reference.to_lon_lat(swapped))


@lru_cache(maxsize=64)
def _transformer(source: int, target: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)
