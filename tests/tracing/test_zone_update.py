"""Measurements and the ensemble: a case by hand, laws, and twins whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from geo.errors import InvalidInput
from tracing.drift import drifting_puffs, table_paths
from tracing.measured_kernel import effective_size, log_likelihood, systematic, weights
from tracing.plume import downwind_from_east_north
from tracing.release import Air, Release
from tracing.zone_ensemble import Member, Spread, chances, members, model_of
from tracing.zone_update import Measured, expected_of, scaled, smoothed, updated, updated_puffs

RELEASE = Release(119.2, 34.6, 500.0, 2.0)
AIR = Air(3.0, 45.0, stability="D")
WIDE = Spread(15.0, 0.2, 0.5, 0.1, 10.0)


def test_likelihood_by_hand() -> None:
    # One place, log_sd 1, floor negligible: the log-likelihood is -0.5 ln(8 / (2 f))^2.
    found = log_likelihood(np.array([8.0]), np.array([[2.0]]), np.array([1.0, 4.0]), floor=1e-12, log_sd=1.0)
    assert found == pytest.approx(np.array([[-0.5 * np.log(4.0) ** 2, 0.0]]), abs=1e-9)
    assert weights(np.array([[0.0, np.log(3.0)]])) == pytest.approx(np.array([[0.25, 0.75]]))
    assert effective_size(np.full(8, 1 / 8)) == pytest.approx(8.0)
    assert systematic(np.array([0.5, 0.0, 0.5]), 4, 0.5).tolist() == [0, 0, 2, 2]


def measured(air: Air, release: Release, rng: np.random.Generator, error: float = 1.3, n: int = 6) -> Measured:
    """Return what a crew would read around the axis that it believes in: 300 to 1500 m downwind, up to 200 m aside."""
    along, aside = rng.uniform(300.0, 1_500.0, n), rng.uniform(-200.0, 200.0, n)
    toward = np.radians(AIR.wind_from_deg + 180.0)
    east = along * np.sin(toward) - aside * np.cos(toward)
    north = along * np.cos(toward) + aside * np.sin(toward)
    x, y = downwind_from_east_north(east, north, air.wind_from_deg)
    true = model_of(release, air).concentration(x, y, np.full(n, 1.5))
    value = true * np.exp(np.log(error) * rng.standard_normal(n))
    return Measured(east, north, np.full(n, 1.5), value, float(np.log(1.5)), 0.05)


def test_twins_narrow_the_bands_and_cover_the_truth() -> None:
    inside, narrower, reaches, surer = [], [], [], []
    before = _reach_band(members(RELEASE, AIR, WIDE, count=60, rng=np.random.default_rng(0)))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        # The truth is drawn from what was believed: rate, direction, speed and class all differ from what was given.
        factor = float(np.exp(rng.uniform(np.log(0.1), np.log(10.0))))
        air = members(RELEASE, AIR, WIDE, count=10, rng=rng)[0].model.air
        truth = scaled(RELEASE, factor)
        found = updated(RELEASE, AIR, WIDE, measured(air, truth, rng), count=60, rng=rng)
        low, high = found.factors
        inside.append(low <= factor <= high)
        narrower.append(np.log(high / low) / np.log(100.0))
        p5, p95 = _reach_band(found.members)
        reaches.append(p5 <= _reach_band([Member(model_of(truth, air))])[0] <= p95)
        surer.append(p95 / p5 < before[1] / before[0])
    # Fewer than 32 of 40 inside a 90 % interval would be chance in 2 of 100 runs.
    assert sum(inside) >= 32
    assert sum(reaches) >= 32
    assert np.median(narrower) < 0.5
    assert np.mean(surer) >= 0.8


def _reach_band(ensemble: list[Member]) -> tuple[float, float]:
    """Return the 5th and 95th percentile of how far 20 mg/m3 reaches (m); at least 1."""
    found = chances(ensemble, 20.0, z_m=1.5)
    low, high = (1.0, 1.0) if found is None else np.percentile(np.maximum(found.reaches_m, 1.0), (5, 95))
    return float(low), float(high)


def test_the_wind_is_found() -> None:
    rng = np.random.default_rng(3)
    truth = Air(3.0, 60.0, stability="D")
    found = updated(RELEASE, AIR, WIDE, measured(truth, RELEASE, rng, error=1.05, n=12), count=100, rng=rng)
    assert found.air.wind_from_deg == pytest.approx(60.0, abs=4.0)
    assert found.wind_from_sd < 6.0
    assert found.factors[0] <= 1.0 <= found.factors[1]
    assert not found.missed


@pytest.mark.parametrize("air", [Air(0.5, 45.0, stability="F"), Air(3.0, 45.0, obukhov_m=-30.0, ustar_m_s=0.3)])
def test_calm_and_on_site_air(air: Air) -> None:
    place = Measured(np.array([-200.0]), np.array([-200.0]), np.array([1.5]), np.array([50.0]))
    found = updated(RELEASE, air, WIDE, place, count=20, rng=np.random.default_rng(1))
    assert len(found.members) == 20
    assert (found.air.stability is None) == (air.stability is None)


def test_more_measured_is_more_released() -> None:
    place = {"east": np.array([-500.0]), "north": np.array([-500.0]), "up": np.array([1.5])}
    medians = [
        updated(
            RELEASE, AIR, WIDE, Measured(**place, value=np.array([value])), count=40, rng=np.random.default_rng(1)
        ).factor
        for value in (1.0, 10.0, 100.0)
    ]
    assert medians == sorted(medians)
    assert medians[-1] > 3.0 * medians[0]


def test_nothing_measured_is_told_too() -> None:
    nothing = Measured(np.array([-500.0]), np.array([-500.0]), np.array([1.5]), np.array([0.0]), floor=0.05)
    found = updated(RELEASE, AIR, WIDE, nothing, count=40, rng=np.random.default_rng(1))
    turns = [abs((one.wind_from_deg - 45.0 + 180.0) % 360.0 - 180.0) for one in found.members]
    # Either little escaped, or the wind blows it past the place.
    assert found.factor < 1.0
    assert np.mean(turns) > 10.0


def test_what_cannot_be_explained_is_said() -> None:
    upwind = Measured(np.array([800.0]), np.array([800.0]), np.array([1.5]), np.array([500.0]))
    assert updated(RELEASE, AIR, WIDE, upwind, count=40, rng=np.random.default_rng(1)).missed


def test_puffs_in_a_changing_wind_are_turned_and_scaled() -> None:
    seconds, toward, speed = np.array([0.0, 1_200.0, 3_600.0]), np.radians([225.0, 225.0, 270.0]), 4.0
    release = Release(119.2, 34.6, 500.0, 2.0)
    east, north = speed * np.sin(toward), speed * np.cos(toward)
    paths = table_paths(release, seconds, east, north, followed_s=2_400.0)
    air = Air(speed, 45.0, stability="D")
    believed = drifting_puffs(release, "D", paths, air=air, source_zh="", source_en="")
    # The truth: three times as much, all winds turned by 10 degrees clockwise.
    turned = np.radians(10.0)
    moved = table_paths(
        scaled(release, 3.0),
        seconds,
        east * np.cos(turned) + north * np.sin(turned),
        north * np.cos(turned) - east * np.sin(turned),
        followed_s=2_400.0,
    )
    truth = drifting_puffs(scaled(release, 3.0), "D", moved, air=air, source_zh="", source_en="")
    places = np.array([[-500.0, -350.0], [-400.0, -400.0], [-350.0, -220.0], [-700.0, -560.0]]).T
    up = np.full(4, 1.5)
    seen = Measured(*places, up, truth.concentration(*places, up), float(np.log(1.3)), 0.01)
    made, found = updated_puffs(believed, seen, direction_deg=15.0, low=0.1, high=10.0, rng=np.random.default_rng(1))
    assert found.factors[0] <= 3.0 <= found.factors[1]
    assert found.factor == pytest.approx(3.0, rel=0.25)
    assert made.air.wind_from_deg == pytest.approx(55.0, abs=2.0)
    assert made.concentration(*places, up) == pytest.approx(seen.value, rel=0.5)
    # A reading of a time before the gas arrives is nothing, whatever comes later.
    early = replace(seen, seconds=np.array([np.nan, np.nan, 30.0, 30.0]))
    assert expected_of(truth, early).tolist() == pytest.approx([*seen.value[:2], 0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("value", [[], [-1.0], [np.nan]])
def test_impossible_values_are_refused(value: list[float]) -> None:
    n = len(value)
    with pytest.raises(InvalidInput, match="0 or above"):
        Measured(np.zeros(n), np.zeros(n), np.zeros(n), np.array(value))


def test_kernels_keep_the_mean_and_the_spread_of_what_was_drawn() -> None:
    winds = np.random.default_rng(5).normal(358.0, 6.0, 400) % 360.0
    middles, width = smoothed(winds, 40.0)
    off = (middles - 358.0 + 180.0) % 360.0 - 180.0
    drawn = (winds - 358.0 + 180.0) % 360.0 - 180.0
    assert off.mean() == pytest.approx(drawn.mean(), abs=0.02)
    assert np.hypot(off.std(), width) == pytest.approx(drawn.std(), rel=0.01)
    assert 0.0 < width < drawn.std()
