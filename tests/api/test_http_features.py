"""Collections and features over HTTP, against what the workspace holds."""

import json
import subprocess
import sys

import httpx
import pandas as pd
import pyogrio
import pytest

from layers.store import LayerData, Workspace


def get(client: httpx.Client, path: str, **params: object) -> dict[str, object]:
    response = client.get(path, params=params or None)
    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def names(page: dict[str, object]) -> list[str]:
    return [feature["properties"]["name"] for feature in page["features"]]


def test_collections_are_the_layers(client: httpx.Client, map_workspace: Workspace) -> None:
    body = get(client, "/collections")
    assert [item["id"] for item in body["collections"]] == [record.id for record in map_workspace.records()]
    aqi = next(item for item in body["collections"] if item["id"] == "station_aqi")
    assert aqi["extent"]["spatial"]["bbox"] == [[119.0, 34.6, 119.4, 34.9]]
    assert aqi["extent"]["temporal"]["interval"] == [["2021-01-10T22:00:00Z", "2021-01-11T00:00:00Z"]]
    assert aqi["suyuan:synthetic"] is True
    assert {"self", "alternate", "items"} <= {link["rel"] for link in aqi["links"]}
    assert [crs.rsplit("/", 1)[1] for crs in aqi["crs"]] == ["CRS84", "4326", "4490", "3857", "4549"]


def test_items_hold_what_the_store_holds(client: httpx.Client, map_workspace: Workspace) -> None:
    response = client.get("/collections/station_aqi/items")
    assert response.headers["content-type"] == "application/geo+json"
    page = response.json()
    frame = map_workspace.read("station_aqi")
    assert page["numberMatched"] == page["numberReturned"] == len(frame) == 6
    assert [feature["id"] for feature in page["features"]] == [1, 2, 3, 4, 5, 6]
    assert [f["geometry"]["coordinates"] for f in page["features"]] == [[p.x, p.y] for p in frame.geometry]
    first = page["features"][0]["properties"]
    assert first["aqi"] == 40
    assert first["time"] == "2021-01-10T22:00:00Z"
    assert page["timeStamp"].endswith("Z")


def test_what_json_cannot_say_is_null(client: httpx.Client) -> None:
    features = get(client, "/collections/station_aqi/items")["features"]
    assert [f["properties"]["pm25_ug_m3"] for f in features] == [10.0, 200.0, None, 20.0, None, 30.5]
    assert features[5]["properties"]["aqi"] is None
    assert get(client, "/collections/fire_points/items")["features"][1]["properties"]["time"] is None


def test_pages_follow_next_to_the_end(client: httpx.Client) -> None:
    seen, url = [], "/collections/station_aqi/items?limit=4"
    while url:
        page = get(client, url)
        seen += [feature["id"] for feature in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_a_bbox_keeps_ids_and_pages(client: httpx.Client) -> None:
    page = get(client, "/collections/station_aqi/items", bbox="119.3,34.8,119.5,35", limit=2)
    assert (page["numberMatched"], page["numberReturned"]) == (3, 2)
    assert [feature["id"] for feature in page["features"]] == [4, 5]
    following = get(client, next(link["href"] for link in page["links"] if link["rel"] == "next"))
    assert [feature["id"] for feature in following["features"]] == [6]
    assert get(client, "/collections/station_aqi/items", bbox="0,0,1,1")["features"] == []
    six = get(client, "/collections/station_aqi/items", bbox="119.3,34.8,-10,119.5,35,900")
    assert six["numberMatched"] == 3


def test_one_feature_is_the_same_as_in_the_page(client: httpx.Client) -> None:
    page = get(client, "/collections/station_aqi/items", bbox="119.3,34.8,119.5,35")
    one = get(client, "/collections/station_aqi/items/5")
    assert {link["rel"] for link in one.pop("links")} == {"self", "alternate", "collection"}
    assert one == page["features"][1]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("2021-01-10T23:00:00Z", [23, 23]),
        ("2021-01-11T07:00:00+08:00", [23, 23]),
        ("2021-01-10T22:30:00Z/..", [0, 0, 23, 23]),
        ("../2021-01-10T22:00:00Z", [22, 22]),
        ("2021-01-10T22:00:00Z/2021-01-10T23:00:00Z", [22, 22, 23, 23]),
        ("2022-01-10T22:00:00Z/..", []),
    ],
)
def test_datetime_picks_by_time(client: httpx.Client, text: str, hours: list[int]) -> None:
    page = get(client, "/collections/station_aqi/items", datetime=text)
    assert sorted(pd.Timestamp(f["properties"]["time"]).hour for f in page["features"]) == hours
    assert page["numberMatched"] == len(hours)


def test_datetime_leaves_layers_without_time_alone(client: httpx.Client) -> None:
    assert get(client, "/collections/stations/items", datetime="2021-01-10T23:00:00Z")["numberMatched"] == 2


def test_a_feature_without_time_is_not_at_any_time(client: httpx.Client) -> None:
    assert get(client, "/collections/fire_points/items", datetime="2000-01-01T00:00:00Z/..")["numberMatched"] == 1


