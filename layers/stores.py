"""The one place that chooses where a workspace lies: in a folder, or in PostGIS and behind a URL."""

import importlib
from pathlib import Path

from geo.errors import InvalidInput, SourceUnavailable
from layers.store import Workspace
from layers.store_files import LocalFiles

SCHEMA = "suyuan"


def open_workspace(
    path: str | Path, database_url: str | None = None, store_url: str | None = None, schema: str = SCHEMA
) -> Workspace:
    """Open the workspace that the settings name.

    Parameters
    ----------
    path : path
        Folder of the embedded store; with a database but no `store_url`, of the files beside it.
    database_url : str, optional
        ``postgresql://user@host:5432/base`` of the shared store; None is the embedded one.
    store_url : str, optional
        Where the shared store keeps observations, rasters and snapshots: any fsspec URL or a folder.
    schema : str
        Schema of the database; several workspaces share one database under different ones.

    Raises
    ------
    InvalidInput
        A URL that makes no sense, or a `store_url` without a database.
    SourceUnavailable
        The database cannot be reached, or what the shared store needs is not installed.
    """
    if database_url is None:
        if store_url is not None:
            raise InvalidInput("SUYUAN_STORE_URL is set without SUYUAN_DATABASE_URL: set both, or neither")
        return Workspace(path)
    try:
        # An optional extra: loaded only where it is asked for, and half a second slower to start.
        shared = importlib.import_module("layers.store_postgis")
    except ImportError as error:
        raise SourceUnavailable(
            f"the shared store needs {error.name}, which is not installed: pip install 'suyuan[postgis]'"
        ) from error
    remote = importlib.import_module("layers.store_remote") if store_url is not None else None
    files = LocalFiles(Path(path)) if remote is None else remote.open_files(store_url)
    return Workspace(path, shared.PostgisBackend(database_url, schema, files))
