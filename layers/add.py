"""The job behind `suyuan layers add`: a file checked, merged into its layer and stored, all or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from geo.errors import InvalidInput
from layers.catalogue import UnknownLayer, get_schema
from layers.fires import AddedRaster, add_raster
from layers.ingest import IngestReport, ingest
from layers.merge import merge
from layers.provenance import content_hash, provenance
from layers.store import LayerData, LayerRecord, Workspace

RASTER_FILES = (".tif", ".tiff", ".nc", ".nc4", ".h5")


@dataclass(frozen=True)
class Added:
    """What adding a file did.

    `record` is the layer's record afterwards, None when nothing was stored because rows were refused; `added`,
    `updated` and `unchanged` count the file's accepted rows; `raster` is set when the file was a satellite scene.
    """

    report: IngestReport | None
    record: LayerRecord | None
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    raster: AddedRaster | None = None


def add_file(
    workspace: Workspace,
    layer: str,
    path: str | Path,
    *,
    datum: str | None = None,
    accept_good: bool = False,
    set_values: Mapping[str, object] | None = None,
    replace: bool = False,
) -> Added:
    """Add a file to a layer.

    Features are merged with what the layer has (see `layers.merge.merge`): the same identity is corrected in place,
    exact repeats are left out, nothing else is lost; `replace` puts the file in the layer's place instead. Satellite
    scenes go to `fire_rasters`, with time, kind and satellite from `set_values` where the file does not say them.

    Parameters
    ----------
    workspace : Workspace
        Made by the first add.
    layer : str
        Id of a schema.
    path, datum, accept_good, set_values :
        As in `layers.ingest.ingest`.
    replace : bool

    Returns
    -------
    Added
        Look at `report.refused` first: nothing was stored then.

    Raises
    ------
    UnknownLayer, InvalidInput, SourceUnavailable
        As `ingest` and `Workspace.write`; the workspace is as it was.
    """
    schema = get_schema(layer)
    if schema.kind == "raster" and Path(path).suffix.lower() in RASTER_FILES:
        return _add_scene(workspace, path, dict(set_values or {}))
    report = ingest(path, schema, datum=datum, accept_good=accept_good, set_values=set_values)
    if report.refused:
        return Added(report, None)
    if report.total == 0 and schema.time_field is None:
        raise InvalidInput(f"{Path(path).name} has no rows under its header; fill it in first")
    parameters = {"datum": datum, "accept_good": accept_good, "set": dict(set_values or {}), "replace": replace}
    with workspace.transaction():
        old = None if replace else _held(workspace, layer)
        inputs: dict[str, str] = {Path(path).name: content_hash(path)}
        if old is not None:
            inputs[layer] = old.content_hash
        merged = merge(None if old is None else workspace.read(layer), report.accepted, schema)
        if old is not None and not (merged.added or merged.updated):
            return Added(report, old, unchanged=merged.unchanged)
        record = provenance("layers add", inputs, parameters, warnings=report.notes)
        notes = {} if old is None else {"note_zh": old.note_zh, "note_en": old.note_en, "synthetic": old.synthetic}
        data = LayerData(merged.frame, provenance=record, **notes)  # type: ignore[arg-type]
        (stored,) = workspace.write({layer: data})
    return Added(report, stored, merged.added, merged.updated, merged.unchanged)


def _held(workspace: Workspace, layer: str) -> LayerRecord | None:
    try:
        return workspace.record(layer)
    except UnknownLayer:
        return None


def _add_scene(workspace: Workspace, path: str | Path, values: dict[str, object]) -> Added:
    known = {"time", "kind", "satellite", "threshold_k", "synthetic"}
    unknown = sorted(set(values) - known)
    if unknown:
        raise InvalidInput(f"a scene takes {', '.join(sorted(known))}; not {', '.join(unknown)}")
    when = values.get("time")
    threshold = values.get("threshold_k")
    done = add_raster(
        workspace,
        path,
        time=None if when is None else pd.Timestamp(str(when)).isoformat(),
        kind=None if values.get("kind") is None else str(values["kind"]),
        satellite=None if values.get("satellite") is None else str(values["satellite"]),
        threshold_k=None if threshold is None else float(str(threshold)),
        synthetic=str(values.get("synthetic", False)).casefold() in ("true", "1", "yes", "是"),
    )
    return Added(None, workspace.record("fire_rasters"), added=1, raster=done)
