"""Emerging hot spots: since when a place is hot or cold, and whether it is getting hotter."""

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from tracing.emerging_kernel import PATTERNS, WINDOWS, patterns, space_time_gi_z
from tracing.gi_kernel import benjamini_hochberg, confidence_class, discoveries, two_sided_p
from tracing.local_places import MIN_PLACES, numeric_column
from tracing.mann_kendall_kernel import mann_kendall_z
from tracing.neighbours import neighbour_matrix, parse_rule
from tracing.spatial_scale import choose_scale
from tracing.trend_kernel import inflation, pooled_memory

RESULT_COLUMNS = (
    "pattern",
    "last_z",
    "last_p",
    "last_p_fdr",
    "last_class",
    "trend_z",
    "trend_p",
    "trend_p_fdr",
    "hot_share_pct",
    "cold_share_pct",
    "n_tested",
    "n_neighbours",
)
MIN_STEPS = 10
# Sums of fewer counts are not normal.
FEW_EVENTS = 5
SIGNIFICANT = 0.10
# Days, months and years are those of the city's calendar.
CITY = "Asia/Shanghai"
TRENDS = ("corrected", "mann-kendall", "hamed-rao")
STEPS = {"hour": "h", "day": "D", "month": "M", "year": "Y"}

# Places from which the memory is estimated, at most; more would not make it surer.
_MOST_FOR_MEMORY = 10_000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CubeRule:
    """How bins are formed and compared.

    Attributes
    ----------
    step : "as given" (each distinct time is a step) or hour, day, month, year (the mean of a place's values in it;
        steps without any value between the first and the last are kept, as missing).
    neighbours : as for `tracing.hotspots.gi_star`, but for inverse; auto looks at the places' means.
    back : steps before a bin's own that belong to its neighbourhood.
    window : cube, neighbourhood or step; see `tracing.emerging_kernel.space_time_gi_z`.
    zero : whether a missing bin is 0 (counts of events), not missing.
    trend : how the trend's p is found. corrected (the default): Mann-Kendall with the variance that a series without
        trend has when successive neighbourhoods share steps, which is known exactly, and when the values have a memory
        from step to step, which is estimated from all places together (`tracing.trend_kernel`). mann-kendall: without
        it, as ArcGIS does; of series without trend and memory 14 to 16 % are then called at 5 %. hamed-rao: corrected
        for the autocorrelation that each series shows by itself, which needs long series (of 36 steps without trend it
        still calls 9 to 16 % at 5 %).
    """

    step: str = "as given"
    neighbours: str = "knn:8"
    back: int = 1
    window: str = "cube"
    zero: bool = False
    trend: str = "corrected"


@dataclass(frozen=True)
class Cube:
    """Values by place and step (NaN where missing), the places' geometry by id, and the steps' starts."""

    values: Array
    places: gpd.GeoDataFrame
    steps: pd.Index


def emerging(
    frame: gpd.GeoDataFrame, value: str, *, time: str, place: str, rule: CubeRule | None = None
) -> gpd.GeoDataFrame:
    """Return each place's pattern of emerging hot spots.

    Parameters
    ----------
    frame : GeoDataFrame
        One row for a place and a time, in any order, any CRS; a place's first geometry counts.
    value : str
        Numeric column, any unit. Several values of a place in one step are averaged; no value is a missing bin.
    time, place : str
        Columns with the time and the place's id.
    rule : CubeRule, optional
        Steps, neighbours and window.

    Returns
    -------
    GeoDataFrame
        One row for each place with a geometry, sorted by id: the `place` column, geometry and

        - `pattern` : one of `tracing.emerging_kernel.PATTERNS`; bins are hot or cold at a false discovery rate of 10 %
          over the places of their step, a trend is significant at one of 10 % over the places
        - `last_z`, `last_p`, `last_p_fdr`, `last_class` : space-time Gi* of the last step, as for Gi*
        - `trend_z`, `trend_p`, `trend_p_fdr` : Mann-Kendall test on the place's z series, see `CubeRule.trend`
        - `hot_share_pct`, `cold_share_pct` : percent of the tested steps; `n_tested` : their number
        - `n_neighbours` : neighbours in space

        Null pattern: no value at the last step, fewer than ten tested steps, or no neighbour.
        `attrs["warnings"]` says what was left out.

    Raises
    ------
    InvalidInput
        Columns that are missing or of the wrong kind, unreadable times, an unknown step, window or rule.
    MissingData
        Fewer than ten steps or three places.

    References
    ----------
    Definitions of the patterns: Esri, Emerging Hot Spot Analysis; Mann 1945, doi:10.2307/1907187
    """
    rule = rule or CubeRule()
    _check(rule)
    cube = space_time_cube(frame, value, time=time, place=place, rule=rule)
    reasons = []
    if parse_rule(rule.neighbours).kind == "auto":
        # The mean of each place's steps: what lasts has a scale, a single step's noise has none.
        scale = choose_scale(cube.places.geometry, _means(cube.values))
        rule, reasons = replace(rule, neighbours=scale.rule.text), [scale.reason]
    out = emerging_of_cube(cube, rule).rename(columns={"place": place})
    called = int((out["trend_p_fdr"] <= SIGNIFICANT).sum())
    if called and _reach(rule) and rule.trend == "mann-kendall":
        reasons.append(
            f"{called} places have a significant trend, but successive steps share bins, by which plain Mann-Kendall "
            "calls about three times too many: --trend corrected allows for it."
        )
    together = (
        float(cube.values.mean() * (out["n_neighbours"].mean() + 1.0) * (_reach(rule) + 1)) if rule.zero else np.inf
    )
    if together < FEW_EVENTS:
        reasons.append(
            f"A neighbourhood holds {together:.2g} events on average, fewer than {FEW_EVENTS}: single ones look hot; "
            "take larger cells, longer steps or more neighbours."
        )
    out.attrs = {**frame.attrs, "warnings": [*reasons, *_warnings(frame, cube, out, place)]}
    return out


