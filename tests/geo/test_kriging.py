"""Kriging against the full system solved directly, scikit-learn's Gaussian process, and its own laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from geo import idw_kernel, kriging_kernel
from geo.variogram_kernel import MODELS, Variogram, candidates, empirical, fit, structure


def places(count: int, seed: int = 0, size: float = 50_000.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, size, (count, 2))
    return x, 60.0 + 20.0 * np.sin(x[:, 0] / 12_000.0) + 10.0 * np.cos(x[:, 1] / 9_000.0) + rng.normal(0, 3, count)


def one(x: np.ndarray) -> np.ndarray:
    return np.ones((len(x), 1))


def direct(x, z, targets, variogram, trend, target_trend):
    """The textbook system with Lagrange multipliers, in semivariances, solved whole for all places."""
    n, p = trend.shape
    gamma = variogram.at(np.linalg.norm(x[:, None] - x, axis=2))
    system = np.block([[gamma, trend], [trend.T, np.zeros((p, p))]])
    right = np.vstack([variogram.at(np.linalg.norm(x[:, None] - targets, axis=2)), target_trend.T])
    solved = np.linalg.solve(system, right)
    return z @ solved[:n], (solved * right).sum(axis=0), solved[:n].sum(axis=0)


VARIOGRAMS = [Variogram(m, nugget, 90.0, 25_000.0) for m in MODELS for nugget in (0.5, 12.0)]


@pytest.mark.parametrize("variogram", VARIOGRAMS)
def test_ordinary_kriging_is_the_direct_solution(variogram):
    x, z = places(40)
    targets, _ = places(25, seed=5)
    ready = kriging_kernel.system(x, z, one(x), variogram)
    value, variance = kriging_kernel.predict(ready, targets, one(targets))
    expected, expected_variance, sums = direct(x, z, targets, variogram, one(x), one(targets))
    assert_allclose(sums, 1.0, atol=1e-9)
    assert_allclose(value, expected, rtol=1e-7)
    assert_allclose(variance, expected_variance, rtol=1e-6)


@pytest.mark.parametrize("variogram", VARIOGRAMS)
def test_kriging_with_drift_is_the_direct_solution(variogram):
    x, z = places(40)
    targets, _ = places(25, seed=5)
    trend, target_trend = (np.column_stack([one(a), np.sin(a[:, 0] / 9e3), a[:, 1] / 5e4]) for a in (x, targets))
    ready = kriging_kernel.system(x, z, trend, variogram)
    value, variance = kriging_kernel.predict(ready, targets, target_trend)
    expected, expected_variance, _ = direct(x, z, targets, variogram, trend, target_trend)
    assert_allclose(value, expected, rtol=1e-7)
    assert_allclose(variance, expected_variance, rtol=1e-6)


@pytest.mark.parametrize("model", ["gaussian", "exponential"])
def test_without_its_trend_it_is_a_gaussian_process(model):
    """Simple kriging is a Gaussian process with the same covariance."""
    x, z = places(60)
    targets, _ = places(30, seed=5)
    sill, nugget, reach = 90.0, 4.0, 25_000.0
    shape = RBF(reach / np.sqrt(6.0)) if model == "gaussian" else Matern(reach / 3.0, nu=0.5)
    peer = GaussianProcessRegressor(ConstantKernel(sill) * shape, alpha=nugget, optimizer=None)
    mean, sd = peer.fit(x, z - 60.0).predict(targets, return_std=True)
    ready = kriging_kernel.system(x, z, one(x), Variogram(model, nugget, sill, reach))
    k = kriging_kernel.correlation(targets - ready.origin, ready.places, ready.variogram)
    white = np.linalg.solve(ready.factor, k.T)
    assert_allclose(k @ np.linalg.solve(ready.factor @ ready.factor.T, z - 60.0), mean, rtol=1e-8, atol=1e-8)
    assert_allclose((sill + nugget) * (1.0 - (white**2).sum(axis=0)), sd**2 + nugget, rtol=1e-7)


def test_three_stations_by_hand():
    """An equilateral triangle: at its centre all weights are a third; variance 2 c - gamma mean, written out."""
    x = np.array([[0.0, 0.0], [6_000.0, 0.0], [3_000.0, 3_000.0 * np.sqrt(3.0)]])
    centre = x.mean(axis=0)[None]
    variogram = Variogram("exponential", 1.0, 10.0, 9_000.0)
    ready = kriging_kernel.system(x, np.array([10.0, 20.0, 60.0]), one(x), variogram)
    value, variance = kriging_kernel.predict(ready, centre, one(centre))
    far, near = variogram.at(np.array([6_000.0, 6_000.0 / np.sqrt(3.0)]))
    assert_allclose(value, 30.0)
    assert_allclose(variance, 2.0 * near - 2.0 * far / 3.0)


@pytest.mark.parametrize("variogram", VARIOGRAMS)
def test_at_the_stations_it_is_exact(variogram):
    x, z = places(50)
    ready = kriging_kernel.system(x, z, one(x), variogram)
    value, variance = kriging_kernel.predict(ready, x, one(x))
    assert_allclose(value, z, rtol=1e-8)
    assert_allclose(variance, 0.0, atol=1e-6)


def test_leave_one_out_is_leaving_each_out():
    x, z = places(25)
    variogram = Variogram("spherical", 3.0, 90.0, 25_000.0)
    trend = np.column_stack([one(x), x[:, 0] / 5e4])
    residual, variance = kriging_kernel.leave_one_out(kriging_kernel.system(x, z, trend, variogram))
    for i in range(len(z)):
        rest = np.arange(len(z)) != i
        ready = kriging_kernel.system(x[rest], z[rest], trend[rest], variogram)
        value, error = kriging_kernel.predict(ready, x[[i]], trend[[i]])
        assert_allclose(z[i] - value[0], residual[i], rtol=1e-7)
        assert_allclose(error[0], variance[i], rtol=1e-7)


@given(
    shift=st.floats(-1e3, 1e3),
    scale=st.floats(0.01, 100.0),
    angle=st.floats(0.0, 6.3),
    east=st.floats(-1e5, 1e5),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_shift_scale_and_rotation(shift, scale, angle, east, seed):
    x, z = places(30, seed)
    targets, _ = places(10, seed + 1)
    variogram = Variogram("exponential", 2.0, 90.0, 25_000.0)
    value, variance = kriging_kernel.predict(kriging_kernel.system(x, z, one(x), variogram), targets, one(targets))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scaled = Variogram("exponential", 2.0 * scale**2, 90.0 * scale**2, 25_000.0)
    ready = kriging_kernel.system(x @ turn.T + east, shift + scale * z, one(x), scaled)
    moved, moved_variance = kriging_kernel.predict(ready, targets @ turn.T + east, one(targets))
    assert_allclose(moved, shift + scale * value, rtol=1e-6, atol=1e-5 * scale)
    assert_allclose(moved_variance, scale**2 * variance, rtol=1e-5)


@pytest.mark.parametrize("variogram", [VARIOGRAMS[1], VARIOGRAMS[2], VARIOGRAMS[5]])
def test_many_stations_take_those_around_for_the_variance_only(variogram):
    x, z = places(kriging_kernel.EXACT_STATIONS + 100, size=60_000.0)
    targets, _ = places(400, seed=3, size=60_000.0)
    ready = kriging_kernel.system(x, z, one(x), variogram)
    value, variance = kriging_kernel.predict(ready, targets, one(targets))
    expected, exact, _ = direct(x, z, targets[:40], variogram, one(x), one(targets[:40]))
    assert_allclose(value[:40], expected, rtol=1e-7)
    assert (variance[:40] >= exact * (1.0 - 1e-6)).all()
    assert_allclose(variance[:40], exact, rtol=0.03, atol=1e-6 * variogram.sill)


def test_tiles_hold_each_place_once():
    x, _ = places(1000)
    groups = kriging_kernel.tiles(x)
    assert sorted(np.concatenate(groups)) == list(range(1000))
    assert max(map(len, groups)) <= 128


def test_same_places_and_dependent_trends_are_refused():
    x, z = places(12)
    variogram = Variogram("exponential", 0.0, 90.0, 25_000.0)
    twice = np.vstack([x, x[:1]])
    with pytest.raises(np.linalg.LinAlgError):
        kriging_kernel.system(twice, np.append(z, z[0]), one(twice), variogram)
    with pytest.raises(np.linalg.LinAlgError, match="depend"):
        kriging_kernel.system(x, z, np.column_stack([one(x), x[:, 0], 2.0 * x[:, 0] + 1.0]), variogram)


def test_semivariance_by_hand():
    """Four places on a line: three pairs 1 km apart, two at 2 km, one at 3 km."""
    x = np.column_stack([np.arange(4) * 1000.0, np.zeros(4)])
    lags = empirical(x, np.array([1.0, 3.0, 2.0, 6.0]), cutoff_m=3000.0)
    assert lags.distance_m.tolist() == [1000.0, 2000.0, 3000.0]
    assert lags.pairs.tolist() == [3, 2, 1]
    assert_allclose(lags.semivariance, [(4 + 1 + 16) / 6.0, (1 + 9) / 4.0, 25 / 2.0])


@pytest.mark.parametrize("model", MODELS)
def test_a_variogram_is_found_again(model):
    x, z = places(60)
    lags = empirical(x, z)
    truth = Variogram(model, 5.0, 40.0, 18_000.0)
    exact = lags._replace(semivariance=truth.at(lags.distance_m))
    found, error = fit(exact, model)
    assert_allclose(found[1:], truth[1:], rtol=1e-3)
    assert error < 1e-6
    again, _ = fit(exact, model, "semivariance")
    assert_allclose(again[1:], truth[1:], rtol=1e-3)


def test_no_fit_is_negative():
    x, _ = places(30)
    lags = empirical(x, np.arange(30.0))
    for falling in (np.linspace(9.0, 1.0, len(lags.pairs)), np.linspace(0.0, 90.0, len(lags.pairs)) ** 2):
        for model in MODELS:
            found, _ = fit(lags._replace(semivariance=falling), model)
            assert found.nugget >= 0.0
            assert found.partial_sill >= 0.0


def test_the_variogram_under_which_stations_tell_each_other_best():
    x, z = places(80)
    made = candidates(empirical(x, z))
    assert len(made) == 6
    best = kriging_kernel.best_of(x, z, one(x), made)
    scores = {}
    for variogram in made:
        residual, variance = kriging_kernel.leave_one_out(kriging_kernel.system(x, z, one(x), variogram))
        scores[variogram] = (np.log(variance) + residual**2 / variance).mean()
    assert scores[best] == min(scores.values())
    unsolvable = Variogram("gaussian", 0.0, 90.0, 5e8)
    assert kriging_kernel.best_of(x, z, one(x), [unsolvable, best]) == best
    for none in ([], [unsolvable]):
        with pytest.raises(np.linalg.LinAlgError, match="no variogram"):
            kriging_kernel.best_of(x, z, one(x), none)


def test_stations_that_do_not_differ_have_no_variogram():
    x, _ = places(20)
    assert candidates(empirical(x, np.full(20, 7.0))) == []


@pytest.mark.parametrize("model", MODELS)
def test_practical_range(model):
    assert structure(model, np.array([0.0]))[0] == 0.0
    assert structure(model, np.array([1.0]))[0] >= 0.95
    assert np.diff(structure(model, np.linspace(0, 2, 50))).min() >= 0.0


def test_inverse_distance():
    x = np.array([[0.0, 0.0], [3000.0, 0.0]])
    z = np.array([10.0, 40.0])
    found = idw_kernel.predict(x, z, np.array([[1000.0, 0.0], [0.0, 0.0], [1500.0, 9e5]]), 2.0)
    assert_allclose(found, [(10.0 * 4.0 + 40.0) / 5.0, 10.0, 25.0])
    assert_allclose(idw_kernel.leave_one_out(x, z, 2.0), [-30.0, 30.0])
    x, z = places(40)
    everywhere = idw_kernel.predict(x, z, places(200, seed=9)[0], 10.0)
    assert z.min() <= everywhere.min()
    assert everywhere.max() <= z.max()
    rest = np.arange(40) != 7
    assert_allclose(z[7] - idw_kernel.predict(x[rest], z[rest], x[[7]], 2.0), idw_kernel.leave_one_out(x, z, 2.0)[7])
