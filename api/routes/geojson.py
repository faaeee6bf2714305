"""Features as GeoJSON (RFC 7946): coordinates in CRS84, no NaN, times in UTC."""

import json
import math
from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from api.routes.crs import LON_LAT, Reference

MEDIA_TYPE = "application/geo+json"


def feature_texts(
    frame: gpd.GeoDataFrame, ids: Sequence[int], reference: Reference = LON_LAT, links: Sequence[Any] = ()
) -> list[str]:
    """Return each feature as JSON text.

    Parameters
    ----------
    frame : GeoDataFrame
        EPSG:4326, longitude first.
    ids : sequence of int
        One id per row.
    reference : Reference
        The system, and its order of axes, in which coordinates are given.
    links : sequence of links
        Member `links` of each feature, if there are any.

    Returns
    -------
    list of str
        A missing geometry and every missing or non-finite value is null; times are RFC 3339 in UTC.
    """
    geometries = shapely.to_geojson(reference.from_lon_lat(frame.geometry.to_numpy()))
    names = [str(name) for name in frame.columns if name != frame.active_geometry_name]
    columns = [json_values(frame[name]) for name in names]
    # The names are the same in every row, and written once.
    heads = [f"{json.dumps(name, ensure_ascii=False)}:" for name in names]
    texts = [[f"{head}{value}" for value in _json_texts(column)] for head, column in zip(heads, columns, strict=True)]
    rows = zip(*texts, strict=True) if texts else [()] * len(frame)
    more = f',"links":{json.dumps(list(links), ensure_ascii=False)}' if links else ""
    return [
        f'{{"type":"Feature","id":{int(number)},"geometry":{geometry or "null"},'
        f'"properties":{{{",".join(row)}}}{more}}}'
        for number, geometry, row in zip(ids, geometries, rows, strict=True)
    ]


def _json_texts(values: list[Any]) -> list[str]:
    """Return plain values as JSON; one call of the encoder for a column is much faster than one for each value."""
    if any(isinstance(value, str) for value in values):
        known: dict[Any, str] = {}
        texts = []
        for value in values:
            key = value if isinstance(value, str) else (type(value), value)
            if key not in known:
                known[key] = json.dumps(value, ensure_ascii=False, allow_nan=False)
            texts.append(known[key])
        return texts
    text = json.dumps(values, allow_nan=False)[1:-1]
    return text.split(", ") if text else []


def collection_text(features: Sequence[str], members: dict[str, Any]) -> str:
    """Return a FeatureCollection of ready features with further members (links, counts)."""
    head, tail = collection_frame(members)
    return head.decode("utf-8") + ",".join(features) + tail.decode("utf-8")


def collection_frame(members: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return what stands before and after the features of a FeatureCollection with further members."""
    head = json.dumps({"type": "FeatureCollection", **members}, ensure_ascii=False, allow_nan=False)
    return f'{head[:-1]}, "features": ['.encode(), b"]}"


def json_values(column: pd.Series) -> list[Any]:
    """Return a column as values that JSON knows; missing and non-finite ones are None."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [rfc3339(stamp) for stamp in column]
    missing = column.isna().to_numpy(dtype=bool)
    values = column.astype(object).tolist()
    return [None if gone else _plain(value) for value, gone in zip(values, missing, strict=True)]


def rfc3339(stamp: pd.Timestamp | None) -> str | None:
    """Return a time as ``2025-01-15T08:00:00Z``; None for no time."""
    if stamp is None or pd.isna(stamp):
        return None
    utc = stamp.tz_convert("UTC")
    return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)
