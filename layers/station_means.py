"""Mean concentrations of stations over a period, with the number of hours behind each."""

import geopandas as gpd
import pandas as pd

from geo.errors import MissingData
from layers.air_quality import COLUMNS
from layers.observation_columns import SYNTHETIC


def station_means(
    stations: gpd.GeoDataFrame, observations: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp
) -> gpd.GeoDataFrame:
    """Return each station's mean of the hours in a period (layer `station_means`).

    Parameters
    ----------
    stations : GeoDataFrame
        Columns id, name, geometry; synthetic if any.
    observations : DataFrame
        Columns station_id, time (with zone), pollutant, value; ug m-3, CO mg m-3. Negative values do not count.
    start, end : Timestamp with zone
        First hour and the hour after the last.

    Returns
    -------
    GeoDataFrame
        station_id, name, start, end, the six concentrations, n_hours (hours with PM2.5), synthetic. A mean without
        any hour is missing; stations without any value are left out.

    Raises
    ------
    MissingData
        No station has a value in the period.
    """
    within = observations[(observations["time"] >= start) & (observations["time"] < end) & (observations["value"] >= 0)]
    if within.empty:
        raise MissingData(f"no observations from {start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ}: nothing to average")
    grouped = within.groupby(["station_id", "pollutant"])["value"]
    means = grouped.mean().unstack("pollutant").rename(columns=COLUMNS)
    hours = grouped.count().unstack("pollutant", fill_value=0)
    table = means.reindex(columns=list(COLUMNS.values())).round(3)
    table["n_hours"] = hours["pm25"] if "pm25" in hours else 0
    kept = [name for name in ("id", "name", "geometry") if name in stations]
    joined = stations[kept].rename(columns={"id": "station_id"}).merge(table, left_on="station_id", right_index=True)
    joined.insert(2, "start", start)
    joined.insert(3, "end", end)
    joined["synthetic"] = joined["station_id"].isin(_generated(stations, within))
    return gpd.GeoDataFrame(joined, geometry="geometry", crs=stations.crs).reset_index(drop=True)


def _generated(stations: gpd.GeoDataFrame, observations: pd.DataFrame) -> set[str]:
    """Return the stations that are generated themselves, or any of whose values is."""
    found: set[str] = set()
    if "synthetic" in stations:
        found |= set(stations.loc[stations["synthetic"].fillna(False).astype(bool), "id"])
    if "flag" in observations:
        marked = observations["flag"].fillna("").str.split(";").map(lambda flags: SYNTHETIC in flags).astype(bool)
        found |= set(observations.loc[marked, "station_id"])
    return found
