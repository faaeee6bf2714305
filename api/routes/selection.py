"""Which features of a layer a request is about, and their ids."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from api.filters.evaluate import matches
from api.routes.caches import LARGE_LAYER
from api.routes.query import ItemsQuery, TimeFilter
from api.routes.services import Services
from geo.errors import MissingData
from layers.catalogue import SCHEMAS
from layers.store import LayerRecord


@dataclass(frozen=True)
class Selection:
    """One page of features, their ids, and how many features the request matches in all."""

    frame: gpd.GeoDataFrame
    ids: npt.NDArray[np.int64]
    matched: int


def select(services: Services, record: LayerRecord, query: ItemsQuery) -> Selection:
    """Return one page of a layer's features.

    A feature's id is its place in the layer, counted from 1: the same for every request until the layer is
    written anew. So a page of all features begins at an id, and the last page costs no more than the first.
    """
    time = query.time if time_field_of(record) else None
    plain = query.region is None and time is None and not query.conditions and not query.order
    if plain and record.count > LARGE_LAYER and services.cache.ready(record) is None:
        frame = services.workspace.read(record.id, limit=query.limit, offset=query.offset)
        ids = np.arange(query.offset + 1, query.offset + 1 + len(frame), dtype=np.int64)
        return Selection(frame, ids, record.count)
    whole = services.cache.read(record)
    if plain:
        ids = np.arange(query.offset, min(query.offset + query.limit, len(whole)), dtype=np.int64) + 1
        return Selection(whole.iloc[query.offset : query.offset + query.limit], ids, len(whole))
    places = _places(services, record, query, whole, time)
    page = places[query.offset : query.offset + query.limit]
    return Selection(whole.iloc[page], page.astype(np.int64) + 1, len(places))


def _places(
    services: Services, record: LayerRecord, query: ItemsQuery, whole: gpd.GeoDataFrame, time: TimeFilter | None
) -> npt.NDArray[np.int64]:
    """Return the places of the features that are asked for, in order; kept, because the next page asks again."""
    key = ("places", record.id, record.content_hash, query.key)
    kept = services.answers.get(key)
    if kept is not None:
        return np.frombuffer(kept, dtype=np.int64)
    keep = np.ones(len(whole), dtype=bool)
    if query.region is not None:
        keep &= _meets(whole, query.region)
    field = time_field_of(record)
    if time is not None and field is not None:
        keep &= within(whole[field], time)
    for condition in query.conditions:
        keep &= matches(condition, whole, record.columns, query.filter_reference.to_lon_lat)
    places = np.flatnonzero(keep).astype(np.int64)
    if query.order:
        places = _sorted(whole.iloc[places], places, query.order)
    services.answers.put(key, places.tobytes())
    return places


def _sorted(
    frame: gpd.GeoDataFrame, places: npt.NDArray[np.int64], order: tuple[tuple[str, bool], ...]
) -> npt.NDArray[np.int64]:
    """Sort by columns, missing values last, ties in the order of the layer."""
    table = pd.DataFrame({str(n): frame[name].to_numpy() for n, (name, _) in enumerate(order)})
    table = table.sort_values(list(table.columns), ascending=[up for _, up in order], kind="stable", na_position="last")
    found: npt.NDArray[np.int64] = places[table.index.to_numpy()]
    return found


def select_one(services: Services, record: LayerRecord, feature_id: str) -> Selection:
    """Return one feature.

    Raises
    ------
    MissingData
        The layer has no feature with this id.
    """
    if feature_id.isascii() and feature_id.isdigit() and 1 <= int(feature_id[:18]) <= record.count:
        number = int(feature_id)
        if record.count > LARGE_LAYER and services.cache.ready(record) is None:
            frame = services.workspace.read(record.id, limit=1, offset=number - 1)
        else:
            frame = services.cache.read(record).iloc[number - 1 : number]
        if len(frame):
            return Selection(frame, np.array([number], dtype=np.int64), 1)
    raise MissingData(f"collection {record.id} has no feature {feature_id!r}; ids are 1 to {record.count}")


def time_field_of(record: LayerRecord) -> str | None:
    """Return the column of times by which a layer is filtered; None if it has none."""
    schema = SCHEMAS.get(record.schema)
    name = schema.time_field if schema else None
    return name if name and record.columns.get(name) == "time" else None


def _meets(frame: gpd.GeoDataFrame, region: shapely.Geometry) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(frame), dtype=bool)
    found[frame.sindex.query(region, predicate="intersects")] = True
    return found


def within(times: pd.Series, wanted: TimeFilter) -> npt.NDArray[np.bool_]:
    """Return which times lie in the interval; a missing one does not."""
    keep = times.notna()
    if wanted.start is not None:
        keep &= times >= wanted.start
    if wanted.end is not None:
        keep &= times <= wanted.end
    return keep.to_numpy(dtype=bool)
