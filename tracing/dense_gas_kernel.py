"""Britter and McQuaid's correlations for gases heavier than air, NumPy in and out.

Limits: release at the ground, flat ground without obstacles, wind of at least 1 m/s at 10 m. The curves end at a volume
ratio of 0.002; beyond, the ratio falls with the square of the distance.

References
----------
Britter and McQuaid (1988), Workbook on the dispersion of dense gases, HSE contract research report 17/1988; the fits to
its curves as in CCPS (1999), Guidelines for consequence analysis of chemical releases, chapter 2.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GRAVITY = 9.81
# Volume ratio -> corners (alpha, beta): alpha = log10 (g0^2 q0 / u^5)^(1/5), beta = log10 (x / (q0 / u)^(1/2)).
_PLUME = {
    0.1: ((-0.55, 1.75), (-0.14, 1.85), (1.0, 1.28)),
    0.05: ((-0.68, 1.92), (-0.29, 2.06), (-0.18, 2.06), (1.0, 1.40)),
    0.02: ((-0.69, 2.08), (-0.31, 2.25), (-0.16, 2.25), (1.0, 1.62)),
    0.01: ((-0.70, 2.25), (-0.29, 2.45), (-0.20, 2.45), (1.0, 1.83)),
    0.005: ((-0.67, 2.40), (-0.28, 2.63), (-0.15, 2.63), (1.0, 2.07)),
    0.002: ((-0.69, 2.60), (-0.25, 2.77), (-0.13, 2.77), (1.0, 2.21)),
}
# alpha = log10 (g0 V0^(1/3) / u^2)^(1/2), beta = log10 (x / V0^(1/3)).
_CLOUD = {
    0.1: ((-0.44, 0.70), (0.43, 0.92), (1.0, 0.93)),
    0.05: ((-0.56, 0.85), (0.31, 1.08), (1.0, 1.00)),
    0.02: ((-0.66, 0.95), (0.32, 1.31), (1.0, 1.12)),
    0.01: ((-0.71, 1.15), (0.37, 1.52), (1.0, 1.28)),
    0.005: ((-0.52, 1.48), (0.24, 1.68), (1.0, 1.45)),
    0.002: ((0.27, 1.83), (1.0, 1.60)),
    0.001: ((-0.10, 2.075), (1.0, 1.78)),
}
PASSIVE_PLUME, PASSIVE_CLOUD = 0.15, 0.20
_NEAR_PLUME = 30.0
# Which of the two a release of limited length is, by u D / x; between them the lower answer holds.
_GOES_ON, _IS_OVER = 2.5, 0.6


def reduced_gravity(density: float, air_density: float) -> float:
    """Return g (rho - rho_air) / rho_air (m/s2); 0 for a gas no heavier than air."""
    return GRAVITY * max(density / air_density - 1.0, 0.0)


def plume_number(gravity: float, flow: float, wind: float) -> float:
    """Return (g0 q0 / (u^3 D))^(1/3), D = (q0 / u)^(1/2): passive up to 0.15. `flow` in m3/s, `wind` in m/s."""
    return float((gravity * flow / (wind**3 * np.sqrt(flow / wind))) ** (1.0 / 3.0))


def cloud_number(gravity: float, volume: float, wind: float) -> float:
    """Return (g0 V0)^(1/2) / (u V0^(1/3)): passive up to 0.20. `volume` in m3, `wind` in m/s."""
    return float(np.sqrt(gravity * volume) / (wind * np.cbrt(volume)))


def plume_ratio(x: Array, gravity: float, flow: float, wind: float) -> Array:
    """Return the volume ratio (-) of undiluted gas on the axis at x (m) of a release that goes on."""
    alpha = 0.2 * np.log10(gravity**2 * flow / wind**5)
    scaled = np.maximum(x, 1e-9) / np.sqrt(flow / wind)
    near = 306.0 / (306.0 + scaled**2)
    return np.where(scaled <= _NEAR_PLUME, near, _along(scaled, _corners(_PLUME, alpha, _NEAR_PLUME)))


def cloud_ratio(x: Array, gravity: float, volume: float, wind: float) -> Array:
    """Return the volume ratio (-) of undiluted gas when a cloud released at once passes x (m)."""
    alpha = 0.5 * np.log10(gravity * np.cbrt(volume) / wind**2)
    scaled = np.maximum(x, 1e-9) / np.cbrt(volume)
    corners = _corners(_CLOUD, alpha, None)
    near = np.maximum(3.24 / (3.24 + scaled**2), corners[1][0])
    return np.where(scaled <= 10.0 ** corners[0][0], near, _along(scaled, corners))


def _corners(curves: dict[float, tuple[tuple[float, float], ...]], alpha: float, near: float | None) -> tuple:
    """Return log10 distance and ratio of each curve at alpha, nearest first; outside its range a curve is level."""
    lines = [np.array(corners) for corners in curves.values()]
    betas = [float(np.interp(alpha, line[:, 0], line[:, 1])) for line in lines]
    ratios = list(curves)
    if near is not None:
        betas, ratios = [float(np.log10(near)), *betas], [306.0 / (306.0 + near**2), *ratios]
    # Curves that cross would make the gas denser with distance.
    return np.maximum.accumulate(np.array(betas) + 1e-9 * np.arange(len(betas))), np.array(ratios)


def _along(scaled: Array, corners: tuple[Array, Array]) -> Array:
    betas, ratios = corners
    beta = np.log10(scaled)
    within = 10.0 ** np.interp(beta, betas, np.log10(ratios))
    return np.where(beta <= betas[-1], within, ratios[-1] * 10.0 ** (2.0 * (betas[-1] - beta)))


def release_ratio(x: Array, gravity: float, flow: float, wind: float, duration_s: float) -> Array:
    """Return the volume ratio (-) on the axis at x (m) of a release of any length; `flow` in m3/s, inf for ever."""
    steady = plume_ratio(x, gravity, flow, wind)
    if np.isinf(duration_s):
        return steady
    passing = cloud_ratio(x, gravity, flow * duration_s, wind)
    length = wind * duration_s / np.maximum(x, 1e-9)
    lower = np.minimum(steady, passing)
    return np.where(length >= _GOES_ON, steady, np.where(length <= _IS_OVER, passing, lower))


def plume_extent(x: Array, gravity: float, flow: float, wind: float, *, last_m: float) -> tuple[Array, float]:
    """Return the half-width (m) at x and how far the gas goes against the wind (m).

    With the buoyancy length l = g0 q0 / u^3 and a source no wider than its own plume: upwind 2 l, at the source 8 l,
    then 8 l + 2.5 l^(1/3) x^(2/3); past `last_m`, where the curves end, it widens no more by its weight.
    """
    length = gravity * flow / wind**3
    width = np.sqrt(flow / wind)
    half = width + 8.0 * length + 2.5 * np.cbrt(length) * np.cbrt(np.clip(x, 0.0, last_m)) ** 2
    return half, float(width / 2.0 + 2.0 * length)


def cloud_extent(x: Array, gravity: float, volume: float, wind: float, *, last_m: float) -> tuple[Array, float]:
    """Return the radius (m) of a cloud whose centre is at x, and how far it ever reaches against the wind (m).

    R^2 = R0^2 + 1.2 (g0 V0)^(1/2) t, the centre moving with 0.4 u.
    """
    first, growth, drift = np.cbrt(3.0 * volume / (4.0 * np.pi)), 1.2 * np.sqrt(gravity * volume), 0.4 * wind
    radius = np.sqrt(first**2 + growth * np.clip(x, 0.0, last_m) / drift)
    times = np.linspace(0.0, growth / (2.0 * drift) ** 2, 50)
    return radius, float(np.max(np.sqrt(first**2 + growth * times) - drift * times))


def end_of_curves(gravity: float, flow: float, wind: float, duration_s: float) -> float:
    """Return the distance (m) at which the correlation's last curve is reached."""
    if duration_s > 1.0 and np.isinf(duration_s):
        alpha = 0.2 * np.log10(gravity**2 * flow / wind**5)
        return float(10.0 ** _corners(_PLUME, alpha, _NEAR_PLUME)[0][-1] * np.sqrt(flow / wind))
    volume = flow * duration_s
    alpha = 0.5 * np.log10(gravity * np.cbrt(volume) / wind**2)
    return float(10.0 ** _corners(_CLOUD, alpha, None)[0][-1] * np.cbrt(volume))
