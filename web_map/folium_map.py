"""The map as a Folium page: shell, controls and the list of layers; the browser fetches the features themselves.

A page holds no feature: a layer's data is asked for when it is switched on, so that a large layer neither slows
the page down nor puts its text into HTML.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

import folium
from branca.element import Figure, MacroElement
from folium.plugins import Fullscreen, MousePosition
from folium.template import Template

from layers.catalogue import SCHEMAS
from layers.periods import FROM, TO, valid_tests
from layers.schema import LayerSchema
from layers.store import LayerRecord
from web_map.basemaps import Basemap
from web_map.legend import legend_entries
from web_map.styles import GROUPS, STYLES, style_for
from web_map.symbols import LayerStyle

TITLE = "溯源 Suyuan · 空气质量监测与溯源地图"
# Where the first city lies, for a workspace in which no layer has a place yet: west, south, east, north.
DEFAULT_BOUNDS = (118.4, 34.0, 119.8, 35.1)
# Results that the page can show at once, computed from a point or an area that was drawn on it.
DRAWN_RESULTS = (
    "affected_zones",
    "zone_bands",
    "arrival_lines",
    "incident_measurements",
    "zone_districts",
    "zone_objects",
    "zone_areas",
    "area_districts",
    "area_objects",
)
_EXTENT_LAYERS = ("districts", "stations", "station_aqi")


class _LocalMap(folium.Map):
    """Folium's map with Leaflet from this server and nothing else."""

    default_js = [("leaflet", "/assets/leaflet/leaflet.js")]
    default_css = [("leaflet_css", "/assets/leaflet/leaflet.css")]


class _LocalFullscreen(Fullscreen):
    """Folium's full-screen button with the plug-in from this server."""

    default_js = [("fullscreen_js", "/assets/fullscreen/Control.FullScreen.js")]
    default_css = [("fullscreen_css", "/assets/fullscreen/Control.FullScreen.css")]


class _LocalMousePosition(MousePosition):
    """Folium's coordinate display with the plug-in from this server."""

    default_js = [("mouse_position_js", "/assets/mouse-position/L.Control.MousePosition.js")]
    default_css = [("mouse_position_css", "/assets/mouse-position/L.Control.MousePosition.css")]


class _PageConfig(MacroElement):
    """What the page's own script needs: the map object, and the layers as JSON that no data can break out of."""

    _template = Template(
        """
        {% macro html(this, kwargs) %}
            <script type="application/json" id="suyuan-config">{{ this.json }}</script>
        {% endmacro %}
        {% macro script(this, kwargs) %}
            window.suyuanLeafletMap = {{ this._parent.get_name() }};
        {% endmacro %}
        """
    )

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self._name = "PageConfig"
        self._id = "suyuan"
        self.config = config
        self.json = script_safe_json(config)


@dataclass(frozen=True)
class MapPage:
    """The parts of a rendered map, for a page template to put together."""

    header: str
    body: str
    script: str


def build_map(
    records: Sequence[LayerRecord],
    *,
    styles: Mapping[str, LayerStyle] = STYLES,
    timezone: str = "Asia/Shanghai",
    collections_url: str = "/collections",
    times_url: str = "/map/times",
    basemap: Basemap | None = None,
    day: str | None = None,
    substances: Sequence[tuple[str, str]] = (),
) -> folium.Map:
    """Build the map of a workspace.

    Parameters
    ----------
    records : sequence of LayerRecord
        The layers to offer, as `Workspace.records()` gives them.
    styles : mapping of str to LayerStyle
        Style of each layer id or schema id; a schema without one gets a plain style.
    timezone : str
        IANA name of the zone in which times are shown.
    collections_url, times_url : str
        Where the browser fetches features and time steps.
    basemap : Basemap, optional
        An online base map; without one the page asks no other server for anything.
    day : str, optional
        A day of the city, as 2021-11-01: ledgers that are kept by period show what was valid then.
    substances : sequence of (str, str)
        English and Chinese names to choose from where an incident is told on the map.

    Returns
    -------
    folium.Map
        Render it with `render_page`.
    """
    layers = [_layer_config(record, _style(record, styles), collections_url, times_url) for record in records]
    for layer, record in zip(layers, records, strict=True):
        layer["itemsQuery"] = _valid_on(record, day)
    bounds = _bounds(layers)
    leaflet = _LocalMap(
        location=[(bounds[1] + bounds[3]) / 2, (bounds[0] + bounds[2]) / 2],
        zoom_start=9,
        tiles=None,
        control_scale=False,
        zoom_control=True,
        prefer_canvas=True,
        zoom_snap=0.25,
        zoom_delta=0.5,
        wheel_px_per_zoom_level=90,
        min_zoom=4,
        max_zoom=18,
    )
    # Names that do not change make the page the same bytes for the same layers.
    leaflet._id = "suyuan"
    _add_basemap(leaflet, basemap)
    _add_controls(leaflet)
    config = {
        "timezone": timezone,
        "onlineBasemap": basemap is not None,
        "timeLabel": _time_label(timezone),
        "bounds": bounds,
        "groups": [{"id": key, "zh": zh, "en": en} for key, (zh, en) in GROUPS.items()],
        "layers": layers,
        "results": [_result_config(name, styles, collections_url) for name in DRAWN_RESULTS],
        "substances": [{"name": name, "zh": zh} for name, zh in substances],
    }
    _PageConfig(config).add_to(leaflet)
    return leaflet


