"""Observations from the tables that stations and offices send: long or wide, to one long table in UTC."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from geo.errors import InvalidInput
from layers.columns import YES
from layers.daily_columns import DAILY_UNITS, PERIODS, daily_columns, daily_name, day_starts, period_of
from layers.headerless_tables import read_headerless
from layers.national_feed import is_national_feed, unpivoted
from layers.numbers import parse_numbers
from layers.observation_columns import SUFFIX, SYNTHETIC, Columns, find_column, texts, unit_factor
from layers.observation_store import empty
from layers.observation_table import COLUMNS, KEY
from layers.ozone_columns import ozone_put_right
from layers.schema import key, split_unit
from layers.tables import read_long_table
from layers.times import CITY_ZONE, parse_times

REJECTED = ("row", "line", "column", "value", "reason_zh", "reason_en")


# Above this mean, in mg/m3, CO is not air that anyone breathes: the column is in ug/m3.
_CO_LIMIT_MG_M3 = 50.0
# No instrument of a network gives more, in ug/m3 (CO mg/m3): dust storms stay below, what fills a gap (99999) is above.
_MOST = {"pm25": 2e4, "pm10": 2e4, "so2": 1e4, "no2": 1e4, "o3": 1e4, "o3_8h": 1e4, "o3_1h": 1e4, "co": 1e3}
_AHEAD = pd.Timedelta(days=1)
_EARLIEST = pd.Timestamp("1970-01-01", tz="UTC")


@dataclass(frozen=True)
class ObservationReport:
    """What came of a table of observations.

    `accepted` has the columns station_id, time (UTC), pollutant, value, unit, flag, and is empty when values were
    refused and the good ones alone were not asked for. `rejected` has row (from 1, the first under the header), line,
    column, value, reason_zh, reason_en. `total` counts rows of the table, `gaps` cells that hold no value, `good`
    usable values. `period` is "hourly" or "daily": under "daily", time is the first moment of the city's day and
    pollutants are those of `layers.daily_columns.DAILY_UNITS`.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    notes: list[str]
    total: int
    gaps: int
    good: int
    period: str = "hourly"

    @property
    def refused(self) -> bool:
        """Whether nothing may be stored because values were refused."""
        return len(self.rejected) > 0 and len(self.accepted) == 0


def read_observations(
    source: str | Path | pd.DataFrame,
    *,
    timezone: str = CITY_ZONE,
    units: Mapping[str, str] | None = None,
    accept_good: bool = False,
    encoding: str | None = None,
    period: str | None = None,
    columns: Sequence[str] | None = None,
) -> ObservationReport:
    """Read hourly observations or daily values; nothing is stored here.

    A long table has columns for station, time, pollutant and value; a wide one a column per pollutant (pm25 or PM2.5,
    pm10, so2, no2, co, o3); a national feed has columns date, hour, type and one per station. Time is one column, or
    date and hour, or year, month, day and hour. Daily values have days without hours and o3_8h, the day's largest 8-h
    mean, and o3_1h, its largest hour, for ozone. Values come out in ug/m3, CO in mg/m3. Empty cells, ``-``, ``NA``,
    ``-9999`` and the like are gaps. Negative values are kept with the flag "negative"; rows that a column `synthetic`
    marks as generated get the flag "synthetic". Flags are joined by a semicolon.

    Parameters
    ----------
    source : path (CSV, also gzipped, or Excel) or DataFrame
    timezone : str
        Zone of times that name none; said in the notes. Days are the city's.
    units : mapping, optional
        Pollutant -> "ug/m3" or "mg/m3", where neither header nor unit column says it.
    accept_good : bool
        Take the good values when others are refused.
    encoding : str, optional
        Of a CSV file; by default recognised.
    period : str, optional
        "hourly" or "daily"; by default see `layers.daily_columns.period_of`.
    columns : sequence of str, optional
        Names, from left to right, of the columns of a file without header, its cells apart by blanks or commas.

    Returns
    -------
    ObservationReport

    Raises
    ------
    InvalidInput
        No column for station, time or any pollutant; an unknown unit, zone or period; CO that cannot be mg/m3.
    """
    if period not in (None, *PERIODS):
        raise InvalidInput(f"unknown period {period!r} of observations; use one of {', '.join(PERIODS)}")
    name, table = _table(source, encoding, columns)
    about: list[str] = []
    if is_national_feed(table):
        table, about = unpivoted(table, timezone)
    if table.empty:
        raise InvalidInput(f"{name} has no rows under its header; fill it in first")
    lines = None if isinstance(source, pd.DataFrame) else table.index.to_numpy()
    table = table.reset_index(drop=True)
    if period is None:
        period = period_of(table)
        if period == "daily":
            about.append("days without hours: taken as daily values; say --period hourly if they are hours")
    found = daily_columns(table, name) if period == "daily" else Columns.find(table, name)
    head, notes = _head(table, found, period, timezone)
    found, swapped = ozone_put_right(table, found, head, period)
    problems = [_head_problems(table, found, head)]
    cells, wrong, more = _cells(table, found, dict(units or {}), name, period)
    problems.append(wrong)
    usable = head.dropna(subset=["station_id", "time"])
    long = cells.merge(usable[usable["time"] >= _EARLIEST], on="row", how="inner")
    accepted, repeated, dropped = _without_repeats(long.dropna(subset=["value"]))
    problems.append(repeated)
    notes = about + notes + swapped + more + ([f"{dropped} values given twice, kept once"] if dropped else [])
    rejected = _rejected(pd.concat(problems, ignore_index=True), lines)
    taken = accepted if accept_good or rejected.empty else accepted.iloc[:0]
    gaps = int(cells["value"].isna().sum()) - len(wrong)
    return ObservationReport(taken, rejected, notes, len(table), gaps, len(accepted), period)


