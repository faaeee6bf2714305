"""Square cells of equal area over a city, and what lies in which."""

import os
import uuid
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from pyproj import Proj
from rasterio.crs import CRS as RasterCRS

from geo.errors import InvalidInput, SourceUnavailable
from geo.raster_grid import GDAL_ERRORS, one_line

MAX_CELLS = 1_000_000
# The projection's centre stands on this raster of degrees, so that a little more data do not move the cells.
_CENTRE_DEG = 0.5
# Beyond this the projection stretches distances by more than 0.3 %.
_MOST_KM = 1000.0
_EDGE_POINTS = 33

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CellGrid:
    """Cells of a Lambert azimuthal equal-area projection (WGS 84), from the lower left corner, row by row.

    Attributes
    ----------
    lon, lat : centre of the projection, degrees
    size_m : edge of a cell, metres
    column, row : of the lower left cell, counted from the centre of the projection
    nx, ny : numbers of columns and rows
    """

    lon: float
    lat: float
    size_m: float
    column: int
    row: int
    nx: int
    ny: int

    @staticmethod
    def over(bounds: tuple[float, float, float, float], size_m: float, *, margin_m: float = 0.0) -> "CellGrid":
        """Return the cells that cover a box of longitudes and latitudes (west, south, east, north).

        Cell edges lie at multiples of the size from the projection's centre, which is the box's, rounded to half a
        degree: cells do not move when the box grows a little.

        Raises
        ------
        InvalidInput
            No box, a box of more than 1000 km, a size that is not positive, or too many cells.
        """
        west, south, east, north = bounds
        if not (np.isfinite(bounds).all() and west <= east and south <= north and abs(south) <= 90 >= abs(north)):
            raise InvalidInput(f"no area in longitude and latitude: {bounds}; check the coordinates")
        if not (np.isfinite(size_m) and size_m > 0.0):
            raise InvalidInput(f"cells of {size_m:g} m: give a positive number of metres")
        lon, lat = (round((a + b) / 2.0 / _CENTRE_DEG) * _CENTRE_DEG for a, b in ((west, east), (south, north)))
        empty = CellGrid(lon, lat, size_m, 0, 0, 0, 0)
        x, y = empty.project(*_outline(bounds))
        low = np.floor((np.array([x.min(), y.min()]) - margin_m) / size_m).astype(int)
        high = np.floor((np.array([x.max(), y.max()]) + margin_m) / size_m).astype(int)
        nx, ny = (high - low + 1).tolist()
        if max(nx, ny) * size_m > _MOST_KM * 1000.0:
            raise InvalidInput(f"an area of {max(nx, ny) * size_m / 1000:.0f} km is no city: choose a smaller one")
        if nx * ny > MAX_CELLS:
            raise InvalidInput(f"{nx} x {ny} cells are more than {MAX_CELLS:,}: choose larger cells or a smaller area")
        return CellGrid(lon, lat, size_m, int(low[0]), int(low[1]), nx, ny)

    @cached_property
    def proj4(self) -> str:
        """The projection in PROJ's words."""
        return f"+proj=laea +lat_0={self.lat:g} +lon_0={self.lon:g} +datum=WGS84 +units=m +type=crs"

    def project(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Array, Array]:
        """Return metres east and north of the projection's centre."""
        x, y = _projection(self.proj4)(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
        return np.asarray(x, dtype=float), np.asarray(y, dtype=float)

    def unproject(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Return longitude and latitude of metres east and north of the projection's centre."""
        lon, lat = _projection(self.proj4)(np.asarray(x, dtype=float), np.asarray(y, dtype=float), inverse=True)
        return np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)

    def project_shape(self, shape: shapely.Geometry) -> shapely.Geometry:
        """Return a shape in degrees as one in the projection's metres; edges stay straight between vertices."""
        return shapely.transform(shape, lambda points: np.column_stack(self.project(points[:, 0], points[:, 1])))

    def cell_of(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the cell in which each position lies, -1 outside or where a coordinate is NaN."""
        x, y = self.project(lon, lat)
        known = np.isfinite(x) & np.isfinite(y)
        i = np.floor(np.where(known, x, 0.0) / self.size_m).astype(np.int64) - self.column
        j = np.floor(np.where(known, y, 0.0) / self.size_m).astype(np.int64) - self.row
        inside = known & (i >= 0) & (i < self.nx) & (j >= 0) & (j < self.ny)
        return np.where(inside, j * self.nx + i, -1)

    def centres(self) -> tuple[Array, Array]:
        """Return metres east and north of every cell's centre."""
        x = (self.column + np.arange(self.nx) + 0.5) * self.size_m
        y = (self.row + np.arange(self.ny) + 0.5) * self.size_m
        return np.tile(x, self.ny), np.repeat(y, self.nx)

    def names(self, cells: NDArray[np.int64]) -> list[str]:
        """Return ids that do not depend on the grid's extent, such as 3km_E012_N-003."""
        size = f"{self.size_m / 1000:g}km" if self.size_m >= 1000 else f"{self.size_m:g}m"
        return [f"{size}_E{i:03d}_N{j:03d}" for i, j in zip(*self._columns_rows(cells), strict=True)]

    def polygons(self, cells: NDArray[np.int64]) -> NDArray[np.object_]:
        """Return cells as polygons in longitude and latitude."""
        i, j = self._columns_rows(cells)
        corners = [
            self.unproject((i + dx) * self.size_m, (j + dy) * self.size_m)
            for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
        ]
        return np.asarray(shapely.polygons(np.stack([np.column_stack(corner) for corner in corners], axis=1)))

    def _columns_rows(self, cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return cells % self.nx + self.column, cells // self.nx + self.row


@lru_cache(maxsize=32)
def _projection(proj4: str) -> Proj:
    # Made once: it takes longer to make than to use.
    return Proj(proj4)


def _outline(bounds: tuple[float, float, float, float]) -> tuple[Array, Array]:
    west, south, east, north = bounds
    along = np.linspace(0.0, 1.0, _EDGE_POINTS)
    lon, lat = west + (east - west) * along, south + (north - south) * along
    return np.concatenate([lon, lon, 0 * lat + west, 0 * lat + east]), np.concatenate(
        [0 * lon + south, 0 * lon + north, lat, lat]
    )


def write_cells_tif(
    grid: CellGrid,
    cells: NDArray[np.int64],
    bands: dict[str, Array],
    path: str | os.PathLike[str],
    tags: dict[str, str],
) -> None:
    """Write values of cells as a GeoTIFF in the grid's own projection; it appears whole or not at all.

    Parameters
    ----------
    grid : CellGrid
    cells : ndarray, shape (cell,)
    bands : values of each band, shape (cell,); other cells have no data (NaN)
    path : path
    tags : metadata

    Raises
    ------
    SourceUnavailable
        The file cannot be written.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    north = (grid.row + grid.ny) * grid.size_m
    profile = {
        "driver": "GTiff",
        "height": grid.ny,
        "width": grid.nx,
        "count": len(bands),
        "dtype": "float64",
        "crs": RasterCRS.from_string(grid.proj4),
        "transform": Affine(grid.size_m, 0.0, grid.column * grid.size_m, 0.0, -grid.size_m, north),
        "nodata": np.nan,
        "compress": "DEFLATE",
    }
    try:
        with rasterio.open(part, "w", **profile) as out:
            for number, (name, values) in enumerate(bands.items(), start=1):
                plane = np.full(grid.nx * grid.ny, np.nan)
                plane[cells] = values
                # Rows of the grid go north, those of an image south.
                out.write(plane.reshape(grid.ny, grid.nx)[::-1], number)
                out.set_band_description(number, name)
            out.update_tags(**tags)
        os.replace(part, target)
    except (*GDAL_ERRORS, OSError) as error:
        raise SourceUnavailable(f"cannot write {target}: {one_line(error.__cause__ or error)}") from error
    finally:
        part.unlink(missing_ok=True)
