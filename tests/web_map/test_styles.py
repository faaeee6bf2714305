"""Each layer has a look, each value of it a sign, and no two signs differ by colour alone."""

from itertools import combinations

import pytest

from layers.catalogue import SCHEMAS
from web_map.legend import legend_entries
from web_map.styles import AQI_CATEGORIES, GROUPS, STYLES, style_for
from web_map.symbols import LayerStyle, Symbol

BY_CASES = [style for style in STYLES.values() if style.cases]


def without_colour(symbol: Symbol) -> tuple[object, ...]:
    return symbol.shape, symbol.dash, symbol.text, symbol.fill == "#ffffff"


def test_every_schema_has_a_declared_style() -> None:
    assert set(SCHEMAS) - set(STYLES) == set()


@pytest.mark.parametrize("style", [s for s in BY_CASES if s.schema_id in SCHEMAS], ids=lambda s: s.schema_id)
def test_every_value_of_the_schema_has_a_sign(style: LayerStyle) -> None:
    field = SCHEMAS[style.schema_id].field(style.by)
    wanted = {choice.value for choice in field.choices or ()} or {case.value for case in style.cases}
    assert wanted <= {case.value for case in style.cases}


@pytest.mark.parametrize("style", [s for s in STYLES.values() if s.schema_id in SCHEMAS], ids=lambda s: s.schema_id)
def test_styles_speak_of_columns_that_the_schema_has(style: LayerStyle) -> None:
    schema = SCHEMAS[style.schema_id]
    columns = [style.by, style.ordinal, style.badge, style.worst, style.label, style.label_en]
    columns += [facet.column for facet in style.facets]
    # Results like hot spots bring the columns of what they were computed from.
    assert schema.free or {name for name in columns if name} <= set(schema.names)
    assert style.group in GROUPS


@pytest.mark.parametrize("style", BY_CASES, ids=lambda s: s.schema_id)
def test_colour_is_never_the_only_sign(style: LayerStyle) -> None:
    # The badges of the AQI differ by the number that is written into them.
    for one, other in combinations(style.cases, 2):
        if one.title_zh != other.title_zh and one.symbol.shape != "badge":
            assert without_colour(one.symbol) != without_colour(other.symbol), (one.value, other.value)


def test_trajectories_of_different_heights_differ_in_dash() -> None:
    dashes = [symbol.dash for symbol in STYLES["trajectories"].ramp]
    assert len(set(dashes)) == len(dashes) >= 3


def test_aqi_colours_are_those_of_the_standard() -> None:
    standard = ["#00e400", "#ffff00", "#ff7e00", "#ff0000", "#99004c", "#7e0023"]
    assert [colour for _, colour, _, _ in AQI_CATEGORIES] == standard
    assert [case.symbol.fill for case in STYLES["station_aqi"].cases[:6]] == standard


@pytest.mark.parametrize("case", STYLES["station_aqi"].cases, ids=lambda c: c.value or "none")
def test_numbers_can_be_read_on_their_colour(case: object) -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(case.symbol.fill), luminance(case.symbol.text_colour)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("geometry", "shape"), [("point", "circle"), ("line", "line"), ("MultiPolygon", "area"), (None, "circle")]
)
def test_a_schema_without_style_gets_a_plain_one(geometry: str | None, shape: str) -> None:
    style = style_for("something_new", geometry)
    assert (style.symbol.shape, style.group, style.visible) == (shape, "other", False)


def test_legend_explains_each_sign_once() -> None:
    entries = legend_entries(STYLES["fire_points"], "火点", "Fires")
    assert [entry.title_zh for entry in entries] == ["疑似秸秆焚烧", "疑似固定热源", "其他或未定"]
    assert [e.title_en for e in legend_entries(STYLES["construction_sites"], "工地", "Sites")] == ["Sites"]
    assert legend_entries(STYLES["trajectories"], "轨迹", "Trajectories") == []


def test_the_raster_legend_has_units() -> None:
    entries = legend_entries(STYLES["fire_rasters"], "火情栅格", "Fire rasters")
    assert [e.title_zh for e in entries[:3]] == ["火情栅格范围", "亮温 300 K", "亮温 310 K"]
    assert entries[-1].title_en == "Fire mask: high confidence, or 1 = fire"
