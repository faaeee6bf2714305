"""Values of one column against its field: what they become, and what is wrong with the others."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from layers.points import Problem
from layers.schema import Field, key
from layers.tables import GAPS
from layers.times import CITY_ZONE, parse_dates, parse_times

YES = frozenset(map(key, ("true", "1", "1.0", "yes", "y", "t", "是", "有", "已安装", "已装", "√", "对", "on")))
NO = frozenset(map(key, ("false", "0", "0.0", "no", "n", "f", "否", "无", "没有", "未安装", "未装", "×", "off")))

Checked = tuple[pd.Series, list[Problem], list[str]]


@dataclass(frozen=True)
class Source:
    """Where a column's values come from: its header, the factor to the field's unit, the zone of naive times."""

    header: str
    factor: float = 1.0
    timezone: str = CITY_ZONE
    notes: list[str] = field(default_factory=list)


def check_column(values: pd.Series, target: Field, source: Source) -> Checked:
    """Turn a column's values into the field's type.

    Parameters
    ----------
    values : Series
        Text as the file has it, or typed values.
    target : Field
    source : Source

    Returns
    -------
    typed : Series
        Missing where a value is missing or wrong.
    problems : list of Problem
        Rows counted from 0: not of the type, outside the range or the choices, or missing where required.
    notes : list of str
    """
    convert = _CONVERT[target.dtype]
    plain = _without_gaps(values, target)
    typed, wrong, notes = convert(plain, target, source)
    problems = [_problem(row, source.header, values, *_reason(target)) for row in np.flatnonzero(wrong)]
    if target.required:
        gaps = np.flatnonzero(plain.isna())
        problems += [_problem(row, source.header, values, "必填项为空", "is required and empty") for row in gaps]
    problems += _outside(typed, values, target, source)
    return typed, problems, notes


def _without_gaps(values: pd.Series, target: Field) -> pd.Series:
    if target.dtype in ("str", "bool") and target.choices is None:
        gaps: frozenset[str] = frozenset({""})
    else:
        gaps = GAPS
    if pd.api.types.is_string_dtype(values.dtype) or values.dtype == object:
        empty = values.map(lambda value: isinstance(value, str) and value.strip().casefold() in gaps)
        return values.mask(empty.astype(bool))
    return values


def _to_text(values: pd.Series, target: Field, source: Source) -> tuple[pd.Series, np.ndarray, list[str]]:
    text = values.map(_plain_text, na_action="ignore").astype("str")
    if target.choices is None:
        return text, np.zeros(len(values), dtype=bool), []
    allowed = target.choice_keys()
    chosen = text.map(lambda value: allowed.get(key(value)), na_action="ignore").astype("str")
    return chosen, (chosen.isna() & text.notna()).to_numpy(), []


def _to_number(values: pd.Series, target: Field, source: Source) -> tuple[pd.Series, np.ndarray, list[str]]:
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers = values.astype("float64")
    else:
        text = values.map(_number_text, na_action="ignore")
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    wrong = (values.notna() & ~np.isfinite(numbers)).to_numpy(dtype=bool)
    if target.dtype == "int":
        wrong = wrong | (numbers.notna() & (numbers % 1 != 0)).to_numpy()
        whole = numbers.mask(wrong).astype("Int64")
        return (whole if whole.isna().any() else whole.astype("int64")), wrong, []
    notes = [] if source.factor == 1.0 else [f"{source.header}: multiplied by {source.factor:g} to {target.unit}"]
    return numbers.mask(wrong) * source.factor, wrong, notes


def _to_bool(values: pd.Series, target: Field, source: Source) -> tuple[pd.Series, np.ndarray, list[str]]:
    keys = values.map(lambda value: key(str(value)), na_action="ignore")
    found = keys.map(lambda text: True if text in YES else False if text in NO else pd.NA, na_action="ignore")
    typed = found.astype("boolean")
    return typed, (typed.isna() & values.notna()).to_numpy(dtype=bool), []


def _to_time(values: pd.Series, target: Field, source: Source) -> tuple[pd.Series, np.ndarray, list[str]]:
    times, notes = parse_times(values, source.timezone)
    wrong = (times.isna() & values.notna()).to_numpy()
    return times, wrong, [f"{source.header}: {note}" for note in notes]


def _to_date(values: pd.Series, target: Field, source: Source) -> tuple[pd.Series, np.ndarray, list[str]]:
    dates = parse_dates(values)
    return dates, (dates.isna() & values.notna()).to_numpy(), []


_CONVERT: dict[str, Callable[[pd.Series, Field, Source], tuple[pd.Series, np.ndarray, list[str]]]] = {
    "str": _to_text,
    "int": _to_number,
    "float": _to_number,
    "bool": _to_bool,
    "time": _to_time,
    "date": _to_date,
}


def _plain_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).replace("\x00", "").strip()


def _number_text(value: object) -> object:
    if isinstance(value, bool):
        return "not a number"
    return unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else value


def _reason(target: Field) -> tuple[str, str]:
    if target.choices is not None and target.dtype == "str":
        zh = "、".join(choice.title_zh for choice in target.choices)
        en = ", ".join(choice.value for choice in target.choices)
        return f"不在可选值之内（{zh}）", f"is not one of {en}"
    return {
        "int": ("不是整数", "is not a whole number"),
        "float": ("不是数字", "is not a number"),
        "bool": ("不是“是”或“否”", "is not yes or no"),
        "time": ("不是时间", "is not a time"),
        "date": ("不是日期", "is not a date"),
        "str": ("不是文字", "is not text"),
    }[target.dtype]


def _outside(typed: pd.Series, values: pd.Series, target: Field, source: Source) -> list[Problem]:
    if target.dtype not in ("int", "float"):
        return []
    found = []
    unit = f" {target.unit}" if target.unit else ""
    if target.minimum is not None:
        low, zh = target.minimum, "不能为负" if target.minimum == 0 else f"小于下限 {target.minimum:g}{unit}"
        reasons = (zh, f"is below {low:g}{unit}")
        found += [_problem(row, source.header, values, *reasons) for row in np.flatnonzero((typed < low).fillna(False))]
    if target.maximum is not None:
        high = target.maximum
        reasons = (f"大于上限 {high:g}{unit}", f"is above {high:g}{unit}")
        found += [
            _problem(row, source.header, values, *reasons) for row in np.flatnonzero((typed > high).fillna(False))
        ]
    return found


def _problem(row: int | np.integer, header: str, values: pd.Series, zh: str, en: str) -> Problem:
    value = values.iloc[row]
    return Problem(int(row), header, None if pd.isna(value) else value, zh, en)
