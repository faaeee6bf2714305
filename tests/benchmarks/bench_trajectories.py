"""Trajectories: agreement with all of HYSPLIT's runs, and speed as a share of a bare gather loop in the same run.

``make bench ONLY=trajectories`` runs it; it prints and writes nothing.
"""

import sys
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numba import njit

from tracing.met import open_met
from tracing.met.grid import EARTH_RADIUS_M, LATLON, MetGrid, grid_of
from tracing.roughness import read_roughness
from tracing.trajectory import Integration, run, trajectories
from tracing.vertical import prepare

CASES = {"ngm": ("ngm1995", "oct1618.BIN"), "gdas": ("gdas2010", "gdas_042.bin")}
VERTICAL = {0: "omega", 1: "isobaric", 3: "density", 4: "isosigma", 5: "divergence"}
# Median and 90th percentile of the separation, % of the path, that is asked for.
LIMITS = {"omega": (0.15, 0.4), "isosigma": (0.15, 0.4), "isobaric": (0.35, 3.0), "density": (1.5, 10.0)}


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
        if vertical in LIMITS:
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
    """Read the 48 numbers that one evaluation needs, and add them: the limit of the memory."""
    total = 0.0
    for n in range(places.shape[0]):
        t, j, i, k = places[n]
        for dt in range(2):
            for dj in range(2):
                for di in range(2):
                    for dk in range(2):
                        for part in range(3):
                            total += wind[t + dt, j + dj, i + di, k + dk, part]
    return total


@pytest.mark.bench
@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
def test_speed_on_one_core(count):
    met = regional_field(97)
    options = Integration(step_minutes=10.0, output_minutes=60.0)
    rng = np.random.default_rng(1)
    starts = pd.DataFrame(
        {
            "receptor": "a",
            "time": pd.Timestamp("2021-01-05T00:00Z"),
            "lon": rng.uniform(114, 126, count),
            "lat": rng.uniform(31, 38, count),
            "height_m_agl": rng.uniform(10, 3000, count),
        }
    )
    begin = time.perf_counter()
    prepared = prepare(met, backward=True)
    ready = time.perf_counter()
    run(prepared, starts.iloc[:10], hours=-1, options=options)
    compiled = time.perf_counter()
    points = run(prepared, starts, hours=-72, options=options)
    end = time.perf_counter()
    steps = 6.0 * points.groupby("trajectory")["age_h"].min().abs().sum()
    shape = np.array(prepared.fields.wind.shape[:4]) - 1
    places = rng.integers(0, shape, (200_000, 4))
    bare_gather(prepared.fields.wind, places[:10])
    begin_gather = time.perf_counter()
    bare_gather(prepared.fields.wind, places)
    gather = places.shape[0] / (time.perf_counter() - begin_gather)
    speed = steps / (end - compiled)
    say(
        f"{count} trajectories, 72 h back, 10-min steps: {speed / 1e6:.2f} million particle-steps/s on one core, "
        f"{2 * speed / gather:.2f} of a bare gather (two evaluations a step); prepared in {ready - begin:.2f} s"
    )
    assert speed > 1e5
