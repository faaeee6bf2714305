"""What the routes work with: settings, workspace, layer cache and templates of one app."""

from dataclasses import dataclass, field
from typing import Annotated

import jinja2
from fastapi import Depends, Request

from api.accounts.store import Accounts
from api.accounts.throttle import Throttle
from api.jobs.runner import Runner
from api.jobs.store import JobStore
from api.routes.caches import BytesCache, LayerCache, TileSources
from api.settings import Settings
from api.store import workspace_of
from layers.store import LayerRecord, UnknownLayer, Workspace
from web_map.assets import TEMPLATES


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
    answers: BytesCache = field(default_factory=BytesCache)
    tiles: TileSources = field(default_factory=TileSources)
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
