"""A cloud of limited length passing by, NumPy in and out.

The release is followed along the wind as one slab of gas whose ends are blurred. Limits: steady wind, so that the cloud
passes each place once; the spread along the wind is that at the receptor, not that of each part of the cloud.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Array = NDArray[np.float64]

# Spread along the wind and shortest averaging time: TNO (2005), Methods for the calculation of physical effects
# ("Yellow Book", CPR 14E), chapter 4.
ALONG_SHARE = 0.13
SHORTEST_S = 18.75


def sigma_x(x: Array) -> Array:
    """Return the spread (m) along the wind at x (m) downwind of a short release; zero at the source."""
    return ALONG_SHARE * np.maximum(x, 0.0)


def peak_share(x: Array, speed: Array, duration_s: float) -> Array:
    """Return the highest concentration of a passing cloud as a share of the steady plume's (-).

    Tends to 1 where the release is long against the blur of its ends, and to u D / (sqrt(2 pi) sigma_x), which is an
    instantaneous puff of the same mass, where it is short.
    """
    return erf(speed * duration_s / (2.0 * np.sqrt(2.0) * np.maximum(sigma_x(x), 1e-12)))


def puff_factor(x: Array, speed: Array) -> Array:
    """Return what turns (mass, crosswind-integrated unit plume) into an instantaneous puff's peak, 1/s."""
    return speed / (np.sqrt(2.0 * np.pi) * np.maximum(sigma_x(x), 1e-12))


def share_at(x: Array, speed: Array, duration_s: float, time_s: float) -> Array:
    """Return the concentration at a time after the start as a share of the steady plume's (-)."""
    blur = np.sqrt(2.0) * np.maximum(sigma_x(x), 1e-12)
    head, tail = speed * time_s, speed * max(time_s - duration_s, 0.0)
    entered = 0.5 * (1.0 - erf((x - head) / blur))
    left = 0.5 * (1.0 - erf((x - tail) / blur)) if time_s > duration_s else 0.0
    return np.asarray(entered - left)
