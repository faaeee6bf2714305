"""Tables of observations as codes: texts are numbered once, so that sorting and merging work on whole numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geo.errors import InvalidInput

COLUMNS = ("station_id", "time", "pollutant", "value", "unit", "flag")
KEY = ["station_id", "time", "pollutant"]
TEXTS = ("station_id", "pollutant", "unit", "flag")
# Milliseconds that one month's times are spread over, at least: a power of two above 31 days.
_SPAN = 1 << 32
# Months are those of the city, UTC+8: what is asked for by local days then lies in one file, not in two.
_EAST_MS = 8 * 3_600_000


@dataclass(frozen=True)
class CodedTable:
    """Observations of any length n; every array has shape (n,).

    time : int64, milliseconds since 1970 UTC
    value : float64, NaN where missing
    codes : per text column int32, the row's place in `names`, -1 where missing
    names : per text column the texts, sorted and unique
    """

    time: NDArray[np.int64]
    value: NDArray[np.float64]
    codes: dict[str, NDArray[np.int32]]
    names: dict[str, pa.StringArray]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.time)

    def take(self, rows: NDArray[np.intp] | slice) -> "CodedTable":
        """Return some rows."""
        codes = {name: code[rows] for name, code in self.codes.items()}
        return CodedTable(self.time[rows], self.value[rows], codes, self.names)

    def recoded(self, names: dict[str, pa.StringArray]) -> "CodedTable":
        """Return the same rows with codes into other names, which hold all of its own."""
        codes = {}
        for column, code in self.codes.items():
            place = pc.index_in(self.names[column], value_set=names[column]).to_numpy(zero_copy_only=False)
            codes[column] = np.append(place, -1).astype(np.int32)[code]
        return replace(self, codes=codes, names=names)

    def keys(self, month: str) -> NDArray[np.int64]:
        """Return a number per row that sorts and compares as (station, time, pollutant); all rows of one month."""
        begin = int(np.datetime64(month, "ms").astype(np.int64)) - _EAST_MS
        pollutants = max(len(self.names["pollutant"]), 1)
        station = self.codes["station_id"].astype(np.int64)
        keys: NDArray[np.int64] = (station * _SPAN + (self.time - begin)) * pollutants + self.codes["pollutant"]
        return keys

    def to_arrow(self) -> pa.Table:
        """Return plain Arrow columns, `COLUMNS`."""
        columns = {name: self.names[name].take(_nullable(code)) for name, code in self.codes.items()}
        columns["time"] = pa.array(self.time, pa.int64()).cast(pa.timestamp("ms", "UTC"))
        columns["value"] = pa.array(self.value, from_pandas=True)
        return pa.table({name: columns[name] for name in COLUMNS})


def coded(table: pa.Table) -> CodedTable:
    """Number the texts of an Arrow table with `COLUMNS`; without some of the texts, those are left out."""
    codes, names = {}, {}
    for column in [name for name in TEXTS if name in table.column_names]:
        array = table[column].combine_chunks()
        if not pa.types.is_dictionary(array.type):
            array = pc.dictionary_encode(array)
        if isinstance(array, pa.ChunkedArray):  # combine_chunks keeps an empty table's column chunked
            array = pa.concat_arrays([*array.chunks, pa.array([], array.type)])
        texts = array.dictionary.cast(pa.string())
        order = pc.sort_indices(texts)
        rank = np.empty(len(texts), np.int32)
        rank[order.to_numpy()] = np.arange(len(texts), dtype=np.int32)
        names[column] = texts.take(order)
        place = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes[column] = np.append(rank, np.int32(-1))[place]
    time = table["time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
    return CodedTable(time, table["value"].to_numpy().astype(np.float64), codes, names)


def checked(observations: pd.DataFrame) -> CodedTable:
    """Number a frame's texts after it was checked: columns, zone, complete keys.

    Raises
    ------
    InvalidInput
        A column is missing, times have no zone, or a row lacks its station, time or pollutant.
    """
    missing = [name for name in COLUMNS if name != "flag" and name not in observations]
    if missing:
        raise InvalidInput(f"observations have no column {', '.join(missing)}; needed are {', '.join(COLUMNS)}")
    if not isinstance(observations["time"].dtype, pd.DatetimeTZDtype):
        raise InvalidInput("times of observations have no zone; make them UTC")
    if observations[KEY].isna().to_numpy().any():
        raise InvalidInput("an observation lacks its station, time or pollutant")
    columns = {name: _arrow_text(observations[name]) for name in TEXTS if name in observations}
    count = len(observations)
    columns["flag"] = pc.fill_null(columns["flag"], "") if "flag" in columns else pa.array([""] * count, pa.string())
    columns["time"] = pa.array(observations["time"].dt.tz_convert("UTC").dt.as_unit("ms"))
    columns["value"] = pa.array(observations["value"].to_numpy("float64", na_value=np.nan))
    return coded(pa.table({name: columns[name] for name in COLUMNS}))


def by_month(table: CodedTable) -> Iterator[tuple[str, CodedTable]]:
    """Split a table into months of the city (UTC+8), each sorted by station, time and pollutant.

    Raises
    ------
    InvalidInput
        Two rows claim one station, hour and pollutant.
    """
    months = (table.time + _EAST_MS).astype("datetime64[ms]").astype("datetime64[M]")
    number = months.astype(np.int64)
    if not len(number):
        return
    # Sixteen bits are sorted by counting, in one pass.
    order = np.argsort((number - number.min()).astype(np.uint16), kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=number.min() - 1))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = table.take(order[start:end])
        month = str(months[order[start]])
        yield month, _sorted(rows, month)


def merge(old: CodedTable, new: CodedTable, month: str) -> tuple[CodedTable | None, dict[str, int]]:
    """Correct and extend a month.

    Parameters
    ----------
    old, new : CodedTable
        Sorted, one month.

    Returns
    -------
    CodedTable or None
        The month as it should be, None where nothing changes.
    dict
        Numbers of values added, corrected, unchanged.
    """
    names = {name: _united(old.names[name], new.names[name]) for name in TEXTS}
    old, new = old.recoded(names), new.recoded(names)
    there, keys = old.keys(month), new.keys(month)
    place = np.searchsorted(there, keys)
    inside = np.minimum(place, max(len(there) - 1, 0))
    known = there[inside] == keys if len(there) else np.zeros(len(keys), dtype=bool)
    at = inside[known]
    was, now = old.value[at], new.value[known]
    same = (was == now) | (np.isnan(was) & np.isnan(now))
    for name in ("unit", "flag"):
        same &= old.codes[name][at] == new.codes[name][known]
    counts = {"added": int((~known).sum()), "corrected": int((~same).sum()), "unchanged": int(same.sum())}
    if not counts["added"] and not counts["corrected"]:
        return None, counts
    kept = np.ones(len(old), dtype=bool)
    kept[at] = False
    both = _stacked(old.take(np.flatnonzero(kept)), new)
    order = np.argsort(np.concatenate([there[kept], keys]), kind="stable")
    return both.take(order), counts


def by_time(table: CodedTable) -> CodedTable:
    """Return the rows sorted by time, station and pollutant."""
    return table.take(np.lexsort((table.codes["pollutant"], table.codes["station_id"], table.time)))


def by_station(table: CodedTable) -> CodedTable:
    """Return the rows sorted by station, time and pollutant."""
    return table.take(np.lexsort((table.codes["pollutant"], table.time, table.codes["station_id"])))


def joined(tables: list[CodedTable]) -> CodedTable:
    """Put tables one below the other under common names."""
    if len(tables) == 1:
        return tables[0]
    names = dict(tables[0].names)
    for table in tables[1:]:
        names = {name: _united(names[name], table.names[name]) for name in names}
    parts = [table.recoded(names) for table in tables]
    codes = {name: np.concatenate([part.codes[name] for part in parts]) for name in names}
    time = np.concatenate([part.time for part in parts])
    return CodedTable(time, np.concatenate([part.value for part in parts]), codes, names)


def _arrow_text(column: pd.Series) -> pa.Array | pa.ChunkedArray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pa.array(column)
    return pa.array(column.astype("str"))


def _sorted(rows: CodedTable, month: str) -> CodedTable:
    keys = rows.keys(month)
    if not (np.diff(keys) > 0).all():
        order = np.argsort(keys, kind="stable")
        rows, keys = rows.take(order), keys[order]
        twice = np.flatnonzero(np.diff(keys) == 0)
        if len(twice):
            row = rows.take(twice[:1]).to_arrow().to_pylist()[0]
            raise InvalidInput(
                f"two values for station {row['station_id']}, {row['time'].isoformat()}, {row['pollutant']}; keep one"
            )
    return rows


def _stacked(first: CodedTable, second: CodedTable) -> CodedTable:
    codes = {name: np.concatenate([first.codes[name], second.codes[name]]) for name in TEXTS}
    time = np.concatenate([first.time, second.time])
    return CodedTable(time, np.concatenate([first.value, second.value]), codes, first.names)


def _united(one: pa.StringArray, two: pa.StringArray) -> pa.StringArray:
    if one.equals(two):
        return one
    texts = pc.unique(pa.concat_arrays([one, two]))
    return texts.take(pc.sort_indices(texts))


def _nullable(code: NDArray[np.int32]) -> pa.Int32Array:
    return pa.array(code, mask=code < 0)
