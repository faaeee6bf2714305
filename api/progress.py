"""A progress bar on a terminal, and nothing where nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from api.processes.context import Progress, silent


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Draw one bar for each step on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    bars: dict[str, tqdm[Any]] = {}

    def advance(done: int, total: int, what: str) -> None:
        bar = bars.setdefault(what, tqdm(total=total, desc=what, unit="", file=sys.stderr))
        bar.update(done - bar.n)

    try:
        yield advance
    finally:
        for bar in bars.values():
            bar.close()
