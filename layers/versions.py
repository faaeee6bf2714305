"""Versions of a layer: each ingest with who, when and from which file; contents as snapshots named by their hash.

The list stands in the GeoPackage and changes in the same step as the layer; a snapshot is written and made durable
before that step, so a version that is listed can always be read, and the GeoPackage stays as small as its layers.
"""

import getpass
import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow

from geo.errors import InvalidInput, MissingData
from layers.frames import kinds, restore
from layers.provenance import content_hash
from layers.store_files import Files
from layers.store_gpkg import readonly

VERSIONS = "suyuan_versions"
_OUR_NAME = re.compile(r"[0-9a-f]{64}\.parquet")


@dataclass(frozen=True)
class Cause:
    """Why a layer is written: `action` add, replace or rollback, who did it, and the file with its SHA-256."""

    action: str
    who: str
    file: str = ""
    file_sha256: str = ""


@dataclass(frozen=True)
class Version:
    """One version of a layer; `number` counts from 1, `time` is UTC.

    An `action` of "found" is what the layer held before the first ingest that was kept, or what another program made
    of it since; nobody's name stands there.
    """

    layer: str
    number: int
    time: pd.Timestamp
    action: str
    who: str
    file: str
    file_sha256: str
    content_hash: str
    count: int
    columns: dict[str, str]


def os_user() -> str:
    """Return the name under which the user is logged in, "unknown" where the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def version_of(layer: str, number: int, cause: Cause, frame: gpd.GeoDataFrame) -> Version:
    """Return the version that a normalised frame makes, dated now."""
    now = pd.Timestamp.now("UTC").floor("s")
    about = (cause.action, cause.who, cause.file, cause.file_sha256)
    return Version(layer, number, now, *about, content_hash(frame), len(frame), kinds(frame))


class SnapshotStore:
    """The files `versions/`: one Parquet file per content, never changed once it is there."""

    folder = "versions"

    def __init__(self, files: Files) -> None:
        """Name where the files lie."""
        self._files = files

    def put(self, version: Version, frame: gpd.GeoDataFrame) -> None:
        """Keep a normalised frame under its content hash, durably.

        Raises
        ------
        SourceUnavailable
            The folder cannot be written; nothing was changed.
        """
        if not self._files.exists(self.name(version)):
            self._files.put(self.name(version), lambda part: frame.to_parquet(part, index=False, compression="zstd"))

    def get(self, version: Version) -> gpd.GeoDataFrame:
        """Return what the layer held, checked against its hash.

        Raises
        ------
        MissingData
            The snapshot is gone or damaged.
        """
        where = f"version {version.number} of {version.layer}: {self._files.place}/{self.name(version)}"
        try:
            with self._files.open(self.name(version)) as stream:
                frame = restore(gpd.read_parquet(stream), version.columns)
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise MissingData(f"{where} cannot be read") from error
        if content_hash(frame) != version.content_hash:
            raise MissingData(f"{where} is not what was stored")
        return frame

    def unlisted(self, listed: Iterable[Version]) -> list[str]:
        """Return the snapshots that none of these versions names; files of other kinds are nobody's business here."""
        wanted = {self.name(version) for version in listed}
        there = [f"{self.folder}/{name}" for name in self._files.names(self.folder) if _OUR_NAME.fullmatch(name)]
        return [name for name in there if name not in wanted]

    def name(self, version: Version) -> str:
        """Return the file that holds a version."""
        return f"{self.folder}/{version.content_hash}.parquet"


def version_row(version: Version) -> tuple[object, ...]:
    """Return a version as numbers and texts, in the order of its fields."""
    row = asdict(version)
    row |= {"time": row["time"].isoformat(), "columns": json.dumps(row["columns"], ensure_ascii=False)}
    return tuple(row.values())


def row_version(row: Sequence[Any]) -> Version:
    """Return the version that `version_row` wrote."""
    values = dict(zip((f.name for f in fields(Version)), row, strict=True))
    values |= {"time": pd.Timestamp(values["time"]), "columns": json.loads(values["columns"])}
    return Version(**values)


def put_versions(path: Path, versions: Sequence[Version]) -> None:
    """Add versions to the list in a GeoPackage; the list is made when missing."""
    if not versions:
        return
    names = [f.name for f in fields(Version)]
    with closing(sqlite3.connect(path)) as base, base:
        declared = ", ".join(f'"{name}" {"INTEGER" if name in ("number", "count") else "TEXT"}' for name in names)
        base.execute(f'CREATE TABLE IF NOT EXISTS {VERSIONS} ({declared}, PRIMARY KEY ("layer", "number"))')
        base.execute(
            "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, description) VALUES (?, ?, ?, ?)",
            (VERSIONS, "attributes", VERSIONS, "Suyuan: who added what and when"),
        )
        base.executemany(
            f"INSERT INTO {VERSIONS} VALUES ({', '.join('?' * len(names))})", [version_row(v) for v in versions]
        )


def get_versions(path: Path, layer: str) -> list[Version]:
    """Return a layer's versions, the first first; empty where none was kept."""
    if not path.exists():
        return []
    names = ", ".join(f'"{f.name}"' for f in fields(Version))
    with readonly(path) as base:
        if base.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSIONS,)).fetchone() is None:
            return []
        rows = base.execute(f'SELECT {names} FROM {VERSIONS} WHERE layer = ? ORDER BY "number"', (layer,)).fetchall()
    return [row_version(row) for row in rows]


def versioned_layers(path: Path) -> list[str]:
    """Return the layers that have versions in a GeoPackage, in the order of their ids."""
    if not path.exists():
        return []
    with readonly(path) as base:
        if base.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSIONS,)).fetchone() is None:
            return []
        return [row[0] for row in base.execute(f"SELECT DISTINCT layer FROM {VERSIONS} ORDER BY layer")]


def find_version(versions: Sequence[Version], layer: str, number: int) -> Version:
    """Return the version with this number.

    Raises
    ------
    InvalidInput
        There is none; the message says which there are.
    """
    for version in versions:
        if version.number == number:
            return version
    there = f"1 to {versions[-1].number}" if versions else "none"
    raise InvalidInput(f"layer {layer} has no version {number}; its versions: {there}")
