"""The year so far against its targets, and what the rest of the year may average."""

import numpy as np
import pandas as pd

from geo.errors import InvalidInput
from layers.assessment import days_in

_LEAST_SHARE = 0.75
COLUMNS = ("name", "pm25_target_ug_m3", "good_day_ratio_target_pct")


def progress(assessed: pd.DataFrame, targets: pd.DataFrame, *, year: int) -> pd.DataFrame:
    """Return the assessment with the targets beside it.

    Parameters
    ----------
    assessed : DataFrame
        See `layers.assessment.assess`, of a year.
    targets : DataFrame
        name and any of pm25_target_ug_m3, good_day_ratio_target_pct; target_year, where there is one, must be the year.

    Returns
    -------
    DataFrame
        The rows of `assessed` with days_elapsed (to the last day with data), pm25_target_ug_m3,
        pm25_rest_may_average (ug m-3; below 0 the target is out of reach), pm25_state; good_day_ratio_target_pct,
        good_days_rest_must_be_pct (above 100 out of reach), good_days_state. A state is "met", "on_track", "behind",
        "out_of_reach", "missed" at the year's end, or "too_few_days" where under 75 % of the days elapsed have a value
    (then what the rest may average is missing); missing without target or value.

    Raises
    ------
    InvalidInput
        The targets have no names, two rows of one name, or are of another year only.

    Notes
    -----
    With N days in the year, E elapsed and the mean m of the days so far, the rest may average (T N - m E) / (N - E):
    days without data count as the days so far. The same holds for the share of good days.
    """
    wanted = _of_year(targets, year)
    table = assessed.merge(wanted, on="name", how="left")
    last = pd.to_datetime(table["last_date"])
    table["days_elapsed"] = last.dt.day_of_year
    rest = days_in(year) - table["days_elapsed"]
    if "pm25_target_ug_m3" in table:
        target, mean = table["pm25_target_ug_m3"], table["pm25"]
        few = table["n_pm25"] < _LEAST_SHARE * table["days_elapsed"]
        needed = _rest(target, mean, table["days_elapsed"], rest).mask(few)
        table["pm25_rest_may_average"] = needed.round(1)
        table["pm25_state"] = _states(target - mean, rest, few, lost=needed < 0, sure=pd.Series(False, table.index))
    if "good_day_ratio_target_pct" in table:
        target, ratio = table["good_day_ratio_target_pct"], table["good_day_ratio_pct"]
        few = table["aqi_days"] < _LEAST_SHARE * table["days_elapsed"]
        needed = _rest(target, ratio, table["days_elapsed"], rest).mask(few)
        table["good_days_rest_must_be_pct"] = needed.round(1)
        table["good_days_state"] = _states(ratio - target, rest, few, lost=needed > 100, sure=needed <= 0)
    return table


def _of_year(targets: pd.DataFrame, year: int) -> pd.DataFrame:
    if "name" not in targets or not set(COLUMNS[1:]) & set(targets.columns):
        raise InvalidInput(f"targets need the columns name and one of {', '.join(COLUMNS[1:])}")
    if "target_year" in targets:
        years = pd.to_numeric(targets["target_year"])
        if not (years == year).any():
            there = ", ".join(str(int(found)) for found in sorted(years.dropna().unique())) or "no year"
            raise InvalidInput(f"the targets are of {there}, not of {year}; give those of {year}")
        targets = targets[years == year]
    if targets["name"].duplicated().any():
        raise InvalidInput(f"two targets for {targets.loc[targets['name'].duplicated(), 'name'].iloc[0]}; keep one")
    kept = [name for name in COLUMNS if name in targets]
    return pd.DataFrame({name: targets[name] if name == "name" else pd.to_numeric(targets[name]) for name in kept})


def _rest(target: pd.Series, value: pd.Series, elapsed: pd.Series, rest: pd.Series) -> pd.Series:
    days = elapsed + rest
    return ((target * days - value * elapsed) / rest.where(rest > 0)).astype("float64")


def _states(margin: pd.Series, rest: pd.Series, few: pd.Series, *, lost: pd.Series, sure: pd.Series) -> pd.Series:
    over = (rest == 0).to_numpy()
    good = (margin >= 0).to_numpy()
    names = np.select(
        [few.to_numpy(), over & good, over, lost.to_numpy(), sure.to_numpy(), good],
        ["too_few_days", "met", "missed", "out_of_reach", "met", "on_track"],
        "behind",
    )
    return pd.Series(names, index=margin.index, dtype="str").where(margin.notna())
