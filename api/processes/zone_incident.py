"""事故影响范围: the zone around a continuous release in which the substance's threat levels are passed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import geopandas as gpd
import pandas as pd
import shapely
from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer
from api.processes.context import Context
from api.processes.receptor_table import with_concentrations
from geo.errors import InvalidInput
from layers.catalogue import get_schema
from layers.dense_gas import dense_warning
from layers.substances import (
    UNCHECKED,
    Substance,
    Threshold,
    find_substance,
    load_substances,
    mg_m3_from_ppm,
    ppm_from_mg_m3,
)
from layers.writers import write_table
from tracing.plume import Air, Plume, Release, continuous_plume
from tracing.plume_zone import zone
from tracing.stability import most_stable_class, pasquill_class

Scheme = Literal["hj169", "aegl", "erpg", "pac"]


class IncidentInputs(Inputs):
    """What escapes where, and the air that carries it."""

    lat: float = Field(description="latitude of the source, WGS 84 degrees", examples=[34.60])
    lon: float = Field(description="longitude of the source, WGS 84 degrees", examples=[119.22])
    substance: str = Field(description="English or Chinese name, formula or CAS number", examples=["chlorine"])
    rate_g_s: float = Field(description="release rate, g/s", examples=[500.0])
    height: float = Field(description="release height above ground, m", examples=[2.0])
    wind_speed: float = Field(description="wind speed, m/s, at least 1", examples=[2.5])
    wind_from: float = Field(description="direction from which the wind blows, degrees", examples=[45.0])
    wind_height: float = Field(10.0, description="height of the wind measurement, m")
    stability: str | None = Field(None, description="Pasquill class A to F", examples=["D"])
    sun: Literal["strong", "moderate", "slight"] | None = Field(None, description="by day: the class from wind and sun")
    night: Literal["cloudy", "clear"] | None = Field(None, description="by night: the class from wind and cloud")
    obukhov: float | None = Field(None, description="Obukhov length, m; with --ustar", examples=[-30.0])
    ustar: float | None = Field(None, description="friction velocity, m/s; with --obukhov", examples=[0.4])
    sigma_azimuth: float | None = Field(None, description="standard deviation of the wind direction, degrees")
    mixing_height: float | None = Field(None, description="mixing height, m; without it no lid")
    terrain: Literal["rural", "urban"] = Field("rural", description="open country or town")
    averaging_min: float = Field(10.0, description="averaging time of the concentration, 3 to 60 min")
    levels: tuple[Scheme, ...] = Field(
        (), description="threat levels; by default HJ 169 end points, else AEGL, ERPG, PAC, the first there is"
    )
    duration_min: int = Field(60, ge=1, le=480, description="exposure time, min: picks the AEGL duration")
    temperature_c: float = Field(25.0, description="air temperature, °C")
    pressure_hpa: float = Field(1013.25, description="air pressure, hPa")
    receptor_height: float = Field(1.5, ge=0.0, le=300.0, description="height at which people breathe, m")
    substances: Annotated[tuple[str, ...], Cli(metavar="FILE")] = Field(
        (), description="your own tables of substances and levels"
    )
    receptors: Annotated[str | None, Cli(metavar="IN.csv")] = Field(
        None, description="places (lon, lat or x_m, y_m; z_m) for which the concentration is wanted"
    )
    receptors_output: Annotated[str | None, Cli(metavar="OUT.csv")] = Field(
        None, exclude=True, description="the receptors with concentration_mg_m3"
    )


def run(inputs: IncidentInputs, context: Context) -> Outcome:
    """Make the plume, contour it at each level, and read it at the receptors."""
    _check_receptor_options(inputs)
    known = load_substances([context.file(path) for path in inputs.substances])
    substance = find_substance(inputs.substance, known)
    air, notes = _air(inputs)
    plume = continuous_plume(
        Release(inputs.lon, inputs.lat, inputs.rate_g_s, inputs.height),
        air,
        terrain=inputs.terrain,
        averaging_min=inputs.averaging_min,
    )
    gas = {"temperature_c": inputs.temperature_c, "pressure_hpa": inputs.pressure_hpa}
    notes += [*plume.warnings, *_place_notes(inputs, context)]
    notes += _unchecked(substance)
    heavy = dense_warning(substance, inputs.rate_g_s, air.wind_speed_m_s, **gas)
    notes += [heavy] if heavy else []
    frame, said = _zones(inputs, plume, substance)
    side_files = _receptors(inputs, context, plume, notes)
    drawn = ", ".join(f"{row.level_en} {row.reach_km:.2f} km" for row in frame.itertuples()) or "no level is reached"
    drawn_zh = "，".join(f"{row.level_zh} {row.reach_km:.2f} km" for row in frame.itertuples()) or "未达到任何阈值"
    return Outcome(
        layers={"affected_zones": ResultLayer(frame, "affected_zones")},
        summary_zh=f"{substance.name_zh or substance.name} 影响范围最远距离：{drawn_zh}（辅助决策，不能代替决策）",
        summary_en=f"{substance.name} reaches: {drawn} (supports a decision, does not replace it)",
        warnings=(*notes, *said),
        side_files=side_files,
    )


def _unchecked(substance: Substance) -> list[str]:
    if not any(UNCHECKED in item.source for item in substance.thresholds):
        return []
    return [
        f"{substance.name_zh or substance.name} 的内置阈值尚未与原始文件核对，使用前请核对 / the built-in levels of "
        f"{substance.name} are not yet checked against their documents: compare them before you rely on the zone"
    ]


def _receptors(
    inputs: IncidentInputs, context: Context, plume: Plume, notes: list[str]
) -> dict[Path, Callable[[Path], None]]:
    """Return the table of receptors to write, if one was asked for; what must be said of it joins the notes."""
    if inputs.receptors is None or inputs.receptors_output is None:
        return {}
    source = context.file(inputs.receptors)
    table, beyond = with_concentrations(source, plume, default_z_m=inputs.receptor_height)
    if beyond:
        notes.append(f"{beyond} 个受体在模型适用范围外，浓度留空 / {beyond} receptors beyond the model are left empty")
    return {Path(inputs.receptors_output): partial(_write_table, table)}


def _check_receptor_options(inputs: IncidentInputs) -> None:
    if (inputs.receptors is None) != (inputs.receptors_output is None):
        raise InvalidInput("--receptors and --receptors-output belong together: give both")
    if inputs.receptors_output is not None:
        path = Path(inputs.receptors_output)
        if path.suffix.lower() not in (".csv", ".xlsx"):
            raise InvalidInput(f"--receptors-output {path}: write a .csv or .xlsx file")
        if not path.absolute().parent.is_dir():
            raise InvalidInput(f"--receptors-output {path}: the folder {path.parent} is not there; create it first")


def _write_table(table: pd.DataFrame, path: Path) -> None:
    write_table(table, path)


def _air(inputs: IncidentInputs) -> tuple[Air, list[str]]:
    """Return the air, its class found where none is given, and what was assumed."""
    stability, notes = inputs.stability, []
    if inputs.sun or inputs.night:
        if stability or inputs.obukhov is not None:
            raise InvalidInput("--sun and --night find the class: leave --stability and --obukhov out")
        stability = pasquill_class(inputs.wind_speed, sun=inputs.sun, night=inputs.night)
    elif stability is None and inputs.obukhov is None and inputs.ustar is None:
        stability = most_stable_class(inputs.wind_speed)
        notes.append(
            f"未给稳定度，按该风速下最稳定的 {stability} 类 / no stability was given: taken as {stability}, the most "
            "stable class at this wind; give --stability, or --sun or --night"
        )
    air = Air(
        inputs.wind_speed,
        inputs.wind_from,
        inputs.wind_height,
        stability,
        obukhov_m=inputs.obukhov,
        ustar_m_s=inputs.ustar,
        sigma_azimuth_deg=inputs.sigma_azimuth,
        mixing_height_m=inputs.mixing_height,
    )
    return air, notes


def _place_notes(inputs: IncidentInputs, context: Context) -> list[str]:
    if not context.has_layer("districts"):
        return []
    city = context.vector("districts")
    if city.geometry.intersects(shapely.Point(inputs.lon, inputs.lat)).any():
        return []
    return [
        "源点在本市区县之外或海上，平坦均匀地面的假设可能不成立 / "
        "the source lies outside the city's districts or at sea: flat, uniform ground may not hold"
    ]


def _zones(inputs: IncidentInputs, plume: Plume, substance: Substance) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return one feature per level that is reached, the gravest first, and what must be said of the others."""
    rows, shapes, said = [], [], []
    gas = {"temperature_c": inputs.temperature_c, "pressure_hpa": inputs.pressure_hpa}
    levels = _levels(inputs, substance)
    if not levels:
        said.append(
            f"{substance.name} 没有所选的阈值，不划范围 / {substance.name} has no such threat levels: "
            "no zone is drawn; add levels with --substances FILE"
        )
    for level in levels:
        mass = level.value if level.unit == "mg/m3" else mg_m3_from_ppm(level.value, substance.molar_mass, **gas)
        found = zone(plume, mass, z_m=inputs.receptor_height)
        if found.geometry is None:
            said.append(_not_reached(level, mass))
            continue
        if found.cut:
            said.append(_cut(level, found.reach_km))
        shapes.append(found.geometry)
        rows.append(
            {
                "severity": level.severity,
                "level_zh": level.title_zh,
                "level_en": level.title_en,
                "substance": substance.name,
                "threshold_mg_m3": mass,
                "threshold_ppm": ppm_from_mg_m3(mass, substance.molar_mass, **gas),
                "area_km2": found.area_km2,
                "reach_km": found.reach_km,
                "cut": found.cut,
                "source": level.source,
            }
            | _assumptions(inputs, plume)
        )
    return _frame(rows, shapes), said


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


