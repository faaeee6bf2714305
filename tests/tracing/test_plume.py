"""Plumes obey their laws: mass, symmetry, linearity, limits; Briggs's numbers; impossible input refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput
from geo.geodesic import distance_m
from tracing import plume_kernel as kernel
from tracing import surface_plume_kernel as surface
from tracing.plume import PlumeOptions, downwind_from_east_north, downwind_from_lonlat, release_plume
from tracing.plume_zone import zone
from tracing.release import Air, Release

ON_SITE = {"obukhov_m": -30.0, "ustar_m_s": 0.4, "sigma_azimuth_deg": 10.0}


def release(**changes: float) -> Release:
    return Release(**({"lon": 119.2, "lat": 34.6, "rate_g_s": 1000.0, "height_m": 2.0} | changes))


def air(**changes: object) -> Air:
    given_air: dict = {"wind_speed_m_s": 3.0, "wind_from_deg": 90.0}
    return Air(**(given_air | ({"stability": "D"} if "obukhov_m" not in changes else {}) | changes))


@pytest.mark.parametrize("stability", kernel.CLASSES)
@pytest.mark.parametrize("terrain", kernel.TERRAINS)
def test_class_plumes_keep_their_mass(stability: str, terrain: str) -> None:
    plume = release_plume(
        release(height_m=20.0), air(stability=stability, mixing_height_m=600.0), PlumeOptions(terrain=terrain)
    )
    speed = float(plume.model_en.split()[-2])
    for x in (150.0, 1_000.0, 8_000.0):
        z = np.linspace(0.0, 600.0, 6001)
        flux = np.trapezoid(plume.integrated(np.full_like(z, x), z), z) * speed
        assert flux == pytest.approx(1.0, abs=0.02)  # the text rounds the wind to 0.1 m/s


def test_crosswind_integral_is_the_rate() -> None:
    plume = release_plume(release(height_m=0.0), air())
    y, z = np.meshgrid(np.linspace(-500, 500, 801), np.linspace(0.0, 400.0, 801))
    slice_ = plume.concentration(1_000.0, y, z)
    flux = np.trapezoid(np.trapezoid(slice_, y[0], axis=1), z[:, 0]) * 3.0
    assert flux == pytest.approx(1e6, rel=2e-3)


@pytest.mark.parametrize(("obukhov", "height"), [(-8.0, 0.0), (-100.0, 30.0), (1e6, 10.0), (15.0, 2.0)])
def test_the_march_keeps_its_mass_to_rounding(obukhov: float, height: float) -> None:
    marched = surface.march(height, 0.3, obukhov, roughness=0.05, lid=800.0)
    flux = marched.values @ (marched.speed * np.diff(marched.edges))
    np.testing.assert_allclose(flux, 1.0, rtol=1e-9)
    assert (marched.values >= 0.0).all()


def test_neutral_ground_source_rises_as_van_ulden_says() -> None:
    # van Ulden (1978): d zbar / dx = K(p zbar) / (u(p zbar) p zbar) with p = 1.55, integrated step by step.
    marched = surface.march(0.0, 0.4, 1e9, roughness=0.01, lid=2_000.0)
    x = 500.0
    mean_height = np.interp(x, marched.x, (marched.values @ (marched.z * np.diff(marched.edges))) * marched.transport)
    zbar, step = 0.05, 0.05
    for _ in np.arange(0.0, x, step):
        height = np.array([1.55 * zbar])
        speed = surface.wind_profile(height, 0.4, 1e9, 0.01)[0]
        zbar += step * surface.diffusivity(height, 0.4, 1e9, 1e9)[0] / (speed * 1.55 * zbar)
    assert mean_height == pytest.approx(zbar, rel=0.1)


def test_spread_tends_to_sigma_w_t_near_an_elevated_source() -> None:
    marched = surface.march(50.0, 0.5, 1e9, roughness=0.03, lid=3_000.0)
    width = np.diff(marched.edges)
    i = int(np.searchsorted(marched.x, 60.0))
    share = marched.values[i] * width * marched.speed
    spread = np.sqrt(share @ (marched.z - share @ marched.z) ** 2)
    wind = float(surface.wind_profile(np.array([50.0]), 0.5, 1e9, 0.03)[0])
    assert spread == pytest.approx(1.3 * 0.5 * marched.x[i] / wind, rel=0.25)


@pytest.mark.parametrize("stability", kernel.CLASSES)
@pytest.mark.parametrize("terrain", kernel.TERRAINS)
def test_spreads_vanish_at_the_source(stability: str, terrain: str) -> None:
    for spread in (kernel.sigma_y, kernel.sigma_z):
        near = spread(np.array([0.0, 1e-6]), stability, terrain)
        assert near[0] == 0.0
        assert near[1] < 1e-6
        assert (np.diff(spread(np.geomspace(1, 1e4, 50), stability, terrain)) > 0).all()


@pytest.mark.parametrize(
    ("terrain", "stability", "sy", "sz"),
    [
        ("rural", "A", 209.76, 200.0),
        ("rural", "D", 76.28, 37.95),
        ("rural", "F", 38.14, 12.31),
        ("urban", "B", 270.45, 339.41),
        ("urban", "D", 135.22, 122.79),
        ("urban", "E", 92.97, 50.60),
        ("urban", "F", 92.97, 50.60),
    ],
)
def test_briggs_at_one_kilometre(terrain: str, stability: str, sy: float, sz: float) -> None:
    x = np.array([1_000.0])
    assert kernel.sigma_y(x, stability, terrain)[0] == pytest.approx(sy, rel=1e-3)
    assert kernel.sigma_z(x, stability, terrain)[0] == pytest.approx(sz, rel=1e-3)


def test_ground_source_by_hand() -> None:
    # Q / (pi u sy sz) at 1 km, class D: 1e6 / (pi * 3 * 76.28 * 37.95) mg/m3.
    found = release_plume(release(height_m=0.0), air()).concentration(1_000.0, 0.0, 0.0)
    assert float(found) == pytest.approx(1e6 / (np.pi * 3.0 * 76.277 * 37.947), rel=1e-4)


def test_far_below_a_lid_the_plume_is_mixed() -> None:
    x, z = np.array([9_000.0, 9_000.0]), np.array([0.0, 90.0])
    found = release_plume(release(), air(stability="B", mixing_height_m=100.0)).integrated(x, z)
    np.testing.assert_allclose(found, 1.0 / (3.0 * 100.0), rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    stability=st.sampled_from(kernel.CLASSES),
    x=st.floats(1.0, 9_999.0),
    y=st.floats(-2_000.0, 2_000.0),
    factor=st.floats(0.01, 100.0),
)
def test_symmetric_and_linear(stability: str, x: float, y: float, factor: float) -> None:
    one = release_plume(release(), air(stability=stability))
    more = release_plume(release(rate_g_s=1000.0 * factor), air(stability=stability))
    here = float(one.concentration(x, y, 1.5))
    assert here == float(one.concentration(x, -y, 1.5))
    assert float(more.concentration(x, y, 1.5)) == pytest.approx(factor * here, rel=1e-9)
    assert float(one.concentration(-x, y, 1.5)) == 0.0


def test_a_class_plume_is_inverse_to_the_wind() -> None:
    slow, fast = (release_plume(release(), air(wind_speed_m_s=u)).concentration(800.0, 0, 1.5) for u in (2.0, 8.0))
    assert float(slow / fast) == pytest.approx(4.0)


def test_a_longer_mean_is_wider_and_lower() -> None:
    short, hour = (release_plume(release(), air(), PlumeOptions(averaging_min=t)) for t in (10.0, 60.0))
    x = np.array([1_000.0])
    assert hour.spread(x)[0] / short.spread(x)[0] == pytest.approx(6.0**0.2)
    assert hour.concentration(x, 0.0, 1.5) < short.concentration(x, 0.0, 1.5)


def test_on_site_crosswind_spread_grows_from_the_angle() -> None:
    plume = release_plume(release(), air(**ON_SITE))
    near = plume.spread(np.array([1.0]))[0]
    assert near == pytest.approx(np.radians(10.0), rel=0.1)
    assert plume.spread(np.array([2_000.0]))[0] < 2_000.0 * near


def test_without_sigma_azimuth_similarity_fills_in() -> None:
    values = {name: value for name, value in ON_SITE.items() if name != "sigma_azimuth_deg"}
    plume = release_plume(release(), air(**values))
    assert 5.0 < np.degrees(plume.spread(np.array([1.0]))[0]) < 40.0


def test_wind_that_does_not_fit_is_said() -> None:
    plume = release_plume(release(), air(obukhov_m=10.0, ustar_m_s=1.5))
    assert any("--wind-height" in text for text in plume.warnings)


def test_axes_turn_with_the_wind() -> None:
    x, y = downwind_from_east_north([-100.0, 0.0], [0.0, -50.0], 90.0)  # an east wind blows to the west
    np.testing.assert_allclose(x, [100.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(y, [0.0, 50.0], atol=1e-9)  # south lies on the left of who walks west


def test_positions_and_metres_agree() -> None:
    here = release()
    lon, lat = np.array([119.19]), np.array([34.605])
    x, y = downwind_from_lonlat(lon, lat, here, 120.0)
    assert np.hypot(x, y)[0] == pytest.approx(float(distance_m(here.lon, here.lat, lon, lat)[0]))
    assert x[0] > 0


@pytest.mark.parametrize("wind_from", [0.0, 90.0, 233.0])
@pytest.mark.parametrize("weather", [{"stability": "F"}, {"stability": "A"}, ON_SITE])
def test_the_outline_lies_on_the_threshold(wind_from: float, weather: dict) -> None:
    plume = release_plume(release(height_m=5.0), air(wind_from_deg=wind_from, **weather))
    found = zone(plume, 50.0)
    assert found.geometry is not None
    assert found.geometry.is_valid
    assert not found.cut
    lon, lat = found.geometry.exterior.xy
    x, y = downwind_from_lonlat(lon, lat, plume.release, wind_from)
    far = x > 5.0
    np.testing.assert_allclose(plume.concentration(x[far], y[far], 1.5), 50.0, rtol=0.02)
    assert found.reach_km == pytest.approx(x.max() / 1000.0, rel=1e-3)


def test_zones_of_higher_thresholds_lie_inside() -> None:
    plume = release_plume(release(), air())
    inner, outer = zone(plume, 100.0), zone(plume, 10.0)
    assert inner.geometry is not None
    assert outer.geometry is not None
    assert outer.geometry.buffer(1e-9).contains(inner.geometry)
    assert inner.area_km2 < outer.area_km2


def test_a_level_that_is_not_reached_has_no_polygon() -> None:
    found = zone(release_plume(release(height_m=50.0, rate_g_s=0.001), air()), 100.0)
    assert (found.geometry, found.area_km2, found.reach_km, found.cut) == (None, 0.0, 0.0, False)


@pytest.mark.parametrize(("wind", "limit_km"), [(1.0, 3.6), (6.0, 10.0)])
def test_a_zone_ends_where_the_model_ends(wind: float, limit_km: float) -> None:
    found = zone(release_plume(release(rate_g_s=1e7), air(stability="F", wind_speed_m_s=wind)), 1.0)
    assert found.cut
    assert found.reach_km == pytest.approx(limit_km)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: release(rate_g_s=-1.0), "rate_g_s -1"),
        (lambda: release(rate_g_s=float("nan")), "rate_g_s"),
        (lambda: release(height_m=-2.0), "height"),
        (lambda: release(lat=95.0), "lat 95"),
        (lambda: release_plume(release(), air(wind_speed_m_s=0.0)), "wind speed 0 m/s: give 1"),
        (lambda: air(wind_speed_m_s=float("nan")), "wind speed"),
        (lambda: air(wind_from_deg=400.0), "wind_from 400"),
        (lambda: air(obukhov_m=-30.0), "belong together"),
        (lambda: air(obukhov_m=0.0, ustar_m_s=0.3), "obukhov 0"),
        (lambda: air(stability="D", **ON_SITE), "not both"),
        (lambda: release_plume(release(), air(stability="G")), "A, B, C, D, E, F"),
        (lambda: release_plume(release(), air(), PlumeOptions(terrain="sea")), "rural, urban"),
        (lambda: release_plume(release(height_m=90.0), air(mixing_height_m=50.0)), "above the mixing height"),
        (lambda: release_plume(release(), air(), PlumeOptions(averaging_min=600.0)), "averaging"),
        (lambda: zone(release_plume(release(), air()), 0.0), "threshold 0"),
    ],
)
def test_nonsense_is_refused(make, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        make()
