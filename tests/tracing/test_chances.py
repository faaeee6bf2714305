"""The share of turned shapes that hold a place: against counting, at the seam, with holes and around the source."""

import numpy as np
import pytest
import shapely

from tracing.chances import chances_of, rings_of
from tracing.chances_kernel import ANGLES, angles, blurred, latin_hypercube, share_inside
from tracing.dense_plume import Vapour
from tracing.plume_zone import Outline, outline
from tracing.release import Air, Release
from tracing.zone_ensemble import model_of

CHLORINE = Vapour(2.898, 25.0, 1.184, 25.0, 2.898e6)
SHAPES = {
    "beside": shapely.Point(300.0, 0.0).buffer(100.0),
    "over the seam": shapely.Point(-300.0, 20.0).buffer(100.0),
    "around the source": shapely.Point(30.0, 0.0).buffer(100.0),
    "with a hole": shapely.Point(50.0, 0.0).buffer(200.0) - shapely.Point(120.0, 30.0).buffer(60.0),
    "ring around the source": shapely.Point(0.0, 0.0).buffer(200.0) - shapely.Point(0.0, 0.0).buffer(50.0),
    "two": shapely.union_all([shapely.box(20, -50, 60, 90), shapely.box(150, -20, 400, 10)]),
    "from the source": shapely.Polygon([(0, 0), (300, 40), (500, 0), (300, -40)]),
    "a coarse needle": shapely.Polygon([(0, -3), (800, 0), (0, 3)]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shares_are_what_counting_finds(name: str) -> None:
    shape = SHAPES[name]
    radii = np.linspace(0.0, 820.0, 60)[1:]
    rings = rings_of(shape)
    share = share_inside(rings, [1.0] * len(rings), radii)
    # Each cell of angle is looked at in 10 places.
    fine = (np.arange(10 * ANGLES) + 0.5) * (2.0 * np.pi / (10 * ANGLES)) - np.pi
    x, y = radii[:, None] * np.cos(fine), radii[:, None] * np.sin(fine)
    counted = shapely.contains_xy(shape, x, y).reshape(len(radii), ANGLES, 10).mean(axis=2)
    np.testing.assert_allclose(share, counted, atol=0.11)
    np.testing.assert_allclose(share.mean(axis=1), counted.mean(axis=1), atol=2e-4)


@pytest.mark.parametrize("sd_deg", [0.5, 15.0, 120.0])
def test_a_turned_sector_is_known_exactly(sd_deg: float) -> None:
    """A sector of 40 degrees turned by a normal angle: differences of the normal distribution, wrapped."""
    bow = np.radians(np.linspace(-20.0, 20.0, 400))
    ring = np.concatenate([[0.0], 100.0 * np.exp(1j * bow), [0.0]])
    share = blurred(share_inside([ring], [1.0], np.array([50.0])), np.radians(sd_deg))[0]
    draws = np.random.default_rng(3).normal(0.0, sd_deg, 400_000)
    for degrees in (0.0, 19.0, 21.0, 60.0, 179.0):
        off = (degrees - draws + 180.0) % 360.0 - 180.0
        at = int(np.argmin(np.abs(np.degrees(angles()) - degrees)))
        assert share[at] == pytest.approx((np.abs(off) < 20.0).mean(), abs=0.12 if sd_deg < 1.0 else 0.006)


def test_bands_of_circles_around_the_source_are_circles() -> None:
    """Nine circles of equal weight, whatever the wind: the seam is closed, the source is inside."""
    shapes = [rings_of(shapely.Point(0.0, 0.0).buffer(100.0 * n, quad_segs=64)) for n in range(1, 10)]
    found = chances_of(shapes, np.arange(1, 10) * 100.0, sd_deg=15.0)
    assert found is not None
    for percent, radius in ((10, 900.0), (50, 500.0), (90, 100.0)):
        band = found.band(percent)
        assert band.geom_type == "Polygon"
        assert not band.interiors
        assert band.area == pytest.approx(np.pi * radius**2, rel=0.03)


def test_a_band_may_leave_the_source_out() -> None:
    ring = shapely.Point(0.0, 0.0).buffer(500.0) - shapely.Point(0.0, 0.0).buffer(200.0)
    found = chances_of([rings_of(ring)], np.array([500.0]), sd_deg=30.0)
    assert found is not None
    assert found.band(50).area == pytest.approx(ring.area, rel=0.02)
    assert not found.band(50).covers(shapely.Point(0.0, 0.0))


def test_weights_are_copies() -> None:
    two = [rings_of(SHAPES["beside"]), rings_of(SHAPES["from the source"])]
    weighted = chances_of(two, np.ones(2), sd_deg=5.0, weights=np.array([3.0, 1.0]))
    copied = chances_of([two[0], two[0], two[0], two[1]], np.ones(4), sd_deg=5.0)
    assert weighted is not None
    assert copied is not None
    assert (weighted.band(50) ^ copied.band(50)).area < 1e-3 * copied.band(50).area
    assert chances_of([[], []], np.zeros(2), sd_deg=5.0) is None


def test_each_part_of_each_column_is_drawn_once() -> None:
    drawn = latin_hypercube(np.random.default_rng(1), 50, 3)
    for column in drawn.T:
        assert sorted((column * 50).astype(int)) == list(range(50))
    assert len({tuple(np.argsort(column)) for column in drawn.T}) == 3


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "light"])
def test_the_rings_of_an_outline_hold_what_its_polygon_holds(dense: bool) -> None:
    plume = model_of(
        Release(119.2, 34.6, 500.0, 2.0), Air(2.5, 45.0, stability="E"), vapour=CHLORINE if dense else None
    )
    found = outline(plume, 5.8, z_m=1.5, points=160)
    assert len(found.stretches) == (2 if dense else 1)
    made = shapely.union_all([shapely.Polygon(np.column_stack([ring.real, ring.imag])) for ring in found.rings()])
    assert (made ^ found.polygon()).area < 0.005 * made.area
    for ring in found.rings():
        assert ring[0] == ring[-1]
        assert (ring[:-1].conj() * ring[1:]).imag.sum() > 0.0
    apart = Outline(((np.array([1.0, 2.0]), np.array([1.0, 1.0])), (np.array([5.0, 7.0]), np.array([0.0, 1.0]))))
    assert [len(ring) for ring in apart.rings()] == [5, 5]
