"""The Dask cluster behind heavy steps: a shared one, a local one, or none."""

from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client, LocalCluster

from api.settings import Settings
from geo.errors import SourceUnavailable

CONNECT_SECONDS = 10


@contextmanager
def shared_client(settings: Settings) -> Iterator[Client]:
    """Connect to the scheduler named in the settings.

    Raises
    ------
    SourceUnavailable
        If no scheduler answers at that address.
    """
    try:
        client = Client(settings.dask_scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise SourceUnavailable(
            f"SUYUAN_DASK_SCHEDULER {settings.dask_scheduler}: no scheduler answers; start it or unset the variable"
        ) from error
    with client:
        yield client


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """Start a cluster of processes on this machine, without a dashboard or an open port beyond loopback."""
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster,
        # Results come straight from the workers; over the scheduler they would be copied twice.
        Client(cluster, direct_to_workers=True) as client,
    ):
        yield client
