"""事故影响范围: the zone around a release in which the substance's threat levels are passed, and who is in it."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from api.processes.base import Outcome, Process, ResultLayer
from api.processes.context import Context
from api.processes.hand_over import check_lists, write_layers, write_lists
from api.processes.incident_air import outside_the_city
from api.processes.incident_calm import if_it_drifts
from api.processes.incident_inputs import IncidentInputs
from api.processes.incident_measured import measurements_frame
from api.processes.incident_model import Modelled, modelled
from api.processes.incident_zones import Drawn, bands_frame, draw, frame_of, levels_of, lines_frame, zones_frame
from api.processes.receptor_table import with_concentrations
from api.processes.zone_contents import Contents, contents_of, ledgers, told
from api.processes.zone_inputs import people_around
from geo.errors import InvalidInput
from layers.substances import COPY, UNCHECKED, Substance, find_substance, load_substances
from layers.writers import write_table
from tracing.drift import DriftingPuffs
from tracing.plume import Plume
from tracing.release import Release
from tracing.zone_ensemble import Model
from web_map.report import ReportLayer


def run(inputs: IncidentInputs, context: Context) -> Outcome:
    """Make the model, contour it at each level, see who is inside, and read it at the receptors."""
    _check_receptor_options(inputs)
    check_lists(inputs.lists_output)
    substance = find_substance(inputs.substance, load_substances([context.file(path) for path in inputs.substances]))
    made = modelled(inputs, context, substance)
    model, ensemble, notes = made.model, made.ensemble, made.notes
    release, incident = model.release, incident_of(inputs, substance, model.release)
    notes += [*model.warnings, *outside_the_city(release, context), *_unchecked(inputs, substance)]
    drawn, said = draw(inputs, substance, model, ensemble)
    said += if_it_drifts(inputs, substance, model, drawn)
    found = _contents(inputs, context, drawn, release, notes)
    assumptions = _assumptions(inputs, model)
    frame = zones_frame(drawn, inputs, substance, assumptions, [one.summary() for one in found])
    frame["incident"] = incident
    layers = {
        "affected_zones": ResultLayer(frame, "affected_zones"),
        "zone_bands": ResultLayer(bands_frame(drawn, len(ensemble), inputs.turn_deg), "zone_bands"),
        "arrival_lines": ResultLayer(lines_frame(drawn), "arrival_lines"),
        "incident_measurements": ResultLayer(
            measurements_frame(made.readings, model, incident=incident), "incident_measurements"
        ),
        **_lists(drawn, found),
    }
    side_files = _receptors(inputs, context, model, notes)
    warnings = (*notes, *said)
    if inputs.lists_output is not None:
        listed = [layers[name] for name in ("affected_zones", "zone_districts", "zone_objects")]
        side_files[Path(inputs.lists_output)] = partial(write_lists, listed, [*assumptions, *warnings])
    summary = _summary(substance, drawn, found, any_level=bool(levels_of(inputs, substance)))
    return Outcome(
        layers=layers,
        summary_zh=summary[0],
        summary_en=summary[1],
        warnings=warnings,
        write=partial(write_layers, layers, summary, everything=inputs.everything),
        page=_page(layers),
        facts=[(f"事故 {incident}，第 1 版", f"incident {incident}, version 1"), *_facts(inputs, model, assumptions)],
        parameters=_carried(inputs, incident, made),
        side_files=side_files,
    )


def incident_of(inputs: IncidentInputs, substance: Substance, release: Release) -> str:
    """Return the incident's name: as given, else the same for the same place, substance and time."""
    if inputs.incident:
        return inputs.incident
    told_of = f"{release.lon:.5f} {release.lat:.5f} {substance.name} {inputs.time or ''}"
    return f"I-{hashlib.sha256(told_of.encode()).hexdigest()[:8]}"


def _carried(inputs: IncidentInputs, incident: str, made: Modelled) -> dict[str, Any]:
    """Return what a later version of this incident takes over: readings from a table, and the release they found."""
    kept = inputs.model_dump(mode="json", exclude_unset=True, exclude={"measurements"}) | {"incident": incident}
    found = {}
    if made.readings is not None and made.factors is not None:
        kept["measured"] = list(made.readings.texts())
        name = "rate_g_s" if inputs.rate_g_s is not None else "mass_kg"
        given = inputs.rate_g_s if inputs.rate_g_s is not None else inputs.mass_kg or 0.0
        found = {"found": {name: [float(f"{factor * given:.6g}") for factor in made.factors]}}
    return {"carried": kept, "version": 1} | found


