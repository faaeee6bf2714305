"""A regular grid over an area, and which of its nodes the area needs."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.errors import InvalidInput
from geo.geodesic import distance_m

Array = NDArray[np.float64]

MOST_NODES = 4_000_000


@dataclass(frozen=True)
class Grid:
    """Nodes at `lon` (x,) and `lat` (y,), degrees, rising; `wanted` (y, x): those of cells that meet the area."""

    lon: Array
    lat: Array
    wanted: NDArray[np.bool_]

    def nodes(self) -> tuple[Array, Array]:
        """Return longitudes and latitudes of the wanted nodes, shape (node,)."""
        lon, lat = np.meshgrid(self.lon, self.lat)
        return lon[self.wanted], lat[self.wanted]

    def scatter(self, values: Array) -> Array:
        """Return values of the wanted nodes as a grid, shape (y, x), NaN elsewhere."""
        out = np.full(self.wanted.shape, np.nan)
        out[self.wanted] = values
        return out


def grid_over(area: BaseGeometry, cell_m: float) -> Grid:
    """Return a grid of `cell_m` (m, measured at the area's middle) that covers an area in degrees.

    Raises
    ------
    InvalidInput
        No area, or a cell so small that the grid has more than four million nodes.
    """
    if area.is_empty or area.area == 0.0:
        raise InvalidInput("the area has no surface: give polygons")
    if not 1.0 <= cell_m <= 100_000.0:
        raise InvalidInput(f"cell of {cell_m:g} m: give 1 to 100000 m")
    west, south, east, north = area.bounds
    x, y = (west + east) / 2.0, (south + north) / 2.0
    step_lon = cell_m / float(distance_m(x - 0.005, y, x + 0.005, y)) * 0.01
    step_lat = cell_m / float(distance_m(x, y - 0.005, x, y + 0.005)) * 0.01
    columns, rows = (int(np.ceil(size)) + 3 for size in ((east - west) / step_lon, (north - south) / step_lat))
    if columns * rows > MOST_NODES:
        raise InvalidInput(f"cells of {cell_m:g} m make {columns * rows} nodes over this area: use larger cells")
    lon = x + (np.arange(columns) - (columns - 1) / 2.0) * step_lon
    lat = y + (np.arange(rows) - (rows - 1) / 2.0) * step_lat
    return Grid(lon, lat, _wanted(area, lon, lat))


def _wanted(area: BaseGeometry, lon: Array, lat: Array) -> NDArray[np.bool_]:
    row, column = (a.ravel() for a in np.meshgrid(np.arange(len(lat) - 1), np.arange(len(lon) - 1), indexing="ij"))
    cells = shapely.box(lon[column], lat[row], lon[column + 1], lat[row + 1])
    shapely.prepare(area)
    met = shapely.intersects(area, cells).reshape(len(lat) - 1, len(lon) - 1)
    wanted = np.zeros((len(lat), len(lon)), dtype=bool)
    for part in (np.s_[:-1, :-1], np.s_[1:, :-1], np.s_[:-1, 1:], np.s_[1:, 1:]):
        wanted[part] |= met
    return wanted


class Places(Grid):
    """Single places instead of a grid: `lon` and `lat` are pairs, shape (place,)."""

    @classmethod
    def at(cls, lon: Array, lat: Array) -> "Places":
        """Return the places at pairs of longitude and latitude (degrees)."""
        return cls(lon, lat, np.ones(len(lon), dtype=bool))

    def nodes(self) -> tuple[Array, Array]:
        """Return longitudes and latitudes, shape (place,)."""
        return self.lon, self.lat

    def scatter(self, values: Array) -> Array:
        """Return values of the places as they are."""
        return np.asarray(values, dtype=np.float64)
