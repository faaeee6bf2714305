"""热点分析: Getis-Ord Gi* with the false discovery rate."""

from api.processes.base import Outcome, Process, ResultLayer
from api.processes.context import Context
from api.processes.place_inputs import PlaceInputs, compute_for_places
from api.processes.raster_cells import raster_writer
from tracing.hotspots import gi_star


def run(inputs: PlaceInputs, context: Context) -> Outcome:
    """Compute z, p, the FDR-adjusted p and the class of each place."""
    result, cells = compute_for_places(gi_star, inputs, context, name="Gi*")
    hot, cold = int((result["class"] > 0).sum()), int((result["class"] < 0).sum())
    return Outcome(
        layers={"hotspots": ResultLayer(result, "hotspots")},
        summary_zh=f"{len(result)} 处中热点 {hot} 处、冷点 {cold} 处（错误发现率校正后 90 % 及以上）",
        summary_en=f"{hot} hot and {cold} cold of {len(result)} places (90 % or more after FDR)",
        warnings=tuple(result.attrs.get("warnings", ())),
        write=raster_writer(result, cells, ("z", "p", "p_fdr", "class")),
    )


PROCESS = Process(
    id="hotspots-gi",
    command=("hotspots", "gi"),
    title_zh="热点分析（Gi*）",
    title_en="Hot spots (Getis-Ord Gi*)",
    description_zh="Getis-Ord Gi* 统计量，经 Benjamini-Hochberg 错误发现率校正，分 90/95/99 % 冷热点。",
    description_en="Getis-Ord Gi* with Benjamini-Hochberg correction; hot and cold at 90, 95 and 99 %.",
    example="suyuan hotspots gi stations.geojson --value pm25_ug_m3 --neighbours knn:8 --output hot.geojson",
    inputs=PlaceInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".tif"),
    result_layers=("hotspots",),
)
