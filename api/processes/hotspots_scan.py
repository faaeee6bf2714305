"""时空扫描: Kulldorff's scan statistic, by which cases gather in place and time."""

from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import Field, ValidationError, field_validator, model_validator

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.context import Context
from api.processes.scan_inputs import Columns, read_tables
from api.processes.scan_parameters import parameters_of
from geo.errors import InvalidInput
from tracing.scan import Options, Runner, scan
from tracing.scan_jobs import spread_maxima
from tracing.scan_study import Model
from tracing.scan_tables import make_study


class ScanInputs(Inputs):
    """Which cases, where and when, against which expectation, in cylinders of which size."""

    file: Annotated[str, Cli(positional=True, metavar="FILE")] = Field(
        description="cases, one row a case or a count: a file or the id of a layer; or SaTScan's parameter file "
        "(.prm), which names all the rest",
        examples=["cases.csv"],
    )
    cases: Annotated[str, Cli(metavar="COLUMN")] = Field("cases", description="column with the number of cases")
    time: Annotated[str | None, Cli(metavar="COLUMN")] = Field(
        None, description="column with dates, months or years; without it space only"
    )
    id: Annotated[str | None, Cli(metavar="COLUMN")] = Field(
        None, description="column that names the place, in every file; without it id, or the coordinates themselves"
    )
    places: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="id and coordinates of the places, if the cases have none"
    )
    population: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="id, population and perhaps a date or year; without it a column of the cases' file"
    )
    controls: Annotated[str | None, Cli(metavar="COLUMN")] = Field(
        None, description="column with the number of controls, for bernoulli, or a file with their own rows"
    )
    adjust: Annotated[str, Cli(metavar="COLUMNS")] = Field(
        "auto",
        description="columns such as agegroup,sex by which expected cases are standardised; auto: those that cases "
        "and population share, none: none",
    )
    model: Model | None = Field(None, description="null hypothesis; a .prm file names its own")
    cartesian: Annotated[str | None, Cli(metavar="X,Y")] = Field(
        None, description="columns of plain coordinates; without them longitude and latitude, geodesic distances"
    )
    max_share: float = Field(0.5, gt=0, le=1, description="largest share of the population (or cases) in a zone")
    max_days: float | None = Field(
        None, gt=0, description="longest cluster, days; without it 7 for dates, half the study for months and years"
    )
    max_time_share: float | None = Field(
        None, gt=0, le=1, description="longest cluster as a share of the study, instead of max-days"
    )
    step: Annotated[Literal["auto", "day", "month", "year", "generic"], Zh("时间步长；auto 按时间列的写法")] = Field(
        "auto", description="time step; auto: as the times are written; generic: the times are plain whole numbers"
    )
    step_length: int = Field(1, ge=1, description="days, months or years of a step, counted back from the study's end")
    max_radius_km: float | None = Field(
        None, gt=0, description="largest radius, km (the coordinates' unit with cartesian)"
    )
    start: date | None = Field(None, description="first day of the study; without it that of the first case")
    end: date | None = Field(None, description="last day of the study; without it that of the last case")
    prospective: bool = Field(False, description="only clusters that last to the end")
    shape: Annotated[Literal["circle", "ellipse"], Zh("区域形状：圆，或（仅空间扫描）长短轴比 1 至 5 的椭圆")] = Field(
        "circle", description="circles, or for space only ellipses of axis ratios 1 to 5 too"
    )
    penalty: Annotated[Literal["none", "medium", "strong"], Zh("对狭长椭圆的惩罚")] = Field(
        "medium", description="how much long ellipses are held back"
    )
    stop_after: Annotated[int, Zh("有多少次重复达到最可能聚集的统计量即停止；0 为不提前停止")] = Field(
        0, ge=0, description="stop when so many replications are as high as the first cluster; 0 for never"
    )
    replications: int = Field(999, ge=0, le=999_999, description="studies drawn under the null hypothesis")
    seed: int = Field(1, ge=0, description="seed of those draws; recorded with the result")

    @field_validator("cartesian")
    @classmethod
    def _two_columns(cls, value: str | None) -> str | None:
        if value is not None and len([name for name in value.split(",") if name.strip()]) != 2:
            raise ValueError("name two columns with a comma between, such as x,y")
        return value

    @model_validator(mode="after")
    def _model_named(self) -> Self:
        if self.model is None and Path(self.file).suffix.lower() != ".prm":
            raise ValueError("--model is missing: choose one of space-time-permutation, poisson, bernoulli")
        return self


