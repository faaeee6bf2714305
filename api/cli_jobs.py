"""`suyuan jobs`: the list, one job, cancel, run again, clear away."""

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from api.jobs.model import Job, State, utc_now
from api.jobs.results import ResultFiles
from api.jobs.runner import Runner
from api.jobs.store import JobStore
from api.jobs.wanted import Wanted
from api.progress import progress_bar
from api.settings import Settings
from geo.errors import InvalidInput, NotConverged

_LOOK_SECONDS = 0.1
_AGE = re.compile(r"(\d{1,6}(?:\.\d+)?)([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `jobs list`, `show`, `cancel`, `rerun` and `clear`."""
    jobs = commands.add_parser("jobs", help="任务 · jobs of the HTTP interface").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    listing = jobs.add_parser(
        "list",
        parents=[common],
        help="任务清单 · list of jobs",
        description="列出任务，最新的在前。 Lists the jobs, the newest first.",
        epilog="example: suyuan jobs list --status running",
    )
    listing.add_argument("--status", choices=tuple(dict.fromkeys(state.public for state in State)))
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="most jobs shown (default: 50)")
    listing.add_argument("--json", action="store_true", help="as JSON, one job a line")
    listing.set_defaults(command=_list)
    for name, command, zh, en in (
        ("show", _show, "任务详情", "one job"),
        ("cancel", _cancel, "取消任务", "stop a job"),
        ("rerun", _rerun, "以相同输入重新运行", "run again with the same inputs"),
    ):
        parser = jobs.add_parser(
            name,
            parents=[common],
            help=f"{zh} · {en}",
            description=f"{zh}。 {en[0].upper()}{en[1:]}.",
            epilog=f"example: suyuan jobs {name} 71a65dcd930b4ebb",
        )
        parser.add_argument("id", metavar="ID", help="id of the job; its beginning is enough")
        parser.set_defaults(command=command)
    _add_clear(jobs, common)


def _add_clear(jobs: Any, common: argparse.ArgumentParser) -> None:
    parser = jobs.add_parser(
        "clear",
        parents=[common],
        help="清理已结束的旧任务 · remove old jobs that have ended",
        description="删除已结束的旧任务及其结果文件与日志；图层保留。 Removes old jobs that have ended, their results "
        "and logs; the layers that they made stay.",
        epilog="example: suyuan jobs clear --older-than 90d",
    )
    parser.add_argument("--older-than", required=True, metavar="AGE", help="such as 90d, 12h, 8w")
    parser.add_argument("--status", action="append", choices=tuple(state.public for state in State if state.final))
    parser.set_defaults(command=_clear)


def _clear(options: argparse.Namespace, settings: Settings) -> None:
    store = JobStore(settings.workspace)
    gone = store.clear(_moment(options.older_than), states=options.status or ())
    freed = ResultFiles(store.folder).sweep(store.files_in_use())
    sys.stdout.write(f"已删除 removed: {len(gone)} jobs, {freed} 个结果文件 result files\n")


def _moment(text: str) -> datetime:
    found = _AGE.fullmatch(text.strip())
    try:
        if found:
            return utc_now() - timedelta(**{_UNITS[found[2]]: float(found[1])})
    except OverflowError:
        pass
    raise InvalidInput(f"--older-than {text}: give a number of hours, days or weeks, such as 12h, 90d, 8w")


def _list(options: argparse.Namespace, settings: Settings) -> None:
    if options.limit < 1:
        raise InvalidInput(f"--limit {options.limit}: give 1 or more")
    states = (options.status,) if options.status else ()
    found, matched = JobStore(settings.workspace).page(Wanted(states=states), limit=options.limit)
    for job in found:
        sys.stdout.write(f"{json.dumps(_plain(job), ensure_ascii=False) if options.json else _line(job)}\n")
    if not found:
        sys.stderr.write("note: 没有任务 no jobs\n")
    elif matched > len(found):
        sys.stderr.write(f"note: {matched - len(found)} 个更早的任务未列出 older jobs not shown; --limit {matched}\n")


