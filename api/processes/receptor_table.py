"""Receptors in and out: a table of places, and the same table with the concentration that a release brings there."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput
from layers.tables import infer_types, read_table
from tracing.dense_plume import DensePlume
from tracing.drift import DriftingPuffs
from tracing.plume import Plume, downwind_from_east_north, downwind_from_lonlat
from tracing.zone_ensemble import Model

COLUMN = "concentration_mg_m3"

Array = NDArray[np.float64]


def with_concentrations(path: Path, model: Model | DriftingPuffs, *, default_z_m: float) -> tuple[pd.DataFrame, int]:
    """Return the table at `path` with the column `concentration_mg_m3`, and how many rows lie beyond the model.

    Places are `lon`, `lat` (degrees) or `x_m`, `y_m` (east and north of the source); `z_m` is the height above ground.
    Upwind it is 0; downwind of where the model ends it is empty. A dense release gets the correlation's answer beside
    it, `dense_screening_mg_m3`; a plume the gas's travel time, `arrival_min`.

    Raises
    ------
    InvalidInput
        The table has no places, or a value is no number; the message names the line.
    """
    table = read_table(path)
    if not len(table):
        raise InvalidInput(f"{path.name}: no place; give a row for each")
    along, across = _places(table, path, model)
    height = _numbers(table, "z_m", path) if "z_m" in table.columns else np.full(len(table), default_z_m)
    if (height < 0.0).any():
        raise InvalidInput(f"{path.name} line {table.index[height < 0.0][0]}: z_m is below the ground; give 0 or more")
    beyond = model.beyond(along, across)
    here = np.where(beyond, np.nan, along)
    # Six digits say more than any plume model knows, and keep the files the same on every machine.
    table = infer_types(table)
    table[COLUMN] = _rounded(model.concentration(here, across, height))
    if isinstance(model, DensePlume):
        dense = model.dense_concentration(here, across, height)
        table["dense_screening_mg_m3"] = _rounded(np.where(beyond, np.nan, dense))
    if isinstance(model, Plume):
        table["arrival_min"] = _rounded(np.where(beyond | (along <= 0.0), np.nan, model.arrival(np.abs(along)) / 60.0))
    return table, int(beyond.sum())


def _rounded(values: Array) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _places(table: pd.DataFrame, path: Path, model: Model | DriftingPuffs) -> tuple[Array, Array]:
    """Return metres along and across the wind; for puffs in changing winds east and north."""
    # What is carried by changing winds has no axis: a wind from the west leaves east and north as they are.
    wind_from = 270.0 if isinstance(model, DriftingPuffs) else model.air.wind_from_deg
    if {"lon", "lat"} <= set(table.columns):
        lon, lat = _numbers(table, "lon", path, limit=180.0), _numbers(table, "lat", path, limit=90.0)
        return downwind_from_lonlat(lon, lat, model.release, wind_from)
    if {"x_m", "y_m"} <= set(table.columns):
        return downwind_from_east_north(_numbers(table, "x_m", path), _numbers(table, "y_m", path), wind_from)
    there = ", ".join(map(str, table.columns))
    raise InvalidInput(f"{path.name}: no places; it needs the columns lon and lat, or x_m and y_m, and has {there}")


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
