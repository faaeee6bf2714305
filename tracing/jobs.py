"""Trajectories in parts, here or over a Dask cluster: the same bytes, memory that does not grow with the run.

A part is a chunk of starts that takes half a second at most, so a run that is stopped ends soon. On a cluster the
scheduler sees one task per chunk, each worker is given the starts and prepares the meteorology once, and a killed
worker's chunks run again elsewhere; the numbers come back without labels, which the starts tell. A path is numbered
from its place in the table of starts, so neither chunks nor workers show in the result.
"""

import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met import open_met
from tracing.trajectory import DEFAULT, Integration, available_threads, check_request, labelled, prepare_window
from tracing.trajectory_groups import Positions, Window, chunk_size, chunks, groups_of, tapering_chunks
from tracing.trajectory_packed import run_packed, unpack
from tracing.trajectory_spread import run_all
from tracing.trajectory_table import Paths
from tracing.vertical import Prepared
from tracing.vertical_along import check_along

if TYPE_CHECKING:
    # Whoever has a client has loaded it; others are spared half a second.
    from distributed import Client, Future

Progress = Callable[[int, int], None]

# Chunks per thread of the cluster that are under way or wait to be taken, so that memory stays bounded.
_AHEAD = 3
_cache: OrderedDict[str, Prepared] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Run:
    """How the starts of a run are followed."""

    hours: float
    vertical: str
    options: Integration


@dataclass(frozen=True)
class TraceJob:
    """What the chunks of one window share. ``token`` stands for it all, the files' sizes and times included."""

    paths: tuple[str, ...]
    window: Window
    hours: float
    vertical: str
    options: Integration
    token: str


class Given(NamedTuple):
    """What the workers are given once: the job, the starts (without receptors) and their rows in the table of all."""

    job: TraceJob
    starts: pd.DataFrame
    rows: Positions


