"""Benchmarks write their figures to ``bench-results.json`` at the root of the project."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "bench-results.json"


@pytest.fixture(scope="session")
def bench_results() -> Iterator[list[dict]]:
    """A list to which each case adds its figures; figures of groups that did not run are kept from before."""
    figures: list[dict] = []
    yield figures
    told = {(f["name"], f["size"], f["threads"]) for f in figures}
    before = json.loads(FILE.read_text()) if FILE.exists() else []
    kept = [f for f in before if (f["name"], f["size"], f["threads"]) not in told]
    FILE.write_text(json.dumps(kept + figures, indent=1) + "\n")
