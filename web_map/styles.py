"""One declared style per layer schema: shape, colour, dash, label, order and first visibility.

Every difference of meaning is drawn twice, by colour and by shape, dash or text, so that the map can be read in
greyscale and by people who do not see colours.
"""

from dataclasses import replace

from layers.results import PATTERNS
from web_map.styles_duties import DUTY_STYLES
from web_map.styles_hotspots import HOTSPOT_STYLES
from web_map.styles_response import RESPONSE_STYLES
from web_map.symbols import Case, Facet, LayerStyle, Shape, Symbol

GROUPS: dict[str, tuple[str, str]] = {
    "monitoring": ("监测", "Monitoring"),
    "tracing": ("溯源结果", "Tracing results"),
    "fire": ("火情", "Fires"),
    "zones": ("管控区", "Control zones"),
    "sources": ("污染源", "Sources"),
    "other": ("其他图层", "Other layers"),
    "base": ("底图", "Base map"),
}

# Colours and names of the six AQI categories: HJ 633.
AQI_CATEGORIES: tuple[tuple[int, str, str, str], ...] = (
    (1, "#00e400", "优 0–50", "Excellent"),
    (2, "#ffff00", "良 51–100", "Good"),
    (3, "#ff7e00", "轻度污染 101–150", "Lightly polluted"),
    (4, "#ff0000", "中度污染 151–200", "Moderately polluted"),
    (5, "#99004c", "重度污染 201–300", "Heavily polluted"),
    (6, "#7e0023", "严重污染 >300", "Severely polluted"),
)
_BADGE = Symbol("badge", stroke="#26323c", size=15, weight=1.5)
_NO_VALUE = replace(_BADGE, fill="#d5dade", text="–", dash="3 2")


def _aqi_cases() -> tuple[Case, ...]:
    cases = [
        Case(
            str(number),
            replace(_BADGE, fill=colour, text_colour="#ffffff" if number > 4 else "#111111"),
            f"{number}级 {title_zh}",
            title_en,
        )
        for number, colour, title_zh, title_en in AQI_CATEGORIES
    ]
    return (*cases, Case("", _NO_VALUE, "无有效数据", "No valid data"))


def _station_cases() -> tuple[Case, ...]:
    letters = (
        ("national", "国", "国控站", "National"),
        ("provincial", "省", "省控站", "Provincial"),
        ("city", "市", "市控站", "City"),
        ("township", "镇", "镇街站", "Township"),
        ("micro", "微", "微站", "Micro-station"),
    )
    sign = Symbol("circle", fill="#ffffff", stroke="#1d5f8a", size=9, weight=2, text_colour="#1d5f8a")
    return tuple(Case(value, replace(sign, text=text), zh, en) for value, text, zh, en in letters)


def _hotspot_cases() -> tuple[Case, ...]:
    hot, cold = ("#b2182b", "#d6604d", "#f4a582"), ("#2166ac", "#4393c3", "#92c5de")
    above, below = [], []
    for level, (confidence, red, blue) in enumerate(zip((99, 95, 90), hot, cold, strict=True)):
        text, dark = str(confidence), level < 2
        sign = Symbol("triangle", size=12 - level, text=text, text_colour="#ffffff" if dark else "#111111")
        hot_sign = replace(sign, fill=red, stroke="#5a0b14")
        cold_sign = replace(sign, shape="triangle-down", fill=blue, stroke="#0b2c5a")
        above.append(Case(str(3 - level), hot_sign, f"▲ 热点 {text}%", f"Hot spot, {text} %"))
        below.append(Case(str(level - 3), cold_sign, f"▼ 冷点 {text}%", f"Cold spot, {text} %"))
    neutral = Symbol("circle", fill="#f2f2f2", stroke="#7a7a7a", size=4, fill_opacity=0.6)
    return (*above, Case("0", neutral, "不显著", "Not significant"), *reversed(below))


def _moran_cases() -> tuple[Case, ...]:
    cluster = Symbol("triangle", fill="#2a7f62", stroke="#123c2e", size=12, text_colour="#ffffff")
    outlier = Symbol("diamond", fill="#8a4fa3", stroke="#3c1f49", size=12, text_colour="#ffffff")
    neutral = Symbol("circle", fill="#f2f2f2", stroke="#7a7a7a", size=4, fill_opacity=0.6)
    levels = (("3", "99"), ("2", "95"), ("1", "90"))
    alike = tuple(
        Case(n, replace(cluster, text=c), f"▲ 与周边相似 {c}%", f"Like its neighbours, {c} %") for n, c in levels
    )
    unlike = tuple(
        Case(f"-{n}", replace(outlier, text=c), f"◆ 与周边相反 {c}%", f"Unlike them, {c} %")
        for n, c in reversed(levels)
    )
    return (*alike, Case("0", neutral, "不显著", "Not significant"), *unlike)


