"""A release followed downwind in a steady wind: concentrations at points."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InvalidInput
from geo.geodesic import GEOD
from tracing import plume_kernel as gauss
from tracing import puff_kernel as puff
from tracing import surface_plume_kernel as surface
from tracing.plume_rise import Rise, briggs_rise
from tracing.release import CALM_M_S, Air, Release, check_lid, within
from tracing.stability import check_class, class_from_obukhov

Array = NDArray[np.float64]

MAX_DISTANCE_M = 10_000.0
MAX_TRAVEL_S = 3_600.0
NEAR_M = 100.0
NO_LID_M = 1_000.0
# Lateral time scale of surface releases: Draxler (1976), doi:10.1016/0004-6981(76)90226-2. Of several schemes it came
# nearest to measured spreads in Irwin (1983), doi:10.1175/1520-0450(1983)022<0092:EPDACO>2.0.CO;2.
DRAXLER_SURFACE_S = 300.0
_BASE_MINUTES = 10.0
_AVERAGING_EXPONENT = 0.2
TERRAIN_ZH = {"rural": "开阔地", "urban": "城市"}
_KIND_ZH = {"plume": "烟羽", "cloud": "有限时段云团", "puff": "烟团"}
_LEAST_ROUGHNESS_M = 1e-5
_OPEN_COUNTRY_M = 0.03


@dataclass(frozen=True)
class PlumeOptions:
    """How to compute.

    Attributes
    ----------
    terrain : "rural" (open country) or "urban"
    averaging_min : minutes, 3 to 60
        Time over which the concentration is a mean. Class spreads hold for 10 and grow with the power 0.2 of the time
        (Gifford 1975); with a standard deviation of the wind's direction that number's own averaging time counts.
    half_life_min : minutes in which half of the gas decays; None where it does not
    buoyancy : m4/s3, buoyancy flux of a hot release, see `tracing.plume_rise`
    air_c : air temperature, degrees Celsius
    """

    terrain: str = "rural"
    averaging_min: float = 10.0
    half_life_min: float | None = None
    buoyancy: float = 0.0
    air_c: float = 20.0

    def __post_init__(self) -> None:
        """Refuse what the models do not cover."""
        if self.terrain not in gauss.TERRAINS:
            raise InvalidInput(f"terrain {self.terrain!r}: use one of {', '.join(gauss.TERRAINS)}")
        within("averaging", self.averaging_min, 3.0, 60.0, "min")
        if self.half_life_min is not None:
            within("half-life", self.half_life_min, 0.1, 1e6, "min")
        within("buoyancy flux", self.buoyancy, 0.0, 1e5, "m4/s3")

    @property
    def widen(self) -> float:
        """The factor on spreads that hold for ten minutes."""
        return float((self.averaging_min / _BASE_MINUTES) ** _AVERAGING_EXPONENT)

    @property
    def half_life_s(self) -> float | None:
        """The half-life in seconds."""
        return None if self.half_life_min is None else self.half_life_min * 60.0


DEFAULT = PlumeOptions()


@dataclass(frozen=True)
class Plume:
    """A plume in a steady wind, or the cloud that a short release sends along it.

    `integrated(x, z)` is the crosswind-integrated concentration per unit emission (s m-2), `spread(x)` the crosswind
    standard deviation (m), `transport(x)` the gas's mean speed (m/s) and `arrival(x)` its travel time (s); x (m)
    downwind above zero, z (m) above the ground. `limit_m` is where the model ends (10 km or one hour's travel).
    """

    release: Release
    air: Air
    integrated: Callable[[Array, Array], Array]
    spread: Callable[[Array], Array]
    transport: Callable[[Array], Array]
    arrival: Callable[[Array], Array]
    limit_m: float
    model_zh: str
    model_en: str
    warnings: tuple[str, ...] = ()
    half_life_s: float | None = None

    def concentration(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
        """Return the highest concentration (mg m-3) at x downwind, y across and z above ground (m); zero upwind."""
        return self._at(x, y, z, self._peak)

    def at_time(self, x: ArrayLike, y: ArrayLike, z: ArrayLike, time_s: float) -> Array:
        """Return the concentration (mg m-3) so many seconds after the release began."""
        return self._at(x, y, z, lambda along: self._now(along, time_s))

    def beyond(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which points downwind lie farther than the model holds."""
        return np.asarray(x, dtype=float) > self.limit_m

    def axis(self, x: Array, z: float) -> Array:
        """Return the highest concentration (mg m-3) on the axis at x (m, above zero) and one height (m)."""
        return self.concentration(x, np.zeros_like(x), np.full_like(x, z))

    def _at(self, x: ArrayLike, y: ArrayLike, z: ArrayLike, amount: Callable[[Array], Array]) -> Array:
        along, across, up = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (x, y, z)))
        out = np.where(np.isfinite(along + across + up), 0.0, np.nan)
        hit = along > 0.0
        per_area = self.integrated(along[hit], up[hit]) * gauss.crosswind(across[hit], self.spread(along[hit]))
        out[hit] = amount(along[hit]) * 1e3 * per_area
        return out

    def _peak(self, x: Array) -> Array:
        """Return the emission (g/s) of the steady plume that is as dense as this one ever gets at x."""
        strength = self.release.strength_g_s * self._left(x)
        if self.release.at_once:
            return strength * puff.puff_factor(x, self.transport(x))
        if self.release.duration_s is None:
            return strength
        return strength * puff.peak_share(x, self.transport(x), self.release.duration_s)

    def _now(self, x: Array, time_s: float) -> Array:
        strength = self.release.strength_g_s * self._left(x)
        # The mean speed up to x, so that the cloud is where its travel time says.
        speed = x / np.maximum(self.arrival(x), 1e-9)
        if self.release.at_once:
            passed = gauss.crosswind(x - speed * time_s, np.maximum(puff.sigma_x(x), 1e-12))
            return strength * self.transport(x) * passed
        return strength * puff.share_at(x, speed, self.release.duration_s or np.inf, time_s)

    def _left(self, x: Array) -> Array:
        """Return the share that has not decayed on the way to x."""
        return np.ones_like(x) if self.half_life_s is None else np.exp2(-self.arrival(x) / self.half_life_s)


