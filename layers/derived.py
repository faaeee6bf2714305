"""Layers made of layers: recomputed in the same step in which what they rest on changes, with its versions noted."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd

from geo.errors import SuyuanError
from layers.frames import normalise
from layers.heating_zones import heating_zones
from layers.provenance import content_hash, provenance
from layers.records import LayerRecord
from layers.road_cleaning_zones import road_cleaning_zones
from layers.store import LayerData, Workspace
from layers.unmonitored import unmonitored_sites, unmonitored_stacks
from layers.versions import Version

_log = logging.getLogger(__name__)

Frames = Mapping[str, gpd.GeoDataFrame]


@dataclass(frozen=True)
class Rule:
    """What is made of what.

    `needed` are the layers without which nothing is made, each with the columns that it must have; `helpful` layers
    are used where they are there; `makes` are the layers that come out.
    """

    id: str
    needed: Mapping[str, Sequence[str]]
    helpful: tuple[str, ...]
    makes: tuple[str, ...]
    make: Callable[[Frames], Frames]

    @property
    def sources(self) -> tuple[str, ...]:
        """Return all layers that the rule looks at."""
        return (*self.needed, *self.helpful)


def _heating(frames: Frames) -> Frames:
    boilers = frames.get("boilers")
    found = heating_zones(frames["chp_units"], boilers)
    return {"heating_zones": found.zones} | ({} if boilers is None else {"heating_boilers": found.boilers})


RULES = (
    Rule(
        "heating-zones", {"chp_units": ("capacity_mw",)}, ("boilers",), ("heating_zones", "heating_boilers"), _heating
    ),
    Rule(
        "road-cleaning-zones",
        {"stations": ("id", "level")},
        (),
        ("road_cleaning_zones",),
        lambda frames: {"road_cleaning_zones": road_cleaning_zones(frames["stations"])},
    ),
    Rule(
        "unmonitored-sites",
        {"construction_sites": ("area_m2",)},
        (),
        ("unmonitored_sites",),
        lambda frames: {"unmonitored_sites": unmonitored_sites(frames["construction_sites"])},
    ),
    Rule(
        "unmonitored-stacks",
        {"emission_sources": ("stack_height_m",)},
        (),
        ("unmonitored_stacks",),
        lambda frames: {"unmonitored_stacks": unmonitored_stacks(frames["emission_sources"])},
    ),
)


def derived_with(workspace: Workspace, changed: Mapping[str, LayerData]) -> Callable[..., dict[str, LayerData]]:
    """Return what `Workspace.write` calls to write, in the same step, the layers that rest on changed ones.

    Parameters
    ----------
    workspace : Workspace
    changed : mapping
        The layers about to be written.
    """

    def make(versions: Mapping[str, Version]) -> dict[str, LayerData]:
        out: dict[str, LayerData] = {}
        for rule in RULES:
            if set(rule.sources) & set(changed):
                out |= _made(workspace, rule, changed, versions)
        return {name: data for name, data in out.items() if name not in changed}

    return make


def derive(workspace: Workspace) -> list[LayerRecord]:
    """Make every layer again that rests on what the workspace holds now; needed only where other programs wrote.

    Returns
    -------
    list of LayerRecord
        The layers that were written.
    """
    workspace.require()
    with workspace.transaction():
        out: dict[str, LayerData] = {}
        for rule in RULES:
            out |= _made(workspace, rule, {}, {})
        return workspace.write(out)


def stale_sources(workspace: Workspace, record: LayerRecord) -> list[str]:
    """Return the layers that a derived layer was made from and that hold something else now."""
    records = {known.id: known for known in workspace.records()}
    inputs: Any = record.provenance.get("inputs", [])
    return [
        entry["id"]
        for entry in inputs
        if "version" in entry and (entry["id"] not in records or records[entry["id"]].content_hash != entry["sha256"])
    ]


def _made(
    workspace: Workspace, rule: Rule, changed: Mapping[str, LayerData], versions: Mapping[str, Version]
) -> dict[str, LayerData]:
    records = {record.id: record for record in workspace.records()} if workspace.exists() else {}
    sources = {name: _source(workspace, name, changed) for name in rule.sources if name in changed or name in records}
    if any(not set(columns) <= set(sources.get(name, {})) for name, columns in rule.needed.items()):
        return {}
    try:
        frames = rule.make(sources)
    except SuyuanError as error:
        return _left(workspace, rule, records, error)
    inputs = {name: content_hash(frame) for name, frame in sources.items()}
    record = provenance(rule.id, inputs)
    for entry in record["inputs"]:  # type: ignore[attr-defined]
        entry["version"] = _number(workspace, entry["id"], entry["sha256"], versions)
    synthetic = any(_synthetic(name, changed, records, sources) for name in sources)
    # A list that would be empty from the start is not begun; one that has become empty stays, and says so.
    return {
        name: LayerData(
            frame,
            provenance=record,
            synthetic=synthetic,
            note_zh="" if len(frame) else _NOTHING_ZH,
            note_en="" if len(frame) else _NOTHING_EN,
        )
        for name, frame in frames.items()
        if len(frame) or name in records
    }


_NOTHING_ZH, _NOTHING_EN = "依据图层中没有符合条件的对象", "nothing in the layers it rests on fits the rule"


def _source(workspace: Workspace, name: str, changed: Mapping[str, LayerData]) -> gpd.GeoDataFrame:
    return normalise(changed[name].frame) if name in changed else workspace.read(name)


def _number(workspace: Workspace, layer: str, sha256: str, versions: Mapping[str, Version]) -> int | None:
    """Return the newest version with this content, None where what is held was never kept as one."""
    known = [versions[layer]] if layer in versions else workspace.versions(layer)
    return next((version.number for version in reversed(known) if version.content_hash == sha256), None)


def _synthetic(
    name: str, changed: Mapping[str, LayerData], records: Mapping[str, LayerRecord], sources: Frames
) -> bool:
    told = changed[name].synthetic if name in changed else records[name].synthetic
    frame = sources[name]
    return told or ("synthetic" in frame and bool(frame["synthetic"].eq(True).fillna(False).any()))


def _left(
    workspace: Workspace, rule: Rule, records: Mapping[str, LayerRecord], error: SuyuanError
) -> dict[str, LayerData]:
    """Keep what was there, with a note that it is not of now; the ledger itself is not held up."""
    reason = " ".join(str(error).split())
    _log.warning("%s 未能重算 · not made again: %s", ", ".join(rule.makes), reason)
    return {
        name: LayerData(
            workspace.read(name),
            schema=records[name].schema,
            provenance=records[name].provenance,
            synthetic=records[name].synthetic,
            note_zh=f"依据图层已变更，未能重算：{reason}",
            note_en=f"what it rests on has changed, and it could not be made again: {reason}",
        )
        for name in rule.makes
        if name in records
    }
