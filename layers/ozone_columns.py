"""Whether the columns of 1-h and 8-h ozone stand in each other's place, as in China's national feed."""

from dataclasses import replace

import numpy as np
import pandas as pd

from layers.numbers import parse_numbers
from layers.observation_columns import Columns
from layers.pollutant_headers import chosen_headers, item_of

_MIN_DAYS = 20
_DAY_SHARE = 0.9
_MIN_HOURS = 48
_WINDOW_H = 8
_MIN_VALUES = 6


def days_swapped(largest_hour: pd.Series, largest_8h: pd.Series) -> bool:
    """Return whether daily columns are swapped: a day's largest 8-h mean cannot exceed its largest hour.

    Parameters
    ----------
    largest_hour, largest_8h : Series, ug m-3
        As the headers say. NaN does not count.

    Returns
    -------
    bool
        True where at least 20 days differ and 90 % of these are impossible as they stand.
    """
    differ = (largest_hour.notna() & largest_8h.notna() & (largest_hour != largest_8h)).to_numpy()
    impossible = (largest_8h > largest_hour).to_numpy()[differ]
    return bool(impossible.size >= _MIN_DAYS and impossible.mean() >= _DAY_SHARE)


def hours_swapped(station: pd.Series, time: pd.Series, hour: pd.Series, eight: pd.Series) -> bool:
    """Return whether hourly columns are swapped: the 8-h column is the running mean of the other one.

    Parameters
    ----------
    station, time : Series
    hour, eight : Series, ug m-3
        What the headers call the 1-h value and the running 8-h mean.

    Returns
    -------
    bool
        True where at least 48 hours can be compared and what the header calls the 1-h value lies less than half as
        far from the running mean of the other as the other way round.
    """
    table = pd.DataFrame({"station": station, "time": time, "hour": hour, "eight": eight})
    table = table.dropna(subset=["station", "time"]).sort_values(["station", "time"]).reset_index(drop=True)
    rolling = table.set_index("time").groupby("station", sort=False)[["hour", "eight"]]
    means = rolling.rolling(f"{_WINDOW_H}h", min_periods=_MIN_VALUES).mean().reset_index(drop=True)
    as_said = (means["hour"] - table["eight"]).abs()
    other_way = (means["eight"] - table["hour"]).abs()
    both = (as_said.notna() & other_way.notna()).to_numpy()
    if both.sum() < _MIN_HOURS:
        return False
    return bool(np.mean(other_way[both]) < 0.5 * np.mean(as_said[both]))


def ozone_put_right(
    table: pd.DataFrame, columns: Columns, head: pd.DataFrame, period: str
) -> tuple[Columns, list[str]]:
    """Exchange the columns of 1-h and 8-h ozone of a wide table where they stand in each other's place.

    Parameters
    ----------
    table : DataFrame
    columns : Columns
    head : DataFrame
        station_id and time of each row.
    period : str
        "hourly" or "daily".

    Returns
    -------
    Columns
        As they are to be read.
    list of str
        What was put right.
    """
    headers = columns.pollutants if period == "daily" else table.columns
    items = {item: header for header in reversed(list(map(str, headers))) if (item := item_of(header)) is not None}
    chosen = chosen_headers(period, items)
    hour, eight = chosen.get("o3_1h" if period == "daily" else "o3"), chosen.get("o3_8h")
    if not columns.pollutants or hour is None or eight is None or hour not in columns.pollutants:
        return columns, []
    one, other = (parse_numbers(table[header])[0] for header in (hour, eight))
    if period == "daily":
        swapped = days_swapped(one, other)
    else:
        swapped = hours_swapped(head["station_id"], head["time"], one, other)
    if not swapped:
        return columns, []
    right = {header: name for header, name in columns.pollutants.items() if header not in (hour, eight)}
    right |= {eight: "o3_1h", hour: "o3_8h"} if period == "daily" else {eight: "o3"}
    return replace(columns, pollutants=right), [
        f"the columns of 1-h and 8-h ozone are swapped in this file ({hour}, {eight}); they were put right"
    ]
