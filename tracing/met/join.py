"""Join the meteorology of several files into one time axis, or say where it does not fit.

Files may hold different times, different variables of the same times, or both. Nothing is read here: the joined fields
are read one time at a time, when asked for.
"""

import logging
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.met.cf_names import STATIC
from tracing.met.grid import grid_of, say_time
from tracing.met.lazy import lazy, plain, row_of

_log = logging.getLogger(__name__)

Part = tuple[str, xr.Dataset]
# For each time of the joined axis: the file's number and the row in it.
Sources = dict[np.datetime64, tuple[int, int]]
# The times of the first of these that is there are the joined times; the second must stand beside it at all of them.
_LEADS = (("u", "v"), ("u10", "v10"))
_FILE = {"long_name": "file that the wind of the time comes from"}


def join(parts: list[Part]) -> xr.Dataset:
    """Return named Datasets of one grid as one, sorted by time.

    A time that several files hold is taken from the file with the shorter forecast, then the name that sorts first, so
    the order of the files does not matter. Only variables that are there at all times are kept; ``attrs["assumed"]``
    says which are not. Fields that do not change (terrain, roughness) are taken from one time.

    Raises
    ------
    InvalidInput
        If grids or levels differ, a gap is longer than the files' own step, or a wind component is missing somewhere.
    """
    half = {key: value for _, data in parts for key, value in data.attrs.items() if key.startswith("half_")}
    parts = sorted([p for p in parts if p[1].data_vars], key=lambda part: (part[1].time.values[0], part[0]))
    if not parts:
        raise InvalidInput("meteorology: coefficients of levels only; add the files with the fields")
    _check_same_grid(parts)
    lead = next((pair for pair in _LEADS if any(pair[0] in data for _, data in parts)), None)
    chosen = _pick(parts, lead[0] if lead else None)
    times = np.array(sorted(chosen))
    _check_gaps(parts, times, chosen)
    if len(parts) == 1 and np.array_equal(parts[0][1].time.values, times):
        files = plain("time", np.full(times.size, parts[0][0]), _FILE)
        return parts[0][1].assign_attrs(half).assign_coords(file=files)
    fields, left_out = _fields(parts, times, lead, chosen)
    for said in left_out:
        _log.info("meteorology: %s", said.split(" / ")[1])
    return _assemble(parts, (times, chosen), fields, {**half, "assumed": left_out})


def _fields(
    parts: list[Part], times: NDArray[Any], lead: tuple[str, str] | None, chosen: Sources
) -> tuple[dict[str, xr.Variable], list[str]]:
    """Return the variables that are there at all times, and what is said of the others."""
    fields, left_out = {}, []
    for name in sorted({str(name) for _, data in parts for name in data.data_vars}):
        found = _pick(parts, name)
        if name in STATIC:
            first = found[min(found)]
            found = dict.fromkeys(times, first)
        absent = next((time for time in times if time not in found), None)
        if absent is None:
            fields[name] = _one(parts, name, [found[time] for time in times])
            continue
        file, when = parts[chosen[absent][0]][0], say_time(absent)
        if lead and name in lead:
            raise InvalidInput(f"{file}: {name} is missing at {when}, where {lead[0]} is there; add the file with it")
        left_out.append(f"{name} 未使用：{file} 在 {when} 没有它 / {name} left out: it is missing at {when} in {file}")
    return fields, left_out


def _one(parts: list[Part], name: str, sources: list[tuple[int, int]]) -> xr.Variable:
    rows = [row_of(parts[file][1][name].variable, row) for file, row in sources]
    sample = parts[sources[0][0]][1][name]
    return lazy(rows, sample.shape[1:], sample.attrs)


def _assemble(
    parts: list[Part], axis: tuple[NDArray[Any], Sources], fields: dict[str, xr.Variable], attrs: dict[str, Any]
) -> xr.Dataset:
    times, chosen = axis
    first = parts[chosen[times[0]][0]][1]
    levelled = next((data for _, data in parts if "level" in data.coords), None)
    coords: dict[str, Any] = {
        str(name): first[name].variable for name in ("x", "y", "lon", "lat") if name in first.coords
    }
    coords["time"] = plain("time", times, {"standard_name": "time"})
    coords["file"] = plain("time", np.array([parts[chosen[time][0]][0] for time in times]), _FILE)
    if levelled is not None:
        coords["level"] = levelled["level"].variable
        attrs = {"vertical": levelled.attrs["vertical"], **attrs}
    if any("forecast_h" in data.coords for _, data in parts):
        hours = [int(_forecast(parts[file][1])[row]) for file, row in (chosen[time] for time in times)]
        coords["forecast_h"] = plain("time", np.array(hours), {"units": "h", "long_name": "forecast hour"})
    said = [text for _, data in parts for text in data.attrs.get("assumed", ())]
    attrs["assumed"] = list(dict.fromkeys([*said, *attrs["assumed"]]))
    if not attrs["assumed"]:
        del attrs["assumed"]
    return xr.Dataset(fields, coords, {**first.attrs, **attrs})


def _check_same_grid(parts: list[Part]) -> None:
    first_name, first = parts[0]
    for name, data in parts[1:]:
        if grid_of(first) != grid_of(data):
            raise InvalidInput(f"{name}: its grid differs from that of {first_name}; run files of one grid at a time")
    levelled = [part for part in parts if "level" in part[1].coords]
    for name, data in levelled[1:]:
        known, known_data = levelled[0]
        same = data.attrs.get("vertical") == known_data.attrs.get("vertical")
        if not same or not np.array_equal(data.level.values, known_data.level.values):
            raise InvalidInput(f"{name}: its levels differ from those of {known}; run files of one kind at a time")


def _forecast(data: xr.Dataset) -> NDArray[Any]:
    return data["forecast_h"].values if "forecast_h" in data.coords else np.zeros(data.sizes["time"], int)


def _pick(parts: list[Part], name: str | None) -> Sources:
    """Return where each time of a variable (None: of anything) is taken from."""
    best: dict[np.datetime64, tuple[int, str, int, int]] = {}
    for k, (path, data) in enumerate(parts):
        if name is not None and name not in data:
            continue
        forecast = _forecast(data)
        for row, time in enumerate(data.time.values):
            candidate = (int(forecast[row]), path, k, row)
            best[time] = min(best.get(time, candidate), candidate)
    return {time: found[2:] for time, found in best.items()}


def _check_gaps(parts: list[Part], times: NDArray[Any], chosen: Sources) -> None:
    used = sorted({file for file, _ in chosen.values()})
    own = [np.diff(np.unique(parts[k][1].time.values)) for k in used if parts[k][1].sizes["time"] > 1]
    steps = np.diff(times)
    if not steps.size:
        return
    step = np.median(np.concatenate(own).astype("int64")) if own else steps.astype("int64").min()
    wide = np.flatnonzero(steps.astype("int64") > step)
    if wide.size:
        before, after = times[wide[0] : wide[0] + 2]
        hours = float(step) / np.timedelta64(1, "h").astype("timedelta64[ns]").astype("int64")
        raise InvalidInput(
            f"meteorology: nothing between {say_time(before)} ({parts[chosen[before][0]][0]}) and {say_time(after)} "
            f"({parts[chosen[after][0]][0]}), but the files' own step is {hours:g} h; add the file between"
        )
