"""The runner: takes waiting jobs, gives each a process, ends those that were dismissed, and misses none that died."""

import json
import logging
import math
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import filelock

from api.jobs.model import PRACTISE, Job, State, utc_now
from api.jobs.results import ResultFiles
from api.jobs.store import JobStore
from api.settings import Settings
from geo.errors import SourceUnavailable, SuyuanError

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.1
_LEFT_ALONE_SECONDS = 2.0
_GOES_SECONDS = 3.0
_RECOVER_EVERY = 30
_CLEAR_EVERY = 36_000


@dataclass
class _Active:
    """A job at work and its process."""

    job: Job
    process: "subprocess.Popen[bytes]"
    since: float = field(default_factory=time.monotonic)


class Runner:
    """Runs the jobs of one workspace as long as it lives.

    It holds the lock file `jobs/runner-ID.lock`, which the system releases when the program ends in whatever way; so
    every other runner can tell that this one's jobs are without a runner. The id ends in the machine's name: SQLite
    cannot be written by several machines at once, so a folder that two of them share has one runner.
    """

    def __init__(self, settings: Settings, *, only: str | None = None) -> None:
        """Name the workspace; `only` restricts the runner to one job."""
        self.id = f"{secrets.token_hex(6)}@{_machine()}"
        self.store = JobStore(settings.workspace)
        self.wake = threading.Event()
        self._settings = settings
        self._only = only
        self._lock = filelock.FileLock(self._lock_path(self.id))
        self._active: list[_Active] = []
        self._spare: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether the runner has been told to stop."""
        return self._stopping.is_set()

    def refuse_other_machines(self) -> None:
        """See to it that no other machine runs the jobs of this folder: SQLite is not for several machines at once.

        Raises
        ------
        SourceUnavailable
            One does.
        """
        for path in sorted(self.store.folder.glob("runner-*@*.lock")):
            runner = path.stem.removeprefix("runner-")
            machine = runner.partition("@")[2]
            if machine == _machine():
                continue
            with self._gone(runner) as gone:
                if not gone:
                    raise SourceUnavailable(
                        f"{self.store.workspace} is served by {machine}, and its jobs and accounts can be kept by one "
                        "machine only: give this server a folder of its own with --workspace, and share layers by "
                        "SUYUAN_DATABASE_URL and SUYUAN_STORE_URL"
                    )

    def start(self) -> None:
        """Begin to take jobs; a process stands ready for the first, if the settings say so."""
        if self._settings.warm_worker:
            self._spare = self._spawn(PRACTISE)
        self._thread.start()

    def stop(self) -> None:
        """End the processes at work; their jobs wait for the next runner."""
        self._stopping.set()
        self.wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        for active in self._active:
            _end(active.process)
            self.store.release(active.job, "服务已停止 the server was stopped")
        self._active.clear()
        if self._spare is not None:
            _let_go(self._spare)
        if self._lock.is_locked:
            self._lock.release()
            self._lock_path(self.id).unlink(missing_ok=True)

    def _run(self) -> None:
        rounds = 0
        while not self._stopping.is_set():
            try:
                if self.store.exists():
                    self._hold()
                    if rounds % _RECOVER_EVERY == 0:
                        self._recover()
                    if rounds % _CLEAR_EVERY == 0:
                        self._clear()
                    rounds += 1
                    self._look_after()
                    self._take()
                    self._make_ready()
            except SuyuanError as error:
                _log.error("jobs: %s", error)
                self._stopping.wait(1.0)
            self.wake.wait(_LOOK_SECONDS)
            self.wake.clear()

    def _hold(self) -> None:
        if not self._lock.is_locked:
            self.store.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)

    def _take(self) -> None:
        limits = self._settings.running_by_role
        while job := self.store.claim(self.id, most=self._settings.running_jobs, of_role=limits, only=self._only):
            process, self._spare = self._spare or self._spawn(), None
            self._active.append(_Active(job, process))
            order = {
                "workspace": str(self._settings.workspace),
                "job": job.id,
                "attempt": job.attempt,
                "runner": self.id,
                "dask_scheduler": self._settings.dask_scheduler,
                "dask_workers": self._settings.dask_workers,
                "store": _shared_store(self._settings),
            }
            _tell(process, order)

    def _make_ready(self) -> None:
        """Start the process for the next job, but not while the last one has just begun: somebody waits for it, and
        starting takes a processor for a second."""
        youngest = max((active.since for active in self._active), default=-math.inf)
        if self._settings.warm_worker and self._spare is None and time.monotonic() - youngest > _LEFT_ALONE_SECONDS:
            self._spare = self._spawn(PRACTISE)

    def _look_after(self) -> None:
        for active in list(self._active):
            code = active.process.poll()
            job = self.store.get(active.job.id)
            mine = (job.attempt, job.runner) == (active.job.attempt, self.id)
            if code is None and mine and not job.state.final:
                continue
            _end(active.process)
            self._active.remove(active)
            if mine and job.state is State.RUNNING:
                self.store.log(job.id, "ERROR", _why(code))
                self.store.fail(job, _why(code), "worker-died")
            elif mine and job.state is State.STORING:
                self.store.release(job, _why(code))

    def _recover(self) -> None:
        """Free the jobs of runners that are gone."""
        for job in self.store.held():
            if job.runner in ("", self.id):
                continue
            with self._gone(job.runner) as gone:
                if gone:
                    self.store.release(job, "运行它的服务中断 the server that ran it ended")

    def _clear(self) -> None:
        """Remove the jobs that are older than the settings want them kept, and results that no job names."""
        days = self._settings.keep_jobs_days
        if days is not None and self.store.clear(utc_now() - timedelta(days=days)):
            ResultFiles(self.store.folder).sweep(self.store.files_in_use())

    @contextmanager
    def _gone(self, runner: str) -> Iterator[bool]:
        lock = filelock.FileLock(self._lock_path(runner))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()
            self._lock_path(runner).unlink(missing_ok=True)

    def _spawn(self, *options: str) -> "subprocess.Popen[bytes]":
        # A session of its own: Ctrl+C in the server's terminal is the server's to answer, and all that a job started
        # ends with it.
        command = [sys.executable, "-m", "api.jobs.worker", *options]
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def _lock_path(self, runner: str) -> Any:
        return self.store.folder / f"runner-{runner}.lock"


def _machine() -> str:
    """Return this machine's name as it may stand in the name of a file."""
    return re.sub(r"[^\w.-]", "-", socket.gethostname()) or "localhost"


def _shared_store(settings: Settings) -> dict[str, str | None]:
    """Return what names the shared store; it goes through the pipe, never through arguments that others may list."""
    database, store = settings.database_url, settings.store_url
    return {
        "database_url": None if database is None else database.get_secret_value(),
        "database_schema": settings.database_schema,
        "store_url": None if store is None else store.get_secret_value(),
    }


def _tell(process: "subprocess.Popen[bytes]", order: dict[str, object]) -> None:
    if process.stdin is None:
        raise TypeError("a worker is started with a pipe")
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        _log.warning("a worker ended before it was told its job")


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _let_go(spare: "subprocess.Popen[bytes]") -> None:
    """End a process that had no job yet: it leaves by itself, and what it practised on with it."""
    if spare.stdin is not None:
        spare.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        spare.wait(timeout=_GOES_SECONDS)
    _end(spare)


def _why(code: int | None) -> str:
    if code is not None and code < 0:
        more = ", perhaps for want of memory" if code == -9 else ""
        return f"运行进程被终止（信号 {-code}） the job's process was ended by signal {-code}{more}; run it again"
    return f"运行进程意外结束 the job's process ended without a result (exit code {code}); run it again"
