"""Read ARL packed meteorology into a labelled Dataset, lazily: the indexes first, a field when it is asked for."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tracing.met.arl_file import CHECKED_WHOLE_BYTES, Slice, check_all, read_field, slices_of
from tracing.met.arl_names import ACCUMULATED_H, ARL_NAMES, ARL_TO_SI, DIFFERENCE_OF, GRID_WINDS, SCREEN_HEIGHT_M
from tracing.met.grid import LATLON, MetGrid
from tracing.met.lazy import Row, lazy, plain
from tracing.met.precipitation import ACCUMULATED

Field = NDArray[np.float32]


def read_arl(path: str | Path, *, verify: bool = True) -> xr.Dataset:
    """Return one ARL packed file as a Dataset; a field is read one time at a time, when it is asked for.

    Parameters
    ----------
    path : file
    verify : compare each record that is read with the checksum in the index. A file of up to
        :data:`CHECKED_WHOLE_BYTES` is compared whole at once.

    Returns
    -------
    xarray.Dataset of float32 with dimensions (time, level, y, x), surface fields (time, y, x), SI units, level from the
    ground up (Pa for pressure levels, 1 for sigma). NaN marks a level on which the file does not hold the variable.
    ``attrs``: grid mapping, ``vertical`` (sigma, pressure, terrain, hybrid), ``source`` (the producer's model id).

    Raises
    ------
    SourceUnavailable
        If the file cannot be opened.
    InvalidInput
        If it is not ARL or is cut short; when a field is read: if a record disagrees with its label or checksum.

    Examples
    --------
    >>> met = read_arl("oct1618.BIN")  # doctest: +SKIP
    >>> met["u"].dims  # doctest: +SKIP
    ('time', 'level', 'y', 'x')
    """
    path = Path(path)
    slices = slices_of(path)
    if slices[-1].end_byte <= CHECKED_WHOLE_BYTES:
        check_all(path, slices, verify=verify)
    kind = slices[0].index.vertical
    heights = sorted(
        {lv.height for part in slices for lv in part.index.levels[1:]}, key=lambda h: _from_ground(h, kind)
    )
    grid = _once_round(slices[0].index.grid)
    size = (grid.ny, grid.nx)
    on_levels = {name for part in slices for level in part.index.levels[1:] for name in level.names}
    at_ground = {name for part in slices for name in part.index.levels[0].names}
    fields: dict[tuple[str, bool], xr.Variable] = {}
    for names, levels in ((on_levels, heights), (at_ground, None)):
        for name in sorted(names - set(DIFFERENCE_OF)):
            rows: list[Row] = [partial(_read, path, part, name, levels, verify) for part in slices]
            cut: list[Row] = [partial(_first_columns, row, grid.nx) for row in rows]
            shape = size if levels is None else (len(levels), *size)
            fields[name, levels is not None] = lazy(cut, shape, {})
    return _dataset(slices, heights, grid, fields)


def _from_ground(height: float, kind: str) -> float:
    """Return a number that rises from the ground up with a level's height as the file gives it."""
    if kind == "hybrid":
        # Whole hPa and, as decimals, the share of the surface pressure.
        return -(np.floor(height) + (height - np.floor(height)) * 1013.25)
    return height if kind == "terrain" else -height


def _once_round(grid: MetGrid) -> MetGrid:
    """Return a grid without the columns that come again after 360 degrees."""
    if grid.kind != LATLON or grid.nx * grid.dx <= 360.0 + 0.5 * grid.dx:
        return grid
    return MetGrid(LATLON, grid.x0, grid.y0, grid.dx, grid.dy, round(360.0 / grid.dx), grid.ny)


def _first_columns(row: Row, n: int) -> Field:
    return row()[..., :n]


def _read(path: Path, part: Slice, name: str, heights: list[float] | None, verify: bool) -> Field:
    """Return one variable of one time, (level, y, x) or at the ground (y, x), SI; NaN where the file holds none."""
    grid = part.index.grid
    if heights is None:
        return _one(path, part, 0, name, verify)
    number = {level.height: k for k, level in enumerate(part.index.levels) if k}
    out = np.full((len(heights), grid.ny, grid.nx), np.nan, np.float32)
    for i, height in enumerate(heights):
        if height in number:
            out[i] = _one(path, part, number[height], name, verify)
    return out


def _one(path: Path, part: Slice, level: int, name: str, verify: bool) -> Field:
    grid = part.index.grid
    values = read_field(path, part, level, name, verify=verify) if (level, name) in part.place else None
    if values is None:
        return np.full((grid.ny, grid.nx), np.nan, np.float32)
    for rest in (diff for diff, bases in DIFFERENCE_OF.items() if name in bases and (level, diff) in part.place):
        more = read_field(path, part, level, rest, verify=verify)
        values = values if more is None else values + more
    return values * np.float32(ARL_TO_SI.get(name, 1.0))


def _dataset(
    slices: list[Slice], heights: list[float], grid: MetGrid, fields: dict[tuple[str, bool], xr.Variable]
) -> xr.Dataset:
    index = slices[0].index
    taken: dict[str, xr.Variable] = {}
    for (arl_name, _), variable in fields.items():
        short, attrs = _describe(arl_name, projected=grid.kind != LATLON)
        if short in taken:
            short = f"{arl_name.lower()}_ground" if arl_name.lower() in taken else arl_name.lower()
        variable.attrs.update(attrs)
        taken[short] = variable
    to_si, units = (100.0, "Pa") if index.vertical == "pressure" else (1.0, "m" if index.vertical == "terrain" else "1")
    level = plain("level", np.array(heights) * to_si, {"units": units, "positive": "down" if units != "m" else "up"})
    time = plain("time", np.array([s.time for s in slices], "datetime64[ns]"), {"standard_name": "time"})
    forecast = plain(
        "time", np.array([s.index.forecast_h for s in slices]), {"units": "h", "long_name": "forecast hour"}
    )
    coords = {"time": time, "level": level, **grid.coordinates(), "forecast_h": forecast}
    attrs = {"Conventions": "CF-1.11", "source": index.model, "format": "ARL", "vertical": index.vertical}
    ordered = {name: taken[name] for name in sorted(taken)}
    return xr.Dataset(
        ordered, coords, {**attrs, **grid.mapping_attrs(), "arl_variables": sorted({name for name, _ in fields})}
    )


def _describe(arl_name: str, *, projected: bool) -> tuple[str, dict[str, Any]]:
    short, standard, units = ARL_NAMES.get(arl_name, (arl_name.strip().lower(), "", ""))
    if projected:
        standard = GRID_WINDS.get(short, standard)
    attrs: dict[str, Any] = {"standard_name": standard, "units": units, "arl_name": arl_name}
    if arl_name in SCREEN_HEIGHT_M:
        attrs["height_m"] = SCREEN_HEIGHT_M[arl_name]
    if arl_name in ACCUMULATED_H:
        attrs[ACCUMULATED] = ACCUMULATED_H[arl_name]
    return short, {key: value for key, value in attrs.items() if value != ""}
