"""Trajectories at scale: Dask's overhead, two processes, a million paths, 30 days of winds, a second process.

``make bench ONLY=trajectories`` runs it with the others. What peaks in memory runs in a process of its own.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import get_task_stream

from api.dask_client import local_client
from tests.benchmarks.bench_trajectories import random_starts, say, write_regional
from tracing.jobs import trace_parts
from tracing.met import open_met
from tracing.trajectory import Integration

MIDPOINT = Integration(method="midpoint", step_minutes=10.0)
GIB = 2**30
_STREAM = """
import json, re, sys, time
from pathlib import Path
from tests.benchmarks.bench_trajectories import random_starts
from tracing.jobs import trace_parts
from tracing.met import open_met
from tracing.trajectory import Integration
from tracing.trajectory_parquet import ParquetSink
met_path, out, count, hours, spread_hours = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
met = open_met(met_path)
last = met.sizes["time"] - 1
starts = random_starts(count, last)
if spread_hours:
    import numpy as np, pandas as pd
    back = np.random.default_rng(2).integers(0, spread_hours, count)
    starts["time"] -= pd.to_timedelta(back, unit="h")
begin = time.perf_counter()
options = Integration(method="midpoint", step_minutes=10.0)
with ParquetSink(out) as sink:
    for part in trace_parts(None, met_path, starts, met=met, hours=-hours, options=options):
        sink.add(part)
    sink.finish({})
# Not ru_maxrss: that begins with what the parent held.
peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps([time.perf_counter() - begin, peak, out.stat().st_size]))
"""


def streamed(met: Path, out: Path, count: int, *, hours: int = 72, spread_hours: int = 0) -> tuple[float, float, float]:
    """Return seconds, peak bytes of memory and bytes of the file of a run that streams to GeoParquet."""
    words = [sys.executable, "-c", _STREAM, str(met), str(out), str(count), str(hours), str(spread_hours)]
    root = Path(__file__).parents[2]
    ran = subprocess.run(words, cwd=root, check=True, capture_output=True, text=True)
    seconds, peak, size = json.loads(ran.stdout)
    return seconds, peak, size


def drained(client, met, path: Path, starts, hours: int) -> float:
    """Return the seconds of a run whose parts are taken and dropped."""
    begin = time.perf_counter()
    for _ in trace_parts(client, path, starts, met=met, hours=-hours, options=MIDPOINT):
        pass
    return time.perf_counter() - begin


def computing(tasks: list[dict]) -> float:
    """Return the seconds in which workers computed."""
    return sum(part["stop"] - part["start"] for t in tasks for part in t["startstops"] if part["action"] == "compute")


def scaling(path: Path, count: int, hours: int = 72, *, repeats: int = 3) -> list[dict]:
    """Return how Dask's one process compares with none, and two processes with one; best of three each."""
    met = open_met(path)
    starts = random_starts(count, met.sizes["time"] - 1)
    took, idle = {}, {}
    for workers in (1, 2):
        with local_client(workers) as client:
            drained(client, met, path, starts, hours)  # winds are prepared, code is loaded
            runs = []
            for _ in range(repeats):
                with get_task_stream(client) as tasks:
                    seconds = drained(client, met, path, starts, hours)
                runs.append((seconds, 1.0 - computing(tasks.data) / (workers * seconds)))
            took[workers], idle[workers] = min(runs)
    case = {"size": count, "threads": 1}
    return [
        {
            **case,
            "name": "trajectories, share of one process that is not computing",
            "value": idle[1],
            "unit": "1",
            "limit": 0.05,
            "peer": None,
        },
        {
            **case,
            "name": "trajectories, two processes to one",
            "threads": 2,
            "value": took[1] / took[2],
            "unit": "1",
            "limit": 1.8,
            "peer": "HYSPLIT 1.8-2",
        },
    ]


@pytest.fixture(scope="module")
def field(tmp_path_factory) -> Path:
    return write_regional(tmp_path_factory.mktemp("regional") / "era5.nc", 97)


@pytest.mark.bench
@pytest.mark.parametrize("count", [1_000, 10_000, 100_000])
def test_trajectories_over_processes(field, bench_results, count):
    figures = scaling(field, count)
    for figure in figures:
        say(f"{figure['name']}, {count} starts: {figure['value']:.3f}")
    bench_results.extend(figures)


@pytest.mark.bench
@pytest.mark.parametrize("count", [10_000, 100_000, 1_000_000])
def test_trajectories_stream_to_parquet(field, tmp_path, bench_results, count):
    seconds, peak, size = streamed(field, tmp_path / "a.parquet", count)
    say(f"{count} trajectories x 72 h to Parquet: {seconds:.1f} s, {peak / GIB:.2f} GiB, file {size / 1e9:.2f} GB")
    case = {"size": count, "threads": 2, "peer": None}
    bench_results += [
        {**case, "name": "trajectories to Parquet, time", "value": seconds, "unit": "s", "limit": None},
        {**case, "name": "trajectories to Parquet, peak memory", "value": peak / GIB, "unit": "GiB", "limit": 4.0},
    ]
    assert peak < 4 * GIB


@pytest.mark.bench
def test_trajectories_over_thirty_days(tmp_path, bench_results):
    met = write_regional(tmp_path / "month.nc", 720)
    seconds, peak, _ = streamed(met, tmp_path / "a.parquet", 20_000, spread_hours=640)
    say(f"20000 trajectories over 30 days hourly: {seconds:.1f} s, {peak / GIB:.2f} GiB")
    case = {"name": "trajectories over 30 days, peak memory", "size": 20_000, "threads": 2, "peer": None}
    bench_results.append({**case, "value": peak / GIB, "unit": "GiB", "limit": 4.0})
    assert peak < 4 * GIB


_FIRST_PATH = """
import sys
import pandas as pd
from tracing.met import open_met
from tracing.trajectory import trajectories
start = {"receptor": "a", "time": pd.Timestamp("2021-01-04T00:00Z"), "lon": 120.0, "lat": 35.0, "height_m_agl": 500.0}
trajectories(open_met(sys.argv[1]), pd.DataFrame([start]), hours=-1)
"""


@pytest.mark.bench
@pytest.mark.parametrize("door", ["Python", "suyuan trace"])
def test_trajectories_in_a_second_process(field, tmp_path, bench_results, door):
    words = [sys.executable, "-c", _FIRST_PATH, field]
    if door != "Python":
        words = [Path(sys.executable).with_name("suyuan"), "trace", "--met", field, "--start", "2021-01-04T00:00"]
        words += ["--lat", "35", "--lon", "120", "--hours", "-1", "--output", tmp_path / "a.csv"]
    took = []
    for _ in range(4):
        begin = time.perf_counter()
        subprocess.run(list(map(str, words)), check=True, capture_output=True, cwd=Path(__file__).parents[2])
        took.append(time.perf_counter() - begin)
    say(f"a first path in a second process, {door}: {min(took):.2f} s")
    figure = {"name": f"trajectories, first path of a second process, {door}", "size": 1, "threads": 1}
    bench_results.append({**figure, "value": min(took), "unit": "s", "limit": 2.0, "peer": None})
