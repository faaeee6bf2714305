"""Who and what is inside a polygon: divisions, people, the ledgers' objects; by area, never by centroid."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from api.processes.context import Context
from geo.geodesic import GEOD
from geo.overlay import Density, people_inside, share_inside
from layers.catalogue import UnknownLayer, get_schema

DIVISIONS = ("districts", "townships")
_LEFT_OUT = {*DIVISIONS, "region"}
_NAMES = ("name", "名称", "plant", "id", "station_id")
# Columns by which somebody can be reached or found, in whatever words the ledger has.
_CONTACT = ("contact", "phone", "tel", "mobile", "address", "联系", "电话", "手机", "负责人", "地址", "责任人")


@dataclass
class Contents:
    """What lies in one polygon: rows and shapes of the divisions and the objects, people, what must be said."""

    divisions: list[dict[str, Any]] = field(default_factory=list)
    division_shapes: list[BaseGeometry] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)
    object_shapes: list[BaseGeometry] = field(default_factory=list)
    people: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures that go with the polygon itself."""
        names = [row["name"] for row in self.divisions if row["layer"] == "districts"]
        return self.people | {"districts": "、".join(names) or None, "n_facilities": len(self.objects)}


@dataclass(frozen=True)
class Ledgers:
    """What is looked for inside polygons: divisions, objects by layer, and the grid of people."""

    divisions: dict[str, gpd.GeoDataFrame]
    objects: dict[str, gpd.GeoDataFrame]
    density: Density | None


def ledgers(context: Context, wanted: Sequence[str], density: Density | None) -> Ledgers:
    """Read the layers that are looked through: those wanted, or all that somebody brought in.

    Raises
    ------
    InvalidInput
        A layer that is wanted is not there.
    """
    if not wanted and not context.workspace.exists():
        return Ledgers({}, {}, density)
    there = {record.id: record for record in context.workspace.records()} if context.workspace.exists() else {}
    divisions = {name: context.vector(name) for name in DIVISIONS if name in there}
    names = wanted or [
        name
        for name, record in there.items()
        if record.kind == "vector" and name not in _LEFT_OUT and not get_schema(record.schema).derived
    ]
    return Ledgers(divisions, {name: context.vector(name) for name in names}, density)


def contents_of(zone: BaseGeometry, known: Ledgers, source: tuple[float, float] | None) -> Contents:
    """Return what lies in a polygon (degrees); distances are from `source` (lon, lat)."""
    found = Contents()
    if known.density is not None:
        found.people = _people(zone, known.density)
    for layer, frame in known.divisions.items():
        for row in _meeting(frame, zone).itertuples():
            part, area, share = share_inside(row.geometry, zone)
            if area == 0.0:
                continue
            people = {} if known.density is None else _people(part, known.density)
            named = {"layer": layer, "name": str(getattr(row, "name", ""))}
            found.divisions.append(named | {"area_km2": area, "share_pct": 100.0 * share} | people)
            found.division_shapes.append(part)
    for layer, frame in known.objects.items():
        _add_objects(found, layer, frame, zone, source)
    return found


def _meeting(frame: gpd.GeoDataFrame, zone: BaseGeometry) -> gpd.GeoDataFrame:
    return frame.iloc[np.sort(frame.sindex.query(zone, predicate="intersects"))]


def _people(zone: BaseGeometry, density: Density) -> dict[str, float]:
    found = people_inside(zone, density)
    # Whole persons: a grid knows no halves.
    return {
        "people_low": float(np.floor(found.low)),
        "people_best": float(np.round(found.best)),
        "people_high": float(np.ceil(found.high)),
    }


def _add_objects(
    found: Contents, layer: str, frame: gpd.GeoDataFrame, zone: BaseGeometry, source: tuple[float, float] | None
) -> None:
    inside = _meeting(frame, zone)
    name_column = next((name for name in _NAMES if name in frame), None)
    contacts = [name for name in frame.columns if any(word in str(name).lower() for word in _CONTACT)]
    for _, row in inside.iterrows():
        shape = row.geometry
        share = 100.0
        if shape.geom_type in ("Polygon", "MultiPolygon"):
            share = 100.0 * share_inside(shape, zone)[2]
            if share == 0.0:
                continue
        told = [f"{name}: {row[name]}" for name in contacts if pd.notna(row[name]) and str(row[name]).strip()]
        found.objects.append(
            {
                "layer": layer,
                "name": None if name_column is None or pd.isna(row[name_column]) else str(row[name_column]),
                "distance_km": _distance_km(shape, source),
                "share_pct": share,
                "contact": "; ".join(told) or None,
            }
        )
        found.object_shapes.append(shape)


def _distance_km(shape: BaseGeometry, source: tuple[float, float] | None) -> float:
    """Return the distance (km) from the source to the nearest point of a shape."""
    if source is None:
        return float("nan")
    point = shapely.Point(*source)
    near = shapely.get_coordinates(shapely.shortest_line(point, shape))[-1]
    return float(GEOD.inv(*source, *near)[2]) / 1000.0


def told(found: Contents) -> tuple[str, str]:
    """Return one sentence on what is inside, in Chinese and English; empty where nothing was looked for."""
    zh, en = [], []
    if found.people:
        low, best, high = (found.people[f"people_{word}"] for word in ("low", "best", "high"))
        zh.append(f"约 {best:.0f} 人（{low:.0f}–{high:.0f}）")
        en.append(f"about {best:.0f} people ({low:.0f} to {high:.0f})")
    if found.divisions:
        names = "、".join(dict.fromkeys(f"{row['name']}" for row in found.divisions))
        zh.append(f"涉及 {names}")
        en.append(f"in {names}")
    if found.objects:
        counts = pd.Series([row["layer"] for row in found.objects]).value_counts()
        zh.append("，".join(f"{title_of(str(layer))[0]} {count} 处" for layer, count in counts.items()))
        en.append(", ".join(f"{count} {title_of(str(layer))[1].lower()}" for layer, count in counts.items()))
    return "，".join(zh), ", ".join(en)


def title_of(layer: str) -> tuple[str, str]:
    """Return a layer's titles, or its id where it has no schema of its own."""
    try:
        schema = get_schema(layer)
    except UnknownLayer:
        return layer, layer
    return schema.title_zh, schema.title_en
