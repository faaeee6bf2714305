"""From the hours and days of a year or month to the tables of districts, townships or stations that a bureau reads."""

from collections.abc import Collection
from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput, MissingData
from layers.air_quality import daily_aqi
from layers.assessment import assess
from layers.daily_values import daily_values
from layers.means import DAILY_COLUMNS, district_means
from layers.observation_columns import SYNTHETIC
from layers.observation_store import empty
from layers.targets import progress
from layers.times import CITY_ZONE

BY = ("district", "township", "station")
LEVELS = ("national", "provincial", "city", "township")
CITY = "全市"
_CITY_LEVEL = "national"
_TOLD = 10


@dataclass(frozen=True)
class Period:
    """What is assessed: a year, or one of its months; how its hours are named; which flags do not count."""

    year: int
    month: int | None = None
    hour_named: str = "start"
    leave_out: tuple[str, ...] = ()


def period(year: int, month: int | None = None) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first hour of a year or month in China's time and the hour after its last, plus one.

    The hour more is the last one of the period where hours are named by their end.

    Raises
    ------
    InvalidInput
        A year before 1970 or after 2261.
    """
    if not 1970 <= year <= 2261:
        raise InvalidInput(f"the year {year} cannot be; give one such as 2021")
    start = pd.Timestamp(year=year, month=month or 1, day=1, tz=CITY_ZONE)
    return start, start + (pd.DateOffset(months=1) if month else pd.DateOffset(years=1)) + pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Measured:
    """What was measured: hourly observations, and values of whole days; see `layers.observations.read_observations`."""

    hours: pd.DataFrame
    days: pd.DataFrame = field(default_factory=empty)

    def of(self, stations: pd.Series) -> "Measured":
        """Return what some stations measured."""
        return Measured(*(table[table["station_id"].isin(stations)] for table in (self.hours, self.days)))


def report(
    stations: gpd.GeoDataFrame,
    measured: Measured,
    chosen: Period,
    *,
    by: str = "district",
    levels: Collection[str] = LEVELS,
    targets: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Assess a year or month; see `layers.assessment.assess` and `layers.targets.progress`.

    Parameters
    ----------
    stations : GeoDataFrame
        Columns id, name and, if any, level, district and township.
    measured : Measured
    chosen : Period
    by : str
        "district" or "township": stations averaged per place, and the whole city (全市) from its national stations; or
        "station".
    levels : collection of str
        Stations of these levels count; those without a level too.
    targets : DataFrame, optional
        Yearly targets by name.

    Returns
    -------
    table : DataFrame
        kind ("city", "district", "township" or "station"), then the columns of `assess` and `progress`.
    notes : list of str
        What was left out or must be known.

    Raises
    ------
    InvalidInput
        Another word for `by`; targets with a month.
    MissingData
        No observations, or no station with a district or township.
    """
    if targets is not None and chosen.month is not None:
        raise InvalidInput("targets are yearly: leave out the month or the targets")
    groups, notes = _daily_groups(stations, measured, chosen, by, levels)
    parts = [assess(named, year=chosen.year, month=chosen.month).assign(kind=kind) for kind, named in groups]
    table = pd.concat(parts, ignore_index=True)
    partial = table.loc[~table["complete"], "name"]
    if len(partial):
        notes.append(f"too few valid days to be final: {', '.join(partial)}")
    if targets is not None:
        table = progress(table, targets, year=chosen.year)
    return _kind_first(table), notes


def daily_report(
    stations: gpd.GeoDataFrame,
    measured: Measured,
    chosen: Period,
    *,
    by: str = "station",
    levels: Collection[str] = LEVELS,
) -> tuple[pd.DataFrame, list[str]]:
    """Return each day of each place with its index; parameters and errors as in `report`.

    Returns
    -------
    table : DataFrame
        kind, name, date (ISO text), the columns of `layers.means.daily_means`, n_stations (but for stations) and those
        of `layers.air_quality.daily_aqi`; ordered by kind, name and date.
    notes : list of str
    """
    groups, notes = _daily_groups(stations, measured, chosen, by, levels)
    parts = []
    for kind, named in groups:
        within = named[named["date"].dt.year == chosen.year]
        within = within if chosen.month is None else within[within["date"].dt.month == chosen.month]
        within = within.sort_values(["name", "date"], ignore_index=True)
        values = within.assign(
            kind=kind, date=within["date"].dt.strftime("%Y-%m-%d"), **within[list(DAILY_COLUMNS)].round(3)
        )
        parts.append(pd.concat([values, daily_aqi(within)], axis=1))
    return _kind_first(pd.concat(parts, ignore_index=True)), notes


