"""Hourly observations from the tables that stations and offices send: long or wide, to one long table in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from geo.errors import InvalidInput
from layers.columns import YES
from layers.national_feed import is_national_feed, unpivoted
from layers.numbers import parse_numbers
from layers.observation_columns import SUFFIX, SYNTHETIC, UNITS, Columns, find_column, texts, unit_factor
from layers.observation_store import empty
from layers.observation_table import COLUMNS, KEY
from layers.schema import key, split_unit
from layers.tables import read_long_table
from layers.times import CITY_ZONE, parse_times

REJECTED = ("row", "line", "column", "value", "reason_zh", "reason_en")


# Above this mean, in mg/m3, CO is not air that anyone breathes: the column is in ug/m3.
_CO_LIMIT_MG_M3 = 50.0


@dataclass(frozen=True)
class ObservationReport:
    """What came of a table of observations.

    `accepted` has the columns station_id, time (UTC), pollutant, value, unit, flag, and is empty when values were
    refused and the good ones alone were not asked for. `rejected` has row (from 1, the first under the header), line,
    column, value, reason_zh, reason_en. `total` counts rows of the table, `gaps` cells that hold no value, `good`
    usable values.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    notes: list[str]
    total: int
    gaps: int
    good: int

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
) -> ObservationReport:
    """Read hourly observations; nothing is stored here.

    A long table has columns for station, time, pollutant and value; a wide one a column per pollutant (pm25 or PM2.5,
    pm10, so2, no2, co, o3); a national feed has columns date, hour, type and one per station. Time is one column, or
    date and hour, or year, month, day and hour. Values come out in ug/m3, CO in mg/m3. Empty cells, ``-``, ``NA``,
    ``-9999`` and the like are gaps. Negative values are kept with the flag "negative"; rows that a column `synthetic`
    marks as generated get the flag "synthetic". Flags are joined by a semicolon.

    Parameters
    ----------
    source : path (CSV, also gzipped, or Excel) or DataFrame
    timezone : str
        Zone of times that name none; said in the notes.
    units : mapping, optional
        Pollutant -> "ug/m3" or "mg/m3", where neither header nor unit column says it.
    accept_good : bool
        Take the good values when others are refused.
    encoding : str, optional
        Of a CSV file; by default recognised.

    Returns
    -------
    ObservationReport

    Raises
    ------
    InvalidInput
        No column for station, time or any pollutant; an unknown unit or zone; CO that cannot be mg/m3.
    """
    if isinstance(source, pd.DataFrame):
        name, table = "the table", source.reset_index(drop=True)
    else:
        name, table = Path(source).name, read_long_table(Path(source), encoding=encoding)
    about: list[str] = []
    if is_national_feed(table):
        table, about = unpivoted(table, timezone)
    lines = None if isinstance(source, pd.DataFrame) else table.index.to_numpy()
    table = table.reset_index(drop=True)
    columns = Columns.find(table, name)
    times, notes = parse_times(columns.times(table), timezone)
    notes = about + notes
    head = pd.DataFrame({"row": np.arange(len(table)), "station_id": texts(table[columns.station]), "time": times})
    problems = [_head_problems(table, columns, head)]
    cells, wrong, more = _cells(table, columns, dict(units or {}), name)
    problems.append(wrong)
    long = cells.merge(head.dropna(subset=["station_id", "time"]), on="row", how="inner")
    accepted, repeated, dropped = _without_repeats(long.dropna(subset=["value"]))
    problems.append(repeated)
    notes += more + ([f"{dropped} values given twice, kept once"] if dropped else [])
    rejected = _rejected(pd.concat(problems, ignore_index=True), lines)
    taken = accepted if accept_good or rejected.empty else accepted.iloc[:0]
    gaps = int(cells["value"].isna().sum()) - len(wrong)
    return ObservationReport(taken, rejected, notes, len(table), gaps, len(accepted))


def _cells(
    table: pd.DataFrame, columns: Columns, units: dict[str, str], name: str
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return row, pollutant, value (NaN for a gap), unit and flag of every cell; the cells that are no numbers."""
    parts = _wide_parts(table, columns, units) if columns.pollutants else _long_parts(table, columns, units, name)
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
    cells["unit"] = cells["pollutant"].map(UNITS).fillna(cells["unit"])
    bad = cells[wrong]
    problems = _problems(bad["row"], bad["column"], bad["given"], "不是数字", "is not a number")
    known = set(columns.time) | {columns.station, *columns.pollutants, SYNTHETIC}
    ignored = [str(header) for header in table.columns if header not in known] if columns.pollutants else []
    notes = [f"columns not used: {', '.join(ignored)}"] if ignored else []
    return cells[["row", "pollutant", "value", "unit", "flag"]], problems, notes


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
        unit = stated or units.get(pollutant) or UNITS[pollutant]
        parts.append(
            pd.DataFrame(
                {
                    "row": np.arange(len(table)),
                    "column": header,
                    "pollutant": pollutant,
                    "given": table[header],
                    "factor": unit_factor(unit, pollutant),
                    "unit": UNITS[pollutant],
                    "flag": "",
                }
            )
        )
    return parts


def _long_parts(table: pd.DataFrame, columns: Columns, units: dict[str, str], name: str) -> list[pd.DataFrame]:
    given = texts(table[str(columns.pollutant)])
    pollutant = given.map(lambda text: key(SUFFIX.sub("", text)), na_action="ignore")
    if pollutant.isna().any():
        raise InvalidInput(f"{name}: the pollutant is empty in row {int(pollutant.isna().to_numpy().argmax()) + 1}")
    header_unit = split_unit(str(columns.value))[1]
    default = pollutant.map(lambda text: header_unit or units.get(text) or UNITS.get(text, "ug/m3"))
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
                "unit": pollutant.map(lambda text: UNITS.get(text, "ug/m3")),
                "flag": "" if columns.flag is None else texts(table[columns.flag]),
            }
        )
    ]


def _head_problems(table: pd.DataFrame, columns: Columns, head: pd.DataFrame) -> pd.DataFrame:
    no_station = head.loc[head["station_id"].isna(), "row"]
    no_time = head.loc[head["time"].isna(), "row"]
    time = columns.times(table)
    station_part = _problems(no_station, columns.station, None, "站点为空", "the station is empty")
    time_part = _problems(no_time, columns.time[0], time.iloc[no_time], "不是时间", "is not a time")
    return pd.concat([station_part, time_part], ignore_index=True)


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
