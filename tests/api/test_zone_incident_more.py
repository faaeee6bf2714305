"""Incidents beyond the steady plume: short releases, calm, changing winds, who is inside, what is handed on."""

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.geodesic import GEOD, area_m2, circle
from layers.store import LayerData, Workspace
from tests.api.test_zone_incident import command

SAMPLES = Path(__file__).parents[2] / "data_samples"
KML = "{http://www.opengis.net/kml/2.2}"


@pytest.fixture
def city(workspace: Path) -> Workspace:
    """A workspace with two halves of a city, boilers with telephone numbers, a park on the zone's edge."""
    store = Workspace(workspace)
    halves = gpd.GeoDataFrame(
        {"name": ["西区", "东区"], "adcode": ["1", "2"]},
        geometry=[shapely.box(119.0, 34.4, 119.22, 34.8), shapely.box(119.22, 34.4, 119.5, 34.8)],
        crs=4326,
    )
    lon, lat, _ = GEOD.fwd([119.22] * 3, [34.60] * 3, [225.0, 225.0, 45.0], [200.0, 600.0, 600.0])
    boilers = gpd.GeoDataFrame(
        {"id": ["a", "b", "c"], "name": ["近", "中", "上风"], "fuel": "gas", "capacity_tph": 5.0, "联系电话": "=1+1"},
        geometry=gpd.points_from_xy(lon, lat),
        crs=4326,
    )
    park = gpd.GeoDataFrame({"name": ["园区"]}, geometry=[circle(float(lon[1]), float(lat[1]), 300.0)], crs=4326)
    store.write({"districts": LayerData(halves), "boilers": LayerData(boilers), "parks": LayerData(park)})
    return store


def zones(suyuan, tmp_path: Path, **changes: object) -> gpd.GeoDataFrame:
    code, _, noted = suyuan(*command(**{"output": tmp_path / "z.geojson"} | changes))
    assert code == 0, noted
    return gpd.read_file(tmp_path / "z.geojson")


@pytest.mark.parametrize("wind", [0, 0.3, 0.9])
def test_calm_air_gives_an_answer(suyuan, tmp_path: Path, wind: float) -> None:
    found = zones(suyuan, tmp_path, wind_speed=wind, substance="hydrogen cyanide")
    assert found.geometry.is_valid.all()
    assert (found.geometry.contains(shapely.Point(119.22, 34.60))).all()
    assert "puffs in calm air" in found["assumptions_en"][0]
    if wind == 0:
        lon, lat = shapely.get_coordinates(found.geometry[0]).T
        radius = GEOD.inv(np.full(len(lon), 119.22), np.full(len(lon), 34.60), lon, lat)[2]
        assert radius.min() == pytest.approx(radius.max(), rel=0.02)


def test_a_mass_at_once_and_over_time(suyuan, tmp_path: Path) -> None:
    quiet = {"rate_g_s": None, "substance": "carbon monoxide", "levels": "aegl"}
    at_once = zones(suyuan, tmp_path, mass_kg=2_000, **quiet)
    slowly = zones(suyuan, tmp_path, mass_kg=2_000, release_min=30, **quiet)
    assert at_once["reach_km"].max() > slowly["reach_km"].max()
    assert "release at once" in at_once["assumptions_en"][0]
    assert "2000 kg / 30 min" in slowly["assumptions_en"][0]


def test_heat_lifts_the_plume(suyuan, tmp_path: Path) -> None:
    gas = {"substance": "carbon monoxide", "levels": "aegl", "rate_g_s": 20_000}
    cold, fire = (zones(suyuan, tmp_path, **gas, heat_mw=heat) for heat in (None, 5))
    assert len(fire) == 0 or fire["reach_km"].max() < cold["reach_km"].max()


