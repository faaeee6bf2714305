"""Parquet files of observations: written for their readers, read by the parts that matter."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from geo.errors import SourceUnavailable
from layers.observation_table import COLUMNS, TEXTS, CodedTable
from layers.store_files import Files, LocalFiles

# A station's month of six pollutants is 4,464 rows: it lies in one group or two. Smaller groups would make the
# footer long, larger ones would make every reader of one station unpack more of the others.
ROW_GROUP = 32_768
_KEPT = 64


@dataclass(frozen=True)
class MonthFile:
    """One file: its name in the store, the SHA-256 of its bytes, rows, first and last time in ms since 1970 UTC."""

    name: str
    sha256: str
    rows: int
    first: int
    last: int


@dataclass(frozen=True)
class Wanted:
    """What a reader asks for: start <= time < end in ms since 1970 UTC; None is all."""

    stations: frozenset[str] | None = None
    pollutants: frozenset[str] | None = None
    start: int | None = None
    end: int | None = None


def write_month(files: Files, folder: str, stem: str, table: CodedTable) -> MonthFile:
    """Write a table to a file named by its content; equal tables give equal bytes.

    Raises
    ------
    SourceUnavailable
        The store cannot be written; nothing was changed.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.to_arrow(),
        sink,
        compression="zstd",
        compression_level=1,
        row_group_size=ROW_GROUP,
        store_schema=False,
        write_statistics=["station_id", "time"],
    )
    content = sink.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    name = f"{folder}/{stem}.{digest[:16]}.parquet"
    if not files.exists(name):
        files.put(name, lambda part: _save(content, part))
    first, last = (int(table.time.min()), int(table.time.max())) if len(table) else (0, 0)
    return MonthFile(name, digest, len(table), first, last)


def _save(content: pa.Buffer, path: Path) -> None:
    with path.open("wb") as stream:
        stream.write(content)


@dataclass(frozen=True)
class _Index:
    """A file's footer and what its row groups hold, shape (groups,) each."""

    metadata: pq.FileMetaData
    station_first: NDArray[np.object_]
    station_last: NDArray[np.object_]
    time_first: NDArray[np.int64]
    time_last: NDArray[np.int64]


class MonthReader:
    """Reads files of one store; the footers of the last ones are kept, for a file never changes."""

    def __init__(self, files: Files) -> None:
        """Keep the store to read from."""
        self._files = files
        self._indexes: OrderedDict[str, _Index] = OrderedDict()
        self._lock = Lock()

    def read(self, name: str, wanted: Wanted, columns: Iterable[str] = COLUMNS) -> pa.Table:
        """Return the rows that are wanted, in the file's order, texts as dictionaries.

        Raises
        ------
        FileNotFoundError
            The file is not there.
        SourceUnavailable
            It cannot be read or is damaged.
        """
        try:
            return self._read(name, wanted, list(columns))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise SourceUnavailable(f"cannot read {self._files.place}/{name}: {reason}; restore a copy") from error

    def _read(self, name: str, wanted: Wanted, columns: list[str]) -> pa.Table:
        with self._lock:
            index = self._indexes.get(name)
        options = {"read_dictionary": list(TEXTS), "metadata": None if index is None else index.metadata}
        if isinstance(self._files, LocalFiles):
            source: object = self._files.root / name
            options["memory_map"] = True
        else:
            source = self._files.open(name)
            options["pre_buffer"] = True
        with pq.ParquetFile(source, **options) as file:
            if index is None:
                index = self._keep(name, file.metadata)
            groups = _groups(index, wanted)
            needed = [c for c in COLUMNS if c in columns or c in _tested(wanted)]
            table = file.read_row_groups(groups, columns=needed)
        return _filtered(table, wanted).select(columns)

    def _keep(self, name: str, metadata: pq.FileMetaData) -> _Index:
        index = _index(metadata)
        with self._lock:
            self._indexes[name] = index
            while len(self._indexes) > _KEPT:
                self._indexes.popitem(last=False)
        return index


def _index(metadata: pq.FileMetaData) -> _Index:
    place = {metadata.schema.column(i).name: i for i in range(metadata.num_columns)}
    low: dict[str, list[object]] = {"station_id": [], "time": []}
    high: dict[str, list[object]] = {"station_id": [], "time": []}
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for name in low:
            statistics = group.column(place[name]).statistics
            known = statistics is not None and statistics.has_min_max
            low[name].append(statistics.min if known else None)
            high[name].append(statistics.max if known else None)
    least, most = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    return _Index(
        metadata,
        np.array(["" if text is None else text for text in low["station_id"]], dtype=object),
        np.array(["\U0010ffff" if text is None else text for text in high["station_id"]], dtype=object),
        np.array([_ms(moment, least) for moment in low["time"]], dtype=np.int64),
        np.array([_ms(moment, most) for moment in high["time"]], dtype=np.int64),
    )


def _ms(moment: Any, otherwise: int) -> int:
    return otherwise if moment is None else int(np.datetime64(moment.replace(tzinfo=None), "ms").astype(np.int64))


def _groups(index: _Index, wanted: Wanted) -> list[int]:
    chosen = np.ones(len(index.time_first), dtype=bool)
    if wanted.start is not None:
        chosen &= index.time_last >= wanted.start
    if wanted.end is not None:
        chosen &= index.time_first < wanted.end
    if wanted.stations is not None:
        hit = np.zeros(len(chosen), dtype=bool)
        for station in wanted.stations:
            hit |= (index.station_first <= station) & (index.station_last >= station)
        chosen &= hit
    return np.flatnonzero(chosen).tolist()


def _tested(wanted: Wanted) -> set[str]:
    tested = {"time"} if wanted.start is not None or wanted.end is not None else set()
    tested |= {"station_id"} if wanted.stations is not None else set()
    return tested | ({"pollutant"} if wanted.pollutants is not None else set())


def _filtered(table: pa.Table, wanted: Wanted) -> pa.Table:
    tests = []
    if wanted.stations is not None:
        tests.append(_among(table["station_id"], wanted.stations))
    if wanted.pollutants is not None:
        tests.append(_among(table["pollutant"], wanted.pollutants))
    if wanted.start is not None:
        tests.append(pc.greater_equal(table["time"], pa.scalar(wanted.start, pa.timestamp("ms", "UTC"))))
    if wanted.end is not None:
        tests.append(pc.less(table["time"], pa.scalar(wanted.end, pa.timestamp("ms", "UTC"))))
    if not tests:
        return table
    mask = tests[0]
    for test in tests[1:]:
        mask = pc.and_(mask, test)
    return table.filter(mask)


def _among(column: pa.ChunkedArray, texts: frozenset[str]) -> pa.ChunkedArray:
    """Test texts by their dictionary: each is compared once, not once a row."""
    wanted = pa.array(sorted(texts), pa.string())
    hits = []
    for chunk in column.chunks:
        good = pc.is_in(chunk.dictionary.cast(pa.string()), value_set=wanted)
        hits.append(pc.fill_null(good.take(chunk.indices), False))
    return pa.chunked_array(hits, pa.bool_())
