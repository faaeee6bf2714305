import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.sparse import csr_array, eye_array

from geo.errors import InvalidInput, MissingData
from tracing.gi_kernel import benjamini_hochberg, confidence_class, discoveries, gi_star_z, two_sided_p
from tracing.hotspots import RESULT_COLUMNS, gi_star
from tracing.neighbours import neighbour_matrix

# A degree of longitude on the equator is 111.3 km.
LINE = dict(geometry=gpd.points_from_xy(range(5), [0] * 5), crs=4326)


def line(values):
    return gpd.GeoDataFrame({"x": values}, **LINE)


def scattered(n=120, seed=1, values=None):
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform([[118.5], [34.0]], [[119.9], [35.1]], (2, n))
    x = rng.gamma(2.0, 20.0, n) + 60.0 * np.exp(-((lon - 119.2) ** 2 + (lat - 34.6) ** 2) / 0.02)
    return gpd.GeoDataFrame(
        {"name": [f"站{i}" for i in range(n)], "x": x if values is None else values},
        geometry=gpd.points_from_xy(lon, lat),
        crs=4326,
    )


def told(out):
    """Return the warnings, without the one about skewed values."""
    return [text for text in out.attrs["warnings"] if "skewed" not in text]


def test_skewed_values_are_said():
    rng = np.random.default_rng(2)
    assert any("skewed" in text for text in gi_star(scattered(values=rng.gamma(1.0, size=120)), "x").attrs["warnings"])
    assert gi_star(scattered(values=rng.normal(size=120)), "x").attrs["warnings"] == []


def test_a_case_computed_by_hand():
    # Mean 2, S = 2, n = 5. Ends: W = 2, denominator 2 sqrt((10 - 4) / 4) = 2 sqrt(1.5); middle: W = 3,
    # 2 sqrt((15 - 9) / 4), the same. Sums minus mean W: 2 - 4, 3 - 6, 3 - 6, 8 - 6... over 2.449.
    out = gi_star(line([1.0, 1.0, 1.0, 1.0, 6.0]), "x", neighbours="distance:120000")
    root = 2.0 * np.sqrt(1.5)
    assert np.allclose(out["z"], [-2 / root, -3 / root, -3 / root, 2 / root, 3 / root], rtol=0.0, atol=1e-12)
    assert out["n_neighbours"].tolist() == [1, 2, 2, 2, 1]
    assert np.allclose(out["p"], 2 * stats.norm.sf(np.abs(out["z"])), rtol=0.0, atol=1e-14)
    assert out["class"].tolist() == [0] * 5


@pytest.mark.parametrize("rule", ["knn:8", "knn:3", "distance:15000"])
def test_esda_with_binary_weights_agrees(rule):
    libpysal, esda = pytest.importorskip("libpysal"), pytest.importorskip("esda")
    frame = scattered()
    around = neighbour_matrix(frame.geometry, rule)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = libpysal.weights.W(
            {i: around.indices[slice(*around.indptr[i : i + 2])].tolist() for i in range(len(frame))}
        )
        binary = esda.G_Local(frame["x"].to_numpy(), w, transform="B", star=True, permutations=0)
        standardised = esda.G_Local(frame["x"].to_numpy(), w, transform="R", star=True, permutations=0)
    z, tested = gi_star(frame, "x", neighbours=rule)["z"].to_numpy(), np.diff(around.indptr) > 0
    assert tested.sum() > 100
    assert np.allclose(z[tested], binary.Zs[tested], rtol=0.0, atol=1e-9)
    # The library's default is the trap: the comparison must be able to tell the two apart.
    assert np.abs(z[tested] - standardised.Zs[tested]).max() > 1.0


