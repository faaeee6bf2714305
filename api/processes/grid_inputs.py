"""Values of every kind of source with their place and time, as the hot grid takes them."""

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import Transformer

from api.processes.context import Context
from api.processes.observation_inputs import read_places, read_values
from geo.errors import InvalidInput, MissingData
from geo.raster_geotiff import read_geotiff
from geo.raster_grid import RawGrid
from geo.raster_netcdf import read_netcdf
from layers.observation_columns import SUFFIX, find_column
from layers.schema import key, split_unit
from layers.times import parse_times

_TIMES = ("time", "datetime", "时间", "监测时间", "date")
_COLUMNS = ["source", "time", "lon", "lat", "value"]


def station_values(
    context: Context,
    observations: str | None,
    stations: Sequence[str],
    pollutant: str,
    *,
    period: tuple[str | None, str | None] = (None, None),
    leave_out: Sequence[str] = (),
) -> tuple[pd.DataFrame, list[str]]:
    """Return hourly values at stations and micro-stations (those of the level micro), and notes.

    Raises
    ------
    MissingData
        No station of the values has a position.
    """
    values, notes = read_values(context, observations, pollutant, period=period, leave_out=leave_out)
    places = pd.concat([read_places(context, source) for source in stations])
    places = gpd.GeoDataFrame(places).drop_duplicates("id").set_index("id")
    has = values["station_id"].isin(places.index)
    lost = values["station_id"][~has].nunique()
    if not has.any():
        raise MissingData(f"no station of the values is in {', '.join(stations)}: give all lists of stations")
    if lost:
        notes = [*notes, f"{lost} stations have no position and were left out."]
    used = values[has]
    points = places.geometry.representative_point()
    level = places["level"] if "level" in places.columns else pd.Series("", index=places.index)
    kind = np.where(level.isin(["micro", "微站", "Micro-station"]), "micro", "station")
    rows = places.index.get_indexer(pd.Index(used["station_id"]))
    table = pd.DataFrame(
        {
            "source": kind[rows],
            "time": used["time"].to_numpy(),
            "lon": points.x.to_numpy()[rows],
            "lat": points.y.to_numpy()[rows],
            "value": used["value"].to_numpy(),
        }
    )
    return table.assign(time=pd.to_datetime(table["time"], utc=True)), notes


def track_values(context: Context, source: str, pollutant: str, kind: str) -> pd.DataFrame:
    """Return the values of a table or layer of points: its column of the pollutant, or `value`.

    Raises
    ------
    InvalidInput
        No column with the time or with the values, or a time that cannot be read.
    """
    frame = context.vector(source)
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    time = find_column(table, _TIMES)
    named = [str(c) for c in table.columns if key(SUFFIX.sub("", split_unit(str(c))[0])) in (key(pollutant), "value")]
    if time is None or not named:
        wanted = "time" if time is None else f"{pollutant} or value"
        raise InvalidInput(f"{source} has no column {wanted}; it has {', '.join(map(str, table.columns))}")
    times, _ = parse_times(table[time])
    lost = np.flatnonzero(times.isna())
    if lost.size:
        raise InvalidInput(f"{source} row {lost[0] + 1}: time {table[time].iloc[lost[0]]!r} cannot be read")
    values = pd.to_numeric(table[named[0]], errors="coerce")
    if values.isna().sum() > table[named[0]].isna().sum():
        raise InvalidInput(f"{source}: column {named[0]} holds text, not numbers")
    points = frame.geometry.representative_point()
    return pd.DataFrame({"source": kind, "time": times, "lon": points.x, "lat": points.y, "value": values})[_COLUMNS]


def satellite_values(context: Context, source: str, pollutant: str) -> pd.DataFrame:
    """Return a satellite's values: the pixels of a GeoTIFF or NetCDF file, or a table of points.

    Raises
    ------
    InvalidInput
        A raster that does not say when it was acquired.
    """
    if Path(source).suffix.lower() not in (".tif", ".tiff", ".nc", ".nc4"):
        return track_values(context, source, pollutant, "satellite")
    path = context.file(source)
    grid = read_netcdf(path) if path.suffix.lower().startswith(".nc") else read_geotiff(path)
    if grid.time is None:
        raise InvalidInput(f"{path.name} does not say when it was acquired: set its metadata item time")
    lon, lat = _centres(grid)
    table = pd.DataFrame({"source": "satellite", "lon": lon, "lat": lat, "value": grid.values.ravel()})
    return table.assign(time=grid.time)[_COLUMNS].dropna(subset=["value"])


def _centres(grid: RawGrid) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(grid.values.shape)
    x, y = grid.transform @ np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5])
    if grid.crs.is_geographic:
        return np.asarray(x), np.asarray(y)
    lon, lat = Transformer.from_crs(grid.crs, 4326, always_xy=True).transform(x, y)
    return np.asarray(lon), np.asarray(lat)