def run(inputs: ScanInputs, context: Context) -> Outcome:
    """Find the cylinders with more cases than expected."""
    if Path(inputs.file).suffix.lower() == ".prm":
        told = parameters_of(context.file(inputs.file), inputs.file)
        inputs = _checked(inputs.model_dump(exclude_unset=True) | {"file": told.pop("file")}, told)
    if inputs.model is None:
        raise InvalidInput("--model is missing: choose one of space-time-permutation, poisson, bernoulli")
    columns = Columns(
        inputs.cases,
        inputs.time,
        inputs.id,
        inputs.controls,
        inputs.cartesian,
        inputs.adjust,
        inputs.step,
        inputs.step_length,
    )
    if inputs.time is None and (inputs.start or inputs.end):
        raise InvalidInput("start and end need times: name their column with --time")
    tables, notes = read_tables(context, inputs.file, columns, places=inputs.places, population=inputs.population)
    study = make_study(tables, inputs.model, start=_day(inputs.start), end=_day(inputs.end))
    options = Options(
        max_share=inputs.max_share,
        max_days=inputs.max_days,
        max_time_share=inputs.max_time_share,
        max_radius=inputs.max_radius_km,
        prospective=inputs.prospective,
        replications=inputs.replications,
        seed=inputs.seed,
        stop_after=inputs.stop_after,
        ellipses=inputs.shape == "ellipse",
        penalty=inputs.penalty,
    )
    context.progress(0, inputs.replications or 1, "时空扫描 scan")
    found = scan(study, options, run=_runner(context))
    context.progress(inputs.replications or 1, inputs.replications or 1, "时空扫描 scan")
    sure = int((found["p_value"] <= 0.05).sum())
    cases = int(study.cases.sum())
    return Outcome(
        layers={"hotspot_clusters": ResultLayer(found, "hotspot_clusters")},
        summary_zh=f"{len(study.places)} 处 {cases} 例：{len(found)} 个聚集区，其中 {sure} 个 p 不大于 0.05",
        summary_en=f"{cases} cases in {len(study.places)} places: {len(found)} clusters, {sure} with p of 0.05 or less",
        warnings=(*notes, *found.attrs["warnings"]),
    )


def _checked(given: dict[str, Any], told: dict[str, Any]) -> ScanInputs:
    """Return the inputs that a parameter file names, but for those that the user gives."""
    try:
        return ScanInputs.model_validate(told | given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"the parameter file sets {name} to {first['input']!r}: {first['msg']}") from error


def _runner(context: Context) -> Runner | None:
    if context.client is None:
        return None
    return partial(spread_maxima, context.client, progress=partial(context.progress, what="时空扫描 scan"))


def _day(value: date | None) -> pd.Timestamp | None:
    return None if value is None else pd.Timestamp(value)


PROCESS = Process(
    id="hotspots-scan",
    command=("hotspots", "scan"),
    title_zh="时空扫描",
    title_en="Space-time scan",
    description_zh="Kulldorff 扫描统计：在圆柱（圆形区域乘时段）中找病例或事件的聚集，蒙特卡罗检验。",
    description_en="Kulldorff's scan statistic: cylinders (circle times period) with more cases than expected, "
    "tested by Monte Carlo.",
    example="suyuan hotspots scan alarms.csv --cases count --time date --id station --model space-time-permutation "
    "--max-radius-km 3 --output clusters.geojson",
    inputs=ScanInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".shp", ".csv", ".xlsx", ".fgb", ".parquet"),
    result_layers=("hotspot_clusters",),
)
