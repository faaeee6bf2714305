"""Hot and cold spots: where high or low values gather more than chance would have it."""

import geopandas as gpd
import numpy as np

from tracing.gi_kernel import benjamini_hochberg, confidence_class, gi_star_z, two_sided_p
from tracing.local_places import check_permutations, places_of, warnings_of, with_result
from tracing.permutation_kernel import conditional_z, permutation_p

RESULT_COLUMNS = ("z", "p", "p_fdr", "class", "n_neighbours")


def gi_star(
    frame: gpd.GeoDataFrame,
    value: str,
    *,
    neighbours: str = "knn:8",
    permutations: int = 0,
    seed: int = 1,
    islands: str = "untested",
) -> gpd.GeoDataFrame:
    """Return the Getis-Ord Gi* of a column, each place included in its own neighbourhood with a weight of 1.

    Parameters
    ----------
    frame : GeoDataFrame
        Points, lines or polygons in any CRS.
    value : str
        A numeric column, any unit. A missing value is never a zero: its place is left out of the statistic, and the
        neighbourhoods are formed among the places with data (so `knn` reaches over the gap).
    neighbours : str
        `knn:K`, `distance:METRES` (geodesic), `inverse:METRES[:POWER]` (weights that fall with distance) or
        `contiguity` (queen, polygons), see `tracing.neighbours`; `auto`, the distance at which the values are most
        autocorrelated, see `tracing.spatial_scale`: the warnings say which and why.
    permutations : int
        0 for the normal p values; R > 0 for conditional permutations, each place keeping its own value: `z` is then
        measured against their exact mean and spread, and `p` is twice the one-sided pseudo p, at least 2 / (R + 1).
    seed : int
        Of the permutations; the answer does not depend on the number of threads.
    islands : str
        What becomes of a place without neighbour: `untested`, or `nearest`, which gives it its nearest place.

    Returns
    -------
    GeoDataFrame
        A copy of the frame, rows and columns in their order, with

        - `z` : Gi* as a standard normal deviate; positive where high values gather
        - `p` : its two-sided p value, normal or from permutations
        - `p_fdr` : `p` adjusted by Benjamini and Hochberg over all places that were tested
        - `class` : -3..+3 (nullable integer), cold to hot at 99, 95, 90 % after the adjustment, 0 for neither
        - `n_neighbours` : places with data around this one, itself not counted (nullable integer)

        NaN and null mean "not tested": a missing value or geometry; an island (no neighbour; its value still counts in
        the mean and the spread); a neighbourhood that holds every place; or all values equal. `attrs["warnings"]` is
        a list of plain sentences about what was left out or is doubtful. Places at one position stay separate
        neighbours at distance 0, and are counted there.

    Raises
    ------
    InvalidInput
        Unknown, non-numeric or infinite column, a column name that the result needs, a rule that is not understood or
        does not fit the places (contiguity of points, k too large), or 1 to 18 permutations.
    MissingData
        Fewer than three places with data.

    References
    ----------
    Ord and Getis 1995, doi:10.1111/j.1538-4632.1995.tb00912.x; Caldas de Castro and Singer 2006,
    doi:10.1111/j.0016-7363.2006.00682.x

    Examples
    --------
    >>> import geopandas as gpd
    >>> places = gpd.GeoDataFrame(
    ...     {"pm25": [1.0, 1.0, 1.0, 1.0, 6.0]}, geometry=gpd.points_from_xy(range(5), [0] * 5), crs=4326
    ... )
    >>> gi_star(places, "pm25", neighbours="distance:120000")["z"].round(4).tolist()
    [-0.8165, -1.2247, -1.2247, 0.8165, 1.2247]
    """
    check_permutations(permutations)
    places = places_of(frame, value, neighbours, reserved=RESULT_COLUMNS, statistic="Gi*", islands=islands)
    around, values = places.around, places.values
    z = conditional_z(values, around) if permutations else gi_star_z(values, around, own_weight=1.0)
    counts = np.diff(around.indptr)
    # Alone, Gi* is only the place's own deviation: no gathering of anything.
    z[counts == 0] = np.nan
    p = permutation_p(values, around, permutations, seed) if permutations else two_sided_p(z)
    p[np.isnan(z)] = np.nan
    p_fdr = benjamini_hochberg(p)
    columns = {"z": z, "p": p, "p_fdr": p_fdr, "class": confidence_class(z, p_fdr), "n_neighbours": counts}
    out = with_result(places, columns)
    out.attrs = {**frame.attrs, "warnings": warnings_of(places, permutations)}
    return out
