"""A one-page PDF of a result: map, legend, list, assumptions and the record that explains it."""

import os
import secrets
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from fpdf import FPDF

from geo.errors import SourceUnavailable
from layers.catalogue import get_schema
from layers.schema import Field, LayerSchema
from layers.times import CITY_ZONE
from web_map.assets import FONT, NODE_MODULES
from web_map.legend import legend_entries
from web_map.report import Language, Report, ReportLayer
from web_map.report_map import MapFrame, draw_graticule, draw_layer, draw_scale, draw_symbol, placed
from web_map.styles import style_for
from web_map.symbols import Symbol

PAGE_MM = (210.0, 297.0)
MARGIN_MM = 14.0
MAP_HEIGHT_MM = 106.0
SEA, PAPER = (221, 235, 243), (250, 249, 245)
FOOT_MM = 17.0
ROW_MM = 4.6
COLUMNS_SHOWN = 7
# Ids that Suyuan makes and marks that the page carries anyway.
UNLISTED = ("zone_id", "kind", "synthetic", "note", "class_no")

WORDS = {
    "legend": ("图例", "Legend"),
    "notes": ("假设与说明", "Assumptions and notes"),
    "record": ("来源记录", "Record"),
    "more": ("另有 {} 项，见数据文件", "{} more in the data file"),
    "synthetic": ("合成演练数据，不是真实台账或观测", "synthetic practice data, no real ledger or observation"),
    "support": (
        "本页由模型与台账自动生成，供决策参考，不替代现场判断。",
        "Made from models and ledgers to support a decision; it does not replace judgement on the spot.",
    ),
    "made": ("制作时间", "Made"),
    "nowhere": ("没有带位置的数据，本页不画地图", "nothing has a place, so there is no map"),
}


def write_report(
    report: Report, path: Path, *, made: pd.Timestamp, language: Language = "zh", assets: Path | None = None
) -> None:
    """Write the page; the file appears whole or not at all.

    Parameters
    ----------
    report : Report
    path : path of the .pdf file
    made : Timestamp with zone
        Time of making, as it is to be read on the page.
    language : "zh" or "en"
        Names from the data stay as they are.
    assets : folder of installed assets with the font; by default the one beside this module

    Raises
    ------
    SourceUnavailable
        The font is not installed, or the file cannot be written.
    """
    pdf = _page(assets or NODE_MODULES, made)
    at = 0 if language == "zh" else 1
    _head(pdf, report, at, made)
    _map(pdf, report, at)
    _lists(pdf, report, at)
    _foot(pdf, report, at)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(bytes(pdf.output()))
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SourceUnavailable(f"cannot write {path}: {error.strerror}; nothing was changed") from error


def _page(assets: Path, made: pd.Timestamp) -> FPDF:
    font = assets / FONT
    if not font.is_file():
        raise SourceUnavailable(f"the font of the report is not installed ({font.name}): run `make setup`")
    pdf = FPDF(format="A4")
    pdf.set_creation_date(made.to_pydatetime())
    pdf.set_margin(MARGIN_MM)
    pdf.set_auto_page_break(False)
    pdf.add_font("text", fname=font)
    pdf.add_page()
    return pdf


