"""The practice episode: the planted plumes are in the observations, and the wind leads back to where they came from."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from pyproj import Geod
from scipy.interpolate import RegularGridInterpolator

from data_samples import folder
from tracing.met.arl import read_arl

GEOD = Geod(ellps="WGS84")
SOURCES = ("industrial_night_release", "straw_burning_cluster")
MAIN = {"industrial_night_release": "so2", "straw_burning_cluster": "co"}


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    content = json.loads((folder() / "planted_truth.json").read_text(encoding="utf-8"))
    return {**content, "sources": {source["id"]: source for source in content["sources"]}}


@pytest.fixture(scope="module")
def observations() -> pd.DataFrame:
    table = pd.read_csv(
        folder() / "observations.csv", dtype={"flag": "str"}, keep_default_na=False, na_values={"value": [""]}
    )
    return table.assign(time=pd.to_datetime(table["time"], utc=True))


@pytest.fixture(scope="module")
def wide(observations: pd.DataFrame) -> pd.DataFrame:
    return observations.pivot(index=["station_id", "time"], columns="pollutant", values="value")


@pytest.fixture(scope="module")
def met() -> xr.Dataset:
    return read_arl(folder() / "practice_met.arl")


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text).tz_convert("UTC")


@pytest.mark.parametrize("source", SOURCES)
def test_the_plume_stands_above_the_background(truth: dict[str, Any], wide: pd.DataFrame, source: str) -> None:
    """At the stations hit best the observation exceeds what the rest of the network shows, by what was planted."""
    planted = truth["sources"][source]
    reached = {row["station_id"] for row in planted["reached"]}
    for row in planted["reached"][:6]:
        hour, station = utc(row["peak"]["hour"]), row["station_id"]
        for pollutant in ("pm25", MAIN[source]):
            value, added = wide.loc[(station, hour), pollutant], row["peak"][f"{pollutant}_added"]
            if np.isnan(value):
                continue
            network = wide.xs(hour, level="time")[pollutant]
            background = network[~network.index.isin(reached)].median()
            spread = {"pm25": 25.0, "so2": 8.0, "co": 0.2}[pollutant]
            assert value - background == pytest.approx(added, abs=spread)
            rounding = {"pm25": 0.51, "so2": 0.51, "co": 0.016}[pollutant]
            assert value == pytest.approx(added + row["peak"][f"{pollutant}_background"], abs=rounding)


@pytest.mark.parametrize(("source", "least"), [("industrial_night_release", 100), ("straw_burning_cluster", 100)])
def test_the_best_hit_stations_gain_one_to_two_hundred(truth: dict[str, Any], source: str, least: float) -> None:
    peaks = [row["peak"]["pm25_added"] for row in truth["sources"][source]["reached"]]
    assert least <= peaks[0] <= 220
    national = [row for row in truth["sources"][source]["reached"] if not row["station_id"].startswith("YL")]
    assert len(national) >= 3
    assert max(row["peak"]["pm25_added"] for row in national) > 80


@pytest.mark.parametrize("source", SOURCES)
def test_the_planted_pollutant_tells_the_kind_of_source(truth: dict[str, Any], source: str) -> None:
    peak = truth["sources"][source]["reached"][0]["peak"]
    if source == "industrial_night_release":
        assert peak["so2_added"] > 10 * peak["so2_background"]
        assert peak["co_added"] == 0
    else:
        assert peak["co_added"] > 0.6
        assert peak["so2_added"] < 10


def back_track(met: xr.Dataset, lon: float, lat: float, start: pd.Timestamp, hours: float) -> list[tuple[float, float]]:
    """Go back with the wind at 100 m above ground: Euler, 5 minutes, linear interpolation."""
    seconds = (met.time.values - met.time.values[0]) / np.timedelta64(1, "s")
    share = np.clip(90.0 / (met["z"].values[:, 0] - met["zs"].values - 10.0), 0, 1)
    axes = (seconds, met.lat.values, met.lon.values)
    wind = [
        RegularGridInterpolator(axes, (1 - share) * met[low].values + share * met[high].values[:, 0])
        for low, high in (("u10", "u"), ("v10", "v"))
    ]
    now = (start.tz_localize(None) - pd.Timestamp(met.time.values[0])).total_seconds()
    track = [(lon, lat)]
    for _ in range(int(hours * 12)):
        u, v = (float(component((now, lat, lon))) for component in wind)
        lat_new = lat - v * 300 / 111_195
        lon, lat, now = lon - u * 300 / (111_195 * np.cos(np.radians(lat))), lat_new, now - 300
        track.append((lon, lat))
    return track


@pytest.mark.parametrize("source", SOURCES)
def test_the_wind_leads_back_to_the_source(truth: dict[str, Any], met: xr.Dataset, source: str) -> None:
    """From the station hit best and the national one hit best, at their peak hours, within 5 km of the source."""
    planted = truth["sources"][source]
    national = next(row for row in planted["reached"] if not row["station_id"].startswith("YL"))
    for row in (planted["reached"][0], national):
        start = utc(row["peak"]["hour"]) + pd.Timedelta(minutes=30)
        track = back_track(met, row["lon"], row["lat"], start, 12)
        distances = [GEOD.inv(planted["lon"], planted["lat"], *point)[2] for point in track]
        nearest = int(np.argmin(distances))
        assert distances[nearest] < 5_000
        emitted = start - pd.Timedelta(minutes=5 * nearest)
        assert utc(planted["start"]) - pd.Timedelta(hours=1) <= emitted <= utc(planted["end"]) + pd.Timedelta(hours=1)


def test_no_station_sees_a_plume_before_it_was_emitted(truth: dict[str, Any]) -> None:
    for source in truth["sources"].values():
        for row in source["reached"]:
            distance = GEOD.inv(row["lon"], row["lat"], source["lon"], source["lat"])[2]
            first = utc(row["first_hour"]) + pd.Timedelta(hours=1)
            assert first >= utc(source["start"]) + pd.Timedelta(seconds=max(distance - 6000, 0) / 12)


def test_observations_are_complete_but_for_the_flagged(observations: pd.DataFrame) -> None:
    stations = pd.read_csv(folder() / "stations.csv", keep_default_na=False)
    micro = pd.read_csv(folder() / "micro_stations.csv")
    replaced = stations["note"].str.contains("已重新登记")
    expected = set(stations.loc[~replaced, "id"]) | set(micro["id"])
    assert set(observations["station_id"]) == expected
    assert len(expected) == 70
    assert not observations.duplicated(["station_id", "time", "pollutant"]).any()
    zone = observations["time"].dt.tz_convert("Asia/Shanghai")
    assert zone.min() == pd.Timestamp("2021-10-18 00:00", tz="Asia/Shanghai")
    assert zone.max() == pd.Timestamp("2021-10-22 23:00", tz="Asia/Shanghai")
    assert (observations["value"].isna() == (observations["flag"] != "")).all()
    assert 100 < observations["value"].isna().sum() < 400
    assert set(observations["flag"]) == {"", "missing", "calibration"}
    assert set(observations.loc[observations["pollutant"] == "co", "unit"]) == {"mg/m3"}
    assert set(observations.loc[observations["pollutant"] != "co", "unit"]) == {"ug/m3"}


def test_magnitudes_are_plausible(wide: pd.DataFrame, truth: dict[str, Any]) -> None:
    both = wide.dropna(subset=["pm25", "pm10"])
    stuck = both.index.get_level_values("station_id") == truth["stuck_instrument"]["station_id"]
    assert (both["pm25"] <= both["pm10"])[~stuck].all()
    day = wide.index.get_level_values("time").tz_convert("Asia/Shanghai")
    daily = wide["pm25"].groupby(day.strftime("%d")).median()
    assert 30 <= daily["18"] <= 60
    assert 70 <= daily["19"] <= 110
    assert 80 <= daily["20"] <= 110
    assert daily["22"] < 45
    ozone = wide["o3"].groupby(day.hour).mean()
    assert 13 <= ozone.idxmax() <= 17
    assert ozone.max() > 2.5 * ozone.loc[[3, 4, 5]].mean()
    assert wide["co"].between(0.2, 3).where(wide["co"].notna(), True).all()


def test_one_instrument_is_stuck(wide: pd.DataFrame, truth: dict[str, Any]) -> None:
    stuck = truth["stuck_instrument"]
    values = wide.loc[stuck["station_id"], stuck["pollutant"]]
    start = utc(stuck["from"])
    held = values[(values.index >= start) & (values.index < start + pd.Timedelta(hours=stuck["hours"]))].dropna()
    assert held.nunique() == 1
    assert len(held) > 30
    for station in ("1173A", "YLWZ01"):
        runs = wide.loc[station, "pm25"].diff().ne(0).cumsum()
        assert runs.value_counts().max() < 8


def test_fire_mask_and_fire_points_agree() -> None:
    points = pd.read_csv(folder() / "fire_points.csv", dtype={"acq_time": "str"})
    assert 70 <= len(points) <= 100
    assert points["synthetic"].all()
    with rasterio.open(folder() / "fire_mask_20211020T0500Z.tif") as scene:
        mask, tags = scene.read(1), scene.tags()
        assert (tags["kind"], tags["time"], tags["synthetic"]) == ("fire_mask", "2021-10-20T05:00:00Z", "true")
        here = points[(points["acq_date"] == "2021-10-20") & (points["acq_time"] == "0500")]
        bounds = scene.bounds
        inside = here["longitude"].between(bounds.left, bounds.right) & here["latitude"].between(
            bounds.bottom, bounds.top
        )
        at = {scene.index(x, y) for x, y in zip(here["longitude"][inside], here["latitude"][inside], strict=True)}
    assert {(int(i), int(j)) for i, j in np.argwhere(mask >= 7)} == {(int(i), int(j)) for i, j in at}
    assert len(at) >= 12
    assert set(np.unique(mask)) <= {3, 4, 5, 7, 8, 9}


def test_boilers_stand_a_little_inside_and_outside_of_the_zones(truth: dict[str, Any]) -> None:
    boilers = pd.read_csv(folder() / "boilers.csv").set_index("id")
    plants = pd.read_csv(folder() / "power_plants.csv").set_index("name")
    assert 110 <= len(boilers) <= 130
    assert boilers["district"].notna().all()
    edges = truth["boilers_near_zone_edges"]
    assert {edge["beyond_edge_m"] for edge in edges} == {-50, -5, 5, 50}
    for edge in edges:
        boiler, plant = boilers.loc[edge["boiler"]], plants.loc[edge["plant"]]
        assert edge["radius_m"] == (30_000 if plant["capacity_mw"] >= 300 else 15_000)
        distance = GEOD.inv(boiler["lon"], boiler["lat"], plant["lon"], plant["lat"])[2]
        assert distance - edge["radius_m"] == pytest.approx(edge["beyond_edge_m"], abs=0.02)
        assert (boiler["fuel"], boiler["status"]) == ("coal", "operating")


def test_sites_carry_their_own_geodesic_area() -> None:
    sites = gpd.read_file(folder() / "construction_sites.geojson")
    assert len(sites) == 60
    areas = np.array([abs(GEOD.geometry_area_perimeter(shape)[0]) for shape in sites.geometry])
    np.testing.assert_allclose(areas, sites["area_m2"], rtol=1e-3)
    assert ((sites["area_m2"] - 5000).abs() < 120).sum() >= 5
    due = sites["area_m2"] >= 5000
    assert (due & ~(sites["online_monitor"] & sites["video"])).any()


def test_parks_lie_in_their_districts_and_hold_the_industrial_source(truth: dict[str, Any]) -> None:
    parks = gpd.read_file(folder() / "parks.geojson")
    districts = gpd.read_file(folder() / "districts.geojson").set_index("name").geometry
    assert (parks["level"] == "city_and_above").sum() == 25
    assert parks["name"].str.match(r"演练园区 \d+$").all()
    assert all(districts[d].buffer(1e-5).contains(g) for d, g in zip(parks["district"], parks.geometry, strict=True))
    source = truth["sources"]["industrial_night_release"]
    holder = parks[parks.contains(gpd.points_from_xy([source["lon"]], [source["lat"]])[0])]
    assert list(holder["main_industry"]) == ["化工"]


def test_straw_burns_in_donghai(truth: dict[str, Any]) -> None:
    districts = gpd.read_file(folder() / "districts.geojson").set_index("name").geometry
    places = gpd.points_from_xy(*zip(*truth["sources"]["straw_burning_cluster"]["places"], strict=True))
    assert all(districts["东海县"].contains(place) for place in places)


@pytest.mark.parametrize("name", ["parks.geojson", "construction_sites.geojson", "planted_truth.json"])
def test_what_is_synthetic_says_so(name: str) -> None:
    content = json.loads((folder() / name).read_text(encoding="utf-8"))
    assert content["synthetic"] is True
    assert all(feature["properties"]["synthetic"] is True for feature in content.get("features", []))


@pytest.mark.parametrize("name", ["boilers.csv", "micro_stations.csv", "fire_points.csv", "observations.csv"])
def test_synthetic_tables_say_so_row_by_row(name: str) -> None:
    assert pd.read_csv(folder() / name)["synthetic"].all()


def test_meteorology_says_that_it_is_practice(met: xr.Dataset, root: Path) -> None:
    assert met.attrs["source"] == "PRAC"
    assert "practice_met.arl" in (root / "data_samples" / "README.md").read_text(encoding="utf-8")
