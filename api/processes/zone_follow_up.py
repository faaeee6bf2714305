"""事故续报: an incident drawn again as its next version: with a new wind, measurements, another release."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import geopandas as gpd
import pandas as pd
from pydantic import Field, ValidationError

from api.processes import zone_incident
from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, UtcTime, Zh
from api.processes.context import Context
from api.processes.hand_over import write_layers
from api.processes.incident_inputs import IncidentInputs
from api.processes.incident_zones import frame_of
from api.processes.zone_inputs import NO_PEOPLE, Everything, Inventory, ListsOutput, Population
from geo.errors import InvalidInput
from geo.geodesic import area_m2
from web_map.report import ReportLayer

LAYER = "affected_zones"
# Told again, these take the place of what was told before; a wind also joins the history of winds.
_CHANGES = (
    "rate_g_s",
    "mass_kg",
    "rate_range",
    "wind_height",
    "stability",
    "sun",
    "night",
    "obukhov",
    "ustar",
    "wind_from_sd",
    "wind_speed_sd",
    "hours",
    "members",
    "population",
    "inventory",
    "seed",
)
_FILES = ("population", "substances", "met", "winds")
_STABILITY = ("stability", "sun", "night", "obukhov", "ustar")


class FollowUpInputs(Inputs):
    """Which incident goes on, and what has become known since."""

    follows: Annotated[
        str,
        Cli(positional=True, metavar="INCIDENT"),
        Zh("接着哪个事故：任务编号（其结果），图层 affected_zones（最近一次），或 zone incident 写出的 .geojson"),
    ] = Field(
        description="the incident that goes on: the id of the job whose result it is, the layer affected_zones (the "
        "latest one), or a .geojson of zone incident or follow-up",
        examples=["affected_zones"],
    )
    time: UtcTime | None = Field(
        None, description="since when the new wind blows, UTC unless it carries a zone; without it the wind is replaced"
    )
    wind_speed: float | None = Field(None, description="new wind speed, m/s")
    wind_from: float | None = Field(None, description="new direction from which the wind blows, degrees")
    wind_height: float | None = Field(None, description="height of the wind measurement, m")
    measured: tuple[str, ...] = Field(
        (), description="concentrations measured since: LON,LAT,MG_M3[,Z[,TIME]]; the earlier ones are kept"
    )
    measurements: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="table of measured concentrations: lon, lat (or x_m, y_m), value, unit, z_m, time"
    )
    forget: Annotated[bool, Zh("不再使用以前各版的监测值")] = Field(
        False, description="leave the measurements of the versions before out"
    )
    rate_g_s: float | None = Field(None, description="release rate, g/s")
    mass_kg: float | None = Field(None, description="released mass, kg, instead of a rate")
    rate_range: tuple[float, ...] = Field(
        (), max_length=2, description="lowest and highest rate (g/s) or mass (kg), for the ensemble"
    )
    stability: str | None = Field(None, description="Pasquill class A to F", examples=["D"])
    sun: Literal["strong", "moderate", "slight"] | None = Field(None, description="by day: the class from wind and sun")
    night: Literal["cloudy", "clear"] | None = Field(None, description="by night: the class from wind and cloud")
    obukhov: float | None = Field(None, description="Obukhov length, m; with --ustar")
    ustar: float | None = Field(None, description="friction velocity, m/s; with --obukhov")
    wind_from_sd: float | None = Field(None, description="how unsure the wind's direction is, degrees")
    wind_speed_sd: float | None = Field(None, description="uncertainty of the wind speed, %")
    hours: float | None = Field(None, gt=0.01, le=12, description="how long the gas is followed in changing winds, h")
    members: int | None = Field(None, description="members of the ensemble, 10 to 2000; 0 for none")
    seed: int | None = Field(None, ge=0, description="seed of the ensemble")
    population: Population = None
    inventory: Inventory = ()
    everything: Everything = False
    lists_output: ListsOutput = None


@dataclass(frozen=True)
class Earlier:
    """The version before: what it was told, its number, its zones, the release that measurements found."""

    told: dict[str, Any]
    version: int
    zones: gpd.GeoDataFrame
    found: dict[str, Any]


def run(inputs: FollowUpInputs, context: Context) -> Outcome:
    """Draw the incident again with all that is known now, beside the zone of the version before."""
    earlier = _earlier(inputs.follows, context)
    told, notes = _merged(inputs, earlier, context)
    try:
        now = IncidentInputs(**told, everything=inputs.everything, lists_output=inputs.lists_output)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    made = zone_incident.run(now, context)
    version = earlier.version + 1
    layers = dict(made.layers)
    zones = layers[LAYER].frame.copy()
    zones["version"] = pd.array([version] * len(zones), dtype="Int64")
    layers[LAYER] = ResultLayer(zones, LAYER)
    layers["zone_bands"] = ResultLayer(_with_before(layers["zone_bands"].frame, earlier.zones), "zone_bands")
    carried = dict(made.parameters["carried"])
    warnings = (*notes, *made.warnings)
    name = carried["incident"]
    summary = (
        f"事故 {name} 第 {version} 版：{made.summary_zh}",
        f"incident {name}, version {version}: {made.summary_en}",
    )
    facts = [(f"事故 {name}，第 {version} 版", f"incident {name}, version {version}"), *list(made.facts)[1:]]
    return replace(
        made,
        layers=layers,
        summary_zh=summary[0],
        summary_en=summary[1],
        warnings=warnings,
        write=partial(write_layers, layers, summary, everything=inputs.everything),
        page=[ReportLayer(layers[one.schema].frame, one.schema, listed=one.listed) for one in made.page or ()],
        facts=facts,
        parameters=dict(made.parameters) | {"version": version},
    )


def _earlier(follows: str, context: Context) -> Earlier:
    """Return the version before, from the workspace's layer, a job's result or a file.

    Raises
    ------
    InvalidInput
        There is no such incident, or it does not say what it was told.
    """
    record: Mapping[str, Any]
    if context.has_layer(follows):
        zones = context.vector(follows)
        record = context.workspace.record(follows).provenance
    elif (result := context.result(follows, LAYER)) is not None:
        zones, record = result
    else:
        path = context.file(follows)
        if path.suffix.lower() not in (".geojson", ".json"):
            raise InvalidInput(
                f"{follows}: give the .geojson of the version before, the layer {LAYER} or the id of a job"
            )
        zones = context.vector(follows)
        try:
            record = json.loads(path.read_text(encoding="utf-8")).get("provenance", {})
        except (ValueError, AttributeError) as error:
            raise InvalidInput(f"{follows}: it is no GeoJSON of an incident") from error
    parameters = record.get("parameters") if isinstance(record, Mapping) else None
    carried = parameters.get("carried") if isinstance(parameters, Mapping) else None
    if not isinstance(carried, Mapping) or not isinstance(parameters, Mapping):
        raise InvalidInput(
            f"{follows}: it does not say what the incident was told; it must come from zone incident or zone follow-up"
        )
    found = parameters.get("found")
    return Earlier(dict(carried), int(parameters.get("version", 1)), zones, dict(found) if found else {})


def _merged(inputs: FollowUpInputs, earlier: Earlier, context: Context) -> tuple[dict[str, Any], list[str]]:
    """Return what the incident is told now, and what must be said of it."""
    told, notes = dict(earlier.told), []
    if any(getattr(inputs, name) is not None for name in _STABILITY):
        for name in _STABILITY:
            told.pop(name, None)
    if inputs.rate_g_s is not None or inputs.mass_kg is not None:
        for name in ("rate_g_s", "mass_kg", "rate_range"):
            told.pop(name, None)
    told |= {name: value for name in _CHANGES if (value := getattr(inputs, name)) not in (None, ())}
    notes += _missing_files(told, inputs, context)
    if inputs.forget:
        told.pop("measured", None)
    if inputs.measurements is not None:
        told["measurements"] = inputs.measurements
    if (inputs.wind_speed is None) != (inputs.wind_from is None):
        raise InvalidInput("wind_speed and wind_from belong together: give both, or neither to keep the wind")
    if inputs.wind_speed is not None and inputs.wind_from is not None:
        notes += _new_wind(told, inputs, earlier.found)
    elif inputs.time is not None:
        raise InvalidInput("--time says since when a new wind blows: give --wind-speed and --wind-from with it")
    told["measured"] = [*told.get("measured", []), *inputs.measured]
    return told, notes


def _missing_files(told: dict[str, Any], inputs: FollowUpInputs, context: Context) -> list[str]:
    """Leave out the files of the version before that are not here, and say so."""
    notes = []
    for name in _FILES:
        if name not in told or getattr(inputs, name, None):
            continue
        listed = told[name] if isinstance(told[name], list) else [told[name]]
        gone = [one for one in listed if one != NO_PEOPLE and not context.offers(one)]
        if gone and name in ("met", "winds"):
            raise InvalidInput(f"{', '.join(gone)}: the file of the version before is not here; run it where it lies")
        if gone:
            del told[name]
            notes.append(
                f"上一版的文件 {', '.join(gone)} 不在此处，未用 / {', '.join(gone)} of the version before is not "
                f"here and was left out: give --{name} again"
            )
    return notes


def _new_wind(told: dict[str, Any], inputs: FollowUpInputs, found: dict[str, Any]) -> list[str]:
    """Put the new wind into what is told: since its time behind the winds before, else in their place.

    What was measured in a wind that is no longer told says nothing of the new one: only the release that it found goes
    on, as the range to start from.
    """
    speed, wind_from = inputs.wind_speed, inputs.wind_from
    if inputs.time is None:
        for name in ("wind_rows", "winds", "met"):
            told.pop(name, None)
        told |= {"wind_speed": speed, "wind_from": wind_from}
        return _release_kept(told, inputs, found)
    if told.get("winds") or told.get("met"):
        raise InvalidInput("the winds came from a file: run zone incident again with the new winds in it")
    rows = list(told.get("wind_rows", []))
    if not rows:
        if told.get("time") is None or told.get("wind_speed") is None:
            raise InvalidInput(
                "the version before has no time or no typed wind: leave --time out, and the new wind takes its place"
            )
        rows = [f"{told['time']},{told['wind_speed']},{told['wind_from']}"]
    began, since = pd.Timestamp(rows[0].split(",")[0]), pd.Timestamp(inputs.time)
    last = pd.Timestamp(rows[-1].split(",")[0])
    if since <= last:
        raise InvalidInput(f"--time {since:%Y-%m-%dT%H:%MZ}: the wind before blows since {last:%Y-%m-%dT%H:%MZ}")
    # The wind before holds until a minute before the new one: between two rows the wind is interpolated.
    held = ",".join([f"{since - pd.Timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}", *rows[-1].split(",")[1:]])
    rows += [held] if since - pd.Timedelta(minutes=1) > last else []
    rows.append(f"{since:%Y-%m-%dT%H:%M:%SZ},{speed:g},{wind_from:g}")
    told |= {"wind_rows": rows, "time": str(told.get("time") or began)}
    for name in ("wind_speed", "wind_from"):
        told.pop(name, None)
    gone = (since - began) / pd.Timedelta(hours=1)
    told["hours"] = min(12.0, gone + float(told.get("hours", 1.0)))
    return _release_kept(told, inputs, found)


def _release_kept(told: dict[str, Any], inputs: FollowUpInputs, found: dict[str, Any]) -> list[str]:
    """Take the release over that earlier measurements found, in place of them; return what must be said."""
    before = told.pop("measured", [])
    # In changing winds a reading that knows its time is compared with the gas of that time.
    timed = [text for text in before if text.count(",") == 4] if inputs.time is not None else []
    told["measured"] = timed
    if len(timed) == len(before):
        return []
    if timed:
        return [
            "没有时间的监测值是在原来的风下测得的，不再使用 / measurements without a time were taken in the wind "
            "before and are left out"
        ]
    if inputs.rate_g_s is None and inputs.mass_kg is None:
        for name, (low, middle, high) in found.items():
            told |= {name: middle, "rate_range": [low, high]}
    return [
        "以前的监测值是在原来的风下测得的：只保留由其得到的源强范围 / the measurements before were taken in the wind "
        "before: only the release that they found is kept"
    ]


def _with_before(bands: gpd.GeoDataFrame, before: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the bands with the zones of the version before as a band of their own."""
    shapes = [shape for shape in before.geometry if shape is not None and not shape.is_empty]
    rows = [
        {name: row[name] for name in ("severity", "level_zh", "level_en") if name in before}
        | {"band": "before", "area_km2": float(area_m2(row.geometry)) / 1e6}
        for _, row in before.iterrows()
        if row.geometry is not None and not row.geometry.is_empty
    ]
    added = frame_of("zone_bands", rows, shapes)
    parts = [part for part in (bands, added) if len(part)]
    if not parts:
        return bands
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=4326)


PROCESS = Process(
    id="zone-follow-up",
    command=("zone", "follow-up"),
    title_zh="事故续报",
    title_en="Incident follow-up",
    description_zh="同一事故的下一版：新的风、走航监测值或源强传来后重算影响范围，收窄概率带，并与上一版对照。",
    description_en="The next version of an incident when a new wind, mobile measurements or another release come in: "
    "the zone drawn again, its bands narrowed, beside the zone of the version before.",
    example="suyuan zone follow-up zone.geojson --measured 119.2165,34.5972,30 --wind-speed 3 --wind-from 60 "
    "--output zone_2.geojson",
    inputs=FollowUpInputs,
    run=run,
    output_formats=zone_incident.PROCESS.output_formats,
    result_layers=zone_incident.RESULT_LAYERS,
)
