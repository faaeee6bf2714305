"""An incident seen by measurements: winds, classes and release that agree with them, drawn anew as an ensemble.

Importance sampling of the ensemble's own prior (Bayes): each candidate air is turned through many wind directions, its
concentrations are compared with what was measured for many release rates, and members are drawn by their weights. The
rate's prior is even in its logarithm over the range given.

References
----------
Delle Monache, L., et al. (2008), Bayesian inference and Markov chain Monte Carlo sampling to reconstruct a contaminant
source on a continental scale, doi:10.1175/2008JAMC1766.1 (the same likelihood, sampled by another method).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.dense_plume import Vapour
from tracing.drift import DriftingPuffs
from tracing.local_field import rotated
from tracing.measured_kernel import effective_size, log_likelihood, systematic, weights
from tracing.plume import DEFAULT, PlumeOptions, downwind_from_east_north
from tracing.release import Air, Release
from tracing.zone_ensemble import Member, Spread, members, model_of

Array = NDArray[np.float64]

_DIRECTIONS, _RATES = 40, 61
# Fewer than so many agree with the measurements: what was given cannot explain them.
_LEAST_EFFECTIVE = 5.0
# The best candidate misses by more than three standard deviations at a typical place.
_FAR_APART = 9.0


@dataclass(frozen=True)
class Measured:
    """Concentrations measured at places: east and north of the source and above the ground (m), mg/m3, shape (n,).

    `seconds` is when, after the release began (NaN: at any time); only puffs in changing winds ask for it. `log_sd` is
    the natural logarithm of the factor by which model and instrument may be off together; `floor` (mg/m3) is what
    cannot be told from nothing.
    """

    east: Array
    north: Array
    up: Array
    value: Array
    log_sd: float = float(np.log(2.0))
    floor: float = 1e-3
    seconds: Array | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        if not len(self.value) or not np.isfinite(self.value).all() or (self.value < 0.0).any():
            raise InvalidInput("measured concentrations: give one or more numbers of 0 or above, mg/m3")
        if not (self.log_sd > 0.0 and self.floor > 0.0):
            raise InvalidInput("measured concentrations: their error and floor must be above 0")


@dataclass(frozen=True)
class Updated:
    """What agrees with the measurements: members, the release and air in their middle, and how sure they are.

    `factor` is the median of the factor on the release given, `factors` its 5th and 95th percentile; `wind_from_sd` is
    in degrees; `effective` says how many of the candidates carry the answer; `missed` that none agrees well.
    """

    members: list[Member]
    release: Release
    air: Air
    factor: float
    factors: tuple[float, float]
    wind_from_sd: float
    effective: float
    missed: bool


def updated(
    release: Release,
    air: Air,
    spread: Spread,
    measured: Measured,
    *,
    count: int,
    rng: np.random.Generator,
    options: PlumeOptions = DEFAULT,
    vapour: Vapour | None = None,
) -> Updated:
    """Return the members that agree with measurements; the same generator gives the same members.

    Raises
    ------
    InvalidInput
        Fewer than 10 members, or more than 2000.
    """
    steady = replace(spread, rate_low=1.0, rate_high=1.0)
    candidates = members(release, air, steady, count=count, rng=rng, options=options, vapour=vapour)
    turns = rng.normal(0.0, spread.direction_deg, (count, _DIRECTIONS))
    winds = (air.wind_from_deg + turns) % 360.0
    predicted = np.concatenate([_brought(one, wind, measured) for one, wind in zip(candidates, winds, strict=True)])
    factors = np.geomspace(spread.rate_low, spread.rate_high, _RATES if spread.rate_high > spread.rate_low else 1)
    found = log_likelihood(measured.value, predicted, factors, floor=measured.floor, log_sd=measured.log_sd)
    share = weights(found)
    picked = systematic(share.ravel(), count, float(rng.random()))
    candidate, rate = np.unravel_index(picked, share.shape)
    airs = [replace(candidates[i // _DIRECTIONS].model.air, wind_from_deg=float(winds.flat[i])) for i in candidate]
    releases = [scaled(release, float(factors[j])) for j in rate]
    low, middle, high = _quantiles(factors, share.sum(axis=0))
    effective = effective_size(share.sum(axis=1))
    middles, width = smoothed(np.array([one.wind_from_deg for one in airs]), effective)
    around = [replace(one, wind_from_deg=float(wind)) for one, wind in zip(airs, middles, strict=True)]
    made = [Member(model_of(one, wind, options, vapour), width) for one, wind in zip(releases, around, strict=True)]
    apart = -2.0 * float(found.max()) / len(measured.value)
    return Updated(
        made,
        scaled(release, middle),
        _middle_air(airs),
        middle,
        (low, high),
        _spread_deg([one.wind_from_deg for one in airs]),
        effective,
        effective < _LEAST_EFFECTIVE or apart > _FAR_APART,
    )


def smoothed(winds_deg: Array, effective: float) -> tuple[Array, float]:
    """Return the middles and the standard deviation (degrees) of normal kernels that stand for drawn directions.

    The width is Silverman's for so many effective draws; the middles are drawn towards their mean so that all kernels
    together have the mean and the variance of the draws.

    References
    ----------
    Liu, J. and M. West (2001), Combined parameter and state estimation in simulation-based filtering,
    doi:10.1007/978-1-4757-3437-9_10.
    """
    mean = float(np.degrees(np.angle(np.exp(1j * np.radians(winds_deg)).mean())))
    off = (winds_deg - mean + 180.0) % 360.0 - 180.0
    width = min((4.0 / (3.0 * effective)) ** 0.2, 1.0)
    return (mean + np.sqrt(1.0 - width**2) * off) % 360.0, width * float(off.std())


def scaled(release: Release, factor: float) -> Release:
    """Return a release that is so many times as strong."""
    if release.rate_g_s is not None:
        return replace(release, rate_g_s=release.rate_g_s * factor)
    return replace(release, mass_g=(release.mass_g or 0.0) * factor)


def updated_puffs(
    puffs: DriftingPuffs, measured: Measured, *, direction_deg: float, low: float, high: float, rng: np.random.Generator
) -> tuple[DriftingPuffs, Updated]:
    """Return puffs in changing winds, their release scaled and all their winds turned so that they agree.

    One history of winds is followed: it may be off by an angle with a standard deviation of `direction_deg`, and the
    release by a factor between `low` and `high`.
    """
    turns = np.concatenate([[0.0], rng.normal(0.0, direction_deg, 3 * _DIRECTIONS)])
    # Turning the winds one way is turning the places the other way.
    turned = [rotated(measured.east, measured.north, -float(turn)) for turn in turns]
    east, north = (np.stack([pair[axis] for pair in turned]) for axis in (0, 1))
    predicted = expected_of(puffs, replace(measured, east=east, north=north))
    factors = np.geomspace(low, high, _RATES if high > low else 1)
    found = log_likelihood(
        measured.value, np.nan_to_num(predicted), factors, floor=measured.floor, log_sd=measured.log_sd
    )
    share = weights(found)
    low_end, middle, high_end = _quantiles(factors, share.sum(axis=0))
    by_turn = share.sum(axis=1)
    turn = float(by_turn @ turns)
    paths = puffs.paths
    moved = rotated(paths.east, paths.north, turn)
    air = replace(puffs.air, wind_from_deg=float((puffs.air.wind_from_deg + turn) % 360.0))
    release = scaled(puffs.release, middle)
    made = replace(
        puffs,
        release=release,
        air=air,
        paths=replace(paths, east=moved[0], north=moved[1], mass=paths.mass * middle),
    )
    effective = effective_size(by_turn)
    apart = -2.0 * float(found.max()) / len(measured.value)
    spread = float(np.sqrt(by_turn @ (turns - turn) ** 2))
    missed = effective < 2.0 or apart > _FAR_APART
    return made, Updated([], release, air, middle, (low_end, high_end), spread, effective, missed)


def expected_of(puffs: DriftingPuffs, measured: Measured) -> Array:
    """Return what puffs bring to the places (mg/m3): at the time of a reading, or their highest where it has none.

    East and north may have the shape (..., n): several sets of places for the n readings.
    """
    up = np.broadcast_to(measured.up, measured.east.shape)
    moments = np.full(len(measured.value), np.nan) if measured.seconds is None else measured.seconds
    out = np.zeros(measured.east.shape)
    for moment in np.unique(moments):
        these = np.isnan(moments) if np.isnan(moment) else moments == moment
        places = measured.east[..., these], measured.north[..., these], up[..., these]
        out[..., these] = puffs.concentration(*places) if np.isnan(moment) else puffs.at_time(*places, float(moment))
    return out


def _brought(member: Member, winds: Array, measured: Measured) -> Array:
    """Return what a member brings to the places if its wind comes from each of `winds`, shape (wind, place)."""
    turned = [downwind_from_east_north(measured.east, measured.north, float(wind)) for wind in winds]
    along, across = (np.stack([pair[axis] for pair in turned]) for axis in (0, 1))
    return np.asarray(member.model.concentration(along, across, np.broadcast_to(measured.up, along.shape)))


def _quantiles(values: Array, weighted: Array) -> tuple[float, float, float]:
    """Return the 5th, 50th and 95th percentile of increasing values with weights."""
    if len(values) == 1:
        return (float(values[0]),) * 3
    middle = np.cumsum(weighted) - 0.5 * weighted
    low, half, high = (float(np.exp(np.interp(q, middle, np.log(values)))) for q in (0.05, 0.5, 0.95))
    return low, half, high


def _middle_air(airs: Sequence[Air]) -> Air:
    """Return the air in the middle: mean direction, median speed, the commonest class or the median of L and u*."""
    wind_from = np.radians([one.wind_from_deg for one in airs])
    mean = float(np.degrees(np.arctan2(np.sin(wind_from).mean(), np.cos(wind_from).mean())) % 360.0)
    speed = float(np.median([one.wind_speed_m_s for one in airs]))
    first = airs[0]
    if first.stability is not None:
        names, counts = np.unique([one.stability for one in airs], return_counts=True)
        return replace(first, wind_from_deg=mean, wind_speed_m_s=speed, stability=str(names[counts.argmax()]))
    return replace(
        first,
        wind_from_deg=mean,
        wind_speed_m_s=speed,
        # The median of 1 / L: L itself jumps at neutral.
        obukhov_m=1.0 / float(np.median([1.0 / (one.obukhov_m or 1e9) for one in airs])),
        ustar_m_s=float(np.median([one.ustar_m_s for one in airs if one.ustar_m_s is not None])),
    )


def _spread_deg(wind_from: Sequence[float]) -> float:
    """Return the circular standard deviation (degrees)."""
    angles = np.radians(wind_from)
    length = float(np.hypot(np.sin(angles).mean(), np.cos(angles).mean()))
    return float(np.degrees(np.sqrt(max(-2.0 * np.log(max(length, 1e-12)), 0.0))))
