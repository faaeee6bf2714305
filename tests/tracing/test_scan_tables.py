"""From tables to a scan's arrays: person-time, standardisation, and one clear line for what cannot be."""

import numpy as np
import pandas as pd
import pytest

from geo.errors import InvalidInput, MissingData
from tracing.scan import Options, scan
from tracing.scan_tables import Tables, make_study

PLACES = pd.DataFrame({"id": ["a", "b", "c"], "x": [0.0, 1.0, 3.0], "y": [0.0, 0.0, 0.0]})
PEOPLE = pd.DataFrame({"id": ["a", "b", "c"], "population": [10.0, 30.0, 60.0]})


def cases(*rows: tuple[object, ...], columns: str = "id cases") -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns.split())
    return table.assign(time=pd.to_datetime(table["time"])) if "time" in table else table


TWO = cases(("a", 4), ("c", 6))


def test_expected_cases_follow_the_population() -> None:
    study = make_study(Tables(TWO, PLACES, PEOPLE, cartesian=True), "poisson")
    assert study.measure[:, 0] == pytest.approx([1.0, 3.0, 6.0])
    assert study.cases[:, 0].tolist() == [4.0, 0.0, 6.0]


def test_population_is_linear_between_its_dates_and_level_outside() -> None:
    years = ["2000-01-01", "2001-01-01", "2002-01-01", "2003-01-01"]
    table = cases(*[("a", 10, year) for year in years], columns="id cases time")
    people = pd.DataFrame(
        {
            "id": ["a", "a", "b", "b"],
            "population": [100.0, 300.0, 100.0, 100.0],
            "time": pd.to_datetime(["2001-01-01", "2003-01-01"] * 2),
        }
    )
    study = make_study(Tables(table, PLACES[:2], people, cartesian=True, step="year"), "poisson")
    # 2000: level 100 (366 days); 2001: 100 to 200; 2002: 200 to 300; 2003: level 300.
    days = np.array([366.0, 365.0, 365.0, 365.0])
    expected = np.array([100.0, 150.0, 250.0, 300.0]) * days
    whole = expected.sum() + 100.0 * days.sum()
    assert study.measure[0] == pytest.approx(40.0 * expected / whole, rel=1e-12)
    assert study.measure[1] == pytest.approx(40.0 * 100.0 * days / whole, rel=1e-12)
    assert study.measure.sum() == pytest.approx(40.0, rel=1e-12)


def test_groups_have_rates_of_their_own() -> None:
    table = cases(("a", 8, "old"), ("b", 2, "young"), columns="id cases stratum")
    people = pd.DataFrame(
        {
            "id": ["a", "a", "b", "b"],
            "population": [30.0, 10.0, 10.0, 90.0],
            "stratum": ["old", "young", "old", "young"],
        }
    )
    study = make_study(Tables(table, PLACES[:2], people, cartesian=True), "poisson")
    # 8 cases in 40 old: 0.2 each; 2 in 100 young: 0.02 each.
    assert study.measure[:, 0] == pytest.approx([30 * 0.2 + 10 * 0.02, 10 * 0.2 + 90 * 0.02])


def test_times_in_any_order_make_the_same_study() -> None:
    rows = [("a", 2, "2024-01-03"), ("b", 1, "2024-01-01"), ("a", 1, "2024-01-05")]
    made = [
        make_study(
            Tables(cases(*part, columns="id cases time"), PLACES, cartesian=True, step="day"), "space-time-permutation"
        )
        for part in (rows, rows[::-1])
    ]
    assert (made[0].cases == made[1].cases).all()
    assert made[0].cases.shape == (3, 5)
    assert made[0].measure.sum() == pytest.approx(4.0)


def test_bernoulli_takes_controls_or_a_population_of_both() -> None:
    with_controls = cases(("a", 4, 6), ("b", 0, 30), ("c", 6, 54), columns="id cases controls")
    one = make_study(Tables(with_controls, PLACES, cartesian=True), "bernoulli")
    two = make_study(Tables(TWO, PLACES, PEOPLE, cartesian=True), "bernoulli")
    assert one.measure.tolist() == two.measure.tolist()
    found = scan(one, Options(replications=99)).iloc[0]
    assert found["members"] == "a"
    assert found["expected"] == pytest.approx(1.0)


DATED = cases(("a", 4, "2024-01-01"), ("c", 6, "2024-01-03"), columns="id cases time")
BAD = {
    "one place": (Tables(cases(("a", 4)), PLACES[:1], PEOPLE), "poisson", {}, MissingData, "1 place"),
    "no cases": (Tables(cases(("a", 0)), PLACES, PEOPLE), "poisson", {}, MissingData, "0 cases"),
    "no rows": (Tables(DATED[:0], PLACES, step="day"), "space-time-permutation", {}, MissingData, "no cases"),
    "negative": (Tables(cases(("a", -4)), PLACES, PEOPLE), "poisson", {}, InvalidInput, "row 1 is -4"),
    "half a case": (Tables(cases(("a", 1.5)), PLACES, PEOPLE), "poisson", {}, InvalidInput, "whole numbers"),
    "missing count": (Tables(cases(("a", None)), PLACES, PEOPLE), "poisson", {}, InvalidInput, "whole numbers"),
    "unknown place": (Tables(cases(("z", 4)), PLACES, PEOPLE), "poisson", {}, MissingData, "no coordinates.*'z'"),
    "no population": (Tables(TWO, PLACES, PEOPLE[:2]), "poisson", {}, MissingData, "no population for place 'c'"),
    "no population file": (Tables(TWO, PLACES), "poisson", {}, MissingData, "--population"),
    "no controls": (Tables(TWO, PLACES), "bernoulli", {}, MissingData, "--controls"),
    "more cases than people": (
        Tables(TWO, PLACES, PEOPLE.assign(population=[3, 9, 9])),
        "bernoulli",
        {},
        InvalidInput,
        "more cases than population",
    ),
    "negative population": (
        Tables(TWO, PLACES, PEOPLE.assign(population=[-1, 9, 9])),
        "poisson",
        {},
        InvalidInput,
        "negative",
    ),
    "nobody there": (Tables(TWO, PLACES, PEOPLE.assign(population=[0, 9, 9])), "poisson", {}, MissingData, "of 0"),
    "no time": (Tables(TWO, PLACES), "space-time-permutation", {}, MissingData, "--time"),
    "two positions": (
        Tables(TWO, pd.concat([PLACES, PLACES.assign(x=9.0)]), PEOPLE),
        "poisson",
        {},
        InvalidInput,
        "two positions",
    ),
    "no number": (Tables(TWO, PLACES.assign(x=np.nan), PEOPLE), "poisson", {}, InvalidInput, "no coordinates"),
    "metres as degrees": (Tables(TWO, PLACES.assign(x=5e5), PEOPLE), "poisson", {}, InvalidInput, "--cartesian"),
    "end first": (
        Tables(DATED, PLACES, step="day"),
        "space-time-permutation",
        {"start": pd.Timestamp("2024-02-01"), "end": pd.Timestamp("2024-01-01")},
        InvalidInput,
        "before it starts",
    ),
    "case outside": (
        Tables(DATED, PLACES, step="day"),
        "space-time-permutation",
        {"end": pd.Timestamp("2024-01-02")},
        InvalidInput,
        "2024-01-03 lies outside",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_said_in_one_line(name: str) -> None:
    tables, model, period, error, told = BAD[name]
    with pytest.raises(error, match=told) as raised:
        make_study(tables, model, **period)
    assert "\n" not in str(raised.value)
