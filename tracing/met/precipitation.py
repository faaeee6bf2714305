"""Precipitation as a rate, whatever files give: the hour before, hours since a full 6 or 12, or since the run began.

``tp`` is the amount as the file holds it; its attribute ``accumulated_h`` says over what: hours of the clock after
which it starts at nothing again (1 for ERA5, 6 for TPP6 ...), or infinite, since the forecast began.
"""

from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tracing.met.cf_names import SURFACE
from tracing.met.lazy import Row, lazy

ACCUMULATED = "accumulated_h"
_WATER = 1000.0  # kg m-3: a metre of water on a square metre
_HOUR_S = 3600.0
_SAID_STEP = (
    "降水量的累计时段未知，按资料的时间间隔计 / over what time precipitation was added up is not said: the interval "
    "of the data is taken"
)

Array = NDArray[np.float64]


def with_rate(met: xr.Dataset) -> xr.Dataset:
    """Return joined meteorology with ``prate`` (kg m-2 s-1, which is mm s-1) wherever it holds ``tp``, lazily."""
    if "tp" not in met or "prate" in met or met.sizes["time"] < 2:
        return met
    hours = (met["time"].values - np.datetime64(0, "h")) / np.timedelta64(1, "h")
    forecast = met["forecast_h"].values.astype(float) if "forecast_h" in met.coords else np.zeros(hours.size)
    over = met["tp"].attrs.get(ACCUMULATED)
    shares = [_shares(i, hours.astype(float), forecast, over) for i in range(hours.size)]
    rows: list[Row] = [partial(_rate, met, *share) for share in shares]
    out = met.assign(prate=lazy(rows, met["tp"].shape[1:], SURFACE["prate"].attrs()))
    if over is None:
        out.attrs["assumed"] = [*met.attrs.get("assumed", ()), _SAID_STEP]
    return out


def _shares(i: int, hours: Array, forecast: Array, over: float | None) -> tuple[int, int | None, float]:
    """Return which amount to take at time ``i``, which to take from it (None: none), and the hours between."""
    step = hours[max(i, 1)] - hours[max(i, 1) - 1]
    if over is None:
        return i, None, step
    if np.isfinite(over):
        age = (hours[i] - 1e-6) % over + 1e-6
        return (i, i - 1, step) if i and age > step + 1e-6 else (i, None, age)
    if not forecast.any():
        # Only the clock is known: what came since the time before; the first time has the second's.
        return max(i, 1), max(i, 1) - 1, step
    same_run = i and abs(forecast[i] - forecast[i - 1] - step) < 0.5
    return (i, i - 1, step) if same_run else (i, None, forecast[i])


def _rate(met: xr.Dataset, i: int, before: int | None, hours: float) -> Array:
    amount = met.variables["tp"][i].values.astype(np.float64)
    if hours <= 0.0:
        # A run's own beginning: nothing has come down yet.
        return np.zeros_like(amount)
    if before is not None:
        earlier = met.variables["tp"][before].values
        amount = np.where(amount >= earlier, amount - earlier, np.where(amount < 0.5 * earlier, amount, 0.0))
    return np.maximum(amount, 0.0) * _WATER / (hours * _HOUR_S)
