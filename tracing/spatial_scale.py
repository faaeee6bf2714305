"""The scale of a pattern: the distance within which values are most alike, by incremental Moran's I."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import KDTree

from geo.geodesic import distance_m
from tracing.neighbours import TIE_M, NeighbourRule, geocentric, nearest_m, positions
from tracing.scale_kernel import first_peak, incremental_moran

STEPS = 30
SIGNIFICANT_Z = 1.96
FALLBACK_K = 8
# Steps stop at a third of the largest extent: beyond, the middle sees everything.
_MOST_OF_EXTENT = 1.0 / 3.0
_MOST_PAIRS = 10_000_000
# The first distance leaves out the loneliest places: one far station would set it otherwise.
_NOT_ALONE = 0.95
_FEWEST = 5

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """The rule that was chosen, why, and the table distance_m, moran, z that it was read from."""

    rule: NeighbourRule
    reason: str
    table: pd.DataFrame


def choose_scale(geometry: gpd.GeoSeries, values: Array) -> Scale:
    """Return the distance at which Moran's I stands out most from chance, and say why.

    Distances begin where 95 % of the places have a neighbour and grow by the mean distance to the nearest place, at
    most 30 of them and up to a third of the largest extent. The first peak of z (at least 1.96) is taken, for it is the
    smallest scale at which the pattern is strong; without a peak the highest z; without any z of 1.96 the 8 nearest
    places, as no distance is better than another.

    Parameters
    ----------
    geometry : GeoSeries
        Any CRS; lines and polygons count by a point on them.
    values : ndarray, shape (n,)
        Finite.

    Raises
    ------
    InvalidInput
        No CRS.

    References
    ----------
    Cliff and Ord 1981; the peak as scale of analysis follows the practice of optimised hot spot analysis (Esri)
    """
    lon, lat = positions(geometry)
    limits = _limits(lon, lat)
    if lon.size < _FEWEST or np.ptp(values) == 0.0 or not limits.size:
        return _fallback(lon.size, "too few places or all values equal", _table(limits, np.nan, np.nan))
    left, right, apart, limits, cut = _pairs(lon, lat, limits)
    moran, z = incremental_moran(values, left, right, apart, limits)
    table, step = _table(limits, moran, z), first_peak(z, SIGNIFICANT_Z)
    if step < 0:
        return _fallback(lon.size, f"Moran's I reaches no z of {SIGNIFICANT_Z} at any distance tried", table)
    peak = 0 < step < limits.size - 1
    reason = (
        f"The distance {limits[step]:.0f} m was chosen: Moran's I ({moran[step]:.3f}, z {z[step]:.1f}) "
        + ("has its first peak there" if peak else "is strongest there; it has no peak")
        + f" among {limits.size} distances from {limits[0]:.0f} to {limits[-1]:.0f} m"
        + (", larger ones join too many pairs." if cut else ".")
    )
    return Scale(NeighbourRule("distance", metres=float(limits[step])), reason, table)


def _limits(lon: Array, lat: Array) -> Array:
    apart = nearest_m(lon, lat)
    apart = apart[apart > 0.0]
    if apart.size < 2:
        return np.empty(0)
    first, step = float(np.quantile(apart, _NOT_ALONE)), float(apart.mean())
    corners = np.ptp(geocentric(lon, lat), axis=0)
    largest = max(float(np.hypot.reduce(corners)) * _MOST_OF_EXTENT, first)
    limits = np.asarray(first + step * np.arange(STEPS), dtype=np.float64)
    return limits[limits <= largest] if (limits <= largest).any() else limits[:1]


def _pairs(lon: Array, lat: Array, limits: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array, bool]:
    tree = KDTree(geocentric(lon, lat))
    counts = (tree.count_neighbors(tree, limits + TIE_M) - lon.size) // 2
    fits = counts <= _MOST_PAIRS
    kept = limits[fits] if fits.any() else limits[:1]
    left, right = tree.query_pairs(float(kept[-1]) + TIE_M, output_type="ndarray").T
    distance = distance_m(lon[left], lat[left], lon[right], lat[right])
    return left.astype(np.int64), right.astype(np.int64), np.asarray(distance - TIE_M), kept, not bool(fits.all())


def _table(limits: Array, moran: object, z: object) -> pd.DataFrame:
    return pd.DataFrame({"distance_m": limits, "moran": moran, "z": z})


def _fallback(n: int, why: str, table: pd.DataFrame) -> Scale:
    k = max(1, min(FALLBACK_K, n - 2))
    return Scale(NeighbourRule("knn", k=k), f"The {k} nearest places were chosen: {why}.", table)
