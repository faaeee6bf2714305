"""热点网格: the month's worst cells of the city, and those that bubble this hour."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.cell_output import FORMATS, cell_writer
from api.processes.context import Context
from api.processes.grid_inputs import satellite_values, station_values, track_values
from api.processes.hotspots_density import land_of
from api.processes.observation_inputs import moment, unit_of
from layers.times import CITY_ZONE
from tracing.hot_grid import GridRule, HotGrid, hot_grid
from tracing.hot_grid_months import Months
from web_map.report import ReportLayer


class GridInputs(Inputs):
    """Which values, which cells, which month and hour."""

    observations: Annotated[
        str | None, Cli(metavar="FILE"), Zh("小时值文件（格式同 observations add）；不填则取工作区的观测值")
    ] = Field(None, description="hourly values, as observations add takes them; without it those of the workspace")
    stations: Annotated[tuple[str, ...], Cli(metavar="FILE|LAYER"), Zh("站点清单，可多个；级别为 micro 的算微站")] = (
        Field(("stations",), description="where they were measured; those of the level micro count as micro-stations")
    )
    mobile: Annotated[tuple[str, ...], Cli(metavar="FILE|LAYER"), Zh("走航数据：带时间和污染物（或 value）列的点")] = (
        Field((), description="mobile runs: points with time and a column of the pollutant, or value")
    )
    satellite: Annotated[
        tuple[str, ...], Cli(metavar="FILE|LAYER"), Zh("卫星浓度（单位相同）：GeoTIFF、NetCDF 或点")
    ] = Field(
        (), description="concentrations seen from above, in the same unit: GeoTIFF, NetCDF, or points as for mobile"
    )
    pollutant: Annotated[str, Zh("污染物：pm25、pm10、so2、no2、co、o3")] = Field(
        "pm25", description="pm25, pm10, so2, no2, co or o3"
    )
    cell_m: Annotated[float, Zh("网格边长，米：3000，监测密集处 500")] = Field(
        3000.0, ge=50, description="edge of a cell, metres: 3000, or 500 where sensors are dense"
    )
    month: Annotated[str | None, Zh("月份，如 2021-10；不填则取最后数据所在月")] = Field(
        None, description="month of the city, such as 2021-10; without it that of the last value"
    )
    hour: Annotated[str | None, Cli(metavar="TIME"), Zh("判断冒泡的小时；不填则取最后有数据的小时")] = Field(
        None, description="hour in which cells may bubble; without it the last one with values"
    )
    inside: Annotated[str | None, Cli(metavar="FILE|LAYER"), Zh("城市的面：其外的网格不计")] = Field(
        None, description="polygons of the city: cells outside are left out", examples=["districts"]
    )
    neighbours: Annotated[str, Zh("有数据网格之间的邻域：knn:K 或 distance:米")] = Field(
        "knn:8", description="among the cells with values: knn:K or distance:METRES"
    )
    min_neighbours: Annotated[int, Zh("该小时至少有几个邻格有数据")] = Field(
        4, ge=1, description="fewest neighbours with a value in the hour"
    )
    threshold: Annotated[float, Zh("冒泡的稳健 z 值")] = Field(
        4.0, gt=0, description="robust z from which a cell bubbles"
    )
    ratio: Annotated[float, Zh("与周边中位数之比的下限")] = Field(
        1.5, ge=1, description="least ratio to the neighbours' median"
    )
    min_share: Annotated[float, Zh("参与排名所需的有效小时比例")] = Field(
        0.5, gt=0, le=1, description="share of the month's hours that a rank needs"
    )
    worst: Annotated[int, Zh("取多少个为最差、升幅最大")] = Field(
        10, ge=1, description="how many cells count as the worst, and as rising"
    )
    leave_out: Annotated[tuple[str, ...], Zh("带这些标记的数据不参与")] = Field(
        ("stuck", "negative"), description="values with these flags do not count"
    )


def run(inputs: GridInputs, context: Context) -> Outcome:
    """Bring all values to cells, rank the month and compare the hour."""
    values, notes = station_values(
        context,
        inputs.observations,
        inputs.stations,
        inputs.pollutant,
        period=(_year_before(inputs.month), None),
        leave_out=inputs.leave_out,
    )
    tables = [values, *(track_values(context, source, inputs.pollutant, "mobile") for source in inputs.mobile)]
    tables += [satellite_values(context, source, inputs.pollutant) for source in inputs.satellite]
    hour = None if inputs.hour is None else moment(inputs.hour)
    given = inputs.model_dump(include=set(GridRule.__dataclass_fields__) - {"hour"})
    area = None if inputs.inside is None else land_of(context, inputs.inside)
    context.progress(0, 1, "热点网格 grid")
    found = context.compute(
        hot_grid,
        pd.concat(tables, ignore_index=True),
        pollutant=inputs.pollutant,
        rule=GridRule(**given, hour=hour),
        inside=area,
    )
    context.progress(1, 1, "热点网格 grid")
    return _outcome(found, inputs, notes)


def _year_before(month: str | None) -> str | None:
    """Return the first day of the month that the oldest comparison needs."""
    if month is None:
        return None
    return f"{Months.named(month).month - 12}-01"


def _outcome(found: HotGrid, inputs: GridInputs, notes: list[str]) -> Outcome:
    cells = found.cells.assign(
        pollutant=inputs.pollutant, unit=unit_of(inputs.pollutant), month=found.month, hour=found.hour
    )
    ranked, now = int(cells["rank"].notna().sum()), int(cells["bubble"].fillna(False).sum())
    said_zh, said_en = found.false_alarms.said()
    clock = f"{found.hour.tz_convert(CITY_ZONE):%Y-%m-%d %H:%M}"
    chance = found.false_alarms.alarms
    listed = cells[cells["state"].isin(["bubbling", "worst", "rising"])]
    return Outcome(
        layers={"hot_grid": ResultLayer(cells, "hot_grid")},
        summary_zh=f"{found.month} 有数据网格 {len(cells)} 个，参与排名 {ranked} 个；{clock} 冒泡 {now} 个；"
        f"全月冒泡 {chance} 格次" + (f"，{said_zh}" if said_zh else ""),
        summary_en=f"{len(cells)} cells with values in {found.month}, {ranked} ranked; {now} bubble at {clock}; "
        f"{chance} cell-hours of the month" + (f", {said_en}" if said_en else ""),
        warnings=(*notes, *found.warnings),
        write=cell_writer(cells, found.grid, found.numbers, ("mean", "n_hours", "value", "z", "change_pct", "age_h")),
        page=[ReportLayer(listed, "hot_grid", listed=True)],
    )


PROCESS = Process(
    id="hotspots-grid",
    command=("hotspots", "grid"),
    title_zh="热点网格",
    title_en="Hot grid",
    description_zh="站点、微站、走航和卫星数据落到 3 公里或 500 米网格：本月最差网格及同比、环比，"
    "本小时高于周边的“冒泡”网格，误报率按镜像值估计。",
    description_en="Stations, micro-stations, mobile runs and satellites brought to cells of 3 km or 500 m: the worst "
    "of the month, their change, the cells that bubble above their neighbours this hour, and how many falsely.",
    example="suyuan hotspots grid --observations hourly.csv --stations stations.csv micro_stations.csv --cell-m 3000 "
    "--month 2021-10 --output grid.geojson",
    inputs=GridInputs,
    run=run,
    output_formats=(*FORMATS, ".pdf"),
    result_layers=("hot_grid",),
)
