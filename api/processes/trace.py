"""轨迹追溯: back and forward trajectories on gridded winds."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer
from api.processes.context import Context
from geo.errors import InvalidInput
from tracing.exchange import write_trajectories
from tracing.jobs import trace
from tracing.met import open_met
from tracing.roughness import read_roughness
from tracing.starts import make_starts, step_of
from tracing.trajectory import Integration, trajectories, trajectory_lines
from tracing.vertical import Vertical

# A million starts by accident costs hours: more than this needs a shorter period or fewer places.
MOST_STARTS = 200_000


AlongName = Literal["pressure", "temperature", "humidity", "mixing-height", "precipitation", "terrain"]


class TraceInputs(Inputs):
    """Which winds, from where and when, for how long, with which vertical motion."""

    met: Annotated[tuple[str, ...], Cli(metavar="FILE")] = Field(
        description="meteorology files; several join into one time axis", min_length=1, examples=[["oct1618.BIN"]]
    )
    start: datetime = Field(description="start time, UTC unless it carries a zone", examples=["1995-10-16T00:00"])
    until: datetime | None = Field(None, description="last start time; with every", examples=["1995-10-16T12:00"])
    every: str | None = Field(None, description="time between starts; with until", examples=["1h", "30min"])
    lat: float | None = Field(None, ge=-90, le=90, description="latitude of the start, degrees", examples=[40])
    lon: float | None = Field(None, ge=-180, le=360, description="longitude of the start, degrees", examples=[-90])
    receptors: Annotated[str | None, Cli(metavar="FILE|LAYER")] = Field(
        None, description="points to start from instead of lat and lon: a file or a layer", examples=["stations"]
    )
    height: tuple[float, ...] = Field(
        (500.0,), description="start height above ground, m; may be given several times", examples=[[500, 1000]]
    )
    hours: float = Field(description="length, h; negative goes back in time", examples=[-72])
    vertical: Vertical = Field("omega", description="vertical motion")
    method: Literal["petterssen", "midpoint", "rk4"] = Field("petterssen", description="integration scheme")
    step: str | None = Field(None, description="fixed time step; without it as cells_per_step says", examples=["10min"])
    cells_per_step: float = Field(0.75, ge=0.01, le=1, description="share of a cell that an automatic step may cross")
    roughness: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="map of roughness length, 1 degree; without it 0.2 m", examples=["ROUGLEN.ASC"]
    )
    ensemble: bool = Field(
        False, description="27 paths per start, the meteorology moved by one grid cell in x and y and 0.01 sigma in z"
    )
    error: Literal["there-and-back"] | None = Field(
        None, description="error of the integration along the path, km, from the way back to the start"
    )
    along: tuple[AlongName, ...] = Field(
        (), description="what is told along the path, a column each, units in its name"
    )
    seed: int = Field(1, description="seed of what is drawn at random; recorded with the result")

    @field_validator("start", "until")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("every", "step")
    @classmethod
    def _a_duration(cls, value: str | None) -> str | None:
        if value is not None:
            step_of(value)
        return value

    @model_validator(mode="after")
    def _one_place(self) -> "TraceInputs":
        if self.receptors is None and (self.lat is None or self.lon is None):
            raise ValueError("no place to start from: give lat and lon, or receptors")
        if self.receptors is not None and (self.lat is not None or self.lon is not None):
            raise ValueError("two kinds of places: give either lat and lon, or receptors")
        if (self.every is None) != (self.until is None):
            raise ValueError("every and until go together: give both or neither")
        return self


def run(inputs: TraceInputs, context: Context) -> Outcome:
    """Start from each place, time and height, and follow the wind."""
    paths = [context.file(path) for path in inputs.met]
    starts = _starts(inputs, context)
    options = Integration(
        method=inputs.method,
        step_minutes=None if inputs.step is None else step_of(inputs.step).total_seconds() / 60,
        cells_per_step=inputs.cells_per_step,
        roughness=None if inputs.roughness is None else read_roughness(context.file(inputs.roughness)),
        ensemble=inputs.ensemble,
        error=inputs.error,
        along=inputs.along,
    )
    points = _points(inputs, paths, starts, options, context)
    ends = points.groupby("trajectory")["end_reason"].last().value_counts().to_dict()
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(ends.items()))
    lines = trajectory_lines(points)
    return Outcome(
        layers={"trajectories": ResultLayer(lines, "trajectories")},
        summary_zh=f"{len(lines)} 条轨迹，{abs(inputs.hours):g} 小时；结束原因 {told}",
        summary_en=f"{len(lines)} trajectories of {abs(inputs.hours):g} h; ended: {told}",
        warnings=tuple(points.attrs.get("warnings", ())),
        write=partial(write_trajectories, points, met_id=points.attrs["source"], vertical=inputs.vertical),
    )


def _points(
    inputs: TraceInputs, paths: list[Path], starts: pd.DataFrame, options: Integration, context: Context
) -> pd.DataFrame:
    if context.client is None:
        return trajectories(open_met(paths), starts, hours=inputs.hours, vertical=inputs.vertical, options=options)
    return trace(
        context.client,
        paths,
        starts,
        hours=inputs.hours,
        vertical=inputs.vertical,
        options=options,
        progress=partial(context.progress, what="轨迹 trajectories"),
    )


def _starts(inputs: TraceInputs, context: Context) -> pd.DataFrame:
    receptors = None if inputs.receptors is None else context.vector(inputs.receptors)
    starts = make_starts(
        receptors if receptors is not None else (inputs.lon, inputs.lat),
        start=inputs.start,
        until=inputs.until,
        every=inputs.every,
        heights=inputs.height,
    )
    if len(starts) > MOST_STARTS:
        raise InvalidInput(
            f"{len(starts)} trajectories asked for, more than {MOST_STARTS}: shorten the period or use fewer places"
        )
    return starts


PROCESS = Process(
    id="trace",
    command=("trace",),
    title_zh="轨迹追溯",
    title_en="Trajectories",
    description_zh="沿风场向后或向前计算气团轨迹（Petterssen、中点或四阶龙格-库塔积分，地形追随坐标）。",
    description_en="Follows the wind back or forward in time (Petterssen, midpoint or RK4, terrain-following heights).",
    example="suyuan trace --met oct1618.BIN --start 1995-10-18T00:00 --lat 40 --lon -90 --height 500 --hours -24 "
    "--vertical omega --output back.tdump",
    inputs=TraceInputs,
    run=run,
    output_formats=(".tdump", ".nc", ".parquet", ".geojson", ".csv"),
    result_layers=("trajectories",),
)
