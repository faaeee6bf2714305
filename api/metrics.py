"""Numbers about the running server, in the text format that Prometheus reads."""

import time
from collections import Counter
from threading import Lock

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.accounts.access import template_for

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Counts:
    """How many requests there were, by method, route and status, and how long they took."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds, self._begun = 0.0, time.time()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        with self._lock:
            self._requests[method, route, status] += 1
            self._seconds += seconds
            self._buckets[next((edge for edge in BUCKETS if seconds <= edge), float("inf"))] += 1

    def text(self, jobs: dict[str, int]) -> str:
        """Return all numbers, and how many jobs are in which state."""
        lines = ["# TYPE suyuan_requests_total counter"]
        with self._lock:
            lines += [
                f'suyuan_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
                for (method, route, status), count in sorted(self._requests.items())
            ]
            lines.append("# TYPE suyuan_request_seconds histogram")
            total = 0
            for edge in BUCKETS:
                total += self._buckets[edge]
                lines.append(f'suyuan_request_seconds_bucket{{le="{edge}"}} {total}')
            total += self._buckets[float("inf")]
            lines += [
                f'suyuan_request_seconds_bucket{{le="+Inf"}} {total}',
                f"suyuan_request_seconds_sum {self._seconds:.6f}",
                f"suyuan_request_seconds_count {total}",
            ]
        lines.append("# TYPE suyuan_jobs gauge")
        lines += [f'suyuan_jobs{{status="{status}"}} {count}' for status, count in sorted(jobs.items())]
        lines += ["# TYPE suyuan_start_time_seconds gauge", f"suyuan_start_time_seconds {self._begun:.3f}"]
        return "\n".join(lines) + "\n"


class Measure:
    """Middleware that counts every answer; names of routes, never of what was asked for."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        """Wrap an app."""
        self.app, self.counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            known = template_for(scope["method"], scope["path"])
            method = scope["method"] if known else "other"
            self.counts.note(method, known or "other", status, time.perf_counter() - begun)
