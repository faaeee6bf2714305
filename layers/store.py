"""The workspace: one folder that keeps every layer, observation and raster, written whole or not at all."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import geopandas as gpd
import pandas as pd

from geo.errors import InvalidInput, SourceUnavailable
from layers.backend import Backend, Change
from layers.catalogue import UnknownLayer, get_schema
from layers.frames import kinds, normalise
from layers.observation_store import DAILY, ObservationStore
from layers.provenance import content_hash
from layers.records import BBox, LayerRecord, Selection
from layers.store_embedded import EmbeddedBackend
from layers.store_rasters import RasterStore
from layers.store_register import FORMAT, WRITING, store_format
from layers.versions import Cause, SnapshotStore, Version, os_user, version_of

__all__ = ["BBox", "LayerData", "LayerRecord", "UnknownLayer", "Workspace"]

Derive = Callable[[Mapping[str, Version]], Mapping[str, "LayerData"]]

_log = logging.getLogger(__name__)
_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DONE = ("但已完整生效", "after it had taken effect: the new version is whole")
_UNDONE = ("未生效，原有数据完好，请重新入库", "before it took effect: the old version is whole; add it again")
_RESERVED = ("gpkg_", "rtree_", "sqlite_", "suyuan_")


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
    """Layers, observations, rasters and versions: in a folder, or in what another backend keeps.

    Nothing is made until the first write; reading where there is none says how to make it. Reads see one whole
    version however long they take, writers wait for each other. `layers.stores.open_workspace` opens the one that
    the settings name.
    """

    def __init__(self, path: str | Path, backend: Backend | None = None) -> None:
        """Open the folder, or a store that is shared; what a crashed writer left behind is removed and told."""
        self.path = Path(path)
        self.gpkg = self.path / "layers.gpkg"
        self.backend: Backend = EmbeddedBackend(self.path) if backend is None else backend
        self.place = self.backend.place
        self.name = self.backend.name
        files = self.backend.files
        self.snapshots = SnapshotStore(files)
        self.rasters = RasterStore(files)
        shared = (files, self.backend.register, self.transaction, self._telling)
        self.observations = ObservationStore(*shared)
        self.daily = ObservationStore(*shared, DAILY)
        with self.backend.try_lock() as free:
            if free:
                self._clean()

    def exists(self) -> bool:
        """Return whether the workspace is there."""
        return self.backend.exists()

    def require(self) -> None:
        """Raise InvalidInput, saying how to make it, if there is no workspace here."""
        if not self.exists():
            raise InvalidInput(f"no workspace at {self.place}; {self.backend.how_to_make()}")

    def records(self) -> list[LayerRecord]:
        """Return one record per layer, ordered by id.

        Raises
        ------
        InvalidInput
            There is no workspace here.
        """
        self.require()
        return list(self.backend.records().values())

    def record(self, layer: str) -> LayerRecord:
        """Return a layer's record.

        Raises
        ------
        UnknownLayer
            The workspace has no such layer; the message lists what there is.
        """
        self.require()
        records = self.backend.records()
        if layer not in records:
            there = ", ".join(records) or "none yet; add one with `suyuan layers add LAYER FILE`"
            raise UnknownLayer(f"no layer {layer!r} in {self.place}; layers here: {there}")
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
        self._check_id(layer)
        frame = self.backend.read(layer, Selection(box, limit, offset, at))
        return frame if frame is not None else self._unknown(layer)

    def count(self, layer: str, bbox: BBox | None = None, at: str | date | None = None) -> int:
        """Return how many features the layer has, or how many meet the box and are valid on the day."""
        box = _checked_bbox(bbox)
        self._check_id(layer)
        number = self.backend.count(layer, Selection(box, at=at))
        return number if number is not None else self._unknown(layer)

    def write(self, layers: Mapping[str, LayerData], also: Derive | None = None) -> list[LayerRecord]:
        """Write layers, each in place of what it had; all of them appear together or none does.

        Parameters
        ----------
        layers : mapping of layer id to LayerData
        also : callable, optional
            Told the versions that are made, by layer, it returns further layers for the same step; see
            `layers.derived`.

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
            about = {"what": ", ".join(layers), "layers": {record.id: record.content_hash for record, _ in ready}}
            with self._telling(about):
                kept = [v for record, frame in ready for v in self._kept(record.id, frame, layers[record.id].cause)]
                more = {} if also is None else also({version.layer: version for version in kept})
                ready += [_prepare(layer, data) for layer, data in more.items()]
                self.backend.write(Change(ready, kept))
        return [record for record, _ in ready]

    def versions(self, layer: str) -> list[Version]:
        """Return the versions of a layer that were kept, the first first."""
        self.require()
        return self.backend.versions(layer)

    def delete(self, layer: str) -> None:
        """Remove a layer.

        Raises
        ------
        UnknownLayer
            The workspace has no such layer.
        """
        with self.transaction():
            self.backend.drop(self.record(layer).id)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other writers out, for a read that a write depends on; may be nested.

        Raises
        ------
        InvalidInput, SourceUnavailable
            The path is a file; the folder cannot be made or another program writes for too long.
        """
        with self.backend.lock() as outermost:
            if outermost:
                self._clean()
                self._upgrade()
            yield

    def _check_id(self, layer: str) -> None:
        self.require()
        if not _ID.fullmatch(layer):
            self._unknown(layer)

    def _unknown(self, layer: str) -> NoReturn:
        self.record(layer)
        raise UnknownLayer(f"layer {layer!r} in {self.place} was removed while it was read")

    def _kept(self, layer: str, frame: gpd.GeoDataFrame, cause: Cause | None) -> list[Version]:
        """Keep the snapshot of a version, and before it of what the layer holds if no version has that yet."""
        if cause is None:
            return []
        known = self.backend.versions(layer)
        number = known[-1].number + 1 if known else 1
        made: list[Version] = []
        if layer in self.backend.records():
            there = self.read(layer)
            found = version_of(layer, number, Cause("found", ""), there)
            if not known or found.content_hash != known[-1].content_hash:
                self.snapshots.put(found, there)
                made.append(found)
        version = version_of(layer, number + len(made), cause, frame)
        self.snapshots.put(version, frame)
        return [*made, version]

    @contextmanager
    def _telling(self, about: dict[str, Any]) -> Iterator[None]:
        """Note a write under way, so that if it is stopped the next start can say what became of it."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self.backend.register.save({WRITING: {**about, "who": os_user(), "since": since}})
        try:
            yield
        except BaseException:
            # Saved through the lock's connection: a shared store that lost it may not tidy up, others may be writing.
            self.backend.register.save({WRITING: None})
            self.remove_unlisted()
            raise
        self.backend.register.save({WRITING: None})

    def _clean(self) -> None:
        """Remove what a stopped writer left and say what became of its write; only under the lock."""
        documents = self.backend.register.load()
        for leftover in self.backend.clean():
            _log.warning("removed %s, left by a writer that was stopped", leftover)
        if WRITING not in documents:
            return
        _log.warning("%s", self._became(documents[WRITING]))
        self.observations.clean()
        self.daily.clean()
        self.remove_unlisted()
        self.backend.register.save({WRITING: None})

    def _became(self, writing: Mapping[str, Any]) -> str:
        records = self.backend.records()
        wanted = dict(writing.get("layers", {}))
        done = bool(wanted) and all(name in records and records[name].content_hash == wanted[name] for name in wanted)
        for store in (self.observations, self.daily):
            if store.shelf.document in writing:
                done = sorted(store.manifest().names()) != writing[store.shelf.document]
        what, who, since = (writing.get(name, "?") for name in ("what", "who", "since"))
        zh, en = _DONE if done else _UNDONE
        return f"{self.place}: 上次写入（{what}，{who}，{since}）被中断，{zh} · the last write was stopped {en}"

    def remove_unlisted(self) -> None:
        """Remove snapshots that no version names and say so; only under the lock, so that none is about to be named."""
        with suppress(SourceUnavailable):  # what cannot be looked at now is found by the next check
            listed = [version for layer in self.backend.versioned() for version in self.backend.versions(layer)]
            for name in self.snapshots.unlisted(listed):
                self.backend.files.remove(name)
                _log.warning(
                    "%s: 已清除未生效的版本文件 · removed %s, a version that never took effect", self.place, name
                )

    def _upgrade(self) -> None:
        found = store_format(self.backend.register.load(), self.place)
        if found < FORMAT and not self.backend.records() and not self.observations.months():
            self.backend.register.save({"format": FORMAT})
            return
        for number in range(found, FORMAT):
            _log.warning("%s: 存储格式升级 %d -> %d · store upgraded", self.place, number, number + 1)
            STEPS[number](self)


def _from_1_to_2(workspace: Workspace) -> None:
    """Name the months of observations by their content and list them."""
    workspace.observations.upgrade()


STEPS: dict[int, Callable[[Workspace], None]] = {1: _from_1_to_2}
"""What brings a store of each older format into the next one; a step that is stopped leaves the older one whole."""


def _prepare(layer: str, data: LayerData) -> tuple[LayerRecord, gpd.GeoDataFrame]:
    if not _ID.fullmatch(layer) or layer.startswith(_RESERVED):
        raise InvalidInput(f"bad layer id {layer!r}; use small letters, digits and _, beginning with a letter")
    schema = get_schema(data.schema or layer)
    frame = normalise(data.frame)
    start, end = _time_extent(frame, schema.time_field)
    marked = "synthetic" in frame and bool(frame["synthetic"].eq(True).fillna(False).any())
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
