"""The parts of an ARL packed file: record labels, the index that opens each time, and the packed values.

A file is a row of records of one length, 50 bytes of label and one byte per grid point. The layout is described in
Draxler and Hess (1997), NOAA Technical Memorandum ERL ARL-224, and in NOAA ARL's public format notes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.met.grid import LATLON, MetGrid, conformal_grid

LABEL_BYTES = 50
_HEAD_BYTES = 108
_LEVEL_BYTES = 8
_ENTRY_BYTES = 8
VERTICAL = {1: "sigma", 2: "pressure", 3: "terrain", 4: "hybrid"}


@dataclass(frozen=True)
class Label:
    """The first 50 bytes of a record. ``forecast_h`` is -1 where the record holds no data."""

    year: int
    month: int
    day: int
    hour: int
    forecast_h: int
    level: int
    name: str
    exponent: int
    first_value: float
    thousands: tuple[int, int]


@dataclass(frozen=True)
class LevelIndex:
    """One level: its height in the file's own coordinate, its variables and their checksums."""

    height: float
    names: tuple[str, ...]
    checksums: tuple[int, ...]


@dataclass(frozen=True)
class Index:
    """What the index of one time says: producer, grid, vertical coordinate and records to come."""

    model: str
    forecast_h: int
    minute: int
    grid: MetGrid
    vertical: str
    levels: tuple[LevelIndex, ...]
    n_index_records: int

    @property
    def n_records(self) -> int:
        """Records of this time, the index included."""
        return self.n_index_records + sum(len(level.names) for level in self.levels)


def is_arl(head: bytes) -> bool:
    """Whether a file that begins with these bytes (158 or more) is ARL packed."""
    text = head[: LABEL_BYTES + _HEAD_BYTES]
    return len(text) == LABEL_BYTES + _HEAD_BYTES and text[14:18] == b"INDX" and text.isascii()


def parse_label(raw: bytes) -> Label:
    """Return the label of a record.

    Raises
    ------
    ValueError
        If a number in it cannot be read; the caller names the record.
    """
    text = raw[:LABEL_BYTES].decode("ascii")
    year, month, day, hour, forecast = (int(text[i : i + 2]) for i in range(0, 10, 2))
    x, y = (ord(c) - 64 if c >= "@" else 0 for c in text[12:14])
    return Label(
        year + (1900 if year > 40 else 2000),
        month,
        day,
        hour,
        forecast,
        int(text[10:12]),
        text[14:18],
        int(text[18:22]),
        float(text[36:50]),
        (x, y),
    )


def record_bytes(head: bytes) -> int:
    """Return the length of the file's records, read from its first 158 bytes."""
    label = parse_label(head)
    nx, ny = _sizes(head[LABEL_BYTES : LABEL_BYTES + _HEAD_BYTES].decode("ascii"), label)
    return LABEL_BYTES + nx * ny


