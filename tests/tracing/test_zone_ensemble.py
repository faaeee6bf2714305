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
        assert shapely.symmetric_difference(band, zone).area < 0.05 * zone.area


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
    assert {(m.wind_from_deg, m.turn_sd_deg) for m in made} == {(45.0, 10.0)}
    assert np.log([m.model.air.wind_speed_m_s for m in made]).std() == pytest.approx(0.3, rel=0.01)
    classes = [m.model.air.stability for m in made]
    assert classes.count("C") / len(made) == pytest.approx(0.25, abs=0.001)
    assert classes.count("E") / len(made) == pytest.approx(0.25, abs=0.001)
    # Drawn evenly, and yet each for itself.
    assert abs(np.corrcoef([m.model.air.wind_speed_m_s for m in made], [c == "C" for c in classes])[0, 1]) < 0.08
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


def teeth(shape: shapely.Geometry) -> float:
    """Return by how much the boundary is longer than that of the same shape with what is narrow rounded off."""
    size = 0.05 * np.sqrt(shape.area)
    rounded = shape.buffer(size).buffer(-2.0 * size).buffer(size)
    return shape.length / rounded.length - 1.0


THIN = (Air(2.5, 45.0, stability="F"), Spread(15.0, 0.2, 0.5, 0.5, 2.0), 58.0)
WIDE = (Air(3.0, 200.0, stability="B"), Spread(10.0, 0.2, 0.5), 5.0)


@pytest.mark.parametrize(("air", "spread", "threshold"), [THIN, WIDE], ids=["thin", "wide"])
def test_bands_are_smooth_and_those_of_5000_plain_draws(air: Air, spread: Spread, threshold: float) -> None:
    """Against a plain Monte Carlo ensemble that shares no code with the bands: concentrations at places, counted."""
    found = chances(members(RELEASE, air, spread, count=100, rng=np.random.default_rng(2)), threshold, z_m=1.5)
    assert found is not None
    bands = [shape for percent in BANDS if (shape := found.band(percent)).area > 1_000.0]
    assert len(bands) >= 1
    count, rng = 5_000, np.random.default_rng(8)
    normal, even = rng.standard_normal((2, count)), rng.random((2, count))
    # Not at the source itself, where all of them begin.
    way = np.linspace(0.03, 0.97, 40)
    edge = [shapely.get_coordinates(shape.exterior.interpolate(way, normalized=True)) for shape in bands]
    around = [shape.buffer(0.1 * np.sqrt(shape.area)).bounds for shape in bands]
    axes = [(np.linspace(west, east, 60), np.linspace(south, north, 60)) for west, south, east, north in around]
    grids = [np.stack(np.meshgrid(*pair), axis=-1).reshape(-1, 2) for pair in axes]
    places = np.concatenate([*grids, *edge])
    passed = np.zeros(len(places))
    ratio = spread.rate_high / spread.rate_low
    for number in range(count):
        step = -1 if even[0, number] < 0.25 else 1 if even[0, number] > 0.75 else 0
        stability = "ABCDEF"[min("ABCDEF".index(air.stability or "D") + step, 5)]
        speed = air.wind_speed_m_s * np.exp(spread.speed * normal[0, number])
        plume = model_of(
            Release(119.2, 34.6, 500.0 * spread.rate_low * ratio ** even[1, number], 2.0),
            Air(speed, air.wind_from_deg, stability=stability),
        )
        toward = np.radians(air.wind_from_deg + spread.direction_deg * normal[1, number] + 180.0)
        along = places @ [np.sin(toward), np.cos(toward)]
        across = places @ [np.cos(toward), -np.sin(toward)]
        there = along > 0.0
        passed[there] += plume.concentration(along[there], across[there], 1.5) >= threshold
    share = passed / count
    inside = share[: 3600 * len(bands)].reshape(-1, 3600)
    on_the_edge = share[3600 * len(bands) :].reshape(-1, 40)
    for number, (shape, percent) in enumerate(zip(bands, BANDS, strict=False)):
        cell = float(np.prod([axis[1] - axis[0] for axis in axes[number]]))
        # Two plain ensembles of 5000 differ by 3 % in the wide bands and by 8 % in the core, which is small.
        counted = (inside[number] >= percent / 100.0).sum() * cell
        assert shape.area == pytest.approx(counted, rel=0.07 if percent < 90 else 0.15)
        assert on_the_edge[number].mean() == pytest.approx(percent / 100.0, abs=0.015)
        assert np.abs(on_the_edge[number] - percent / 100.0).max() < 0.06
        assert teeth(shape) < 0.035
