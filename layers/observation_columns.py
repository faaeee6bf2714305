"""Which column of a table of observations is what."""

import re
import unicodedata
from dataclasses import dataclass

import pandas as pd

from geo.errors import InvalidInput
from layers.schema import key, split_unit

STATION = (
    "station_id",
    "station",
    "站点编号",
    "站点编码",
    "监测点编码",
    "测点编码",
    "编码",
    "站点",
    "站点名称",
    "id",
    "code",
)
DATE = ("date", "日期", "监测日期", "统计日期")
TIME = ("time", "datetime", "date_time", "timestamp", "时间", "监测时间", "日期时间", "观测时间", "发布时间", *DATE)
HOUR = ("hour", "小时", "时")
POLLUTANT = ("pollutant", "污染物", "监测项目", "项目", "parameter")
VALUE = ("value", "浓度", "监测值", "数值", "值", "concentration")
UNIT = ("unit", "单位")
FLAG = ("flag", "标识", "数据标识", "质控标识", "qc")
DATES = frozenset(map(key, DATE))
SYNTHETIC = "synthetic"
UNITS = {"pm25": "ug/m3", "pm10": "ug/m3", "so2": "ug/m3", "no2": "ug/m3", "co": "mg/m3", "o3": "ug/m3"}
_MICROGRAMS = {"ugm3": 1.0, "μgm3": 1.0, "μgm³": 1.0, "微克立方米": 1.0, "mgm3": 1000.0, "毫克立方米": 1000.0}
SUFFIX = re.compile(r"_(ug_m3|mg_m3)$", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Which column of a table is what; `pollutants` maps a wide table's headers to pollutants."""

    station: str
    time: tuple[str, ...]
    pollutants: dict[str, str]
    pollutant: str | None
    value: str | None
    unit: str | None
    flag: str | None

    @classmethod
    def find(cls, table: pd.DataFrame, name: str) -> "Columns":
        """Find the columns by their headers.

        Raises
        ------
        InvalidInput
            No column for the station, the time or any pollutant.
        """
        there = ", ".join(map(str, table.columns))
        station = find_column(table, STATION)
        if station is None:
            raise InvalidInput(f"{name} has no column for the station (station_id, 站点编号); its columns are {there}")
        time = _time_columns(table)
        if not time:
            raise InvalidInput(f"{name} has no column for the time (time, 时间); its columns are {there}")
        pollutant, value = find_column(table, POLLUTANT), find_column(table, VALUE)
        wide = {} if pollutant and value else _wide(table)
        if not wide and not (pollutant and value):
            raise InvalidInput(
                f"{name} has neither columns pollutant and value nor one of {', '.join(UNITS)}; its columns are {there}"
            )
        return cls(station, time, wide, pollutant, value, find_column(table, UNIT), find_column(table, FLAG))

    def times(self, table: pd.DataFrame) -> pd.Series:
        """Return the time of each row as the table says it, put together from its parts."""
        return joined_times(table, self.time)


def _time_columns(table: pd.DataFrame) -> tuple[str, ...]:
    hour = find_column(table, HOUR)
    ymd = [find_column(table, names) for names in (("year", "年"), ("month", "月"), ("day", "日"))]
    if hour and all(ymd):
        return (*(str(name) for name in ymd), hour)
    time, date = find_column(table, TIME), find_column(table, DATE)
    if time is None:
        return ()
    if date is not None and clocks_only(table[time]):
        return (date, time)
    return (time, hour) if hour and key(time) in DATES else (time,)


def _wide(table: pd.DataFrame) -> dict[str, str]:
    found: dict[str, str] = {}
    for header in map(str, table.columns):
        pollutant = key(SUFFIX.sub("", split_unit(header)[0]))
        if pollutant in UNITS and pollutant not in found.values():
            found[header] = pollutant
    return found


def find_column(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    """Return the first column whose header, its unit taken off, is one of the names; None if there is none."""
    by_key = {key(split_unit(str(header))[0]): str(header) for header in reversed(list(table.columns))}
    return next((by_key[key(name)] for name in names if key(name) in by_key), None)


def clocks_only(column: pd.Series) -> bool:
    """Return whether a column holds times of day such as 8:00 and nothing else."""
    text = texts(column).dropna()
    return bool(len(text) and text.str.fullmatch(r"\d{1,2}(:\d{2}){0,2}").all())


def texts(column: pd.Series) -> pd.Series:
    """Return a column as stripped text; missing where it is empty."""
    text = (
        column
        if pd.api.types.is_string_dtype(column.dtype) and column.dtype != object
        else column.map(
            lambda value: str(int(value)) if isinstance(value, float) and value.is_integer() else str(value),
            na_action="ignore",
        )
    )
    stripped = text.astype("str").str.strip()
    return stripped.mask(stripped == "")


def joined_times(table: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """Put times together from one column, from date and hour, or from year, month, day and, if any, hour."""
    if len(names) == 1:
        return table[names[0]]
    parts = [texts(table[name]).str.replace(r"\.0$", "", regex=True) for name in names]
    day = _dated(parts[0]) if len(parts) == 2 else parts[0] + "-" + parts[1] + "-" + parts[2]
    if len(parts) == 3:
        return day
    hour = parts[-1]
    return day + " " + hour.where(hour.str.contains(":", na=False), hour + ":00")


def _dated(days: pd.Series) -> pd.Series:
    """Return dates with those that Excel left as numbers of days written out."""
    serial = days.str.fullmatch(r"[2-7]\d{4}", na=False)
    if not serial.any():
        return days
    moments = pd.Timestamp("1899-12-30") + pd.to_timedelta(pd.to_numeric(days[serial]), unit="D")
    return days.where(~serial, pd.Series(moments, days.index[serial]).dt.strftime("%Y-%m-%d").reindex(days.index))


def unit_factor(unit: str, pollutant: str) -> float:
    """Return what turns a value in this unit into the pollutant's own unit.

    Raises
    ------
    InvalidInput
        The unit is neither ug/m3 nor mg/m3.
    """
    micrograms = _MICROGRAMS.get(key(unicodedata.normalize("NFKC", unit)))
    if micrograms is None:
        raise InvalidInput(f"unknown unit {unit!r} of {pollutant}; use ug/m3 or mg/m3")
    return micrograms / 1000.0 if UNITS.get(pollutant) == "mg/m3" else micrograms
