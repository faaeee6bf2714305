"""Ledgers by quarter: the rows of any day, both ends of a period included."""

import datetime as dt

import pytest

from geo.errors import InvalidInput
from layers.add import add_file
from layers.export import export_layer
from layers.files import read_vector
from layers.periods import iso_day, quarter_days
from layers.store import Workspace

HEAD = "name,area_m2,valid_from,valid_to,lon,lat\n"
ROWS = (
    "甲,100,2021-07-01,2021-09-30,119.2,34.6\n"
    "乙,200,2021-10-01,2021-12-31,119.3,34.6\n"
    "丙,300,2021-10-01,,119.2,34.6\n"
    "丁,400,,2021-10-01,119.2,34.6\n"
    "戊,500,,,119.2,34.6\n"
)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    workspace = Workspace(tmp_path / "w")
    add(workspace, ROWS)
    return workspace


def add(workspace, rows, head=HEAD, **options):
    path = workspace.path.parent / "s.csv"
    path.write_text(head + rows, encoding="utf-8")
    return add_file(workspace, "construction_sites", path, **options)


@pytest.mark.parametrize(
    ("day", "names"),
    [
        ("2021-06-30", "丁戊"),
        ("2021-07-01", "甲丁戊"),
        ("2021-09-30", "甲丁戊"),
        ("2021-10-01", "乙丙丁戊"),
        ("2021-10-02", "乙丙戊"),
        ("2021-12-31", "乙丙戊"),
        (dt.date(2022, 1, 1), "丙戊"),
    ],
)
def test_the_ledger_of_a_day(workspace, day, names):
    assert "".join(workspace.read("construction_sites", at=day)["name"]) == names
    assert workspace.count("construction_sites", at=day) == len(names)


def test_a_day_goes_together_with_a_box_and_a_page(workspace):
    box = (119.25, 34, 120, 35)
    assert workspace.read("construction_sites", bbox=box, at="2021-11-01")["name"].tolist() == ["乙"]
    assert workspace.count("construction_sites", box, "2021-07-01") == 0
    assert workspace.read("construction_sites", limit=1, offset=1, at="2021-11-01")["name"].tolist() == ["丙"]


def test_export_of_a_day_says_which(workspace, tmp_path):
    (path,) = export_layer(workspace, "construction_sites", tmp_path / "out.geojson", at="2021-11-01")
    assert read_vector(path)["name"].tolist() == ["乙", "丙", "戊"]
    assert '"valid_on": "2021-11-01"' in path.read_text("utf-8")


@pytest.mark.parametrize("bad", ["2021-13-01", "1.11.2021", "", "2021-11-01' OR 1=1 --", dt.datetime(2021, 11, 1)])
def test_what_is_no_day_is_refused(workspace, bad):
    with pytest.raises(InvalidInput, match="day"):
        workspace.read("construction_sites", at=bad)


def test_a_layer_without_periods_says_so(workspace):
    path = workspace.path.parent / "p.csv"
    path.write_text("name,lon,lat\n甲,119,34\n", encoding="utf-8")
    add_file(workspace, "parks", path)
    with pytest.raises(InvalidInput, match="layer parks keeps no periods"):
        workspace.read("parks", at="2021-11-01")
    with pytest.raises(InvalidInput, match="layer parks keeps no periods"):
        add_file(workspace, "parks", path, quarter="2021Q4")


@pytest.mark.parametrize("text", ["2021Q4", "2021-q4", "2021年第四季度", "2021年4季度"])
def test_quarters_as_people_write_them(text):
    assert quarter_days(text) == ("2021-10-01", "2021-12-31")


def test_a_leap_year_and_what_is_no_quarter():
    assert quarter_days("2024Q1") == ("2024-01-01", "2024-03-31")
    assert iso_day(" 2024-02-29 ") == "2024-02-29"
    with pytest.raises(InvalidInput, match="is not a quarter"):
        quarter_days("2021Q5")


def test_a_quarter_is_replaced_and_others_stay(tmp_path):
    workspace = Workspace(tmp_path / "w")
    head = "name,area_m2,lon,lat\n"
    add(workspace, "甲,100,119,34\n乙,200,119,34\n", head, quarter="2021Q3")
    add(workspace, "甲,100,119,34\n乙,250,119,34\n", head, quarter="2021Q4")
    assert workspace.count("construction_sites") == 4
    add(workspace, "乙,260,119,34\n", head, quarter="2021Q4", replace=True)
    frame = workspace.read("construction_sites")
    assert frame[["name", "area_m2", "valid_from"]].values.tolist() == [
        ["甲", 100.0, "2021-07-01"],
        ["乙", 200.0, "2021-07-01"],
        ["乙", 260.0, "2021-10-01"],
    ]
    assert workspace.read("construction_sites", at="2021-11-15")["area_m2"].tolist() == [260.0]
