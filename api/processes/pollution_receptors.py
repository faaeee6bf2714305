"""Places in and out: a table of places, and the same table with the surface's value there."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.processes.receptor_table import place_columns
from geo.errors import InvalidInput
from geo.grid_over import Places
from geo.interpolation import Surface
from layers.numbers import parse_numbers
from layers.tables import infer_types, read_table

_LIMITS = {"lon": 180.0, "lat": 90.0}


def read_places(path: Path) -> tuple[pd.DataFrame, Places]:
    """Return a table and its places, columns lon and lat in degrees.

    Raises
    ------
    InvalidInput
        A column is missing, or a place is none; the message names the line.
    """
    table = read_table(path)
    found = place_columns(table)
    missing = [name for name in _LIMITS if name not in found]
    if missing:
        raise InvalidInput(f"{path.name}: no column {', '.join(missing)}; a table of places has lon and lat in degrees")
    if not len(table):
        raise InvalidInput(f"{path.name}: no place; give a row for each")
    columns: list[NDArray[np.float64]] = []
    for name, limit in _LIMITS.items():
        numbers = parse_numbers(table[found[name]])[0].to_numpy(dtype=np.float64, copy=True)
        wrong = np.flatnonzero(~(np.abs(numbers) <= limit))
        if wrong.size:
            value = table[found[name]].iloc[wrong[0]]
            raise InvalidInput(f"{path.name} line {table.index[wrong[0]]}: {name} {value!r}; give degrees")
        columns.append(numbers)
    return infer_types(table), Places.at(*columns)


def with_values(table: pd.DataFrame, surface: Surface, column: str, levels: tuple[float, ...]) -> pd.DataFrame:
    """Return the table with the value, its standard deviation and the chance of being above each level (0..1)."""
    found = {f"{column}_interpolated": surface.value}
    if surface.sd is not None:
        found["sd"] = surface.sd
        found |= {f"chance_above_{level:g}": surface.chance_above(level) for level in levels}
    # Six digits say more than the stations know, and keep the files the same on every machine.
    return table.assign(**{name: [float(f"{value:.6g}") for value in values] for name, values in found.items()})
