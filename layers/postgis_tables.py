"""Tables of layers in PostGIS: names and types of columns, rows in by COPY, rows out as they went in."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geoalchemy2 import Geometry
from psycopg import Cursor, sql
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Double, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from layers.frames import WGS84, restore
from layers.records import LayerRecord

FID, GEOMETRY = "suyuan_fid", "geom"

_TYPES: dict[str, TypeEngine[Any]] = {
    "str": Text(),
    "int": BigInteger(),
    "float": Double(),
    "bool": Boolean(),
    "time": DateTime(timezone=True),
}
_TAKEN = {FID, GEOMETRY, "tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"}
_NAME_BYTES = 63


def column_names(columns: Iterable[str]) -> dict[str, str]:
    """Return the name in the database of each column: its own, unless PostgreSQL reserves it or would cut it."""
    return {name: _column_name(name) for name in columns}


def _column_name(name: str) -> str:
    encoded = name.encode()
    if name and name not in _TAKEN and len(encoded) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return f"{encoded[: _NAME_BYTES - 9].decode(errors='ignore')}_{digest}"


def index_name(layer: str) -> str:
    """Return the name of a layer's spatial index."""
    return f"suyuan_{hashlib.sha256(layer.encode()).hexdigest()[:16]}_{GEOMETRY}"


def layer_table(name: str, schema: str, record: LayerRecord, frame: gpd.GeoDataFrame, comment: str) -> Table:
    """Return the table of a layer; its geometry column says type and reference system, as QGIS wants it."""
    kinds = record.columns
    columns = [Column(column, _TYPES[kinds[own]]) for own, column in column_names(kinds).items()]
    return Table(
        name,
        MetaData(),
        Column(FID, BigInteger, primary_key=True, autoincrement=False),
        *columns,
        Column(GEOMETRY, _geometry(frame)),
        *([CheckConstraint(f"ST_SRID({GEOMETRY}) = 4326")] if _mixed_axes(frame) else []),
        schema=schema,
        comment=comment,
    )


def _mixed_axes(frame: gpd.GeoDataFrame) -> bool:
    return len(set(shapely.has_z(frame.geometry.dropna().to_numpy()).tolist())) > 1


def _geometry(frame: gpd.GeoDataFrame) -> Geometry:
    """Return the type that all geometries have, or GEOMETRY where they differ.

    A column of a declared type holds either two or three axes; where both occur it is left undeclared, and a
    constraint tells the reference system.
    """
    if _mixed_axes(frame):
        return Geometry(None, spatial_index=False)
    shapes = frame.geometry.dropna()
    found = {name.upper().replace("LINEARRING", "LINESTRING") for name in shapes.geom_type}
    kind = found.pop() if len(found) == 1 else "GEOMETRY"
    raised = bool(shapely.has_z(shapes.to_numpy()).any())
    return Geometry(f"{kind}Z" if raised else kind, srid=4326, dimension=3 if raised else 2, spatial_index=False)


def copy_in(cursor: Cursor[Any], table: Table, columns: Mapping[str, str], frame: gpd.GeoDataFrame) -> None:
    """Send all rows of a normalised frame, numbered in their order from 1."""
    names = [FID, *columns.values(), GEOMETRY]
    target = sql.Identifier(*([table.schema] if table.schema else []), table.name)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target, sql.SQL(", ").join(map(sql.Identifier, names)))
    values = [_python(frame[name]) for name in columns]
    shapes = shapely.to_wkb(shapely.set_srid(frame.geometry.to_numpy(), 4326), hex=True, include_srid=True)
    with cursor.copy(statement) as copy:
        for row in zip(range(1, len(frame) + 1), *values, shapes, strict=True):
            copy.write_row(row)


def _python(column: pd.Series) -> list[object]:
    """Return plain Python values, None where missing."""
    missing = column.isna().to_numpy()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if gap else value.to_pydatetime() for value, gap in zip(column, missing, strict=True)]
    values = column.tolist()
    return [None if gap else value for value, gap in zip(values, missing, strict=True)] if missing.any() else values


def to_frame(rows: Sequence[Sequence[Any]], record: LayerRecord) -> gpd.GeoDataFrame:
    """Return rows of a layer's columns and geometry (WKB) with the types that they were written with."""
    names = list(record.columns)
    values = list(zip(*rows, strict=True)) if rows else [()] * (len(names) + 1)
    shapes = shapely.from_wkb(np.array(values[-1], dtype=object))
    columns = {name: pd.Series(list(held), dtype=object) for name, held in zip(names, values[:-1], strict=True)}
    frame = gpd.GeoDataFrame(pd.DataFrame(columns, index=range(len(rows))), geometry=shapes, crs=WGS84)
    return restore(frame, record.columns)
