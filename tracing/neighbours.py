"""Who is a neighbour of whom: k nearest, within a distance (perhaps weighing less with it), or sharing a boundary."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from geo.errors import InvalidInput
from geo.geodesic import GEOD, distance_m

# Distances within a millimetre count as equal: geodesic rounding must not decide who is a neighbour.
TIE_M = 1e-3
WGS84 = CRS.from_epsg(4326)
# About 2 GB of work space; a rule that makes more pairs has lost its meaning as a neighbourhood.
MAX_PAIRS = 50_000_000

# Fewer places than these have no neighbour to choose from.
MIN_PLACES_OF_ISLANDS = 3

_SPARE_CANDIDATES = 4
# Up to here the first term of the arc's excess over its chord is all but 1 % of it.
_CHORDS_DECIDE_M = 500_000.0


@dataclass(frozen=True)
class NeighbourRule:
    """A parsed rule: `kind` is knn, distance, inverse, contiguity or auto.

    `k` holds for knn, `metres` for distance and inverse, `power` for inverse.
    """

    kind: str
    k: int = 0
    metres: float = 0.0
    power: float = 1.0

    @property
    def text(self) -> str:
        """The rule as `parse_rule` reads it."""
        numbers = {"knn": f":{self.k}", "distance": f":{self.metres!r}", "inverse": f":{self.metres!r}:{self.power!r}"}
        return self.kind + numbers.get(self.kind, "")


def parse_rule(text: str) -> NeighbourRule:
    """Read `knn:K`, `distance:METRES`, `inverse:METRES`, `inverse:METRES:POWER`, `contiguity` or `auto`.

    Raises
    ------
    InvalidInput
        Anything else, K below 1, a distance or a power that is not positive.
    """
    kind, _, number = str(text).strip().lower().partition(":")
    try:
        if kind == "knn" and int(number) >= 1:
            return NeighbourRule("knn", k=int(number))
        if kind == "distance" and 0.0 < float(number) < np.inf:
            return NeighbourRule("distance", metres=float(number))
        if kind == "inverse":
            metres, _, power = number.partition(":")
            parsed = NeighbourRule("inverse", metres=float(metres), power=float(power or 1.0))
            if 0.0 < parsed.metres < np.inf and 0.0 < parsed.power < np.inf:
                return parsed
    except ValueError:
        kind = ""
    if kind in ("contiguity", "auto") and not number:
        return NeighbourRule(kind)
    raise InvalidInput(
        f"neighbours {str(text)!r} is not understood: write knn:8, distance:3000 (metres), inverse:3000 or contiguity"
    )


def neighbour_matrix(geometry: gpd.GeoSeries, rule: str | NeighbourRule) -> csr_array:
    """Return the neighbours of every place as a sparse matrix.

    Points count as they are; lines and polygons by a point on them, except for contiguity, where two polygons are
    neighbours when they share at least one point (queen). Distances are geodesic on WGS 84. Places at one position
    are each other's neighbours at distance 0.

    `inverse`: within the distance, weights (d0 / max(d, d0))^power, d0 the median distance of a place to its nearest:
    a place as near as that, or nearer, weighs as much as the place itself in Gi*, 1, whatever the unit of distance.

    `knn`: candidates come from a tree over geocentric positions and are ranked by geodesic distance; as a chord is
    never longer than its geodesic, places beyond the farthest candidate's chord cannot be nearer, and more candidates
    are taken until that settles the answer: it is exact. Equal distances (to 1 mm) are ranked by longitude, latitude,
    row: the answer does not depend on the order of rows unless places coincide.

    Parameters
    ----------
    geometry : GeoSeries
        Any CRS, no missing or empty geometry.
    rule : str or NeighbourRule
        `knn:K`, `distance:METRES` (inclusive, to 1 mm), `inverse:METRES[:POWER]` or `contiguity`. `auto` needs values:
        see `tracing.spatial_scale`.

    Returns
    -------
    csr_array of float64, shape (n, n)
        1 for a neighbour (its weight for `inverse`), nothing on the diagonal, columns sorted. `knn` is not symmetric.

    Raises
    ------
    InvalidInput
        A rule that is not understood, no CRS, missing geometry, k that leaves no place outside the neighbourhoods,
        contiguity of anything but polygons, or a distance that joins more pairs than can be held.
    """
    parsed = rule if isinstance(rule, NeighbourRule) else parse_rule(rule)
    if parsed.kind == "contiguity":
        return _contiguity(_lonlat(geometry))
    lon, lat = positions(geometry)
    if parsed.kind == "knn":
        return _nearest(lon, lat, parsed.k)
    if parsed.kind == "auto":
        raise InvalidInput("neighbours auto needs the values: write knn:8, distance:3000 (metres) or contiguity here")
    near = _within(lon, lat, parsed.metres)
    return near if parsed.kind == "distance" else _inverse(near, lon, lat, parsed.power)


def positions(geometry: gpd.GeoSeries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude of points, or of a point on each line or polygon; errors as `neighbour_matrix`."""
    places = _lonlat(geometry)
    points = np.asarray((places if (places.geom_type == "Point").all() else places.representative_point()).array)
    return shapely.get_x(points), shapely.get_y(points)


