import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from geo.errors import InvalidInput
from geo.geodesic import distance_matrix_m
from tracing.neighbours import neighbour_matrix, parse_rule

libpysal = pytest.importorskip("libpysal")


def points(lon, lat, crs=4326):
    return gpd.GeoSeries(gpd.points_from_xy(lon, lat), crs=crs)


def members(matrix, row):
    return set(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tolist())


@pytest.mark.parametrize(("text", "kind"), [("knn:8", "knn"), (" KNN:1 ", "knn"), ("contiguity", "contiguity")])
def test_rules_are_read(text, kind):
    assert parse_rule(text).kind == kind
    assert parse_rule("distance:3000").metres == 3000.0


@pytest.mark.parametrize(
    "text",
    ["knn", "knn:0", "knn:-1", "knn:2.5", "distance:", "distance:-3", "distance:inf", "distance:nan", "queen", ""],
)
def test_rules_that_are_not_understood(text):
    with pytest.raises(InvalidInput, match="write knn:8, distance:3000"):
        parse_rule(text)


@pytest.mark.parametrize(
    "box",
    [
        (118.0, 34.0, 120.0, 35.2),
        (100.0, 70.0, 140.0, 89.9),
        (175.0, -30.0, 185.0, -20.0),
        (-180.0, -90.0, 180.0, 90.0),
    ],
    ids=["city", "arctic", "dateline", "world"],
)
@pytest.mark.parametrize("k", [1, 5, 20])
def test_knn_is_exact(box, k):
    west, south, east, north = box
    lon, lat = np.random.default_rng(k).uniform([[west], [south]], [[east], [north]], (2, 150))
    matrix = neighbour_matrix(points(lon, lat), f"knn:{k}")
    distance = distance_matrix_m(lon, lat, lon, lat)
    np.fill_diagonal(distance, np.inf)
    for row in range(150):
        assert members(matrix, row) == set(np.argsort(distance[row])[:k].tolist())


def test_knn_measures_on_the_ground_not_in_degrees():
    # At 60 north a degree of longitude is half a degree of latitude: the eastern place is nearer.
    matrix = neighbour_matrix(points([10.0, 11.5, 10.0], [60.0, 60.0, 61.0]), "knn:1")
    assert members(matrix, 0) == {1}


def test_knn_on_the_ellipsoid_differs_from_the_sphere():
    # Near the equator 1 degree east is 111.320 km and 1 degree north 110.574 km: a sphere ranks them the other way.
    matrix = neighbour_matrix(points([0.0, 0.999, 0.0], [0.0, 0.0, 1.0]), "knn:1")
    assert members(matrix, 0) == {2}


def test_ties_do_not_depend_on_the_order_of_rows():
    lon, lat = (a.ravel() for a in np.meshgrid(np.arange(7) * 0.01 + 119.0, np.arange(7) * 0.01 + 34.0))
    straight = neighbour_matrix(points(lon, lat), "knn:6")
    order = np.random.default_rng(2).permutation(49)
    shuffled = neighbour_matrix(points(lon[order], lat[order]), "knn:6")
    for row in range(49):
        assert {int(order[j]) for j in members(shuffled, row)} == members(straight, order[row])


@pytest.mark.parametrize("seed", range(4))
def test_ties_beyond_the_first_candidates_are_all_looked_at(seed):
    # Forty places at one distance from a centre: the westernmost is the neighbour, wherever it stands in the list.
    azimuths = np.random.default_rng(seed).permutation(40) * 9.0
    lon, lat, _ = Geod(ellps="WGS84").fwd([119.0] * 40, [34.6] * 40, azimuths, [3000.0] * 40)
    matrix = neighbour_matrix(points([119.0, *lon], [34.6, *lat]), "knn:1")
    assert members(matrix, 0) == {1 + int(np.argmin(lon))}


def test_places_at_one_position_are_neighbours():
    lon, lat = np.array([119.0] * 9 + [119.1, 119.2, 119.3]), np.full(12, 34.0)
    matrix = neighbour_matrix(points(lon, lat), "knn:3")
    assert all(members(matrix, row) <= set(range(9)) - {row} for row in range(9))
    assert np.diff(matrix.indptr).tolist() == [3] * 12
    near = neighbour_matrix(points(lon, lat), "distance:10")
    assert members(near, 0) == set(range(1, 9))
    assert members(near, 9) == set()