def parse_index(records: NDArray[np.uint8]) -> Index:
    """Return the index at the start of ``records`` (uint8, shape (record, byte)); it may fill several records.

    Raises
    ------
    ValueError
        If a number in it cannot be read or a record is not part of the index; the caller names the place.
    """
    label = parse_label(records[0].tobytes())
    head = records[0, LABEL_BYTES : LABEL_BYTES + _HEAD_BYTES].tobytes().decode("ascii")
    length = int(head[104:108])
    room = records.shape[1] - LABEL_BYTES
    n_index = -(-length // room)
    chunks = records[:n_index]
    if chunks.shape[0] < n_index or any(bytes(row[14:18]) != b"INDX" for row in chunks):
        raise ValueError(f"the index of {length} bytes needs {n_index} records")
    text = chunks[:, LABEL_BYTES:].tobytes().decode("ascii")[_HEAD_BYTES:length]
    vertical = VERTICAL.get(int(head[102:104]))
    if vertical is None:
        raise ValueError(f"vertical coordinate flag {head[102:104].strip()} is not one of {sorted(VERTICAL)}")
    levels = _levels(text, int(head[99:102]))
    return Index(head[:4].strip(), int(head[4:7]), int(head[7:9]), _grid(head, label), vertical, levels, n_index)


def unpack(packed: NDArray[np.uint8], exponents: NDArray[np.int64], first: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the values of packed fields.

    Parameters
    ----------
    packed : ndarray of uint8, shape (field, y, x)
    exponents, first : ndarray, shape (field,)
        Exponent of the packing and the value of the first point.

    Returns
    -------
    ndarray of float32, shape (field, y, x). The first column runs down the rows, then each row from left to right:
    value(i, j) = value(i-1, j) + (byte - 127) / 2**(7 - exponent).
    """
    steps = (packed.astype(np.float64) - 127.0) * np.exp2(exponents - 7.0)[:, None, None]
    steps[:, 0, 0] += first
    steps[:, :, 0] = np.cumsum(steps[:, :, 0], axis=1)
    return np.cumsum(steps, axis=2).astype(np.float32)


def checksums(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return each field's rotating checksum, shape (field,): the byte sum, less 255 whenever it reaches 256."""
    total = packed.reshape(packed.shape[0], -1).sum(axis=1, dtype=np.int64)
    return np.where(total == 0, 0, (total - 1) % 255 + 1)


def _sizes(head: str, label: Label) -> tuple[int, int]:
    nx = int(head[93:96]) + 1000 * label.thousands[0]
    ny = int(head[96:99]) + 1000 * label.thousands[1]
    if nx < 2 or ny < 2:
        raise ValueError(f"a grid of {nx} x {ny} points is too small")
    return nx, ny


def _grid(head: str, label: Label) -> MetGrid:
    nx, ny = _sizes(head, label)
    numbers = [float(head[i : i + 7]) for i in range(9, 93, 7)]
    pole_lat, _, ref_lat, ref_lon, size_km, orientation, cone, sync_x, sync_y, sync_lat, sync_lon, _ = numbers
    if orientation != 0.0:
        raise ValueError(f"a grid turned by {orientation} degrees is not supported; regrid it")
    if size_km == 0.0:
        x0, y0 = sync_lon - (sync_x - 1) * ref_lon, sync_lat - (sync_y - 1) * ref_lat
        return MetGrid(LATLON, (x0 + 180.0) % 360.0 - 180.0, y0, ref_lon, ref_lat, nx, ny)
    anchor = np.array([sync_x - 1, sync_y - 1, sync_lon, sync_lat])
    if abs(cone) == 90.0:
        kind, parallel = "polar_stereographic", ref_lat if abs(ref_lat) < 90 else np.copysign(90.0, pole_lat)
    else:
        kind, parallel = ("mercator", ref_lat) if cone == 0.0 else ("lambert_conformal_conic", cone)
    return conformal_grid(
        kind, parallel=parallel, central_lon=ref_lon, size=(size_km * 1000.0, ref_lat), shape=(ny, nx), anchor=anchor
    )


def _levels(text: str, count: int) -> tuple[LevelIndex, ...]:
    levels, at = [], 0
    for _ in range(count):
        height, n = float(text[at : at + 6]), int(text[at + 6 : at + _LEVEL_BYTES])
        at += _LEVEL_BYTES
        entries = [text[i : i + _ENTRY_BYTES] for i in range(at, at + n * _ENTRY_BYTES, _ENTRY_BYTES)]
        levels.append(LevelIndex(height, tuple(e[:4] for e in entries), tuple(int(e[4:7]) for e in entries)))
        at += n * _ENTRY_BYTES
    return tuple(levels)


def check_sizes(n_bytes: int, record: int, path: str) -> int:
    """Return the number of records in a file of ``n_bytes``, or say where it was cut.

    Raises
    ------
    InvalidInput
        If the file does not end at the end of a record.
    """
    whole, rest = divmod(n_bytes, record)
    if rest:
        raise InvalidInput(
            f"{path}: cut short in record {whole + 1}, at byte {n_bytes}; a record has {record} bytes and "
            f"{record - rest} are missing; copy the file again"
        )
    return whole
