"""How sure a trajectory is: the offset ensemble of HYSPLIT, and the way there and back."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.geodesic import distance_m
from tracing.trajectory_kernel import Field, Fields
from tracing.trajectory_run import DEFAULT, Integration, run, run_paths
from tracing.trajectory_table import END_REASONS
from tracing.vertical import Prepared

# Cells in x and y, and levels of 0.01 sigma: the first member is the meteorology as it is.
OFFSETS = tuple(
    sorted(((i, j, k) for k in (-1, 0, 1) for j in (-1, 0, 1) for i in (-1, 0, 1)), key=lambda o: o != (0, 0, 0))
)
SIGMA_OFFSET = 0.01
# Points of a path from which the way back is taken; between them the error is linear.
RETURNS = 6


def run_all(
    prepared: Prepared,
    starts: pd.DataFrame,
    *,
    hours: float,
    options: Integration = DEFAULT,
    numbers: NDArray[np.int64] | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Do as :func:`tracing.trajectory_run.run`, with the ensemble and the error estimate that the options ask for.

    Returns
    -------
    DataFrame as of ``run``; with ``options.ensemble`` also ``member`` (1 to 27, 1 being the meteorology as it is; the
    members of one start follow each other in ``trajectory``), with ``options.error`` also ``error_km``.
    """
    if not options.ensemble:
        points = run(prepared, starts, hours=hours, options=options, numbers=numbers, threads=threads)
        return _with_error(prepared, points, hours, options, threads)
    tables = []
    for number, offset in enumerate(OFFSETS, start=1):
        moved = replace(prepared, fields=offset_fields(prepared.fields, offset))
        points = run(moved, starts, hours=hours, options=options, numbers=numbers, threads=threads)
        points = _with_error(moved, points, hours, options, threads)
        tables.append(points.assign(member=np.int64(number)))
    points = pd.concat(tables, ignore_index=True)
    points["trajectory"] = (points["trajectory"] - 1) * len(OFFSETS) + points["member"]
    return points.sort_values("trajectory", kind="stable", ignore_index=True)


def offset_fields(fields: Fields, offset: tuple[int, int, int]) -> Fields:
    """Return fields with the wind of one cell further along x and y and 0.01 sigma further up, per unit of ``offset``.

    Ground and tops stay, and the pressure that is told along the path. At the edge of the grid and below the lowest
    level the nearest value holds; round the Earth the columns go on.
    """
    if offset == (0, 0, 0):
        return fields
    follow = _moved(fields.follow, offset, fields) if fields.follow.size > 1 else fields.follow
    wind = _moved(fields.wind, offset, fields)
    wind[..., 3] = fields.wind[..., 3]
    return fields._replace(wind=wind, follow=follow)


def _moved(field: Field, offset: tuple[int, int, int], fields: Fields) -> Field:
    """Return a field (time, y, x, level, ...) moved by ``offset``."""
    ny, nx = field.shape[1:3]
    column = np.arange(nx) + offset[0]
    column = column % (nx - 1) if fields.cyclic else np.clip(column, 0, nx - 1)
    row = np.clip(np.arange(ny) + offset[1], 0, ny - 1)
    moved = field[:, row][:, :, column]
    if offset[2] == 0:
        return np.ascontiguousarray(moved)
    sigma = fields.sigma
    target = np.clip(sigma - offset[2] * SIGMA_OFFSET, sigma[-1], sigma[0])
    k = np.clip(np.searchsorted(-sigma, -target, side="right") - 1, 0, sigma.size - 2)
    shape = (-1, *([1] * (field.ndim - 4)))
    share = ((sigma[k] - target) / (sigma[k] - sigma[k + 1])).astype(np.float32).reshape(shape)
    return np.ascontiguousarray(moved[:, :, :, k] * (1 - share) + moved[:, :, :, k + 1] * share)


def _with_error(
    prepared: Prepared, points: pd.DataFrame, hours: float, options: Integration, threads: int
) -> pd.DataFrame:
    if options.error is None:
        return points
    return points.assign(error_km=there_and_back(prepared, points, hours=hours, options=options, threads=threads))


def there_and_back(
    prepared: Prepared, points: pd.DataFrame, *, hours: float, options: Integration = DEFAULT, threads: int = 1
) -> NDArray[np.float64]:
    """Return for each point of paths half the distance (km) by which the way back from it misses the start.

    The way back is taken from up to 6 points along the path, evenly spread, the last one of full length among them;
    the error is linear between them and never falls along the path. It tells the error of the integration, not that
    of the wind. NaN after the last point from which the way back is complete.
    """
    place = points.groupby("trajectory", sort=False).cumcount().to_numpy()
    longest = int(place.max())
    nodes = np.unique(np.rint(np.linspace(0, longest, min(RETURNS, longest) + 1)).astype(np.int64))
    heads = points[place == 0].set_index("trajectory")
    back = replace(options, ensemble=False, error=None, along=())
    missed = pd.DataFrame({0: 0.0}, index=heads.index)
    for node in nodes[1:]:
        missed[int(node)] = _missed_km(prepared, points[place == node], heads, back, threads)
    grown = missed.cummax(axis=1, skipna=False).to_numpy()
    row = heads.index.get_indexer(points["trajectory"])
    after = np.clip(np.searchsorted(nodes, place), 1, max(nodes.size - 1, 1))
    if nodes.size == 1:
        return np.zeros(len(points))
    share = (place - nodes[after - 1]) / (nodes[after] - nodes[after - 1])
    low, high = grown[row, after - 1], grown[row, after]
    return np.asarray(np.where(share == 0.0, low, low + share * (high - low)))


def _missed_km(
    prepared: Prepared, ends: pd.DataFrame, heads: pd.DataFrame, options: Integration, threads: int
) -> pd.Series:
    """Return half the distance (km) from the start at which the way back from ``ends`` arrives."""
    starts = ends[["time", "lon", "lat", "height_m_agl"]].reset_index(drop=True)
    paths = run_paths(
        replace(prepared, along={}), starts, hours=-float(ends["age_h"].iloc[0]), options=options, threads=threads
    )
    begin, home = heads.loc[ends["trajectory"]], np.cumsum(paths.size) - 1
    lon, lat = (paths.columns[name][home] for name in ("lon", "lat"))
    apart = distance_m(begin["lon"].to_numpy(), begin["lat"].to_numpy(), lon, lat)
    apart = np.where(paths.reason == END_REASONS.index("completed"), apart, np.nan)
    return pd.Series(0.5e-3 * apart, index=ends["trajectory"].to_numpy())
