"""From tables of cases, places and population to the arrays of a scan."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from tracing.scan_study import Model, Step, Study

Floats = NDArray[np.float64]

_MOST_CELLS = 200_000_000
_DAYS_OF_1970 = pd.Timestamp("1970-01-01")


@dataclass(frozen=True)
class Tables:
    """What a scan is made from; the id columns hold text, times are days without zone.

    Attributes
    ----------
    cases : columns `id`, `cases`, and as there are `time`, `controls`, `stratum`
    places : columns `id`, `x`, `y`, one row a place
    population : columns `id`, `population`, and as there are `time`, `stratum`; None without
    cartesian : whether x, y are plain coordinates
    step : unit of the time steps; None without time
    length : units of a step; steps are counted back from the end of the study, so the first may be shorter
    """

    cases: pd.DataFrame
    places: pd.DataFrame
    population: pd.DataFrame | None = None
    cartesian: bool = False
    step: Step | None = None
    length: int = 1


def make_study(
    tables: Tables, model: Model, *, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
) -> Study:
    """Return the study of a table of cases.

    Parameters
    ----------
    tables : Tables
    model : str
        `space-time-permutation` needs times, `poisson` a population, `bernoulli` controls or a population that counts
        cases and controls together.
    start, end : Timestamp, optional
        First and last day of the study; by default those of the cases.

    Raises
    ------
    InvalidInput
        Counts that are negative or no whole numbers, a case outside the study, an end before the start, cases of an
        id whose place or population is not known.
    MissingData
        Fewer than two places, no cases, no time, population or controls where the model needs them.
    """
    places = _places(tables)
    cases = _checked_counts(tables.cases, "cases")
    steps = _steps(tables, start, end)
    where = _rows_of(cases["id"], places, "no coordinates")
    when = np.zeros(len(cases), dtype=np.intp) if steps is None else _steps_of(cases["time"], steps)
    shape = len(places), 1 if steps is None else len(steps) - 1
    if shape[0] * shape[1] > _MOST_CELLS:
        raise InvalidInput(f"{shape[0]} places x {shape[1]} steps are too many cells: take a shorter study")
    counts = _summed(where, when, cases["cases"], shape)
    if counts.sum() < 2.0:
        raise MissingData(f"{counts.sum():.0f} cases in all: a scan needs at least 2")
    measure = _measure(tables, model, (where, when, steps), counts, places)
    return Study(model, places, tables.cartesian, counts, measure, steps, tables.step, length=tables.length)


def _measure(
    tables: Tables,
    model: Model,
    at: tuple[NDArray[np.intp], NDArray[np.intp], pd.DatetimeIndex | None],
    counts: Floats,
    places: pd.DataFrame,
) -> Floats:
    where, when, steps = at
    if model == "space-time-permutation":
        if steps is None:
            raise MissingData("the space-time-permutation model needs times: name their column with --time")
        return np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    if model == "bernoulli" and "controls" in tables.cases:
        controls = _checked_counts(tables.cases, "controls")["controls"]
        return counts + _summed(where, when, controls, counts.shape)
    if tables.population is None:
        needed = "--controls COLUMN or --population FILE" if model == "bernoulli" else "--population FILE"
        raise MissingData(f"the {model} model needs {needed}")
    if model == "bernoulli":
        return _trials(tables.population, places, counts)
    return expected_cases(tables, places, counts, steps)


def _trials(population: pd.DataFrame, places: pd.DataFrame, counts: Floats) -> Floats:
    if counts.shape[1] > 1:
        raise InvalidInput("bernoulli with times needs the controls of each time: name their column with --controls")
    people = _checked_counts(population, "population")
    total = people.groupby("id")["population"].sum().reindex(places["id"]).fillna(0.0).to_numpy(dtype=float)
    short = np.flatnonzero(total < counts[:, 0])
    if short.size:
        raise InvalidInput(f"place {places['id'].iloc[short[0]]!r} has more cases than population (cases and controls)")
    return total[:, None]


def expected_cases(tables: Tables, places: pd.DataFrame, counts: Floats, steps: pd.DatetimeIndex | None) -> Floats:
    """Return expected cases by place and step: person-time times the rate of each stratum in the whole study.

    The population is linear between its dates and constant before the first and after the last (indirect
    standardisation by stratum, where there are strata).

    Raises
    ------
    InvalidInput, MissingData
        A negative population; cases where nobody lives.
    """
    population = tables.population
    if population is None:
        raise MissingData("the poisson model needs --population FILE")
    people = population.assign(stratum=_strata(population))
    if not (pd.to_numeric(people["population"], errors="coerce") >= 0.0).all():
        raise InvalidInput("the population holds a value that is missing or negative: correct it")
    known = people[people["id"].isin(set(places["id"]))]
    missing = places["id"][(counts.sum(axis=1) > 0.0) & ~places["id"].isin(set(known["id"])).to_numpy()]
    if len(missing):
        raise MissingData(f"no population for place {missing.iloc[0]!r} ({len(missing)} such places with cases)")
    cases = tables.cases.assign(stratum=_strata(tables.cases)).groupby("stratum")["cases"].sum()
    strange = cases[(cases > 0.0) & ~cases.index.isin(set(known["stratum"]))]
    if len(strange):
        raise MissingData(f"no population for the cases of group {strange.index[0]!r}: its columns must agree")
    out = np.zeros(counts.shape)
    for stratum, part in known.groupby("stratum", sort=True):
        time = _person_time(part, places, steps)
        total = float(cases.get(stratum, 0.0))
        if total > 0.0 and time.sum() <= 0.0:
            raise MissingData(f"cases of group {stratum!r} but no population in it")
        out += time * (total / time.sum() if total > 0.0 else 0.0)
    empty = np.argwhere((counts > 0.0) & (out <= 0.0))
    if len(empty):
        raise MissingData(f"place {places['id'].iloc[empty[0][0]]!r} has cases but a population of 0")
    return out


def _strata(table: pd.DataFrame) -> pd.Series:
    return table["stratum"] if "stratum" in table else pd.Series("", index=table.index)


def _person_time(people: pd.DataFrame, places: pd.DataFrame, steps: pd.DatetimeIndex | None) -> Floats:
    """Return the integral of the population over each step, person-days, shape (places, steps)."""
    if "time" not in people:
        total = people.groupby("id")["population"].sum().reindex(places["id"]).fillna(0.0).to_numpy(dtype=float)
        days = np.ones(1) if steps is None else np.diff(_days(steps))
        return np.outer(total, days)
    table = people.pivot_table(index="id", columns="time", values="population", aggfunc="sum", fill_value=0.0)
    values = table.reindex(places["id"]).fillna(0.0).to_numpy(dtype=float)
    knots = _days(pd.DatetimeIndex(table.columns))
    if steps is None:
        return values.mean(axis=1)[:, None]
    edges = _days(steps)
    return np.diff(np.array([_integral(edges, knots, row) for row in values]), axis=1)


def _integral(at: Floats, knots: Floats, values: Floats) -> Floats:
    """Return the integral up to each time of a line through the knots that is level outside them."""
    first, last = min(at[0], knots[0]) - 1.0, max(at[-1], knots[-1]) + 1.0
    x = np.concatenate([[first], knots, [last]])
    y = np.concatenate([values[:1], values, values[-1:]])
    upto = np.concatenate([[0.0], np.cumsum(np.diff(x) * (y[1:] + y[:-1]) / 2.0)])
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, x.size - 2)
    part = at - x[k]
    slope = (y[k + 1] - y[k]) / (x[k + 1] - x[k])
    return upto[k] + part * (y[k] + slope * part / 2.0)


def _days(times: pd.DatetimeIndex) -> Floats:
    return np.asarray((times - _DAYS_OF_1970) / pd.Timedelta(days=1), dtype=float)


def _places(tables: Tables) -> pd.DataFrame:
    places = tables.places.reset_index(drop=True)
    twice = places["id"][places["id"].duplicated()]
    if len(twice):
        raise InvalidInput(f"place {twice.iloc[0]!r} has two positions: keep one")
    xy = places[["x", "y"]].apply(pd.to_numeric, errors="coerce")
    wrong = places["id"][~np.isfinite(xy.to_numpy(dtype=float)).all(axis=1)]
    if len(wrong):
        raise InvalidInput(f"place {wrong.iloc[0]!r} has no coordinates: correct them")
    if not tables.cartesian and (xy["x"].abs().gt(180.0) | xy["y"].abs().gt(90.0)).any():
        raise InvalidInput("coordinates are no longitudes and latitudes: name plain ones with --cartesian X,Y")
    if len(places) < 2:
        raise MissingData(f"{len(places)} place: a scan needs at least 2")
    out = places.assign(x=xy["x"].astype(float), y=xy["y"].astype(float))
    out.attrs = tables.places.attrs
    return out


def _checked_counts(table: pd.DataFrame, column: str) -> pd.DataFrame:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = np.flatnonzero(~((values >= 0.0) & (values == np.floor(values)) & np.isfinite(values)))
    if wrong.size:
        given = table[column].iloc[wrong[0]]
        raise InvalidInput(f"{column} of row {wrong[0] + 1} is {given!s}: counts are whole numbers, 0 or more")
    return table.assign(**{column: values})


def _rows_of(ids: pd.Series, places: pd.DataFrame, problem: str) -> NDArray[np.intp]:
    rows = pd.Index(places["id"]).get_indexer(pd.Index(ids))
    lost = np.flatnonzero(rows < 0)
    if lost.size:
        raise MissingData(f"{problem} for place {ids.iloc[lost[0]]!r} ({lost.size} rows of cases)")
    return np.asarray(rows, dtype=np.intp)


def _steps(tables: Tables, start: pd.Timestamp | None, end: pd.Timestamp | None) -> pd.DatetimeIndex | None:
    if tables.step is None:
        return None
    if tables.cases.empty:
        raise MissingData("no cases: the file has no rows")
    times = tables.cases["time"]
    first, last = start or times.min(), end or times.max()
    if last < first:
        raise InvalidInput(f"the study ends {last:%Y-%m-%d}, before it starts {first:%Y-%m-%d}")
    outside = times[(times < first) | (times >= last + pd.Timedelta(days=1))]
    if len(outside):
        raise InvalidInput(f"a case of {outside.iloc[0]:%Y-%m-%d} lies outside {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    if tables.length < 1:
        raise InvalidInput(f"--step-length {tables.length}: give 1 or more")
    code = {"day": "D", "month": "M", "year": "Y", "generic": "D"}[tables.step]
    edges = pd.period_range(first.to_period(code), last.to_period(code) + 1, freq=code).to_timestamp(how="start")
    kept = np.arange(len(edges) - 1, 0, -tables.length)[::-1]
    return edges[np.concatenate([[0], kept])]


def _steps_of(times: pd.Series, steps: pd.DatetimeIndex) -> NDArray[np.intp]:
    return np.asarray(steps.searchsorted(pd.DatetimeIndex(times), side="right") - 1, dtype=np.intp)


def _summed(where: NDArray[np.intp], when: NDArray[np.intp], values: pd.Series, shape: tuple[int, int]) -> Floats:
    out = np.zeros(shape)
    np.add.at(out, (where, when), values.to_numpy(dtype=float))
    return out