def _levels(inputs: IncidentInputs, substance: Substance) -> tuple[Threshold, ...]:
    if inputs.levels:
        chosen = dict.fromkeys(inputs.levels)
        return tuple(t for scheme in chosen for t in substance.levels(scheme, minutes=inputs.duration_min))
    schemes: tuple[Scheme, ...] = ("hj169", "aegl", "erpg", "pac")
    found = (substance.levels(scheme, minutes=inputs.duration_min) for scheme in schemes)
    return next((levels for levels in found if levels), ())


def _assumptions(inputs: IncidentInputs, plume: Plume) -> dict[str, str]:
    numbers = (
        f"{inputs.rate_g_s:g} g/s, {inputs.height:g} m; {inputs.wind_speed:g} m/s @ {inputs.wind_height:g} m, "
        f"{inputs.wind_from:g}°; {inputs.averaging_min:g} min; z {inputs.receptor_height:g} m"
    )
    return {
        "assumptions_zh": f"{plume.model_zh}；连续稳定释放，平坦地面，风向风速不变；{numbers}；辅助决策，不能代替决策",
        "assumptions_en": f"{plume.model_en}; steady release, flat ground, steady wind; {numbers}; "
        "supports a decision, does not replace it",
    }


def _frame(rows: list[dict[str, Any]], shapes: list[Any]) -> gpd.GeoDataFrame:
    schema = get_schema("affected_zones")
    names = [name for name in schema.names if name != "synthetic"]
    kinds = {"str": "str", "float": "float64", "bool": "bool"}
    table = pd.DataFrame(rows, columns=names).astype({name: kinds[schema.field(name).dtype] for name in names})
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4326)


PROCESS = Process(
    id="zone-incident",
    command=("zone", "incident"),
    title_zh="事故影响范围",
    title_en="Incident zones",
    description_zh="连续释放的有毒气体按阈值（HJ 169 终点浓度、AEGL、ERPG、PAC）划定影响范围，并给出受体浓度。",
    description_en="Zones of a continuous release at the substance's threat levels, and concentrations at receptors.",
    example="suyuan zone incident --lat 34.60 --lon 119.22 --substance chlorine --rate-g-s 500 --height 2 "
    "--wind-speed 2.5 --wind-from 45 --stability E --output zone.kml",
    inputs=IncidentInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("affected_zones",),
)
