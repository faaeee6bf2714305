"""WRF output: staggered fields to the mass points, eta levels, map projection; winds keep the grid's axes."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing.met.arl_names import GRID_WINDS
from tracing.met.cf_names import SURFACE, UPPER
from tracing.met.grid import EARTH_RADIUS_M, LATLON, MetGrid, conformal_grid, even_axis
from tracing.met.heights import GRAVITY, R_DRY
from tracing.met.lazy import Row, lazy, plain, row_of

# WRF's own constants (module_model_constants): its radius, base potential temperature, R / cp and gravity.
_WRF_RADIUS_M = 6_370_000.0
_THETA_0, _P0, _KAPPA, _WRF_GRAVITY = 300.0, 100_000.0, 2.0 / 7.0, 9.81
_KINDS = {1: "lambert_conformal_conic", 2: "polar_stereographic", 3: "mercator", 6: LATLON}
_NEEDED = ("Times", "U", "V", "P", "PB", "PH", "PHB", "T", "HGT", "PSFC", "XLAT", "XLONG")
_GROUND = {"PSFC": "sp", "HGT": "zs", "U10": "u10", "V10": "v10", "T2": "t2m", "PBLH": "blh"}
_SIDE = {"U": "west_east_stag", "V": "south_north_stag"}
_OFF_CELLS = 0.1

Array = NDArray[np.float64]


def is_wrf(ds: xr.Dataset) -> bool:
    """Whether a NetCDF Dataset is WRF output."""
    return "MAP_PROJ" in ds.attrs and "XLAT" in ds.variables


def read_wrf(ds: xr.Dataset, path: str) -> xr.Dataset:
    """Return WRF output in the labelled form on its eta levels (``vertical`` is ``model``), lazily.

    Raises
    ------
    InvalidInput
        If a variable is missing, the projection is not known, the nest moves, or its coordinates do not fit its
        projection.
    """
    missing = [name for name in _NEEDED if name not in ds.variables]
    if missing:
        raise InvalidInput(f"{path}: WRF output without {', '.join(missing)}; add them to the history stream")
    times, grid = _times(ds, path), _grid(ds, path)
    size = (grid.ny, grid.nx)
    shape = (ds.sizes["bottom_top"], *size)
    upper: dict[str, Callable[[xr.Dataset, str], Array]]
    upper = {"u": _wind, "v": _wind, "t": _temperature, "p": _pressure, "height_agl": _height}
    upper |= {"omega": _omega} if "W" in ds.variables else {}
    upper |= {"q": _humidity} if "QVAPOR" in ds.variables else {}
    data = {}
    for name, of in upper.items():
        attrs = UPPER[name].attrs() if name in UPPER else {"units": "Pa" if name == "p" else "m"}
        rows: list[Row] = [partial(_at, ds, i, of, name) for i in range(times.size)]
        data[name] = lazy(rows, shape, attrs)
    for name, short in _GROUND.items():
        if name in ds.variables:
            rows = [row_of(ds[name].variable, i, "Time") for i in range(times.size)]
            data[short] = lazy(rows, size, SURFACE[short].attrs())
    if grid.kind != LATLON:
        for name in set(data) & set(GRID_WINDS):
            data[name].attrs["standard_name"] = GRID_WINDS[name]
    levels = np.arange(1.0, shape[0] + 1)
    coords = {"time": plain("time", times, {}), "level": plain("level", levels, {}), **grid.coordinates()}
    attrs = {"Conventions": "CF-1.11", "source": "WRF", "format": "WRF", "vertical": "model"}
    return xr.Dataset(data, coords, {**attrs, **grid.mapping_attrs()})


def _at(ds: xr.Dataset, i: int, of: Callable[[xr.Dataset, str], Array], name: str) -> Array:
    return of(ds.isel(Time=i), name)


def _values(now: xr.Dataset, name: str) -> Array:
    return np.asarray(now[name].values, np.float64)


def _wind(now: xr.Dataset, name: str) -> Array:
    """Return the mean of the two sides of a cell; the components stay along the grid's axes."""
    field, axis = _values(now, name.upper()), -1 if name == "u" else -2
    n = field.shape[axis]
    return 0.5 * (np.take(field, range(n - 1), axis) + np.take(field, range(1, n), axis))


def _pressure(now: xr.Dataset, name: str = "p") -> Array:
    return _values(now, "P") + _values(now, "PB")