def _contents(
    inputs: IncidentInputs, context: Context, drawn: list[Drawn], release: Release, notes: list[str]
) -> list[Contents]:
    """Return what each zone holds; what must be said of the people joins the notes."""
    shapes = [one.zone for one in drawn] or [shapely.Point(release.lon, release.lat)]
    density, said = people_around(inputs.population, context, shapely.union_all(shapes).bounds)
    notes += said if drawn else []
    known = ledgers(context, inputs.inventory, density)
    return [contents_of(one.zone, known, (release.lon, release.lat)) for one in drawn]


def _lists(drawn: list[Drawn], found: list[Contents]) -> dict[str, ResultLayer]:
    """Return the divisions and the objects inside; an object counts for the gravest level that holds it."""
    division_rows, division_shapes, object_rows, object_shapes = [], [], [], []
    seen: set[tuple[str, object, bytes]] = set()
    for one, inside in zip(drawn, found, strict=True):
        named = {"severity": one.level.severity, "level_zh": one.level.title_zh, "level_en": one.level.title_en}
        division_rows += [named | row for row in inside.divisions]
        division_shapes += inside.division_shapes
        for row, shape in zip(inside.objects, inside.object_shapes, strict=True):
            key = (row["layer"], row["name"], shape.wkb)
            if key not in seen:
                seen.add(key)
                object_rows.append(named | row)
                object_shapes.append(shape)
    return {
        "zone_districts": ResultLayer(frame_of("zone_districts", division_rows, division_shapes), "zone_districts"),
        "zone_objects": ResultLayer(frame_of("zone_objects", object_rows, object_shapes), "zone_objects"),
    }


def _facts(inputs: IncidentInputs, model: Model | DriftingPuffs, assumptions: tuple[str, str]) -> list[tuple[str, str]]:
    """Return the lines under the page's summary: where, model and inputs, for how long."""
    release = model.release
    begins = "" if inputs.time is None else f"{pd.Timestamp(inputs.time):%Y-%m-%d %H:%M} UTC, "
    where = f"{begins}{release.lon:.5f}, {release.lat:.5f} (WGS 84)"
    return [
        (f"源点：{where}", f"source: {where}"),
        (f"模型与输入：{assumptions[0]}", f"model and inputs: {assumptions[1]}"),
        (
            "时效：风变化或有新的监测值时应重算；最多按 1 小时使用",
            "validity: make it again when the wind changes or a new measurement comes; an hour at most",
        ),
    ]


def _page(layers: dict[str, ResultLayer]) -> list[ReportLayer]:
    listed = ("affected_zones", "zone_districts", "zone_objects")
    order = (
        "zone_bands",
        "affected_zones",
        "arrival_lines",
        "incident_measurements",
        "zone_districts",
        "zone_objects",
    )
    drawn = [ReportLayer(layers[name].frame, name, listed=name in listed) for name in order]
    return [layer for layer in drawn if len(layer.frame)]


def _summary(substance: Substance, drawn: list[Drawn], found: list[Contents], *, any_level: bool) -> tuple[str, str]:
    # A level that nobody knows is not one that is not reached.
    none_zh, none_en = (
        ("未达到任何阈值", "no level is reached") if any_level else ("阈值未知，无法判断", "no level is known")
    )
    reached = ", ".join(f"{one.level.title_en} {one.reach_km:.2f} km" for one in drawn) or none_en
    reached_zh = "，".join(f"{one.level.title_zh} {one.reach_km:.2f} km" for one in drawn) or none_zh
    inside = told(found[-1]) if found else ("", "")
    inside_zh, inside_en = f"；{inside[0]}" if inside[0] else "", f"; inside: {inside[1]}" if inside[1] else ""
    return (
        f"{substance.name_zh or substance.name} 影响范围最远距离：{reached_zh}{inside_zh}（辅助决策，不能代替决策）",
        f"{substance.name} reaches: {reached}{inside_en} (supports a decision, does not replace it)",
    )


