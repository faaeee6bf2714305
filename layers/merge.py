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

    Where the schema names an identity (a station's id), a feature of the same identity is replaced in its place. A
    feature without it, or one of several of one identity, is left out only when all its values and its geometry are
    there already.

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
    place = {key: row for row, key in _identified(before, schema).items()}
    known = {row: place[key] for row, key in _identified(fresh, schema).items() if key in place and row in todo.index}
    replaced = before.index[before.index.isin(list(known.values()))]
    rows = [known.get(row, len(before) + number) for number, row in enumerate(todo.index)]
    todo = todo.set_index(pd.Index(rows, dtype=before.index.dtype))
    frame = _stack(before.drop(index=replaced), todo)
    return Merged(frame, len(todo) - len(replaced), len(replaced), int(same.sum()))


def _identified(frame: gpd.GeoDataFrame, schema: LayerSchema) -> dict[int, tuple[object, ...]]:
    """Return the identity of each feature that has a whole one of its own, by its place."""
    names = list(schema.identity)
    if not names or not set(names) <= set(frame.columns):
        return {}
    own = frame[names].notna().all(axis=1) & ~frame.duplicated(names, keep=False)
    return dict(zip(frame.index[own], frame.loc[own, names].itertuples(index=False, name=None), strict=True))


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
