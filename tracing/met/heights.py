"""Heights where a file does not give them: the ICAO standard atmosphere and the hypsometric equation."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

GRAVITY = 9.80665
R_DRY = 287.05287
_VIRTUAL = 0.608
# ICAO Doc 7488/3, Manual of the ICAO Standard Atmosphere (1993), table D: base height (geopotential m), lapse (K m-1).
_BASES = ((0.0, -6.5e-3), (11_000.0, 0.0), (20_000.0, 1.0e-3), (32_000.0, 2.8e-3), (47_000.0, 0.0), (51_000.0, -2.8e-3))
_P0, _T0 = 101_325.0, 288.15

Array = NDArray[np.float64]


def icao_height(pressure: ArrayLike) -> Array:
    """Return the height (geopotential m above the sea) of a pressure (Pa) in the ICAO standard atmosphere.

    Examples
    --------
    >>> round(float(icao_height(50_000.0)))
    5574
    """
    p = np.asarray(pressure, np.float64)
    height = np.full(p.shape, np.nan)
    base_p, base_t = _P0, _T0
    for k, (base, lapse) in enumerate(_BASES):
        own = p <= base_p if k else np.ones(p.shape, np.bool_)
        height = np.where(own, base + _rise(base_p / p, base_t, lapse), height)
        if k + 1 < len(_BASES):
            depth = _BASES[k + 1][0] - base
            base_p, base_t = base_p * _fall(depth, base_t, lapse), base_t + lapse * depth
    return height


def hypsometric(pressure: Array, temperature: Array, humidity: Array | None, base: tuple[Array, Array]) -> Array:
    """Return geopotential heights (m above the sea) of pressure levels.

    Parameters
    ----------
    pressure : ndarray, shape (level,), Pa, falling
    temperature, humidity : ndarray, shape (level, y, x), K and kg kg-1 (None: dry air)
    base : pressure (Pa) and height (m) that are known, both of shape (y, x): the ground, or a level

    Notes
    -----
    Layers have the mean virtual temperature of their two levels (Wallace and Hobbs 2006, eq. 3.29); between the base
    and the level next to it the air has that level's.
    """
    virtual = temperature if humidity is None else temperature * (1.0 + _VIRTUAL * np.nan_to_num(humidity))
    mean = 0.5 * (virtual[1:] + virtual[:-1])
    thickness = R_DRY / GRAVITY * mean * np.log(pressure[:-1] / pressure[1:])[:, None, None]
    from_first = np.concatenate([np.zeros_like(virtual[:1]), np.cumsum(thickness, axis=0)])
    k = np.argmin(np.abs(np.log(pressure)[:, None, None] - np.log(base[0])), axis=0)[None]
    own = R_DRY / GRAVITY * np.take_along_axis(virtual, k, 0)[0] * np.log(base[0] / pressure[k[0]])
    return from_first - np.take_along_axis(from_first, k, 0) + base[1] + own


def _rise(ratio: Array, temperature: float, lapse: float) -> Array:
    if lapse == 0.0:
        return R_DRY * temperature / GRAVITY * np.log(ratio)
    return temperature / lapse * (ratio ** (R_DRY * lapse / GRAVITY) - 1.0)


def _fall(depth: float, temperature: float, lapse: float) -> float:
    if lapse == 0.0:
        return float(np.exp(-GRAVITY * depth / (R_DRY * temperature)))
    return float((1.0 + lapse * depth / temperature) ** (-GRAVITY / (R_DRY * lapse)))
