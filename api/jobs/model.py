"""What a job is: its states, what it was asked, how far it is, and what came of it."""

import json
import sqlite3
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

# What a process that stands ready is started with.
PRACTISE = "--practise"
PRIORITY_ROLES = ("emergency", "admin")


class State(StrEnum):
    """The states of OGC API - Processes, and one of our own between two of them.

    `STORING` is past the point of no return: the result is recorded and only has yet to appear among the layers. To
    the outside it is still running.
    """

    ACCEPTED = "accepted"
    RUNNING = "running"
    STORING = "storing"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"

    @property
    def public(self) -> str:
        """The name that the standard knows."""
        return State.RUNNING.value if self is State.STORING else self.value

    @property
    def final(self) -> bool:
        """Whether nothing more happens to a job in this state."""
        return self in (State.SUCCESSFUL, State.FAILED, State.DISMISSED)


@dataclass(frozen=True)
class StoredLayer:
    """One layer of a result: the file that holds it, named by the SHA-256 of its bytes, and what publishes it."""

    name: str
    schema: str
    file: str
    sha256: str
    count: int
    synthetic: bool


@dataclass(frozen=True)
class Findings:
    """What a job found: its layers, one sentence in each language, and the record that explains it."""

    layers: tuple[StoredLayer, ...]
    summary_zh: str
    summary_en: str
    provenance: dict[str, Any]

    def to_json(self) -> str:
        """Return the findings as text for the store."""
        return json.dumps(self, default=lambda value: vars(value), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Findings":
        """Return what `to_json` wrote."""
        found = json.loads(text)
        layers = tuple(StoredLayer(**layer) for layer in found.pop("layers"))
        return cls(layers=layers, **found)


@dataclass(frozen=True)
class Job:
    """One job as the store holds it; times are UTC, progress is between 0 and 1."""

    id: str
    process: str
    inputs: dict[str, Any]
    state: State
    owner: str
    role: str
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    updated: datetime | None = None
    progress: float = 0.0
    step: str = ""
    attempt: int = 0
    runner: str = ""
    reason: str = ""
    problem: str = ""
    findings: Findings | None = None
    sequence: int = field(default=0)

    @property
    def priority(self) -> int:
        """Jobs of higher priority start first."""
        return priority_of(self.role)

    def remaining_seconds(self, now: datetime) -> float | None:
        """Return how long it will still take if it goes on as so far; None at its very start and end."""
        if self.state is not State.RUNNING or self.started is None or not 0.02 <= self.progress <= 0.9:
            return None
        elapsed = (now - self.started).total_seconds()
        return elapsed * (1 - self.progress) / self.progress


def priority_of(role: str) -> int:
    """Return 1 for the roles that an incident needs served first, else 0."""
    return 1 if role in PRIORITY_ROLES else 0


def utc_now() -> datetime:
    """Return the present time with its zone."""
    return datetime.now(UTC)


COLUMNS = tuple(f.name for f in fields(Job))
_TIMES = ("created", "started", "finished", "updated")


def from_row(row: sqlite3.Row) -> Job:
    """Return the job that a row of the store holds."""
    values: dict[str, Any] = {name: row[name] for name in COLUMNS}
    for name in _TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    values["state"] = State(values["state"])
    values["inputs"] = json.loads(values["inputs"])
    values["findings"] = Findings.from_json(values["findings"]) if values["findings"] else None
    return Job(**values)
