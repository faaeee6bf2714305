"""Air quality index of HJ 633 as array arithmetic: break points, rounding, sub-indices."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Steps = NDArray[np.int16]
Codes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

IAQI_STEPS = (0, 50, 100, 150, 200, 300, 400, 500)
CATEGORY_LIMITS = (50, 100, 150, 200, 300)
NO_PRIMARY = 50

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


@njit(cache=True, nogil=True)
def counted_units(conc: float, scale: float) -> float:
    """Return a concentration in whole units of its last decimal, a final 5 to the even digit (GB/T 8170).

    That the standard means this rounding before the look-up is the likelier reading and not yet confirmed against its
    text; everything that depends on it calls this function. `scale` is 10 to the number of decimals. NaN stays NaN.
    """
    return float(np.rint(conc * scale))


def index_table(steps: tuple[float, ...], decimals: int) -> NDArray[np.int16]:
    """Return the individual index (IAQI) of every concentration that counts, from 0 to the last step.

    Parameters
    ----------
    steps : tuple of float
        Concentrations at which the index is 0, 50, 100, 150, 200, 300, 400, 500, as far as they go.
    decimals : int
        Places to which a concentration counts: 0, for CO 1.

    Returns
    -------
    ndarray, shape (last step in units of the last decimal + 1,)
        The linear value rounded up, in integer arithmetic: a break point gives its index exactly.
    """
    bounds = np.round(np.asarray(steps) * 10**decimals).astype(np.int64)
    index = np.asarray(IAQI_STEPS[: len(steps)], dtype=np.int64)
    units = np.arange(bounds[-1] + 1)
    upper = np.clip(np.searchsorted(bounds, units, side="left"), 1, len(bounds) - 1)
    lower = upper - 1
    rise = (index[upper] - index[lower]) * (units - bounds[lower])
    return np.asarray(index[lower] - (-rise // (bounds[upper] - bounds[lower])), dtype=np.int16)


@njit(cache=True, nogil=True)
def sub_indices(conc: Array, newer: Flags, tables: tuple[Steps, Steps], scale: float, out: Steps) -> None:
    """Write the individual index of each concentration into `out`; -1 where it is NaN, infinite or negative.

    Parameters
    ----------
    conc : ndarray of float32 or float64, shape (row,)
        ug m-3; CO mg m-3.
    newer : ndarray of bool, shape (row,)
        Whether the second table holds.
    tables : two arrays of `index_table`
        Of the older and the newer standard. Above a table's end its last index holds.
    scale : float
        10 to the number of decimals; the concentration times it is rounded (`counted_units`).
    out : ndarray of int16, shape (row,)
    """
    older_table, newer_table = tables
    for row in range(conc.shape[0]):
        value = conc[row]
        if not (value >= 0 and np.isfinite(value)):
            out[row] = -1
        elif newer[row]:
            out[row] = newer_table[int(min(counted_units(value, scale), newer_table.size - 1.0))]
        else:
            out[row] = older_table[int(min(counted_units(value, scale), older_table.size - 1.0))]


@njit(cache=True, nogil=True)
def combine(sub: Steps, aqi: Steps, primary: Codes) -> None:
    """Write the largest index of each row (-1 where none is) and which items have it.

    Parameters
    ----------
    sub : ndarray of int16, shape (item, row)
        At most eight items; -1 is missing.
    aqi : ndarray of int16, shape (row,)
    primary : ndarray of uint8, shape (row,)
        Bit k is item k; 0 where the largest index is 50 or less.
    """
    for row in range(sub.shape[1]):
        best = -1
        code = 0
        for item in range(sub.shape[0]):
            value = sub[item, row]
            if value > best:
                best, code = value, 1 << item
            elif value == best:
                code |= 1 << item
        aqi[row] = best
        primary[row] = code if best > NO_PRIMARY else 0


def category(aqi: Steps) -> NDArray[np.int8]:
    """Return the category 1..6 of an index; -1 where it is missing (-1)."""
    steps = np.arange(IAQI_STEPS[-1] + 1)
    number = np.append(1 + np.searchsorted(CATEGORY_LIMITS, steps, side="left"), -1).astype(np.int8)
    return np.asarray(number[aqi])
