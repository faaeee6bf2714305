"""Replications of a scan over a Dask cluster: replication k draws the same numbers whoever computes it."""

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracing.scan_simulation import Setting, floor_of, maxima

if TYPE_CHECKING:
    # Whoever has a client has loaded it; others are spared a fifth of a second.
    from distributed import Client

Progress = Callable[[int, int], None]

_CHUNKS_PER_THREAD = 6
_SMALLEST_CHUNK = 10


def spread_maxima(
    client: "Client", setting: Setting, seed: int, count: int, *, first: int = 0, progress: Progress | None = None
) -> NDArray[np.float64]:
    """Return what `tracing.scan_simulation.maxima` returns, computed on a cluster in chunks.

    Parameters
    ----------
    client : dask.distributed Client
    setting, seed, count, first : as for `maxima`
    progress : called with the number of replications done and in all, after each chunk
    """
    as_completed = importlib.import_module("distributed").as_completed
    threads = sum(client.nthreads().values()) or 1
    size = max(_SMALLEST_CHUNK, -(-count // (threads * _CHUNKS_PER_THREAD)))
    # A task and not scattered data: what a killed worker held is made again.
    shared = client.submit(_given, setting, pure=False)
    floor = client.submit(floor_of, shared, seed, pure=False)
    firsts = range(0, count, size)
    futures = [
        client.submit(_chunk, shared, seed, (first + k, min(size, count - k)), floor, pure=False) for k in firsts
    ]
    place, parts = {future.key: k for k, future in enumerate(futures)}, [np.empty(0)] * len(futures)
    try:
        for done, future in enumerate(as_completed(futures), start=1):
            parts[place[future.key]] = future.result()
            if progress is not None:
                progress(min(done * size, count), count)
    finally:
        client.cancel(futures)
    return np.concatenate(parts) if parts else np.empty(0)


def _given(setting: Setting) -> Setting:
    return setting


def _chunk(setting: Setting, seed: int, numbers: tuple[int, int], floor: float) -> NDArray[np.float64]:
    # One task has one thread of its worker: it must not start more.
    with ThreadPoolExecutor(1) as pool:
        return maxima(setting, seed, numbers[1], first=numbers[0], floor=floor, pool=pool)
