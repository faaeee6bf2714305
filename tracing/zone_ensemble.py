"""How sure a zone is: members with other winds, classes and rates, and where how many of them pass the threshold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import ndtri

from geo.errors import InvalidInput
from tracing.calm import CalmCloud, calm_cloud
from tracing.chances import Chances, chances_of, rings_of
from tracing.chances_kernel import Points, latin_hypercube
from tracing.dense_plume import Vapour, as_dense
from tracing.plume import DEFAULT, Plume, PlumeOptions, release_plume
from tracing.plume_kernel import CLASSES
from tracing.plume_zone import outline, zone_m
from tracing.release import Air, Release, within

Array = NDArray[np.float64]
Model = Plume | CalmCloud

BANDS = (10, 50, 90)
_OUTLINE_POINTS = 240


@dataclass(frozen=True)
class Spread:
    """How far the inputs may be off: standard deviations, and the range of the rate as factors on the one given.

    `direction_deg` and the relative `speed` are those of the wind; `stability` is the probability that the true class
    is the next one, half of it on either side; with the Obukhov length, 1 / L varies by a factor.
    """

    direction_deg: float = 15.0
    speed: float = 0.2
    stability: float = 0.5
    rate_low: float = 1.0
    rate_high: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no spread."""
        within("spread of the wind's direction", self.direction_deg, 0.0, 180.0, "degrees")
        within("relative spread of the wind speed", self.speed, 0.0, 2.0, "")
        within("probability of another class", self.stability, 0.0, 1.0, "")
        if not 0.0 < self.rate_low <= 1.0 <= self.rate_high < np.inf:
            raise InvalidInput(
                f"range of the release, factors {self.rate_low:g} to {self.rate_high:g}: the low end must be above 0 "
                "and not above what is given, the high end not below it"
            )


@dataclass(frozen=True)
class Member:
    """One answer that may be the true one, computed, but for its wind's direction: that is off by up to a few
    `turn_sd_deg`, and as a turn of the wind only turns the zone, all of these answers are known.
    """

    model: Model
    turn_sd_deg: float = 0.0

    @property
    def wind_from_deg(self) -> float:
        """Where its wind comes from, degrees."""
        return self.model.air.wind_from_deg


def model_of(release: Release, air: Air, options: PlumeOptions = DEFAULT, vapour: Vapour | None = None) -> Model:
    """Return the model for this wind: a plume or passing cloud from 1 m/s on, dense if it is so, puffs below."""
    if air.calm:
        return calm_cloud(release, air, options)
    plume = release_plume(release, air, options)
    return plume if vapour is None else as_dense(plume, vapour)


def members(
    release: Release,
    air: Air,
    spread: Spread,
    *,
    count: int,
    rng: np.random.Generator,
    options: PlumeOptions = DEFAULT,
    vapour: Vapour | None = None,
    tick: Callable[[int], None] = lambda done: None,
) -> list[Member]:
    """Return members drawn around a release and its air; the same generator gives the same members.

    They are drawn evenly over speed, class and rate; the direction is not drawn, see `Member`.

    Raises
    ------
    InvalidInput
        Fewer than 10 members, or more than 2000.
    """
    within("ensemble", count, 10, 2_000, "members")
    drawn = latin_hypercube(rng, count, 4)
    made = []
    for number in range(count):
        made.append(
            Member(
                model_of(
                    _varied_release(release, spread, drawn[number, 0]),
                    _varied_air(air, spread, ndtri(drawn[number, 1:3]), drawn[number, 3]),
                    options,
                    vapour,
                ),
                spread.direction_deg,
            )
        )
        tick(number + 1)
    return made


def factor_between(spread: Spread, share: float) -> float:
    """Return the factor on the release so far (0 to 1) along the logarithmic way from the low to the high end."""
    low, high = np.log(spread.rate_low), np.log(spread.rate_high)
    return float(np.exp(low + share * (high - low)))


def step_of_class(spread: Spread, share: float) -> int:
    """Return by how many classes a member's stability is off, for a number that is even between 0 and 1."""
    return -1 if share < spread.stability / 2.0 else 1 if share > 1.0 - spread.stability / 2.0 else 0


def _varied_release(release: Release, spread: Spread, share: float) -> Release:
    factor = factor_between(spread, share)
    if release.rate_g_s is not None:
        return replace(release, rate_g_s=release.rate_g_s * factor)
    return replace(release, mass_g=(release.mass_g or 0.0) * factor)


