"""Trajectory points to and from files: tdump, CF NetCDF, GeoParquet, GeoJSON and CSV, by extension.

Each writer makes the whole file or none, and the same table gives the same bytes.
"""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from geo.errors import InvalidInput, SourceUnavailable
from tracing.tdump import is_tdump, read_tdump, write_tdump
from tracing.trajectory import POINT_COLUMNS
from tracing.trajectory_parquet import PROVENANCE_KEY, ParquetSink
from tracing.trajectory_table import TEXT_COLUMNS, as_categories

_TIMES = ("start_time", "time")
_PATH_FIELDS = ("trajectory", "receptor", "start_time", "end_reason")
_EPOCH = "seconds since 1970-01-01 00:00:00"
_ATTRS: dict[str, dict[str, str]] = {
    "time": {"standard_name": "time", "units": _EPOCH, "calendar": "standard", "axis": "T"},
    "start_time": {"long_name": "time of the start", "units": _EPOCH, "calendar": "standard"},
    "lon": {"standard_name": "longitude", "units": "degrees_east", "axis": "X"},
    "lat": {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "height_m_agl": {"standard_name": "height", "long_name": "height above ground", "units": "m", "axis": "Z"},
    "pressure_hpa": {"standard_name": "air_pressure", "units": "hPa"},
    "age_h": {"long_name": "time since the start, negative backward", "units": "h"},
    "trajectory": {"cf_role": "trajectory_id", "long_name": "number of the trajectory"},
    "member": {"standard_name": "realization", "long_name": "member of the offset ensemble", "units": "1"},
    "error_km": {"long_name": "error of the integration, from the way back to the start", "units": "km"},
    "temperature_k": {"standard_name": "air_temperature", "units": "K"},
    "specific_humidity_g_kg": {"standard_name": "specific_humidity", "units": "g kg-1"},
    "mixing_height_m": {"standard_name": "atmosphere_boundary_layer_thickness", "units": "m"},
    "precipitation_mm_h": {"standard_name": "lwe_precipitation_rate", "units": "mm h-1"},
    "terrain_m": {"standard_name": "surface_altitude", "units": "m"},
    "receptor": {"long_name": "name of the receptor"},
    "end_reason": {"long_name": "why the path ended"},
}
# Columns of openair's trajectory tables, and what they are called here.
_OPENAIR = {
    "date": "start_time",
    "date2": "time",
    "hour.inc": "age_h",
    "height": "height_m_agl",
    "pressure": "pressure_hpa",
}


def write_trajectories(
    points: pd.DataFrame,
    path: str | Path,
    provenance: dict[str, Any],
    *,
    met_id: str = "SUYU",
    vertical: str = "omega",
) -> None:
    """Write the points of trajectories; the extension names the format.

    Parameters
    ----------
    points : table of :func:`tracing.trajectory.trajectories`
    path : .tdump (HYSPLIT text), .nc (CF trajectories, contiguous ragged), .parquet (GeoParquet), .geojson, .csv
    provenance : what the result rests on; kept in .nc, .parquet and .geojson, for which it must be JSON
    met_id, vertical : for the header of .tdump

    Raises
    ------
    InvalidInput
        If the extension is not known or the table lacks a column.
    SourceUnavailable
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() == ".tdump":
        write_tdump(points, path, met_id=met_id, vertical=vertical)
        return
    encode = None if path.suffix.lower() == ".parquet" else _look_up(_WRITERS, path)
    missing = [name for name in POINT_COLUMNS if name not in points]
    if missing:
        raise InvalidInput(f"trajectories: columns {missing} are missing; needed are {list(POINT_COLUMNS)}")
    if encode is None:
        with ParquetSink(path) as sink:
            sink.add(points)
            sink.finish(provenance)
        return
    text = json.dumps(provenance, sort_keys=True, ensure_ascii=False, default=str)
    content = encode(points.reset_index(drop=True), text)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be written ({error.strerror}); check the folder") from error
    finally:
        part.unlink(missing_ok=True)


def read_trajectories(path: str | Path) -> pd.DataFrame:
    """Return the points of trajectories from any file that :func:`write_trajectories` writes, or from openair's CSV.

    A tdump file is known by its content, whatever its name.

    Raises
    ------
    SourceUnavailable
        If the file cannot be read.
    InvalidInput
        If it does not hold trajectories.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(512).decode("latin-1")
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if path.suffix.lower() == ".tdump" or is_tdump(head):
        return read_tdump(path)
    read = _look_up(_READERS, path)
    try:
        points = read(path)
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(f"{path}: no trajectories can be read from it ({first_line}); check the file") from error
    missing = [name for name in POINT_COLUMNS if name not in points]
    if missing:
        raise InvalidInput(f"{path}: columns {missing} are missing; trajectories need {list(POINT_COLUMNS)}")
    return _typed(points)


def _look_up(table: dict[str, Any], path: Path) -> Any:
    try:
        return table[path.suffix.lower()]
    except KeyError:
        known = ", ".join(dict.fromkeys([".tdump", *table, ".parquet"]))
        raise InvalidInput(f"{path}: extension {path.suffix!r} is not known for trajectories; use {known}") from None


def _typed(points: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the types of :func:`tracing.trajectory.trajectories`."""
    others = [name for name in points.columns if name not in POINT_COLUMNS and name != "geometry"]
    attrs = points.attrs
    points = pd.DataFrame(points[[*POINT_COLUMNS, *others]]).reset_index(drop=True)
    for name in _TIMES:
        points[name] = pd.to_datetime(points[name], utc=True).dt.as_unit("s")
    numbers = {name: "float64" for name in ("age_h", "lon", "lat", "height_m_agl", "pressure_hpa")}
    points = as_categories(points.astype({"trajectory": "int64", **numbers}))
    points.attrs = attrs
    return points


def _iso(times: pd.Series) -> pd.Series:
    return times.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def _to_csv(points: pd.DataFrame, provenance: str) -> bytes:
    table = points.assign(**{name: _iso(points[name]) for name in _TIMES})
    return table.to_csv(index=False, lineterminator="\n").encode("utf-8")


def _to_geojson(points: pd.DataFrame, provenance: str) -> bytes:
    table = points.assign(**{name: _iso(points[name]) for name in _TIMES})
    rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
    features = [
        {
            "type": "Feature",
            "properties": row,
            "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
        }
        for row in rows
    ]
    collection = {"type": "FeatureCollection", "provenance": json.loads(provenance), "features": features}
    return json.dumps(collection, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _to_netcdf(points: pd.DataFrame, provenance: str) -> bytes:
    """Return a CF-1.11 contiguous ragged array: one row of ``path`` per trajectory, one of ``obs`` per point."""
    points = points.sort_values("trajectory", kind="stable")
    heads = points.groupby("trajectory", sort=True).first().reset_index()
    size = points.groupby("trajectory", sort=True).size().to_numpy()
    data = {name: _variable("path", name, heads[name]) for name in _PATH_FIELDS}
    data["row_size"] = ("path", size.astype(np.int32), {"long_name": "points of the path", "sample_dimension": "obs"})
    for name in [n for n in points.columns if n not in _PATH_FIELDS]:
        data[name] = _variable("obs", name, points[name])
    for name in ("age_h", "height_m_agl", "pressure_hpa"):
        if name in data and name != "height_m_agl":
            data[name][2]["coordinates"] = "time lat lon height_m_agl"
    attrs = {"Conventions": "CF-1.11", "featureType": "trajectory", "provenance": provenance}
    # Classic NetCDF: no time of writing inside, so the bytes are the same each time.
    return bytes(xr.Dataset(data, attrs=attrs).to_netcdf(engine="scipy", format="NETCDF3_64BIT"))


def _variable(dimension: str, name: str, values: pd.Series) -> tuple[str, Any, dict[str, str]]:
    attrs = dict(_ATTRS.get(name, {}))
    if name in _TIMES:
        seconds = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
        return dimension, seconds.astype(np.float64), attrs
    if pd.api.types.is_integer_dtype(values.dtype):
        return dimension, values.to_numpy(np.int32), attrs
    if pd.api.types.is_numeric_dtype(values.dtype):
        return dimension, values.to_numpy(np.float64), attrs
    text = values.astype("str").fillna("").to_numpy(dtype=object)
    return dimension, np.array([t.encode("utf-8") for t in text], "S"), attrs


def _from_netcdf(path: Path) -> pd.DataFrame:
    with xr.open_dataset(path, engine="scipy", decode_times=False, decode_coords=False) as data:
        size = data["row_size"].values
        columns: dict[str, Any] = {}
        for name in [str(n) for n in data.variables if n != "row_size"]:
            values = data[name].values
            if values.dtype.kind in "SO":
                decoded = [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values]
                values = np.array([text or None for text in decoded], dtype=object)
            if name in _TIMES:
                values = values.astype("int64").astype("datetime64[s]")
            columns[name] = np.repeat(values, size) if data[name].dims == ("path",) else values
        provenance = json.loads(data.attrs.get("provenance", "{}"))
    points = pd.DataFrame(columns)
    points.attrs = {"provenance": provenance}
    return points


def _from_parquet(path: Path) -> pd.DataFrame:
    table = pq.read_table(path)
    points = table.drop_columns([n for n in ("geometry",) if n in table.column_names]).to_pandas()
    points.attrs = {"provenance": json.loads((pq.read_metadata(path).metadata or {}).get(PROVENANCE_KEY, b"{}"))}
    return points


def _from_geojson(path: Path) -> pd.DataFrame:
    collection = json.loads(path.read_text(encoding="utf-8"))
    points = pd.DataFrame([feature["properties"] for feature in collection["features"]])
    points.attrs = {"provenance": collection.get("provenance", {})}
    return points


def _from_csv(path: Path) -> pd.DataFrame:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    table = pd.read_csv(io.StringIO(text), dtype=dict.fromkeys(TEXT_COLUMNS, "str"))
    return _from_openair(table) if {"date", "date2", "hour.inc"} <= set(table.columns) else table


def _from_openair(table: pd.DataFrame) -> pd.DataFrame:
    """Name the columns of an openair table; a trajectory is one receptor and arrival time."""
    table = table.rename(columns=_OPENAIR)
    if "receptor" not in table:
        table["receptor"] = "1"
    if "pressure_hpa" not in table:
        table["pressure_hpa"] = np.nan
    number = table.groupby(["receptor", "start_time"], sort=False).ngroup() + 1
    return table.assign(trajectory=number, end_reason=pd.array([None] * len(table), dtype="str"))


_WRITERS: dict[str, Callable[[pd.DataFrame, str], bytes]] = {
    ".nc": _to_netcdf,
    ".geojson": _to_geojson,
    ".csv": _to_csv,
}
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".nc": _from_netcdf,
    ".parquet": _from_parquet,
    ".geojson": _from_geojson,
    ".csv": _from_csv,
}
