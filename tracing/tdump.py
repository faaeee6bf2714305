"""Trajectories as HYSPLIT's ``tdump`` text: read from any producer, written so that existing tools take them.

Columns of the text: trajectory, grid, year, month, day, hour, minute, forecast hour, age (h), latitude, longitude,
height (m), then the diagnostics named in the header, the first being pressure (hPa).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData, SourceUnavailable
from tracing.trajectory import POINT_COLUMNS
from tracing.trajectory_table import as_categories

Times = NDArray[np.datetime64]

_FIXED = 12
_MOST = 99_999
_VERTICAL_NAMES = {
    "omega": "OMEGA",
    "isobaric": "ISOBARIC",
    "isentropic": "THETA",
    "density": "DENSITY",
    "isosigma": "ISOSIGMA",
    "divergence": "DIVERGE",
    # HYSPLIT has no such option; existing readers do not look at the name.
    "constant-height": "HEIGHT",
}
# What is told along a path, by our column and HYSPLIT's, in its order; the units are the same.
_TOLD = {
    "temperature_k": "AIR_TEMP",
    "precipitation_mm_h": "RAINFALL",
    "mixing_height_m": "MIXDEPTH",
    "specific_humidity_g_kg": "SPCHUMID",
    "terrain_m": "TERR_MSL",
}


@dataclass(frozen=True)
class _Header:
    meteorology: list[str]
    direction: str
    vertical: str
    starts: pd.DataFrame
    diagnostics: list[str]
    n_lines: int


def read_tdump(path: str | Path) -> pd.DataFrame:
    """Return the points of a ``tdump`` file.

    Returns
    -------
    DataFrame with the columns of :data:`tracing.trajectory.POINT_COLUMNS`, then ``grid``, ``forecast_h`` and every
    further diagnostic of the file under its own name in lower case, in the file's units. ``end_reason`` is missing: the
    format does not hold it. ``receptor`` is the start's "lat,lon". ``attrs`` holds meteorology, direction and vertical.

    Raises
    ------
    SourceUnavailable
        If the file cannot be read.
    InvalidInput
        If it is not a tdump file; names the line.

    Examples
    --------
    >>> read_tdump("tdump_fmt1").groupby("trajectory").size()  # doctest: +SKIP
    """
    try:
        lines = Path(path).read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be read ({error.strerror}); check the path") from error
    header = _read_header(lines, path)
    values = _numbers(lines, header, path)
    points = _points(values, header, path)
    points.attrs = {
        "meteorology": header.meteorology,
        "direction": header.direction,
        "vertical": header.vertical,
    }
    return points


def write_tdump(
    points: pd.DataFrame,
    path: str | Path,
    *,
    met_id: str = "SUYU",
    vertical: str = "omega",
    met_start: pd.Timestamp | None = None,
) -> None:
    """Write the points of trajectories as ``tdump`` text, whole or not at all.

    Parameters
    ----------
    points : table of :func:`tracing.trajectory.trajectories`
    met_id : name of the meteorology, at most 8 ASCII characters
    vertical : one of :data:`tracing.vertical.VERTICALS`
    met_start : first time of the meteorology (UTC); by default the earliest point

    Raises
    ------
    MissingData
        If there is no point.
    InvalidInput
        If a column is missing or a number does not fit its place.
    SourceUnavailable
        If the file cannot be written.

    Notes
    -----
    The text keeps 0.001 degree, 0.1 m, 0.1 hPa, 0.1 h and whole minutes, and neither receptor nor end reason. What is
    told along the path stands behind the pressure, under HYSPLIT's names.
    """
    _check_writable(points, met_id, vertical)
    first = points["time"].min() if met_start is None else met_start
    heads = points.groupby("trajectory", sort=True).first()
    direction = "BACKWARD" if points["age_h"].min() < 0 else "FORWARD"
    lines = [f"{1:6d}{1:6d}", f"{met_id:<4}".rjust(8) + f"{_date(first)}{0:6d}"]
    lines.append(f"{len(heads):6d} {direction:<8} {_VERTICAL_NAMES[vertical]:<8}")
    starts = pd.DatetimeIndex(heads["start_time"])
    for time, row in zip(starts, heads[["lat", "lon", "height_m_agl"]].to_numpy(np.float64), strict=True):
        lines.append(f"{_date(time)}{row[0]:9.3f}{row[1]:9.3f}{row[2]:8.1f}")
    names = ["PRESSURE", *(name for column, name in _TOLD.items() if column in points)]
    lines.append(f"{len(names):6d} {' '.join(f'{name:<8}' for name in names)}".rstrip())
    lines.extend(_point_lines(points, np.asarray(heads.index)))
    _write_whole(Path(path), "\n".join(lines) + "\n")


def is_tdump(head: str) -> bool:
    """Whether text begins like a tdump file: number of grids and format, then that many lines of meteorology."""
    lines = head.splitlines()
    first = lines[0].split() if lines else []
    if len(first) not in (1, 2) or not all(word.isdigit() for word in first) or len(lines) < 2:
        return False
    return len(lines[1][8:].split()) == 5


def _point_lines(points: pd.DataFrame, numbers: NDArray[np.int64]) -> list[str]:
    """Return the end points by age, then trajectory, the trajectories counted from 1."""
    ordered = points.assign(_age=points["age_h"].abs()).sort_values(["_age", "trajectory"], kind="stable")
    number = np.searchsorted(numbers, ordered["trajectory"].to_numpy()) + 1
    values = ordered[["age_h", "lat", "lon", "height_m_agl", "pressure_hpa"]].to_numpy(np.float64)
    told = ordered[[column for column in _TOLD if column in ordered]].to_numpy(np.float64)
    return [
        f"{n:6d}{1:6d}{_date(t)}{t.minute:6d}{0:6d}{age:8.1f}{lat:9.3f}{lon:9.3f}{height:9.1f} {pressure:8.1f}"
        + "".join(f" {value:8.{3 if abs(value) < 1000 else 1}f}" for value in more)
        for n, t, (age, lat, lon, height, pressure), more in zip(
            number, pd.DatetimeIndex(ordered["time"]), values, told, strict=True
        )
    ]


def _date(time: pd.Timestamp) -> str:
    time = time.tz_convert("UTC")
    return f"{time.year % 100:6d}{time.month:6d}{time.day:6d}{time.hour:6d}"


def _check_writable(points: pd.DataFrame, met_id: str, vertical: str) -> None:
    needed = [name for name in POINT_COLUMNS if name not in ("receptor", "end_reason")]
    missing = [name for name in needed if name not in points]
    if missing:
        raise InvalidInput(f"trajectories: columns {missing} are missing; a tdump file needs {needed}")
    if points.empty:
        raise MissingData("trajectories: no point to write; a tdump file cannot say that")
    if vertical not in _VERTICAL_NAMES:
        raise InvalidInput(f"vertical motion {vertical!r} is not known; use one of {', '.join(_VERTICAL_NAMES)}")
    if not (0 < len(met_id) <= 8 and met_id.isascii() and met_id.isprintable()):
        raise InvalidInput(f"meteorology id {met_id!r} does not fit; give one to eight ASCII characters")
    told = [column for column in _TOLD if column in points]
    numbers = points[["age_h", "lat", "lon", "height_m_agl", "pressure_hpa", *told]]
    if not np.isfinite(numbers.to_numpy(np.float64)).all() or points["trajectory"].nunique() > _MOST:
        raise InvalidInput(f"trajectories: a number is missing, or more than {_MOST} paths; write Parquet or NetCDF")


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="ascii", newline="\n")
        os.replace(part, path)
    except OSError as error:
        raise SourceUnavailable(f"{path}: cannot be written ({error.strerror}); check the folder") from error
    finally:
        part.unlink(missing_ok=True)


def _read_header(lines: list[str], path: str | Path) -> _Header:
    at = 0
    try:
        n_grids = int(lines[0].split()[0])
        meteorology = [line[:8].strip() for line in lines[1 : 1 + n_grids]]
        at = 1 + n_grids
        n_starts, *words = lines[at].split()
        starts = [_start(line) for line in lines[at + 1 : at + 1 + int(n_starts)]]
        at += 1 + int(n_starts)
        n_diagnostics, *names = lines[at].split()
        if len(names) != int(n_diagnostics) or len(starts) != int(n_starts) or not starts:
            raise ValueError("a list is shorter than its count")
    except (ValueError, IndexError) as error:
        raise InvalidInput(
            f"{path}: not a tdump file (header, line {at + 1}: {error}); give HYSPLIT end points"
        ) from error
    table = pd.DataFrame(starts, columns=["start_time", "receptor"], index=np.arange(1, len(starts) + 1))
    direction, vertical = (words + ["", ""])[:2]
    return _Header(meteorology, direction, vertical, table, [name.lower() for name in names], at + 1)


def _start(line: str) -> tuple[pd.Timestamp, str]:
    year, month, day, hour = (int(word) for word in line.split()[:4])
    lat, lon = (float(word) for word in line.split()[4:6])
    return pd.Timestamp(_full_year(year), month, day, hour), f"{lat:g},{lon:g}"


def _full_year(year: int) -> int:
    return year + (1900 if year > 40 else 2000) if year < 100 else year


def _numbers(lines: list[str], header: _Header, path: str | Path) -> NDArray[np.float64]:
    """Return the end points as numbers, (point, column)."""
    width = _FIXED + len(header.diagnostics)
    rows = [line.split() for line in lines[header.n_lines :]]
    for k, row in enumerate(rows):
        if row and len(row) != width:
            line = header.n_lines + k + 1
            raise InvalidInput(
                f"{path}: line {line} has {len(row)} numbers, not {width}; the file is damaged or cut short"
            )
    try:
        values = np.array([row for row in rows if row], np.float64)
    except ValueError as error:
        raise InvalidInput(f"{path}: an end point is not a number ({error}); the file is damaged") from error
    if not values.size:
        raise InvalidInput(f"{path}: no end point after the header; the file is cut short")
    return values


def _points(values: NDArray[np.float64], header: _Header, path: str | Path) -> pd.DataFrame:
    number = values[:, 0].astype(np.int64)
    if not set(number) <= set(header.starts.index):
        raise InvalidInput(f"{path}: trajectory {number.max()} has no start in the header; the file is damaged")
    try:
        time = _times(values[:, 2:7])
    except ValueError as error:
        raise InvalidInput(f"{path}: a date cannot be ({error}); the file is damaged") from error
    start = _to_the_minute(number, header.starts["start_time"].to_numpy()[number - 1], time, values[:, 8])
    exact = (time - start) / np.timedelta64(1, "h")
    # The text rounds the age; where the dates agree with it they say it exactly.
    age = np.where(np.abs(exact - values[:, 8]) <= 0.0501, exact, values[:, 8])
    diagnostics = {name: values[:, _FIXED + k] for k, name in enumerate(header.diagnostics)}
    data: dict[str, Any] = {
        "trajectory": number,
        "receptor": header.starts["receptor"].to_numpy()[number - 1],
        "start_time": pd.DatetimeIndex(start).tz_localize("UTC"),
        "time": pd.DatetimeIndex(time).tz_localize("UTC"),
        "age_h": age,
        "lon": values[:, 10],
        "lat": values[:, 9],
        "height_m_agl": values[:, 11],
        "pressure_hpa": diagnostics.pop("pressure", np.full(number.size, np.nan)),
        "end_reason": pd.array([None] * number.size, dtype="str"),
        "grid": values[:, 1].astype(np.int64),
        "forecast_h": values[:, 7].astype(np.int64),
        **diagnostics,
    }
    points = as_categories(pd.DataFrame(data))
    return points.sort_values("trajectory", kind="stable", ignore_index=True)


def _times(columns: NDArray[np.float64]) -> Times:
    frame = pd.DataFrame(columns.astype(np.int64), columns=["year", "month", "day", "hour", "minute"])
    frame["year"] = frame["year"].map(_full_year)
    return pd.to_datetime(frame).to_numpy().astype("datetime64[s]")


def _to_the_minute(number: NDArray[np.int64], start: Times, time: Times, age: NDArray[np.float64]) -> Times:
    """Return start times with the minute that a path's first point gives; the header has whole hours only."""
    start = start.astype("datetime64[s]")
    own_hour = (age == 0.0) & (time.astype("datetime64[h]") == start.astype("datetime64[h]"))
    exact = dict(zip(number[own_hour][::-1], time[own_hour][::-1], strict=True))
    return np.array([exact.get(n, s) for n, s in zip(number, start, strict=True)], "datetime64[s]")
