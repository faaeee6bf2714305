"""Surfaces over an area: stations that count, grids, leave-one-out, chances, classes that fit together."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from numpy.testing import assert_allclose
from scipy.special import ndtr

from geo.class_contours import above, classes
from geo.errors import InvalidInput, MissingData, NotConverged
from geo.geodesic import distance_m
from geo.grid_over import grid_over
from geo.interpolation import Options, interpolate
from geo.sites import Sites, clean, distance_to_m, to_xyz
from geo.variogram_kernel import Variogram

AREA = shapely.box(119.0, 34.4, 119.4, 34.7)


def stations(count: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(118.95, 119.45, count), rng.uniform(34.35, 34.75, count)
    return lon, lat, 80.0 + 300.0 * (lon - 119.2) + 40.0 * np.sin((lat - 34.5) * 20.0) + rng.normal(0, 2.0, count)


def surface(options: Options | None = None, count: int = 40, cell: float = 2000.0):
    sites, _ = clean(*stations(count), AREA)
    return interpolate(sites, grid_over(AREA, cell), options)


def test_places_in_space_are_geodesic_distances():
    lon, lat = np.array([119.0, 119.4, 119.9]), np.array([34.4, 34.7, 34.1])
    xyz = to_xyz(lon, lat)
    for i, j in ((0, 1), (1, 2)):
        assert_allclose(np.linalg.norm(xyz[i] - xyz[j]), distance_m(lon[i], lat[i], lon[j], lat[j]), rtol=1e-5)
    assert_allclose(distance_to_m(np.array([119.2]), np.array([34.5]), AREA), 0.0)
    far = distance_to_m(np.array([119.2]), np.array([35.0]), AREA)
    assert_allclose(far, distance_m(119.2, 35.0, 119.2, 34.7), rtol=1e-3)


def test_the_grid_covers_the_area_in_cells_of_the_size_asked_for():
    grid = grid_over(AREA, 500.0)
    assert_allclose(distance_m(grid.lon[0], 34.55, grid.lon[1], 34.55), 500.0, rtol=1e-5)
    assert_allclose(distance_m(119.2, grid.lat[30], 119.2, grid.lat[31]), 500.0, rtol=1e-4)
    assert grid.lon[0] < 119.0
    assert grid.lon[-1] > 119.4
    assert not np.isnan(grid.scatter(np.zeros(grid.wanted.sum()))[grid.wanted]).any()


def test_a_surface_with_its_error_and_chances():
    found = surface()
    assert found.method == "kriging"
    inside = found.value[found.grid.wanted]
    assert np.isnan(found.value[~found.grid.wanted]).all()
    assert 0.0 <= inside.min() < inside.max() < 200.0
    assert abs(found.check.mean_error) < 2.0
    assert found.check.rmse < 8.0
    mean, size = found.check.standardised
    assert abs(mean) < 0.3
    assert 0.5 < size < 2.0
    chance = found.chance_above(75.0)[found.grid.wanted]
    assert ((chance > 0.5) == (inside > 75.0)).all()
    for share in (0.1, 0.9):
        bound = found.quantile(share)[found.grid.wanted]
        assert ((found.chance_above(75.0)[found.grid.wanted] > 1.0 - share) == (bound > 75.0)).all()
    more = found.chance_above(115.0)[found.grid.wanted]
    assert (more <= chance).all()


def hills(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Ground too rough to be seen between stations: height in m."""
    return 200.0 + 100.0 * np.sin(lon * 150.0) * np.cos(lat * 170.0)


def test_a_drift_that_explains_the_values_makes_the_error_smaller():
    lon, lat, values = stations()
    sites, _ = clean(lon, lat, values - 0.2 * hills(lon, lat) + 60.0, AREA)
    grid = grid_over(AREA, 2000.0)
    plain, told = interpolate(sites, grid), interpolate(sites, grid, Options(drift={"height": hills}))
    assert told.method == "drift"
    assert told.coefficients["height"] == pytest.approx(-0.2, abs=0.03)
    assert told.check.rmse < 0.7 * plain.check.rmse


def test_inverse_distance_knows_no_error():
    found = surface(Options(method="idw"))
    assert found.sd is None
    for asked in (found.chance_above, found.quantile):
        with pytest.raises(InvalidInput, match="knows no error"):
            asked(0.5)


def test_few_stations_take_inverse_distance_and_say_so():
    found = surface(count=6)
    assert found.method == "idw"
    assert "too few to fit a variogram" in found.notes[0]
    given = surface(Options(variogram=Variogram("exponential", 1.0, 400.0, 20_000.0)), count=6)
    assert given.method == "kriging"


