"""One store after the other under the same tests: in a folder, and in PostGIS with its files behind a URL."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from layers.backend import FOLDERS
from layers.provenance import content_hash
from layers.store import Workspace
from layers.stores import open_workspace

Open = Callable[[], Workspace]


@pytest.fixture(params=["embedded", "postgis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what opens the same, at first empty, store each time that it is called."""
    folder = tmp_path / "工作区"
    if request.param == "embedded":
        return lambda: Workspace(folder)
    url = request.getfixturevalue("postgis_url")
    token = secrets.token_hex(6)
    return lambda: open_workspace(folder, url, f"memory://suyuan-{token}", f"t_{token}")


@pytest.fixture
def workspace(open_store: Open) -> Workspace:
    return open_store()


@pytest.fixture
def embedded(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "工作区")


@pytest.fixture
def state() -> Callable[[Workspace], Any]:
    """Return a function of a store that gives equal results as long as nothing in it changes."""

    def look(workspace: Workspace) -> Any:
        files = workspace.backend.files
        held = {
            f"{folder}/{name}": _bytes(workspace, f"{folder}/{name}")
            for folder in FOLDERS
            for name in files.names(folder)
        }
        if not workspace.exists():
            return held
        records = workspace.records()
        tables = {record.id: content_hash(workspace.read(record.id)) for record in records}
        return held, records, tables, {record.id: workspace.versions(record.id) for record in records}

    return look


def _bytes(workspace: Workspace, name: str) -> bytes:
    with workspace.backend.files.open(name) as stream:
        return stream.read()