def _head(pdf: FPDF, report: Report, at: int, made: pd.Timestamp) -> None:
    pdf.set_font("text", size=17)
    pdf.cell(0, 9, report.title[at], new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", size=9)
    pdf.set_text_color(90)
    pdf.cell(0, 5, f"溯源 Suyuan · {WORDS['made'][at]} {made:%Y-%m-%d %H:%M} ({made.tzname()})")
    pdf.ln(6)
    pdf.set_text_color(0)
    pdf.set_font("text", size=10.5)
    pdf.multi_cell(0, 5.4, report.summary[at], align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", size=8.5)
    for fact in report.facts:
        pdf.multi_cell(0, 4.4, fact[at], align="L", new_x="LMARGIN", new_y="NEXT")
    if report.synthetic:
        pdf.set_fill_color(255, 236, 200)
        pdf.cell(0, 6, WORDS["synthetic"][at], fill=True, border=1, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1.5)


def _map(pdf: FPDF, report: Report, at: int) -> None:
    box = (MARGIN_MM, pdf.get_y(), PAGE_MM[0] - 2 * MARGIN_MM, MAP_HEIGHT_MM)
    # Rows of a ledger may have no coordinates; the city is shown when nothing found has a place.
    found, base = (placed(layer.frame for layer in layers) for layers in (report.layers, report.base))
    if not (found or base):
        pdf.cell(0, 6, WORDS["nowhere"][at], new_x="LMARGIN", new_y="NEXT")
        return
    frame = MapFrame.around(found or base, box)
    with pdf.local_context(), pdf.rect_clip(frame.left, frame.top, frame.width, frame.height):
        # Where no land is drawn, nothing may look like sea.
        pdf.set_fill_color(*(SEA if report.base else PAPER))
        pdf.rect(frame.left, frame.top, frame.width, frame.height, style="F")
        for layer in report.base:
            draw_layer(pdf, frame, layer.frame, style_for(layer.schema), names=True)
        draw_graticule(pdf, frame)
        for layer in report.layers:
            draw_layer(pdf, frame, layer.frame, style_for(layer.schema))
    pdf.set_draw_color(90)
    pdf.rect(frame.left, frame.top, frame.width, frame.height)
    draw_scale(pdf, frame)
    pdf.set_y(frame.top + frame.height + 2)
    _legend(pdf, report, at)


def _legend(pdf: FPDF, report: Report, at: int) -> None:
    pdf.set_font("text", size=8)
    # Layers of the same classes have the same line; it stands there once.
    entries = list({titles: (symbol, titles) for layer in report.layers for symbol, titles in _entries(layer)}.values())
    for number, (symbol, titles) in enumerate(entries):
        column = number % 2
        if number and column == 0:
            pdf.ln(4.8)
        x = MARGIN_MM + column * (PAGE_MM[0] - 2 * MARGIN_MM) / 2
        draw_symbol(pdf, symbol, x + 4, pdf.get_y() + 2.4)
        pdf.set_xy(x + 9, pdf.get_y())
        pdf.cell(80, 4.8, titles[at])
    pdf.ln(6.5)


def _entries(layer: ReportLayer) -> list[tuple[Symbol, tuple[str, str]]]:
    schema, style = get_schema(layer.schema), style_for(layer.schema)
    entries = legend_entries(style, schema.title_zh, schema.title_en)
    if style.by is not None and style.by in layer.frame:
        there = {str(value).lower() for value in layer.frame[style.by].dropna()}
        drawn = {case.title_en for case in style.cases if case.value.lower() in there}
        entries = [entry for entry in entries if entry.title_en in drawn] or entries
    return [(entry.symbol, (entry.title_zh, entry.title_en)) for entry in entries]


def _lists(pdf: FPDF, report: Report, at: int) -> None:
    listed = [layer for layer in report.layers if layer.listed and len(layer.frame)]
    for number, layer in enumerate(listed):
        room = PAGE_MM[1] - MARGIN_MM - FOOT_MM - pdf.get_y()
        _list(pdf, layer, at, room / (len(listed) - number))


def _list(pdf: FPDF, layer: ReportLayer, at: int, room_mm: float) -> None:
    """Write as many features as fit, one line each, and how many more there are."""
    schema = get_schema(layer.schema)
    fields = _fields(layer.frame, schema, at)
    shown = max(1, int((room_mm - 14) // ROW_MM) - any(field.unit for field in fields))
    pdf.set_font("text", size=10)
    pdf.cell(0, 6, f"{(schema.title_zh, schema.title_en)[at]} ({len(layer.frame)})", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", size=7.5)
    shares = [{"str": 1.7, "time": 1.3}.get(field.dtype, 1.0) for field in fields]
    widths = [share / sum(shares) * (PAGE_MM[0] - 2 * MARGIN_MM) for share in shares]
    _heading(pdf, fields, widths, at)
    columns = [layer.frame[f.name].head(shown).map(lambda value, f=f: _text(value, f, at)) for f in fields]
    for values in zip(*columns, strict=True):
        _row(pdf, list(values), widths)
    if len(layer.frame) > shown:
        more = WORDS["more"][at].format(len(layer.frame) - shown)
        pdf.cell(0, ROW_MM, more, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1.5)


def _heading(pdf: FPDF, fields: list[Field], widths: list[float], at: int) -> None:
    """Write the titles and, where there are any, their units below."""
    pdf.set_font("text", size=6.8)
    units = [f"({field.unit})" if field.unit else "" for field in fields]
    _row(pdf, [(field.title_zh, field.title_en)[at] for field in fields], widths, head=True, border=not any(units))
    if any(units):
        _row(pdf, units, widths, head=True)
    pdf.set_font("text", size=7.5)


def _row(pdf: FPDF, texts: list[str], widths: list[float], *, head: bool = False, border: bool = True) -> None:
    pdf.set_fill_color(232, 238, 242)
    for text, width in zip(texts, widths, strict=True):
        while text and pdf.get_string_width(text) > width - 2:
            text = text[:-2].rstrip("…") + "…" if len(text) > 2 else ""
        pdf.cell(width, ROW_MM, text, border="B" if border else 0, fill=head)
    pdf.ln(ROW_MM)


def _fields(frame: gpd.GeoDataFrame, schema: LayerSchema, at: int) -> list[Field]:
    """Return the schema's first columns that tell the features apart, in the page's language, and always their name."""
    other = ("_en", "_zh")[at]
    present = [
        field
        for field in schema.fields
        if field.name in frame and field.name not in UNLISTED and not field.name.endswith(other)
    ]
    telling = [field for field in present if field.name == "name" or frame[field.name].nunique(dropna=True) > 1]
    return (telling or present)[:COLUMNS_SHOWN]


def _text(value: Any, field: Field, at: int) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return (("否", "no"), ("是", "yes"))[int(value)][at]
    if isinstance(value, pd.Timestamp):
        # The city's clock, as in the page's head.
        return f"{value if value.tzinfo is None else value.tz_convert(CITY_ZONE):%Y-%m-%d %H:%M}"
    chosen = next((choice for choice in field.choices or () if choice.value == str(value)), None)
    if chosen is not None:
        return (chosen.title_zh, chosen.title_en)[at]
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"


def _one_language(text: str, at: int) -> str:
    """Return one half of "Chinese / English", and any other text whole."""
    halves = text.split(" / ")
    return halves[at] if len(halves) == 2 else text


def _foot(pdf: FPDF, report: Report, at: int) -> None:
    pdf.set_y(PAGE_MM[1] - MARGIN_MM - FOOT_MM)
    pdf.set_font("text", size=7)
    pdf.set_text_color(60)
    inputs = "; ".join(f"{entry['id']} sha256 {entry['sha256'][:12]}" for entry in report.provenance.get("inputs", []))
    version = report.provenance.get("versions", {}).get("suyuan", "")
    record = f"{WORDS['record'][at]}: {report.provenance.get('process', '')} · Suyuan {version} · {inputs}"
    facts = {fact[at] for fact in report.facts}
    notes = [text for text in (_one_language(warning, at) for warning in report.warnings) if text not in facts]
    for text in [f"{WORDS['notes'][at]}: {'; '.join(notes)}"] * bool(notes) + [record]:
        pdf.multi_cell(0, 3.8, text[:600], new_x="LMARGIN", new_y="NEXT")
    pdf.multi_cell(0, 3.8, WORDS["support"][at], new_x="LMARGIN", new_y="NEXT")
