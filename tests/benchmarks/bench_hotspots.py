"""Hot spots: agreement and speed beside esda in the same run, and the sizes of a country.

``make bench ONLY=hotspots`` runs it; it prints and writes nothing.
"""

import sys
import time
import warnings
from functools import partial

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from tracing.emerging import TRENDS, Cube, CubeRule, emerging_of_cube
from tracing.hotspots import gi_star
from tracing.moran import local_moran
from tracing.neighbours import neighbour_matrix
from tracing.permutation_kernel import permutation_p

esda, libpysal = pytest.importorskip("esda"), pytest.importorskip("libpysal")


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def seconds(work, repeats: int = 1) -> float:
    """Return the shortest of several runs: the machine's other work only ever adds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def scattered(n: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    points = gpd.points_from_xy(rng.uniform(118.2, 120.0, n), rng.uniform(33.9, 35.2, n))
    return gpd.GeoDataFrame({"x": rng.gamma(2.0, 20.0, n)}, geometry=points, crs=4326)


def theirs(name: str, frame: gpd.GeoDataFrame, around, draws: int):
    w = libpysal.weights.W(
        {i: around.indices[slice(*around.indptr[i : i + 2])].tolist() for i in range(len(frame))}, silence_warnings=True
    )
    options = {"permutations": draws, "seed": 3, "n_jobs": -1, "keep_simulations": False}
    options |= {"star": True, "transform": "B"} if name == "G_Local" else {}
    x = frame["x"].to_numpy()

    def work():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(esda, name)(x, w, **options)

    return work


@pytest.mark.bench
@pytest.mark.parametrize(("name", "ours"), [("G_Local", gi_star), ("Moran_Local", local_moran)])
def test_permutations_beside_esda(name, ours):
    small, draws = scattered(400), 9999
    reference = theirs(name, small, neighbour_matrix(small.geometry, "knn:8"), draws)()
    half = ours(small, "x", permutations=draws)["p"] / 2
    apart = np.abs(half - reference.p_sim) / (np.sqrt(2 * half / draws) + 1 / draws)
    say(f"{name}: pseudo p differ by at most {apart.max():.1f} standard deviations of two independent runs")
    assert apart.max() < 6
    frame = scattered(100_000)
    around, x = neighbour_matrix(frame.geometry, "knn:8"), frame["x"].to_numpy()
    slow = seconds(theirs(name, frame, around, 999))
    fast = seconds(lambda: permutation_p(x, around, 999, 1), repeats=3)
    say(f"100,000 points, 999 permutations: esda (all cores) {slow:.2f} s, ours {fast:.2f} s, {slow / fast:.1f} x")
    assert slow / fast >= 10


@pytest.mark.bench
@pytest.mark.parametrize("n", [10_000, 100_000, 1_000_000])
def test_gi_star_of_many_points(n):
    frame = scattered(n)
    taken = seconds(lambda: gi_star(frame, "x"), repeats=3)
    say(f"Gi*, {n:,} points, k = 8, weights included: {taken:.2f} s")
    assert taken < 3.0


@pytest.mark.bench
def test_emerging_hot_spots_of_a_country():
    places = scattered(100_000)[["geometry"]].assign(place=np.arange(100_000))
    cube = Cube(np.random.default_rng(2).gamma(2.0, 20.0, (100_000, 120)), places, pd.RangeIndex(120))
    for trend in TRENDS:
        taken = seconds(partial(emerging_of_cube, cube, CubeRule(trend=trend)), repeats=2)
        say(f"emerging, 100,000 places x 120 steps, neighbours included, trend {trend}: {taken:.2f} s")
        assert trend == "hamed-rao" or taken < 10.0
