"""The benchmark of the store once, tiny: so that it runs on the day it is needed."""

import importlib.util
from pathlib import Path

import pytest

from layers.store import Workspace


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_store", Path(__file__).parent / "bench_store.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_cases_tiny(bench, tmp_path: Path, postgis_url: str) -> None:
    workspace = Workspace(tmp_path / "w")
    bench.fill(workspace, 40_000, stations=8)
    assert len(workspace.observations.months()) == 2
    assert len(workspace.observations.latest()) == 8 * 6
    other = bench.listed_in_database(workspace, postgis_url)
    for store, backend in ((workspace, "embedded"), (other, "PostGIS")):
        found = bench.observation_cases(store, backend, 40_000, times=2) + bench.polygon_cases(
            store, backend, 500, times=2
        )
        assert [one["name"].rpartition(", ")[0] for one in found] == list(bench.LIMITS)
        assert all(one["value"] > 0.0 for one in found)
