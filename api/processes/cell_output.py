"""Cells of a grid as a vector file or, with `.tif`, as a raster."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo.cell_grid import CellGrid, write_cells_tif
from layers.files import write_vector

FORMATS = (".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".tif")


def cell_writer(
    frame: gpd.GeoDataFrame, grid: CellGrid, cells: NDArray[np.int64], bands: Sequence[str]
) -> Callable[[Path, dict[str, Any]], None]:
    """Return what writes the cells to a path, with their provenance; a `.tif` has one band per named column."""

    def write(path: Path, provenance: dict[str, Any]) -> None:
        if path.suffix.lower() != ".tif":
            write_vector(frame, path, provenance)
            return
        values = {name: frame[name].to_numpy(dtype=float, na_value=np.nan) for name in bands}
        write_cells_tif(grid, cells, values, path, {"provenance": json.dumps(provenance, ensure_ascii=False)})

    return write
