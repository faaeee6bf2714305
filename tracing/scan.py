"""Kulldorff's scan: where and when cases gather more than chance would have it."""

from dataclasses import dataclass
from typing import Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.scan_ellipses import ellipse_measures, zone_shape
from tracing.scan_kernel import best_of_centres
from tracing.scan_simulation import Setting, maxima
from tracing.scan_study import Study, Zones, longest_window, make_zones

RESULT_COLUMNS = (
    "rank members start end cases expected llr p_value recurrence_days p_gumbel n_places centre radius_km "
    "relative_risk test_statistic axis_ratio angle_deg"
)
EULER = 0.5772156649015329


@dataclass(frozen=True)
class Options:
    """Which cylinders are tried and how often chance is asked.

    Attributes
    ----------
    max_share : largest share of the measure in a zone, 0 to 1
    max_days : longest cylinder, days; None for 7 with daily steps, else half the study
    max_time_share : longest cylinder as a share of the study, 0 to 1, instead of `max_days`
    max_radius : largest radius, km, or the unit of Cartesian coordinates
    prospective : only cylinders that reach the last step
    replications : studies drawn under the null hypothesis, at most
    seed : of those draws
    stop_after : stop when so many of them have a maximum as high as the most likely cluster's; 0 for never
    ellipses : for space only, zones are ellipses too (`tracing.scan_ellipses`)
    penalty : none, medium or strong: how much long ellipses are held back
    """

    max_share: float = 0.5
    max_days: float | None = None
    max_time_share: float | None = None
    max_radius: float | None = None
    prospective: bool = False
    replications: int = 999
    seed: int = 1
    stop_after: int = 0
    ellipses: bool = False
    penalty: str = "medium"


DEFAULT = Options()
# Batches of a run that may stop early: small at first, for most studies have no cluster.
_FIRST_BATCH = 50


class Runner(Protocol):
    """Computes the maxima of replications `first` to `first + count`."""

    def __call__(self, setting: Setting, seed: int, count: int, *, first: int = 0) -> NDArray[np.float64]:
        """Return them in order."""


@dataclass(frozen=True)
class Cluster:
    """One cylinder: its zone's row, its places, its steps [first, stop), its ratio and what is tested, and radius."""

    row: int
    places: NDArray[np.int32]
    first: int
    stop: int
    ratio: float
    statistic: float
    radius: float


def scan(study: Study, options: Options = DEFAULT, *, run: Runner | None = None) -> gpd.GeoDataFrame:
    """Return the clusters of a study, the most likely first.

    Parameters
    ----------
    study : Study
    options : Options
    run : callable, optional
        Spreads the replications (see `tracing.scan_jobs`); by default they run here. The result is the same.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        One row a cluster, no two with a common place: of each centre the best cylinder, from the highest ratio down,
        down to a p value of 1 (the first always).

        - `rank`, `members` (ids, comma between), `n_places`, `centre` (id), `radius_km` (in Cartesian coordinates
          their unit)
        - `start`, `end` : first and last day, ISO dates; missing without time
        - `cases`, `expected`, `relative_risk` (inside to outside; NaN where it is infinite)
        - `llr` : log-likelihood ratio; `test_statistic` : the same with the penalty of an ellipse
        - `axis_ratio`, `angle_deg` : long to short axis, and the long one's direction from x (east) to y (north);
          `radius_km` is the short half axis
        - `p_value` = (1 + replications with as high a maximum) / (replications + 1); stopped early after h as high
          among l, h / l for the first cluster (Besag and Clifford 1991)
        - `p_gumbel` : from a Gumbel distribution fitted to the replications' maxima: for small p values
        - `recurrence_days` : days of daily looks in which chance gives one such cluster; only prospective

        The geometry is a circle that reaches half way from the last member to the next place; missing where Cartesian
        coordinates are no longitude and latitude. `attrs["warnings"]` holds plain sentences.

    Raises
    ------
    InvalidInput, MissingData
        Options out of range; no zone to test.

    References
    ----------
    Kulldorff 1997, doi:10.1080/03610929708831995; Kulldorff et al. 2005, doi:10.1371/journal.pmed.0020059;
    Abrams, Kleinman and Kulldorff 2010, doi:10.1186/1476-072X-9-61; Besag and Clifford 1991,
    doi:10.1093/biomet/78.2.301
    """
    if options.replications < 0:
        raise InvalidInput(f"--replications {options.replications}: give 0 or more")
    if options.stop_after < 0:
        raise InvalidInput(f"--stop-after {options.stop_after}: give 0 (never) or more")
    if options.prospective and study.step is None:
        raise InvalidInput("--prospective needs times: name their column with --time")
    measures = ellipse_measures(study, options.penalty) if options.ellipses else None
    zones = make_zones(study, max_share=options.max_share, max_radius=options.max_radius, measures=measures)
    setting = Setting.of(
        study, zones, longest_window(study, options.max_days, options.max_time_share), prospective=options.prospective
    )
    found = _separate(_best(setting, zones, study))
    numbers = _maxima(setting, found[0].statistic if found else np.inf, options, run or maxima)
    return _table(study, zones, found, numbers, options)


