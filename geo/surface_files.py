"""A surface as a file: GeoTIFF and NetCDF for GIS and Python, CSV for anything; whole or not at all."""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray

from geo.errors import InvalidInput, SourceUnavailable
from geo.interpolation import Surface

Array = NDArray[np.float64]

SUFFIXES = (".tif", ".nc", ".csv")


def check_surface_path(path: Path, option: str) -> None:
    """Raise InvalidInput where a surface cannot be written to a path."""
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInput(f"{option} {path}: write a .tif, .nc or .csv file")
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"{option} {path}: the folder {path.parent} is not there; create it first")


def write_surface(surface: Surface, levels: Sequence[float], name: str, unit: str, path: Path) -> None:
    """Write the value, its standard deviation and the chance of being above each level.

    Layers are called as the value is, `sd` and `chance_above_<level>` (0..1); NaN outside the area. A GeoTIFF has them
    as bands with these descriptions, its cells centred on the grid's nodes.

    Raises
    ------
    SourceUnavailable
        The file cannot be written; what was there is as it was.
    """
    fields = {name: surface.value}
    if surface.sd is not None:
        fields["sd"] = surface.sd
        fields |= {f"chance_above_{level:g}": surface.chance_above(level) for level in levels}
    units = {key: unit if key in (name, "sd") else "1" for key in fields}
    write = {".tif": _tif, ".nc": _netcdf, ".csv": _csv}[path.suffix.lower()]
    _whole(path, lambda part: write(surface, fields, units, part))


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    part = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        write(part)
        os.replace(part, path)
    except (OSError, rasterio.errors.RasterioError) as error:
        raise SourceUnavailable(f"cannot write {path}: {' '.join(str(error).split())}; nothing was changed") from error
    finally:
        part.unlink(missing_ok=True)


def _tif(surface: Surface, fields: dict[str, Array], units: dict[str, str], path: Path) -> None:
    lon, lat = surface.grid.lon, surface.grid.lat
    step_x, step_y = float(lon[1] - lon[0]), float(lat[1] - lat[0])
    transform = Affine(step_x, 0.0, lon[0] - step_x / 2.0, 0.0, -step_y, lat[-1] + step_y / 2.0)
    shape = {"height": len(lat), "width": len(lon), "count": len(fields)}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="float32",
        crs="EPSG:4326",
        transform=transform,
        nodata=np.nan,
        compress="deflate",
        **shape,
    ) as target:
        for band, (name, values) in enumerate(fields.items(), start=1):
            target.write(values[::-1].astype(np.float32), band)
            target.set_band_description(band, name)
            target.set_band_unit(band, units[name])


def _netcdf(surface: Surface, fields: dict[str, Array], units: dict[str, str], path: Path) -> None:
    axes = {
        "lat": ("lat", surface.grid.lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", surface.grid.lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    data = {name: (("lat", "lon"), values, {"units": units[name]}) for name, values in fields.items()}
    encoding = {name: {"zlib": True} for name in fields}
    xr.Dataset(data, axes, {"Conventions": "CF-1.8"}).to_netcdf(path, engine="h5netcdf", encoding=encoding)


def _csv(surface: Surface, fields: dict[str, Array], units: dict[str, str], path: Path) -> None:
    lon, lat = surface.grid.nodes()
    wanted = surface.grid.wanted
    columns = {"lon": lon.round(7), "lat": lat.round(7)} | {key: values[wanted] for key, values in fields.items()}
    pd.DataFrame(columns).to_csv(path, index=False, float_format="%.7g", lineterminator="\n")