def trace(
    client: "Client | None",
    paths: str | Path | Sequence[str | Path],
    starts: pd.DataFrame,
    *,
    hours: float,
    vertical: str = "omega",
    options: Integration = DEFAULT,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return what :func:`tracing.trajectory.trajectories` returns, computed chunk by chunk.

    Parameters
    ----------
    client : dask.distributed Client, local or remote, whose workers see ``paths``; without one, this process's threads
    paths : meteorological files
    starts, hours, vertical, options : as for :func:`tracing.trajectory.trajectories`
    progress : called with the number of trajectories done and the number in all, after each chunk

    Raises
    ------
    InvalidInput, MissingData, SourceUnavailable
        As :func:`tracing.trajectory.trajectories` and :func:`tracing.met.open_met` do.
    """
    met = open_met(paths)
    parts = trace_parts(
        client, paths, starts, met=met, hours=hours, vertical=vertical, options=options, progress=progress
    )
    return labelled(list(parts), met, vertical, options)


def trace_parts(
    client: "Client | None",
    paths: str | Path | Sequence[str | Path],
    starts: pd.DataFrame,
    *,
    met: xr.Dataset,
    hours: float,
    vertical: str = "omega",
    options: Integration = DEFAULT,
    progress: Progress | None = None,
    chunk: int | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the points chunk by chunk; memory holds a few chunks and one window of winds, however long the run.

    Parameters
    ----------
    met : the Dataset of ``paths``
    chunk : starts of one part; by default what takes about half a second

    Yields
    ------
    DataFrame as of :func:`tracing.trajectory.trajectories`. The parts of one window of winds follow in the order of
    the starts; where a run needs several windows, they follow in time.

    Raises
    ------
    InvalidInput, MissingData
        As :func:`tracing.trajectory.trajectories`.
    distributed.KilledWorker
        If the workers of the cluster die of a chunk again and again.
    """
    check_along(met, options.along)
    check_request(met, starts, hours=hours, vertical=vertical, options=options)
    # Before it is cut: the same categories in all parts.
    starts = starts.astype({"receptor": "category"})
    if chunk is not None and chunk < 1:
        raise InvalidInput(f"chunk of {chunk} starts is too small; give one start or more")
    threads = available_threads() if client is None else max(1, sum(client.nthreads().values()))
    groups = groups_of(met, starts, hours=hours, vertical=vertical, options=options)
    done = 0
    for group in groups:
        if client is None:
            parts = chunks(group, chunk or chunk_size(hours, options, threads=threads))
            run = Run(hours, vertical, options)
            tables = _here(met, run, group.window, starts, parts, threads=threads)
        else:
            parts = chunks(group, chunk) if chunk else tapering_chunks(group, hours, options, threads=threads)
            job = make_job(paths, group.window, hours=hours, vertical=vertical, options=options)
            tables = _on_cluster(client, job, starts, parts, ahead=_AHEAD * threads)
        for rows, table in zip(parts, tables, strict=True):
            yield table
            done += rows.size
            if progress is not None:
                progress(done, len(starts))


def _here(
    met: xr.Dataset, run: Run, window: Window, starts: pd.DataFrame, rest: list[Positions], *, threads: int
) -> Iterator[pd.DataFrame]:
    """Yield the chunks' tables, computed by this process; the window's winds are gone with the last one."""
    prepared = prepare_window(met, window, hours=run.hours, vertical=run.vertical, options=run.options)
    for rows in rest:
        some = starts.iloc[rows]
        yield run_all(prepared, some, hours=run.hours, options=run.options, numbers=rows + 1, threads=threads)


def make_job(
    paths: str | Path | Sequence[str | Path],
    window: Window,
    *,
    hours: float,
    vertical: str,
    options: Integration,
) -> TraceJob:
    """Return the description of a window's run; its token changes with any file, setting or the window."""
    files = tuple(sorted(str(Path(p).resolve()) for p in ([paths] if isinstance(paths, str | Path) else paths)))
    digest = hashlib.sha256()
    for part in (
        *map(_stamp, files),
        *(t.isoformat() for t in window),
        vertical,
        repr((options.top_m, hours < 0, options.along)),
    ):
        digest.update(part.encode())
    digest.update(_roughness_bytes(options.roughness))
    return TraceJob(files, window, hours, vertical, options, digest.hexdigest())


def run_chunk(given: Given, begin: int, stop: int) -> Paths:
    """Run one chunk on a worker, the starts from ``begin`` to ``stop`` of those given."""
    job, starts, rows = given
    some, numbers = starts.iloc[begin:stop], rows[begin:stop] + 1
    return run_packed(prepared_for(job), some, numbers, hours=job.hours, options=job.options)


def prepared_for(job: TraceJob) -> Prepared:
    """Return the window's prepared meteorology, made once per process and kept until another's is needed."""
    with _lock:
        if job.token not in _cache:
            _cache.clear()
            met = open_met(job.paths)
            _cache[job.token] = prepare_window(
                met, job.window, hours=job.hours, vertical=job.vertical, options=job.options
            )
        return _cache[job.token]


def _on_cluster(
    client: "Client", job: TraceJob, starts: pd.DataFrame, rest: list[Positions], *, ahead: int
) -> Iterator[pd.DataFrame]:
    """Yield the chunks' tables in order; ``ahead`` chunks at most are with the workers."""
    whole = np.concatenate(rest)
    places = starts[["time", "lon", "lat", "height_m_agl"]].iloc[whole]
    # A task and not scattered data: what a killed worker held is made again.
    shared = client.submit(Given, job, places, whole, pure=False)
    # The scheduler sends chunks to where it lies: to all workers alike.
    client.replicate([shared])
    under_way: deque[tuple[Future, Positions]] = deque()

    def take() -> pd.DataFrame:
        future, rows = under_way.popleft()
        return unpack(future.result(), starts.iloc[rows], rows, hours=job.hours, options=job.options)

    try:
        for rows, stop in zip(rest, np.cumsum([rows.size for rows in rest]).tolist(), strict=True):
            under_way.append((client.submit(run_chunk, shared, stop - rows.size, stop, pure=False), rows))
            if len(under_way) >= ahead:
                yield take()
        while under_way:
            yield take()
    finally:
        client.cancel([future for future, _ in under_way], force=True)


def _stamp(path: str) -> str:
    try:
        stat = Path(path).stat()
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return f"{path}|{stat.st_size}|{stat.st_mtime_ns}"


def _roughness_bytes(roughness: float | xr.DataArray | None) -> bytes:
    if isinstance(roughness, xr.DataArray):
        return np.ascontiguousarray(roughness.values).tobytes()
    return repr(roughness).encode()
