"""The benchmark of the interface once, tiny: so that it runs on the day it is needed."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_api", Path(__file__).parent / "bench_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_crowd_tiny(bench, tmp_path: Path) -> None:
    p99, errors = bench.crowd_cases(tmp_path, 200, 4, 1.0)
    assert p99["value"] > 0
    assert errors["value"] == 0


def test_what_is_measured_tiny(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.tile_address(6).endswith("/6/25/53")
    (one,) = bench.items_cases(tmp_path, 50, 0.2, None)
    assert one["value"] > 0
