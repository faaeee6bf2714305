"""The embedded store: one folder with a GeoPackage and files, no server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import filelock
import geopandas as gpd

from geo.errors import InvalidInput, SourceUnavailable
from layers.backend import FOLDERS, Change
from layers.periods import valid_condition
from layers.records import LayerRecord, Selection
from layers.store_files import TEMPORARY, Files, LocalFiles
from layers.store_gpkg import (
    count_table,
    drop_table,
    get_records,
    make_empty,
    put_records,
    read_table,
    signature,
    swapped,
    write_table,
)
from layers.store_register import FileRegister, Register
from layers.versions import Version, get_versions, put_versions, versioned_layers

T = TypeVar("T")

_LOCK_SECONDS = 120.0


class EmbeddedBackend:
    """A folder with `layers.gpkg`, `store.json`, `observations/`, `rasters/` and `versions/`."""

    def __init__(self, path: Path) -> None:
        """Name the folder; nothing is made until the first write."""
        self.path = path
        self.place = str(path)
        self.name = path.name
        self.gpkg = path / "layers.gpkg"
        self.files: Files = LocalFiles(path)
        self.register: Register = FileRegister(path / "store.json")
        # Records by the signature of the file that they were read from: each analysis asks for them a dozen times.
        self._known: tuple[tuple[int, int, int] | None, dict[str, LayerRecord]] = (None, {})
        self._lock = filelock.FileLock(path / ".lock", is_singleton=True)

    def exists(self) -> bool:
        """Return whether the folder is there."""
        return self.path.is_dir()

    def how_to_make(self) -> str:
        """Return what to do where there is none."""
        return "make one with `suyuan demo` or `suyuan layers add LAYER FILE`, or name another with --workspace DIR"

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Keep other writers out; yields whether this is the outermost of nested calls.

        Raises
        ------
        InvalidInput, SourceUnavailable
            The path is a file; the folder cannot be made or another program writes for too long.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise InvalidInput(f"the workspace {self.path} is a file; give a folder with --workspace") from error
        except OSError as error:
            raise SourceUnavailable(f"cannot make the workspace {self.path}: {error.strerror}") from error
        outermost = not self._lock.is_locked
        try:
            self._lock.acquire(timeout=_LOCK_SECONDS)
        except filelock.Timeout as error:
            raise SourceUnavailable(f"another program is writing to {self.path}; try again when it is done") from error
        except OSError as error:
            raise SourceUnavailable(f"cannot write to the workspace {self.path}: {error.strerror}") from error
        try:
            yield outermost
        finally:
            self._lock.release()

    @contextmanager
    def try_lock(self) -> Iterator[bool]:
        """Take the lock if it is free; yields whether it was."""
        free = self.path.is_dir() and not self._lock.is_locked
        if free:
            try:
                self._lock.acquire(timeout=0)
            except (filelock.Timeout, OSError):
                free = False
        try:
            yield free
        finally:
            if free:
                self._lock.release()

    def records(self) -> dict[str, LayerRecord]:
        """Return the records by layer id, in the order of the ids."""
        now = signature(self.gpkg)
        known, records = self._known
        if now is None or now != known:
            records = get_records(self.gpkg)
            # A file that was replaced meanwhile is read again at the next call.
            self._known = now, records
        return dict(records)

    def versions(self, layer: str) -> list[Version]:
        """Return a layer's versions, the first first."""
        return get_versions(self.gpkg, layer)

    def versioned(self) -> list[str]:
        """Return the layers that have versions, in the order of their ids, removed ones too."""
        return versioned_layers(self.gpkg)

    def read(self, layer: str, selection: Selection) -> gpd.GeoDataFrame | None:
        """Return features with the types that they were written with; None where there is no such layer."""

        def page() -> gpd.GeoDataFrame | None:
            record = self.records().get(layer)
            if record is None:
                return None
            condition = _on_day(record, selection)
            return read_table(self.gpkg, record, selection.bbox, selection.limit, selection.offset, condition)

        return self._steady(page)

    def count(self, layer: str, selection: Selection) -> int | None:
        """Return how many features fit; None where there is no such layer."""

        def number() -> int | None:
            record = self.records().get(layer)
            if record is None:
                return None
            return count_table(self.gpkg, layer, selection.bbox, _on_day(record, selection))

        return self._steady(number)

    def write(self, change: Change) -> None:
        """Write layers and versions into a copy of the GeoPackage that then takes its place."""
        with swapped(self.gpkg) as copy:
            if not change.layers and not copy.exists():
                make_empty(copy)
            for record, frame in change.layers:
                write_table(copy, record.id, frame, f"{record.title_zh} / {record.title_en}")
            put_records(copy, [record for record, _ in change.layers])
            put_versions(copy, change.versions)

    def drop(self, layer: str) -> None:
        """Remove a layer and its record; its versions stay."""
        with swapped(self.gpkg) as copy:
            drop_table(copy, layer)

    def clean(self) -> list[str]:
        """Remove half-written files; only under the lock, so no writer is at work on them."""
        left = [path.name for path in self.path.glob(f"{TEMPORARY}*")]
        left += [name for folder in FOLDERS for name in self.files.leftovers(folder)]
        for name in left:
            self.files.remove(name)
        return left

    def _steady(self, read: Callable[[], T]) -> T:
        """Read again when the file was replaced meanwhile, so that record and data belong together."""
        while True:
            before = signature(self.gpkg)
            try:
                result = read()
            except SourceUnavailable:
                if signature(self.gpkg) == before:
                    raise
                continue
            if signature(self.gpkg) == before:
                return result


def _on_day(record: LayerRecord, selection: Selection) -> str:
    return "" if selection.at is None else valid_condition(record.columns, record.id, selection.at)
