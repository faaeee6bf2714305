"""Where there is nothing, places and trends are called as often as promised and no more: 100 simulations each.

`tests/benchmarks/bench_null.py` does it with 1000. The scan's own are in test_scan.py and test_scan_ellipses.py, those
of alarms and of the hot grid in test_alarms.py and test_hot_grid.py.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from tracing.emerging import Cube, CubeRule, emerging_of_cube
from tracing.hotspots import gi_star
from tracing.moran import local_moran
from tracing.trend_kernel import inflation, pooled_memory, window_correlation

N, RUNS = 120, 100


@pytest.fixture(scope="module")
def places() -> gpd.GeoDataFrame:
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform([[118.5], [34.0]], [[119.9], [35.1]], (2, N))
    return gpd.GeoDataFrame({"place": np.arange(N)}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def noise(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=N) if kind == "normal" else rng.gamma(1.0, size=N)


def within(shares: list[float], nominal: float, *, slack: float = 0.0) -> bool:
    """Say whether the mean share is at most the nominal one, three standard errors allowed."""
    return np.mean(shares) <= nominal + 3.0 * np.std(shares) / np.sqrt(len(shares)) + slack


def at_most(called: int, nominal: float) -> bool:
    return called <= RUNS * nominal + 3.0 * np.sqrt(RUNS * nominal * (1.0 - nominal))


@pytest.mark.parametrize(("statistic", "kind", "permutations"), [
    (gi_star, "normal", 0),
    (gi_star, "normal", 99),
    (gi_star, "gamma", 99),
    (local_moran, "normal", 99),
    (local_moran, "gamma", 99),
])  # fmt: skip
def test_places_of_noise_are_called_at_the_nominal_rate(places, statistic, kind, permutations) -> None:
    raw, called = [], 0
    for seed in range(RUNS):
        out = statistic(places.assign(x=noise(kind, seed)), "x", permutations=permutations, seed=seed)
        raw.append(float((out["p"] <= 0.05).mean()))
        called += bool((out["class"].abs() >= 2).any())
    assert within(raw, 0.05)
    # Not by never calling anything: the two-sided pseudo p of 99 permutations has steps of 2 %.
    assert np.mean(raw) > 0.03
    assert at_most(called, 0.05)


@pytest.mark.parametrize("window", ["cube", "neighbourhood", "step"])
def test_cubes_of_noise(places, window) -> None:
    raw, called, trends, trend_called, patterns = [], 0, [], 0, []
    for seed in range(RUNS):
        values = np.random.default_rng(1000 + seed).normal(size=(N, 12))
        out = emerging_of_cube(Cube(values, places, pd.RangeIndex(12)), CubeRule(window=window))
        raw.append(float((out["last_p"] <= 0.05).mean()))
        called += bool((out["last_p_fdr"] <= 0.10).any())
        trends.append(float((out["trend_p"] <= 0.05).mean()))
        trend_called += bool((out["trend_p_fdr"] <= 0.10).any())
        patterns.append(float((out["pattern"] != "none").mean()))
    assert within(raw, 0.05)
    assert np.mean(raw) > 0.03
    assert at_most(called, 0.10)
    assert within(trends, 0.05)
    assert np.mean(trends) > 0.02
    assert at_most(trend_called, 0.10)
    # A pattern needs one bin of twelve to be called, each step at a false discovery rate of 10 %.
    assert within(patterns, 0.10)


def with_memory(shape: tuple[int, int], memory: float, seed: int) -> np.ndarray:
    """Return series of a first-order process with unit variance."""
    x = np.random.default_rng(seed).normal(size=shape)
    for step in range(1, shape[1]):
        x[:, step] = memory * x[:, step - 1] + np.sqrt(1.0 - memory**2) * x[:, step]
    return x


@pytest.mark.parametrize("memory", [0.3, 0.7])
def test_values_with_a_memory_do_not_raise_the_rate_of_trends(places, memory) -> None:
    trends, called, plain = [], 0, []
    for seed in range(RUNS):
        cube = Cube(with_memory((N, 24), memory, seed), places, pd.RangeIndex(24))
        out = emerging_of_cube(cube, CubeRule())
        trends.append(float((out["trend_p"] <= 0.05).mean()))
        called += bool((out["trend_p_fdr"] <= 0.10).any())
        if seed < 10:
            plain.append((emerging_of_cube(cube, CubeRule(trend="mann-kendall"))["trend_p"] <= 0.05).mean())
    assert within(trends, 0.05)
    assert np.mean(trends) > 0.02
    assert at_most(called, 0.10)
    assert np.mean(plain) > 0.15


def test_the_memory_of_many_series() -> None:
    for memory in (0.0, 0.4, 0.8):
        x = with_memory((2000, 60), memory, 3)
        assert pooled_memory(x) == pytest.approx(memory, abs=0.05)
        # Neither the unit nor a straight trend of a series, nor gaps, make a memory.
        rng = np.random.default_rng(4)
        other = x * rng.uniform(0.1, 50.0, (2000, 1)) + rng.normal(size=(2000, 1)) * np.arange(60)
        other[rng.random(other.shape) < 0.3] = np.nan
        assert pooled_memory(other) == pytest.approx(memory, abs=0.09)
    assert pooled_memory(np.arange(30.0).reshape(1, -1)) == 0.0
    assert pooled_memory(np.full((3, 12), np.nan)) == 0.0


def test_plain_mann_kendall_calls_too_many_trends_where_steps_overlap(places) -> None:
    plain = []
    for seed in range(30):
        values = np.random.default_rng(seed).normal(size=(N, 24))
        plain.append(
            (
                emerging_of_cube(Cube(values, places, pd.RangeIndex(24)), CubeRule(trend="mann-kendall"))["trend_p"]
                <= 0.05
            ).mean()
        )
    assert np.mean(plain) > 0.10


def test_the_factor_of_the_overlap() -> None:
    assert inflation(30, 0) == 1.0
    assert window_correlation(3, 1) == pytest.approx(
        np.array([[1, 0.5**0.5, 0], [0.5**0.5, 1, 0.5], [0, 0.5, 1]]), abs=1e-12
    )
    # Three independent steps: S is -3, -1, 1, 3 with 1, 2, 2, 1 of 6 orders; the variance is 22/6.
    assert inflation(3, 0) * 3 * 2 * 11 / 18 == pytest.approx(22 / 6)
    for back, steps, memory in ((1, 12, 0.0), (2, 20, 0.0), (1, 12, 0.6), (0, 15, 0.5)):
        x = with_memory((20_000, steps), memory, back)
        sums = x.copy()
        for lag in range(1, back + 1):
            sums[:, lag:] += x[:, :-lag]
        z = sums / sums.std(axis=0)
        s = np.sign(z[:, None, :] - z[:, :, None])[:, *np.triu_indices(steps, 1)].sum(axis=1)
        drawn = s.var() / (steps * (steps - 1) * (2 * steps + 5) / 18)
        # The variance of a variance from 20,000 draws: 1 %.
        assert inflation(steps, back, memory) == pytest.approx(drawn, rel=0.04)
    assert inflation(500, 1) == inflation(120, 1)
