"""The map's own files and the third-party files that `make setup` installs."""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from api.routes.services import ServicesDep
from web_map.assets import STATIC, asset_path

router = APIRouter()


@router.get("/assets/{name:path}", include_in_schema=False)
def show_asset(name: str, services: ServicesDep) -> FileResponse:
    """Return one of the pinned third-party files; only names in the table are served."""
    return FileResponse(asset_path(name, services.settings.assets), headers={"Cache-Control": "max-age=3600"})


class _FreshFiles(StaticFiles):
    """Static files that a browser asks about again before it uses its copy."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        """Return a file with the instruction to ask again."""
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount_static(app: FastAPI) -> None:
    """Serve the map's own scripts and styles under /static."""
    app.mount("/static", _FreshFiles(directory=STATIC), name="static")
