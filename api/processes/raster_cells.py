"""A raster as cells with a value each, and what is computed of them as a raster again."""

import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray

from api.processes.context import Context
from geo.errors import InvalidInput, MissingData, SourceUnavailable
from geo.raster_geotiff import read_geotiff
from geo.raster_grid import GDAL_ERRORS, RawGrid, one_line
from geo.raster_netcdf import read_netcdf
from layers.files import write_vector

RASTERS = (".tif", ".tiff", ".nc", ".nc4")
MAX_CELLS = 300_000
# The name by which a raster's only band or variable is meant, whatever it is called.
ANY = "value"


@dataclass(frozen=True)
class RasterCells:
    """Pixels with a value as polygons (EPSG:4326), their numbers in the raster row by row, and the raster."""

    frame: gpd.GeoDataFrame
    numbers: NDArray[np.intp]
    grid: RawGrid


def is_raster(source: str) -> bool:
    """Return whether a source is named like a raster."""
    return Path(source).suffix.lower() in RASTERS


def read_cells(context: Context, source: str, value: str) -> RasterCells:
    """Return a raster's pixels that have a value; the column is called `value`.

    Parameters
    ----------
    source : str
        GeoTIFF or NetCDF.
    value : str
        Band or variable, or `value` for the only one.

    Raises
    ------
    InvalidInput
        More than 300,000 pixels with a value.
    MissingData
        None.
    """
    path = context.file(source)
    name = None if value == ANY else value
    grid = read_netcdf(path, name) if path.suffix.lower().startswith(".nc") else read_geotiff(path, name)
    numbers = np.flatnonzero(~np.isnan(grid.values.ravel()))
    if numbers.size > MAX_CELLS:
        raise InvalidInput(f"{path.name}: {numbers.size:,} pixels are more than {MAX_CELLS:,}: cut or coarsen it first")
    if not numbers.size:
        raise MissingData(f"{path.name}: no pixel has a value")
    row, column = np.divmod(numbers, grid.values.shape[1])
    corners = [
        np.column_stack(grid.transform @ np.stack([column + dx, row + dy]).astype(float))
        for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
    ]
    shapes = gpd.GeoSeries(shapely.polygons(np.stack(corners, axis=1)), crs=grid.crs.to_wkt()).to_crs(4326)
    frame = gpd.GeoDataFrame({value: grid.values.ravel()[numbers]}, geometry=shapes.array, crs=4326)
    return RasterCells(frame, numbers, grid)


def raster_writer(
    result: gpd.GeoDataFrame, cells: RasterCells | None, bands: tuple[str, ...]
) -> Callable[[Path, dict[str, Any]], None]:
    """Return what writes a result to a path: `.tif` in the grid of the raster that it was made from.

    Raises
    ------
    InvalidInput
        On writing: `.tif` for what was no raster.
    """

    def write(path: Path, provenance: dict[str, Any]) -> None:
        if path.suffix.lower() != ".tif":
            write_vector(result, path, provenance)
        elif cells is None:
            raise InvalidInput(f"--output {path}: only what comes from a raster goes into .tif; use .geojson or .gpkg")
        else:
            _write_tif(result, cells, bands, path, provenance)

    return write


def _write_tif(
    result: gpd.GeoDataFrame, cells: RasterCells, bands: tuple[str, ...], path: Path, provenance: dict[str, Any]
) -> None:
    height, width = cells.grid.values.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": len(bands), "dtype": "float64"}
    profile |= {"crs": cells.grid.crs, "transform": cells.grid.transform, "nodata": np.nan, "compress": "DEFLATE"}
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with rasterio.open(part, "w", **profile) as out:
            for number, name in enumerate(bands, start=1):
                plane = np.full(height * width, np.nan)
                plane[cells.numbers] = result[name].to_numpy(dtype=float, na_value=np.nan)
                out.write(plane.reshape(height, width), number)
                out.set_band_description(number, name)
            out.update_tags(provenance=json.dumps(provenance, ensure_ascii=False))
        os.replace(part, path)
    except (*GDAL_ERRORS, OSError) as error:
        raise SourceUnavailable(f"cannot write {path}: {one_line(error.__cause__ or error)}") from error
    finally:
        part.unlink(missing_ok=True)
