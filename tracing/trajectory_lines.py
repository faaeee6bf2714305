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
    end_reason, n_points. A path that ended before its second point is a line of length 0 at its start.
    """
    rows = []
    for number, path in points.groupby("trajectory", sort=True):
        head, tail = path.iloc[0], path.iloc[-1]
        rows.append(
            {
                "trajectory": number,
                "receptor": head["receptor"],
                "start_time": head["start_time"],
                "height_m_agl": head["height_m_agl"],
                "hours": tail["age_h"],
                "end_reason": tail["end_reason"],
                "n_points": len(path),
                "geometry": path_geometry(path["lon"].to_numpy(), path["lat"].to_numpy()),
            }
        )
    columns = ["trajectory", "receptor", "start_time", "height_m_agl", "hours", "end_reason", "n_points", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs="EPSG:4326")


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
