"""Read ARL packed meteorology into a labelled Dataset: every record, every checksum."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met import arl_format
from tracing.met.arl_format import LABEL_BYTES, Index
from tracing.met.arl_names import ARL_NAMES, ARL_TO_SI, GRID_WINDS, SCREEN_HEIGHT_M
from tracing.met.grid import LATLON

Field = NDArray[np.float32]


@dataclass(frozen=True)
class _Slice:
    """One time of a file: its index and where its data records begin."""

    time: pd.Timestamp
    index: Index
    first: int
    last: int


def read_arl(path: str | Path, *, verify: bool = True) -> xr.Dataset:
    """Return one ARL packed file as a Dataset.

    Parameters
    ----------
    path : file
    verify : compare each record with the checksum in the index.

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
        If it is not ARL, is cut short, or a record disagrees with its checksum.

    Examples
    --------
    >>> met = read_arl("oct1618.BIN")  # doctest: +SKIP
    >>> met["u"].dims  # doctest: +SKIP
    ('time', 'level', 'y', 'x')
    """
    records = _records(Path(path))
    slices = _slices(records, str(path))
    first = slices[0].index
    for part in slices[1:]:
        if part.index.grid != first.grid or part.index.vertical != first.vertical:
            raise InvalidInput(f"{path}: the grid changes at {_say(part.time)}; split the file there")
    heights = sorted(
        {lv.height for part in slices for lv in part.index.levels[1:]}, reverse=first.vertical != "terrain"
    )
    upper, surface = _allocate(slices, heights)
    for i, part in enumerate(slices):
        _fill(records, part, (upper, surface), (i, heights), verify=verify, path=str(path))
    return _dataset(slices, heights, upper, surface)


def _records(path: Path) -> NDArray[np.uint8]:
    """Return the file as uint8, shape (record, byte), without reading it all."""
    try:
        with path.open("rb") as file:
            head = file.read(LABEL_BYTES + 108)
        size = path.stat().st_size
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if not arl_format.is_arl(head):
        raise InvalidInput(f"{path}: not an ARL packed file (no INDX record at its start); give a file in ARL format")
    try:
        length = arl_format.record_bytes(head)
    except ValueError as error:
        raise InvalidInput(f"{path}: the index in record 1 is damaged ({error}); copy the file again") from error
    count = arl_format.check_sizes(size, length, str(path))
    return np.memmap(path, dtype=np.uint8, mode="r", shape=(count, length))


def _slices(records: NDArray[np.uint8], path: str) -> list[_Slice]:
    """Walk from index to index and return the times of the file."""
    slices: list[_Slice] = []
    at, count = 0, records.shape[0]
    while at < count:
        try:
            label = arl_format.parse_label(records[at].tobytes())
            if label.name != "INDX":
                raise ValueError(f"{label.name!r} stands where an index should open the next time")
            index = arl_format.parse_index(records[at:])
            time = pd.Timestamp(label.year, label.month, label.day, label.hour, index.minute)
        except ValueError as error:
            raise InvalidInput(f"{path}: record {at + 1} is damaged ({error}); copy the file again") from error
        if at + index.n_records > count:
            raise InvalidInput(
                f"{path}: cut short after record {count}, at byte {count * records.shape[1]}; {_say(time)} needs "
                f"{at + index.n_records - count} more records; copy the file again"
            )
        slices.append(_Slice(time, index, at + index.n_index_records, at + index.n_records))
        at += index.n_records
    return slices


def _allocate(slices: list[_Slice], heights: list[float]) -> tuple[dict[str, Field], dict[str, Field]]:
    grid = slices[0].index.grid
    shape = (len(slices), grid.ny, grid.nx)
    on_levels = {name for part in slices for level in part.index.levels[1:] for name in level.names}
    at_ground = {name for part in slices for name in part.index.levels[0].names}
    upper = {name: np.full((shape[0], len(heights), *shape[1:]), np.nan, np.float32) for name in sorted(on_levels)}
    return upper, {name: np.full(shape, np.nan, np.float32) for name in sorted(at_ground)}


def _fill(
    records: NDArray[np.uint8],
    part: _Slice,
    fields: tuple[dict[str, Field], dict[str, Field]],
    place: tuple[int, list[float]],
    *,
    verify: bool,
    path: str,
) -> None:
    """Unpack all records of one time at once into the fields at time ``place[0]``, levels ``place[1]``."""
    (upper, surface), (i, heights) = fields, place
    entries = [
        (k, level.height, name, checksum)
        for k, level in enumerate(part.index.levels)
        for name, checksum in zip(level.names, level.checksums, strict=True)
    ]
    block = records[part.first : part.last]
    labels = _labels(block, entries, part, path)
    packed = block[:, LABEL_BYTES:].reshape(len(entries), part.index.grid.ny, part.index.grid.nx)
    if verify:
        _verify(packed, entries, part, path)
    exponents = np.array([label.exponent for label in labels])
    values = arl_format.unpack(packed, exponents, np.array([label.first_value for label in labels]))
    for (k, height, name, _), label, field in zip(entries, labels, values, strict=True):
        if label.forecast_h < 0:
            continue
        target = surface[name][i] if k == 0 else upper[name][i, heights.index(height)]
        target[:] = field * np.float32(ARL_TO_SI.get(name, 1.0))


def _labels(block: NDArray[np.uint8], entries: list[Any], part: _Slice, path: str) -> list[arl_format.Label]:
    labels = []
    for j, (_, _, name, _) in enumerate(entries):
        number = part.first + j + 1
        try:
            label = arl_format.parse_label(block[j, :LABEL_BYTES].tobytes())
        except ValueError as error:
            raise InvalidInput(
                f"{path}: the label of record {number} is damaged ({error}); copy the file again"
            ) from error
        if label.name != name:
            raise InvalidInput(f"{path}: record {number} holds {label.name!r} where the index says {name!r}")
        labels.append(label)
    return labels


def _verify(packed: NDArray[np.uint8], entries: list[Any], part: _Slice, path: str) -> None:
    said = np.array([entry[3] for entry in entries])
    # 0 and 255 are the same remainder; writers differ in which one they print.
    wrong = np.flatnonzero((arl_format.checksums(packed) - said) % 255)
    if wrong.size:
        _, height, name, _ = entries[wrong[0]]
        raise InvalidInput(
            f"{path}: checksum fails at {_say(part.time)}, level {height:g}, variable {name} (record "
            f"{part.first + wrong[0] + 1}; {wrong.size} of {said.size} records of that time); copy the file again"
        )


def _dataset(
    slices: list[_Slice], heights: list[float], upper: dict[str, Field], surface: dict[str, Field]
) -> xr.Dataset:
    index = slices[0].index
    names = set(upper) | set(surface)
    taken: dict[str, Any] = {}
    for source, dims in ((upper, ("time", "level", "y", "x")), (surface, ("time", "y", "x"))):
        for arl_name, values in source.items():
            short, attrs = _describe(arl_name, projected=index.grid.kind != LATLON)
            if short in taken:
                short = arl_name.lower()
            taken[short] = (dims, values, attrs)
    to_si, units = (100.0, "Pa") if index.vertical == "pressure" else (1.0, "m" if index.vertical == "terrain" else "1")
    level = ("level", np.array(heights) * to_si, {"units": units, "positive": "down" if units != "m" else "up"})
    time = ("time", np.array([s.time for s in slices], "datetime64[ns]"), {"standard_name": "time"})
    forecast = ("time", np.array([s.index.forecast_h for s in slices]), {"units": "h", "long_name": "forecast hour"})
    coords = {"time": time, "level": level, **index.grid.coordinates(), "forecast_h": forecast}
    attrs = {"Conventions": "CF-1.11", "source": index.model, "format": "ARL", "vertical": index.vertical}
    ordered = {name: taken[name] for name in sorted(taken)}
    return xr.Dataset(ordered, coords, {**attrs, **index.grid.mapping_attrs(), "arl_variables": sorted(names)})


def _describe(arl_name: str, *, projected: bool) -> tuple[str, dict[str, Any]]:
    short, standard, units = ARL_NAMES.get(arl_name, (arl_name.strip().lower(), "", ""))
    if projected:
        standard = GRID_WINDS.get(short, standard)
    attrs: dict[str, Any] = {"standard_name": standard, "units": units, "arl_name": arl_name}
    if arl_name in SCREEN_HEIGHT_M:
        attrs["height_m"] = SCREEN_HEIGHT_M[arl_name]
    return short, {key: value for key, value in attrs.items() if value != ""}


def _say(time: pd.Timestamp) -> str:
    return f"{time:%Y-%m-%dT%H:%MZ}"
