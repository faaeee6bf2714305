"""The files of a scan: which column is what, and the tables that the scan is made from."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from api.processes.context import Context
from geo.errors import InvalidInput, MissingData
from layers.files import TABLES
from layers.points import LAT, LON
from layers.satscan import SATSCAN, read_satscan
from layers.schema import key
from layers.tables import infer_types, read_table
from layers.times import CITY_ZONE, parse_times
from tracing.scan_study import Step
from tracing.scan_tables import Tables

_IDS = ("id", "编号", "place", "station_id", "station", "站点编号", "name", "名称")
_POPULATION = ("population", "pop", "人口", "people")
_CONTROLS = ("controls", "control", "对照", "对照数")
_COARSER: tuple[Step, ...] = ("day", "month", "year")
_TIMES = ("time", "date", "year", "时间", "日期", "年份", "年")
# The name that a column without a header is given.
_UNNAMED = re.compile(r"column_\d+")
_YEAR = re.compile(r"\d{4}(?:\.0+)?")
_SHORT_YEAR = re.compile(r"\d{2}(?:\.0+)?")
_MONTH = re.compile(r"\d{4}[-/.]\d{1,2}")


@dataclass(frozen=True)
class Columns:
    """Names as the user typed them."""

    cases: str
    time: str | None
    id: str | None
    controls: str | None
    cartesian: str | None
    adjust: str
    step: str = "auto"
    step_length: int = 1


def read_tables(
    context: Context, file: str, columns: Columns, *, places: str | None, population: str | None
) -> tuple[Tables, tuple[str, ...]]:
    """Read the files of a scan and give their columns the names that it knows.

    Coordinates come from `places`, else from the file of cases, else from that of the population; the population
    from its own file, else from a column of the cases' file.

    Raises
    ------
    InvalidInput, MissingData, SourceUnavailable
        A file or a column that is not there, a time that cannot be read, a place with two positions.
    """
    raw = _read(context, file, columns)
    raw, columns = _with_controls(context, raw, columns, file)
    people = None if population is None else _read(context, population, columns)
    where = raw if places is None else _read(context, places, columns)
    if places is None and people is not None and _axes(raw, columns.cartesian) is None:
        where = people
    table = pd.DataFrame({"cases": raw[_named(raw, columns.cases, "--cases", file)]})
    table["id"] = _ids(raw, columns, file)
    if columns.controls is not None:
        table["controls"] = raw[_named(raw, columns.controls, "--controls", file)]
    step: Step | None = None
    if columns.time is not None:
        moments = raw[_named(raw, columns.time, "--time", file)]
        table["time"], written = _times(moments, file, generic=columns.step == "generic")
        step = _step(written, columns, file)
    residents, groups = _population(raw, people, columns, table.get("time"), population or file)
    if groups:
        table["stratum"] = _joined(raw, groups)
    notes = (f"Expected cases are standardised by {', '.join(groups)}.",) if groups else ()
    found = _places(where, columns, places or file)
    return Tables(table, found, residents, columns.cartesian is not None, step, columns.step_length), notes


def _read(context: Context, source: str, columns: Columns) -> pd.DataFrame:
    if Path(source).suffix.lower() in SATSCAN:
        axes = _axis_names(columns.cartesian)
        return infer_types(read_satscan(context.file(source), timed=columns.time is not None, axes=axes))
    if Path(source).suffix.lower() in TABLES:
        table = infer_types(read_table(context.file(source)))
        return table.reset_index(drop=True)
    frame = context.vector(source)
    points = frame.geometry.representative_point()
    return pd.DataFrame(frame.drop(columns=frame.geometry.name)).assign(lon=points.x, lat=points.y)


def _with_controls(context: Context, raw: pd.DataFrame, columns: Columns, file: str) -> tuple[pd.DataFrame, Columns]:
    """Put the rows of a file of controls under those of the cases."""
    name = columns.controls
    if name is None or name in raw.columns or not Path(name).suffix:
        return raw, columns
    extra = _read(context, name, columns)
    count = _known(extra, _CONTROLS)
    if count is None:
        raise InvalidInput(f"{Path(name).name} has no column controls; it has {', '.join(extra.columns)}")
    cases = _named(raw, columns.cases, "--cases", file)
    both = [raw.assign(controls=0), extra.rename(columns={count: "controls"}).assign(**{cases: 0})]
    return pd.concat(both, ignore_index=True), replace(columns, controls="controls")


def _step(written: Step, columns: Columns, file: str) -> Step:
    """Return the step that was asked for, if the times are written finely enough for it."""
    if columns.step in ("auto", "generic"):
        return written
    wanted: Step = "day" if columns.step == "day" else "month" if columns.step == "month" else "year"
    if _COARSER.index(wanted) < _COARSER.index(written):
        raise InvalidInput(f"--step {wanted}: {Path(file).name} has no times finer than a {written}")
    return wanted


def _axis_names(cartesian: str | None) -> tuple[str, str] | None:
    if cartesian is None:
        return None
    x, y = (name.strip() for name in cartesian.split(","))
    return x, y


def _named(table: pd.DataFrame, name: str, option: str, file: str) -> str:
    if name in table.columns:
        return name
    raise InvalidInput(f"{option} {name}: {Path(file).name} has no such column; it has {', '.join(table.columns)}")


def _known(table: pd.DataFrame, names: tuple[str, ...]) -> str | None:
    by_key = {key(str(header)): str(header) for header in reversed(list(table.columns))}
    return next((by_key[key(name)] for name in names if key(name) in by_key), None)


def _axes(table: pd.DataFrame, cartesian: str | None) -> tuple[str, str] | None:
    names = _axis_names(cartesian)
    if names is not None:
        return names if set(names) <= set(table.columns) else None
    lon, lat = _known(table, LON), _known(table, LAT)
    return None if lon is None or lat is None else (lon, lat)


def _ids(table: pd.DataFrame, columns: Columns, file: str) -> pd.Series:
    name = columns.id if columns.id is not None else _known(table, _IDS)
    if name is not None:
        return _text(table[_named(table, name, "--id", file)])
    axes = _axes(table, columns.cartesian)
    if axes is None:
        raise InvalidInput(f"{Path(file).name}: no column names the place; say which with --id")
    return table[axes[0]].astype(str) + " " + table[axes[1]].astype(str)


def _text(values: pd.Series) -> pd.Series:
    """Return ids as text, so that 11229 in one file is 11229.0 in another that has a gap."""
    if pd.api.types.is_float_dtype(values.dtype) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    if values.isna().any():
        raise InvalidInput(f"column {values.name!r} has a row without a place: fill it in")
    return values.astype(str).str.strip()


def _places(table: pd.DataFrame, columns: Columns, file: str) -> pd.DataFrame:
    axes = _axes(table, columns.cartesian)
    if axes is None:
        wanted = f"--cartesian {columns.cartesian}" if columns.cartesian else "longitude and latitude"
        raise MissingData(f"{Path(file).name} has no coordinates ({wanted}): give a file of them with --places FILE")
    places = pd.DataFrame({"id": _ids(table, columns, file), "x": table[axes[0]], "y": table[axes[1]]})
    places = places.drop_duplicates(ignore_index=True)
    places.attrs["lonlat"] = key(axes[0]) in map(key, LON) and key(axes[1]) in map(key, LAT)
    return places


def _population(
    raw: pd.DataFrame, people: pd.DataFrame | None, columns: Columns, times: pd.Series | None, file: str
) -> tuple[pd.DataFrame | None, list[str]]:
    table = raw if people is None else people
    count = _known(table, _POPULATION)
    if count is None:
        if people is not None:
            raise InvalidInput(f"{Path(file).name} has no column population; it has {', '.join(table.columns)}")
        return None, []
    out = pd.DataFrame({"id": _ids(table, columns, file), "population": table[count]})
    if people is None:
        return out.drop_duplicates("id"), []
    when = columns.time if columns.time in table.columns else _known(table, _TIMES)
    if when is not None:
        middle, _ = _times(table[when], file, middle=True, near=times)
        out["time"] = middle
    groups = _groups(raw, table, columns, {count, when})
    if groups:
        out["stratum"] = _joined(table, groups)
    return out, groups


def _groups(raw: pd.DataFrame, people: pd.DataFrame, columns: Columns, used: set[str | None]) -> list[str]:
    if columns.adjust == "none":
        return []
    if columns.adjust != "auto":
        names = [name.strip() for name in columns.adjust.split(",")]
        return [_named(raw, _named(people, name, "--adjust", "the population"), "--adjust", "FILE") for name in names]
    axes = _axes(people, columns.cartesian) or ()
    ids = columns.id or _known(people, _IDS)
    apart = used | {ids, columns.cases, columns.time, columns.controls, *axes}
    shared = [name for name in raw.columns if name in people.columns and name not in apart]
    return [name for name in shared if not _UNNAMED.fullmatch(name)]


def _joined(table: pd.DataFrame, groups: list[str]) -> pd.Series:
    parts = zip(*(_text(table[name]) for name in groups), strict=True)
    return pd.Series(["/".join(part) for part in parts], index=table.index, dtype="str")


def _times(
    values: pd.Series, file: str, *, middle: bool = False, near: pd.Series | None = None, generic: bool = False
) -> tuple[pd.Series, Step]:
    """Return days without zone, and the step that the way of writing them implies; `middle` of a year or month."""
    text = values.astype(str).str.strip()
    if generic:
        if not text.str.fullmatch(r"-?\d{1,5}").all():
            raise InvalidInput(f"--step generic: the times of {Path(file).name} are not all whole numbers")
        return pd.Timestamp("1970-01-01") + pd.to_timedelta(text.astype(int), unit="D"), "generic"
    if text.str.fullmatch(_SHORT_YEAR).all() and near is not None:
        text = _whole_years(text, int(near.dt.year.median()))
    if text.str.fullmatch(_YEAR).all():
        return pd.to_datetime(text.str[:4] + ("-07-01" if middle else "-01-01")), "year"
    if text.str.fullmatch(_MONTH).all():
        return pd.to_datetime(text.str.replace(r"[/.]", "-", regex=True) + ("-15" if middle else "-01")), "month"
    found, _ = parse_times(values if pd.api.types.is_datetime64_any_dtype(values.dtype) else text)
    lost = np.flatnonzero(found.isna())
    if lost.size:
        raise InvalidInput(
            f"{Path(file).name} row {lost[0] + 1}: time {text.iloc[lost[0]]!r} cannot be read; write 2021-10-20"
        )
    return found.dt.tz_convert(CITY_ZONE).dt.tz_localize(None).dt.normalize(), "day"


def _whole_years(text: pd.Series, near: int) -> pd.Series:
    """Give years of two digits the century that brings them nearest to the cases."""
    short = text.str[:2].astype(int)
    return (short + 100 * np.rint((near - short) / 100.0).astype(int)).astype(str)
