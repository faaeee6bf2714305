"""An incident's model: a plume or puffs, the ensemble around it, and what measurements make of both."""

from dataclasses import dataclass, replace

import numpy as np

from api.processes.context import Context
from api.processes.incident_air import (
    DIRECTION_SD,
    Wind,
    air_of,
    dense_notes,
    options_of,
    place,
    release_of,
    spread_of,
    vapour_of,
    wind_of,
)
from api.processes.incident_drift import drifting
from api.processes.incident_inputs import IncidentInputs
from api.processes.incident_measured import (
    UNKNOWN_RELEASE,
    Readings,
    readings_of,
    since,
    told,
)
from layers.substances import Substance
from tracing.drift import DriftingPuffs
from tracing.drift_ensemble import DriftMembers, drift_members
from tracing.release import Release
from tracing.zone_ensemble import Member, Model, Spread, members, model_of
from tracing.zone_update import Updated, updated, updated_puffs

_MEMBERS = 100
_TOGETHER = (
    "集合中整段风一起偏转、一起变快或变慢 / in the ensemble all winds are off together, by one angle and one factor"
)


@dataclass(frozen=True)
class Modelled:
    """The model, its ensemble, what must be said, what was measured, and the factors on the release found from it.

    `factors` are the 5th, 50th and 95th percentile.
    """

    model: Model | DriftingPuffs
    ensemble: list[Member] | DriftMembers
    notes: list[str]
    readings: Readings | None = None
    factors: tuple[float, float, float] | None = None


def modelled(inputs: IncidentInputs, context: Context, substance: Substance) -> Modelled:
    """Return the model of an incident as it was told, corrected by what was measured."""
    release = release_of(inputs, *place(inputs, context))
    readings = readings_of(inputs, context, substance=substance, release=release)
    if inputs.winds is not None or inputs.wind_rows or inputs.met:
        return _drifting(inputs, context, substance=substance, release=release, readings=readings)
    return _steady(inputs, context, substance=substance, release=release, readings=readings)


def _drifting(
    inputs: IncidentInputs, context: Context, *, substance: Substance, release: Release, readings: Readings | None
) -> Modelled:
    puffs, notes, begin = drifting(inputs, context, release)
    found = None
    if readings is not None:
        readings = replace(readings, measured=since(readings, begin))
        low, high = _release_range(inputs)
        puffs, found = updated_puffs(
            puffs,
            readings.measured,
            direction_deg=DIRECTION_SD if inputs.wind_from_sd is None else inputs.wind_from_sd,
            low=low,
            high=high,
            rng=np.random.default_rng(inputs.seed),
        )
        notes += told(found, release, count=len(readings.lon))
    ensemble: list[Member] | DriftMembers = []
    if inputs.members:
        spread = _drift_spread(inputs, puffs, found)
        # Of its own: what was measured must not move the members' draw.
        rng = np.random.default_rng([inputs.seed, 1])
        ensemble = drift_members(puffs, spread, count=inputs.members, rng=rng)
        notes += [_ensemble_note(inputs.members, spread), _TOGETHER]
    mean = float(np.nanmax(puffs.paths.travelled)) / float(puffs.paths.times[-1])
    notes = [*notes, *dense_notes(substance, vapour_of(inputs, substance), puffs, mean)]
    return Modelled(puffs, ensemble, notes, readings, _factors(found))


def _drift_spread(inputs: IncidentInputs, puffs: DriftingPuffs, found: Updated | None) -> Spread:
    """Return how unsure winds, class and release are; what measurements found takes the place of what was told."""
    spread = spread_of(inputs, Wind(puffs.air.wind_speed_m_s, puffs.air.wind_from_deg))
    if found is None:
        return spread
    low, high = (factor / found.factor for factor in found.factors)
    return replace(spread, direction_deg=found.wind_from_sd, rate_low=min(low, 1.0), rate_high=max(high, 1.0))


def _steady(
    inputs: IncidentInputs, context: Context, *, substance: Substance, release: Release, readings: Readings | None
) -> Modelled:
    wind = wind_of(inputs, context, release)
    air, notes = air_of(inputs, wind)
    options, vapour, spread = options_of(inputs), vapour_of(inputs, substance), spread_of(inputs, wind)
    # What cannot be is refused before any member is drawn.
    model = model_of(release, air, options, vapour)
    rng = np.random.default_rng(inputs.seed)
    found = None
    if readings is not None:
        low, high = _release_range(inputs)
        spread = Spread(spread.direction_deg, spread.speed, spread.stability, low, high)
        count = inputs.members or _MEMBERS
        found = updated(release, air, spread, readings.measured, count=count, rng=rng, options=options, vapour=vapour)
        notes += [_ensemble_note(count, spread), *told(found, release, count=len(readings.lon))]
        release, air, ensemble = found.release, found.air, found.members
        model = model_of(release, air, options, vapour)
    else:
        ensemble = []
        if inputs.members:
            ensemble = members(
                release,
                air,
                spread,
                count=inputs.members,
                rng=rng,
                options=options,
                vapour=vapour,
                tick=lambda done: context.progress(done, inputs.members, "集合成员 members"),
            )
            notes.append(_ensemble_note(inputs.members, spread))
    notes += [*wind.notes, *dense_notes(substance, vapour, model, air.wind_speed_m_s)]
    return Modelled(model, ensemble, notes, readings, _factors(found))


def _factors(found: Updated | None) -> tuple[float, float, float] | None:
    return None if found is None else (found.factors[0], found.factor, found.factors[1])


def _release_range(inputs: IncidentInputs) -> tuple[float, float]:
    """Return the factors between which the release may lie: as given, else ten times less to ten times more."""
    if not inputs.rate_range:
        return 1.0 / UNKNOWN_RELEASE, UNKNOWN_RELEASE
    given = inputs.rate_g_s if inputs.rate_g_s is not None else inputs.mass_kg or 1.0
    low, high = inputs.rate_range
    return low / given, high / given


def _ensemble_note(count: int, spread: Spread) -> str:
    zh, en = "源强如所给", "release as given; --rate-range makes it unsure too"
    if spread.rate_high > spread.rate_low:
        zh = f"源强 {spread.rate_low:.2g}–{spread.rate_high:.2g} 倍"
        en = f"release {spread.rate_low:.2g} to {spread.rate_high:.2g} times"
    direction, speed = f"±{spread.direction_deg:.0f}°", f"±{100 * spread.speed:.0f}%"
    return (
        f"集合 {count} 个成员：风向 {direction}、风速 {speed}、稳定度相邻一级、{zh} / "
        f"ensemble of {count}: wind direction {direction}, speed {speed}, the next classes, {en}"
    )
