"""High-value alarms: hours in which a place lies above what its past, the weather and its neighbours explain."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from geo.errors import InvalidInput, MissingData
from tracing.alarm_episodes import episode_numbers, episodes_of
from tracing.alarm_kernel import neighbours_median, runs
from tracing.alarm_tables import Hourly, hourly_values, weather_array
from tracing.false_alarms import FalseAlarms, false_share
from tracing.neighbours import neighbour_matrix
from tracing.past_kernel import HOURS, past_median, past_spread

# Added before the logarithm, ug m-3 (CO mg m-3): with them high and low deviations from the neighbours are equally
# frequent up to eight standard deviations (12 stations of Beijing, 2013 to 2017), so that the low ones tell chance.
OFFSETS = {"pm25": 20.0, "pm10": 30.0, "so2": 3.0, "no2": 20.0, "co": 0.2, "o3": 50.0}
DEFAULT_OFFSET = 20.0
# No instrument tells smaller differences: 5 %.
LEAST_SPREAD = 0.05
FEWEST_NEIGHBOURS = 3
MANY_NEIGHBOURS = 30
# Hours around the same time of day: for the expectation, with weather, and for the spread.
_REACH, _REACH_WEATHER, _REACH_SPREAD = 1, 2, 3
_MOST_CELLS = 50_000_000
# Places, or hours, that one thread takes at a time; the answer does not depend on it.
_PLACES, _HOURS = 8, 512

Array = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class AlarmRule:
    """What makes an alarm.

    Attributes
    ----------
    neighbours : as for `tracing.hotspots.gi_star`, or auto: the 30 nearest places, or all but one if there are fewer.
        A plume that reaches more than half of a place's neighbours counts as the region's doing: take many
    days : earlier days that the expectation looks at; at least `min_days` of them must hold values
    threshold, stay : robust z at which an alarm starts, and below which it ends
    ratio : (value + offset) to (expected + offset) that a start needs
    offset : added before the logarithm, in the values' unit; None for that of the pollutant
    alike : hours of like weather that make the expectation, where weather is given
    max_false_share : alarms with a higher estimated share of false ones do not come back
    link_km, link_h : alarms so near to each other, and so few hours apart, are one episode
    """

    neighbours: str = "auto"
    days: int = 28
    min_days: int = 7
    threshold: float = 4.0
    stay: float = 2.0
    ratio: float = 1.5
    offset: float | None = None
    alike: int = 30
    gap: int = 1
    max_false_share: float = 1.0
    link_km: float = 10.0
    link_h: int = 1


@dataclass(frozen=True)
class Alarms:
    """Alarms, the episodes that they make up, how many false ones to expect, and what to know."""

    alarms: gpd.GeoDataFrame
    episodes: gpd.GeoDataFrame
    false_alarms: FalseAlarms
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """Each hour and place against what is expected; all shape (hour, place), logarithms of value + offset.

    `own` is the expectation from the past alone, `expected` that with the neighbours, `z` the distance from it in
    standard deviations of the past; NaN where one of them is not known. `neighbours` has a row for each place.
    """

    logs: Array
    own: Array
    n_around: NDArray[np.int64]
    expected: Array
    z: Array
    neighbours: csr_array


def find_alarms(
    observations: pd.DataFrame,
    places: gpd.GeoDataFrame,
    *,
    pollutant: str = "pm25",
    rule: AlarmRule | None = None,
    weather: pd.DataFrame | None = None,
    since: pd.Timestamp | None = None,
) -> Alarms:
    """Return the alarms in hourly values of one pollutant.

    In logarithms of value + offset: an hour's own expectation is the median of the same time of day (one hour either
    way) over the past `days`; with weather, of the 30 past hours (two either way) of the most similar weather. What the
    region does beyond its expectation is the median of the neighbours' excess in that hour. Expected is the sum of both
    and of the place's usual excess; z is the distance from it over the past spread (quartiles) of that excess. Nothing
    later than the hour is used: what is said of an hour does not change when the next one comes.

    Parameters
    ----------
    observations : DataFrame
        Columns station_id, time (with zone), value (any unit; negative counts as 0), in any order; several values in an
        hour are averaged. A missing hour stays missing.
    places : GeoDataFrame
        Columns id and, if any, name; any geometry and CRS.
    pollutant : str
        For the offset and the result's column.
    rule : AlarmRule, optional
    weather : DataFrame, optional
        Column time, if any station_id, and numbers such as wind_speed_ms, wind_from_deg (taken as a direction).

    since : Timestamp with zone, optional
        Only alarms that last beyond this moment come back; false ones are still estimated from the whole period.

    Returns
    -------
    Alarms
        `alarms`, one row each, by start: alarm, episode, station_id, name, pollutant, start, end (UTC, the first and
        last hour), hours, peak_time, value, expected (own past, weather and neighbours), expected_own, neighbours
        (their median), ratio, z, grade (1 to 3: z of at least the threshold, 1.5 and 2.5 times it), mean_excess,
        n_neighbours, false_share. `episodes`: see `tracing.alarm_episodes.episodes_of`.

    Raises
    ------
    InvalidInput
        A rule out of range, columns missing, places without a known id.
    MissingData
        Fewer than five places with values, or fewer days than the expectation needs.
    """
    rule = rule or AlarmRule()
    _check(rule)
    hourly = hourly_values(observations, places, fewest=FEWEST_NEIGHBOURS + 2)
    days = len(hourly.times) / HOURS
    if days < rule.min_days + 1:
        raise MissingData(
            f"the values span {len(hourly.times)} hours: alarms need {rule.min_days} days of past and the day itself; "
            "give more, or lower --min-days"
        )
    if hourly.values.size > _MOST_CELLS:
        raise InvalidInput(f"{hourly.values.size:,} hours x places are too many at once: choose a shorter period")
    offset = OFFSETS.get(pollutant, DEFAULT_OFFSET) if rule.offset is None else rule.offset
    variables, notes = weather_array(weather, hourly)
    judged = judge(hourly, rule, offset, variables)
    found, mirrored = (_alarms(judged, hourly, rule, offset, sign) for sign in (1.0, -1.0))
    n_judged = int((~np.isnan(judged.z)).sum())
    chance = FalseAlarms.of(found["z"].to_numpy(), mirrored["z"].to_numpy(), n_judged)
    found["false_share"] = false_share(found["z"].to_numpy(), mirrored["z"].to_numpy())
    found["pollutant"] = pollutant
    doubtful = found["false_share"] > rule.max_false_share
    if doubtful.any():
        notes = (
            *notes,
            f"{int(doubtful.sum())} of {len(found)} alarms were left out: as strong ones are false to more than "
            f"{100.0 * rule.max_false_share:g} % by estimate.",
        )
    late = found["end"] >= since.tz_convert("UTC").floor("h") if since is not None else True
    found = found[~doubtful & late].reset_index(drop=True)
    found["episode"] = episode_numbers(found, hourly.places, link_km=rule.link_km, link_h=rule.link_h)
    warnings = (*hourly.notes, *notes, *_warnings(judged, hourly, rule))
    return Alarms(_table(found, hourly), episodes_of(found, hourly.places, rule.link_km), chance, warnings)


def judge(hourly: Hourly, rule: AlarmRule, offset: float, weather: Array) -> Judged:
    """Return what is expected in each hour, and how far the value lies from it; see `find_alarms`.

    Parameters
    ----------
    hourly : Hourly
    offset : float, the values' unit
    weather : ndarray, shape (hour, place, variable)
    """
    few = f"knn:{min(MANY_NEIGHBOURS, len(hourly.places) - 2)}"
    matrix = neighbour_matrix(hourly.places.geometry, few if rule.neighbours == "auto" else rule.neighbours)
    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    logs = np.log(np.maximum(hourly.values, 0.0) + offset)
    reach = _REACH_WEATHER if weather.shape[2] else _REACH
    least = rule.min_days * 2
    alike = max(rule.alike, least)
    hours, places = logs.shape
    own = np.hstack(
        _in_blocks(places, _PLACES, lambda p: past_median(logs[:, p], weather[:, p], rule.days, reach, alike, least))
    )
    excess = logs - own

    near = _in_blocks(hours, _HOURS, lambda h: neighbours_median(excess[h], indptr, indices, FEWEST_NEIGHBOURS))
    regional, count = (np.vstack(side) for side in zip(*near, strict=True))
    local = excess - regional
    past = _in_blocks(places, _PLACES, lambda p: past_spread(local[:, p], rule.days, _REACH_SPREAD, rule.min_days * 4))
    usual, spread = (np.hstack(side) for side in zip(*past, strict=True))
    z = (local - usual) / np.maximum(spread, LEAST_SPREAD)
    return Judged(logs, own, count, own + regional + usual, z, matrix)


def _in_blocks(whole: int, size: int, work: Callable[[slice], T]) -> list[T]:
    """Return what a function of some places or hours gives for all, in blocks that this machine's processors share."""
    blocks = [slice(first, first + size) for first in range(0, whole, size)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, blocks))


