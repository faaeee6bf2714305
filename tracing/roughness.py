"""Roughness length of the ground: one value, or a map such as the 1-degree map that HYSPLIT ships."""

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met.grid import MetGrid
from tracing.vertical_columns import DEFAULT_ROUGHNESS_M

_ROWS, _COLUMNS, _WIDTH = 180, 360, 4
_NOT_A_MAP = "not a roughness map; give 180 rows of 360 four-character numbers, in cm"


def read_roughness(path: str | Path) -> xr.DataArray:
    """Return a roughness map from text: 180 rows of 360 four-character numbers in cm, 1-degree cells from 90N, 180W.

    Returns
    -------
    DataArray, dimensions (lat, lon), m, lat rising.

    Raises
    ------
    SourceUnavailable
        If the file cannot be read.
    InvalidInput
        If it is not such a map.
    """
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: {_NOT_A_MAP} (it is not text)") from error
    starts = range(0, _WIDTH * _COLUMNS, _WIDTH)
    try:
        values = np.array([[int(row[i : i + _WIDTH]) for i in starts] for row in lines if row.strip()], np.float64)
    except ValueError as error:
        raise InvalidInput(f"{path}: {_NOT_A_MAP} ({error})") from error
    if values.shape != (_ROWS, _COLUMNS) or np.any(values <= 0):
        raise InvalidInput(f"{path}: {_NOT_A_MAP}; none may be zero or less")
    coords = {"lat": np.arange(-89.5, 90.0), "lon": np.arange(-179.5, 180.0)}
    return xr.DataArray(values[::-1] / 100.0, coords, ("lat", "lon"), "roughness_length", {"units": "m"})


def roughness_on(grid: MetGrid, roughness: float | xr.DataArray | None) -> NDArray[np.float64]:
    """Return the roughness length (m) at each point of a grid, from the nearest cell of a map or one value.

    Raises
    ------
    InvalidInput
        If it is not positive.
    """
    shape = (grid.ny, grid.nx)
    if roughness is None:
        return np.full(shape, DEFAULT_ROUGHNESS_M)
    if not isinstance(roughness, xr.DataArray):
        if not 0.0 < roughness < 10.0:
            raise InvalidInput(f"roughness length {roughness} m is not between 0 and 10 m; give metres")
        return np.full(shape, float(roughness))
    column, row = np.meshgrid(np.arange(grid.nx), np.arange(grid.ny))
    lon, lat = grid.to_lonlat(column, row)
    picked = roughness.sel(
        lat=xr.DataArray(lat, dims=("y", "x")), lon=xr.DataArray(lon, dims=("y", "x")), method="nearest"
    )
    return np.asarray(picked.values, np.float64)
