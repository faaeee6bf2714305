"""Add to joined meteorology what trajectories need and the files do not say; each addition stands in ``attrs``."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import MissingData
from tracing.met import heights
from tracing.met.cf_names import SURFACE, UPPER
from tracing.met.lazy import at_time, lazy, plain
from tracing.met.levels import level_pressure
from tracing.met.model_levels import L137_LEVELS, l137, on_constant_heights
from tracing.met.precipitation import with_rate

_TEN_M = (10.0, 20.0)
_ICAO_T0, _ICAO_LAPSE = 288.15, 6.5e-3
_SAID_STANDARD = (
    "气压层没有位势高度也没有气温，高度取自国际标准大气 (ICAO) / "
    "pressure levels without heights or temperature: heights are those of the ICAO standard atmosphere"
)
_SAID_HYPSOMETRIC = (
    "气压层没有位势高度，由气温按压高公式从{zh}算起 / "
    "no heights: from temperature by the hypsometric equation, from {en}"
)
_SAID_TERRAIN = (
    "没有地形高度，取地面气压在标准大气中的高度 / "
    "no terrain height: the height of the surface pressure in the ICAO standard atmosphere"
)
_SAID_SEA = (
    "既没有地形高度也没有地面气压，地面按海平面 / "
    "neither terrain height nor surface pressure: the ground is at sea level"
)
_SAID_OMEGA = "垂直运动由上升速度 w 按静力关系换算 / omega is the hydrostatic one of the upward velocity w"
_SAID_L137 = (
    "文件没有模式层系数，用 ECMWF 公布的 L137 系数 / no coefficients of the model levels in the files: those of "
    "ECMWF's L137 are used"
)
_SAID_TEN_M = (
    "只有 10 米风：只有高度 10 米、垂直运动 constant-height 有意义；气压和气温取自标准大气，没有地形时按海平面 / "
    "10 m wind only: nothing but constant-height at 10 m makes sense; pressure and temperature are of the ICAO "
    "standard atmosphere, and the ground without a terrain height is at sea level"
)


def complete(met: xr.Dataset) -> xr.Dataset:
    """Return joined meteorology with heights; ``attrs["assumed"]`` lists, in Chinese and English, what was assumed.

    Raises
    ------
    MissingData
        If model levels cannot be placed above the ground: no coefficients, pressure, temperature or surface pressure.
    """
    met = with_rate(met)
    if "lnsp" in met and "sp" not in met:
        met = _with(met, "sp", lambda now: np.exp(_get(now, "lnsp")), SURFACE["sp"].attrs())
    if "u" not in met and {"u10", "v10"} <= set(met):
        return _ten_metres(met)
    if met.attrs.get("vertical") == "model":
        return _on_heights(met)
    if met.attrs.get("vertical") == "pressure" and "u" in met and "z" not in met:
        met = _with_heights(met)
    if met.attrs.get("vertical") == "pressure" and "u" in met and "zs" not in met and "sp" not in met:
        sea = np.zeros((met.sizes["y"], met.sizes["x"]))
        met = _with(met, "zs", lambda now: sea, SURFACE["zs"].attrs(), _SAID_SEA)
    return _with_omega(met)


def _get(now: xr.Dataset, name: str) -> NDArray[np.float64]:
    return np.asarray(now[name].values, np.float64)


def _with(
    met: xr.Dataset, name: str, of: Callable[[xr.Dataset], NDArray[Any]], attrs: dict[str, Any], *said: str
) -> xr.Dataset:
    """Return the Dataset with a field that is computed, time by time, when asked for."""
    shape = met["u"].shape[1:] if name in UPPER else (met.sizes["y"], met.sizes["x"])
    rows = [lambda i=i: of(at_time(met, i)) for i in range(met.sizes["time"])]
    added = met.assign({name: lazy(rows, shape, attrs)})
    if said:
        added.attrs["assumed"] = [*met.attrs.get("assumed", ()), *said]
    return added


def _with_omega(met: xr.Dataset) -> xr.Dataset:
    """Return meteorology that holds the upward velocity with the hydrostatic omega it stands for: -rho g w."""
    kind = met.attrs.get("vertical", "pressure")
    if "w" not in met or "omega" in met or "t" not in met or not ("p" in met or kind == "pressure" or "sp" in met):
        return met

    def omega(now: xr.Dataset) -> NDArray[np.float64]:
        density = level_pressure(now) / (heights.R_DRY * _get(now, "t"))
        return -density * heights.GRAVITY * _get(now, "w")

    return _with(met, "omega", omega, UPPER["omega"].attrs(), _SAID_OMEGA)


def _with_heights(met: xr.Dataset) -> xr.Dataset:
    """Return pressure levels with heights: hypsometric where there is temperature, else of the standard atmosphere."""
    level = met["level"].values.astype(np.float64)
    standard = heights.icao_height(level)[:, None, None]
    if "t" not in met:
        return _with(
            met,
            "z",
            lambda now: standard,
            UPPER["z"].attrs(),
            _SAID_STANDARD,
        )

    def height(now: xr.Dataset) -> NDArray[np.float64]:
        if "sp" in now:
            ground = _get(now, "sp")
            base = ground, _get(now, "zs") if "zs" in now else heights.icao_height(ground)
        else:
            base = np.full(now["t"].shape[1:], level[0]), np.full(now["t"].shape[1:], standard[0, 0, 0])
        return heights.hypsometric(level, _get(now, "t"), _get(now, "q") if "q" in now else None, base)

    zh, en = _base_said(met)
    said = _SAID_HYPSOMETRIC.format(zh=zh, en=en)
    if "sp" in met and "zs" not in met:
        first = at_time(met, 0)
        ground = heights.icao_height(_get(first, "sp"))
        met = _with(met, "zs", lambda now: ground, SURFACE["zs"].attrs())
    return _with(met, "z", height, UPPER["z"].attrs(), said)


def _base_said(met: xr.Dataset) -> tuple[str, str]:
    if "sp" in met and "zs" in met:
        return "地面", "the ground"
    if "sp" in met:
        return "标准大气中地面气压的高度", "the height of the surface pressure in the ICAO standard atmosphere"
    return "最低层在标准大气中的高度", "the lowest level's height in the ICAO standard atmosphere"


def _on_heights(met: xr.Dataset) -> xr.Dataset:
    if "zs" not in met and "sp" in met:
        ground = heights.icao_height(_get(at_time(met, 0), "sp"))
        met = _with(
            met,
            "zs",
            lambda now: ground,
            SURFACE["zs"].attrs(),
            _SAID_TERRAIN,
        )
    if "t" not in met or "sp" not in met:
        have = sorted(str(name) for name in met.data_vars)
        raise MissingData(
            f"meteorology: model levels need temperature t and surface pressure (sp or lnsp); only {have}"
        )
    if "half_a" not in met.attrs and "height_agl" not in met and met["level"].values.max() == L137_LEVELS:
        a, b = l137()
        said = [*met.attrs.get("assumed", ()), _SAID_L137]
        met = met.assign_attrs(half_a=a.tolist(), half_b=b.tolist(), assumed=said)
    return on_constant_heights(met)


def _ten_metres(met: xr.Dataset) -> xr.Dataset:
    """Return a 10 m wind as a field of constant wind, for transport along the ground."""
    level = plain("level", np.array(_TEN_M), {"units": "m", "positive": "up"})
    size = (len(_TEN_M), met.sizes["y"], met.sizes["x"])
    out = met.assign_coords(level=level)
    out.attrs |= {"vertical": "terrain", "only_vertical": "constant-height", "only_height_m": 10.0}
    temperature = (_ICAO_T0 - _ICAO_LAPSE * np.array(_TEN_M))[:, None, None]
    pressure = 101_325.0 * (temperature / _ICAO_T0) ** 5.25588
    fields: dict[str, Callable[[xr.Dataset], NDArray[Any]]] = {
        "u": lambda now: _get(now, "u10")[None],
        "v": lambda now: _get(now, "v10")[None],
        "t": lambda now: temperature,
        "p": lambda now: pressure,
    }
    for name, of in fields.items():
        attrs = UPPER[name].attrs() if name in UPPER else {"standard_name": "air_pressure", "units": "Pa"}
        rows = [lambda i=i, of=of: of(at_time(met, i)) for i in range(met.sizes["time"])]
        out[name] = lazy(rows, size, attrs)
    if "zs" not in met:
        still = np.zeros(size[1:])
        out["zs"] = lazy([lambda: still] * met.sizes["time"], size[1:], SURFACE["zs"].attrs())
    out.attrs["assumed"] = [*met.attrs.get("assumed", ()), _SAID_TEN_M]
    return out
