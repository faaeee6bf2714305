"""The map on paper: layers as vectors on a local projection, with the styles of the web map."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from fpdf import FPDF
from fpdf.enums import PathPaintRule
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.geodesic import distance_m
from web_map.symbols import LayerStyle, Symbol

PX_MM = 0.2646  # a CSS pixel
MARGIN_SHARE = 0.06
SMALLEST_DEG = 0.012
# Meridians and parallels are drawn at the widest of these steps (degrees) of which three or more are seen.
STEPS_DEG = (10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
# Number of corners and turn of the first from north, degrees; what is not here is a disc.
SIDES = {
    "square": (4, 45.0),
    "diamond": (4, 0.0),
    "triangle": (3, 0.0),
    "triangle-down": (3, 180.0),
    "hexagon": (6, 0.0),
    "flame": (3, 0.0),
    "stack": (4, 45.0),
    "plus": (4, 0.0),
}
FINEST_MM = 0.03
SCALES_KM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True)
class MapFrame:
    """A box on the page (mm) and the part of the world in it: equirectangular, true to scale at its middle."""

    left: float
    top: float
    width: float
    height: float
    west: float
    north: float
    mm_per_deg_lon: float
    mm_per_deg_lat: float

    @classmethod
    def around(cls, frames: Sequence[gpd.GeoDataFrame], box: tuple[float, float, float, float]) -> "MapFrame":
        """Fit all features of `placed` frames into a box (left, top, width, height in mm)."""
        left, top, width, height = box
        bounds = np.array([frame.total_bounds for frame in frames])
        west, south = bounds[:, :2].min(axis=0)
        east, north = bounds[:, 2:].max(axis=0)
        lon, lat = (west + east) / 2, (south + north) / 2
        shrink = float(np.cos(np.radians(lat)))
        wide = max((east - west) * shrink, SMALLEST_DEG) * (1 + MARGIN_SHARE)
        high = max(north - south, SMALLEST_DEG) * (1 + MARGIN_SHARE)
        scale = min(width / wide, height / high)
        return cls(
            left,
            top,
            width,
            height,
            west=lon - width / scale / shrink / 2,
            north=lat + height / scale / 2,
            mm_per_deg_lon=scale * shrink,
            mm_per_deg_lat=scale,
        )

    def page(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return positions on the page (mm), shape (n, 2), of longitudes and latitudes."""
        x = self.left + (lonlat[:, 0] - self.west) * self.mm_per_deg_lon
        y = self.top + (self.north - lonlat[:, 1]) * self.mm_per_deg_lat
        return np.column_stack([x, y])


def placed(frames: Iterable[gpd.GeoDataFrame]) -> list[gpd.GeoDataFrame]:
    """Return the frames with at least one shape."""
    return [frame for frame in frames if np.isfinite(frame.total_bounds).all()]


def draw_layer(
    pdf: FPDF, frame: MapFrame, features: gpd.GeoDataFrame, style: LayerStyle, *, names: bool = False
) -> None:
    """Draw each feature with its symbol; with `names`, polygons carry their names."""
    values = features[style.by].astype("str").str.lower() if style.by in features else None
    for number, geometry in enumerate(features.geometry):
        if geometry is None or geometry.is_empty:
            continue
        symbol = _symbol(style, None if values is None else values.iloc[number])
        _draw(pdf, frame, geometry, symbol)
    if names and style.show_label and style.label in features:
        for name, point in zip(features[style.label], features.geometry.representative_point(), strict=True):
            _name(pdf, frame, str(name), point)


def draw_symbol(pdf: FPDF, symbol: Symbol, x: float, y: float) -> None:
    """Draw a symbol centred at a place on the page (mm), as the legend shows it."""
    if symbol.shape in ("area", "image"):
        corners = np.array([[x - 3.2, y - 1.7], [x + 3.2, y - 1.7], [x + 3.2, y + 1.7], [x - 3.2, y + 1.7]])
        _path(pdf, [corners], symbol, closed=True)
    elif symbol.shape == "line":
        _path(pdf, [np.array([[x - 3.2, y], [x + 3.2, y]])], symbol, closed=False)
    else:
        _mark(pdf, symbol, x, y)


def draw_graticule(pdf: FPDF, frame: MapFrame) -> None:
    """Draw meridians and parallels with their degrees, so that a zone amid nothing has its place."""
    east = frame.west + frame.width / frame.mm_per_deg_lon
    south = frame.north - frame.height / frame.mm_per_deg_lat
    least = min(east - frame.west, frame.north - south)
    step = next((one for one in STEPS_DEG if least / one >= 3.0), STEPS_DEG[-1])
    digits = max(0, int(np.ceil(-np.log10(step))))
    with pdf.local_context():
        pdf.set_draw_color(205)
        pdf.set_text_color(120)
        pdf.set_line_width(0.15)
        pdf.set_font("text", size=6)
        for lon in np.arange(np.ceil(frame.west / step), np.floor(east / step) + 1) * step:
            ((x, _),) = frame.page(np.array([[lon, south]]))
            pdf.line(x, frame.top, x, frame.top + frame.height)
            if x < frame.left + frame.width - 12:
                pdf.text(x + 0.6, frame.top + 2.6, f"{abs(lon):.{digits}f}°{'W' if lon < 0 else 'E'}")
        for lat in np.arange(np.ceil(south / step), np.floor(frame.north / step) + 1) * step:
            ((_, y),) = frame.page(np.array([[frame.west, lat]]))
            pdf.line(frame.left, y, frame.left + frame.width, y)
            if y < frame.top + frame.height - 9:  # the scale stands below
                pdf.text(frame.left + 0.8, y - 0.6, f"{abs(lat):.{digits}f}°{'S' if lat < 0 else 'N'}")


