"""Puffs in calm air, summed in closed form: NumPy in and out.

Each puff grows with its age t as sigma = gamma t in all directions and drifts with what wind there is. Limits: winds
below 1 m/s, flat ground, up to an hour.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from tracing.plume_kernel import CLASSES

Array = NDArray[np.float64]

# HJ/T 2.2-93, Technical guidelines for environmental impact assessment: atmospheric environment, puffs in calm
# (below 0.5 m/s) and light winds; sigma_x = sigma_y = gamma1 t, sigma_z = gamma2 t. Rows: calm, light; columns A to F.
_GAMMA_1 = ((0.93, 0.76, 0.55, 0.47, 0.44, 0.44), (0.76, 0.56, 0.35, 0.27, 0.24, 0.24))
_GAMMA_2 = (1.57, 0.47, 0.21, 0.12, 0.07, 0.05)
LIGHT_M_S = 0.5
# Closer than this (m) a point source has no meaning.
_CORE_M = 0.5
_TIMES = 400


def growth(stability: str, wind_speed: float) -> tuple[float, float]:
    """Return how fast puffs grow (m/s), sideways and up, in a class A to F at a wind below 1 m/s."""
    column = CLASSES.index(stability)
    return _GAMMA_1[int(wind_speed >= LIGHT_M_S)][column], _GAMMA_2[column]


def heights(z: Array, height: float, lid: float, furthest_m: float) -> list[Array]:
    """Return the distances (m) up or down from the source and its images in the ground and the lid."""
    if np.isinf(lid):
        return [z - height, z + height]
    count = int(np.ceil(furthest_m / (2.0 * lid))) + 1
    shifts = [2.0 * image * lid for image in range(-count, count + 1)]
    return [z + sign * height + shift for shift in shifts for sign in (-1.0, 1.0)]


def emitted(
    x: Array, y: Array, ups: list[Array], *, wind: float, gammas: tuple[float, float], youngest: float, oldest: float
) -> Array:
    """Return the concentration per unit rate (s m-3) of puffs aged `youngest` to `oldest` (s), source and images.

    With s = 1 / t the sum over ages is the integral of s exp(-(A s^2 - 2 B s + E) / 2), which has a closed form.
    """
    sideways, upward = gammas
    square = np.maximum(x * x + y * y, _CORE_M**2)
    total = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y), *(np.shape(up) for up in ups)))
    low, high = 1.0 / oldest, np.inf if youngest == 0.0 else 1.0 / youngest
    drift = x * wind / sideways**2
    for up in ups:
        a = square / sideways**2 + (up / upward) ** 2
        middle = drift / a
        rest = wind**2 / sideways**2 - drift * middle
        total = total + np.exp(-0.5 * np.maximum(rest, 0.0)) * _moment(a, middle, low, high)
    return total / ((2.0 * np.pi) ** 1.5 * sideways**2 * upward)


def _moment(a: Array, middle: Array, low: float, high: float) -> Array:
    """Return the integral of s exp(-a (s - middle)^2 / 2) from low to high."""
    root = np.sqrt(a / 2.0)
    ends = np.exp(-0.5 * a * (low - middle) ** 2) - (0.0 if np.isinf(high) else np.exp(-0.5 * a * (high - middle) ** 2))
    upper = 1.0 if np.isinf(high) else erf(root * (high - middle))
    return np.asarray(ends / a + middle * np.sqrt(np.pi / 2.0 / a) * (upper - erf(root * (low - middle))))


def one_puff(x: Array, y: Array, ups: list[Array], age: Array, *, wind: float, gammas: tuple[float, float]) -> Array:
    """Return the concentration per unit mass (m-3) of one puff of an age (s), source and images."""
    sideways, upward = gammas
    level = ((x - wind * age) ** 2 + y * y) / (sideways * age) ** 2
    total = sum(np.exp(-0.5 * (level + (up / (upward * age)) ** 2)) for up in ups)
    return np.asarray(total / ((2.0 * np.pi) ** 1.5 * sideways**2 * upward * age**3))


def age_of_peak(x: Array, y: Array, up: Array, *, wind: float, gammas: tuple[float, float]) -> Array:
    """Return the age (s) at which one puff is densest at a point: the root of 3 / s - A s + B = 0, t = 1 / s."""
    sideways, upward = gammas
    a = np.maximum(x * x + y * y, _CORE_M**2) / sideways**2 + (up / upward) ** 2
    b = x * wind / sideways**2
    return np.asarray(2.0 * a / (b + np.sqrt(b * b + 12.0 * a)))
