"""Observations, hourly or daily: a Parquet file per month of the city, named by its content and listed in a register.

An ingest writes the files of all its months first and then the list, in one step: however it ends, every month is
the old one or every month is the new one. The last hours of all stations are kept a second time, sorted by time, so
that the newest values are read without the month around them.
"""

import re
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from geo.errors import InvalidInput, SourceUnavailable
from layers.observation_files import MonthFile, MonthReader, Wanted, write_month
from layers.observation_table import COLUMNS, CodedTable, by_month, by_station, by_time, checked, coded, joined, merge
from layers.store_files import Files, file_hash
from layers.store_register import FORMAT, Register, store_format

RECENT_HOURS = 48
_AT_ONCE = 2

_HOUR_MS = 3_600_000
_OLD_NAME = re.compile(r"(\d{4}-\d{2})\.parquet")
_OUR_NAME = re.compile(r"(\d{4}-\d{2}|recent)\.[0-9a-f]{16}\.parquet")

T = TypeVar("T")


@dataclass(frozen=True)
class Shelf:
    """Where values of one averaging period lie: the list in the register, the folders of months and newest values."""

    document: str
    folder: str
    recent: str


HOURLY = Shelf("observations", "observations", "observations_recent")
DAILY = Shelf("observations_daily", "observations_daily", "observations_daily_recent")
"""Values of whole days under the first moment of the city's day; never mixed with hours."""
SHELVES = (HOURLY, DAILY)


