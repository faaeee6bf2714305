"""Pages, health, files, headers and errors over HTTP."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import api
from api.app import create_app
from api.http_errors import PROBLEMS, add_error_handlers, problem_for
from api.settings import Settings
from geo.errors import InvalidInput, MissingData, NotConverged, SourceUnavailable, SuyuanError
from layers.store import UnknownLayer
from web_map.assets import ASSETS

XSS = "<img src=x onerror=alert(1)>"


def ask(app: FastAPI, path: str, **headers: str) -> httpx.Response:
    """Ask an app that is not served."""

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as session:
            return await session.get(path, headers=headers)

    return asyncio.run(call())


def test_the_landing_page_links_what_there_is(client: httpx.Client) -> None:
    response = client.get("/", headers={"Accept": "application/json"})
    links = {link["rel"]: link for link in response.json()["links"]}
    assert {"self", "service-desc", "data", "conformance"} <= set(links)
    assert links["service-desc"]["type"] == "application/vnd.oai.openapi+json;version=3.0"
    for link in links.values():
        assert client.get(link["href"]).status_code == 200, link


def test_a_browser_gets_the_portal(client: httpx.Client) -> None:
    for response in (client.get("/", headers={"Accept": "text/html,*/*;q=0.8"}), client.get("/?f=html")):
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert "打开地图" in response.text
        assert "Open the map" in response.text
    assert client.get("/?f=json", headers={"Accept": "text/html"}).headers["content-type"] == "application/json"
    assert client.get("/?f=yaml").status_code == 422


def test_the_portal_escapes_and_shows_city_time(client: httpx.Client) -> None:
    text = client.get("/?f=html").text
    assert XSS not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<script" not in text
    assert "2021-01-11 06:00 – 2021-01-11 08:00" in text


def test_health_counts_layers_and_features(client: httpx.Client, map_workspace) -> None:
    body = client.get("/healthz").json()
    assert body["status"] == "ok"
    assert body["version"] == api.version()
    assert body["workspace"]["ok"] is True
    records = map_workspace.records()
    assert body["counts"] == {"layers": len(records), "features": sum(record.count for record in records)}


def test_without_a_workspace_everything_says_so(tmp_path: Path) -> None:
    app = create_app(Settings(workspace=tmp_path / "none"))
    health = ask(app, "/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "unavailable")
    assert "suyuan demo" in health.json()["workspace"]["message"]
    assert ask(app, "/collections").json()["collections"] == []
    assert "suyuan layers add" in ask(app, "/?f=html").text
    assert ask(app, "/map").status_code == 200
    assert not (tmp_path / "none").exists()


def test_a_damaged_workspace_is_503(tmp_path: Path) -> None:
    (tmp_path / "layers.gpkg").write_bytes(b"this is not a GeoPackage" * 100)
    app = create_app(Settings(workspace=tmp_path))
    assert ask(app, "/healthz").status_code == 503
    response = ask(app, "/collections")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"


def test_missing_assets_say_make_setup(tmp_path: Path, map_workspace) -> None:
    app = create_app(Settings(workspace=map_workspace.path, assets=tmp_path))
    for path in ("/map", "/assets/leaflet/leaflet.js"):
        response = ask(app, path)
        assert response.status_code == 503
        assert "make setup" in response.json()["detail"]
    assert ask(app, "/healthz").json()["status"] == "degraded"
    assert "make setup" in ask(app, "/?f=html").text
    assert ask(app, "/collections/stations/items").status_code == 200


@pytest.mark.parametrize("name", ASSETS)
def test_assets_come_from_here(client: httpx.Client, name: str) -> None:
    response = client.get(f"/assets/{name}")
    assert response.status_code == 200
    assert response.headers["x-content-type-options"] == "nosniff"
    wanted = {"js": "javascript", "css": "text/css", "png": "image/png", "svg": "image/svg+xml"}
    assert wanted[name.rsplit(".", 1)[1]] in response.headers["content-type"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/leaflet/package.json",
        "/assets/%2e%2e/package.json",
        "/assets/..%2f..%2fpyproject.toml",
        "/static/%2e%2e/assets.py",
        "/static/..%2fassets.py",
        "/static/nothing.js",
        "/docs",
        "/redoc",
    ],
)
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_map_runs_only_its_own_scripts(client: httpx.Client) -> None:
    first, second = client.get("/map"), client.get("/map")
    policy = first.headers["content-security-policy"]
    nonce = re.search(r"script-src 'self' 'nonce-([^']+)'", policy).group(1)
    assert f"'nonce-{nonce}'" not in second.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    inline = re.findall(r"<(script|style)([^>]*)>", first.text)
    bare = [rest for tag, rest in inline if "src=" not in rest and "application/json" not in rest]
    assert len(bare) >= 3
    assert all(f'nonce="{nonce}"' in rest for rest in bare)
    assert not re.search(
        r"\son[a-z]+=", re.sub(r'<script type="application/json".*?</script>', "", first.text, flags=re.S)
    )


def test_an_online_base_map_opens_the_policy_for_its_tiles_alone(map_workspace) -> None:
    app = create_app(Settings(workspace=map_workspace.path, online_basemap="tianditu", tianditu_key="abc"))
    policy = ask(app, "/map").headers["content-security-policy"]
    assert "img-src 'self' data: https://t0.tianditu.gov.cn;" in policy
    assert policy.count("https://") == 1


@pytest.mark.parametrize("path", ["/", "/map", "/collections", "/healthz", "/static/map.js", "/nothing"])
def test_every_answer_carries_the_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_times_open_at_the_worst_hour(client: httpx.Client) -> None:
    body = client.get("/map/times/station_aqi").json()
    assert body["times"] == ["2021-01-10T22:00:00Z", "2021-01-10T23:00:00Z", "2021-01-11T00:00:00Z"]
    assert body["default"] == "2021-01-10T23:00:00Z"


def test_the_description_is_openapi_3_0(client: httpx.Client) -> None:
    response = client.get("/api")
    assert response.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    body = response.json()
    assert body["openapi"] == "3.0.3"
    # 3.0 knows no type null.
    assert '"null"' not in response.text
    items = body["paths"]["/collections/{collection_id}/items"]["get"]["parameters"]
    assert next(p for p in items if p["name"] == "limit")["schema"]["maximum"] == 10000
    assert client.get("/openapi.json").json() == body


def test_every_error_has_a_status() -> None:
    def family(error: type[SuyuanError]) -> list[type[SuyuanError]]:
        return [error, *(found for child in error.__subclasses__() for found in family(child))]

    classes = [found for child in SuyuanError.__subclasses__() for found in family(child)]
    assert {InvalidInput, MissingData, NotConverged, SourceUnavailable} <= set(PROBLEMS)
    assert all(problem_for(error("x")).kind != "fault" for error in classes)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("a\nb"), 422),
        (UnknownLayer("a b"), 404),
        (MissingData("a b"), 404),
        (NotConverged("a b"), 500),
        (SourceUnavailable("a b"), 503),
    ],
)
def test_errors_become_problem_details(error: SuyuanError, status: int) -> None:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/fail")
    def fail() -> None:
        raise error

    response = ask(app, "/fail")
    body = response.json()
    assert (response.status_code, body["status"], body["detail"]) == (status, status, "a b")
    assert response.headers["content-type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "detail", "instance"}


def test_a_fault_shows_no_traceback() -> None:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/fail")
    def fail() -> None:
        raise ZeroDivisionError("secret detail of the code")

    response = ask(app, "/fail")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert response.json()["type"] == "urn:suyuan:problem:fault"


def test_a_wrong_method_is_405(client: httpx.Client) -> None:
    response = client.post("/collections")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
    assert response.headers["content-type"] == "application/problem+json"


def test_large_answers_are_compressed(client: httpx.Client) -> None:
    assert client.get("/collections").headers["content-encoding"] == "gzip"


def test_metrics_count_routes_and_not_what_was_asked_for(client: httpx.Client) -> None:
    for path in ("/collections/stations", "/collections/secret_name", "/no/such/place"):
        client.get(path)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert any(
        line.startswith('suyuan_requests_total{method="GET",route="/collections/{collection_id}",status="404"}')
        for line in lines
    )
    assert 'suyuan_jobs{status="running"} 0' in lines
    assert "secret_name" not in answer.text
    assert "no/such" not in answer.text
    count = next(line for line in lines if line.startswith("suyuan_request_seconds_count"))
    top = next(line for line in lines if 'le="+Inf"' in line)
    assert count.split()[1] == top.split()[1]
