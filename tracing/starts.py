"""Where and when trajectories start: places x times x heights as one table, and starts spread around them."""

from collections.abc import Sequence
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from geo.errors import InvalidInput

Place = tuple[float, float]
_GEOD = pyproj.Geod(ellps="WGS84")
# More start times than this in one run are a slip, and would not fit into memory.
_MOST_TIMES = 5_000_000


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


def start_times(start: datetime, until: datetime | None = None, every: str | None = None) -> pd.DatetimeIndex:
    """Return the start times, UTC, from ``start`` to ``until``, which is included when the steps reach it.

    Raises
    ------
    InvalidInput
        If ``until`` lies before ``start``, or there are more times than anybody wants.
    """
    first = pd.Timestamp(start).tz_convert("UTC")
    if until is None or every is None:
        return pd.DatetimeIndex([first])
    last, step = pd.Timestamp(until).tz_convert("UTC"), step_of(every)
    if last < first:
        raise InvalidInput(f"until {last:%Y-%m-%dT%H:%M}Z lies before start {first:%Y-%m-%dT%H:%M}Z: swap them")
    count = (last - first) // step + 1
    if count > _MOST_TIMES:
        raise InvalidInput(f"every {every} gives {count} start times; choose a longer step or a shorter period")
    return pd.date_range(first, last, freq=step)


def make_starts(places: gpd.GeoDataFrame | Place, *, times: pd.DatetimeIndex, heights: Sequence[float]) -> pd.DataFrame:
    """Combine places, start times and heights.

    Parameters
    ----------
    places : GeoDataFrame of points in EPSG:4326, or (lon, lat) in degrees
        A receptor is named by the column ``id``, ``station_id`` or ``name``, else by its row number.
    times : of :func:`start_times`
    heights : m above ground

    Returns
    -------
    DataFrame
        receptor, time (UTC), lon, lat (degrees), height_m_agl (m); places vary slowest, heights fastest.

    Raises
    ------
    InvalidInput
        If there is no place, or a place is not a point.
    """
    receptors, lon, lat = _places(places)
    n_times, n_heights = len(times), len(heights)
    place = np.repeat(np.arange(len(receptors)), n_times * n_heights)
    return pd.DataFrame(
        {
            "receptor": np.asarray(receptors, dtype=object)[place],
            "time": times[np.tile(np.repeat(np.arange(n_times), n_heights), len(receptors))],
            "lon": lon[place],
            "lat": lat[place],
            "height_m_agl": np.tile(np.asarray(heights, np.float64), len(receptors) * n_times),
        }
    ).astype({"receptor": "str"})


def spread(starts: pd.DataFrame, *, radius_km: float, members: int, seed: int) -> pd.DataFrame:
    """Return each start with others around it, evenly likely in a circle of ``radius_km`` (geodesic).

    Parameters
    ----------
    starts : of :func:`make_starts`
    members : starts for each one, itself the first of them
    seed : of the random places

    Returns
    -------
    DataFrame as ``starts`` with the column ``member``, 1 being the start itself; the members of one start follow each
    other.

    Raises
    ------
    InvalidInput
        If the radius is not positive or there are fewer than two members.
    """
    if not (np.isfinite(radius_km) and radius_km > 0.0):
        raise InvalidInput(f"starts: a spread of {radius_km:g} km is not a distance; give more than 0 km")
    if members < 2:
        raise InvalidInput(f"starts: {members} member is no spread; give two or more")
    rng = np.random.default_rng(seed)
    more = starts.loc[starts.index.repeat(members)].reset_index(drop=True)
    member = np.tile(np.arange(1, members + 1), len(starts))
    azimuth = rng.uniform(0.0, 360.0, len(more))
    distance_m = np.where(member == 1, 0.0, 1000.0 * radius_km * np.sqrt(rng.uniform(0.0, 1.0, len(more))))
    lon, lat = more["lon"].to_numpy(np.float64), more["lat"].to_numpy(np.float64)
    there_lon, there_lat, _ = _GEOD.fwd(lon, lat, azimuth, distance_m)
    return more.assign(
        lon=np.where(member == 1, lon, there_lon), lat=np.where(member == 1, lat, there_lat), member=member
    )


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