@dataclass(frozen=True)
class Manifest:
    """The files that hold: one per month; `recent` repeats all values from `since` (ms since 1970 UTC) on."""

    months: dict[str, MonthFile] = field(default_factory=dict)
    recent: MonthFile | None = None
    since: int = 0

    def document(self) -> dict[str, Any]:
        """Return the manifest as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Manifest":
        """Return the manifest that `document` made."""
        months = {month: MonthFile(**entry) for month, entry in sorted(document["months"].items())}
        recent = None if document["recent"] is None else MonthFile(**document["recent"])
        return cls(months, recent, int(document["since"]))

    def names(self) -> set[str]:
        """Return the files that are listed."""
        return {entry.name for entry in self.months.values()} | ({self.recent.name} if self.recent else set())


class ObservationStore:
    """Hourly or daily values of all stations; files such as ``observations/2024-05.1a2b3c4d5e6f7a8b.parquet``."""

    def __init__(
        self,
        files: Files,
        register: Register,
        lock: Callable[[], AbstractContextManager[None]],
        telling: Callable[[dict[str, Any]], AbstractContextManager[None]],
        shelf: Shelf = HOURLY,
    ) -> None:
        """Name where the files lie, the list, the lock that writers share, and who is told of a write under way."""
        self.shelf = shelf
        self._files = files
        self._register = register
        self._lock = lock
        self._telling = telling
        self._reader = MonthReader(files)

    def add(self, observations: pd.DataFrame) -> dict[str, int]:
        """Append new values and correct those that are there; a station's hour and pollutant is held once.

        Parameters
        ----------
        observations : DataFrame
            Columns station_id, time (with zone), pollutant, value, unit and, if any, flag.

        Returns
        -------
        dict
            Numbers of values: added, corrected, unchanged.

        Raises
        ------
        InvalidInput
            A column is missing, times have no zone, or two values claim one station, hour and pollutant.
        SourceUnavailable
            A file cannot be written; every month is as it was.
        """
        months = dict(by_month(checked(observations)))
        with self._lock():
            old = self.manifest()
            with self._telling({"what": f"{len(observations)} observations", self.shelf.document: sorted(old.names())}):
                try:
                    return self._add(old, months)
                except SourceUnavailable:
                    self.clean()
                    raise

    def _add(self, old: Manifest, months: dict[str, CodedTable]) -> dict[str, int]:
        newest = _Newest(old, sorted({*old.months, *months})[-2:])

        def bring(month: str) -> tuple[MonthFile | None, dict[str, int]]:
            table, found = self._merged(old.months.get(month), months[month], month)
            if table is None:
                return None, found
            newest.note(month, table)
            return write_month(self._files, self.shelf.folder, month, table), found

        # While one month waits for the disk the other is packed.
        with ThreadPoolExecutor(_AT_ONCE) as workers:
            done = dict(zip(months, workers.map(bring, months), strict=True))
        counts = {name: sum(found[name] for _, found in done.values()) for name in ("added", "corrected", "unchanged")}
        if counts["added"] or counts["corrected"]:
            written = {month: entry for month, (entry, _) in done.items() if entry is not None}
            self.replace(self._with_recent({**old.months, **written}, newest, written.values()))
        return counts

    def read(
        self,
        *,
        stations: Iterable[str] | None = None,
        start: pd.Timestamp | str | None = None,
        end: pd.Timestamp | str | None = None,
        pollutants: Iterable[str] | None = None,
    ) -> pd.DataFrame:
        """Return observations with start <= time < end, sorted by station, time and pollutant.

        Parameters
        ----------
        stations, pollutants : iterable of str, optional
            Only these; None is all.
        start, end : aware timestamps, optional

        Returns
        -------
        DataFrame
            Columns station_id, time (UTC), pollutant, value, unit, flag; empty where there is nothing.
        """
        wanted = _wanted(stations, pollutants, start, end)
        tables, in_order = self._scan(wanted, COLUMNS)
        parts = [table for table in tables if table.num_rows]
        if not parts:
            return empty()
        if len(parts) > 1 or not in_order:
            parts = [by_station(joined([coded(part) for part in parts])).to_arrow()]
        return _plain(parts[0])

    def scan(self, wanted: Wanted, columns: Iterable[str] = COLUMNS) -> list[pa.Table]:
        """Return what is wanted, a table per file, texts as dictionaries; all of one version of the store."""
        return self._scan(wanted, columns)[0]

    def _scan(self, wanted: Wanted, columns: Iterable[str]) -> tuple[list[pa.Table], bool]:
        """Return the tables, and whether each is sorted by station, time and pollutant."""

        def tables(manifest: Manifest) -> tuple[list[pa.Table], bool]:
            if manifest.recent is not None and wanted.start is not None and wanted.start >= manifest.since:
                return [self._reader.read(manifest.recent.name, wanted, columns)], False
            chosen = [entry for entry in manifest.months.values() if _touches(entry, wanted)]
            return [self._reader.read(entry.name, _narrowed(wanted, entry), columns) for entry in chosen], True

        return self._steady(tables)

    def latest(self) -> pd.DataFrame:
        """Return all values of the newest hour; empty where there is none."""
        held = self.time_range()
        return empty() if held is None else self.read(start=held[1], end=held[1] + pd.Timedelta(milliseconds=1))

    def months(self) -> list[str]:
        """Return the months of the city (UTC+8) that are held, such as "2024-05"."""
        return list(self.manifest().months)

    def time_range(self) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """Return the first and last hour that is held, or None."""
        months = list(self.manifest().months.values())
        return None if not months else (_stamp(months[0].first), _stamp(months[-1].last))

    def manifest(self) -> Manifest:
        """Return the files that hold.

        Raises
        ------
        InvalidInput
            A newer Suyuan wrote the store.
        """
        documents = self._register.load()
        if store_format(documents, self._files.place) >= 2:
            document = documents.get(self.shelf.document)
            return Manifest() if document is None else Manifest.of(document)
        return self._manifest_of_format_1()

    def replace(self, manifest: Manifest) -> None:
        """Make other files hold, in one step; those that no longer do are removed. Only under the writers' lock."""
        old = self.manifest()
        self._register.save({"format": FORMAT, self.shelf.document: manifest.document()})
        for name in old.names() - manifest.names():
            self._files.remove(name)

    def clean(self) -> None:
        """Remove files that a writer made who was stopped before they held. Only under the writers' lock."""
        listed = self.manifest().names()
        there = [
            f"{folder}/{name}"
            for folder in (self.shelf.folder, self.shelf.recent)
            for name in self._files.names(folder)
        ]
        for name in there:
            if _OUR_NAME.fullmatch(name.partition("/")[2]) and name not in listed:
                self._files.remove(name)

    def upgrade(self) -> None:
        """Bring files of format 1 into format 2, in one step; only under the writers' lock."""
        self.take_over(self)

    def take_over(self, other: "ObservationStore") -> int:
        """Write the months of another store, of any format, in place of one's own; returns how many they are."""
        newest = _Newest(Manifest(), [])
        months: dict[str, MonthFile] = {}
        rest: list[CodedTable] = []
        entries = list(other.manifest().months.values())
        for number, entry in enumerate(entries, start=1):
            # Files of format 1 hold UTC months: the end of one belongs to the city's next month.
            parts = list(by_month(joined([*rest, coded(other._reader.read(entry.name, Wanted()))])))
            rest = [] if number == len(entries) else [parts.pop()[1]]
            for month, table in parts:
                months[month] = write_month(self._files, self.shelf.folder, month, table)
                newest.note(month, table)
        self.replace(self._with_recent(months, newest, months.values()) if months else Manifest())
        return len(months)

    def verify(self) -> None:
        """Check each file against the hash that was noted when it was written.

        Raises
        ------
        SourceUnavailable, MissingData
            A file is damaged or not there.
        """
        manifest = self.manifest()
        for entry in [*manifest.months.values(), *([manifest.recent] if manifest.recent else [])]:
            if entry.sha256 and file_hash(self._files, entry.name) != entry.sha256:
                raise SourceUnavailable(f"{self._files.place}/{entry.name} is damaged; restore a copy")

    def _merged(self, entry: MonthFile | None, new: CodedTable, month: str) -> tuple[CodedTable | None, dict[str, int]]:
        if entry is None:
            return new, {"added": len(new), "corrected": 0, "unchanged": 0}
        return merge(coded(self._reader.read(entry.name, Wanted())), new, month)

    def _with_recent(self, months: dict[str, MonthFile], newest: "_Newest", written: Iterable[MonthFile]) -> Manifest:
        """Return the manifest of these months, with the newest hours of all stations in a file of their own."""
        months = dict(sorted(months.items()))
        since = max(entry.last for entry in months.values()) - RECENT_HOURS * _HOUR_MS + 1
        if newest.unchanged(since, written):
            return Manifest(months, newest.recent, since)
        wanted, parts = Wanted(start=since), []
        for month, entry in months.items():
            if entry.last >= since:
                table = newest.tables.get(month)
                held = coded(self._reader.read(entry.name, wanted)) if table is None else table
                parts.append(held.take(np.flatnonzero(held.time >= since)))
        recent = write_month(self._files, self.shelf.recent, "recent", by_time(joined(parts)))
        return Manifest(months, recent, since)

    def _manifest_of_format_1(self) -> Manifest:
        months = {}
        for name in self._files.names(self.shelf.folder):
            match = _OLD_NAME.fullmatch(name)
            if match is not None:
                table = self._reader.read(f"{self.shelf.folder}/{name}", Wanted(), ["time"])
                times = table["time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
                held = (len(times), int(times.min()), int(times.max())) if len(times) else (0, 0, 0)
                months[match[1]] = MonthFile(f"{self.shelf.folder}/{name}", "", *held)
        return Manifest(months)

    def _steady(self, read: Callable[[Manifest], T]) -> T:
        """Read again where a writer replaced files after they were looked up."""
        while True:
            manifest = self.manifest()
            try:
                return read(manifest)
            except FileNotFoundError as error:
                if self.manifest() == manifest:
                    raise SourceUnavailable(f"{error.filename or error} is missing; restore a copy") from error


class _Newest:
    """The months just written of which the newest hours may come; the tables of others are not kept."""

    def __init__(self, old: Manifest, months: Collection[str]) -> None:
        self.recent, self.since = old.recent, old.since
        self.tables: dict[str, CodedTable] = {}
        self._months = months

    def note(self, month: str, table: CodedTable) -> None:
        if month in self._months:
            self.tables[month] = table

    def unchanged(self, since: int, written: Iterable[MonthFile]) -> bool:
        return self.recent is not None and self.since == since and all(entry.last < since for entry in written)


def empty() -> pd.DataFrame:
    """Return a table of observations without rows."""
    types = {"time": "datetime64[ms, UTC]", "value": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=types.get(name, "str")) for name in COLUMNS})


