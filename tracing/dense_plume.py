"""A plume of gas heavier than air: beside the passive answer the dense correlation, for screening."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InvalidInput
from tracing import dense_gas_kernel as kernel
from tracing.plume import Plume
from tracing.puff_kernel import SHORTEST_S
from tracing.release import Release

Array = NDArray[np.float64]

# Whoever breathes this high (m) stands in the layer, however thin the correlation makes it.
BREATH_M = 2.0


@dataclass(frozen=True)
class Vapour:
    """What leaves the source: density (kg/m3) and temperature (deg C), and that of the air around."""

    density: float
    temperature_c: float
    air_density: float
    air_c: float
    # mg/m3 of the pure gas once it is as warm as the air
    pure_mg_m3: float

    def __post_init__(self) -> None:
        """Refuse a density that no vapour or aerosol has."""
        if not 0.01 <= self.density <= 200.0:
            raise InvalidInput(f"density of the release {self.density:g} kg/m3: give 0.01 to 200 kg/m3")
        if not -200.0 <= self.temperature_c <= 1_500.0:
            raise InvalidInput(f"temperature of the release {self.temperature_c:g} °C: give -200 to 1500 °C")


@dataclass(frozen=True)
class DensePlume(Plume):
    """A plume whose zone is what either the passive plume or Britter and McQuaid's correlation covers.

    `concentration` stays the passive answer, which field experiments have tested; `dense_concentration` is the other.
    """

    gravity: float = 0.0
    flow: float = 0.0
    seconds: float = np.inf
    wind_m_s: float = 1.0
    vapour: Vapour | None = None

    def dense_concentration(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
        """Return what the correlation says (mg m-3) at x downwind, y across and z above ground (m); 0 outside."""
        along, across, up = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (x, y, z)))
        ratio = kernel.release_ratio(np.maximum(along, 0.0), self.gravity, self.flow, self.wind_m_s, self.seconds)
        half, upwind = self.extent(along)
        inside = (np.abs(across) <= half) & (along >= -upwind) & (up <= np.maximum(self._depth(half, ratio), BREATH_M))
        return np.where(inside, self._mg_m3(ratio), 0.0)

    def dense_axis(self, x: Array) -> Array:
        """Return the concentration (mg m-3) of the dense correlation at x (m)."""
        return self._mg_m3(kernel.release_ratio(x, self.gravity, self.flow, self.wind_m_s, self.seconds))

    def extent(self, x: Array) -> tuple[Array, float]:
        """Return the half-width (m) of the dense layer at x and how far it goes against the wind (m)."""
        last = kernel.end_of_curves(self.gravity, self.flow, self.wind_m_s, self.seconds)
        if np.isinf(self.seconds):
            return kernel.plume_extent(x, self.gravity, self.flow, self.wind_m_s, last_m=last)
        return kernel.cloud_extent(x, self.gravity, self.flow * self.seconds, self.wind_m_s, last_m=last)

    def _depth(self, half: Array, ratio: Array) -> Array:
        """Return the depth (m) of the layer that carries all the gas."""
        if np.isinf(self.seconds):
            return self.flow / (2.0 * half * self.wind_m_s * ratio)
        return self.flow * self.seconds / (np.pi * half**2 * ratio)

    def _mg_m3(self, ratio: Array) -> Array:
        vapour = self.vapour
        warm = 1.0 if vapour is None else (vapour.air_c + 273.15) / (vapour.temperature_c + 273.15)
        share = ratio * warm / (1.0 - ratio + ratio * warm)
        return share * (0.0 if vapour is None else vapour.pure_mg_m3)


def dense_number(release: Release, vapour: Vapour, wind: float) -> tuple[float, float]:
    """Return Britter and McQuaid's number of a release in a wind (m/s) and the limit up to which it is passive."""
    gravity = kernel.reduced_gravity(vapour.density, vapour.air_density)
    flow, seconds = _flow(release, vapour)
    if np.isinf(seconds):
        return kernel.plume_number(gravity, flow, wind), kernel.PASSIVE_PLUME
    steady, passing = kernel.plume_number(gravity, flow, wind), kernel.cloud_number(gravity, flow * seconds, wind)
    # What ends is dense if it is so in either view; both are told against one limit.
    return max(steady, passing * kernel.PASSIVE_PLUME / kernel.PASSIVE_CLOUD), kernel.PASSIVE_PLUME


def as_dense(plume: Plume, vapour: Vapour) -> Plume:
    """Return the plume with the dense correlation where its release is dense; the same plume where it is passive."""
    number, limit = dense_number(plume.release, vapour, plume.air.wind_speed_m_s)
    if number <= limit:
        return plume
    flow, seconds = _flow(plume.release, vapour)
    fields: dict[str, Any] = {name: getattr(plume, name) for name in Plume.__dataclass_fields__}
    made = DensePlume(
        **fields,
        gravity=kernel.reduced_gravity(vapour.density, vapour.air_density),
        flow=flow,
        seconds=seconds,
        wind_m_s=plume.air.wind_speed_m_s,
        vapour=vapour,
    )
    return replace(
        made,
        model_zh=f"{plume.model_zh}；近源重气 Britter-McQuaid 关系式，取大者",
        model_en=f"{plume.model_en}; Britter and McQuaid's dense-gas correlation where it says more",
    )


def _flow(release: Release, vapour: Vapour) -> tuple[float, float]:
    """Return the flow (m3/s) of undiluted gas and for how long (s); all at once counts as a few seconds."""
    seconds = SHORTEST_S if release.at_once else np.inf if release.duration_s is None else release.duration_s
    grams = release.strength_g_s / (seconds if release.at_once else 1.0)
    return grams / 1000.0 / vapour.density, float(seconds)