def test_polygons_by_contiguity_agree_with_esda(shared_data):
    libpysal, esda = pytest.importorskip("libpysal"), pytest.importorskip("esda")
    tracts = gpd.read_file(shared_data / "hotspots" / "bos-ecometric.geojson")
    tracts = tracts.drop_duplicates(tracts.columns[0]).reset_index(drop=True).to_crs(4326)
    tracts = gpd.GeoDataFrame({"x": np.random.default_rng(3).lognormal(size=len(tracts))}, geometry=tracts.geometry)
    out = gi_star(tracts, "x", neighbours="contiguity")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = libpysal.weights.Queen.from_dataframe(tracts, use_index=False, silence_warnings=True)
        expected = esda.G_Local(tracts["x"].to_numpy(), w, transform="B", star=True, permutations=0).Zs
    tested = out["n_neighbours"].to_numpy() > 0
    assert np.allclose(out["z"][tested], expected[tested], rtol=0.0, atol=1e-9)


def test_the_moments_are_those_of_permutations():
    frame = scattered(60, seed=5)
    star = neighbour_matrix(frame.geometry, "knn:6") + eye_array(60, format="csr")
    x, rng, draws = frame["x"].to_numpy(), np.random.default_rng(11), 20_000
    sums = star @ np.array([rng.permutation(x) for _ in range(draws)]).T
    z = (star @ x - sums.mean(axis=1)) / sums.std(axis=1)
    exact = gi_star(frame, "x", neighbours="knn:6")["z"]
    # Monte Carlo: the mean is known to sigma / sqrt(draws), sigma to 1 / sqrt(2 draws); five times that.
    assert np.abs(z - exact).max() < 5 * (1 / np.sqrt(draws) + np.abs(exact).max() / np.sqrt(2 * draws))


def test_pure_noise_gives_no_more_discoveries_than_promised():
    found = 0
    for seed in range(40):
        values = np.random.default_rng(seed + 100).normal(size=120)
        found += int((gi_star(scattered(values=values), "x")["class"].abs() >= 2).any())
    # At most 5 % of noise fields may show any spot (positively dependent tests); 40 draws, three sigma above 2.
    assert found <= 6


def test_a_planted_spot_is_found_hot_and_its_mirror_cold():
    frame = scattered(values=np.random.default_rng(8).normal(size=120))
    inside = np.hypot(frame.geometry.x - 119.2, frame.geometry.y - 34.6) < 0.2
    frame.loc[inside, "x"] += 3.0
    out = gi_star(frame, "x")
    assert inside.sum() >= 8
    assert out.loc[inside, "class"].max() == 3
    assert inside[out["z"].idxmax()]
    assert (out.loc[~inside, "class"] >= 2).sum() < (out.loc[inside, "class"] >= 2).sum()
    assert gi_star(frame.assign(x=-frame["x"]), "x")["class"].tolist() == (-out["class"]).tolist()


def test_frame_comes_back_whole():
    frame = scattered(40)
    frame.index = pd.Index([7] * 40)
    frame.attrs["source"] = "practice"
    before = frame.copy()
    out = gi_star(frame, "x")
    assert out.columns.tolist() == ["name", "x", "geometry", *RESULT_COLUMNS]
    assert out[["name", "x", "geometry"]].equals(before)
    assert frame.equals(before)
    assert (out.crs, out.attrs["source"], str(out["class"].dtype)) == (frame.crs, "practice", "Int64")
    assert told(out) == []


def test_labelled_equals_kernel():
    frame = scattered(50)
    around = neighbour_matrix(frame.geometry, "knn:8")
    z = gi_star_z(frame["x"].to_numpy(), around, own_weight=1.0)
    star = csr_array(around + eye_array(50, format="csr"))
    assert np.allclose(gi_star_z(frame["x"].to_numpy(), star), z, rtol=0.0, atol=1e-12)
    p = benjamini_hochberg(two_sided_p(z))
    out = gi_star(frame, "x")
    assert np.array_equal(out["z"], z)
    assert np.array_equal(out["p_fdr"], p)
    assert out["class"].tolist() == confidence_class(z, p).astype(int).tolist()


def test_missing_values_are_left_out_not_taken_as_zero():
    frame = scattered(60)
    frame["x"] = frame["x"].astype("Float64")
    gaps = [3, 17, 44]
    frame.loc[gaps, "x"] = pd.NA
    out = gi_star(frame, "x")
    alone = gi_star(frame.drop(gaps), "x")
    assert out.loc[gaps, ["z", "p", "p_fdr", "class", "n_neighbours"]].isna().all(axis=None)
    for name in RESULT_COLUMNS:
        assert out[name].drop(gaps).tolist() == alone[name].tolist()
    assert told(out) == ["3 places have no value and were left out."]


