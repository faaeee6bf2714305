"""Storms of alarms: those that touch in space and time are one episode."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.geodesic import circle, distance_matrix_m

_HOUR = pd.Timedelta(hours=1)
_DRAWN_VERTICES = 48


def episode_numbers(
    alarms: pd.DataFrame, places: gpd.GeoDataFrame, *, link_km: float, link_h: int
) -> NDArray[np.int64]:
    """Return each alarm's episode, numbered from 1 by start.

    Two alarms touch where their places lie at most `link_km` apart (geodesic) and at most `link_h` whole hours lie
    between them; chains of touching alarms are one episode.

    Parameters
    ----------
    alarms : DataFrame
        Columns place (row of `places`), start, end (UTC, first and last hour), sorted by start.
    """
    n = len(alarms)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    rows, at = np.unique(alarms["place"].to_numpy(), return_inverse=True)
    lon, lat = _lonlat(places.iloc[rows])
    near = distance_matrix_m(lon, lat, lon, lat) <= link_km * 1000.0
    start = alarms["start"].to_numpy()
    until = (alarms["end"] + _HOUR * (link_h + 1)).to_numpy()
    after = np.searchsorted(start, until, side="right")
    left, right = [], []
    for k in range(n):
        later = np.arange(k + 1, after[k])
        touching = later[near[at[k], at[later]]]
        left.append(np.full(touching.size, k))
        right.append(touching)
    pairs = np.concatenate(left), np.concatenate(right)
    _, label = connected_components(coo_array((np.ones(pairs[0].size), pairs), shape=(n, n)), directed=False)
    # By first appearance, so that the number follows the start.
    _, first = np.unique(label, return_index=True)
    return (np.argsort(np.argsort(first)) + 1)[label].astype(np.int64)


def episodes_of(alarms: pd.DataFrame, places: gpd.GeoDataFrame, link_km: float) -> gpd.GeoDataFrame:
    """Return one row for each episode.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        episode, pollutant, start, end (UTC), hours, n_alarms, n_places, members (ids), worst (the id of the place with
        the highest z), peak_time, value, expected, z (of that place), grade, false_share (its own). The geometry joins
        circles of half of `link_km` around the places.
    """
    ids = places["id"].astype(str).to_numpy()
    lon, lat = _lonlat(places)
    # The strongest of each episode first; of equal ones the earliest.
    ordered = alarms.sort_values(["episode", "z"], ascending=[True, False], kind="stable", ignore_index=True)
    grouped = ordered.groupby("episode", sort=True)
    spans = grouped.agg(start=("start", "min"), end=("end", "max"), n_alarms=("place", "size")).reset_index()
    parts = np.split(ordered["place"].to_numpy(), np.flatnonzero(np.diff(ordered["episode"])) + 1)
    members = [np.unique(part) for part in parts] if len(ordered) else []
    worst = ordered.drop_duplicates("episode", ignore_index=True)
    table = spans.assign(
        hours=((spans["end"] - spans["start"]).dt.total_seconds() // 3600 + 1).astype("int64"),
        n_places=np.array([rows.size for rows in members], dtype=np.int64),
        members=np.array([",".join(ids[rows]) for rows in members], dtype=object),
        worst=ids[worst["place"].to_numpy(dtype=np.intp)],
        **{name: worst[name] for name in _OF_THE_WORST},
    )
    discs = {k: circle(lon[k], lat[k], link_km * 500.0, vertices=_DRAWN_VERTICES) for k in set(ordered["place"])}
    shapes = [shapely.union_all([discs[k] for k in rows]) for rows in members]
    return gpd.GeoDataFrame(table[EPISODE_COLUMNS], geometry=shapes, crs="EPSG:4326")


_OF_THE_WORST = ("pollutant", "peak_time", "value", "expected", "z", "grade", "false_share")
EPISODE_COLUMNS = (
    "episode pollutant start end hours n_alarms n_places members worst peak_time value expected z grade false_share"
).split()


def _lonlat(places: gpd.GeoDataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = places.geometry.to_crs(4326)
    points = points if (points.geom_type == "Point").all() else points.representative_point()
    return points.x.to_numpy(), points.y.to_numpy()