def _temperature(now: xr.Dataset, name: str = "t") -> Array:
    return (_values(now, "T") + _THETA_0) * (_pressure(now) / _P0) ** _KAPPA


def _height(now: xr.Dataset, name: str) -> Array:
    """Return metres above ground of the mass levels: the mean of the two faces' geopotential heights."""
    faces = (_values(now, "PH") + _values(now, "PHB")) / _WRF_GRAVITY
    return 0.5 * (faces[:-1] + faces[1:]) - _values(now, "HGT")


def _humidity(now: xr.Dataset, name: str = "q") -> Array:
    ratio = _values(now, "QVAPOR")
    return ratio / (1.0 + ratio)


def _omega(now: xr.Dataset, name: str) -> Array:
    """Return the hydrostatic omega of WRF's upward velocity: -rho g w."""
    w = _values(now, "W")
    density = _pressure(now) / (R_DRY * _temperature(now))
    return -density * GRAVITY * 0.5 * (w[:-1] + w[1:])


def _times(ds: xr.Dataset, path: str) -> NDArray[np.datetime64]:
    texts = [
        t.decode("ascii", "replace") if isinstance(t, bytes) else str(t) for t in np.atleast_1d(ds["Times"].values)
    ]
    try:
        stamps = [pd.Timestamp(text.strip("\0 ").replace("_", "T")) for text in texts]
    except ValueError as error:
        raise InvalidInput(f"{path}: Times {texts[:1]} is not YYYY-MM-DD_HH:MM:SS; correct it") from error
    return np.array(stamps, "datetime64[ns]")


def _grid(ds: xr.Dataset, path: str) -> MetGrid:
    lat, lon = (_values(ds, name) for name in ("XLAT", "XLONG"))
    if lat.ndim == 3:
        if np.abs(lat - lat[0]).max() > 1e-4:
            raise InvalidInput(f"{path}: the nest moves with time; regrid it or run the fixed domain")
        lat, lon = lat[0], lon[0]
    kind = _KINDS.get(int(ds.attrs["MAP_PROJ"]))
    if kind is None or (kind == LATLON and float(ds.attrs.get("POLE_LAT", 90.0)) != 90.0):
        raise InvalidInput(
            f"{path}: map projection MAP_PROJ={ds.attrs['MAP_PROJ']} (rotated or unknown) is not read here"
        )
    if kind == LATLON:
        (x0, dx, nx), (y0, dy, ny) = (even_axis(f"{path}: {n}", a) for n, a in (("XLONG", lon[0]), ("XLAT", lat[:, 0])))
        return MetGrid(LATLON, x0, y0, dx, dy, nx, ny)
    parallel = float(ds.attrs["TRUELAT1"])
    grid = conformal_grid(
        kind,
        parallel=_cone_parallel(parallel, float(ds.attrs.get("TRUELAT2", parallel))) if "lambert" in kind else parallel,
        central_lon=float(ds.attrs["STAND_LON"]),
        # The angles are kept: metres are larger by the ratio of our radius to WRF's.
        size=(float(ds.attrs["DX"]) * EARTH_RADIUS_M / _WRF_RADIUS_M, parallel),
        shape=(lat.shape[0], lat.shape[1]),
        anchor=np.array([0.0, 0.0, lon[0, 0], lat[0, 0]]),
    )
    _check_fit(grid, lon, lat, path)
    return grid


def _cone_parallel(first: float, second: float) -> float:
    """Return the one parallel of the Lambert cone that cuts the sphere at two (Snyder 1987, eqs. 15-3 and 15-8)."""
    if abs(first - second) < 1e-6 or abs(second) > 90.0:
        return first
    a, b = np.radians(first), np.radians(second)
    n = np.log(np.cos(a) / np.cos(b)) / np.log(np.tan(np.pi / 4 + b / 2) / np.tan(np.pi / 4 + a / 2))
    return float(np.degrees(np.arcsin(n)))


def _check_fit(grid: MetGrid, lon: Array, lat: Array, path: str) -> None:
    rows, columns = np.indices(lat.shape)
    col, row = grid.to_index(lon, lat)
    off = float(np.hypot(col - columns, row - rows).max())
    if not off <= _OFF_CELLS:
        raise InvalidInput(
            f"{path}: XLAT and XLONG lie up to {off:.2f} cells from where its projection attributes put them; "
            "correct TRUELAT1, TRUELAT2, STAND_LON, DX"
        )
