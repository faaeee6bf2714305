"""Kernel density: by hand, its mass, the coast, laws, and bad input."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from geo.cell_grid import CellGrid
from geo.errors import InvalidInput, MissingData
from geo.geodesic import distance_matrix_m
from tracing.density import kernel_density, rule_of_thumb_m
from tracing.density_kernel import kernel_nodes, summed_kernels


def points(lon, lat, **columns):
    return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def uniform(n, seed=0, box=(119.0, 34.4, 119.4, 34.8)):
    rng = np.random.default_rng(seed)
    return points(rng.uniform(box[0], box[2], n), rng.uniform(box[1], box[3], n))


def test_one_point_by_hand():
    # At the point itself 3 / (pi h^2); at half the bandwidth (3/4)^2 of it.
    top = 3.0 / (np.pi * 2000.0**2)
    density, squares = summed_kernels(np.array([0.0, 1000.0, 2000.0]), np.ones(3), np.arange(3), 3, 2000.0)
    assert density == pytest.approx([top, top * 0.5625, 0.0])
    assert squares == pytest.approx(density**2)
    volume = integrate.quad(lambda r: 2 * np.pi * r * 3 / np.pi * (1 - r * r) ** 2, 0, 1)[0]
    assert volume == pytest.approx(1.0)


def test_geodesic_distances_one_by_one_give_the_same():
    frame = uniform(60, seed=9)
    found = kernel_density(frame, cell_m=3000.0, bandwidth_m=25_000.0)
    lon, lat = found.grid.unproject(*(axis[found.numbers] for axis in found.grid.centres()))
    away = distance_matrix_m(lon, lat, frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()) / 25_000.0
    expected = (3.0 / (np.pi * 25.0**2) * np.maximum(1.0 - away**2, 0.0) ** 2).sum(axis=1)
    assert found.cells["density_per_km2"].to_numpy() == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_the_mass_of_the_density_is_the_number_of_points():
    found = kernel_density(uniform(50), cell_m=500.0, bandwidth_m=5000.0)
    assert (found.cells["density_per_km2"] * 0.25).sum() == pytest.approx(50.0, rel=2e-3)
    assert found.cells["n_points"].sum() == 50
    heavy = kernel_density(uniform(50).assign(w=2.0), cell_m=500.0, bandwidth_m=5000.0, weight="w")
    assert heavy.cells["density_per_km2"].to_numpy() == pytest.approx(2.0 * found.cells["density_per_km2"].to_numpy())
    assert heavy.cells["relative"].to_numpy() == pytest.approx(found.cells["relative"].to_numpy())


def test_nodes_carry_equal_parts_of_the_kernel():
    nodes = kernel_nodes(4000)
    # Of a half plane through the centre 1/2; within half the bandwidth 1 - (3/4)^3.
    assert (nodes[:, 0] > 0.0).mean() == pytest.approx(0.5, abs=2e-3)
    assert (np.hypot(*nodes.T) < 0.5).mean() == pytest.approx(1.0 - 0.75**3, abs=1e-3)


def test_the_density_does_not_fall_at_the_coast():
    land = shapely.box(119.0, 34.4, 119.4, 34.8)
    everywhere = uniform(20_000, seed=4)
    found = kernel_density(everywhere, cell_m=1000.0, bandwidth_m=5000.0, inside=land).cells
    middle = found.geometry.representative_point()
    edge = np.minimum(middle.x - 119.0, 119.4 - middle.x).clip(upper=1) * 91.0
    edge = np.minimum(edge, np.minimum(middle.y - 34.4, 34.8 - middle.y) * 111.0)
    at_coast, inland = found[edge < 1.0], found[edge > 6.0]
    mean = inland["density_per_km2"].mean()
    assert at_coast["density_per_km2"].mean() == pytest.approx(mean, rel=0.03)
    # Without the correction about half is left, at the corners a quarter.
    bare = kernel_density(everywhere, cell_m=1000.0, bandwidth_m=5000.0).cells.set_index("cell")
    assert bare.loc[at_coast["cell"], "density_per_km2"].mean() < 0.68 * mean
    assert at_coast["inside"].min() < 0.4
    assert (inland["inside"] == 1.0).all()


def test_the_standard_error_is_that_of_repeated_draws():
    land = shapely.box(119.0, 34.4, 119.4, 34.8)
    draws = [kernel_density(uniform(n, seed=n), cell_m=4000.0, bandwidth_m=8000.0, inside=land).cells for n in
             np.random.default_rng(0).poisson(300, 40)]  # fmt: skip
    density = np.array([draw["density_per_km2"] for draw in draws])
    error = np.array([draw["standard_error"] for draw in draws])
    assert (density.std(axis=0, ddof=1) / np.sqrt((error**2).mean(axis=0))).mean() == pytest.approx(1.0, abs=0.12)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_of_points_and_repeated_points(seed):
    frame = uniform(30, seed)
    one = kernel_density(frame, cell_m=2000.0, bandwidth_m=6000.0).cells
    turned = kernel_density(frame.sample(frac=1.0, random_state=seed), cell_m=2000.0, bandwidth_m=6000.0).cells
    assert turned["density_per_km2"].to_numpy() == pytest.approx(one["density_per_km2"].to_numpy(), rel=1e-12)
    twice = gpd.pd.concat([frame, frame])
    double = kernel_density(twice, cell_m=2000.0, bandwidth_m=6000.0).cells
    assert double["density_per_km2"].to_numpy() == pytest.approx(2 * one["density_per_km2"].to_numpy(), rel=1e-12)


def test_rule_of_thumb_by_hand():
    grid = CellGrid(119.0, 34.5, 1000.0, 0, 0, 0, 0)
    # Four points 1000 m from their middle: SD = 1000, D / sqrt(ln 2) = 1201.
    lon, lat = grid.unproject([1000.0, -1000.0, 0.0, 0.0], [0.0, 0.0, 1000.0, -1000.0])
    assert rule_of_thumb_m(lon, lat) == pytest.approx(0.9 * 1000.0 * 4**-0.2, rel=1e-6)
    same = kernel_density(points([119.0] * 9 + [119.1], [34.5] * 10), cell_m=100.0)
    assert "Silverman" in same.warnings[0]


def test_points_without_place_weight_or_on_the_sea_are_left_out_and_said():
    frame = uniform(10).assign(w=[1.0] * 9 + [np.nan])
    frame.loc[0, "geometry"] = None
    land = shapely.box(119.0, 34.4, 119.2, 34.8)
    found = kernel_density(frame, cell_m=1000.0, bandwidth_m=4000.0, weight="w", inside=land)
    assert found.warnings[0].startswith("2 points have no place or no weight")
    assert "outside the area" in found.warnings[1]


BAD = {
    "negative weights": (dict(weight="w"), InvalidInput),
    "are larger than the bandwidth": (dict(cell_m=9000.0), InvalidInput),
    "positive number": (dict(bandwidth_m=-1.0), InvalidInput),
    "no polygon": (dict(inside=shapely.Point(119, 34)), InvalidInput),
    "no column 'v'": (dict(weight="v"), InvalidInput),
    "no point with a place": (dict(inside=shapely.box(0, 0, 1, 1)), MissingData),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input(told):
    options, error = BAD[told]
    frame = uniform(20).assign(w=-1.0)
    with pytest.raises(error, match=told):
        kernel_density(frame, **{"cell_m": 1000.0, "bandwidth_m": 5000.0, **options})


def test_no_crs_one_point_and_one_position():
    with pytest.raises(InvalidInput, match="no CRS"):
        kernel_density(gpd.GeoDataFrame(geometry=gpd.points_from_xy([119], [34])), bandwidth_m=3000.0)
    with pytest.raises(MissingData, match="--bandwidth-m"):
        kernel_density(points([119.0], [34.0]))
    with pytest.raises(MissingData, match="one position"):
        kernel_density(points([119.0, 119.0], [34.0, 34.0]))
    assert len(kernel_density(points([119.0], [34.0]), bandwidth_m=3000.0).cells) > 10