def _table(
    source: str | Path | pd.DataFrame, encoding: str | None, columns: Sequence[str] | None
) -> tuple[str, pd.DataFrame]:
    if isinstance(source, pd.DataFrame):
        return "the table", source.reset_index(drop=True)
    path = Path(source)
    if columns is not None:
        return path.name, read_headerless(path, columns)
    table = read_long_table(path, encoding=encoding)
    if pd.to_numeric(pd.Series(" ".join(map(str, table.columns)).split()), errors="coerce").notna().all():
        raise InvalidInput(
            f"{path.name}, line 1 holds numbers, not names: name the columns with --columns, for example "
            "station_id,year,month,day,pm25"
        )
    return path.name, table


def _head(table: pd.DataFrame, columns: Columns, period: str, timezone: str) -> tuple[pd.DataFrame, list[str]]:
    """Return row, station_id and time of each row, and what had to be assumed about the times."""
    times, notes = parse_times(columns.times(table), CITY_ZONE if period == "daily" else timezone)
    if period == "daily":
        times = day_starts(times)
        notes = [note for note in notes if "no zone" not in note]
    late = int((times > pd.Timestamp.now("UTC") + _AHEAD).sum())
    if late:
        notes.append(f"{late} rows are of times to come; check the dates")
    head = {"row": np.arange(len(table)), "station_id": texts(table[columns.station]), "time": times}
    return pd.DataFrame(head), notes


