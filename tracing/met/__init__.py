"""Meteorology: ``open_met`` reads what people have into one labelled form (time, level, y, x)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import xarray as xr

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met.arl import read_arl
from tracing.met.arl_format import is_arl
from tracing.met.complete import complete
from tracing.met.grib import is_grib, read_grib
from tracing.met.join import join
from tracing.met.netcdf import is_netcdf, read_netcdf
from tracing.met.png import is_png, read_png

_HEAD_BYTES = 158
# Format by content: a test of the first bytes, and the reader. Further readers are added here.
_READERS: tuple[tuple[str, Callable[[bytes], bool], Callable[[Path], xr.Dataset]], ...] = (
    ("ARL", is_arl, read_arl),
    ("NetCDF (ERA5, GFS, WRF)", is_netcdf, read_netcdf),
    ("GRIB", is_grib, read_grib),
    ("PNG wind with its JSON", is_png, read_png),
)


def open_met(paths: str | Path | Sequence[str | Path]) -> xr.Dataset:
    """Return meteorology from one or more files, in any order, on one time axis.

    Parameters
    ----------
    paths : a file or several. The format is recognised by content, never by name.

    Returns
    -------
    xarray.Dataset of float32, dimensions (time, level, y, x), SI units, CF names; surface fields (time, y, x). Time is
    UTC. The projection stands in ``attrs`` (CF grid mapping), the vertical coordinate in ``attrs["vertical"]``.
    NaN marks a level without the variable. ``attrs["assumed"]`` lists, in Chinese and English, what was assumed where
    the files are silent. All but GRIB is read lazily: one time of a field when it is asked for. ``file`` along time is
    the file that each time's wind comes from.

    Raises
    ------
    SourceUnavailable
        If a file cannot be read.
    InvalidInput
        If a file is not meteorology, is damaged, has another grid than the first, or leaves a gap in time.
    """
    files = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    if not files:
        raise InvalidInput("meteorology: no file given; name at least one")
    return complete(join([(str(path), _open(path)) for path in dict.fromkeys(files)]))


def _open(path: Path) -> xr.Dataset:
    if path.is_dir():
        raise SourceUnavailable(f"{path}: a folder; give the meteorological files in it")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    for _, recognises, read in _READERS:
        if recognises(head):
            return read(path)
    if not head:
        raise InvalidInput(f"{path}: the file is empty; copy it again")
    if head.startswith(b"PK\x03\x04"):
        raise InvalidInput(
            f"{path}: a zip archive, as the Climate Data Store sends; unpack it and give the files in it"
        )
    known = ", ".join(name for name, _, _ in _READERS)
    raise InvalidInput(f"{path}: not a meteorological file that can be read here; formats read: {known}")


__all__ = ["open_met", "read_arl"]
