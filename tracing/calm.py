"""A release in winds below 1 m/s: puffs that spread to all sides and drift with what wind there is."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracing import calm_kernel as kernel
from tracing.plume import DEFAULT, MAX_DISTANCE_M, MAX_TRAVEL_S, PlumeOptions
from tracing.plume_rise import briggs_rise
from tracing.release import Air, Release, check_lid, within
from tracing.stability import check_class, class_from_obukhov

Array = NDArray[np.float64]

_OPEN_COUNTRY_M = 0.03
_MOMENTS = 24
_AGES = 240
_FIRST_AGE_S = 0.5


@dataclass(frozen=True)
class CalmCloud:
    """Puffs in calm air; positions in m along the wind (x), across (y) and above the ground (z)."""

    release: Release
    air: Air
    height_m: float
    gammas: tuple[float, float]
    limit_m: float
    model_zh: str
    model_en: str
    warnings: tuple[str, ...] = ()
    half_life_s: float | None = None

    def concentration(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
        """Return the highest concentration (mg m-3) within the first hour."""
        if self.release.at_once:
            return self._highest_of_one_puff(*_points(x, y, z))
        # While it goes on, what is there only grows; once it has ended, the cloud drifts off and thins.
        lasts = self._lasts()
        if lasts >= MAX_TRAVEL_S:
            return self.at_time(x, y, z, MAX_TRAVEL_S)
        moments = np.geomspace(lasts, MAX_TRAVEL_S, _MOMENTS)
        found: Array = np.max([self.at_time(x, y, z, float(moment)) for moment in moments], axis=0)
        return found

    def at_time(self, x: ArrayLike, y: ArrayLike, z: ArrayLike, time_s: float) -> Array:
        """Return the concentration (mg m-3) so many seconds, above zero, after the release began."""
        along, across, up = _points(x, y, z)
        ups = self._ups(up, time_s)
        wind, gammas = self.air.wind_speed_m_s, self.gammas
        strength = self.release.strength_g_s * 1e3
        if self.release.at_once:
            age = np.full(along.shape, time_s)
            return strength * self._left(time_s) * kernel.one_puff(along, across, ups, age, wind=wind, gammas=gammas)
        youngest = max(time_s - self._lasts(), 0.0)
        if self.half_life_s is None:
            return strength * kernel.emitted(
                along, across, ups, youngest=youngest, oldest=time_s, wind=wind, gammas=gammas
            )
        return strength * self._decaying(along, across, ups, youngest, time_s)

    def beyond(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Return which points lie farther than the model holds."""
        return np.hypot(np.asarray(x, dtype=float), np.asarray(y, dtype=float)) > self.limit_m

    def _decaying(self, x: Array, y: Array, ups: list[Array], youngest: float, oldest: float) -> Array:
        ages = np.geomspace(max(youngest, _FIRST_AGE_S), oldest, _AGES)
        total = np.zeros(x.shape)
        steps = np.diff(ages)
        weights = (np.append(steps, 0.0) + np.append(0.0, steps)) / 2.0
        for weight, age in zip(weights, ages, strict=True):
            one = kernel.one_puff(x, y, ups, np.full(x.shape, age), wind=self.air.wind_speed_m_s, gammas=self.gammas)
            total += weight * self._left(age) * one
        return total

    def _highest_of_one_puff(self, x: Array, y: Array, z: Array) -> Array:
        wind, gammas = self.air.wind_speed_m_s, self.gammas
        ups = self._ups(z, MAX_TRAVEL_S)
        best = np.zeros(x.shape)
        for up in ups[:2]:
            age = np.clip(kernel.age_of_peak(x, y, up, wind=wind, gammas=gammas), 1e-3, MAX_TRAVEL_S)
            best = np.maximum(best, self._left(age) * kernel.one_puff(x, y, ups, age, wind=wind, gammas=gammas))
        return self.release.strength_g_s * 1e3 * best

    def _lasts(self) -> float:
        return np.inf if self.release.duration_s is None else self.release.duration_s

    def _ups(self, z: Array, age_s: float) -> list[Array]:
        lid = np.inf if self.air.mixing_height_m is None else self.air.mixing_height_m
        return kernel.heights(z, self.height_m, lid, 4.0 * self.gammas[1] * min(age_s, MAX_TRAVEL_S))

    def _left(self, age: Array | float) -> Array:
        return np.asarray(1.0 if self.half_life_s is None else np.exp2(-np.asarray(age) / self.half_life_s))


def calm_cloud(release: Release, air: Air, options: PlumeOptions = DEFAULT) -> CalmCloud:
    """Return the puffs of a release in a wind below 1 m/s, 0 included.

    Raises
    ------
    InvalidInput
        An argument out of range; a wind of 1 m/s or more, which `tracing.plume` covers.
    """
    within("wind speed", air.wind_speed_m_s, 0.0, 0.999999, "m/s")
    check_lid(release, air)
    stability = check_class(air.stability) if air.stability else ""
    if air.obukhov_m is not None:
        stability = class_from_obukhov(air.obukhov_m, roughness=_OPEN_COUNTRY_M)
    gammas = kernel.growth(stability, air.wind_speed_m_s)
    rise = briggs_rise(options.buoyancy, air.wind_speed_m_s, stability, options.air_c)
    lid = np.inf if air.mixing_height_m is None else air.mixing_height_m
    return CalmCloud(
        release,
        replace(air, stability=stability, obukhov_m=None, ustar_m_s=None),
        min(release.height_m + rise.final_m, 0.99 * lid),
        gammas,
        MAX_DISTANCE_M,
        f"小风静风烟团（HJ/T 2.2-93），稳定度 {stability}，风速 {air.wind_speed_m_s:g} m/s",
        f"puffs in calm air (HJ/T 2.2-93), class {stability}, wind {air.wind_speed_m_s:g} m/s",
        (
            "风速低于 1 m/s，按烟团向四周扩散计算，风向不定，持续释放按 1 小时计 / wind below 1 m/s: puffs that spread "
            "to all sides, the direction is unsettled; a release that goes on is followed for one hour",
        ),
        options.half_life_s,
    )


def _points(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> tuple[Array, Array, Array]:
    along, across, up = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (x, y, z)))
    return along, across, up
