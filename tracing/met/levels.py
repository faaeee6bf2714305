"""The pressure of a Dataset's levels, whatever coordinate they are counted in."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray


def level_pressure(now: xr.Dataset) -> NDArray[np.float64]:
    """Return the pressure (Pa) of one time on its levels, shape (level, y, x) or what broadcasts to it.

    The file's own pressure where it holds one; else from the level and, for sigma and hybrid, the surface pressure.
    """
    if "p" in now and "level" in now["p"].dims:
        return np.asarray(now["p"].values, np.float64)
    kind, level = now.attrs.get("vertical", "pressure"), now["level"].values.astype(np.float64)[:, None, None]
    if kind == "pressure":
        return level
    sp = now["sp"].values.astype(np.float64)
    if kind == "sigma":
        return np.asarray(level * sp)
    # ARL writes a hybrid level as one number: whole hPa of the pressure part, and the sigma part as its decimals.
    return np.asarray(np.floor(level) * 100.0 + (level - np.floor(level)) * sp)
