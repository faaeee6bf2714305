"""The year or a month of stations and districts: means, percentiles, good days, composite index, ranks."""

import calendar

import numpy as np
import pandas as pd

from geo.errors import MissingData
from layers.air_quality import daily_aqi
from layers.means_kernels import percentile

# GB 3095-2012, grade 2: the year's means; for CO the 24-h limit, for O3 the 8-h limit.
LIMITS = {"so2": 60.0, "no2": 40.0, "pm10": 70.0, "pm25": 35.0, "co_95": 4.0, "o3_8h_90": 160.0}
LIMITS_NAME = "GB 3095-2012 grade 2"
POLLUTANTS = ("pm25", "pm10", "so2", "no2", "co", "o3_8h")
GOOD = 100
YEAR_DAYS = 324


def valid_days_needed(year: int, month: int | None = None) -> int:
    """Return how many daily values a year (324) or a month (27, February 25) needs (GB 3095-2012)."""
    if month is None:
        return YEAR_DAYS
    return 25 if month == 2 else 27


def assess(daily: pd.DataFrame, *, year: int, month: int | None = None) -> pd.DataFrame:
    """Return one row for each station or district.

    Parameters
    ----------
    daily : DataFrame
        date, name, and the columns of `layers.means.daily_means`.
    year, month : int
        The period; without a month the whole year.

    Returns
    -------
    DataFrame
        name, first_date, last_date; pm25, pm10, so2, no2 (ug m-3), the mean of the daily values; co_95 (mg m-3), the
        95th percentile of the daily means; o3_8h_90 (ug m-3), the 90th of the days' largest 8-h means; n_<pollutant>,
        the daily values behind each; complete, whether each has as many as the period needs; aqi_days, good_days,
        good_day_ratio_pct; composite_index (the six ratios to `LIMITS` added up; missing without all six), rank (1 is
        the cleanest), rank_pm25. Values of a period that is not complete are given all the same, to follow it.

    Raises
    ------
    MissingData
        No daily value in the period.

    Notes
    -----
    A day counts for the good-day ratio if it has a value of every pollutant that the place has in the period, or if
    its AQI is above 100 without them. The limits of GB 3095-2026 are not used: they are not all confirmed.
    """
    within = daily[daily["date"].dt.year == year]
    within = within if month is None else within[within["date"].dt.month == month]
    if within.empty:
        raise MissingData(f"no daily values in {year}{'' if month is None else f'-{month:02d}'}: nothing to assess")
    within = within.assign(aqi=daily_aqi(within)["aqi"].astype("float64"))
    rows = [_row(str(name), place, valid_days_needed(year, month)) for name, place in within.groupby("name", sort=True)]
    table = pd.DataFrame(rows)
    for column, by in (("rank", "composite_index"), ("rank_pm25", "pm25")):
        table[column] = table[by].rank(method="min").astype("Int64")
    return table


def _row(name: str, place: pd.DataFrame, needed: int) -> dict[str, object]:
    counts = {pollutant: int(place[pollutant].notna().sum()) for pollutant in POLLUTANTS}
    known = [pollutant for pollutant in POLLUTANTS if counts[pollutant]]
    counted = (place[known].notna().all(axis=1) & place["aqi"].notna()) | (place["aqi"] > GOOD)
    good = int((counted & (place["aqi"] <= GOOD)).sum())
    values = {item: round(float(place[item].mean()), 3) for item in ("pm25", "pm10", "so2", "no2")}
    values |= {
        "co_95": round(percentile(place["co"].to_numpy(), 95), 3),
        "o3_8h_90": round(percentile(place["o3_8h"].to_numpy(), 90), 3),
    }
    return {
        "name": name,
        "first_date": f"{place['date'].min():%Y-%m-%d}",
        "last_date": f"{place['date'].max():%Y-%m-%d}",
        **values,
        **{f"n_{pollutant}": count for pollutant, count in counts.items()},
        "complete": all(count >= needed for count in counts.values()),
        "aqi_days": int(counted.sum()),
        "good_days": good,
        "good_day_ratio_pct": round(100.0 * good / counted.sum(), 1) if counted.any() else np.nan,
        "composite_index": composite_index(values),
    }


def composite_index(values: dict[str, float]) -> float:
    """Return the sum of the six ratios to the limits, to three decimals; NaN where one is missing."""
    return round(sum(values[item] / limit for item, limit in LIMITS.items()), 3)


def days_in(year: int) -> int:
    """Return the days of a year."""
    return 366 if calendar.isleap(year) else 365