def _cells(
    table: pd.DataFrame, columns: Columns, units: dict[str, str], name: str, period: str
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return row, pollutant, value (NaN for a gap), unit and flag of every cell; the cells that are no numbers."""
    if columns.pollutants:
        parts = _wide_parts(table, columns, units)
    else:
        parts = _long_parts(table, columns, units, name, daily_name if period == "daily" else _hourly_name)
    cells = pd.concat(parts, ignore_index=True)
    numbers, wrong = parse_numbers(cells["given"])
    cells["value"] = numbers * cells["factor"]
    co = cells.loc[cells["pollutant"] == "co", "value"].mean()
    if co > _CO_LIMIT_MG_M3:
        raise InvalidInput(
            f"{name}: CO of {co:.0f} mg/m3 on average cannot be; if it is in ug/m3, write CO(ug/m3) in the header"
        )
    generated = cells["row"].isin(_generated_rows(table))
    flags = _flagged(_flagged(texts(cells["flag"]).fillna(""), generated, SYNTHETIC), cells["value"] < 0, "negative")
    cells["flag"] = flags
    cells["unit"] = cells["pollutant"].map(DAILY_UNITS).fillna(cells["unit"])
    bad, above = cells[wrong], cells[cells["value"] > cells["pollutant"].map(_MOST)]
    problems = [
        _problems(bad["row"], bad["column"], bad["given"], "不是数字", "is not a number"),
        _problems(
            above["row"], above["column"], above["given"], "高于仪器能测的值", "is above what instruments measure"
        ),
    ]
    cells.loc[above.index, "value"] = np.nan
    told = pd.concat(problems, ignore_index=True)
    return cells[["row", "pollutant", "value", "unit", "flag"]], told, _column_notes(table, columns, cells, period)


def _column_notes(table: pd.DataFrame, columns: Columns, cells: pd.DataFrame, period: str) -> list[str]:
    known = set(columns.time) | {columns.station, *columns.pollutants, SYNTHETIC}
    ignored = [str(header) for header in table.columns if header not in known] if columns.pollutants else []
    notes = [f"columns not used: {', '.join(ignored)}"] if ignored else []
    if period == "daily" and (cells["pollutant"] == "o3").any():
        notes.append(
            "O3 without averaging time is kept as o3 and has no index: "
            "call it O3_8h if it is the day's largest 8-h mean"
        )
    return notes


def _hourly_name(text: str) -> str:
    return key(SUFFIX.sub("", text))


def _generated_rows(table: pd.DataFrame) -> np.ndarray:
    name = find_column(table, (SYNTHETIC, "模拟数据"))
    if name is None:
        return np.empty(0, dtype=int)
    return np.flatnonzero(texts(table[name]).fillna("").map(lambda text: key(text) in YES).to_numpy(dtype=bool))


def _flagged(flags: pd.Series, rows: pd.Series, flag: str) -> pd.Series:
    """Add a flag where it is not there yet."""
    there = flags.str.split(";").map(lambda parts: flag in parts).astype(bool)
    return flags.where(~rows | there, (flags + ";" + flag).str.lstrip(";"))


def _wide_parts(table: pd.DataFrame, columns: Columns, units: dict[str, str]) -> list[pd.DataFrame]:
    parts = []
    for header, pollutant in columns.pollutants.items():
        suffix = SUFFIX.search(header)
        stated = split_unit(header)[1] or (suffix.group(1).replace("_", "/", 1).replace("_", "") if suffix else None)
        unit = stated or units.get(pollutant.split("_")[0]) or DAILY_UNITS[pollutant]
        parts.append(
            pd.DataFrame(
                {
                    "row": np.arange(len(table)),
                    "column": header,
                    "pollutant": pollutant,
                    "given": table[header],
                    "factor": unit_factor(unit, pollutant),
                    "unit": DAILY_UNITS[pollutant],
                    "flag": "",
                }
            )
        )
    return parts


def _long_parts(
    table: pd.DataFrame, columns: Columns, units: dict[str, str], name: str, named: Callable[[str], str]
) -> list[pd.DataFrame]:
    given = texts(table[str(columns.pollutant)])
    pollutant = given.map({text: named(text) for text in given.dropna().unique()})
    if pollutant.isna().any():
        raise InvalidInput(f"{name}: the pollutant is empty in row {int(pollutant.isna().to_numpy().argmax()) + 1}")
    header_unit = split_unit(str(columns.value))[1]
    default = pollutant.map(lambda text: header_unit or units.get(text.split("_")[0]) or DAILY_UNITS.get(text, "ug/m3"))
    unit = default if columns.unit is None else texts(table[columns.unit]).fillna(default)
    pairs = pd.DataFrame({"unit": unit, "pollutant": pollutant})
    factors = {pair: unit_factor(*pair) for pair in pairs.drop_duplicates().itertuples(index=False, name=None)}
    return [
        pd.DataFrame(
            {
                "row": np.arange(len(table)),
                "column": columns.value,
                "pollutant": pollutant,
                "given": table[str(columns.value)],
                "factor": [factors[pair] for pair in pairs.itertuples(index=False, name=None)],
                "unit": pollutant.map(lambda text: DAILY_UNITS.get(text, "ug/m3")),
                "flag": "" if columns.flag is None else texts(table[columns.flag]),
            }
        )
    ]


def _head_problems(table: pd.DataFrame, columns: Columns, head: pd.DataFrame) -> pd.DataFrame:
    no_station = head.loc[head["station_id"].isna(), "row"]
    no_time = head.loc[head["time"].isna(), "row"]
    early = head.loc[head["time"] < _EARLIEST, "row"]
    time = columns.times(table)
    station_part = _problems(no_station, columns.station, None, "站点为空", "the station is empty")
    time_part = _problems(no_time, columns.time[0], time.iloc[no_time], "不是时间", "is not a time")
    zh, en = "时间早于 1970 年", "is a time before 1970"
    early_part = _problems(early, columns.time[0], time.iloc[early], zh, en)
    return pd.concat([station_part, time_part, early_part], ignore_index=True)


def _problems(rows: pd.Series, column: object, value: object, zh: str, en: str) -> pd.DataFrame:
    values = value.to_numpy(dtype=object) if isinstance(value, pd.Series) else value
    names = column.to_numpy(dtype=object) if isinstance(column, pd.Series) else column
    parts = {"row": rows.to_numpy(), "column": names, "value": values, "reason_zh": zh, "reason_en": en}
    return pd.DataFrame(parts, index=range(len(rows))).astype({"column": object, "value": object})


def _without_repeats(long: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Keep each station's hour and pollutant once; a second, different value is a problem."""
    ordered = long.sort_values("row", kind="stable")
    again = ordered.duplicated(KEY)
    table = ordered[~again].astype(empty().dtypes.to_dict())[list(COLUMNS)].reset_index(drop=True)
    if not again.any():
        return table, _problems(ordered["row"].iloc[:0], "", None, "", ""), 0
    both = ordered[again].merge(ordered[~again], on=KEY, suffixes=("", "_first"))
    other = both[both["value"] != both["value_first"]]
    zh = "同一站点、时间、污染物另有不同的值"
    en = "another value is given for this station, time and pollutant"
    return table, _problems(other["row"], other["pollutant"], other["value"], zh, en), len(both) - len(other)


def _rejected(problems: pd.DataFrame, lines: np.ndarray | None) -> pd.DataFrame:
    ordered = problems.sort_values("row", kind="stable", ignore_index=True)
    rows = ordered["row"].astype("int64")
    line = pd.array([None] * len(rows) if lines is None else lines[rows], dtype="Int64")
    return ordered.assign(row=rows + 1, line=line)[list(REJECTED)]