def draw_scale(pdf: FPDF, frame: MapFrame) -> None:
    """Draw a bar of a round length, and an arrow to the north."""
    middle = frame.north - frame.height / frame.mm_per_deg_lat / 2
    km_per_mm = float(distance_m(frame.west, middle, frame.west + 1 / frame.mm_per_deg_lon, middle)) / 1000
    length = max((km for km in SCALES_KM if km / km_per_mm <= frame.width / 4), default=SCALES_KM[0])
    x, y = frame.left + 4, frame.top + frame.height - 4
    with pdf.local_context():
        pdf.set_draw_color(0)
        pdf.set_line_width(0.5)
        pdf.line(x, y, x + length / km_per_mm, y)
        pdf.set_font("text", size=8)
        pdf.text(x, y - 1.2, f"{length:g} km")
        pdf.text(frame.left + frame.width - 8, frame.top + 6, "N ↑")


def _symbol(style: LayerStyle, value: str | None) -> Symbol:
    cases = {case.value.lower(): case.symbol for case in style.cases}
    return cases.get(value or "", style.symbol)


def _draw(pdf: FPDF, frame: MapFrame, geometry: BaseGeometry, symbol: Symbol) -> None:
    for part in shapely.get_parts(geometry):
        if part.geom_type == "Polygon" and symbol.shape in ("area", "image"):
            rings = [part.exterior, *part.interiors]
            _path(pdf, [_line(frame, ring) for ring in rings], symbol, closed=True)
        elif part.geom_type == "LineString":
            _path(pdf, [_line(frame, part)], symbol, closed=False)
        else:
            place = part if part.geom_type == "Point" else part.representative_point()
            ((x, y),) = frame.page(shapely.get_coordinates(place))
            _mark(pdf, symbol, float(x), float(y))


def _line(frame: MapFrame, line: shapely.LineString) -> NDArray[np.float64]:
    """Return a line on the page without the points that no printer can show."""
    page = shapely.linestrings(frame.page(shapely.get_coordinates(line)))
    return shapely.get_coordinates(shapely.simplify(page, FINEST_MM))


def _path(pdf: FPDF, rings: Sequence[NDArray[np.float64]], symbol: Symbol, *, closed: bool) -> None:
    """Draw lines or rings (mm) as one path: what lies within two rings is a hole."""
    with pdf.new_path(paint_rule=PathPaintRule.STROKE_FILL_EVENODD if closed else PathPaintRule.STROKE) as path:
        path.style.stroke_color = symbol.stroke
        path.style.stroke_width = symbol.weight * PX_MM
        path.style.stroke_dash_pattern = [float(length) * PX_MM for length in symbol.dash.split()] or None
        if closed:
            path.style.fill_color = symbol.fill
            path.style.fill_opacity = symbol.fill_opacity
        for ring in rings:
            path.move_to(*_rounded(ring[0]))
            for point in ring[1:]:
                path.line_to(*_rounded(point))
            if closed:
                path.close()


def _mark(pdf: FPDF, symbol: Symbol, x: float, y: float) -> None:
    """Draw a sign of the symbol's shape, with its text."""
    size = symbol.size * PX_MM * 0.8
    corners = SIDES.get(symbol.shape)
    if corners is None:
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    else:
        count, turn = corners
        angles = np.radians(turn) + np.arange(count) * 2 * np.pi / count
    outline = np.column_stack([x + size * np.sin(angles), y - size * np.cos(angles)])
    _path(pdf, [outline], replace(symbol, weight=symbol.weight * 0.6), closed=True)
    if symbol.text:
        with pdf.local_context():
            pdf.set_text_color(symbol.text_colour)
            pdf.set_font("text", size=5)
            pdf.text(x - pdf.get_string_width(symbol.text) / 2, y + 0.65, symbol.text)


def _name(pdf: FPDF, frame: MapFrame, name: str, point: shapely.Point) -> None:
    ((x, y),) = frame.page(shapely.get_coordinates(point))
    with pdf.local_context():
        pdf.set_text_color(90)
        pdf.set_font("text", size=8)
        pdf.text(float(x) - pdf.get_string_width(name) / 2, float(y), name)


def _rounded(point: NDArray[np.float64]) -> tuple[float, float]:
    return round(float(point[0]), 3), round(float(point[1]), 3)