def _maxima(setting: Setting, highest: float, options: Options, run: Runner) -> NDArray[np.float64]:
    """Return the replications' maxima, up to the one at which `stop_after` of them are as high as the highest."""
    count, batch = options.replications, _FIRST_BATCH
    if options.stop_after == 0:
        return run(setting, options.seed, count)
    parts: list[NDArray[np.float64]] = []
    done = 0
    while done < count:
        parts.append(run(setting, options.seed, min(batch, count - done), first=done))
        done += parts[-1].size
        reached = np.flatnonzero(_as_high(np.concatenate(parts), highest))
        if reached.size >= options.stop_after:
            # Where it stops depends on the replications' numbers, not on the batches.
            return np.concatenate(parts)[: reached[options.stop_after - 1] + 1]
        batch *= 2
    return np.concatenate(parts) if parts else np.empty(0)


def _as_high(numbers: NDArray[np.float64], statistic: float) -> NDArray[np.bool_]:
    return numbers >= statistic * (1.0 - 1e-10)


def _best(setting: Setting, zones: Zones, study: Study) -> list[Cluster]:
    ratio, where = best_of_centres(
        setting.cases, setting.measure, zones.order, zones.ends, setting.longest, setting.prospective, setting.model
    )
    clusters = [
        Cluster(
            row,
            zones.order[row, :k],
            first,
            stop,
            float(ratio[row]),
            float(ratio[row] * zones.penalty[row]),
            float(zones.radius[row, k - 1]),
        )
        for row, (k, first, stop) in enumerate(where.tolist())
        if k > 0
    ]
    xy = study.places[["x", "y"]].to_numpy(dtype=float)
    # Ten digits: zones that are equal sort by roundness and their place on the map, not by rounding.
    ordered = sorted(
        clusters,
        key=lambda c: (-float(f"{c.statistic:.10g}"), zones.axis_ratio[c.row], c.radius, *xy[zones.centre[c.row]]),
    )
    of_centre: dict[int, Cluster] = {}
    for cluster in ordered:
        of_centre.setdefault(int(zones.centre[cluster.row]), cluster)
    return list(of_centre.values())


def _separate(clusters: list[Cluster]) -> list[Cluster]:
    taken: set[int] = set()
    kept = []
    for cluster in clusters:
        members = set(cluster.places.tolist())
        if not members & taken:
            kept.append(cluster)
            taken |= members
    return kept


