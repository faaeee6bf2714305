"""Failed log-ins are counted, and more are refused for a while."""

import threading
import time

from api.errors import Throttled

MOST_FAILURES = 5
MOST_FAILURES_OF_ADDRESS = 30
FORGET_SECONDS = 300.0


class Throttle:
    """Counts failed log-ins by name and by address, and refuses more for a while."""

    def __init__(self) -> None:
        """Begin without failures."""
        self._failures: dict[tuple[str, str], list[float]] = {}
        self._lock = threading.Lock()

    def check(self, name: str, address: str) -> None:
        """Raise Throttled where too many attempts failed lately."""
        for key, most in _keys(name, address):
            if len(self._recent(key)) >= most:
                raise Throttled(
                    f"too many failed attempts; try again in {FORGET_SECONDS / 60:.0f} minutes",
                    f"失败次数过多，请 {FORGET_SECONDS / 60:.0f} 分钟后再试",
                )

    def fail(self, name: str, address: str) -> None:
        """Count one failure."""
        with self._lock:
            if len(self._failures) > 10_000:
                self._failures.clear()
        for key, _ in _keys(name, address):
            recent = self._recent(key)
            with self._lock:
                self._failures[key] = [*recent, time.monotonic()]

    def succeed(self, name: str, address: str) -> None:
        """Forget the failures of a name."""
        with self._lock:
            self._failures.pop(("name", name), None)

    def _recent(self, key: tuple[str, str]) -> list[float]:
        with self._lock:
            since = time.monotonic() - FORGET_SECONDS
            return [moment for moment in self._failures.get(key, []) if moment > since]


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((("name", name), MOST_FAILURES), (("address", address), MOST_FAILURES_OF_ADDRESS))
