"""局部莫兰指数: local Moran's I with the false discovery rate."""

from pydantic import Field

from api.processes.base import Outcome, Process, ResultLayer
from api.processes.context import Context
from api.processes.place_inputs import PlaceInputs, compute_for_places
from api.processes.raster_cells import raster_writer
from tracing.moran import local_moran


class MoranInputs(PlaceInputs):
    """Places and neighbours, with permutations by default: the normal approximation's p is too small here."""

    permutations: int = Field(
        999, ge=0, description="number of conditional permutations; 0 for analytic p values, which are too small"
    )


def run(inputs: MoranInputs, context: Context) -> Outcome:
    """Compute I, z, p, the FDR-adjusted p, the class and the quadrant of each place."""
    result, cells = compute_for_places(local_moran, inputs, context, name="local Moran")
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
        write=raster_writer(result, cells, ("local_i", "z", "p", "p_fdr", "class")),
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
    example="suyuan hotspots moran stations.geojson --value pm25_ug_m3 --output moran.geojson",
    inputs=MoranInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".tif"),
    result_layers=("local_moran",),
)
