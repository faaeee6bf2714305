"""The GeoPackage under a workspace: whole-file swaps, layer tables, the table of records."""

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from urllib.parse import quote

import geopandas as gpd
import pyogrio
import pyogrio.errors
import shapely

from geo.errors import SourceUnavailable
from layers.frames import WGS84, restore
from layers.records import LayerRecord, from_row, to_row
from layers.store_files import TEMPORARY, replace_durably

RECORDS = "suyuan_layers"
_FID = "suyuan_fid"
_GEOMETRY = "geom"


@contextmanager
def swapped(path: Path) -> Iterator[Path]:
    """Yield a private copy of the file; on a clean exit it replaces the original in one step, durably.

    Raises
    ------
    SourceUnavailable
        The disk is full or the folder cannot be written, or another program is editing the file. The original is
        as it was.
    """
    settle(path)
    get_records(path)  # GDAL would put a new package in the place of a file that is none
    copy = path.parent / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}{path.suffix}"
    try:
        if path.exists():
            shutil.copyfile(path, copy)
        yield copy
        if copy.exists():
            replace_durably(copy, path)
    except (OSError, sqlite3.Error, pyogrio.errors.DataSourceError) as error:
        raise SourceUnavailable(f"cannot write {path}: {_one_line(error)}; nothing was changed") from error
    finally:
        for leftover in path.parent.glob(f"{copy.name}*"):
            leftover.unlink(missing_ok=True)


def settle(path: Path) -> None:
    """Fold another program's journal into the file, so that no part of it lies beside it.

    Raises
    ------
    SourceUnavailable
        Another program holds the file open for editing, or it is not a GeoPackage.
    """
    if path.exists() and any(path.with_name(path.name + end).exists() for end in ("-wal", "-shm", "-journal")):
        with _errors(path), closing(sqlite3.connect(path, timeout=2)) as base:
            if base.execute("PRAGMA journal_mode=DELETE").fetchone()[0] != "delete":
                raise sqlite3.OperationalError("database is locked")


def signature(path: Path) -> tuple[int, int, int] | None:
    """Return what changes whenever the file is replaced; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def write_table(path: Path, layer: str, frame: gpd.GeoDataFrame, description: str) -> None:
    """Write one layer into the GeoPackage in place of what it had; other layers stay."""
    pyogrio.write_dataframe(
        frame,
        path,
        layer=layer,
        driver="GPKG",
        geometry_type=_storage_type(frame),
        promote_to_multi=False,
        layer_options={
            "FID": _FID,
            "GEOMETRY_NAME": _GEOMETRY,
            "SPATIAL_INDEX": "YES",
            "IDENTIFIER": layer,
            "DESCRIPTION": description,
        },
    )


def make_empty(path: Path) -> None:
    """Make a GeoPackage without layers."""
    write_table(path, "empty", gpd.GeoDataFrame({"a": []}, geometry=[], crs=WGS84), "")
    put_records(path, [])
    drop_table(path, "empty")


def put_records(path: Path, records: list[LayerRecord]) -> None:
    """Insert or replace records; the table of records is made and announced to other programs when missing."""
    names = [f.name for f in fields(LayerRecord)]
    with closing(sqlite3.connect(path)) as base, base:
        declared = ", ".join(f'"{name}" {"INTEGER" if name in ("count", "synthetic") else "TEXT"}' for name in names)
        base.execute(f'CREATE TABLE IF NOT EXISTS {RECORDS} ({declared}, PRIMARY KEY ("id"))')
        base.execute(
            "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, description) VALUES (?, ?, ?, ?)",
            (RECORDS, "attributes", RECORDS, "Suyuan: one record per layer"),
        )
        base.executemany(
            f"INSERT OR REPLACE INTO {RECORDS} VALUES ({', '.join('?' * len(names))})",
            [to_row(record) for record in records],
        )


def get_records(path: Path) -> dict[str, LayerRecord]:
    """Return the records by layer id, in the order of the ids; empty without a file."""
    if not path.exists():
        return {}
    with _errors(path), closing(_readonly(path)) as base:
        known = base.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (RECORDS,)).fetchone()
        if known is None:
            return {}
        names = ", ".join(f'"{f.name}"' for f in fields(LayerRecord))
        rows = base.execute(f"SELECT {names} FROM {RECORDS} ORDER BY id").fetchall()
    return {row[0]: from_row(row) for row in rows}


def drop_table(path: Path, layer: str) -> None:
    """Remove a layer, its index and its record."""
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(f'DROP TABLE IF EXISTS "rtree_{layer}_{_GEOMETRY}"')
        base.execute(f'DROP TABLE IF EXISTS "{layer}"')
        for table in ("gpkg_geometry_columns", "gpkg_extensions", "gpkg_ogr_contents", "gpkg_contents"):
            if base.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                base.execute(f"DELETE FROM {table} WHERE table_name = ?", (layer,))
        base.execute(f"DELETE FROM {RECORDS} WHERE id = ?", (layer,))


def read_table(
    path: Path,
    record: LayerRecord,
    bbox: tuple[float, float, float, float] | None,
    limit: int | None,
    offset: int,
    condition: str = "",
) -> gpd.GeoDataFrame:
    """Return features in the order in which they were written, with the types that they were written with."""
    where = _where(path, record.id, bbox, condition)
    first = _first_of_row(path, record.id) if offset and not where else None
    if first is not None:
        # The numbers have no gap, so the page begins at one of them and nothing before it is walked through.
        where, offset = f"WHERE {_FID} >= {first + int(offset)}", 0
    page = f"LIMIT {-1 if limit is None else int(limit)} OFFSET {int(offset)}"
    with _errors(path):
        frame = pyogrio.read_dataframe(path, sql=f'SELECT * FROM "{record.id}" {where} ORDER BY {_FID} {page}')
    if not isinstance(frame, gpd.GeoDataFrame):
        frame = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries([None] * len(frame)), crs=WGS84)
    elif frame.active_geometry_name != "geometry":
        frame = frame.rename_geometry("geometry")
    frame = frame.drop(columns=_FID, errors="ignore").set_crs(WGS84, allow_override=True)
    return restore(_renamed(frame, list(record.columns)), record.columns)


def _first_of_row(path: Path, layer: str) -> int | None:
    """Return the first number of a layer's features if they are numbered without a gap, else None."""
    numbers = f'SELECT (SELECT MIN({_FID}) FROM "{layer}"), (SELECT MAX({_FID}) FROM "{layer}")'
    count = "SELECT feature_count FROM gpkg_ogr_contents WHERE table_name = ?"
    with _errors(path), closing(_readonly(path)) as base:
        first, last = base.execute(numbers).fetchone()
        if base.execute("SELECT 1 FROM sqlite_master WHERE name = 'gpkg_ogr_contents'").fetchone() is None:
            return None
        counted = base.execute(count, (layer,)).fetchone()
    whole = first is not None and counted is not None and counted[0] == last - first + 1
    return int(first) if whole else None


