"""The moments that a layer of repeated observations holds, and the one worth showing first."""

from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput


@dataclass(frozen=True)
class TimeIndex:
    """Distinct times in order (UTC), the one to show first, and why it was chosen."""

    times: tuple[pd.Timestamp, ...]
    default: pd.Timestamp | None
    reason_zh: str
    reason_en: str


def time_index(frame: gpd.GeoDataFrame, time_field: str, worst: str | None = None) -> TimeIndex:
    """Return the times of a layer and which to show first: the worst one, or else the latest.

    Parameters
    ----------
    frame : GeoDataFrame
        One row per place and time.
    time_field : str
        Column of tz-aware times; rows without a time are left out.
    worst : str, optional
        Numeric column whose mean over the places decides (an AQI). Only times at which at least half as many
        places report as at the fullest time are compared, so that one station alone does not decide.

    Raises
    ------
    InvalidInput
        The layer lacks one of the columns.
    """
    for column in (time_field, *([worst] if worst else [])):
        if column not in frame.columns:
            raise InvalidInput(
                f"the layer has no column {column!r}; its columns are {', '.join(map(str, frame.columns))}"
            )
    stamps = pd.to_datetime(frame[time_field], utc=True)
    times = tuple(pd.Timestamp(stamp) for stamp in sorted(stamps.dropna().unique()))
    if not times:
        return TimeIndex((), None, "该图层没有时间", "The layer holds no times")
    worst_time = None if worst is None else _worst_time(pd.to_numeric(frame[worst]), stamps)
    if worst_time is None:
        return TimeIndex(times, times[-1], "最新时刻", "The latest time")
    return TimeIndex(times, worst_time, "全网均值最差的时刻", "The worst hour of the network's mean")


def _worst_time(values: pd.Series, stamps: pd.Series) -> pd.Timestamp | None:
    grouped = values.groupby(stamps).agg(["mean", "count"])
    full = grouped[(grouped["count"] > 0) & (grouped["count"] >= grouped["count"].max() / 2)]
    return None if full.empty else pd.Timestamp(full["mean"].idxmax())
