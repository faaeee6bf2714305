"""Alarms, the hot grid, density and clusters through the third door: as jobs over HTTP, from the workspace's layers."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from layers.add import add_file
from layers.observations import read_observations
from layers.store import Workspace
from tests.api.jobs.conftest import until
from tests.api.jobs.test_http_jobs import InThread

JOBS = {
    "hotspots-alarms": {"min_days": 1},
    "hotspots-grid": {"min_share": 0.1, "hour": "2021-10-20T21:00", "inside": "districts"},
    "hotspots-density": {"file": "fire_points", "bandwidth_m": 10_000, "cell_m": 3000, "inside": "districts"},
    "hotspots-clusters": {"file": "fire_points", "time": "time", "hours": 24, "least": 3},
}


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    path = tmp_path_factory.mktemp("http") / "ws"
    store, samples = Workspace(path), root / "data_samples"
    for layer, name in (
        ("districts", "districts.geojson"),
        ("stations", "stations.csv"),
        ("stations", "micro_stations.csv"),
        ("fire_points", "fire_points.csv"),
    ):
        add_file(store, layer, samples / name)
    store.observations.add(read_observations(samples / "observations.csv").accepted)
    return path


@pytest.fixture
def web(practice: Path, ask_app) -> Iterator[httpx.Client]:
    settings = Settings(workspace=practice, warm_worker=False)
    with InThread(settings):
        yield ask_app(create_app(settings))


@pytest.mark.parametrize("process", JOBS)
def test_a_job_makes_the_layers_of_its_process(web: httpx.Client, process: str) -> None:
    answer = web.post(
        f"/processes/{process}/execution", json={"inputs": JOBS[process]}, headers={"Prefer": "respond-async"}
    )
    assert answer.status_code == 201, answer.text
    job = answer.json()["jobID"]
    until(lambda: web.get(f"/jobs/{job}").json()["status"] not in ("accepted", "running"))
    state = web.get(f"/jobs/{job}").json()
    assert state["status"] == "successful", state
    results = web.get(f"/jobs/{job}/results").json()
    declared = web.get(f"/processes/{process}").json()["outputs"]
    assert set(results) <= set(declared)
    assert results


def test_what_cannot_be_read_fails_with_its_reason(web: httpx.Client) -> None:
    answer = web.post(
        "/processes/hotspots-alarms/execution",
        json={"inputs": {"observations": "../secret.csv"}},
        headers={"Prefer": "respond-async"},
    )
    job = answer.json().get("jobID")
    if job is None:
        assert answer.status_code in (400, 404, 422)
        return
    until(lambda: web.get(f"/jobs/{job}").json()["status"] not in ("accepted", "running"))
    assert web.get(f"/jobs/{job}").json()["status"] == "failed"
