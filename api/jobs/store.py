"""The store of jobs: `jobs.sqlite` in the workspace, written before anything is answered.

Each change of state is one transaction that names the state it starts from, so two programs never both win, and a
worker whose job was taken from it cannot finish it: its attempt is no longer the job's.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.errors import Busy, Conflict, NoSuchJob
from api.jobs.model import COLUMNS, Findings, Job, State, from_row, priority_of, utc_now
from api.jobs.wanted import Wanted
from api.sqlite_files import reading, said
from geo.errors import InvalidInput

DATABASE = "jobs.sqlite"
MOST_ATTEMPTS = 5
ALL = Wanted()
_OPEN = (State.ACCEPTED, State.RUNNING, State.STORING)
_HELD = (State.RUNNING, State.STORING)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, process TEXT NOT NULL, inputs TEXT NOT NULL,
    state TEXT NOT NULL, owner TEXT NOT NULL, role TEXT NOT NULL, priority INTEGER NOT NULL, created TEXT NOT NULL,
    started TEXT, finished TEXT, updated TEXT NOT NULL, progress REAL NOT NULL DEFAULT 0, step TEXT NOT NULL DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 0, runner TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    problem TEXT NOT NULL DEFAULT '', findings TEXT);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, priority, sequence);
CREATE TABLE IF NOT EXISTS log (job TEXT NOT NULL, time TEXT NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_by_job ON log (job);
"""