def test_equal_values_make_a_flat_surface():
    lon, lat, _ = stations(15)
    sites, _ = clean(lon, lat, np.full(15, 35.0), AREA)
    for method in ("auto", "kriging"):
        found = interpolate(sites, grid_over(AREA, 3000.0), Options(method=method))
        assert set(np.unique(found.value[found.grid.wanted]).round(9)) == {35.0}
        assert "all 15 values are 35" in found.notes[0]


def test_a_floor_holds():
    lon, lat, values = stations()
    sites, _ = clean(lon, lat, values - values.min(), AREA)
    found = interpolate(sites, grid_over(AREA, 2000.0), Options(model="gaussian"))
    assert np.nanmin(found.value) >= 0.0


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_stations_make_no_surface(count):
    sites, _ = clean(*(column[:count] for column in stations()), AREA)
    with pytest.raises(InvalidInput, match=f"{count} station"):
        interpolate(sites, grid_over(AREA, 2000.0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(model="cubic"), "spherical"),
        (Options(power=0.0), "above 0"),
        (Options(method="idw", drift={"a": lambda x, y: x}), "no drift"),
        (Options(variogram=Variogram("exponential", -1.0, 5.0, 1e4)), "nugget"),
        (Options(drift={"flat": lambda x, y: 0.0 * x}), "explains nothing"),
        (Options(drift={"a": lambda x, y: x, "b": lambda x, y: 5.0 - 2.0 * x}), "a, b say the same"),
        (Options(drift={"gap": lambda x, y: np.where(x > 119.2, np.nan, x)}), "not known at"),
        (Options(drift={"gap": lambda x, y: np.where(len(x) > 40, np.nan, x)}), "grid nodes"),
    ],
)
def test_what_cannot_be_is_said(options, said):
    with pytest.raises(InvalidInput, match=said):
        surface(options)


def test_too_few_for_kriging_is_said():
    with pytest.raises(InvalidInput, match="10 are needed"):
        surface(Options(method="kriging"), count=6)
    with pytest.raises(InvalidInput, match="11 are needed"):
        surface(Options(drift={"east": lambda lon, lat: lon}), count=8)


def test_a_system_that_cannot_be_solved_is_said():
    with pytest.raises(NotConverged, match="exponential"):
        surface(Options(variogram=Variogram("gaussian", 0.0, 90.0, 500_000.0)))


def test_stations_that_do_not_count_are_told():
    lon, lat, values = stations(12)
    lon[1], lat[1] = lon[0], lat[0]
    values[0], values[1], values[2] = 10.0, 30.0, np.nan
    lon[3] = 125.0
    sites, notes = clean(lon, lat, values, AREA)
    assert len(sites.values) == 9
    assert sites.values[0] == 20.0
    assert sites.row.tolist() == [0, *range(4, 12)]
    said = " ".join(notes)
    for text in ("1 stations without value", "1 stations lie more than 50 km", "1 stations share a place"):
        assert text in said


def test_stations_all_outside():
    lon, lat, values = stations(12)
    assert any("extrapolated" in note for note in clean(lon + 0.6, lat, values, AREA)[1])
    with pytest.raises(MissingData, match="more than 50 km outside"):
        clean(lon + 5.0, lat, values, AREA)
    with pytest.raises(MissingData, match="none of 12"):
        clean(lon, lat, np.full(12, np.nan), AREA)
    with pytest.raises(InvalidInput, match="row 1: lon"):
        clean(lon + 900.0, lat, values, AREA)
    with pytest.raises(InvalidInput, match="infinite"):
        clean(lon, lat, values * np.inf, AREA)


@pytest.mark.parametrize("cell", [0.0, 1e9])
def test_cells_that_cannot_be(cell):
    with pytest.raises(InvalidInput, match="1 to 100000"):
        grid_over(AREA, cell)


def test_grids_that_cannot_be():
    with pytest.raises(InvalidInput, match="larger cells"):
        grid_over(AREA, 5.0)
    with pytest.raises(InvalidInput, match="no surface"):
        grid_over(shapely.Point(1, 2), 500.0)


CITY = shapely.MultiPolygon(
    [
        shapely.difference(shapely.Point(119.2, 34.55).buffer(0.15), shapely.box(119.2, 34.5, 119.24, 34.54)),
        shapely.box(119.38, 34.41, 119.4, 34.45),
    ]
)


