"""Emergency cuts: what each emission source does at a warning's colour, and whether that is enough."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import InvalidInput, MissingData
from layers.numbers import parse_numbers
from layers.tables import read_table
from layers.warning_rules import COLOURS

POLLUTANTS = {"so2": "SO2", "nox": "NOx", "pm": "PM", "vocs": "VOCs"}
GRADES = ("A", "B", "C", "D")
# A source that nobody has graded does what the weakest grade does.
UNGRADED = "D"
DAYS = 365.0
_COLUMNS = ("colour", "grade", "cut_pct", "measure_zh", "measure_en")
_CONTACT = ("contact", "phone", "address")


@dataclass(frozen=True)
class Measure:
    """What a grade does at a colour: the cut of its emissions (%), in words, and who says so."""

    cut_pct: float
    zh: str
    en: str
    source: str


Measures = Mapping[tuple[str, str], Measure]


@dataclass(frozen=True)
class Total:
    """One pollutant: emission of the city and cut (t/d), shares (%), and how many sources have no figure."""

    pollutant: str
    total_t_d: float
    cut_t_d: float
    needed_pct: float
    n_unknown: int

    @property
    def reached_pct(self) -> float:
        """The cut as a share of the city's emission; NaN where that is 0."""
        return 100.0 * self.cut_t_d / self.total_t_d if self.total_t_d > 0.0 else np.nan

    @property
    def enough(self) -> bool:
        """Whether the cut reaches what the colour needs."""
        return bool(self.reached_pct >= self.needed_pct - 1e-9)

    @property
    def missing_t_d(self) -> float:
        """What is still missing (t/d); NaN where the emission is not known."""
        return max(0.0, self.needed_pct / 100.0 * self.total_t_d - self.cut_t_d) if self.total_t_d > 0.0 else np.nan


@dataclass(frozen=True)
class Reduction:
    """The list (rows and their places), the totals, and what must be said."""

    rows: list[dict[str, Any]]
    shapes: list[Any]
    totals: list[Total]
    notes: list[str]


def load_measures(path: Path | None = None) -> Measures:
    """Read what each grade does at each colour: the city's own table, or the one that comes with the program.

    Raises
    ------
    InvalidInput
        A column is missing, a colour or grade is none or stands there twice, a cut lies outside 0 to 100 %.
    """
    if path is None:
        with as_file(files("layers") / "reduction_measures.csv") as built_in:
            return load_measures(built_in)
    table = read_table(path)
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise InvalidInput(
            f"{path.name}: no column {', '.join(missing)}; a table of measures has {', '.join(_COLUMNS)}"
        )
    cuts, _ = parse_numbers(table["cut_pct"])
    found: dict[tuple[str, str], Measure] = {}
    for (line, row), cut in zip(table.iterrows(), cuts, strict=True):
        colour, grade = str(row["colour"]).strip().lower(), str(row["grade"]).strip().upper()
        where = f"{path.name} line {line}"
        if colour not in COLOURS or grade not in GRADES:
            raise InvalidInput(f"{where}: colour {colour!r}, grade {grade!r}; use {', '.join(COLOURS)} and A to D")
        if not 0.0 <= cut <= 100.0:
            raise InvalidInput(f"{where}: cut_pct {row['cut_pct']!r}; give 0 to 100")
        if (colour, grade) in found:
            raise InvalidInput(f"{where}: {colour} {grade} stands there twice")
        texts = (str(row[name]) if pd.notna(row.get(name)) else "" for name in ("measure_zh", "measure_en", "source"))
        found[colour, grade] = Measure(float(cut), *texts)
    return found


