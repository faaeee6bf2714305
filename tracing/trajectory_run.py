"""Run the trajectory kernel on prepared meteorology: starts in, table of points out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo.errors import InvalidInput
from tracing import trajectory_kernel as kernel
from tracing.trajectory_blocks import follow
from tracing.trajectory_table import Paths, paths_of, point_ages, points_table
from tracing.vertical import Prepared

Ints = NDArray[np.int64]

_MILLIMETRE = 1.1e-3
# Where in the step each scheme's stages lie, and the weights of their slopes.
_SCHEMES = {
    "petterssen": ((0.0, 1.0), (0.5, 0.5)),
    "midpoint": ((0.0, 0.5), (0.0, 1.0)),
    "rk4": ((0.0, 0.5, 0.5, 1.0), (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)),
}
METHODS: tuple[str, ...] = tuple(_SCHEMES)


@dataclass(frozen=True)
class Integration:
    """How to integrate.

    Attributes
    ----------
    method : ``petterssen`` (two evaluations a step, as HYSPLIT), ``midpoint`` (two) or ``rk4`` (four).
    step_minutes : fixed step; by default the longest of 1 to 60 min on which a particle crosses ``cells_per_step``.
    cells_per_step : share of a cell, where the step is not fixed.
    output_minutes : minutes between points of a path.
    top_m : height above ground at which a path ends.
    roughness : m, one value or a map, where the meteorology has no 10 m wind; 0.2 m if not given.
    ensemble : follow each start in the meteorology as it is and in 26 that are moved by a grid cell and 0.01 sigma.
    error : estimate of each point's error from the way back to the start (``there-and-back``), column ``error_km``.
    along : what is told along the path, a column each: names of :data:`tracing.vertical_along.ALONG`.
    """

    method: str = "petterssen"
    step_minutes: float | None = None
    cells_per_step: float = 0.75
    output_minutes: float = 60.0
    top_m: float = 10_000.0
    roughness: float | xr.DataArray | None = None
    ensemble: bool = False
    error: str | None = None
    along: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise InvalidInput where a value makes no sense."""
        if self.method not in METHODS:
            raise InvalidInput(f"method {self.method!r} is not known; use one of {', '.join(METHODS)}")
        if self.error not in (None, "there-and-back"):
            raise InvalidInput(f"error estimate {self.error!r} is not known; use there-and-back")
        if self.step_minutes is not None and not 0.0 < self.step_minutes <= 60.0:
            raise InvalidInput(f"step of {self.step_minutes:g} min is not between 0 and 60 min; choose 1 to 60 min")
        if not 0.01 <= self.cells_per_step <= 1.0:
            raise InvalidInput(f"{self.cells_per_step:g} cells a step is not between 0.01 and 1; choose 0.75")
        if not 1.0 <= self.output_minutes <= 1440.0:
            raise InvalidInput(f"output every {self.output_minutes:g} min is not between 1 and 1440 min; choose 60 min")
        if not 100.0 <= self.top_m <= 20_000.0:
            raise InvalidInput(f"top of {self.top_m:g} m is not between 100 and 20000 m; choose 10000 m")


DEFAULT = Integration()


