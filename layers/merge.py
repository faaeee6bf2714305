"""New features into a layer that has some: corrected where they are the same, added where they are new."""

from dataclasses import dataclass

import geopandas as gpd
import pandas as pd
import shapely

from layers.frames import WGS84, normalise
from layers.schema import LayerSchema


@dataclass(frozen=True)
class Merged:
    """The layer after a merge and what became of the new features."""

    frame: gpd.GeoDataFrame
    added: int
    updated: int
    unchanged: int


def merge(old: gpd.GeoDataFrame | None, new: gpd.GeoDataFrame, schema: LayerSchema) -> Merged:
    """Put new features into a layer.

    Where the schema names an identity (a station's id) and every feature has it, a feature of the same identity is
    replaced in its place. Otherwise a feature is left out only when all its values and its geometry are there already.

    Parameters
    ----------
    old : GeoDataFrame or None
        What the layer holds.
    new : GeoDataFrame
    schema : LayerSchema

    Returns
    -------
    Merged
        `frame` in EPSG:4326, old features first in their order.
    """
    fresh = normalise(new)
    if old is None or old.empty:
        return Merged(fresh, len(fresh), 0, 0)
    before = normalise(old)
    names = [*before.columns.drop("geometry"), *(c for c in fresh.columns if c not in before.columns), "geometry"]
    before, fresh = before.reindex(columns=names), fresh.reindex(columns=names)
    seen = set(row_tuples(before))
    same = pd.Series([row in seen for row in row_tuples(fresh)], index=fresh.index, dtype=bool)
    todo = fresh[~same]
    identity = _identity(before, fresh, schema)
    replaced = before.index[:0]
    if identity:
        keys = pd.MultiIndex.from_frame(before[identity])
        wanted = pd.MultiIndex.from_frame(todo[identity])
        replaced = before.index[keys.isin(wanted)]
        todo = todo.set_index(pd.Index(_places(keys, wanted, len(before))))
    else:
        todo = todo.set_index(pd.RangeIndex(len(before), len(before) + len(todo)))
    frame = _stack(before.drop(index=replaced), todo)
    return Merged(frame, len(todo) - len(replaced), len(replaced), int(same.sum()))


def _identity(before: gpd.GeoDataFrame, fresh: gpd.GeoDataFrame, schema: LayerSchema) -> list[str]:
    names = list(schema.identity)
    for frame in (before, fresh):
        if not names or not set(names) <= set(frame.columns):
            return []
        if frame[names].isna().to_numpy().any() or frame.duplicated(names).any():
            return []
    return names


def _places(keys: pd.MultiIndex, wanted: pd.MultiIndex, start: int) -> list[int]:
    """Return where each wanted feature goes: its old place, or after the last."""
    place = {key: row for row, key in enumerate(keys)}
    return [place.get(key, start + number) for number, key in enumerate(wanted)]


def _stack(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    columns = {name: _joined(first[name], second[name]) for name in first.columns if name != "geometry"}
    geometry = pd.concat([first.geometry, second.geometry])
    table = pd.DataFrame(columns, index=geometry.index)
    return normalise(gpd.GeoDataFrame(table, geometry=geometry, crs=WGS84).sort_index(kind="stable"))


def _joined(first: pd.Series, second: pd.Series) -> pd.Series:
    """Join two columns of one type as they are, others as objects: `normalise` finds the type of the whole."""
    if first.dtype == second.dtype:
        return pd.concat([first, second])
    return pd.concat([first.astype(object), second.astype(object)])


def row_tuples(frame: gpd.GeoDataFrame) -> list[tuple[object, ...]]:
    """Return each feature as a tuple that compares equal for equal features, gaps included."""
    columns = [
        [None if gap else value for value, gap in zip(frame[name].tolist(), frame[name].isna(), strict=True)]
        for name in sorted(frame.columns)
        if name != "geometry"
    ]
    return list(zip(*columns, shapely.to_wkb(frame.geometry.to_numpy()), strict=True))
