"""Points from the columns of a table, and what is wrong with those that cannot be."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import InvalidInput
from layers.angles import Axis, parse_angles
from layers.schema import key, split_unit

LON = (
    "lon",
    "lng",
    "long",
    "longitude",
    "经度",
    "中心经度",
    "东经",
    "站点经度",
    "lon_wgs84",
    "坐标经度",
    "x",
    "jd",
    "横坐标",
    "东坐标",
    "x坐标",
    "easting",
)
LAT = (
    "lat",
    "latitude",
    "纬度",
    "中心纬度",
    "北纬",
    "站点纬度",
    "lat_wgs84",
    "坐标纬度",
    "y",
    "wd",
    "纵坐标",
    "北坐标",
    "y坐标",
    "northing",
)
WKT = ("wkt", "geometry", "geom", "the_geom", "几何", "空间坐标")


@dataclass(frozen=True)
class Problem:
    """One reason for which a row cannot be taken; `row` counts from 0."""

    row: int
    column: str
    value: object
    reason_zh: str
    reason_en: str


def coordinate_columns(table: pd.DataFrame) -> tuple[str, ...] | None:
    """Return the names of the longitude and latitude columns, or of the one WKT column, or None."""
    lon, lat, wkt = (_find(table, names) for names in (LON, LAT, WKT))
    if lon is not None and lat is not None:
        return lon, lat
    return None if wkt is None else (wkt,)


def geometry_from_columns(table: pd.DataFrame, name: str) -> tuple[gpd.GeoSeries, pd.DataFrame, list[Problem]]:
    """Make geometries from a table's coordinate columns.

    Parameters
    ----------
    table : DataFrame
        Text columns.
    name : str
        The file's name, for messages.

    Returns
    -------
    geometry : GeoSeries, without CRS
        One for each row; empty where the row has a problem.
    rest : DataFrame
        The other columns.
    problems : list of Problem

    Raises
    ------
    InvalidInput
        The table has no such columns.
    """
    found = coordinate_columns(table)
    if found is None:
        there = ", ".join(map(str, table.columns))
        raise InvalidInput(
            f"{name} has no coordinates: no columns lon and lat (经度, 纬度) and no wkt; the columns are {there}"
        )
    rest = table.drop(columns=list(found))
    values, problems = _points(table, *found) if len(found) == 2 else _wkt(table[found[0]])
    return gpd.GeoSeries(values, index=table.index), rest, problems


def bad_coordinates(geometry: gpd.GeoSeries) -> list[Problem]:
    """Return what is wrong with coordinates that should be longitude and latitude in degrees."""
    bounds = geometry.bounds.to_numpy()
    present = (~(geometry.isna() | geometry.is_empty)).to_numpy()
    raw = shapely.get_coordinates(geometry.to_numpy()[present])
    if np.isfinite(raw).all() and (np.abs(raw) <= (180.0, 90.0)).all():
        return []
    return [p for row in np.flatnonzero(present) if (p := _bad(int(row), geometry.iloc[row], bounds[row]))]


def _bad(row: int, shape: shapely.Geometry, bounds: np.ndarray) -> Problem | None:
    values = shapely.get_coordinates(shape)
    if not np.isfinite(values).all():
        return Problem(row, "geometry", _short(shape), "坐标不是数字", "a coordinate is not a number")
    west, south, east, north = bounds
    worst_lat = north if abs(north) >= abs(south) else south
    worst_lon = east if abs(east) >= abs(west) else west
    if abs(worst_lat) > 90 and abs(worst_lat) <= 180 and max(abs(west), abs(east)) <= 90:
        zh = f"纬度 {worst_lat:g} 超出 -90 到 90，经纬度似乎颠倒"
        return Problem(
            row, "lat", worst_lat, zh, f"latitude {worst_lat:g} is outside -90 to 90; lon, lat looks swapped"
        )
    if abs(worst_lat) > 90:
        return _outside(row, "lat", "纬度", "latitude", worst_lat, 90)
    return _outside(row, "lon", "经度", "longitude", worst_lon, 180) if abs(worst_lon) > 180 else None


def _outside(row: int, column: str, zh: str, en: str, value: float, limit: int) -> Problem:
    return Problem(
        row, column, value, f"{zh} {value:g} 超出 -{limit} 到 {limit}", f"{en} {value:g} is outside -{limit} to {limit}"
    )


def _find(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    by_key = {key(split_unit(header)[0]): str(header) for header in reversed(list(table.columns))}
    return next((by_key[key(name)] for name in names if key(name) in by_key), None)


def _points(table: pd.DataFrame, lon: str, lat: str) -> tuple[np.ndarray, list[Problem]]:
    problems: list[Problem] = []
    axes = []
    named: tuple[tuple[str, Axis, str, str], ...] = (
        (lon, "lon", "经度", "longitude"),
        (lat, "lat", "纬度", "latitude"),
    )
    for column, kind, zh, en in named:
        axis = parse_angles(table[column].str.strip().str.rstrip("°"), kind)
        axes.append(axis)
        for row in np.flatnonzero(~np.isfinite(axis)):
            value = table[column].iloc[row]
            gap = pd.isna(value)
            reason = (f"缺少{zh}", f"{en} is missing") if gap else (f"{zh}不是数字", f"{en} is not a number")
            problems.append(Problem(int(row), column, None if gap else value, *reason))
    points = shapely.points(*axes)
    points[~np.isfinite(axes[0]) | ~np.isfinite(axes[1])] = shapely.Point()
    return points, problems


def _wkt(column: pd.Series) -> tuple[np.ndarray, list[Problem]]:
    # An empty column of numbers would turn None back into NaN, which is no text.
    texts = column.astype(object).where(column.notna(), None).to_numpy(dtype=object)
    shapes = shapely.from_wkt(texts, on_invalid="ignore")
    wrong = np.flatnonzero(shapely.is_missing(shapes) & column.notna().to_numpy())
    problems = [
        Problem(int(row), str(column.name), _short(column.iloc[row]), "不是有效的 WKT", "is not valid WKT")
        for row in wrong
    ]
    return shapes, problems


def _short(value: object, length: int = 60) -> str:
    text = str(value)
    return text if len(text) <= length else text[: length - 3] + "..."
