"""Trajectories: agreement with all of HYSPLIT's runs, and speed as a share of a bare gather loop in the same run.

``make bench ONLY=trajectories`` runs it, prints the figures and writes them to ``bench-results.json``. A busy machine
shows in all figures by the clock; those per CPU second, of the gather loop and of the triad too, hardly suffer.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numba import njit

from tracing.met import open_met
from tracing.met.grid import EARTH_RADIUS_M, LATLON, MetGrid, grid_of
from tracing.roughness import read_roughness
from tracing.trajectory import Integration, run, trajectories, window_of
from tracing.vertical import prepare
from tracing.vertical_columns import GRAVITY

CASES = {"ngm": ("ngm1995", "oct1618.BIN"), "gdas": ("gdas2010", "gdas_042.bin")}
VERTICAL = {0: "omega", 1: "isobaric", 3: "density", 4: "isosigma", 5: "divergence"}
# Median and 90th percentile of the separation, % of the path, that is asked for.
LIMITS = {"omega": (0.15, 0.4), "isosigma": (0.15, 0.4), "isobaric": (0.35, 3.0), "density": (1.5, 10.0)}
LIMITS |= {"divergence": (1.0, 7.0)}


# Evaluations of the wind per step.
EVALUATIONS = {"midpoint": 2, "petterssen": 2, "rk4": 4}
# Million particle-steps per second asked for, and what MPTRAC reaches (whole run, C, OpenMP), by method and threads.
TARGETS = {("midpoint", 1): 14, ("midpoint", 2): 28, ("petterssen", 1): 9, ("petterssen", 2): 18}
TARGETS |= {("rk4", 1): 8, ("rk4", 2): 15}
PEERS = {("midpoint", 1): "MPTRAC 4.0", ("midpoint", 2): "MPTRAC 6-8"}
PEERS |= {("rk4", 1): "MPTRAC 2.3", ("rk4", 2): "MPTRAC 4.5"}


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def separation_km(lon1, lat1, lon2, lat2):
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(a, float)) for a in (lon1, lat1, lon2, lat2))
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2e-3 * EARTH_RADIUS_M * np.arcsin(np.sqrt(half))


def one_run(case, met, folder, options) -> list[dict]:
    """Return the separation of one run's paths from HYSPLIT's, at 12, 24 and 48 h."""
    steps = pd.read_csv(folder / f"steps.{case.case_id}.csv.gz")
    heights = [float(h) for h in case.heights_m_agl.split()]
    start = {"receptor": "a", "time": pd.Timestamp(case.start), "lon": case.lon, "lat": case.lat}
    starts = pd.DataFrame({**start, "height_m_agl": heights})
    hours = case.hours if case.direction == "fwd" else -case.hours
    points = trajectories(met, starts, hours=hours, vertical=VERTICAL[case.vertical], options=options)
    rows = []
    for number, height in enumerate(heights, start=1):
        theirs = steps[steps["traj"] == number]
        lon, lat = grid_of(met).to_lonlat(theirs["x_grid"] - 1.0, theirs["y_grid"] - 1.0)
        lon, lat = np.concatenate([[case.lon], lon]), np.concatenate([[case.lat], lat])
        length = np.concatenate([[0.0], np.cumsum(separation_km(lon[:-1], lat[:-1], lon[1:], lat[1:]))])
        age = np.concatenate([[0], theirs["age_min"].abs()]) / 60.0
        ours = points[points["trajectory"] == number].assign(at=lambda p: p["age_h"].abs()).set_index("at")
        for at in (12, 24, 48):
            k = np.flatnonzero(age == at)
            if k.size and at in ours.index:
                apart = separation_km(lon[k[0]], lat[k[0]], ours["lon"][at], ours["lat"][at])
                row = {"vertical": VERTICAL[case.vertical], "hours": at, "height": height}
                rows.append({**row, "percent": 100.0 * float(apart) / length[k[0]]})
    return rows


@pytest.mark.bench
@pytest.mark.parametrize("name", ["ngm", "gdas"])
def test_agreement_with_every_default_run(name, shared_data):
    folder = shared_data / "met" / CASES[name][0]
    met = open_met(folder / CASES[name][1])
    options = Integration(roughness=read_roughness(shared_data / "met" / "roughness" / "ROUGLEN.ASC"))
    index = pd.read_csv(folder / "hysplit_runs" / "index.csv")
    index = index[(index["variant"] == "default") & index["vertical"].isin(list(VERTICAL))]
    rows = [row for case in index.itertuples() for row in one_run(case, met, folder / "hysplit_runs", options)]
    table = pd.DataFrame(rows)
    summary = table.groupby(["vertical", "hours"])["percent"].describe(percentiles=[0.5, 0.9])
    omega = table[table["vertical"] == "omega"]
    heights = omega.pivot_table(index="height", columns="hours", values="percent", aggfunc="median")
    say(f"{name}, separation in % of the path\n{summary[['count', '50%', '90%', 'max']].round(3)}")
    say(f"{name}, omega, median by height\n{heights.round(3)}")
    for (vertical, _), row in summary.iterrows():
        assert row["50%"] <= LIMITS[vertical][0]
        assert row["90%"] <= LIMITS[vertical][1]


def regional_field(hours: int) -> xr.Dataset:
    """A smooth wind on 0.25 degree, 61 x 81 points, 20 levels, hourly."""
    grid = MetGrid(LATLON, 110.0, 27.0, 0.25, 0.25, 81, 61)
    pressure = np.linspace(1000.0, 240.0, 20) * 100.0
    shape = (hours + 1, 20, 61, 81)
    t, k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij", sparse=True)
    wave = np.sin(i / 12.0 + t / 9.0) * np.cos(j / 10.0)
    upper, ground = ("time", "level", "y", "x"), ("time", "y", "x")
    height = -8200.0 * np.log(pressure / 101_325.0)
    fields = {
        "u": 2.0 * wave + 0.1 * k,
        "v": 2.0 * np.cos(i / 14.0 - t / 11.0) + 0.0 * k + 0.0 * j,
        "omega": 0.05 * wave + 0.0 * k,
        "t": np.broadcast_to(280.0, shape),
        "z": np.broadcast_to(height[None, :, None, None], shape),
    }
    surface = {"sp": 101_325.0, "zs": 0.0, "t2m": 280.0, "u10": 1.0, "v10": 1.0}
    data = {name: (upper, np.broadcast_to(a, shape).astype("float32")) for name, a in fields.items()}
    data |= {name: (ground, np.full((hours + 1, 61, 81), a, "float32")) for name, a in surface.items()}
    time_axis = np.datetime64("2021-01-01T00", "ns") + np.arange(hours + 1) * np.timedelta64(1, "h")
    coords = {"time": time_axis, "level": pressure, **grid.coordinates()}
    return xr.Dataset(data, coords, {"vertical": "pressure", **grid.mapping_attrs()})


@njit(nogil=True)
def bare_gather(wind, places):
    """Read the 48 numbers of the wind that one evaluation takes and add them: the limit of the caches."""
    total = np.float32(0.0)
    for n in range(places.shape[0]):
        j, i, k = places[n]
        for dt in range(2):
            for dj in range(2):
                for di in range(2):
                    for dk in range(2):
                        for part in range(3):
                            total += wind[dt, j + dj, i + di, k + dk, part]
    return total


@njit(nogil=True)
def triad(a, b, c):
    for n in range(a.size):
        a[n] = b[n] + 3.0 * c[n]


def gather_rate(wind, count=2_000_000) -> float:
    """Return evaluations per second of the bare gather loop on one thread, best of three."""
    places = np.random.default_rng(1).integers(0, np.array(wind.shape[1:4]) - 1, (count, 3))
    bare_gather(wind, places[:10])
    return count / min(seconds(bare_gather, wind, places, clock=time.process_time) for _ in range(3))


def triad_rate(size=20_000_000) -> float:
    """Return bytes per second of a triad on one thread, best of three."""
    a, b, c = np.zeros(size), np.ones(size), np.ones(size)
    triad(a[:10], b[:10], c[:10])
    return 24.0 * size / min(seconds(triad, a, b, c, clock=time.process_time) for _ in range(3))


def seconds(function, *args, clock=time.perf_counter) -> float:
    begin = clock()
    function(*args)
    return clock() - begin


def random_starts(count: int, hours: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "receptor": "a",
            "time": pd.Timestamp("2021-01-01T00:00Z") + pd.Timedelta(hours=hours),
            "lon": rng.uniform(114, 126, count),
            "lat": rng.uniform(31, 38, count),
            "height_m_agl": rng.uniform(10, 3000, count),
        }
    )


def write_regional(path: Path, hours: int) -> Path:
    """Write the regional field as the Climate Data Store would name it, float32, one time a chunk."""
    met = regional_field(hours)
    names = {"omega": "w", "level": "pressure_level", "y": "latitude", "x": "longitude", "time": "valid_time"}
    units = {"u": "m s**-1", "v": "m s**-1", "t": "K", "w": "Pa s**-1", "z": "m**2 s**-2", "sp": "Pa", "zs": "m"}
    units |= {"t2m": "K", "u10": "m s**-1", "v10": "m s**-1"}
    coords = {"latitude": ("latitude", met["lat"].values, {"units": "degrees_north"})}
    coords |= {"longitude": ("longitude", met["lon"].values, {"units": "degrees_east"})}
    out = met.drop_vars(["lat", "lon"]).rename(names).assign_coords(coords).drop_attrs()
    out["z"] = out["z"] * np.float32(GRAVITY)
    for name, unit in units.items():
        out[name].attrs["units"] = unit
    out["zs"].attrs["standard_name"] = "surface_altitude"
    out["pressure_level"] = ("pressure_level", met["level"].values / 100.0, {"units": "hPa"})
    chunks = {name: {"chunksizes": (1, *out[name].shape[1:])} for name in units}
    out.to_netcdf(path, engine="h5netcdf", encoding=chunks)
    return path


def timed(path: Path, starts: pd.DataFrame, options: Integration, threads: int, hours: int) -> tuple:
    """Return wall seconds of a whole run and of its part on prepared winds, CPU seconds of the latter, the points."""
    begin = time.perf_counter()
    met = open_met(path)
    prepared = prepare(met, window=window_of(starts, -hours), backward=True)
    ready, cpu = time.perf_counter(), time.process_time()
    points = run(prepared, starts, hours=-hours, options=options, threads=threads)
    end, cpu = time.perf_counter(), time.process_time() - cpu
    return end - begin, end - ready, cpu, prepared, points


def speed_case(path: Path, count: int, method: str, threads: int, hours: int = 72) -> list[dict]:
    """Return the figures of one run from a file, reading, preparing and table in: best and worst of three."""
    met = open_met(path)
    starts = random_starts(count, met.sizes["time"] - 1)
    options = Integration(method=method, step_minutes=10.0)
    trajectories(met.isel(time=slice(-3, None)), starts.iloc[:5], hours=-1, options=options)
    walls, parts, cpus = [], [], []
    for _ in range(3):
        whole, part, cpu, prepared, points = timed(path, starts, options, threads, hours)
        walls.append(whole), parts.append(part), cpus.append(cpu)
    steps = 6.0 * float(points.groupby("trajectory")["age_h"].min().abs().sum())
    evaluations = steps * EVALUATIONS[method] / min(cpus)
    gather, memory = gather_rate(prepared.fields.wind[:2]), triad_rate(2_000_000 if count > 100 else 1000)
    limit, peer = TARGETS.get((method, threads)), PEERS.get((method, threads))
    case = {"name": f"trajectories {method}", "size": count, "threads": threads}
    rate = {"unit": "million particle-steps/s", "limit": limit, "peer": peer}
    return [
        {**case, "name": case["name"] + " whole run", "value": steps / min(walls) / 1e6, **rate},
        {**case, "name": case["name"] + " whole run, worst of three", "value": steps / max(walls) / 1e6, **rate},
        {**case, "name": case["name"] + " on prepared winds", "value": steps / min(parts) / 1e6, **rate},
        {**case, "name": case["name"] + " per CPU second", "value": steps / min(cpus) / 1e6, **rate},
        {
            **case,
            "name": case["name"] + " evaluations to bare gather, per CPU second",
            "value": evaluations / gather,
            "unit": "1",
            "limit": None,
            "peer": f"gather {gather / 1e6:.1f} million/s, triad {memory / 1e9:.1f} GB/s",
        },
    ]


@pytest.fixture(scope="module")
def field(tmp_path_factory) -> Path:
    return write_regional(tmp_path_factory.mktemp("regional") / "era5.nc", 97)


@pytest.mark.bench
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", list(EVALUATIONS))
@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
def test_speed(field, bench_results, count, method, threads):
    figures = speed_case(field, count, method, threads)
    for figure in figures:
        say(f"{figure['name']}, {count} starts, {threads} thread(s): {figure['value']:.2f} {figure['unit']}")
    bench_results.extend(figures)
    assert figures[0]["value"] > 0.1
