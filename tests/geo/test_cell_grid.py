"""Cells: equal areas, stable ids, every position in one cell, and a raster that lies where the cells lie."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.cell_grid import CellGrid, write_cells_tif
from geo.errors import InvalidInput, SourceUnavailable
from geo.geodesic import area_m2

CITY = (118.4, 33.9, 119.9, 35.2)


def test_cells_have_the_area_that_they_promise():
    grid = CellGrid.over(CITY, 3000.0)
    cells = np.array([0, grid.nx - 1, grid.nx * grid.ny // 2, grid.nx * grid.ny - 1])
    assert [area_m2(shape) for shape in grid.polygons(cells)] == pytest.approx([9e6] * 4, rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(x=st.floats(0, 1), y=st.floats(0, 1), size=st.sampled_from([500.0, 3000.0]))
def test_a_position_lies_in_the_polygon_of_its_cell_and_the_grid_covers_the_box(x, y, size):
    lon, lat = CITY[0] + x * (CITY[2] - CITY[0]), CITY[1] + y * (CITY[3] - CITY[1])
    grid = CellGrid.over(CITY, size)
    cell = grid.cell_of([lon], [lat])
    assert cell[0] >= 0
    west, south, east, north = grid.polygons(cell)[0].buffer(1e-4).bounds
    assert west <= lon <= east
    assert south <= lat <= north
    back = grid.unproject(*grid.project(lon, lat))
    assert np.allclose(back, (lon, lat), atol=1e-9)


def test_ids_stay_when_the_box_grows():
    small, large = CellGrid.over(CITY, 3000.0), CellGrid.over((118.3, 33.85, 119.95, 35.25), 3000.0)
    at = ([119.2], [34.6])
    assert small.names(small.cell_of(*at)) == large.names(large.cell_of(*at))
    assert CellGrid.over(CITY, 500.0).names(np.array([0]))[0].startswith("500m_E")
    assert small.cell_of([np.nan, 100.0], [34.0, 34.0]).tolist() == [-1, -1]


def test_a_raster_lies_where_the_cells_lie(tmp_path):
    grid = CellGrid.over(CITY, 5000.0)
    cells = grid.cell_of([119.2, 118.5], [34.6, 34.0])
    write_cells_tif(grid, cells, {"a": np.array([7.0, 8.0])}, tmp_path / "a.tif", {"x": "y"})
    with rasterio.open(tmp_path / "a.tif") as source:
        x, y = grid.project([119.2, 118.5, 119.0], [34.6, 34.0, 34.9])
        got = [value[0] for value in source.sample(np.column_stack([x, y]))]
        assert got[:2] == [7.0, 8.0]
        assert np.isnan(got[2])
        assert source.descriptions == ("a",)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    with pytest.raises(SourceUnavailable, match="cannot write"):
        write_cells_tif(grid, cells, {"a": np.array([7.0, 8.0])}, tmp_path / "no" / "a.tif", {})


@pytest.mark.parametrize(
    ("bounds", "size", "told"),
    [
        ((118.0, 34.0, np.nan, 35.0), 500.0, "no area"),
        ((118.0, 95.0, 119.0, 99.0), 500.0, "no area"),
        (CITY, 0.0, "positive"),
        (CITY, 50.0, "choose larger cells"),
        ((100.0, 20.0, 120.0, 35.0), 10_000.0, "no city"),
    ],
)
def test_bad_grids(bounds, size, told):
    with pytest.raises(InvalidInput, match=told):
        CellGrid.over(bounds, size)