def test_calm_air_may_drift_off_and_that_is_told(suyuan, tmp_path: Path) -> None:
    _, calm, noted = suyuan(*command(wind_speed=0.5, stability="F", members=0, output=tmp_path / "calm.geojson"))
    steady = zones(suyuan, tmp_path, wind_speed=1.0, stability="F", members=0)
    told = noted.split("the gas reaches downwind: ")[1].split(";")[0]
    assert told == ", ".join(f"{row.level_en} {row.reach_km:.2f} km" for row in steady.itertuples())
    assert gpd.read_file(tmp_path / "calm.geojson")["reach_km"].max() < steady["reach_km"].max()
    assert "reaches downwind" not in suyuan(*command(output=tmp_path / "z.geojson"))[2]


def test_the_ensemble_is_told_and_repeats(suyuan, tmp_path: Path) -> None:
    first = zones(suyuan, tmp_path)
    again = (tmp_path / "z.geojson").read_bytes()
    zones(suyuan, tmp_path)
    assert (tmp_path / "z.geojson").read_bytes() == again
    assert (first["reach_p10_km"] < first["reach_p50_km"]).all()
    assert (first["reach_p50_km"] < first["reach_p90_km"]).all()
    other = zones(suyuan, tmp_path, seed=2)
    assert other["reach_km"].tolist() == first["reach_km"].tolist()
    assert other["reach_p50_km"].tolist() != first["reach_p50_km"].tolist()
    assert zones(suyuan, tmp_path, members=0)["reach_p50_km"].isna().all()


def test_bands_arrivals_and_contents_become_layers(suyuan, city: Workspace) -> None:
    assert suyuan(*command())[0] == 0
    bands = city.read("zone_bands")
    assert {"p10", "turning"} <= set(bands["band"])
    zone = city.read("affected_zones").geometry.union_all()
    envelope = bands[bands["band"] == "turning"].geometry.union_all()
    assert shapely.difference(zone, envelope).area < 1e-6 * zone.area
    lines = city.read("arrival_lines")
    assert lines["minutes"].is_monotonic_increasing
    far = GEOD.inv(119.22, 34.60, *shapely.centroid(lines.geometry.iloc[0]).coords[0])[2]
    assert far / 3.0 / 60.0 == pytest.approx(lines["minutes"][0], rel=0.02)  # 3 m/s


def test_who_is_inside_by_area(suyuan, city: Workspace, tmp_path: Path, population: Path) -> None:
    found = zones(suyuan, tmp_path, population=population)
    for row in found.itertuples():
        assert row.people_best == pytest.approx(1_000.0 * row.area_km2, abs=0.51)
        assert row.people_low <= row.people_best <= row.people_high
    assert found["districts"].tolist() == ["西区", "西区、东区"] or "西区" in found["districts"][0]
    assert suyuan(*command(population=population))[0] == 0
    parts, things = city.read("zone_districts"), city.read("zone_objects")
    widest = parts[parts["severity"] == "medium"]
    assert widest["area_km2"].sum() == pytest.approx(found["area_km2"].max(), rel=1e-3)
    half = area_m2(shapely.box(119.0, 34.4, 119.22, 34.8)) / 1e6
    west = widest[widest["name"] == "西区"].iloc[0]
    assert west["share_pct"] == pytest.approx(100.0 * west["area_km2"] / half, rel=1e-6)
    assert west["people_best"] == pytest.approx(1_000.0 * west["area_km2"], abs=0.51)
    assert set(things[things["layer"] == "boilers"]["name"]) == {"近", "中"}
    park = things[things["layer"] == "parks"].iloc[0]
    assert 0.0 < park["share_pct"] < 100.0
    near = things[things["name"] == "近"].iloc[0]
    assert near["distance_km"] == pytest.approx(0.2, rel=1e-3)
    assert "联系电话" in near["contact"]


@pytest.fixture
def population(tmp_path: Path) -> Path:
    """An even thousand people per km2."""
    import xarray as xr

    lon, lat = np.linspace(119.0, 119.4, 81), np.linspace(34.4, 34.8, 81)
    grid = xr.DataArray(np.full((81, 81), 1_000.0), dims=("lat", "lon"), coords={"lat": lat, "lon": lon})
    grid.to_dataset(name="people").to_netcdf(tmp_path / "people.nc", engine="h5netcdf")
    return tmp_path / "people.nc"


