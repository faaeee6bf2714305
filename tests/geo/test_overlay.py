"""People and shares inside a polygon: by area on the ellipsoid, against sums by hand, in both kinds of files."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine

from geo.errors import InvalidInput, SourceUnavailable
from geo.geodesic import area_m2, circle
from geo.overlay import Density, inside_km2, people_inside, read_density, share_inside

ZONE = circle(119.2, 34.6, 3_000.0)
BOX = (119.0, 34.4, 119.4, 34.8)


def grid(count: int = 41, values: np.ndarray | None = None) -> Density:
    lon, lat = np.linspace(119.0, 119.4, count), np.linspace(34.4, 34.8, count)
    return Density(lon, lat, np.full((count, count), 250.0) if values is None else values)


@pytest.mark.parametrize("count", [5, 41, 300])
def test_even_density_gives_area_times_density_whatever_the_cells(count: int) -> None:
    found = people_inside(ZONE, grid(count))
    expected = 250.0 * area_m2(ZONE) / 1e6
    assert found.best == pytest.approx(expected, rel=1e-4)
    assert found.low == pytest.approx(found.high, rel=1e-12)
    assert found.covered == pytest.approx(1.0, abs=1e-4)


def test_a_cell_counts_by_its_share_not_by_its_centre() -> None:
    density = grid(5)
    # A sliver that holds no centre at all.
    sliver = shapely.box(119.151, 34.601, 119.199, 34.645)
    assert people_inside(sliver, density).best == pytest.approx(250.0 * area_m2(sliver) / 1e6, rel=1e-3)


def test_the_range_comes_from_the_cells_around() -> None:
    values = np.full((41, 41), 100.0)
    values[20, 20] = 5_000.0
    tiny = shapely.Point(119.21, 34.61).buffer(0.002)  # in the cell beside the dense one
    found = people_inside(tiny, grid(41, values))
    area = area_m2(tiny) / 1e6
    assert found.best == pytest.approx(100.0 * area, rel=0.01)
    assert found.high == pytest.approx(5_000.0 * area, rel=0.01)
    assert found.low == pytest.approx(100.0 * area, rel=0.01)


def test_gaps_count_as_empty_and_are_told() -> None:
    values = np.full((41, 41), 100.0)
    values[:, :20] = np.nan
    found = people_inside(ZONE, grid(41, values))
    assert 0.4 < found.covered < 0.6
    assert found.best == pytest.approx(found.covered * 100.0 * area_m2(ZONE) / 1e6, rel=0.02)


def test_zones_add_up() -> None:
    west, east = (shapely.intersection(ZONE, shapely.box(*b)) for b in ((119, 34, 119.2, 35), (119.2, 34, 120, 35)))
    rng = np.random.default_rng(3)
    density = grid(41, rng.uniform(0, 900, (41, 41)))
    total = people_inside(ZONE, density).best
    assert people_inside(west, density).best + people_inside(east, density).best == pytest.approx(total, rel=1e-4)
    assert inside_km2(ZONE, density).sum() == pytest.approx(area_m2(ZONE) / 1e6, rel=1e-4)
    assert people_inside(shapely.Polygon(), density).best == 0.0


@pytest.mark.parametrize("count", [4, 17, 60])
def test_each_cell_is_what_cutting_it_alone_gives(count: int) -> None:
    """A ragged zone with a hole, in two parts, partly beyond the grid; each cell against its own intersection."""
    ragged = shapely.union_all(
        [
            shapely.difference(circle(119.15, 34.5, 9_000.0, 37), circle(119.16, 34.5, 2_500.0)),
            shapely.box(119.33, 34.71, 119.6, 34.9),
        ]
    )
    density = grid(count)
    lon, lat = density.edges()
    found = inside_km2(ragged, density)
    whole = inside_km2(shapely.box(*BOX).buffer(1.0), density)
    for row in range(count):
        for column in range(count):
            cell = shapely.box(lon[column], lat[row], lon[column + 1], lat[row + 1])
            share = shapely.intersection(ragged, cell).area / cell.area
            assert found[row, column] == pytest.approx(share * whole[row, column], abs=1e-9)


def test_the_range_knows_cells_beyond_the_zones_box() -> None:
    values = np.full((41, 41), 100.0)
    values[20, 20] = 5_000.0
    beside = shapely.box(119.212, 34.607, 119.214, 34.612)  # the dense cell ends at 119.205
    assert people_inside(beside, grid(41, values)).high == pytest.approx(5_000.0 * area_m2(beside) / 1e6, rel=1e-3)


def test_a_zone_beyond_the_grid_holds_nobody() -> None:
    found = people_inside(shapely.box(110.0, 30.0, 110.1, 30.1), grid())
    assert (found.low, found.best, found.high) == (0.0, 0.0, 0.0)


def test_share_of_a_district() -> None:
    district = shapely.box(119.0, 34.5, 119.2, 34.7)
    part, area, share = share_inside(district, ZONE)
    assert area == pytest.approx(area_m2(part) / 1e6)
    assert area == pytest.approx(area_m2(ZONE) / 2e6, rel=0.01)
    assert share == pytest.approx(area / (area_m2(district) / 1e6))
    assert share_inside(shapely.box(0, 0, 1, 1), ZONE)[1:] == (0.0, 0.0)


@pytest.mark.parametrize("name", ["people.nc", "people.tif"])
def test_both_kinds_of_files(tmp_path: Path, name: str) -> None:
    values = np.random.default_rng(1).uniform(0.0, 900.0, (41, 41)).astype("float32")
    path = tmp_path / name
    if path.suffix == ".nc":
        data = xr.DataArray(values.T, dims=("x", "y"), coords={"x": grid().lon, "y": grid().lat[::1]}, name="people")
        data.sortby("y", ascending=False).to_dataset().to_netcdf(path, engine="h5netcdf")
    else:
        profile = {"driver": "GTiff", "width": 41, "height": 41, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
        with rasterio.open(path, "w", transform=Affine(0.01, 0.0, 118.995, 0.0, -0.01, 34.805), **profile) as out:
            out.write(values[::-1], 1)
    found = people_inside(ZONE, read_density(path, ZONE.bounds))
    assert found.best == pytest.approx(people_inside(ZONE, grid(41, values.astype(float))).best, rel=1e-4)


def test_the_real_grid(shared_data: Path) -> None:
    density = read_density(shared_data / "layers" / "pop_density_china.nc", ZONE.bounds)
    found = people_inside(ZONE, density)
    assert found.low <= found.best <= found.high
    assert found.best > 1_000.0


def test_files_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("no grid")
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        read_density(tmp_path / "a.tif", BOX)
    xr.Dataset({"a": (("t",), [1.0])}).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match="one grid of people"):
        read_density(tmp_path / "b.nc", BOX)
    far = xr.DataArray(np.ones((5, 5)), dims=("lat", "lon"), coords={"lat": np.arange(5.0), "lon": np.arange(5.0)})
    far.to_dataset(name="p").to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match="covers 0 to 4"):
        read_density(tmp_path / "c.nc", BOX)
