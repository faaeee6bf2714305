"""点群聚类: ST-DBSCAN of fire points, alarms and other events."""

from typing import Annotated

from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.context import Context
from api.processes.observation_inputs import read_events
from tracing.point_clusters import point_clusters
from web_map.report import ReportLayer


class ClusterInputs(Inputs):
    """Which points, and how near is near."""

    file: Annotated[str, Cli(positional=True, metavar="FILE"), Zh("点：文件或图层的编号")] = Field(
        description="points: a file or the id of a layer", examples=["fire_points", "alarms.geojson"]
    )
    distance_m: Annotated[float, Zh("相距不超过此米数为邻点")] = Field(
        3000.0, gt=0, description="points so near to each other are neighbours, metres"
    )
    time: Annotated[str | None, Cli(metavar="COLUMN"), Zh("时间所在列；不填则只按空间")] = Field(
        None, description="column with the time; without it space alone counts", examples=["time"]
    )
    hours: Annotated[float | None, Zh("且相隔不超过此小时数；需填时间列")] = Field(
        None, ge=0, description="and at most so many hours apart; needs time"
    )
    least: Annotated[int, Zh("邻域至少有几个点（含自身）才算密集")] = Field(
        5, ge=1, description="points, itself counted, that make a neighbourhood dense"
    )
    weight: Annotated[str | None, Cli(metavar="COLUMN"), Zh("每个点群要累计的列")] = Field(
        None, description="column to sum over each cluster", examples=["frp_mw"]
    )


def run(inputs: ClusterInputs, context: Context) -> Outcome:
    """Join the points to clusters."""
    frame = read_events(context, inputs.file)
    context.progress(0, 1, "ST-DBSCAN")
    found = context.compute(
        point_clusters,
        frame,
        distance_m=inputs.distance_m,
        hours=inputs.hours,
        least=inputs.least,
        time=inputs.time,
        weight=inputs.weight,
    )
    context.progress(1, 1, "ST-DBSCAN")
    joined, count = int(found.points["cluster"].notna().sum()), len(found.clusters)
    return Outcome(
        layers={
            "cluster_points": ResultLayer(found.points, "cluster_points"),
            "point_clusters": ResultLayer(found.clusters, "point_clusters"),
        },
        summary_zh=f"{len(frame)} 个点中 {joined} 个归入 {count} 个点群，其余为零散点",
        summary_en=f"{joined} of {len(frame)} points in {count} clusters, the others are scattered",
        warnings=found.warnings,
        page=[
            ReportLayer(found.clusters, "point_clusters", listed=True),
            ReportLayer(found.points, "cluster_points"),
        ],
    )


PROCESS = Process(
    id="hotspots-clusters",
    command=("hotspots", "clusters"),
    title_zh="点群聚类",
    title_en="Clusters of points",
    description_zh="ST-DBSCAN：在距离和时间上都密集的火点、报警或事件归为一群，零散点不归群；距离为大地线距离。",
    description_en="ST-DBSCAN: fires, alarms or events that lie dense in space and time; geodesic distances.",
    example="suyuan hotspots clusters fire_points.csv --time time --hours 12 --output clusters.geojson",
    inputs=ClusterInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("cluster_points", "point_clusters"),
)
