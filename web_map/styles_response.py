"""Styles of what answers heavy pollution; every class differs by its line as well as by its colour."""

from dataclasses import replace

from layers.air_quality import CATEGORIES
from web_map.symbols import Case, Facet, LayerStyle, Symbol

_DASHES = ("", "2 4", "6 3", "10 4", "12 4 2 4", "14 3 2 3 2 3")
_AREA = Symbol("area", stroke="#3a3a3a", weight=1.2, fill="#d5dade", fill_opacity=0.45)


def _class_cases() -> tuple[Case, ...]:
    return tuple(
        Case(
            str(one.number),
            replace(_AREA, fill=one.colour, dash=dash),
            f"{one.number}级 {one.name_zh}",
            one.name_en,
        )
        for one, dash in zip(CATEGORIES, _DASHES, strict=True)
    )


def _band_cases() -> tuple[Case, ...]:
    line = Symbol("area", fill="#3b2f63", stroke="#3b2f63", weight=2.0, fill_opacity=0.04)
    return (
        Case("p90", line, "超过概率至少 90%（实线）", "Above with at least 90 % (solid)"),
        Case("p50", replace(line, dash="9 6"), "超过概率至少 50%（虚线）", "At least 50 % (dashed)"),
        Case("p10", replace(line, dash="2 5"), "超过概率至少 10%（点线）", "At least 10 % (dotted)"),
        Case("surface", replace(line, dash="12 4 2 4"), "插值面超过（点划线）", "Above on the surface (dash-dotted)"),
    )


_WARNING = (
    ("yellow", "#f2c500", "", "黄色预警", "Yellow warning"),
    ("orange", "#f08000", "9 6", "橙色预警（虚线）", "Orange warning (dashed)"),
    ("red", "#d40000", "2 5", "红色预警（点线）", "Red warning (dotted)"),
)


def _warning_cases() -> tuple[Case, ...]:
    return tuple(
        Case(value, replace(_AREA, fill=colour, stroke=colour, weight=2.5, dash=dash, fill_opacity=0.2), zh, en)
        for value, colour, dash, zh, en in _WARNING
    )


def _grade_cases() -> tuple[Case, ...]:
    sign = Symbol("square", stroke="#2f2f2f", size=8, text_colour="#ffffff")
    colours = {"A": "#2a7f62", "B": "#2f6fa8", "C": "#b9770e", "D": "#b2182b"}
    graded = tuple(
        Case(grade, replace(sign, fill=colour, text=grade), f"绩效 {grade} 级", f"Grade {grade}")
        for grade, colour in colours.items()
    )
    return (*graded, Case("", replace(sign, fill="#6b737a", text="?"), "未评级", "Not graded"))


_PLAIN = Symbol("area", fill="#8e7cc3", stroke="#5b4a94", weight=1.4, dash="3 3", fill_opacity=0.06)
_SITE = Symbol("square", fill="#f0b429", stroke="#6b4a00", size=8, text="停", fill_opacity=0.95)

RESPONSE_STYLES: tuple[LayerStyle, ...] = (
    LayerStyle(
        "pollution_zones",
        "zones",
        16,
        _AREA,
        by="category",
        cases=_class_cases(),
        label="pollutant",
        visible=True,
    ),
    LayerStyle(
        "pollution_above",
        "zones",
        17,
        _band_cases()[1].symbol,
        by="band",
        cases=_band_cases(),
        label="level_zh",
        label_en="level_en",
        facets=(Facet("band", "概率", "Probability", default="p50"),),
    ),
    LayerStyle(
        "pollution_districts",
        "zones",
        18,
        _AREA,
        by="category",
        cases=_class_cases(),
        label="name",
    ),
    LayerStyle(
        "pollution_stations",
        "monitoring",
        79,
        Symbol("diamond", fill="#ffffff", stroke="#3b2f63", size=6, weight=2),
        label="name",
    ),
    LayerStyle(
        "pollution_warnings",
        "zones",
        15,
        _warning_cases()[0].symbol,
        by="colour",
        cases=_warning_cases(),
        label="start",
    ),
    LayerStyle(
        "emission_sources",
        "sources",
        46,
        _grade_cases()[-1].symbol,
        by="grade",
        cases=_grade_cases(),
        label="name",
    ),
    LayerStyle(
        "reduction_sources",
        "zones",
        53,
        _grade_cases()[-1].symbol,
        by="grade",
        cases=_grade_cases(),
        label="name",
        visible=True,
    ),
    LayerStyle("reduction_totals", "zones", 14, replace(_PLAIN, fill_opacity=0.0), label="pollutant"),
    LayerStyle("sites_to_stop", "zones", 54, _SITE, label="name", visible=True),
    LayerStyle(
        "vehicle_zones",
        "zones",
        27,
        Symbol("area", fill="#2d5f73", stroke="#2d5f73", weight=2.5, dash="10 4", fill_opacity=0.12),
        label="name",
        visible=True,
    ),
    LayerStyle("zone_areas", "zones", 25, replace(_PLAIN, weight=2.5, dash="9 6"), label="name", visible=True),
    LayerStyle("area_districts", "zones", 21, _PLAIN, label="name"),
    LayerStyle(
        "area_objects",
        "zones",
        72,
        Symbol("diamond", fill="#fff3b0", stroke="#7f0d1c", size=7, weight=2),
        label="name",
        visible=True,
    ),
)
