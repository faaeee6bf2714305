"""The zones of an incident as layers: one feature per level, bands of the ensemble, lines of arrival."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from api.processes.incident_inputs import IncidentInputs, Scheme
from geo.geodesic import area_m2
from layers.catalogue import get_schema
from layers.frames import WGS84
from layers.substances import Substance, Threshold, mg_m3_from_ppm, ppm_from_mg_m3
from tracing.drift import DriftingPuffs, drift_zone
from tracing.drift_ensemble import DriftMembers, drift_chances
from tracing.local_field import shape_to_lonlat
from tracing.plume import Plume
from tracing.plume_zone import on_the_ground, outline, turned, zone_m
from tracing.zone_ensemble import BANDS, Member, Model, chances, turning

MINUTES = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360)
_KINDS = {"str": "str", "float": "float64", "bool": "bool", "int": "Int64", "time": "datetime64[ms, UTC]"}


@dataclass
class Drawn:
    """What has been drawn of a level: its threshold (mg/m3), zone, bands, lines, and what must be said."""

    level: Threshold
    threshold: float
    zone: BaseGeometry
    reach_km: float
    cut: bool
    arrival_min: float
    bands: dict[str, BaseGeometry] = field(default_factory=dict)
    reaches_km: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    lines: dict[int, BaseGeometry] = field(default_factory=dict)


def levels_of(inputs: IncidentInputs, substance: Substance) -> tuple[Threshold, ...]:
    """Return the threat levels asked for, the gravest first; by default the first scheme that has any."""
    if inputs.levels:
        chosen = dict.fromkeys(inputs.levels)
        return tuple(t for scheme in chosen for t in substance.levels(scheme, minutes=inputs.duration_min))
    schemes: tuple[Scheme, ...] = ("hj169", "aegl", "erpg", "pac")
    found = (substance.levels(scheme, minutes=inputs.duration_min) for scheme in schemes)
    return next((levels for levels in found if levels), ())


def draw(
    inputs: IncidentInputs,
    substance: Substance,
    model: Model | DriftingPuffs,
    ensemble: Sequence[Member] | DriftMembers,
) -> tuple[list[Drawn], list[str]]:
    """Draw each level that is reached, and say why the others are not."""
    levels = levels_of(inputs, substance)
    if not levels:
        return [], [
            f"{substance.name} 没有所选的阈值，不划范围 / {substance.name} has no such threat levels: "
            "no zone is drawn; add levels with --substances FILE"
        ]
    drawn, said = [], []
    for level in levels:
        mass = threshold_of(level, inputs, substance)
        made = (
            _draw_drift(inputs, level, mass, model)
            if isinstance(model, DriftingPuffs)
            else _draw_steady(inputs, level, mass, model)
        )
        if made is None:
            said.append(_not_reached(level, mass))
            continue
        if ensemble:
            _add_bands(made, ensemble, model, inputs.receptor_height)
        said += [_cut(level, made.reach_km)] if made.cut else []
        drawn.append(made)
    return drawn, said


def threshold_of(level: Threshold, inputs: IncidentInputs, substance: Substance) -> float:
    """Return a level in mg/m3 at the air's temperature and pressure."""
    gas = {"temperature_c": inputs.temperature_c, "pressure_hpa": inputs.pressure_hpa}
    return level.value if level.unit == "mg/m3" else mg_m3_from_ppm(level.value, substance.molar_mass, **gas)


def _draw_steady(inputs: IncidentInputs, level: Threshold, mass: float, model: Model) -> Drawn | None:
    shape = zone_m(model, mass, inputs.receptor_height)
    if shape.is_empty:
        return None
    plume = isinstance(model, Plume)
    reach = float(shape.bounds[2]) if plume else float(np.hypot(*shapely.get_coordinates(shape).T).max())
    turned_shape = turned(shape, model.air.wind_from_deg)
    made = Drawn(
        level,
        mass,
        on_the_ground(turned_shape, model),
        reach / 1000.0,
        reach > 0.999 * model.limit_m,
        float(model.arrival(np.array([reach]))[0]) / 60.0 if isinstance(model, Plume) else np.nan,
    )
    made.bands["turning"] = on_the_ground(turning(turned_shape, inputs.turn_deg), model)
    if isinstance(model, Plume):
        made.lines = _plume_lines(model, mass, inputs.receptor_height)
    return made


def _add_bands(
    made: Drawn, ensemble: Sequence[Member] | DriftMembers, model: Model | DriftingPuffs, z_m: float
) -> None:
    found = (
        drift_chances(ensemble, made.threshold, z_m=z_m)
        if isinstance(ensemble, DriftMembers)
        else chances(ensemble, made.threshold, z_m=z_m)
    )
    if found is None:
        return
    for percent in BANDS:
        shape = found.band(percent)
        if shape.area > found.least_m2:
            made.bands[f"p{percent}"] = shape_to_lonlat(shape, model.release.lon, model.release.lat)
    low, middle, high = (float(v) for v in np.percentile(found.reaches_m, BANDS) / 1000.0)
    made.reaches_km = (low, middle, high)


