"""Waiting for something to happen to a job, without asking the store each time."""

import asyncio
import time

from api.jobs.store import JobStore

Mark = tuple[int, ...] | None

_TICK_SECONDS = 0.01
_LOOK_SECONDS = 0.25


async def next_write(jobs: JobStore, since: Mark, seconds: float = _LOOK_SECONDS) -> Mark:
    """Return when some job was written since a mark, or after a quarter of a second, or the seconds given if fewer.

    The answer is the mark for the next call: taken before the caller reads, so that no write falls in between.
    """
    end = time.monotonic() + min(seconds, _LOOK_SECONDS)
    while (mark := jobs.written()) == since and time.monotonic() < end:
        await asyncio.sleep(_TICK_SECONDS)
    return mark
