"""What is kept between requests: layers as read, answers that took work, layers made ready for tiles."""

import gc
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from threading import Lock

import geopandas as gpd

from layers.store import LayerRecord, Workspace
from web_map.vector_tiles import TileSource

# A page of a layer with more features than this comes from the store; for less the whole layer is read.
LARGE_LAYER = 100_000
_CACHED_FEATURES = 1_500_000
_CACHED_BYTES = 128 * 2**20
_MOST_SOURCES = 6
_MANY = 20_000


class LayerCache:
    """Whole layers as last read, by content: what bbox, time, filters and single features are picked from.

    A layer that changed has another content hash, so it is never served stale. The least used go first when there are
    more features than the cache holds; a layer that alone is larger is read each time.
    """

    def __init__(self, workspace: Workspace, most: int = _CACHED_FEATURES) -> None:
        """Keep the workspace to read from; `most` is how many features are kept."""
        self._workspace, self._most = workspace, most
        self._frames: OrderedDict[tuple[str, str], gpd.GeoDataFrame] = OrderedDict()
        self._lock = Lock()
        self._reading: defaultdict[str, Lock] = defaultdict(Lock)

    def ready(self, record: LayerRecord) -> gpd.GeoDataFrame | None:
        """Return all features of a layer if they are kept; the frame is shared and must not be changed."""
        key = (record.id, record.content_hash)
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
            return self._frames.get(key)

    def read(self, record: LayerRecord) -> gpd.GeoDataFrame:
        """Return all features of a layer, read once while others who want them wait."""
        with self._lock:
            turn = self._reading[record.id]
        with turn:
            kept = self.ready(record)
            if kept is not None:
                return kept
            frame = self._workspace.read(record.id)
            if len(frame) <= self._most:
                self._keep((record.id, record.content_hash), frame)
                _set_apart(len(frame))
            return frame

    def _keep(self, key: tuple[str, str], frame: gpd.GeoDataFrame) -> None:
        with self._lock:
            for old in [known for known in self._frames if known[0] == key[0]]:
                del self._frames[old]
            self._frames[key] = frame
            while sum(map(len, self._frames.values())) > self._most:
                self._frames.popitem(last=False)


class BytesCache:
    """Answers that took work to make, by all that decides them; the least used go first when it is full."""

    def __init__(self, most: int = _CACHED_BYTES) -> None:
        """Begin empty; `most` is how many bytes are kept."""
        self._most, self._size = most, 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> bytes | None:
        """Return what is kept under a key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, content: bytes) -> None:
        """Keep something, unless it alone would fill much of the cache."""
        if len(content) > self._most // 4:
            return
        with self._lock:
            self._size += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._size > self._most:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone)


class TileSources:
    """Layers made ready for tiles, by content; the ones used last are kept."""

    def __init__(self) -> None:
        """Begin without any."""
        self._sources: OrderedDict[tuple[str, str], TileSource] = OrderedDict()
        self._lock = Lock()
        self._making = Lock()

    def get(self, layers: LayerCache, record: LayerRecord) -> TileSource:
        """Return a layer's source; made once, while others who want it wait."""
        key = (record.id, record.content_hash)
        with self._making:
            with self._lock:
                if key in self._sources:
                    self._sources.move_to_end(key)
                    return self._sources[key]
            source = TileSource(layers.read(record), record.id)
            _set_apart(record.count)
            with self._lock:
                for old in [known for known in self._sources if known[0] == record.id]:
                    del self._sources[old]
                self._sources[key] = source
                while len(self._sources) > _MOST_SOURCES:
                    self._sources.popitem(last=False)
            return source


def _set_apart(count: int) -> None:
    """Spare the garbage collector the many geometries that were just kept: each full round walked through all of them,
    which held an answer up by 0.15 s with 200,000 polygons. They are still freed when nobody holds them."""
    if count >= _MANY:
        gc.collect()
        gc.freeze()
