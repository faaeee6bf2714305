"""A workspace with places for short and for long jobs, and a server in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import httpx
import numpy as np
import pytest

from layers.store import LayerData, Workspace

INCIDENT = {
    "lat": 34.60,
    "lon": 119.22,
    "substance": "chlorine",
    "rate_g_s": 500,
    "height": 2,
    "wind_speed": 3,
    "wind_from": 45,
    "stability": "D",
    "members": 0,
}
# Long enough that no test sees its end; short enough to be drawn once.
LONG = {"file": "places", "value": "pm25_ug_m3", "permutations": 2_000_000}
SHORT = {"file": "places", "value": "pm25_ug_m3"}
PATIENCE = 60.0


def until(found: Callable[[], object], seconds: float = PATIENCE) -> float:
    """Wait for something to become true; returns how long that took, s."""
    start = time.monotonic()
    while not found():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - start


@pytest.fixture
def places(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(118.5, 119.5, 300), rng.uniform(34.0, 35.0, 300)
    frame = gpd.GeoDataFrame(
        {"id": [f"P{n}" for n in range(300)], "name": [f"P{n}" for n in range(300)], "level": "micro"},
        geometry=gpd.points_from_xy(x, y),
        crs=4326,
    )
    frame["pm25_ug_m3"] = rng.normal(60.0, 20.0, 300).round(1)
    Workspace(tmp_path / "ws").write({"places": LayerData(frame, schema="stations")})
    return tmp_path / "ws"


class Server:
    """`suyuan serve` in a process of its own, which may be killed."""

    def __init__(self, workspace: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())", "serve", "--port", "0"]
            + ["--workspace", str(workspace)],
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, "SUYUAN_WARM_WORKER": "false", "SUYUAN_RUNNING_JOBS": "1"},
        )
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        self.client = httpx.Client(base_url=found.group(), trust_env=False, timeout=PATIENCE)

    def submit(self, process: str, inputs: dict[str, object]) -> str:
        answer = self.client.post(
            f"/processes/{process}/execution", json={"inputs": inputs}, headers={"Prefer": "respond-async"}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["jobID"]

    def status(self, job: str) -> dict[str, object]:
        answer = self.client.get(f"/jobs/{job}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)
        self.process.stdout.close()


@pytest.fixture
def serve(places: Path) -> Iterator[Callable[[], Server]]:
    servers: list[Server] = []

    def start() -> Server:
        servers.append(Server(places))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def workers(server: Server) -> set[int]:
    """Return the ids of the processes in which a server runs its jobs."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if b"api.jobs.worker" in command and parent == server.process.pid:
                found.add(int(folder.name))
    return found


def alive(process: int) -> bool:
    """Return whether a process runs."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
