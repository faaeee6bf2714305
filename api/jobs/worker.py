"""The process in which one job runs: started by a runner, told its job on stdin, ended by whoever ends the runner.

The runner keeps the other end of stdin open as long as it lives, so its death, however sudden, ends its workers; and
what a worker that lingers might still want to write is refused by the store, because the job is no longer its own.
"""

import ctypes
import json
import logging
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api.dask_client import local_client, shared_client
from api.jobs.model import PRACTISE, Job, State
from api.jobs.results import ResultFiles, layer_found
from api.jobs.store import JobStore
from api.processes import all_processes
from api.processes.base import Process, execute
from api.processes.context import Context
from api.settings import Settings
from api.store import workspace_of
from geo.errors import InvalidInput, MissingData, NotConverged, SourceUnavailable, SuyuanError
from layers.store import Workspace

_log = logging.getLogger(__name__)
ORPHANED = 70
_PR_SET_PDEATHSIG = 1
_EVERY_SECONDS = 0.2


def main() -> int:
    """Wait for a job on stdin, run it, and leave."""
    _die_with_parent()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="pyogrio")
    processes = {process.id: process for process in all_processes()}
    if PRACTISE in sys.argv[1:]:
        practise(processes)
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    order = json.loads(line)
    threading.Thread(target=_end_with_runner, daemon=True).start()
    store = JobStore(Path(order["workspace"]))
    job = store.get(order["job"])
    if (job.attempt, job.runner) != (order["attempt"], order["runner"]):
        return 0
    settings = Settings(workspace=order["workspace"], dask_scheduler=order["dask_scheduler"], **order["store"])
    handler = _JobLog(store, job)
    logging.getLogger().addHandler(handler)
    work(store, job, processes.get(job.process), settings, dask_workers=order["dask_workers"])
    return 0


def practise(processes: Mapping[str, Process[Any]]) -> None:
    """Run the processes that are called for in haste once, on the inputs that they declare for it, in a folder of its
    own: what is loaded at first use is then there. Whatever goes wrong is for the job itself to meet.
    """
    for process in processes.values():
        if process.practice is None or select.select([sys.stdin], [], [], 0.0)[0]:
            continue
        try:
            with TemporaryDirectory(prefix="suyuan-practice-") as folder:
                _practise(process, process.practice, Path(folder))
        except Exception:
            _log.warning("practising %s failed", process.id, exc_info=True)


def _practise(process: Process[Any], inputs: Mapping[str, Any], folder: Path) -> None:
    workspace, files = Workspace(folder / "workspace"), ResultFiles(folder)
    for _ in range(2):
        # The second time there are layers to read.
        result = execute(process, process.inputs.model_validate(inputs), Context(workspace.path, files=False))
        files.publish(files.keep(result, synthetic=True), workspace)


def work(store: JobStore, job: Job, process: Process[Any] | None, settings: Settings, *, dask_workers: int = 0) -> None:
    """Run a job to its end, whatever that is, and write it down."""
    try:
        if process is None:
            store.fail(job, f"this version of Suyuan has no process {job.process!r}", "not-found")
            return
        if job.state is State.RUNNING:
            _compute(store, job, process, settings, dask_workers)
        recorded = store.get(job.id)
        if recorded.state is State.STORING and recorded.findings and recorded.attempt == job.attempt:
            ResultFiles(store.folder).publish(recorded.findings, workspace_of(settings))
            store.succeed(recorded)
    except SuyuanError as error:
        reason = told(error, settings.workspace)
        store.log(job.id, "ERROR", reason)
        store.fail(job, reason, _family(error))
    except MemoryError:
        store.fail(job, "not enough memory: ask for less, or run it on a larger machine", "memory")
    except Exception:
        # The traceback goes to the server's own log, not to a client.
        _log.exception("job %s (%s) failed", job.id, job.process)
        store.fail(job, "程序内部错误，详见服务器日志 · internal error; the server's log says why", "fault")


def _compute(store: JobStore, job: Job, process: Process[Any], settings: Settings, dask_workers: int) -> None:
    store.log(job.id, "INFO", f"开始 started: {process.title_zh} {process.title_en}, attempt {job.attempt}")
    inputs = process.inputs.model_validate(job.inputs)
    with ExitStack() as stack:
        shared = settings.dask_scheduler is not None
        manager = shared_client(settings) if shared else local_client(dask_workers) if dask_workers else None
        client = None if manager is None else stack.enter_context(manager)
        context = Context(
            partial(workspace_of, settings),
            client=client,
            progress=_Reporter(store, job),
            files=False,
            folder=settings.workspace,
            results=partial(layer_found, settings.workspace),
        )
        result = execute(process, inputs, context)
    findings = ResultFiles(store.folder).keep(result, synthetic=context.synthetic)
    # First what somebody waits for, then what is written beside it.
    recorded = store.record(job, findings)
    for warning in result.outcome.warnings:
        store.log(job.id, "NOTE", warning)
    if recorded:
        store.log(job.id, "INFO", f"{findings.summary_zh} · {findings.summary_en}")


class _Reporter:
    """Writes progress down, not more often than somebody could look; it never goes back.

    An analysis tells of one step after the other and not how many there will be. The first takes nine tenths of the
    way, which is right for those of one step; each further one nine tenths of what is left.
    """

    def __init__(self, store: JobStore, job: Job) -> None:
        self._store, self._job, self._last, self._what = store, job, 0.0, ""
        self._done, self._begin = 0.0, 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if what == self._what and done < total and now - self._last < _EVERY_SECONDS:
            return
        if what != self._what:
            self._begin = self._done
            self._store.log(self._job.id, "INFO", what)
        self._last, self._what = now, what
        share = min(max(done / total, 0.0), 1.0) if total else 0.0
        self._done = max(self._done, self._begin + 0.9 * (1 - self._begin) * share)
        self._store.report(self._job, self._done, what)


class _JobLog(logging.Handler):
    """Copies warnings of libraries into the job's log, without their tracebacks."""

    def __init__(self, store: JobStore, job: Job) -> None:
        super().__init__(logging.WARNING)
        self._store, self._job = store, job

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == __name__:
            return
        try:
            self._store.log(self._job.id, record.levelname, " ".join(record.getMessage().split()))
        except SuyuanError:
            self.handleError(record)


def _die_with_parent() -> None:
    """Ask Linux to end this process with its runner, also while a long computation lets no thread of it run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_runner() -> None:
    # Returns at the end of the stream alone: the runner writes nothing after the order.
    sys.stdin.buffer.read()
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(ORPHANED)


def told(error: Exception, workspace: Path) -> str:
    """Return an error's text in one line, without the place of the workspace on this machine."""
    return " ".join(str(error).replace(str(workspace), workspace.name).split())


def _family(error: SuyuanError) -> str:
    families = (InvalidInput, MissingData, NotConverged, SourceUnavailable)
    return next((family.__name__ for family in families if isinstance(error, family)), "SuyuanError")


if __name__ == "__main__":
    sys.exit(main())
