"""The analyses, each declared once in a module of its own; a new module here is known at every door."""

import importlib
import pkgutil
from functools import cache
from typing import Any

from api.processes.base import Process


@cache
def all_processes() -> tuple[Process[Any], ...]:
    """Return every declared process, sorted by its id.

    A module of this package that declares an analysis holds it under the name `PROCESS`.
    """
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    found = (module.PROCESS for module in modules if hasattr(module, "PROCESS"))
    return tuple(sorted(found, key=lambda process: process.id))


def processes_of(words: tuple[str, ...]) -> tuple[Process[Any], ...]:
    """Return the one process whose command these words begin with, without loading the others; else none.

    A process of the command ``zone incident`` stands in the module ``zone_incident``.
    """
    names = {info.name for info in pkgutil.iter_modules(__path__)}
    for length in (2, 1):
        name = "_".join(words[:length]).replace("-", "_")
        if len(words) >= length and name in names:
            module = importlib.import_module(f"{__name__}.{name}")
            if hasattr(module, "PROCESS") and module.PROCESS.command == words[:length]:
                return (module.PROCESS,)
    return ()
