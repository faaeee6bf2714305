"""Which features of a layer a request is about, and their ids."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from api.routes.query import ItemsQuery, TimeFilter
from api.routes.services import Services
from geo.errors import MissingData
from layers.catalogue import SCHEMAS
from layers.store import BBox, LayerRecord


@dataclass(frozen=True)
class Selection:
    """One page of features, their ids, and how many features the request matches in all."""

    frame: gpd.GeoDataFrame
    ids: npt.NDArray[np.int64]
    matched: int


def select(services: Services, record: LayerRecord, query: ItemsQuery) -> Selection:
    """Return one page of a layer's features.

    A feature's id is its place in the layer, counted from 1: the same for every request until the layer is
    written anew.
    """
    time_field = time_field_of(record)
    time = query.time if time_field else None
    if query.bbox is None and time is None:
        frame = services.workspace.read(record.id, limit=query.limit, offset=query.offset)
        ids = np.arange(query.offset + 1, query.offset + 1 + len(frame), dtype=np.int64)
        return Selection(frame, ids, services.workspace.count(record.id))
    whole = services.cache.read(record)
    keep = np.ones(len(whole), dtype=bool)
    if query.bbox is not None:
        keep &= _meets(whole, query.bbox)
    if time is not None and time_field is not None:
        keep &= _within(whole[time_field], time)
    places = np.flatnonzero(keep)
    page = places[query.offset : query.offset + query.limit]
    return Selection(whole.iloc[page], page.astype(np.int64) + 1, len(places))


def select_one(services: Services, record: LayerRecord, feature_id: str) -> Selection:
    """Return one feature.

    Raises
    ------
    MissingData
        The layer has no feature with this id.
    """
    if feature_id.isascii() and feature_id.isdigit() and 1 <= int(feature_id[:18]) <= record.count:
        number = int(feature_id)
        frame = services.workspace.read(record.id, limit=1, offset=number - 1)
        if len(frame):
            return Selection(frame, np.array([number], dtype=np.int64), 1)
    raise MissingData(f"collection {record.id} has no feature {feature_id!r}; ids are 1 to {record.count}")


def time_field_of(record: LayerRecord) -> str | None:
    """Return the column of times by which a layer is filtered; None if it has none."""
    schema = SCHEMAS.get(record.schema)
    name = schema.time_field if schema else None
    return name if name and record.columns.get(name) == "time" else None


def _meets(frame: gpd.GeoDataFrame, bbox: BBox) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(frame), dtype=bool)
    found[frame.sindex.query(shapely.box(*bbox), predicate="intersects")] = True
    return found


def _within(times: pd.Series, wanted: TimeFilter) -> npt.NDArray[np.bool_]:
    keep = times.notna()
    if wanted.start is not None:
        keep &= times >= wanted.start
    if wanted.end is not None:
        keep &= times <= wanted.end
    return keep.to_numpy(dtype=bool)