@pytest.mark.parametrize("seed", range(4))
def test_classes_have_no_gaps_and_no_overlaps(seed):
    grid = grid_over(CITY, 1500.0)
    lon, lat = np.meshgrid(grid.lon, grid.lat)
    rng = np.random.default_rng(seed)
    values = 100.0 + 60.0 * np.sin(40.0 * lon + seed) * np.cos(35.0 * lat) + rng.normal(0, 15.0, lon.shape)
    values[~grid.wanted] = np.nan
    parts = classes(CITY, grid.lon, grid.lat, values, (35.0, 75.0, 115.0, 150.0, 250.0))
    there = [part for part in parts if not part.is_empty]
    assert len(there) >= 4
    assert parts[-1].is_empty
    assert all(part.is_valid for part in there)
    singles = np.concatenate([shapely.get_parts(part) for part in there])
    assert shapely.coverage_is_valid(singles)
    assert_allclose(sum(part.area for part in there), CITY.area, rtol=1e-7)
    assert shapely.union_all(there).symmetric_difference(CITY).area < 1e-6 * CITY.area
    for low, high in ((0, 1), (1, 3), (2, 4)):
        assert parts[low].intersection(parts[high]).area < 1e-12


def test_a_plane_is_cut_where_it_should_be():
    grid = grid_over(AREA, 1000.0)
    values = np.where(grid.wanted, np.broadcast_to(grid.lon, grid.wanted.shape), np.nan)
    low, high = classes(AREA, grid.lon, grid.lat, values, (119.1,))
    assert low.equals_exact(shapely.normalize(low), 0) or low.is_valid
    assert_allclose(low.bounds, (119.0, 34.4, 119.1, 34.7), atol=1e-6)
    assert_allclose(high.bounds, (119.1, 34.4, 119.4, 34.7), atol=1e-6)
    assert above(grid.lon, grid.lat, values, 120.0).is_empty


def skewed_field(count: int = 300, seed: int = 7) -> Sites:
    """Return sites of a lognormal field: the log is a smooth wave and noise."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.uniform(118.5, 119.8, count), rng.uniform(34.0, 35.0, count)
    logs = 3.0 + 0.9 * np.sin(6.0 * lon) * np.cos(5.0 * lat) + rng.normal(0.0, 0.5, count)
    return Sites(lon, lat, np.exp(logs), np.arange(count))


def test_logs_give_skewed_values_the_right_chances() -> None:
    sites, grid = skewed_field(), grid_over(shapely.box(118.5, 34.0, 119.8, 35.0), 5_000.0)
    plain, logs = (interpolate(sites, grid, Options(method="kriging", transform=one)) for one in ("none", "log"))
    truth = 3.0 + 0.9 * np.sin(6.0 * grid.lon) * np.cos(5.0 * grid.lat[:, None])
    errors = []
    for level in (10.0, 20.0, 40.0, 80.0):
        # What a further station would find: the wave and its noise.
        chance = ndtr((truth - np.log(level)) / 0.5)
        errors.append([float(np.nanmean(np.abs(one.chance_above(level) - chance))) for one in (plain, logs)])
    assert all(by_logs < 0.8 * by_values for by_values, by_logs in errors)
    assert abs(logs.check.mean_error) < 1e-9 * sites.values.mean()
    assert np.nanmean(logs.value) == pytest.approx(np.exp(truth + 0.125).mean(), rel=0.15)
    assert (logs.quantile(0.1) < logs.quantile(0.9)).sum() == grid.wanted.sum()
    assert np.all(logs.chance_above(0.0)[grid.wanted] == 1.0)


def test_logs_scale_with_the_unit() -> None:
    sites, grid = skewed_field(60), grid_over(shapely.box(118.5, 34.0, 119.8, 35.0), 20_000.0)
    one, thousand = (
        interpolate(replace(sites, values=sites.values * f), grid, Options(method="kriging", transform="log"))
        for f in (1.0, 1_000.0)
    )
    assert thousand.value == pytest.approx(1_000.0 * one.value, rel=1e-6, nan_ok=True)
    assert thousand.chance_above(50_000.0) == pytest.approx(one.chance_above(50.0), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(
    ("method", "low", "said"), [("kriging", 0.0, "no logarithm"), ("idw", 1.0, "no log transform")]
)
def test_logs_of_what_has_none(method: str, low: float, said: str) -> None:
    sites = skewed_field(40)
    sites.values[0] = low
    with pytest.raises(InvalidInput, match=said):
        interpolate(sites, grid_over(shapely.box(118.5, 34.0, 119.8, 35.0), 20_000.0), Options(method, transform="log"))
