"""The doors: settings, processes, HTTP app, CLI."""

from importlib.metadata import version as _version


def version() -> str:
    """Return the version of the installed distribution."""
    return _version("suyuan")
