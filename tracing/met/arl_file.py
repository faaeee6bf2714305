"""An ARL packed file on disk: its times by their indexes, and one record at a time, checked, when asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, SourceUnavailable
from tracing.met import arl_format
from tracing.met.arl_format import HEAD_BYTES, LABEL_BYTES, Index
from tracing.met.grid import say_time

# Smaller files are read through once when they are opened, so that damage anywhere is told; it takes a second or two.
CHECKED_WHOLE_BYTES = 256 * 2**20

Place = tuple[int, str]


@dataclass(frozen=True)
class Slice:
    """One time of a file: its index and the byte at which its data records begin.

    ``place`` gives the number of each data record of the time by level (0 is the surface) and name.
    """

    time: pd.Timestamp
    index: Index
    first_byte: int
    record: int
    place: dict[Place, int] = field(repr=False)

    @property
    def end_byte(self) -> int:
        """The byte after the last record of this time."""
        return self.first_byte + self.record * len(self.place)


def slices_of(path: Path) -> list[Slice]:
    """Return the times of an ARL file; only the indexes are read.

    Raises
    ------
    SourceUnavailable
        If the file cannot be read.
    InvalidInput
        If it is not ARL, an index is damaged, the grid changes, or it is cut short; names record or byte, and time.
    """
    try:
        with path.open("rb") as file:
            slices = list(_walk(file, path.stat().st_size, str(path)))
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    first = slices[0].index
    for part in slices[1:]:
        if part.index.grid != first.grid or part.index.vertical != first.vertical:
            raise InvalidInput(
                f"{path}: the grid or the kind of levels changes at {say_time(part.time)}; split it there"
            )
    return slices


def read_field(path: Path, part: Slice, level: int, name: str, *, verify: bool) -> NDArray[np.float32] | None:
    """Return one field of one time, float32 (y, x) in the file's unit; None where the record holds no data.

    Raises
    ------
    SourceUnavailable, InvalidInput
        If the file cannot be read, or label or checksum of the record are wrong; names file, time, level, variable.
    """
    n = part.place[level, name]
    try:
        with path.open("rb") as file:
            file.seek(part.first_byte + n * part.record)
            raw = file.read(part.record)
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    label = _checked(raw, part, (level, name), str(path), verify=verify)
    if label.forecast_h < 0:
        return None
    grid = part.index.grid
    packed = np.frombuffer(raw, np.uint8, offset=LABEL_BYTES).reshape(grid.ny, grid.nx)
    return arl_format.unpack_one(packed, label.exponent, label.first_value)


def check_all(path: Path, slices: list[Slice], *, verify: bool) -> None:
    """Read every record once and keep none; raise as :func:`read_field` does."""
    with path.open("rb") as file:
        for part in slices:
            file.seek(part.first_byte)
            for place in part.place:
                _checked(file.read(part.record), part, place, str(path), verify=verify)


def _walk(file: BinaryIO, size: int, path: str) -> Iterator[Slice]:
    """Yield the times from index to index."""
    at, number = 0, 1
    known: int | None = None
    while at < size or known is None:
        file.seek(at)
        head = file.read(LABEL_BYTES + HEAD_BYTES)
        _check_head(head, number, path, known=known)
        try:
            record = arl_format.record_bytes(head)
            if known is not None and record != known:
                raise InvalidInput(
                    f"{path}: record {number} opens another grid (records of {record} bytes after {known}); two files "
                    "were joined; split them"
                )
            known = record
            file.seek(at)
            index, time = _index(file, head, record)
        except ValueError as error:
            raise InvalidInput(
                f"{path}: the index in record {number} is damaged ({error}); copy the file again"
            ) from error
        data, n = at + index.n_index_records * record, index.n_records
        if at + n * record > size:
            raise InvalidInput(_cut(path, size, record, time, at + n * record))
        yield Slice(time, index, data, record, _places(index))
        at, number = at + n * record, number + n


def _check_head(head: bytes, number: int, path: str, *, known: int | None) -> None:
    """Raise where no index opens the next time."""
    if arl_format.is_arl(head):
        return
    if known is None:
        raise InvalidInput(f"{path}: not an ARL packed file (no INDX record at its start); give a file in ARL format")
    if len(head) < LABEL_BYTES + HEAD_BYTES:
        raise InvalidInput(
            f"{path}: cut short in record {number}, {len(head)} of {known} bytes are there; copy it again"
        )
    said = head[14:18].decode("ascii", "replace")
    raise InvalidInput(
        f"{path}: record {number} is damaged ({said!r} stands where an index should open the next time); copy it again"
    )


def _index(file: BinaryIO, head: bytes, record: int) -> tuple[Index, pd.Timestamp]:
    raw = file.read(record * arl_format.index_records(head, record))
    whole = np.frombuffer(raw, np.uint8, count=len(raw) // record * record)
    label, index = arl_format.parse_label(head), arl_format.parse_index(whole.reshape(-1, record))
    return index, pd.Timestamp(label.year, label.month, label.day, label.hour, index.minute)


def _cut(path: str, size: int, record: int, time: pd.Timestamp, needed: int) -> str:
    whole, rest = divmod(size, record)
    if rest:
        return (
            f"{path}: cut short in record {whole + 1}, at byte {size}, in the fields of {say_time(time)}; a record has "
            f"{record} bytes and {record - rest} are missing; copy the file again"
        )
    return (
        f"{path}: cut short after record {whole}, at byte {size}; {say_time(time)} needs "
        f"{(needed - size) // record} more records; copy the file again"
    )


def _places(index: Index) -> dict[Place, int]:
    listed = [(k, name) for k, level in enumerate(index.levels) for name in level.names]
    if len(set(listed)) != len(listed):
        twice = next(place for place in listed if listed.count(place) > 1)
        raise ValueError(f"{twice[1]!r} stands twice on level {twice[0]}")
    return {place: n for n, place in enumerate(listed)}


def _checked(raw: bytes, part: Slice, place: Place, path: str, *, verify: bool) -> arl_format.Label:
    """Return the label of a record that is what the index says."""
    level, name = place
    number = part.first_byte // part.record + part.place[place] + 1
    where = f"{say_time(part.time)}, level {part.index.levels[level].height:g}, variable {name}"
    if len(raw) != part.record:
        raise InvalidInput(f"{path}: cut short at {where} (record {number}); copy the file again")
    try:
        label = arl_format.parse_label(raw)
    except ValueError as error:
        raise InvalidInput(
            f"{path}: the label of record {number} is damaged at {where} ({error}); copy the file again"
        ) from error
    if label.name != name:
        raise InvalidInput(f"{path}: record {number} holds {label.name!r} where the index says {name!r} ({where})")
    names = part.index.levels[level].names
    said = part.index.levels[level].checksums[names.index(name)]
    # 0 and 255 are the same remainder; writers differ in which one they print.
    if verify and (arl_format.checksum(raw) - said) % 255:
        raise InvalidInput(f"{path}: checksum fails at {where} (record {number}); copy the file again")
    return label
