"""The horizontal grid of a meteorological Dataset: longitude/latitude to grid indices and back, metres per cell.

Every projection here is spherical with one Earth radius, :data:`EARTH_RADIUS_M`: half of the 1-4 km by which
trajectory programs differ after 72 h is their radius, so there is one, published, for all grids.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from pyproj import Proj

from geo.errors import InvalidInput
from tracing.met.lazy import plain

EARTH_RADIUS_M = 6_371_200.0
METRES_PER_DEGREE = EARTH_RADIUS_M * np.pi / 180.0
LATLON = "latitude_longitude"
_PROJECTED = ("polar_stereographic", "lambert_conformal_conic", "mercator")
_CENTRAL_LON = (
    "straight_vertical_longitude_from_pole",
    "longitude_of_central_meridian",
    "longitude_of_projection_origin",
)
_POLE_COSINE = 1e-3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MetGrid:
    """A regular grid in longitude and latitude (degrees) or on a conformal projection (metres).

    Attributes
    ----------
    kind : CF ``grid_mapping_name``.
    x0, y0 : coordinate of the first column and row (degrees or metres).
    dx, dy : spacing, positive (degrees or metres).
    nx, ny : number of columns and rows.
    standard_parallel, central_lon : of the projection, degrees; unused for longitude-latitude grids.
    """

    kind: str
    x0: float
    y0: float
    dx: float
    dy: float
    nx: int
    ny: int
    standard_parallel: float = 0.0
    central_lon: float = 0.0

    @property
    def cyclic(self) -> bool:
        """Whether the columns go round the whole Earth."""
        return self.kind == LATLON and self.nx * self.dx > 360.0 - 0.5 * self.dx

    @property
    def poles(self) -> tuple[bool, bool, float]:
        """Whether the first and the last row are the poles of a grid round the Earth, and radians per row."""
        south, north = abs(self.y0 + 90.0) < 1e-6, abs(self.y0 + (self.ny - 1) * self.dy - 90.0) < 1e-6
        return self.cyclic and south, self.cyclic and north, float(np.radians(self.dy))

    @cached_property
    def projection(self) -> Proj:
        """The map projection (only for projected grids)."""
        return _projection(self.kind, self.standard_parallel, self.central_lon)

    def to_index(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Array, Array]:
        """Return fractional column and row (0-based) of points in degrees; off the grid they lie outside [0, n-1]."""
        lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        if self.kind == LATLON:
            x, y = (lon - self.x0) % 360.0, lat
            # A point just west of the first column is at -0.1, not at 359.9 degrees.
            x = np.where(x > (self.nx - 1) * self.dx + 0.5 * (360.0 - (self.nx - 1) * self.dx), x - 360.0, x)
            x = np.where(self.cyclic & (x < 0), x + 360.0, x)
            return x / self.dx, (y - self.y0) / self.dy
        x, y = self.projection(lon, lat)
        return (np.asarray(x) - self.x0) / self.dx, (np.asarray(y) - self.y0) / self.dy

    def to_lonlat(self, col: ArrayLike, row: ArrayLike) -> tuple[Array, Array]:
        """Return longitude in [-180, 180) and latitude (degrees) of fractional columns and rows."""
        x = self.x0 + np.asarray(col, np.float64) * self.dx
        y = self.y0 + np.asarray(row, np.float64) * self.dy
        if self.kind != LATLON:
            x, y = (np.asarray(a) for a in self.projection(x, y, inverse=True))
        return np.asarray(x - 360.0 * np.floor((x + 180.0) / 360.0)), np.asarray(y)

    def cell_metres(self) -> tuple[Array, Array]:
        """Return ground metres per column and per row at each grid point, both of shape (y, x)."""
        col, row = np.meshgrid(np.arange(self.nx), np.arange(self.ny))
        lon, lat = self.to_lonlat(col, row)
        if self.kind == LATLON:
            # At a pole a column has no width; the floor keeps the wind in cells finite there.
            width = self.dx * METRES_PER_DEGREE * np.maximum(np.cos(np.radians(lat)), _POLE_COSINE)
            return width, np.full_like(width, self.dy * METRES_PER_DEGREE)
        scale = self.projection.get_factors(lon, lat).meridional_scale
        return np.asarray(self.dx / scale), np.asarray(self.dy / scale)

    def mapping_attrs(self) -> dict[str, Any]:
        """Return the CF grid mapping attributes."""
        attrs: dict[str, Any] = {"grid_mapping_name": self.kind, "earth_radius": EARTH_RADIUS_M}
        if self.kind == "polar_stereographic":
            attrs["straight_vertical_longitude_from_pole"] = self.central_lon
            attrs["latitude_of_projection_origin"] = 90.0 if self.standard_parallel > 0 else -90.0
        elif self.kind == "lambert_conformal_conic":
            attrs["longitude_of_central_meridian"] = self.central_lon
            attrs["latitude_of_projection_origin"] = self.standard_parallel
        elif self.kind == "mercator":
            attrs["longitude_of_projection_origin"] = self.central_lon
        if self.kind != LATLON:
            attrs["standard_parallel"] = self.standard_parallel
        return attrs

    def coordinates(self) -> dict[str, Any]:
        """Return the coordinates x, y, lon, lat for a Dataset with dimensions y and x."""
        x, y = self.x0 + self.dx * np.arange(self.nx), self.y0 + self.dy * np.arange(self.ny)
        lon_attrs = {"standard_name": "longitude", "units": "degrees_east"}
        lat_attrs = {"standard_name": "latitude", "units": "degrees_north"}
        if self.kind == LATLON:
            return {"lon": plain("x", x, lon_attrs), "lat": plain("y", y, lat_attrs)}
        col, row = np.meshgrid(np.arange(self.nx), np.arange(self.ny))
        lon, lat = self.to_lonlat(col, row)
        return {
            "x": plain("x", x, {"standard_name": "projection_x_coordinate", "units": "m"}),
            "y": plain("y", y, {"standard_name": "projection_y_coordinate", "units": "m"}),
            "lon": plain(("y", "x"), lon, lon_attrs),
            "lat": plain(("y", "x"), lat, lat_attrs),
        }


def conformal_grid(
    kind: str,
    *,
    parallel: float,
    central_lon: float,
    size: tuple[float, float],
    shape: tuple[int, int],
    anchor: Array,
) -> MetGrid:
    """Return a projected grid whose fractional column and row ``anchor[:2]`` (0-based) lie at lon, lat ``anchor[2:]``.

    ``size`` is a cell's size on the ground (m) and the latitude at which it has it; ``shape`` is (rows, columns).
    """
    projection = _projection(kind, parallel, central_lon)
    spacing = size[0] * projection.get_factors(central_lon, size[1]).meridional_scale
    x, y = projection(anchor[2], anchor[3])
    return MetGrid(
        kind,
        x - anchor[0] * spacing,
        y - anchor[1] * spacing,
        spacing,
        spacing,
        shape[1],
        shape[0],
        parallel,
        central_lon,
    )


def grid_of(met: xr.Dataset) -> MetGrid:
    """Return the grid of a Dataset as :func:`tracing.met.open_met` makes it (rows from south to north).

    Raises
    ------
    InvalidInput
        If coordinates are missing, uneven or not ascending, or the projection is not known.
    """
    kind = str(met.attrs.get("grid_mapping_name", LATLON))
    if kind != LATLON and kind not in _PROJECTED:
        raise InvalidInput(f"meteorology: projection {kind!r} is not known; use one of {(LATLON, *_PROJECTED)}")
    names = ("lon", "lat") if kind == LATLON else ("x", "y")
    missing = [name for name in names if name not in met.coords]
    if missing:
        raise InvalidInput(f"meteorology: coordinates {missing} are missing; a {kind} grid needs {list(names)}")
    (x0, dx, nx), (y0, dy, ny) = (even_axis(name, met[name].values) for name in names)
    parallel = float(met.attrs.get("standard_parallel", 0.0))
    lon_keys = (
        "straight_vertical_longitude_from_pole",
        "longitude_of_central_meridian",
        "longitude_of_projection_origin",
    )
    central = next((float(met.attrs[key]) for key in lon_keys if key in met.attrs), 0.0)
    return MetGrid(kind, x0, y0, dx, dy, nx, ny, parallel, central)


def even_axis(name: str, values: NDArray[Any]) -> tuple[float, float, int]:
    """Return first value, spacing and number of an ascending, even axis; raise InvalidInput for another."""
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or values.size < 2:
        raise InvalidInput(f"meteorology: coordinate {name} needs one dimension and two points or more")
    steps = np.diff(values)
    step = float((values[-1] - values[0]) / (values.size - 1))
    if step <= 0 or np.any(np.abs(steps - step) > 1e-3 * abs(step)):
        raise InvalidInput(f"meteorology: coordinate {name} must rise in even steps; sort or regrid the fields")
    return float(values[0]), step, values.size


def _projection(kind: str, parallel: float, central_lon: float) -> Proj:
    base = f"+R={EARTH_RADIUS_M} +lon_0={central_lon}"
    if kind == "polar_stereographic":
        return Proj(f"+proj=stere +lat_0={90 if parallel > 0 else -90} +lat_ts={parallel} {base}")
    if kind == "lambert_conformal_conic":
        return Proj(f"+proj=lcc +lat_1={parallel} +lat_0={parallel} {base}")
    return Proj(f"+proj=merc +lat_ts={parallel} {base}")


def say_time(time: np.datetime64 | pd.Timestamp) -> str:
    """Return a time (UTC) as messages give it."""
    return f"{pd.Timestamp(time):%Y-%m-%dT%H:%MZ}"


def say_period(met: xr.Dataset) -> str:
    """Return the period of meteorology and the files of its first and last time, as messages give them."""
    first, last = (say_time(met["time"].values[i]) for i in (0, -1))
    if "file" not in met.coords:
        return f"{first} ... {last}"
    begin, end = (str(met["file"].values[i]) for i in (0, -1))
    return f"{first} ... {last} ({begin})" if begin == end else f"{first} ({begin}) ... {last} ({end})"
