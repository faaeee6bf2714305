"""高值报警: hours in which a place lies above what its past, the weather and its neighbours explain."""

from typing import Annotated

from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.context import Context
from api.processes.observation_inputs import moment, read_places, read_values, read_weather, unit_of
from tracing.alarms import AlarmRule, find_alarms
from web_map.report import ReportLayer


class AlarmInputs(Inputs):
    """Which values, compared with what, and what makes an alarm."""

    observations: Annotated[
        str | None, Cli(metavar="FILE"), Zh("小时值文件（格式同 observations add）；不填则取工作区的观测值")
    ] = Field(None, description="hourly values, as observations add takes them; without it those of the workspace")
    stations: Annotated[str, Cli(metavar="FILE|LAYER"), Zh("站点或网格的编号与位置")] = Field(
        "stations", description="where they were measured, with ids: points or cells", examples=["stations"]
    )
    pollutant: Annotated[str, Zh("污染物：pm25、pm10、so2、no2、co、o3")] = Field(
        "pm25", description="pm25, pm10, so2, no2, co or o3"
    )
    start: Annotated[str | None, Cli(metavar="TIME"), Zh("起始小时；未带时区则为城市时间")] = Field(
        None, description="first hour that counts"
    )
    end: Annotated[str | None, Cli(metavar="TIME"), Zh("截止小时（不含）")] = Field(
        None, description="hour before which the values end"
    )
    since: Annotated[str | None, Cli(metavar="TIME"), Zh("只给出此刻之后仍在持续的报警；之前的数据仍作为历史")] = Field(
        None, description="only alarms that last beyond this moment; what lies before still counts as past"
    )
    weather: Annotated[
        str | None, Cli(metavar="FILE"), Zh("气象表（time，可带 station_id 与数值列）：在相似气象下比较")
    ] = Field(
        None,
        description="table with time, perhaps station_id, and numbers such as wind_speed_ms, wind_from_deg: what is "
        "expected then holds for like weather",
    )
    neighbours: Annotated[str, Zh("邻域：auto 为最近 30 处，或 knn:K、distance:米、contiguity")] = Field(
        "auto",
        description="auto: the 30 nearest places; knn:K, distance:METRES (geodesic), or contiguity (cells that touch)",
        examples=["auto", "knn:12", "distance:30000"],
    )
    days: Annotated[int, Zh("回看的天数")] = Field(
        28, ge=1, le=366, description="earlier days that the expectation looks at"
    )
    min_days: Annotated[int, Zh("其中至少有数据的天数")] = Field(
        7, ge=1, le=366, description="fewest of them with values"
    )
    threshold: Annotated[float, Zh("报警起点的稳健 z 值，低于 2 结束")] = Field(
        4.0, gt=2.0, description="robust z at which an alarm starts; it ends below 2"
    )
    ratio: Annotated[float, Zh("与应有浓度之比的下限")] = Field(
        1.5, ge=1.0, description="least ratio to what is expected"
    )
    max_false_share: Annotated[float, Zh("估计误报占比高于此值的报警不列出")] = Field(
        1.0, gt=0, le=1, description="alarms with a higher estimated share of false ones are left out"
    )
    link_km: Annotated[float, Zh("相距不超过此千米数的报警合为一次过程")] = Field(
        10.0, gt=0, le=500, description="alarms so near to each other are one episode"
    )
    leave_out: Annotated[tuple[str, ...], Zh("带这些标记的数据不参与")] = Field(
        ("stuck", "negative"), description="values with these flags do not count", examples=[("stuck", "jump")]
    )


def run(inputs: AlarmInputs, context: Context) -> Outcome:
    """Find alarms and episodes, and how many of them chance would have raised."""
    values, notes = read_values(
        context,
        inputs.observations,
        inputs.pollutant,
        period=(inputs.start, inputs.end),
        leave_out=inputs.leave_out,
    )
    places = read_places(context, inputs.stations)
    weather = None if inputs.weather is None else read_weather(context, inputs.weather)
    rule = AlarmRule(
        neighbours=inputs.neighbours,
        days=max(inputs.days, inputs.min_days),
        min_days=inputs.min_days,
        threshold=inputs.threshold,
        ratio=inputs.ratio,
        max_false_share=inputs.max_false_share,
        link_km=inputs.link_km,
    )
    since = None if inputs.since is None else moment(inputs.since)
    context.progress(0, 1, "高值报警 alarms")
    pollutant = str(values["pollutant"].iloc[0])
    found = context.compute(find_alarms, values, places, pollutant=pollutant, rule=rule, weather=weather, since=since)
    context.progress(1, 1, "高值报警 alarms")
    unit = unit_of(pollutant)
    alarms, episodes = found.alarms.assign(unit=unit), found.episodes.assign(unit=unit)
    said_zh, said_en = found.false_alarms.said()
    judged, count = found.false_alarms.judged, found.false_alarms.alarms
    fewer = len(alarms) < count
    listed_zh, listed_en = (f"，列出 {len(alarms)} 个", f" ({len(alarms)} listed)") if fewer else ("", "")
    return Outcome(
        layers={
            "alarms": ResultLayer(alarms, "alarms"),
            "alarm_episodes": ResultLayer(episodes, "alarm_episodes"),
        },
        summary_zh=f"判断 {judged} 个站点小时：报警 {count} 个{listed_zh}，过程 {len(episodes)} 次"
        + _then("；", said_zh),
        summary_en=f"{judged} place-hours judged: {count} alarms{listed_en} in {len(episodes)} episodes"
        + _then("; ", said_en),
        warnings=(*notes, *found.warnings),
        page=[
            ReportLayer(episodes, "alarm_episodes", listed=True),
            ReportLayer(alarms, "alarms", listed=True),
        ],
    )


def _then(mark: str, text: str) -> str:
    return mark + text if text else ""


PROCESS = Process(
    id="hotspots-alarms",
    command=("hotspots", "alarms"),
    title_zh="高值报警",
    title_en="High-value alarms",
    description_zh="逐小时与本站同时段历史（可按气象相似）及周边站点比较，只用过去的数据；"
    "相邻相继的报警合为一次过程，误报率按镜像值估计。",
    description_en="Each hour against the place's own past at that time of day (in like weather) and its neighbours, "
    "by past data alone; alarms that touch are one episode; the false ones are estimated from mirror values.",
    example="suyuan hotspots alarms --observations hourly.csv --stations stations.csv --pollutant pm25 "
    "--output alarms.geojson",
    inputs=AlarmInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("alarms", "alarm_episodes"),
)
