"""What a workspace rests on: tables, files, a register and one lock, whatever keeps them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import geopandas as gpd

from layers.observation_store import SHELVES
from layers.records import LayerRecord, Selection
from layers.store_files import Files
from layers.store_register import Register
from layers.versions import Version

FOLDERS = (*(folder for shelf in SHELVES for folder in (shelf.folder, shelf.recent)), "rasters", "versions")
"""Where a store's files lie."""


@dataclass(frozen=True)
class Change:
    """Layers to be written with their records, and the versions that this makes; all of it or nothing."""

    layers: Sequence[tuple[LayerRecord, gpd.GeoDataFrame]]
    versions: Sequence[Version] = ()


class Backend(Protocol):
    """Tables of layers and lists; implemented by `layers.store_embedded` and `layers.store_postgis`.

    Readers see one whole state however long they take. What changes anything is called under the writers' lock.
    """

    place: str
    """Where it lies, for people; without secrets."""
    name: str
    """What the map calls it."""
    files: Files
    register: Register

    def exists(self) -> bool:
        """Return whether there is a store, if only an empty one."""

    def how_to_make(self) -> str:
        """Return what to do where there is none."""

    def lock(self) -> AbstractContextManager[bool]:
        """Keep other writers out; yields whether this is the outermost of nested calls."""

    def try_lock(self) -> AbstractContextManager[bool]:
        """Take the lock if it is free; yields whether it was."""

    def records(self) -> dict[str, LayerRecord]:
        """Return the records by layer id, in the order of the ids."""

    def versions(self, layer: str) -> list[Version]:
        """Return a layer's versions, the first first."""

    def versioned(self) -> list[str]:
        """Return the layers that have versions, in the order of their ids, removed ones too."""

    def read(self, layer: str, selection: Selection) -> gpd.GeoDataFrame | None:
        """Return features with the types that they were written with; None where there is no such layer."""

    def count(self, layer: str, selection: Selection) -> int | None:
        """Return how many features fit; None where there is no such layer."""

    def write(self, change: Change) -> None:
        """Write layers and versions in one step."""

    def drop(self, layer: str) -> None:
        """Remove a layer and its record; its versions stay."""

    def clean(self) -> list[str]:
        """Remove what a stopped writer left; returns its names."""
