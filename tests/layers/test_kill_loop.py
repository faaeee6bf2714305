"""kill -9 at random moments of an ingest, hundreds of times: old or new, and the next start says which."""

import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from layers.provenance import content_hash
from layers.store import Workspace
from layers.stores import open_workspace

# Imports are done once; each ingest is a child of its own, so that it can be killed.
NURSERY = """
import os, sys, time
import pandas as pd
from layers.add import add_file
from layers.stores import open_workspace
import layers.store_postgis  # loaded here, not in each child

folder, url, schema, scratch = sys.argv[1:5]

def workspace(path):
    return open_workspace(path, url or None, None, schema)

def ingest(store, kind, number):
    if kind == "boilers":
        path = f"{scratch}/b.csv"
        rows = "".join(f"{i},甲,coal,{number},119.2,34.6\\n" for i in range(20))
        with open(path, "w", encoding="utf-8") as sheet:
            sheet.write("id,name,fuel,capacity_tph,lon,lat\\n" + rows)
        add_file(store, "boilers", path)
    else:
        times = pd.date_range("2024-03-30", periods=3, freq="MS", tz="UTC")
        rows = [(s, t, "pm25", float(number), "ug/m3") for s in "abc" for t in times]
        columns = ["station_id", "time", "pollutant", "value", "unit"]
        store.observations.add(pd.DataFrame(rows, columns=columns))

ingest(open_workspace(scratch + "/warm"), "boilers", 1)
ingest(open_workspace(scratch + "/warm"), "observations", 1)
print("ready", flush=True)
for line in sys.stdin:
    kind, number, kill_after = line.split()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ingest(workspace(folder), kind, int(number))
            code = 0
        finally:
            os._exit(code)
    if float(kill_after) >= 0:
        time.sleep(float(kill_after))
        os.kill(child, 9)  # one that has ended waits for us: the number is still its own
    print(os.waitpid(child, 0)[1], flush=True)
"""


@dataclass
class Nursery:
    """A process that makes a child for each ingest."""

    process: "subprocess.Popen[str]"

    def say(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ingest(self, kind: str, number: int, kill_after: float | None) -> bool:
        """Run one ingest, killed after so many seconds; returns whether it was killed before it ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{kind} {number} {-1 if kill_after is None else kill_after}\n")
        self.process.stdin.flush()
        status = int(self.say())
        assert status in (0, signal.SIGKILL)
        return status == signal.SIGKILL


@pytest.fixture
def fast(tmp_path) -> Iterator[Path]:
    """A folder in memory where there is one: what a kill leaves does not depend on the disk, only the time does."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def nursery(fast, root) -> Iterator[Callable[[str, str], Nursery]]:
    started = []

    def start(url: str, schema: str) -> Nursery:
        arguments = [sys.executable, "-W", "ignore", "-c", NURSERY, str(fast / "w"), url, schema, str(fast)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True, cwd=root)
        started.append(process)
        found = Nursery(process)
        assert found.say() == "ready"
        return found

    yield start
    for process in started:
        process.communicate(timeout=30)


def held(workspace: Workspace, kind: str) -> int:
    """Return the number of the ingest that is there, and check that all of it is."""
    if kind == "observations":
        table = workspace.observations.read()
        assert len(table) == 9
        workspace.observations.verify()
        recent = workspace.observations.latest()
        values = {*table["value"], *recent["value"]}
    else:
        frame, versions = workspace.read("boilers"), workspace.versions("boilers")
        assert len(frame) == 20
        assert [v.number for v in versions] == list(range(1, len(versions) + 1))
        assert versions[-1].content_hash == content_hash(frame) == workspace.record("boilers").content_hash
        workspace.snapshots.get(versions[-1])
        assert workspace.snapshots.unlisted(versions) == []
        values = set(frame["capacity_tph"])
    assert len(values) == 1
    return int(values.pop())


@pytest.mark.parametrize(("backend", "kills"), [("embedded", 200), ("postgis", 40)])
def test_old_or_new_is_there_and_the_next_start_says_which(fast, request, nursery, caplog, backend, kills):
    url = request.getfixturevalue("postgis_url") if backend == "postgis" else ""
    schema = f"t_{secrets.token_hex(6)}"
    start, rng = nursery(url, schema), np.random.default_rng(1)
    kinds = ("boilers", "observations")
    last, limit, found = dict.fromkeys(kinds, 2), dict.fromkeys(kinds, 0.0), Counter[str]()
    for kind in kinds:
        start.ingest(kind, 1, None)
        begun = time.perf_counter()
        start.ingest(kind, 2, None)
        limit[kind] = time.perf_counter() - begun
    attempt = 2
    while found["killed"] < kills and attempt < 4 * kills:
        attempt += 1
        kind = kinds[attempt % 2]
        caplog.clear()
        killed = start.ingest(kind, attempt, limit[kind] * rng.uniform(0.5, 1.0))
        with caplog.at_level(logging.WARNING):
            workspace = open_workspace(fast / "w", url or None, None, schema)
        there = held(workspace, kind)
        assert there in ((last[kind], attempt) if killed else (attempt,))
        last[kind] = there
        new = there == attempt
        told = [text for text in caplog.messages if "the last write was stopped" in text]
        assert len(told) <= killed
        if told:
            assert ("the new version is whole" in told[0], "add it again" in told[0]) == (new, not new)
        # However fast the machine is, the kills come to lie around the moment at which the new version appears.
        limit[kind] *= 0.9 if new else 1.05
        found.update({"killed": killed, "old": not new, f"told {'new' if new else 'old'}": bool(told)})
        assert list((fast / "w").rglob(".writing-*")) == []
        assert not (fast / "w" / "writing.json").exists()
    sys.stdout.write(f"{backend}: {attempt} ingests, {dict(found)}\n")
    assert found["killed"] == kills
    assert found["told old"] >= kills / 20