def _renamed(frame: gpd.GeoDataFrame, names: list[str]) -> gpd.GeoDataFrame:
    """Undo what GDAL does to names in the result of a query: it takes a leading quotation mark away."""
    found = [name for name in frame.columns if name != "geometry"]
    return frame.rename(columns=dict(zip(found, names, strict=True))) if len(found) == len(names) else frame


def count_table(path: Path, layer: str, bbox: tuple[float, float, float, float] | None, condition: str = "") -> int:
    """Return how many features there are, or how many meet the box and the condition."""
    where = _where(path, layer, bbox, condition)
    with _errors(path), closing(_readonly(path)) as base:
        return int(base.execute(f'SELECT COUNT(*) FROM "{layer}" {where}').fetchone()[0])


def _where(path: Path, layer: str, bbox: tuple[float, float, float, float] | None, condition: str) -> str:
    """Return the SQL condition of meeting the box: the spatial index, less what only its envelope meets."""
    if bbox is None:
        return f"WHERE {condition}" if condition else ""
    west, south, east, north = (float(value) for value in bbox)
    index = (
        f'SELECT id FROM "rtree_{layer}_{_GEOMETRY}" WHERE maxx >= {west!r} AND minx <= {east!r} '
        f"AND maxy >= {south!r} AND miny <= {north!r}"
    )
    crossing = f"{index} AND NOT (minx >= {west!r} AND maxx <= {east!r} AND miny >= {south!r} AND maxy <= {north!r})"
    with _errors(path), closing(_readonly(path)) as base:
        rows = base.execute(f'SELECT {_FID}, {_GEOMETRY} FROM "{layer}" WHERE {_FID} IN ({crossing})').fetchall()
    meets = shapely.intersects(shapely.from_wkb([_wkb(blob) for _, blob in rows]), shapely.box(*bbox))
    outside = ", ".join(str(fid) for (fid, _), hit in zip(rows, meets, strict=True) if not hit)
    more = f" AND {condition}" if condition else ""
    return f"WHERE {_FID} IN ({index}) AND {_FID} NOT IN ({outside}){more}"


def _wkb(blob: bytes) -> bytes:
    """Strip the GeoPackage header; the kind of envelope in its flags gives its length."""
    envelope = (blob[3] >> 1) & 7
    return blob[8 + (0, 32, 48, 48, 64)[envelope] :]


def _storage_type(frame: gpd.GeoDataFrame) -> str:
    found = set(frame.geometry.geom_type.dropna())
    known = {"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"}
    kind = str(found.pop()) if len(found) == 1 and found <= known else "Unknown"
    raised = set(shapely.has_z(frame.geometry.dropna().to_numpy()).tolist())
    return f"{kind} Z" if raised == {True} else kind if len(raised) < 2 else "Unknown"


@contextmanager
def readonly(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that cannot write.

    Raises
    ------
    SourceUnavailable
        Another program holds the file open for editing, or it is not a GeoPackage.
    """
    with _errors(path), closing(_readonly(path)) as base:
        yield base


def _readonly(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=10)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.OperationalError, pyogrio.errors.DataSourceError) as error:
        busy = "locked" in str(error) or "readonly" in str(error)
        hint = "another program is editing it; close it there" if busy else "it may be damaged; restore a copy"
        raise SourceUnavailable(f"cannot use {path}: {_one_line(error)}; {hint}") from error
    except sqlite3.DatabaseError as error:
        raise SourceUnavailable(f"{path} is not a GeoPackage or is damaged; restore a copy or move it away") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
