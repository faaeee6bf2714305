"""Vertical spread of a plume in the surface layer: similarity profiles and a K-theory march, NumPy in and out.

Limits: stationary, flat, uniform ground; heights inside the surface layer (about a tenth of the mixing height). Above,
and for sources higher than that in strong convection, eddy diffusivity is a crude closure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

Array = NDArray[np.float64]

# Businger et al. (1971), doi:10.1175/1520-0469(1971)028<0181:FPRITA>2.0.CO;2; van Ulden (1978) rests on the same set.
KARMAN = 0.35
PRANDTL = 0.74
# Beyond z = L the stable functions are held: the log-linear profile has no support there.
STABLE_LIMIT = 1.0
SIGMA_W_NEUTRAL = 1.3
_FIRST_X_M = 0.05
_LAST_X_M = 10_000.0
_N_STEPS = 420


def phi_heat(zeta: Array) -> Array:
    """Return the dimensionless scalar gradient (-) at zeta = z / L."""
    unstable = PRANDTL / np.sqrt(1.0 - 9.0 * np.minimum(zeta, 0.0))
    return np.where(zeta < 0.0, unstable, PRANDTL + 4.7 * np.minimum(zeta, STABLE_LIMIT))


def psi_momentum(zeta: Array) -> Array:
    """Return the integrated stability correction (-) of the wind profile at zeta = z / L."""
    x = (1.0 - 15.0 * np.minimum(zeta, 0.0)) ** 0.25
    unstable = 2.0 * np.log((1.0 + x) / 2.0) + np.log((1.0 + x * x) / 2.0) - 2.0 * np.arctan(x) + np.pi / 2.0
    beyond = np.log(np.maximum(zeta, STABLE_LIMIT) / STABLE_LIMIT)
    stable = -4.7 * (np.minimum(zeta, STABLE_LIMIT) + STABLE_LIMIT * beyond)
    return np.where(zeta < 0.0, unstable, stable)


def roughness_m(wind_speed: float, wind_height: float, ustar: float, obukhov: float) -> float:
    """Return the roughness length (m) at which the profile meets the measured wind; inf where none does."""
    exponent = KARMAN * wind_speed / ustar + float(psi_momentum(np.array(wind_height / obukhov)))
    return wind_height / np.expm1(exponent) if exponent > 0.0 else np.inf


def wind_profile(z: Array, ustar: float, obukhov: float, roughness: float) -> Array:
    """Return the wind speed (m/s) at heights z (m); zero at the ground."""
    speed = ustar / KARMAN * (np.log1p(z / roughness) - psi_momentum(z / obukhov))
    return np.maximum(speed, 0.0)


def diffusivity(z: Array, ustar: float, obukhov: float, lid: float) -> Array:
    """Return the vertical eddy diffusivity of a scalar (m2/s) at heights z (m), zero at the lid (m)."""
    return KARMAN * ustar * z / phi_heat(z / obukhov) * np.clip(1.0 - z / lid, 0.0, 1.0)


@dataclass(frozen=True)
class VerticalMarch:
    """Crosswind-integrated concentration per unit emission (s m-2), as far as the march went.

    `x` (m), shape (n,); `z` (m), shape (m,): cell centres; `edges` (m), shape (m + 1,); `speed` (m/s), shape (m,);
    `values` shape (n, m); `transport` (m/s), shape (n,): speed averaged over the plume.
    """

    x: Array
    z: Array
    edges: Array
    speed: Array
    values: Array
    transport: Array


def march(
    height: float, ustar: float, obukhov: float, *, roughness: float, lid: float, speed_scale: float = 1.0
) -> VerticalMarch:
    """March u dC/dx = d/dz(K dC/dz) downwind from a unit source; no flux through the ground and the lid.

    Implicit finite volumes on a grid that widens with height: the flux through each plane is one to rounding. Close to
    the source, K is reduced by 1 - exp(-t / T) with T = K / sigma_w^2 at the source's height, so that the spread
    tends to sigma_w t as Taylor's theorem demands.

    Parameters
    ----------
    height : release height, m
    ustar, obukhov : friction velocity, m/s, and Obukhov length, m
    roughness, lid : roughness length and mixing height, m
    speed_scale : factor on the wind profile, -

    References
    ----------
    Gryning, van Ulden and Larsen (1983), doi:10.1002/qj.49710946010; Taylor (1922), doi:10.1112/plms/s2-20.1.196.
    """
    first = max(min(roughness, 0.05), 0.002)
    edges = np.concatenate([[0.0], np.geomspace(first, lid, int(np.log(lid / first) / np.log(1.07)) + 1)])
    z, width = (edges[1:] + edges[:-1]) / 2.0, np.diff(edges)
    speed = np.maximum(speed_scale * wind_profile(z, ustar, obukhov, roughness), 1e-3)
    exchange = diffusivity(edges[1:-1], ustar, obukhov, lid) / np.diff(z)
    x = np.geomspace(_FIRST_X_M, _LAST_X_M, _N_STEPS)
    source = min(int(np.searchsorted(edges, height, side="right")) - 1, len(z) - 1)
    at_source = np.array([max(height, roughness)])
    scale_t = float(diffusivity(at_source, ustar, obukhov, lid)[0]) / sigma_w(at_source, ustar, obukhov)[0] ** 2
    young = 1.0 - np.exp(-x / (speed[source] * max(scale_t, 1e-9)))
    current = np.zeros_like(z)
    current[source] = 1.0 / (speed[source] * width[source])
    values = np.empty((len(x), len(z)))
    for i, dx in enumerate(np.diff(x, prepend=0.0)):
        current = _implicit_step(current, speed * width, exchange * (young[i] * dx))
        values[i] = current
    return VerticalMarch(x, z, edges, speed, values, 1.0 / (values @ width))


def sigma_w(z: Array, ustar: float, obukhov: float) -> Array:
    """Return the standard deviation of vertical wind (m/s), Panofsky et al. (1977), doi:10.1007/BF02186086."""
    return SIGMA_W_NEUTRAL * ustar * np.cbrt(1.0 - 3.0 * np.minimum(z / obukhov, 0.0))


def _implicit_step(current: Array, capacity: Array, exchange: Array) -> Array:
    bands = np.zeros((3, len(current)))
    bands[0, 1:] = -exchange
    bands[2, :-1] = -exchange
    bands[1] = capacity
    bands[1, :-1] += exchange
    bands[1, 1:] += exchange
    solved: Array = solve_banded((1, 1), bands, capacity * current)
    return solved


def at_points(marched: VerticalMarch, x: Array, z: Array) -> Array:
    """Return the crosswind-integrated concentration (s m-2) at points: log in x, linear in z.

    Before the first plane the first one counts; the caller sets what lies upwind to zero.
    """
    position = np.interp(np.log(np.maximum(x, _FIRST_X_M)), np.log(marched.x), np.arange(len(marched.x)))
    level = np.interp(z, marched.z, np.arange(len(marched.z)))
    i = np.minimum(position.astype(int), len(marched.x) - 2)
    j = np.minimum(level.astype(int), len(marched.z) - 2)
    a, b = position - i, level - j
    low = marched.values[i, j] * (1 - b) + marched.values[i, j + 1] * b
    high = marched.values[i + 1, j] * (1 - b) + marched.values[i + 1, j + 1] * b
    return np.where(z <= marched.edges[-1], low * (1 - a) + high * a, 0.0)
