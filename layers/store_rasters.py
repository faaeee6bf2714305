"""Rasters of a workspace: cloud-optimised GeoTIFFs named by what they hold."""

import hashlib
import importlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from geo.errors import InvalidInput
from layers.store_files import Files

if TYPE_CHECKING:
    # A tenth of a second that a command without rasters does not spend.
    from geo.rasters import Raster


class RasterStore:
    """The files `rasters/`; equal rasters share one file, and a file is never changed once it is there."""

    folder = "rasters"

    def __init__(self, files: Files) -> None:
        """Name where the files lie."""
        self._files = files

    def put(self, raster: "Raster") -> str:
        """Write a raster and return its path relative to the workspace, such as ``rasters/1a2b....tif``.

        Raises
        ------
        SourceUnavailable
            The store cannot be written.
        """
        name = f"{self.folder}/{raster_hash(raster)[:32]}.tif"
        if not self._files.exists(name):
            rasters = importlib.import_module("geo.rasters")
            self._files.put(name, lambda part: rasters.write_cog(raster, part))
        return name

    def path(self, relative: str) -> Path:
        """Return the file behind a path that `put` returned.

        Raises
        ------
        InvalidInput
            The text is not such a path.
        MissingData
            The file is not there.
        """
        parts = PurePosixPath(relative).parts
        if len(parts) != 2 or parts[0] != self.folder or parts[1].startswith("."):
            raise InvalidInput(f"{relative!r} is not a raster of this workspace")
        return self._files.local("/".join(parts))


def raster_hash(raster: "Raster") -> str:
    """Return the SHA-256 of a raster's values, place, time and kind."""
    values = np.ascontiguousarray(raster.values, dtype="<f4")
    values = np.where(np.isnan(values), np.float32(np.nan), values)
    when = None if raster.time is None else raster.time.isoformat()
    head = repr((values.shape, tuple(raster.transform)[:6], str(raster.crs), when, raster.kind))
    return hashlib.sha256(head.encode() + values.tobytes()).hexdigest()
