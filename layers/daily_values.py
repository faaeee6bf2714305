"""Daily values of stations: computed from hours, and as given where the hours do not make one."""

from collections.abc import Collection

import pandas as pd

from layers.means import DAILY_COLUMNS, daily_means, without_flags
from layers.times import CITY_ZONE

_KEY = ["date", "station_id"]


def given_days(values: pd.DataFrame, *, leave_out: Collection[str] = ()) -> pd.DataFrame:
    """Return stored daily values as one row for each station and day.

    Parameters
    ----------
    values : DataFrame
        Columns station_id, time (the day's first moment, with zone), pollutant, value (ug m-3, CO mg m-3), flag; see
        `layers.daily_columns`. Negative values do not count.
    leave_out : collection of str
        Values with one of these flags do not count.

    Returns
    -------
    DataFrame
        date (midnight, without zone), station_id and the columns of `layers.means.daily_means`, missing where nothing
        was given.
    """
    found = values[values["pollutant"].isin(DAILY_COLUMNS) & (values["value"] >= 0)]
    found = without_flags(found, leave_out)
    local = found["time"].dt.tz_convert(CITY_ZONE).dt.tz_localize(None).dt.normalize().dt.as_unit("ms")
    wide = found.assign(date=local).pivot(index=_KEY, columns="pollutant", values="value")
    return wide.reindex(columns=list(DAILY_COLUMNS)).rename_axis(columns=None).reset_index()


def daily_values(
    hours: pd.DataFrame,
    given: pd.DataFrame,
    *,
    hour_named: str = "start",
    leave_out: Collection[str] = (),
) -> tuple[pd.DataFrame, int]:
    """Return each station's daily values: from its hours, and as given where these make none.

    Parameters
    ----------
    hours : DataFrame
        Hourly observations; see `layers.means.daily_means`, also for `hour_named` and `leave_out`.
    given : DataFrame
        Stored daily values; see `given_days`.

    Returns
    -------
    DataFrame
        As `layers.means.daily_means`, ordered by date and station.
    int
        How many values are as given. What the hours say goes before: it can be traced to them.
    """
    computed = daily_means(hours, hour_named=hour_named, leave_out=leave_out)
    days = given_days(given, leave_out=leave_out)
    if days.empty:
        return computed, 0
    own, other = computed.set_index(_KEY), days.set_index(_KEY)
    both = own.combine_first(other).sort_index()[list(DAILY_COLUMNS)]
    return both.reset_index(), int(both.notna().sum().sum() - own.notna().sum().sum())
