"""OGC API - Features Parts 2 and 3 over HTTP, other formats, validators, tiles, conformance, and two real clients."""

import io
import json
import subprocess
import sys

import geopandas as gpd
import httpx
import mapbox_vector_tile
import pandas as pd
import pyogrio
import pyproj
import pytest

from api.processes import all_processes
from api.processes.describe import input_fields
from api.routes.conformance import CLASSES
from layers.store import Workspace

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
AQI = "/collections/station_aqi/items"


def ids(client: httpx.Client, **params: object) -> list[int]:
    response = client.get(AQI, params=params)
    assert response.status_code == 200, response.text
    return [feature["id"] for feature in response.json()["features"]]


@pytest.mark.parametrize("code", [4326, 4490, 3857, 4549])
def test_coordinates_are_in_the_order_of_the_system(client: httpx.Client, code: int) -> None:
    response = client.get(AQI, params={"crs": f"{EPSG}{code}", "limit": 1})
    assert response.headers["content-crs"] == f"<{EPSG}{code}>"
    (feature,) = response.json()["features"]
    # Without always_xy pyproj takes and gives positions as the registry writes them.
    wanted = pyproj.Transformer.from_crs(4326, code).transform(34.6, 119.0)
    assert feature["geometry"]["coordinates"] == pytest.approx(wanted, rel=1e-12)


def test_without_a_system_it_is_crs84(client: httpx.Client) -> None:
    response = client.get(AQI, params={"limit": 1})
    assert response.headers["content-crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert response.json()["features"][0]["geometry"]["coordinates"] == [119.0, 34.6]


@pytest.mark.parametrize("code", [4326, 4490, 3857, 4549])
def test_a_box_may_be_in_any_of_the_systems(client: httpx.Client, code: int) -> None:
    corners = pyproj.Transformer.from_crs(4326, code).transform([34.8, 35.0], [119.3, 119.5])
    box = [corners[0][0], corners[1][0], corners[0][1], corners[1][1]]
    found = ids(client, **{"bbox": ",".join(map(str, box)), "bbox-crs": f"{EPSG}{code}"})
    assert found == ids(client, bbox="119.3,34.8,119.5,35.0") == [4, 5, 6]


def test_a_box_may_cross_180_degrees(client: httpx.Client) -> None:
    assert ids(client, bbox="119.3,30,-170,40") == [4, 5, 6]
    assert ids(client, bbox="170,30,119.1,40") == [1, 2, 3]


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"filter": "aqi > 100"}, [2, 5]),
        ({"filter": '{"op":">","args":[{"property":"aqi"},100]}', "filter-lang": "cql2-json"}, [2, 5]),
        ({"filter": "name = '德源药业' AND aqi < 100"}, [4]),
        ({"filter": "S_INTERSECTS(geometry, BBOX(119.3,34.8,119.5,35))"}, [4, 5, 6]),
        ({"filter": "S_INTERSECTS(geometry, POINT(34.6 119.0))", "filter-crs": f"{EPSG}4326"}, [1, 2, 3]),
        ({"filter": "T_AFTER(time, TIMESTAMP('2021-01-10T23:00:00Z'))"}, [3, 6]),
        ({"filter": "aqi IS NULL"}, [6]),
        ({"aqi": 40}, [1]),
        ({"station_id": "S2", "datetime": "2021-01-10T23:00:00Z"}, [5]),
        ({"name": "德源药业", "filter": "aqi >= 60", "bbox": "119,34,120,36"}, [4, 5]),
        ({"sortby": "-aqi"}, [2, 5, 3, 4, 1, 6]),
        ({"sortby": "station_id,-time", "limit": 2}, [3, 2]),
        ({"sortby": "+aqi", "limit": 2, "offset": 4}, [2, 6]),
    ],
)
def test_filters_and_order(client: httpx.Client, params: dict[str, object], wanted: list[int]) -> None:
    assert ids(client, **params) == wanted


def test_queryables_name_what_a_filter_may_ask_for(client: httpx.Client, map_workspace: Workspace) -> None:
    response = client.get("/collections/station_aqi/queryables")
    assert response.headers["content-type"] == "application/schema+json"
    body = response.json()
    assert body["properties"]["aqi"]["type"] == "integer"
    assert body["properties"]["time"]["format"] == "date-time"
    assert body["properties"]["geometry"]["format"] == "geometry-point"
    assert set(body["properties"]) == {*map_workspace.record("station_aqi").columns, "geometry"}
    for name in set(body["properties"]) - {"geometry"}:
        assert client.get(AQI, params={"filter": f'"{name}" IS NULL'}).status_code == 200
    assert client.get("/collections/station_aqi/schema").json()["properties"] == body["properties"]


