"""The benchmark of incidents once, tiny: so that it runs on the day it is needed."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_incident", Path(__file__).parent / "bench_incident.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_speed_cases_tiny(bench) -> None:
    found = bench.speed_cases(10, 20)
    assert [one["size"] for one in found] == [1, 10, 400]
    assert all(one["value"] > 0.0 for one in found)


def test_the_release_in_whatever_way_its_wind_is_read_keeps_the_promise(bench, shared_data: Path) -> None:
    for one in bench.validation_cases(shared_data / "dispersion" / "prairie_grass"):
        value = one["value"]
        assert value >= one["limit"] if "FAC2" in one["name"] else abs(value) <= one["limit"], one
