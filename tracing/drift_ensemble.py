"""How sure the zone of puffs in a changing wind is: all winds turned, faster or slower, other classes and releases.

Winds that are off are off together: turned by one angle, faster by one factor. Turning them turns the zone around the
source and the release only moves the threshold, so a few fields of concentration, speeds by classes, serve all members.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tracing.chances import Chances, chances_of, rings_of
from tracing.chances_kernel import Points, latin_hypercube
from tracing.drift import DriftingPuffs, Paths
from tracing.local_field import filled
from tracing.plume_kernel import CLASSES
from tracing.release import within
from tracing.zone_ensemble import Spread, factor_between, step_of_class

Array = NDArray[np.float64]

# Speeds that are equally likely, each in the middle of its fifth of the distribution.
_SPEEDS = 5
_NODES = 91
# Where the gas may be is looked for with so many puffs; the field of a zone takes so many on the way to its end, which
# are closer together than they are wide.
_SCOUTS = 200
_TO_THE_END = 25.0
_NOTHING = -700.0


@dataclass(frozen=True)
class DriftMembers:
    """Answers that may be the true one, all of the release as given.

    `variants` are the puffs for each speed and class drawn; by member, shape (member,): `variant` is its number,
    `factors` how strong the release is. All winds of each may be turned, with the standard deviation `turn_sd_deg`.
    """

    variants: tuple[DriftingPuffs, ...]
    variant: NDArray[np.int64]
    factors: Array
    turn_sd_deg: float

    def __len__(self) -> int:
        """Return how many members there are."""
        return len(self.factors)


def drift_members(model: DriftingPuffs, spread: Spread, *, count: int, rng: np.random.Generator) -> DriftMembers:
    """Return members drawn around puffs in a changing wind; the same generator gives the same members.

    Raises
    ------
    InvalidInput
        Fewer than 10 members, or more than 2000.
    """
    within("ensemble", count, 10, 2_000, "members")
    drawn = latin_hypercube(rng, count, 3).T
    faster = np.exp(spread.speed * ndtri((np.arange(_SPEEDS) + 0.5) / _SPEEDS))
    speed = np.minimum((drawn[0] * _SPEEDS).astype(np.int64), _SPEEDS - 1)
    step = np.array([step_of_class(spread, share) for share in drawn[1]])
    pairs, variant = np.unique(np.column_stack([speed, step]), axis=0, return_inverse=True)
    variants = tuple(_variant(model, float(faster[s]), int(k)) for s, k in pairs)
    factors = np.array([factor_between(spread, share) for share in drawn[2]])
    return DriftMembers(variants, variant.astype(np.int64), factors, spread.direction_deg)


def _variant(model: DriftingPuffs, faster: float, step: int) -> DriftingPuffs:
    paths = model.paths
    moved = replace(paths, east=paths.east * faster, north=paths.north * faster, travelled=paths.travelled * faster)
    number = int(np.clip(CLASSES.index(model.stability) + step, 0, len(CLASSES) - 1))
    return replace(model, paths=moved, stability=CLASSES[number])


@dataclass(frozen=True)
class _Field:
    """The logarithm of the highest concentration (mg m-3) at nodes in metres east and north, shape (north, east)."""

    east: Array
    north: Array
    log: Array


def drift_chances(members: DriftMembers, threshold: float, *, z_m: float) -> Chances | None:
    """Return how likely a threshold (mg/m3) is passed at each place at a height (m); None where by no member."""
    fields = [_field_of(puffs, threshold / float(members.factors.max()), z_m) for puffs in members.variants]
    # Members of the same field and release have the same zone.
    kinds, member, count = np.unique(
        np.column_stack([members.variant, members.factors]), axis=0, return_inverse=True, return_counts=True
    )
    zones = [_zone(fields[int(variant)], threshold / factor) for variant, factor in kinds]
    reaches = np.array([max((float(np.abs(ring).max()) for ring in rings), default=0.0) for rings in zones])
    return chances_of(zones, reaches[member.ravel()], sd_deg=members.turn_sd_deg, weights=count.astype(float))


def _zone(field: _Field | None, threshold: float) -> list[Points]:
    return [] if field is None else rings_of(filled(field.east, field.north, field.log, np.log(threshold)))


def _field_of(puffs: DriftingPuffs, threshold: float, z_m: float) -> _Field | None:
    bounds = _thinned(puffs, len(puffs.paths.mass) / _SCOUTS).dense_box(z_m, threshold)
    if bounds is None:
        return None
    paths = puffs.paths
    apart = float(np.nanmean(paths.travelled[:, -1] / (paths.times[-1] - paths.released))) * _gap(paths)
    fewer = _thinned(puffs, float(np.abs(bounds).max()) / _TO_THE_END / max(apart, 1e-9))
    east, north = (np.linspace(bounds[i], bounds[i + 2], _NODES) for i in (0, 1))
    highest, _ = fewer.highest(east, north, z_m, threshold)
    return _Field(east, north, np.log(np.maximum(highest, np.exp(_NOTHING))))


def _gap(paths: Paths) -> float:
    return float(np.diff(paths.released).mean()) if len(paths.released) > 1 else np.inf


def _thinned(puffs: DriftingPuffs, times: float) -> DriftingPuffs:
    """Return puffs and times that are fewer by a power of two up to ``times``; no gas is lost."""
    paths = puffs.paths
    while times >= 2.0 and len(paths.mass) > 1:
        even, times = len(paths.mass) // 2 * 2, times / 2.0
        # What is left over goes with the last pair.
        mass = paths.mass[:even].reshape(-1, 2).sum(axis=1)
        mass[-1] += paths.mass[even:].sum()
        places = (values[:even:2, 1::2] for values in (paths.east, paths.north, paths.travelled))
        paths = Paths(paths.times[1::2], paths.released[:even:2], mass, *places)
    return replace(puffs, paths=paths)
