"""Receptors in and out: a table of places, and the same table with the concentration that a plume brings there."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput
from layers.tables import infer_types, read_table
from tracing.plume import Plume, downwind_from_east_north, downwind_from_lonlat

COLUMN = "concentration_mg_m3"

Array = NDArray[np.float64]


def with_concentrations(path: Path, plume: Plume, *, default_z_m: float) -> tuple[pd.DataFrame, int]:
    """Return the table at `path` with the column `concentration_mg_m3`, and how many rows lie beyond the model.

    Places are `lon`, `lat` (degrees) or `x_m`, `y_m` (east and north of the source); `z_m` is the height above ground.
    Upwind it is 0; downwind of where the model ends it is empty.

    Raises
    ------
    InvalidInput
        The table has no places, or a value is no number; the message names the line.
    """
    table = read_table(path)
    wind_from = plume.air.wind_from_deg
    if {"lon", "lat"} <= set(table.columns):
        lon, lat = _numbers(table, "lon", path, limit=180.0), _numbers(table, "lat", path, limit=90.0)
        along, across = downwind_from_lonlat(lon, lat, plume.release, wind_from)
    elif {"x_m", "y_m"} <= set(table.columns):
        along, across = downwind_from_east_north(_numbers(table, "x_m", path), _numbers(table, "y_m", path), wind_from)
    else:
        there = ", ".join(map(str, table.columns))
        raise InvalidInput(f"{path.name}: no places; it needs the columns lon and lat, or x_m and y_m, and has {there}")
    height = _numbers(table, "z_m", path) if "z_m" in table.columns else np.full(len(table), default_z_m)
    if (height < 0.0).any():
        raise InvalidInput(f"{path.name} line {table.index[height < 0.0][0]}: z_m is below the ground; give 0 or more")
    beyond = along > plume.limit_m
    values = plume.concentration(np.where(beyond, np.nan, along), across, height)
    # Six digits say more than any plume model knows, and keep the files the same on every machine.
    table = infer_types(table)
    table[COLUMN] = [float(f"{value:.6g}") for value in values]
    return table, int(beyond.sum())


def _numbers(table: pd.DataFrame, column: str, path: Path, *, limit: float = np.inf) -> Array:
    values: Array = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(values) | (np.abs(values) > limit))
    if wrong.size:
        first = int(wrong[0])
        raise InvalidInput(
            f"{path.name} line {table.index[first]}: {column} {table[column].iloc[first]!r}: give a number"
            + (f" of -{limit:g} to {limit:g}" if np.isfinite(limit) else "")
        )
    return values
