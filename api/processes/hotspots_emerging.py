"""新兴时空热点: space-time Gi*, its trend, and the seventeen patterns."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.context import Context
from api.processes.observation_inputs import read_events
from tracing.emerging import CubeRule, emerging
from tracing.event_cube import CELL, COUNT, TIME, counted


class EmergingInputs(Inputs):
    """Which series, which steps, which neighbours, which window."""

    file: Annotated[str, Cli(positional=True, metavar="FILE")] = Field(
        description="one row for a place and a time, or with cell-m one row for an event: a file or the id of a layer",
        examples=["months.geojson"],
    )
    value: Annotated[str | None, Cli(metavar="COLUMN")] = Field(
        None, description="column with the numbers to analyse; of events to sum, without it they are counted"
    )
    time: Annotated[str, Cli(metavar="COLUMN")] = Field(description="column with the time", examples=["time"])
    id: Annotated[str | None, Cli(metavar="COLUMN")] = Field(None, description="column with the place's id")
    cell_m: float | None = Field(
        None, gt=0, description="the rows are events (fires, alarms): count them in cells of this edge, metres"
    )
    step: Literal["as-given", "hour", "day", "month", "year"] = Field(
        "as-given", description="each distinct time is a step, or the mean of each hour, day, month or year of the city"
    )
    neighbours: Annotated[str, Zh("邻域：knn:K 最近 K 处，distance:米 大地距离，contiguity 相邻面，auto 自动")] = Field(
        "knn:8",
        description="knn:K nearest places, distance:METRES (geodesic), contiguity (polygons that touch), or auto (the "
        "distance of the strongest autocorrelation of the places' means)",
        examples=["knn:8", "distance:3000", "contiguity", "auto"],
    )
    steps_back: int = Field(1, ge=0, description="steps before a bin's own that belong to its neighbourhood")
    window: Literal["cube", "neighbourhood", "step"] = Field(
        "cube", description="what a neighbourhood is compared with: all bins, its own steps, or its own step alone"
    )
    missing: Literal["missing", "zero"] = Field(
        "missing", description="what a place without a value in a step has: no value, or zero (counts of events)"
    )
    trend: Literal["corrected", "mann-kendall", "hamed-rao"] = Field(
        "corrected",
        description="test for the trend: Mann-Kendall allowing for the steps that successive neighbourhoods share and "
        "for the values' memory; plain mann-kendall, as ArcGIS; or hamed-rao, by each series' autocorrelation",
    )

    @model_validator(mode="after")
    def _columns_named(self) -> Self:
        if self.cell_m is not None and self.id is not None:
            raise ValueError("--cell-m counts events in cells, which are the places: leave out --id")
        if self.cell_m is None and (self.value is None or self.id is None):
            name = "value" if self.value is None else "id"
            raise ValueError(f"--{name} is missing: name the column, or count events by --cell-m")
        return self


def run(inputs: EmergingInputs, context: Context) -> Outcome:
    """Compute each place's pattern, its last step and its trend."""
    frame = context.vector(inputs.file) if inputs.cell_m is None else read_events(context, inputs.file)
    context.progress(0, 1, "emerging hot spots")
    step = inputs.step.replace("-", " ")
    value, time, place, notes = inputs.value or COUNT, inputs.time, inputs.id or CELL, ()
    if inputs.cell_m is not None:
        frame = context.compute(counted, frame, time=time, step=step, cell_m=inputs.cell_m, weight=inputs.value)
        value, time, notes = COUNT, TIME, tuple(frame.attrs.pop("warnings"))
    rule = CubeRule(
        step=step,
        neighbours=inputs.neighbours,
        back=inputs.steps_back,
        window=inputs.window,
        zero=inputs.missing == "zero" or inputs.cell_m is not None,
        trend=inputs.trend,
    )
    result = context.compute(emerging, frame, value, time=time, place=place, rule=rule)
    context.progress(1, 1, "emerging hot spots")
    pattern = result["pattern"].astype("str")
    hot, cold = int(pattern.str.endswith("_hot").sum()), int(pattern.str.endswith("_cold").sum())
    return Outcome(
        layers={"emerging_hotspots": ResultLayer(result, "emerging_hotspots")},
        summary_zh=f"{len(result)} 处中热点型 {hot} 处、冷点型 {cold} 处",
        summary_en=f"{hot} places of hot and {cold} of cold patterns among {len(result)}",
        warnings=(*notes, *result.attrs.get("warnings", ())),
    )


PROCESS = Process(
    id="hotspots-emerging",
    command=("hotspots", "emerging"),
    title_zh="新兴时空热点分析",
    title_en="Emerging hot spots",
    description_zh="时空立方体 Gi*（错误发现率校正）加 Mann-Kendall 趋势检验，每处归入 17 种冷热点类型之一。",
    description_en="Space-time Gi* with FDR correction and the Mann-Kendall trend: each place has one of 17 patterns.",
    example="suyuan hotspots emerging months.geojson --value pm25_ug_m3 --time time --id station_id --window cube "
    "--output emerging.geojson",
    inputs=EmergingInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet"),
    result_layers=("emerging_hotspots",),
)
