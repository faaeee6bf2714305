"""Whether the columns of 1-h and 8-h ozone stand in each other's place, as in China's national feed."""

import numpy as np
import pandas as pd

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
