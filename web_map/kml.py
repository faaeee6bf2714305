"""Results as styled KML or KMZ: one folder a layer, its symbols, its attributes as extended data."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from layers.catalogue import get_schema
from web_map.styles import style_for
from web_map.symbols import LayerStyle, Symbol

NAMESPACE = "http://www.opengis.net/kml/2.2"
_DIGITS = 7
# Of a moment that never changes, so that the same result is the same file.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class KmlLayer:
    """A layer to write: features in longitude and latitude, and the id of their schema."""

    frame: gpd.GeoDataFrame
    schema: str


def kml_text(name: str, description: str, layers: Sequence[KmlLayer], *, at: int = 0) -> bytes:
    """Return a KML 2.2 document; `at` is 0 for Chinese titles, 1 for English ones."""
    root = ET.Element("kml", xmlns=NAMESPACE)
    document = ET.SubElement(root, "Document")
    _text(document, "name", name)
    _text(document, "description", description)
    for layer in layers:
        style = style_for(layer.schema)
        for key, symbol in _symbols(style).items():
            _style(document, f"{layer.schema}-{key}", symbol)
    for layer in layers:
        if len(layer.frame):
            _folder(document, layer, at)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="utf-8")


def kmz_bytes(kml: bytes) -> bytes:
    """Return a KML document as a KMZ archive, in which it is called doc.kml."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo("doc.kml", _ZIP_DATE), kml, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _folder(document: ET.Element, layer: KmlLayer, at: int) -> None:
    schema, style = get_schema(layer.schema), style_for(layer.schema)
    titles = {field.name: (field.title_zh, field.title_en)[at] for field in schema.fields}
    folder = ET.SubElement(document, "Folder")
    _text(folder, "name", (schema.title_zh, schema.title_en)[at])
    label = style.label_en if at and style.label_en else style.label
    # KML draws what comes later on top: the small, grave zones last.
    order = reversed(range(len(layer.frame))) if "severity" in layer.frame else range(len(layer.frame))
    for number in order:
        row = layer.frame.iloc[number]
        if row.geometry is None or row.geometry.is_empty:
            continue
        mark = ET.SubElement(folder, "Placemark")
        _text(mark, "name", _plain(row.get(label)) or (schema.title_zh, schema.title_en)[at])
        case = str(row.get(style.by, "")).lower() if style.by else ""
        known = {entry.value.lower(): entry.value for entry in style.cases}
        _text(mark, "styleUrl", f"#{layer.schema}-{known.get(case, 'default')}")
        _extended(mark, row.drop("geometry"), titles)
        mark.append(_geometry(row.geometry))


def _extended(mark: ET.Element, values: pd.Series, titles: Mapping[str, str]) -> None:
    data = ET.SubElement(mark, "ExtendedData")
    for name, value in values.items():
        text = _plain(value)
        if text:
            one = ET.SubElement(data, "Data", name=str(name))
            _text(one, "displayName", titles.get(str(name), str(name)))
            _text(one, "value", text)


def _plain(value: Any) -> str:
    if value is None or bool(pd.isna(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _symbols(style: LayerStyle) -> dict[str, Symbol]:
    return {"default": style.symbol} | {case.value: case.symbol for case in style.cases}


def _style(document: ET.Element, key: str, symbol: Symbol) -> None:
    style = ET.SubElement(document, "Style", id=key)
    if symbol.shape not in ("area", "line", "image"):
        icon = ET.SubElement(style, "IconStyle")
        _text(icon, "color", _colour(symbol.stroke, 1.0))
    line = ET.SubElement(style, "LineStyle")
    _text(line, "color", _colour(symbol.stroke, 1.0))
    _text(line, "width", f"{symbol.weight:g}")
    if symbol.shape == "area":
        area = ET.SubElement(style, "PolyStyle")
        _text(area, "color", _colour(symbol.fill, symbol.fill_opacity))


def _colour(css: str, opacity: float) -> str:
    """Turn #rrggbb into KML's aabbggrr."""
    red, green, blue = (css[i : i + 2] for i in (1, 3, 5))
    return f"{round(opacity * 255):02x}{blue}{green}{red}".lower()


def _text(parent: ET.Element, tag: str, text: str) -> None:
    # Control characters are not allowed in XML at all.
    ET.SubElement(parent, tag).text = "".join(c for c in text if c >= " " or c in "\n\t")


def _geometry(shape: BaseGeometry) -> ET.Element:
    parts = shapely.get_parts(shape)
    if len(parts) > 1:
        several = ET.Element("MultiGeometry")
        several.extend(_geometry(part) for part in parts)
        return several
    part = parts[0]
    if part.geom_type == "Polygon":
        return _polygon(part)
    made = ET.Element("Point" if part.geom_type == "Point" else "LineString")
    if part.geom_type != "Point":
        _text(made, "tessellate", "1")
    _text(made, "coordinates", _coordinates(part))
    return made


def _polygon(part: shapely.Polygon) -> ET.Element:
    made = ET.Element("Polygon")
    _text(made, "tessellate", "1")
    part = shapely.geometry.polygon.orient(part)
    for tag, ring in [("outerBoundaryIs", part.exterior), *(("innerBoundaryIs", hole) for hole in part.interiors)]:
        _text(ET.SubElement(ET.SubElement(made, tag), "LinearRing"), "coordinates", _coordinates(ring))
    return made


def _coordinates(shape: BaseGeometry) -> str:
    return " ".join(f"{x:.{_DIGITS}f},{y:.{_DIGITS}f}" for x, y in shapely.get_coordinates(shape))
