"""What happened to rows that were taken: changed, repeated, outside the city, in a doubtful datum."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.datum import DATUMS, from_wgs84, to_wgs84

Outcome = Literal["changed", "rejected", "duplicate", "outside_city", "doubtful_datum"]
COLUMNS = ("outcome", "row", "line", "column", "value", "reason_zh", "reason_en")

# One place near a boundary may be wrong by itself; several that all want the same shift are not.
_LEAST_GAIN, _GAIN_OVER_LOSS = 2, 3


@dataclass(frozen=True)
class Remark:
    """One thing that was done or noticed; `row` counts from 0, None is the whole file."""

    outcome: Outcome
    row: int | None
    column: str
    value: object
    reason_zh: str
    reason_en: str


def remark_table(remarks: Iterable[Remark], lines: NDArray[np.int64] | None) -> pd.DataFrame:
    """Return remarks as a table with `COLUMNS`, rows from 1, whole-file remarks first.

    `lines` gives each row's line in the file, None where it has none.
    """
    ordered = sorted(remarks, key=lambda remark: -1 if remark.row is None else remark.row)
    rows = [
        (
            r.outcome,
            None if r.row is None else r.row + 1,
            None if r.row is None or lines is None else int(lines[r.row]),
            r.column,
            r.value,
            r.reason_zh,
            r.reason_en,
        )
        for r in ordered
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"row": "Int64", "line": "Int64"})


def repeats(frame: gpd.GeoDataFrame) -> list[Remark]:
    """Return the rows that say the same as an earlier row, place and all; both are kept."""
    names = [name for name in frame.columns if name != frame.active_geometry_name]
    table = pd.DataFrame(frame[names]).astype(object).where(frame[names].notna(), None)
    table = table.assign(suyuan_place=shapely.to_wkb(frame.geometry.to_numpy()))
    if not table.duplicated().any():
        return []
    groups = table.groupby([table[name].map(repr) for name in table.columns], sort=False).ngroup().to_numpy()
    first = {group: row for row, group in reversed(list(enumerate(groups)))}
    return [
        Remark(
            "duplicate", row, "", None, f"与第 {first[g] + 1} 行完全相同，仍保留", f"equals row {first[g] + 1}; kept"
        )
        for row, g in enumerate(groups)
        if first[g] != row
    ]


def place_remarks(frame: gpd.GeoDataFrame, districts: gpd.GeoDataFrame, datum: str) -> list[Remark]:
    """Judge places by the city's districts: those outside, and whether another datum would fit better.

    A point fits when it lies in the district that its row names, or in any district where it names none. Another
    datum is proposed when it puts at least two points right and three times as many right as wrong; nothing is moved.

    Parameters
    ----------
    frame : GeoDataFrame
        EPSG:4326; a column `district` is used where it is there.
    districts : GeoDataFrame
        EPSG:4326, column `name`.
    datum : str
        The datum as which the file was read.

    Returns
    -------
    list of Remark
    """
    shapes = frame.geometry.to_numpy()
    there = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    if not len(there) or districts.empty:
        return []
    city = shapely.union_all(districts.geometry.to_numpy())
    shapely.prepare(city)
    outside = there[~shapely.intersects(city, shapes[there])]
    remarks = [
        Remark(
            "outside_city", int(row), "geometry", _lonlat(shapes[row]), "在本市区县之外", "lies outside the districts"
        )
        for row in outside
    ]
    points = there[shapely.get_type_id(shapes[there]) == shapely.GeometryType.POINT]
    doubt = _doubt(frame.iloc[points], districts, datum) if len(points) else None
    return remarks if doubt is None else [doubt, *remarks]


def _lonlat(shape: shapely.Geometry) -> str:
    point = shape.representative_point()
    return f"{point.x:.6f} {point.y:.6f}"


def _doubt(frame: gpd.GeoDataFrame, districts: gpd.GeoDataFrame, datum: str) -> Remark | None:
    named = frame["district"].astype("str").to_numpy() if "district" in frame else np.full(len(frame), None)
    areas = [(str(name), shape) for name, shape in zip(districts["name"], districts.geometry, strict=True)]
    lon, lat = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    raw = from_wgs84(lon, lat, datum)
    now = _fits(lon, lat, named, areas)
    best: tuple[int, str, int] | None = None
    for other in DATUMS:
        if other == "cgcs2000" or other == datum or {other, datum} == {"wgs84", "cgcs2000"}:
            continue
        then = _fits(*to_wgs84(*raw, other), named, areas)
        gain, loss = int((then & ~now).sum()), int((now & ~then).sum())
        if gain >= _LEAST_GAIN and gain >= _GAIN_OVER_LOSS * loss and (best is None or gain - loss > best[0]):
            best = (gain - loss, other, int(then.sum()))
    if best is None:
        return None
    fit, other, total = int(now.sum()), best[1], len(frame)
    zh = f"按 {datum} 有 {fit}/{total} 个点落在所属区县，按 {other} 有 {best[2]} 个；请核对坐标系，坐标未改动"
    en = (
        f"as {datum} {fit} of {total} points lie in their district, as {other} {best[2]} would: check the datum "
        f"(--datum {other}); nothing was moved"
    )
    return Remark("doubtful_datum", None, "geometry", datum, zh, en)


def _fits(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    named: NDArray[np.object_],
    areas: list[tuple[str, shapely.Geometry]],
) -> NDArray[np.bool_]:
    known = np.isin(named.astype(str), [name for name, _ in areas])
    fits = np.zeros(len(lon), dtype=bool)
    for name, shape in areas:
        shapely.prepare(shape)
        asked = ~known | (named.astype(str) == name)
        fits[asked] |= shapely.contains_xy(shape, lon[asked], lat[asked])
    return fits
