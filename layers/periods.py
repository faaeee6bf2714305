"""Ledgers that hold for a time: the day on which a row is valid, and the quarters in which they are kept."""

import datetime as dt
import re
from collections.abc import Iterable

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput

FROM, TO = "valid_from", "valid_to"

_QUARTER = re.compile(r"(\d{4})\s*[-_]?\s*(?:Q|年第?)\s*([1-4一二三四])\s*(?:季度)?", re.IGNORECASE)
_NUMBERS = {"一": 1, "二": 2, "三": 3, "四": 4}


def iso_day(at: str | dt.date) -> str:
    """Return a day of the city as ISO text.

    Raises
    ------
    InvalidInput
        The text is not a day such as 2021-11-01.
    """
    if isinstance(at, dt.datetime):
        raise InvalidInput(f"{at}: give a day of the city, as 2021-11-01, not a moment")
    try:
        return at.isoformat() if isinstance(at, dt.date) else dt.date.fromisoformat(at.strip()).isoformat()
    except ValueError as error:
        raise InvalidInput(f"{at!r} is not a day; write it as 2021-11-01") from error


def quarter_days(text: str) -> tuple[str, str]:
    """Return the first and the last day of a quarter such as 2021Q4 or 2021年第四季度.

    Raises
    ------
    InvalidInput
        The text is not a quarter.

    Examples
    --------
    >>> quarter_days("2021Q4")
    ('2021-10-01', '2021-12-31')
    """
    match = _QUARTER.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"{text!r} is not a quarter; write it as 2021Q4")
    number = _NUMBERS.get(match[2]) or int(match[2])
    period = pd.Period(year=int(match[1]), quarter=number, freq="Q")
    return period.start_time.date().isoformat(), period.end_time.date().isoformat()


def period_columns(columns: Iterable[str], layer: str) -> list[str]:
    """Return which of valid_from and valid_to a layer has.

    Raises
    ------
    InvalidInput
        It has neither.
    """
    found = [name for name in (FROM, TO) if name in set(columns)]
    if not found:
        raise InvalidInput(f"layer {layer} keeps no periods: it has neither {FROM} nor {TO}")
    return found


def valid_tests(columns: Iterable[str], layer: str, at: str | dt.date) -> list[tuple[str, str, str]]:
    """Return column, sign and day of each test of being valid on a day, both ends included; an empty end is open.

    Raises
    ------
    InvalidInput
        No such day; the layer keeps no periods.
    """
    day = iso_day(at)
    signs = {FROM: "<=", TO: ">="}
    return [(name, signs[name], day) for name in period_columns(columns, layer)]


def valid_condition(columns: Iterable[str], layer: str, at: str | dt.date) -> str:
    """Return the SQL condition of `valid_tests` where times are kept as text."""
    tests = valid_tests(columns, layer, at)
    return " AND ".join(f'("{n}" IS NULL OR substr("{n}", 1, 10) {sign} \'{day}\')' for n, sign, day in tests)


def without_quarter(frame: gpd.GeoDataFrame, quarter: str) -> gpd.GeoDataFrame:
    """Return the rows that do not begin in a quarter."""
    if FROM not in frame:
        return frame
    first, last = quarter_days(quarter)
    begins = frame[FROM].astype("str").str[:10]
    return frame[~((begins >= first) & (begins <= last)).fillna(False).to_numpy(dtype=bool)].reset_index(drop=True)
