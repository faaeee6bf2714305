"""A small workspace with hostile texts in it, and the app over it on a port of this machine."""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn
from affine import Affine
from fastapi import FastAPI
from playwright.sync_api import Browser, sync_playwright
from rasterio.crs import CRS
from shapely.geometry import LineString, Point, box

from api.app import create_app
from api.cli import main
from api.settings import Settings
from geo.geodesic import circle
from geo.rasters import Raster
from layers.store import LayerData, Workspace

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
XSS = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(2)</script>"
HOURS = pd.to_datetime(["2021-01-10T22:00Z", "2021-01-10T23:00Z", "2021-01-11T00:00Z"])
# name, lon, lat, and the AQI of the three hours: the second hour is the worst of the network.
STATIONS = (("S1", XSS, 119.0, 34.6, (40, 260, 70)), ("S2", "德源药业", 119.4, 34.9, (60, 120, None)))


def _frame(rows: list[dict[str, object]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs=4326)


def _category(aqi: int | None) -> int | None:
    return None if aqi is None else int(np.searchsorted([50, 100, 150, 200, 300], aqi)) + 1


def _station_aqi() -> gpd.GeoDataFrame:
    rows = [
        {
            "station_id": number,
            "name": name,
            "time": hour,
            "aqi": aqi,
            "category": _category(aqi),
            "geometry": Point(x, y),
        }
        for number, name, x, y, values in STATIONS
        for hour, aqi in zip(HOURS, values, strict=True)
    ]
    frame = _frame(rows)
    frame["pm25_ug_m3"] = [10.0, 200.0, np.nan, 20.0, np.inf, 30.5]
    return frame.astype({"aqi": "Int64", "category": "Int64"})


def _zones() -> gpd.GeoDataFrame:
    shapes = (("新海", "chp_300mw_30km", 30.0, 119.1, 34.6), ("小厂", "other_15km", 15.0, 119.4, 34.9))
    return _frame(
        [
            {"zone_id": str(n), "kind": "plant", "plant": plant, "rule": rule, "radius_km": radius}
            | {"geometry": circle(x, y, radius * 1000.0)}
            for n, (plant, rule, radius, x, y) in enumerate(shapes)
        ]
    )


def _trajectories() -> gpd.GeoDataFrame:
    return _frame(
        [
            {"trajectory": n, "receptor": receptor, "start_time": HOURS[1], "height_m_agl": height, "hours": -24.0}
            | {"geometry": LineString([(x, y), (x - 0.3, y + 0.2), (x - 0.6, y + 0.25 + n * 0.05)])}
            for n, (receptor, height, x, y) in enumerate(
                (("S1", 100.0, 119.0, 34.6), ("S1", 500.0, 119.0, 34.6), ("德源药业", 100.0, 119.4, 34.9))
            )
        ]
    )


def _fire_raster(workspace: Workspace) -> gpd.GeoDataFrame:
    values = np.full((4, 5), 292.0, dtype=np.float32)
    values[1, 2] = 400.0
    transform = Affine(0.1, 0, 118.9, 0, -0.1, 34.9)
    raster = Raster(values, transform, CRS.from_epsg(4326), HOURS[0], "brightness_temperature")
    row = {
        "time": HOURS[0],
        "satellite": "NPP",
        "kind": raster.kind,
        "path": workspace.rasters.put(raster),
        "unit": "K",
    }
    return _frame([row | {"geometry": box(118.9, 34.5, 119.4, 34.9)}])


def fill(path: Path) -> Workspace:
    """Write the layers of the tests into a workspace."""
    workspace = Workspace(path)
    districts = _frame(
        [
            {"name": "甲区", "name_en": "Jia", "adcode": "1", "geometry": box(118.7, 34.3, 119.2, 35.0)},
            {"name": XSS, "name_en": XSS, "adcode": "2", "geometry": box(119.2, 34.3, 119.7, 35.0)},
        ]
    )
    districts["source"] = XSS
    stations = _frame(
        [{"id": n, "name": name, "level": "national", "geometry": Point(x, y)} for n, name, x, y, _ in STATIONS]
    )
    fires = _frame(
        [
            {
                "time": HOURS[0],
                "satellite": SCRIPT,
                "frp_mw": 7.25,
                "suspected_type": "straw",
                "geometry": Point(118.9, 34.8),
            },
            {
                "time": None,
                "satellite": "NPP",
                "frp_mw": None,
                "suspected_type": "other",
                "geometry": Point(119.6, 34.4),
            },
        ]
    )
    fires["time"] = pd.to_datetime(fires["time"], utc=True)
    empty = stations.iloc[:0][["name", "geometry"]].assign(z=pd.Series(dtype=float))
    workspace.write(
        {
            "districts": LayerData(districts),
            "stations": LayerData(stations, title_zh=XSS, title_en=SCRIPT, note_zh=SCRIPT, note_en=XSS),
            "station_aqi": LayerData(_station_aqi(), synthetic=True),
            "heating_zones": LayerData(_zones()),
            "trajectories": LayerData(_trajectories(), synthetic=True),
            "fire_points": LayerData(fires),
            "fire_rasters": LayerData(_fire_raster(workspace), synthetic=True),
            "hotspots": LayerData(empty, note_zh="没有显著热点", note_en="No significant hot spot"),
        }
    )
    return workspace


@pytest.fixture(scope="session")
def map_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(tmp_path_factory.mktemp("map") / "workspace")


@pytest.fixture(scope="session")
def map_settings(map_workspace: Workspace) -> Settings:
    return Settings(workspace=map_workspace.path, warm_worker=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return this machine's Chromium."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or run `make test` as root")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@contextmanager
def serving(app: FastAPI, **options: str) -> Iterator[str]:
    """Serve an app on a free port of this machine and give its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", **options))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started, "the server did not start within 20 s"
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


@pytest.fixture(scope="session")
def map_server(map_settings: Settings) -> Iterator[str]:
    """Serve the app on a free port of this machine and yield its address."""
    with serving(create_app(map_settings)) as address:
        yield address


@pytest.fixture(scope="session")
def client(map_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=map_server, trust_env=False) as session:
        yield session


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "ws"


@pytest.fixture
def suyuan(workspace: Path, capsys: pytest.CaptureFixture[str]):
    """Run the program in this process; returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main([*map(str, arguments), "--workspace", str(workspace)])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


class AppClient(httpx.Client):
    """A client of an app that is not served: each request runs the app in a loop of its own."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1") -> None:
        super().__init__(transport=_InProcess(app), base_url=f"http://{host}")


class _InProcess(httpx.BaseTransport):
    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            content = request.read()
            again = httpx.Request(request.method, request.url, headers=request.headers, content=content)
            answer = await self._transport.handle_async_request(again)
            body = await answer.aread()
            headers = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
            return httpx.Response(answer.status_code, headers=headers, content=body)

        return asyncio.run(call())


@pytest.fixture
def ask_app() -> type[AppClient]:
    return AppClient