def test_a_limit_above_the_most_is_cut(client: httpx.Client) -> None:
    assert get(client, "/collections/station_aqi/items", limit=999_999)["numberReturned"] == 6


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("bbox=1,2,3", "bbox must be"),
        ("bbox=a,b,c,d", "bbox must be"),
        ("bbox=nan,0,1,1", "bbox must be"),
        ("bbox=0,0,inf,1", "bbox must be"),
        ("bbox=0,50,1,40", "north of"),
        ("bbox=10,0,5,1&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3857", "east of"),
        ("crs=EPSG:32650", "knows http"),
        ("filter=aqi > 'x'", "different kinds"),
        ("filter=aqi >", "not cql2-text"),
        ("filter=aqi > 1&filter-lang=sql", "filter-lang"),
        ("sortby=-colour", "no property 'colour'"),
        ("aqi=high", "aqi is a number"),
        ("f=csv&crs=EPSG:3857", "CSV has the columns"),
        ("bbox=34,119,35,120", "latitude -90 to 90"),
        ("datetime=yesterday", "times are like"),
        ("datetime=2021-01-10", "times are like"),
        ("datetime=2021-13-10T00:00:00Z", "times are like"),
        ("datetime=2021-01-10T00:00:00", "times are like"),
        ("datetime=../..", "at least one end"),
        ("datetime=2021-01-11T00:00:00Z/2021-01-10T00:00:00Z", "ends before"),
        ("datetime=a/b/c", "one / between"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("limt=10", "unknown parameter limt"),
        ("f=xml", "f=xml"),
    ],
)
def test_nonsense_is_refused_with_a_reason(client: httpx.Client, query: str, message: str) -> None:
    response = client.get(f"/collections/station_aqi/items?{query}")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert message in problem["detail"]
    assert problem["status"] == 422
    assert "\n" not in problem["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/collections/nowhere",
        "/collections/nowhere/items",
        "/collections/stations/items/0",
        "/collections/stations/items/3",
        "/collections/stations/items/99999999999999999999999",
        "/collections/stations/items/one",
        "/collections/stations/items/²",
        "/collections/stations/rasters/1",
        "/collections/%2e%2e%2flayers.gpkg/items",
        "/map/times/stations",
        "/nothing",
    ],
)
def test_unknown_things_are_404(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_a_layer_written_anew_is_served_anew(client: httpx.Client, map_workspace: Workspace) -> None:
    path = "/collections/fire_points/items"
    before = get(client, path, bbox="118,34,120,36")["numberMatched"]
    frame = map_workspace.read("fire_points")
    map_workspace.write({"fire_points": LayerData(frame.iloc[:1])})
    assert get(client, path, bbox="118,34,120,36")["numberMatched"] == before - 1 == 1
    map_workspace.write({"fire_points": LayerData(frame)})
    assert get(client, path, bbox="118,34,120,36")["numberMatched"] == before


def test_rasters_are_pictures_with_a_place(client: httpx.Client) -> None:
    place = get(client, "/collections/fire_rasters/rasters/1")
    assert place["bounds"] == pytest.approx([118.9, 34.5, 119.4, 34.9], abs=0.1)
    picture = client.get(place["image"])
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(picture.content[16:20]) == place["width"]


# GDAL keeps the interpreter to itself while it waits, so it runs in another process than the server.
GDAL = """
import json, sys, warnings
import pyogrio
warnings.simplefilter("ignore")
whole = pyogrio.read_dataframe(f"OAPIF:{sys.argv[1]}", layer="station_aqi")
part = pyogrio.read_dataframe(f"OAPIF:{sys.argv[1]}", layer="station_aqi", bbox=(119.3, 34.8, 119.5, 35))
print(json.dumps([whole["name"].tolist(), whole.geometry.to_wkt().tolist(), len(part)]))
"""


def test_gdal_reads_every_feature(map_server: str, map_workspace: Workspace) -> None:
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip("this GDAL has no OAPIF driver")
    run = subprocess.run(
        [sys.executable, "-c", GDAL, map_server], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    wanted = map_workspace.read("station_aqi")
    assert json.loads(run.stdout) == [wanted["name"].tolist(), wanted.geometry.to_wkt().tolist(), 3]


FORMS = {"application/geo+json", "text/html", "text/csv", "application/flatgeobuf"}


def test_every_other_form_of_an_answer_is_linked(client: httpx.Client) -> None:
    """OGC API - Features, requirements fc-links, f-links and fc-md-links."""
    for path, forms in (
        ("/collections/stations/items?limit=1", FORMS),
        ("/collections/stations/items/1", {"application/geo+json", "text/html"}),
        ("/collections", {"application/json", "text/html"}),
        ("/collections/stations", {"application/json", "text/html"}),
        ("/", {"application/json", "text/html"}),
    ):
        links = get(client, path)["links"]
        own = [item for item in links if item["rel"] == "self"]
        assert len(own) == 1, path
        found = {item["type"] for item in links if item["rel"] in ("self", "alternate")}
        assert found == forms, path
        for item in links:
            if item["rel"] == "alternate":
                answer = client.get(item["href"])
                assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, item["type"])


def test_forms_without_room_for_links_have_them_in_the_header(client: httpx.Client) -> None:
    answer = client.get("/collections/station_aqi/items?f=csv&limit=2")
    links = [part.split("; ") for part in answer.headers["link"].split(", ")]
    assert {rel for _, rel, _ in links} == {'rel="self"', 'rel="alternate"', 'rel="next"'}
    following = next(href.strip("<>") for href, rel, _ in links if rel == 'rel="next"')
    assert client.get(following).headers["content-type"].startswith("text/csv")
