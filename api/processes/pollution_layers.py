"""A surface of pollution as layers: classes, what lies above each level, districts, stations."""

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from shapely.geometry.base import BaseGeometry

from api.processes.incident_zones import frame_of
from api.processes.pollution_values import Values
from api.processes.zone_contents import DIVISIONS, Contents, Ledgers, contents_of
from geo.class_contours import above, classes, polygonal
from geo.geodesic import area_m2
from geo.interpolation import Surface
from layers.pollution_levels import Levels

BANDS = {"p90": 0.9, "p50": 0.5, "p10": 0.1}
_WORDS = ("low", "best", "high")


@dataclass(frozen=True)
class ClassPart:
    """The part of the area in one class, and what lies in it."""

    number: int
    shape: BaseGeometry
    inside: Contents


@dataclass(frozen=True)
class LevelPart:
    """Where a level is passed with a certainty ("surface" without one), and the people there."""

    number: int
    band: str
    shape: BaseGeometry
    people: dict[str, float]


def class_parts(surface: Surface, levels: Levels, area: BaseGeometry, known: Ledgers) -> list[ClassPart]:
    """Return the classes that have a place; together they are the area."""
    grid = surface.grid
    shapes = classes(area, grid.lon, grid.lat, surface.value, levels.values)
    there = [(number, shape) for number, shape in enumerate(shapes) if not shape.is_empty]
    return [ClassPart(number, shape, contents_of(shape, known, None)) for number, shape in there]


def level_parts(surface: Surface, levels: Levels, area: BaseGeometry, known: Ledgers) -> list[LevelPart]:
    """Return for each level the places above it with 90, 50 and 10 % probability, or above it on the surface.

    The 50 % band is where the surface itself is above the level. People of that band run from the fewest in the 90 %
    band to the most in the 10 % band.
    """
    found = []
    for number, level in enumerate(levels.values):
        shapes = _bands(surface, level, area)
        people = {band: contents_of(shape, _people_only(known), None).people for band, shape in shapes.items()}
        if people.get("p50"):
            sure, maybe = people.get("p90", {}), people["p10"]
            people["p50"] = people["p50"] | {
                "people_low": sure.get("people_low", 0.0),
                "people_high": maybe["people_high"],
            }
        found += [LevelPart(number, band, shape, people[band]) for band, shape in shapes.items()]
    return found


def _people_only(known: Ledgers) -> Ledgers:
    return Ledgers({}, {}, known.density)


def _bands(surface: Surface, level: float, area: BaseGeometry) -> dict[str, BaseGeometry]:
    lon, lat = surface.grid.lon, surface.grid.lat
    if surface.sd is None:
        drawn = {"surface": above(lon, lat, surface.value, level)}
    else:
        # Bounds of the surface make bands that lie within each other; contours of the chances itself need not.
        bounds = {band: surface.quantile(1.0 - least) for band, least in BANDS.items()}
        drawn = {band: above(lon, lat, bound, level) for band, bound in bounds.items()}
    cut = {band: polygonal(shape.intersection(area)) for band, shape in drawn.items() if not shape.is_empty}
    return {band: shape for band, shape in cut.items() if not shape.is_empty}


def zones_frame(parts: list[ClassPart], values: Values, levels: Levels, said: tuple[str, str]) -> gpd.GeoDataFrame:
    """Return the main layer: one feature per class that has a place, the cleanest first."""
    whole = sum(float(area_m2(part.shape)) for part in parts)
    rows = []
    for part in parts:
        size = float(area_m2(part.shape))
        figures = part.inside.summary()
        figures.pop("n_facilities")
        rows.append(
            _class(part.number, levels)
            | {
                "unit": levels.unit,
                "pollutant": values.column,
                "time": values.time,
                "area_km2": size / 1e6,
                "share_pct": min(100.0, 100.0 * size / whole),
                "assumptions_zh": said[0],
                "assumptions_en": said[1],
            }
            | figures
        )
    return frame_of("pollution_zones", rows, [part.shape for part in parts])


def _class(number: int, levels: Levels) -> dict[str, Any]:
    return {
        "class_no": number + 1,
        "category": None if levels.categories is None else levels.categories[number].number,
        "from_value": levels.values[number - 1] if number else np.nan,
        "to_value": levels.values[number] if number < len(levels.values) else np.nan,
    }


def above_frame(parts: list[LevelPart], levels: Levels, area: BaseGeometry) -> gpd.GeoDataFrame:
    """Return a feature per level and band."""
    whole = float(area_m2(area))
    rows = []
    for part in parts:
        size = float(area_m2(part.shape))
        title_zh, title_en = levels.title(part.number)
        named = {"level": levels.values[part.number], "level_zh": title_zh, "level_en": title_en, "band": part.band}
        rows.append(named | {"area_km2": size / 1e6, "share_pct": min(100.0, 100.0 * size / whole)} | part.people)
    return frame_of("pollution_above", rows, [part.shape for part in parts])


def districts_frame(parts: list[ClassPart], levels: Levels) -> gpd.GeoDataFrame:
    """Return the share of each district and township in each class."""
    rows, shapes = [], []
    for part in parts:
        for row, shape in zip(part.inside.divisions, part.inside.division_shapes, strict=True):
            rows.append(row | _class(part.number, levels) | {"share_pct": min(100.0, row["share_pct"])})
            shapes.append(shape)
    order = sorted(range(len(rows)), key=lambda i: (rows[i]["layer"] != DIVISIONS[0], rows[i]["name"]))
    return frame_of("pollution_districts", [rows[i] for i in order], [shapes[i] for i in order])


def stations_frame(surface: Surface, values: Values) -> gpd.GeoDataFrame:
    """Return the stations that counted, and how well the others tell each."""
    sites, check = surface.sites, surface.check
    names = values.names()
    sd = np.full(len(sites.values), np.nan) if check.sd is None else check.sd
    rows = [
        {
            "name": names[row],
            "value": value,
            "left_out": value - residual,
            "residual": residual,
            "residual_sd": error,
            "standardised": residual / error if error > 0.0 else np.nan,
        }
        for row, value, residual, error in zip(sites.row, sites.values, check.residual, sd, strict=True)
    ]
    return frame_of("pollution_stations", rows, list(gpd.points_from_xy(sites.lon, sites.lat)))
