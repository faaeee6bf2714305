"""CQL2 over a table, against conditions written in pandas, and what is refused."""

import operator

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from api.filters.evaluate import matches
from api.filters.parse import parse_filter, properties
from geo.errors import InvalidInput

TIMES = pd.to_datetime(["2021-01-10T22:00Z", "2021-01-10T23:30Z", None, "2021-01-11T00:00Z", "2020-02-29T12:00Z"])
FRAME = gpd.GeoDataFrame(
    {
        "name": ["德源", "a'b", None, "Älter", "100%"],
        "n": pd.array([1, 2, None, 4, 5], dtype="Int64"),
        "x": [1.5, np.nan, 3.0, -4.0, 0.0],
        "on": pd.array([True, False, None, True, False], dtype="boolean"),
        "time": TIMES,
    },
    geometry=[*shapely.points([[0, 0], [1, 1], [2, 2], [3, 3]]), None],
    crs=4326,
)
COLUMNS = {"name": "str", "n": "int", "x": "float", "on": "bool", "time": "time"}


def rows(text: str, language: str = "cql2-text") -> list[int]:
    return np.flatnonzero(matches(parse_filter(text, language), FRAME, COLUMNS)).tolist()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("n = 2", [1]),
        ("n <> 2", [0, 3, 4]),
        ("NOT n = 2", [0, 3, 4]),
        ("n > 1 AND x < 1", [3, 4]),
        ("n = 1 OR n IS NULL", [0, 2]),
        ("n IS NOT NULL", [0, 1, 3, 4]),
        ("n BETWEEN 2 AND 4", [1, 3]),
        ("n NOT IN (1, 5)", [1, 3]),
        ("name = 'a''b'", [1]),
        ("name LIKE '%源'", [0]),
        ("name LIKE '100\\%'", [4]),
        ("name LIKE '_''_'", [1]),
        ("CASEI(name) = CASEI('ÄLTER')", [3]),
        ("ACCENTI(name) = ACCENTI('Alter')", [3]),
        ("n * 2 - 1 = 9", [4]),
        ("n = x + 8", [3]),
        ("n % 2 = 0", [1, 3]),
        ("n DIV 2 = 2", [3, 4]),
        ("x ^ 2 > 8", [2, 3]),
        ("on = TRUE", [0, 3]),
        ("on = TRUE AND TRUE", [0, 3]),
        ("time > TIMESTAMP('2021-01-10T23:00:00Z')", [1, 3]),
        ("time = DATE('2021-01-10')", [0, 1]),
        ("time >= DATE('2021-01-11')", [3]),
        ("time <= DATE('2021-01-10')", [0, 1, 4]),
        ("time < TIMESTAMP('2021-01-11T07:30:00+08:00')", [0, 4]),
        ("T_AFTER(time, DATE('2021-01-10'))", [3]),
        ("T_DURING(time, INTERVAL('2021-01-10T22:30:00Z', '..'))", [1, 3]),
        ("T_INTERSECTS(time, INTERVAL('..', '2021-01-10'))", [0, 1, 4]),
        ("S_INTERSECTS(geometry, BBOX(0.5, 0.5, 2.5, 2.5))", [1, 2]),
        ("S_WITHIN(geometry, POLYGON((-1 -1, 1.5 -1, 1.5 1.5, -1 1.5, -1 -1)))", [0, 1]),
        ("NOT S_INTERSECTS(geometry, BBOX(0.5, 0.5, 2.5, 2.5))", [0, 3]),
        ("S_DISJOINT(geometry, POINT(1 1))", [0, 2, 3]),
        ("S_EQUALS(geometry, POINT(3 3))", [3]),
        ("geometry IS NULL", [4]),
    ],
)
def test_what_a_filter_finds(text: str, wanted: list[int]) -> None:
    assert rows(text) == wanted


def test_json_says_the_same_as_text() -> None:
    tree = '{"op":"and","args":[{"op":">","args":[{"property":"n"},1]},{"op":"<","args":[{"property":"x"},1]}]}'
    assert rows(tree, "cql2-json") == rows("n > 1 AND x < 1")
    assert properties(parse_filter(tree, "cql2-json")) == {"n", "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 'red'", "queryables are name, n"),
        ("n = 'two'", "different kinds"),
        ("name > 3", "different kinds"),
        ("n", "not cql2-text"),
        ("name LIKE 3", "not cql2-text|LIKE compares"),
        ("n = ", "not cql2-text"),
        ("drop table x", "not cql2-text"),
        ("nothing(n) = 1", "not known"),
        ("S_INTERSECTS(name, POINT(0 0))", "no geometry"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 0 1, 1 0, 0 0)))", "Self-intersection"),
        ("time > TIMESTAMP('tomorrow')", "no time|not cql2"),
        ("T_DURING(time, INTERVAL('2021-01-10','2020-01-10'))", "ends before"),
        ("T_AFTER(n, DATE('2021-01-10'))", "no time"),
        ("(" * 41 + "n = 1" + ")" * 41, "deep"),
        ("NOT " * 5000 + "n = 1", "characters|deep"),
        ("n = 1 OR " * 2000 + "n = 1", "characters"),
    ],
)
def test_what_is_refused_says_why(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        rows(text)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=8),
    limits=st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    words=st.tuples(*[st.sampled_from(["<", "<=", ">", ">=", "=", "<>"])] * 2),
    both=st.sampled_from(["AND", "OR"]),
    negated=st.booleans(),
)
def test_three_values_are_those_of_sql(values, limits, words, both, negated) -> None:
    """Against Python's None as unknown, worked out row by row."""
    table = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}
    table["<>"] = operator.ne

    def truth(value: int | None) -> bool:
        one, two = (None if value is None else table[w](value, k) for w, k in zip(words, limits, strict=True))
        decided = {"AND": False, "OR": True}[both]
        result = decided if decided in (one, two) else None if None in (one, two) else not decided
        result = (None if result is None else not result) if negated else result
        return result is True

    frame = gpd.GeoDataFrame({"n": pd.array(values, dtype="Int64")}, geometry=[None] * len(values), crs=4326)
    text = f"n {words[0]} {limits[0]} {both} n {words[1]} {limits[1]}"
    tree = parse_filter(f"NOT ({text})" if negated else text, "cql2-text")
    assert matches(tree, frame, {"n": "int"}).tolist() == [truth(value) for value in values]