def nearest_of(geometry: gpd.GeoSeries) -> NDArray[np.float64]:
    """Return each place's distance to its nearest other place, metres, shape (n,)."""
    return nearest_m(*positions(geometry))


def nearest_m(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each place's distance to its nearest other place, metres, shape (n,)."""
    if lon.size < 2:
        return np.full(lon.size, np.nan)
    tree = KDTree(geocentric(lon, lat))
    chords, _ = tree.query(tree.data, k=2)
    # The arc is longer than its chord by one part in 24 (R / d)^2.
    return np.asarray(chords[:, 1] * (1.0 + (chords[:, 1] / GEOD.a) ** 2 / 24.0))


def with_islands_joined(matrix: csr_array, geometry: gpd.GeoSeries) -> csr_array:
    """Return the matrix with the nearest place as the one neighbour of each place that had none.

    An island's neighbour does not count the island among its own.
    """
    islands = np.flatnonzero(np.diff(matrix.indptr) == 0)
    if not islands.size or matrix.shape[0] < MIN_PLACES_OF_ISLANDS:
        return matrix
    nearest = neighbour_matrix(geometry, NeighbourRule("knn", k=1))
    joined = csr_array((np.ones(islands.size), (islands, nearest.indices[islands])), shape=matrix.shape)
    out = csr_array(matrix + joined)
    out.sort_indices()
    return out


def _inverse(near: csr_array, lon: NDArray[np.float64], lat: NDArray[np.float64], power: float) -> csr_array:
    row = np.repeat(np.arange(lon.size), np.diff(near.indptr))
    distance = distance_m(lon[row], lat[row], lon[near.indices], lat[near.indices])
    apart = nearest_m(lon, lat)
    positive = apart[apart > 0.0]
    unit = float(np.median(positive)) if positive.size else 1.0
    return csr_array(((unit / np.maximum(distance, unit)) ** power, near.indices, near.indptr), shape=near.shape)


def _lonlat(geometry: gpd.GeoSeries) -> gpd.GeoSeries:
    if geometry.crs is None:
        raise InvalidInput("the places have no CRS: declare it (EPSG:4326 for longitude and latitude)")
    if bool((geometry.isna() | geometry.is_empty).any()):
        raise InvalidInput("some places have no geometry: leave them out first")
    return geometry if geometry.crs == WGS84 else geometry.to_crs(WGS84)


def _contiguity(places: gpd.GeoSeries) -> csr_array:
    kinds = set(places.geom_type) - {"Polygon", "MultiPolygon"}
    if kinds:
        raise InvalidInput(f"contiguity is for polygons, not {', '.join(sorted(kinds))}: use knn:8 or distance:METRES")
    try:
        left, right = places.sindex.query(places.array, predicate="intersects")
    except shapely.GEOSException as error:
        raise InvalidInput(f"a polygon is not valid ({error}): repair the polygons first") from error
    apart = left != right
    return _matrix(left[apart], right[apart], len(places))


def _within(lon: NDArray[np.float64], lat: NDArray[np.float64], metres: float) -> csr_array:
    tree = KDTree(geocentric(lon, lat))
    reach = metres + TIE_M
    pairs = (int(tree.count_neighbors(tree, reach)) - lon.size) // 2
    if pairs > MAX_PAIRS:
        raise InvalidInput(f"distance:{metres:g} joins {pairs:,} pairs, more than {MAX_PAIRS:,}: choose a smaller one")
    # A chord is never longer than its geodesic: no pair is missed.
    left, right = tree.query_pairs(reach, output_type="ndarray").T
    near = distance_m(lon[left], lat[left], lon[right], lat[right]) <= reach
    left, right = left[near], right[near]
    return _matrix(np.concatenate([left, right]), np.concatenate([right, left]), lon.size)


def _nearest(lon: NDArray[np.float64], lat: NDArray[np.float64], k: int) -> csr_array:
    n = lon.size
    if k > n - 2:
        raise InvalidInput(f"knn:{k} needs at least {k + 2} places with data, there are {n}: choose a smaller k")
    tree = KDTree(geocentric(lon, lat), balanced_tree=False)
    # In the tree's own order the places that are asked about lie together in memory: three times faster.
    order = tree.indices
    chords, nearest = tree.query(tree.data[order], k=k + 2, workers=-1)
    # The place itself is first, unless others share its position: those rows are looked at again.
    settled = _settled(chords) & (nearest[:, 0] == order)
    out = np.empty((n, k), dtype=np.intp)
    out[order] = nearest[:, 1 : k + 1]
    open_rows, count = order[~settled], min(n, k + 1 + _SPARE_CANDIDATES)
    while open_rows.size:
        chords, candidates = tree.query(tree.data[open_rows], k=count)
        chosen, farthest = _rank(lon, lat, open_rows, candidates, k)
        settled = (farthest + TIE_M < chords[:, -1]) | (farthest == 0.0) | (count == n)
        out[open_rows[settled]] = chosen[settled]
        open_rows, count = open_rows[~settled], min(n, 2 * count)
    columns = np.sort(out, axis=1).ravel()
    return csr_array((np.ones(columns.size), columns, np.arange(0, columns.size + 1, k)), shape=(n, n))


def _settled(chords: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the chords alone say which places are the nearest: the last one's geodesic is longer for certain.

    A geodesic on the ellipsoid is as long as its chord's arc on a sphere of a radius between the smallest (6335 km) and
    the largest (6400 km) radius of curvature, taken wider here.
    """
    last, after = chords[:, -2], chords[:, -1]
    near = after < _CHORDS_DECIDE_M
    longest = last + last**3 / (24.0 * 6300e3**2) * 1.01
    shortest = after + after**3 / (24.0 * 6450e3**2)
    return near & (longest + 2.0 * TIE_M < shortest)


def _rank(
    lon: NDArray[np.float64], lat: NDArray[np.float64], rows: NDArray[np.intp], candidates: NDArray[np.intp], k: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the k nearest of each row's candidates, shape (rows, k), and the k-th distance in metres."""
    distance = distance_m(lon[rows, None], lat[rows, None], lon[candidates], lat[candidates])
    distance[candidates == rows[:, None]] = np.inf
    ties = np.round(distance / TIE_M)
    order = np.lexsort((candidates, lat[candidates], lon[candidates], ties), axis=-1)[:, :k]
    farthest = np.take_along_axis(distance, order[:, -1:], axis=1)[:, 0]
    return np.take_along_axis(candidates, order, axis=1), farthest


def geocentric(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions on the ellipsoid in metres from the Earth's centre, shape (n, 3).

    Raises
    ------
    InvalidInput
        Not longitude and latitude in degrees.
    """
    if not (np.abs(lat) <= 90.0).all() or not (np.abs(lon) <= 360.0).all():
        raise InvalidInput("a place lies outside -90..90 degrees of latitude: are longitude and latitude swapped?")
    a, e2 = GEOD.a, GEOD.es
    x, y = np.radians(lon), np.radians(lat)
    across = a / np.sqrt(1.0 - e2 * np.sin(y) ** 2)
    flat = across * np.cos(y)
    return np.column_stack([flat * np.cos(x), flat * np.sin(x), across * (1.0 - e2) * np.sin(y)])


def _matrix(rows: NDArray[np.intp], cols: NDArray[np.intp], n: int) -> csr_array:
    matrix = csr_array((np.ones(rows.size), (rows, cols)), shape=(n, n))
    matrix.sort_indices()
    return matrix
