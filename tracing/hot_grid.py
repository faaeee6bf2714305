"""热点网格: the month's worst cells of a city, and the cells that stand out from those around them in an hour."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.cell_grid import CellGrid
from geo.errors import InvalidInput, MissingData
from tracing.alarms import DEFAULT_OFFSET, LEAST_SPREAD, OFFSETS
from tracing.bubble_kernel import bubble_z
from tracing.emerging import CITY
from tracing.false_alarms import FalseAlarms
from tracing.hot_grid_months import Months, month_columns, months_of
from tracing.neighbours import neighbour_matrix

# Best first: what is nearer to a calibrated instrument speaks for the cell in an hour.
SOURCES = ("station", "micro", "mobile", "satellite")
STATES = ("bubbling", "worst", "rising", "ordinary", "few_hours")
_FEWEST_CELLS = 8
_MOST_CELL_HOURS = 50_000_000
_HOUR_S = 3600.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GridRule:
    """How cells are formed, ranked and compared.

    Attributes
    ----------
    cell_m : edge of a cell, m
    month : the city's month, such as 2021-10; None for that of the last value
    hour : the hour in which cells may bubble (any moment of it, with zone); None for the month's last one with values
    neighbours : as for `tracing.hotspots.gi_star`, among the cells with values
    min_neighbours : fewest of them with a value in the hour
    threshold : robust z from which a cell bubbles
    ratio : (value + offset) to (neighbours + offset) that it needs
    min_share : share of the month's hours that a rank needs
    worst : how many cells count as the worst, and as rising
    """

    cell_m: float = 3000.0
    month: str | None = None
    hour: pd.Timestamp | None = None
    neighbours: str = "knn:8"
    min_neighbours: int = 4
    threshold: float = 4.0
    ratio: float = 1.5
    min_share: float = 0.5
    worst: int = 10


@dataclass(frozen=True)
class HotGrid:
    """Cells with values, the grid that they are cut from, the month and hour, false bubbles, and what to know."""

    cells: gpd.GeoDataFrame
    numbers: NDArray[np.int64]
    grid: CellGrid
    month: str
    hour: pd.Timestamp
    false_alarms: FalseAlarms
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Bubbles:
    z: Array
    fit: NDArray[np.bool_]
    neighbours: Array
    count: NDArray[np.int64]


def hot_grid(
    values: pd.DataFrame,
    *,
    pollutant: str = "pm25",
    rule: GridRule | None = None,
    inside: shapely.Geometry | None = None,
) -> HotGrid:
    """Return the cells of a city with their month and their hour.

    A cell's value in an hour is the mean of the best kind of source that has any there: stations, else micro-stations,
    else mobile runs, else satellites. Kinds are never mixed within an hour, and no cell is filled from its neighbours.

    Parameters
    ----------
    values : DataFrame
        Columns source (see `SOURCES`), time (with zone), lon, lat (degrees, WGS 84), value (one unit; negative ones
        count as 0 in the comparison with neighbours).
    pollutant : str
        For the offset of the logarithms.
    rule : GridRule, optional
    inside : Polygon or MultiPolygon, EPSG:4326, optional
        Cells with their centre outside are left out.

    Returns
    -------
    HotGrid
        `cells`, one row each, the worst first: cell, state, rank (by mean, 1 is the worst; null below `min_share`),
        mean, n_hours, share_pct, source (of most hours), n_station, n_micro, n_mobile, n_satellite (values in the
        month), mean_before, change_pct, rank_change (against the month before), mean_year_before, change_year_pct,
        rank_change_year, bubbles (hours of the month), value, neighbours, z, n_neighbours, bubble (all of `hour`),
        age_h (hours from that of the last value to `hour`). A share is one of the hours up to the last with any value;
        a month that is compared with needs `min_share` too.

    Raises
    ------
    InvalidInput
        Columns missing, coordinates that are no degrees, a rule out of range, times without zone.
    MissingData
        No values in the month; fewer than three cells with values.

    References
    ----------
    For the false ones `tracing.false_alarms`: bubbles of mirrored values under the same rules.
    """
    rule = rule or GridRule()
    _check(values, rule)
    grid, rows = _placed(values, rule, inside)
    months = months_of(rows["time"], rule.month)
    hour, table = _hours(rows, months, rule)
    in_month = (table["hour"] >= months.start) & (table["hour"] < months.end)
    table = table[table["cell"].isin(set(table["cell"][in_month]))]
    numbers, cells = np.unique(table["cell"].to_numpy(), return_inverse=True)
    if numbers.size < 3:
        raise MissingData(f"{numbers.size} cells with values in {months.name}: a hot grid needs at least 3")
    times = months.hours()
    if len(times) * numbers.size > _MOST_CELL_HOURS:
        raise InvalidInput(f"{numbers.size} cells x {len(times)} hours are too many at once: choose larger cells")
    wide = np.full((len(times), numbers.size), np.nan)
    wide[times.get_indexer(pd.DatetimeIndex(table["hour"])), cells] = table["value"].to_numpy()
    shapes = gpd.GeoSeries(grid.polygons(numbers), crs=4326)
    now = months.now(times)
    bubbles = _bubbles(wide[now], shapes, rule, OFFSETS.get(pollutant, DEFAULT_OFFSET))
    chance = _chance(bubbles, rule)
    columns = month_columns(wide, months, times, rule.min_share)
    at = int(times[now].get_indexer(pd.DatetimeIndex([hour]))[0])
    columns |= _hour_columns(wide[now][at], bubbles, rule, at) | _counts(table, cells, months)
    columns["bubbles"] = _bubbling(bubbles, rule, 1.0).sum(axis=0)
    columns["age_h"] = _ages(table, cells, hour)
    out = pd.DataFrame({"cell": grid.names(numbers), **columns})
    out.insert(1, "state", _states(out, rule))
    order = np.lexsort((out["cell"], -out["mean"].fillna(-np.inf), out["rank"].astype("float64").fillna(np.inf)))
    frame = gpd.GeoDataFrame(out, geometry=shapes.to_numpy(), crs=4326).iloc[order].reset_index(drop=True)
    return HotGrid(frame, numbers[order], grid, months.name, hour, chance, _warnings(values, rows, bubbles, wide[now]))


def _check(values: pd.DataFrame, rule: GridRule) -> None:
    missing = [name for name in ("source", "time", "lon", "lat", "value") if name not in values.columns]
    if missing:
        raise InvalidInput(f"the values have no column {', '.join(missing)}")
    if not isinstance(values["time"].dtype, pd.DatetimeTZDtype):
        raise InvalidInput("the times of the values have no zone: make them UTC")
    strange = sorted(set(values["source"]) - set(SOURCES))
    if strange:
        raise InvalidInput(f"unknown source {strange[0]!r}: use one of {', '.join(SOURCES)}")
    numbers = values[["lon", "lat", "value"]].to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(numbers).any():
        raise InvalidInput("the values or their places hold infinite numbers: correct them")
    wrong = (
        (not 0.0 < rule.min_share <= 1.0, f"--min-share {rule.min_share:g}: give a share above 0 and at most 1"),
        (not rule.threshold > 0.0, f"--threshold {rule.threshold:g}: give a positive number"),
        (not rule.ratio >= 1.0, f"--ratio {rule.ratio:g}: give 1 or more"),
        (rule.min_neighbours < 1, f"--min-neighbours {rule.min_neighbours}: give 1 or more"),
        (rule.worst < 1, f"--worst {rule.worst}: give 1 or more"),
    )
    for bad, text in wrong:
        if bad:
            raise InvalidInput(text)


def _placed(values: pd.DataFrame, rule: GridRule, inside: shapely.Geometry | None) -> tuple[CellGrid, pd.DataFrame]:
    """Return the grid and the values with the number of their cell, those without place or value left out."""
    rows = values.dropna(subset=["time", "lon", "lat", "value"])
    if rows.empty:
        raise MissingData("no value with a place and a time")
    lon, lat = rows["lon"].to_numpy(dtype=float), rows["lat"].to_numpy(dtype=float)
    box = (lon.min(), lat.min(), lon.max(), lat.max()) if inside is None else inside.bounds
    grid = CellGrid.over(box, rule.cell_m)
    cell = grid.cell_of(lon, lat)
    keep = cell >= 0
    if inside is not None:
        land = grid.project_shape(shapely.segmentize(inside, 0.05))
        shapely.prepare(land)
        x, y = grid.centres()
        within = shapely.contains_xy(land, x, y)
        keep &= within[np.maximum(cell, 0)]
    rows = rows.assign(cell=cell, hour=rows["time"].dt.tz_convert("UTC").dt.floor("h"))[keep]
    if rows.empty:
        raise MissingData("no value lies inside the area")
    return grid, rows


def _hours(rows: pd.DataFrame, months: Months, rule: GridRule) -> tuple[pd.Timestamp, pd.DataFrame]:
    """Return the hour that is asked about and each cell's hours: cell, hour, value, source, n."""
    kind = pd.Categorical(rows["source"], categories=SOURCES, ordered=True).codes
    grouped = rows.assign(kind=kind).groupby(["cell", "hour", "kind"])["value"].agg(["mean", "size"]).reset_index()
    wanted = grouped[months.covers(grouped["hour"])].rename(columns={"mean": "value", "size": "n"})
    now = wanted[(wanted["hour"] >= months.start) & (wanted["hour"] < months.end)]
    if now.empty:
        raise MissingData(f"no values in {months.name}: choose another --month")
    hour = now["hour"].max() if rule.hour is None else rule.hour.tz_convert("UTC").floor("h")
    if not months.start <= hour < months.end:
        raise InvalidInput(f"--hour {hour.tz_convert(CITY):%Y-%m-%dT%H:%M} does not lie in {months.name}")
    best = wanted.groupby(["cell", "hour"], sort=True)["kind"].transform("min") == wanted["kind"]
    table = wanted.assign(best=best)
    numbers = table.pivot_table(index=["cell", "hour"], columns="kind", values="n", aggfunc="sum", fill_value=0)
    counts = numbers.reindex(columns=range(len(SOURCES)), fill_value=0).set_axis([f"n_{s}" for s in SOURCES], axis=1)
    chosen = table[table["best"]].set_index(["cell", "hour"])[["value", "kind"]]
    return hour, chosen.join(counts).reset_index()


