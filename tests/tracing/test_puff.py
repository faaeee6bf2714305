"""Short releases and calm air: mass, limits, symmetry, an independent sum of puffs; numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput
from tracing import calm_kernel
from tracing.calm import calm_cloud
from tracing.plume import PlumeOptions, release_plume
from tracing.plume_kernel import CLASSES
from tracing.plume_rise import briggs_rise, buoyancy_flux
from tracing.plume_zone import zone
from tracing.release import Air, Release

ON_SITE = {"obukhov_m": -30.0, "ustar_m_s": 0.35}


def release(**changes: float | None) -> Release:
    return Release(**({"lon": 119.2, "lat": 34.6, "rate_g_s": 100.0, "height_m": 2.0} | changes))


def at_once(mass_g: float = 1e6, **changes: float) -> Release:
    return release(rate_g_s=None, mass_g=mass_g, **changes)


def air(speed: float = 3.0, **changes: object) -> Air:
    stability = {} if "obukhov_m" in changes else {"stability": "D"}
    return Air(**({"wind_speed_m_s": speed, "wind_from_deg": 90.0} | stability | changes))


X = np.array([50.0, 300.0, 1_000.0, 5_000.0])


@pytest.mark.parametrize("weather", [{}, ON_SITE])
def test_a_long_release_is_the_steady_plume(weather: dict) -> None:
    steady = release_plume(release(), air(**weather)).concentration(X, 5.0, 1.5)
    long = release_plume(release(duration_s=86_400.0), air(**weather)).concentration(X, 5.0, 1.5)
    np.testing.assert_allclose(long, steady, rtol=1e-9)


@pytest.mark.parametrize("weather", [{}, ON_SITE])
def test_a_short_release_of_a_mass_is_the_puff(weather: dict) -> None:
    short = release_plume(at_once(duration_s=0.01), air(**weather)).concentration(X, 0.0, 1.5)
    puff = release_plume(at_once(), air(**weather)).concentration(X, 0.0, 1.5)
    np.testing.assert_allclose(short, puff, rtol=1e-4)


@given(st.floats(1.0, 7_200.0), st.floats(1.1, 5.0))
@settings(max_examples=30, deadline=None)
def test_a_longer_release_at_one_rate_is_never_less_dense_on_its_axis(seconds: float, longer: float) -> None:
    # Within one averaging class of meandering: past ten minutes the spread across the wind no longer changes.
    weather, long = air(), max(seconds, 600.0)
    first = release_plume(release(duration_s=long), weather).concentration(X, 0.0, 1.5)
    second = release_plume(release(duration_s=long * longer), weather).concentration(X, 0.0, 1.5)
    assert (second >= first * (1.0 - 1e-12)).all()


@pytest.mark.parametrize("source", [at_once(), release(duration_s=300.0)])
@pytest.mark.parametrize("weather", [{}, {"mixing_height_m": 400.0}])
def test_all_that_escapes_passes_each_plane(source: Release, weather: dict) -> None:
    plume, x = release_plume(source, air(**weather)), 1_000.0
    y, z = np.linspace(-400.0, 400.0, 81), np.linspace(0.0, 400.0, 81)
    speed = float(plume.transport(np.array([x]))[0])
    times = np.linspace(0.5, x / speed + 700.0, 350)
    grid_y, grid_z = np.meshgrid(y, z)
    flux = [np.trapezoid(np.trapezoid(plume.at_time(x, grid_y, grid_z, t), y, axis=1), z) * speed for t in times]
    mass = np.trapezoid(flux, times) / 1e3
    assert mass == pytest.approx(source.strength_g_s * (source.duration_s or 1.0), rel=5e-3)


def test_the_peak_is_the_highest_over_time() -> None:
    for source in (at_once(), release(duration_s=120.0)):
        plume = release_plume(source, air())
        over_time = np.max([plume.at_time(X, 0.0, 1.5, t) for t in np.arange(1.0, 3_000.0, 0.2)], axis=0)
        np.testing.assert_allclose(plume.concentration(X, 0.0, 1.5), over_time, rtol=2e-3)


def test_a_puff_by_hand() -> None:
    # 2 m / ((2 pi)^1.5 sx sy sz) at 1 km, class D: sx = 130 m, sy = 76.277 (18.75 s / 10 min)^0.2, sz = 37.947 m.
    found = release_plume(at_once(height_m=0.0), air()).concentration(1_000.0, 0.0, 0.0)
    sy = 76.277 * (18.75 / 600.0) ** 0.2
    assert float(found) == pytest.approx(2e9 / ((2 * np.pi) ** 1.5 * 130.0 * sy * 37.947), rel=1e-4)


def test_half_of_the_gas_decays_in_its_half_life() -> None:
    x = np.array([3.0 * 600.0])  # ten minutes downwind
    stays = release_plume(release(), air()).concentration(x, 0.0, 1.5)
    decays = release_plume(release(), air(), PlumeOptions(half_life_min=10.0)).concentration(x, 0.0, 1.5)
    assert decays[0] == pytest.approx(stays[0] / 2.0)


@pytest.mark.parametrize(("stability", "wind"), [("A", 0.0), ("D", 0.3), ("F", 0.7)])
def test_puffs_in_calm_air_keep_their_mass(stability: str, wind: float) -> None:
    for source, mass in ((release(), 100.0 * 900.0), (release(duration_s=300.0), 100.0 * 300.0), (at_once(), 1e6)):
        cloud = calm_cloud(source, air(wind, stability=stability))
        g1, g2 = cloud.gammas
        # Cells that widen from the source, where most of the gas of a going release is.
        r, h = np.geomspace(0.5, 5.0 * g1 * 900.0, 220), np.geomspace(0.05, 5.0 * g2 * 900.0 + 10.0, 220)
        side = np.concatenate([-r[::-1], r])
        x, y, z = side[:, None, None] + 0.0, side[None, ::4, None], h[None, None, ::3]
        found = cloud.at_time(x, y, z, 900.0)
        total = np.trapezoid(np.trapezoid(np.trapezoid(found, h[::3], axis=2), side[::4], axis=1), side, axis=0)
        assert total / 1e3 == pytest.approx(mass, rel=0.03)


@pytest.mark.parametrize("wind", [0.0, 0.2, 0.8])
@pytest.mark.parametrize(("youngest", "oldest"), [(0.0, 3_600.0), (600.0, 1_800.0)])
def test_the_closed_form_is_the_sum_of_puffs(wind: float, youngest: float, oldest: float) -> None:
    gammas = calm_kernel.growth("D", wind)
    x, y, ups = np.array([30.0, 400.0, -80.0]), np.array([0.0, 100.0, 5.0]), [np.array(-1.0), np.array(5.0)]
    ages = np.geomspace(max(youngest, 1e-2), oldest, 40_000)
    each = [calm_kernel.one_puff(x, y, ups, np.full(3, age), wind=wind, gammas=gammas) for age in ages]
    closed = calm_kernel.emitted(x, y, ups, wind=wind, gammas=gammas, youngest=youngest, oldest=oldest)
    np.testing.assert_allclose(closed, np.trapezoid(each, ages, axis=0), rtol=1e-4)


def test_a_calm_ground_source_by_hand() -> None:
    # HJ/T 2.2-93, no wind, after a long time: C = 2 Q / ((2 pi)^1.5 gamma2 eta^2), eta^2 = r^2 at the ground.
    found = calm_cloud(release(height_m=0.0), air(0.0)).at_time(50.0, 0.0, 0.0, 1e7)
    assert float(found) == pytest.approx(2.0 * 1e5 / ((2 * np.pi) ** 1.5 * 0.12 * 50.0**2), rel=1e-4)


@given(st.floats(0.0, 360.0), st.sampled_from(CLASSES))
@settings(max_examples=25, deadline=None)
def test_no_wind_has_no_direction(angle: float, stability: str) -> None:
    cloud = calm_cloud(release(), air(0.0, stability=stability))
    turn = np.radians(angle)
    turned = cloud.concentration(200.0 * np.cos(turn), 200.0 * np.sin(turn), 1.5)
    assert float(turned) == pytest.approx(float(cloud.concentration(200.0, 0.0, 1.5)), rel=1e-9)


def test_as_the_wind_dies_the_answer_stays_finite_and_continuous() -> None:
    still, breath = (calm_cloud(release(), air(wind)).concentration(X, 3.0, 1.5) for wind in (0.0, 1e-6))
    assert np.isfinite(still).all()
    np.testing.assert_allclose(breath, still, rtol=1e-4)


def test_just_begun_a_calm_release_is_nowhere_but_at_its_source() -> None:
    for source in (release(), at_once()):
        assert float(calm_cloud(source, air(0.3)).at_time(50.0, 0.0, 1.5, 1e-3)) == 0.0


def test_a_lid_keeps_the_calm_cloud_down() -> None:
    free, capped = (calm_cloud(release(), air(0.3, stability="A", mixing_height_m=lid)) for lid in (None, 50.0))
    assert (capped.concentration(X, 0.0, 1.5) > free.concentration(X, 0.0, 1.5)).all()
    z = np.linspace(0.0, 50.0, 2001)
    one = calm_cloud(at_once(), air(0.0, stability="A", mixing_height_m=50.0)).at_time(0.0, 0.0, z, 600.0)
    assert one.max() == pytest.approx(one.min(), rel=1e-3)  # mixed below the lid


def test_decay_in_calm_air_takes_gas_away_and_without_it_the_sum_is_the_closed_form() -> None:
    weather = air(0.3)
    stays = calm_cloud(release(), weather).concentration(X, 0.0, 1.5)
    slow = calm_cloud(release(), weather, PlumeOptions(half_life_min=1e6)).concentration(X, 0.0, 1.5)
    fast = calm_cloud(release(), weather, PlumeOptions(half_life_min=5.0)).concentration(X, 0.0, 1.5)
    np.testing.assert_allclose(slow, stays, rtol=2e-2)
    assert (fast < stays).all()


def test_the_calm_peak_is_the_highest_over_time() -> None:
    for source in (at_once(), release(duration_s=600.0)):
        cloud = calm_cloud(source, air(0.4))
        over_time = np.max([cloud.at_time(X, 10.0, 1.5, t) for t in np.arange(5.0, 3_600.0, 5.0)], axis=0)
        np.testing.assert_allclose(cloud.concentration(X, 10.0, 1.5), over_time, rtol=0.02)


def test_a_calm_zone_is_a_disc_of_the_radius_at_which_the_threshold_is_met() -> None:
    cloud = calm_cloud(release(), air(0.0))
    found = zone(cloud, 5.0)
    edge = np.array([0.99, 1.01]) * found.reach_km * 1000.0
    inside, outside = cloud.concentration(edge, 0.0, 1.5)
    assert inside > 5.0 > outside
    assert found.area_km2 == pytest.approx(np.pi * found.reach_km**2, rel=0.01)
    assert zone(cloud, 1e9).geometry is None


def test_a_calm_zone_leans_downwind() -> None:
    found = zone(calm_cloud(release(), air(0.8)), 2.0)
    assert found.geometry is not None
    west, _, east, _ = found.geometry.bounds
    assert 119.2 - west > 3.0 * (east - 119.2) > 0.0  # the wind is from the east


@pytest.mark.parametrize(
    ("flux", "stability", "wind", "rise"),
    [
        # 21.425 F^0.75 / u; 38.71 F^0.6 / u; 2.6 (F / (u s))^(1/3) with s = 9.81 / 293.15 * 0.02.
        (20.0, "D", 5.0, 40.53),
        (100.0, "B", 5.0, 122.71),
        (20.0, "E", 5.0, 2.6 * (20.0 / (5.0 * 9.81 / 293.15 * 0.02)) ** (1 / 3)),
        (0.0, "D", 5.0, 0.0),
    ],
)
def test_briggs_rise_by_hand(flux: float, stability: str, wind: float, rise: float) -> None:
    found = briggs_rise(flux, wind, stability)
    assert found.final_m == pytest.approx(rise, rel=1e-3)
    assert float(found.at(np.array(0.0))) == 0.0
    assert float(found.at(np.array(1e5))) == pytest.approx(rise, rel=1e-3)


def test_a_hot_release_rises_and_a_cold_one_does_not() -> None:
    assert buoyancy_flux(10.0, 2.0, 20.0, 20.0) == 0.0
    flux = buoyancy_flux(10.0, 2.0, 200.0, 20.0)
    assert flux == pytest.approx(9.81 * 10.0 * (180.0 / 473.15))
    hot = release_plume(release(), air(), PlumeOptions(buoyancy=flux)).concentration(X, 0.0, 1.5)
    cold = release_plume(release(), air()).concentration(X, 0.0, 1.5)
    assert (hot < cold).all()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: release(rate_g_s=None), "either a rate"),
        (lambda: release(mass_g=5.0), "either a rate"),
        (lambda: at_once(-5.0), "mass -0.005 kg"),
        (lambda: release(duration_s=0.0), "release of 0 min"),
        (lambda: release(duration_s=-60.0), "release of -1 min"),
        (lambda: air(-1.0), "wind speed -1"),
        (lambda: calm_cloud(release(), air(1.0)), "wind speed 1"),
        (lambda: release_plume(release(), air(0.9)), "wind speed 0.9"),
        (lambda: PlumeOptions(half_life_min=0.0), "half-life 0"),
        (lambda: briggs_rise(-1.0, 3.0, "D"), "buoyancy flux -1"),
    ],
)
def test_what_cannot_be_is_refused(make, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        make()
