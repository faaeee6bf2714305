"""What the local statistics share: places with a number each, their neighbours, and the table that comes back."""

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo.errors import InvalidInput, MissingData
from tracing.neighbours import nearest_of, neighbour_matrix, parse_rule, with_islands_joined
from tracing.spatial_scale import choose_scale

MIN_PLACES = 3
# Beyond it, or below its inverse, squares and cubes of values leave the range of numbers.
LARGEST = 1e90
# Below this the normal approximation of the p values is rough.
SMALL_SAMPLE = 30
# An exponential distribution has a skewness of 2, a normal one of 0.
SKEWED = 1.0
# Beyond this a run takes hours and the seed's counters would meet.
MAX_PERMUTATIONS = 1_000_000

ISLANDS = ("untested", "nearest")
_WHOLE = ("class", "n_neighbours")


@dataclass(frozen=True)
class Places:
    """A frame's numeric column (NaN where missing), the rows that take part, and the neighbours among those."""

    frame: gpd.GeoDataFrame
    column: NDArray[np.float64]
    used: NDArray[np.intp]
    around: csr_array
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers of the places that take part."""
        return self.column[self.used]


def places_of(
    frame: gpd.GeoDataFrame,
    value: str,
    neighbours: str,
    *,
    reserved: tuple[str, ...],
    statistic: str,
    islands: str = "untested",
) -> Places:
    """Return the places with data and their neighbours; `islands` nearest gives one to each place that has none.

    Raises
    ------
    InvalidInput
        Unknown, non-numeric or infinite column, a column of the frame that the result (`reserved`) needs, or a rule
        that is not understood or does not fit the places.
    MissingData
        Fewer than three places with data.
    """
    parsed = parse_rule(neighbours)
    if islands not in ISLANDS:
        raise InvalidInput(f"islands {islands!r} is not known: choose {' or '.join(ISLANDS)}")
    column = numeric_column(frame, value, reserved)
    has_place = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    used = np.flatnonzero(has_place & ~np.isnan(column))
    if used.size < MIN_PLACES:
        raise MissingData(f"column {value!r} has {used.size} places with data: {statistic} needs at least {MIN_PLACES}")
    geometry = frame.geometry.iloc[used]
    notes: tuple[str, ...] = ()
    if parsed.kind == "auto":
        scale = choose_scale(geometry, column[used])
        parsed, notes = scale.rule, (scale.reason,)
    around = neighbour_matrix(geometry, parsed)
    if around.nnz == 0 and parsed.metres:
        nearest = f"the nearest are {np.nanmin(nearest_of(geometry)):.0f} m apart"
        raise InvalidInput(f"{neighbours} joins no two places: distances are metres, and {nearest}")
    if islands == "nearest":
        alone = int((np.diff(around.indptr) == 0).sum())
        around = with_islands_joined(around, geometry)
        notes += (f"{alone} places had no neighbour and were given their nearest place.",) if alone else ()
    return Places(frame, column, used, around, notes)


def check_permutations(permutations: int) -> None:
    """Raise InvalidInput unless 0 or a number of permutations that can tell 5 % from chance."""
    if permutations and not 19 <= permutations <= MAX_PERMUTATIONS:
        raise InvalidInput(f"permutations {permutations}: give 0 (analytic) or a number from 19 to {MAX_PERMUTATIONS}")


def numeric_column(frame: gpd.GeoDataFrame, value: str, reserved: tuple[str, ...]) -> NDArray[np.float64]:
    """Return a column as float64, NaN where missing; InvalidInput and MissingData as `places_of` says."""
    taken = [name for name in reserved if name in frame.columns]
    if taken:
        raise InvalidInput(f"the layer already has the columns {', '.join(taken)} that the result needs: rename them")
    if value not in frame.columns or value == frame.geometry.name:
        numeric = [str(name) for name in frame.select_dtypes("number").columns]
        raise InvalidInput(f"no column {value!r}: the numeric columns are {', '.join(numeric) or 'none'}")
    column = frame[value]
    if frame.empty:
        raise MissingData(f"column {value!r} holds no value: the input has no rows")
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
        raise InvalidInput(f"column {value!r} holds {column.dtype}, not numbers: choose a numeric column")
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise InvalidInput(f"column {value!r} holds infinite values: mark them as missing or correct them")
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    if largest > LARGEST or 0.0 < largest < 1.0 / LARGEST:
        raise InvalidInput(f"column {value!r} reaches {largest:.3g}: no such number is measured, check its unit")
    return values


def with_result(places: Places, columns: Mapping[str, np.ndarray]) -> gpd.GeoDataFrame:
    """Return a copy of the frame with the result's columns; empty on rows that took no part."""
    out = places.frame.copy()
    for name, numbers in columns.items():
        if numbers.dtype.kind == "U":
            out[name] = _texts(numbers, places.used, out.index)
            continue
        filled = np.full(len(out), np.nan)
        filled[places.used] = numbers
        column = pd.Series(filled, index=out.index)
        out[name] = column.astype("Int64") if name in _WHOLE else column
    return out


