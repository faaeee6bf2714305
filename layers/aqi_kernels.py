"""Air quality index of HJ 633 as array arithmetic: break points, rounding, sub-indices."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

IAQI_STEPS = (0, 50, 100, 150, 200, 300, 400, 500)
CATEGORY_LIMITS = (50, 100, 150, 200, 300)

_SHARED: dict[str, tuple[float, ...]] = {
    "so2_24h": (0, 50, 150, 475, 800, 1600, 2100, 2620),
    "so2_1h": (0, 150, 500, 650, 800),
    "no2_24h": (0, 40, 80, 180, 280, 565, 750, 940),
    "no2_1h": (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    "co_24h": (0, 2, 4, 14, 24, 36, 48, 60),
    "co_1h": (0, 5, 10, 35, 60, 90, 120, 150),
    "o3_8h": (0, 100, 160, 215, 265, 800),
    "o3_1h": (0, 160, 200, 300, 400, 800, 1000, 1200),
}
_PM25_2012 = (0, 35, 75, 115, 150, 250, 350, 500)
_PM10_2012 = (0, 50, 150, 250, 350, 420, 500, 600)
_PM25_2026 = (0, 35, 60, 115, 150, 250, 350, 500)
_PM10_2026 = (0, 50, 120, 250, 350, 420, 500, 600)

BREAKPOINTS: dict[str, dict[str, tuple[float, ...]]] = {
    "HJ 633-2012": _SHARED
    | {"pm25_24h": _PM25_2012, "pm25_1h": _PM25_2012, "pm10_24h": _PM10_2012, "pm10_1h": _PM10_2012},
    "HJ 633-2026": _SHARED
    | {"pm25_24h": _PM25_2026, "pm25_1h": _PM25_2026, "pm10_24h": _PM10_2026, "pm10_1h": _PM10_2026},
}


def round_concentration(conc: Array, decimals: int) -> Array:
    """Round to `decimals` places, a final 5 to the even digit (GB/T 8170).

    That the standard means this rounding before the look-up is the likelier reading and not yet confirmed against its
    text; everything that depends on it calls this function. NaN stays NaN.
    """
    return np.asarray(np.round(conc, decimals), dtype=np.float64)


def sub_index(conc: Array, steps: tuple[float, ...], decimals: int) -> Array:
    """Return the individual index (IAQI) of concentrations.

    Parameters
    ----------
    conc : ndarray, any shape
        In the unit of `steps` (ug m-3; CO mg m-3).
    steps : tuple of float
        Concentrations at which the index is 0, 50, 100, 150, 200, 300, 400, 500, as far as they go.
    decimals : int
        Places to which a concentration counts: 0, for CO 1.

    Returns
    -------
    ndarray
        Whole numbers, the linear value rounded up; the last step's index above the last step. NaN where the
        concentration is NaN or negative.

    Notes
    -----
    The arithmetic is in whole units of the last decimal, so that a break point gives its index exactly.
    """
    scale = 10**decimals
    bounds = np.round(np.asarray(steps) * scale).astype(np.int64)
    index = np.asarray(IAQI_STEPS[: len(steps)], dtype=np.int64)
    rounded = round_concentration(np.asarray(conc, dtype=np.float64), decimals)
    valid = np.isfinite(rounded) & (rounded >= 0)
    units = np.minimum(np.round(np.where(valid, rounded, 0.0) * scale), bounds[-1]).astype(np.int64)
    upper = np.clip(np.searchsorted(bounds, units, side="left"), 1, len(bounds) - 1)
    lower = upper - 1
    rise = (index[upper] - index[lower]) * (units - bounds[lower])
    whole = index[lower] + -(-rise // (bounds[upper] - bounds[lower]))
    return np.where(valid, whole.astype(np.float64), np.nan)


def largest(indices: Array) -> Array:
    """Return the largest index along the last axis; NaN where all are missing."""
    missing = np.isnan(indices)
    best = np.max(np.where(missing, -np.inf, indices), axis=-1, initial=-np.inf)
    return np.where(missing.all(axis=-1), np.nan, best)


def category(aqi: Array) -> Array:
    """Return the category 1..6 of an index; NaN where it is NaN."""
    number = 1.0 + np.searchsorted(np.asarray(CATEGORY_LIMITS), aqi, side="left")
    return np.where(np.isnan(aqi), np.nan, number)
