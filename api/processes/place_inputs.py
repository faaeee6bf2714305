"""What the statistics of places ask for: places, a column, neighbours and the inference; shared by Gi* and Moran."""

from collections.abc import Callable
from typing import Annotated

import geopandas as gpd
from pydantic import Field

from api.processes.base import Cli, Inputs
from api.processes.context import Context


class PlaceInputs(Inputs):
    """Which places, which column, which neighbours, which inference."""

    file: Annotated[str, Cli(positional=True, metavar="FILE")] = Field(
        description="points or polygons: a file or the id of a layer", examples=["stations.geojson", "stations"]
    )
    value: Annotated[str, Cli(metavar="COLUMN")] = Field(
        description="column with the numbers to analyse", examples=["pm25_ug_m3"]
    )
    neighbours: str = Field(
        "knn:8",
        description="knn:K nearest places, distance:METRES (geodesic), or contiguity (polygons that touch)",
        examples=["knn:8", "distance:3000", "contiguity"],
    )
    permutations: int = Field(0, ge=0, description="0 for analytic p values, or the number of conditional permutations")
    seed: int = Field(1, ge=0, description="seed of the permutations")


def compute_for_places(
    statistic: Callable[..., gpd.GeoDataFrame], inputs: PlaceInputs, context: Context, *, name: str
) -> gpd.GeoDataFrame:
    """Read the places and compute a statistic of each, under the step's name on the progress bar."""
    frame = context.vector(inputs.file)
    context.progress(0, 1, name)
    result = context.compute(
        statistic,
        frame,
        inputs.value,
        neighbours=inputs.neighbours,
        permutations=inputs.permutations,
        seed=inputs.seed,
    )
    context.progress(1, 1, name)
    return result
