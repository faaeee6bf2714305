"""Where and when trajectories start: places x times x heights as one table."""

from collections.abc import Sequence
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import InvalidInput

Place = tuple[float, float]


def step_of(text: str) -> pd.Timedelta:
    """Read a duration such as ``10min``, ``1h`` or ``1h30min``.

    Raises
    ------
    InvalidInput
        If it is not a positive duration.
    """
    wrong = f"{text!r} is not a duration: write a number with min, h or d, for example 10min or 1h"
    if text.strip().lstrip("+-").replace(".", "").isdigit():
        raise InvalidInput(wrong)  # pandas would take a bare number as nanoseconds
    try:
        step = pd.Timedelta(text)
    except ValueError as error:
        raise InvalidInput(wrong) from error
    if not step > pd.Timedelta(0):
        raise InvalidInput(wrong)
    return step


def make_starts(
    places: gpd.GeoDataFrame | Place,
    *,
    start: datetime,
    heights: Sequence[float],
    until: datetime | None = None,
    every: str | None = None,
) -> pd.DataFrame:
    """Combine places, start times and heights.

    Parameters
    ----------
    places : GeoDataFrame of points in EPSG:4326, or (lon, lat) in degrees
        A receptor is named by the column ``id``, ``station_id`` or ``name``, else by its row number.
    start, until : datetime with zone
        First and last start time; `until` is included when the steps reach it.
    heights : m above ground
    every : duration such as ``1h``

    Returns
    -------
    DataFrame
        receptor, time (UTC), lon, lat (degrees), height_m_agl (m); places vary slowest, heights fastest.

    Raises
    ------
    InvalidInput
        If there is no place, a place is not a point, or `until` lies before `start`.
    """
    receptors, lon, lat = _places(places)
    times = _times(start, until, every)
    index = pd.MultiIndex.from_product([range(len(receptors)), times, [float(height) for height in heights]])
    place = np.asarray(index.get_level_values(0), dtype=np.intp)
    return pd.DataFrame(
        {
            "receptor": np.asarray(receptors, dtype=object)[place],
            "time": index.get_level_values(1),
            "lon": lon[place],
            "lat": lat[place],
            "height_m_agl": np.asarray(index.get_level_values(2), dtype=np.float64),
        }
    ).astype({"receptor": "str"})


def _times(start: datetime, until: datetime | None, every: str | None) -> pd.DatetimeIndex:
    first = pd.Timestamp(start).tz_convert("UTC")
    if until is None or every is None:
        return pd.DatetimeIndex([first])
    last = pd.Timestamp(until).tz_convert("UTC")
    if last < first:
        raise InvalidInput(f"until {last:%Y-%m-%dT%H:%M}Z lies before start {first:%Y-%m-%dT%H:%M}Z: swap them")
    return pd.date_range(first, last, freq=step_of(every))


def _places(places: gpd.GeoDataFrame | Place) -> tuple[list[str], np.ndarray, np.ndarray]:
    if isinstance(places, tuple):
        lon, lat = places
        return [f"{lat:g},{lon:g}"], np.array([lon], dtype=np.float64), np.array([lat], dtype=np.float64)
    if places.empty:
        raise InvalidInput("receptors: no place to start from; the file or layer is empty")
    wrong = np.flatnonzero((places.geom_type != "Point").to_numpy())
    if wrong.size:
        kind = places.geom_type.iloc[wrong[0]]
        raise InvalidInput(f"receptors row {wrong[0] + 1}: {kind} is not a point; give points to start from")
    column = next((name for name in ("id", "station_id", "name") if name in places.columns), None)
    names = places[column].astype("str").tolist() if column else [str(row + 1) for row in range(len(places))]
    return names, places.geometry.x.to_numpy(dtype=np.float64), places.geometry.y.to_numpy(dtype=np.float64)
