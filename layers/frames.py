"""Tables as the store keeps them: six column types, UTC times, one CRS."""

import datetime as dt
import json
from typing import cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from geo.errors import InvalidInput

# Made once: to understand the text takes 1.5 ms, each time.
WGS84 = pyproj.CRS.from_epsg(4326)
MULTI = {"Point": shapely.MultiPoint, "LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}


def normalise(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the frame in EPSG:4326 with only text, int, float, bool and UTC millisecond time columns.

    Lists and objects become JSON text, dates ISO text, whole numbers with gaps `Int64`, truth values with gaps
    `boolean`. The index is dropped and the geometry column is called "geometry".

    Raises
    ------
    InvalidInput
        No CRS, a time without zone, or two columns whose names differ only in case.
    """
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        raise InvalidInput("a layer needs a GeoDataFrame with a geometry column")
    if frame.crs is None:
        raise InvalidInput("a layer needs a coordinate reference system; set it to EPSG:4326 for longitude, latitude")
    frame = frame.to_crs(WGS84) if frame.crs != WGS84 else frame
    geometry = _one_type(frame.geometry.reset_index(drop=True))
    columns = {str(name): frame[name] for name in frame.columns if name != frame.active_geometry_name}
    check_names([*columns, "geometry"])
    tidy = {name: _column(name, column.reset_index(drop=True)) for name, column in columns.items()}
    return gpd.GeoDataFrame(pd.DataFrame(tidy, index=geometry.index), geometry=geometry.array, crs=WGS84)


def check_names(names: list[str]) -> None:
    """Refuse column names that differ only in case: a GeoPackage cannot hold both."""
    seen: dict[str, str] = {}
    for name in names:
        folded = name.casefold()
        if folded in seen:
            raise InvalidInput(f"two columns are called {seen[folded]!r} and {name!r}; rename one")
        seen[folded] = name


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    """Return each attribute column's type: str, int, float, bool or time."""
    return {name: _kind(frame[name]) for name in frame.columns if name != "geometry"}


def restore(frame: gpd.GeoDataFrame, wanted: dict[str, str]) -> gpd.GeoDataFrame:
    """Give columns that come from a file the types that they were stored with."""
    names = [name for name in wanted if name in frame.columns]
    tidy = {name: _restored(frame[name], wanted[name]) for name in names}
    extra = {name: frame[name] for name in frame.columns if name not in tidy and name != frame.active_geometry_name}
    table = pd.DataFrame({**tidy, **extra}, index=frame.index)
    return gpd.GeoDataFrame(table, geometry=frame.geometry.array, crs=frame.crs)


def _one_type(geometry: gpd.GeoSeries) -> gpd.GeoSeries:
    """Turn single geometries into multi ones where a column holds both, so that GIS programs see one type."""
    found = set(geometry.geom_type.dropna())
    for single, multi in MULTI.items():
        if found == {single, multi.__name__}:
            values = [multi([g]) if g is not None and g.geom_type == single else g for g in geometry]
            return gpd.GeoSeries(values, index=geometry.index, crs=geometry.crs)
    return geometry


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "bool"
    if pd.api.types.is_integer_dtype(column.dtype):
        return "int"
    if pd.api.types.is_float_dtype(column.dtype):
        return "float"
    return "time" if isinstance(column.dtype, pd.DatetimeTZDtype) else "str"


def _column(name: str, column: pd.Series) -> pd.Series:
    column = _plain(column)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        if not isinstance(column.dtype, pd.DatetimeTZDtype):
            raise InvalidInput(f"times in column {name!r} have no zone; make them UTC")
        return column.dt.tz_convert("UTC").dt.as_unit("ms")
    return _restored(column, _kind(column))


def _plain(column: pd.Series) -> pd.Series:
    """Turn categories and Python objects into a plain type where all values agree."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if column.dtype != object:
        return column
    found = pd.api.types.infer_dtype(column, skipna=True)
    if found == "boolean":
        return column.astype("boolean")
    if found == "integer":
        return column.astype("Int64")
    if found in ("floating", "mixed-integer-float"):
        return column.astype("float64")
    if found in ("datetime", "datetime64"):
        return cast(pd.Series, pd.to_datetime(column, utc=True))
    return column


def _restored(column: pd.Series, kind: str) -> pd.Series:
    missing = column.isna()
    if kind == "bool":
        return column.astype("boolean") if missing.any() else column.astype(bool)
    if kind == "int":
        return column.astype("Int64") if missing.any() else column.astype("int64")
    if kind == "float":
        # SQLite keeps no negative zero; adding zero takes the sign away, so that no store changes a hash.
        return pd.Series(column.to_numpy(dtype="float64", na_value=np.nan) + 0.0, index=column.index)
    if kind == "time":
        return cast(pd.Series, pd.to_datetime(column, utc=True)).dt.as_unit("ms")
    return column.where(~missing, None).map(_text, na_action="ignore").astype("str")


def _text(value: object) -> str:
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value).replace("\x00", "")