def load_totals(path: Path) -> dict[str, float]:
    """Read the city's emissions (t/a) by pollutant from a table with the columns pollutant and t_a.

    Raises
    ------
    InvalidInput
        A column is missing, an unknown pollutant, no number.
    """
    table = read_table(path)
    if not {"pollutant", "t_a"} <= set(table.columns):
        raise InvalidInput(f"{path.name}: a table of totals has the columns pollutant and t_a")
    tons, _ = parse_numbers(table["t_a"])
    found = {}
    for (line, row), value in zip(table.iterrows(), tons, strict=True):
        name = str(row["pollutant"]).strip().lower()
        if name not in POLLUTANTS or not 0.0 < value < np.inf:
            raise InvalidInput(
                f"{path.name} line {line}: {row['pollutant']!r}, {row['t_a']!r}; give so2, nox, pm or vocs and tons "
                "a year"
            )
        found[name] = float(value)
    return found


def reduction(
    sources: gpd.GeoDataFrame,
    colour: str,
    measures: Measures,
    *,
    needed_pct: float,
    totals_t_a: Mapping[str, float] | None = None,
) -> Reduction:
    """Return the list of sources that act at a colour, the largest cut first, and what it comes to.

    Parameters
    ----------
    sources : GeoDataFrame
        Layer `emission_sources`: emissions in t/a; exempt ones are left out of the list, not out of the total. A cut
        and measure in the source's own row go before those of its grade.
    colour : str
        yellow, orange or red.
    measures : mapping
    needed_pct : float
        What the colour needs, % of the city's emission.
    totals_t_a : mapping, optional
        The city's emission by pollutant (t/a), where it is more than the list of sources.

    Raises
    ------
    MissingData
        There is no source, or no measure for a grade.
    """
    if sources.empty:
        raise MissingData("the list of emission sources is empty")
    exempt = _flags(sources, "exempt")
    rows, shapes = [], []
    for at, (_, row) in enumerate(sources.iterrows()):
        if not exempt[at]:
            rows.append(_row(row, colour, measures))
            shapes.append(row.geometry)
    order = sorted(range(len(rows)), key=lambda at: -sum(_cut(rows[at], name) for name in POLLUTANTS))
    totals = [_total(name, sources, rows, needed_pct, totals_t_a or {}) for name in POLLUTANTS]
    notes = [*_notes(sources, exempt, rows), *_of_totals(sources, totals_t_a)]
    return Reduction([rows[at] for at in order], [shapes[at] for at in order], totals, notes)


def _row(row: pd.Series, colour: str, measures: Measures) -> dict[str, Any]:
    given = row.get("grade")
    grade = given if isinstance(given, str) and given in GRADES else None
    measure = measures.get((colour, grade or UNGRADED))
    if measure is None:
        raise MissingData(f"no measure for grade {grade or UNGRADED} at {colour}: add it to the table of measures")
    own = row.get(f"cut_{colour}_pct")
    has_own = own is not None and bool(pd.notna(own))
    cut = measure.cut_pct if own is None or not has_own else float(own)
    text = row.get(f"measure_{colour}")
    has_text = isinstance(text, str) and text.strip() != ""
    told = [str(row[name]) for name in _CONTACT if name in row and pd.notna(row[name])]
    return {
        **{name: _text(row.get(name)) for name in ("id", "name", "industry", "district")},
        "grade": grade,
        "colour": colour,
        "cut_pct": cut,
        "measure_zh": text if has_text else ("按一厂一策减排" if has_own else measure.zh),
        "measure_en": text if has_text else ("as its own plan says" if has_own else measure.en),
        "basis": "一厂一策 / own plan" if has_own or has_text else measure.source,
        **{f"{name}_cut_t_d": _tons(row, name) / DAYS * cut / 100.0 for name in POLLUTANTS},
        "contact": "; ".join(told) or None,
    }


def _total(
    name: str, sources: gpd.GeoDataFrame, rows: list[dict[str, Any]], needed_pct: float, totals_t_a: Mapping[str, float]
) -> Total:
    column = f"{name}_t_a"
    known = sources[column].dropna() if column in sources else pd.Series(dtype="float64")
    yearly = totals_t_a.get(name, float(known.sum()))
    return Total(
        POLLUTANTS[name],
        yearly / DAYS,
        sum(_cut(row, name) for row in rows),
        needed_pct,
        len(sources) - len(known),
    )


