"""Rasters of a workspace: cloud-optimised GeoTIFFs named by what they hold."""

import hashlib
from pathlib import Path, PurePosixPath

import numpy as np

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from geo.rasters import Raster, write_cog


class RasterStore:
    """The folder `rasters/`; equal rasters share one file, and a file is never changed once it is there."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made at the first write."""
        self.folder = folder

    def put(self, raster: Raster) -> str:
        """Write a raster and return its path relative to the workspace, such as ``rasters/1a2b....tif``.

        Raises
        ------
        SourceUnavailable
            The folder cannot be written.
        """
        name = f"{raster_hash(raster)[:32]}.tif"
        target = self.folder / name
        if not target.exists():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SourceUnavailable(f"cannot make {self.folder}: {error.strerror}; nothing was changed") from error
            write_cog(raster, target)
        return f"{self.folder.name}/{name}"

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
        if len(parts) != 2 or parts[0] != self.folder.name or parts[1].startswith("."):
            raise InvalidInput(f"{relative!r} is not a raster of this workspace")
        found = self.folder / parts[1]
        if not found.is_file():
            raise MissingData(f"the raster {relative} is not in {self.folder.parent}; add it again")
        return found


def raster_hash(raster: Raster) -> str:
    """Return the SHA-256 of a raster's values, place, time and kind."""
    values = np.ascontiguousarray(raster.values, dtype="<f4")
    values = np.where(np.isnan(values), np.float32(np.nan), values)
    when = None if raster.time is None else raster.time.isoformat()
    head = repr((values.shape, tuple(raster.transform)[:6], str(raster.crs), when, raster.kind))
    return hashlib.sha256(head.encode() + values.tobytes()).hexdigest()
