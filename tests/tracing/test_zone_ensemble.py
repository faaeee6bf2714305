"""Ensembles: seeded, centred, nested bands; no spread is the zone itself; what a turning wind sweeps."""

import numpy as np
import pytest
import shapely

from geo.errors import InvalidInput
from tracing.plume_zone import turned, zone_m
from tracing.release import Air, Release
from tracing.zone_ensemble import BANDS, Spread, chances, members, model_of, turning

RELEASE = Release(119.2, 34.6, 500.0, 2.0)
AIRS = [
    Air(3.0, 45.0, stability="D"),
    Air(3.0, 45.0, obukhov_m=-30.0, ustar_m_s=0.3),
    Air(0.4, 45.0, stability="F"),
]
THRESHOLD = 20.0


def drawn(air: Air, spread: Spread, count: int = 60, seed: int = 1):
    return members(RELEASE, air, spread, count=count, rng=np.random.default_rng(seed))


def test_one_seed_one_answer() -> None:
    first, same, other = (
        [m.model.air.wind_speed_m_s for m in drawn(AIRS[0], Spread(), seed=seed)] for seed in (1, 1, 2)
    )
    assert first == same != other


@pytest.mark.parametrize("air", AIRS, ids=["class", "on-site", "calm"])
def test_without_spread_each_band_is_the_zone(air: Air) -> None:
    found = chances(drawn(air, Spread(0.0, 0.0, 0.0), count=10), THRESHOLD, z_m=1.5)
    assert found is not None
    zone = turned(zone_m(model_of(RELEASE, air), THRESHOLD, 1.5), 45.0)
    for percent in BANDS:
        band = found.band(percent)
        assert shapely.symmetric_difference(band, zone).area < 0.15 * zone.area  # a grid of 181 cells


@pytest.mark.parametrize("air", [AIRS[0], AIRS[2]], ids=["class", "calm"])
def test_bands_lie_in_each_other(air: Air) -> None:
    found = chances(drawn(air, Spread(), count=100), THRESHOLD, z_m=1.5)
    assert found is not None
    ten, fifty, ninety = (found.band(percent) for percent in BANDS)
    assert ten.is_valid
    assert ten.area > fifty.area >= ninety.area
    assert shapely.difference(fifty, ten).area < 1e-6 * ten.area
    assert 0.0 <= found.share.min()
    assert found.share.max() <= 1.0


def test_members_scatter_as_they_should() -> None:
    made = drawn(AIRS[0], Spread(10.0, 0.3, 0.5, 0.5, 2.0), count=1_500)
    turn = np.array([(m.wind_from_deg - 45.0 + 180.0) % 360.0 - 180.0 for m in made])
    assert turn.mean() == pytest.approx(0.0, abs=1.0)
    assert turn.std() == pytest.approx(10.0, rel=0.08)
    assert np.log([m.model.air.wind_speed_m_s for m in made]).std() == pytest.approx(0.3, rel=0.08)
    classes = [m.model.air.stability for m in made]
    assert classes.count("C") / len(made) == pytest.approx(0.25, abs=0.04)
    assert classes.count("E") / len(made) == pytest.approx(0.25, abs=0.04)
    rates = np.array([m.model.release.rate_g_s for m in made]) / 500.0
    assert 0.5 <= rates.min() < 0.52
    assert 1.95 < rates.max() <= 2.0


def test_nothing_reached_by_nobody() -> None:
    assert chances(drawn(AIRS[0], Spread()), 1e12, z_m=1.5) is None


def test_a_turning_wind_sweeps_a_sector() -> None:
    zone = turned(zone_m(model_of(RELEASE, AIRS[0]), THRESHOLD, 1.5), 45.0)
    reach = np.hypot(*shapely.get_coordinates(zone).T).max()
    none, some, all_round = (turning(zone, angle) for angle in (0.0, 45.0, 180.0))
    assert shapely.symmetric_difference(none, zone).area < 1e-9 * zone.area
    assert shapely.difference(zone, some).area < 1e-6 * zone.area
    assert some.area < np.pi * reach**2 * 102.0 / 360.0
    assert all_round.area == pytest.approx(np.pi * reach**2, rel=0.02)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Spread(-1.0), "spread of the wind's direction -1"),
        (lambda: Spread(rate_low=2.0), "factors 2 to 1"),
        (lambda: drawn(AIRS[0], Spread(), count=3), "ensemble 3"),
        (lambda: turning(shapely.Point(0, 0).buffer(1), 200.0), "turn of the wind 200"),
    ],
)
def test_nonsense_is_refused(make, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        make()


@pytest.mark.parametrize("stability", ["A", "D", "F"])
def test_the_sweep_leaves_no_teeth(stability: str) -> None:
    model = model_of(RELEASE, Air(3.0, 45.0, stability=stability))
    zone = turned(zone_m(model, THRESHOLD, 1.5), 45.0)
    coarse, fine = turning(zone, 45.0), turning(zone, 45.0, 0.1)
    assert coarse.area > 0.99 * fine.area


@pytest.mark.parametrize("begins_m", [0.0, 500.0])
@pytest.mark.parametrize("to_either_side", [1.3, 45.0, 180.0])
def test_a_needle_sweeps_the_whole_sector(begins_m: float, to_either_side: float) -> None:
    """A zone narrower than a step would leave a saw of points; the sector of its axis is swept whole."""
    needle = shapely.transform(
        shapely.Polygon([(begins_m, 0.0), (2000.0, 4.0), (4000.0, 0.0), (2000.0, -4.0)]),
        lambda points: points @ np.array([[0.6, 0.8], [-0.8, 0.6]]),
    )
    sector = (4000.0**2 - begins_m**2) * np.radians(to_either_side)
    swept = turning(needle, to_either_side)
    assert swept.area == pytest.approx(sector + (needle.area if to_either_side < 180.0 else 0.0), rel=1e-3)
    assert len(shapely.get_parts(swept)) == 1
    assert swept.is_valid
