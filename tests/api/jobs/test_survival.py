"""Jobs against kill -9: of the server, of the worker; and cancelled from outside."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from api.cli import main
from api.jobs.model import State
from api.jobs.store import JobStore
from layers.store import Workspace
from tests.api.jobs.conftest import LONG, SHORT, Server, alive, until, workers


def test_jobs_survive_what_happens_to_their_server(serve: Callable[[], Server], places: Path) -> None:
    server = serve()
    job = server.submit("hotspots-gi", LONG)
    waiting = [server.submit("hotspots-gi", LONG | {"seed": 2})]
    until(lambda: server.status(job)["status"] == "running")
    until(lambda: workers(server))
    begun = workers(server)
    server.kill()
    # The workers end with their server, so nothing is at work on a job that will be taken up again.
    # (One that still imports its libraries finds out when it is done with that.)
    until(lambda: not any(map(alive, begun)), 20)
    store = JobStore(places)
    assert store.get(job).state is State.RUNNING
    again = serve()
    until(lambda: again.status(job)["suyuan:attempt"] == 2)
    assert "waits again" in " ".join(line["text"] for line in store.lines(job))
    for one in (job, *waiting):
        assert again.status(one)["status"] in ("running", "accepted")
        start = time.monotonic()
        answer = again.client.delete(f"/jobs/{one}")
        assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
        assert time.monotonic() - start < 2
    assert until(lambda: not workers(again)) < 2
    assert [record.id for record in Workspace(places).records()] == ["places"]
    _a_killed_worker_is_a_failed_job_with_a_reason(again, store)
    _the_command_line_cancels(again, places)
    _a_server_that_is_stopped_gives_its_job_back(again, store)
    with closing(sqlite3.connect(places / "jobs.sqlite")) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _a_killed_worker_is_a_failed_job_with_a_reason(server: Server, store: JobStore) -> None:
    job = server.submit("hotspots-gi", LONG)
    until(lambda: "开始" in " ".join(line["text"] for line in store.lines(job)))
    (worker,) = workers(server)
    os.kill(worker, signal.SIGKILL)
    assert until(lambda: server.status(job)["status"] == "failed") < 2
    assert "signal 9" in server.status(job)["message"]
    assert "signal 9" in store.lines(job)[-1]["text"]
    # The server goes on, and a sync request gets its answer.
    answer = server.client.post("/processes/hotspots-gi/execution", json={"inputs": SHORT})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["hotspots"]["value"]["features"]) == 300
    assert Workspace(store.workspace).record("hotspots").count == 300


def _the_command_line_cancels(server: Server, places: Path) -> None:
    job = server.submit("hotspots-gi", LONG)
    until(lambda: server.status(job)["status"] == "running")
    assert main(["jobs", "cancel", job[:8], "--workspace", str(places)]) == 0
    assert until(lambda: not workers(server)) < 2
    assert server.status(job)["status"] == "dismissed"


def _a_server_that_is_stopped_gives_its_job_back(server: Server, store: JobStore) -> None:
    job = server.submit("hotspots-gi", LONG)
    until(lambda: server.status(job)["status"] == "running")
    with server.client.stream("GET", f"/jobs/{job}/events") as events:
        assert next(events.iter_lines()) == "event: status"
        server.process.terminate()
        server.process.wait(timeout=15)
    assert store.get(job).state is State.ACCEPTED
