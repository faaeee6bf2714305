"""The map of a day: ledgers that are kept by quarter show what was valid then."""

import json
import re
from pathlib import Path

import geopandas as gpd
import pytest

from api.app import create_app
from api.settings import Settings
from layers.store import LayerData, Workspace
from tests.api.test_http_pages import ask

PERIODS = [("2021-07-01", "2021-09-30"), ("2021-10-01", "2021-12-31"), ("2021-10-01", None), (None, None)]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("day") / "ws"
    sites = gpd.GeoDataFrame(
        {
            "name": ["早", "晚", "未完", "无期"],
            "area_m2": [6000.0] * 4,
            "valid_from": [start for start, _ in PERIODS],
            "valid_to": [end for _, end in PERIODS],
        },
        geometry=gpd.points_from_xy([119.1, 119.2, 119.3, 119.4], [34.5] * 4),
        crs=4326,
    )
    stations = sites[["name", "geometry"]].assign(id=list("abcd"))
    Workspace(folder).write({"construction_sites": LayerData(sites), "stations": LayerData(stations)})
    return create_app(Settings(workspace=Path(folder)))


def queries(app, path: str) -> dict[str, dict]:
    page = ask(app, path)
    assert page.status_code == 200
    config = re.search(r'<script[^>]*id="suyuan-config"[^>]*>(.*?)</script>', page.text, flags=re.S)
    return {layer["id"]: layer["itemsQuery"] for layer in json.loads(config[1])["layers"]}


@pytest.mark.parametrize(
    ("day", "names"),
    [("2021-09-30", {"早", "无期"}), ("2021-10-01", {"晚", "未完", "无期"}), ("2022-01-01", {"未完", "无期"})],
)
def test_a_ledger_shows_what_was_valid_on_the_day(app, day, names) -> None:
    asked = queries(app, f"/map?day={day}")
    assert asked["stations"] == {}
    items = ask(app, f"/collections/construction_sites/items?filter={asked['construction_sites']['filter']}").json()
    assert {feature["properties"]["name"] for feature in items["features"]} == names
    assert f'value="{day}"' in ask(app, f"/map?day={day}").text


def test_without_a_day_everything_is_shown_and_a_wrong_one_is_said(app) -> None:
    assert set(map(len, queries(app, "/map").values())) == {0}
    for day in ("yesterday", "2021-13-01", '"><script>'):
        wrong = ask(app, f"/map?day={day}")
        assert wrong.status_code == 422
        assert "write it as 2021-11-01" in wrong.text
