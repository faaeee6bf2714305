"""ST-DBSCAN: points that lie dense in space and time, such as fires of one burning or alarms of one episode."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo.errors import InvalidInput, MissingData
from geo.geodesic import circle
from geo.geodesic import distance_m as geodesic_m
from tracing.cluster_kernel import dbscan
from tracing.local_places import numeric_column
from tracing.neighbours import NeighbourRule, neighbour_matrix

RESULT_COLUMNS = ("cluster", "role")
CLUSTER_COLUMNS = ("cluster", "n_points", "n_core", "start", "end", "hours", "radius_km", "weight", "weight_column")
_DRAWN_VERTICES = 48
# Circles are drawn around at most so many points of a cluster.
_MOST_DRAWN = 2000


@dataclass(frozen=True)
class PointClusters:
    """The points with their cluster, the clusters, and what to know."""

    points: gpd.GeoDataFrame
    clusters: gpd.GeoDataFrame
    warnings: tuple[str, ...]


def point_clusters(
    points: gpd.GeoDataFrame,
    *,
    distance_m: float,
    hours: float | None = None,
    least: int = 5,
    time: str | None = None,
    weight: str | None = None,
) -> PointClusters:
    """Return the clusters of points; two points are neighbours within a distance and a time.

    Parameters
    ----------
    points : GeoDataFrame
        Any CRS; lines and polygons count by a point on them.
    distance_m : float, m
        Geodesic, inclusive to 1 mm.
    hours : float, optional
        Needs `time`; inclusive. Without them space alone counts.
    least : int
        Points that make a neighbourhood dense, the point itself counted.
    time : str, optional
        Column with times; those without zone are UTC. A missing time leaves the point out.
    weight : str, optional
        Numeric column that is summed over each cluster, such as the fires' radiative power.

    Returns
    -------
    PointClusters
        `points`: the frame with cluster (whole number from 1, by start, null for none) and role (core, border, noise;
        null if left out). `clusters`: cluster, n_points, n_core, start, end (UTC), hours, radius_km (from the middle to
        the farthest point), weight; circles of half of the distance around the points, joined.

    Raises
    ------
    InvalidInput
        No CRS, columns that are missing or taken, times that cannot be read, limits out of range.
    MissingData
        No point with a place and a time.

    References
    ----------
    Birant and Kut 2007, doi:10.1016/j.datak.2006.01.013, without its third condition on the values
    """
    _check(points, distance_m, hours, least, time)
    times = None if time is None else _times(points, time)
    values = None if weight is None else numeric_column(points, weight, ())
    has = ~(points.geometry.isna() | points.geometry.is_empty).to_numpy()
    used = np.flatnonzero(has if times is None else has & times.notna().to_numpy())
    if not used.size:
        raise MissingData("no point with a place and a time: nothing to join")
    near = neighbour_matrix(points.geometry.iloc[used], NeighbourRule("distance", metres=float(distance_m)))
    if hours is not None and times is not None:
        near = _near_in_time(near, times.iloc[used], hours)
    label, core = dbscan(near, least)
    when = None if times is None else pd.DatetimeIndex(times.iloc[used])
    number = _by_start(label, when)
    out = points.copy()
    cluster, role = np.zeros(len(points), dtype=np.int64), np.full(len(points), "", dtype="<U6")
    cluster[used], role[used] = number, np.where(core, "core", np.where(label >= 0, "border", "noise"))
    out["cluster"] = pd.Series(cluster, index=points.index, dtype="Int64").mask(cluster == 0)
    out["role"] = pd.Series(role, index=points.index, dtype="str").mask(role == "")
    left = len(points) - used.size
    warnings = (f"{left} points have no place or no time and were left out.",) if left else ()
    members = _Members(points.geometry.iloc[used].to_crs(4326), when, None if values is None else values[used])
    return PointClusters(out, _clusters(members, number, core, distance_m, weight), warnings)


@dataclass(frozen=True)
class _Members:
    geometry: gpd.GeoSeries
    times: pd.DatetimeIndex | None
    weights: NDArray[np.float64] | None


def _check(points: gpd.GeoDataFrame, distance_m: float, hours: float | None, least: int, time: str | None) -> None:
    if not (np.isfinite(distance_m) and distance_m > 0.0):
        raise InvalidInput(f"--distance-m {distance_m:g}: give a positive number of metres")
    if hours is not None and not (np.isfinite(hours) and hours >= 0.0):
        raise InvalidInput(f"--hours {hours:g}: give 0 or more")
    if hours is not None and time is None:
        raise InvalidInput("--hours needs times: name their column with --time")
    if least < 1:
        raise InvalidInput(f"--least {least}: give 1 or more")
    taken = [name for name in RESULT_COLUMNS if name in points.columns]
    if taken:
        raise InvalidInput(f"the layer already has the columns {', '.join(taken)} that the result needs: rename them")


def _times(points: gpd.GeoDataFrame, time: str) -> pd.Series:
    if time not in points.columns:
        raise InvalidInput(f"no column {time!r} with the time: name one of {', '.join(map(str, points.columns))}")
    column = points[time]
    if pd.api.types.is_numeric_dtype(column):
        raise InvalidInput(f"column {time!r} holds numbers, not times: write them as ISO 8601")
    try:
        return pd.to_datetime(column, utc=True, format="mixed" if column.dtype == "str" else None)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"column {time!r} has times that cannot be read ({error}): use ISO 8601") from error


def _near_in_time(near: csr_array, times: pd.Series, hours: float) -> csr_array:
    seconds = ((times - times.min()) / pd.Timedelta(seconds=1)).to_numpy()
    row = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
    kept = np.abs(seconds[row] - seconds[near.indices]) <= hours * 3600.0
    return csr_array((near.data[kept], (row[kept], near.indices[kept])), shape=near.shape)


def _by_start(label: NDArray[np.int64], times: pd.DatetimeIndex | None) -> NDArray[np.int64]:
    """Return clusters numbered from 1 by their first time (without times by their first point), 0 for none."""
    count = int(label.max()) + 1
    if times is None or count == 0:
        return label + 1
    begin = pd.Series(times.asi8[label >= 0]).groupby(label[label >= 0]).min()
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(begin.to_numpy(), kind="stable")] = np.arange(1, count + 1)
    return np.where(label >= 0, rank[label], 0)


def _clusters(
    members: _Members, number: NDArray[np.int64], core: NDArray[np.bool_], distance_m: float, weight: str | None
) -> gpd.GeoDataFrame:
    places = members.geometry
    places = places if (places.geom_type == "Point").all() else places.representative_point()
    lon, lat = places.x.to_numpy(), places.y.to_numpy()
    records, shapes = [], []
    for cluster in range(1, int(number.max()) + 1):
        rows = np.flatnonzero(number == cluster)
        middle = lon[rows].mean(), lat[rows].mean()
        start, end = (None, None) if members.times is None else (members.times[rows].min(), members.times[rows].max())
        records.append(
            {
                "cluster": cluster,
                "n_points": rows.size,
                "n_core": int(core[rows].sum()),
                "start": start,
                "end": end,
                "hours": np.nan if start is None or end is None else (end - start) / pd.Timedelta(hours=1),
                "radius_km": float(geodesic_m(*middle, lon[rows], lat[rows]).max()) / 1000.0,
                "weight": np.nan if members.weights is None else float(np.nansum(members.weights[rows])),
                "weight_column": weight,
            }
        )
        shapes.append(_joined_circles(lon[rows], lat[rows], distance_m / 2.0))
    table = pd.DataFrame(records, columns=CLUSTER_COLUMNS)
    for name in ("start", "end"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")


def _joined_circles(lon: NDArray[np.float64], lat: NDArray[np.float64], radius_m: float) -> shapely.Geometry:
    places = np.unique(np.column_stack([lon, lat]), axis=0)
    step = -(-len(places) // _MOST_DRAWN)
    return shapely.union_all([circle(x, y, radius_m, vertices=_DRAWN_VERTICES) for x, y in places[::step]])
