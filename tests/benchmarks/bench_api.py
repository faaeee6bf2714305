"""The HTTP interface: pages of features beside pygeoapi, tiles cold and warm, the end of a large layer, many clients.

``make bench ONLY=api`` runs it. The peer is measured where ``SUYUAN_BENCH_PYGEOAPI`` names the Python of an environment
that holds pygeoapi and gunicorn; the pages begin at many places, so that few answers are copies.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import httpx
import numpy as np
import pytest
import shapely

from layers.store import LayerData, Workspace

TIMES_PYGEOAPI = 5.0
COLD_S, WARM_S, P99_S = 0.3, 0.01, 1.0
LIANYUNGANG = (119.2, 34.6)
PEER = """
server:
  bind: {{host: 127.0.0.1, port: {port}}}
  url: http://127.0.0.1:{port}
  mimetype: application/json; charset=UTF-8
  encoding: utf-8
  languages: [en-US]
  limits: {{default_items: 1000, max_items: 10000}}
  map: {{url: "http://127.0.0.1/{{z}}", attribution: none}}
logging: {{level: ERROR}}
metadata:
  identification: {{title: t, description: t, keywords: [t], keywords_type: theme, terms_of_service: n, url: http://127.0.0.1}}
  license: {{name: none, url: http://127.0.0.1}}
  provider: {{name: none, url: http://127.0.0.1}}
  contact: {{name: none}}
resources:
  places:
    type: collection
    title: places
    description: places
    keywords: [places]
    links: []
    extents: {{spatial: {{bbox: [-180, -90, 180, 90]}}}}
    providers: [{{type: feature, name: GeoJSON, data: {file}, id_field: id}}]
"""


def say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")


def figure(name: str, size: int, value: float, unit: str, limit: float | None, peer: str | None = None) -> dict:
    return {"name": name, "size": size, "threads": 1, "value": value, "unit": unit, "limit": limit, "peer": peer}


def points(count: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    where = shapely.points(rng.uniform(118, 120.5, count), rng.uniform(33.5, 35.5, count))
    names = {"id": [f"P{n}" for n in range(count)], "name": [f"地块{n}" for n in range(count)], "level": "micro"}
    frame = gpd.GeoDataFrame(names, geometry=where, crs=4326)
    frame["pm25_ug_m3"] = rng.normal(60.0, 20.0, count)
    return frame


def polygons(count: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(2)
    frame = points(count)
    frame.geometry = shapely.buffer(frame.geometry.to_numpy(), rng.uniform(0.0005, 0.002, count), quad_segs=4)
    return frame


@contextmanager
def served(workspace: Path) -> Iterator[httpx.Client]:
    command = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())", "serve", "--port", "0"]
    environment = os.environ | {"SUYUAN_WARM_WORKER": "false"}
    with subprocess.Popen(
        [*command, "--workspace", str(workspace)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert address
            with httpx.Client(base_url=address.group(), trust_env=False, timeout=60) as client:
                yield client
        finally:
            process.terminate()


@contextmanager
def pygeoapi(python: str, file: Path, folder: Path) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config, openapi = folder / "pygeoapi.yml", folder / "openapi.yml"
    config.write_text(PEER.format(port=port, file=file), "utf-8")
    environment = os.environ | {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    tools = Path(python).parent
    made = subprocess.run(
        [tools / "pygeoapi", "openapi", "generate", config, "--output-file", openapi],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    command = [tools / "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "pygeoapi.flask_app:APP"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
                deadline = time.monotonic() + 60
                while True:
                    try:
                        client.get("/conformance")
                        break
                    except httpx.TransportError:
                        assert time.monotonic() < deadline
                        time.sleep(0.2)
                yield client
        finally:
            process.terminate()


def rate(client: httpx.Client, path: str, seconds: float, total: int) -> float:
    """Return requests per second of pages of 1,000, each beginning elsewhere."""
    client.get(path, params={"f": "json", "limit": 1000}).raise_for_status()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        offset = (count * 37) % max(total - 1000, 1)
        found = client.get(path, params={"f": "json", "limit": 1000, "offset": offset}).raise_for_status()
        assert found.content.count(b'"Feature"') == min(1000, total)
        count += 1
    return count / (time.perf_counter() - start)


def items_cases(folder: Path, count: int, seconds: float, python: str | None) -> list[dict]:
    frame = points(count)
    Workspace(folder / "items").write({"stations": LayerData(frame)})
    with served(folder / "items") as client:
        ours = rate(client, "/collections/stations/items", seconds, count)
    figures = [figure("items, pages of 1,000", count, ours, "requests/s", None)]
    if python is not None:
        frame.to_file(folder / "places.geojson")
        with pygeoapi(python, folder / "places.geojson", folder) as client:
            theirs = rate(client, "/collections/places/items", seconds, count)
        figures.append(
            figure("items, times pygeoapi's rate", count, ours / theirs, "ratio", TIMES_PYGEOAPI, "pygeoapi")
        )
        say(
            f"items: {ours:.1f} requests/s, pygeoapi {theirs:.1f}: {ours / theirs:.1f} times (limit {TIMES_PYGEOAPI:g})"
        )
    else:
        say(f"items: {ours:.1f} requests/s; no peer: SUYUAN_BENCH_PYGEOAPI is not set")
    return figures


def tile_address(zoom: int) -> str:
    lon, lat = LIANYUNGANG
    row = int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**zoom)
    return f"/collections/parks/tiles/WebMercatorQuad/{zoom}/{row}/{int((lon + 180) / 360 * 2**zoom)}"


def timed(client: httpx.Client, path: str) -> float:
    start = time.perf_counter()
    client.get(path).raise_for_status()
    return time.perf_counter() - start


def tile_cases(folder: Path, count: int) -> list[dict]:
    """Each zoom's tile over the city, the first time and again; the layer is read and projected before."""
    Workspace(folder / "tiles").write({"parks": LayerData(polygons(count))})
    with served(folder / "tiles") as client:
        first = timed(client, "/collections/parks/tiles/WebMercatorQuad/22/0/0")
        cold = {zoom: timed(client, tile_address(zoom)) for zoom in range(4, 15)}
        warm = {zoom: min(timed(client, tile_address(zoom)) for _ in range(5)) for zoom in cold}
    slow, again = max(cold, key=cold.__getitem__), max(warm.values())
    say(
        f"tiles of {count} polygons: layer made ready in {first:.2f} s; cold at most {cold[slow] * 1000:.0f} ms "
        f"(zoom {slow}), warm at most {again * 1000:.1f} ms"
    )
    return [
        figure("tile cold, slowest zoom", count, cold[slow], "s", COLD_S),
        figure("tile warm, slowest zoom", count, again, "s", WARM_S),
    ]


def end_cases(folder: Path, count: int) -> list[dict]:
    """A page of 1,000 at the start of a layer and at its end, the median of five."""
    Workspace(folder / "end").write({"stations": LayerData(points(count))})
    path = "/collections/stations/items?limit=1000&offset="
    with served(folder / "end") as client:
        timed(client, f"{path}1")
        start, end = (
            float(np.median([timed(client, f"{path}{place + 10 * n}") for n in range(5)]))
            for place in (10, count - 2000)
        )
    say(f"page of 1,000 of {count}: {start * 1000:.0f} ms at the start, {end * 1000:.0f} ms at the end")
    return [figure("page at the end, times one at the start", count, end / start, "ratio", 3.0)]


def crowd_cases(folder: Path, count: int, clients: int, seconds: float) -> list[dict]:
    """Many clients at once, each its own connection, asking for all kinds of things."""
    Workspace(folder / "crowd").write({"stations": LayerData(points(count)), "parks": LayerData(polygons(count))})
    with served(folder / "crowd") as client:
        waits, errors = asyncio.run(_crowd(str(client.base_url), clients, seconds, count))
    p99 = float(np.percentile(waits, 99))
    told = f"{len(waits)} requests, {errors} errors, p99 {p99:.3f} s (limit {P99_S:g} s)"
    say(f"{clients} clients for {seconds:g} s: {told}")
    return [
        figure(f"{clients} clients, p99", count, p99, "s", P99_S),
        figure(f"{clients} clients, errors", count, errors, "requests", 0.0),
    ]


async def _crowd(address: str, clients: int, seconds: float, count: int) -> tuple[list[float], int]:
    waits: list[float] = []
    errors = 0
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        nonlocal errors
        rng = np.random.default_rng(number)
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as session:
            while time.perf_counter() < end:
                path = _something(rng, count)
                start = time.perf_counter()
                try:
                    answer = await session.get(path)
                    errors += answer.status_code >= 400
                except httpx.HTTPError:
                    errors += 1
                waits.append(time.perf_counter() - start)
                await asyncio.sleep(rng.uniform(0.1, 0.5))

    await asyncio.gather(*(one(number) for number in range(clients)))
    return waits, errors


def _something(rng: np.random.Generator, count: int) -> str:
    items = "/collections/stations/items"
    lon, lat = rng.uniform(118, 120), rng.uniform(33.5, 35)
    return [
        f"{items}?limit=100&offset={rng.integers(count)}",
        f"{items}?limit=100&bbox={lon},{lat},{lon + 0.1},{lat + 0.1}",
        f"{items}?limit=50&sortby=-pm25_ug_m3&filter=pm25_ug_m3>{rng.integers(60, 70)}",
        f"{items}/{rng.integers(1, count)}",
        tile_address(int(rng.integers(6, 15))),
        "/collections?f=json",
        "/processes?f=json",
        "/jobs?f=json",
    ][rng.integers(8)]


def check(figures: list[dict]) -> None:
    for one in figures:
        if one["limit"] is not None:
            kept = one["value"] >= one["limit"] if one["peer"] else one["value"] <= one["limit"]
            assert kept, one


@pytest.mark.bench
def test_items_beside_pygeoapi(tmp_path: Path, bench_results: list[dict]) -> None:
    found = items_cases(tmp_path, 10_000, 10.0, os.environ.get("SUYUAN_BENCH_PYGEOAPI"))
    bench_results += found
    check(found)


@pytest.mark.bench
@pytest.mark.parametrize("count", [2_000, 20_000, 200_000])
def test_tiles(tmp_path: Path, bench_results: list[dict], count: int) -> None:
    found = tile_cases(tmp_path, count)
    bench_results += found
    check(found)


@pytest.mark.bench
@pytest.mark.parametrize("count", [400_000, 1_000_000])
def test_the_end_of_a_large_layer(tmp_path: Path, bench_results: list[dict], count: int) -> None:
    found = end_cases(tmp_path, count)
    bench_results += found
    check(found)


@pytest.mark.bench
def test_many_clients(tmp_path: Path, bench_results: list[dict]) -> None:
    found = crowd_cases(tmp_path, 10_000, 64, 60.0)
    bench_results += found
    check(found)
