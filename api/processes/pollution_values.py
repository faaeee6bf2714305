"""Where the values of a surface come from: a table or layer of stations, or the workspace's observations."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from api.processes.context import Context
from api.processes.pollution_inputs import PollutionInputs
from geo.errors import InvalidInput, MissingData
from layers.air_quality import STANDARDS, station_aqi
from layers.numbers import parse_numbers
from layers.pollution_levels import Averaging, Levels, category_levels, in_own_unit, own_levels, standard_at
from layers.times import parse_times

_NAMES = ("name", "名称", "station_name", "station_id", "id")
_HOURS_FOR_SO2 = 24


@dataclass(frozen=True)
class Values:
    """One value per station: `frame` with names and places, `values` (station,), what they are and of when."""

    frame: gpd.GeoDataFrame
    values: NDArray[np.float64]
    column: str
    time: pd.Timestamp | None
    averaging: Averaging

    def names(self) -> list[str]:
        """Return the stations' names, or their numbers in the input."""
        column = next((name for name in _NAMES if name in self.frame), None)
        if column is None:
            return [str(number + 1) for number in range(len(self.frame))]
        return [str(name) for name in self.frame[column]]


def values_of(inputs: PollutionInputs, context: Context) -> Values:
    """Read the stations' values.

    Raises
    ------
    InvalidInput, MissingData
        No such column, time or observations; places that are no points.
    """
    frame = _observed(inputs, context) if inputs.stations is None else context.vector(inputs.stations)
    if not len(frame):
        raise MissingData(f"{inputs.stations or 'the latest hour'} holds no station: nothing to interpolate")
    frame, time = _at_one_time(frame, inputs)
    _refuse_several_days(frame, inputs)
    shapes = frame.geometry
    if not (shapes.geom_type.dropna() == "Point").all():
        raise InvalidInput(f"{inputs.stations}: stations are points, here are {sorted(set(shapes.geom_type.dropna()))}")
    column = _column(frame, inputs)
    numbers, wrong = parse_numbers(frame[column])
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise InvalidInput(f"column {column}, row {at + 1}: {frame[column].iloc[at]!r} is no number; correct it")
    values = numbers.to_numpy(dtype=np.float64, copy=True)
    if (values < 0.0).any():
        at = int(np.flatnonzero(values < 0.0)[0])
        raise InvalidInput(f"column {column}, row {at + 1}: {values[at]:g} is below 0; empty the cell if it is a gap")
    averaging = inputs.averaging or ("1h" if "time" in frame else "24h")
    # Levels of the user's own are in the unit of the column.
    column, factor = (column, 1.0) if inputs.levels else in_own_unit(column)
    return Values(frame.reset_index(drop=True), factor * values, column, time, averaging)


def _observed(inputs: PollutionInputs, context: Context) -> gpd.GeoDataFrame:
    store = context.workspace.observations if context.workspace.exists() else None
    hours = None if store is None else store.time_range()
    if store is None or hours is None or not context.has_layer("stations"):
        raise InvalidInput("no values: give --stations FILE, or bring stations and observations into the workspace")
    end = hours[1] if inputs.time is None else pd.Timestamp(inputs.time)
    table = store.read(start=end - pd.Timedelta(hours=_HOURS_FOR_SO2 - 1), end=end + pd.Timedelta(minutes=1))
    if not (table["time"] == end).any():
        raise MissingData(
            f"no observations at {end:%Y-%m-%dT%H:%MZ}; there are those of {hours[0]:%Y-%m-%dT%H:%MZ} to "
            f"{hours[1]:%Y-%m-%dT%H:%MZ}"
        )
    found = station_aqi(context.vector("stations"), table)
    return found[found["time"] == end]


def _at_one_time(frame: gpd.GeoDataFrame, inputs: PollutionInputs) -> tuple[gpd.GeoDataFrame, pd.Timestamp | None]:
    """Return the rows of the time wanted, and that time where it is known."""
    wanted = None if inputs.time is None else pd.Timestamp(inputs.time)
    if "time" not in frame or not isinstance(frame["time"].dtype, pd.DatetimeTZDtype):
        return frame, wanted if wanted is not None else _day(frame)
    time = frame["time"].max() if wanted is None else wanted
    rows = frame[frame["time"] == time]
    if rows.empty:
        raise MissingData(
            f"{inputs.stations} has no values at {time:%Y-%m-%dT%H:%MZ}; it has those of "
            f"{frame['time'].min():%Y-%m-%dT%H:%MZ} to {frame['time'].max():%Y-%m-%dT%H:%MZ}"
        )
    return rows, time


def _day(frame: gpd.GeoDataFrame) -> pd.Timestamp | None:
    """Return the one day of a daily table, which says which standard holds."""
    column = _day_column(frame)
    if column is None:
        return None
    days, _ = parse_times(frame[column])
    return days.iloc[0] if days.nunique() == 1 and not days.isna().any() else None


def _refuse_several_days(frame: gpd.GeoDataFrame, inputs: PollutionInputs) -> None:
    """Refuse a table of several days, whose values at one place would be averaged."""
    column = _day_column(frame)
    if column is not None and frame[column].nunique() > 1:
        raise InvalidInput(
            f"{inputs.stations}: column {column} holds {frame[column].nunique()} days; keep the rows of one day"
        )


def _day_column(frame: gpd.GeoDataFrame) -> str | None:
    return next((name for name in ("date", "日期") if name in frame), None)


def _column(frame: gpd.GeoDataFrame, inputs: PollutionInputs) -> str:
    columns = [str(name) for name in frame.columns if name != "geometry"]
    if inputs.value is not None:
        if inputs.value in columns:
            return inputs.value
        raise InvalidInput(f"--value {inputs.value}: no such column; there are {', '.join(columns)}")
    for name in ("aqi", "pm25_ug_m3", "pm25"):
        if name in columns:
            return name
    raise InvalidInput(f"--value is missing: name the column of values, one of {', '.join(columns)}")


def levels_of(inputs: PollutionInputs, values: Values) -> Levels:
    """Return the levels that bound the classes."""
    if inputs.levels:
        return own_levels(inputs.levels, values.column)
    standard = {"2012": STANDARDS[0], "2026": STANDARDS[1]}.get(inputs.standard or "") or standard_at(values.time)
    return category_levels(values.column, values.averaging, standard)


def area_of(inputs: PollutionInputs, context: Context) -> tuple[BaseGeometry, gpd.GeoDataFrame]:
    """Return the area as one geometry, and the polygons that make it up.

    Raises
    ------
    InvalidInput
        There is no such layer, or it holds no polygon.
    """
    if inputs.area == "districts" and not context.has_layer("districts"):
        raise InvalidInput(
            "no area: give --area FILE, or bring the districts in with `suyuan layers add districts FILE`"
        )
    frame = context.vector(inputs.area)
    polygons = frame[frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"]) & ~frame.geometry.is_empty]
    if polygons.empty:
        raise InvalidInput(f"--area {inputs.area}: it holds no polygon")
    polygons = polygons.reset_index(drop=True)
    polygons.geometry = shapely.make_valid(polygons.geometry.to_numpy())
    return shapely.union_all(polygons.geometry.to_numpy()), polygons
