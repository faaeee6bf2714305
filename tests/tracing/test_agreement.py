"""Agreement with HYSPLIT's own end points: separation in % of the path length.

The thresholds are those that are asked of the whole set (tests/benchmarks/bench_trajectories.py runs it), of divergence
those of the data's own motion, which it reaches; here every third run of each kind is enough to notice a slip.
"""

import numpy as np
import pandas as pd
import pytest

from tracing.met import open_met
from tracing.met.grid import grid_of
from tracing.roughness import read_roughness
from tracing.tdump import read_tdump
from tracing.trajectory import Integration, trajectories

FILES = {"ngm": ("ngm1995", "oct1618.BIN"), "gdas": ("gdas2010", "gdas_042.bin")}
NAMES = {"data": "omega"}


@pytest.fixture(scope="module")
def options(shared_data) -> Integration:
    return Integration(roughness=read_roughness(shared_data / "met" / "roughness" / "ROUGLEN.ASC"))


@pytest.fixture(scope="module")
def met_of(shared_data):
    opened = {}

    def open_once(name: str):
        if name not in opened:
            folder, file = FILES[name]
            opened[name] = open_met(shared_data / "met" / folder / file)
        return opened[name]

    return open_once


def path_km(lon, lat, separation_km) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(separation_km(lon[:-1], lat[:-1], lon[1:], lat[1:]))])


def compare(run, met, folder, options, tools) -> list[dict]:
    """Return the separation of one run's paths from HYSPLIT's, at 12, 24 and 48 h."""
    steps = pd.read_csv(folder / f"steps.{run.case_id}.csv.gz")
    heights = [float(h) for h in run.heights_m_agl.split()]
    starts = pd.DataFrame(
        {
            "receptor": [f"{h:g} m" for h in heights],
            "time": pd.Timestamp(run.start),
            "lon": run.lon,
            "lat": run.lat,
            "height_m_agl": heights,
        }
    )
    hours = run.hours if run.direction == "fwd" else -run.hours
    points = trajectories(
        met, starts, hours=hours, vertical=NAMES.get(run.vertical_name, run.vertical_name), options=options
    )
    rows = []
    for number, height in enumerate(heights, start=1):
        theirs = steps[steps["traj"] == number]
        lon, lat = grid_of(met).to_lonlat(theirs["x_grid"] - 1.0, theirs["y_grid"] - 1.0)
        lon, lat = np.concatenate([[run.lon], lon]), np.concatenate([[run.lat], lat])
        length = path_km(lon, lat, tools.separation_km)
        age = np.concatenate([[0], theirs["age_min"].abs()]) / 60.0
        ours = points[points["trajectory"] == number].set_index(points["age_h"].abs()[points["trajectory"] == number])
        for at in (12, 24, 48):
            k = np.flatnonzero(age == at)
            if k.size and at in ours.index:
                apart = tools.separation_km(lon[k[0]], lat[k[0]], ours["lon"][at], ours["lat"][at])
                rows.append({"hours": at, "height": height, "percent": 100.0 * float(apart) / length[k[0]]})
    return rows


@pytest.mark.parametrize(
    ("name", "vertical", "median", "ninetieth"),
    [
        ("ngm", "data", 0.15, 0.4),
        ("gdas", "data", 0.15, 0.4),
        ("ngm", "isosigma", 0.15, 0.4),
        ("gdas", "isosigma", 0.15, 0.4),
        ("ngm", "isobaric", 0.35, 3.0),
        ("gdas", "isobaric", 0.35, 3.0),
        ("ngm", "density", 1.5, 10.0),
        ("gdas", "density", 1.5, 10.0),
        ("ngm", "divergence", 0.15, 0.4),
        ("gdas", "divergence", 0.15, 0.4),
    ],
)
def test_hysplit_runs(name, vertical, median, ninetieth, met_of, options, shared_data, tools):
    folder = shared_data / "met" / FILES[name][0] / "hysplit_runs"
    runs = pd.read_csv(folder / "index.csv")
    full_name = {"density": "constant density", "divergence": "divergence"}.get(vertical, vertical)
    kind = runs["vertical_name"].str.replace("_", " ")
    chosen = runs[(runs["variant"] == "default") & kind.isin([vertical, full_name])].iloc[::3]
    assert len(chosen) > 1, sorted(kind.unique())
    rows = [
        row
        for run in chosen.assign(vertical_name=vertical).itertuples()
        for row in compare(run, met_of(name), folder, options, tools)
    ]
    percent = pd.DataFrame(rows)["percent"]
    assert percent.median() <= median
    assert percent.quantile(0.9) <= ninetieth


def test_published_end_points(met_of, options, shared_data, tools):
    """The sample run that ships with the NGM file: forward 12 h from 40 N 90 W at 10, 500 and 1000 m."""
    theirs = read_tdump(shared_data / "met" / "ngm1995" / "tdump_fmt1")
    heads = theirs.groupby("trajectory").first()
    starts = heads.rename(columns={"start_time": "begin"}).reset_index()
    starts = starts[["receptor", "begin", "lon", "lat", "height_m_agl"]].rename(columns={"begin": "time"})
    ours = trajectories(met_of("ngm"), starts, hours=12, options=options)
    assert len(ours) == len(theirs)
    # An older version of the program made it; 5.3.0 itself differs from it by as much as this.
    for number, limit in ((1, 0.5), (2, 0.5), (3, 0.5)):
        a, b = (t[t["trajectory"] == number].sort_values("age_h") for t in (theirs, ours))
        length = path_km(a["lon"].to_numpy(), a["lat"].to_numpy(), tools.separation_km)[-1]
        apart = tools.separation_km(a["lon"].iloc[-1], a["lat"].iloc[-1], b["lon"].iloc[-1], b["lat"].iloc[-1])
        assert 100.0 * apart / length < limit
        np.testing.assert_allclose(b["height_m_agl"].to_numpy(), a["height_m_agl"].to_numpy(), atol=2.0)
        # That version of the program told pressures up to 2 hPa apart from 5.3.0's for the same place.
        np.testing.assert_allclose(b["pressure_hpa"].to_numpy(), a["pressure_hpa"].to_numpy(), atol=2.0)


@pytest.mark.parametrize(("name", "case"), [("ngm", "ngm_p00_fwd_v0_default"), ("gdas", "gdas_p00_fwd_v0_default")])
def test_pressure_along_the_path(name, case, met_of, options, shared_data):
    theirs = read_tdump(shared_data / "met" / FILES[name][0] / "hysplit_runs" / f"tdump.{case}")
    heads = theirs.groupby("trajectory").first().reset_index()
    starts = heads[["receptor", "time", "lon", "lat", "height_m_agl"]]
    ours = trajectories(met_of(name), starts, hours=24, options=options)
    both = ours.merge(theirs, on=["trajectory", "age_h"], suffixes=("", "_theirs"))
    assert len(both) == 75
    np.testing.assert_allclose(both["pressure_hpa"], both["pressure_hpa_theirs"], atol=0.6)
    np.testing.assert_allclose(both["height_m_agl"], both["height_m_agl_theirs"], atol=6.0)
