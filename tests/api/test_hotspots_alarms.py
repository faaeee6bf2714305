"""`suyuan hotspots alarms` on the practice episode, from files and from the workspace."""

import json
from pathlib import Path

import pandas as pd
import pytest

from layers.store import Workspace

OPTIONS = ("hotspots", "alarms", "--pollutant", "pm25", "--min-days", 1)


@pytest.fixture
def stations(root: Path, tmp_path: Path) -> Path:
    parts = [pd.read_csv(root / "data_samples" / name) for name in ("stations.csv", "micro_stations.csv")]
    path = tmp_path / "all.csv"
    pd.concat(parts).drop(columns=["source"]).to_csv(path, index=False)
    return path


def test_the_burning_of_the_practice_episode_raises_alarms_near_it(suyuan, stations, root, tmp_path) -> None:
    out = tmp_path / "alarms.geojson"
    hourly = root / "data_samples" / "observations.csv"
    options = (*OPTIONS, "--observations", hourly, "--stations", stations)
    code, said, notes = suyuan(*options, "--output", out)
    assert code == 0
    assert "11 alarms in 2 episodes; about 0 false" in said
    assert "not judged: fewer than 1 days of past" in notes
    found = json.loads(out.read_text("utf-8"))
    rows = [feature["properties"] for feature in found["features"]]
    # The fields burnt from 12:30 to 23:30 of the city's time on the 20th: all alarms lie in those hours.
    assert {row["start"][:10] for row in rows} == {"2021-10-20"}
    assert min(row["start"] for row in rows) >= "2021-10-20T04:30"
    truth = json.loads((root / "data_samples" / "planted_truth.json").read_text("utf-8"))
    reached = {place["station_id"] for place in truth["sources"][1]["reached"]}
    assert {row["station_id"] for row in rows} <= reached
    assert found["provenance"]["parameters"]["min_days"] == 1
    suyuan(*options, "--output", tmp_path / "again.geojson")
    assert (tmp_path / "again.geojson").read_bytes() == out.read_bytes()


def test_from_the_workspace_into_the_workspace_with_weather(suyuan, stations, root, workspace, tmp_path) -> None:
    assert suyuan("layers", "add", "stations", stations)[0] == 0
    assert suyuan("observations", "add", root / "data_samples" / "observations.csv")[0] == 0
    hours = pd.date_range("2021-10-18", periods=120, freq="h")
    weather = pd.DataFrame({"时间": hours.strftime("%Y-%m-%d %H:%M"), "wind_speed_ms": 2.0, "wind_from_deg": 90})
    weather.to_csv(tmp_path / "weather.csv", index=False)
    code, _, notes = suyuan(*OPTIONS, "--end", "2021-10-22T12:00", "--weather", tmp_path / "weather.csv")
    assert code == 0, notes
    store = Workspace(workspace)
    assert store.record("alarms").synthetic
    assert store.count("alarm_episodes") >= 1
    assert set(store.read("alarms")["unit"]) == {"ug/m3"}
    read = store.record("alarms").provenance["inputs"]
    assert {one["id"] for one in read} == {"observations (pm25)", "stations", "weather.csv"}


BAD = {
    "no such pollutant": (("--pollutant", "pm1"), "no values of pm1"),
    "no time": (("--start", "yesterday"), "'yesterday' is no time"),
    "no hours": (("--start", "2031-01-01"), "no values of pm25"),
    "threshold": (("--threshold", 1), "--threshold 1"),
    "rule": (("--neighbours", "near"), "not understood"),
    "too many": (("--neighbours", "knn:500"), "choose a smaller k"),
    "weather": (("--weather", "nowhere.csv"), "no such file"),
    "past": (("--min-days", 30), "give more, or lower --min-days"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_2_and_one_line(suyuan, stations, root, tmp_path, name) -> None:
    options, told = BAD[name]
    hourly = root / "data_samples" / "observations.csv"
    out = tmp_path / "o.geojson"
    code, _, said = suyuan(*OPTIONS, "--observations", hourly, "--stations", stations, *options, "--output", out)
    assert code == 2
    assert told in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_without_a_workspace_and_without_ids(suyuan, root, tmp_path) -> None:
    assert "no workspace" in suyuan(*OPTIONS)[2]
    (tmp_path / "p.csv").write_text("lon,lat,height\n119,34,5\n", "utf-8")
    hourly = root / "data_samples" / "observations.csv"
    code, _, said = suyuan(*OPTIONS, "--observations", hourly, "--stations", tmp_path / "p.csv")
    assert code == 2
    assert "no column with the places' ids" in said
    (tmp_path / "h.csv").write_text("station_id,time,pm25\na,2021-10-18T00:00,much\n", "utf-8")
    code, _, said = suyuan(*OPTIONS, "--observations", tmp_path / "h.csv", "--stations", tmp_path / "p.csv")
    assert code == 2
    assert "'much' is not a number" in said
