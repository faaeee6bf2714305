"""A file or table into a layer: every row checked, every refusal with its row, column, value and reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.datum import check_datum
from geo.errors import InvalidInput
from layers.columns import Source, check_column
from layers.files import Features, grounded, locate, read_features
from layers.firms import firms_columns, is_firms
from layers.frames import WGS84
from layers.gauss_kruger import Reference
from layers.points import Problem
from layers.remarks import Remark, place_remarks, remark_table, repeats
from layers.schema import Field, LayerSchema, key, match_headers
from layers.tables import infer_times, infer_types
from layers.times import CITY_ZONE

REJECTED = ("row", "line", "column", "value", "reason_zh", "reason_en")

_ALLOWED = {
    "point": {"Point"},
    "line": {"LineString", "MultiLineString"},
    "polygon": {"Polygon", "MultiPolygon"},
    "point_or_polygon": {"Point", "Polygon", "MultiPolygon"},
}
_GEOMETRY_ZH = {"point": "点", "line": "线", "polygon": "面", "point_or_polygon": "点或面"}


@dataclass(frozen=True)
class IngestReport:
    """What came of a file.

    Attributes
    ----------
    accepted : GeoDataFrame
        EPSG:4326, the schema's columns first and the file's other columns after them. Empty when rows were refused
        and the good ones alone were not asked for.
    rejected : DataFrame
        One line per reason. `row` counts data rows from 1 (the first row under the header); `line` is the line of a
        CSV file or the row of an Excel sheet, missing for other files.
    notes : list of str
        What was assumed, changed or not found.
    total : int
        Data rows in the file.
    good : int
        Rows without any problem.
    remarks : DataFrame
        What was changed, repeated, outside the city or doubtful, with the columns of `remarks.COLUMNS`.
    """

    accepted: gpd.GeoDataFrame
    rejected: pd.DataFrame
    notes: list[str]
    total: int
    good: int
    remarks: pd.DataFrame = field(default_factory=lambda: remark_table([], None))

    @property
    def refused(self) -> bool:
        """Whether nothing may be stored: rows were refused, and the good ones were not asked for or there are none."""
        return len(self.rejected) > 0 and len(self.accepted) == 0

    @property
    def rejected_rows(self) -> int:
        """Return the number of rows with a problem."""
        return self.total - self.good


def ingest(
    source: str | Path | gpd.GeoDataFrame,
    schema: LayerSchema,
    *,
    datum: str | None = None,
    accept_good: bool = False,
    set_values: Mapping[str, object] | None = None,
    reference: Reference | None = None,
) -> IngestReport:
    """Check a file or a table against a layer's schema; nothing is stored here.

    Headers are matched by name, title or synonym, in Chinese or English; units in the headers' brackets are
    converted; other columns are kept as they are named. NASA FIRMS tables are recognised for `fire_points`.

    Parameters
    ----------
    source : path or GeoDataFrame
    schema : LayerSchema
    datum : str, optional
        In which the coordinates are meant; by default what the file's CRS says, WGS 84 for tables.
    accept_good : bool
        Take the good rows when others are refused; otherwise it is all or nothing.
    set_values : mapping, optional
        Field -> value for all rows where the file has none (``{"level": "national"}``).
    reference : Reference, optional
        The central meridian of metres without a zone, and the districts by which positions are judged.

    Returns
    -------
    IngestReport

    Raises
    ------
    InvalidInput
        Unknown datum, a file that is not what it says, a required column that is missing, a field in `set_values`
        that the layer does not have.
    """
    if datum is not None:
        check_datum(datum)
    name = "the table" if isinstance(source, gpd.GeoDataFrame) else Path(source).name
    features = (
        Features(source.reset_index(drop=True)) if isinstance(source, gpd.GeoDataFrame) else read_features(source)
    )
    features = grounded(features, name, reference)
    frame, problems = locate(features, datum)
    notes = list(features.notes)
    if schema.id == "fire_points" and is_firms(frame.columns):
        frame = firms_columns(frame)
        notes.append("recognised as NASA FIRMS; times are UTC")
    lines = frame.index.to_numpy() if frame.index.name == "line" else None
    frame = frame.reset_index(drop=True)
    given = _with_values(frame, schema, set_values or {})
    frame, found, more = _typed(given, schema, name, raw=features.raw)
    geometry, wrong, repaired = _checked_geometry(frame, schema, {problem.row for problem in problems})
    frame = frame.set_geometry(geometry)
    problems = [*problems, *found, *wrong, *_repeated(frame, schema)]
    said = [*notes, *more.notes]
    if repaired:
        rows = ", ".join(str(remark.row + 1) for remark in repaired if remark.row is not None)
        said.append(f"geometry repaired (it crossed itself) in rows {rows}")
    remarks = [*_moved(features, datum), *more.remarks, *repaired, *_noticed(frame, schema, datum, reference)]
    return _report(frame, problems, Said(said, remarks), lines, accept_good)


@dataclass(frozen=True)
class Said:
    """Notes on the file and remarks on its rows."""

    notes: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def _moved(features: Features, datum: str | None) -> list[Remark]:
    named = None if datum is None else check_datum(datum)
    remarks = [Remark("changed", None, "geometry", None, "坐标换算", note) for note in features.notes]
    if named in ("gcj02", "bd09"):
        reason = (f"坐标由 {named} 转换为 wgs84", f"moved from {named} to wgs84")
        remarks.append(Remark("changed", None, "geometry", named, *reason))
    return remarks


def _noticed(
    frame: gpd.GeoDataFrame, schema: LayerSchema, datum: str | None, reference: Reference | None
) -> list[Remark]:
    """Look for repeated rows and misplaced features; what satellites see is not bound to the city."""
    named = check_datum(datum or "wgs84")
    again = [] if schema.identity and set(schema.identity) <= set(frame.columns) else repeats(frame)
    if reference is None or reference.districts is None or not schema.placed:
        return again
    return [*again, *place_remarks(frame, reference.districts, named)]


def _report(
    frame: gpd.GeoDataFrame, problems: list[Problem], said: Said, lines: np.ndarray | None, accept_good: bool
) -> IngestReport:
    bad = np.zeros(len(frame), dtype=bool)
    bad[[problem.row for problem in problems]] = True
    rows = sorted(problems, key=lambda problem: problem.row)
    rejected = pd.DataFrame(
        [
            (p.row + 1, None if lines is None else int(lines[p.row]), p.column, p.value, p.reason_zh, p.reason_en)
            for p in rows
        ],
        columns=list(REJECTED),
    ).astype({"row": "int64", "line": "Int64"})
    keep = ~bad if accept_good or not bad.any() else np.zeros(len(frame), dtype=bool)
    accepted = frame[keep].reset_index(drop=True)
    table = remark_table([r for r in said.remarks if r.row is None or not bad[r.row]], lines)
    return IngestReport(accepted, rejected, said.notes, len(frame), int((~bad).sum()), table)


def _with_values(frame: gpd.GeoDataFrame, schema: LayerSchema, values: Mapping[str, object]) -> gpd.GeoDataFrame:
    headers = match_headers(_attributes(frame), schema)
    for name, value in values.items():
        target = schema.field(name)
        if name in headers:
            header = headers[name][0]
            filled = frame[header].astype(object).where(frame[header].notna(), value)
            frame = frame.assign(**{header: filled})
        else:
            frame = frame.assign(**{target.name: pd.Series([value] * len(frame), index=frame.index, dtype=object)})
    return frame


def _typed(
    frame: gpd.GeoDataFrame, schema: LayerSchema, name: str, *, raw: bool
) -> tuple[gpd.GeoDataFrame, list[Problem], Said]:
    """Return the frame with the schema's columns checked and typed, then the file's other columns."""
    headers = match_headers(_attributes(frame), schema)
    _require(headers, schema, _attributes(frame), name)
    columns: dict[str, pd.Series] = {}
    problems: list[Problem] = []
    said = Said()
    for target in schema.fields:
        if target.name not in headers:
            continue
        header, factor, unknown = headers[target.name]
        typed, wrong, notes = check_column(frame[header], target, Source(header, factor, CITY_ZONE))
        columns[target.name] = typed
        problems += wrong
        said.notes.extend(notes)
        said.remarks.extend(Remark("changed", None, header, None, "按字段单位或时区换算", note) for note in notes)
        said.remarks.extend(_respelled(frame[header], typed, target, header))
        if unknown is not None:
            said.notes.append(
                f"{header}: the unit {unknown!r} is not known; values taken as {target.unit or 'they are'}"
            )
    said.notes.extend(_missing_note(headers, schema))
    used = {header for header, _, _ in headers.values()}
    others = frame[[header for header in _attributes(frame) if header not in used]]
    others = infer_types(others) if raw else infer_times(others)
    extra = {_free_name(str(header), schema, columns): others[header] for header in others.columns}
    table = pd.DataFrame({**columns, **extra}, index=frame.index)
    return gpd.GeoDataFrame(table, geometry=frame.geometry, crs=WGS84), problems, said


def _respelled(values: pd.Series, typed: pd.Series, target: Field, header: str) -> list[Remark]:
    """Return each spelling that was read as another choice, with how often."""
    if not target.choices:
        return []
    plain = {key(text) for choice in target.choices for text in (choice.value, choice.title_zh, choice.title_en)}
    pairs = pd.DataFrame({"was": values.astype("str"), "is": typed})[typed.notna()]
    return [
        Remark("changed", None, header, was, f"读作 {now}（{len(rows)} 行）", f"read as {now} (rows: {len(rows)})")
        for (was, now), rows in pairs.groupby(["was", "is"])
        if key(str(was)) not in plain
    ]


def _attributes(frame: gpd.GeoDataFrame) -> list[str]:
    return [name for name in frame.columns if name != frame.active_geometry_name]


def _require(headers: Mapping[str, object], schema: LayerSchema, there: list[str], name: str) -> None:
    missing = [target for target in schema.fields if target.required and target.name not in headers]
    if missing:
        wanted = ", ".join(f"{target.name} ({target.title_zh}, {target.title_en})" for target in missing)
        columns = ", ".join(map(str, there)) or "none"
        raise InvalidInput(
            f"{name} has no column for {wanted}; its columns are {columns}; rename one of them or add it"
        )


def _missing_note(headers: Mapping[str, object], schema: LayerSchema) -> list[str]:
    missing = [f"{f.name} ({f.title_zh})" for f in schema.fields if f.name not in headers and f.name != "synthetic"]
    return [f"not in the file, left empty: {', '.join(missing)}"] if missing else []


def _free_name(name: str, schema: LayerSchema, taken: Mapping[str, object]) -> str:
    """Return a column name that no other column has, whatever its case."""
    used = {text.casefold() for text in (*taken, *schema.names, "geometry", "geom", "suyuan_fid")}
    return f"{name}_2" if name.casefold() in used else name


def _checked_geometry(
    frame: gpd.GeoDataFrame, schema: LayerSchema, reported: set[int]
) -> tuple[gpd.GeoSeries, list[Problem], list[Remark]]:
    """Check presence, type and validity; polygons that cross themselves are repaired and named."""
    shapes = frame.geometry.to_numpy().copy()
    problems: list[Problem] = []
    repaired: list[Remark] = []
    single = shapely.get_num_geometries(shapes) == 1
    multipoint = single & (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOINT)
    shapes[multipoint] = shapely.get_geometry(shapes[multipoint], 0)
    absent = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    for row in np.flatnonzero(absent):
        if int(row) not in reported:
            problems.append(Problem(int(row), "geometry", None, "没有位置", "has no geometry"))
    for row in np.flatnonzero(~absent & ~shapely.is_valid(shapes)):
        shapes[row] = shapely.make_valid(shapes[row])
        reasons = ("面自相交，已修复", "crossed itself and was repaired")
        repaired.append(Remark("changed", int(row), "geometry", None, *reasons))
    allowed = _ALLOWED.get(schema.geometry)
    for row in np.flatnonzero(~absent) if allowed else ():
        kind = shapes[row].geom_type
        if kind not in (allowed or ()):
            zh, en = _GEOMETRY_ZH[schema.geometry], schema.geometry.replace("_", " ")
            problems.append(Problem(int(row), "geometry", kind, f"几何类型应为{zh}", f"is a {kind}, not a {en}"))
    return gpd.GeoSeries(shapes, index=frame.index, crs=WGS84), problems, repaired


def _repeated(frame: gpd.GeoDataFrame, schema: LayerSchema) -> list[Problem]:
    """Return the rows whose identity an earlier row of the file already has."""
    if not schema.identity or not set(schema.identity) <= set(frame.columns):
        return []
    keys = frame[list(schema.identity)]
    complete = keys.notna().all(axis=1)
    again = np.flatnonzero(keys.duplicated() & complete)
    column = ", ".join(schema.identity)
    first = {tuple(values): row for row, values in reversed(list(enumerate(keys.itertuples(index=False, name=None))))}
    problems = []
    for row in again:
        values = tuple(keys.iloc[row])
        before = first[values] + 1
        value = values[0] if len(values) == 1 else values
        problems.append(Problem(int(row), column, value, f"与第 {before} 行重复", f"is already in row {before}"))
    return problems