def _varied_air(air: Air, spread: Spread, normal: Array, share: float) -> Air:
    faster = float(np.exp(spread.speed * normal[0]))
    speed = min(air.wind_speed_m_s * faster, 60.0)
    moved = replace(air, wind_speed_m_s=speed)
    if air.stability is not None:
        number = CLASSES.index(air.stability.strip().upper()) + step_of_class(spread, share)
        return replace(moved, stability=CLASSES[int(np.clip(number, 0, len(CLASSES) - 1))])
    obukhov = (air.obukhov_m or 0.0) * float(np.exp(spread.stability * normal[1]))
    ustar = float(np.clip((air.ustar_m_s or 0.0) * faster, 0.01, 3.0))
    return replace(moved, obukhov_m=float(np.sign(obukhov)) * max(abs(obukhov), 1.0), ustar_m_s=ustar)


def chances(ensemble: Sequence[Member], threshold: float, *, z_m: float) -> Chances | None:
    """Return how likely a threshold (mg/m3) is passed at each place at a height (m); None where by no member."""
    zones = [_zone(member.model, threshold, z_m) for member in ensemble]
    reaches = np.array([max((float(np.abs(ring).max()) for ring in rings), default=0.0) for rings in zones])
    turns = [np.exp(1j * np.radians(270.0 - member.wind_from_deg)) for member in ensemble]
    shapes = [[ring * turn for ring in rings] for rings, turn in zip(zones, turns, strict=True)]
    return chances_of(shapes, reaches, sd_deg=ensemble[0].turn_sd_deg)


def _zone(model: Model, threshold: float, z_m: float) -> list[Points]:
    """Return the rings of a zone in metres downwind + i across."""
    if isinstance(model, CalmCloud):
        return rings_of(zone_m(model, threshold, z_m))
    return outline(model, threshold, z_m=z_m, points=_OUTLINE_POINTS).rings()


def _furthest(shape: shapely.Geometry) -> float:
    return float(np.hypot(*shapely.get_coordinates(shape).T).max())


def turning(shape: shapely.Geometry, to_either_side_deg: float, step_deg: float = 0.5) -> shapely.Geometry:
    """Return what a zone (metres) sweeps if the wind turns so far to either side, around the source.

    Copies of the zone at each step, and the whole sector of its axis, as a tip may be narrower than a step. Steps of
    half a degree miss less than 1 % of the area that a wind sweeps that turns without steps, in class F too.
    """
    within("turn of the wind", to_either_side_deg, 0.0, 180.0, "degrees")
    angles = np.linspace(-to_either_side_deg, to_either_side_deg, 2 * int(np.ceil(to_either_side_deg / step_deg)) + 1)
    # Corners closer than a ten-thousandth of the reach cost time only.
    plain = shape if to_either_side_deg == 0.0 else shapely.simplify(shape, 1e-4 * _furthest(shape))
    swept = [shapely.transform(plain, _rotation(angle)) for angle in angles]
    return shapely.union_all([*swept, *_sectors(plain, np.radians(angles))])


def _sectors(shape: shapely.Geometry, angles: Array) -> Array:
    """Return pieces of the rings that a zone's axis sweeps, the line from the source to its furthest point."""
    corners = shapely.get_coordinates(shape)
    tip = corners[np.argmax(np.hypot(*corners.T))] if len(corners) else np.zeros(2)
    along = [shapely.get_coordinates(part) for part in shapely.get_parts(shape & shapely.LineString([(0, 0), tip]))]
    radii = [np.hypot(*part[[0, -1]].T) for part in along if len(part) > 1]
    rays = np.exp(1j * (np.arctan2(tip[1], tip[0]) + angles))
    rims = [np.outer(np.sort(pair), rays) for pair in radii]
    pieces = [np.column_stack([near[:-1], far[:-1], far[1:], near[1:]]) for near, far in rims]
    found = np.concatenate([np.empty((0, 4), complex), *pieces])
    return np.asarray(shapely.polygons(np.stack([found.real, found.imag], axis=-1)))


def _rotation(angle_deg: float) -> Callable[[Array], Array]:
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return lambda points: points @ np.array([[c, s], [-s, c]])