class JobStore:
    """The jobs of one workspace; safe to use from threads and from several programs."""

    def __init__(self, workspace: Path) -> None:
        """Name the workspace; the file is made with the first job."""
        self.workspace = workspace
        self.path = workspace / DATABASE
        self.folder = workspace / "jobs"
        self._journal = workspace / f"{DATABASE}-wal"

    def exists(self) -> bool:
        """Return whether there ever was a job."""
        return self.path.is_file()

    def submit(self, process: str, inputs: dict[str, Any], *, owner: str, role: str, most_waiting: int = 1000) -> Job:
        """Write a new job down and return it; from then on it is found under its id.

        Raises
        ------
        Busy
            As many jobs wait as may wait.
        """
        job_id, now = secrets.token_hex(8), utc_now().isoformat()
        with self._write() as base:
            waiting = base.execute("SELECT COUNT(*) FROM jobs WHERE state = ?", (State.ACCEPTED,)).fetchone()[0]
            if waiting >= most_waiting:
                raise Busy(
                    f"{waiting} jobs wait already; try again later, or dismiss some",
                    f"已有 {waiting} 个任务在排队；请稍后再试，或取消一些任务",
                )
            base.execute(
                "INSERT INTO jobs (id, process, inputs, state, owner, role, priority, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (job_id, process, json.dumps(inputs, ensure_ascii=False), State.ACCEPTED, owner, role)
                + (priority_of(role), now, now),
            )
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """Return one job.

        Raises
        ------
        NoSuchJob
            There is none with this id.
        """
        with reading(self.path, self._connect) as base:
            row = base and base.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if not row:
            raise NoSuchJob(
                f"no job {job_id!r}; `suyuan jobs list` or /jobs shows those there are",
                f"没有任务 {job_id!r}；用 suyuan jobs list 或 /jobs 查看现有任务",
            )
        return from_row(row)

    def written(self) -> tuple[int, ...]:
        """Return what is another after a write, at the price of a look at two files: worth asking many times a second.

        Two writes within a tick of the file system's clock may look like one, so ask the store itself now and then.
        """
        found: list[int] = []
        # The journal is folded into the base, and gone, when nobody has the base open.
        for path in (self.path, self._journal):
            with suppress(FileNotFoundError):
                there = path.stat()
                found += [there.st_ino, there.st_mtime_ns, there.st_size]
        return tuple(found)

    def page(self, wanted: Wanted = ALL, *, before: int | None = None, limit: int = 100) -> tuple[list[Job], int]:
        """Return jobs, the newest first, and how many are wanted in all.

        Parameters
        ----------
        before : only jobs older than the one with this sequence number.
        """
        where, values = wanted.where(utc_now())
        with reading(self.path, self._connect) as base:
            if base is None:
                return [], 0
            matched = base.execute(f"SELECT COUNT(*) FROM jobs WHERE {where}", values).fetchone()[0]
            rows = base.execute(
                f"SELECT * FROM jobs WHERE {where} AND sequence < ? ORDER BY sequence DESC LIMIT ?",
                [*values, 2**62 if before is None else before, limit],
            ).fetchall()
        return [from_row(row) for row in rows], matched

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each public state."""
        found = dict.fromkeys((state.public for state in State), 0)
        with reading(self.path, self._connect) as base:
            rows = base.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall() if base else []
        for state, count in rows:
            found[State(state).public] += count
        return found

    def claim(
        self, runner: str, *, most: int, of_role: Mapping[str, int] | None = None, only: str | None = None
    ) -> Job | None:
        """Give a runner the next job that waits, or one whose result only has yet to be published.

        Parameters
        ----------
        most : how many run at once; a job of a priority role may use one place more.
        of_role : how many of a role run at once; a role that is not named has no limit of its own.
        only : take no other job.
        """
        if not self.exists():
            return None
        with self._write() as base:
            running = dict(
                base.execute("SELECT role, COUNT(*) FROM jobs WHERE state IN (?, ?) GROUP BY role", _HELD).fetchall()
            )
            full = [role for role, limit in (of_role or {}).items() if running.get(role, 0) >= limit]
            row = base.execute(
                f"SELECT * FROM jobs WHERE ((state = ? AND (? < ? + priority) AND role NOT IN ({_marks(full)}))"
                " OR (state = ? AND runner = '')) AND (? IS NULL OR id = ?) ORDER BY priority DESC, sequence LIMIT 1",
                (State.ACCEPTED, sum(running.values()), most, *full, State.STORING, only, only),
            ).fetchone()
            if row is None:
                return None
            state = State.STORING if row["state"] == State.STORING else State.RUNNING
            now = utc_now().isoformat()
            base.execute(
                "UPDATE jobs SET state = ?, runner = ?, attempt = attempt + 1, updated = ?,"
                " started = CASE WHEN ? THEN ? ELSE started END, progress = 0, step = '' WHERE id = ?",
                (state, runner, now, state is State.RUNNING, now, row["id"]),
            )
        return self.get(row["id"])

    def report(self, job: Job, progress: float, step: str) -> None:
        """Note how far a running job is."""
        self._update(job, (State.RUNNING,), progress=min(max(progress, 0.0), 1.0), step=step)

    def record(self, job: Job, findings: Findings) -> bool:
        """Record what a job found, once and for all; False if it is no longer this worker's to finish."""
        return self._update(job, (State.RUNNING,), state=State.STORING, findings=findings.to_json(), progress=1.0)

    def succeed(self, job: Job) -> bool:
        """Say that a recorded result is among the layers."""
        return self._update(job, (State.STORING,), state=State.SUCCESSFUL, finished=utc_now(), progress=1.0, step="")

    def fail(self, job: Job, reason: str, problem: str) -> bool:
        """Say why a job failed; False if it is no longer this worker's."""
        return self._update(job, _HELD, state=State.FAILED, reason=reason, problem=problem, finished=utc_now())

    def release(self, job: Job, reason: str) -> None:
        """Take a job from a runner that is gone: it waits again, or failed if that happened too often."""
        if job.state is State.STORING and job.attempt < 2 * MOST_ATTEMPTS:
            self._update(job, (State.STORING,), runner="")
        elif job.state is State.RUNNING and job.attempt < MOST_ATTEMPTS:
            self._update(job, (State.RUNNING,), state=State.ACCEPTED, runner="", progress=0.0, step="")
            self.log(job.id, "WARNING", f"{reason}; the job waits again")
        else:
            self.fail(job, f"{reason} ({job.attempt} 次 times); see the server's log", "interrupted")

    def dismiss(self, job_id: str) -> Job:
        """Stop a job, or forget the result of a finished one.

        Raises
        ------
        NoSuchJob
            There is none with this id.
        Conflict
            Its result is just being written among the layers.
        """
        job = self.get(job_id)
        with self._write() as base:
            done = base.execute(
                "UPDATE jobs SET state = ?, findings = NULL, finished = coalesce(finished, ?), updated = ?, step = ''"
                " WHERE id = ? AND state != ?",
                (State.DISMISSED, *(2 * (utc_now().isoformat(),)), job_id, State.STORING),
            ).rowcount
        if not done:
            raise Conflict(
                f"job {job_id} is writing its result; it is done in a moment", f"任务 {job_id} 正在写入结果，即将完成"
            )
        if not job.state.final:
            self.log(job_id, "INFO", "已取消 dismissed")
        return self.get(job_id)

    def clear(self, before: datetime, *, states: Sequence[str] = ()) -> list[str]:
        """Remove the jobs that ended before a moment, with their logs; returns their ids.

        Their layers stay in the workspace. What no other job names of their results is for `ResultFiles.sweep`.

        Parameters
        ----------
        states : public states to remove; empty for all that are final.
        """
        if not self.exists():
            return []
        final = [state.value for state in State if state.final and (not states or state.public in states)]
        ended = [*final, before.astimezone(UTC).isoformat()]
        condition = f"state IN ({_marks(final)}) AND finished < ?"
        with self._write() as base:
            gone = [row["id"] for row in base.execute(f"SELECT id FROM jobs WHERE {condition}", ended)]
            base.execute(f"DELETE FROM log WHERE job IN (SELECT id FROM jobs WHERE {condition})", ended)
            base.execute(f"DELETE FROM jobs WHERE {condition}", ended)
        return gone

    def held(self) -> list[Job]:
        """Return the jobs that some runner is at work on."""
        with reading(self.path, self._connect) as base:
            rows = base.execute("SELECT * FROM jobs WHERE state IN (?, ?)", _HELD).fetchall() if base else []
        return [from_row(row) for row in rows]

    def files_in_use(self) -> set[str]:
        """Return the result files that some job still names."""
        with reading(self.path, self._connect) as base:
            rows = base.execute("SELECT findings FROM jobs WHERE findings IS NOT NULL").fetchall() if base else []
        return {layer.file for row in rows for layer in Findings.from_json(row["findings"]).layers}

    def log(self, job_id: str, level: str, text: str) -> None:
        """Add a line to a job's log."""
        with self._write() as base:
            base.execute("INSERT INTO log VALUES (?, ?, ?, ?)", (job_id, utc_now().isoformat(), level, text))

    def lines(self, job_id: str, *, limit: int = 10_000) -> list[dict[str, str]]:
        """Return a job's log, the first line first."""
        self.get(job_id)
        query = "SELECT time, level, text FROM log WHERE job = ? ORDER BY rowid LIMIT ?"
        with reading(self.path, self._connect) as base:
            rows = base.execute(query, (job_id, limit)).fetchall() if base else []
        return [dict(row) for row in rows]

    def _update(self, job: Job, states: Sequence[State], **changes: object) -> bool:
        """Change a job if it is in one of the states and still in the same hands."""
        values = {"updated": utc_now(), **changes}
        texts = [value.isoformat() if isinstance(value, datetime) else value for value in values.values()]
        if not set(values) <= set(COLUMNS):
            raise InvalidInput(f"a job has no {', '.join(sorted(set(values) - set(COLUMNS)))}")
        with self._write() as base:
            done = base.execute(
                f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ? AND attempt = ?"
                f" AND runner = ? AND state IN ({', '.join('?' * len(states))})",
                [*texts, job.id, job.attempt, job.runner, *states],
            ).rowcount
        return done == 1

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with said(self.path):
            self.workspace.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as base:
                base.execute("BEGIN IMMEDIATE")
                try:
                    yield base
                except BaseException:
                    base.execute("ROLLBACK")
                    raise
                base.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        fresh = not self.path.exists() or self.path.stat().st_size == 0
        base = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        base.row_factory = sqlite3.Row
        base.execute("PRAGMA synchronous=FULL")
        if fresh or not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'log_by_job'").fetchone():
            base.execute("PRAGMA journal_mode=WAL")
            base.executescript(_SCHEMA)
        return base


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
