import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.datum import DATUMS, from_wgs84, geometry_to_wgs84, to_wgs84
from geo.errors import InvalidInput
from geo.geodesic import distance_m

inside_china = st.tuples(st.floats(73.0, 137.0), st.floats(1.0, 55.0))


# Published examples of the widely used converters: Beijing centre, and a point in Shanghai.
@pytest.mark.parametrize(
    ("wgs", "gcj"),
    [
        ((116.404, 39.915), (116.41024449916938, 39.91640428150164)),
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ],
)
def test_gcj02_agrees_with_published_examples(wgs, gcj):
    assert np.allclose(from_wgs84(*wgs, "gcj02"), gcj, rtol=0.0, atol=1e-9)
    assert np.allclose(to_wgs84(*gcj, "gcj02"), wgs, rtol=0.0, atol=1e-9)


def test_bd09_agrees_with_the_published_example():
    wgs = to_wgs84(116.404, 39.915, "gcj02")
    bd = (116.41036949371029, 39.92133699351022)
    assert np.allclose(from_wgs84(*wgs, "bd09"), bd, rtol=0.0, atol=1e-9)
    assert np.allclose(to_wgs84(*bd, "bd09"), wgs, rtol=0.0, atol=1e-9)


def test_the_shift_at_lianyungang_is_that_of_real_boundaries():
    # A boundary set found in the wild there: 0.0054 degrees east, 0.0012 south of WGS 84.
    lon, lat = from_wgs84(119.2, 34.6, "gcj02")
    assert lon - 119.2 == pytest.approx(0.0054, abs=0.0004)
    assert lat - 34.6 == pytest.approx(-0.0012, abs=0.0004)


@pytest.mark.parametrize("datum", DATUMS)
@given(place=inside_china)
def test_round_trip_inside_china(datum, place):
    back = to_wgs84(*from_wgs84(*place, datum), datum)
    assert np.allclose(back, place, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_the_inverse_is_far_better_than_a_tenth_of_a_metre(datum):
    lon, lat = np.random.default_rng(7).uniform([[74.0], [4.0]], [[135.0], [53.0]], (2, 20_000))
    back = to_wgs84(*from_wgs84(lon, lat, datum), datum)
    assert distance_m(lon, lat, *back).max() < 1e-4
    moved = distance_m(lon, lat, *from_wgs84(lon, lat, datum))
    assert moved.min() > 20.0
    assert moved.max() < 2_500.0


@given(lon=st.floats(-180, 71.9), lat=st.floats(-90, 90))
def test_gcj02_is_the_identity_outside_china(lon, lat):
    assert from_wgs84(lon, lat, "gcj02") == (lon, lat)
    assert to_wgs84(lon, lat, "gcj02") == (lon, lat)


def test_cgcs2000_coincides_and_names_are_read_kindly():
    assert to_wgs84(119.0, 34.0, "cgcs2000") == (119.0, 34.0)
    assert np.array_equal(to_wgs84(119.0, 34.0, "GCJ-02"), to_wgs84(119.0, 34.0, "gcj02"))


@pytest.mark.parametrize("datum", ["wgs 72", "", "beijing54"])
def test_an_unknown_datum_names_the_known_ones(datum):
    with pytest.raises(InvalidInput, match="unknown datum .*wgs84, cgcs2000, gcj02, bd09"):
        to_wgs84(119.0, 34.0, datum)
    with pytest.raises(InvalidInput, match="unknown datum"):
        geometry_to_wgs84(gpd.GeoSeries([shapely.Point(1, 2)]), datum)


def test_missing_and_impossible_positions_come_back_as_they_are():
    lon, lat = to_wgs84([np.nan, 34.6, 119.0], [34.0, 119.2, np.nan], "gcj02")
    assert np.isnan(lon[0])
    assert np.isnan(lat[2])
    assert (lon[1], lat[1]) == (34.6, 119.2)


def test_arrays_are_not_changed_and_must_fit_together():
    lon, lat = np.array([119.0, 120.0]), np.array([34.0, 35.0])
    to_wgs84(lon, lat, "bd09")
    assert lon.tolist() == [119.0, 120.0]
    with pytest.raises(InvalidInput, match="one shape"):
        to_wgs84([1.0, 2.0], [1.0, 2.0, 3.0], "gcj02")
    with pytest.raises(InvalidInput, match="must be numbers"):
        to_wgs84(["east"], [1.0], "gcj02")


def test_geometries_move_vertex_by_vertex_and_keep_heights_gaps_and_index():
    line = shapely.LineString([(119.0, 34.0, 5.0), (119.1, 34.1, 6.0)])
    series = gpd.GeoSeries([shapely.Point(119.2, 34.6), None, line, shapely.Point()], index=list("abcd"), crs=4326)
    moved = geometry_to_wgs84(series, "gcj02")
    assert moved.index.tolist() == list("abcd")
    assert moved.crs.to_epsg() == 4326
    assert np.allclose(moved["a"].coords[0], to_wgs84(119.2, 34.6, "gcj02"), rtol=0.0, atol=1e-12)
    assert moved["b"] is None
    assert [c[2] for c in moved["c"].coords] == [5.0, 6.0]
    assert np.allclose(moved["c"].coords[1][:2], to_wgs84(119.1, 34.1, "gcj02"), rtol=0.0, atol=1e-12)
    assert moved["d"].is_empty


def test_projected_positions_are_unprojected_before_the_shift():
    series = gpd.GeoSeries([shapely.Point(119.2, 34.6)], crs=4326)
    for crs, datum in ((3857, "gcj02"), (4527, "cgcs2000")):
        moved = geometry_to_wgs84(series.to_crs(crs), datum)
        assert np.allclose(moved[0].coords[0], to_wgs84(119.2, 34.6, datum), rtol=0.0, atol=1e-8)
