"""Fixtures that every room's tests share."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data beside the checkout, or skip."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data not here: ../shared/data is absent")
    return folder


@pytest.fixture(scope="session")
def postgis_url() -> Iterator[str]:
    """Start a PostgreSQL with PostGIS of our own on a free port of this machine, or skip where there is none."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL with PostGIS is not installed: apt-get install postgresql postgresql-postgis")
    folder = Path(tempfile.mkdtemp(prefix="suyuan-postgres-"))
    # PostgreSQL refuses to run as root.
    user: dict[str, str] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, **user)
    data = folder / "data"
    made = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "suyuan",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, **user)
    port = _free_port()
    fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
    where = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder)}
    options = [part for name, value in {**fast, **where}.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder, **user
        )
    try:
        yield _ready(f"postgresql://suyuan@127.0.0.1:{port}/postgres", server, folder / "log")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_programs() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        version = folder.parent.name
        if (folder / "initdb").exists() and Path(f"/usr/share/postgresql/{version}/extension/postgis.control").exists():
            return folder
    return None


@pytest.fixture
def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    return _free_port()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _ready(url: str, server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
            return url
        except psycopg.OperationalError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text('utf-8', 'replace')}") from None
            time.sleep(0.1)
