"""What the routes work with: settings, workspace, layer cache and templates of one app."""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated

import geopandas as gpd
import jinja2
from fastapi import Depends, Request

from api.accounts.store import Accounts
from api.accounts.throttle import Throttle
from api.jobs.runner import Runner
from api.jobs.store import JobStore
from api.settings import Settings
from api.store import workspace_of
from layers.store import LayerRecord, UnknownLayer, Workspace
from web_map.assets import TEMPLATES

_CACHED_LAYERS = 12
_CACHED_FEATURES = 300_000


class LayerCache:
    """Whole layers as last read, by content: what bbox, time and single features are picked from.

    A layer that changed has another content hash, so it is never served stale. Larger layers are read each time.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Keep the workspace to read from."""
        self._workspace = workspace
        self._frames: OrderedDict[tuple[str, str], gpd.GeoDataFrame] = OrderedDict()
        self._lock = Lock()

    def read(self, record: LayerRecord) -> gpd.GeoDataFrame:
        """Return all features of a layer; the frame is shared and must not be changed."""
        key = (record.id, record.content_hash)
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        frame = self._workspace.read(record.id)
        if len(frame) <= _CACHED_FEATURES:
            self._keep(key, frame)
        return frame

    def _keep(self, key: tuple[str, str], frame: gpd.GeoDataFrame) -> None:
        with self._lock:
            for old in [known for known in self._frames if known[0] == key[0]]:
                del self._frames[old]
            self._frames[key] = frame
            while len(self._frames) > _CACHED_LAYERS:
                self._frames.popitem(last=False)


@dataclass
class Streams:
    """How many event streams are open."""

    count: int = 0


@dataclass(frozen=True)
class Services:
    """The parts that one app's routes share."""

    settings: Settings
    workspace: Workspace
    cache: LayerCache
    jobs: JobStore
    runner: Runner
    accounts: Accounts
    throttle: Throttle = field(default_factory=Throttle)
    streams: Streams = field(default_factory=Streams)
    templates: jinja2.Environment = field(
        default_factory=lambda: jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    )

    @classmethod
    def of(cls, settings: Settings) -> "Services":
        """Open the workspace of these settings."""
        workspace, folder = workspace_of(settings), settings.workspace
        return cls(
            settings, workspace, LayerCache(workspace), JobStore(folder), Runner(settings), accounts=Accounts(folder)
        )

    def records(self) -> list[LayerRecord]:
        """Return the layers there are; none without a workspace."""
        return self.workspace.records() if self.workspace.exists() else []

    def record(self, layer: str) -> LayerRecord:
        """Return one layer's record.

        Raises
        ------
        UnknownLayer
            There is no such collection; the message lists those there are.
        """
        records = {record.id: record for record in self.records()}
        if layer not in records:
            raise UnknownLayer(f"no collection {layer!r}; the collections are {', '.join(records) or '(none yet)'}")
        return records[layer]


def get_services(request: Request) -> Services:
    """Return the services of the app that answers this request."""
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the app was not made by create_app")
    return services


def get_record(collection_id: str, request: Request) -> LayerRecord:
    """Return the record of the collection that the path names."""
    return get_services(request).record(collection_id)


ServicesDep = Annotated[Services, Depends(get_services)]
RecordDep = Annotated[LayerRecord, Depends(get_record)]
