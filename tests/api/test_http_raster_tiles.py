"""Picture tiles of rasters over HTTP: where they are, formats, times, validators, and what is refused."""

import io

import httpx
import numpy as np
import pandas as pd
import pytest
import rasterio
from PIL import Image
from shapely.geometry import box

from geo.rasters import Raster
from layers.store import LayerData, Workspace
from web_map.raster_image import KELVIN_STOPS

TILES = "/collections/fire_rasters/map/tiles"
TILE = f"{TILES}/WebMercatorQuad/9/203/425"


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def test_a_client_finds_the_tiles_from_the_collection(client: httpx.Client) -> None:
    links = client.get("/collections/fire_rasters").json()["links"]
    (found,) = [item["href"] for item in links if item["rel"].endswith("/tilesets-map")]
    (tileset,) = client.get(found).json()["tilesets"]
    assert tileset["dataType"] == "map"
    items = {item["type"]: item["href"] for item in tileset["links"] if item["rel"] == "item"}
    assert set(items) == {"image/png", "image/webp"}
    for media, href in items.items():
        href = href.replace("{tileMatrix}", "9").replace("{tileRow}", "203").replace("{tileCol}", "425")
        tile = client.get(href)
        assert (tile.status_code, tile.headers["content-type"]) == (200, media)
    assert "tilesets-map" not in client.get("/collections/stations").text


def test_tilejson_of_pictures_and_vectors(client: httpx.Client) -> None:
    picture = client.get(f"{TILES}/WebMercatorQuad?f=tilejson").json()
    assert (picture["tilejson"], picture["bounds"]) == ("3.0.0", pytest.approx([118.9, 34.5, 119.4, 34.9]))
    tile = client.get(picture["tiles"][0].format(z=9, y=203, x=425))
    assert tile.headers["content-type"] == "image/png"
    vector = client.get("/collections/stations/tiles/WebMercatorQuad?f=tilejson").json()
    (layer,) = vector["vector_layers"]
    assert layer["id"] == "stations"
    assert "名称" in layer["fields"]["name"]
    assert client.get(vector["tiles"][0].format(z=9, y=203, x=425)).status_code == 200


def test_the_colours_are_the_legends(client: httpx.Client) -> None:
    found = pixels(client.get(TILE).content)
    shown = {tuple(int(part) for part in colour) for colour in found[found[..., 3] > 0]}
    stops = np.array(KELVIN_STOPS)
    wanted = {
        tuple(int(round(np.interp(kelvin, stops[:, 0], stops[:, n]))) for n in range(1, 5)) for kelvin in (292.0, 400.0)
    }
    assert shown == wanted


def test_format_by_parameter_and_by_accept(client: httpx.Client) -> None:
    assert client.get(TILE, headers={"Accept": "*/*"}).headers["content-type"] == "image/png"
    browser = client.get(TILE, headers={"Accept": "image/avif,image/webp,image/apng,*/*;q=0.8"})
    assert browser.headers["content-type"] == "image/webp"
    assert "Accept" in browser.headers["vary"]
    assert client.get(f"{TILE}?f=png", headers={"Accept": "image/webp"}).headers["content-type"] == "image/png"
    assert np.array_equal(pixels(browser.content), pixels(client.get(TILE).content))
    refused = client.get(f"{TILE}?f=jpeg")
    assert refused.status_code == 422
    assert "png, webp" in refused.json()["detail"]


def test_validators(client: httpx.Client) -> None:
    first = client.get(TILE)
    tag = first.headers["etag"]
    again = client.get(TILE, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{TILE}?f=webp", headers={"If-None-Match": tag}).status_code == 200


def test_elsewhere_there_is_nothing(client: httpx.Client) -> None:
    for tile in ("9/203/0", "9/0/425", "22/0/0"):
        answer = client.get(f"{TILES}/WebMercatorQuad/{tile}")
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("tile", ["23/0/0", "9/512/0", "9/0/512", "9/-1/0"])
def test_there_is_no_such_tile(client: httpx.Client, tile: str) -> None:
    assert client.get(f"{TILES}/WebMercatorQuad/{tile}").status_code == 404


def test_layers_without_rasters_say_where_their_tiles_are(client: httpx.Client) -> None:
    for path in ("", "/WebMercatorQuad", "/WebMercatorQuad/9/203/425"):
        answer = client.get(f"/collections/stations/map/tiles{path}")
        assert answer.status_code == 404
        assert "/collections/stations/tiles" in answer.json()["detail"]


def test_times(client: httpx.Client, map_workspace: Workspace) -> None:
    before = map_workspace.read("fire_rasters")
    later = pd.Timestamp("2021-01-12T00:00Z")
    (path,) = before["path"]
    old = client.get(TILE)
    from_file = Raster(
        np.full((4, 5), 360.0, dtype=np.float32), *_place(map_workspace, path), later, "brightness_temperature"
    )
    row = before.iloc[0].to_dict() | {"time": later, "path": map_workspace.rasters.put(from_file)}
    both = pd.concat([before, before.__class__([row], crs=before.crs)], ignore_index=True)
    both["geometry"] = [box(118.9, 34.5, 119.4, 34.9)] * 2
    try:
        map_workspace.write({"fire_rasters": LayerData(both.set_crs(4326, allow_override=True), synthetic=True)})
        newest = client.get(TILE)
        assert newest.headers["etag"] != old.headers["etag"]
        assert {tuple(c) for c in pixels(newest.content)[pixels(newest.content)[..., 3] > 0]} == {(240, 59, 32, 225)}
        asked = client.get(f"{TILE}?datetime=../2021-01-11T00:00:00Z")
        assert np.array_equal(pixels(asked.content), pixels(old.content))
        assert client.get(f"{TILE}?datetime=2020-01-01T00:00:00Z").status_code == 204
        assert client.get(f"{TILE}?datetime=yesterday").status_code == 422
        assert client.get(f"{TILE}?date=1").status_code == 422
    finally:
        map_workspace.write({"fire_rasters": LayerData(before, synthetic=True)})


def _place(workspace: Workspace, path: str) -> tuple[object, object]:
    with rasterio.open(workspace.rasters.path(path)) as source:
        return source.transform, source.crs
