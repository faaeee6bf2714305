"""What a scan looks at: places, cases and expected cases by place and time step; zones around each place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from geo.geodesic import distance_m

Model = Literal["space-time-permutation", "poisson", "bernoulli"]
# A generic step is a number that counts something: days, for want of anything better.
Step = Literal["day", "month", "year", "generic"]
STEP_DAYS = {"day": 1.0, "month": 365.2425 / 12.0, "year": 365.2425, "generic": 1.0}

Floats = NDArray[np.float64]

MOST_PLACES = 10_000
# Members of all zones together: about 2 GB.
MOST_MEMBERS = 100_000_000
# Distances that differ by less than this share are one distance: the zone takes all its places or none.
SAME_DISTANCE = 1e-9


@dataclass(frozen=True)
class Study:
    """Cases and their expectation.

    Attributes
    ----------
    model : which null hypothesis
    places : columns `id` (text), `x`, `y` (lon, lat in degrees, or Cartesian), one row a place
    cartesian : whether x, y are plain coordinates
    cases : whole numbers, shape (places, steps)
    measure : shape (places, steps); expected cases, or cases and controls together for bernoulli
    steps : first day of each step and of the one after the last; None without time
    step : unit of a step's length; None without time
    notes : what was assumed
    length : a step's length in that unit; the first step may be shorter
    """

    model: Model
    places: pd.DataFrame
    cartesian: bool
    cases: Floats
    measure: Floats
    steps: pd.DatetimeIndex | None = None
    step: Step | None = None
    notes: tuple[str, ...] = ()
    length: int = 1

    @property
    def step_days(self) -> float:
        """Days of a step; NaN without time."""
        return STEP_DAYS[self.step] * self.length if self.step is not None else float("nan")


@dataclass(frozen=True)
class Zones:
    """Growing zones around each place.

    order : places from near to far, -1 after the last, shape (zones, neighbours)
    ends : whether the zone may end there, same shape
    radius : distance to that place, of an ellipse the short half axis, km or the unit of x and y
    centre : the place in the middle, shape (zones,)
    axis_ratio : long to short axis, 1 for circles, shape (zones,)
    angle : of the long axis, degrees from x (east) to y (north), shape (zones,)
    penalty : factor of the log-likelihood ratio, 1 for circles, shape (zones,)
    """

    order: NDArray[np.int32]
    ends: NDArray[np.bool_]
    radius: Floats
    centre: NDArray[np.intp]
    axis_ratio: Floats
    angle: Floats
    penalty: Floats


# Distances of all places from one, as a family of zones measures them, and the family: axis ratio, angle, penalty.
Measure = tuple[Callable[[int], Floats], float, float, float]


def make_zones(
    study: Study,
    *,
    max_share: float = 0.5,
    max_radius: float | None = None,
    measures: Sequence[Measure] | None = None,
) -> Zones:
    """Return the zones of at most `max_share` of the measure and at most `max_radius` around each place.

    Places at the same distance enter a zone together. Distances are geodesic on WGS 84, in km, or plain in the unit
    of Cartesian coordinates. `measures` are those of ellipses (`tracing.scan_ellipses`); without them zones are
    circles.

    Raises
    ------
    InvalidInput
        A share outside 0 to 1, a radius that is not positive, more places than a scan can hold.
    MissingData
        No zone is small enough.
    """
    if not 0.0 < max_share <= 1.0:
        raise InvalidInput(f"--max-share {max_share:g}: give a share above 0 and at most 1")
    if max_radius is not None and not max_radius > 0.0:
        raise InvalidInput(f"--max-radius-km {max_radius:g}: give a positive distance")
    n = len(study.places)
    chosen = [(lambda centre: distances(study, centre), 1.0, 0.0, 1.0)] if measures is None else list(measures)
    if n > MOST_PLACES:
        raise InvalidInput(f"{n} places, more than {MOST_PLACES}: merge places or take a smaller area")
    if n * n * len(chosen) > MOST_MEMBERS:
        raise InvalidInput(f"{n} places are too many for ellipses: take --shape circle, or merge places")
    weight = study.measure.sum(axis=1)
    limit = max_share * weight.sum() * (1.0 + 1e-12)
    rows, families = [], []
    for centre in range(n):
        for away, ratio, angle, penalty in chosen:
            longest = None if max_radius is None else max_radius / ratio
            rows.append(_zone(away(centre), weight, limit, longest))
            families.append((centre, ratio, angle, penalty))
    return _zones(rows, np.array(families), max_share)


def _zones(rows: list[tuple[NDArray[np.intp], NDArray[np.bool_], Floats]], families: Floats, max_share: float) -> Zones:
    widest = max(len(order) for order, _, _ in rows)
    if widest == 0:
        raise MissingData(f"no place holds less than {max_share:g} of all: there is no zone to test")
    shape = len(rows), widest
    order, ends = np.full(shape, -1, dtype=np.int32), np.zeros(shape, dtype=bool)
    radius = np.full(shape, np.nan)
    for row, (places, last, distance) in enumerate(rows):
        order[row, : len(places)], ends[row, : len(places)] = places, last
        radius[row, : len(places)] = distance
    centre, ratio, angle, penalty = families.T
    return Zones(order, ends, radius, centre.astype(np.intp), ratio, angle, penalty)


def _zone(
    distance: Floats, weight: Floats, limit: float, max_radius: float | None
) -> tuple[NDArray[np.intp], NDArray[np.bool_], Floats]:
    places = np.argsort(distance, kind="stable")
    away = distance[places]
    ends = np.append(away[1:] > away[:-1] * (1.0 + SAME_DISTANCE), True)
    small = np.cumsum(weight[places]) <= limit
    if max_radius is not None:
        small &= away <= max_radius * (1.0 + SAME_DISTANCE)
    fits = np.flatnonzero(ends & small)
    stop = fits[-1] + 1 if fits.size else 0
    return places[:stop], ends[:stop], away[:stop]


def distances(study: Study, centre: int) -> Floats:
    """Return the distances of all places from one, km or the unit of Cartesian coordinates."""
    x, y = study.places["x"].to_numpy(dtype=float), study.places["y"].to_numpy(dtype=float)
    if study.cartesian:
        return np.asarray(np.hypot(x - x[centre], y - y[centre]))
    return distance_m(x[centre], y[centre], x, y) / 1000.0


def longest_window(study: Study, max_days: float | None, max_time_share: float | None = None) -> int:
    """Return the most steps of a cylinder: what fits into `max_days`, or into a share of the study.

    Without either 7 days for daily steps, half the study for others.

    Raises
    ------
    InvalidInput
        Not even one step fits, or both are given.
    """
    steps = study.cases.shape[1]
    if study.step is None:
        return 1
    if max_days is not None and max_time_share is not None:
        raise InvalidInput("--max-days and --max-time-share both limit the length of a cluster: give one")
    if max_days is None:
        if max_time_share is None and study.step == "day":
            longest = max(1, int(7 / study.length))
        else:
            longest = int(steps * (0.5 if max_time_share is None else max_time_share) + 1e-9)
        return max(1, min(longest, steps))
    longest = int(max_days / study.step_days + 1e-9)
    if longest < 1:
        raise InvalidInput(f"--max-days {max_days:g} is shorter than one step of the times, {study.step_days:g} days")
    return min(longest, steps)