def release_plume(release: Release, air: Air, options: PlumeOptions = DEFAULT) -> Plume:
    """Return the plume of a release in a steady wind of 1 m/s or more.

    With a class: Gaussian, Briggs's spreads in open country ("rural") or a town ("urban"). With the Obukhov length and
    u*: vertical spread by a K-theory march in similarity profiles (Gryning et al. 1983, doi:10.1002/qj.49710946010),
    crosswind spread from the wind's direction (Draxler 1976). A release that ends is a passing cloud, see
    `tracing.puff_kernel`: the shorter it is, the less the wind's meandering widens it.

    Raises
    ------
    InvalidInput
        An argument out of range; the message names it. A wind below 1 m/s: see `tracing.calm`.
    """
    within("wind speed", air.wind_speed_m_s, CALM_M_S, 60.0, "m/s")
    check_lid(release, air)
    if air.stability is not None:
        return _class_plume(release, replace(air, stability=check_class(air.stability)), options)
    return _surface_plume(release, air, options)


def meander(release: Release, options: PlumeOptions) -> float:
    """Return the factor on spreads across the wind that hold for the averaging time: a short cloud meanders less."""
    lasts = 0.0 if release.at_once else np.inf if release.duration_s is None else release.duration_s
    seconds = options.averaging_min * 60.0
    return float((np.clip(lasts, puff.SHORTEST_S, seconds) / seconds) ** _AVERAGING_EXPONENT)


def _class_plume(release: Release, air: Air, options: PlumeOptions) -> Plume:
    stability, terrain = air.stability or "D", options.terrain
    speed = wind_at(release.height_m, air, stability, terrain)
    lid = np.inf if air.mixing_height_m is None else air.mixing_height_m
    rise = briggs_rise(options.buoyancy, speed, stability, options.air_c)
    narrow = meander(release, options)

    def integrated(x: Array, z: Array) -> Array:
        # A plume that would pierce the lid is kept below it, on the safe side for those on the ground.
        height = np.minimum(release.height_m + rise.at(x), 0.99 * lid)
        return gauss.vertical(z, gauss.sigma_z(x, stability, terrain), height, lid) / speed

    def spread(x: Array) -> Array:
        if air.sigma_azimuth_deg is not None:
            return narrow * _draxler(x, x / speed, air.sigma_azimuth_deg)
        return gauss.sigma_y(x, stability, terrain) * (options.widen * narrow)

    return Plume(
        release,
        air,
        integrated,
        spread,
        lambda x: np.full_like(x, speed),
        lambda x: x / speed,
        min(MAX_DISTANCE_M, speed * MAX_TRAVEL_S),
        f"高斯{_KIND_ZH[_kind(release)]}，Briggs {TERRAIN_ZH[terrain]}扩散参数，稳定度 {stability}，"
        f"输送风速 {speed:.1f} m/s{_rise_zh(rise)}",
        f"Gaussian {_kind(release)}, Briggs {terrain} spreads, class {stability}, "
        f"transport wind {speed:.1f} m/s{_rise_en(rise)}",
        half_life_s=options.half_life_s,
    )


def wind_at(height_m: float, air: Air, stability: str, terrain: str) -> float:
    """Return the wind (m/s) at a height (m) above the mast by the power law of the class; the mast's below it."""
    if height_m <= air.wind_height_m:
        return air.wind_speed_m_s
    exponent = gauss.WIND_EXPONENT[terrain][gauss.CLASSES.index(stability)]
    return float(air.wind_speed_m_s * (height_m / air.wind_height_m) ** exponent)


def _kind(release: Release) -> str:
    return "puff" if release.at_once else "plume" if release.duration_s is None else "cloud"


def _rise_zh(rise: Rise) -> str:
    return f"，Briggs 抬升 {rise.final_m:.0f} m" if rise.final_m else ""


