"""Heavy-pollution warnings from a series of daily indices: rule sets that are data, and what they ask for when.

A rule set names for each colour the alternatives that call for it. An alternative is one or more conditions, each an
index that is passed for so many hours without a break; with several, the one with the lowest index bounds the period
and the others must come true within it. Days stand for 24 hours. Where several colours hold, the gravest does.
"""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, SourceUnavailable

COLOURS = ("yellow", "orange", "red")
COLOURS_ZH = {"yellow": "黄色", "orange": "橙色", "red": "红色"}
_DAY_HOURS = 24
_TOP_AQI = 500.0


@dataclass(frozen=True)
class Condition:
    """An index that is passed (`inclusive`: or reached) for so many hours."""

    aqi: float
    inclusive: bool
    hours: int

    def holds(self, aqi: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return on which days the index is passed; a day without one does not count."""
        with np.errstate(invalid="ignore"):
            return aqi >= self.aqi if self.inclusive else aqi > self.aqi


@dataclass(frozen=True)
class ColourRule:
    """What calls for a colour, and the cut of emissions (%) that it needs."""

    colour: str
    cut_pct: float
    alternatives: tuple[tuple[Condition, ...], ...]


@dataclass(frozen=True)
class RuleSet:
    """The rules of a city ("*" for any) from one day to another; the mildest colour first.

    `source` says which document they come from. Stretches of days less than `merge_gap_hours` apart are one warning.
    """

    id: str
    city: str
    title_zh: str
    title_en: str
    valid_from: dt.date
    valid_to: dt.date | None
    lead_hours: int
    merge_gap_hours: int
    rules: tuple[ColourRule, ...]
    source: str = ""

    def holds_on(self, day: dt.date) -> bool:
        """Return whether the rules are in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def cut_pct(self, colour: str) -> float:
        """Return the cut of emissions (%) that a colour needs.

        Raises
        ------
        InvalidInput
            The rules know no such colour.
        """
        for rule in self.rules:
            if rule.colour == colour:
                return rule.cut_pct
        there = ", ".join(rule.colour for rule in self.rules)
        raise InvalidInput(f"rule set {self.id} has no colour {colour!r}; it has {there}")


@dataclass(frozen=True)
class PollutionWarning:
    """One warning: the gravest colour of an unbroken stretch of days, and why.

    `since` and `until` are its hours where the means begin at any hour, else None.
    """

    colour: str
    start: dt.date
    end: dt.date
    colour_start: dt.date
    colour_end: dt.date
    peak_aqi: float
    rule_set: RuleSet
    reason: str
    since: pd.Timestamp | None = None
    until: pd.Timestamp | None = None

    @property
    def hours(self) -> int:
        """How long it lasts."""
        if self.since is not None and self.until is not None:
            return round((self.until - self.since) / pd.Timedelta(hours=1))
        return _DAY_HOURS * ((self.end - self.start).days + 1)


@dataclass(frozen=True)
class Period:
    """First and last day (or hour) of a period that calls for a colour (its rank), and why."""

    first: int
    last: int
    colour: int
    reason: str


def load_rule_sets(path: Path | None = None) -> tuple[RuleSet, ...]:
    """Read the rule sets of a file, or those that come with the program.

    Raises
    ------
    InvalidInput
        Not such a file; the message names the place.
    SourceUnavailable
        It cannot be read.
    """
    if path is None:
        with as_file(files("layers") / "warning_rules.json") as built_in:
            return load_rule_sets(built_in)
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SourceUnavailable(f"{path.name}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        said = " ".join(str(error).split())
        raise InvalidInput(f"{path.name} is no JSON: {said}; see layers/warning_rules.json") from error
    sets = content.get("rule_sets") if isinstance(content, dict) else None
    if not isinstance(sets, list) or not sets:
        raise InvalidInput(f"{path.name}: no list rule_sets; see layers/warning_rules.json for the form")
    found = tuple(_rule_set(entry, f"{path.name}, rule set {number}") for number, entry in enumerate(sets, start=1))
    if len({one.id for one in found}) < len(found):
        raise InvalidInput(f"{path.name}: two rule sets have one id; give each its own")
    return found


def choose(sets: Sequence[RuleSet], wanted: str, city: str) -> tuple[RuleSet, ...]:
    """Return the rule sets to use: the one with this id, or with "auto" those of the city, each in its time.

    Raises
    ------
    InvalidInput
        There is none.
    """
    if wanted != "auto":
        found = tuple(one for one in sets if one.id == wanted)
        if not found:
            raise InvalidInput(f"unknown rule set {wanted!r}; use auto, {', '.join(one.id for one in sets)}")
        return found
    own = tuple(one for one in sets if one.city == city)
    found = own or tuple(one for one in sets if one.city == "*")
    if not found:
        raise InvalidInput(f"no rule set is for {city or 'any city'}: give --city as one of them has it, or --rules ID")
    return found


def warnings_of(
    days: Sequence[dt.date], aqi: NDArray[np.float64], sets: Sequence[RuleSet], *, dated: bool = True
) -> list[PollutionWarning]:
    """Return the warnings that a series of daily indices calls for, in order.

    Parameters
    ----------
    days : sequence of date, rising
        A day that is left out breaks a period, as does one without an index.
    aqi : ndarray, shape (day,)
    sets : sequence of RuleSet
    dated : bool
        Whether a rule set counts only for warnings that begin while it is in force, see `in_their_time`.
    """
    first, values = _whole_series(days, aqi)

    def since(rules: RuleSet, day: dt.date) -> list[PollutionWarning]:
        kept = values.copy()
        kept[: max((day - first).days, 0)] = np.nan
        return _warnings(first, kept, rules)

    found = in_their_time(sets, since) if dated else [one for rules in sets for one in _warnings(first, values, rules)]
    return sorted(found, key=lambda warning: (warning.start, warning.rule_set.id))


def in_their_time(
    sets: Sequence[RuleSet], since: Callable[[RuleSet, dt.date], list[PollutionWarning]]
) -> list[PollutionWarning]:
    """Return the warnings of each rule set that begin while it is in force.

    An episode that is on when new rules come into force is judged by them from that day; a warning of the rules before
    runs on to its end, and takes the place of those of the new rules that are no graver.

    Parameters
    ----------
    sets : sequence of RuleSet
    since : callable
        What a rule set calls for from a day on, the days before left out.
    """
    found: list[PollutionWarning] = []
    for rules in sorted(sets, key=lambda one: one.valid_from):
        gone = [one for one in found if one.rule_set.valid_to and one.rule_set.valid_to < rules.valid_from]
        for new in (one for one in since(rules, rules.valid_from) if rules.holds_on(one.start)):
            running = [one for one in gone if one.start <= new.end and one.end >= new.start]
            if all(_rank(one) < _rank(new) for one in running):
                found.append(new)
                continue
            after = max(one.end for one in running) + dt.timedelta(days=1)
            found += [one for one in since(rules, after) if one.start <= new.end and rules.holds_on(one.start)]
    return found


def _rank(warning: PollutionWarning) -> int:
    return COLOURS.index(warning.colour)


def _whole_series(days: Sequence[dt.date], aqi: NDArray[np.float64]) -> tuple[dt.date, NDArray[np.float64]]:
    """Return the first day and one index per day from then on, NaN on days that are left out."""
    if not days:
        raise InvalidInput("the series has no day")
    out = np.full((days[-1] - days[0]).days + 1, np.nan)
    out[[(day - days[0]).days for day in days]] = aqi
    return days[0], out


def _warnings(first: dt.date, aqi: NDArray[np.float64], rules: RuleSet) -> list[PollutionWarning]:
    periods = [
        period
        for rank, rule in enumerate(rules.rules)
        for alternative in rule.alternatives
        for period in periods_of(first, aqi, alternative, rank)
    ]
    colour = np.full(len(aqi), -1)
    for period in periods:
        within = slice(period.first, period.last + 1)
        colour[within] = np.maximum(colour[within], period.colour)
    stretches: list[tuple[int, int]] = []
    for begin, end in runs_of(colour >= 0):
        if stretches and _DAY_HOURS * (begin - stretches[-1][1] - 1) < rules.merge_gap_hours:
            begin = stretches.pop()[0]
        stretches.append((begin, end))
    return [_warning(first, aqi, rules, periods, stretch) for stretch in stretches]


def _warning(
    first: dt.date, aqi: NDArray[np.float64], rules: RuleSet, periods: list[Period], stretch: tuple[int, int]
) -> PollutionWarning:
    begin, end = stretch
    inside = [period for period in periods if begin <= period.first <= end]
    worst = max(period.colour for period in inside)
    grave = [period for period in inside if period.colour == worst]

    def day(number: int) -> dt.date:
        return first + dt.timedelta(days=number)

    return PollutionWarning(
        rules.rules[worst].colour,
        day(begin),
        day(end),
        day(min(period.first for period in grave)),
        day(max(period.last for period in grave)),
        float(np.nanmax(aqi[begin : end + 1])),
        rules,
        "; ".join(dict.fromkeys(period.reason for period in grave)),
    )


def periods_of(first: dt.date, aqi: NDArray[np.float64], conditions: tuple[Condition, ...], rank: int) -> list[Period]:
    """Return the periods in which all conditions of an alternative come true."""
    outer, *others = sorted(conditions, key=lambda one: one.aqi)
    found = []
    for begin, end in runs_of(outer.holds(aqi), outer.hours):
        inner = [runs_of(one.holds(aqi[begin : end + 1]), one.hours) for one in others]
        if all(inner):
            told = [_told(outer, first, begin, end)]
            for one, runs in zip(others, inner, strict=True):
                longest = max(runs, key=lambda run: run[1] - run[0])
                told.append(_told(one, first, begin + longest[0], begin + longest[1]))
            found.append(Period(begin, end, rank, " + ".join(told)))
    return found


def _told(condition: Condition, first: dt.date, begin: int, end: int) -> str:
    start, stop = first + dt.timedelta(days=begin), first + dt.timedelta(days=end)
    sign = "≥" if condition.inclusive else ">"
    hours = _DAY_HOURS * (end - begin + 1)
    span = f"{start:%Y-%m-%d}..{stop:%m-%d}"
    if isinstance(start, dt.datetime):
        span = f"{start:%Y-%m-%d %H:%M}..{stop + dt.timedelta(days=1):%m-%d %H:%M}"
    return f"AQI {sign} {condition.aqi:g}: {hours} h ({span}, ≥ {condition.hours} h)"


def runs_of(true: NDArray[np.bool_], hours: int = 0) -> list[tuple[int, int]]:
    """Return first and last day of each unbroken run that lasts at least so many hours."""
    edges = np.flatnonzero(np.diff(true.astype(int), prepend=0, append=0))
    runs = [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(a, b) for a, b in runs if _DAY_HOURS * (b - a + 1) >= hours]


def _rule_set(entry: Any, where: str) -> RuleSet:
    if not isinstance(entry, dict):
        raise InvalidInput(f"{where}: give an object with id, valid_from and colours")
    missing = [name for name in ("id", "valid_from", "colours") if not entry.get(name)]
    if missing:
        raise InvalidInput(f"{where}: {', '.join(missing)} is missing")
    name = str(entry["id"])
    valid_from = _day(entry["valid_from"], f"{where}: valid_from")
    valid_to = None if entry.get("valid_to") is None else _day(entry["valid_to"], f"{where}: valid_to")
    if valid_from is None or (valid_to is not None and valid_to < valid_from):
        raise InvalidInput(f"{where}: valid_to lies before valid_from")
    rules = [_colour_rule(one, f"{where}, colour {number}") for number, one in enumerate(entry["colours"], start=1)]
    rules.sort(key=lambda rule: COLOURS.index(rule.colour))
    if len({rule.colour for rule in rules}) < len(rules):
        raise InvalidInput(f"{where}: a colour stands there twice; put its alternatives into one list any")
    lead = _number(entry.get("lead_hours", _DAY_HOURS), f"{where}: lead_hours", 0.0, 240.0)
    gap = _number(entry.get("merge_gap_hours", 0), f"{where}: merge_gap_hours", 0.0, 240.0)
    source = str(entry.get("source", ""))
    titles = str(entry.get("title_zh", name)), str(entry.get("title_en", name))
    return RuleSet(
        name, str(entry.get("city", "*")), *titles, valid_from, valid_to, int(lead), int(gap), tuple(rules), source
    )


def _colour_rule(entry: Any, where: str) -> ColourRule:
    if not isinstance(entry, dict) or entry.get("colour") not in COLOURS:
        raise InvalidInput(f"{where}: colour is one of {', '.join(COLOURS)}")
    alternatives: Any = entry.get("any")
    lists = isinstance(alternatives, list) and alternatives
    if not lists or not all(isinstance(one, list) and one for one in alternatives):
        raise InvalidInput(f"{where}: any is a list of lists of conditions")
    cut = _number(entry.get("cut_pct", 0), f"{where}: cut_pct", 0.0, 100.0)
    made = tuple(tuple(_condition(one, where) for one in alternative) for alternative in alternatives)
    return ColourRule(entry["colour"], cut, made)


def _condition(entry: Any, where: str) -> Condition:
    named = [name for name in ("aqi_above", "aqi_at_least") if isinstance(entry, dict) and name in entry]
    if len(named) != 1:
        raise InvalidInput(f"{where}: a condition has aqi_above or aqi_at_least, and hours")
    aqi = _number(entry[named[0]], f"{where}: {named[0]}", 0.0, _TOP_AQI)
    hours = _number(entry.get("hours"), f"{where}: hours", 1.0, 10_000.0)
    return Condition(aqi, named[0] == "aqi_at_least", int(hours))


def _number(value: Any, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidInput(f"{where} {value!r}: give a number from {low:g} to {high:g}")
    return float(value)


def _day(value: Any, where: str) -> dt.date:
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise InvalidInput(f"{where} {value!r}: give a day as 2024-01-01") from None