def test_missing_geometry_is_left_out_and_said():
    frame = scattered(60)
    frame.loc[5, "geometry"] = None
    frame.loc[6, "geometry"] = shapely.Point()
    out = gi_star(frame, "x")
    assert out.loc[[5, 6], "z"].isna().all()
    assert out["z"].notna().sum() == 58
    assert told(out) == ["2 places have a value but no geometry and were left out."]


def test_islands_are_not_tested_but_count_in_the_mean():
    frame = scattered(60)
    far = gpd.GeoDataFrame({"name": ["岛"], "x": [500.0]}, geometry=gpd.points_from_xy([125.0], [30.0]), crs=4326)
    both = pd.concat([frame, far], ignore_index=True)
    out = gi_star(both, "x", neighbours="distance:60000")
    assert pd.isna(out["class"].iloc[-1])
    assert np.isnan(out["z"].iloc[-1])
    assert out["n_neighbours"].iloc[-1] == 0
    assert "1 places have no neighbour and were not tested." in out.attrs["warnings"]
    # Direct formula for one place, the island in mean and spread.
    x, i = both["x"].to_numpy(), 10
    inside = neighbour_matrix(both.geometry, "distance:60000").toarray()[i].astype(bool)
    inside[i] = True
    w, n = inside.sum(), 61
    expected = (x[inside].sum() - x.mean() * w) / (x.std() * np.sqrt((n * w - w * w) / (n - 1)))
    assert out["z"][i] == pytest.approx(expected, abs=1e-12)
    # The adjustment counts only the places that were tested.
    assert np.allclose(out["p_fdr"][:-1], stats.false_discovery_control(out["p"][:-1]))


def test_all_equal_values_have_no_spot_and_say_why():
    out = gi_star(scattered(40, values=np.full(40, 0.1)), "x")
    assert out[["z", "p", "p_fdr", "class"]].isna().all(axis=None)
    assert told(out) == ["All 40 values are equal: there is neither a hot nor a cold spot."]


def test_a_neighbourhood_of_everything_cannot_be_tested():
    out = gi_star(line([1.0, 2.0, 3.0, 4.0, 9.0]), "x", neighbours="distance:250000")
    assert out["z"].isna().tolist() == [False, False, True, False, False]
    assert "1 places have every other place as neighbour and could not be tested." in out.attrs["warnings"]


def test_places_at_one_position_are_kept_and_said():
    frame = pd.concat([scattered(40), scattered(40).iloc[:2]], ignore_index=True)
    out = gi_star(frame, "x")
    assert out["z"].notna().all()
    assert told(out) == ["4 places share their position with another place."]


def test_few_places_are_said():
    out = gi_star(line([1.0, 2.0, 3.0, 4.0, 9.0]), "x", neighbours="knn:2")
    assert told(out) == ["Only 5 places have data: the p values of the normal approximation are rough."]


@pytest.mark.parametrize(
    ("values", "column", "rule", "family", "text"),
    [
        ([1, 2, 3, 4, 5], "pm25", "knn:2", InvalidInput, "no column 'pm25': the numeric columns are x"),
        ([1, 2, 3, 4, 5], "geometry", "knn:2", InvalidInput, "no column 'geometry'"),
        (list("abcde"), "x", "knn:2", InvalidInput, "column 'x' holds str, not numbers"),
        ([1, 2, np.inf, 4, 5], "x", "knn:2", InvalidInput, "infinite"),
        ([1, 2, -3e301, 4, 5], "x", "knn:2", InvalidInput, "reaches 3e.301: no such number is measured"),
        ([1e-200, 2e-200, 3e-200, 0, 0], "x", "knn:2", InvalidInput, "check its unit"),
        ([1, 2, np.nan, np.nan, np.nan], "x", "knn:2", MissingData, "has 2 places with data: Gi. needs at least 3"),
        ([np.nan] * 5, "x", "knn:2", MissingData, "has 0 places"),
        ([1, 2, 3, 4, 5], "x", "knn:5", InvalidInput, "knn:5 needs at least 7 places"),
        ([1, 2, 3, 4, 5], "x", "knn:4", InvalidInput, "needs at least 6 places"),
        ([1, 2, 3, 4, np.nan], "x", "knn:3", InvalidInput, "there are 4"),
        ([1, 2, 3, 4, 5], "x", "contiguity", InvalidInput, "contiguity is for polygons"),
        ([1, 2, 3, 4, 5], "x", "nearest", InvalidInput, "write knn:8"),
    ],
)
def test_what_cannot_be_answered(values, column, rule, family, text):
    with pytest.raises(family, match=text) as caught:
        gi_star(line(values), column, neighbours=rule)
    assert "\n" not in str(caught.value)


