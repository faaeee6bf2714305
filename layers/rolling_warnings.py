"""Warnings from 24-h means that begin at any hour: rules speak of the mean of 24 hours in a row, not of calendar days.

A condition of 48 hours holds where two such means, one after the other, pass the index; they may begin at any hour.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from layers.air_quality import daily_aqi
from layers.aqi_series import ozone_leads
from layers.numbers import parse_numbers
from layers.schema import key, split_unit
from layers.tables import read_long_table
from layers.times import CITY_ZONE, parse_times
from layers.warning_rules import Period, PollutionWarning, RuleSet, in_their_time, periods_of, runs_of

_TIMES = {key(name) for name in ("time", "datetime", "时间", "预报时间", "监测时间", "时刻")}
_AQI = {key(name) for name in ("aqi", "AQI指数", "空气质量指数", "小时AQI", "预报AQI")}
_NAMES = {
    "pm25": ("pm25", "pm2.5", "pm25_ug_m3", "细颗粒物"),
    "pm10": ("pm10", "pm10_ug_m3", "可吸入颗粒物"),
    "so2": ("so2", "so2_ug_m3", "二氧化硫"),
    "no2": ("no2", "no2_ug_m3", "二氧化氮"),
    "co": ("co", "co_mg_m3", "一氧化碳"),
    "o3": ("o3", "o3_ug_m3", "臭氧"),
}
_HOURS, _LEAST = 24, 20
# Means of 8 hours end in 17 of 24 hours; a day's largest needs 14 of them (GB 3095-2012).
_EIGHT, _LEAST_EIGHT, _ENDS, _LEAST_ENDS = 8, 6, 17, 14


@dataclass(frozen=True)
class RollingSeries:
    """Indices of 24-h means by the hour at which each begins (the city's time, hourly), NaN for a gap; notes.

    `ozone_days` are those on which a mean above 100 begins whose primary pollutant is ozone.
    """

    begins: pd.DatetimeIndex
    aqi: NDArray[np.float64]
    notes: list[str]
    ozone_days: list[dt.date] = field(default_factory=list)

    @property
    def days(self) -> list[dt.date]:
        """The days on which a mean begins."""
        return sorted(set(self.begins.date))


def is_hourly(path: Path) -> bool:
    """Return whether a table has times within days, as an hourly forecast has."""
    table = read_long_table(path)
    column = _column(table, _TIMES)
    if column is None:
        return False
    times = parse_times(table[column])[0].dropna()
    return bool(times.dt.tz_convert(CITY_ZONE).dt.hour.nunique() > 1)


def read_hourly_series(path: Path) -> RollingSeries:
    """Read hourly indices or concentrations; of several rows for an hour the mean counts.

    Raises
    ------
    InvalidInput
        No column of times, neither an index nor pollutants, a time or number that is none.
    MissingData
        No 24 hours in a row have 20 values.
    """
    table = read_long_table(path)
    column = _column(table, _TIMES)
    if column is None:
        raise InvalidInput(f"{path.name} has no column for the hour (time, 时间); there are {', '.join(table.columns)}")
    times, _ = parse_times(table[column])
    _refuse(times.isna().to_numpy(), table, column, name=path.name, what="no time")
    given = {name: found for name in _NAMES if (found := _column(table, {key(one) for one in _NAMES[name]}))}
    index = _column(table, _AQI)
    columns = {"aqi": index} if index is not None else given
    if not columns:
        raise InvalidInput(f"{path.name} has neither aqi nor hourly pm25, pm10, so2, no2, co, o3")
    values = {}
    for name, heading in columns.items():
        numbers, wrong = parse_numbers(table[heading])
        most = 500.0 if name == "aqi" else 1e5
        _refuse(
            wrong | ((numbers < 0.0) | (numbers > most)).to_numpy(), table, heading, name=path.name, what="no value"
        )
        values[name] = numbers.to_numpy(dtype=np.float64)
    hours = pd.DatetimeIndex(times).tz_convert(CITY_ZONE).floor("h")
    return rolling_series(pd.DataFrame(values, index=hours).groupby(level=0).mean())


def rolling_from_observations(observations: pd.DataFrame, stations: gpd.GeoDataFrame) -> RollingSeries:
    """Return the series of a city: the hourly mean over its national stations, or over all where it has none.

    Raises
    ------
    MissingData
        No 24 hours in a row have 20 values.
    """
    national = stations[stations["level"] == "national"] if "level" in stations else stations.iloc[:0]
    used = stations if national.empty else national
    kept = observations[observations["station_id"].isin(used["id"]) & observations["pollutant"].isin(_NAMES)]
    if kept.empty:
        raise MissingData("the workspace's observations hold no hourly pm25, pm10, so2, no2, co or o3")
    hourly = kept.pivot_table(index="time", columns="pollutant", values="value", aggfunc="mean")
    hourly.index = pd.DatetimeIndex(hourly.index).tz_convert(CITY_ZONE)
    return rolling_series(hourly)


def rolling_series(hourly: pd.DataFrame) -> RollingSeries:
    """Return the index of each 24 hours in a row.

    `hourly` has times of the city as index and the column aqi, or any of pm25, pm10, so2, no2, o3 (ug m-3) and co
    (mg m-3).
    """
    whole = hourly.reindex(pd.date_range(hourly.index.min(), hourly.index.max(), freq="h"))
    if len(whole) < _HOURS:
        raise MissingData(f"the series has {len(whole)} hours: a 24-h mean needs 24")
    means = whole.rolling(_HOURS, min_periods=_LEAST).mean()
    if "o3" in whole:
        eight = whole["o3"].rolling(_EIGHT, min_periods=_LEAST_EIGHT).mean()
        means["o3_8h"] = eight.rolling(_ENDS, min_periods=_LEAST_ENDS).max()
        means = means.drop(columns="o3")
    means = means.iloc[_HOURS - 1 :]
    begins = pd.DatetimeIndex(means.index) - pd.Timedelta(hours=_HOURS - 1)
    ozone: list[dt.date] = []
    if "aqi" in means:
        values = means["aqi"].to_numpy(dtype=np.float64)
        note = "小时 AQI 的 24 小时滑动平均 / 24-h means of hourly indices, from any hour"
    else:
        # The day that a mean begins on decides the standard.
        dated = means.reset_index(drop=True).assign(date=begins.tz_localize(None).normalize())
        index = daily_aqi(dated)
        values = index["aqi"].to_numpy(dtype=np.float64, na_value=np.nan)
        ozone = sorted(set(begins.date[ozone_leads(index["primary"], values)]))
        note = "由小时浓度的 24 小时滑动平均计算 AQI / the AQI is that of 24-h means of hourly values, from any hour"
    if not np.isfinite(values).any():
        raise MissingData("no 24 hours in a row have 20 values")
    return RollingSeries(begins, np.asarray(values, dtype=np.float64), [note], ozone)


def rolling_warnings(series: RollingSeries, sets: Sequence[RuleSet], *, dated: bool = True) -> list[PollutionWarning]:
    """Return the warnings that 24-h means from any hour call for, in order.

    `dated` says whether a rule set counts only for warnings that begin while it is in force.
    """

    def since(rules: RuleSet, day: dt.date) -> list[PollutionWarning]:
        before = np.asarray(series.begins.date) < day
        return _of(replace(series, aqi=np.where(before, np.nan, series.aqi)), rules)

    found = in_their_time(sets, since) if dated else [one for rules in sets for one in _of(series, rules)]
    return sorted(found, key=lambda one: (one.since, one.rule_set.id))


def _of(series: RollingSeries, rules: RuleSet) -> list[PollutionWarning]:
    periods = [
        Period(one.first * _HOURS + phase, one.last * _HOURS + phase + _HOURS - 1, rank, one.reason)
        for phase in range(min(_HOURS, len(series.aqi)))
        for rank, rule in enumerate(rules.rules)
        for alternative in rule.alternatives
        for one in periods_of(
            series.begins[phase].to_pydatetime().replace(tzinfo=None), series.aqi[phase::_HOURS], alternative, rank
        )
    ]
    called = np.zeros(len(series.aqi) + _HOURS - 1, dtype=bool)
    for period in periods:
        called[period.first : period.last + 1] = True
    stretches: list[tuple[int, int]] = []
    for begin, end in runs_of(called):
        if stretches and begin - stretches[-1][1] - 1 < rules.merge_gap_hours:
            begin = stretches.pop()[0]
        stretches.append((begin, end))
    return [_warning(series, rules, periods, stretch) for stretch in stretches]


def _warning(
    series: RollingSeries, rules: RuleSet, periods: Sequence[Period], stretch: tuple[int, int]
) -> PollutionWarning:
    begin, end = stretch
    inside = [period for period in periods if begin <= period.first <= end]
    worst = max(period.colour for period in inside)
    grave = [period for period in inside if period.colour == worst]
    longest = max(grave, key=lambda period: (period.last - period.first, -period.first))

    def hour(number: int) -> pd.Timestamp:
        return series.begins[0] + pd.Timedelta(hours=number)

    return PollutionWarning(
        rules.rules[worst].colour,
        hour(begin).date(),
        hour(end).date(),
        hour(min(period.first for period in grave)).date(),
        hour(max(period.last for period in grave)).date(),
        float(np.nanmax(series.aqi[begin : max(end - _HOURS + 2, begin + 1)])),
        rules,
        longest.reason,
        hour(begin),
        hour(end + 1),
    )


def _column(table: pd.DataFrame, wanted: set[str]) -> str | None:
    return next((name for name in table.columns if {key(name), key(split_unit(name)[0])} & wanted), None)


def _refuse(wrong: NDArray[np.bool_], table: pd.DataFrame, column: str, *, name: str, what: str) -> None:
    at = np.flatnonzero(wrong)
    if at.size:
        raise InvalidInput(f"{name} line {table.index[at[0]]}: {column} {table[column].iloc[at[0]]!r} is {what}")