def _bubbles(wide: Array, shapes: gpd.GeoSeries, rule: GridRule, offset: float) -> _Bubbles:
    matrix = neighbour_matrix(shapes, _fitting(rule.neighbours, len(shapes)))
    logs = np.log(np.maximum(wide, 0.0) + offset)
    z, median, count = bubble_z(
        logs,
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        least=rule.min_neighbours,
        fewest=_FEWEST_CELLS,
        floor=LEAST_SPREAD,
    )
    fit = np.abs(logs - median) >= np.log(rule.ratio)
    return _Bubbles(z, fit, np.maximum(np.exp(median) - offset, 0.0), count)


def _fitting(neighbours: str, cells: int) -> str:
    """Return knn with as many neighbours as there can be."""
    kind, _, k = neighbours.partition(":")
    return f"knn:{min(int(k), cells - 2)}" if kind == "knn" and k.isdigit() and int(k) > 0 else neighbours


def _bubbling(bubbles: _Bubbles, rule: GridRule, sign: float) -> NDArray[np.bool_]:
    return bubbles.fit & (sign * np.nan_to_num(bubbles.z) >= rule.threshold)


def _chance(bubbles: _Bubbles, rule: GridRule) -> FalseAlarms:
    high, low = (int(_bubbling(bubbles, rule, sign).sum()) for sign in (1.0, -1.0))
    return FalseAlarms(high, low, int((~np.isnan(bubbles.z)).sum()))