def emerging_of_cube(cube: Cube, rule: CubeRule) -> gpd.GeoDataFrame:
    """Return the result of `emerging` for a cube that is already formed, without its warnings."""
    around = neighbour_matrix(cube.places.geometry, parse_rule(rule.neighbours))
    z = space_time_gi_z(cube.values, around, window=rule.window, back=rule.back)
    factor = 1.0
    if rule.trend == "corrected":
        sample = cube.values[:: len(cube.values) // _MOST_FOR_MEMORY + 1]
        factor = inflation(z.shape[1], _reach(rule), pooled_memory(sample))
    columns = _columns(z, rule, factor)
    columns["n_neighbours"] = np.diff(around.indptr)
    out = cube.places.copy()
    for name in RESULT_COLUMNS:
        out[name] = columns[name]
    for name in ("last_class", "n_tested", "n_neighbours"):
        out[name] = out[name].astype("Int64")
    return out


def _means(values: Array) -> Array:
    count = (~np.isnan(values)).sum(axis=1)
    mean = np.nansum(values, axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nanmean(values))


def space_time_cube(frame: gpd.GeoDataFrame, value: str, *, time: str, place: str, rule: CubeRule) -> Cube:
    """Return the values by place and step; see `emerging` for parameters and errors."""
    values = numeric_column(frame, value, ())
    steps = steps_of(frame, time, rule.step)
    if place not in frame.columns or place in (*RESULT_COLUMNS, frame.geometry.name):
        raise InvalidInput(
            f"no column {place!r} with the places' ids: name one of {', '.join(map(str, frame.columns))}"
        )
    located = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    rows = located & frame[place].notna().to_numpy() & steps.notna().to_numpy()
    table = pd.DataFrame({"place": frame[place].to_numpy(), "step": steps.to_numpy(), "value": values})[rows]
    wide = table.pivot_table(index="place", columns="step", values="value", aggfunc="mean", dropna=False)
    if rule.step != "as given" and len(wide.columns):
        wide = wide.reindex(columns=pd.period_range(wide.columns.min(), wide.columns.max(), freq=STEPS[rule.step]))
    if wide.shape[1] < MIN_STEPS:
        raise MissingData(f"column {time!r} has {wide.shape[1]} time steps: emerging hot spots need {MIN_STEPS}")
    if len(wide) < MIN_PLACES:
        raise MissingData(f"column {place!r} names {len(wide)} places with data: at least {MIN_PLACES} are needed")
    first = frame[rows].drop_duplicates(place).set_index(place).geometry.loc[wide.index]
    places = gpd.GeoDataFrame({"place": wide.index}, geometry=first.to_numpy(), crs=frame.crs)
    numbers = wide.to_numpy(dtype=float, na_value=np.nan)
    return Cube(np.nan_to_num(numbers, nan=0.0) if rule.zero else numbers, places, wide.columns)


def _check(rule: CubeRule) -> None:
    if rule.window not in WINDOWS:
        raise InvalidInput(f"window {rule.window!r} is not known: choose one of {', '.join(WINDOWS)}")
    if rule.step not in ("as given", *STEPS):
        raise InvalidInput(f"step {rule.step!r} is not known: choose one of as given, {', '.join(STEPS)}")
    if rule.back < 0:
        raise InvalidInput(f"{rule.back} steps back: give 0 or more")
    if parse_rule(rule.neighbours).kind == "inverse":
        raise InvalidInput(
            f"neighbours {rule.neighbours!r}: emerging hot spots count neighbours without weights; write knn:8, "
            "distance:3000 (metres), contiguity or auto"
        )
    if rule.trend not in TRENDS:
        raise InvalidInput(f"trend {rule.trend!r} is not known: choose one of {', '.join(TRENDS)}")


def steps_of(frame: gpd.GeoDataFrame, time: str, step: str) -> pd.Series:
    """Return each row's time, or the hour, day, month or year of the city's calendar in which it lies.

    Raises
    ------
    InvalidInput
        No such column, or times that cannot be read.
    """
    if time not in frame.columns:
        raise InvalidInput(f"no column {time!r} with the time: name one of {', '.join(map(str, frame.columns))}")
    column = frame[time]
    # A bare number that is no date is a year.
    text = column.astype("Int64").astype("str") if pd.api.types.is_integer_dtype(column) else column
    try:
        times = pd.to_datetime(text, utc=True, format="mixed" if text.dtype == "str" else None)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"column {time!r} has times that cannot be read ({error}): write them as ISO 8601"
        ) from error
    return times if step == "as given" else times.dt.tz_convert(CITY).dt.tz_localize(None).dt.to_period(STEPS[step])