def _emerging_cases() -> tuple[Case, ...]:
    hot = Symbol("triangle", fill="#b2182b", stroke="#5a0b14", size=12, text_colour="#ffffff")
    cold = Symbol("triangle-down", fill="#2166ac", stroke="#0b2c5a", size=12, text_colour="#ffffff")
    neutral = Symbol("circle", fill="#f2f2f2", stroke="#7a7a7a", size=4, fill_opacity=0.6)
    return tuple(
        Case(
            choice.value,
            neutral
            if choice.value == "none"
            else replace(hot if choice.value.endswith("_hot") else cold, text=choice.title_zh[0]),
            choice.title_zh,
            choice.title_en,
        )
        for choice in PATTERNS
    )


def _fire_cases() -> tuple[Case, ...]:
    sign = Symbol("flame", fill="#ff8c1a", stroke="#7a2b00", size=8)
    return (
        Case("straw", sign, "疑似秸秆焚烧", "Suspected straw burning"),
        Case(
            "fixed_heat_source",
            replace(sign, shape="plus", fill="#6b4a8f", stroke="#2c1a40"),
            "疑似固定热源",
            "Suspected fixed heat source",
        ),
        Case("other", replace(sign, fill="#f2d16b", text="?"), "其他或未定", "Other or undecided"),
        Case("", replace(sign, fill="#f2d16b", text="?"), "其他或未定", "Other or undecided"),
    )


def _heating_zone_cases() -> tuple[Case, ...]:
    zone = Symbol("area", fill="#c0392b", stroke="#c0392b", weight=2.5, fill_opacity=0.07)
    return (
        Case("chp_300mw_30km", zone, "30 km：单机≥300 MW 热电联产（实线）", "30 km: CHP unit ≥ 300 MW (solid)"),
        Case(
            "other_15km",
            replace(zone, fill="#b9770e", stroke="#b9770e", dash="9 6"),
            "15 km：其他热电联产（虚线）",
            "15 km: other CHP (dashed)",
        ),
    )


def _affected_zone_cases() -> tuple[Case, ...]:
    zone = Symbol("area", fill="#b2182b", stroke="#7f0d1c", weight=2.5, fill_opacity=0.3)
    medium = replace(zone, fill="#ef8a62", stroke="#b5541f", dash="9 6", fill_opacity=0.22)
    low = replace(zone, fill="#f0d048", stroke="#8a6d00", dash="2 5", fill_opacity=0.15)
    return (
        Case("high", zone, "高：可危及生命（实线）", "High: may threaten life (solid)"),
        Case("medium", medium, "中：可致不可逆伤害（虚线）", "Medium: lasting harm (dashed)"),
        Case("low", low, "低：不适（点线）", "Low: discomfort (dotted)"),
    )


def _zone_band_cases() -> tuple[Case, ...]:
    band = Symbol("area", fill="#762a83", stroke="#762a83", weight=1.5, fill_opacity=0.08)
    return (
        Case("p10", replace(band, dash="2 5"), "至少 10% 的成员超过（点线）", "At least 10 % of members pass (dotted)"),
        Case("p50", replace(band, dash="9 6"), "至少 50% 的成员超过（虚线）", "At least 50 % pass (dashed)"),
        Case("p90", band, "至少 90% 的成员超过（实线）", "At least 90 % pass (solid)"),
        Case(
            "turning",
            replace(band, fill="#666666", stroke="#666666", dash="12 4 2 4", fill_opacity=0.04),
            "风向转变时的包络（点划线）",
            "Envelope if the wind turns (dash-dotted)",
        ),
        Case(
            "before",
            replace(band, fill="#3b6f8f", stroke="#3b6f8f", dash="1 4", weight=2.0, fill_opacity=0.03),
            "上一版范围（密点线）",
            "Zone of the version before (close dots)",
        ),
    )


def _boiler_cases() -> tuple[Case, ...]:
    sign = Symbol("square", stroke="#2f2f2f", size=7, text_colour="#ffffff")
    return (
        Case("coal", replace(sign, fill="#4a4a4a", text="煤"), "燃煤锅炉", "Coal boiler"),
        Case("biomass", replace(sign, fill="#5d7d2b", text="生"), "生物质锅炉", "Biomass boiler"),
        Case("gas", replace(sign, fill="#2f6fa8", text="气"), "燃气锅炉", "Gas boiler"),
        Case("oil", replace(sign, fill="#7a4b2a", text="油"), "燃油锅炉", "Oil boiler"),
    )


