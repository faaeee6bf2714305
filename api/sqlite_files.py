"""What the small SQLite files of a workspace's folder share: reading where there may be none, and errors that say."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from geo.errors import SourceUnavailable


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn an error of the disk or of SQLite into one that names the file.

    Raises
    ------
    SourceUnavailable
        The file cannot be used.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise SourceUnavailable(f"cannot use {path}: {error}; check the disk and the file's rights") from error


@contextmanager
def reading(path: Path, connect: Callable[[], sqlite3.Connection]) -> Iterator[sqlite3.Connection | None]:
    """Yield a connection, or None where nothing was ever written."""
    if not path.exists():
        yield None
        return
    with said(path), closing(connect()) as base:
        yield base
