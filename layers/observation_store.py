"""Hourly observations on disk: one Parquet file per UTC month, each replaced whole."""

import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from geo.errors import InvalidInput, SourceUnavailable
from layers.store_gpkg import TEMPORARY, replace_durably

COLUMNS = ("station_id", "time", "pollutant", "value", "unit", "flag")
KEY = ["station_id", "time", "pollutant"]


class ObservationStore:
    """The folder `observations/` with files such as ``2024-05.parquet``, sorted by station, time and pollutant."""

    def __init__(self, folder: Path, lock: Callable[[], AbstractContextManager[None]]) -> None:
        """Name the folder and the lock that writers share; the folder is made at the first write."""
        self.folder = folder
        self._lock = lock

    def add(self, observations: pd.DataFrame) -> dict[str, int]:
        """Append new values and correct those that are there; a station's hour and pollutant is held once.

        Parameters
        ----------
        observations : DataFrame
            Columns station_id, time (with zone), pollutant, value, unit and, if any, flag.

        Returns
        -------
        dict
            Numbers of values: added, corrected, unchanged.

        Raises
        ------
        InvalidInput
            A column is missing, times have no zone, or two values claim one station, hour and pollutant.
        SourceUnavailable
            A file cannot be written; months not yet reached are as they were.
        """
        table = _checked(observations)
        counts = {"added": 0, "corrected": 0, "unchanged": 0}
        with self._lock():
            for month, new in table.groupby(table["time"].dt.strftime("%Y-%m"), sort=True):
                for name, number in self._merge(str(month), new).items():
                    counts[name] += number
        return counts

    def read(
        self,
        *,
        stations: Iterable[str] | None = None,
        start: pd.Timestamp | str | None = None,
        end: pd.Timestamp | str | None = None,
        pollutants: Iterable[str] | None = None,
    ) -> pd.DataFrame:
        """Return observations with start <= time < end, sorted by station, time and pollutant.

        Parameters
        ----------
        stations, pollutants : iterable of str, optional
            Only these; None is all.
        start, end : aware timestamps, optional

        Returns
        -------
        DataFrame
            Columns station_id, time (UTC), pollutant, value, unit, flag; empty where there is nothing.
        """
        first, last = _moment(start), _moment(end)
        conditions: list[tuple[str, str, object]] = []
        if stations is not None:
            conditions.append(("station_id", "in", sorted(set(stations))))
        if pollutants is not None:
            conditions.append(("pollutant", "in", sorted(set(pollutants))))
        if first is not None:
            conditions.append(("time", ">=", first))
        if last is not None:
            conditions.append(("time", "<", last))
        parts = [_read(self._file(month), conditions) for month in self.months() if _touches(month, first, last)]
        found = pd.concat(parts, ignore_index=True) if parts else empty()
        return found.sort_values(KEY, kind="stable", ignore_index=True)

    def months(self) -> list[str]:
        """Return the UTC months that have a file, such as "2024-05"."""
        return sorted(path.stem for path in self.folder.glob("[0-9]*-[0-9]*.parquet"))

    def time_range(self) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """Return the first and last hour that is held, or None."""
        months = self.months()
        if not months:
            return None
        return _read(self._file(months[0]), [])["time"].min(), _read(self._file(months[-1]), [])["time"].max()

    def _file(self, month: str) -> Path:
        return self.folder / f"{month}.parquet"

    def _merge(self, month: str, new: pd.DataFrame) -> dict[str, int]:
        path = self._file(month)
        old = _read(path, []) if path.exists() else empty()
        both = new.merge(old, on=KEY, how="left", suffixes=("", "_old"), indicator=True)
        known = (both["_merge"] == "both").to_numpy()
        same = pd.Series(known)
        for name in ("value", "unit", "flag"):
            same &= (both[name] == both[f"{name}_old"]) | (both[name].isna() & both[f"{name}_old"].isna())
        counts = {"added": int((~known).sum()), "unchanged": int(same.sum())}
        counts["corrected"] = len(new) - counts["added"] - counts["unchanged"]
        if counts["added"] or counts["corrected"]:
            merged = pd.concat([old, new]).drop_duplicates(KEY, keep="last")
            self._write(path, merged.sort_values(KEY, ignore_index=True))
        return counts

    def _write(self, path: Path, table: pd.DataFrame) -> None:
        copy = self.folder / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}.parquet"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            table.to_parquet(copy, index=False, compression="zstd", row_group_size=100_000)
            replace_durably(copy, path)
        except OSError as error:
            raise SourceUnavailable(f"cannot write {path}: {error.strerror or error}; it is as it was") from error
        finally:
            copy.unlink(missing_ok=True)


def empty() -> pd.DataFrame:
    """Return a table of observations without rows."""
    types = {"time": "datetime64[ms, UTC]", "value": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=types.get(name, "str")) for name in COLUMNS})


def _checked(observations: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name != "flag" and name not in observations]
    if missing:
        raise InvalidInput(f"observations have no column {', '.join(missing)}; needed are {', '.join(COLUMNS)}")
    if not isinstance(observations["time"].dtype, pd.DatetimeTZDtype):
        raise InvalidInput("times of observations have no zone; make them UTC")
    table = observations.assign(flag=observations["flag"] if "flag" in observations else "")
    table["time"] = table["time"].dt.tz_convert("UTC").dt.as_unit("ms")
    table["flag"] = table["flag"].fillna("")
    table = table.loc[:, list(COLUMNS)].astype(empty().dtypes.to_dict())
    if table[KEY].isna().to_numpy().any():
        raise InvalidInput("an observation lacks its station, time or pollutant")
    if table.duplicated(KEY).any():
        station, time, pollutant = table.loc[table.duplicated(KEY), KEY].iloc[0]
        raise InvalidInput(f"two values for station {station}, {time.isoformat()}, {pollutant}; keep one")
    return table


def _read(path: Path, conditions: list[tuple[str, str, object]]) -> pd.DataFrame:
    try:
        table = pq.read_table(path, filters=conditions or None, partitioning=None).to_pandas()
    except (OSError, ValueError) as error:
        raise SourceUnavailable(f"cannot read {path}: {' '.join(str(error).split())}; restore a copy") from error
    return table.astype(empty().dtypes.to_dict())


def _moment(value: pd.Timestamp | str | None) -> pd.Timestamp | None:
    if value is None:
        return None
    moment = pd.Timestamp(value)
    if moment.tzinfo is None:
        raise InvalidInput(f"the time {value} has no zone; write it as 2024-05-01T00:00Z or with +08:00")
    return moment.tz_convert("UTC")


def _touches(month: str, first: pd.Timestamp | None, last: pd.Timestamp | None) -> bool:
    begin = pd.Timestamp(f"{month}-01", tz="UTC")
    end = begin + pd.DateOffset(months=1)
    return (first is None or end > first) and (last is None or begin < last)