def _table(
    study: Study, zones: Zones, found: list[Cluster], numbers: NDArray[np.float64], options: Options
) -> gpd.GeoDataFrame:
    higher = [int(_as_high(numbers, cluster.statistic).sum()) for cluster in found]
    shown = [(c, n) for k, (c, n) in enumerate(zip(found, higher, strict=True)) if k == 0 or n < numbers.size]
    if numbers.size == 0:
        shown = [(cluster, 0) for cluster in found]
    rows = [_row(study, zones, cluster) for cluster, _ in shown]
    table = pd.DataFrame(rows, columns=[name for name in RESULT_COLUMNS.split() if name not in _CHANCE])
    table["rank"] = np.arange(1, len(shown) + 1)
    p = np.array([(n + 1) / (numbers.size + 1) if numbers.size else np.nan for _, n in shown])
    notes = [*study.notes, *(() if shown else ("No zone has more cases than expected: there is no cluster.",))]
    if shown and numbers.size and 0 < options.stop_after <= shown[0][1]:
        p[0] = shown[0][1] / numbers.size
        notes.append(f"Stopped after {numbers.size} replications: {shown[0][1]} had as high a maximum.")
    tested = table["test_statistic"].to_numpy(dtype=float)
    table["p_value"], table["p_gumbel"] = p, gumbel_p(tested, numbers)
    days = study.step_days if options.prospective else np.nan
    table["recurrence_days"] = days / p
    shapes = gpd.GeoSeries([zone_shape(study, zones, c.row, len(c.places)) for c, _ in shown], crs="EPSG:4326")
    out = gpd.GeoDataFrame(table[RESULT_COLUMNS.split()], geometry=shapes, crs="EPSG:4326")
    out.attrs["warnings"] = notes
    return out


_CHANCE = ("rank", "p_value", "p_gumbel", "recurrence_days")


def _row(study: Study, zones: Zones, cluster: Cluster) -> dict[str, object]:
    window = slice(cluster.first, cluster.stop)
    cases = study.cases[cluster.places, window].sum()
    expected = study.measure[cluster.places, window].sum()
    total, measure = study.cases.sum(), study.measure.sum()
    expected *= total / measure
    outside = (total - cases) / (total - expected) if total > expected else np.nan
    ids = study.places["id"].to_numpy()
    start, end = _period(study, cluster)
    return {
        "members": ",".join(sorted((str(ids[place]) for place in cluster.places), key=_by_number)),
        "n_places": len(cluster.places),
        "centre": str(ids[zones.centre[cluster.row]]),
        "radius_km": cluster.radius,
        "start": start,
        "end": end,
        "cases": int(cases),
        "expected": expected,
        "relative_risk": cases / expected / outside if outside > 0.0 else np.nan,
        "llr": cluster.ratio,
        "test_statistic": cluster.statistic,
        "axis_ratio": float(zones.axis_ratio[cluster.row]),
        "angle_deg": float(zones.angle[cluster.row]),
    }


def _by_number(text: str) -> tuple[int, str]:
    return (int(text) if text.isdecimal() else -1, text)


def _period(study: Study, cluster: Cluster) -> tuple[str | None, str | None]:
    if study.steps is None:
        return None, None
    last = study.steps[cluster.stop] - pd.Timedelta(days=1)
    if study.step == "generic":
        count = (pd.DatetimeIndex([study.steps[cluster.first], last]) - pd.Timestamp("1970-01-01")).days
        return str(count[0]), str(count[1])
    return study.steps[cluster.first].strftime("%Y-%m-%d"), last.strftime("%Y-%m-%d")


def gumbel_p(ratio: NDArray[np.float64], maxima: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return upper-tail p values of a Gumbel distribution with the mean and variance of the maxima; NaN for none."""
    if maxima.size < 2 or np.ptp(maxima) == 0.0:
        return np.full(ratio.shape, np.nan)
    scale = maxima.std(ddof=1) * np.sqrt(6.0) / np.pi
    place = maxima.mean() - EULER * scale
    return np.asarray(-np.expm1(-np.exp(-(ratio - place) / scale)))
