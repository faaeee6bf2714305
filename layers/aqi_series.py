"""A city's daily indices in a row: from a table of indices or of pollutants, or from hourly observations."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from layers.air_quality import DAILY, daily_aqi
from layers.aqi_tables import index_of_table
from layers.daily_values import daily_values
from layers.means import district_means
from layers.numbers import parse_numbers
from layers.schema import key, split_unit
from layers.tables import read_long_table
from layers.times import parse_times

_DATES = {key(name) for name in ("date", "日期", "监测日期", "预报日期", "统计日期", "day")}
_AQI = {key(name) for name in ("aqi", "AQI指数", "空气质量指数", "日AQI", "预报AQI")}
_PRIMARY = {key(name) for name in ("primary", "primary_pollutant", "首要污染物", "首要污染因子")}
# Below it no plan calls for anything.
_POLLUTED = 100.0
_STATION = {key(name) for name in ("station_id", "station", "站点编号", "站点")}


@dataclass(frozen=True)
class AqiSeries:
    """Days in order, the index of each (NaN for a gap), and what must be said.

    `ozone_days` are those above 100 whose primary pollutant is known to be ozone.
    """

    days: list[dt.date]
    aqi: NDArray[np.float64]
    notes: list[str]
    ozone_days: list[dt.date] = field(default_factory=list)


def read_series(path: Path) -> AqiSeries:
    """Read one index per day, or compute it from 24-h means; of several stations the mean concentration counts.

    Raises
    ------
    InvalidInput
        No column of days; neither an index nor pollutants; two rows for a day; a day or number that is none.
    """
    table = read_long_table(path)
    day_column = _column(table, _DATES)
    if day_column is None:
        raise InvalidInput(f"{path.name} has no column for the day (date, 日期); there are {', '.join(table.columns)}")
    aqi_column = _column(table, _AQI)
    if aqi_column is None:
        return _from_pollutants(table, path.name, day_column)
    times, _ = parse_times(table[day_column])
    _refuse(times.isna().to_numpy(), table, day_column, path.name, "no day")
    values, wrong = parse_numbers(table[aqi_column])
    _refuse(wrong, table, aqi_column, path.name, "no number")
    beyond = ((values < 0.0) | (values > 500.0)).to_numpy()
    _refuse(beyond, table, aqi_column, path.name, "no index, which lies within 0 to 500")
    days = pd.Series(times.dt.tz_convert("Asia/Shanghai").dt.date, index=table.index)
    twice = days.duplicated().to_numpy()
    _refuse(twice, table, day_column, path.name, "a second row for that day; give one index per day")
    primary = _column(table, _PRIMARY)
    return _series(list(days), values.to_numpy(dtype=np.float64), [], None if primary is None else table[primary])


def ozone_leads(primary: pd.Series, aqi: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the index is above 100 and ozone is its primary pollutant (`o3_8h`, `O3`, 臭氧 ...)."""
    named = primary.astype("string").fillna("").str.contains("o3|o₃|ozone|臭氧", case=False, regex=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(named.to_numpy(dtype=bool) & (aqi > _POLLUTED))


def series_from_observations(hours: pd.DataFrame, days: pd.DataFrame, stations: gpd.GeoDataFrame) -> AqiSeries:
    """Return the city's daily index: the mean over its national stations, or over all where it has none.

    `hours` are hourly observations, `days` daily values as given; see `layers.daily_values.daily_values`.

    Raises
    ------
    MissingData
        No day has enough hours.
    """
    national = stations[stations["level"] == "national"] if "level" in stations else stations.iloc[:0]
    used = stations if national.empty else national
    daily, _ = daily_values(*(table[table["station_id"].isin(used["id"])] for table in (hours, days)))
    if daily.empty:
        raise MissingData("the workspace's observations make no daily mean: a day needs 20 hours with a value")
    city = district_means(daily, pd.Series("city", index=used["id"].drop_duplicates()))
    index = daily_aqi(city)
    aqi = index["aqi"].astype("float64")
    which = "全部" if national.empty else "国控"
    which_en = "all" if national.empty else "national"
    notes = [
        f"日 AQI 由{which}站点浓度平均值计算 / the daily AQI is that of the mean concentration of {which_en} stations"
    ]
    values = np.asarray(aqi.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    return _series([day.date() for day in city["date"]], values, notes, index["primary"])


def _from_pollutants(table: pd.DataFrame, name: str, day_column: str) -> AqiSeries:
    found = index_of_table(table, name, kind="daily").table
    days = pd.to_datetime(found[day_column]).dt.date
    if not days.duplicated().any():
        values = found["aqi"].to_numpy(dtype=np.float64, na_value=np.nan)
        return _series(list(days), np.asarray(values, dtype=np.float64), [], found["primary"])
    given = [item for item in DAILY if item in found.columns]
    if _column(table, _STATION) is None or not given:
        raise InvalidInput(
            f"{name} has several rows for a day: give one row per day, or the columns station_id and pm25, pm10, so2, "
            "no2, "
            "co, o3_8h"
        )
    numbers = {item: pd.to_numeric(found[item], errors="coerce") for item in given}
    means = pd.DataFrame(numbers).groupby(days.to_numpy()).mean()
    index = daily_aqi(means.reset_index(names="date"))
    count = found.groupby(days.to_numpy()).size()
    notes = [
        f"日 AQI 由各站点浓度平均值计算（每日 {count.min()}–{count.max()} 个站点） / the daily AQI is that of the mean "
        f"concentration of {count.min()} to {count.max()} stations"
    ]
    values = np.asarray(index["aqi"].to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    return _series(list(means.index), values, notes, index["primary"])


def _series(days: list[dt.date], aqi: NDArray[np.float64], notes: list[str], primary: pd.Series | None) -> AqiSeries:
    order = sorted(range(len(days)), key=lambda at: days[at])
    rising, values = [days[at] for at in order], aqi[order]
    if not np.isfinite(values).any():
        raise MissingData("no day of the series has an index")
    empty = int(np.isnan(values).sum()) + (rising[-1] - rising[0]).days + 1 - len(rising)
    if empty:
        notes = [*notes, f"{empty} 天没有 AQI，时段在此中断 / {empty} days have no index: a period ends there"]
    ozone = [] if primary is None else [days[at] for at in np.flatnonzero(ozone_leads(primary, aqi))]
    return AqiSeries(rising, values, notes, sorted(ozone))


def _column(table: pd.DataFrame, wanted: set[str]) -> str | None:
    return next((name for name in table.columns if {key(name), key(split_unit(name)[0])} & wanted), None)


def _refuse(wrong: NDArray[np.bool_], table: pd.DataFrame, column: str, name: str, what: str) -> None:
    at = np.flatnonzero(wrong)
    if at.size:
        raise InvalidInput(f"{name} line {table.index[at[0]]}: {column} {table[column].iloc[at[0]]!r} is {what}")
