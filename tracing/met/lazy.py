"""Fields that are read one time at a time, when asked for: meteorology larger than memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

Field = NDArray[np.float32]
# Reads one time: shape (level, y, x) or (y, x).
Row = Callable[[], NDArray[Any]]


class _Rows(BackendArray):
    """An array whose first axis is time; each time is read by its own function, none is kept."""

    def __init__(self, rows: Sequence[Row], shape: tuple[int, ...]) -> None:
        self._rows, self.shape, self.dtype = tuple(rows), (len(rows), *shape), np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        """Return the part that ``key`` names, read now."""
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> Field:
        time, *rest = key
        if isinstance(time, int | np.integer):
            return np.asarray(self._one(int(time))[tuple(rest)], np.float32)
        picked = [self._one(i)[tuple(rest)] for i in range(*time.indices(len(self._rows)))]
        if not picked:
            return np.empty((0, *np.empty(self.shape[1:], np.bool_)[tuple(rest)].shape), np.float32)
        return np.stack(picked).astype(np.float32, copy=False)

    def _one(self, i: int) -> NDArray[Any]:
        values = np.asarray(self._rows[i]())
        return np.broadcast_to(values, self.shape[1:])


def lazy(rows: Sequence[Row], shape: tuple[int, ...], attrs: dict[str, Any]) -> xr.Variable:
    """Return a float32 variable (time, level, y, x) or (time, y, x) whose times are read when asked for.

    Parameters
    ----------
    rows : one function per time; each returns ``shape`` or what broadcasts to it
    shape : (level, y, x) or (y, x)
    """
    dims = ("time", "level", "y", "x") if len(shape) == 3 else ("time", "y", "x")
    return xr.Variable(dims, indexing.LazilyIndexedArray(_Rows(rows, shape)), attrs)


def plain(dims: str | tuple[str, ...], values: NDArray[Any], attrs: dict[str, Any]) -> xr.Variable:
    """Return a variable of values that are there, such as a coordinate.

    Unless told that it need not look (``fastpath``), xarray loads Dask's arrays, a quarter of a second, to see whether
    the values are one.
    """
    return xr.Variable(dims, values, attrs, fastpath=True)


def at_time(met: xr.Dataset, i: int) -> xr.Dataset:
    """Return the fields of time ``i``, without the coordinate time: a single time would be looked at as above."""
    return met.drop_vars("time", errors="ignore").isel(time=i)


def row_of(variable: xr.Variable, i: int, time: str = "time") -> Row:
    """Return the function that reads time ``i`` of a variable; nothing is read yet."""
    return lambda: variable.isel({time: i}).values
