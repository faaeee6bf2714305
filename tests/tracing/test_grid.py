"""Grids: index and back, size of cells against geodesy on the sphere, CF attributes read back."""

import numpy as np
import pytest
import xarray as xr

from geo.errors import InvalidInput
from tracing.met.grid import EARTH_RADIUS_M, LATLON, MetGrid, conformal_grid, grid_of

KINDS = [
    ("polar_stereographic", 60.0),
    ("polar_stereographic", -60.0),
    ("lambert_conformal_conic", 35.0),
    ("mercator", 20.0),
]


def projected(kind: str, parallel: float) -> MetGrid:
    anchor = np.array([20.0, 15.0, 110.0, parallel])
    return conformal_grid(
        kind, parallel=parallel, central_lon=105.0, size=(50_000.0, parallel), shape=(31, 41), anchor=anchor
    )


@pytest.mark.parametrize(("kind", "parallel"), KINDS)
def test_index_there_and_back_and_the_size_of_a_cell(kind, parallel, tools):
    grid = projected(kind, parallel)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 40, 50), rng.uniform(0, 30, 50)
    back = grid.to_index(*grid.to_lonlat(x, y))
    np.testing.assert_allclose(back, (x, y), atol=1e-7)
    half = 0.05
    for i, j in [(5, 5), (30, 20)]:
        west, east = grid.to_lonlat(i - half, j), grid.to_lonlat(i + half, j)
        metres = 1000.0 * tools.separation_km(*west, *east) / (2 * half)
        assert grid.cell_metres()[0][j, i] == pytest.approx(metres, rel=1e-4)


@pytest.mark.parametrize(("kind", "parallel"), KINDS)
def test_cf_attributes_give_the_grid_back(kind, parallel):
    grid = projected(kind, parallel)
    again = grid_of(xr.Dataset(coords=grid.coordinates(), attrs=grid.mapping_attrs()))
    np.testing.assert_allclose(again.to_index(*grid.to_lonlat(3.25, 7.5)), (3.25, 7.5), atol=1e-6)


def test_longitude_is_counted_from_the_first_column():
    grid = MetGrid(LATLON, 100.0, 20.0, 1.0, 1.0, 101, 21)
    x, _ = grid.to_index([100.0, 179.5, -179.5, -160.0, 99.5], np.full(5, 25.0))
    np.testing.assert_allclose(x, [0.0, 79.5, 80.5, 100.0, -0.5])
    lon, _ = grid.to_lonlat([79.0, 81.0], [0.0, 0.0])
    np.testing.assert_allclose(lon, [179.0, -179.0])
    assert not grid.cyclic
    assert MetGrid(LATLON, 0.0, -90.0, 1.0, 1.0, 360, 181).cyclic


def test_one_radius():
    width, height = MetGrid(LATLON, 0.0, 0.0, 1.0, 1.0, 3, 3).cell_metres()
    assert height[0, 0] == pytest.approx(2 * np.pi * EARTH_RADIUS_M / 360.0)
    assert width[0, 0] == pytest.approx(height[0, 0])


def test_uneven_or_falling_axes_are_refused():
    for lat in ([30.0, 31.0, 33.0], [32.0, 31.0, 30.0]):
        met = xr.Dataset(coords={"lat": ("y", lat), "lon": ("x", [0.0, 1.0, 2.0])})
        with pytest.raises(InvalidInput, match="coordinate lat must rise in even steps"):
            grid_of(met)
    with pytest.raises(InvalidInput, match="coordinates \\['lat'\\] are missing"):
        grid_of(xr.Dataset(coords={"lon": ("x", [0.0, 1.0])}))
    with pytest.raises(InvalidInput, match="projection 'albers' is not known"):
        grid_of(xr.Dataset(attrs={"grid_mapping_name": "albers"}))
