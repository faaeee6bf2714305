"""What escapes, and the air that carries it: checked values, nothing computed."""

from dataclasses import dataclass

import numpy as np

from geo.errors import InvalidInput

CALM_M_S = 1.0


@dataclass(frozen=True)
class Release:
    """Where and how much: lon, lat in degrees, height in m above the ground, and one of

    - `rate_g_s` alone: it goes on and on;
    - `rate_g_s` or `mass_g` with `duration_s`: it ends;
    - `mass_g` alone: all at once.
    """

    lon: float
    lat: float
    rate_g_s: float | None
    height_m: float
    mass_g: float | None = None
    duration_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse a place or an amount that cannot be."""
        if not (-180.0 <= self.lon <= 180.0 and -85.0 <= self.lat <= 85.0):
            raise InvalidInput(f"lon {self.lon:g}, lat {self.lat:g}: give degrees, -180 to 180 and -85 to 85")
        if self.rate_g_s is not None and not 0.0 < self.rate_g_s < np.inf:
            raise InvalidInput(f"rate_g_s {self.rate_g_s:g}: give a release rate above 0 g/s")
        if self.mass_g is not None and not 0.0 < self.mass_g < np.inf:
            raise InvalidInput(f"mass {self.mass_g / 1000.0:g} kg: give a released mass above 0 kg")
        if (self.rate_g_s is None) == (self.mass_g is None):
            raise InvalidInput("how much escapes: give either a rate (g/s) or a mass (kg), not both")
        if self.duration_s is not None and not 0.0 < self.duration_s <= 86_400.0:
            raise InvalidInput(
                f"release of {self.duration_s / 60.0:g} min: give above 0 to 1440 min, or leave it out for a release "
                "that goes on, or a mass that escapes at once"
            )
        if not 0.0 <= self.height_m <= 300.0:
            raise InvalidInput(f"height {self.height_m:g} m: give a release height of 0 to 300 m above the ground")

    @property
    def at_once(self) -> bool:
        """Whether all the mass escapes in one moment."""
        return self.mass_g is not None and self.duration_s is None

    @property
    def strength_g_s(self) -> float:
        """The rate while it lasts (g/s); the mass (g) where all escapes at once."""
        if self.rate_g_s is not None:
            return self.rate_g_s
        return (self.mass_g or 0.0) / (self.duration_s or 1.0)


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
        """Refuse weather that the models do not cover."""
        within("wind speed", self.wind_speed_m_s, 0.0, 60.0, "m/s")
        within("wind_from", self.wind_from_deg, 0.0, 360.0, "degrees")
        within("wind_height", self.wind_height_m, 0.5, 300.0, "m")
        if self.mixing_height_m is not None:
            within("mixing_height", self.mixing_height_m, 10.0, 5_000.0, "m")
        if self.sigma_azimuth_deg is not None:
            within("sigma_azimuth", self.sigma_azimuth_deg, 0.5, 180.0, "degrees")
        if (self.obukhov_m is None) != (self.ustar_m_s is None):
            raise InvalidInput("obukhov and ustar belong together: give both, or a stability class")
        if (self.stability is None) == (self.obukhov_m is None):
            raise InvalidInput("give either a stability class (A to F) or obukhov with ustar, not both")
        if self.ustar_m_s is not None:
            within("ustar", self.ustar_m_s, 0.01, 3.0, "m/s")
        if self.obukhov_m is not None and not abs(self.obukhov_m) >= 1.0:
            raise InvalidInput(f"obukhov {self.obukhov_m:g} m: give a length of at least 1 m, negative by day")

    @property
    def calm(self) -> bool:
        """Whether the wind is too weak for a plume, so that puffs have to be followed."""
        return self.wind_speed_m_s < CALM_M_S


def within(name: str, value: float, low: float, high: float, unit: str) -> None:
    """Raise InvalidInput unless low <= value <= high."""
    if not low <= value <= high:
        raise InvalidInput(f"{name} {value:g} {unit}: give {low:g} to {high:g} {unit}")


def check_lid(release: Release, air: Air) -> None:
    """Raise InvalidInput where the gas escapes above the air that mixes."""
    if air.mixing_height_m is not None and release.height_m >= air.mixing_height_m:
        raise InvalidInput(
            f"height {release.height_m:g} m is above the mixing height {air.mixing_height_m:g} m: the gas stays aloft; "
            "leave the mixing height out or lower the release"
        )