@pytest.mark.parametrize("name", ["lists.xlsx", "lists.csv"])
def test_lists_are_written_and_run_no_formula(suyuan, city: Workspace, tmp_path: Path, name: str) -> None:
    code, said, _ = suyuan(*command(output=tmp_path / "z.geojson", lists_output=tmp_path / name))
    assert code == 0
    assert name in said
    if name.endswith(".csv"):
        table = pd.read_csv(tmp_path / name)
        assert {"近", "西区"} <= set(table["name"])
        return
    book = openpyxl.load_workbook(tmp_path / name)
    assert book.sheetnames == ["影响范围", "范围内的区县和乡镇", "范围内的对象", "说明 notes"]
    cells = [cell for row in book["范围内的对象"].iter_rows() for cell in row]
    assert any("联系电话" in str(cell.value) for cell in cells)
    assert all(cell.data_type != "f" for cell in cells)
    notes = str([row[0].value for row in book["说明 notes"].iter_rows()])
    assert "does not replace" in notes
    assert "Suyuan 0." in notes


def test_kml_is_styled_and_whole(suyuan, city: Workspace, tmp_path: Path) -> None:
    assert suyuan(*command(output=tmp_path / "z.kmz"))[0] == 0
    with zipfile.ZipFile(tmp_path / "z.kmz") as archive:
        assert archive.namelist() == ["doc.kml"]
        root = ElementTree.fromstring(archive.read("doc.kml"))
    styles = {node.get("id") for node in root.iter(f"{KML}Style")}
    used = {node.text for node in root.iter(f"{KML}styleUrl")}
    assert {text.removeprefix("#") for text in used if text} <= styles
    assert "affected_zones-high" in {text.removeprefix("#") for text in used if text}
    assert len(list(root.iter(f"{KML}Folder"))) == 5
    text = root.find(f"{KML}Document/{KML}description").text
    assert "does not replace" in text
    assert "Suyuan" in text
    assert suyuan(*command(output=tmp_path / "z.kml"))[0] == 0
    plain = gpd.read_file(tmp_path / "z.kml")
    assert len(plain) == 2
    assert plain.geometry.is_valid.all()


def test_a_geopackage_holds_everything_if_asked(suyuan, city: Workspace, tmp_path: Path) -> None:
    assert suyuan(*command(output=tmp_path / "z.gpkg"), "--everything")[0] == 0
    names = pyogrio.list_layers(tmp_path / "z.gpkg")[:, 0].tolist()
    assert names == ["z", "zone_bands", "arrival_lines", "zone_districts", "zone_objects"]


def test_a_shapefile_leaves_long_texts_beside_it(suyuan, tmp_path: Path) -> None:
    assert suyuan(*command(output=tmp_path / "z.shp"))[0] == 0
    assert len(gpd.read_file(tmp_path / "z.shp")) == 2
    assert "assumptions_en" in json.loads((tmp_path / "z.shp.provenance.json").read_text("utf-8"))["long_texts"]


def test_the_place_may_be_an_object(suyuan, city: Workspace, tmp_path: Path) -> None:
    found = zones(suyuan, tmp_path, lat=None, lon=None, object="boilers:b")
    source = city.read("boilers").set_index("id").geometry["b"]
    assert found.geometry[0].buffer(1e-6).contains(source)