def _plain(table: pa.Table) -> pd.DataFrame:
    texts = [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in table.columns]
    frame = pa.table(dict(zip(table.column_names, texts, strict=True))).to_pandas()
    return frame.astype(empty().dtypes.to_dict())


def _wanted(
    stations: Iterable[str] | None,
    pollutants: Iterable[str] | None,
    start: pd.Timestamp | str | None,
    end: pd.Timestamp | str | None,
) -> Wanted:
    return Wanted(
        None if stations is None else frozenset(stations),
        None if pollutants is None else frozenset(pollutants),
        _moment(start),
        _moment(end),
    )


def _moment(value: pd.Timestamp | str | None) -> int | None:
    """Return a time as whole ms since 1970 UTC, rounded up: between two of them nothing is held."""
    if value is None:
        return None
    moment = pd.Timestamp(value)
    if moment.tzinfo is None:
        raise InvalidInput(f"the time {value} has no zone; write it as 2024-05-01T00:00Z or with +08:00")
    return int(moment.tz_convert("UTC").as_unit("ns").ceil("ms").value // 1_000_000)


def _stamp(ms: int) -> pd.Timestamp:
    return pd.Timestamp(ms, unit="ms", tz="UTC").as_unit("ms")


def _narrowed(wanted: Wanted, entry: MonthFile) -> Wanted:
    """Return what is left to ask of a file: no times, if all of its times are wanted."""
    start = None if wanted.start is None or entry.first >= wanted.start else wanted.start
    end = None if wanted.end is None or entry.last < wanted.end else wanted.end
    return replace(wanted, start=start, end=end)


def _touches(entry: MonthFile, wanted: Wanted) -> bool:
    return (wanted.start is None or entry.last >= wanted.start) and (wanted.end is None or entry.first < wanted.end)
