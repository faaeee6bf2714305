"""Scale and weights: incremental Moran's I beside esda, planted scales, inverse distances, islands, bad input."""

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput
from geo.geodesic import distance_matrix_m
from tracing.emerging import CubeRule, emerging
from tracing.hotspots import gi_star
from tracing.moran import local_moran
from tracing.neighbours import nearest_m, neighbour_matrix, parse_rule, with_islands_joined
from tracing.permutation_kernel import permutation_p
from tracing.scale_kernel import first_peak, incremental_moran
from tracing.spatial_scale import choose_scale


def scattered(n=150, seed=1):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform([[118.5], [34.0]], [[119.9], [35.1]], (2, n))
    return gpd.GeoDataFrame({"x": rng.gamma(2.0, 20.0, n)}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def bumps(radius_m, n=900, seed=0):
    """Return places whose values are constant bumps of one radius on noise."""
    frame = scattered(n, seed)
    lon, lat = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    rng = np.random.default_rng(seed + 50)
    centres = rng.integers(0, n, 12)
    near = (distance_matrix_m(lon, lat, lon[centres], lat[centres]) < radius_m).any(axis=1)
    return frame.assign(x=near * 4.0 + rng.normal(size=n))


def pairs_of(frame):
    lon, lat = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    left, right = np.triu_indices(len(frame), 1)
    return left, right, distance_matrix_m(lon, lat, lon, lat)[left, right]


def test_esda_gives_the_same_moran_at_each_distance():
    libpysal, esda = pytest.importorskip("libpysal"), pytest.importorskip("esda")
    frame, limits = scattered(), np.array([9000.0, 20_000.0, 40_000.0])
    moran, z = incremental_moran(frame["x"].to_numpy(), *pairs_of(frame), limits)
    for k, limit in enumerate(limits):
        around = neighbour_matrix(frame.geometry, f"distance:{limit}")
        rows = {i: around.indices[slice(*around.indptr[i : i + 2])].tolist() for i in range(len(frame))}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            w = libpysal.weights.W(rows, silence_warnings=True)
            theirs = esda.Moran(frame["x"].to_numpy(), w, transformation="B", permutations=0)
        assert moran[k] == pytest.approx(theirs.I, rel=1e-10)
        assert z[k] == pytest.approx(theirs.z_rand, rel=1e-10)


def test_moran_by_hand():
    # Four places in a row, 1 2 3 4, neighbours next to each other: S0 = 6, sum over pairs twice 2 (0.75 - 0.25 + 0.75).
    moran, _ = incremental_moran(
        np.array([1.0, 2.0, 3.0, 4.0]), np.arange(3), np.arange(1, 4), np.ones(3), np.array([0.5, 1.0])
    )
    assert np.isnan(moran[0])
    assert moran[1] == pytest.approx(4.0 / 6.0 * 2.5 / 5.0)


def test_peaks():
    assert first_peak(np.array([1.0, 3.0, 2.0, 9.0, 1.0]), 1.96) == 1
    assert first_peak(np.array([1.0, 1.5, 1.2, 9.0, 1.0]), 1.96) == 3
    assert first_peak(np.array([1.0, 2.0, 3.0]), 1.96) == 2
    assert first_peak(np.array([np.nan, 1.0]), 1.96) == -1
    assert first_peak(np.empty(0), 1.96) == -1


def test_the_chosen_scale_grows_with_that_of_the_pattern():
    chosen = [choose_scale((f := bumps(radius)).geometry, f["x"].to_numpy()).rule for radius in (5000.0, 15_000.0)]
    assert [rule.kind for rule in chosen] == ["distance", "distance"]
    assert chosen[0].metres < chosen[1].metres
    assert 3000.0 < chosen[0].metres < 12_000.0


def test_auto_says_what_it_chose_and_equals_that_choice():
    frame = bumps(8000.0)
    auto = gi_star(frame, "x", neighbours="auto")
    reason = auto.attrs["warnings"][0]
    assert "Moran's I" in reason
    scale = choose_scale(frame.geometry, frame["x"].to_numpy())
    same = gi_star(frame, "x", neighbours=f"distance:{scale.rule.metres!r}")
    assert auto["z"].to_numpy() == pytest.approx(same["z"].to_numpy(), nan_ok=True)
    assert scale.table["z"].max() >= scale.table["z"].iloc[0]


def test_noise_and_equal_values_have_no_scale():
    frame = scattered(60).assign(x=1.0)
    assert choose_scale(frame.geometry, frame["x"].to_numpy()).rule.kind == "knn"
    found = gi_star(frame, "x", neighbours="auto")
    assert "all values equal" in found.attrs["warnings"][0]
    noise = np.random.default_rng(4).permutation(np.arange(60.0))
    scale = choose_scale(frame.geometry, noise)
    assert "8 nearest places were chosen" in scale.reason or scale.rule.kind == "distance"
    assert choose_scale(frame.geometry.head(4), noise[:4]).rule.k == 2


def test_emerging_takes_the_scale_of_the_places_means():
    frame, steps = bumps(8000.0, 300), range(2010, 2022)
    table = gpd.pd.concat([frame.assign(year=year, id=np.arange(300)) for year in steps])
    found = emerging(table, "x", time="year", place="id", rule=CubeRule(neighbours="auto"))
    assert "Moran's I" in found.attrs["warnings"][0]
    with pytest.raises(InvalidInput, match="without weights"):
        emerging(table, "x", time="year", place="id", rule=CubeRule(neighbours="inverse:9000"))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 500), factor=st.floats(0.01, 1000.0), shift=st.floats(-1000.0, 1000.0))
