"""How often hot spots, trends and alarms are called where there is nothing: 1000 simulations.

``make bench ONLY=null`` runs it; it prints and writes nothing.
"""

import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from tracing.emerging import Cube, CubeRule, emerging_of_cube
from tracing.hotspots import gi_star
from tracing.moran import local_moran

N, RUNS = 120, 1000


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def scattered() -> gpd.GeoDataFrame:
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform([[118.5], [34.0]], [[119.9], [35.1]], (2, N))
    return gpd.GeoDataFrame({"place": np.arange(N)}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


@pytest.mark.bench
@pytest.mark.parametrize("permutations", [0, 99])
@pytest.mark.parametrize("kind", ["normal", "gamma"])
@pytest.mark.parametrize("statistic", [gi_star, local_moran])
def test_null_of_places(statistic, kind, permutations):
    places, raw, called = scattered(), [], 0
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=N) if kind == "normal" else rng.gamma(1.0, size=N)
        out = statistic(places.assign(x=x), "x", permutations=permutations, seed=seed)
        raw.append((out["p"] <= 0.05).mean())
        called += bool((out["class"].abs() >= 2).any())
    say(
        f"{statistic.__name__}, {kind} noise, {permutations} permutations, {RUNS} fields: "
        f"{100 * np.mean(raw):.2f} % of places with p <= 0.05; "
        f"{100 * called / RUNS:.1f} % of fields with a place called at 5 % after FDR"
    )
    if permutations:
        assert np.mean(raw) <= 0.05 + 3 * np.std(raw) / np.sqrt(RUNS)
        assert called / RUNS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.bench
@pytest.mark.parametrize(
    ("steps", "trend", "gaps"),
    [
        (12, "corrected", 0.0),
        (36, "corrected", 0.0),
        (36, "corrected", 0.2),
        (12, "mann-kendall", 0.0),
        (36, "mann-kendall", 0.0),
    ],
)
def test_null_of_cubes(steps, trend, gaps):
    places, rows = scattered(), []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(N, steps))
        values[rng.random(values.shape) < gaps] = np.nan
        out = emerging_of_cube(Cube(values, places, pd.RangeIndex(steps)), CubeRule(trend=trend)).dropna()
        rows.append(
            (
                (out["last_p"] <= 0.05).mean(),
                (out["last_p_fdr"] <= 0.10).any(),
                (out["trend_p"] <= 0.05).mean(),
                (out["trend_p_fdr"] <= 0.10).any(),
                (out["pattern"] != "none").mean(),
            )
        )
    last, called, rate, trends, pattern = np.mean(np.array(rows, dtype=float), axis=0)
    say(
        f"emerging, {steps} steps, {100 * gaps:.0f} % missing, trend {trend}, {RUNS} cubes of noise: "
        f"{100 * last:.2f} % of last bins with p <= 0.05, {100 * called:.1f} % of cubes with one called at 10 % (FDR); "
        f"{100 * rate:.2f} % of trends with p <= 0.05, {100 * trends:.1f} % of cubes with one called at 10 %; "
        f"{100 * pattern:.1f} % of places with a pattern"
    )
    assert called <= 0.10 + 3 * np.sqrt(0.10 * 0.90 / RUNS)
    assert trend == "mann-kendall" or trends <= 0.10 + 3 * np.sqrt(0.10 * 0.90 / RUNS)
