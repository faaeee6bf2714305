"""What explains a surface beside distance: a grid such as the terrain, or the distance to something such as "
"the coast."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.errors import InvalidInput
from geo.overlay import read_grid
from geo.sites import distance_to_m

Array = NDArray[np.float64]
Drift = Callable[[Array, Array], Array]


def grid_drift(path: Path, around: tuple[float, float, float, float]) -> Drift:
    """Return a grid (NetCDF, or GeoTIFF in degrees) read between its cell centres; NaN beyond it and beside gaps.

    Parameters
    ----------
    path : Path
    around : west, south, east, north in degrees
        What will be asked for.
    """
    grid = read_grid(path, around, what="the drift")

    def at(lon: Array, lat: Array) -> Array:
        x, column = _between(grid.lon, lon)
        y, row = _between(grid.lat, lat)
        low = (1.0 - x) * grid.values[row, column] + x * grid.values[row, column + 1]
        high = (1.0 - x) * grid.values[row + 1, column] + x * grid.values[row + 1, column + 1]
        inside = (np.abs(x - 0.5) <= 0.5) & (np.abs(y - 0.5) <= 0.5)
        return np.where(inside, (1.0 - y) * low + y * high, np.nan)

    return at


def distance_drift(shape: BaseGeometry) -> Drift:
    """Return the distance (km) from a shape in degrees: from a coast's line, or from a sea's polygon (0 inside).

    Raises
    ------
    InvalidInput
        The shape is empty.
    """
    if shape is None or shape.is_empty:
        raise InvalidInput("the drift has no shapes to measure the distance from")

    def at(lon: Array, lat: Array) -> Array:
        around = shapely.box(lon.min() - 1.0, lat.min() - 1.0, lon.max() + 1.0, lat.max() + 1.0)
        near = shapely.intersection(shape, around)
        return distance_to_m(lon, lat, shape if near.is_empty else near) / 1000.0

    return at


def _between(centres: Array, wanted: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return how far between two centres each place lies (0..1 inside the grid), and the first of the two."""
    at = np.clip(np.searchsorted(centres, wanted, side="right") - 1, 0, len(centres) - 2)
    return (wanted - centres[at]) / (centres[at + 1] - centres[at]), at
