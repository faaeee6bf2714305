"""How much of one thing lies in another: by area on the ellipsoid, never by centroid."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from geo.errors import InvalidInput, SourceUnavailable
from geo.geodesic import GEOD, area_m2

Array = NDArray[np.float64]

_BLOCK_CELLS = 36


@dataclass(frozen=True)
class Density:
    """People per km2 on a grid: cell centres `lon`, shape (x,), and `lat`, shape (y,), rising; `values` (y, x)."""

    lon: Array
    lat: Array
    values: Array

    def edges(self) -> tuple[Array, Array]:
        """Return the cells' edges in longitude and latitude."""
        return _edges(self.lon), _edges(self.lat)


def _edges(centres: Array) -> Array:
    middle = (centres[1:] + centres[:-1]) / 2.0
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def read_density(path: Path, around: tuple[float, float, float, float]) -> Density:
    """Read a grid of people per km2 around a box; see `read_grid`."""
    return read_grid(path, around, what="people per km2")


def read_grid(path: Path, around: tuple[float, float, float, float], *, what: str) -> Density:
    """Read a grid (NetCDF, or GeoTIFF in degrees) around a box (west, south, east, north); errors say `what` it holds.

    Raises
    ------
    InvalidInput
        No grid in degrees, several variables, or nothing but gaps around the place.
    SourceUnavailable
        The file cannot be read.
    """
    try:
        grid = _netcdf(path, what) if path.suffix.lower() in (".nc", ".nc4") else _geotiff(path, around, what)
    except (OSError, rasterio.errors.RasterioError) as error:
        raise SourceUnavailable(f"{path.name}: cannot be read as a grid: {' '.join(str(error).split())}") from error
    near_x = _near(grid.lon, around[0], around[2], path)
    near_y = _near(grid.lat, around[1], around[3], path)
    cut = Density(grid.lon[near_x], grid.lat[near_y], grid.values[near_y, near_x])
    if np.isnan(cut.values).all():
        raise InvalidInput(f"{path.name} has no {what} around the place, only gaps: use a grid that covers it")
    return cut


def _near(centres: Array, low: float, high: float, path: Path) -> slice:
    """Return the cells that meet a range, and two more on either side."""
    if len(centres) < 3 or not (np.diff(centres) > 0).all():
        raise InvalidInput(f"{path.name}: no regular grid in degrees; convert it to EPSG:4326")
    if high < centres[0] or low > centres[-1]:
        raise InvalidInput(f"{path.name} covers {centres[0]:g} to {centres[-1]:g} degrees, not {low:g} to {high:g}")
    first, last = np.searchsorted(centres, [low, high])
    return slice(max(int(first) - 3, 0), int(last) + 3)


def _netcdf(path: Path, what: str) -> Density:
    with xr.open_dataset(path, engine="h5netcdf") as data:
        grids = [name for name, values in data.data_vars.items() if values.ndim == 2]
        if len(grids) != 1:
            raise InvalidInput(f"{path.name}: one grid of {what} is needed, here are {grids or 'none'}")
        field = data[grids[0]]
        x, y = (next((d for d in field.dims if str(d).lower() in names), None) for names in (_X, _Y))
        if x is None or y is None:
            raise InvalidInput(f"{path.name}: dimensions {list(field.dims)}; a grid has lon and lat")
        sorted_field = field.transpose(y, x).sortby([y, x])
        lon, lat = (sorted_field[d].to_numpy().astype(float) for d in (x, y))
        return Density(lon, lat, sorted_field.to_numpy().astype(float))


_X, _Y = ("x", "lon", "longitude"), ("y", "lat", "latitude")


def _geotiff(path: Path, around: tuple[float, float, float, float], what: str) -> Density:
    with rasterio.open(path) as source:
        if source.crs is None or not source.crs.is_geographic or source.transform.b or source.transform.d:
            raise InvalidInput(f"{path.name}: a grid of {what} must be in degrees; convert it to EPSG:4326")
        at = source.transform
        columns = (np.array([around[0], around[2]]) - at.c) / at.a
        rows = (np.array([around[1], around[3]]) - at.f) / at.e
        left, right = np.clip([np.floor(columns.min()) - 4, np.ceil(columns.max()) + 4], 0, source.width)
        top, bottom = np.clip([np.floor(rows.min()) - 4, np.ceil(rows.max()) + 4], 0, source.height)
        if right - left < 3 or bottom - top < 3:
            raise InvalidInput(f"{path.name} does not cover the place")
        part = source.read(1, window=Window(left, top, right - left, bottom - top), masked=True)
        lon = source.transform.c + source.transform.a * (np.arange(left, right) + 0.5)
        lat = source.transform.f + source.transform.e * (np.arange(top, bottom) + 0.5)
        return Density(lon, lat[::-1], part.astype(float).filled(np.nan)[::-1])


@dataclass(frozen=True)
class People:
    """People inside: `best` by area-weighted cells, `low` and `high` from the sparsest and densest cell around each."""

    low: float
    best: float
    high: float
    covered: float