def run(
    prepared: Prepared,
    starts: pd.DataFrame,
    *,
    hours: float,
    options: Integration = DEFAULT,
    numbers: Ints | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Do as :func:`trajectories` does on meteorology prepared before; ``numbers`` are those of the trajectories
    (by default from 1).

    Raises
    ------
    InvalidInput
        If a start lies outside the grid, below ground or above the top.
    """
    paths = run_paths(prepared, starts, hours=hours, options=options, numbers=numbers, threads=threads)
    return points_table(paths, starts, ages_of(hours, options), threads=threads)


def run_paths(
    prepared: Prepared,
    starts: pd.DataFrame,
    *,
    hours: float,
    options: Integration = DEFAULT,
    numbers: Ints | None = None,
    threads: int = 1,
) -> Paths:
    """Do as :func:`run`, of starts that need no ``receptor``, and leave the labels away."""
    numbers = np.arange(1, len(starts) + 1) if numbers is None else numbers
    begin = kernel_starts(prepared, starts, options, numbers)
    plan = _plan(hours, options)
    out = np.empty((4, len(starts), points_per_path(hours, options)))
    ends = np.zeros((len(starts), 2), np.int64)
    follow(prepared.fields, plan, begin, (out, ends), threads=threads)
    return paths_of(prepared, starts, (out, ends), plan, numbers=numbers, threads=threads)


def points_per_path(hours: float, options: Integration) -> int:
    """Return the number of points of a path that is completed."""
    return int(np.ceil(abs(hours) * 60.0 / options.output_minutes - 1e-9)) + 1


def ages_of(hours: float, options: Integration) -> Ints:
    """Return the signed age (s) of each point of a path that is completed."""
    return point_ages(hours * 60.0, float(options.output_minutes), points_per_path(hours, options))


def steps_per_path(hours: float, options: Integration) -> int:
    """Return the number of steps of a path that is completed; on an automatic step of half an hour, a usual one."""
    return max(1, int(np.ceil(abs(hours) * 60.0 / (options.step_minutes or 30.0))))


def _plan(hours: float, options: Integration) -> kernel.Plan:
    fractions, weights = (np.array(a) for a in _SCHEMES[options.method])
    step, output = options.step_minutes or 0.0, float(options.output_minutes)
    cells, top = float(options.cells_per_step), float(options.top_m)
    return kernel.Plan(hours * 60.0, output, float(step), cells, top, fractions, weights)


def kernel_starts(prepared: Prepared, starts: pd.DataFrame, options: Integration, numbers: Ints) -> NDArray[np.float64]:
    """Return column, row, sigma and minutes of each start, checked against grid and top."""
    fields, grid = prepared.fields, prepared.grid
    lon, lat, height = (starts[name].to_numpy(dtype=np.float64) for name in ("lon", "lat", "height_m_agl"))
    x, y = grid.to_index(lon, lat)
    edge = 1e-9
    inside = (x >= -edge) & (x <= fields.surface.shape[1] - 1 + edge) & (y >= -edge) & (y <= grid.ny - 1 + edge)
    if not inside.all():
        i = int(np.argmin(inside))
        raise InvalidInput(
            f"starts row {numbers[i]}: {lat[i]:g} N {lon[i]:g} E lies outside the meteorology, {_extent(prepared)}"
        )
    x, y = np.clip(x, 0.0, fields.surface.shape[1] - 1), np.clip(y, 0.0, grid.ny - 1.0)
    minutes = np.asarray((starts["time"] - prepared.start).dt.total_seconds(), np.float64) / 60.0
    depth, tops = kernel.depths_and_tops(fields, x, y, minutes)
    tops = np.minimum(tops, options.top_m)
    # To a millimetre, as the kernel: a point of a path is a start, too.
    if np.any(height > tops + _MILLIMETRE):
        i = int(np.argmax(height > tops + _MILLIMETRE))
        raise InvalidInput(
            f"starts row {numbers[i]}: {height[i]:g} m lies above the top of {tops[i]:.0f} m; start lower"
        )
    return np.column_stack([x, y, 1.0 - height / depth, minutes])


def _extent(prepared: Prepared) -> str:
    grid = prepared.grid
    column, row = np.meshgrid(np.arange(grid.nx), np.arange(grid.ny))
    lon, lat = grid.to_lonlat(column, row)
    west, east = (
        (grid.x0, grid.x0 + (grid.nx - 1) * grid.dx) if grid.kind == "latitude_longitude" else (lon.min(), lon.max())
    )
    return f"which covers {lat.min():.1f} to {lat.max():.1f} N, {west:.1f} to {east:.1f} E; move the start or add files"
