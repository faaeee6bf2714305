"""The whole chain on the practice episode, as `suyuan demo --no-serve` runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyogrio
import pytest
import shapely

from data_samples import folder
from geo.geodesic import distance_m
from layers.store import Workspace


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    workspace = tmp_path_factory.mktemp("demo") / "ws"
    program = Path(sys.executable).with_name("suyuan")
    done = subprocess.run(
        [program, "demo", "--no-serve", "--workspace", workspace],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stderr
    return workspace, done.stdout


@pytest.fixture(scope="module")
def truth() -> dict[str, dict]:
    content = json.loads((folder() / "planted_truth.json").read_text("utf-8"))
    return {source["id"]: source for source in content["sources"]}


def test_it_says_what_was_made_and_where(demo: tuple[Path, str]) -> None:
    workspace, said = demo
    assert str(workspace) in said
    assert "synthetic" in said
    for record in Workspace(workspace).records():
        assert record.count > 0, f"{record.id} is empty"


def test_the_geopackage_opens_in_gdal_with_every_layer(demo: tuple[Path, str]) -> None:
    workspace, _ = demo
    listed = set(pyogrio.list_layers(workspace / "layers.gpkg")[:, 0])
    assert {record.id for record in Workspace(workspace).records()} <= listed
    assert len(pyogrio.read_dataframe(workspace / "layers.gpkg", layer="boilers")) == 120


def test_whatever_rests_on_practice_data_says_so(demo: tuple[Path, str]) -> None:
    records = {record.id: record for record in Workspace(demo[0]).records()}
    facts = {"districts", "region", "chp_units", "road_cleaning_zones"}
    assert {name for name, record in records.items() if not record.synthetic} == facts


def test_results_name_their_inputs_by_hash(demo: tuple[Path, str]) -> None:
    store = Workspace(demo[0])
    inputs = {entry["id"]: entry["sha256"] for entry in store.record("heating_boilers").provenance["inputs"]}
    assert inputs == {name: store.record(name).content_hash for name in ("boilers", "chp_units")}


def test_boilers_planted_at_the_zone_edges_are_told_apart(demo: tuple[Path, str]) -> None:
    boilers = Workspace(demo[0]).read("heating_boilers").set_index("name")
    ledger = Workspace(demo[0]).read("boilers").set_index("id")
    edges = json.loads((folder() / "planted_truth.json").read_text("utf-8"))["boilers_near_zone_edges"]
    assert edges
    judged = {
        edge["boiler"]: (edge["beyond_edge_m"], bool(boilers.loc[ledger.loc[edge["boiler"], "name"], "inside"]))
        for edge in edges
        if edge["beyond_edge_m"] <= 0
    }
    assert all(inside for _, inside in judged.values()), judged
    outside = [edge for edge in edges if edge["beyond_edge_m"] > 0]
    plants = Workspace(demo[0]).read("chp_units")
    for edge in outside:
        place = ledger.loc[edge["boiler"]].geometry
        radii = [30_000.0 if mw >= 300 else 15_000.0 for mw in plants["capacity_mw"]]
        reach = distance_m(place.x, place.y, plants.geometry.x.to_numpy(), plants.geometry.y.to_numpy())
        assert bool(boilers.loc[ledger.loc[edge["boiler"], "name"], "inside"]) == bool((reach <= radii).any())


def test_trajectories_from_the_worst_station_pass_the_planted_fires(
    demo: tuple[Path, str], truth: dict[str, dict]
) -> None:
    store = Workspace(demo[0])
    aqi = store.read("station_aqi")
    worst = aqi.loc[aqi["aqi"].astype("float64").idxmax()]
    lines = store.read("trajectories")
    chosen = lines[(lines["receptor"] == worst["station_id"]) & (lines["start_time"] == worst["time"])]
    assert len(chosen) == 2
    source = truth["straw_burning_cluster"]
    low = chosen[chosen["height_m_agl"] == 100.0].geometry.iloc[0]
    near = shapely.get_coordinates(shapely.segmentize(low, 0.01))
    assert distance_m(source["lon"], source["lat"], near[:, 0], near[:, 1]).min() < 10_000


def test_hot_spots_lie_where_the_plume_was(demo: tuple[Path, str], truth: dict[str, dict]) -> None:
    hot = Workspace(demo[0]).read("hotspots")
    hit = set(hot.loc[hot["class"] >= 2, "station_id"])
    reached = {entry["station_id"] for entry in truth["straw_burning_cluster"]["reached"]}
    assert len(hit) >= 5
    assert len(hit & reached) / len(hit) > 0.8


def test_observations_are_all_there(demo: tuple[Path, str]) -> None:
    table = pd.read_csv(folder() / "observations.csv")
    stored = Workspace(demo[0]).observations.read()
    assert len(stored) == table["value"].notna().sum()


def test_alarms_lie_where_and_when_the_planted_fires_reached_stations(demo: tuple[Path, str], truth) -> None:
    store, fires = Workspace(demo[0]), truth["straw_burning_cluster"]
    alarms = store.read("alarms")
    assert len(alarms) > 5
    assert set(alarms["station_id"]) <= {place["station_id"] for place in fires["reached"]}
    # The smoke of the last hour is still on its way when the fires are out.
    last = pd.Timestamp(fires["end"]) + pd.Timedelta(hours=3)
    assert alarms["start"].between(pd.Timestamp(fires["start"]), last).all()
    assert set(store.read("alarm_episodes")["episode"]) == set(alarms["episode"])
    cells = store.read("hot_grid")
    assert {"worst", "ordinary"} <= set(cells["state"])
    assert (cells["n_station"] + cells["n_micro"] > 0).all()
