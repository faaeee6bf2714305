"""The same bytes with and without a cluster, whatever the chunks and workers."""

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

from geo.errors import InvalidInput, MissingData
from tracing import jobs
from tracing.met import open_met
from tracing.met.arl_write import write_arl
from tracing.trajectory import Integration, trajectories, window_of


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


@pytest.mark.parametrize("chunk", [1, 37, 1000])
def test_any_chunk_gives_the_same_bytes(client, path, starts, alone, chunk):
    few = starts if chunk > 1 else starts.iloc[:12]
    job = jobs.make_job(path, window_of(starts, -8), hours=-8, vertical="omega", options=Integration())
    table = jobs.run_chunks(client, job, few, chunk=chunk)
    pd.testing.assert_frame_equal(table, alone[alone["trajectory"] <= len(few)], check_exact=True)


def test_meteorology_is_opened_once_per_process(client, path, starts, monkeypatch):
    opened = []
    monkeypatch.setattr(jobs, "open_met", lambda paths: opened.append(paths) or open_met(paths))
    jobs._cache.clear()
    job = jobs.make_job(path, window_of(starts, -8), hours=-8, vertical="omega", options=Integration())
    jobs.run_chunks(client, job, starts, chunk=10)
    assert len(opened) == 1


def test_processes_give_the_same_bytes(path, starts, alone):
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        table = jobs.trace(client, path, starts, hours=-8)
    pd.testing.assert_frame_equal(table, alone, check_exact=True)


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
    job = jobs.make_job(path, window_of(starts, -8), hours=-8, vertical="omega", options=Integration())
    with pytest.raises(InvalidInput, match="chunk of 0 starts"):
        jobs.run_chunks(client, job, starts, chunk=0)
