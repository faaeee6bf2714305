"""Bands of puffs in changing winds: against the steady plume's, against the zone itself, and laws."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInput
from tracing.drift import DriftingPuffs, drift_zone, drifting_puffs, table_paths
from tracing.drift_ensemble import DriftMembers, _thinned, drift_chances, drift_members
from tracing.release import Air, Release
from tracing.zone_ensemble import BANDS, Spread, chances, members

CERTAIN = Spread(0.0, 0.0, 0.0)
RELEASE = Release(119.22, 34.60, 500.0, 2.0)
TURNING_WIND = [(0.0, 3.0, 45.0), (1_200.0, 3.0, 90.0), (2_400.0, 4.0, 120.0)]
THRESHOLD, Z_M = 60.0, 1.5


def puffs(winds: list[tuple[float, float, float]], release: Release = RELEASE, hours: float = 1.0) -> DriftingPuffs:
    seconds, speed, wind_from = np.array(winds).T
    toward = np.radians(wind_from + 180.0)
    east, north = speed * np.sin(toward), speed * np.cos(toward)
    paths = table_paths(release, seconds, east, north, followed_s=3_600.0 * hours)
    air = Air(float(speed[0]), float(wind_from[0]), stability="D")
    return drifting_puffs(release, "D", paths, air=air, source_zh="风表", source_en="a table of winds")


def drawn(model: DriftingPuffs, spread: Spread, count: int = 100) -> DriftMembers:
    return drift_members(model, spread, count=count, rng=np.random.default_rng(3))


def test_in_a_steady_wind_the_bands_are_those_of_the_plume() -> None:
    """Another model of the same air: the plume's own ensemble, member by member, without fields that are shared."""
    spread = Spread(6.0, 0.2, 0.4, 0.8, 1.5)
    ours = drift_chances(drawn(puffs([(0.0, 3.0, 45.0)]), spread, 600), THRESHOLD, z_m=Z_M)
    air = Air(3.0, 45.0, stability="D")
    plumes = members(RELEASE, air, spread, count=600, rng=np.random.default_rng(4))
    theirs = chances(plumes, THRESHOLD, z_m=Z_M)
    assert ours is not None
    assert theirs is not None
    reach = [np.percentile(found.reaches_m, BANDS) for found in (ours, theirs)]
    np.testing.assert_allclose(reach[0], reach[1], rtol=0.12)
    # Where nine of ten pass is a few cells next to the source here.
    for percent in BANDS[:2]:
        a, b = ours.band(percent), theirs.band(percent)
        assert a.area == pytest.approx(b.area, rel=0.25)
        assert (a & b).area > 0.75 * (a | b).area


@pytest.mark.parametrize("winds", [TURNING_WIND, [(0.0, 3.0, 45.0)]])
def test_without_doubt_all_bands_are_the_zone(winds: list[tuple[float, float, float]]) -> None:
    model = puffs(winds)
    zone = drift_zone(model, THRESHOLD, Z_M).shape
    found = drift_chances(drawn(model, CERTAIN, 10), THRESHOLD, z_m=Z_M)
    assert found is not None
    for percent in BANDS:
        band = found.band(percent)
        assert (band & zone).area > 0.93 * (band | zone).area
    np.testing.assert_allclose(found.reaches_m, np.hypot(*shapely.get_coordinates(zone).T).max(), rtol=0.05)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.0, 359.0))
def test_bands_turn_with_all_the_winds(angle: float) -> None:
    spread = Spread(15.0, 0.0, 0.0)
    short = [(seconds / 4.0, speed, wind_from) for seconds, speed, wind_from in TURNING_WIND]
    first, second = (
        drift_chances(drawn(puffs([(s, v, (d + by) % 360.0) for s, v, d in short], hours=0.25), spread), 200.0, z_m=Z_M)
        for by in (0.0, angle)
    )
    assert first is not None
    assert second is not None
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turned = shapely.transform(
        first.band(50), lambda p: np.column_stack([p[:, 0] * c + p[:, 1] * s, p[:, 1] * c - p[:, 0] * s])
    )
    assert (turned & second.band(50)).area > 0.9 * (turned | second.band(50)).area
    np.testing.assert_allclose(np.sort(first.reaches_m), np.sort(second.reaches_m), rtol=0.03)


def test_more_doubt_is_a_wider_band_and_a_smaller_core() -> None:
    model = puffs(TURNING_WIND)
    sure, unsure = (
        drift_chances(drawn(model, Spread(direction, 0.2, 0.4)), THRESHOLD, z_m=Z_M) for direction in (3.0, 25.0)
    )
    assert sure is not None
    assert unsure is not None
    assert unsure.band(10).area > sure.band(10).area
    assert unsure.band(90).area < sure.band(90).area


def test_fewer_puffs_hold_the_same_gas() -> None:
    model = puffs(TURNING_WIND)
    assert len(model.paths.mass) > 400
    fewer = _thinned(model, 5.0)
    assert len(fewer.paths.mass) == len(model.paths.mass) // 4
    assert fewer.paths.mass.sum() == pytest.approx(model.paths.mass.sum(), rel=1e-12)
    assert fewer.paths.east.shape == (len(fewer.paths.mass), len(fewer.paths.times))
    assert len(_thinned(model, 1.9).paths.mass) == len(model.paths.mass)


def test_a_cloud_at_once_has_bands_and_a_level_out_of_reach_has_none() -> None:
    cloud = puffs(TURNING_WIND, replace(RELEASE, rate_g_s=None, mass_g=2e5))
    found = drift_chances(drawn(cloud, Spread()), THRESHOLD, z_m=Z_M)
    assert found is not None
    assert found.band(10).area > found.band(90).area
    assert drift_chances(drawn(cloud, Spread()), 1e12, z_m=Z_M) is None


def test_the_same_generator_gives_the_same_members_and_too_few_are_refused() -> None:
    model = puffs([(0.0, 3.0, 45.0)], hours=0.25)
    a, b = (drawn(model, Spread(rate_low=0.5, rate_high=2.0)) for _ in range(2))
    assert len(a) == 100
    np.testing.assert_array_equal(a.variant, b.variant)
    np.testing.assert_array_equal(a.factors, b.factors)
    assert 0.5 <= a.factors.min() < a.factors.max() <= 2.0
    with pytest.raises(InvalidInput, match="ensemble"):
        drawn(model, Spread(), 9)