def render_page(leaflet: folium.Map) -> MapPage:
    """Render a map into the parts of a page; the caller's template puts them together and adds the nonce."""
    figure = leaflet.get_root()
    if not isinstance(figure, Figure):
        raise TypeError("the map has been taken out of its figure")
    figure.render()
    return MapPage(figure.header.render(), figure.html.render(), figure.script.render())


def script_safe_json(value: Any) -> str:
    """Return JSON that may stand inside a script element: no data in it can end the element or begin another.

    Raises
    ------
    ValueError
        A number is not finite: JSON has no NaN.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _schema_of(record: LayerRecord) -> LayerSchema | None:
    return SCHEMAS.get(record.schema)


def _style(record: LayerRecord, styles: Mapping[str, LayerStyle]) -> LayerStyle:
    return styles.get(record.id) or styles.get(record.schema) or style_for(record.schema, record.geometry)


def _layer_config(record: LayerRecord, style: LayerStyle, collections_url: str, times_url: str) -> dict[str, Any]:
    schema = _schema_of(record)
    address = f"{collections_url}/{quote(record.id, safe='')}"
    step = style.time == "step"
    return {
        "id": record.id,
        "schema": record.schema,
        "title": {"zh": record.title_zh, "en": record.title_en},
        "note": {"zh": record.note_zh or "", "en": record.note_en or ""},
        "synthetic": bool(record.synthetic),
        "count": record.count,
        "bbox": list(record.bbox) if record.bbox else None,
        "timeField": schema.time_field if schema else None,
        "itemsUrl": f"{address}/items",
        "tilesUrl": f"{address}/map/tiles/WebMercatorQuad" if record.kind == "raster" else None,
        "timesUrl": f"{times_url}/{quote(record.id, safe='')}" if step else None,
        "fields": _fields(schema),
        "style": asdict(style),
        "legend": [asdict(entry) for entry in legend_entries(style, record.title_zh, record.title_en)],
    }


def _result_config(name: str, styles: Mapping[str, LayerStyle], collections_url: str) -> dict[str, Any]:
    """Return what the page needs to show a result that is not there yet."""
    schema = SCHEMAS[name]
    style = styles.get(name) or style_for(name, schema.geometry)
    return {
        "id": name,
        "schema": name,
        "title": {"zh": schema.title_zh, "en": schema.title_en},
        "note": {"zh": "", "en": ""},
        "synthetic": False,
        "count": 0,
        "bbox": None,
        "timeField": None,
        "itemsUrl": f"{collections_url}/{quote(name, safe='')}/items",
        "itemsQuery": {},
        "rastersUrl": None,
        "timesUrl": None,
        "fields": _fields(schema),
        "style": asdict(style),
        "legend": [asdict(entry) for entry in legend_entries(style, schema.title_zh, schema.title_en)],
    }


def _valid_on(record: LayerRecord, day: str | None) -> dict[str, str]:
    """Return the query that picks the features of a ledger that are valid on a day; nothing for other layers."""
    if day is None or not {FROM, TO} & set(record.columns):
        return {}
    tests = valid_tests(record.columns, record.id, day)
    return {"filter": " AND ".join(f"({name} IS NULL OR {name} {sign} '{text}')" for name, sign, text in tests)}


def _fields(schema: LayerSchema | None) -> list[dict[str, Any]]:
    if schema is None:
        return []
    return [
        {
            "name": item.name,
            "zh": item.title_zh,
            "en": item.title_en,
            "unit": item.unit,
            "dtype": item.dtype,
            "choices": {choice.value: {"zh": choice.title_zh, "en": choice.title_en} for choice in item.choices or ()},
        }
        for item in schema.fields
    ]


def _bounds(layers: list[dict[str, Any]]) -> tuple[float, float, float, float]:
    boxes = {layer["id"]: layer["bbox"] for layer in layers if layer["bbox"]}
    for name in _EXTENT_LAYERS:
        if name in boxes:
            return tuple(boxes[name])
    if not boxes:
        return DEFAULT_BOUNDS
    west, south, east, north = zip(*boxes.values(), strict=True)
    return min(west), min(south), max(east), max(north)


def _time_label(timezone: str) -> dict[str, str]:
    if timezone == "Asia/Shanghai":
        return {"zh": "北京时间", "en": "Beijing time"}
    return {"zh": timezone, "en": timezone}


def _add_basemap(leaflet: folium.Map, basemap: Basemap | None) -> None:
    if basemap is None:
        return
    for index, url in enumerate(basemap.urls):
        tiles = folium.TileLayer(tiles=url, attr=basemap.attribution, name=f"basemap {index}", max_zoom=18)
        tiles._id = f"basemap{index}"
        tiles.add_to(leaflet)


def _add_controls(leaflet: folium.Map) -> None:
    _add(leaflet, _LocalFullscreen, title="全屏 Full screen", title_cancel="退出全屏 Exit full screen")
    _add(
        leaflet,
        _LocalMousePosition,
        position="bottomright",
        separator=", ",
        lng_first=True,
        num_digits=5,
        prefix="经度, 纬度 Lon, Lat (°):",
        empty_string="经度, 纬度 Lon, Lat (°): –",
    )


def _add(leaflet: folium.Map, plugin: type[Any], **options: Any) -> None:
    control = plugin(**options)
    control._id = "suyuan"
    control.add_to(leaflet)