def winds(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


CHANGING = "time,wind_speed,wind_from\n2021-10-20T06:00Z,3,270\n2021-10-20T06:30Z,3,270\n2021-10-20T06:31Z,3,180\n"


def test_changing_winds_are_followed(suyuan, tmp_path: Path) -> None:
    table = winds(tmp_path / "w.csv", CHANGING + "2021-10-20T08:00Z,3,180\n")
    found = zones(suyuan, tmp_path, wind_speed=None, wind_from=None, winds=table)
    assert "puffs carried by a table of winds" in found["assumptions_en"][0]
    west, south, east, north = found.geometry[1].bounds
    assert east - 119.22 > 0.015  # the first half hour
    assert north - 34.60 > 0.01  # the second
    (tmp_path / "in.csv").write_text("x_m,y_m\n1000,0\n0,1000\n-1000,0\n", "utf-8")
    steady = {"wind_speed": None, "wind_from": None, "winds": table, "output": tmp_path / "z.geojson"}
    assert suyuan(*command(**steady, receptors=tmp_path / "in.csv", receptors_output=tmp_path / "out.csv"))[0] == 0
    values = pd.read_csv(tmp_path / "out.csv")["concentration_mg_m3"]
    plume = zones(
        suyuan, tmp_path, receptors=tmp_path / "in.csv", receptors_output=tmp_path / "steady.csv", wind_from=270
    )
    assert len(plume) == 2
    assert values[0] == pytest.approx(pd.read_csv(tmp_path / "steady.csv")["concentration_mg_m3"][0], rel=0.02)
    assert values[1] == pytest.approx(values[0], rel=0.25)  # the turn itself brings more
    assert values[2] < 1e-3 * values[0]


def test_the_gas_is_followed_through_meteorology(suyuan, tmp_path: Path) -> None:
    found = zones(
        suyuan,
        tmp_path,
        wind_speed=None,
        wind_from=None,
        met=SAMPLES / "practice_met.arl",
        time="2021-10-20T06:00Z",
    )
    assert "puffs carried by meteorology" in found["assumptions_en"][0]
    assert found.geometry.is_valid.all()


def test_meteorology_of_another_time_is_named(suyuan, tmp_path: Path) -> None:
    met = {"wind_speed": None, "wind_from": None, "met": SAMPLES / "practice_met.arl"}
    code, _, noted = suyuan(*command(**met, time="2031-01-01T00:00Z", output=tmp_path / "z.geojson"))
    assert code == 2
    assert "covers 2021-10-15T15:00Z to 2021-10-22T18:00Z, not 2031-01-01T00:00Z" in noted
    assert noted.count("\n") == 1


def test_the_wind_may_come_from_the_stations(suyuan, workspace: Path, tmp_path: Path) -> None:
    store = Workspace(workspace)
    stations = gpd.GeoDataFrame(
        {"id": ["S1", "S2"], "name": ["一", "二"], "level": "national"},
        geometry=gpd.points_from_xy([119.2, 119.3], [34.6, 34.6]),
        crs=4326,
    )
    store.write({"stations": LayerData(stations)})
    hours = pd.date_range("2021-10-20T03:00Z", periods=4, freq="h")
    rows = [
        {"station_id": station, "time": hour, "pollutant": name, "value": value, "unit": unit}
        for station in ("S1", "S2")
        for number, hour in enumerate(hours)
        for name, value, unit in (("ws", 4.0, "m/s"), ("wd", (350.0 + 10.0 * (number % 3)) % 360.0, "deg"))
    ]
    store.observations.add(pd.DataFrame(rows))
    code, _, noted = suyuan(
        *command(wind_speed=None, wind_from=None, output=tmp_path / "z.geojson", time="2021-10-20T06:30Z")
    )
    assert code == 0, noted
    assert "nearest stations S1" in noted
    found = gpd.read_file(tmp_path / "z.geojson")
    lon, lat = shapely.get_coordinates(found.geometry[1]).T
    azimuth, _, far = GEOD.inv(np.full(len(lon), 119.22), np.full(len(lon), 34.60), lon, lat)
    assert azimuth[far.argmax()] == pytest.approx(170.0, abs=1.5)  # the last hour's wind is from 350 degrees
    assert "4 m/s @" in found["assumptions_en"][0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rate_g_s": None}, "either a rate"),
        ({"mass_kg": 5}, "either a rate"),
        ({"rate_g_s": None, "mass_kg": -5}, "mass -5 kg"),
        ({"release_min": 0}, "release of 0 min"),
        ({"release_min": -3}, "release of -3 min"),
        ({"wind_speed": None, "wind_from": None}, "no wind"),
        ({"wind_from": 500}, "wind_from 500"),
        ({"members": 3}, "ensemble 3"),
        ({"object": "boilers:1"}, "two places"),
        ({"lat": None, "lon": None, "object": "boilers"}, "LAYER:ID"),
        ({"heat_mw": 5, "exit_velocity": 3}, "given twice"),
        ({"exit_velocity": 3}, "rise of a jet"),
        ({"half_life_min": 0}, "half-life 0"),
        ({"density": -1}, "density of the release -1"),
        ({"winds": "none.csv"}, "given twice"),
        ({"winds": "none.csv", "wind_speed": None, "wind_from": None}, "no such file"),
        ({"population": "none.nc"}, "no such file"),
        ({"lists_output": "l.pdf"}, "--lists-output"),
        ({"inventory": "castles"}, "no workspace"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(suyuan, tmp_path: Path, changes: dict, said: str) -> None:
    code, _, noted = suyuan(*command(**({"output": tmp_path / "z.geojson"} | changes)))
    assert code == 2
    assert said in noted
    assert noted.count("\n") == 1
    assert not (tmp_path / "z.geojson").exists()


def test_changing_winds_have_bands_and_an_envelope(suyuan, tmp_path: Path) -> None:
    table = winds(tmp_path / "w.csv", CHANGING + "2021-10-20T08:00Z,3,180\n")
    out = {"wind_speed": None, "wind_from": None, "winds": table, "output": tmp_path / "z.gpkg"}
    code, _, notes = suyuan(*command(**out), "--everything")
    assert code == 0
    assert "all winds are off together, by one angle and one factor" in notes
    zone = gpd.read_file(tmp_path / "z.gpkg", layer="z").iloc[-1]
    bands = gpd.read_file(tmp_path / "z.gpkg", layer="zone_bands").query("level_en == @zone.level_en").set_index("band")
    assert {"p10", "p50", "turning"} <= set(bands.index)
    assert bands.loc["p10", "members"] == 100
    assert bands.area_km2["p10"] > bands.area_km2["p50"]
    assert bands.geometry["turning"].buffer(1e-5).covers(zone.geometry)
    assert 0.0 < zone.reach_p10_km < zone.reach_p50_km < zone.reach_p90_km
    assert zone.reach_p50_km == pytest.approx(zone.reach_km, rel=0.15)
    alone = zones(suyuan, tmp_path, wind_speed=None, wind_from=None, winds=table, members=0)
    assert alone["reach_p50_km"].isna().all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,wind_speed\n2021-10-20T06:00Z,3\n", "no column wind_from"),
        ("time,wind_speed,wind_from\n2021-10-20T06:00Z,3,270\n2021-10-20T07:00Z,-3,270\n", "line 3"),
        (CHANGING, "not 2021-10-21"),
        ("time,wind_speed,wind_from\n", "no wind; give a row for each"),
    ],
)
def test_bad_winds_are_named(suyuan, tmp_path: Path, text: str, said: str) -> None:
    table = winds(tmp_path / "w.csv", text)
    options = {"wind_speed": None, "wind_from": None, "winds": table, "time": "2021-10-21T00:00Z"}
    code, _, noted = suyuan(*command(**options, output=tmp_path / "z.geojson"))
    assert code == 2
    assert said in noted


def test_a_dense_release_says_so_and_screens_its_receptors(suyuan, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("x_m,y_m\n-50,-50\n50,50\n", "utf-8")
    code, _, noted = suyuan(
        *command(output=tmp_path / "z.geojson", receptors=tmp_path / "in.csv", receptors_output=tmp_path / "out.csv")
    )
    assert code == 0
    assert "Britter and McQuaid" in noted
    found = pd.read_csv(tmp_path / "out.csv")
    assert (found["dense_screening_mg_m3"] > 0.0).tolist() == [True, False]
    light, _, noted = suyuan(*command(substance="methane", output=tmp_path / "y.geojson"))
    assert light == 0
    assert "dense gas" not in noted
