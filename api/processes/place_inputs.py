"""What the statistics of places ask for: places, a column, neighbours and the inference; shared by Gi* and Moran."""

from collections.abc import Callable
from typing import Annotated, Literal

import geopandas as gpd
from pydantic import Field

from api.processes.base import Cli, Inputs, Zh
from api.processes.context import Context
from api.processes.raster_cells import RasterCells, is_raster, read_cells
from geo.errors import InvalidInput


class PlaceInputs(Inputs):
    """Which places, which column, which neighbours, which inference."""

    file: Annotated[str, Cli(positional=True, metavar="FILE")] = Field(
        description="points or polygons (a file or the id of a layer), or a raster (GeoTIFF, NetCDF)",
        examples=["stations.geojson", "stations", "no2.tif"],
    )
    value: Annotated[str, Cli(metavar="COLUMN")] = Field(
        description="column with the numbers to analyse; of a raster the band or variable, or value for the only one",
        examples=["pm25_ug_m3"],
    )
    neighbours: str = Field(
        "knn:8",
        description="knn:K nearest places, distance:METRES (geodesic), inverse:METRES[:POWER] (weights fall with "
        "distance), contiguity (polygons that touch), or auto (the distance of the strongest autocorrelation)",
        examples=["knn:8", "distance:3000", "inverse:5000", "contiguity", "auto"],
    )
    islands: Annotated[Literal["untested", "nearest"], Zh("没有邻点的地点：不检验，或取其最近一处为邻")] = Field(
        "untested", description="a place without neighbour is not tested, or is given its nearest place"
    )
    permutations: int = Field(0, ge=0, description="0 for analytic p values, or the number of conditional permutations")
    seed: int = Field(1, ge=0, description="seed of the permutations")


def compute_for_places(
    statistic: Callable[..., gpd.GeoDataFrame], inputs: PlaceInputs, context: Context, *, name: str
) -> tuple[gpd.GeoDataFrame, RasterCells | None]:
    """Read the places and compute a statistic of each, under the step's name on the progress bar.

    Returns
    -------
    result : GeoDataFrame
    cells : RasterCells or None
        The raster that the places are the pixels of.
    """
    raster = is_raster(inputs.file)
    if context.output is not None and context.output.suffix.lower() == ".tif" and not raster:
        raise InvalidInput(f"--output {context.output}: only what comes from a raster goes into .tif; use .geojson")
    cells = read_cells(context, inputs.file, inputs.value) if raster else None
    frame = context.vector(inputs.file) if cells is None else cells.frame
    context.progress(0, 1, name)
    result = context.compute(
        statistic,
        frame,
        inputs.value,
        neighbours=inputs.neighbours,
        permutations=inputs.permutations,
        seed=inputs.seed,
        islands=inputs.islands,
    )
    context.progress(1, 1, name)
    return result, cells
