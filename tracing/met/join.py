"""Join the meteorology of several files into one time axis, or say where it does not fit."""

import logging

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.met.grid import grid_of

_log = logging.getLogger(__name__)

Part = tuple[str, xr.Dataset]


def join(parts: list[Part]) -> xr.Dataset:
    """Return named Datasets of one grid as one, sorted by time.

    A time that several files hold is taken from the file with the shorter forecast, then the name that sorts first, so
    the order of the files does not matter. Only variables that all files hold are kept.

    Raises
    ------
    InvalidInput
        If grids or levels differ, or a gap is longer than the files' own step.
    """
    parts = sorted(parts, key=lambda part: (part[1].time.values[0], part[0]))
    for part in parts[1:]:
        _check_same_grid(parts[0], part)
    names = _common_variables(parts)
    times, sources = _pick(parts)
    _check_gaps(parts, times, sources)
    if len(parts) == 1:
        return parts[0][1].isel(time=[row for _, row in sources])
    pieces = [_rows(parts, names, k, sources) for k in dict.fromkeys(file for file, _ in sources)]
    return xr.concat(pieces, "time", join="exact", combine_attrs="override").sortby("time")


def _rows(parts: list[Part], names: list[str], file: int, sources: list[tuple[int, int]]) -> xr.Dataset:
    return parts[file][1][names].isel(time=[row for k, row in sources if k == file])


def _check_same_grid(first: Part, other: Part) -> None:
    (name, a), (other_name, b) = first, other
    if grid_of(a) != grid_of(b):
        raise InvalidInput(f"{other_name}: its grid differs from that of {name}; run files of one grid at a time")
    if a.attrs.get("vertical") != b.attrs.get("vertical") or not np.array_equal(a.level.values, b.level.values):
        raise InvalidInput(f"{other_name}: its levels differ from those of {name}; run files of one kind at a time")


def _common_variables(parts: list[Part]) -> list[str]:
    sets = [{str(name) for name in data.data_vars} for _, data in parts]
    common = set.intersection(*sets)
    dropped = sorted(set.union(*sets) - common)
    if dropped:
        _log.warning("meteorology: %s left out, because not every file holds it", ", ".join(dropped))
    return sorted(common)


def _pick(parts: list[Part]) -> tuple[NDArray[np.datetime64], list[tuple[int, int]]]:
    """Return the joined times, and for each the file's number and the row in it."""
    best: dict[np.datetime64, tuple[int, str, int, int]] = {}
    for k, (name, data) in enumerate(parts):
        forecast = data["forecast_h"].values if "forecast_h" in data.coords else np.zeros(data.sizes["time"], int)
        for row, time in enumerate(data.time.values):
            candidate = (int(forecast[row]), name, k, row)
            best[time] = min(best.get(time, candidate), candidate)
    times = np.array(sorted(best))
    return times, [best[time][2:] for time in times]


def _check_gaps(parts: list[Part], times: NDArray[np.datetime64], sources: list[tuple[int, int]]) -> None:
    own = [np.diff(np.unique(data.time.values)) for _, data in parts if data.sizes["time"] > 1]
    steps = np.diff(times)
    if not steps.size:
        return
    step = np.median(np.concatenate(own).astype("int64")) if own else steps.astype("int64").min()
    wide = np.flatnonzero(steps.astype("int64") > step)
    if wide.size:
        i = wide[0]
        before, after = (pd.Timestamp(t).strftime("%Y-%m-%dT%H:%MZ") for t in times[i : i + 2])
        hours = float(step) / np.timedelta64(1, "h").astype("timedelta64[ns]").astype("int64")
        raise InvalidInput(
            f"meteorology: nothing between {before} ({parts[sources[i][0]][0]}) and {after} "
            f"({parts[sources[i + 1][0]][0]}), but the files' own step is {hours:g} h; add the file between"
        )
