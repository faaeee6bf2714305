import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InvalidInput
from geo.geodesic import area_m2, circle, distance_m, distance_matrix_m, length_m

A, F = 6378137.0, 1 / 298.257223563
E2 = F * (2 - F)


def disc_area(lat: float, radius: float) -> float:
    """Return a geodesic disc's area by Bertrand, Diguet and Puiseux: pi r^2 (1 - K r^2 / 12 + O(r^4))."""
    curvature = (1 - E2 * np.sin(np.radians(lat)) ** 2) ** 2 / (A**2 * (1 - E2))
    return np.pi * radius**2 * (1 - curvature * radius**2 / 12)


def band_area(lat: float, width_deg: float) -> float:
    """Return the ellipsoid's area from the equator to a latitude, over a width of longitude (closed form)."""
    e, s = np.sqrt(E2), np.sin(np.radians(lat))
    q = s / (1 - E2 * s * s) + np.arctanh(e * s) / e
    return np.radians(width_deg) * A**2 * (1 - E2) / 2 * q


def test_distance_against_vincentys_published_line():
    # Flinders Peak to Buninyong, the test line of the Geocentric Datum of Australia manual (GRS80, 54972.271 m).
    start = (144 + 25 / 60 + 29.52440 / 3600, -(37 + 57 / 60 + 3.72030 / 3600))
    end = (143 + 55 / 60 + 35.38390 / 3600, -(37 + 39 / 60 + 10.15610 / 3600))
    assert distance_m(*start, *end) == pytest.approx(54972.271, abs=0.002)


def test_distance_broadcasts_and_keeps_gaps():
    out = distance_m([0.0, np.nan, 2.0], 0.0, 0.0, 0.0)
    assert out.shape == (3,)
    assert out[0] == 0.0
    assert np.isnan(out[1])
    assert out[2] == pytest.approx(np.radians(2.0) * A, rel=1e-12)


@pytest.mark.parametrize(("lon", "lat", "word"), [(34.6, 119.2, "latitude 119.2"), (500.0, 0.0, "longitude 500")])
def test_distance_refuses_positions_out_of_range(lon, lat, word):
    with pytest.raises(InvalidInput, match=word):
        distance_m(lon, lat, 0.0, 0.0)
    with pytest.raises(InvalidInput, match=word):
        distance_m(0.0, 0.0, lon, lat)


def test_distance_refuses_shapes_that_do_not_fit():
    with pytest.raises(InvalidInput, match="shapes that fit"):
        distance_m([1.0, 2.0], [1.0, 2.0, 3.0], 0.0, 0.0)


def test_matrix_is_all_pairs(monkeypatch):
    rng = np.random.default_rng(3)
    a, b = rng.uniform(-60, 60, (2, 7)), rng.uniform(-60, 60, (2, 5))
    expected = [[distance_m(*p, *q) for q in b.T] for p in a.T]
    assert np.array_equal(distance_matrix_m(*a, *b), np.array(expected))
    # The same in small blocks, as for large inputs.
    monkeypatch.setattr("geo.geodesic._BLOCK_PAIRS", 12)
    assert np.array_equal(distance_matrix_m(*a, *b), np.array(expected))


def test_matrix_of_nothing_is_empty():
    assert distance_matrix_m([], [], [1.0, 2.0], [1.0, 2.0]).shape == (0, 2)
    assert distance_matrix_m([1.0, 2.0], [1.0, 2.0], [], []).shape == (2, 0)


@pytest.mark.parametrize("lat", [0.0, 34.6, -50.0, 75.0])
@pytest.mark.parametrize("radius", [3_000.0, 15_000.0, 30_000.0])
def test_a_circles_area_is_the_geodesic_truth(lat, radius):
    polygon = circle(119.1, lat, radius)
    truth = disc_area(lat, radius)
    assert area_m2(polygon) == pytest.approx(truth, rel=1e-3)
    # The rest is the inscribed polygon's known deficit.
    assert area_m2(polygon) == pytest.approx(truth * (1 - (2 * np.pi / 360) ** 2 / 6), rel=1e-6)