def _rise_en(rise: Rise) -> str:
    return f", Briggs rise {rise.final_m:.0f} m" if rise.final_m else ""


def _surface_plume(release: Release, air: Air, options: PlumeOptions) -> Plume:
    obukhov, ustar = air.obukhov_m or 0.0, air.ustar_m_s or 0.0
    wanted = surface.roughness_m(air.wind_speed_m_s, air.wind_height_m, ustar, obukhov)
    # Where no plausible roughness joins wind and u*, open country gives the profile's shape, scaled to the wind.
    roughness = wanted if _plausible(wanted, air) else _OPEN_COUNTRY_M
    at_mast = float(surface.wind_profile(np.array(air.wind_height_m), ustar, obukhov, roughness))
    scale = air.wind_speed_m_s / at_mast
    stability = class_from_obukhov(obukhov, roughness=roughness)
    rise = briggs_rise(options.buoyancy, air.wind_speed_m_s, stability, options.air_c)
    lid = air.mixing_height_m or max(NO_LID_M, 3.0 * (release.height_m + rise.final_m))
    height = min(release.height_m + rise.final_m, 0.9 * lid)
    marched = surface.march(height, ustar, obukhov, roughness=roughness, lid=lid, speed_scale=scale)
    arrival = np.cumsum(np.diff(marched.x, prepend=0.0) / marched.transport)
    theta = air.sigma_azimuth_deg or _sigma_azimuth(air, lid) * options.widen
    narrow = meander(release, options)

    def spread(x: Array) -> Array:
        return narrow * _draxler(x, np.interp(x, marched.x, arrival), theta)

    return Plume(
        release,
        air,
        lambda x, z: surface.at_points(marched, x, z),
        spread,
        lambda x: np.interp(x, marched.x, marched.transport),
        lambda x: np.interp(x, marched.x, arrival),
        float(np.interp(MAX_TRAVEL_S, arrival, marched.x)),
        f"近地层 K 理论{_KIND_ZH[_kind(release)]}，L {obukhov:g} m，u* {ustar:g} m/s，风向标准差 {theta:.1f}°，"
        f"粗糙度 {roughness:.2g} m{_rise_zh(rise)}",
        f"surface-layer K-theory {_kind(release)}, L {obukhov:g} m, u* {ustar:g} m/s, sigma of azimuth {theta:.1f} "
        f"degrees, roughness {roughness:.2g} m{_rise_en(rise)}",
        _profile_warnings(height, lid, fits=_plausible(wanted, air)),
        half_life_s=options.half_life_s,
    )


def _plausible(roughness: float, air: Air) -> bool:
    """Return whether a roughness length (m) may be: a mast stands well above what makes the ground rough."""
    return _LEAST_ROUGHNESS_M <= roughness <= air.wind_height_m / 20.0


def _profile_warnings(height: float, lid: float, *, fits: bool) -> tuple[str, ...]:
    found = []
    if not fits:
        found.append(
            "风速、测风高度与 u*、L 不一致，风廓线按测得风速缩放，请核对 --wind-height / "
            "wind speed and its height do not fit u* and L: the profile was scaled to the wind; check --wind-height"
        )
    if height > 0.1 * lid:
        found.append(
            "释放高度超出近地层，K 理论仅作参考 / the release is above the surface layer (a tenth of the mixing "
            "height): K theory is a rough guide there"
        )
    return tuple(found)


def _sigma_azimuth(air: Air, lid: float) -> float:
    """Return the wind direction's standard deviation (degrees) by similarity: Panofsky et al. (1977)."""
    obukhov, ustar = air.obukhov_m or 0.0, air.ustar_m_s or 0.0
    sigma_v = 1.92 * ustar if obukhov > 0.0 else ustar * np.cbrt(12.0 + 0.5 * lid / abs(obukhov))
    return float(np.degrees(np.arctan(sigma_v / air.wind_speed_m_s)))


def _draxler(x: Array, travel_s: Array, theta_deg: float) -> Array:
    return np.radians(theta_deg) * x / (1.0 + 0.9 * np.sqrt(travel_s / DRAXLER_SURFACE_S))


def downwind_from_east_north(east: ArrayLike, north: ArrayLike, wind_from_deg: float) -> tuple[Array, Array]:
    """Turn metres east and north of the source into metres downwind and across (left positive)."""
    toward = np.radians(wind_from_deg + 180.0)
    x, y = np.asarray(east, dtype=float), np.asarray(north, dtype=float)
    return x * np.sin(toward) + y * np.cos(toward), -x * np.cos(toward) + y * np.sin(toward)


def downwind_from_lonlat(lon: ArrayLike, lat: ArrayLike, release: Release, wind_from_deg: float) -> tuple[Array, Array]:
    """Turn positions (degrees) into geodesic metres downwind and across."""
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    azimuth, _, distance = GEOD.inv(np.full(x.shape, release.lon), np.full(x.shape, release.lat), x, y)
    angle = np.radians(azimuth)
    return downwind_from_east_north(distance * np.sin(angle), distance * np.cos(angle), wind_from_deg)