def _unchecked(inputs: IncidentInputs, substance: Substance) -> list[str]:
    """Return what to say of levels used whose numbers nobody has seen in their document, or only in a copy of it."""
    name_zh, used = substance.name_zh or substance.name, levels_of(inputs, substance)
    open_levels = [level for level in used if UNCHECKED in level.source]
    if open_levels:
        names_zh, names_en = (
            ", ".join(getattr(level, title) for level in open_levels) for title in ("title_zh", "title_en")
        )
        return [
            f"{name_zh} 的内置阈值 {names_zh} 尚未与原始文件核对，使用前请核对 / the built-in levels {names_en} of "
            f"{substance.name} are not yet checked against their documents: compare them before you rely on the zone"
        ]
    if any(COPY in level.source for level in used):
        return [
            f"{name_zh} 的内置阈值按文件的公开抄本核对 / the built-in levels of {substance.name} were checked against "
            "a public copy of their document; the column source names both"
        ]
    return []


def _receptors(
    inputs: IncidentInputs, context: Context, model: Model | DriftingPuffs, notes: list[str]
) -> dict[Path, Callable[[Path], None]]:
    """Return the table of receptors to write, if one was asked for; what must be said of it joins the notes."""
    if inputs.receptors is None or inputs.receptors_output is None:
        return {}
    source = context.file(inputs.receptors)
    table, beyond = with_concentrations(source, model, default_z_m=inputs.receptor_height)
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


def _assumptions(inputs: IncidentInputs, model: Model | DriftingPuffs) -> tuple[str, str]:
    """Return model and inputs in one line, in Chinese and English."""
    release, air = model.release, model.air
    much = f"{release.mass_g / 1000.0:.4g} kg" if release.mass_g is not None else f"{release.rate_g_s:.4g} g/s"
    lasts = "" if release.duration_s is None else f" / {release.duration_s / 60.0:g} min"
    numbers = (
        f"{much}{lasts}, {release.height_m:g} m; {air.wind_speed_m_s:.3g} m/s @ {air.wind_height_m:g} m, "
        f"{air.wind_from_deg:.4g}°; {inputs.averaging_min:g} min; z {inputs.receptor_height:g} m"
    )
    steady = release.duration_s is None and not release.at_once
    kind_zh = "连续稳定释放" if steady else "瞬时释放" if release.at_once else "有限时段释放"
    kind_en = "steady release" if steady else "release at once" if release.at_once else "release that ends"
    wind_zh = "风随时间变化" if isinstance(model, DriftingPuffs) else "风向风速不变"
    wind_en = "changing wind" if isinstance(model, DriftingPuffs) else "steady wind"
    valid_zh = "有效范围 10 km、1 h" if isinstance(model, Plume) else "有效至 1 h"
    valid_en = "valid to 10 km and 1 h" if isinstance(model, Plume) else "valid for 1 h"
    return (
        f"{model.model_zh}；{kind_zh}，平坦地面，{wind_zh}；{numbers}；{valid_zh}；辅助决策，不能代替决策",
        f"{model.model_en}; {kind_en}, flat ground, {wind_en}; {numbers}; {valid_en}; "
        "supports a decision, does not replace it",
    )


RESULT_LAYERS = (
    "affected_zones",
    "zone_bands",
    "arrival_lines",
    "incident_measurements",
    "zone_districts",
    "zone_objects",
)

PROCESS = Process(
    id="zone-incident",
    command=("zone", "incident"),
    title_zh="事故影响范围",
    title_en="Incident zones",
    description_zh="有毒气体连续、限时或瞬时释放，按阈值（HJ 169 终点浓度、AEGL、ERPG、PAC）"
    "划定影响范围、概率带、到达时间，并列出区内人口与对象。",
    description_en="Zones of a release, steady, short or at once, at its threat levels: bands, arrival, who is inside.",
    example="suyuan zone incident --lat 34.60 --lon 119.22 --substance chlorine --rate-g-s 500 --height 2 "
    "--wind-speed 2.5 --wind-from 45 --stability E --output zone.kml",
    inputs=IncidentInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".kmz", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=RESULT_LAYERS,
    practice={
        "lat": 34.6,
        "lon": 119.2,
        "substance": "chlorine",
        "rate_g_s": 500.0,
        "height": 2.0,
        "wind_speed": 2.5,
        "wind_from": 45.0,
        "stability": "E",
        "members": 10,
    },
)