def _check(rule: AlarmRule) -> None:
    wrong = (
        (not 1 <= rule.min_days <= rule.days <= 366, f"--min-days {rule.min_days}, --days {rule.days}: 1 to 366"),
        (not rule.threshold > rule.stay > 0.0, f"--threshold {rule.threshold:g}: give a number above {rule.stay:g}"),
        (not rule.ratio >= 1.0, f"--ratio {rule.ratio:g}: give 1 or more"),
        (rule.offset is not None and not rule.offset > 0.0, "--offset: give a positive number"),
        (
            not 0.0 < rule.max_false_share <= 1.0,
            f"--max-false-share {rule.max_false_share:g}: give a share above 0 and at most 1",
        ),
        (not rule.link_km > 0.0 or rule.link_h < 0, "--link-km must be positive and --link-h 0 or more"),
    )
    for bad, text in wrong:
        if bad:
            raise InvalidInput(text)


def _alarms(judged: Judged, hourly: Hourly, rule: AlarmRule, offset: float, sign: float) -> pd.DataFrame:
    """Return the alarms of the values, or with a sign of -1 of their mirror images about what is expected."""
    excess = sign * (judged.logs - judged.expected)
    fit = (excess >= np.log(rule.ratio)) & (sign * (judged.logs - judged.own) > 0.0)
    score = sign * judged.z
    place, first, last, peak = runs(score, fit, rule.threshold, rule.stay, rule.gap).T
    at = peak, place
    z = score[at]
    beyond = hourly.values - (np.exp(judged.expected) - offset)
    mean = [np.nanmean(beyond[a : b + 1, p]) for p, a, b in zip(place, first, last, strict=True)]
    steps = rule.threshold * np.array([1.5, 2.5])
    return pd.DataFrame(
        {
            "place": place,
            "start": hourly.times[first],
            "end": hourly.times[last],
            "hours": last - first + 1,
            "peak_time": hourly.times[peak],
            "value": hourly.values[at],
            "expected": np.maximum(np.exp(judged.expected[at]) - offset, 0.0),
            "expected_own": np.maximum(np.exp(judged.own[at]) - offset, 0.0),
            "neighbours": np.maximum(np.exp(_around(judged, peak, place)) - offset, 0.0),
            "ratio": np.exp(excess[at]),
            "z": z,
            "grade": 1 + np.searchsorted(steps, z, side="right"),
            "mean_excess": np.array(mean, dtype=float),
            "n_neighbours": judged.n_around[at],
        }
    ).sort_values(["start", "place"], kind="stable", ignore_index=True)