def _notes(sources: gpd.GeoDataFrame, exempt: np.ndarray, rows: list[dict[str, Any]]) -> list[str]:
    notes = []
    if exempt.any():
        count = int(exempt.sum())
        notes.append(f"{count} 家豁免企业不列入清单 / {count} exempt enterprises are left out of the list")
    ungraded = sum(row["grade"] is None for row in rows)
    if ungraded:
        notes.append(
            f"{ungraded} 家未评绩效等级，按 {UNGRADED} 级执行 / "
            f"{ungraded} sources have no grade and count as {UNGRADED}"
        )
    return notes


def _of_totals(sources: gpd.GeoDataFrame, totals_t_a: Mapping[str, float] | None) -> list[str]:
    if totals_t_a is None:
        return [
            "未给全市排放总量，按清单合计作分母，未含移动源和面源 / no total of the city was given: shares are of the "
            "listed sources, mobile and diffuse ones not included; give --totals"
        ]
    notes = []
    for name, total in totals_t_a.items():
        listed = float(sources[f"{name}_t_a"].sum()) if f"{name}_t_a" in sources else 0.0
        if listed > total:
            notes.append(
                f"清单 {POLLUTANTS[name]} 合计 {listed:.6g} t/a 大于全市总量 {total:.6g} t/a / "
                "the listed sources emit more "
                f"{POLLUTANTS[name]} ({listed:.6g} t/a) than the city's total ({total:.6g} t/a): check them"
            )
    return notes


def sites_to_stop(sites: gpd.GeoDataFrame, colour: str, day: str | None) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the construction sites that stop: those whose ledger holds on a day (ISO), or all without one."""
    notes = []
    kept = sites
    if day is None:
        if {"valid_from", "valid_to"} & set(sites.columns):
            notes.append(
                "未给日期，列出台账全部工地 / no day was given: all sites of the ledger are listed; give --date"
            )
    else:
        begun = _texts(sites, "valid_from").map(lambda text: text == "" or text <= day)
        going = _texts(sites, "valid_to").map(lambda text: text == "" or text >= day)
        kept = sites[(begun & going).to_numpy(dtype=bool)]
    names = [name for name in ("name", "district", "area_m2", "stage") if name in kept]
    out = kept[[*names, "geometry"]].copy()
    out["colour"] = colour
    out["measure_zh"] = "停止土石方、拆除、喷涂和建筑垃圾运输，裸土覆盖并洒水"
    out["measure_en"] = "stop earthworks, demolition, spraying and haulage; cover and wet bare soil"
    contacts = [name for name in ("contact", "phone", "联系人", "联系电话", "负责人") if name in kept]
    if contacts:
        out["contact"] = kept[contacts].fillna("").astype("str").agg(lambda row: "; ".join(filter(None, row)), axis=1)
    return out.reset_index(drop=True), notes


def _texts(frame: gpd.GeoDataFrame, column: str) -> pd.Series:
    if column not in frame:
        return pd.Series("", index=frame.index)
    return frame[column].astype("str").where(frame[column].notna(), "").str.slice(0, 10)


def _flags(frame: gpd.GeoDataFrame, column: str) -> np.ndarray:
    if column not in frame:
        return np.zeros(len(frame), dtype=bool)
    return frame[column].fillna(False).astype(bool).to_numpy()


def _tons(row: pd.Series, name: str) -> float:
    value = row.get(f"{name}_t_a")
    return np.nan if value is None or pd.isna(value) else float(value)


def _cut(row: dict[str, Any], name: str) -> float:
    value = row[f"{name}_cut_t_d"]
    return 0.0 if np.isnan(value) else float(value)


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)
