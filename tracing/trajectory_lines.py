"""Trajectory points as lines for the map."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray


def trajectory_lines(points: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return one line per trajectory, split at the dateline.

    Parameters
    ----------
    points : table of :func:`tracing.trajectory.trajectories`

    Returns
    -------
    GeoDataFrame in EPSG:4326 with trajectory, receptor, start_time, height_m_agl (of the start), hours (signed length),
    end_reason, n_points, and where the points have them member and error_km (of the last point). A path that ended
    before its second point is a line of length 0 at its start.
    """
    points = points.sort_values("trajectory", kind="stable")
    number = points["trajectory"].to_numpy()
    begin = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if number.size else np.empty(0, np.intp)
    count = np.diff(np.append(begin, number.size))
    heads, tails = points.iloc[begin], points.iloc[begin + count - 1]
    columns = {name: heads[name].to_numpy() for name in ("trajectory", "receptor", "height_m_agl")}
    columns |= {"start_time": heads["start_time"].array, "hours": tails["age_h"].to_numpy()}
    columns |= {"end_reason": tails["end_reason"].to_numpy(), "n_points": count}
    columns |= {name: tails[name].to_numpy() for name in ("member", "error_km") if name in points}
    order = ["trajectory", "receptor", "start_time", "height_m_agl", "hours", "end_reason", "n_points"]
    frame = pd.DataFrame(columns)[[*order, *(name for name in ("member", "error_km") if name in columns)]]
    lines = _lines(points["lon"].to_numpy(), points["lat"].to_numpy(), begin, count)
    return gpd.GeoDataFrame(frame, geometry=lines, crs="EPSG:4326")


def _lines(
    lon: NDArray[np.float64], lat: NDArray[np.float64], begin: NDArray[np.intp], count: NDArray[np.intp]
) -> NDArray[np.object_]:
    """Return the geometry of each path, ``count`` points from ``begin``."""
    path = np.repeat(np.arange(begin.size), count)
    jumps = np.zeros(lon.size, bool)
    jumps[1:] = (np.abs(np.diff(lon)) > 180.0) & (path[1:] == path[:-1])
    odd = np.zeros(begin.size, bool)
    odd[path[jumps]] = True
    odd |= count == 1
    lines = np.empty(begin.size, object)
    plain = np.flatnonzero(~odd)
    kept = ~odd[path]
    of_line = np.repeat(np.arange(plain.size), count[plain])
    lines[plain] = shapely.linestrings(np.column_stack([lon[kept], lat[kept]]), indices=of_line)
    for k in np.flatnonzero(odd):
        part = slice(begin[k], begin[k] + count[k])
        lines[k] = path_geometry(lon[part], lat[part])
    return lines


def path_geometry(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> shapely.LineString | shapely.MultiLineString:
    """Return the line through points (degrees), cut where it crosses the dateline."""
    if lon.size == 1:
        return shapely.LineString([(lon[0], lat[0])] * 2)
    parts: list[list[tuple[float, float]]] = [[(float(lon[0]), float(lat[0]))]]
    for i in range(1, lon.size):
        jump = lon[i] - lon[i - 1]
        if abs(jump) > 180.0:
            side = 180.0 if jump < 0 else -180.0
            whole = jump + np.copysign(360.0, -jump)
            share = (side - lon[i - 1]) / whole if whole else 0.0
            crossing = float(lat[i - 1] + share * (lat[i] - lat[i - 1]))
            parts[-1].append((side, crossing))
            parts.append([(-side, crossing)])
        parts[-1].append((float(lon[i]), float(lat[i])))
    lines = [shapely.LineString(part) for part in parts]
    return lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)
