"""One writer at a time on a shared store: an advisory lock that ends with the writer, however it ends."""

import hashlib
from threading import RLock
from weakref import WeakValueDictionary

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from geo.errors import SourceUnavailable

LOCK_SECONDS = 120
"""How long a writer waits for another; also the `lock_timeout` of every connection."""


class WriterLock:
    """The lock of one schema of one database, shared by all workspaces of this process that are open on it.

    PostgreSQL frees it when the connection ends, so a killed writer keeps nobody waiting. What the holder changes goes
    through the same connection: if that is lost, so is the right to write.
    """

    def __init__(self, engine: Engine, key: str) -> None:
        """Keep what to connect with; the lock's number is made of `key`."""
        self._engine = engine
        self._number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
        self._guard = RLock()
        self._depth = 0
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The holder's connection.

        Raises
        ------
        SourceUnavailable
            Nobody holds the lock: a fault of the program.
        """
        if self._connection is None:
            raise SourceUnavailable("the store was to be changed without its lock: a fault of the program; tell us")
        return self._connection

    def acquire(self, *, wait: bool = True) -> bool | None:
        """Take the lock, again if this thread holds it.

        Returns
        -------
        bool or None
            Whether this is the outermost hold; None where `wait` is off and another writer is at work.
        """
        if not self._guard.acquire(timeout=LOCK_SECONDS if wait else 0):
            return None
        try:
            if self._depth == 0 and not self._take(wait):
                self._guard.release()
                return None
        except BaseException:
            self._guard.release()
            raise
        self._depth += 1
        return self._depth == 1

    def release(self) -> None:
        """Give the lock back, if this is the outermost hold."""
        try:
            self._depth -= 1
            if self._depth == 0:
                self._give()
        finally:
            self._guard.release()

    def _take(self, wait: bool) -> bool:
        connection = self._engine.connect()
        try:
            if wait:
                connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": self._number})
                taken = True
            else:
                taken = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:n)"), {"n": self._number}))
            connection.commit()
        except BaseException:
            connection.close()
            raise
        if taken:
            self._connection = connection
        else:
            connection.close()
        return taken

    def _give(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": self._number})
            connection.commit()
        except DBAPIError:
            connection.invalidate()  # the server frees the lock of a connection that ended
        finally:
            connection.close()


_LOCKS: WeakValueDictionary[str, WriterLock] = WeakValueDictionary()


def writer_lock(engine: Engine, schema: str) -> WriterLock:
    """Return this process's lock of a schema."""
    key = f"{engine.url.render_as_string(hide_password=True)} {schema}"
    lock = _LOCKS.get(key)
    if lock is None:
        lock = _LOCKS.setdefault(key, WriterLock(engine, f"suyuan {schema}"))
    return lock
