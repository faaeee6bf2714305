"""The workspace that the settings name; every door opens it here."""

from api.settings import Settings
from layers.store import Workspace
from layers.stores import open_workspace


def workspace_of(settings: Settings) -> Workspace:
    """Open the workspace: in PostGIS where `SUYUAN_DATABASE_URL` is set, else in the folder.

    Raises
    ------
    InvalidInput, SourceUnavailable
        As `layers.stores.open_workspace`.
    """
    database, store = settings.database_url, settings.store_url
    return open_workspace(
        settings.workspace,
        None if database is None else database.get_secret_value(),
        None if store is None else store.get_secret_value(),
        settings.database_schema,
    )
