import json
import re
from dataclasses import replace

import folium
import pandas as pd
import pytest

from geo.errors import InvalidInput
from layers.store import LayerRecord
from web_map.basemaps import online_basemap
from web_map.folium_map import DEFAULT_BOUNDS, MapPage, build_map, render_page, script_safe_json

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028"
RECORD = LayerRecord(
    id="stations",
    schema="stations",
    title_zh=EVIL,
    title_en=EVIL,
    kind="vector",
    geometry="point",
    count=2,
    bbox=(119.0, 34.5, 119.4, 34.8),
    time_start=None,
    time_end=None,
    synthetic=False,
    note_zh=EVIL,
    note_en="",
    provenance={},
    updated_at=pd.Timestamp("2021-01-01T00:00Z"),
    columns={"name": "str"},
    content_hash="0" * 64,
)
AQI = replace(RECORD, id="station_aqi", schema="station_aqi", title_zh="指数", title_en="Index", note_zh="")


def page_of(*records: LayerRecord, **options: object) -> MapPage:
    return render_page(build_map(records, **options))


def config_of(page: MapPage) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="suyuan-config">(.*?)</script>', page.body, re.S)
    assert found is not None
    return json.loads(found.group(1))


def test_the_page_asks_no_other_server() -> None:
    page = page_of(RECORD, AQI)
    text = page.header + page.body + page.script
    assert "//" not in re.sub(r"\s//.*", "", text)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page.header)
    assert len(sources) == 6
    assert all(source.startswith("/assets/") for source in sources)


def test_no_text_of_the_data_breaks_out() -> None:
    page = page_of(RECORD)
    assert "onerror" not in page.header + page.script
    assert page.body.count("<script") == 1
    assert "<img" not in page.body
    assert config_of(page)["layers"][0]["title"] == {"zh": EVIL, "en": EVIL}


@pytest.mark.parametrize("text", [EVIL, "<!--", "]]>", "&lt;", "\u2029"])
def test_embedded_json_means_the_same_and_holds_no_markup(text: str) -> None:
    embedded = script_safe_json({text: [text]})
    assert json.loads(embedded) == {text: [text]}
    assert not set("<>&\u2028\u2029") & set(embedded)


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_safe_json(float("nan"))


def test_layers_say_where_their_data_are() -> None:
    config = config_of(page_of(AQI, RECORD))
    aqi, stations = config["layers"]
    assert aqi["itemsUrl"] == "/collections/station_aqi/items"
    assert aqi["timesUrl"] == "/map/times/station_aqi"
    assert (stations["timesUrl"], stations["tilesUrl"]) == (None, None)
    assert next(f for f in aqi["fields"] if f["name"] == "pm25_ug_m3")["unit"] == "ug/m3"
    assert next(f for f in aqi["fields"] if f["name"] == "category")["choices"]["5"]["zh"] == "重度污染"
    assert len(aqi["legend"]) == 7
    assert config["timezone"] == "Asia/Shanghai"
    assert config["timeLabel"]["zh"] == "北京时间"


def test_the_map_opens_on_the_districts_else_on_everything() -> None:
    districts = replace(RECORD, id="districts", schema="districts", bbox=(118.0, 34.0, 120.0, 35.0))
    far = replace(RECORD, id="chp_units", schema="chp_units", bbox=(100.0, 20.0, 101.0, 21.0))
    assert config_of(page_of(far, districts))["bounds"] == [118.0, 34.0, 120.0, 35.0]
    parks = replace(RECORD, id="parks", schema="parks")
    assert config_of(page_of(far, parks))["bounds"] == [100.0, 20.0, 119.4, 34.8]
    assert config_of(page_of())["bounds"] == list(DEFAULT_BOUNDS)


def test_the_same_layers_give_the_same_bytes() -> None:
    assert page_of(RECORD, AQI) == page_of(RECORD, AQI)


def test_folium_itself_keeps_its_own_assets() -> None:
    page_of(RECORD)
    assert dict(folium.Map.default_js)["leaflet"].startswith("https://")


@pytest.mark.parametrize("name", ["osm", "tianditu"])
def test_an_online_base_map_is_only_there_when_asked_for(name: str) -> None:
    basemap = online_basemap(name, "secret key")
    page = page_of(RECORD, basemap=basemap)
    hosts = set(re.findall(r"https://[a-z0-9.]+/(?=DataServer|\{z\})", page.script))
    assert {host.rstrip("/") for host in hosts} == set(basemap.origins)
    assert config_of(page)["onlineBasemap"] is True


def test_base_maps_are_checked() -> None:
    assert online_basemap("none") is None
    with pytest.raises(InvalidInput, match="SUYUAN_TIANDITU_KEY"):
        online_basemap("tianditu")
    with pytest.raises(InvalidInput, match="choose none, osm or tianditu"):
        online_basemap("google")
