"""Every benchmark case once, tiny: so that it runs on the day it is needed."""

import importlib.util
from pathlib import Path

import pytest

FIELDS = {"name", "size", "threads", "value", "unit", "limit", "peer"}


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench():
    return load("bench_trajectories")


def test_at_scale_tiny(bench, tmp_path):
    scale = load("bench_trajectories_at_scale")
    met = bench.write_regional(tmp_path / "era5.nc", 3)
    seconds, peak, size = scale.streamed(met, tmp_path / "a.parquet", 20, hours=1, spread_hours=2)
    assert seconds > 0
    assert peak > 1e8
    assert size > 1000
    figures = scale.scaling(met, 60, hours=1, repeats=1)
    assert [set(figure) for figure in figures] == [FIELDS, FIELDS]
    assert 0 < figures[0]["value"] < 1


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", ["midpoint", "petterssen", "rk4"])
def test_speed_case_tiny(bench, tmp_path, method, threads):
    figures = bench.speed_case(bench.write_regional(tmp_path / "era5.nc", 3), 5, method, threads, hours=2)
    assert len(figures) == 5
    for figure in figures:
        assert set(figure) == FIELDS
        assert figure["value"] > 0
    assert set(bench.EVALUATIONS) == {"midpoint", "petterssen", "rk4"}
