"""Emergency cuts by hand: grades, own plans, exempt and ungraded sources, totals, sites."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point

from geo.errors import InvalidInput, MissingData
from layers.reduction import load_measures, load_totals, reduction, sites_to_stop
from layers.warning_rules import COLOURS

MEASURES = load_measures()


def sources(**changes) -> gpd.GeoDataFrame:
    table = pd.DataFrame(
        {
            "id": list("abcdef"),
            "name": ["甲", "乙", "丙", "丁", "戊", "己"],
            "grade": ["A", "B", "C", "D", None, "D"],
            "exempt": [False, False, False, False, None, True],
            "so2_t_a": [365.0, 365.0, 365.0, 365.0, np.nan, 365.0],
            "nox_t_a": [730.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            "phone": [None, "123", None, None, None, None],
        }
        | changes
    )
    points = gpd.points_from_xy([119.0] * len(table), [34.5] * len(table))
    return gpd.GeoDataFrame(table, geometry=points, crs=4326)


def test_by_grade():
    found = reduction(sources(), "orange", MEASURES, needed_pct=20.0)
    rows = {row["name"]: row for row in found.rows}
    assert set(rows) == {"甲", "乙", "丙", "丁", "戊"}
    assert [rows[name]["cut_pct"] for name in "甲乙丙丁戊"] == [0.0, 20.0, 100.0, 100.0, 100.0]
    assert rows["乙"]["so2_cut_t_d"] == pytest.approx(0.2)
    assert rows["乙"]["contact"] == "123"
    assert [row["name"] for row in found.rows][:2] == ["丙", "丁"]
    so2, nox, pm, _ = found.totals
    assert (so2.total_t_d, so2.cut_t_d, so2.n_unknown) == pytest.approx((5.0, 2.2, 1))
    assert so2.reached_pct == pytest.approx(44.0)
    assert so2.enough
    assert (nox.reached_pct, nox.missing_t_d, nox.enough) == (0.0, pytest.approx(0.4), False)
    assert np.isnan(pm.reached_pct)
    said = " ".join(found.notes)
    assert "1 exempt" in said
    assert "1 sources have no grade" in said


def test_a_plan_of_its_own_goes_first():
    own = sources(cut_red_pct=[15.0, np.nan, 0.0, np.nan, np.nan, np.nan], measure_red=["轮停", *[None] * 5])
    rows = {row["name"]: row for row in reduction(own, "red", MEASURES, needed_pct=30.0).rows}
    assert (rows["甲"]["cut_pct"], rows["甲"]["measure_zh"]) == (15.0, "轮停")
    assert (rows["丙"]["cut_pct"], rows["丁"]["cut_pct"]) == (0.0, 100.0)
    assert "own plan" in rows["丙"]["basis"]


def test_the_citys_total_is_what_counts():
    found = reduction(sources(), "orange", MEASURES, needed_pct=20.0, totals_t_a={"so2": 7300.0, "nox": 365.0})
    assert found.totals[0].reached_pct == pytest.approx(11.0)
    assert found.totals[0].missing_t_d == pytest.approx(1.8)
    assert any("listed sources emit more NOx" in note for note in found.notes)


@pytest.mark.parametrize("grade", "ABCD")
def test_a_graver_colour_never_cuts_less(grade):
    cuts = [MEASURES[colour, grade].cut_pct for colour in COLOURS]
    assert cuts == sorted(cuts)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_weaker_grade_never_cuts_less(colour):
    cuts = [MEASURES[colour, grade].cut_pct for grade in "ABCD"]
    assert cuts == sorted(cuts)


def test_nothing_to_cut():
    with pytest.raises(MissingData, match="empty"):
        reduction(sources().iloc[:0], "red", MEASURES, needed_pct=30.0)
    with pytest.raises(MissingData, match="no measure for grade B at red"):
        reduction(sources(), "red", {("red", "A"): MEASURES["red", "A"]}, needed_pct=30.0)


HEAD = "colour,grade,cut_pct,measure_zh,measure_en\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour,grade\nred,A\n", "no column cut_pct"),
        (HEAD + "blue,A,5,x,x\n", "line 2: colour 'blue'"),
        (HEAD + "red,E,5,x,x\n", "grade 'E'"),
        (HEAD + "red,A,150,x,x\n", "give 0 to 100"),
        (HEAD + "red,A,5,x,x\nred,a,5,x,x\n", "line 3: red A stands there twice"),
    ],
)
def test_measures_that_are_none(tmp_path, text, said):
    (tmp_path / "m.csv").write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=said):
        load_measures(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pollutant\nso2\n", "columns pollutant and t_a"),
        ("pollutant,t_a\nlead,5\n", "line 2"),
        ("pollutant,t_a\nso2,x\n", "so2"),
    ],
)
def test_totals_that_are_none(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(InvalidInput, match=said):
        load_totals(tmp_path / "t.csv")


def test_sites_of_the_day():
    sites = gpd.GeoDataFrame(
        {
            "name": ["old", "now", "open", "later"],
            "area_m2": 1.0,
            "valid_from": ["2021-07-01", "2021-10-01", None, "2022-01-01"],
            "valid_to": ["2021-09-30", "2021-12-31", None, None],
        },
        geometry=[Point(119, 34)] * 4,
        crs=4326,
    )
    found, notes = sites_to_stop(sites, "yellow", "2021-11-05")
    assert found["name"].tolist() == ["now", "open"]
    assert not notes
    everything, notes = sites_to_stop(sites, "yellow", None)
    assert len(everything) == 4
    assert "no day was given" in notes[0]
