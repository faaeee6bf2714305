import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geo.errors import InvalidInput, MissingData
from tracing.moran import RESULT_COLUMNS, local_moran
from tracing.neighbours import neighbour_matrix


def line(values):
    return gpd.GeoDataFrame({"x": values}, geometry=gpd.points_from_xy(range(len(values)), [0] * len(values)), crs=4326)


def scattered(n=120, seed=1, values=None):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform([[118.5], [34.0]], [[119.9], [35.1]], (2, n))
    x = rng.gamma(2.0, 20.0, n) + 60.0 * np.exp(-((lon - 119.2) ** 2 + (lat - 34.6) ** 2) / 0.02)
    return gpd.GeoDataFrame({"x": x if values is None else values}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def esda_moran(frame, rule, **options):
    libpysal, esda = pytest.importorskip("libpysal"), pytest.importorskip("esda")
    around = neighbour_matrix(frame.geometry, rule)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = libpysal.weights.W(
            {i: around.indices[slice(*around.indptr[i : i + 2])].tolist() for i in range(len(frame))}
        )
        return esda.Moran_Local(frame["x"].to_numpy(), w, **options)


def test_a_case_computed_by_hand():
    # Mean 2, deviations -1 -1 -1 -1 4, m2 = 20 / 5 = 4, m4 = 260 / 5 = 52, b2 = 3.25.
    out = local_moran(line([1.0, 1.0, 1.0, 1.0, 6.0]), "x", neighbours="distance:120000")
    assert np.allclose(out["local_i"], [0.25, 0.25, 0.25, -0.375, -1.0], rtol=0.0, atol=1e-15)
    # Ends: w = 1, w2 = 1: variance 1 (5 - 3.25) / 4 - 1 / 16 = 0.375. Middle: w = 1, w2 = 1 / 2:
    # 0.5 (1.75) / 4 + 0.5 (1.5) / 12 - 1 / 16 = 0.21875. Expectation -1 / 4.
    expected = np.array([0.5, 0.5, 0.5, -0.125, -0.75]) / np.sqrt([0.375, 0.21875, 0.21875, 0.21875, 0.375])
    assert np.allclose(out["z"], expected, rtol=0.0, atol=1e-12)
    assert out["quadrant"].tolist() == ["LL", "LL", "LL", "LH", "HL"]
    assert out["n_neighbours"].tolist() == [1, 2, 2, 2, 1]


@pytest.mark.parametrize("rule", ["knn:8", "distance:15000"])
def test_esda_agrees_in_statistic_quadrant_and_moments(rule):
    frame = scattered()
    theirs = esda_moran(frame, rule, permutations=0)
    out = local_moran(frame, "x", neighbours=rule)
    tested = (out["n_neighbours"] > 0).to_numpy()
    n = len(frame)
    # The library scales by n - 1 where its moments, and Sokal's I, belong to n.
    ours = out["local_i"].to_numpy()
    assert tested.sum() > 100
    assert np.allclose(ours[tested] * (n - 1) / n, theirs.Is[tested], rtol=0.0, atol=1e-12)
    expected = (ours - theirs.EI) / np.sqrt(theirs.VI)
    assert np.allclose(out["z"][tested], expected[tested], rtol=0.0, atol=1e-9)
    names = np.array(["", "HH", "LH", "LL", "HL"])[theirs.q]
    assert (out["quadrant"].to_numpy()[tested] == names[tested]).all()


def test_esda_agrees_in_the_conditional_moments():
    # Its own permutations are compared in tests/benchmarks/bench_hotspots.py: they take a minute to compile.
    frame = scattered()
    theirs = esda_moran(frame, "knn:8", permutations=0)
    out = local_moran(frame, "x", permutations=99)
    z = (out["local_i"] - theirs.EIc) / np.sqrt(theirs.VIc)
    assert np.allclose(out["z"], z, rtol=0.0, atol=1e-9)


def test_pseudo_p_agrees_with_permutations_done_one_by_one():
    frame, draws, rng = scattered(60), 4000, np.random.default_rng(4)
    around = neighbour_matrix(frame.geometry, "knn:6")
    x = frame["x"].to_numpy() - frame["x"].mean()
    out = local_moran(frame, "x", neighbours="knn:6", permutations=draws)
    for place in (0, 7, 31, int(np.argmax(x)), int(np.argmin(x))):
        others = np.delete(x, place)
        simulated = x[place] * np.array([rng.permutation(others)[:6].sum() for _ in range(draws)])
        seen = x[place] * (around @ x)[place]
        one_sided = (min((simulated >= seen).sum(), (simulated <= seen).sum()) + 1) / (draws + 1)
        assert out["p"][place] == pytest.approx(min(1.0, 2 * one_sided), abs=10 * np.sqrt(one_sided / draws))


def test_total_randomisation_has_the_moments_of_permuting_everything():
    frame = scattered(60, seed=5)
    weights = neighbour_matrix(frame.geometry, "knn:6") / 6
    x, rng, draws = frame["x"].to_numpy() - frame["x"].mean(), np.random.default_rng(11), 20_000
    dealt = np.array([rng.permutation(x) for _ in range(draws)]).T
    simulated = dealt * (weights @ dealt) / np.mean(x**2)
    out = local_moran(frame, "x", neighbours="knn:6")
    z = (out["local_i"] - simulated.mean(axis=1)) / simulated.std(axis=1)
    assert np.abs(z - out["z"]).max() < 0.03 * (1 + np.abs(z).max())


def test_the_sign_of_the_class_is_likeness_not_height():
    rng = np.random.default_rng(8)
    frame = scattered(300, values=rng.normal(size=300))
    where = np.hypot(frame.geometry.x - 119.2, frame.geometry.y - 34.6)
    frame.loc[where < 0.2, "x"] -= 4.0
    odd = where.idxmin()
    frame.loc[odd, "x"] = 8.0
    out = local_moran(frame, "x", permutations=9999)
    cluster = out[(out["class"] > 0) & (where < 0.2)]
    assert len(cluster) >= 10
    assert set(cluster["quadrant"]) == {"LL"}
    assert out.loc[odd, "class"] == -3
    assert out.loc[odd, "quadrant"] == "HL"


def test_gaps_islands_and_twins():
    frame = scattered(60)
    frame.loc[[3, 4], "x"] = np.nan
    far = gpd.GeoDataFrame({"x": [500.0]}, geometry=gpd.points_from_xy([125.0], [30.0]), crs=4326)
    both = pd.concat([frame, far], ignore_index=True)
    for permutations in (0, 99):
        out = local_moran(both, "x", neighbours="distance:60000", permutations=permutations)
        empty = out.loc[[3, 4, 60], [name for name in RESULT_COLUMNS if name != "n_neighbours"]]
        assert empty.isna().all(axis=None)
        assert out["p"].notna().sum() == 58
        assert "1 places have no neighbour and were not tested." in out.attrs["warnings"]
        assert "2 places have no value and were left out." in out.attrs["warnings"]


def test_a_place_at_the_mean_is_neither_like_nor_unlike():
    out = local_moran(line([2.0, 3.0, 1.0, 2.0, 2.0, 2.0, 5.0, -1.0]), "x", neighbours="knn:2", permutations=99)
    at_mean = out["x"] == 2.0
    assert out.loc[at_mean, "p"].tolist() == [1.0] * 4
    assert out.loc[at_mean, "z"].tolist() == [0.0] * 4


@pytest.mark.parametrize("permutations", [0, 99])
def test_all_equal_values_are_said(permutations):
    out = local_moran(scattered(40, values=np.full(40, 0.1)), "x", permutations=permutations)
    assert out[["local_i", "z", "p", "p_fdr", "class"]].isna().all(axis=None)
    assert "All 40 values are equal: there is neither a hot nor a cold spot." in out.attrs["warnings"]


@pytest.mark.parametrize(
    ("values", "options", "family", "text"),
    [
        ([1.0], {}, MissingData, "has 1 places with data: local Moran needs at least 3"),
        ([1.0, np.nan, np.nan, 2.0], {}, MissingData, "has 2 places"),
        ([1.0, 2.0, np.inf, 2.0], {}, InvalidInput, "infinite"),
        ([1.0, 2.0, 3.0, 4.0], {"neighbours": "knn:8"}, InvalidInput, "knn:8 needs at least 10 places"),
        ([1.0, 2.0, 3.0, 4.0], {"permutations": 5}, InvalidInput, "give 0 .analytic. or a number from 19"),
        ([1.0, 2.0, 3.0, 4.0], {"permutations": -1}, InvalidInput, "give 0"),
    ],
)
def test_what_cannot_be_answered(values, options, family, text):
    with pytest.raises(family, match=text):
        local_moran(line(values), "x", **options)


@settings(max_examples=30, deadline=None)
@given(
    x=arrays(float, 40, elements=st.integers(-1000, 1000).map(float)),
    scale=st.floats(0.01, 100.0),
    shift=st.floats(-1e4, 1e4),
    seed=st.integers(0, 10_000),
)
def test_units_signs_and_order_do_not_matter(x, scale, shift, seed):
    assume(np.ptp(x) > 0)
    frame = scattered(40, values=x)
    out = local_moran(frame, "x")
    for factor in (scale, -scale):
        assert np.allclose(local_moran(frame.assign(x=factor * x + shift), "x")["z"], out["z"], rtol=0.0, atol=1e-5)
    order = np.random.default_rng(seed).permutation(40)
    assert np.allclose(local_moran(frame.iloc[order], "x")["z"].sort_index(), out["z"], rtol=0.0, atol=1e-9)
