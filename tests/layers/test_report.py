"""The report: every row that was refused, changed, repeated or misplaced is named; nothing moves by itself."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.datum import from_wgs84
from geo.errors import InvalidInput
from layers.add import add_file
from layers.catalogue import get_schema
from layers.files import read_vector
from layers.gauss_kruger import Reference
from layers.ingest import ingest
from layers.report import counts, report_lines, report_table, write_report
from layers.store import Workspace

HEADER = "id,锅炉名称,燃料,容量（蒸吨/小时）,容量2,district,lon,lat\n"
ROWS = (
    "1,甲,燃煤锅炉,35,,海州区,119.2,34.6\n"
    "2,乙,coal,x,,海州区,119.2,34.6\n"
    "1,丙,燃气,4,,海州区,119.2,34.6\n"
    "4,丁,燃煤锅炉,4,,海州区,121.5,31.2\n"
)


@pytest.fixture(scope="module")
def districts(root) -> gpd.GeoDataFrame:
    return read_vector(root / "data_samples" / "districts.geojson")


@pytest.fixture
def report(tmp_path, districts):
    path = tmp_path / "b.csv"
    path.write_text(HEADER + ROWS, encoding="utf-8")
    return ingest(path, get_schema("boilers"), accept_good=True, reference=Reference(districts=districts))


def test_every_outcome_is_named_with_its_row_and_line(report):
    table = report_table(report)
    found = [(o, None if pd.isna(r) else r, None if pd.isna(n) else n) for o, r, n in table.values[:, :3]]
    assert found == [
        ("rejected", 2, 3),
        ("duplicate", 3, 4),
        ("changed", None, None),
        ("outside_city", 4, 5),
    ]
    assert table["reason_en"].tolist()[2:] == ["read as coal (rows: 2)", "lies outside the districts"]
    assert counts(report) == {
        "total": 4,
        "accepted": 2,
        "rejected_rows": 2,
        "rejected": 1,
        "duplicate": 1,
        "changed": 1,
        "outside_city": 1,
        "doubtful_datum": 0,
    }


def test_the_report_as_lines_csv_excel_and_json(report, tmp_path):
    lines = report_lines(report, 20)
    assert lines[0].endswith("4 rows, 2 good, 2 rejected, 2 accepted")
    assert any("[市外 outside the city] row 4: geometry '121.500000 31.200000'" in line for line in lines)
    for ending in ("csv", "xlsx", "json"):
        write_report(report, tmp_path / f"r.{ending}")
    assert pd.read_csv(tmp_path / "r.csv")["outcome"].tolist() == report_table(report)["outcome"].tolist()
    assert pd.read_excel(tmp_path / "r.xlsx")["row"].tolist()[:2] == [2, 3]
    content = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert content["counts"] == counts(report)
    assert content["rows"][0]["value"] == "x"
    assert content["rows"][2]["row"] is None
    with pytest.raises(InvalidInput, match="a report is written as"):
        write_report(report, tmp_path / "r.txt")


def test_a_long_report_is_cut_and_says_so(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text("fuel,capacity_tph,lon,lat\n" + "coal,x,119,34\n" * 30, encoding="utf-8")
    lines = report_lines(ingest(path, get_schema("boilers")), 20)
    assert len(lines) == 22
    assert "and 10 more" in lines[-1]


def test_rows_that_say_the_same_are_kept_and_named(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("name,lon,lat\n甲,119,34\n乙,119,34\n甲,119,34\n", encoding="utf-8")
    report = ingest(path, get_schema("parks"))
    assert len(report.accepted) == 3
    assert report_table(report)[["outcome", "row", "reason_en"]].values.tolist() == [
        ["duplicate", 3, "equals row 1; kept"]
    ]


def places(districts, number=400):
    """Draw points of each district, with its name; some lie near enough to a boundary to tell a shift."""
    rng = np.random.default_rng(5)
    rows = []
    for name, shape in zip(districts["name"], districts.geometry, strict=True):
        west, south, east, north = shape.bounds
        while sum(row[0] == name for row in rows) < number // len(districts):
            point = shapely.Point(rng.uniform(west, east), rng.uniform(south, north))
            if shape.contains(point):
                rows.append((name, point))
    return gpd.GeoDataFrame(
        {"name": [r[0] for r in rows], "district": [r[0] for r in rows]}, geometry=[r[1] for r in rows], crs=4326
    )


@pytest.mark.parametrize("written", ["wgs84", "gcj02", "bd09"])
@pytest.mark.parametrize("declared", [None, "wgs84", "cgcs2000", "gcj02", "bd09"])
def test_a_shifted_layer_is_doubted_and_never_moved(districts, written, declared):
    truth = places(districts)
    lon, lat = from_wgs84(truth.geometry.x, truth.geometry.y, written)
    file = truth.set_geometry(gpd.points_from_xy(lon, lat), crs=4326)
    report = ingest(file, get_schema("parks"), datum=declared, reference=Reference(districts=districts))
    doubt = report.remarks[report.remarks["outcome"] == "doubtful_datum"]
    right = written == (declared or "wgs84").replace("cgcs2000", "wgs84")
    assert doubt.empty == right
    if not right:
        assert f"--datum {written}" in doubt["reason_en"].iloc[0]
        assert "nothing was moved" in doubt["reason_en"].iloc[0]
    if declared in (None, "wgs84"):
        np.testing.assert_array_equal(report.accepted.geometry.x, lon)


def test_the_sample_ledgers_raise_no_doubt(root, tmp_path):
    workspace = Workspace(tmp_path / "w")
    add_file(workspace, "districts", root / "data_samples" / "districts.geojson")
    for layer, name in (("boilers", "boilers.csv"), ("stations", "stations.csv"), ("chp_units", "chp_units.geojson")):
        report = add_file(workspace, layer, root / "data_samples" / name).report
        assert report is not None
        assert counts(report)["doubtful_datum"] == 0, layer
        assert counts(report)["total"] == counts(report)["accepted"]
