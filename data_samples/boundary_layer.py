"""What the ground does to the practice wind: a mixing height that breathes, friction, a sea and land breeze."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_samples.domain import Domain

Array = NDArray[np.float64]

# Day of the city's calendar: largest mixing height over land (m), strength of the breeze (0 to 1).
DAYS = {
    "2021-10-15": (1300.0, 0.5),
    "2021-10-16": (1350.0, 0.5),
    "2021-10-17": (1300.0, 0.7),
    "2021-10-18": (1200.0, 0.9),
    "2021-10-19": (900.0, 1.0),
    "2021-10-20": (850.0, 1.0),
    "2021-10-21": (1150.0, 0.3),
    "2021-10-22": (1400.0, 0.4),
    "2021-10-23": (1300.0, 0.5),
}
NIGHT_HEIGHT_M = 200.0
SEA_HEIGHT_M = 420.0
SEA_BREEZE_M_S = 4.0
LAND_BREEZE_M_S = 1.3
BREEZE_REACH_KM = 26.0
BREEZE_DEPTH_M = 500.0
MECHANICAL_M_PER_M_S = 45.0

# Between two reported levels the atmosphere is followed in finer steps, so that heights are hydrostatic.
FINE_HPA = np.array([1000, 975, 950, 925, 900, 875, 850, 800, 750, 700, 650, 600, 550, 500], np.float64)


def standard_height_m(hpa: Array) -> Array:
    """Return the height (m) of pressures (hPa) in the standard atmosphere."""
    return 44_330.0 * (1 - (hpa / 1013.25) ** 0.1903)


@dataclass(frozen=True)
class Layer:
    """The mixed layer at one time.

    Attributes
    ----------
    height_m : mixing height (m), shape (y, x)
    warmth : how far the day has gone over land, from 0 at night to 1 in the early afternoon
    breeze : wind towards the land at the coast (m/s, negative for the land breeze)
    """

    height_m: Array
    warmth: float
    breeze: float


def state(domain: Domain, time: pd.Timestamp, free_speed: Array) -> Layer:
    """Return the mixed layer at one time (with a zone) under a free wind (m/s, shape (y, x)).

    The sun lifts it over land, the wind stirs it to 45 m per m/s anywhere; at sea it hardly follows the day.
    """
    local = time.tz_convert("Asia/Shanghai")
    hour = local.hour + local.minute / 60
    peak, strength = DAYS[f"{local:%Y-%m-%d}"]
    land = NIGHT_HEIGHT_M + (peak - NIGHT_HEIGHT_M) * growth(hour)
    sea = SEA_HEIGHT_M + 0.08 * (peak - 1000.0)
    height = np.maximum(sea + (land - sea) * domain.land, MECHANICAL_M_PER_M_S * free_speed)
    height = np.clip(height + 0.15 * domain.height_m * growth(hour), 150.0, 1500.0)
    day = np.clip(np.sin(np.pi * (hour - 9.0) / 12.0), 0.0, None) ** 1.2
    night = np.clip(np.sin(np.pi * ((hour - 22.0) % 24) / 10.0), 0.0, None) if hour >= 22 or hour <= 8 else 0.0
    return Layer(height, growth(hour), float(strength * (SEA_BREEZE_M_S * day - LAND_BREEZE_M_S * night)))


def growth(hour: float) -> float:
    """Return the share of the day's mixing height reached at an hour of the city's day (0 at night, 1 at 14:30).

    It grows from 07:00, faster in the late morning, and collapses between 16:00 and 19:30.
    """
    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip((hour - 7.0) / 7.5, 0, 1))
    fall = 0.5 + 0.5 * np.cos(np.pi * np.clip((hour - 15.5) / 4.0, 0, 1))
    return float(rise**1.3 * fall)


def warming(domain: Domain, time: pd.Timestamp, layer: Layer) -> Array:
    """Return the day's temperature change (K) on the fine levels: well mixed by day, a shallow inversion at night."""
    height = standard_height_m(FINE_HPA)[:, None, None]
    by_day = 5.0 * layer.warmth * np.exp(-height / 900.0)
    by_night = -4.0 * (1 - layer.warmth) * np.exp(-height / 180.0)
    return (by_day + by_night) * domain.land


def wind(domain: Domain, layer: Layer, free: tuple[Array, Array], height: Array) -> tuple[Array, Array]:
    """Return the wind (m/s) at heights above the ground (m, shape (level, y, x)) from the free wind there.

    In the mixed layer a power law slows it (exponent 0.15 by day, 0.35 at night, 0.10 at sea) and friction turns it
    towards low pressure (to the left), most at the ground: by 18 degrees by day, 32 at night, 10 at sea. The breeze is
    added on top: it has no net transport of air between the ground and its top.
    """
    above = np.maximum(height, 10.0)
    depth = np.maximum(layer.height_m, 300.0)
    inside = np.clip(above / depth, None, 1.0)
    exponent = 0.10 + (0.05 + 0.20 * (1 - layer.warmth)) * domain.land
    turn = np.radians(10.0 + (8.0 + 14.0 * (1 - layer.warmth)) * domain.land) * (1 - inside) ** 2
    slowed_u, slowed_v = (component * inside**exponent for component in free)
    u = slowed_u * np.cos(turn) - slowed_v * np.sin(turn)
    v = slowed_u * np.sin(turn) + slowed_v * np.cos(turn)
    onshore = layer.breeze * _reach(domain) * _depth_profile(above)
    return u + onshore * domain.inland[0], v + onshore * domain.inland[1]


def _reach(domain: Domain) -> Array:
    """Return how much of the breeze is felt: all of it at the coast, a third 26 km inland, further out at sea."""
    scale = np.where(domain.coast_km > 0, BREEZE_REACH_KM, 1.6 * BREEZE_REACH_KM)
    return np.exp(-((domain.coast_km / scale) ** 2))


def _depth_profile(height: Array) -> Array:
    """Return the breeze's profile: inflow below 500 m, a weaker return flow up to 1500 m, no net transport.

    The inflow (1 - x^2)^2 over depth D carries 8 D / 15; the return flow is a half sine over 2 D with amplitude a and
    carries 4 a D / pi: a = 2 pi / 15.
    """
    x = height / BREEZE_DEPTH_M
    inflow = np.clip(1 - x**2, 0, None) ** 2
    back = np.sin(np.pi * np.clip((x - 1) / 2, 0, 1)) * (2 * np.pi / 15)
    return inflow - back
