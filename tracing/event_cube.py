"""Events in space and time, counted in cells and steps: what emerging hot spots of fires or alarms are made from."""

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.cell_grid import CellGrid
from geo.errors import InvalidInput, MissingData
from tracing.emerging import STEPS, steps_of
from tracing.local_places import numeric_column

CELL, COUNT, TIME = "cell", "count", "step"


def counted(
    events: gpd.GeoDataFrame, *, time: str, step: str, cell_m: float, weight: str | None = None
) -> gpd.GeoDataFrame:
    """Return the events of each cell and step, ready for `tracing.emerging.emerging`.

    Parameters
    ----------
    events : GeoDataFrame
        One row an event, any CRS; lines and polygons count by a point on them.
    time : str
        Column with the time.
    step : str
        hour, day, month or year, of the city's calendar.
    cell_m : float, m
        Edge of the cells, which are of equal area.
    weight : str, optional
        Numeric column to sum instead of counting rows; a missing weight leaves the event out.

    Returns
    -------
    GeoDataFrame, EPSG:4326
        cell (id), step (its start), count, and the cell's square; only where something happened: the other steps of
        such a cell are 0 (`CubeRule.zero`), and cells in which nothing ever happened are no places.
        `attrs["warnings"]` says what was left out.

    Raises
    ------
    InvalidInput
        No such column, times that cannot be read, another step, a size out of range, negative weights.
    MissingData
        No event with a place, a time and a weight.
    """
    if step not in STEPS:
        raise InvalidInput(f"events are counted by --step {', '.join(STEPS)}: choose one")
    values = np.ones(len(events)) if weight is None else numeric_column(events, weight, ())
    if (values < 0.0).any():
        raise InvalidInput(f"column {weight!r} holds negative weights: correct them")
    steps = steps_of(events, time, step)
    located = ~(events.geometry.isna() | events.geometry.is_empty).to_numpy()
    used = located & steps.notna().to_numpy() & ~np.isnan(values)
    if not used.any():
        raise MissingData("no event with a place, a time and a weight: nothing to count")
    shapes = events.geometry[used].to_crs(4326)
    shapes = shapes if (shapes.geom_type == "Point").all() else shapes.representative_point()
    grid = CellGrid.over(tuple(shapes.total_bounds), cell_m)
    table = pd.DataFrame({"at": grid.cell_of(shapes.x, shapes.y), TIME: steps[used].to_numpy(), COUNT: values[used]})
    sums = table.groupby(["at", TIME], sort=True, as_index=False)[COUNT].sum()
    cells = sums["at"].to_numpy()
    squares = dict(zip(np.unique(cells).tolist(), grid.polygons(np.unique(cells)), strict=True))
    out = gpd.GeoDataFrame(
        {CELL: grid.names(cells), TIME: sums[TIME].dt.start_time.dt.tz_localize("Asia/Shanghai"), COUNT: sums[COUNT]},
        geometry=np.array([squares[cell] for cell in cells.tolist()], dtype=object),
        crs=4326,
    )
    lost = int((~used).sum())
    kept = f"{int(used.sum())} events in {len(squares)} cells; a step of such a cell without an event counts 0."
    out.attrs["warnings"] = [
        kept,
        *([f"{lost} events have no place, no time or no weight and were left out."] if lost else []),
    ]
    return out
