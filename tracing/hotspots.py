"""Hot and cold spots: where high or low values gather more than chance would have it."""

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from geo.errors import InvalidInput, MissingData
from tracing.gi_kernel import benjamini_hochberg, confidence_class, gi_star_z, two_sided_p
from tracing.neighbours import neighbour_matrix, parse_rule

RESULT_COLUMNS = ("z", "p", "p_fdr", "class", "n_neighbours")
MIN_PLACES = 3
# Below this the normal approximation of the p values is rough.
SMALL_SAMPLE = 30


def gi_star(frame: gpd.GeoDataFrame, value: str, *, neighbours: str = "knn:8") -> gpd.GeoDataFrame:
    """Return the Getis-Ord Gi* of a column, each place included in its own neighbourhood, with binary weights.

    Parameters
    ----------
    frame : GeoDataFrame
        Points, lines or polygons in any CRS.
    value : str
        A numeric column, any unit. A missing value is never a zero: its place is left out of the statistic, and the
        neighbourhoods are formed among the places with data (so `knn` reaches over the gap).
    neighbours : str
        `knn:K`, `distance:METRES` (geodesic) or `contiguity` (queen, polygons); see `tracing.neighbours`.

    Returns
    -------
    GeoDataFrame
        A copy of the frame, rows and columns in their order, with

        - `z` : Gi* as a standard normal deviate; positive where high values gather
        - `p` : its two-sided normal p value
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
        does not fit the places (contiguity of points, k too large).
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
    parsed = parse_rule(neighbours)
    values = _values(frame, value)
    has_place = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    used = np.flatnonzero(has_place & ~np.isnan(values))
    if used.size < MIN_PLACES:
        raise MissingData(f"column {value!r} has {used.size} places with data: Gi* needs at least {MIN_PLACES}")
    around = neighbour_matrix(frame.geometry.iloc[used], parsed)
    z = _tested(values[used], around)
    out = _with_result(frame, used, z, np.diff(around.indptr))
    out.attrs = {**frame.attrs, "warnings": _warnings(frame, values, used, around)}
    return out


def _values(frame: gpd.GeoDataFrame, value: str) -> NDArray[np.float64]:
    taken = [name for name in RESULT_COLUMNS if name in frame.columns]
    if taken:
        raise InvalidInput(f"the layer already has the columns {', '.join(taken)} that the result needs: rename them")
    if value not in frame.columns or value == frame.geometry.name:
        numeric = [str(name) for name in frame.select_dtypes("number").columns]
        raise InvalidInput(f"no column {value!r}: the numeric columns are {', '.join(numeric) or 'none'}")
    column = frame[value]
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
        raise InvalidInput(f"column {value!r} holds {column.dtype}, not numbers: choose a numeric column")
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise InvalidInput(f"column {value!r} holds infinite values: mark them as missing or correct them")
    return values


def _tested(values: NDArray[np.float64], around: csr_array) -> NDArray[np.float64]:
    z = gi_star_z(values, csr_array(around + eye_array(values.size, format="csr")))
    # Alone, Gi* is only the place's own deviation: no gathering of anything.
    z[np.diff(around.indptr) == 0] = np.nan
    return z


def _with_result(
    frame: gpd.GeoDataFrame, used: NDArray[np.intp], z: NDArray[np.float64], counts: NDArray[np.int32]
) -> gpd.GeoDataFrame:
    p = two_sided_p(z)
    p_fdr = benjamini_hochberg(p)
    columns = {"z": z, "p": p, "p_fdr": p_fdr, "class": confidence_class(z, p_fdr), "n_neighbours": counts}
    out = frame.copy()
    for name, numbers in columns.items():
        whole = np.full(len(frame), np.nan)
        whole[used] = numbers
        column = pd.Series(whole, index=frame.index)
        out[name] = column.astype("Int64") if name in ("class", "n_neighbours") else column
    return out


def _warnings(
    frame: gpd.GeoDataFrame, values: NDArray[np.float64], used: NDArray[np.intp], around: csr_array
) -> list[str]:
    counts, n = np.diff(around.indptr), used.size
    points = frame.geometry.iloc[used].representative_point().to_wkb()
    facts = (
        (int(np.isnan(values).sum()), "{} places have no value and were left out."),
        (len(frame) - n - int(np.isnan(values).sum()), "{} places have a value but no geometry and were left out."),
        (int((counts == 0).sum()), "{} places have no neighbour and were not tested."),
        (int((counts == n - 1).sum()), "{} places have every other place as neighbour and could not be tested."),
        (int(points.duplicated(keep=False).sum()), "{} places share their position with another place."),
        (n if np.ptp(values[used]) == 0.0 else 0, "All {} values are equal: there is neither a hot nor a cold spot."),
        (n if n < SMALL_SAMPLE else 0, "Only {} places have data: the p values of the normal approximation are rough."),
    )
    return [text.format(count) for count, text in facts if count]
