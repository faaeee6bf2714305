"""Tables of daily values: how they are told from hourly ones, and which column is what."""

import pandas as pd

from geo.errors import InvalidInput
from layers.observation_columns import (
    DATES,
    FLAG,
    HOUR,
    POLLUTANT,
    STATION,
    SUFFIX,
    TIME,
    UNIT,
    UNITS,
    VALUE,
    Columns,
    find_column,
    texts,
)
from layers.pollutant_headers import chosen_headers, item_of, items_of
from layers.schema import key, split_unit
from layers.times import CITY_ZONE, parse_times

PERIODS = ("hourly", "daily")
DAILY_UNITS = {**UNITS, "o3_8h": "ug/m3", "o3_1h": "ug/m3"}
"""Daily values with their units: 24-h means, the day's largest 8-h mean and largest hour of ozone; `o3` is ozone of an
averaging time that nobody told: it is kept and has no index."""

_YMD = (("year", "年", "y"), ("month", "月", "m"), ("day", "日", "d"))
_CLOCK = r"\d\s*[:：时時]|T\d"


def period_of(table: pd.DataFrame) -> str:
    """Return "daily" where a table names days but no hours, "hourly" otherwise.

    Days are a column date (日期), or year, month and day, without a column hour. A column date that says 00:00 in all
    rows of several days is one of days too, for that is how databases write them.
    """
    if find_column(table, HOUR) is not None:
        return "hourly"
    time = find_column(table, TIME)
    if time is None:
        return "daily" if all(_ymd(table)) else "hourly"
    if key(split_unit(time)[0]) not in DATES:
        return "hourly"
    times, _ = parse_times(table[time])
    local = times.dropna().dt.tz_convert(CITY_ZONE)
    if local.empty or (local != local.dt.normalize()).any():
        return "hourly"
    clocks = texts(table[time].astype("str")).str.contains(_CLOCK, regex=True, na=False).any()
    return "hourly" if clocks and local.nunique() == 1 else "daily"


def daily_columns(table: pd.DataFrame, name: str) -> Columns:
    """Find the columns of a table of daily values, long or wide.

    Raises
    ------
    InvalidInput
        No column for the station, the day or any pollutant; two columns for one pollutant.
    """
    there = ", ".join(map(str, table.columns))
    station = find_column(table, STATION)
    if station is None:
        raise InvalidInput(f"{name} has no column for the station (station_id, 站点编号); its columns are {there}")
    time, ymd = find_column(table, TIME), _ymd(table)
    when = (time,) if time is not None else tuple(part for part in ymd if part is not None)
    if len(when) not in (1, 3):
        raise InvalidInput(
            f"{name} has no column for the day (date, 日期; or year, month, day); its columns are {there}"
        )
    pollutant, value = find_column(table, POLLUTANT), find_column(table, VALUE)
    wide = {} if pollutant and value else _wide(table, name)
    if not wide and not (pollutant and value):
        raise InvalidInput(
            f"{name} has neither columns pollutant and value nor one of {', '.join(DAILY_UNITS)}; "
            f"its columns are {there}"
        )
    return Columns(station, when, wide, pollutant, value, find_column(table, UNIT), find_column(table, FLAG))


def daily_name(text: str) -> str:
    """Return the name under which a daily value of what a text says is kept: "O3_8h" is o3_8h, "PM2.5_24h" is pm25."""
    item = item_of(text)
    if item is not None:
        if item == ("o3", None):
            return "o3"
        column = next(iter(chosen_headers("daily", {item: text})), None)
        if column is not None:
            return column
    return key(SUFFIX.sub("", text))


def day_starts(times: pd.Series) -> pd.Series:
    """Return the first moment of the city's day that each time lies in, in UTC."""
    local = times.dt.tz_convert(CITY_ZONE)
    return local.dt.normalize().dt.tz_convert("UTC").dt.as_unit("ms")


def _ymd(table: pd.DataFrame) -> list[str | None]:
    return [find_column(table, names) for names in _YMD]


def _wide(table: pd.DataFrame, name: str) -> dict[str, str]:
    items = items_of(table.columns, name)
    found = {header: column for column, header in chosen_headers("daily", items).items()}
    return found | ({items["o3", None]: "o3"} if ("o3", None) in items else {})
