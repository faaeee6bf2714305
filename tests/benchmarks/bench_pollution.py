"""Heavy pollution: kriging of 2,000 stations onto 500 m over the city, classes, and people in what lies above.

``make bench ONLY=pollution`` runs it. The peer of the kriging is the textbook way in the same run: the whole system of
ordinary kriging solved by `numpy.linalg.solve` for a part of the places, scaled to all of them.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.class_contours import above, classes
from geo.grid_over import Grid, grid_over
from geo.interpolation import Options, Surface, interpolate
from geo.overlay import Density, people_inside
from geo.sites import Sites, clean, to_xyz

DISTRICTS = Path(__file__).parents[2] / "data_samples" / "districts.geojson"
LEVELS = (35.0, 75.0, 115.0, 150.0, 250.0)
LIMITS = {
    "kriging of stations, with variances and leave-one-out": 2.0,
    "classes and probability bands": 2.0,
    "people in cells above a level": 1.0,
}


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def timed(name: str, size: int, work: Callable[[], object], peer: str | None = None) -> dict:
    start, cpu = time.perf_counter(), time.process_time()
    work()
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    say(f"{name}, {size}: {wall:.3f} s wall, {used:.3f} s CPU (limit {LIMITS[name]:g} s)")
    return {
        "name": name,
        "size": size,
        "threads": 1,
        "value": wall,
        "unit": "s",
        "limit": LIMITS[name],
        "peer": peer,
    }


def city() -> shapely.Geometry:
    return shapely.union_all(gpd.read_file(DISTRICTS).geometry.to_numpy())


def stations(area: shapely.Geometry, count: int) -> Sites:
    rng = np.random.default_rng(1)
    west, south, east, north = area.bounds
    lon, lat = rng.uniform(west, east, 6 * count), rng.uniform(south, north, 6 * count)
    inside = np.flatnonzero(shapely.contains_xy(area, lon, lat))[:count]
    lon, lat = lon[inside], lat[inside]
    values = 110.0 + 60.0 * np.sin(12.0 * lon) * np.cos(9.0 * lat) + rng.normal(0.0, 8.0, len(lon))
    return clean(lon, lat, values, area)[0]


def textbook(sites: Sites, grid: Grid, surface: Surface, places: int) -> float:
    """Return the seconds that the full system would take for all nodes, from the first `places` of them."""
    start = time.perf_counter()
    xyz, nodes = sites.xyz(), to_xyz(*grid.nodes())
    count = len(xyz)
    between = np.linalg.norm(xyz[:, None] - xyz, axis=2)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = surface.variogram.at(between)
    system[count, count] = 0.0
    prepared = time.perf_counter() - start
    start = time.perf_counter()
    right = np.ones((count + 1, places))
    right[:count] = surface.variogram.at(np.linalg.norm(xyz[:, None] - nodes[:places], axis=2))
    solved = np.linalg.solve(system, right)
    value, variance = solved[:count].T @ sites.values, np.einsum("ij,ij->j", solved, right)
    used = time.perf_counter() - start
    found = surface.value[grid.wanted][:places], surface.sd[grid.wanted][:places]
    assert np.allclose(found[0], value, rtol=1e-6)
    assert np.allclose(found[1] ** 2, variance, rtol=0.1)
    return prepared + used * len(nodes) / places


def cases(count: int, cell_m: float, side: int) -> list[dict]:
    area = city()
    sites, grid = stations(area, count), grid_over(area, cell_m)
    kept: list[Surface] = []
    figures = [
        timed(
            "kriging of stations, with variances and leave-one-out",
            len(sites.values),
            lambda: kept.append(interpolate(sites, grid, Options(method="kriging"))),
        )
    ]
    surface = kept[0]
    say(f"{grid.wanted.sum()} nodes of {cell_m:g} m; {surface.variogram}; RMSE {surface.check.rmse:.2f}")
    peer = textbook(sites, grid, surface, min(500, int(grid.wanted.sum())))
    figures[0]["peer"] = f"textbook system, {peer:.1f} s"
    say(f"the textbook system takes {peer:.1f} s, {peer / figures[0]['value']:.1f} times as long")

    def drawn() -> None:
        classes(area, grid.lon, grid.lat, surface.value, LEVELS)
        for level in LEVELS:
            chance = surface.chance_above(level)
            for least in (0.1, 0.5, 0.9):
                above(grid.lon, grid.lat, chance, least).intersection(area)

    figures.append(timed("classes and probability bands", int(grid.wanted.sum()), drawn))
    west, south, east, north = area.bounds
    people = Density(np.linspace(west, east, side), np.linspace(south, north, side), np.full((side, side), 600.0))
    zone = above(grid.lon, grid.lat, surface.value, 115.0).intersection(area)
    figures.append(timed("people in cells above a level", side * side, lambda: people_inside(zone, people)))
    return figures


def left_out(folder: Path) -> list[dict]:
    """Return the leave-one-out RMSE of kriging beside inverse distance, 477 stations of eastern China on one day."""
    names = "id year month day lon lat so2 no2 co o3 pm10 pm25".split()
    path = folder / "observations" / "china_daily_2017-04-11.txt"
    table = pd.read_csv(path, sep=r"\s+", names=names, na_values=[-9999])
    area = shapely.box(113.0, 29.0, 123.0, 38.5)
    grid = grid_over(area, 100_000.0)
    figures = []
    for name in ("pm25", "pm10", "o3", "no2", "so2"):
        sites, _ = clean(*(table[column].to_numpy(float) for column in ("lon", "lat", name)), area)
        kriged, plain = (interpolate(sites, grid, Options(method=method)) for method in ("kriging", "idw"))
        mean, size = kriged.check.standardised
        inside = float((np.abs(kriged.check.residual / kriged.check.sd) < 1.645).mean())
        say(
            f"{name}, {len(sites.values)} stations: RMSE {kriged.check.rmse:.2f} kriging, "
            f"{plain.check.rmse:.2f} inverse distance; "
            f"ME {kriged.check.mean_error:.2f}, {plain.check.mean_error:.2f}; standardised {mean:.2f}, "
            f"{size:.2f}; {100 * inside:.0f} % within the 90 % band; {kriged.variogram.model}"
        )
        figures.append(
            {
                "name": f"leave-one-out RMSE of kriging, {name}",
                "size": len(sites.values),
                "threads": 1,
                "value": kriged.check.rmse,
                "unit": "ug/m3",
                "limit": 1.05 * plain.check.rmse,
                "peer": f"inverse distance, {plain.check.rmse:.2f}",
            }
        )
    return figures


@pytest.mark.bench
def test_left_out(bench_results: list[dict], shared_data: Path) -> None:
    found = left_out(shared_data)
    bench_results += found
    assert all(one["value"] <= one["limit"] for one in found)


@pytest.mark.bench
def test_pollution(bench_results: list[dict]) -> None:
    cases(100, 5000.0, 20)  # what the first call alone has to load
    found = cases(2000, 500.0, 450)
    bench_results += found
    assert all(one["value"] <= one["limit"] for one in found)
