"""Trajectories over a Dask cluster: chunks of starts, the meteorology opened once per worker, the same bytes.

The scheduler sees one task per chunk; a killed worker's chunks run again elsewhere. A chunk is numbered from its
place in the table of starts, so neither chunks nor workers show in the result.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from distributed import Client, Future, as_completed

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met import open_met
from tracing.trajectory import DEFAULT, Integration, check_request, window_of
from tracing.trajectory_spread import run_all
from tracing.vertical import Prepared, assumptions, ground_contact, prepare
from tracing.vertical_along import check_along

Progress = Callable[[int, int], None]

_KEEP = 2
_SMALLEST_CHUNK = 50
_CHUNKS_PER_THREAD = 8
_cache: OrderedDict[str, Prepared] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class TraceJob:
    """What every chunk of one run shares. ``token`` stands for it all, the files' sizes and times included."""

    paths: tuple[str, ...]
    window: tuple[pd.Timestamp, pd.Timestamp]
    hours: float
    vertical: str
    options: Integration
    token: str


def trace(
    client: Client,
    paths: str | Path | Sequence[str | Path],
    starts: pd.DataFrame,
    *,
    hours: float,
    vertical: str = "omega",
    options: Integration = DEFAULT,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return what :func:`tracing.trajectory.trajectories` returns, computed on a cluster.

    Parameters
    ----------
    client : dask.distributed Client, local or remote; the workers must see ``paths``
    paths : meteorological files
    starts, hours, vertical, options : as for :func:`tracing.trajectory.trajectories`
    progress : called with the number of trajectories done and the number in all, after each chunk

    Raises
    ------
    InvalidInput, MissingData, SourceUnavailable
        As :func:`tracing.trajectory.trajectories` and :func:`tracing.met.open_met` do.
    """
    met = open_met(paths)
    check_along(met, options.along)
    check_request(met, starts, hours=hours, vertical=vertical, options=options)
    job = make_job(paths, window_of(starts, hours), hours=hours, vertical=vertical, options=options)
    threads = sum(client.nthreads().values()) or 1
    size = max(_SMALLEST_CHUNK, -(-len(starts) // (threads * _CHUNKS_PER_THREAD)))
    points = run_chunks(client, job, starts, chunk=size, progress=progress)
    said = [*assumptions(met, options.roughness), *ground_contact(points, vertical)]
    points.attrs |= {"warnings": said, "source": met.attrs.get("source", "")}
    return points


def make_job(
    paths: str | Path | Sequence[str | Path],
    window: tuple[pd.Timestamp, pd.Timestamp],
    *,
    hours: float,
    vertical: str,
    options: Integration,
) -> TraceJob:
    """Return the description of a run; its token changes with any file, setting or the window."""
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


def run_chunks(
    client: Client, job: TraceJob, starts: pd.DataFrame, *, chunk: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Run a job in chunks of ``chunk`` starts and return the points in the order of the starts.

    Raises
    ------
    InvalidInput
        If ``chunk`` is less than one.
    """
    if chunk < 1:
        raise InvalidInput(f"chunk of {chunk} starts is too small; give one start or more")
    shared = client.scatter(job, broadcast=True, hash=False)
    pieces = range(0, len(starts), chunk)
    futures = [client.submit(run_chunk, shared, starts.iloc[i : i + chunk], i + 1, pure=False) for i in pieces]
    try:
        tables = _gather(futures, progress, len(starts), chunk)
    finally:
        client.cancel(futures)
    return pd.concat(tables, ignore_index=True)


def run_chunk(job: TraceJob, starts: pd.DataFrame, first: int) -> pd.DataFrame:
    """Run one chunk on a worker; ``first`` is the number of its first trajectory."""
    return run_all(prepared_for(job), starts, hours=job.hours, options=job.options, first=first)


def prepared_for(job: TraceJob) -> Prepared:
    """Return the job's prepared meteorology, made once per process and kept for the last few jobs."""
    with _lock:
        if job.token not in _cache:
            met = open_met(job.paths)
            _cache[job.token] = prepare(
                met,
                job.vertical,
                top_m=job.options.top_m,
                roughness=job.options.roughness,
                window=job.window,
                backward=job.hours < 0,
                along=job.options.along,
            )
            while len(_cache) > _KEEP:
                _cache.popitem(last=False)
        _cache.move_to_end(job.token)
        return _cache[job.token]


def _gather(futures: list[Future], progress: Progress | None, total: int, chunk: int) -> list[pd.DataFrame]:
    place = {future.key: k for k, future in enumerate(futures)}
    tables: list[pd.DataFrame | None] = [None] * len(futures)
    done = 0
    for future in as_completed(futures):
        k = place[future.key]
        tables[k] = future.result()
        done += min(chunk, total - k * chunk)
        if progress is not None:
            progress(done, total)
    return [table for table in tables if table is not None]


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
