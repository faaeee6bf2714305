"""Road-cleaning zones: within 3 km of national and provincial stations roads are cleaned by machine only."""

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo.errors import InvalidInput
from geo.geodesic import area_m2, circle

RADIUS_KM = 3.0
LEVELS = ("national", "provincial")
ZONE_COLUMNS = ("station_id", "name", "level", "kind", "radius_km", "area_km2")


def road_cleaning_zones(stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Draw the geodesic 3 km around each national and provincial station, and the union of all.

    Parameters
    ----------
    stations : GeoDataFrame
        Columns `id`, `level` and, where known, `name`, as the layer stations has them; any CRS. Stations of other
        levels, or of none, make no zone.

    Returns
    -------
    GeoDataFrame, EPSG:4326, columns `ZONE_COLUMNS`
        A row per station (`kind` "station") in the order of the input, then one row for the union (`kind`
        "dissolved"; station_id, name and level null). `area_km2` is geodesic. Without such a station: no rows.

    Raises
    ------
    InvalidInput
        No column `id` or `level`, no CRS, or a national or provincial station without a position.

    Examples
    --------
    >>> import geopandas as gpd
    >>> stations = gpd.GeoDataFrame(
    ...     {"id": ["2006A"], "level": ["national"]}, geometry=gpd.points_from_xy([119.2], [34.6]), crs=4326
    ... )
    >>> road_cleaning_zones(stations)["kind"].tolist()
    ['station', 'dissolved']
    """
    chosen = _chosen(stations)
    shapes: list[BaseGeometry] = [
        circle(point.x, point.y, RADIUS_KM * 1000.0) for point in chosen.geometry.representative_point()
    ]
    columns: dict[str, list[str]] = {
        "station_id": chosen["id"].astype("str").tolist(),
        "name": (chosen["name"].astype("str") if "name" in chosen else pd.Series([None] * len(chosen))).tolist(),
        "level": chosen["level"].tolist(),
        "kind": ["station"] * len(shapes),
    }
    table = pd.DataFrame(columns)
    if shapes:
        shapes.append(shapely.union_all(shapes))
        table = pd.concat([table, pd.DataFrame({"kind": ["dissolved"]})], ignore_index=True)
    table = table.astype("str")
    table["radius_km"] = RADIUS_KM
    table["area_km2"] = pd.Series([area_m2(shape) / 1e6 for shape in shapes], dtype="float64")
    return gpd.GeoDataFrame(table[list(ZONE_COLUMNS)], geometry=shapes, crs=4326)


def _chosen(stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    missing = [name for name in ("id", "level") if name not in stations]
    if missing:
        raise InvalidInput(f"stations: column {missing[0]} is missing: add it")
    if stations.crs is None:
        raise InvalidInput("stations: the positions have no CRS: declare it (EPSG:4326 for longitude and latitude)")
    level = stations["level"].astype("str").str.strip().str.lower()
    chosen = stations.assign(level=level)[level.isin(LEVELS).to_numpy()]
    nowhere = chosen.geometry.isna() | chosen.geometry.is_empty
    if nowhere.any():
        raise InvalidInput(f"stations: {chosen.loc[nowhere, 'id'].iloc[0]} has no position: give its coordinates")
    return chosen.to_crs(4326)
