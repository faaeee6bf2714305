"""Daily means of the whole city for a period, straight from the store's columns."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput
from layers.city_kernel import spread_hours
from layers.means import DAILY_COLUMNS
from layers.means_kernels import day_mean, largest_8h
from layers.observation_columns import UNITS
from layers.observation_files import Wanted
from layers.observation_store import ObservationStore
from layers.observation_table import CodedTable, coded, joined
from layers.times import CITY_ZONE


def city_daily_means(
    store: ObservationStore, first: str, last: str, *, stations: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return the city's daily values: for each day and pollutant the mean over the stations' daily values.

    The same numbers as `daily_means` and `district_means` with all stations in one district and hours named by their
    start, without a row per value in between: a month of 1500 stations is read in a fraction of a second.

    Parameters
    ----------
    store : ObservationStore
    first, last : str
        Days of China's time such as 2024-05-01, both included; at most 366 days.
    stations : iterable of str, optional
        Only these count.

    Returns
    -------
    DataFrame
        date, the columns of `layers.means.daily_means`, n_stations (with any hourly value on that day). Days without
        any value are left out.

    Raises
    ------
    InvalidInput
        The days make no sense.
    """
    days = _days(first, last)
    start, end = (_utc_ms(day) for day in (days[0], days[-1] + pd.Timedelta(days=1)))
    wanted = Wanted(None if stations is None else frozenset(stations), None, start, end)
    tables = store.scan(wanted, ("station_id", "time", "pollutant", "value"))
    parts = [coded(table) for table in tables if table.num_rows]
    if not parts:
        return pd.DataFrame({"date": days[:0], **{name: [] for name in DAILY_COLUMNS}, "n_stations": []})
    return _means(joined(parts), start, days)


def _utc_ms(midnight: pd.Timestamp) -> int:
    return int(midnight.tz_localize(CITY_ZONE).tz_convert("UTC").as_unit("ms").value // 1_000_000)


def _days(first: str, last: str) -> pd.DatetimeIndex:
    try:
        days = pd.date_range(pd.Timestamp(first), pd.Timestamp(last), freq="D", unit="ms")
    except ValueError as error:
        raise InvalidInput(f"{first} to {last}: write days as 2024-05-01") from error
    if not 1 <= len(days) <= 366 or days.tz is not None:
        raise InvalidInput(f"{first} to {last} is no period of 1 to 366 days")
    return days


def _means(table: CodedTable, start: int, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Spread values over pollutant, station and hour, then average."""
    pollutants = table.names["pollutant"].to_pylist()
    hours = np.full((len(pollutants), len(table.names["station_id"]), len(days) * 24), np.nan)
    spread_hours(table.codes["station_id"], table.codes["pollutant"], table.time, table.value, start, hours)
    by_day = hours.reshape(len(pollutants), -1, len(days), 24)
    columns: dict[str, NDArray[np.float64]] = {}
    known = [number for number, name in enumerate(pollutants) if name in UNITS]
    for number in known:
        daily = _daily(pollutants[number], by_day[number])
        columns |= {column: _over_stations(values) for column, values in daily.items()}
    empty = np.full(len(days), np.nan)
    held = {name: columns.get(name, empty) for name in DAILY_COLUMNS}
    with_any = np.isfinite(by_day[known]).any(axis=(0, 3)).sum(axis=0)
    frame = pd.DataFrame({"date": days, **held, "n_stations": with_any})
    return frame[frame["n_stations"] > 0].reset_index(drop=True)


def _daily(pollutant: str, hours: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the daily values of each station and day, shape (station, day)."""
    if pollutant != "o3":
        return {pollutant: day_mean(hours)}
    largest = np.where(np.isfinite(hours), hours, -np.inf).max(axis=-1)
    return {"o3_8h": largest_8h(hours), "o3_1h": np.where(np.isfinite(day_mean(hours)), largest, np.nan)}


def _over_stations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over stations of each day; values of shape (station, day)."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)