def _heating_boiler_cases() -> tuple[Case, ...]:
    inside = Symbol("diamond", fill="#c0392b", stroke="#4d0f08", size=8.5, text="内", text_colour="#ffffff")
    outside = Symbol("circle", fill="#ffffff", stroke="#2d5f73", size=6.5, weight=2)
    return (
        Case("true", inside, "供热半径内的锅炉", "Boiler inside a heating zone"),
        Case("false", outside, "供热半径外的锅炉", "Boiler outside every heating zone"),
    )


def _chp_cases() -> tuple[Case, ...]:
    sign = Symbol("stack", fill="#1f3a5f", stroke="#0b1726", size=10)
    retired = replace(sign, fill="#b8bec4", stroke="#6b737a", text="×")
    return (
        Case("operating", sign, "热电联产机组（运行）", "CHP unit, operating"),
        Case("planned", replace(sign, fill="#ffffff", dash="3 2"), "热电联产机组（规划）", "CHP unit, planned"),
        Case("retired", retired, "热电联产机组（退役）", "CHP unit, retired"),
    )


def _park_cases() -> tuple[Case, ...]:
    sign = Symbol("hexagon", fill="#8e6bbf", stroke="#4c2f77", size=9, weight=2, fill_opacity=0.35)
    return (
        Case("city_and_above", sign, "市级及以上园区", "Park, city level and above"),
        Case(
            "county_and_below",
            replace(sign, fill="#ffffff", size=7, fill_opacity=0.5, dash="3 2"),
            "县级及以下园区",
            "Park, county level and below",
        ),
    )


def _trajectory_ramp() -> tuple[Symbol, ...]:
    line = Symbol("line", stroke="#1b3f9c", weight=2.5, fill="#1b3f9c")
    return (
        line,
        replace(line, stroke="#b0188b", fill="#b0188b", dash="10 5"),
        replace(line, stroke="#0b7a5c", fill="#0b7a5c", dash="2 5"),
        replace(line, stroke="#8a5a00", fill="#8a5a00", dash="12 4 2 4"),
        replace(line, stroke="#444444", fill="#444444", dash="5 5", weight=1.8),
    )


