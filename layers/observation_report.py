"""From the hours of a year or month to the table of districts or stations that a bureau reads."""

from collections.abc import Collection
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput, MissingData
from layers.assessment import assess
from layers.means import daily_means, district_means
from layers.observation_columns import SYNTHETIC
from layers.targets import progress
from layers.times import CITY_ZONE

BY = ("district", "station")
LEVELS = ("national", "provincial", "city", "township")
CITY = "全市"
_CITY_LEVEL = "national"


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


def report(
    stations: gpd.GeoDataFrame,
    observations: pd.DataFrame,
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
        Columns id, name and, if any, level and district.
    observations : DataFrame
        Hourly, as `read_observations` gives them.
    chosen : Period
    by : str
        "district": stations averaged per district, and the whole city (全市) from its national stations; or "station".
    levels : collection of str
        Stations of these levels count; those without a level too.
    targets : DataFrame, optional
        Yearly targets by name.

    Returns
    -------
    table : DataFrame
        kind ("city", "district" or "station"), then the columns of `assess` and `progress`.
    notes : list of str
        What was left out or must be known.

    Raises
    ------
    InvalidInput
        Another word for `by`; targets with a month.
    MissingData
        No observations, or no station with a district.
    """
    if by not in BY:
        raise InvalidInput(f"unknown grouping {by!r}; use {' or '.join(BY)}")
    if targets is not None and chosen.month is not None:
        raise InvalidInput("targets are yearly: leave out the month or the targets")
    used = stations.drop_duplicates("id")
    if "level" in used:
        used = used[used["level"].isna() | used["level"].isin(list(levels))]
    inside = observations[observations["station_id"].isin(used["id"])]
    daily = daily_means(inside, hour_named=chosen.hour_named, leave_out=chosen.leave_out)
    if daily.empty:
        raise MissingData(f"no observations of the stations in {chosen.year}; add some, or name other --levels")
    parts = [
        assess(named, year=chosen.year, month=chosen.month).assign(kind=kind) for kind, named in _named(daily, used, by)
    ]
    table = pd.concat(parts, ignore_index=True)
    if targets is not None:
        table = progress(table, targets, year=chosen.year)
    first = ["kind", "name"]
    return table[first + [name for name in table if name not in first]], _notes(used, inside, table, by)


def _named(daily: pd.DataFrame, stations: gpd.GeoDataFrame, by: str) -> list[tuple[str, pd.DataFrame]]:
    """Return the daily values of each kind of row."""
    if by == "station":
        return [("station", daily.rename(columns={"station_id": "name"}))]
    ids = stations.set_index("id")
    if "district" not in ids or ids["district"].isna().all():
        raise MissingData(
            "no station has a district; add the column district to the layer stations, or use --by station"
        )
    city = ids[ids["level"] == _CITY_LEVEL] if "level" in ids and (ids["level"] == _CITY_LEVEL).any() else ids
    whole = district_means(daily, pd.Series(CITY, index=city.index))
    parts = [("city", whole)] if len(whole) else []
    return [*parts, ("district", district_means(daily, ids["district"]))]


def _notes(stations: gpd.GeoDataFrame, observations: pd.DataFrame, table: pd.DataFrame, by: str) -> list[str]:
    notes = []
    seen = stations[stations["id"].isin(observations["station_id"])]
    if by == "district":
        nowhere = seen.loc[seen["district"].isna(), "id"]
        if len(nowhere):
            notes.append(f"stations without district, left out: {', '.join(map(str, nowhere))}")
    for name, ids in stations.groupby("name")["id"]:
        if len(ids) > 1:
            notes.append(f"one name, several ids: {name} ({', '.join(map(str, ids))}); each counts for itself")
    partial = table.loc[~table["complete"], "name"]
    if len(partial):
        notes.append(f"too few valid days to be final: {', '.join(partial)}")
    if "flag" in observations and observations["flag"].fillna("").str.contains(SYNTHETIC, regex=False).any():
        notes.append("some of the values are generated (practice data)")
    return notes
