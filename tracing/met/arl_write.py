"""Write meteorology as an ARL packed file that HYSPLIT and :func:`tracing.met.open_met` read.

The layout is that of :mod:`tracing.met.arl_format`: an index opens each time, then one record per level and variable.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from tracing.met.arl_format import LABEL_BYTES, checksums, unpack
from tracing.met.arl_names import ARL_NAMES, ARL_TO_SI
from tracing.met.grid import LATLON, MetGrid, grid_of

_HEAD_BYTES = 108
_PRESSURE_FLAG = 2
_LONGEST_INDEX = 9999
_SURFACE = ("time", "y", "x")
_UPPER = ("time", "level", "y", "x")

# Where two ARL names mean one field, the first of the table is the one that is written.
_ARL_OF = {short: arl for arl, (short, _, _) in reversed(ARL_NAMES.items())}


@dataclass(frozen=True)
class _Record:
    """One field of one time: its place (0 is the surface), its name and its values in the file's unit."""

    level: int
    name: str
    values: NDArray[np.float64]


@dataclass(frozen=True)
class _Stamp:
    """Time, forecast hour and grid of the records being written."""

    time: pd.Timestamp
    forecast_h: int
    grid: MetGrid


def write_arl(path: str | Path, dataset: xr.Dataset, *, model_id: str | None = None) -> None:
    """Write a Dataset on pressure levels and a longitude-latitude grid as one ARL packed file.

    The values lose what 8-bit difference packing loses: each is within half of ``2**(exponent - 7)`` of the input,
    the exponent being that of the largest difference of neighbours in its field. The file appears whole or not at all.

    Parameters
    ----------
    path : file to write.
    dataset : Dataset as :func:`tracing.met.open_met` returns it
        Dimensions (time, level, y, x) and (time, y, x), names and SI units of :mod:`tracing.met.arl_names`, coordinates
        ``lon`` (x) and ``lat`` (y) in degrees rising in even steps, ``level`` in Pa falling from the ground up,
        ``time`` in UTC. A field that is NaN on a whole level at one time is left out there.
    model_id : at most four ASCII characters; by default ``dataset.attrs["source"]``, else ``SUYU``.

    Raises
    ------
    InvalidInput
        If the grid, the levels, a name or the model id does not fit the format.
    MissingData
        If a field is NaN or infinite at some points only.
    SourceUnavailable
        If the file cannot be written.

    Examples
    --------
    >>> write_arl("practice.arl", met, model_id="PRAC")  # doctest: +SKIP
    """
    model = _model(model_id if model_id is not None else str(dataset.attrs.get("source", "SUYU")))
    grid, levels, names = _grid(dataset), _levels(dataset), _names(dataset)
    target = Path(path)
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            for i, time in enumerate(pd.DatetimeIndex(dataset["time"].values)):
                forecast = int(dataset["forecast_h"].values[i]) if "forecast_h" in dataset.coords else 0
                file.write(_one_time(_records(dataset, names, i), levels, _Stamp(time, forecast, grid), model))
        os.replace(part, target)
    except OSError as error:
        raise SourceUnavailable(f"{target}: cannot be written ({error.strerror}); check the folder") from error
    finally:
        part.unlink(missing_ok=True)


def as_written(dataset: xr.Dataset) -> xr.Dataset:
    """Return the Dataset with the values that a reader of :func:`write_arl`'s file will see (float32).

    Use it where something is computed from a field that is also shipped, so that the two agree.
    """
    out = dataset.copy()
    for arl, short in _names(dataset):
        scale = ARL_TO_SI.get(arl, 1.0)
        shape = dataset[short].shape
        fields = (dataset[short].values.astype(np.float64) / scale).reshape(-1, *shape[-2:])
        held = np.isfinite(fields).all(axis=(1, 2))
        values = np.full(fields.shape, np.nan, np.float32)
        values[held] = unpack(*pack(fields[held])) * np.float32(scale)
        out[short] = dataset[short].copy(data=values.reshape(shape))
    return out