def _kind_first(table: pd.DataFrame) -> pd.DataFrame:
    first = ["kind", "name"]
    return table[first + [name for name in table if name not in first]]


def _daily_groups(
    stations: gpd.GeoDataFrame, measured: Measured, chosen: Period, by: str, levels: Collection[str]
) -> tuple[list[tuple[str, pd.DataFrame]], list[str]]:
    """Return the daily values of each kind of place, and what must be known about them."""
    if by not in BY:
        raise InvalidInput(f"unknown grouping {by!r}; use one of {', '.join(BY)}")
    used = stations.drop_duplicates("id")
    if "level" in used:
        used = used[used["level"].isna() | used["level"].isin(list(levels))]
    inside = measured.of(used["id"])
    daily, given = daily_values(inside.hours, inside.days, hour_named=chosen.hour_named, leave_out=chosen.leave_out)
    daily = daily[daily["date"].dt.year == chosen.year]
    unknown = _unknown(stations, measured)
    if daily.empty and unknown:
        raise MissingData(
            f"the observations of {chosen.year} are of stations that the layer does not have ({unknown}): add them to "
            "the layer stations, or name other --levels"
        )
    if daily.empty:
        raise MissingData(f"no observations of the stations in {chosen.year}; add some, or name other --levels")
    notes = _notes(used, inside, by)
    if unknown:
        notes.append(f"observations of stations that the layer does not have, left out: {unknown}")
    if given:
        notes.append(f"{given} daily values are as given, not computed from hours")
    return _named(daily, used, by), notes


def _unknown(stations: gpd.GeoDataFrame, measured: Measured) -> str:
    """Return the stations that measured but are not in the layer, the first of many."""
    ids = pd.concat([measured.hours["station_id"], measured.days["station_id"]])
    found = sorted(set(ids[~ids.isin(stations["id"])]))
    return ", ".join(found[:_TOLD]) + (f" and {len(found) - _TOLD} more" if len(found) > _TOLD else "")


def _named(daily: pd.DataFrame, stations: gpd.GeoDataFrame, by: str) -> list[tuple[str, pd.DataFrame]]:
    """Return the daily values of each kind of row."""
    if by == "station":
        return [("station", daily.rename(columns={"station_id": "name"}))]
    ids = stations.set_index("id")
    if by not in ids or ids[by].isna().all():
        raise MissingData(f"no station has a {by}; add the column {by} to the layer stations, or use --by station")
    city = ids[ids["level"] == _CITY_LEVEL] if "level" in ids and (ids["level"] == _CITY_LEVEL).any() else ids
    whole = district_means(daily, pd.Series(CITY, index=city.index))
    parts = [("city", whole)] if len(whole) else []
    return [*parts, (by, district_means(daily, ids[by]))]


def _notes(stations: gpd.GeoDataFrame, measured: Measured, by: str) -> list[str]:
    notes = []
    values = pd.concat([measured.hours, measured.days], ignore_index=True)
    seen = stations[stations["id"].isin(values["station_id"])]
    if by != "station":
        nowhere = seen.loc[seen[by].isna(), "id"] if by in seen else seen["id"]
        if len(nowhere):
            notes.append(f"stations without {by}, left out: {', '.join(map(str, nowhere))}")
    for name, ids in stations.groupby("name")["id"]:
        if len(ids) > 1:
            notes.append(f"one name, several ids: {name} ({', '.join(map(str, ids))}); each counts for itself")
    if "flag" in values and values["flag"].fillna("").str.contains(SYNTHETIC, regex=False).any():
        notes.append("some of the values are generated (practice data)")
    return notes
