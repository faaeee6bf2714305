"""Daily means of stations and districts from hourly observations, by the city's day."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from geo.errors import InvalidInput
from layers.means_kernels import day_mean, largest_8h
from layers.observation_columns import UNITS
from layers.times import CITY_ZONE

HOUR_NAMES = ("start", "end")
DAILY_COLUMNS = (*(name for name in UNITS if name != "o3"), "o3_8h", "o3_1h")
_DAY_MS = 86_400_000


def daily_means(
    observations: pd.DataFrame, *, hour_named: str = "start", leave_out: Collection[str] = ()
) -> pd.DataFrame:
    """Return each station's daily values, by the day of China's time.

    Parameters
    ----------
    observations : DataFrame
        Columns station_id, time (with zone), pollutant, value (ug m-3, CO mg m-3), flag if any; see
        `read_observations`. Negative values do not count.
    hour_named : str
        "start" where 08:00 means 8 to 9 o'clock, "end" where it means 7 to 8.
    leave_out : collection of str
        Values with one of these flags do not count, such as "stuck".

    Returns
    -------
    DataFrame
        date (midnight, without zone), station_id; pm25, pm10, so2, no2 (ug m-3) and co (mg m-3), the mean of at least
        20 hours; o3_8h, the largest running 8-h mean (see `largest_8h`); o3_1h, the largest of at least 20 hours.
        Missing where the rule is not met; one row for each station and day with any hourly value.

    Raises
    ------
    InvalidInput
        Another word for `hour_named`; two values for one station, hour and pollutant.
    """
    if hour_named not in HOUR_NAMES:
        raise InvalidInput(f"hours are named by their {' or '.join(HOUR_NAMES)}, not {hour_named!r}")
    found = observations[observations["pollutant"].isin(UNITS) & (observations["value"] >= 0)]
    found = without_flags(found, leave_out)
    if found.duplicated(["station_id", "time", "pollutant"]).any():
        raise InvalidInput("observations hold two values for one station, hour and pollutant; keep one")
    local = found["time"].dt.tz_convert(CITY_ZONE).dt.tz_localize(None)
    local = (local - pd.Timedelta(hours=1) if hour_named == "end" else local).dt.as_unit("ms")
    day = local.dt.normalize()
    groups = pd.DataFrame({"date": day, "station_id": found["station_id"]}).groupby(["date", "station_id"])
    rows, days = groups.ngroup().to_numpy(), groups.size().index
    values = _days(found, rows, local.dt.hour.to_numpy(), len(days))
    head = {"date": days.get_level_values("date"), "station_id": days.get_level_values("station_id")}
    return pd.DataFrame({**head, **{name: values[name] for name in DAILY_COLUMNS}})


def without_flags(observations: pd.DataFrame, leave_out: Collection[str]) -> pd.DataFrame:
    """Return the observations without those that carry one of the flags."""
    if not leave_out or "flag" not in observations:
        return observations
    flags = observations["flag"].fillna("").str.split(";")
    return observations[~flags.map(lambda parts: bool(set(parts) & set(leave_out))).astype(bool)]


def _days(found: pd.DataFrame, rows: np.ndarray, hour: np.ndarray, count: int) -> dict[str, np.ndarray]:
    result: dict[str, np.ndarray] = {}
    for name in UNITS:
        chosen = (found["pollutant"] == name).to_numpy()
        hours = np.full((count, 24), np.nan)
        hours[rows[chosen], hour[chosen]] = found["value"].to_numpy()[chosen]
        if name == "o3":
            largest = np.where(np.isfinite(hours), hours, -np.inf).max(axis=1)
            result |= {"o3_8h": largest_8h(hours), "o3_1h": np.where(np.isfinite(day_mean(hours)), largest, np.nan)}
        else:
            result[name] = day_mean(hours)
    return result


def district_means(daily: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return the daily values of districts: for each day and pollutant the mean over their stations.

    Parameters
    ----------
    daily : DataFrame
        See `daily_means`.
    groups : Series
        Station id (index) -> district. Stations that are not there, or have none, are left out.

    Returns
    -------
    DataFrame
        date, name (the district), the columns of `daily_means`, n_stations (with any value on that day).
    """
    named = daily.assign(name=daily["station_id"].map(groups)).dropna(subset="name")
    grouped = named.groupby(["date", "name"])
    means = grouped[list(DAILY_COLUMNS)].mean()
    return means.assign(n_stations=grouped["station_id"].nunique()).reset_index()
