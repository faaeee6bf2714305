"""Trajectory points as GeoParquet, written part by part: memory holds one row group, the file appears whole or not."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
from numpy.typing import NDArray

from geo.errors import SourceUnavailable
from tracing.trajectory_table import TEXT_COLUMNS

PROVENANCE_KEY = b"suyuan_provenance"
# Rows of a group in the file: the parts that come in do not show in it.
ROW_GROUP = 1_000_000
_WKB_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])
_CRS = "EPSG:4326"


class ParquetSink:
    """A GeoParquet file that grows by parts; nothing stands under its name before :meth:`finish`.

    Parameters
    ----------
    path : file; ``path`` with ``.part`` behind it is written meanwhile, and removed when the ``with`` block ends before
        :meth:`finish`
    """

    def __init__(self, path: Path) -> None:
        """Note the path; the file is opened with the first part, which gives the columns."""
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def __enter__(self) -> "ParquetSink":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was written and not finished."""
        self.discard()

    def add(self, points: pd.DataFrame) -> None:
        """Append points, of the columns of the first part.

        Raises
        ------
        SourceUnavailable
            If the file cannot be written, for example as the disk is full; what was written is removed.
        """
        self._waiting.append(_table(points))
        lon, lat = points["lon"].to_numpy(), points["lat"].to_numpy()
        if lon.size:
            found = np.array([lon.min(), lat.min(), lon.max(), lat.max()])
            self._bounds[:2] = np.minimum(self._bounds[:2], found[:2])
            self._bounds[2:] = np.maximum(self._bounds[2:], found[2:])
        if sum(table.num_rows for table in self._waiting) >= ROW_GROUP:
            self._write(last=False)

    def finish(self, provenance: dict[str, Any]) -> None:
        """Write what waits, put the provenance into the file and give it its name.

        Raises
        ------
        SourceUnavailable
            If the file cannot be written; what was written is removed.
        """
        try:
            text = json.dumps(provenance, sort_keys=True, ensure_ascii=False, default=str)
            self._write(last=True)
            if self._writer is None:
                raise RuntimeError("finished without a part")
            self._writer.add_key_value_metadata({"geo": self._geo(), PROVENANCE_KEY.decode(): text})
            self._writer.close()
            os.replace(self._part, self._path)
        except OSError as error:
            self._fail(error)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove what was written."""
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError:
                pass  # the disk is full: the footer does not fit either
            self._writer = None
        self._part.unlink(missing_ok=True)

    def _write(self, *, last: bool) -> None:
        """Write all full row groups of what waits, and with ``last`` the rest."""
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting).combine_chunks()
        rows = table.num_rows if last else table.num_rows // ROW_GROUP * ROW_GROUP
        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._part, table.schema, compression="zstd")
            if rows or last:
                self._writer.write_table(table.slice(0, rows), row_group_size=ROW_GROUP)
        except OSError as error:
            self._fail(error)
        self._waiting = [table.slice(rows)] if rows < table.num_rows else []

    def _fail(self, error: OSError) -> None:
        self.discard()
        reason = error.strerror or " ".join(str(error).split())
        raise SourceUnavailable(f"{self._path}: cannot be written ({reason}); check folder and disk") from error

    def _geo(self) -> str:
        column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
        column["crs"] = pyproj.CRS.from_user_input(_CRS).to_json_dict()
        if np.isfinite(self._bounds).all():
            column["bbox"] = self._bounds.tolist()
        return json.dumps({"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}})


def _table(points: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(points.astype(dict.fromkeys(TEXT_COLUMNS, "str")), preserve_index=False)
    # Without what pandas notes about its own types: that differs with the version, the columns do not.
    table = table.replace_schema_metadata(None)
    return table.append_column("geometry", _wkb(points["lon"].to_numpy(), points["lat"].to_numpy()))


def _wkb(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> pa.Array:
    """Return points as well-known binary: a byte for the order, the number 1, two doubles."""
    out = np.empty(lon.size, _WKB_POINT)
    out["order"], out["kind"], out["x"], out["y"] = 1, 1, lon, lat
    ends = np.arange(lon.size + 1, dtype=np.int32) * _WKB_POINT.itemsize
    return pa.Array.from_buffers(pa.binary(), lon.size, [None, pa.py_buffer(ends), pa.py_buffer(out)])
