import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from tracing.mann_kendall_kernel import mann_kendall_z

# Computed with pymannkendall 1.4.3 (original_test and hamed_rao_modification_test).
WAVE = [10.0, 11.2, 12.3, 13.1, 13.7, 14.0, 13.9, 13.6, 13.0, 12.2, 11.4, 10.7, 10.1, 9.8, 9.8, 10.1, 10.8, 11.7, 12.8]
WAVE += [14.0, 15.1, 16.2, 17.0, 17.5]
TIED = [3.1, 2.4, 3.3, 3.3, 4.0, 3.8, 4.4, 4.1, 5.2, 4.9, 4.9, 5.6, 5.1, 6.0, 5.5]


def z_of(x, **options):
    return mann_kendall_z(np.array([x], dtype=float), **options)[0]


def test_a_case_computed_by_hand():
    # Six pairs of 1 2 2 4: five rises, one tie. Variance (4 3 13 - 2 1 9) / 18 = 138 / 18.
    assert z_of([1, 2, 2, 4]) == pytest.approx(4 / np.sqrt(138 / 18), abs=1e-12)
    assert z_of([4, 2, 2, 1]) == pytest.approx(-4 / np.sqrt(138 / 18), abs=1e-12)


def test_published_values_of_another_program():
    assert z_of(TIED) == pytest.approx(4.167139705168931, abs=1e-12)
    assert z_of(WAVE) == pytest.approx(1.4896395853034867, abs=1e-12)
    assert z_of(WAVE, autocorrelation=True) == pytest.approx(0.9875484178010722, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(x=arrays(float, st.integers(4, 40), elements=st.integers(0, 9).map(float)))
def test_kendalls_tau_of_scipy_agrees(x):
    tau = stats.kendalltau(np.arange(x.size), x, method="asymptotic")
    s = sum(np.sign(x[j] - x[i]) for i in range(x.size) for j in range(i + 1, x.size))
    assume(abs(s) > 1)
    # Without the continuity correction the two are the same test.
    assert 2 * stats.norm.sf(abs(z_of(x) * s / (abs(s) - 1))) == pytest.approx(tau.pvalue, abs=1e-9)


def test_gaps_are_passed_over_and_short_series_not_tested():
    assert z_of([1, np.nan, 2, 2, np.nan, 4]) == z_of([1, 2, 2, 4])
    assert np.isnan(z_of([1, 2, 3, np.nan]))
    assert z_of([5.0] * 12) == 0.0
    assert z_of([5.0] * 12, autocorrelation=True) == 0.0


def test_threads_do_not_change_the_answer():
    x = np.random.default_rng(1).normal(size=(3000, 20))
    assert np.array_equal(mann_kendall_z(x, threads=1), mann_kendall_z(x, threads=3))


def test_autocorrelated_noise_has_fewer_false_trends_when_corrected():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1000, 120))
    for step in range(1, 120):
        x[:, step] += 0.6 * x[:, step - 1]
    plain, corrected = ((np.abs(mann_kendall_z(x, autocorrelation=a)) > 1.96).mean() for a in (False, True))
    assert plain > 0.2
    # The method is known to be liberal: it lessens the false trends, it does not remove them.
    assert corrected < 0.65 * plain
    assert (np.abs(mann_kendall_z(rng.normal(size=(2000, 30)))) > 1.96).mean() == pytest.approx(0.05, abs=0.02)
