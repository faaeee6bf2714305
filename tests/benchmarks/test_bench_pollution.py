"""The benchmark of heavy pollution once, tiny: so that it runs on the day it is needed."""

import importlib.util
from pathlib import Path


def test_cases_tiny() -> None:
    spec = importlib.util.spec_from_file_location("bench_pollution", Path(__file__).parent / "bench_pollution.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    found = bench.cases(60, 8000.0, 20)
    assert [one["size"] for one in found][::2] == [60, 400]
    assert all(one["value"] > 0.0 for one in found)
