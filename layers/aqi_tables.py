"""The index of a table as people keep it: daily or hourly rows in, the same rows with their index out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from geo.errors import InvalidInput
from layers.air_quality import DAILY, HOURLY, STANDARDS, daily_aqi, hourly_aqi, standard_of
from layers.headerless_tables import read_headerless
from layers.numbers import parse_numbers
from layers.observation_columns import DATE, SUFFIX, clocks_only, find_column, joined_times, texts, unit_factor
from layers.ozone_columns import days_swapped, hours_swapped
from layers.pollutant_headers import Item, chosen_headers, items_of, names_item
from layers.schema import key, split_unit
from layers.tables import infer_types, read_long_table
from layers.times import CITY_ZONE, parse_times

KINDS = ("daily", "hourly")
_TIME = ("time", "datetime", "date_time", "timestamp", "时间", "监测时间", "日期时间", "观测时间", "发布时间")
_HOUR = ("hour", "小时", "时")
_YMD = (("year", "年", "y"), ("month", "月", "m"), ("day", "日", "d"))
_STATION = ("station_id", "站点编号", "站点编码", "监测点编码", "测点编码", "编码", "id", "code", "station", "站点")
# A median above the top of the index is not air that anyone breathes: the column is in ug/m3.
_CO_LIMIT_MG_M3 = 150.0
_CO_VALUES = 20


@dataclass(frozen=True)
class AqiTable:
    """A table with its index.

    `table` has the columns and rows of the file, then iaqi_<pollutant> (six), aqi, primary and standard; `kind` is
    "daily" or "hourly"; `notes` say what was assumed or left out.
    """

    table: pd.DataFrame
    kind: str
    notes: list[str]


def index_of_file(
    path: str | Path,
    *,
    kind: str | None = None,
    columns: list[str] | None = None,
    timezone: str = CITY_ZONE,
    units: Mapping[str, str] | None = None,
    accept_good: bool = False,
) -> AqiTable:
    """Compute the index of every row of a file.

    Parameters
    ----------
    path : path
        CSV (UTF-8 or GB18030, gzipped too), Excel, or text without header (see `columns`).
    kind : str, optional
        "daily" or "hourly"; by default recognised by the columns and the times.
    columns : list of str, optional
        Names of the columns of a file without header, its cells apart by blanks or commas.
    timezone : str
        Zone of hourly times that name none.
    units : mapping, optional
        Pollutant -> "ug/m3" or "mg/m3", where the header does not say it.
    accept_good : bool
        Take cells that are no numbers for gaps instead of refusing the file.

    Returns
    -------
    AqiTable

    Raises
    ------
    InvalidInput
        No column for the date or time or for any pollutant; a date or number that is none; an unknown unit; CO that
        cannot be mg/m3.
    SourceUnavailable
        The file cannot be read.
    """
    path = Path(path)
    table = read_long_table(path) if columns is None else read_headerless(path, columns)
    return index_of_table(table, path.name, kind=kind, timezone=timezone, units=units, accept_good=accept_good)


def index_of_table(
    table: pd.DataFrame,
    name: str = "the table",
    *,
    kind: str | None = None,
    timezone: str = CITY_ZONE,
    units: Mapping[str, str] | None = None,
    accept_good: bool = False,
) -> AqiTable:
    """Compute the index of every row of a table of text or numbers; see `index_of_file`.

    Daily tables have a date and 24-h means of pm25, pm10, so2, no2, co, with o3_8h, the day's largest 8-h mean (and
    o3_1h, if any, for above 800 ug m-3 under HJ 633-2012). Hourly ones have a time, the hour's means with o3, and
    so2_24h, if any. The index of the table is the line in messages.
    """
    if kind not in (None, *KINDS):
        raise InvalidInput(f"unknown kind {kind!r} of table; use one of {', '.join(KINDS)}")
    items = items_of(table.columns, name)
    when = _time_columns(table, name)
    times, notes = _times(table, when, name, timezone)
    kind = kind or _kind(when, items, times)
    if kind == "daily":
        notes = [note for note in notes if "no zone" not in note]
    chosen = _chosen(kind, items, name)
    unused = [header for header in items.values() if header not in chosen.values()]
    if unused:
        notes.append(f"not used in a {kind} table: {', '.join(unused)}")
    given, shown = _given(table, chosen, name, accept_good, notes)
    numbers = {column: given[column] * _factor(chosen[column], column, units or {}) for column in given}
    if "co" in numbers:
        _check_co(numbers["co"], name)
    _unswap_ozone(table, times, kind, numbers, notes)
    values = pd.DataFrame(numbers, index=table.index)
    local = times.dt.tz_convert(CITY_ZONE)
    if kind == "daily":
        index = daily_aqi(values.assign(date=local.dt.tz_localize(None).dt.normalize()))
    else:
        index = hourly_aqi(values.assign(time=times))
    if kind == "hourly":
        _note_sulphur(values, times, notes)
    out = _original(table, shown, when, times, kind)
    return AqiTable(_joined(out, index, kind, notes), kind, notes)


def _time_columns(table: pd.DataFrame, name: str) -> tuple[str, ...]:
    """Return the columns of the time, the last one an hour where there is one."""
    date, time, hour = (find_column(table, names) for names in (DATE, _TIME, _HOUR))
    ymd = [find_column(table, names) for names in _YMD]
    if date and time and clocks_only(table[time]):
        return date, time
    if time:
        return (time,)
    if date:
        return (date, hour) if hour else (date,)
    if all(ymd):
        parts = tuple(str(part) for part in ymd)
        return (*parts, hour) if hour else parts
    there = ", ".join(map(str, table.columns))
    raise InvalidInput(f"{name} has no column for the date (date, 日期) or the time (time, 时间); its columns: {there}")


def _times(table: pd.DataFrame, when: tuple[str, ...], name: str, timezone: str) -> tuple[pd.Series, list[str]]:
    given = joined_times(table, when)
    times, notes = parse_times(given, timezone)
    if times.isna().any():
        at = int(times.isna().to_numpy().argmax())
        value = given.iloc[at]
        said = "is empty" if pd.isna(value) or not str(value).strip() else f"{str(value)!r} is not a date or time"
        more = f" ({int(times.isna().sum())} such rows)" if times.isna().sum() > 1 else ""
        raise InvalidInput(f"{name}, line {table.index[at]}, column {when[0]}: {said}{more}; write it as 2024-05-01")
    return times, notes


def _kind(when: tuple[str, ...], items: dict[Item, str], times: pd.Series) -> str:
    local = times.dt.tz_convert(CITY_ZONE)
    clock = bool((local != local.dt.normalize()).any())
    only_8h = (("o3", "8h") in items or ("o3", "8h24h") in items) and ("o3", None) not in items
    if len(when) in (2, 4):
        return "hourly"
    if len(when) == 3 or key(when[0]) in {key(text) for text in DATE}:
        return "hourly" if clock and not only_8h else "daily"
    return "daily" if only_8h and not clock else "hourly"


def _chosen(kind: str, items: dict[Item, str], name: str) -> dict[str, str]:
    chosen = chosen_headers(kind, items)
    wanted = DAILY if kind == "daily" else HOURLY
    if not any(column in wanted for column in chosen):
        raise InvalidInput(f"{name}, a {kind} table, has no column for a pollutant; give one of {', '.join(wanted)}")
    return chosen


def _given(
    table: pd.DataFrame, chosen: dict[str, str], name: str, accept_good: bool, notes: list[str]
) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    """Return the numbers as given by item, and those of columns without a wrong cell by header."""
    found, shown = {}, {}
    for column, header in chosen.items():
        found[column], wrong = parse_numbers(table[header])
        if wrong.any():
            at = int(wrong.argmax())
            where = f"line {table.index[at]}, column {header}: {str(table[header].iloc[at])!r} is not a number"
            if not accept_good:
                raise InvalidInput(f"{name}, {where} ({wrong.sum()} in this column); correct it, or use --accept-good")
            notes.append(f"{where}; taken as a gap ({wrong.sum()} in this column)")
        else:
            shown[header] = found[column]
        if (found[column] < 0).any():
            notes.append(f"{int((found[column] < 0).sum())} negative values of {header} have no index")
    return found, shown


def _factor(header: str, column: str, units: Mapping[str, str]) -> float:
    stated, suffix, pollutant = split_unit(header)[1], SUFFIX.search(header), column.split("_")[0]
    if suffix:
        unit = suffix.group(1).replace("_", "/", 1).replace("_", "")
    elif stated is not None and not names_item(stated):
        unit = stated
    else:
        unit = units.get(pollutant, "mg/m3" if pollutant == "co" else "ug/m3")
    return unit_factor(unit, pollutant)


def _check_co(co: pd.Series, name: str) -> None:
    if co.notna().sum() >= _CO_VALUES and co.median() > _CO_LIMIT_MG_M3:
        raise InvalidInput(
            f"{name}: CO of {co.median():.0f} mg/m3 (median) cannot be; if it is in ug/m3, say --unit co=ug/m3"
        )


def _unswap_ozone(
    table: pd.DataFrame, times: pd.Series, kind: str, numbers: dict[str, pd.Series], notes: list[str]
) -> None:
    """Put the ozone columns right where they are swapped; of hourly ones only the 1-h value is used further."""
    other = "o3_1h" if kind == "daily" else "o3"
    if "o3_8h" in numbers and other in numbers:
        if kind == "daily":
            swapped = days_swapped(numbers[other], numbers["o3_8h"])
        else:
            station = find_column(table, _STATION)
            names = texts(table[station]) if station else pd.Series("", index=table.index)
            swapped = hours_swapped(names, times, numbers[other], numbers["o3_8h"])
        if swapped:
            numbers[other], numbers["o3_8h"] = numbers["o3_8h"], numbers[other]
            notes.append("the columns of 1-h and 8-h ozone are swapped in this file; the index uses them the right way")
    if kind == "hourly":
        numbers.pop("o3_8h", None)


def _note_sulphur(values: pd.DataFrame, times: pd.Series, notes: list[str]) -> None:
    if "so2" not in values:
        return
    beside = values["so2_24h"] if "so2_24h" in values else pd.Series(np.nan, index=values.index)
    kept = int(((values["so2"] > 800) & beside.isna() & (standard_of(times) == STANDARDS[0])).sum())
    if kept:
        notes.append(f"{kept} hours of SO2 above 800 ug/m3 have no so2_24h (HJ 633-2012): their index stays at 200")


def _original(
    table: pd.DataFrame, shown: dict[str, pd.Series], when: tuple[str, ...], times: pd.Series, kind: str
) -> pd.DataFrame:
    """Return the file's columns: numbers as numbers, the time in ISO 8601, everything else as it was."""
    station = find_column(table, _STATION)
    kept = {*when, station, *shown}
    typed = infer_types(table[[name for name in table.columns if name not in kept]])
    out = table.assign(**{name: typed[name] for name in typed.columns})
    for header, numbers in shown.items():
        whole = bool((numbers.dropna() % 1 == 0).all())
        out[header] = numbers.astype("Int64") if whole else numbers
    if len(when) == 1:
        local = times.dt.tz_convert(CITY_ZONE)
        iso = local.dt.strftime("%Y-%m-%d" if kind == "daily" else "%Y-%m-%dT%H:%M:%S%z")
        zoned = texts(table[when[0]]).str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:?\d\d)", na=False)
        iso = iso.str.replace(r"(\d\d)$", r":\1", regex=True) if kind == "hourly" else iso
        out[when[0]] = table[when[0]].where(zoned, iso) if kind == "hourly" else iso
    return out


def _joined(out: pd.DataFrame, index: pd.DataFrame, kind: str, notes: list[str]) -> pd.DataFrame:
    columns = [f"iaqi_{name}" for name in (DAILY if kind == "daily" else HOURLY)] + ["aqi", "primary", "standard"]
    there = [name for name in columns if name in out]
    if there:
        notes.append(f"given columns renamed: {', '.join(f'{name} -> {name}_given' for name in there)}")
    out = out.rename(columns={name: f"{name}_given" for name in there})
    empty = pd.array([pd.NA] * len(out), dtype="Int16")
    return out.assign(**{name: index[name] if name in index else empty for name in columns})