def _columns(z: Array, rule: CubeRule, factor: float) -> dict[str, np.ndarray]:
    tested = ~np.isnan(z)
    p = two_sided_p(z)
    found = np.column_stack([discoveries(by_step, SIGNIFICANT) for by_step in np.ascontiguousarray(p.T)])
    sign = np.where(found, np.sign(z), 0.0).astype(np.int8)
    last_p_fdr = benjamini_hochberg(p[:, -1])
    n_tested = tested.sum(axis=1)
    judged = tested[:, -1] & (n_tested >= MIN_STEPS)
    trend_z = mann_kendall_z(z, autocorrelation=rule.trend == "hamed-rao") / np.sqrt(factor)
    trend_z = np.where(judged, trend_z, np.nan)
    trend_p = two_sided_p(trend_z)
    trend_p_fdr = benjamini_hochberg(trend_p)
    trend = np.where(trend_p_fdr <= SIGNIFICANT, np.sign(np.nan_to_num(trend_z)), 0.0).astype(np.int8)
    pattern = np.asarray(PATTERNS, dtype=object)[patterns(sign, tested, trend)]
    pattern[~judged] = None
    return {
        "pattern": pattern,
        "last_z": z[:, -1],
        "last_p": p[:, -1],
        "last_p_fdr": last_p_fdr,
        "last_class": confidence_class(z[:, -1], last_p_fdr),
        "trend_z": trend_z,
        "trend_p": trend_p,
        "trend_p_fdr": trend_p_fdr,
        "hot_share_pct": _percent((sign > 0).sum(axis=1), n_tested),
        "cold_share_pct": _percent((sign < 0).sum(axis=1), n_tested),
        "n_tested": n_tested,
    }


def _reach(rule: CubeRule) -> int:
    return 0 if rule.window == "step" else rule.back


def _percent(part: NDArray[np.intp], whole: NDArray[np.intp]) -> Array:
    return np.where(whole > 0, 100.0 * part / np.maximum(whole, 1), np.nan)


def _warnings(frame: gpd.GeoDataFrame, cube: Cube, out: gpd.GeoDataFrame, place: str) -> list[str]:
    nowhere = frame.geometry.isna() | frame.geometry.is_empty | frame[place].isna()
    moved = pd.Series(frame.geometry[~nowhere].to_wkb()).groupby(frame.loc[~nowhere, place])
    gaps = int(np.isnan(cube.values).sum())
    facts = (
        (int(nowhere.sum()), "{} rows have no geometry or no id and were left out."),
        (int((moved.nunique() > 1).sum()), "{} places change their position: the first one counts."),
        (gaps, f"{{}} of {cube.values.size} bins have no value: they are missing, not zero."),
        (int((out["n_neighbours"] == 0).sum()), "{} places have no neighbour and were not tested."),
        (int(out["pattern"].isna().sum()), "{} places have no pattern: no last step, too few steps or no neighbour."),
        (
            len(out) if out["n_tested"].max() == 0 else 0,
            "The values of all {} places are equal, or none can be tested.",
        ),
    )
    return [text.format(count) for count, text in facts if count]
