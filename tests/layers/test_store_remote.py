"""A store behind a network: an SFTP server of our own, with its uploads that show before they are whole."""

import asyncio
import hashlib
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from rasterio.crs import CRS

from geo.errors import InvalidInput, SourceUnavailable
from geo.rasters import Raster
from layers.add import add_file
from layers.history import rollback
from layers.move import check, move
from layers.store import Workspace
from layers.store_files import file_hash
from layers.store_remote import RemoteFiles, open_files
from layers.stores import open_workspace

PASSWORD = "geheim"


class _Login(asyncssh.SSHServer):
    def __init__(self, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("suyuan", PASSWORD)


@dataclass
class Server:
    """An SFTP server in a thread; its root is a folder of this machine."""

    folder: Path
    loop: asyncio.AbstractEventLoop
    port: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)

    async def start(self) -> None:
        root = str(self.folder).encode()
        self._listening = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            server_factory=lambda: _Login(self.connections),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root),
        )
        self.port = self._listening.get_port()

    async def _end(self) -> None:
        self._listening.close()
        for connection in self.connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in self.connections))

    def do(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=20)

    def stop(self) -> None:
        self.do(self._end())

    def url(self, password: str = PASSWORD) -> str:
        return f"sftp://suyuan:{password}@127.0.0.1:{self.port}/store"


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    folder = tmp_path / "far"
    folder.mkdir()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    found = Server(folder, loop)
    found.do(found.start())
    yield found
    found.stop()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=20)
    loop.close()


def hours(value: float) -> pd.DataFrame:
    times = pd.date_range("2024-04-30T12:00", periods=10, freq="h", tz="UTC")
    rows = [(s, t, "pm25", value, "ug/m3", "") for s in "ba" for t in times]
    return pd.DataFrame(rows, columns=["station_id", "time", "pollutant", "value", "unit", "flag"])


def add_boilers(workspace: Workspace, folder: Path, capacity: int) -> None:
    path = folder / "b.csv"
    path.write_text(f"锅炉编号,锅炉名称,燃料,容量（蒸吨/小时）,经度,纬度\n1,甲,燃煤,{capacity},119.2,34.6\n", "gb18030")
    add_file(workspace, "boilers", path)


def test_a_store_behind_sftp_keeps_corrects_moves_and_checks(server, postgis_url, tmp_path, state):
    schema = f"t_{secrets.token_hex(6)}"

    def shared() -> Workspace:
        return open_workspace(tmp_path / "w", postgis_url, server.url(), schema)

    store = shared()
    for number in (1, 2):
        add_boilers(store, tmp_path, number)
        store.observations.add(hours(number))
    rollback(store, "boilers", 1)
    store.daily.add(hours(3.0)[:1])
    grid = Raster(np.ones((3, 4)), Affine(0.1, 0, 119, 0, -0.1, 35), CRS.from_epsg(4326), None, "fire_mask")
    raster = store.rasters.put(grid)
    again = shared()
    assert again.read("boilers")["capacity_tph"].tolist() == [1.0]
    assert set(again.observations.read()["value"]) == {2.0}
    assert again.observations.latest()["station_id"].tolist() == ["a", "b"]
    assert again.rasters.path(raster).read_bytes() == (server.folder / "store" / raster).read_bytes()
    # Two versions' contents, two months, their newest hours and a day's: nothing else and nothing half.
    assert len([path for path in (server.folder / "store").rglob("*") if path.is_file()]) == 2 + 2 + 1 + 2 + 1
    copy = Workspace(tmp_path / "copy")
    move(again, copy)
    assert state(copy) == state(again)
    assert check(copy) == check(again)


def test_what_a_writer_left_on_the_server_is_removed_at_the_next_start(server, postgis_url, tmp_path, caplog):
    schema = f"t_{secrets.token_hex(6)}"
    add_boilers(open_workspace(tmp_path / "w", postgis_url, server.url(), schema), tmp_path, 1)
    left = server.folder / "store" / "versions" / ".writing-12"
    left.write_bytes(b"half")
    open_workspace(tmp_path / "w", postgis_url, server.url(), schema)
    assert not left.exists()
    assert "removed versions/.writing-12" in caplog.text


def test_a_server_that_is_gone_is_told_without_the_password_and_found_again(server, tmp_path):
    files = open_files(server.url())
    assert isinstance(files, RemoteFiles)
    files.put("versions/a.parquet", lambda part: part.write_bytes(b"whole"))
    assert file_hash(files, "versions/a.parquet") == hashlib.sha256(b"whole").hexdigest()
    with pytest.raises(FileNotFoundError):
        files.open("versions/b.parquet")
    server.stop()
    for act in (
        lambda: files.names("versions"),
        lambda: files.exists("versions/a.parquet"),
        lambda: files.open("versions/a.parquet"),
        lambda: files.put("versions/b.parquet", lambda part: part.write_bytes(b"x")),
        lambda: files.remove("versions/a.parquet"),
    ):
        with pytest.raises(SourceUnavailable, match=r"cannot (use versions.* in|reach) sftp://127.0.0.1") as caught:
            act()
        assert PASSWORD not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (server.folder / "store" / "versions" / "a.parquet").read_bytes() == b"whole"
    server.do(server.start())
    assert files.names("versions") == ["a.parquet"]


def test_a_wrong_password_and_a_missing_driver_are_told(server, monkeypatch):
    with pytest.raises(SourceUnavailable, match=r"cannot reach sftp://127.0.0.1:\d+/store: Authentication failed"):
        open_files(server.url("falsch"))
    with pytest.raises(InvalidInput, match=r"s3://air/x: .*; pip install 'suyuan\[s3\]'"):
        open_files("s3://air/x")
