"""The benchmark of heavy pollution once, tiny: so that it runs on the day it is needed."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_pollution", Path(__file__).parent / "bench_pollution.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cases_tiny(bench) -> None:
    found = bench.cases(60, 8000.0, 20)
    assert [one["size"] for one in found][::2] == [60, 400]
    assert all(one["value"] > 0.0 for one in found)


def test_real_stations_are_told_by_the_others(bench, shared_data: Path) -> None:
    found = bench.left_out(shared_data)
    assert len(found) == 5
    assert all(one["value"] <= one["limit"] for one in found)
