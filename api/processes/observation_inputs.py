"""Hourly values and where they were measured: from files, or from the workspace's observations and stations."""

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from api.processes.context import Context
from geo.errors import InvalidInput, MissingData
from layers.firms import is_firms
from layers.observation_columns import UNITS, find_column
from layers.observations import read_observations
from layers.schema import key
from layers.tables import infer_types, read_table
from layers.times import CITY_ZONE, parse_times

_IDS = ("id", "station_id", "编号", "站点编号", "监测点编码", "cell", "cell_id", "code")
_NAMES = ("name", "名称", "站点名称", "监测点名称", "station")
_TIMES = ("time", "datetime", "时间", "date")


def read_values(
    context: Context,
    source: str | None,
    pollutant: str,
    *,
    period: tuple[str | None, str | None] = (None, None),
    leave_out: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Return the values of one pollutant, columns station_id, time (UTC), value, unit, flag, and notes.

    Parameters
    ----------
    source : str or None
        A table as `suyuan observations add` takes it; without it the workspace's observations.
    period : first and last moment (exclusive), as text; times without zone are the city's
    leave_out : values with one of these flags do not count

    Raises
    ------
    InvalidInput
        Rows that cannot be read; the first is named. A period that is no time.
    MissingData
        No value of the pollutant.
    """
    start, end = (None if text is None else moment(text) for text in period)
    if source is None:
        context.workspace.require()
        table = context.observations(pollutant, start, end)
        notes: list[str] = []
    else:
        path = context.file(source)
        report = read_observations(path)
        if report.refused:
            first = report.rejected.iloc[0]
            raise InvalidInput(
                f"{path.name} row {first['row']}: {first['column']} {first['value']!r} {first['reason_en']}; "
                f"{len(report.rejected)} values are wrong, correct them"
            )
        table, notes = report.accepted, report.notes
        context.note_flags(table["flag"])
        table = table[table["pollutant"] == _known(pollutant, table)]
    where = pd.Series(True, index=table.index)
    if start is not None:
        where &= table["time"] >= start
    if end is not None:
        where &= table["time"] < end
    bad = table["flag"].fillna("").str.split(";").map(lambda flags: not set(flags).isdisjoint(leave_out)).astype(bool)
    if (where & bad).any():
        notes = [*notes, f"{int((where & bad).sum())} values with the flags {', '.join(leave_out)} were left out."]
    found = table[where & ~bad]
    if found.empty:
        raise MissingData(f"no values of {pollutant} in {source or 'the workspace'} for this period")
    return found.reset_index(drop=True), notes


def _known(pollutant: str, table: pd.DataFrame) -> str:
    there = sorted(set(table["pollutant"]))
    if key(pollutant) not in there:
        raise MissingData(f"no values of {pollutant}: the file holds {', '.join(there) or 'none'}")
    return key(pollutant)


def moment(text: str) -> pd.Timestamp:
    """Return a time in UTC; one without zone is the city's.

    Raises
    ------
    InvalidInput
        Not a time.
    """
    found, _ = parse_times(pd.Series([text], dtype="str"))
    if found.isna().any():
        raise InvalidInput(f"{text!r} is no time: write it as 2021-10-20T08:00 or with a zone")
    return pd.Timestamp(found.iloc[0])


def read_places(context: Context, source: str) -> gpd.GeoDataFrame:
    """Return places with the columns id and name, whatever their file calls them.

    Raises
    ------
    InvalidInput
        No column for the id.
    """
    frame = context.vector(source)
    identity = find_column(pd.DataFrame(frame), _IDS)
    if identity is None:
        raise InvalidInput(f"{source} has no column with the places' ids (id, 编号); it has {', '.join(frame.columns)}")
    ids = frame[identity]
    if pd.api.types.is_float_dtype(ids.dtype) and (ids.dropna() % 1 == 0).all():
        ids = ids.astype("Int64")
    name = find_column(pd.DataFrame(frame), _NAMES)
    out = gpd.GeoDataFrame(
        {"id": ids.astype(str), "name": (ids if name is None else frame[name]).astype(str)},
        geometry=frame.geometry.to_numpy(),
        crs=frame.crs,
    )
    level = find_column(pd.DataFrame(frame), ("level", "级别"))
    return out if level is None else out.assign(level=frame[level].astype(str))


def read_events(context: Context, source: str) -> gpd.GeoDataFrame:
    """Return points with their columns; a FIRMS table becomes fire points with the column time."""
    frame = context.vector(source)
    return context.ledger(source, "fire_points") if is_firms(frame.columns) else frame


def read_weather(context: Context, source: str) -> pd.DataFrame:
    """Return weather by hour: column time (UTC), station_id if there is one, and the numbers.

    Raises
    ------
    InvalidInput
        No column for the time, or a time that cannot be read.
    """
    path = context.file(source)
    table = infer_types(read_table(path)).reset_index(drop=True)
    name = find_column(table, _TIMES)
    if name is None:
        raise InvalidInput(f"{path.name} has no column time; it has {', '.join(map(str, table.columns))}")
    times, _ = parse_times(table[name], CITY_ZONE)
    lost = np.flatnonzero(times.isna())
    if lost.size:
        raise InvalidInput(f"{path.name} row {lost[0] + 1}: time {table[name].iloc[lost[0]]!r} cannot be read")
    station = find_column(table, _IDS)
    named = table.rename(columns={} if station is None else {station: "station_id"})
    return named.drop(columns=[name]).assign(time=times)


def unit_of(pollutant: str) -> str:
    """Return the unit in which values of a pollutant are held."""
    return UNITS.get(pollutant, "ug/m3")