def test_columns_of_the_result_are_not_overwritten():
    with pytest.raises(InvalidInput, match="already has the columns p, class"):
        gi_star(line([1, 2, 3, 4, 5]).assign(p=1.0, **{"class": "a"}), "x")


# Values of one size: laws hold up to rounding, so they are not asked of 1e-300 beside 1.
magnitudes = arrays(float, 40, elements=st.integers(-1000, 1000).map(float))


@settings(max_examples=40, deadline=None)
@given(x=magnitudes, scale=st.floats(0.01, 100.0), shift=st.floats(-1e4, 1e4))
def test_units_do_not_matter(x, scale, shift):
    assume(np.ptp(x) > 0)
    z = gi_star(scattered(40, values=x), "x")["z"]
    assert np.allclose(gi_star(scattered(40, values=scale * x + shift), "x")["z"], z, rtol=0.0, atol=1e-6)
    assert np.allclose(gi_star(scattered(40, values=-scale * x + shift), "x")["z"], -z, rtol=0.0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(x=magnitudes, seed=st.integers(0, 10_000))
def test_the_order_of_places_does_not_matter(x, seed):
    frame = scattered(40, values=x)
    order = np.random.default_rng(seed).permutation(40)
    expected, out = gi_star(frame, "x"), gi_star(frame.iloc[order], "x")
    assert np.allclose(out["z"].sort_index(), expected["z"], rtol=0.0, atol=1e-9, equal_nan=True)
    assert out["n_neighbours"].sort_index().equals(expected["n_neighbours"])


def test_a_large_offset_costs_no_digits():
    frame = scattered(60)
    z = gi_star(frame, "x")["z"]
    assert np.allclose(gi_star(frame.assign(x=frame["x"] + 1e9), "x")["z"], z, rtol=0.0, atol=1e-4)


@given(p=arrays(float, st.integers(1, 30), elements=st.floats(0.0, 1.0)))
def test_adjustment_agrees_with_scipy(p):
    for level in (0.05, 0.10, 0.5):
        assert np.array_equal(discoveries(p, level), benjamini_hochberg(p) <= level)
    assert np.allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12, atol=0.0)


def test_adjustment_of_the_published_table():
    # Benjamini and Hochberg 1995, section 4.1: 15 p values, of which the procedure rejects four at 5 %.
    p = np.array(
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
        + [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    )
    assert (benjamini_hochberg(p) <= 0.05).sum() == 4
    assert discoveries(np.insert(p, 3, np.nan), 0.05).sum() == 4
    with_gap = benjamini_hochberg(np.insert(p, 3, np.nan))
    assert np.isnan(with_gap[3])
    assert np.array_equal(np.delete(with_gap, 3), benjamini_hochberg(p))


def test_classes_are_those_of_the_levels():
    z = np.array([4.0, 4.0, 4.0, 4.0, -4.0, -4.0, np.nan])
    p = np.array([0.01, 0.011, 0.05, 0.10, 0.001, 0.2, np.nan])
    assert np.array_equal(confidence_class(z, p), [3, 2, 2, 1, -3, 0, np.nan], equal_nan=True)


def test_an_empty_file_says_that_it_is_empty():
    nothing = gpd.GeoDataFrame({"x": np.array([], dtype=object)}, geometry=[], crs=4326)
    with pytest.raises(MissingData, match="the input has no rows"):
        gi_star(nothing, "x")
