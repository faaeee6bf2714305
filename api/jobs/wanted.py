"""Which jobs a list is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from api.jobs.model import State

_DAY_SECONDS = 86_400
# Status documents show milliseconds: the time that one shows finds its job.
_SHOWN = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Wanted:
    """What jobs must meet to be listed; the default is all.

    Attributes
    ----------
    states, processes : public states and process ids; empty for all.
    starts_with : beginning of the id.
    created : from when to when they were submitted, both ends included; None is an open end.
    seconds : how long they have run, at least and at most; what has not begun has no duration.
    """

    states: Sequence[str] = ()
    processes: Sequence[str] = ()
    starts_with: str = ""
    created: tuple[datetime | None, datetime | None] = (None, None)
    seconds: tuple[float | None, float | None] = field(default=(None, None))

    def where(self, now: datetime) -> tuple[str, list[Any]]:
        """Return the condition in SQL and the values that it names."""
        found: list[tuple[str, list[Any]]] = []
        if self.states:
            states = [state.value for state in State if state.public in self.states]
            found.append((f"state IN ({_marks(states)})", states))
        if self.processes:
            found.append((f"process IN ({_marks(self.processes)})", list(self.processes)))
        if self.starts_with:
            found.append(("substr(id, 1, ?) = ?", [len(self.starts_with), self.starts_with]))
        start, end = self.created
        # Times are kept as text in UTC, which sorts as they follow each other.
        if start is not None:
            found.append(("created >= ?", [start.astimezone(UTC).isoformat()]))
        if end is not None:
            found.append(("created < ?", [(end.astimezone(UTC) + _SHOWN).isoformat()]))
        for seconds, sign in zip(self.seconds, (">=", "<="), strict=True):
            if seconds is not None:
                taken = f"(julianday(coalesce(finished, ?)) - julianday(started)) * {_DAY_SECONDS} {sign} ?"
                found.append((taken, [now.isoformat(), seconds]))
        return " AND ".join(["1", *(text for text, _ in found)]), [value for _, values in found for value in values]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
