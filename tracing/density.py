"""Kernel density of points: where fires or alarms lie dense, without a false thinning along the coast."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import KDTree

from geo.cell_grid import CellGrid
from geo.errors import InvalidInput, MissingData
from tracing.density_kernel import kernel_nodes, summed_kernels
from tracing.local_places import numeric_column
from tracing.neighbours import geocentric

RESULT_COLUMNS = ("cell", "density_per_km2", "standard_error", "relative", "level", "n_points", "inside")
# Of this many parts of the kernel are asked whether they lie inside: the share is right to about 1 / 500.
_NODES = 600
# Below this share the correction would rest on next to nothing.
_LEAST_INSIDE = 0.05
_LEVELS = (0.0, 1.0, 2.0, 4.0)
_MOST_PAIRS = 100_000_000
_BLOCK = 500
# A radius of the Earth for which an arc is told from its chord; its error, 0.5 %, matters by (h / R)^2 / 24 of it.
_RADIUS_M = 6_371_000.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Density:
    """Cells with their density, the grid that they are cut from, the bandwidth, and what to know."""

    cells: gpd.GeoDataFrame
    numbers: NDArray[np.int64]
    grid: CellGrid
    bandwidth_m: float
    warnings: tuple[str, ...]


def kernel_density(
    points: gpd.GeoDataFrame,
    *,
    cell_m: float = 1000.0,
    bandwidth_m: float | None = None,
    weight: str | None = None,
    inside: shapely.Geometry | None = None,
) -> Density:
    """Return the kernel density of points on cells of equal area.

    Distances from cell centres to points are geodesic (to 1e-6). With an area, the sum of kernels at a cell is divided
    by the share of a kernel at that cell that lies in the area (Diggle 1985): next to the coast, where no point can lie
    on the other side, the density does not fall by half.

    Parameters
    ----------
    points : GeoDataFrame
        Any CRS; lines and polygons count by a point on them.
    cell_m : float, m
    bandwidth_m : float, m, optional
        Where a kernel ends. Without it Silverman's rule of thumb in its robust form, 0.9 min(SD, D / sqrt(ln 2)) n^-1/5
        with SD the standard distance and D the median distance from the mean centre.
    weight : str, optional
        Numeric column, not negative; a missing weight leaves the point out.
    inside : Polygon or MultiPolygon, EPSG:4326, optional
        The land. Points outside are left out; cells are those with their centre inside.

    Returns
    -------
    Density
        `cells`: cell (id), density_per_km2 (weight per km2), standard_error (of it, for points that come
        independently), relative (to the cells' mean), level (0: none, 1: below the mean, 2, 3, 4: 1, 2, 4 times the
        mean and more), n_points (in the cell), inside (share of the kernel in the area); without an area
        all cells that a kernel reaches.

    Raises
    ------
    InvalidInput
        No CRS, weights that are no numbers or negative, a size or bandwidth out of range, an area without extent.
    MissingData
        No point in the area; all at one position without a bandwidth.

    References
    ----------
    Diggle 1985, doi:10.2307/2347366; Silverman 1986
    """
    places, weights, warnings = _points(points, weight, inside)
    lon, lat = shapely.get_x(places), shapely.get_y(places)
    chosen = rule_of_thumb_m(lon, lat) if bandwidth_m is None else bandwidth_m
    if not (np.isfinite(chosen) and chosen > 0.0):
        raise InvalidInput(f"--bandwidth-m {chosen:g}: give a positive number of metres")
    if bandwidth_m is None:
        warnings.append(f"The bandwidth is {chosen:.0f} m by Silverman's rule of thumb.")
    if cell_m > chosen:
        raise InvalidInput(f"cells of {cell_m:g} m are larger than the bandwidth, {chosen:.0f} m: choose smaller ones")
    grid, cells, land = _grid(places, cell_m, chosen, inside)
    density, squares = _at_cells(grid, cells, (lon, lat), weights, chosen)
    share = np.ones(cells.size) if land is None else _share_inside(land, grid, cells, chosen)
    lost = share < _LEAST_INSIDE
    if lost.any():
        warnings.append(f"{int(lost.sum())} cells have less than 5 % of their kernel in the area and no density.")
    scale = np.where(lost, np.nan, 1e6 / np.where(lost, 1.0, share))
    shown = np.full(cells.size, True) if land is not None else density > 0.0
    columns = np.column_stack([density * scale, np.sqrt(squares) * scale, share])[shown]
    counts = np.bincount(grid.cell_of(lon, lat).clip(min=0), minlength=grid.nx * grid.ny)[cells[shown]]
    return Density(_table(grid, cells[shown], columns, counts), cells[shown], grid, float(chosen), tuple(warnings))


def _grid(
    places: NDArray[np.object_], cell_m: float, bandwidth: float, inside: shapely.Geometry | None
) -> tuple[CellGrid, NDArray[np.int64], shapely.Geometry | None]:
    """Return the grid, the numbers of the cells that count, and the area in the grid's metres."""
    if inside is None:
        grid = CellGrid.over(shapely.MultiPoint(places).bounds, cell_m, margin_m=bandwidth)
        return grid, np.arange(grid.nx * grid.ny), None
    grid = CellGrid.over(inside.bounds, cell_m)
    # Long edges in degrees are not straight in the projection.
    land = grid.project_shape(shapely.segmentize(inside, 0.05))
    shapely.prepare(land)
    cells = np.flatnonzero(shapely.contains_xy(land, *grid.centres()))
    if not cells.size:
        raise InvalidInput("the area holds no cell's centre: choose smaller cells")
    return grid, cells, land


