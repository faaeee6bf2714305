"""The store: observations in and out, polygons in a box; in a folder and in PostGIS.

``make bench ONLY=store`` runs it; the largest case makes 100 million values first and needs 300 MB of disk. The limits
are those of a quiet machine with two cores. PostGIS is one of our own with fsync off, so that its figures tell of the
work and not of the disk.
"""

import resource
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from layers.city_means import city_daily_means
from layers.observations import read_observations
from layers.store import LayerData, Workspace
from layers.stores import open_workspace

POLLUTANTS = ("co", "no2", "o3", "pm10", "pm25", "so2")
STATIONS = 1500
FIRST = pd.Timestamp("2024-01-01", tz="Asia/Shanghai")
BACKENDS = ("embedded", "PostGIS")
# Milliseconds, but rows per second where more is better; None is said without a limit.
LIMITS = {"newest hour": 100.0, "a station's year": 150.0, "city days of a month": 500.0, "polygons in a box": 50.0}
INGEST_ROWS_PER_S = 300_000.0
MEMORY_GIB = 2.0


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def figure(name: str, size: int, value: float, unit: str, limit: float | None) -> dict:
    return {"name": name, "size": size, "threads": 2, "value": value, "unit": unit, "limit": limit, "peer": None}


def milliseconds(name: str, backend: str, size: int, work: Callable[[], object], times: int = 9) -> dict:
    """Take the median after the first time, which finds no footer in memory and is said beside it."""
    took, used = [], []
    for _ in range(times):
        begun, cpu = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - begun) * 1e3)
        used.append((time.process_time() - cpu) * 1e3)
    median = float(np.median(took[1:]))
    told = f"{median:.1f} ms, first {took[0]:.1f} ms, best {min(took):.1f} ms, {np.median(used[1:]):.1f} ms of CPU"
    say(f"{name}, {backend}, {size:,}: {told}")
    return figure(f"{name}, {backend}", size, median, "ms", LIMITS[name])


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def months(values: int, stations: int = STATIONS) -> Iterator[pd.DataFrame]:
    """Yield generated values, a month of the city after the other: all stations, six pollutants, every hour."""
    rng = np.random.default_rng(1)
    names = [f"{1000 + number}A" for number in range(stations)]
    left, begin = -(-values // (stations * len(POLLUTANTS))), FIRST
    while left > 0:
        after = begin + pd.DateOffset(months=1)
        hours = min(left, int((after - begin) / pd.Timedelta(hours=1)))
        shape = (stations, hours, len(POLLUTANTS))
        station, hour, pollutant = (part.ravel() for part in np.indices(shape, dtype=np.int32, sparse=False))
        times = begin.tz_convert("UTC").as_unit("ms").asm8 + hour.astype("int64") * np.timedelta64(3_600_000, "ms")
        unit = (pollutant != 0).astype(np.int8)
        yield pd.DataFrame(
            {
                "station_id": pd.Categorical.from_codes(station, names),
                "time": pd.DatetimeIndex(times, tz="UTC"),
                "pollutant": pd.Categorical.from_codes(pollutant, POLLUTANTS),
                "value": np.round(rng.gamma(2.0, 20.0, len(station)), 1),
                "unit": pd.Categorical.from_codes(unit, ["mg/m3", "ug/m3"]),
                "flag": pd.Categorical.from_codes(np.zeros(len(station), np.int8), [""]),
            }
        )
        left, begin = left - hours, after


def fill(workspace: Workspace, values: int, stations: int = STATIONS) -> dict:
    """Add generated values month by month; returns the figure of the ingest."""
    count, took = 0, 0.0
    for table in months(values, stations):
        begun = time.perf_counter()
        workspace.observations.add(table)
        took += time.perf_counter() - begun
        count += len(table)
    say(f"generated values into the store: {count:,} at {count / took / 1e6:.2f} M values/s, peak {peak_gib():.2f} GiB")
    return figure("generated values in, embedded", values, count / took, "values/s", None)


def observation_cases(workspace: Workspace, backend: str, values: int, times: int = 9) -> list[dict]:
    """Ask what the map and the analysts ask."""
    store = workspace.observations
    held = store.time_range()
    assert held is not None
    last = held[1].tz_convert("Asia/Shanghai")
    day = (last - pd.Timedelta(hours=1)).normalize()
    month = day.replace(day=1) if last.day > 20 or day.month == 1 else day.replace(day=1) - pd.DateOffset(months=1)
    end = min(day, month + pd.DateOffset(months=1) - pd.Timedelta(days=1))
    station = store.latest()["station_id"].iloc[-1]
    year = {"stations": [station], "start": held[1] - pd.Timedelta(days=365), "end": held[1] + pd.Timedelta(hours=1)}
    days = (f"{month:%Y-%m-%d}", f"{end:%Y-%m-%d}")
    city_daily_means(store, *days, stations=[station])  # the kernel is compiled once, on the first run of a release
    fresh = Workspace(workspace.path, workspace.backend).observations
    return [
        milliseconds("newest hour", backend, values, fresh.latest, times),
        milliseconds("a station's year", backend, values, lambda: fresh.read(**year), times),
        milliseconds("city days of a month", backend, values, lambda: city_daily_means(fresh, *days), times),
    ]


def polygon_cases(workspace: Workspace, backend: str, count: int, times: int = 9) -> list[dict]:
    """Ask for the thousand polygons of a box among many."""
    rng = np.random.default_rng(2)
    centres = rng.uniform((117, 33), (121, 36), (count, 2))
    shapes = shapely.buffer(shapely.points(centres), rng.uniform(0.0005, 0.002, count), quad_segs=4)
    names = [f"zone {number}" for number in range(count)]
    frame = gpd.GeoDataFrame({"zone_id": names, "area": rng.random(count)}, geometry=shapes, crs=4326)
    begun = time.perf_counter()
    workspace.write({"heating_zones": LayerData(frame)})
    say(f"{count:,} polygons written, {backend}: {time.perf_counter() - begun:.2f} s")
    half = float(np.sqrt(12.0 * min(1000, count) / count) / 2.0)
    box = (119.0 - half, 34.5 - half, 119.0 + half, 34.5 + half)
    found = len(workspace.read("heating_zones", bbox=box))
    say(f"{found} polygons in the box")
    return [milliseconds("polygons in a box", backend, count, lambda: workspace.read("heating_zones", bbox=box), times)]


def shared(path: Path, url: str) -> Workspace:
    return open_workspace(path, url, None, f"b_{secrets.token_hex(6)}")


def listed_in_database(workspace: Workspace, url: str) -> Workspace:
    """Return a shared workspace over the files of an embedded one."""
    other = shared(workspace.path, url)
    with other.transaction():
        other.observations.replace(workspace.observations.manifest())
    return other


@pytest.mark.bench
@pytest.mark.parametrize("values", [1_000_000, 10_000_000, 100_000_000])
def test_observations(tmp_path: Path, postgis_url: str, bench_results: list[dict], values: int) -> None:
    workspace = Workspace(tmp_path / "w")
    figures = [fill(workspace, values), *observation_cases(workspace, "embedded", values)]
    figures += observation_cases(listed_in_database(workspace, postgis_url), "PostGIS", values)
    figures.append(figure("peak memory", values, peak_gib(), "GiB", MEMORY_GIB))
    say(f"peak memory {peak_gib():.2f} GiB")
    bench_results += figures
    for one in figures:
        assert one["limit"] is None or one["value"] < one["limit"], one


@pytest.mark.bench
@pytest.mark.parametrize("count", [2_000, 20_000, 200_000])
def test_polygons(tmp_path: Path, postgis_url: str, bench_results: list[dict], count: int) -> None:
    figures = polygon_cases(Workspace(tmp_path / "w"), "embedded", count)
    figures += polygon_cases(shared(tmp_path / "s", postgis_url), "PostGIS", count)
    bench_results += figures
    for one in figures:
        assert one["value"] < one["limit"], one


@pytest.mark.bench
def test_four_real_years(tmp_path: Path, shared_data: Path, postgis_url: str, bench_results: list[dict]) -> None:
    path = shared_data / "observations" / "beijing_12_stations_2013_2017.csv.gz"
    report = read_observations(path, units={"co": "ug/m3"})
    for rows in (report.total // 16, report.total // 4, report.total):
        table = report.accepted[: len(report.accepted) * rows // report.total]
        for backend in BACKENDS:
            took = []
            for number in range(3):
                folder = tmp_path / f"{backend}{rows}{number}"
                workspace = Workspace(folder) if backend == "embedded" else shared(folder, postgis_url)
                begun = time.perf_counter()
                workspace.observations.add(table)
                took.append(time.perf_counter() - begun)
            rate = rows / min(took)
            say(
                f"{rows:,} rows, {len(table):,} values, {backend}: {rate:,.0f} rows/s, best of three, {min(took):.2f} s"
            )
            bench_results.append(figure(f"rows in, {backend}", rows, rate, "rows/s", INGEST_ROWS_PER_S))
    assert bench_results[-1]["value"] >= INGEST_ROWS_PER_S