def pack(
    fields: NDArray[np.float64],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]:
    """Pack fields into one byte per point.

    Parameters
    ----------
    fields : ndarray of float64, shape (field, y, x), finite

    Returns
    -------
    packed : ndarray of uint8, shape (field, y, x)
    exponents : ndarray of int64, shape (field,)
    first : ndarray of float64, shape (field,)
        Value of the first point as the label prints it. Differences are taken from the value already unpacked, so that
        rounding does not add up: the error is at most half of ``2**(exponent - 7)`` everywhere.
    """
    first = np.array([float(_fortran_e(v)) for v in fields[:, 0, 0]], np.float64)
    exponents = _exponents(fields)
    scale = np.exp2(7.0 - exponents)
    packed = np.empty(fields.shape, np.uint8)
    column, last = np.empty(fields.shape[:2]), first
    for j in range(fields.shape[1]):
        packed[:, j, 0] = _byte(fields[:, j, 0] - last, scale)
        last = last + (packed[:, j, 0] - 127.0) / scale
        column[:, j] = last
    for i in range(1, fields.shape[2]):
        packed[:, :, i] = _byte(fields[:, :, i] - column, scale[:, None])
        column = column + (packed[:, :, i] - 127.0) / scale[:, None]
    return packed, exponents, first


def _exponents(fields: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the smallest exponent of each field whose bytes still reach its largest difference and half a step."""
    rows = np.abs(np.diff(fields, axis=2)).max(axis=(1, 2), initial=0.0)
    largest = np.maximum(rows, np.abs(np.diff(fields[:, :, 0], axis=1)).max(axis=1, initial=0.0))
    reach = np.where(largest > 0, largest, 1.0) * 128.0 / 126.5
    exponents = np.ceil(np.log2(reach)).astype(np.int64)
    # Below this a difference is lost in the label's seven digits anyway, and the field has four characters.
    return np.maximum(exponents, -99)


def _byte(difference: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(np.floor(difference * scale + 127.5), 0.0, 255.0)


def _model(text: str) -> str:
    if not (0 < len(text) <= 4 and text.isascii() and text.isprintable()):
        raise InvalidInput(f"model id {text!r} does not fit the ARL format; give one to four ASCII characters")
    return text


def _grid(dataset: xr.Dataset) -> MetGrid:
    grid = grid_of(dataset)
    if grid.kind != LATLON:
        raise InvalidInput(
            f"an ARL file is written on a longitude-latitude grid only, this one is {grid.kind}; regrid it"
        )
    for step, count in ((grid.dx, grid.nx), (grid.dy, grid.ny)):
        if abs(float(_fixed(step, 7)) - step) * count > 0.01 * step:
            raise InvalidInput(f"a grid spacing of {step!r} degrees cannot be told in seven characters; regrid it")
    return grid


def _levels(dataset: xr.Dataset) -> list[float]:
    """Return the pressures in hPa from the ground up."""
    if dataset.attrs.get("vertical", "pressure") != "pressure":
        raise InvalidInput(
            f"an ARL file is written on pressure levels, not {dataset.attrs['vertical']}; interpolate first"
        )
    if "level" not in dataset.coords:
        raise InvalidInput("meteorology: coordinate level is missing; give pressures in Pa")
    levels = dataset["level"].values.astype(np.float64) / 100.0
    if np.any(np.diff(levels) >= 0) or levels.min() <= 0:
        raise InvalidInput("meteorology: level must fall from the ground up, in Pa; sort the levels")
    return [float(v) for v in levels]


def _names(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """Return (ARL name, name in the Dataset), surface fields before upper air, each in the order of the table."""
    order = {arl: k for k, arl in enumerate(ARL_NAMES)}
    pairs = []
    for short in map(str, dataset.data_vars):
        arl = str(dataset[short].attrs.get("arl_name", _ARL_OF.get(short, "")))
        if len(arl) != 4 or not arl.isascii():
            raise InvalidInput(f"field {short!r} has no ARL name; drop it or set its attribute arl_name (4 characters)")
        if dataset[short].dims not in (_SURFACE, _UPPER):
            raise InvalidInput(
                f"field {short!r} has dimensions {dataset[short].dims}; an ARL file takes {_UPPER} or {_SURFACE}"
            )
        pairs.append((arl, short))
    return sorted(pairs, key=lambda p: (dataset[p[1]].ndim, order.get(p[0], len(order)), p))


def _records(dataset: xr.Dataset, names: list[tuple[str, str]], i: int) -> list[_Record]:
    """Return the fields of one time, level by level."""
    records = []
    for arl, short in names:
        values = dataset[short].values[i].astype(np.float64) / ARL_TO_SI.get(arl, 1.0)
        upper = values.ndim == 3
        for k, field in enumerate(values if upper else values[None]):
            if np.isnan(field).all():
                continue
            if not np.isfinite(field).all():
                time = pd.Timestamp(dataset["time"].values[i])
                raise MissingData(f"field {short!r} has gaps at {time:%Y-%m-%dT%H:%MZ}, level {k}; fill or drop it")
            records.append(_Record(k + 1 if upper else 0, arl, field))
    return sorted(records, key=lambda r: r.level)


def _one_time(records: list[_Record], levels: list[float], stamp: _Stamp, model: str) -> bytes:
    packed, exponents, first = pack(np.stack([r.values for r in records]))
    sums = checksums(packed)
    body = bytearray()
    for record, data, exponent, value in zip(records, packed, exponents, first, strict=True):
        body += _label(stamp, record.level, record.name, int(exponent), float(value)) + data.tobytes()
    entries: list[list[str]] = [[] for _ in range(len(levels) + 1)]
    for record, checksum in zip(records, sums, strict=True):
        entries[record.level].append(f"{record.name}{checksum:3d} ")
    return _index([0.0, *levels], entries, stamp, model) + bytes(body)


def _index(heights: list[float], entries: list[list[str]], stamp: _Stamp, model: str) -> bytes:
    """Return the index of one time: as many records as its text needs, filled up with blanks."""
    text = "".join(f"{_fixed(h, 6)}{len(e):2d}{''.join(e)}" for h, e in zip(heights, entries, strict=True))
    length = _HEAD_BYTES + len(text)
    if length > _LONGEST_INDEX or max(len(e) for e in entries) > 99:
        raise InvalidInput(f"an index of {length} bytes does not fit the ARL format; write fewer levels or fields")
    whole = _head(stamp, model, len(heights), length) + text
    room = stamp.grid.nx * stamp.grid.ny
    if room < _HEAD_BYTES:
        raise InvalidInput(f"a grid of {room} points is too small for an ARL index; {_HEAD_BYTES} are needed")
    label = _label(stamp, 0, "INDX", 0, 0.0, precision=0.0)
    return b"".join(label + whole[at : at + room].ljust(room).encode("ascii") for at in range(0, length, room))


def _head(stamp: _Stamp, model: str, n_levels: int, length: int) -> str:
    grid = stamp.grid
    lon, last = grid.x0 % 360.0, (grid.x0 + (grid.nx - 1) * grid.dx) % 360.0
    numbers = (grid.y0 + (grid.ny - 1) * grid.dy, last, grid.dy, grid.dx, 0.0, 0.0, 0.0, 1.0, 1.0, grid.y0, lon, 0.0)
    sizes = f"{grid.nx % 1000:3d}{grid.ny % 1000:3d}{n_levels:3d}{_PRESSURE_FLAG:2d}{length:4d}"
    opening = f"{model:<4}{stamp.forecast_h:3d}{stamp.time.minute:2d}"
    return opening + "".join(_fixed(v, 7) for v in numbers) + sizes


def _label(
    stamp: _Stamp, level: int, name: str, exponent: int, first: float, *, precision: float | None = None
) -> bytes:
    time, grid = stamp.time, stamp.grid
    large = max(grid.nx, grid.ny) >= 1000
    sizes = "".join(chr(64 + n // 1000) for n in (grid.nx, grid.ny)) if large else "99"
    when = f"{time.year % 100:2d}{time.month:2d}{time.day:2d}{time.hour:2d}{min(stamp.forecast_h, 99):2d}"
    step = 2.0**exponent / 254.0 if precision is None else precision
    text = f"{when}{level:2d}{sizes}{name}{exponent:4d}{_fortran_e(step):>14}{_fortran_e(first):>14}"
    if len(text) != LABEL_BYTES:
        raise InvalidInput(f"level {level}, field {name}: the label {text!r} does not fit the ARL format")
    return text.encode("ascii")


def _fixed(value: float, width: int) -> str:
    """Return a number with as many decimals as fit, as ``.98230`` where the leading zero would cost one."""
    whole = len(f"{int(abs(value))}") + (value < 0)
    text = f"{value:.{max(width - whole - 1, 0)}f}"
    if abs(value) < 1 and width == 6:
        text = f"{value:.5f}".replace("0.", ".", 1)
    if len(text) > width:
        text = f"{value:.{max(width - whole - 2, 0)}f}"
    return text.rjust(width)


def _fortran_e(value: float) -> str:
    """Return a number as Fortran's E14.7 prints it: 0.1234567E+03."""
    mantissa, exponent = f"{value:.6e}".split("e")
    if float(mantissa) == 0.0:
        return "0.0000000E+00"
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    return f"{sign}0.{digits.replace('.', '')}E{int(exponent) + 1:+03d}"
