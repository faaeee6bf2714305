"""The HTTP interface over the shared store answers as over the folder."""

import asyncio
import secrets
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from layers.move import move
from layers.store import Workspace
from layers.stores import open_workspace

PATHS = (
    "/collections?f=json",
    "/collections/stations/items?f=json",
    "/collections/station_aqi/items?limit=2&offset=1&f=json",
    "/collections/districts/items?bbox=118.6,34.2,118.9,34.5&f=json",
    "/collections/heating_zones/items/1?f=json",
)


@pytest.fixture
def both(map_workspace: Workspace, postgis_url: str, tmp_path: Path) -> tuple[FastAPI, FastAPI]:
    schema = f"t_{secrets.token_hex(6)}"
    move(map_workspace, open_workspace(tmp_path / "files", postgis_url, None, schema))
    shared = Settings(workspace=tmp_path / "files", database_url=postgis_url, database_schema=schema)
    return create_app(Settings(workspace=map_workspace.path)), create_app(shared)


def get(app: FastAPI, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", trust_env=False) as client:
            return await client.get(path)

    return asyncio.run(ask())


@pytest.mark.parametrize("path", PATHS)
def test_the_same_answers(both: tuple[FastAPI, FastAPI], path: str) -> None:
    one, two = (get(app, path) for app in both)
    assert one.status_code == two.status_code == 200
    left, right = one.json(), two.json()
    for answer in (left, right):
        answer.pop("timeStamp", None)
    assert left == right


def test_rasters_come_from_the_shared_files(both: tuple[FastAPI, FastAPI]) -> None:
    answers = [get(app, "/collections/fire_rasters/rasters/1.png") for app in both]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
