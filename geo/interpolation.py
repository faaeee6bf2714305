"""From values at stations to a surface: inverse distance, ordinary kriging, kriging with external drift.

Distances are straight lines through the WGS 84 ellipsoid, which are shorter than geodesics by less than 0.01 % within
400 km and need no projection; covariance models that are valid in space stay valid on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from threadpoolctl import threadpool_limits

from geo import idw_kernel, kriging_kernel
from geo.errors import InvalidInput, NotConverged
from geo.grid_over import Grid
from geo.sites import Sites, to_xyz
from geo.variogram_kernel import MODELS, Lags, Variogram, candidates, empirical

Array = NDArray[np.float64]
Method = Literal["auto", "idw", "kriging"]
Transform = Literal["none", "log"]
Drift = Callable[[Array, Array], Array]

FEWEST_FOR_VARIOGRAM = 10
FEWEST = 3


@dataclass(frozen=True)
class Options:
    """How to interpolate.

    `method` "auto" is kriging where a variogram can be fitted, else inverse distance; `model` "auto" is the model under
    which the stations tell each other best; `variogram` is taken as it is; `drift` maps names to functions of (lon,
    lat); `floor` is the lowest value that can be. `transform` "log" kriges the logarithms of skewed values (all above
    0): probabilities are then lognormal; the surface is their mean, scaled so that leave-one-out has no bias.

    References
    ----------
    Journel, A. G., and Huijbregts, C. J. (1978), Mining Geostatistics, section VIII.B.2; Saito, H., and Goovaerts, P.
    (2000), doi:10.1021/es991450y.
    """

    method: Method = "auto"
    model: str = "auto"
    variogram: Variogram | None = None
    drift: Mapping[str, Drift] = field(default_factory=dict)
    power: float = 2.0
    floor: float | None = 0.0
    transform: Transform = "none"


@dataclass(frozen=True)
class Check:
    """Leave-one-out: value minus what the other stations say, `residual` (station,); its `sd`, where it is known."""

    residual: Array
    sd: Array | None

    @property
    def mean_error(self) -> float:
        """Mean residual: 0 where nothing is biased."""
        return float(self.residual.mean())

    @property
    def rmse(self) -> float:
        """Root mean squared residual."""
        return float(np.sqrt((self.residual**2).mean()))

    @property
    def standardised(self) -> tuple[float, float]:
        """Mean and root mean square of residual / sd: 0 and 1 where the variances are right; NaN without them."""
        if self.sd is None:
            return np.nan, np.nan
        share = self.residual / self.sd
        return float(share.mean()), float(np.sqrt((share**2).mean()))


@dataclass(frozen=True)
class Surface:
    """A surface on the nodes of a grid, shape (y, x), NaN where it is not wanted.

    `sd` is the kriging standard deviation, None for inverse distance. `sites` are the stations that counted. With the
    log transform `logs` are mean and standard deviation of the logarithms, and the variogram is theirs.
    """

    grid: Grid
    value: Array
    sd: Array | None
    sites: Sites
    method: Literal["idw", "kriging", "drift"]
    check: Check
    variogram: Variogram | None = None
    lags: Lags | None = None
    coefficients: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    logs: tuple[Array, Array] | None = None

    def quantile(self, share: float) -> Array:
        """Return the value that the truth stays below with a probability (0..1), errors normal (or those of logs).

        Raises
        ------
        InvalidInput
            The surface has no standard deviation.
        """
        if self.sd is None:
            raise InvalidInput("inverse distance knows no error: use kriging for probabilities")
        if self.logs is not None:
            return np.asarray(np.exp(self.logs[0] + ndtri(share) * self.logs[1]))
        return np.asarray(self.value + ndtri(share) * self.sd)

    def chance_above(self, level: float) -> Array:
        """Return the probability (0..1) of being above a level, errors normal; NaN where there is no surface.

        Raises
        ------
        InvalidInput
            The surface has no standard deviation.
        """
        if self.sd is None:
            raise InvalidInput("inverse distance knows no error: use kriging for probabilities")
        middle, spread, limit = self.value, self.sd, level
        if self.logs is not None:
            (middle, spread), limit = self.logs, np.log(level) if level > 0.0 else -np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (middle - limit) / spread
        share = np.where(spread > 0.0, share, np.where(middle > limit, np.inf, -np.inf))
        return np.where(np.isnan(self.value), np.nan, ndtr(share))


def interpolate(sites: Sites, grid: Grid, options: Options | None = None) -> Surface:
    """Return the surface of the stations' values on the wanted nodes of a grid.

    Parameters
    ----------
    sites : Sites
        Distinct places with values, see `geo.sites.clean`.
    grid : Grid
    options : Options, optional

    Raises
    ------
    InvalidInput
        Too few stations for what is asked, a drift that is not known everywhere or that is constant.
    NotConverged
        The kriging system cannot be solved.
    """
    options = Options() if options is None else options
    _check(sites, options)
    # One thread: on these sizes BLAS threads gain little, and lose seconds where other work shares the cores.
    with threadpool_limits(limits=1, user_api="blas"):
        why_not = _why_not_kriging(sites, options)
        if options.method == "idw" or why_not:
            return _inverse_distance(sites, grid, options, tuple(why_not))
        return _log_kriging(sites, grid, options) if options.transform == "log" else _kriging(sites, grid, options)


def _log_kriging(sites: Sites, grid: Grid, options: Options) -> Surface:
    """Return the surface of kriged logarithms, turned back into values."""
    found = _kriging(replace(sites, values=np.log(sites.values)), grid, replace(options, floor=None, transform="none"))
    told = found.check
    if found.sd is None or told.sd is None:
        raise NotConverged("kriging of logarithms gave no standard deviation")
    left_out = np.log(sites.values) - told.residual
    raised = np.exp(left_out + 0.5 * told.sd**2)
    # Kriged variances of logarithms are never exact: one factor makes the stations' mean come out right.
    factor = float(sites.values.mean() / raised.mean())
    value = factor * np.exp(found.value + 0.5 * found.sd**2)
    check = Check(sites.values - factor * raised, factor * raised * np.sqrt(np.expm1(told.sd**2)))
    note = (
        f"对数克里金：概率按对数正态，均值乘以 {factor:.3f} 消除偏差 / kriging of logarithms: lognormal "
        f"probabilities, the mean times {factor:.3f} to be unbiased"
    )
    return replace(
        found,
        value=value,
        sd=value * np.sqrt(np.expm1(found.sd**2)),
        sites=sites,
        check=check,
        notes=(note, *found.notes),
        logs=(found.value, found.sd),
    )


def _check(sites: Sites, options: Options) -> None:
    count = len(sites.values)
    if count < FEWEST:
        raise InvalidInput(f"{count} station(s) with a value make no surface: at least {FEWEST} are needed")
    if options.model not in ("auto", *MODELS):
        raise InvalidInput(f"variogram model {options.model!r}; use auto, {', '.join(MODELS)}")
    if not 0.0 < options.power <= 10.0:
        raise InvalidInput(f"power {options.power:g}: give a number above 0, at most 10")
    if options.transform == "log" and options.method == "idw":
        raise InvalidInput("inverse distance takes no log transform: use kriging")
    if options.transform == "log" and (sites.values <= 0.0).any():
        low = int((sites.values <= 0.0).sum())
        raise InvalidInput(f"{low} values are 0 or below and have no logarithm: leave the log transform out")
    if options.method == "idw" and options.drift:
        raise InvalidInput("inverse distance takes no drift: use kriging, or leave the drift out")
    need = FEWEST_FOR_VARIOGRAM + len(options.drift)
    if options.method == "kriging" and options.variogram is None and count < need:
        raise InvalidInput(
            f"{count} stations are too few to fit a variogram ({need} are needed): use inverse distance (idw), or give "
            "nugget, sill and range"
        )
    given = options.variogram
    if given is not None and not (
        given.nugget >= 0.0 and given.partial_sill >= 0.0 and 0.0 < given.sill < np.inf and 0.0 < given.range_m < np.inf
    ):
        raise InvalidInput("a variogram needs a nugget of 0 or more, a sill above it, and a range above 0")


def _why_not_kriging(sites: Sites, options: Options) -> list[str]:
    """Return why inverse distance is taken instead; empty where kriging can be."""
    count = len(sites.values)
    if np.ptp(sites.values) == 0.0:
        value = sites.values[0]
        return [
            f"{count} 个站点的值都等于 {value:g}，无法拟合变差函数；表面即为该值，不确定性未知 / "
            f"all {count} values are "
            f"{value:g}: no variogram can be fitted, the surface is that value and its uncertainty is not known"
        ]
    need = FEWEST_FOR_VARIOGRAM + len(options.drift)
    if options.method == "auto" and options.variogram is None and count < need and not options.drift:
        return [
            f"{count} 个站点不足以拟合变差函数（需 {need} 个），改用反距离加权，不确定性未知 / "
            f"{count} stations are too few to "
            f"fit a variogram ({need} are needed): inverse distance is used, without uncertainty"
        ]
    if count < need and options.variogram is None:
        raise InvalidInput(f"{count} stations are too few for a variogram with drift: {need} are needed")
    return []


def _inverse_distance(sites: Sites, grid: Grid, options: Options, notes: tuple[str, ...]) -> Surface:
    places = sites.xyz()
    value = grid.scatter(idw_kernel.predict(places, sites.values, to_xyz(*grid.nodes()), options.power))
    residual = idw_kernel.leave_one_out(places, sites.values, options.power)
    return Surface(grid, value, None, sites, "idw", Check(residual, None), notes=notes)


def _kriging(sites: Sites, grid: Grid, options: Options) -> Surface:
    places, (lon, lat) = sites.xyz(), grid.nodes()
    trend, centre, scale = _trend_at_sites(sites, options)
    columns = [np.ones(len(lon)), *(_scaled(f(lon, lat), c, s, n) for (n, f), c, s in _drifts(options, centre, scale))]
    try:
        variogram, lags, notes = _variogram(places, sites.values, trend, options)
        ready = kriging_kernel.system(places, sites.values, trend, variogram)
        value, variance = kriging_kernel.predict(ready, to_xyz(lon, lat), np.column_stack(columns))
        residual, error = kriging_kernel.leave_one_out(ready)
    except np.linalg.LinAlgError as problem:
        raise NotConverged(
            f"the kriging system of {len(lon)} places cannot be solved ({problem}): use the exponential model, a "
            "larger "
            "nugget, or inverse distance (idw)"
        ) from problem
    if options.floor is not None:
        notes += _below(value, options.floor)
        value = np.maximum(value, options.floor)
    slopes = {name: float(b / s) for name, b, s in zip(options.drift, ready.coefficients[1:], scale, strict=True)}
    return Surface(
        grid,
        grid.scatter(value),
        grid.scatter(np.sqrt(variance)),
        sites,
        "drift" if options.drift else "kriging",
        Check(residual, np.sqrt(error)),
        variogram,
        lags,
        slopes,
        tuple(notes),
    )


def _drifts(options: Options, centre: Array, scale: Array):
    return zip(options.drift.items(), centre, scale, strict=True)


def _trend_at_sites(sites: Sites, options: Options) -> tuple[Array, Array, Array]:
    """Return the trend columns at the stations, standardised, and by what."""
    raw = [np.asarray(drift(sites.lon, sites.lat), dtype=np.float64) for drift in options.drift.values()]
    for name, column in zip(options.drift, raw, strict=True):
        if np.isnan(column).any():
            raise InvalidInput(f"drift {name} is not known at {int(np.isnan(column).sum())} stations: use one that is")
        if np.ptp(column) == 0.0:
            raise InvalidInput(f"drift {name} is {column[0]:g} at every station: it explains nothing, leave it out")
    centre, scale = np.array([c.mean() for c in raw]), np.array([c.std() for c in raw])
    columns = [(c - m) / s for c, m, s in zip(raw, centre, scale, strict=True)]
    trend = np.column_stack([np.ones(len(sites.values)), *columns])
    if np.linalg.matrix_rank(trend, tol=1e-6 * np.sqrt(len(trend))) < trend.shape[1]:
        raise InvalidInput(f"drifts {', '.join(options.drift)} say the same at the stations: leave one of them out")
    return trend, centre, scale


def _scaled(column: Array, centre: float, scale: float, name: str) -> Array:
    missing = np.isnan(column).sum()
    if missing:
        raise InvalidInput(
            f"drift {name} is not known at {missing} of {len(column)} grid nodes: use one that covers all"
        )
    return np.asarray((column - centre) / scale)


def _variogram(places: Array, values: Array, trend: Array, options: Options) -> tuple[Variogram, Lags, list[str]]:
    """Return the variogram of what the trend leaves, given or fitted; what the trend leaves is found twice."""
    rest = values - trend @ np.linalg.lstsq(trend, values, rcond=None)[0]
    lags = empirical(places, rest)
    if options.variogram is not None:
        return options.variogram, lags, []
    models = MODELS if options.model == "auto" else (options.model,)
    found = kriging_kernel.best_of(places, values, trend, candidates(lags, models))
    if options.drift:
        ready = kriging_kernel.system(places, values, trend, found)
        lags = empirical(places, values - trend @ ready.coefficients)
        found = kriging_kernel.best_of(places, values, trend, candidates(lags, models))
    notes = []
    if found.partial_sill <= 1e-9 * found.sill:
        notes.append(
            "变差函数为纯块金：站点之间看不出空间相关，表面即为平均值 / the variogram is pure nugget: no spatial "
            "correlation is seen between stations, the surface is their mean"
        )
    elif found.range_m > 1.5 * lags.distance_m.max():
        notes.append(
            "变差函数在所及距离内未达到基台，远处存在趋势；可加漂移 / "
            "the variogram does not level off within reach: there is "
            "a trend, a drift may help"
        )
    return found, lags, notes


def _below(value: Array, floor: float) -> list[str]:
    below = int((value < floor).sum())
    if not below:
        return []
    share = 100.0 * below / len(value)
    return [
        f"{share:.1f}% 的网格值低于 {floor:g}，按 {floor:g} 计 / "
        f"{share:.1f} % of the nodes came out below {floor:g} and "
        f"count as {floor:g}"
    ]
