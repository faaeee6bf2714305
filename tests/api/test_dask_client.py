"""The cluster behind a job: a real scheduler elsewhere, and what is said when it goes away."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, KilledWorker

from api.dask_client import local_client, shared_client
from api.jobs.model import State
from api.jobs.store import JobStore
from api.jobs.worker import work
from api.processes import all_processes
from api.settings import Settings
from geo.errors import SourceUnavailable

SCAN = {"file": "cases.csv", "cases": "n", "time": "date", "model": "space-time-permutation", "replications": 39}


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """Start a scheduler and a worker as programs of their own, as an operator would."""
    address = tmp_path / "scheduler.json"
    line = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    master = subprocess.Popen(
        [*line, "--no-dashboard", "--scheduler-file", str(address)], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    while "Scheduler at:" not in (said := master.stderr.readline()):
        assert master.poll() is None
    found = re.search(r"tcp://\S+", said).group()
    line = [sys.executable, "-m", "distributed.cli.dask_worker", found, "--nworkers", "1", "--nthreads", "1"]
    worker = subprocess.Popen([*line, "--no-dashboard", "--no-nanny"], stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        yield found
    finally:
        for process in (worker, master):
            process.send_signal(signal.SIGKILL)
            process.wait()
        master.stderr.close()


def _run(workspace: Path, scheduler: str | None) -> tuple[JobStore, str]:
    store = JobStore(workspace)
    store.submit("hotspots-scan", SCAN, owner="li", role="analyst")
    job = store.claim("test", most=1)
    process = next(process for process in all_processes() if process.id == job.process)
    work(store, job, process, Settings(workspace=workspace, dask_scheduler=scheduler))
    return store, job.id


def test_a_scheduler_elsewhere_gives_the_same_bytes(scheduler, tmp_path: Path) -> None:
    workspace = tmp_path / "ws"
    (workspace / "files").mkdir(parents=True)
    rows = "".join(f"{118.9 + n % 5 / 10},{34.5 + n % 7 / 10},1,2024-01-{n % 28 + 1:02d}\n" for n in range(40))
    (workspace / "files" / "cases.csv").write_text(f"lon,lat,n,date\n{rows}", "utf-8")
    store, here = _run(workspace, None)
    _, there = _run(workspace, scheduler)
    assert store.get(there).state is State.SUCCESSFUL, store.get(there).reason
    assert [layer.sha256 for layer in store.get(here).findings.layers] == [
        layer.sha256 for layer in store.get(there).findings.layers
    ]


def _lose(address: str) -> None:
    with shared_client(Settings(dask_scheduler=address)) as client:
        assert isinstance(client, Client)
        raise KilledWorker("task", None, [])


def test_a_cluster_that_is_lost_is_said_in_one_line(scheduler) -> None:
    with pytest.raises(SourceUnavailable, match=r"ended before the work was done \(KilledWorker\); start them again"):
        _lose(scheduler)


def test_two_local_clusters_at_once_are_on_loopback_and_in_nobodys_way() -> None:
    with local_client(1) as one, local_client(1) as other:
        assert one.submit(sum, (1, 2)).result() == other.submit(sum, (1, 2)).result() == 3
        servers = [client.cluster.scheduler.http_server for client in (one, other)]
        assert {server.address for server in servers} == {"127.0.0.1"}
        assert len({server.port for server in servers}) == 2


def test_a_local_worker_keeps_its_memory_and_to_one_thread() -> None:
    """BLAS in each worker on all cores would have them in each other's way."""
    with local_client(1) as client:
        (there,) = client.run(lambda: dict(os.environ)).values()
    assert {there[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")} == {"1"}
    assert int(there["MALLOC_TRIM_THRESHOLD_"]) > int(there["MALLOC_MMAP_THRESHOLD_"]) > 10_000_000
