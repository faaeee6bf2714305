from itertools import permutations as orders

import geopandas as gpd
import numpy as np
import pytest
from scipy import stats
from scipy.sparse import csr_array

from tracing.hotspots import gi_star
from tracing.permutation_kernel import conditional_z, permutation_p


def ring(n, k):
    cols = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    return csr_array((np.ones(n * k), cols.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))


def every_order(x, weights, place):
    """Return the sums of one place over every order of the other values."""
    others = np.delete(np.arange(x.size), place)
    row = weights.toarray()[place, others]
    return np.array([row @ np.array(order) for order in orders(x[others])])


def uneven(n, seed):
    dense = np.random.default_rng(seed).random((n, n)) * (np.random.default_rng(seed + 1).random((n, n)) < 0.4)
    np.fill_diagonal(dense, 0.0)
    return csr_array(dense)


@pytest.mark.parametrize("weights", [ring(7, 3), uneven(7, 4)], ids=["alike", "uneven"])
def test_every_order_of_a_small_case_gives_the_same_p_and_moments(weights):
    x, draws = np.array([1.0, 1.0, 2.0, 5.0, 3.0, 8.0, 2.0]), 40_000
    p, z = permutation_p(x, weights, draws, 1), conditional_z(x, weights)
    for place in range(7):
        if weights.indptr[place] == weights.indptr[place + 1]:
            assert np.isnan(p[place])
            continue
        sums = every_order(x, weights, place)
        seen = (weights @ x)[place]
        exact = min(1.0, 2 * min((sums >= seen - 1e-9).mean(), (sums <= seen + 1e-9).mean()))
        assert p[place] == pytest.approx(exact, abs=5 / np.sqrt(draws))
        assert z[place] == pytest.approx((seen - sums.mean()) / sums.std(), abs=1e-9)


def test_equal_weights_and_general_weights_take_the_same_draws():
    x = np.random.default_rng(2).normal(size=200)
    alike = ring(200, 6)
    general = alike.copy()
    general.data[::7] += 1e-14
    assert np.array_equal(permutation_p(x, alike, 199, 5), permutation_p(x, general, 199, 5))


def test_the_answer_does_not_depend_on_the_number_of_threads():
    x, weights = np.random.default_rng(2).normal(size=5000), ring(5000, 8)
    alone = permutation_p(x, weights, 99, 7, threads=1)
    assert np.array_equal(permutation_p(x, weights, 99, 7, threads=2), alone)
    assert np.array_equal(permutation_p(x, weights, 99, 7, threads=5), alone)
    assert not np.array_equal(permutation_p(x, weights, 99, 8), alone)


def test_noise_gives_uniform_p_values():
    x, weights = np.random.default_rng(3).normal(size=4000), ring(4000, 5)
    p = permutation_p(x, weights, 999, 1)
    # Neighbouring sums share values: every sixth place is independent.
    assert stats.kstest(p[::6], "uniform").pvalue > 1e-3
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_ties_count_on_both_sides():
    x = np.zeros(50)
    x[0] = 1.0
    # Almost every draw is all zeros, as was seen: nothing is surprising.
    assert permutation_p(x, ring(50, 3), 199, 1)[10] == 1.0


def test_everything_a_neighbour_or_nothing_is_not_tested():
    weights = csr_array(np.array([[0, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]], dtype=float))
    p, z = permutation_p(np.array([1.0, 2.0, 4.0, 9.0]), weights, 99, 1), conditional_z(np.arange(4.0), weights)
    assert np.isnan(p).tolist() == [True, False, True, False]
    assert np.isnan(z).tolist() == [True, False, True, False]


def scattered(values):
    rng = np.random.default_rng(1)
    points = gpd.points_from_xy(rng.uniform(118.5, 119.9, values.size), rng.uniform(34.0, 35.1, values.size))
    return gpd.GeoDataFrame({"x": values}, geometry=points, crs=4326)


def test_a_smallest_p_that_the_correction_cannot_pass_is_said():
    out = gi_star(scattered(np.random.default_rng(9).normal(size=200)), "x", permutations=99)
    assert out["p"].min() >= 2 / 100
    assert out.attrs["warnings"] == [
        "With 99 permutations no p is below 0.02: fewer than 40 places at that p cannot become a hot or cold spot "
        "after the correction; more permutations can tell them."
    ]


@pytest.mark.parametrize("permutations", [0, 999])
def test_pure_noise_gives_no_more_false_hot_spots_than_promised(permutations):
    found = 0
    for seed in range(100):
        frame = scattered(np.random.default_rng(seed + 500).normal(size=100))
        found += int((gi_star(frame, "x", permutations=permutations, seed=seed)["class"].abs() >= 2).any())
    # At most 5 of 100 noise fields may show a spot at 95 %; three standard deviations more.
    assert found <= 11