def test_distance_is_inclusive_geodesic_and_symmetric():
    lon, lat, _ = Geod(ellps="WGS84").fwd([119.0] * 3, [34.6] * 3, [40.0, 40.0, 220.0], [3000.0, 3000.5, 2999.0])
    matrix = neighbour_matrix(points([119.0, *lon], [34.6, *lat]), "distance:3000")
    assert members(matrix, 0) == {1, 3}
    assert (matrix != matrix.T).nnz == 0


def test_distance_is_every_pair_within(shared_data):
    rng = np.random.default_rng(4)
    lon, lat = rng.uniform(118, 120, 300), rng.uniform(34, 35.2, 300)
    matrix = neighbour_matrix(points(lon, lat), "distance:12000").toarray()
    expected = distance_matrix_m(lon, lat, lon, lat) <= 12000.0
    np.fill_diagonal(expected, False)
    assert np.array_equal(matrix, expected.astype(float))


def test_distance_that_joins_too_many_is_refused(monkeypatch):
    monkeypatch.setattr("tracing.neighbours.MAX_PAIRS", 5)
    with pytest.raises(InvalidInput, match="joins 6 pairs, more than 5"):
        neighbour_matrix(points([1.0, 1.1, 1.2, 1.3], [0.0] * 4), "distance:100000")


def test_contiguity_is_queen_as_libpysal(shared_data):
    tracts = gpd.read_file(shared_data / "hotspots" / "bos-ecometric.geojson")
    tracts = tracts.drop_duplicates(tracts.columns[0]).reset_index(drop=True).to_crs(4326)
    expected = libpysal.weights.Queen.from_dataframe(tracts, use_index=False, silence_warnings=True)
    matrix = neighbour_matrix(tracts.geometry, "contiguity")
    assert matrix.shape[0] > 100
    for row in range(len(tracts)):
        assert members(matrix, row) == set(expected.neighbors[row])


def test_contiguity_on_a_lattice_counts_corners():
    cells = [
        shapely.box(118 + x / 10, 34 + y / 10, 118 + (x + 1) / 10, 34 + (y + 1) / 10)
        for y in range(3)
        for x in range(3)
    ]
    matrix = neighbour_matrix(gpd.GeoSeries([*cells, shapely.box(130, 40, 131, 41)], crs=4326), "contiguity")
    assert np.diff(matrix.indptr).tolist() == [3, 5, 3, 5, 8, 5, 3, 5, 3, 0]


def test_polygons_count_by_a_point_inside():
    cells = gpd.GeoSeries([shapely.box(x, 0, x + 1, 1) for x in (0, 1, 3, 7)], crs=4326)
    matrix = neighbour_matrix(cells, "knn:1")
    assert [members(matrix, row) for row in range(4)] == [{1}, {0}, {1}, {2}]


def test_other_crs_are_brought_to_longitude_and_latitude():
    lon, lat = np.random.default_rng(6).uniform([[118.0], [34.0]], [[120.0], [35.0]], (2, 60))
    series = points(lon, lat)
    expected, found = neighbour_matrix(series, "knn:4"), neighbour_matrix(series.to_crs(3857), "knn:4")
    assert (expected != found).nnz == 0


@pytest.mark.parametrize(
    ("series", "rule", "text"),
    [
        (points([1, 2, 3], [1, 2, 3]), "contiguity", "contiguity is for polygons, not Point"),
        (points([1, 2, 3], [1, 2, 3]), "knn:2", "needs at least 4 places with data, there are 3"),
        (points([1, 2, 3], [1, 2, 3], crs=None), "knn:1", "no CRS"),
        (gpd.GeoSeries([None, shapely.Point(1, 2)], crs=4326), "knn:1", "no geometry"),
        (points([34, 35, 36], [119, 119, 119]), "knn:1", "swapped"),
    ],
)
def test_what_cannot_be_answered(series, rule, text):
    with pytest.raises(InvalidInput, match=text):
        neighbour_matrix(series, rule)
