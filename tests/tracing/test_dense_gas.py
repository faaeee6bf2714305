"""Dense gases: Britter and McQuaid's published example, limits, and a zone that never loses the passive one."""

import numpy as np
import pytest
import shapely
from scipy.optimize import brentq

from geo.errors import InvalidInput
from tracing import dense_gas_kernel as kernel
from tracing.dense_plume import DensePlume, Vapour, as_dense, dense_number
from tracing.plume import release_plume
from tracing.plume_zone import zone, zone_m
from tracing.release import Air, Release

CHLORINE = Vapour(2.898, 25.0, 1.184, 25.0, 2.898e6)
AMMONIA = Vapour(0.696, 25.0, 1.184, 25.0, 0.696e6)


def release(rate: float = 500.0, **changes: float) -> Release:
    return Release(119.2, 34.6, rate, 2.0, **changes)


def air(speed: float = 2.5, stability: str = "D") -> Air:
    return Air(speed, 45.0, stability=stability)


def test_the_published_example_of_a_spill_of_natural_gas() -> None:
    # CCPS (1999), after the Burro trials: 0.23 m3/s of liquid of 425.6 kg/m3, vapour of 1.76 kg/m3 at 111 K, 10.9 m/s,
    # 5 % by volume at 298 K. Worked there from the chart: 55.6 m3/s, number 0.44, effective ratio 0.019, 367 m.
    gravity, flow = kernel.reduced_gravity(1.76, 1.22), 0.23 * 425.6 / 1.76
    assert flow == pytest.approx(55.6, rel=1e-3)
    assert kernel.plume_number(gravity, flow, 10.9) == pytest.approx(0.44, abs=0.005)
    effective = 0.05 / (0.05 + 0.95 * 298.0 / 111.0)
    assert effective == pytest.approx(0.019, abs=0.0005)
    found = brentq(lambda x: kernel.plume_ratio(np.array([x]), gravity, flow, 10.9)[0] - effective, 10.0, 2_000.0)
    assert found == pytest.approx(367.0, rel=0.03)


def test_cold_vapour_counts_with_its_temperature() -> None:
    # The same example the other way round: at the distance found the gas is 5 % by volume.
    vapour = Vapour(1.76, -162.0, 1.184, 25.0, 1e6)
    plume = as_dense(release_plume(Release(0.0, 0.0, 97_888.0, 0.0), air(10.9)), vapour)
    assert isinstance(plume, DensePlume)
    ratio = kernel.plume_ratio(np.array([300.0]), plume.gravity, plume.flow, 10.9)
    warm = 298.15 / 111.15
    assert plume.dense_axis(np.array([300.0])) == pytest.approx(1e6 * ratio * warm / (1 - ratio + ratio * warm))


@pytest.mark.parametrize("name", ["plume_ratio", "cloud_ratio"])
@pytest.mark.parametrize("amount", [0.01, 1.0, 200.0])
@pytest.mark.parametrize("wind", [1.0, 4.0, 15.0])
def test_the_gas_thins_with_distance_from_pure(name: str, amount: float, wind: float) -> None:
    ratio = getattr(kernel, name)(np.geomspace(1e-3, 2e4, 500), 14.0, amount, wind)
    assert ratio[0] == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(ratio) <= 1e-12).all()
    assert ratio[-1] < 1e-3


def test_far_away_the_ratio_falls_with_the_square_of_the_distance() -> None:
    near, far = kernel.plume_ratio(np.array([1e4, 2e4]), 14.0, 1.0, 3.0)
    assert near / far == pytest.approx(4.0)


def test_a_release_of_any_length_lies_between_plume_and_cloud() -> None:
    x = np.geomspace(10.0, 5_000.0, 60)
    both = kernel.plume_ratio(x, 14.0, 0.5, 3.0), kernel.cloud_ratio(x, 14.0, 0.5 * 300.0, 3.0)
    found = kernel.release_ratio(x, 14.0, 0.5, 3.0, 300.0)
    assert (found >= np.minimum(*both) - 1e-15).all()
    assert (found <= np.maximum(*both) + 1e-15).all()
    np.testing.assert_allclose(found[x < 300.0], both[0][x < 300.0])  # u D / x of 3 and more: it goes on
    np.testing.assert_allclose(found[x > 1_600.0], both[1][x > 1_600.0])


