"""The expectation from the past: windows that slide against windows that are gathered anew for each hour."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing.past_kernel import past_median, past_spread


def rows_of(hour, days, reach):
    """Return the rows of an hour's past as its definition has them."""
    rows = np.array([hour - 24 * day + step for day in range(1, days + 1) for step in range(-reach, reach + 1)])
    return rows[rows >= 0]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    hours=st.integers(1, 24 * 6),
    days=st.integers(1, 4),
    reach=st.integers(0, 11),
    gaps=st.sampled_from([0.0, 0.1, 0.7]),
    ties=st.booleans(),
)
def test_past_and_spread_are_what_their_definition_says(seed, hours, days, reach, gaps, ties):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (hours, 2)).astype(float) if ties else rng.normal(size=(hours, 2))
    values[rng.random(values.shape) < gaps] = np.nan
    median = past_median(values, np.empty((*values.shape, 0)), days, reach, 30, 3)
    centre, spread = past_spread(values, days, reach, 3)
    for hour, place in np.ndindex(values.shape):
        past = values[rows_of(hour, days, reach), place]
        past = past[~np.isnan(past)]
        if past.size < 3:
            assert np.isnan([median[hour, place], centre[hour, place], spread[hour, place]]).all()
            continue
        assert median[hour, place] == centre[hour, place] == pytest.approx(np.median(past), abs=1e-12)
        assert spread[hour, place] == pytest.approx(
            np.ptp(np.percentile(past, [25, 75])) / 1.34898, rel=1e-5, abs=1e-12
        )


def test_weather_takes_the_hours_that_are_alike():
    hours = 24 * 12
    calm = (np.arange(hours) // 24) % 2 == 0
    values = np.where(calm, 3.0, 1.0)[:, None] + np.random.default_rng(0).normal(0, 1e-3, (hours, 1))
    weather = np.where(calm, 0.5, 6.0)[:, None, None] + np.zeros((hours, 1, 1))
    expected = past_median(values, weather, 10, 2, 8, 8)
    assert expected[-24:, 0] == pytest.approx(np.where(calm, 3.0, 1.0)[-24:], abs=0.01)
    weather[-1] = np.nan
    blind = past_median(values, weather, 10, 2, 8, 8)
    assert blind[-1, 0] == pytest.approx(past_median(values, np.empty((hours, 1, 0)), 10, 2, 8, 8)[-1, 0])


@pytest.mark.parametrize("ties", [False, True])
def test_the_alike_are_those_of_a_stable_sort(ties):
    rng = np.random.default_rng(7)
    hours, days, reach, nearest = 24 * 9, 8, 2, 12
    values = rng.normal(size=(hours, 1))
    values[rng.random(hours) < 0.1] = np.nan
    weather = rng.integers(0, 3, (hours, 1, 2)).astype(float) if ties else rng.normal(size=(hours, 1, 2))
    weather[rng.random(hours) < 0.1, 0, 0] = np.nan
    got = past_median(values, weather, days, reach, nearest, 4)
    for hour in range(hours):
        rows = rows_of(hour, days, reach)
        rows = rows[~np.isnan(values[rows, 0])]
        if rows.size < 4:
            assert np.isnan(got[hour, 0])
            continue
        kept = rows
        if not np.isnan(weather[hour]).any():
            apart = weather[rows, 0] - weather[hour, 0]
            spread = np.nanvar(apart, axis=0)
            away = (apart**2 / np.where(spread > 0.0, spread, np.inf)).sum(axis=1)
            order = np.argsort(np.where(np.isnan(away), np.inf, away), kind="stable")[:nearest]
            kept = rows[order[~np.isnan(away[order])]]
        if kept.size < 4:
            assert np.isnan(got[hour, 0])
            continue
        assert got[hour, 0] == pytest.approx(np.median(values[kept, 0]), abs=1e-12)
