"""Kulldorff's scan: where and when cases gather more than chance would have it."""

from collections.abc import Callable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.errors import InvalidInput
from geo.geodesic import circle
from tracing.scan_kernel import best_of_centres
from tracing.scan_simulation import Setting, maxima
from tracing.scan_study import STEP_DAYS, Study, Zones, distances, longest_window, make_zones

RESULT_COLUMNS = (
    "rank members start end cases expected llr p_value recurrence_days p_gumbel n_places centre radius_km relative_risk"
)
EULER = 0.5772156649015329


@dataclass(frozen=True)
class Options:
    """Which cylinders are tried and how often chance is asked.

    Attributes
    ----------
    max_share : largest share of the measure in a zone, 0 to 1
    max_days : longest cylinder, days; None for 7 with daily steps, else half the study
    max_radius : largest radius, km, or the unit of Cartesian coordinates
    prospective : only cylinders that reach the last step
    replications : studies drawn under the null hypothesis
    seed : of those draws
    """

    max_share: float = 0.5
    max_days: float | None = None
    max_radius: float | None = None
    prospective: bool = False
    replications: int = 999
    seed: int = 1


DEFAULT = Options()
# Computes the maxima of the replications: setting, seed, how many.
Runner = Callable[[Setting, int, int], NDArray[np.float64]]


@dataclass(frozen=True)
class Cluster:
    """One cylinder: the row of its centre, its places, its steps [first, stop), its ratio and radius."""

    centre: int
    places: NDArray[np.int32]
    first: int
    stop: int
    ratio: float
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
        - `llr` : log-likelihood ratio, `p_value` = (1 + replications with as high a maximum) / (replications + 1)
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
    Abrams, Kleinman and Kulldorff 2010, doi:10.1186/1476-072X-9-61
    """
    if options.replications < 0:
        raise InvalidInput(f"--replications {options.replications}: give 0 or more")
    if options.prospective and study.step is None:
        raise InvalidInput("--prospective needs times: name their column with --time")
    zones = make_zones(study, max_share=options.max_share, max_radius=options.max_radius)
    setting = Setting.of(study, zones, longest_window(study, options.max_days), prospective=options.prospective)
    found = _separate(_best(setting, zones, study))
    numbers = (run or maxima)(setting, options.seed, options.replications)
    return _table(study, found, numbers, options)


def _best(setting: Setting, zones: Zones, study: Study) -> list[Cluster]:
    ratio, where = best_of_centres(
        setting.cases, setting.measure, zones.order, zones.ends, setting.longest, setting.prospective, setting.model
    )
    clusters = [
        Cluster(centre, zones.order[centre, :k], first, stop, float(ratio[centre]), float(zones.radius[centre, k - 1]))
        for centre, (k, first, stop) in enumerate(where.tolist())
        if k > 0
    ]
    xy = study.places[["x", "y"]].to_numpy(dtype=float)
    # Ten digits: centres whose zones are equal sort by their place on the map, not by rounding.
    return sorted(clusters, key=lambda c: (-float(f"{c.ratio:.10g}"), c.radius, *xy[c.centre]))


def _separate(clusters: list[Cluster]) -> list[Cluster]:
    taken: set[int] = set()
    kept = []
    for cluster in clusters:
        members = set(cluster.places.tolist())
        if not members & taken:
            kept.append(cluster)
            taken |= members
    return kept


def _table(study: Study, found: list[Cluster], numbers: NDArray[np.float64], options: Options) -> gpd.GeoDataFrame:
    ranks = [1 + int((numbers >= cluster.ratio * (1.0 - 1e-10)).sum()) for cluster in found]
    shown = [(c, rank) for k, (c, rank) in enumerate(zip(found, ranks, strict=True)) if k == 0 or rank <= numbers.size]
    if numbers.size == 0:
        shown = [(cluster, 1) for cluster in found]
    rows = [_row(study, cluster) for cluster, _ in shown]
    table = pd.DataFrame(rows, columns=[name for name in RESULT_COLUMNS.split() if name not in _CHANCE])
    table["rank"] = np.arange(1, len(shown) + 1)
    p = np.array([rank / (numbers.size + 1) if numbers.size else np.nan for _, rank in shown])
    table["p_value"], table["p_gumbel"] = p, gumbel_p(table["llr"].to_numpy(dtype=float), numbers)
    days = STEP_DAYS[study.step] if options.prospective and study.step is not None else np.nan
    table["recurrence_days"] = days / p
    shapes = gpd.GeoSeries([_shape(study, cluster) for cluster, _ in shown], crs="EPSG:4326")
    out = gpd.GeoDataFrame(table[RESULT_COLUMNS.split()], geometry=shapes, crs="EPSG:4326")
    out.attrs["warnings"] = list(study.notes)
    return out


_CHANCE = ("rank", "p_value", "p_gumbel", "recurrence_days")


def _row(study: Study, cluster: Cluster) -> dict[str, object]:
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
        "centre": str(ids[cluster.centre]),
        "radius_km": cluster.radius,
        "start": start,
        "end": end,
        "cases": int(cases),
        "expected": expected,
        "relative_risk": cases / expected / outside if outside > 0.0 else np.nan,
        "llr": cluster.ratio,
    }


def _by_number(text: str) -> tuple[int, str]:
    return (int(text) if text.isdecimal() else -1, text)


def _period(study: Study, cluster: Cluster) -> tuple[str | None, str | None]:
    if study.steps is None:
        return None, None
    last = study.steps[cluster.stop] - pd.Timedelta(days=1)
    return study.steps[cluster.first].strftime("%Y-%m-%d"), last.strftime("%Y-%m-%d")


def _shape(study: Study, cluster: Cluster) -> shapely.Geometry | None:
    away = np.delete(distances(study, cluster.centre), cluster.places)
    drawn = cluster.radius + (away.min() - cluster.radius) / 2.0 if away.size else cluster.radius * 1.05
    x, y = (float(study.places[axis].iloc[cluster.centre]) for axis in ("x", "y"))
    if not study.cartesian:
        return circle(x, y, drawn * 1000.0, vertices=72)
    places = study.places
    if not (places.attrs.get("lonlat") and places["x"].abs().max() <= 180.0 and places["y"].abs().max() <= 90.0):
        return None
    return shapely.Point(x, y).buffer(drawn, quad_segs=18)


def gumbel_p(ratio: NDArray[np.float64], maxima: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return upper-tail p values of a Gumbel distribution with the mean and variance of the maxima; NaN for none."""
    if maxima.size < 2 or np.ptp(maxima) == 0.0:
        return np.full(ratio.shape, np.nan)
    scale = maxima.std(ddof=1) * np.sqrt(6.0) / np.pi
    place = maxima.mean() - EULER * scale
    return np.asarray(-np.expm1(-np.exp(-(ratio - place) / scale)))
