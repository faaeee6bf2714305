"""The Dask cluster behind heavy steps: a shared one, a local one, or none."""

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

import dask
from distributed import Client, KilledWorker, LocalCluster
from distributed.comm import CommClosedError

from api.settings import Settings
from geo.errors import SourceUnavailable

CONNECT_SECONDS = 10
_LOST = (CancelledError, KilledWorker, CommClosedError)
# For a cluster that lives for one job and shares its cores with it. What samples it for a dashboard, which there is
# not, takes a tenth of them; by default a worker gives each array's memory back and is handed it anew, zeroed.
_LEAN = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
}


@contextmanager
def shared_client(settings: Settings) -> Iterator[Client]:
    """Connect to the scheduler named in the settings.

    Raises
    ------
    SourceUnavailable
        If no scheduler answers at that address, or the cluster is gone before the work is done.
    """
    try:
        client = Client(settings.dask_scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise SourceUnavailable(
            f"SUYUAN_DASK_SCHEDULER {settings.dask_scheduler}: no scheduler answers; start it or unset the variable"
        ) from error
    with _said(f"SUYUAN_DASK_SCHEDULER {settings.dask_scheduler}"), client:
        yield client


@contextmanager
def _said(cluster: str) -> Iterator[None]:
    """Say in one line that a cluster was lost, instead of in the words of its inner workings."""
    try:
        yield
    except _LOST as error:
        raise SourceUnavailable(
            f"{cluster}: its scheduler or workers ended before the work was done "
            f"({type(error).__name__}); start them again, with more memory if they had too little, and run it again"
        ) from error


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """Start a cluster of processes on this machine, without a dashboard or an open port beyond loopback."""
    with (
        _said(f"the local Dask cluster of {workers} processes"),
        dask.config.set(_LEAN),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            host="127.0.0.1",
            # A worker that is told to end while it reports prints a page about it; what matters is raised here.
            silence_logs=logging.CRITICAL,
            # Any free port: the usual one may be that of another job's cluster.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        # Results come straight from the workers; over the scheduler they would be copied twice.
        Client(cluster, direct_to_workers=True) as client,
    ):
        yield client
