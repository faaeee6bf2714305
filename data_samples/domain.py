"""The practice episode's region: its grid, its terrain and how far each place is from the sea."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_200.0
WEST, SOUTH, EAST, NORTH = 115.0, 31.5, 124.0, 38.0
STEP_DEG = 0.25
CENTRE_LON, CENTRE_LAT = 119.2, 34.6
_DEGREE_M = EARTH_RADIUS_M * np.pi / 180

# Smooth hills instead of real terrain: longitude, latitude, height (m), half-width east and north (km).
_HILLS = (
    (118.0, 36.1, 380.0, 70.0, 45.0),
    (120.9, 37.2, 110.0, 60.0, 25.0),
    (118.1, 35.3, 160.0, 45.0, 40.0),
    (116.3, 31.7, 220.0, 60.0, 30.0),
)


@dataclass(frozen=True)
class Domain:
    """The grid and what lies below it.

    Attributes
    ----------
    lon, lat : grid coordinates (degrees), shape (x,) and (y,)
    coast_km : distance to the coast (km), shape (y, x); positive inland, negative at sea
    """

    lon: Array
    lat: Array
    coast_km: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.lat.size, self.lon.size

    @cached_property
    def east_m(self) -> Array:
        """Metres east of the city's centre on the local plane, shape (y, x)."""
        scale = _DEGREE_M * np.cos(np.radians(CENTRE_LAT))
        return np.broadcast_to((self.lon - CENTRE_LON) * scale, self.shape)

    @cached_property
    def north_m(self) -> Array:
        """Metres north of the city's centre, shape (y, x)."""
        return np.broadcast_to(((self.lat - CENTRE_LAT) * _DEGREE_M)[:, None], self.shape)

    @property
    def spacing_east_m(self) -> Array:
        """Metres per column at each row, shape (y, 1)."""
        step = self.lon[1] - self.lon[0]
        return (step * _DEGREE_M * np.cos(np.radians(self.lat)))[:, None]

    @property
    def spacing_north_m(self) -> float:
        """Metres per row."""
        return float((self.lat[1] - self.lat[0]) * _DEGREE_M)

    @cached_property
    def land(self) -> Array:
        """Share of land as the wind feels it, from 0 at sea to 1 inland, shape (y, x)."""
        return 1 / (1 + np.exp(-np.clip(self.coast_km / 6.0, -30, 30)))

    @cached_property
    def height_m(self) -> Array:
        """Terrain height (m), smooth, 0 at sea, shape (y, x)."""
        total = np.zeros(self.shape)
        for lon, lat, height, east_km, north_km in _HILLS:
            east = (self.lon[None, :] - lon) * _DEGREE_M * np.cos(np.radians(lat)) / (1000 * east_km)
            north = (self.lat[:, None] - lat) * _DEGREE_M / (1000 * north_km)
            total = total + height * np.exp(-0.5 * (east**2 + north**2))
        return np.round((total + 8.0) * self.land, 2)

    @cached_property
    def inland(self) -> tuple[Array, Array]:
        """Unit vector (east, north) that points inland, shape (y, x) each."""
        smooth = _smooth(self.coast_km)
        east = np.gradient(smooth, 1.0, axis=1) / self.spacing_east_m
        north = np.gradient(smooth, self.spacing_north_m, axis=0)
        length = np.maximum(np.hypot(east, north), 1e-9)
        return east / length, north / length


def make(land: shapely.Geometry) -> Domain:
    """Return the region's domain from its land area (longitude, latitude)."""
    lon = np.linspace(WEST, EAST, round((EAST - WEST) / STEP_DEG) + 1, dtype=np.float64)
    lat = np.linspace(SOUTH, NORTH, round((NORTH - SOUTH) / STEP_DEG) + 1, dtype=np.float64)
    return Domain(lon, lat, np.round(distance_to_sea_km(land, *np.meshgrid(lon, lat)), 2))


def distance_to_sea_km(land: shapely.Geometry, lon: Array, lat: Array) -> Array:
    """Return the distance to the coast (km, positive inland) on a plane around the city's centre.

    The sea is the largest piece of the region that is not land: lakes and cracks between districts do not count,
    islands below a hundredth of a square degree (some 100 km2) belong to the sea.
    """
    box = shapely.box(WEST - 1, SOUTH - 1, EAST + 1, NORTH + 1)
    parts = shapely.get_parts(land)
    mainland = shapely.union_all(parts[shapely.area(parts) > 0.01])
    pieces = shapely.get_parts(shapely.difference(box, mainland))
    sea = max(pieces, key=lambda piece: float(piece.area))
    scale = np.array([np.cos(np.radians(CENTRE_LAT)), 1.0]) * _DEGREE_M / 1000
    plane = shapely.transform(sea, lambda xy: xy * scale)
    points = shapely.points(lon * scale[0], lat * scale[1])
    coast = shapely.boundary(plane)
    return np.where(shapely.contains(plane, points), -1.0, 1.0) * shapely.distance(coast, points)


def _smooth(field: Array) -> Array:
    padded = np.pad(field, 1, mode="edge")
    rows = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return 0.25 * rows[:, :-2] + 0.5 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
