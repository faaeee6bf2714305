"""Files in the style of China's national feed: date, hour, type, then a column for each station."""

import pandas as pd

from layers.numbers import parse_numbers
from layers.observation_columns import UNITS, find_column, joined_times, texts
from layers.ozone_columns import hours_swapped
from layers.schema import key
from layers.times import parse_times

_DATE = ("date", "日期")
_HOUR = ("hour", "小时", "时")
_TYPE = ("type", "类型", "指标")
_STATION = r"\d{3,6}[A-Za-z]"


def is_national_feed(table: pd.DataFrame) -> bool:
    """Return whether a table has columns date, hour and type, and others named like stations (1173A)."""
    head = [find_column(table, names) for names in (_DATE, _HOUR, _TYPE)]
    return all(head) and len(_stations(table)) > 0


def _stations(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns[table.columns.astype("str").str.fullmatch(_STATION)]]


def unpivoted(table: pd.DataFrame, timezone: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the hourly values of a national feed as a long table, and what was left out or put right.

    Parameters
    ----------
    table : DataFrame of text
        See `is_national_feed`. The index is kept, repeated.
    timezone : str
        Zone of the hours.

    Returns
    -------
    long : DataFrame
        Columns date, hour, station_id, pollutant, value; the hourly types PM2.5, PM10, SO2, NO2, CO, O3 only.
    notes : list of str
        Types left out (AQI, means over 8 and 24 h), and whether the 1-h and 8-h ozone were swapped.
    """
    date, hour, kind = (str(find_column(table, names)) for names in (_DATE, _HOUR, _TYPE))
    pollutant = texts(table[kind]).map(key, na_action="ignore").astype("str")
    notes = []
    if _swapped(table.assign(**{kind: pollutant}), (date, hour), kind, timezone):
        pollutant = pollutant.replace({"o3": "o38h", "o38h": "o3"})
        notes.append("the rows of 1-h and 8-h ozone are swapped in this file; they were put right")
    hourly = pollutant.isin(UNITS)
    other = sorted(set(texts(table[kind])[~hourly].dropna()))
    if other:
        notes.append(f"types not used: {', '.join(other)}")
    part = table[hourly.to_numpy(dtype=bool)]
    long = pd.DataFrame({"date": part[date], "hour": part[hour], "pollutant": pollutant[part.index]})
    wide = pd.concat([long, part[_stations(table)]], axis=1)
    return wide.melt(list(long.columns), var_name="station_id", value_name="value", ignore_index=False), notes


def _swapped(table: pd.DataFrame, when: tuple[str, str], kind: str, timezone: str) -> bool:
    """Compare the rows of both ozone types, station by station."""
    series = {}
    for name in ("o3", "o38h"):
        rows = table[table[kind] == name]
        times, _ = parse_times(joined_times(rows, when), timezone)
        values = rows[_stations(table)].apply(lambda column: parse_numbers(column)[0])
        series[name] = values.set_axis(pd.Index(times, name="time")).rename_axis(columns="station").unstack().dropna()
    if any(values.index.has_duplicates for values in series.values()):
        return False
    both = pd.concat(series, axis=1, join="inner").reset_index()
    return len(both) > 0 and hours_swapped(both["station"], both["time"], both["o3"], both["o38h"])
