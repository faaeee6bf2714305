"""What can be told along a path besides place and pressure: which columns, and the fields behind them."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput, MissingData
from tracing.met.grid import say_period

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Along:
    """One quantity along the path: its column, the variables of which the first that is there is taken, and a factor.

    ``levels`` says whether it changes with height.
    """

    column: str
    variables: tuple[str, ...]
    factor: float = 1.0
    levels: bool = False


# Pressure is always told (pressure_hpa); precipitation is a rate.
ALONG: dict[str, Along | None] = {
    "pressure": None,
    "temperature": Along("temperature_k", ("t",), levels=True),
    "humidity": Along("specific_humidity_g_kg", ("q", "rh"), 1000.0, levels=True),
    "mixing-height": Along("mixing_height_m", ("blh",)),
    "precipitation": Along("precipitation_mm_h", ("prate",), 3600.0),
    "terrain": Along("terrain_m", ()),
}


def check_along(met: xr.Dataset, names: tuple[str, ...]) -> None:
    """Raise where a quantity is not known or the meteorology does not hold it.

    Raises
    ------
    InvalidInput, MissingData
        Naming the quantity and what is there.
    """
    for name in names:
        if name not in ALONG:
            raise InvalidInput(f"along the path: {name!r} is not known; use some of {', '.join(ALONG)}")
        along = ALONG[name]
        if along is not None and along.variables and not any(v in met for v in along.variables):
            have = sorted(str(v) for v in met.data_vars)
            raise MissingData(
                f"along the path: no {name} ({' or '.join(along.variables)}) in the meteorology {say_period(met)}; "
                f"it holds {have}"
            )


def surface_field(met: xr.Dataset, along: Along, terrain: NDArray[np.float64]) -> Field:
    """Return a quantity at the ground, float32 (time, y, x, 1), in the unit of its column."""
    if not along.variables:
        whole = np.broadcast_to(terrain, (met.sizes["time"], *terrain.shape))
        return np.asarray(whole[..., None] * along.factor, np.float32)
    name = next(v for v in along.variables if v in met)
    return np.asarray(met[name].values[..., None] * along.factor, np.float32)
