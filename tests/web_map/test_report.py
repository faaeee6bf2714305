"""The printed page: what it says can be read back out of the PDF."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pypdf
import pytest
import shapely

from geo.errors import SourceUnavailable
from geo.geodesic import circle
from web_map.report import Report, ReportLayer
from web_map.report_map import MapFrame
from web_map.report_page import write_report

MADE = pd.Timestamp("2021-10-20T22:00", tz="Asia/Shanghai")


def zones() -> gpd.GeoDataFrame:
    rows = {
        "plant": ["新海电厂", "小热电"],
        "kind": "plant",
        "rule": ["chp_300mw_30km", "other_15km"],
        "radius_km": [30.0, 15.0],
        "capacity_mw": [330.0, 120.0],
    }
    return gpd.GeoDataFrame(rows, geometry=[circle(119.1, 34.6, 30_000), circle(119.5, 34.5, 15_000)], crs=4326)


def boilers(count: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(3)
    rows = {"name": [f"<b>锅炉</b> {n:03d}" for n in range(count)], "fuel": "coal", "capacity_tph": rng.random(count)}
    points = gpd.points_from_xy(119 + rng.random(count) / 3, 34.4 + rng.random(count) / 3)
    return gpd.GeoDataFrame({**rows, "inside": True}, geometry=points, crs=4326)


def report(count: int = 3, **changed: object) -> Report:
    layers = [ReportLayer(zones(), "heating_zones", listed=True), ReportLayer(boilers(count), "heating_boilers", True)]
    record = {
        "process": "zone-heating",
        "inputs": [{"id": "chp.csv", "sha256": "ab" * 32}],
        "versions": {"suyuan": "1"},
    }
    given = {"title": ("供热半径范围", "Heating zones"), "summary": ("两座电厂", "two plants"), "layers": layers}
    return Report(**{**given, "provenance": record, "warnings": ["假定 assumption A"], **changed})  # type: ignore[arg-type]


def text_of(path: Path) -> str:
    (page,) = pypdf.PdfReader(path).pages
    return page.extract_text()


def test_the_page_says_what_was_found_in_chinese(tmp_path: Path) -> None:
    write_report(report(), tmp_path / "z.pdf", made=MADE)
    text = text_of(tmp_path / "z.pdf")
    for part in (
        "供热半径范围",
        "两座电厂",
        "新海电厂",
        "<b>锅炉</b> 002",
        "半径",
        "(km)",
        "chp.csv",
        "abababababab",
        "2021-10-20 22:00",
    ):
        assert part in text
    assert "假定 assumption A" in text
    assert "供决策参考" in text
    assert "合成演练数据" not in text


def test_english_titles_and_the_mark_of_practice_data(tmp_path: Path) -> None:
    write_report(report(synthetic=True), tmp_path / "z.pdf", made=MADE, language="en")
    text = text_of(tmp_path / "z.pdf")
    for part in ("Heating zones", "Radius", "(km)", "synthetic practice data", "does not replace"):
        assert part in text


@pytest.mark.parametrize("count", [0, 1, 200])
def test_it_stays_one_page_and_says_how_many_are_left_out(tmp_path: Path, count: int) -> None:
    write_report(report(count), tmp_path / "z.pdf", made=MADE, language="en")
    text = text_of(tmp_path / "z.pdf")
    listed = text.count("<b>锅炉</b>")
    assert listed <= count
    if count == 200:
        assert f"{count - listed} more in the data file" in text
        assert listed > 5
    assert "does not replace" in text


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        write_report(report(), tmp_path / name, made=MADE)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_a_missing_font_and_a_folder_that_is_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="make setup"):
        write_report(report(), tmp_path / "z.pdf", made=MADE, assets=tmp_path)
    with pytest.raises(SourceUnavailable, match="nothing was changed"):
        write_report(report(), tmp_path / "none" / "z.pdf", made=MADE)
    assert list(tmp_path.iterdir()) == []


def test_the_map_keeps_everything_in_its_frame_true_to_scale() -> None:
    box = (14.0, 50.0, 180.0, 100.0)
    frame = MapFrame.around([zones()], box)
    page = frame.page(shapely.get_coordinates(zones().geometry.to_numpy()))
    assert page[:, 0].min() >= box[0]
    assert page[:, 0].max() <= box[0] + box[2]
    assert page[:, 1].min() >= box[1]
    assert page[:, 1].max() <= box[1] + box[3]
    big = frame.page(shapely.get_coordinates(zones().geometry.iloc[0]))
    assert np.ptp(big[:, 0]) / np.ptp(big[:, 1]) == pytest.approx(1.0, abs=0.01), "a circle stays a circle"


@pytest.mark.parametrize("place", ["no shape", "nothing at all", "one of three"])
def test_sources_without_a_place_leave_the_lists_and_say_so(tmp_path: Path, place: str) -> None:
    """A ledger's rows may have no coordinates: the page has no map then, not one of a place that is nowhere."""
    unplaced = boilers(3)
    unplaced.loc[unplaced.index[1 if place == "one of three" else 0] :, "geometry"] = None
    layers = [] if place == "nothing at all" else [ReportLayer(unplaced, "heating_boilers", listed=True)]
    write_report(report(layers=layers), tmp_path / "z.pdf", made=MADE, language="en")
    text = text_of(tmp_path / "z.pdf")
    assert ("no map" in text) == (place != "one of three")
    assert "nan" not in text
    assert "does not replace" in text


def test_without_a_place_of_its_own_the_page_shows_the_city(tmp_path: Path) -> None:
    unplaced = boilers(2)
    unplaced["geometry"] = None
    city = gpd.GeoDataFrame({"name": ["海州区"], "code": ["320706"]}, geometry=[circle(119.1, 34.6, 9000)], crs=4326)
    layers, base = [ReportLayer(unplaced, "heating_boilers", listed=True)], [ReportLayer(city, "districts")]
    write_report(report(layers=layers, base=base), tmp_path / "z.pdf", made=MADE, language="en")
    text = text_of(tmp_path / "z.pdf")
    assert "no map" not in text
    assert "海州区" in text
    assert "119.1" in text
