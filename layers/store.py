"""The workspace: one folder that keeps every layer, observation and raster, written whole or not at all."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import filelock
import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput, SourceUnavailable
from layers.catalogue import UnknownLayer, get_schema
from layers.frames import kinds, normalise
from layers.observation_store import ObservationStore
from layers.periods import valid_condition
from layers.provenance import content_hash
from layers.store_gpkg import (
    TEMPORARY,
    LayerRecord,
    count_table,
    drop_table,
    get_records,
    put_records,
    read_table,
    signature,
    swapped,
    write_table,
)
from layers.store_rasters import RasterStore
from layers.versions import Cause, SnapshotStore, Version, get_versions, put_versions, version_of

__all__ = ["BBox", "LayerData", "LayerRecord", "UnknownLayer", "Workspace"]

BBox = tuple[float, float, float, float]
T = TypeVar("T")

_log = logging.getLogger(__name__)
_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = ("gpkg_", "rtree_", "sqlite_", "suyuan_")
_LOCK_SECONDS = 120.0


@dataclass(frozen=True)
class LayerData:
    """A layer to be written.

    Parameters
    ----------
    frame : GeoDataFrame
        Features in any declared CRS; times with zone.
    schema : str, optional
        Id of the schema; by default the layer's own id.
    provenance : dict
        As `layers.provenance.provenance` makes it.
    synthetic : bool
        The layer holds generated data; also set when a column `synthetic` holds a true value.
    note_zh, note_en : str
        Shown with the layer.
    title_zh, title_en : str, optional
        By default the schema's titles.
    cause : Cause, optional
        Keep what is written as a version of the layer; see `layers.versions`.
    """

    frame: gpd.GeoDataFrame
    schema: str | None = None
    provenance: Mapping[str, object] = field(default_factory=dict)
    synthetic: bool = False
    note_zh: str = ""
    note_en: str = ""
    title_zh: str | None = None
    title_en: str | None = None
    cause: Cause | None = None


class Workspace:
    """A folder with `layers.gpkg`, `observations/`, `rasters/` and `versions/`.

    Nothing is made until the first write; reading from a folder that is not there says how to make it. Reads see
    one whole version however long they take, writers wait for each other.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the folder; what a crashed writer left behind is removed."""
        self.path = Path(path)
        self.gpkg = self.path / "layers.gpkg"
        self._lock = filelock.FileLock(self.path / ".lock", is_singleton=True)
        self.snapshots = SnapshotStore(self.path / "versions")
        self.rasters = RasterStore(self.path / "rasters")
        self.observations = ObservationStore(self.path / "observations", self.transaction)
        self._clean_if_free()

    def exists(self) -> bool:
        """Return whether the folder is there."""
        return self.path.is_dir()

    def require(self) -> None:
        """Raise InvalidInput, saying how to make it, if there is no workspace here."""
        if not self.path.is_dir():
            raise InvalidInput(
                f"no workspace at {self.path}; make one with `suyuan demo` or `suyuan layers add LAYER FILE`, "
                "or name another with --workspace DIR"
            )

    def records(self) -> list[LayerRecord]:
        """Return one record per layer, ordered by id.

        Raises
        ------
        InvalidInput
            There is no workspace here.
        """
        self.require()
        return list(get_records(self.gpkg).values())

    def record(self, layer: str) -> LayerRecord:
        """Return a layer's record.

        Raises
        ------
        UnknownLayer
            The workspace has no such layer; the message lists what there is.
        """
        self.require()
        records = get_records(self.gpkg)
        if layer not in records:
            there = ", ".join(records) or "none yet; add one with `suyuan layers add LAYER FILE`"
            raise UnknownLayer(f"no layer {layer!r} in {self.path}; layers here: {there}")
        return records[layer]

    def read(
        self,
        layer: str,
        *,
        bbox: BBox | None = None,
        limit: int | None = None,
        offset: int = 0,
        at: str | date | None = None,
    ) -> gpd.GeoDataFrame:
        """Return a layer's features in EPSG:4326, in a stable order.

        Parameters
        ----------
        layer : str
        bbox : (west, south, east, north), degrees
            Only features whose geometry meets the box.
        limit, offset : int
            A page of the features; limit None is all.
        at : date or str, optional
            Only features valid on this day of the city (valid_from to valid_to, both included, gaps open).

        Raises
        ------
        UnknownLayer, InvalidInput
            No such layer; a box, limit, offset or day that makes no sense; a layer without periods.
        """
        box = _checked_bbox(bbox)
        if offset < 0 or (limit is not None and limit < 0):
            raise InvalidInput(f"limit {limit} and offset {offset} must not be negative")

        def page() -> gpd.GeoDataFrame:
            record = self.record(layer)
            return read_table(self.gpkg, record, box, limit, offset, _on_day(record, at))

        return self._steady(page)

    def count(self, layer: str, bbox: BBox | None = None, at: str | date | None = None) -> int:
        """Return how many features the layer has, or how many meet the box and are valid on the day."""
        box = _checked_bbox(bbox)

        def number() -> int:
            record = self.record(layer)
            return count_table(self.gpkg, record.id, box, _on_day(record, at))

        return self._steady(number)

    def write(self, layers: Mapping[str, LayerData]) -> list[LayerRecord]:
        """Write layers, each in place of what it had; all of them appear together or none does.

        Raises
        ------
        InvalidInput
            A bad layer id or schema, a frame without CRS, times without zone.
        SourceUnavailable
            The disk is full, or another program is editing the file; nothing was changed.
        """
        ready = [_prepare(layer, data) for layer, data in layers.items()]
        if not ready:
            return []
        with self.transaction():
            kept = [v for record, frame in ready for v in self._kept(record.id, frame, layers[record.id].cause)]
            with swapped(self.gpkg) as copy:
                for record, frame in ready:
                    write_table(copy, record.id, frame, f"{record.title_zh} / {record.title_en}")
                put_records(copy, [record for record, _ in ready])
                put_versions(copy, kept)
        return [record for record, _ in ready]

    def versions(self, layer: str) -> list[Version]:
        """Return the versions of a layer that were kept, the first first."""
        self.require()
        return get_versions(self.gpkg, layer)

    def _kept(self, layer: str, frame: gpd.GeoDataFrame, cause: Cause | None) -> list[Version]:
        """Keep the snapshot of a version, and before it of what the layer holds if no version has that yet."""
        if cause is None:
            return []
        known = get_versions(self.gpkg, layer)
        number = known[-1].number + 1 if known else 1
        made: list[Version] = []
        if layer in get_records(self.gpkg):
            there = self.read(layer)
            found = version_of(layer, number, Cause("found", ""), there)
            if not known or found.content_hash != known[-1].content_hash:
                self.snapshots.put(found, there)
                made.append(found)
        version = version_of(layer, number + len(made), cause, frame)
        self.snapshots.put(version, frame)
        return [*made, version]

    def delete(self, layer: str) -> None:
        """Remove a layer.

        Raises
        ------
        UnknownLayer
            The workspace has no such layer.
        """
        with self.transaction():
            record = self.record(layer)
            with swapped(self.gpkg) as copy:
                drop_table(copy, record.id)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other writers out, for a read that a write depends on; may be nested.

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
            if outermost:
                self._clean()
            yield
        finally:
            self._lock.release()

    def _steady(self, read: Callable[[], T]) -> T:
        """Read again when the file was replaced meanwhile, so that record and data belong together."""
        while True:
            before = signature(self.gpkg)
            try:
                result = read()
            except (SourceUnavailable, UnknownLayer):
                if signature(self.gpkg) == before:
                    raise
                continue
            if signature(self.gpkg) == before:
                return result

    def _clean_if_free(self) -> None:
        if not self.path.is_dir() or self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=0)
        except (filelock.Timeout, OSError):
            return
        try:
            self._clean()
        finally:
            self._lock.release()

    def _clean(self) -> None:
        """Remove half-written files; only ever called under the lock, so no writer is at work on them."""
        for folder in (self.path, self.observations.folder, self.rasters.folder, self.snapshots.folder):
            for leftover in (*folder.glob(f"{TEMPORARY}*"), *folder.glob(".*.part")):
                _log.warning("removed %s, left by a writer that was stopped", leftover)
                leftover.unlink(missing_ok=True)


def _on_day(record: LayerRecord, at: str | date | None) -> str:
    return "" if at is None else valid_condition(record.columns, record.id, at)


def _prepare(layer: str, data: LayerData) -> tuple[LayerRecord, gpd.GeoDataFrame]:
    if not _ID.fullmatch(layer) or layer.startswith(_RESERVED):
        raise InvalidInput(f"bad layer id {layer!r}; use small letters, digits and _, beginning with a letter")
    schema = get_schema(data.schema or layer)
    frame = normalise(data.frame)
    start, end = _time_extent(frame, schema.time_field)
    marked = "synthetic" in frame and bool(frame["synthetic"].fillna(False).any())
    record = LayerRecord(
        id=layer,
        schema=schema.id,
        title_zh=data.title_zh or schema.title_zh,
        title_en=data.title_en or schema.title_en,
        kind=schema.kind,
        geometry=_geometry_kind(frame),
        count=len(frame),
        bbox=_bounds(frame),
        time_start=start,
        time_end=end,
        synthetic=data.synthetic or marked,
        note_zh=data.note_zh,
        note_en=data.note_en,
        provenance=dict(data.provenance),
        updated_at=pd.Timestamp(datetime.now(UTC)).floor("s"),
        columns=kinds(frame),
        content_hash=content_hash(frame),
    )
    return record, frame


def _geometry_kind(frame: gpd.GeoDataFrame) -> str:
    names = {name.removeprefix("Multi").lower() for name in frame.geometry.geom_type.dropna().unique()}
    kinds_found = {{"linestring": "line", "linearring": "line"}.get(name, name) for name in names}
    return "none" if not kinds_found else kinds_found.pop() if len(kinds_found) == 1 else "mixed"


def _bounds(frame: gpd.GeoDataFrame) -> BBox | None:
    bounds = frame.total_bounds if len(frame) else [float("nan")] * 4
    return None if pd.isna(bounds).any() else tuple(float(value) for value in bounds)  # type: ignore[return-value]


def _time_extent(frame: gpd.GeoDataFrame, name: str | None) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    times = frame[name].dropna() if name in frame and kinds(frame).get(name or "") == "time" else None
    return (None, None) if times is None or times.empty else (times.min(), times.max())


def _checked_bbox(bbox: BBox | None) -> BBox | None:
    if bbox is None:
        return None
    try:
        west, south, east, north = (float(value) for value in bbox)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"bbox {bbox!r} must be four numbers: west, south, east, north") from error
    if not (abs(west) <= 1e6 and abs(east) <= 1e6 and south <= north and west <= east):
        raise InvalidInput(f"bbox {bbox!r} must be west <= east and south <= north, in degrees")
    return west, south, east, north
