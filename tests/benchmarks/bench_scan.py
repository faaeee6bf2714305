"""The space-time permutation scan of a large city, and how often the scan cries wolf.

``make bench ONLY=scan`` runs it; it prints and writes nothing.
"""

import os
import resource
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from tracing.scan import Options, scan
from tracing.scan_jobs import spread_maxima
from tracing.scan_simulation import Setting, draw, generator
from tracing.scan_study import Study, make_zones

LIMIT_S, LIMIT_GIB = 60.0, 4.0


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def study(places: int, days: int, cases: int, seed: int = 0) -> Study:
    rng = np.random.default_rng(seed)
    counts = np.zeros((places, days))
    np.add.at(counts, (rng.integers(0, places, cases), rng.integers(0, days, cases)), 1.0)
    table = pd.DataFrame(
        {
            "id": [f"p{k}" for k in range(places)],
            "x": rng.uniform(118.4, 119.8, places),
            "y": rng.uniform(34.0, 35.1, places),
        }
    )
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / cases
    steps = pd.date_range("2024-01-01", periods=days + 1)
    return Study("space-time-permutation", table, False, counts, expected, steps, "day")


@pytest.mark.bench
def test_scan_of_10000_cases_in_500_places_and_365_days() -> None:
    scan(study(20, 20, 100), Options(replications=2))
    whole = study(500, 365, 10_000)
    began = time.perf_counter()
    alone = scan(whole, Options())
    here = time.perf_counter() - began
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        began = time.perf_counter()
        spread = scan(whole, Options(), run=lambda *given: spread_maxima(client, *given))
        there = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    say(
        f"scan 10,000 cases x 500 places x 365 days, 7 days, 999 replications, {os.cpu_count()} processors: "
        f"{here:.1f} s in threads, {there:.1f} s on 2 Dask workers (limit {LIMIT_S:.0f} s); peak {used:.2f} GiB "
        f"(limit {LIMIT_GIB:.0f}); same result: {alone.equals(spread)}"
    )
    assert alone.equals(spread)
    assert min(here, there) < LIMIT_S
    assert used < LIMIT_GIB


@pytest.mark.bench
def test_scan_finds_five_percent_where_there_is_nothing() -> None:
    whole = study(30, 30, 150)
    null = Setting.of(whole, make_zones(whole), 7, prospective=False)
    p = []
    for k in range(1000):
        drawn = np.diff(draw(null, generator(99, k)), axis=1)
        p.append(scan(replace(whole, cases=drawn), Options(replications=99, seed=k)).iloc[0]["p_value"])
    share = float(np.mean(np.array(p) <= 0.05 + 1e-9))
    say(f"scan under the null, 1000 studies: {100 * share:.1f} % with p of 0.05 or less (5.0 % asked, +- 2.1)")
    assert abs(share - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 1000)