def _show(options: argparse.Namespace, settings: Settings) -> None:
    store = JobStore(settings.workspace)
    job = _find(store, options.id)
    body = _plain(job) | {"inputs": job.inputs, "log": store.lines(job.id)}
    if job.findings:
        body["layers"] = [vars(layer) for layer in job.findings.layers]
        body["provenance"] = job.findings.provenance
    sys.stdout.write(f"{json.dumps(body, ensure_ascii=False, indent=2)}\n")


def _cancel(options: argparse.Namespace, settings: Settings) -> None:
    store = JobStore(settings.workspace)
    job = _find(store, options.id)
    if job.state.final:
        raise InvalidInput(f"job {job.id} is {job.state.public} already; there is nothing to cancel")
    sys.stdout.write(f"{_line(store.dismiss(job.id))}\n")


def _rerun(options: argparse.Namespace, settings: Settings) -> None:
    """Run it here and now, or let the server run it that serves this workspace, whoever is first."""
    store = JobStore(settings.workspace)
    old = _find(store, options.id)
    job = store.submit(old.process, old.inputs, owner=old.owner, role=old.role)
    sys.stderr.write(f"note: {old.process} {job.id}\n")
    # What roles may use of a server is not a matter for whoever sits at the workspace.
    free = {"warm_worker": False, "running_analyst": None, "running_emergency": None, "running_admin": None}
    runner = Runner(settings.model_copy(update=free), only=job.id)
    runner.start()
    try:
        with progress_bar() as progress:
            while not job.state.final:
                time.sleep(_LOOK_SECONDS)
                job = store.get(job.id)
                progress(int(100 * job.progress), 100, job.id)
    except KeyboardInterrupt:
        store.dismiss(job.id)
        raise
    finally:
        runner.stop()
    if job.state is not State.SUCCESSFUL:
        raise NotConverged(f"job {job.id} is {job.state.public}: {job.reason}")
    sys.stdout.write(f"{_line(job)}\n{_compared(old, job)}\n")


def _find(store: JobStore, start: str) -> Job:
    found, _ = store.page(Wanted(starts_with=start), limit=2)
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(f"several jobs begin with {start!r}: give more of the id")
    return store.get(start)


def _compared(old: Job, new: Job) -> str:
    """Return whether two results are the same, and if not, which input or version changed."""
    if old.findings is None or new.findings is None:
        return "原任务没有结果 the old job has no result"
    if _hashes(old) == _hashes(new):
        return "与原结果逐字节相同 the same bytes"
    before, after = old.findings.provenance, new.findings.provenance
    hashes = ({entry["id"]: entry["sha256"] for entry in record["inputs"]} for record in (before, after))
    changed = [*_changed(*hashes), *_changed(before["versions"], after["versions"])]
    return f"与原结果不同 not the same bytes; 已变化 changed: {', '.join(changed) or '(无 nothing)'}"


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _hashes(job: Job) -> list[tuple[str, str]]:
    return [] if job.findings is None else [(layer.name, layer.sha256) for layer in job.findings.layers]


def _line(job: Job) -> str:
    what = job.findings.summary_zh if job.findings else job.reason or job.step
    when = f"{job.created:%Y-%m-%d %H:%M:%S}Z"
    return f"{job.id}  {when}  {job.state.public:<10}  {job.progress:4.0%}  {job.process}  {what}"


def _plain(job: Job) -> dict[str, Any]:
    times = {
        name: value.isoformat()
        for name, value in (("created", job.created), ("started", job.started), ("finished", job.finished))
        if value is not None
    }
    return {
        "id": job.id,
        "process": job.process,
        "status": job.state.public,
        "progress": round(job.progress, 3),
        "owner": job.owner,
        "attempt": job.attempt,
        "reason": job.reason,
        **times,
    }
