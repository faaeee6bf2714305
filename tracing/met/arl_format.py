"""The parts of an ARL packed file: record labels, the index that opens each time, and the packed values.

A file is a row of records of one length, 50 bytes of label and one byte per grid point. The layout is described in
Draxler and Hess (1997), NOAA Technical Memorandum ERL ARL-224, and in NOAA ARL's public format notes.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tracing.met.grid import LATLON, MetGrid, conformal_grid

LABEL_BYTES = 50
HEAD_BYTES = 108
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
    text = head[: LABEL_BYTES + HEAD_BYTES]
    return len(text) == LABEL_BYTES + HEAD_BYTES and text[14:18] == b"INDX" and text.isascii()


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
        # Two characters do not hold a level above 99; the index says which it is.
        int(text[10:12]) if text[10:12].strip("*") else -1,
        text[14:18],
        int(text[18:22]),
        float(text[36:50]),
        (x, y),
    )


def record_bytes(head: bytes) -> int:
    """Return the length of the file's records, read from its first 158 bytes."""
    label = parse_label(head)
    nx, ny = _sizes(head[LABEL_BYTES : LABEL_BYTES + HEAD_BYTES].decode("ascii"), label)
    return LABEL_BYTES + nx * ny


def index_records(head: bytes, record: int) -> int:
    """Return how many records of ``record`` bytes the index fills that begins with ``head``."""
    length = int(head[LABEL_BYTES + 104 : LABEL_BYTES + HEAD_BYTES])
    if length < HEAD_BYTES:
        raise ValueError(f"an index of {length} bytes is too short")
    return -(-length // (record - LABEL_BYTES))


def parse_index(records: NDArray[np.uint8]) -> Index:
    """Return the index at the start of ``records`` (uint8, shape (record, byte)); it may fill several records.

    Raises
    ------
    ValueError
        If a number in it cannot be read or a record is not part of the index; the caller names the place.
    """
    opening = records[0].tobytes()
    label = parse_label(opening)
    head = opening[LABEL_BYTES : LABEL_BYTES + HEAD_BYTES].decode("ascii")
    length, n_index = int(head[104:108]), index_records(opening, records.shape[1])
    chunks = records[:n_index]
    if chunks.shape[0] < n_index or any(bytes(row[14:18]) != b"INDX" for row in chunks):
        raise ValueError(f"the index of {length} bytes needs {n_index} records")
    text = chunks[:, LABEL_BYTES:].tobytes().decode("ascii")[HEAD_BYTES:length]
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
    return np.stack([unpack_one(*one) for one in zip(packed, exponents, first, strict=True)])


def unpack_one(packed: NDArray[np.uint8], exponent: int, first: float) -> NDArray[np.float32]:
    """Return the values of one packed field, float32 (y, x), as :func:`unpack` does."""
    out = np.empty(packed.shape, np.float32)
    _unpack(packed, 2.0 ** (int(exponent) - 7), float(first), out)
    return out


@njit(cache=True, nogil=True)
def _unpack(packed: NDArray[np.uint8], scale: float, first: float, out: NDArray[np.float32]) -> None:
    start = first
    for j in range(packed.shape[0]):
        start += (np.float64(packed[j, 0]) - 127.0) * scale
        value = start
        out[j, 0] = value
        for i in range(1, packed.shape[1]):
            value += (np.float64(packed[j, i]) - 127.0) * scale
            out[j, i] = value


def checksum(record: bytes) -> int:
    """Return the rotating checksum of one record's data; see :func:`checksums`."""
    return int(checksums(np.frombuffer(record, np.uint8, offset=LABEL_BYTES)[None])[0])


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
    _, _, ref_lat, ref_lon, size_km, orientation, cone, sync_x, sync_y, sync_lat, sync_lon, _ = numbers
    if orientation != 0.0:
        raise ValueError(f"a grid turned by {orientation} degrees is not supported; regrid it")
    if size_km == 0.0:
        if ref_lon <= 0.0 or ref_lat <= 0.0:
            raise ValueError(f"cells of {ref_lon} x {ref_lat} degrees; rows must go north and columns east")
        x0, y0 = sync_lon - (sync_x - 1) * ref_lon, sync_lat - (sync_y - 1) * ref_lat
        return MetGrid(LATLON, (x0 + 180.0) % 360.0 - 180.0, y0, ref_lon, ref_lat, nx, ny)
    anchor = np.array([sync_x - 1, sync_y - 1, sync_lon, sync_lat])
    if abs(cone) == 90.0:
        kind, parallel = "polar_stereographic", np.copysign(ref_lat, cone)
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