def test_units_and_order_do_not_change_the_scale(seed, factor, shift):
    frame = bumps(8000.0, 200, seed)
    one = choose_scale(frame.geometry, frame["x"].to_numpy())
    turned = frame.sample(frac=1.0, random_state=seed)
    two = choose_scale(turned.geometry, turned["x"].to_numpy() * factor + shift)
    assert two.rule.kind == one.rule.kind
    assert two.rule.metres == pytest.approx(one.rule.metres, rel=1e-9)


def test_inverse_weights_by_hand_and_by_the_formula_of_gi_star():
    frame = scattered(40)
    lon, lat = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    apart = distance_matrix_m(lon, lat, lon, lat)
    weights = neighbour_matrix(frame.geometry, "inverse:60000:2").toarray()
    np.fill_diagonal(apart, np.inf)
    unit = np.median(apart.min(axis=1))
    expected = np.where(apart <= 60_000.0, (unit / np.maximum(apart, unit)) ** 2, 0.0)
    assert weights == pytest.approx(expected, rel=1e-6)
    assert nearest_m(lon, lat) == pytest.approx(apart.min(axis=1), rel=1e-5)
    x, n = frame["x"].to_numpy(), 40
    star = weights + np.eye(n)
    s = np.sqrt(np.mean(x**2) - x.mean() ** 2)
    w, w2 = star.sum(axis=1), (star**2).sum(axis=1)
    z = (star @ x - x.mean() * w) / (s * np.sqrt((n * w2 - w**2) / (n - 1)))
    assert gi_star(frame, "x", neighbours="inverse:60000:2")["z"].to_numpy() == pytest.approx(z, rel=1e-6)


def test_esda_gives_the_same_local_moran_with_inverse_weights():
    libpysal, esda = pytest.importorskip("libpysal"), pytest.importorskip("esda")
    frame = scattered(80)
    around = neighbour_matrix(frame.geometry, "inverse:50000")
    rows = [slice(*around.indptr[i : i + 2]) for i in range(80)]
    w = libpysal.weights.W(
        {i: around.indices[row].tolist() for i, row in enumerate(rows)},
        {i: around.data[row].tolist() for i, row in enumerate(rows)},
        silence_warnings=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = esda.Moran_Local(frame["x"].to_numpy(), w, transformation="R", permutations=0)
    ours = local_moran(frame, "x", neighbours="inverse:50000")["local_i"].to_numpy()
    # The library divides by n - 1, the definition by n.
    assert ours * 79 / 80 == pytest.approx(theirs.Is, rel=1e-9)


def test_permutations_with_inverse_weights_are_those_drawn_one_by_one():
    frame, draws = scattered(60), 4000
    weights = neighbour_matrix(frame.geometry, "inverse:40000")
    x, rng = frame["x"].to_numpy(), np.random.default_rng(7)
    p = permutation_p(x, weights, draws, 3)
    for place in range(0, 60, 12):
        row = slice(*weights.indptr[place : place + 2])
        others = np.delete(x, place)
        sums = np.array([rng.permutation(others)[: row.stop - row.start] @ weights.data[row] for _ in range(draws)])
        seen = weights.data[row] @ x[weights.indices[row]]
        expected = min(1.0, 2.0 * min((sums >= seen).mean(), (sums <= seen).mean()))
        assert p[place] == pytest.approx(expected, abs=5.0 * np.sqrt(expected / draws) + 2e-3)


def test_a_rule_is_written_as_it_is_read():
    for text in ("knn:5", "distance:1234.5", "inverse:3000.0:2.0", "contiguity", "auto"):
        assert parse_rule(parse_rule(text).text) == parse_rule(text)


def test_islands_are_said_and_may_be_given_their_nearest_place():
    frame = scattered(50)
    frame.loc[0, "geometry"] = gpd.points_from_xy([121.5], [36.5])[0]
    left = gi_star(frame, "x", neighbours="distance:30000")
    assert np.isnan(left["z"].iloc[0])
    assert "1 places have no neighbour and were not tested." in left.attrs["warnings"]
    joined = gi_star(frame, "x", neighbours="distance:30000", islands="nearest")
    assert joined["n_neighbours"].iloc[0] == 1
    assert not np.isnan(joined["z"].iloc[0])
    assert "1 places had no neighbour and were given their nearest place." in joined.attrs["warnings"]
    assert joined["z"].iloc[1:].to_numpy() == pytest.approx(left["z"].iloc[1:].to_numpy())
    moran = local_moran(frame, "x", neighbours="distance:30000", islands="nearest")
    assert moran["n_neighbours"].iloc[0] == 1
    whole = neighbour_matrix(frame.geometry, "knn:3")
    assert (with_islands_joined(whole, frame.geometry) != whole).nnz == 0


def test_degrees_as_metres_and_rules_that_are_not_understood():
    frame = scattered(30)
    with pytest.raises(InvalidInput, match="distances are metres, and the nearest are"):
        gi_star(frame, "x", neighbours="distance:0.05")
    with pytest.raises(InvalidInput, match="islands 'gone' is not known"):
        gi_star(frame, "x", islands="gone")
    with pytest.raises(InvalidInput, match="auto needs the values"):
        neighbour_matrix(frame.geometry, "auto")
    for text in ("inverse", "inverse:-1", "inverse:10:0", "inverse:10:x", "auto:3"):
        with pytest.raises(InvalidInput, match="not understood"):
            parse_rule(text)
    with pytest.raises(InvalidInput, match="no CRS"):
        choose_scale(frame.geometry.set_crs(None, allow_override=True), frame["x"].to_numpy())
    assert isinstance(choose_scale(frame.geometry, frame["x"].to_numpy()).table, pd.DataFrame)
