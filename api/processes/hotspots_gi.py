"""热点分析: Getis-Ord Gi* with the false discovery rate."""

from typing import Annotated

from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer
from api.processes.context import Context
from tracing.hotspots import gi_star


class GiInputs(Inputs):
    """Which places, which column, which neighbours."""

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


def run(inputs: GiInputs, context: Context) -> Outcome:
    """Compute z, p, the FDR-adjusted p and the class of each place."""
    frame = context.vector(inputs.file)
    context.progress(0, 1, "Gi*")
    result = context.compute(
        gi_star,
        frame,
        inputs.value,
        neighbours=inputs.neighbours,
        permutations=inputs.permutations,
        seed=inputs.seed,
    )
    context.progress(1, 1, "Gi*")
    hot, cold = int((result["class"] > 0).sum()), int((result["class"] < 0).sum())
    return Outcome(
        layers={"hotspots": ResultLayer(result, "hotspots")},
        summary_zh=f"{len(result)} 处中热点 {hot} 处、冷点 {cold} 处（错误发现率校正后 90 % 及以上）",
        summary_en=f"{hot} hot and {cold} cold of {len(result)} places (90 % or more after FDR)",
        warnings=tuple(result.attrs.get("warnings", ())),
    )


PROCESS = Process(
    id="hotspots-gi",
    command=("hotspots", "gi"),
    title_zh="热点分析（Gi*）",
    title_en="Hot spots (Getis-Ord Gi*)",
    description_zh="Getis-Ord Gi* 统计量，经 Benjamini-Hochberg 错误发现率校正，分 90/95/99 % 冷热点。",
    description_en="Getis-Ord Gi* with Benjamini-Hochberg correction; hot and cold at 90, 95 and 99 %.",
    example="suyuan hotspots gi stations.geojson --value pm25_ug_m3 --neighbours knn:8 --output hot.geojson",
    inputs=GiInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet"),
    result_layers=("hotspots",),
)
