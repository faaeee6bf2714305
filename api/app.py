"""The HTTP app, put together from its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import GZipMiddleware

import api
from api.accounts.gate import Gate
from api.http_errors import add_error_handlers
from api.metrics import Measure
from api.openapi import description
from api.processes import all_processes
from api.routes import (
    accounts,
    conformance,
    features,
    files,
    jobs,
    oidc,
    pages,
    processes,
    raster_tiles,
    rasters,
    schemas,
    tiles,
    uploads,
)
from api.routes.head import AnswerHead
from api.routes.pages import OPENAPI_TYPE
from api.routes.security import SecurityHeaders
from api.routes.services import Services
from api.routes.upload_files import remove_leftovers
from api.settings import Settings

ROOMS = (
    pages,
    conformance,
    features,
    schemas,
    rasters,
    tiles,
    raster_tiles,
    processes,
    jobs,
    accounts,
    oidc,
    uploads,
    files,
)


def create_app(settings: Settings) -> FastAPI:
    """Build the app for one workspace.

    Parameters
    ----------
    settings : Settings
        Workspace, time zone, base map and where the map's assets are. The app does not choose the address it is
        served on; see `require_accounts`.
    """
    # FastAPI's own documentation pages load from a CDN; the description is under /api and /openapi.json.
    app = FastAPI(
        title="溯源 Suyuan",
        version=api.version(),
        description="城市空气空间监测与溯源 · Spatial monitoring and source tracing for a city's air",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.openapi_version = "3.0.3"
    app.state.services = Services.of(settings)
    add_error_handlers(app)
    for room in ROOMS:
        app.include_router(room.router)
    files.mount_static(app)
    _add_description(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=2)
    app.add_middleware(AnswerHead)
    app.add_middleware(
        Gate,
        accounts=app.state.services.accounts,
        most_bytes=settings.most_body_bytes,
        most_upload_bytes=settings.most_upload_bytes,
    )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Measure, counts=app.state.services.counts)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run jobs as long as the app is served; an app that only answers a test's request starts none."""
    runner = app.state.services.runner
    await run_in_threadpool(remove_leftovers)
    runner.start()
    # A second that the first job would wait for otherwise.
    await run_in_threadpool(all_processes)
    try:
        yield
    finally:
        await run_in_threadpool(runner.stop)


def _add_description(app: FastAPI) -> None:
    made: dict[str, Any] = {}

    def show_description() -> JSONResponse:
        # The routes are the same as long as the app lives.
        if not made:
            made.update(description(app))
        return JSONResponse(made, media_type=OPENAPI_TYPE)

    for path in ("/api", "/openapi.json"):
        app.add_api_route(path, show_description, include_in_schema=False)
