"""A continuous release followed downwind: concentrations at points, and the zone above a threshold."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InvalidInput
from geo.geodesic import GEOD
from tracing import plume_kernel as gauss
from tracing import surface_plume_kernel as surface
from tracing.stability import check_class

Array = NDArray[np.float64]

CALM_M_S = 1.0
MAX_DISTANCE_M = 10_000.0
MAX_TRAVEL_S = 3_600.0
NEAR_M = 100.0
NO_LID_M = 1_000.0
# Lateral time scale of surface releases: Draxler (1976), doi:10.1016/0004-6981(76)90226-2. Of several schemes it came
# nearest to measured spreads in Irwin (1983), doi:10.1175/1520-0450(1983)022<0092:EPDACO>2.0.CO;2.
DRAXLER_SURFACE_S = 300.0
_BASE_MINUTES = 10.0
_AVERAGING_EXPONENT = 0.2
_TERRAIN_ZH = {"rural": "开阔地", "urban": "城市"}
_LEAST_ROUGHNESS_M = 1e-5
_OPEN_COUNTRY_M = 0.03


@dataclass(frozen=True)
class Release:
    """Where and how much: lon, lat in degrees, rate in g/s, height in m above the ground."""

    lon: float
    lat: float
    rate_g_s: float
    height_m: float

    def __post_init__(self) -> None:
        """Refuse a place or a rate that cannot be."""
        if not (-180.0 <= self.lon <= 180.0 and -85.0 <= self.lat <= 85.0):
            raise InvalidInput(f"lon {self.lon:g}, lat {self.lat:g}: give degrees, -180 to 180 and -85 to 85")
        if not 0.0 < self.rate_g_s < np.inf:
            raise InvalidInput(f"rate_g_s {self.rate_g_s:g}: give a release rate above 0 g/s")
        if not 0.0 <= self.height_m <= 300.0:
            raise InvalidInput(f"height {self.height_m:g} m: give a release height of 0 to 300 m above the ground")


@dataclass(frozen=True)
class Air:
    """The air: wind (m/s at `wind_height_m`, degrees from where) and its stability.

    Either `stability` (A to F), or `obukhov_m` (m) with `ustar_m_s` (m/s), the on-site values; then `sigma_azimuth_deg`
    is the standard deviation of the wind's direction over the averaging time. `mixing_height_m` is None for no lid.
    """

    wind_speed_m_s: float
    wind_from_deg: float
    wind_height_m: float = 10.0
    stability: str | None = None
    obukhov_m: float | None = None
    ustar_m_s: float | None = None
    sigma_azimuth_deg: float | None = None
    mixing_height_m: float | None = None

    def __post_init__(self) -> None:
        """Refuse weather that the plume models do not cover."""
        if not self.wind_speed_m_s >= CALM_M_S:
            raise InvalidInput(
                f"wind speed {self.wind_speed_m_s:g} m/s: below 1 m/s the gas drifts in no settled direction and "
                "a plume model does not hold; take the reach at 1 m/s as a circle around the source until wind sets in"
            )
        _within("wind speed", self.wind_speed_m_s, 1.0, 60.0, "m/s")
        _within("wind_from", self.wind_from_deg, 0.0, 360.0, "degrees")
        _within("wind_height", self.wind_height_m, 0.5, 300.0, "m")
        if self.mixing_height_m is not None:
            _within("mixing_height", self.mixing_height_m, 10.0, 5_000.0, "m")
        if self.sigma_azimuth_deg is not None:
            _within("sigma_azimuth", self.sigma_azimuth_deg, 0.5, 60.0, "degrees")
        if (self.obukhov_m is None) != (self.ustar_m_s is None):
            raise InvalidInput("obukhov and ustar belong together: give both, or a stability class")
        if (self.stability is None) == (self.obukhov_m is None):
            raise InvalidInput("give either a stability class (A to F) or obukhov with ustar, not both")
        if self.ustar_m_s is not None:
            _within("ustar", self.ustar_m_s, 0.01, 3.0, "m/s")
        if self.obukhov_m is not None and not abs(self.obukhov_m) >= 1.0:
            raise InvalidInput(f"obukhov {self.obukhov_m:g} m: give a length of at least 1 m, negative by day")


def _within(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"{name} {value:g} {unit}: give {low:g} to {high:g} {unit}")


@dataclass(frozen=True)
class Plume:
    """A stationary plume.

    `integrated(x, z)` is the crosswind-integrated concentration per unit emission (s m-2), `spread(x)` the crosswind
    standard deviation (m); x (m) downwind above zero, z (m) above the ground. `limit_m` is where the model ends (10 km
    or one hour's travel).
    """

    release: Release
    air: Air
    integrated: Callable[[Array, Array], Array]
    spread: Callable[[Array], Array]
    limit_m: float
    model_zh: str
    model_en: str
    warnings: tuple[str, ...] = ()

    def concentration(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
        """Return the concentration (mg m-3) at x downwind, y across and z above ground (m); zero upwind."""
        along, across, up = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (x, y, z)))
        out = np.where(np.isfinite(along + across + up), 0.0, np.nan)
        hit = along > 0.0
        per_area = self.integrated(along[hit], up[hit]) * gauss.crosswind(across[hit], self.spread(along[hit]))
        out[hit] = self.release.rate_g_s * 1e3 * per_area
        return out


def continuous_plume(release: Release, air: Air, *, terrain: str = "rural", averaging_min: float = 10.0) -> Plume:
    """Return the plume of a steady release.

    With a class: Gaussian, Briggs's spreads in open country ("rural") or a town ("urban"). With the Obukhov length and
    u*: vertical spread by a K-theory march in similarity profiles (Gryning et al. 1983, doi:10.1002/qj.49710946010),
    crosswind spread from the wind's direction (Draxler 1976). A wind below 1 m/s is refused.

    Parameters
    ----------
    averaging_min : float, minutes
        Time over which the concentration is a mean, 3 to 60. Class spreads hold for 10 and grow with the power 0.2 of
        the time (Gifford 1975); with `sigma_azimuth_deg` that number's own averaging time counts.

    Raises
    ------
    InvalidInput
        An argument out of range; the message names it.
    """
    _within("averaging", averaging_min, 3.0, 60.0, "min")
    if terrain not in gauss.TERRAINS:
        raise InvalidInput(f"terrain {terrain!r}: use one of {', '.join(gauss.TERRAINS)}")
    if air.mixing_height_m is not None and release.height_m >= air.mixing_height_m:
        raise InvalidInput(
            f"height {release.height_m:g} m is above the mixing height {air.mixing_height_m:g} m: the gas stays aloft; "
            "leave the mixing height out or lower the release"
        )
    widen = (averaging_min / _BASE_MINUTES) ** _AVERAGING_EXPONENT
    if air.stability is not None:
        return _class_plume(release, replace(air, stability=check_class(air.stability)), terrain, widen)
    return _surface_plume(release, air, widen)


def _class_plume(release: Release, air: Air, terrain: str, widen: float) -> Plume:
    stability = air.stability or "D"
    speed = air.wind_speed_m_s
    if release.height_m > air.wind_height_m:
        exponent = gauss.WIND_EXPONENT[terrain][gauss.CLASSES.index(stability)]
        speed *= (release.height_m / air.wind_height_m) ** exponent
    lid = np.inf if air.mixing_height_m is None else air.mixing_height_m

    def integrated(x: Array, z: Array) -> Array:
        return gauss.vertical(z, gauss.sigma_z(x, stability, terrain), release.height_m, lid) / speed

    def spread(x: Array) -> Array:
        if air.sigma_azimuth_deg is not None:
            return _draxler(x, x / speed, air.sigma_azimuth_deg)
        return gauss.sigma_y(x, stability, terrain) * widen

    return Plume(
        release,
        air,
        integrated,
        spread,
        min(MAX_DISTANCE_M, speed * MAX_TRAVEL_S),
        f"高斯烟羽，Briggs {_TERRAIN_ZH[terrain]}扩散参数，稳定度 {stability}，输送风速 {speed:.1f} m/s",
        f"Gaussian plume, Briggs {terrain} spreads, class {stability}, transport wind {speed:.1f} m/s",
    )


def _surface_plume(release: Release, air: Air, widen: float) -> Plume:
    obukhov, ustar = air.obukhov_m or 0.0, air.ustar_m_s or 0.0
    lid = air.mixing_height_m or max(NO_LID_M, 3.0 * release.height_m)
    wanted = surface.roughness_m(air.wind_speed_m_s, air.wind_height_m, ustar, obukhov)
    # Where no plausible roughness joins wind and u*, open country gives the profile's shape, scaled to the wind.
    roughness = wanted if _plausible(wanted, air) else _OPEN_COUNTRY_M
    at_mast = float(surface.wind_profile(np.array(air.wind_height_m), ustar, obukhov, roughness))
    scale = air.wind_speed_m_s / at_mast
    marched = surface.march(release.height_m, ustar, obukhov, roughness=roughness, lid=lid, speed_scale=scale)
    arrival = np.cumsum(np.diff(marched.x, prepend=0.0) / marched.transport)
    theta = air.sigma_azimuth_deg or _sigma_azimuth(air, lid) * widen

    def spread(x: Array) -> Array:
        return _draxler(x, np.interp(x, marched.x, arrival), theta)

    return Plume(
        release,
        air,
        lambda x, z: surface.at_points(marched, x, z),
        spread,
        float(np.interp(MAX_TRAVEL_S, arrival, marched.x)),
        f"近地层 K 理论烟羽，L {obukhov:g} m，u* {ustar:g} m/s，风向标准差 {theta:.1f}°，粗糙度 {roughness:.2g} m",
        f"surface-layer K-theory plume, L {obukhov:g} m, u* {ustar:g} m/s, sigma of azimuth {theta:.1f} degrees, "
        f"roughness {roughness:.2g} m",
        _profile_warnings(release, lid, fits=_plausible(wanted, air)),
    )


def _plausible(roughness: float, air: Air) -> bool:
    """Return whether a roughness length (m) may be: a mast stands well above what makes the ground rough."""
    return _LEAST_ROUGHNESS_M <= roughness <= air.wind_height_m / 20.0


def _profile_warnings(release: Release, lid: float, *, fits: bool) -> tuple[str, ...]:
    found = []
    if not fits:
        found.append(
            "风速、测风高度与 u*、L 不一致，风廓线按测得风速缩放，请核对 --wind-height / "
            "wind speed and its height do not fit u* and L: the profile was scaled to the wind; check --wind-height"
        )
    if release.height_m > 0.1 * lid:
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