def test_a_filtered_answer_pages_to_its_end(client: httpx.Client) -> None:
    seen, url = [], f"{AQI}?filter=aqi>50&sortby=-aqi&limit=2"
    while url:
        page = client.get(url).json()
        assert page["numberMatched"] == 4
        seen += [feature["id"] for feature in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == [2, 5, 3, 4]


def test_csv_and_flatgeobuf_hold_the_same(client: httpx.Client, map_workspace: Workspace) -> None:
    wanted = map_workspace.read("station_aqi")
    response = client.get(AQI, params={"f": "csv", "limit": 4})
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'rel="next"' in response.headers["link"]
    table = pd.read_csv(io.BytesIO(response.content))
    assert table["name"].tolist() == wanted["name"].tolist()[:4]
    assert table["lon"].tolist() == wanted.geometry.x.tolist()[:4]
    for params in ({"f": "fgb"}, {"f": "fgb", "crs": f"{EPSG}3857"}):
        answer = client.get(AQI, params=params)
        found = gpd.read_file(io.BytesIO(answer.content))
        assert len(found) == 6
        assert found.crs.to_epsg() == (3857 if "crs" in params else 4326)
        assert found.to_crs(4326).geometry.x.tolist() == pytest.approx(wanted.geometry.x.tolist())


def test_a_table_runs_no_formula(client: httpx.Client, map_workspace: Workspace) -> None:
    text = client.get("/collections/districts/items?f=csv").text
    assert not any(cell.startswith(("=", "+", "@")) for line in text.splitlines() for cell in line.split(","))


@pytest.mark.parametrize(
    "path", ["/collections", "/collections/stations", f"{AQI}", f"{AQI}/1", "/collections/districts/items"]
)
def test_pages_for_people_show_data_as_text(client: httpx.Client, path: str) -> None:
    page = client.get(path, headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in page.text
    assert "<img" not in page.text


def test_what_a_client_has_is_not_sent_again(client: httpx.Client) -> None:
    for path in (AQI, f"{AQI}/1", "/collections/districts/tiles/WebMercatorQuad/6/25/53"):
        first = client.get(path)
        tag = first.headers["etag"]
        again = client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get(AQI).headers["etag"] != client.get(f"{AQI}?limit=3").headers["etag"]


def test_tiles_hold_the_layer(client: httpx.Client) -> None:
    sets = client.get("/collections/districts/tiles").json()["tilesets"]
    template = next(link["href"] for link in sets[0]["links"] if link["rel"] == "item")
    url = template.replace("{tileMatrix}", "6").replace("{tileRow}", "25").replace("{tileCol}", "53")
    answer = client.get(url)
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    (layer,) = mapbox_vector_tile.decode(answer.content).values()
    assert {feature["properties"]["adcode"] for feature in layer["features"]} == {"1", "2"}
    assert client.get("/collections/districts/tiles/WebMercatorQuad/6/0/0").status_code == 204
    for wrong in ("6/64/0", "23/0/0", "6/-1/0"):
        assert client.get(f"/collections/districts/tiles/WebMercatorQuad/{wrong}").status_code in (404, 422)
    matrices = client.get("/tileMatrixSets/WebMercatorQuad").json()["tileMatrices"]
    assert matrices[3]["matrixWidth"] == 8


def test_conformance_is_what_is_tested_here(client: httpx.Client) -> None:
    body = client.get("/conformance").json()
    assert body["conformsTo"] == list(CLASSES)
    # Tested: Features 1 core, geojson, html, oas30; 2 crs; 3 filters; CQL2 in tests/api/filters; Tiles; Processes
    # in tests/api/jobs. A class that is added needs its test, and then its line here.
    assert len(CLASSES) == 36


# These clients keep the interpreter to themselves while they wait, so they run in another process than the server.
GDAL = """
import json, sys, warnings
import pyogrio
warnings.simplefilter("ignore")
base = f"OAPIF:{sys.argv[1]}"
part = pyogrio.read_dataframe(base, layer="station_aqi", where="aqi > 100")
paged = pyogrio.read_dataframe(base, layer="station_aqi", **{"PAGE_SIZE": "2"})
other = pyogrio.read_dataframe(base, layer="station_aqi", **{"CRS": "EPSG:4326"})
metric = pyogrio.read_dataframe(base, layer="station_aqi", **{"CRS": "EPSG:4549"})
print(json.dumps([part["aqi"].tolist(), len(paged), other.geometry.x.tolist(), metric.geometry.x.tolist(),
                  metric.crs.to_epsg()]))
"""
OWSLIB = """
import json, sys
from owslib.ogcapi.features import Features
from owslib.ogcapi.processes import Processes
server = Features(sys.argv[1])
found = server.collection_items("station_aqi", limit=2, filter="aqi > 100")
processes = Processes(sys.argv[1])
print(json.dumps([server.feature_collections(), server.conformance()["conformsTo"][0],
                  [f["id"] for f in found["features"]], sorted(server.collection_queryables("stations")["properties"]),
                  [p["id"] for p in processes.processes()], list(processes.process("hotspots-gi")["inputs"])]))
"""


def run_client(code: str, server: str) -> list[object]:
    run = subprocess.run([sys.executable, "-c", code, server], capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_gdal_filters_pages_and_reprojects(map_server: str, map_workspace: Workspace) -> None:
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip("this GDAL has no OAPIF driver")
    part, paged, other, metric, code = run_client(GDAL, map_server)
    wanted = map_workspace.read("station_aqi")
    assert (part, paged, code) == ([260, 120], 6, 4549)
    assert other == wanted.geometry.x.tolist()
    assert metric == pytest.approx(wanted.to_crs(4549).geometry.x.tolist())


def test_owslib_lists_and_reads(map_server: str, map_workspace: Workspace) -> None:
    listed, first, found, queryables, processes, inputs = run_client(OWSLIB, map_server)
    assert listed == [record.id for record in map_workspace.records()]
    assert first == CLASSES[0]
    assert found == [2, 5]
    assert queryables == sorted([*map_workspace.record("stations").columns, "geometry"])
    assert "zone-incident" in processes
    (gi,) = (process for process in all_processes() if process.id == "hotspots-gi")
    assert inputs == [field.name for field in input_fields(gi)]