def _around(judged: Judged, hours: NDArray[np.int64], places: NDArray[np.int64]) -> Array:
    """Return the median of the neighbours' logarithms at single hours and places."""
    rows = judged.neighbours
    beside = [rows.indices[rows.indptr[place] : rows.indptr[place + 1]] for place in places]
    return np.array([np.nanmedian(judged.logs[h, near]) for h, near in zip(hours, beside, strict=True)], dtype=float)


_COLUMNS = (
    "alarm episode station_id name pollutant start end hours peak_time value expected expected_own neighbours ratio z "
    "grade mean_excess n_neighbours false_share"
).split()


def _table(found: pd.DataFrame, hourly: Hourly) -> gpd.GeoDataFrame:
    places = hourly.places
    rows = found["place"].to_numpy()
    table = found.assign(
        alarm=np.arange(1, len(found) + 1),
        station_id=places["id"].to_numpy()[rows],
        name=places["name"].to_numpy()[rows],
    )
    return gpd.GeoDataFrame(table[_COLUMNS], geometry=places.geometry.to_numpy()[rows], crs=places.crs)


def _warnings(judged: Judged, hourly: Hourly, rule: AlarmRule) -> list[str]:
    has = ~np.isnan(hourly.values)
    young = has & np.isnan(judged.own)
    alone = has & ~young & (judged.n_around < FEWEST_NEIGHBOURS)
    rest = has & ~young & ~alone & np.isnan(judged.z)
    facts = (
        (int(young.sum()), f"{{}} values were not judged: fewer than {rule.min_days} days of past."),
        (int(alone.sum()), f"{{}} values were not judged: fewer than {FEWEST_NEIGHBOURS} neighbours in that hour."),
        (int(rest.sum()), "{} values were not judged: too little past of the difference to the neighbours."),
    )
    return [text.format(count) for count, text in facts if count]
