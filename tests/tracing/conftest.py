"""Small meteorology with known answers, and HYSPLIT's own end points."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tracing.met.grid import EARTH_RADIUS_M, LATLON, MetGrid
from tracing.vertical_columns import GRAVITY, R_DRY

T_KELVIN = 280.0
P_GROUND = 101_325.0
LEVELS = np.array([1000, 975, 950, 925, 900, 850, 800, 700, 600, 500, 400, 300, 200], float) * 100.0
SCALE_HEIGHT = R_DRY * T_KELVIN / GRAVITY

Wind = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def isothermal_met(
    grid: MetGrid, wind: Wind, *, hours: int = 24, w: float = 0.0, terrain: np.ndarray | None = None
) -> xr.Dataset:
    """Return an isothermal atmosphere over `terrain`; `wind` of lon, lat is in m/s along the axes, at all heights.

    `w` m/s is the upward motion everywhere; given as omega.
    """
    shape = (grid.ny, grid.nx)
    column, row = np.meshgrid(np.arange(grid.nx), np.arange(grid.ny))
    u, v = wind(*grid.to_lonlat(column, row))
    z = SCALE_HEIGHT * np.log(P_GROUND / LEVELS)
    ground = np.zeros(shape) if terrain is None else terrain
    upper = ("time", "level", "y", "x")
    n = hours + 1

    def over(levels: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        return upper, np.broadcast_to(levels.astype(np.float32), (n, *levels.shape)).copy()

    def at_ground(values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        return ("time", "y", "x"), np.broadcast_to(values.astype(np.float32), (n, *shape)).copy()

    column_of = np.broadcast_to
    full = (LEVELS.size, *shape)
    density = LEVELS / (R_DRY * T_KELVIN)
    data = {
        "u": over(column_of(u, full)),
        "v": over(column_of(v, full)),
        "t": over(np.full(full, T_KELVIN)),
        "z": over(column_of(z[:, None, None], full)),
        "omega": over(column_of((-density * GRAVITY * w)[:, None, None], full)),
        "zs": at_ground(ground),
        "sp": at_ground(P_GROUND * np.exp(-ground / SCALE_HEIGHT)),
        "u10": at_ground(u),
        "v10": at_ground(v),
        "t2m": at_ground(np.full(shape, T_KELVIN)),
    }
    time = np.datetime64("2020-02-28T12:00", "ns") + np.arange(n) * np.timedelta64(1, "h")
    coords = {"time": time, "level": LEVELS, **grid.coordinates()}
    return xr.Dataset(data, coords, {"vertical": "pressure", **grid.mapping_attrs()})


def one_start(time: str, lon: float, lat: float, height: float = 500.0) -> pd.DataFrame:
    return pd.DataFrame(
        {"receptor": ["a"], "time": [pd.Timestamp(time)], "lon": [lon], "lat": [lat], "height_m_agl": [height]}
    )


def separation_km(lon1: np.ndarray, lat1: np.ndarray, lon2: np.ndarray, lat2: np.ndarray) -> np.ndarray:
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(a, float)) for a in (lon1, lat1, lon2, lat2))
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2e-3 * EARTH_RADIUS_M * np.arcsin(np.sqrt(half))


class MetTools:
    """What the tests of this room share."""

    make = staticmethod(isothermal_met)
    start = staticmethod(one_start)
    separation_km = staticmethod(separation_km)
    scale_height = SCALE_HEIGHT
    p_ground = P_GROUND

    @staticmethod
    def latlon(x0: float, y0: float, step: float, nx: int, ny: int) -> MetGrid:
        return MetGrid(LATLON, x0, y0, step, step, nx, ny)


@pytest.fixture(scope="session")
def tools() -> type[MetTools]:
    return MetTools


@pytest.fixture(scope="session")
def eastward(tools) -> xr.Dataset:
    """10 m/s from the west on 0-20 E, 30-50 N, 24 h from 2020-02-28T12Z, over the leap day."""
    return tools.make(tools.latlon(0.0, 30.0, 0.5, 41, 41), lambda lon, lat: (10.0 + 0 * lon, 0.0 * lat))