def test_number_by_hand() -> None:
    # Chlorine 1 kg/s at 2 m/s: q = 0.345 m3/s, g' = 14.20 m/s2, D = 0.4154 m; (14.20 * 0.345 / (8 * 0.4154))^(1/3).
    assert dense_number(release(1_000.0), CHLORINE, 2.0)[0] == pytest.approx(1.138, rel=3e-3)
    # 1 t at once: V0 = 345 m3; (14.20 * 345)^0.5 / (2 * 7.013) = 4.99, told against the plume's limit: x 0.15 / 0.20.
    at_once = Release(0.0, 0.0, None, 2.0, mass_g=1e6)
    assert dense_number(at_once, CHLORINE, 2.0)[0] == pytest.approx(4.99 * 0.75, rel=5e-3)


@pytest.mark.parametrize(
    ("source", "vapour", "wind", "dense"),
    [
        (release(), CHLORINE, 2.5, True),
        (release(1e-4), CHLORINE, 2.5, False),
        (release(), CHLORINE, 60.0, False),
        (release(50_000.0), AMMONIA, 1.5, False),
        (release(50_000.0), Vapour(3.0, -33.0, 1.184, 25.0, 0.696e6), 1.5, True),  # its cold aerosol
    ],
)
def test_dense_releases_are_recognised(source: Release, vapour: Vapour, wind: float, dense: bool) -> None:
    assert isinstance(as_dense(release_plume(source, air(wind)), vapour), DensePlume) == dense


@pytest.mark.parametrize("source", [release(), release(20_000.0), release(500.0, duration_s=300.0)])
@pytest.mark.parametrize("stability", ["B", "D", "F"])
def test_the_zone_holds_the_passive_one_and_more_upwind(source: Release, stability: str) -> None:
    passive = release_plume(source, air(stability=stability))
    dense = as_dense(passive, CHLORINE)
    for threshold in (5.8, 580.0):
        inner, outer = zone_m(passive, threshold, 1.5), zone_m(dense, threshold, 1.5)
        assert outer.is_valid
        assert shapely.difference(inner, outer).area < 1e-3 * inner.area
        assert outer.bounds[0] < 0.0  # against the wind
        assert outer.area > inner.area
        np.testing.assert_allclose([outer.bounds[1], outer.bounds[2]], [-outer.bounds[3], outer.bounds[2]])


def test_the_measured_answer_stays_what_it_was() -> None:
    passive = release_plume(release(), air())
    x = np.array([100.0, 500.0])
    np.testing.assert_array_equal(
        as_dense(passive, CHLORINE).concentration(x, 5.0, 1.5), passive.concentration(x, 5.0, 1.5)
    )
    assert zone(as_dense(passive, CHLORINE), 58.0).reach_km > zone(passive, 58.0).reach_km


def test_the_dense_layer_is_low_and_has_sides() -> None:
    plume = as_dense(release_plume(release(20_000.0), air()), CHLORINE)
    assert isinstance(plume, DensePlume)
    half, upwind = plume.extent(np.array([200.0]))
    y = np.array([0.0, 0.99, 1.01]) * half
    centre, inside, outside = plume.dense_concentration(200.0, y, 1.0)
    assert centre == inside > 0.0 == outside
    assert plume.dense_concentration(200.0, 0.0, 200.0) == 0.0
    against, beyond = plume.dense_concentration(np.array([-0.9, -1.1]) * upwind, 0.0, 1.0)
    assert against > 0.0 == beyond


def test_an_impossible_vapour_is_refused() -> None:
    with pytest.raises(InvalidInput, match="density of the release 0"):
        Vapour(0.0, 25.0, 1.2, 25.0, 1e6)
    with pytest.raises(InvalidInput, match="temperature of the release -250"):
        Vapour(1.0, -250.0, 1.2, 25.0, 1e6)
