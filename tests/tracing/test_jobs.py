"""The same bytes with and without a cluster, whatever the chunks and workers."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from geo.errors import InvalidInput, MissingData
from tracing import jobs, trajectory
from tracing.met import open_met
from tracing.met.arl_write import write_arl
from tracing.trajectory import Integration, trajectories, window_of
from tracing.trajectory_groups import groups_of
from tracing.vertical import bytes_per_time


@pytest.fixture(scope="module")
def path(eastward, tmp_path_factory):
    path = tmp_path_factory.mktemp("met") / "east.arl"
    write_arl(path, eastward)
    return path


@pytest.fixture(scope="module")
def starts():
    rng = np.random.default_rng(11)
    n = 230
    return pd.DataFrame(
        {
            "receptor": [f"站{k % 7}" for k in range(n)],
            "time": pd.Timestamp("2020-02-29T00:00Z") + pd.to_timedelta(rng.integers(0, 600, n), unit="min"),
            "lon": rng.uniform(8, 20, n),
            "lat": rng.uniform(31, 49, n),
            "height_m_agl": rng.uniform(0, 3000, n),
        }
    )


@pytest.fixture(scope="module")
def alone(path, starts):
    return trajectories(open_met(path), starts, hours=-8)


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_threads_give_the_same_bytes_and_tell_their_progress(client, path, starts, alone):
    told = []
    table = jobs.trace(client, path, starts, hours=-8, progress=lambda done, total: told.append((done, total)))
    pd.testing.assert_frame_equal(table, alone, check_exact=True)
    assert told[-1] == (230, 230)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 2


def parts(client, path, starts, **options):
    return pd.concat(jobs.trace_parts(client, path, starts, met=open_met(path), hours=-8, **options), ignore_index=True)


@pytest.mark.parametrize("with_client", [True, False])
@pytest.mark.parametrize("chunk", [1, 37, 1000])
def test_any_chunk_gives_the_same_bytes(client, path, starts, alone, chunk, with_client):
    few = starts if chunk > 1 else starts.iloc[:12]
    table = parts(client if with_client else None, path, few, chunk=chunk)
    pd.testing.assert_frame_equal(table, alone[alone["trajectory"] <= len(few)], check_exact=True)


def test_meteorology_is_opened_once_per_process(client, path, starts, monkeypatch):
    opened = []
    met = open_met(path)
    monkeypatch.setattr(jobs, "open_met", lambda paths: opened.append(paths) or open_met(paths))
    jobs._cache.clear()
    assert len(list(jobs.trace_parts(client, path, starts, met=met, hours=-8, chunk=10))) == 23
    assert len(opened) == 1


@pytest.mark.parametrize("with_client", [True, False])
def test_windows_of_winds_give_the_same_bytes(client, path, starts, alone, monkeypatch, with_client):
    """A run that needs more winds than memory holds goes window by window."""
    few_times = partial(groups_of, budget=11 * bytes_per_time(open_met(path), "omega", 10_000.0))
    for module in (jobs, trajectory):
        monkeypatch.setattr(module, "groups_of", few_times)
    shuffled = starts.sample(frac=1.0, random_state=3).reset_index(drop=True)
    groups = few_times(open_met(path), shuffled, hours=-8, vertical="omega", options=Integration())
    assert len(groups) > 2
    assert sorted(np.concatenate([group.rows for group in groups])) == list(range(len(starts)))
    for table in (
        jobs.trace(client if with_client else None, path, starts, hours=-8),
        trajectories(open_met(path), starts, hours=-8),
    ):
        pd.testing.assert_frame_equal(table, alone, check_exact=True)


def test_members_errors_and_what_is_told_come_back_from_a_worker(client, path, starts):
    options = Integration(ensemble=True, error="there-and-back", along=("pressure", "temperature", "terrain"))
    few = starts.iloc[:9].reset_index(drop=True)
    want = trajectories(open_met(path), few, hours=-4, options=options)
    got = pd.concat(
        jobs.trace_parts(client, path, few, met=open_met(path), hours=-4, options=options, chunk=4), ignore_index=True
    )
    assert set(want["end_reason"]) >= {"completed"}
    assert {"member", "error_km", "temperature_k", "terrain_m"} <= set(want)
    pd.testing.assert_frame_equal(got, want, check_exact=True)


def test_processes_give_the_same_bytes(path, starts, alone):
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        table = jobs.trace(client, path, starts, hours=-8)
    pd.testing.assert_frame_equal(table, alone, check_exact=True)


def test_a_killed_worker_s_chunks_run_again(path, starts, alone):
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        killed = []

        def kill_once(done, total):
            if not killed:
                killed.extend(client.run(os.getpid).values())
                os.kill(killed[0], signal.SIGKILL)

        table = jobs.trace(client, path, starts, hours=-8, progress=kill_once)
        now = list(client.run(os.getpid).values())
    assert len(killed) == 1
    assert killed != now
    pd.testing.assert_frame_equal(table, alone, check_exact=True)


def test_a_run_that_is_stopped_takes_its_chunks_back(client, path, starts):
    many = pd.concat([starts] * 100, ignore_index=True)
    run = jobs.trace_parts(client, path, many, met=open_met(path), hours=-8, chunk=200)
    next(run)
    begin = time.monotonic()
    run.close()
    while any(client.processing().values()):
        assert time.monotonic() - begin < 2.0
        time.sleep(0.01)


def test_an_interrupted_program_stops_and_leaves_nothing(path, tmp_path):
    words = [
        "trace",
        "--met",
        path,
        "--start",
        "2020-02-28T12:00",
        "--until",
        "2020-02-29T00:00",
        "--every",
        "1s",
        "--max-starts",
        "1000000",
    ]
    words += [
        "--lat",
        "40",
        "--lon",
        "12",
        "--hours",
        "8",
        "--step",
        "2min",
        "--error",
        "none",
        "--output",
        tmp_path / "a.parquet",
    ]
    words += ["--height", *range(100, 600, 100)]
    with subprocess.Popen(
        [Path(sys.executable).with_name("suyuan"), *map(str, words)], stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60.0
        while not (tmp_path / "a.parquet.part").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, err = process.communicate(timeout=30)
    # Two seconds are promised; a busy machine may take longer, a run that went on would take a minute.
    assert time.monotonic() - begin < 6.0
    assert (process.returncode, err) == (130, b"suyuan: stopped\n")
    assert list(tmp_path.iterdir()) == []


def test_token_changes_with_the_file_and_the_settings(path, starts, tmp_path):
    def token(file=path, hours=-8.0, vertical="omega", **options):
        window = window_of(starts, hours)
        return jobs.make_job(file, window, hours=hours, vertical=vertical, options=Integration(**options)).token

    other = tmp_path / "east.arl"
    other.write_bytes(path.read_bytes())
    tokens = {
        token(),
        token(other),
        token(vertical="isobaric"),
        token(hours=8.0),
        token(top_m=5000.0),
        token(roughness=0.1),
    }
    assert len(tokens) == 6
    assert token() == token()


def test_bad_starts_are_named_by_their_row_in_the_whole_table(client, path, starts):
    bad = starts.copy()
    bad.loc[200, "lon"] = 100.0
    with pytest.raises(InvalidInput, match="starts row 201: .* lies outside the meteorology"):
        jobs.trace(client, path, bad, hours=-8)
    with pytest.raises(MissingData, match="lies outside; the meteorology covers"):
        jobs.trace(client, path, starts.assign(time=pd.Timestamp("2021-01-01T00:00Z")), hours=-8)
    with pytest.raises(InvalidInput, match="chunk of 0 starts"):
        parts(client, path, starts, chunk=0)
