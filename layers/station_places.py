"""Which district or township a station lies in, by the boundaries where its ledger does not say."""

import geopandas as gpd
import pandas as pd

from layers.frames import WGS84

PLACES = {"district": "districts", "township": "townships"}
"""The layer of polygons behind each column of the stations."""


def with_place(stations: gpd.GeoDataFrame, polygons: gpd.GeoDataFrame, column: str) -> tuple[gpd.GeoDataFrame, int]:
    """Return the stations with the name of the polygon that they lie in, where the column says nothing.

    Parameters
    ----------
    stations : GeoDataFrame
        Points; the column may be missing.
    polygons : GeoDataFrame
        Column name. Of several polygons that hold a point, one on a common border, the first counts.
    column : str
        "district" or "township".

    Returns
    -------
    GeoDataFrame
        The same rows; the column stays missing outside all polygons.
    int
        How many stations were placed.
    """
    points = stations[["geometry"]].to_crs(WGS84).reset_index(drop=True)
    found = points.sjoin(polygons[["name", "geometry"]].to_crs(WGS84).reset_index(drop=True), predicate="intersects")
    inside = found[~found.index.duplicated()]["name"].reindex(points.index).set_axis(stations.index)
    said = stations[column] if column in stations else pd.Series(None, stations.index, dtype=inside.dtype)
    return stations.assign(**{column: said.where(said.notna(), inside)}), int((said.isna() & inside.notna()).sum())
