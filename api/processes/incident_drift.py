"""An incident in a changing wind: puffs carried by a table of winds, or along trajectories through meteorology."""

from datetime import UTC

import numpy as np
import pandas as pd

from api.processes.context import Context
from api.processes.incident_air import Wind, air_of, options_of, wind_table
from api.processes.incident_inputs import IncidentInputs
from geo.errors import InvalidInput, MissingData
from tracing.drift import DriftingPuffs, Paths, drifting_puffs, followed_paths, metres_from, puff_times, table_paths
from tracing.met import open_met
from tracing.release import Release
from tracing.stability import check_class, class_from_obukhov
from tracing.trajectory import Integration, trajectories

_OPEN_COUNTRY_M = 0.03
Drifting = tuple[DriftingPuffs, list[str], pd.Timestamp]
# Paths start at least so high: the wind at the very ground carries nothing.
_LEAST_HEIGHT_M = 10.0
# Through meteorology a path every so many seconds does: its winds are hourly.
_PATH_EVERY_S = 300.0


def drifting(inputs: IncidentInputs, context: Context, release: Release) -> Drifting:
    """Return the puffs that winds or met carry, what was assumed, and when the release begins.

    Raises
    ------
    InvalidInput
        A wind is typed in too, both sources are given, or there is no time to begin at.
    """
    if inputs.wind_speed is not None or inputs.wind_from is not None:
        raise InvalidInput("the wind is given twice: leave wind_speed and wind_from out with winds or met")
    if sum((inputs.winds is not None, bool(inputs.wind_rows), bool(inputs.met))) > 1:
        raise InvalidInput("the wind is given twice: give either winds, wind_rows or met")
    return _through_met(inputs, context, release) if inputs.met else _with_table(inputs, context, release)


def _with_table(inputs: IncidentInputs, context: Context, release: Release) -> Drifting:
    seconds, east, north, begin = wind_table(inputs, context)
    followed = inputs.hours * 3_600.0
    notes = []
    if seconds[-1] < followed - 1.0:
        notes.append(
            f"风表只到释放后 {max(seconds[-1], 0.0) / 60.0:.0f} 分钟，此后按最后一个风 / the winds end "
            f"{max(seconds[-1], 0.0) / 60.0:.0f} min after the release began: the last one is held"
        )
    u, v = (float(np.interp(0.0, seconds, values)) for values in (east, north))
    first = Wind(float(np.hypot(u, v)), _from(u, v), notes=tuple(notes))
    paths = table_paths(release, seconds, east, north, followed_s=followed)
    return _made(inputs, release, first, paths, begin, ("风表", "a table of winds"))


def _from(east: float, north: float) -> float:
    return float((np.degrees(np.arctan2(east, north)) + 180.0) % 360.0)


def _through_met(inputs: IncidentInputs, context: Context, release: Release) -> Drifting:
    if inputs.time is None:
        raise InvalidInput("--time is missing: say when the release begins, as 2021-10-20T06:00Z")
    met = open_met([context.file(path) for path in inputs.met])
    begin = pd.Timestamp(inputs.time).tz_convert(UTC)
    there, ends = (pd.Timestamp(met["time"].to_numpy()[at], tz="UTC") for at in (0, -1))
    if not there <= begin < ends:
        covered = f"{there:%Y-%m-%dT%H:%MZ}", f"{ends:%Y-%m-%dT%H:%MZ}"
        raise MissingData(
            f"the meteorology covers {covered[0]} to {covered[1]}, not {begin:%Y-%m-%dT%H:%MZ}: give --time within it, "
            "or other files"
        )
    followed = inputs.hours * 3_600.0
    lasts = 0.0 if release.at_once else min(followed, release.duration_s or followed)
    started = np.linspace(0.0, lasts, max(int(np.ceil(lasts / _PATH_EVERY_S)), 0) + 1)
    starts = pd.DataFrame(
        {
            "receptor": "source",
            "time": begin + pd.to_timedelta(started, unit="s"),
            "lon": release.lon,
            "lat": release.lat,
            "height_m_agl": max(release.height_m, _LEAST_HEIGHT_M),
        }
    )
    starts = starts[starts["time"] < ends]
    # Turbulence keeps the gas near the ground spread over it: its paths keep their height above the ground.
    points = trajectories(
        met, starts, hours=inputs.hours, vertical="isosigma", options=Integration(output_minutes=5.0, step_minutes=5.0)
    )
    first = points[points["trajectory"] == points["trajectory"].min()]
    east, north = (np.diff(values)[0] for values in metres_from(first, release))
    gone = float(np.diff(first["age_h"])[0]) * 3_600.0
    speed = float(np.hypot(east, north)) / gone
    released, mass = puff_times(release, speed, followed)
    paths = followed_paths(release, points, started[: len(starts)], released, mass, followed_s=followed)
    wind = Wind(speed, _from(east, north), notes=tuple(points.attrs.get("warnings", ())))
    return _made(inputs, release, wind, paths, begin, ("气象场", "meteorology"))


def _made(
    inputs: IncidentInputs,
    release: Release,
    wind: Wind,
    paths: Paths,
    begin: pd.Timestamp,
    names: tuple[str, str],
) -> Drifting:
    air, said = air_of(inputs, wind)
    stability = check_class(air.stability) if air.stability else ""
    if air.obukhov_m is not None:
        stability = class_from_obukhov(air.obukhov_m, roughness=_OPEN_COUNTRY_M)
    model = drifting_puffs(
        release, stability, paths, air=air, options=options_of(inputs), source_zh=names[0], source_en=names[1]
    )
    when = f"释放始于 {begin:%Y-%m-%d %H:%M} UTC / the release begins {begin:%Y-%m-%d %H:%M} UTC"
    return model, [when, *wind.notes, *said], begin
