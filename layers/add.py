"""The job behind `suyuan layers add`: a file checked, merged into its layer and stored, all or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput
from layers.catalogue import UnknownLayer, get_schema
from layers.derived import derived_with
from layers.files import READABLE
from layers.fires import AddedRaster, add_raster
from layers.gauss_kruger import Reference
from layers.ingest import IngestReport, ingest
from layers.merge import merge
from layers.periods import FROM, TO, period_columns, quarter_days, without_quarter
from layers.provenance import content_hash, provenance
from layers.schema import LayerSchema
from layers.store import LayerData, LayerRecord, Workspace
from layers.versions import Cause, os_user

# A day without fires is told as such; an empty ledger or run is a template that nobody filled in.
_FILLED_IN = ("mobile_tracks",)


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


class AddOptions(TypedDict, total=False):
    """How a file is to be added; see `add_file`."""

    datum: str | None
    accept_good: bool
    set_values: Mapping[str, object] | None
    replace: bool
    central_meridian: float | None
    quarter: str | None
    who: str | None


def add_file(
    workspace: Workspace,
    layer: str,
    path: str | Path,
    **options: Unpack[AddOptions],
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
    central_meridian : float, optional
        In degrees east, of Gauss-Kruger metres without a zone in front.
    quarter : str, optional
        Such as 2021Q4: valid_from and valid_to of rows that have none; with `replace` only the rows of this quarter
        are replaced.
    who : str, optional
        Whose name stands in the layer's history; by default the user of this machine.

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
    if schema.kind == "raster" and Path(path).suffix.lower() not in READABLE:
        return _add_scene(workspace, path, dict(options.get("set_values") or {}))
    report = _checked(workspace, layer, path, options)
    if report.refused:
        return Added(report, None)
    if report.total == 0 and (schema.time_field is None or layer in _FILLED_IN):
        raise InvalidInput(f"{Path(path).name} has no rows under its header; fill it in first")
    replace = options.get("replace", False)
    with workspace.transaction():
        old = _held(workspace, layer) if not replace or options.get("quarter") else None
        digest = content_hash(path)
        inputs = {Path(path).name: digest}
        if old is not None:
            inputs[layer] = old.content_hash
        merged = merge(_base(workspace, layer, options), report.accepted, schema)
        if old is not None and not replace and not (merged.added or merged.updated):
            return Added(report, old, unchanged=merged.unchanged)
        record = provenance("layers add", inputs, _parameters(options), warnings=report.notes)
        notes = {} if old is None else {"note_zh": old.note_zh, "note_en": old.note_en, "synthetic": old.synthetic}
        cause = Cause("replace" if replace else "add", options.get("who") or os_user(), Path(path).name, digest)
        data = LayerData(merged.frame, provenance=record, cause=cause, **notes)  # type: ignore[arg-type]
        stored = workspace.write({layer: data}, also=derived_with(workspace, {layer: data}))[0]
    return Added(report, stored, merged.added, merged.updated, merged.unchanged)


def _checked(workspace: Workspace, layer: str, path: str | Path, options: AddOptions) -> IngestReport:
    """Check the file; places are judged by the districts that the workspace holds."""
    schema = get_schema(layer)
    districts = None
    if workspace.exists() and _held(workspace, "districts") is not None:
        districts = workspace.read("districts")
    return ingest(
        path,
        schema,
        datum=options.get("datum"),
        accept_good=options.get("accept_good", False),
        set_values={**_period(schema, options), **(options.get("set_values") or {})},
        reference=Reference(options.get("central_meridian"), districts),
    )


def _period(schema: LayerSchema, options: AddOptions) -> dict[str, object]:
    quarter = options.get("quarter")
    if quarter is None:
        return {}
    period_columns(schema.names, schema.id)
    return dict(zip((FROM, TO), quarter_days(quarter), strict=True))


def _base(workspace: Workspace, layer: str, options: AddOptions) -> gpd.GeoDataFrame | None:
    """Return the features that the new ones are merged with, None for none."""
    quarter = options.get("quarter")
    if _held(workspace, layer) is None or (options.get("replace") and quarter is None):
        return None
    there = workspace.read(layer)
    return without_quarter(there, quarter) if quarter is not None and options.get("replace") else there


def _parameters(options: AddOptions) -> dict[str, object]:
    plain: dict[str, object] = {name: options.get(name, False) for name in ("accept_good", "replace")}
    plain |= {
        name: options.get(name) for name in ("datum", "central_meridian", "quarter") if options.get(name) is not None
    }
    return plain | {"set": dict(options.get("set_values") or {})}


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
