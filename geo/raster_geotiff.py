"""Reads one band of a GeoTIFF or COG."""

import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from geo.errors import InvalidInput
from geo.raster_grid import GDAL_ERRORS, RawGrid, check_size, one_line, time_from_tags


def read_geotiff(path: Path, variable: str | None = None) -> RawGrid:
    """Read one band with its place and metadata.

    Parameters
    ----------
    path : Path
    variable : str, optional
        The band's description or its number from 1; needed only where there are several bands.

    Returns
    -------
    RawGrid
        Scale and offset applied; NaN where the nodata value or the mask says so; time from the metadata or None.

    Raises
    ------
    InvalidInput
        Damaged file, no or unusable georeference, too many bands to guess, or unknown band.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as source:
                return _read(source, path, variable)
    except GDAL_ERRORS as error:
        cause = one_line(error.__cause__ or error)
        raise InvalidInput(f"{path.name} cannot be read as GeoTIFF ({cause}): is the file complete?") from error


def _read(source: rasterio.DatasetReader, path: Path, variable: str | None) -> RawGrid:
    check_size(source.height, source.width, path)
    _check_georeference(source, path)
    band = _band(source, path, variable)
    masked = source.read(band, masked=True)
    values = np.ma.filled(masked.astype(float), np.nan) * source.scales[band - 1] + source.offsets[band - 1]
    tags = {str(k).lower(): str(v) for k, v in {**source.tags(), **source.tags(band)}.items()}
    if source.units[band - 1]:
        tags["units"] = source.units[band - 1]
    name = source.descriptions[band - 1] or f"band {band}"
    return RawGrid(values, source.transform, source.crs, time_from_tags(tags, path), name, tags)


def _check_georeference(source: rasterio.DatasetReader, path: Path) -> None:
    if source.crs is None or source.transform.is_identity:
        extra = " (control points alone are not used: warp it to a grid first)" if source.gcps[0] else ""
        raise InvalidInput(f"{path.name} has no georeference{extra}: give a GeoTIFF with a CRS and a transform")
    if not (source.crs.is_geographic or source.crs.is_projected):
        raise InvalidInput(f"{path.name} has a local CRS that is not tied to the Earth: warp it to EPSG:4326 first")


def _band(source: rasterio.DatasetReader, path: Path, variable: str | None) -> int:
    names = [
        description or str(number) for number, description in zip(source.indexes, source.descriptions, strict=True)
    ]
    if variable is None and source.count == 1:
        return 1
    if variable is None:
        raise InvalidInput(f"{path.name} has {source.count} bands: name one of {', '.join(names)} as the variable")
    if variable in names:
        return names.index(variable) + 1
    if variable.isdigit() and 1 <= int(variable) <= source.count:
        return int(variable)
    raise InvalidInput(f"{path.name} has no band {variable!r}: there are {', '.join(names)}")
