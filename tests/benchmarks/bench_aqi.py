"""The index of ten million rows, beside a plain NumPy triad (a = b + s * c) over as many numbers in the same run.

``make bench ONLY=aqi`` runs it; it prints and writes nothing. The limit of 2 s is for a quiet machine, memory warm.
"""

import sys
import time

import numpy as np
import pandas as pd
import pytest

from layers.air_quality import hourly_aqi

TOPS = {"pm25": 400, "pm10": 500, "so2": 700, "no2": 400, "co": 40, "o3": 400}
LIMIT_S = 2.0


def rows(count: int, dtype: str) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    values = {name: rng.uniform(0, top, count).astype(dtype) for name, top in TOPS.items()}
    hours = pd.date_range("2026-02-01", periods=max(count // 10_000, 1), freq="h", tz="UTC")
    return pd.DataFrame({"time": hours.take(np.arange(count) % len(hours)), **values})


def seconds(work, times: int = 4) -> list[float]:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found


@pytest.mark.bench
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [100_000, 1_000_000, 10_000_000])
def test_rows_per_second(count: int, dtype: str) -> None:
    table = rows(count, dtype)
    hourly_aqi(table.iloc[:10])
    b, c = np.ones(count * len(TOPS)), np.ones(count * len(TOPS))
    triad = min(seconds(lambda: b + 0.5 * c))
    took = seconds(lambda: hourly_aqi(table))
    best = min(took)
    sys.stdout.write(
        f"\n{count:>10} rows {dtype}: first {took[0]:.2f} s, best {best:.3f} s, {count / best / 1e6:.1f} M rows/s, "
        f"{best / triad:.1f} x triad ({triad:.3f} s)\n"
    )
    assert best < LIMIT_S


@pytest.mark.bench
def test_float32_and_float64_agree() -> None:
    table = rows(1000, "float32")
    wide = table.astype(dict.fromkeys(TOPS, "float64"))
    pd.testing.assert_frame_equal(hourly_aqi(table), hourly_aqi(wide))
