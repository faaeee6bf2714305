"""Every benchmark case once, tiny: so that it runs on the day it is needed."""

import importlib.util
from pathlib import Path

import pytest

FIELDS = {"name", "size", "threads", "value", "unit", "limit", "peer"}


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_trajectories", Path(__file__).parent / "bench_trajectories.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", ["midpoint", "petterssen", "rk4"])
def test_speed_case_tiny(bench, method, threads):
    figures = bench.speed_case(bench.regional_field(3), 5, method, threads, hours=2)
    assert len(figures) == 5
    for figure in figures:
        assert set(figure) == FIELDS
        assert figure["value"] > 0
    assert set(bench.EVALUATIONS) == {"midpoint", "petterssen", "rk4"}