def _texts(words: NDArray[np.str_], used: NDArray[np.intp], index: pd.Index) -> pd.Series:
    whole = np.full(len(index), "", dtype=words.dtype)
    whole[used] = words
    texts = pd.Series(whole, index=index, dtype="str")
    return texts.mask(texts == "")


def warnings_of(places: Places, permutations: int) -> list[str]:
    """Return plain sentences about what was left out, not tested, or is doubtful."""
    counts, n, values = np.diff(places.around.indptr), places.used.size, places.column
    missing = int(np.isnan(values).sum())
    floor = 2.0 / (permutations + 1.0)
    # So many places at the smallest p must come together before Benjamini and Hochberg call any of them at 90 %.
    together = int(np.ceil(n * floor / 0.10))
    facts = (
        (missing, "{} places have no value and were left out."),
        (len(places.frame) - n - missing, "{} places have a value but no geometry and were left out."),
        (int((counts == 0).sum()), "{} places have no neighbour and were not tested."),
        (int((counts == n - 1).sum()), "{} places have every other place as neighbour and could not be tested."),
        (_at_one_position(places), "{} places share their position with another place."),
        (n if np.ptp(places.values) == 0.0 else 0, "All {} values are equal: there is neither a hot nor a cold spot."),
        (
            n if n < SMALL_SAMPLE and not permutations else 0,
            "Only {} places have data: the p values of the normal approximation are rough.",
        ),
        (
            n if not permutations and _skewed(places.values) else 0,
            "The {} values are skewed: the normal p values of high places are too small; --permutations 999 holds the "
            "level.",
        ),
        (
            together if permutations and together > 1 else 0,
            f"With {permutations} permutations no p is below {floor:.2g}: fewer than {{}} places at that p cannot "
            "become a hot or cold spot after the correction; more permutations can tell them.",
        ),
    )
    return [*places.notes, *(text.format(count) for count, text in facts if count)]


def _skewed(values: NDArray[np.float64]) -> bool:
    deviation = values - values.mean()
    spread = float(np.sqrt(np.mean(deviation**2)))
    return spread > 0.0 and float(np.mean(deviation**3)) > SKEWED * spread**3


def _at_one_position(places: Places) -> int:
    geometry = places.frame.geometry.iloc[places.used]
    if not (geometry.geom_type == "Point").all():
        geometry = geometry.representative_point()
    points = geometry.to_numpy()
    at = pd.DataFrame({"x": shapely.get_x(points), "y": shapely.get_y(points)})
    # One number for a position finds the few that may be alike: twice as fast for a million.
    mixed = pd.util.hash_array(at["x"].to_numpy()) * np.uint64(31) + pd.util.hash_array(at["y"].to_numpy())
    alike = at[pd.Series(mixed).duplicated(keep=False).to_numpy()]
    return int(alike.duplicated(keep=False).sum())