def people_inside(zone: BaseGeometry, density: Density) -> People:
    """Return the people in a zone (degrees).

    Each cell counts by the share of its area inside. How people are spread within a cell is not known: the range takes
    for each cell the lowest and highest density of it and its eight neighbours. `covered` is the share of the zone's
    area that the grid knows; cells without a value count as empty.
    """
    if zone.is_empty:
        return People(0.0, 0.0, 0.0, 1.0)
    density = _around(zone, density)
    inside = inside_km2(zone, density)
    known = np.nan_to_num(density.values)
    low, high = (_of_neighbours(known, pick) for pick in (np.minimum, np.maximum))
    total = inside.sum()
    covered = 1.0 if total == 0.0 else float(inside[~np.isnan(density.values)].sum() / (area_m2(zone) / 1e6))
    fewest, best, most = (float((inside * grid).sum()) for grid in (low, known, high))
    return People(fewest, best, most, min(covered, 1.0))


def _around(zone: BaseGeometry, grid: Density) -> Density:
    """Return the cells that meet a zone's box, and two more on either side, whose values are neighbours."""
    (first_x, last_x), (first_y, last_y) = _met(zone, grid)
    x, y = slice(max(first_x - 2, 0), last_x + 2), slice(max(first_y - 2, 0), last_y + 2)
    return Density(grid.lon[x], grid.lat[y], grid.values[y, x])


def _met(zone: BaseGeometry, grid: Density) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the columns and the rows of cells that meet a zone's box, each as first and one after the last."""
    west, south, east, north = zone.bounds
    lon, lat = grid.edges()
    columns = np.searchsorted(lon, west, side="right") - 1, np.searchsorted(lon, east, side="left")
    rows = np.searchsorted(lat, south, side="right") - 1, np.searchsorted(lat, north, side="left")
    limits = ((columns, len(grid.lon)), (rows, len(grid.lat)))
    (x0, x1), (y0, y1) = ((int(np.clip(a, 0, size)), int(np.clip(b, 0, size))) for (a, b), size in limits)
    return (x0, x1), (y0, y1)


def _of_neighbours(values: Array, pick: np.ufunc) -> Array:
    """Return the lowest or highest value of each cell and its eight neighbours."""
    padded = np.pad(values, 1, mode="edge")
    across = pick(pick(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return np.asarray(pick(pick(across[:-2], across[1:-1]), across[2:]))


def inside_km2(zone: BaseGeometry, grid: Density) -> Array:
    """Return the area (km2) of each cell that lies in a zone, shape (y, x).

    The zone is cut along the grid into ever smaller blocks of cells; a block that it fills or misses is done, so that
    the work grows with the length of its boundary and not with its area.
    """
    lon, lat = grid.edges()
    share = np.zeros(grid.values.shape)
    columns, rows = _met(zone, grid)
    waiting = [(zone, rows, columns)] if rows[0] < rows[1] and columns[0] < columns[1] else []
    while waiting:
        shape, (bottom, top), (left, right) = waiting.pop()
        block = shapely.box(lon[left], lat[bottom], lon[right], lat[top])
        part = shapely.intersection(shape, block)
        if part.area == 0.0:
            continue
        if part.area >= block.area * (1.0 - 1e-13):
            share[bottom:top, left:right] = 1.0
        elif (top - bottom) * (right - left) <= _BLOCK_CELLS:
            share[bottom:top, left:right] = _shares(part, lon[left : right + 1], lat[bottom : top + 1])
        elif top - bottom > right - left:
            middle = (bottom + top) // 2
            waiting += [(part, (bottom, middle), (left, right)), (part, (middle, top), (left, right))]
        else:
            middle = (left + right) // 2
            waiting += [(part, (bottom, top), (left, middle)), (part, (bottom, top), (middle, right))]
    return share * _cell_km2(lon, lat)[:, None]


def _shares(part: BaseGeometry, lon: Array, lat: Array) -> Array:
    """Return the share of each cell between edges that lies in a polygon, shape (y, x)."""
    cells = shapely.box(lon[:-1][None, :], lat[:-1][:, None], lon[1:][None, :], lat[1:][:, None])
    return np.asarray(shapely.area(shapely.intersection(part, cells)) / shapely.area(cells))


def _cell_km2(lon: Array, lat: Array) -> Array:
    """Return the area (km2) of a cell of each row."""
    width = float(lon[1] - lon[0])
    rings = [([0.0, width, width, 0.0], [low, low, high, high]) for low, high in zip(lat[:-1], lat[1:], strict=True)]
    return np.array([abs(GEOD.polygon_area_perimeter(x, y)[0]) for x, y in rings]) / 1e6


def share_inside(part: BaseGeometry, zone: BaseGeometry) -> tuple[BaseGeometry, float, float]:
    """Return what of a polygon lies in a zone, its area (km2) and its share of the polygon's area (-)."""
    common = shapely.intersection(part, zone)
    if common.is_empty:
        return common, 0.0, 0.0
    area = float(area_m2(common)) / 1e6
    return common, area, area / (float(area_m2(part)) / 1e6)
