"""Elliptic zones for a scan of space alone: the shapes, the distances that they measure, and how they are drawn."""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import rotate, scale

from geo.errors import InvalidInput
from geo.geodesic import GEOD, circle
from tracing.local_field import shape_to_lonlat
from tracing.scan_study import Measure, Study, Zones, distances

# Long to short axis, and how many directions each of them is tried in.
SHAPES = ((1.0, 1), (1.5, 4), (2.0, 6), (3.0, 9), (4.0, 12), (5.0, 15))
# The exponent of the penalty by its name.
PENALTIES = {"none": 0.0, "medium": 0.5, "strong": 1.0}

Floats = NDArray[np.float64]


def ellipse_measures(study: Study, penalty: str) -> list[Measure]:
    """Return how each family of ellipses measures distance: along its short axis.

    Of a place u along and v across the long axis of an ellipse with the ratio s it is sqrt((u / s)^2 + v^2). In
    Cartesian coordinates u and v are plain; else they are east and north by geodesic distance and azimuth, km. The
    log-likelihood ratio is multiplied by (4 s / (s + 1)^2)^a with a = 0, 1/2, 1 for no, medium and strong penalty.

    Raises
    ------
    InvalidInput
        A study with time, or an unknown penalty.

    References
    ----------
    Kulldorff, Huang, Pickle and Duczmal 2006, doi:10.1002/sim.2490
    """
    if study.step is not None:
        raise InvalidInput("ellipses are for space alone: leave out --time, or take --shape circle")
    if penalty not in PENALTIES:
        raise InvalidInput(f"--penalty {penalty}: choose one of {', '.join(PENALTIES)}")
    offsets = [_offsets(study, centre) for centre in range(len(study.places))]
    measures: list[Measure] = []
    for ratio, directions in SHAPES:
        factor = (4.0 * ratio / (ratio + 1.0) ** 2) ** PENALTIES[penalty]
        for angle in np.arange(directions) * 180.0 / directions:
            measures.append((_Measured(offsets, ratio, float(angle)), ratio, float(angle), factor))
    return measures


class _Measured:
    """Distances from a place in ellipses of one shape and direction."""

    def __init__(self, offsets: list[tuple[Floats, Floats]], ratio: float, angle: float) -> None:
        self._offsets, self._ratio = offsets, ratio
        self._cos, self._sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))

    def __call__(self, centre: int) -> Floats:
        x, y = self._offsets[centre]
        along, across = x * self._cos + y * self._sin, y * self._cos - x * self._sin
        return np.asarray(np.hypot(along / self._ratio, across))


def _offsets(study: Study, centre: int) -> tuple[Floats, Floats]:
    x, y = study.places["x"].to_numpy(dtype=float), study.places["y"].to_numpy(dtype=float)
    if study.cartesian:
        return x - x[centre], y - y[centre]
    azimuth, _, away = GEOD.inv(np.full(x.size, x[centre]), np.full(y.size, y[centre]), x, y)
    angle = np.radians(azimuth)
    return away * np.sin(angle) / 1000.0, away * np.cos(angle) / 1000.0


def zone_shape(study: Study, zones: Zones, row: int, count: int) -> shapely.Geometry | None:
    """Return a zone as a shape (EPSG:4326) that reaches half way from its last member to the next place.

    None where Cartesian coordinates are no longitude and latitude.
    """
    centre, ratio, angle = int(zones.centre[row]), float(zones.axis_ratio[row]), float(zones.angle[row])
    if ratio == 1.0:
        away = distances(study, centre)
    else:
        away = _Measured([_offsets(study, centre)], ratio, angle)(0)
    radius = float(zones.radius[row, count - 1])
    others = np.delete(away, zones.order[row, :count])
    drawn = radius + (others.min() - radius) / 2.0 if others.size else radius * 1.05
    x, y = (float(study.places[axis].iloc[centre]) for axis in ("x", "y"))
    if not study.cartesian:
        if ratio == 1.0:
            return circle(x, y, drawn * 1000.0, vertices=72)
        return shape_to_lonlat(_ellipse(0.0, 0.0, drawn * 1000.0, ratio, angle), x, y)
    places = study.places
    if not (places.attrs.get("lonlat") and places["x"].abs().max() <= 180.0 and places["y"].abs().max() <= 90.0):
        return None
    return _ellipse(x, y, drawn, ratio, angle)


def _ellipse(x: float, y: float, short: float, ratio: float, angle: float) -> shapely.Geometry:
    disc = shapely.Point(x, y).buffer(short, quad_segs=18)
    return disc if ratio == 1.0 else rotate(scale(disc, ratio, 1.0, origin=(x, y)), angle, origin=(x, y))
