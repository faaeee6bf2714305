"""Every analysis as a job, twice: the same inputs give the same bytes, whichever analysis it is."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from api.cli import main
from api.jobs.model import Job, State
from api.jobs.store import JobStore
from api.jobs.worker import work
from api.processes import all_processes
from api.settings import Settings
from tests.api.jobs.conftest import INCIDENT

PROCESSES = {process.id: process for process in all_processes()}
VALUES = {"file": "values.geojson", "value": "pm25_ug_m3"}
# The least that each analysis can be asked for; a new one needs its line.
INPUTS: dict[str, dict[str, Any]] = {
    "hotspots-alarms": {"min_days": 1},
    "hotspots-clusters": {"file": "fire_points", "time": "time", "hours": 12},
    "hotspots-density": {"file": "fire_points", "cell_m": 5000},
    "hotspots-emerging": {**VALUES, "time": "time", "id": "station_id"},
    "hotspots-gi": VALUES | {"permutations": 99},
    "hotspots-moran": VALUES | {"permutations": 99},
    "hotspots-grid": {"min_share": 0.01},
    "hotspots-scan": {"file": "cases.csv", "cases": "n", "time": "date", "model": "space-time-permutation"}
    | {"replications": 19},
    "trace": {"met": ["practice_met.arl"], "start": "2021-10-20T12:00:00Z", "lat": 34.6, "lon": 119.2, "hours": -3}
    | {"vertical": "omega"},
    "zone-area": {"polygon": "POLYGON((119 34.5, 119.2 34.5, 119.2 34.7, 119 34.5))"},
    "zone-heating": {},
    "zone-incident": INCIDENT | {"members": 10},
    "zone-follow-up": {"follows": "affected_zones", "wind_speed": 2, "wind_from": 90},
    "zone-measures": {"colour": "orange", "sources": "sources.csv", "date": "2024-12-05"},
    "zone-pollution": {"stations": "values.geojson", "value": "pm25_ug_m3", "cell_m": 5000},
    "zone-warning": {"series": "forecast.csv", "rules": "2024"},
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Fill a workspace with the sample data, and its folder of files with small tables."""
    workspace, samples = tmp_path_factory.mktemp("city") / "ws", root / "data_samples"
    for layer, file in (
        ("stations", "stations.csv"),
        ("stations", "micro_stations.csv"),
        ("districts", "districts.geojson"),
        ("chp_units", "chp_units.geojson"),
        ("boilers", "boilers.csv"),
        ("fire_points", "fire_points.csv"),
    ):
        assert main(["layers", "add", layer, str(samples / file), "--workspace", str(workspace)]) == 0
    files = workspace / "files"
    files.mkdir()
    hours = pd.read_csv(samples / "observations.csv", dtype=str)
    hours[hours["pollutant"] == "pm25"].to_csv(files / "hours.csv", index=False)
    assert main(["observations", "add", str(files / "hours.csv"), "--workspace", str(workspace)]) == 0
    (files / "practice_met.arl").write_bytes((samples / "practice_met.arl").read_bytes())
    _tables(files)
    return workspace


def _tables(files: Path) -> None:
    rng = np.random.default_rng(2)
    places, months = 20, pd.date_range("2024-01-01", periods=10, freq="MS", tz="UTC")
    x, y = rng.uniform(118.9, 119.4, places), rng.uniform(34.4, 34.9, places)
    rows = [(f"s{n}", month, float(rng.normal(60, 10))) for n in range(places) for month in months]
    table = pd.DataFrame(rows, columns=["station_id", "time", "pm25_ug_m3"])
    at = np.repeat(np.arange(places), len(months))
    frame = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(x[at], y[at]), crs=4326)
    frame.to_file(files / "values.geojson", driver="GeoJSON")
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 20, 60), "D")
    cases = {"lon": rng.uniform(118.9, 119.4, 60), "lat": rng.uniform(34.4, 34.9, 60), "n": 1, "date": days}
    pd.DataFrame(cases).to_csv(files / "cases.csv", index=False)
    forecast = {
        "date": pd.date_range("2024-12-01", periods=6).strftime("%Y-%m-%d"),
        "aqi": [80, 210, 230, 260, 310, 70],
    }
    pd.DataFrame(forecast).to_csv(files / "forecast.csv", index=False)
    (files / "sources.csv").write_text(
        "企业名称,绩效等级,SO2排放量,经度,纬度\n甲,A级,100,119.1,34.5\n乙,C级,200,119.2,34.6\n", "utf-8"
    )


def run(workspace: Path, process: str) -> Job:
    if process == "zone-follow-up":
        # It takes the place of what it follows, so the incident is drawn anew before each.
        run(workspace, "zone-incident")
    store = JobStore(workspace)
    store.submit(process, INPUTS[process], owner="li", role="analyst")
    job = store.claim("test", most=1)
    work(store, job, PROCESSES[process], Settings(workspace=workspace))
    return store.get(job.id)


def test_every_analysis_has_its_line() -> None:
    assert set(INPUTS) == set(PROCESSES)


@pytest.mark.parametrize("process", sorted(PROCESSES, key=list(INPUTS).index))
def test_the_same_inputs_give_the_same_bytes(city: Path, process: str) -> None:
    first, second = run(city, process), run(city, process)
    for job in (first, second):
        assert job.state is State.SUCCESSFUL, job.reason
    hashes = [[(layer.name, layer.count, layer.sha256) for layer in job.findings.layers] for job in (first, second)]
    assert hashes[0] == hashes[1]
    assert {name for name, _, _ in hashes[0]} <= set(PROCESSES[process].result_layers)
    assert sum(count for _, count, _ in hashes[0]) > 0
    record = first.findings.provenance
    assert {"inputs", "parameters", "versions", "seed"} <= set(record)