def rule_of_thumb_m(lon: Array, lat: Array) -> float:
    """Return a bandwidth for points, metres; see `kernel_density`."""
    if lon.size < 2:
        raise MissingData("one point has no bandwidth of its own: give --bandwidth-m")
    middle = CellGrid.over((lon.min(), lat.min(), lon.max(), lat.max()), 1000.0)
    x, y = middle.project(lon, lat)
    away = np.hypot(x - x.mean(), y - y.mean())
    standard, median = float(np.sqrt(np.mean(away**2))), float(np.median(away)) / np.sqrt(np.log(2.0))
    # Where half of the points share one place the median is 0 and says nothing.
    spread = min(standard, median) if median > 0.0 else standard
    if spread <= 0.0:
        raise MissingData("all points lie at one position: give --bandwidth-m")
    return 0.9 * spread * lon.size**-0.2


def _points(
    points: gpd.GeoDataFrame, weight: str | None, inside: shapely.Geometry | None
) -> tuple[NDArray[np.object_], Array, list[str]]:
    if points.crs is None:
        raise InvalidInput("the points have no CRS: declare it (EPSG:4326 for longitude and latitude)")
    if inside is not None and not (inside.geom_type in ("Polygon", "MultiPolygon") and inside.area > 0.0):
        raise InvalidInput("the area is no polygon: give districts or a coast as polygons")
    values = np.ones(len(points)) if weight is None else numeric_column(points, weight, ())
    if (values < 0.0).any():
        raise InvalidInput(f"column {weight!r} holds negative weights: correct them")
    has = ~(points.geometry.isna() | points.geometry.is_empty).to_numpy()
    used = has & ~np.isnan(values)
    warnings = [f"{int((~used).sum())} points have no place or no weight and were left out."] if not used.all() else []
    shapes = points.geometry[used].to_crs(4326)
    shapes = shapes if (shapes.geom_type == "Point").all() else shapes.representative_point()
    places, weights = np.asarray(shapes.array), values[used]
    if inside is not None:
        within = shapely.covers(inside, places)
        if not within.all():
            warnings.append(f"{int((~within).sum())} points lie outside the area and were left out.")
        places, weights = places[within], weights[within]
    if not places.size or weights.sum() <= 0.0:
        raise MissingData("no point with a place and a weight in the area: nothing to sum")
    return places, weights, warnings


def _at_cells(
    grid: CellGrid, cells: NDArray[np.int64], points: tuple[Array, Array], weights: Array, bandwidth: float
) -> tuple[Array, Array]:
    x, y = grid.centres()
    lon, lat = grid.unproject(x[cells], y[cells])
    centres, there = KDTree(geocentric(lon, lat)), KDTree(geocentric(*points))
    if centres.count_neighbors(there, bandwidth) > _MOST_PAIRS:
        raise InvalidInput("too many points within the bandwidth of a cell: choose larger cells or a smaller bandwidth")
    pairs = centres.sparse_distance_matrix(there, bandwidth, output_type="ndarray")
    chord = pairs["v"]
    arc = chord * (1.0 + (chord / _RADIUS_M) ** 2 / 24.0)
    order = np.lexsort((pairs["j"], pairs["i"]))
    place, point = pairs["i"][order].astype(np.int64), pairs["j"][order]
    return summed_kernels(arc[order], weights[point], place, cells.size, bandwidth)


def _share_inside(land: shapely.Geometry, grid: CellGrid, cells: NDArray[np.int64], bandwidth: float) -> Array:
    x, y = (axis[cells] for axis in grid.centres())
    share = np.ones(x.size)
    edge = shapely.boundary(land)
    shapely.prepare(edge)
    near = np.flatnonzero(shapely.dwithin(edge, shapely.points(x, y), bandwidth))
    nodes = kernel_nodes(_NODES) * bandwidth
    for first in range(0, near.size, _BLOCK):
        block = near[first : first + _BLOCK]
        within = shapely.contains_xy(land, x[block, None] + nodes[None, :, 0], y[block, None] + nodes[None, :, 1])
        share[block] = within.mean(axis=1)
    return share


def _table(grid: CellGrid, cells: NDArray[np.int64], columns: Array, counts: NDArray[np.intp]) -> gpd.GeoDataFrame:
    density, error, share = columns.T
    relative = density / np.nanmean(density)
    level = np.where(relative > 0.0, np.searchsorted(_LEVELS, relative, side="right"), 0)
    table = pd.DataFrame(
        {
            "cell": grid.names(cells),
            "density_per_km2": density,
            "standard_error": error,
            "relative": relative,
            "level": pd.Series(level).mask(np.isnan(density)).astype("Int64"),
            "n_points": counts,
            "inside": share,
        }
    )
    return gpd.GeoDataFrame(table, geometry=grid.polygons(cells), crs=4326)