@given(lon=st.floats(-170, 170), lat=st.floats(-80, 80), radius=st.floats(10, 60_000))
def test_every_vertex_of_a_circle_lies_on_it(lon, lat, radius):
    x, y = np.asarray(circle(lon, lat, radius, vertices=24).exterior.coords).T
    assert np.allclose(distance_m(lon, lat, x, y), radius, rtol=0.0, atol=1e-5)


def test_a_circle_is_valid_and_counter_clockwise():
    polygon = circle(119.1, 34.6, 30_000.0)
    assert polygon.is_valid
    assert polygon.exterior.is_ccw
    assert len(polygon.exterior.coords) == 361


@pytest.mark.parametrize(
    ("lon", "lat", "radius", "vertices", "text"),
    [
        (np.nan, 34.0, 10.0, 360, "no circle around"),
        (34.6, 119.2, 10.0, 360, "no circle around"),
        (119.2, 34.6, 0.0, 360, "positive number of metres"),
        (119.2, 34.6, np.nan, 360, "positive number of metres"),
        (119.2, 34.6, 10.0, 4, "at least 8"),
        (179.9, 34.6, 30_000.0, 360, "180th meridian"),
        (0.0, 89.9, 30_000.0, 360, "holds a pole"),
    ],
)
def test_impossible_circles_are_refused(lon, lat, radius, vertices, text):
    with pytest.raises(InvalidInput, match=text):
        circle(lon, lat, radius, vertices)


def test_area_of_a_graticule_cell_by_the_closed_form():
    # Parallels are no geodesics: many vertices make them so.
    lons = np.linspace(118.0, 120.0, 2001)
    ring = [*zip(lons, np.full(2001, 34.0), strict=True), *zip(lons[::-1], np.full(2001, 35.0), strict=True)]
    assert area_m2(shapely.Polygon(ring)) == pytest.approx(band_area(35.0, 2.0) - band_area(34.0, 2.0), rel=1e-7)


def test_area_minds_holes_parts_and_no_orientation():
    outer, inner = circle(119.0, 34.0, 2_000.0), circle(119.0, 34.0, 1_000.0)
    ring, far = area_m2(outer) - area_m2(inner), circle(120.0, 34.0, 500.0)
    for hole in (list(inner.exterior.coords), list(inner.exterior.coords)[::-1]):
        assert area_m2(shapely.Polygon(outer.exterior.coords, [hole])) == pytest.approx(ring, rel=1e-12)
    holed = shapely.Polygon(outer.exterior.coords, [inner.exterior.coords])
    both = shapely.GeometryCollection([shapely.MultiPolygon([holed, far]), shapely.Point(1, 2)])
    assert area_m2(both) == pytest.approx(ring + area_m2(far), rel=1e-12)
    assert area_m2(shapely.Point(1, 2)) == 0.0
    assert area_m2(shapely.Polygon()) == 0.0


def test_series_keep_their_index_and_may_be_projected():
    series = gpd.GeoSeries([circle(119.0, 34.0, 1_000.0), None], index=["a", "b"], crs=4326)
    areas = area_m2(series.to_crs(3857))
    assert areas["a"] == pytest.approx(disc_area(34.0, 1_000.0), rel=1e-3)
    assert np.isnan(areas["b"])
    assert areas.index.tolist() == ["a", "b"]


def test_length_of_lines_and_perimeters():
    equator = shapely.LineString([(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)])
    assert length_m(equator) == pytest.approx(np.radians(2.0) * A, rel=1e-12)
    assert length_m(circle(119.0, 34.0, 1_000.0)) == pytest.approx(2 * np.pi * 1_000.0, rel=1e-4)
    assert length_m(shapely.MultiLineString([equator, equator])) == pytest.approx(2 * length_m(equator))
    assert length_m(shapely.Point(1, 2)) == 0.0
    assert np.isnan(length_m(gpd.GeoSeries([None], crs=4326))[0])
