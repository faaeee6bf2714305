"""`suyuan zone warning`, `zone measures` and `zone area` from the command line, good and bad input."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pypdf
import pytest
import shapely
import xarray as xr
from shapely.geometry import Point, Polygon, box

from geo.geodesic import area_m2
from layers.provenance import content_hash
from layers.store import Workspace

SAMPLES = Path(__file__).parents[2] / "data_samples"


@pytest.fixture
def forecast(tmp_path: Path) -> Path:
    aqi = [120, 160, 210, 230, 310, 140, 201, 90]
    days = [f"2024-12-0{day}" for day in range(1, 9)]
    pd.DataFrame({"date": days, "aqi": aqi}).to_csv(tmp_path / "forecast.csv", index=False)
    return tmp_path / "forecast.csv"


def test_a_forecast_calls_for_warnings(suyuan, forecast, workspace, tmp_path):
    out = tmp_path / "w.csv"
    code, said, noted = suyuan("zone", "warning", "--series", forecast, "--output", out)
    assert code == 0
    assert not workspace.exists()
    assert "1 red, 1 yellow, 5 days" in said
    assert "no layer of districts" in noted
    found = pd.read_csv(out, dtype={"rule_set": str})
    assert found["colour"].tolist() == ["red", "yellow"]
    assert found["start"].tolist() == ["2024-12-02", "2024-12-07"]
    assert found["end"].tolist() == ["2024-12-05", "2024-12-07"]
    assert found["issue"][0] == "2024-11-30T16:00:00Z"  # midnight in China, a day ahead
    assert found["cut_pct"].tolist() == [30.0, 10.0]
    assert "AQI > 300: 24 h" in found["reason_en"][0]


def test_other_rules_and_other_formats(suyuan, forecast, tmp_path):
    for name in ("w.geojson", "w.gpkg", "w.kml", "w.kmz", "w.shp", "w.xlsx", "w.pdf"):
        options = ("--rules", "2018", "--area", SAMPLES / "districts.geojson", "--output", tmp_path / name)
        assert suyuan("zone", "warning", "--series", forecast, *options)[0] == 0
    found = gpd.read_file(tmp_path / "w.geojson")
    assert found["colour"].tolist() == ["orange"]
    assert found.geometry.iloc[0].area > 0.5
    page = pypdf.PdfReader(tmp_path / "w.pdf").pages[0].extract_text()
    assert "橙色" in page
    assert "not read itself" not in page  # each language has the source in its own words
    assert "未读原文" in page
    # By the city's clock and whole: issued a day ahead, lifted when the last day is over.
    assert "2024-12-02 00:00 2024-12-06 00:00" in page


def test_the_workspaces_own_days(suyuan, workspace, tmp_path):
    assert suyuan("layers", "add", "districts", SAMPLES / "districts.geojson")[0] == 0
    assert suyuan("layers", "add", "stations", SAMPLES / "stations.csv")[0] == 0
    hours = pd.read_csv(SAMPLES / "observations.csv", dtype=str)
    kept = hours[hours["time"].str[:10].isin(["2021-10-18", "2021-10-19"]) & hours["station_id"].str.endswith("A")]
    kept.to_csv(tmp_path / "hours.csv", index=False)
    assert suyuan("observations", "add", tmp_path / "hours.csv")[0] == 0
    code, said, noted = suyuan("zone", "warning")
    assert code == 0
    assert "no warning is called for" in said
    assert "national stations" in noted
    assert Workspace(workspace).record("pollution_warnings").count == 0


def test_a_warning_of_ozone_sends_to_the_citys_plan(suyuan, tmp_path):
    (tmp_path / "o3.csv").write_text("date,pm25,o3_8h\n2024-07-01,30,240\n2024-07-02,30,250\n", "utf-8")
    code, said, noted = suyuan("zone", "warning", "--series", tmp_path / "o3.csv", "--output", tmp_path / "w.pdf")
    assert code == 0
    assert "1 yellow, 2 days" in said  # the colour stays
    assert "primary pollutant on 2 days (2024-07-01 … 2024-07-02): most cities' plans do not call a colour" in noted
    page = "".join(pypdf.PdfReader(tmp_path / "w.pdf").pages[0].extract_text().split())
    assert "多数城市的预案不因臭氧发布预警颜色，请核对本市预案" in page


def test_a_day_of_two_warnings_counts_once(suyuan, tmp_path):
    aqi = "2023-12-31,201\n2024-01-01,310\n2024-01-02,201\n2024-01-03,201\n"
    (tmp_path / "turn.csv").write_text("date,aqi\n" + aqi, "utf-8")
    said = suyuan("zone", "warning", "--series", tmp_path / "turn.csv", "--output", tmp_path / "w.csv")[1]
    assert "1 red, 1 orange, 4 days in all" in said


def test_days_without_rules_are_said(suyuan, tmp_path):
    (tmp_path / "old.csv").write_text("date,aqi\n2016-12-20,400\n", "utf-8")
    code, _, noted = suyuan("zone", "warning", "--series", tmp_path / "old.csv", "--output", tmp_path / "w.csv")
    assert code == 0
    assert "no rule set is in force on 1 days" in noted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--series", "none.csv"), "no such file"),
        ((), "give --series FILE"),
        (("--rules", "1999"), "use auto, 2018, 2024"),
        (("--rules-file", "none.json"), "no such file"),
        (("--area", "none.geojson"), "no such file"),
        (("--output", "w.dwg"), ".geojson"),
        (("--lists-output", "w.doc"), ".xlsx or .csv"),
    ],
)
def test_warnings_bad_input(suyuan, forecast, options, said):
    given = () if not options or options[0] == "--series" else ("--series", forecast)
    code, _, noted = suyuan("zone", "warning", *given, *options)
    assert (code, noted.strip().count("\n")) == (2, 0), noted
    assert said in noted


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    pd.DataFrame(
        {
            "企业名称": ["甲", "乙", "丙", "丁"],
            "绩效等级": ["A级", "B", "C级", ""],
            "是否豁免": ["否", "否", "否", "是"],
            "SO2排放量": [100, 200, 300, 400],
            "氮氧化物": [100, 0, 0, 0],
            "联系电话": ["1", "", "3", ""],
            "经度": [119.1, 119.2, 119.3, 119.4],
            "纬度": [34.5, 34.6, 34.5, 34.6],
        }
    ).to_csv(tmp_path / "sources.csv", index=False)
    return tmp_path / "sources.csv"


def test_measures_of_a_colour(suyuan, sources, tmp_path):
    out = tmp_path / "m.geojson"
    sites = SAMPLES / "construction_sites.geojson"
    zone = gpd.GeoDataFrame({"name": ["环内"]}, geometry=[box(119.1, 34.5, 119.3, 34.7)], crs=4326)
    zone.to_file(tmp_path / "ring.geojson")
    ring = ("--vehicle-zone", tmp_path / "ring.geojson")
    options = ("--sources", sources, "--sites", sites, *ring, "--date", "2021-11-05", "--output", out)
    code, said, noted = suyuan(
        "zone", "measures", "--colour", "orange", *options, "--lists-output", tmp_path / "m.xlsx"
    )
    assert code == 0
    found = gpd.read_file(out)
    assert found["name"].tolist() == ["丙", "乙", "甲"]
    assert found["cut_pct"].tolist() == [100.0, 20.0, 0.0]
    assert "SO2 34.0 %, NOx 0.0 % (short), 20 % needed; 60 construction sites stop" in said
    assert "1 exempt" in noted
    assert "assumptions of this program" in noted
    sheets = pd.read_excel(tmp_path / "m.xlsx", sheet_name=None)
    assert len(sheets) == 5
    assert sheets["车辆限行区"].iloc[0, 0] == "环内"
    assert sheets["减排比例核算"].iloc[0, 4] == pytest.approx(34.0)
    assert suyuan("zone", "measures", "--colour", "red", *options[:-1], tmp_path / "m.pdf")[0] == 0
    assert "SO2" in pypdf.PdfReader(tmp_path / "m.pdf").pages[0].extract_text()


def test_measures_of_the_workspace_with_own_tables(suyuan, sources, workspace, tmp_path):
    assert suyuan("layers", "add", "emission_sources", sources)[0] == 0
    table = "colour,grade,cut_pct,measure_zh,measure_en\n" + "".join(f"yellow,{g},50,限产,half\n" for g in "ABCD")
    (tmp_path / "measures.csv").write_text(table, "utf-8")
    (tmp_path / "totals.csv").write_text("pollutant,t_a\nso2,6000\n", "utf-8")
    options = ("--measures", tmp_path / "measures.csv", "--totals", tmp_path / "totals.csv")
    code, _, noted = suyuan("zone", "measures", "--colour", "yellow", *options)
    assert code == 0
    assert "no ledger of construction sites" in noted
    totals = Workspace(workspace).read("reduction_totals").set_index("pollutant")
    assert totals.loc["SO2", "reached_pct"] == pytest.approx(5.0)
    assert totals.loc["SO2", "missing_t_d"] == pytest.approx(300.0 / 365.0)
    assert set(Workspace(workspace).read("reduction_sources")["measure_zh"]) == {"限产"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--colour", "blue"), "'yellow', 'orange' or 'red'"),
        (("--colour", "red", "--date", "soon"), "not a day"),
        (("--colour", "red", "--measures", "none.csv"), "no such file"),
        (("--colour", "red", "--rules", "auto"), "name one rule set"),
        (("--colour", "red", "--rules", "1999"), "unknown rule set"),
    ],
)
def test_measures_bad_input(suyuan, sources, tmp_path, options, said):
    code, _, noted = suyuan("zone", "measures", "--sources", sources, "--output", tmp_path / "m.csv", *options)
    assert (code, noted.strip().count("\n")) == (2, 0), noted
    assert said in noted


def test_measures_need_sources(suyuan, tmp_path):
    code, _, noted = suyuan("zone", "measures", "--colour", "red", "--output", tmp_path / "m.csv")
    assert code == 2
    assert "layers add emission_sources" in noted


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    frame = gpd.GeoDataFrame(
        {"名称": ["西", "蝶"]},
        geometry=[
            box(119.0, 34.45, 119.2, 34.65),
            Polygon([(119.3, 34.5), (119.4, 34.6), (119.4, 34.5), (119.3, 34.6)]),
        ],
        crs=4326,
    )
    frame.to_file(tmp_path / "drawn.geojson")
    return tmp_path / "drawn.geojson"


def people(tmp_path: Path) -> Path:
    lat, lon = np.arange(34.0, 35.0, 0.05), np.arange(118.5, 120.0, 0.05)
    data = xr.Dataset({"people": (("lat", "lon"), np.full((len(lat), len(lon)), 100.0))}, {"lat": lat, "lon": lon})
    data.to_netcdf(tmp_path / "people.nc", engine="h5netcdf")
    return tmp_path / "people.nc"


def test_what_an_area_holds(suyuan, drawn, workspace, tmp_path):
    for layer in ("districts", "construction_sites"):
        assert suyuan("layers", "add", layer, SAMPLES / f"{layer}.geojson")[0] == 0
    assert suyuan("layers", "add", "boilers", SAMPLES / "boilers.csv")[0] == 0
    code, said, noted = suyuan("zone", "area", drawn, "--population", people(tmp_path))
    assert code == 0
    assert "2 areas" in said
    assert "1 polygons cross themselves" in noted
    store = Workspace(workspace)
    areas, districts, objects = (store.read(name) for name in ("zone_areas", "area_districts", "area_objects"))
    west = areas.iloc[0]
    assert west["name"] == "西"
    assert west["people_best"] == pytest.approx(100.0 * west["area_km2"], abs=1.0)
    inside = districts[districts["area"] == "西"]
    assert inside["area_km2"].sum() == pytest.approx(west["area_km2"], rel=1e-3)
    boilers = store.read("boilers")
    within = shapely.intersects(boilers.geometry.to_numpy(), box(119.0, 34.45, 119.2, 34.65)).sum()
    assert ((objects["area"] == "西") & (objects["layer"] == "boilers")).sum() == within > 0


def test_the_workspaces_own_grid_of_people_is_taken(suyuan, workspace, tmp_path):
    """Both doors find it; nothing is counted where there is none or none is wanted, and that is said."""
    assert suyuan("layers", "add", "districts", SAMPLES / "districts.geojson")[0] == 0
    area = shapely.to_wkt(box(119.0, 34.45, 119.2, 34.65))
    out = tmp_path / "inside.geojson"
    _, _, noted = suyuan("zone", "area", area, "--output", out)
    assert "put population.tif or population.nc into the folder files" in noted
    assert gpd.read_file(out)["people_best"].isna().all()
    (workspace / "files").mkdir()
    grid = people(tmp_path).rename(workspace / "files" / "population.nc")
    code, _, noted = suyuan("zone", "area", area, "--output", out)
    assert code == 0
    assert "people from population.nc of the workspace" in noted
    row = gpd.read_file(out).iloc[0]
    assert row["people_best"] == pytest.approx(100.0 * row["area_km2"], abs=1.0)
    inputs = json.loads(out.read_text("utf-8"))["provenance"]["inputs"]
    assert {"id": "population.nc", "sha256": content_hash(grid)} in inputs
    _, _, noted = suyuan("zone", "area", area, "--population", "none", "--output", out)
    assert "population" not in noted
    assert gpd.read_file(out)["people_best"].isna().all()
    release = ("--lat", 34.6, "--lon", 119.1, "--rate-g-s", 500, "--height", 2, "--wind-speed", 3, "--wind-from", 45)
    for more, counted in (((), True), (("--population", "none"), False)):
        options = (*release, "--substance", "chlorine", "--stability", "D", *more, "--output", out)
        assert suyuan("zone", "incident", *options)[0] == 0
        assert (gpd.read_file(out)["people_best"] > 0).all() == counted
        # What was told goes on: no people stays no people.
        _, _, noted = suyuan("zone", "follow-up", out, "--wind-speed", 4, "--wind-from", 60, "--output", out)
        assert ("people from population.nc" in noted) == counted
        assert "was left out" not in noted


def test_an_object_counts_by_its_area(suyuan, tmp_path):
    """A park whose centre lies outside still counts with the share that lies inside."""
    park = gpd.GeoDataFrame({"name": ["园"]}, geometry=[box(119.0, 34.5, 119.4, 34.6)], crs=4326)
    park.to_file(tmp_path / "parks.geojson")
    assert suyuan("layers", "add", "parks", tmp_path / "parks.geojson")[0] == 0
    corner = gpd.GeoDataFrame({"x": [1]}, geometry=[box(118.9, 34.4, 119.1, 34.7)], crs=4326)
    corner.to_file(tmp_path / "corner.geojson")
    out = tmp_path / "inside.gpkg"
    assert suyuan("zone", "area", tmp_path / "corner.geojson", "--output", out, "--everything")[0] == 0
    (row,) = gpd.read_file(out, layer="area_objects").itertuples()
    assert row.name == "园"
    assert row.share_pct == pytest.approx(25.0, abs=0.01)


def test_an_area_from_a_file_alone(suyuan, drawn, workspace, tmp_path):
    for name in ("a.geojson", "a.kmz", "a.pdf", "a.csv"):
        code, _, noted = suyuan("zone", "area", drawn, "--output", tmp_path / name)
        assert code == 0
    assert not workspace.exists()
    assert "only the area is told" in noted
    found = gpd.read_file(tmp_path / "a.geojson")
    assert found["area_km2"][0] == pytest.approx(area_m2(box(119.0, 34.45, 119.2, 34.65)) / 1e6)
    assert json.loads((tmp_path / "a.geojson").read_text("utf-8"))["provenance"]["process"] == "zone-area"


@pytest.mark.parametrize(
    "text",
    [
        shapely.to_wkt(box(119.0, 34.45, 119.2, 34.65)),
        shapely.to_geojson(box(119.0, 34.45, 119.2, 34.65)),
        json.dumps(
            {"type": "Feature", "properties": {}, "geometry": box(119.0, 34.45, 119.2, 34.65).__geo_interface__}
        ),
        gpd.GeoSeries([box(119.0, 34.45, 119.2, 34.65)]).to_json(),
    ],
    ids=["wkt", "geometry", "feature", "collection"],
)
def test_a_drawn_polygon(suyuan, tmp_path, text):
    out = tmp_path / "a.geojson"
    assert suyuan("zone", "area", text, "--output", out)[0] == 0
    found = gpd.read_file(out)
    assert found["name"].tolist() == ["1"]
    assert found["area_km2"][0] == pytest.approx(area_m2(box(119.0, 34.45, 119.2, 34.65)) / 1e6)


def test_areas_bad_input(suyuan, drawn, tmp_path):
    gpd.GeoDataFrame({"a": [1]}, geometry=[Point(119, 34)], crs=4326).to_file(tmp_path / "point.geojson")
    cases = [
        ((tmp_path / "point.geojson",), "holds no polygon"),
        (("none.geojson",), "no such file"),
        (("POLYGON((0 0, 1",), "cannot be read"),
        (('{"type": "Nothing"}',), "cannot be read"),
        (('{"type": "FeatureCollection", "features": []}',), ""),
        (("POLYGON((500000 0, 600000 0, 600000 9, 500000 0))",), "in degrees"),
        ((drawn, "--name", "nix"), "no such column; there are 名称"),
        ((drawn, "--population", "none.nc"), "no such file"),
        ((drawn, "--inventory", "boilers"), "no workspace"),
    ]
    for options, said in cases:
        code, _, noted = suyuan("zone", "area", *options, "--output", tmp_path / "a.csv")
        assert (code, noted.strip().count("\n")) == (2, 0), noted
        assert said in noted
