"""The jobs behind `suyuan layers history`, `diff` and `rollback`."""

from collections.abc import Hashable
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from layers.catalogue import UnknownLayer, get_schema
from layers.derived import derived_with
from layers.merge import row_tuples
from layers.provenance import provenance
from layers.schema import LayerSchema
from layers.store import LayerData, LayerRecord, Workspace
from layers.versions import Cause, find_version, os_user

DIFFERENCES = ("change", "feature", "column", "before", "after")


def diff(workspace: Workspace, layer: str, first: int, second: int) -> pd.DataFrame:
    """Compare two versions of a layer.

    Features are matched by the schema's identity, else by name, where every feature of both versions has one of its
    own; otherwise a corrected feature counts as removed and added.

    Returns
    -------
    DataFrame, columns `DIFFERENCES`
        change added, removed or changed; a changed feature has a line per column, "geometry" among them as WKT.

    Raises
    ------
    InvalidInput, MissingData
        No such version; its snapshot is gone or damaged.
    """
    versions = workspace.versions(layer)
    before, after = (workspace.snapshots.get(find_version(versions, layer, n)) for n in (first, second))
    names = list(dict.fromkeys([*before.columns.drop("geometry"), *after.columns.drop("geometry"), "geometry"]))
    before, after = before.reindex(columns=names), after.reindex(columns=names)
    identity = _identity(before, after, get_schema(layer))
    rows = _by_identity(before, after, identity) if identity else _by_content(before, after)
    return pd.DataFrame(rows, columns=list(DIFFERENCES), dtype=object)


def rollback(workspace: Workspace, layer: str, number: int) -> LayerRecord:
    """Make an earlier version the layer's content again, as a new version; no version is lost.

    Raises
    ------
    InvalidInput, MissingData, SourceUnavailable
        No such version; its snapshot is gone or damaged; the workspace cannot be written.
    """
    workspace.require()
    with workspace.transaction():
        version = find_version(workspace.versions(layer), layer, number)
        frame = workspace.snapshots.get(version)
        try:
            old = workspace.record(layer)
            note_zh, note_en = old.note_zh, old.note_en
        except UnknownLayer:
            note_zh, note_en = "", ""
        made = provenance("layers rollback", {layer: version.content_hash}, {"version": number})
        cause = Cause(f"rollback to {number}", os_user(), version.file, version.file_sha256)
        data = LayerData(frame, provenance=made, cause=cause, note_zh=note_zh, note_en=note_en)
        record = workspace.write({layer: data}, also=derived_with(workspace, {layer: data}))[0]
    return record


def _identity(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, schema: LayerSchema) -> list[str]:
    for names in (list(schema.identity), ["name"]):
        usable = names and all(set(names) <= set(frame.columns) for frame in (before, after))
        if usable and not any(f[names].isna().to_numpy().any() or f.duplicated(names).any() for f in (before, after)):
            return names
    return []


def _by_identity(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, identity: list[str]) -> list[tuple[object, ...]]:
    was, now = _plain(before, identity), _plain(after, identity)
    rows: list[tuple[object, ...]] = [("removed", name, "", None, None) for name in was if name not in now]
    rows += [("added", name, "", None, None) for name in now if name not in was]
    for name in was:
        for column in was[name] if name in now else ():
            one, two = was[name][column], now[name][column]
            if one != two:
                rows.append(("changed", name, column, one, two))
    return rows


def _plain(frame: gpd.GeoDataFrame, identity: list[str]) -> dict[str, dict[Hashable, Any]]:
    table = pd.DataFrame(frame.drop(columns="geometry")).astype(object)
    table = table.where(table.notna(), None)
    table["geometry"] = shapely.to_wkt(frame.geometry.to_numpy(), rounding_precision=-1)
    labels = [" / ".join(map(str, values)) for values in table[identity].itertuples(index=False, name=None)]
    return dict(zip(labels, table.to_dict(orient="records"), strict=True))


def _by_content(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> list[tuple[object, ...]]:
    was, now = row_tuples(before), row_tuples(after)
    old, fresh = set(was), set(now)
    gone = [_label(before, row) for row, values in enumerate(was) if values not in fresh]
    new = [_label(after, row) for row, values in enumerate(now) if values not in old]
    rows: list[tuple[object, ...]] = [("removed", label, "", None, None) for label in gone]
    return rows + [("added", label, "", None, None) for label in new]


def _label(frame: gpd.GeoDataFrame, row: int) -> str:
    """Return what a person knows a feature by: its name or id, and where it lies."""
    named = [str(frame[name].iloc[row]) for name in ("id", "name") if name in frame and pd.notna(frame[name].iloc[row])]
    shape = frame.geometry.iloc[row]
    if shape is None or shape.is_empty:
        return " ".join(named)
    point = shape.representative_point()
    return " ".join([*named, f"({point.x:.6f} {point.y:.6f})"])