_STYLES: tuple[LayerStyle, ...] = (
    LayerStyle(
        "region", "base", 0, Symbol("area", fill="#efece2", stroke="#c9c2ae", weight=1), visible=True, base=True
    ),
    LayerStyle(
        "districts",
        "base",
        10,
        Symbol("area", fill="#fdfcf8", stroke="#8f8873", weight=1.4),
        label="name",
        label_en="name_en",
        show_label=True,
        visible=True,
    ),
    LayerStyle(
        "townships",
        "base",
        12,
        Symbol("area", fill="#fdfcf8", stroke="#b9b3a2", weight=0.8, dash="2 3", fill_opacity=0),
        label="name",
    ),
    LayerStyle(
        "mobile_tracks",
        "monitoring",
        24,
        Symbol("diamond", fill="#6a51a3", stroke="#2d1f4e", size=6, fill_opacity=0.9),
        label="run",
    ),
    LayerStyle("parks", "sources", 40, _park_cases()[0].symbol, by="level", cases=_park_cases(), label="name"),
    LayerStyle(
        "construction_sites",
        "sources",
        42,
        Symbol("square", fill="#f0b429", stroke="#6b4a00", size=7.5, text="工", fill_opacity=0.95),
        label="name",
    ),
    LayerStyle("boilers", "sources", 50, _boiler_cases()[0].symbol, by="fuel", cases=_boiler_cases(), label="name"),
    LayerStyle(
        "chp_units",
        "sources",
        60,
        _chp_cases()[0].symbol,
        by="status",
        cases=_chp_cases(),
        label="name",
        visible=True,
    ),
    LayerStyle(
        "heating_zones",
        "zones",
        20,
        _heating_zone_cases()[0].symbol,
        by="rule",
        cases=_heating_zone_cases(),
        label="plant",
        visible=True,
        facets=(Facet("kind", "显示", "Show", default="plant"),),
    ),
    LayerStyle(
        "heating_boilers",
        "zones",
        52,
        _heating_boiler_cases()[0].symbol,
        by="inside",
        cases=_heating_boiler_cases(),
        label="name",
    ),
    *DUTY_STYLES,
    LayerStyle(
        "road_cleaning_zones",
        "zones",
        22,
        Symbol("area", fill="#0f8b8d", stroke="#0f8b8d", weight=2, dash="2 5", fill_opacity=0.08),
        label="name",
        facets=(Facet("kind", "显示", "Show", default="station"),),
    ),
    LayerStyle(
        "affected_zones",
        "zones",
        24,
        _affected_zone_cases()[0].symbol,
        by="severity",
        cases=_affected_zone_cases(),
        label="level_zh",
        label_en="level_en",
        visible=True,
    ),
    LayerStyle(
        "zone_bands",
        "zones",
        23,
        _zone_band_cases()[0].symbol,
        by="band",
        cases=_zone_band_cases(),
        label="level_zh",
        label_en="level_en",
        facets=(Facet("severity", "严重程度", "Severity", default="high"),),
    ),
    LayerStyle(
        "arrival_lines",
        "zones",
        26,
        Symbol("line", stroke="#3b2f63", weight=2, dash="4 3"),
        label="minutes",
        visible=True,
    ),
    LayerStyle(
        "incident_measurements",
        "zones",
        74,
        Symbol("triangle-down", fill="#ffffff", stroke="#3b2f63", size=8, weight=2),
        label="value_mg_m3",
        visible=True,
    ),
    LayerStyle(
        "zone_districts",
        "zones",
        21,
        Symbol("area", fill="#8e7cc3", stroke="#5b4a94", weight=1, dash="3 3", fill_opacity=0.05),
        label="name",
    ),
    LayerStyle(
        "zone_objects",
        "zones",
        72,
        Symbol("diamond", fill="#fff3b0", stroke="#7f0d1c", size=7, weight=2),
        label="name",
        visible=True,
    ),
    LayerStyle(
        "fire_points",
        "fire",
        70,
        _fire_cases()[0].symbol,
        by="suspected_type",
        cases=_fire_cases(),
        label="satellite",
        visible=True,
    ),
    LayerStyle(
        "fire_rasters",
        "fire",
        15,
        Symbol("image", fill="#ffffff", stroke="#a04000", weight=1, dash="4 4", fill_opacity=0),
        label="kind",
    ),
    LayerStyle(
        "stations", "monitoring", 80, _station_cases()[0].symbol, by="level", cases=_station_cases(), label="name"
    ),
    LayerStyle(
        "station_aqi",
        "monitoring",
        100,
        _NO_VALUE,
        by="category",
        cases=_aqi_cases(),
        label="name",
        badge="aqi",
        visible=True,
        time="step",
        worst="aqi",
    ),
    LayerStyle(
        "station_means",
        "monitoring",
        78,
        Symbol("diamond", fill="#ffffff", stroke="#1d5f8a", size=8, weight=2, text="均", text_colour="#1d5f8a"),
        label="name",
    ),
    LayerStyle(
        "hotspots",
        "tracing",
        75,
        _hotspot_cases()[3].symbol,
        by="class",
        cases=_hotspot_cases(),
        label="name",
        spread=True,
    ),
    LayerStyle(
        "local_moran",
        "tracing",
        74,
        _moran_cases()[3].symbol,
        by="class",
        cases=_moran_cases(),
        label="name",
        spread=True,
    ),
    LayerStyle(
        "emerging_hotspots",
        "tracing",
        73,
        _emerging_cases()[-1].symbol,
        by="pattern",
        cases=_emerging_cases(),
        label="name",
        spread=True,
    ),
    LayerStyle(
        "hotspot_clusters",
        "tracing",
        45,
        Symbol("area", fill="#b2182b", stroke="#7f0d1c", weight=2, dash="8 3", fill_opacity=0.12),
        label="rank",
    ),
    *HOTSPOT_STYLES,
    LayerStyle(
        "trajectories",
        "tracing",
        65,
        _trajectory_ramp()[0],
        ordinal="height_m_agl",
        ramp=_trajectory_ramp(),
        ordinal_unit="m",
        label="receptor",
        visible=True,
        facets=(
            Facet("receptor", "受体站点", "Receptor"),
            Facet("start_time", "到达时刻", "Arrival time"),
        ),
        tick_hours=6,
    ),
    LayerStyle(
        "trajectory_points",
        "tracing",
        66,
        Symbol("circle", fill="#ffffff", stroke="#1b3f9c", size=3, weight=1.2),
        label="receptor",
    ),
)
STYLES: dict[str, LayerStyle] = {style.schema_id: style for style in (*_STYLES, *RESPONSE_STYLES)}
_DEFAULT_SIGNS: dict[str, Shape] = {"point": "circle", "line": "line", "polygon": "area"}


def style_for(schema_id: str, geometry: str | None = None) -> LayerStyle:
    """Return the declared style of a layer schema, or a plain one for a schema that has none.

    Parameters
    ----------
    schema_id : str
        The layer schema's id.
    geometry : str, optional
        The layer's geometry type in any spelling ("Point", "MultiPolygon", "line"): the plain style's shape.
    """
    if schema_id in STYLES:
        return STYLES[schema_id]
    shape: Shape = next((sign for word, sign in _DEFAULT_SIGNS.items() if word in (geometry or "").lower()), "circle")
    opacity = 0.15 if shape == "area" else 1.0
    fill = "#ffffff" if shape == "circle" else "#5b4b8a"
    symbol = Symbol(shape, fill=fill, stroke="#5b4b8a", size=5, weight=2, fill_opacity=opacity)
    return LayerStyle(schema_id, "other", 30, symbol, label="name")
