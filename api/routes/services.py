"""What the routes work with: settings, workspace, layer cache and templates of one app."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import jinja2
from fastapi import Depends, Request

from api.accounts.store import Accounts
from api.accounts.throttle import Throttle
from api.jobs.runner import Runner
from api.jobs.store import JobStore
from api.metrics import Counts
from api.oidc_settings import provider_of
from api.routes.caches import BytesCache, LayerCache, TileSources
from api.routes.spliced import Block
from api.routes.upload_files import Slots
from api.settings import Settings
from api.store import workspace_of
from layers.store import LayerRecord, UnknownLayer, Workspace
from web_map.assets import TEMPLATES

if TYPE_CHECKING:
    from api.accounts.oidc import Provider


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
    provider: "Provider | None" = None
    throttle: Throttle = field(default_factory=Throttle)
    answers: BytesCache = field(default_factory=BytesCache)
    tiles: TileSources = field(default_factory=TileSources)
    counts: Counts = field(default_factory=Counts)
    uploads: Slots = field(default_factory=lambda: Slots(2))
    streams: Streams = field(default_factory=Streams)
    templates: jinja2.Environment = field(
        default_factory=lambda: jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    )

    @classmethod
    def of(cls, settings: Settings) -> "Services":
        """Open the workspace of these settings."""
        workspace, folder = workspace_of(settings), settings.workspace
        return cls(
            settings,
            workspace,
            LayerCache(workspace),
            JobStore(folder),
            Runner(settings),
            accounts=Accounts(folder, required=settings.oidc_issuer is not None),
            provider=provider_of(settings),
            uploads=Slots(settings.running_uploads),
        )

    def blocks(self, key: tuple[object, ...], make: Callable[[], bytes]) -> Block:
        """Return a text and its compressed form, made once as long as the cache keeps them."""
        plain, deflated = self.answers.get((*key, "plain")), self.answers.get((*key, "deflated"))
        if plain is not None and deflated is not None:
            return Block(plain, deflated)
        block = Block.of(make())
        self.answers.put((*key, "plain"), block.plain)
        self.answers.put((*key, "deflated"), block.deflated)
        return block

    def clock(self, moment: datetime | str) -> str:
        """Return a time as the city's clocks show it; screens show no other."""
        given = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return given.astimezone(ZoneInfo(self.settings.timezone)).strftime("%Y-%m-%d %H:%M:%S")

    @property
    def zone_name(self) -> str:
        """How the times of `clock` are called."""
        zone = self.settings.timezone
        return "北京时间 Beijing time" if zone == "Asia/Shanghai" else zone

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


async def give_services(request: Request) -> Services:
    """Return the services without a detour through another thread, which a plain function would take."""
    return get_services(request)


ServicesDep = Annotated[Services, Depends(give_services)]
RecordDep = Annotated[LayerRecord, Depends(get_record)]