def _hour_columns(values: Array, bubbles: _Bubbles, rule: GridRule, at: int) -> dict[str, object]:
    z = bubbles.z[at]
    return {
        "value": values,
        "neighbours": bubbles.neighbours[at],
        "z": z,
        "n_neighbours": np.where(np.isnan(values), 0, bubbles.count[at]),
        "bubble": pd.Series(_bubbling(bubbles, rule, 1.0)[at]).astype("boolean").mask(np.isnan(z)),
    }


def _counts(table: pd.DataFrame, cells: NDArray[np.intp], months: Months) -> dict[str, object]:
    now = ((table["hour"] >= months.start) & (table["hour"] < months.end)).to_numpy()
    size = int(cells.max()) + 1
    out: dict[str, object] = {
        f"n_{source}": np.bincount(cells[now], table[f"n_{source}"].to_numpy()[now], size).astype(int)
        for source in SOURCES
    }
    hours = np.zeros((size, len(SOURCES)))
    np.add.at(hours, (cells[now], table["kind"].to_numpy()[now]), 1.0)
    most = np.array(SOURCES)[hours.argmax(axis=1)]
    out["source"] = pd.Series(most, dtype="str").mask(hours.sum(axis=1) == 0)
    return out


def _ages(table: pd.DataFrame, cells: NDArray[np.intp], hour: pd.Timestamp) -> Array:
    known = (table["hour"] <= hour).to_numpy()
    last = table["hour"][known].groupby(cells[known]).max().reindex(range(int(cells.max()) + 1))
    return (hour - pd.DatetimeIndex(last)).total_seconds().to_numpy() / _HOUR_S


def _states(out: pd.DataFrame, rule: GridRule) -> pd.Series:
    rising = out["change_pct"].where(out["change_pct"] > 0.0).rank(ascending=False, method="min") <= rule.worst
    states = np.select(
        [
            out["bubble"].fillna(False).to_numpy(dtype=bool),
            (out["rank"] <= rule.worst).fillna(False).to_numpy(dtype=bool),
            rising.to_numpy(),
            out["rank"].notna().to_numpy(),
        ],
        STATES[:4],
        STATES[4],
    )
    return pd.Series(states, dtype="str")


def _warnings(values: pd.DataFrame, rows: pd.DataFrame, bubbles: _Bubbles, wide: Array) -> tuple[str, ...]:
    unjudged = int((np.isnan(bubbles.z) & ~np.isnan(wide)).sum())
    facts = (
        (len(values) - len(rows), "{} values have no place or time, or lie outside the area, and were left out."),
        (unjudged, "{} cell-hours were not compared: too few neighbours or cells with values in that hour."),
    )
    return tuple(text.format(count) for count, text in facts if count)
