"""The doors: settings, processes, HTTP app, CLI."""

from functools import cache
from importlib.metadata import version as _version


@cache
def version() -> str:
    """Return the version of the installed distribution."""
    return _version("suyuan")