def _plume_lines(model: Plume, mass: float, z_m: float) -> dict[int, BaseGeometry]:
    """Return a line across the zone for each time of arrival."""
    found = outline(model, mass, z_m=z_m)
    x = np.geomspace(0.5, max(found.reach_m, 1.0), 400)
    times = model.arrival(x) / 60.0
    lines = {}
    for minutes in MINUTES:
        along = float(np.interp(minutes, times, x))
        half = float(found.half_at(np.array([along]))[0])
        if times[0] < minutes < times[-1] and half > 0.0:
            across = shapely.LineString([(along, -half), (along, half)])
            lines[minutes] = on_the_ground(turned(across, model.air.wind_from_deg), model)
    return lines


def _draw_drift(inputs: IncidentInputs, level: Threshold, mass: float, model: DriftingPuffs) -> Drawn | None:
    found = drift_zone(model, mass, inputs.receptor_height)
    if found.shape.is_empty:
        return None
    reach = float(np.hypot(*shapely.get_coordinates(found.shape).T).max())
    place = model.release.lon, model.release.lat
    made = Drawn(level, mass, shape_to_lonlat(found.shape, *place), reach / 1000.0, reach > model.limit_m, np.nan)
    made.bands["turning"] = shape_to_lonlat(turning(found.shape, inputs.turn_deg), *place)
    for minutes in MINUTES:
        reached = found.arrivals(minutes)
        if minutes < inputs.hours * 60.0 and not reached.is_empty and reached.area < 0.98 * found.shape.area:
            made.lines[minutes] = shape_to_lonlat(shapely.boundary(reached), *place)
    return made


def _not_reached(level: Threshold, mass: float) -> str:
    return (
        f"{level.title_zh}（{mass:.3g} mg/m3）未达到，不划范围 / "
        f"{level.title_en} ({mass:.3g} mg/m3) is not reached: no zone"
    )


def _cut(level: Threshold, reach_km: float) -> str:
    return (
        f"{level.title_zh} 超出模型适用范围（10 km 或 1 h），在 {reach_km:.1f} km 处截断 / "
        f"{level.title_en} goes beyond the model's validity (10 km, 1 h): "
        f"cut at {reach_km:.1f} km, the real zone is longer"
    )


def zones_frame(
    drawn: Sequence[Drawn],
    inputs: IncidentInputs,
    substance: Substance,
    said: tuple[str, str],
    contents: Sequence[dict[str, Any]],
) -> gpd.GeoDataFrame:
    """Return the main layer: a feature per level, the gravest first; `said` are the assumptions in both languages."""
    gas = {"temperature_c": inputs.temperature_c, "pressure_hpa": inputs.pressure_hpa}
    rows = [
        _named(one)
        | {
            "version": 1,
            "substance": substance.name,
            "threshold_mg_m3": one.threshold,
            "threshold_ppm": one.level.value
            if one.level.unit == "ppm"
            else ppm_from_mg_m3(one.threshold, substance.molar_mass, **gas),
            "area_km2": float(area_m2(one.zone)) / 1e6,
            "reach_km": one.reach_km,
            "cut": one.cut,
            "arrival_min": one.arrival_min,
            **dict(zip(("reach_p10_km", "reach_p50_km", "reach_p90_km"), one.reaches_km, strict=True)),
            "assumptions_zh": said[0],
            "assumptions_en": said[1],
            "source": one.level.source,
        }
        | inside
        for one, inside in zip(drawn, contents, strict=True)
    ]
    return frame_of("affected_zones", rows, [one.zone for one in drawn])


def bands_frame(drawn: Sequence[Drawn], members: int, turn_deg: float) -> gpd.GeoDataFrame:
    """Return the bands of the ensemble and the envelope if the wind turns."""
    rows, shapes = [], []
    for one in drawn:
        for band, shape in one.bands.items():
            wind = {"turn_deg": turn_deg} if band == "turning" else {"members": members}
            rows.append(_named(one) | {"band": band, "area_km2": float(area_m2(shape)) / 1e6} | wind)
            shapes.append(shape)
    return frame_of("zone_bands", rows, shapes)


def lines_frame(drawn: Sequence[Drawn]) -> gpd.GeoDataFrame:
    """Return the lines of arrival in the widest zone that is drawn."""
    if not drawn:
        return frame_of("arrival_lines", [], [])
    widest = max(drawn, key=lambda one: one.reach_km)
    rows = [_named(widest) | {"minutes": float(minutes)} for minutes in widest.lines]
    return frame_of("arrival_lines", rows, list(widest.lines.values()))


def _named(one: Drawn) -> dict[str, Any]:
    return {"severity": one.level.severity, "level_zh": one.level.title_zh, "level_en": one.level.title_en}


def frame_of(schema_id: str, rows: list[dict[str, Any]], shapes: list[BaseGeometry]) -> gpd.GeoDataFrame:
    """Return a layer with the columns of its schema, in order, whatever the rows leave out."""
    schema = get_schema(schema_id)
    names = [name for name in schema.names if name != "synthetic"]
    table = pd.DataFrame(rows, columns=names)
    table = table.astype({name: _KINDS[schema.field(name).dtype] for name in names})
    # A text that is not there is a gap, not the word for it.
    for name in names:
        if schema.field(name).dtype == "str":
            table[name] = table[name].where(pd.DataFrame(rows, columns=names)[name].notna(), None)
    return gpd.GeoDataFrame(table, geometry=shapes, crs=WGS84)
