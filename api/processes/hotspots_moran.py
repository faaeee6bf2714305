"""局部莫兰指数: local Moran's I with the false discovery rate."""

from typing import Annotated

from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer
from api.processes.context import Context
from tracing.moran import local_moran


class MoranInputs(Inputs):
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


def run(inputs: MoranInputs, context: Context) -> Outcome:
    """Compute I, z, p, the FDR-adjusted p, the class and the quadrant of each place."""
    frame = context.vector(inputs.file)
    context.progress(0, 1, "local Moran")
    result = context.compute(
        local_moran,
        frame,
        inputs.value,
        neighbours=inputs.neighbours,
        permutations=inputs.permutations,
        seed=inputs.seed,
    )
    context.progress(1, 1, "local Moran")
    called = result["quadrant"][(result["class"] != 0).fillna(False).astype(bool)]
    counts = {name: int((called == name).sum()) for name in ("HH", "LL", "HL", "LH")}
    zh, en = (
        "、".join(f"{title}{counts[name]}处" for name, title in _ZH.items()),
        ", ".join(f"{counts[name]} {title}" for name, title in _EN.items()),
    )
    return Outcome(
        layers={"local_moran": ResultLayer(result, "local_moran")},
        summary_zh=f"{len(result)} 处中{zh}（错误发现率校正后 90 % 及以上）",
        summary_en=f"Of {len(result)} places: {en} (90 % or more after FDR)",
        warnings=tuple(result.attrs.get("warnings", ())),
    )


_ZH = {"HH": "高值聚集", "LL": "低值聚集", "HL": "低中之高", "LH": "高中之低"}
_EN = {"HH": "high-high", "LL": "low-low", "HL": "high among low", "LH": "low among high"}

PROCESS = Process(
    id="hotspots-moran",
    command=("hotspots", "moran"),
    title_zh="聚集与异常值分析（局部莫兰）",
    title_en="Clusters and outliers (local Moran)",
    description_zh="局部莫兰指数，解析或条件置换检验，经错误发现率校正；等级为正表示与周边相似（聚集），为负表示与周边相反（异常值）。",
    description_en="Local Moran's I, analytic or by conditional permutation, FDR-corrected; a positive class is a "
    "place like its neighbours (cluster), a negative one unlike them (outlier).",
    example="suyuan hotspots moran stations.geojson --value pm25_ug_m3 --permutations 999 --output moran.geojson",
    inputs=MoranInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet"),
    result_layers=("local_moran",),
)
