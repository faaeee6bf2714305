"""重污染天气预警: which colour, from when to when, and why; forecasts, or the replay of past winters."""

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import shapely
from pydantic import Field
from shapely.geometry.base import BaseGeometry

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.context import Context
from api.processes.hand_over import check_lists, write_layers, write_lists
from api.processes.incident_zones import frame_of
from geo.errors import InvalidInput
from layers.aqi_series import AqiSeries, read_series, series_from_observations
from layers.rolling_warnings import (
    RollingSeries,
    is_hourly,
    read_hourly_series,
    rolling_from_observations,
    rolling_warnings,
)
from layers.times import CITY_ZONE
from layers.warning_rules import COLOURS, COLOURS_ZH, PollutionWarning, RuleSet, choose, load_rule_sets, warnings_of
from web_map.report import ReportLayer

_LISTED = 3


class WarningInputs(Inputs):
    """Which series of daily indices, and which rules."""

    series: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None,
        description="table of days: date and aqi, or date and 24-h means of the pollutants (of several stations with "
        "station_id); without it the days of the workspace's observations",
        examples=["forecast.csv"],
    )
    rolling: Annotated[bool, Zh("按任意时刻起算的 24 小时均值判断（小时数据）；逐时的表自动如此")] = Field(
        False, description="24-h means that begin at any hour, from hourly values; an hourly table is read so by itself"
    )
    rules: str = Field(
        "auto", description="id of a rule set (2018, 2024), or auto: the one in force on the day", examples=["2024"]
    )
    rules_file: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="the city's own rule sets, JSON in the form of layers/warning_rules.json"
    )
    city: str | None = Field(None, description="whose rule sets, where the file holds those of several cities")
    area: Annotated[str, Cli(metavar="FILE|LAYER")] = Field(
        "districts", description="polygons that the warning is for; without them the rows have no shape"
    )
    lists_output: Annotated[str | None, Cli(metavar="OUT.xlsx")] = Field(
        None, exclude=True, description="the warnings as a list, .xlsx or .csv"
    )


def run(inputs: WarningInputs, context: Context) -> Outcome:
    """Read the series, apply the rules, and say what they call for."""
    check_lists(inputs.lists_output)
    path = None if inputs.rules_file is None else context.file(inputs.rules_file)
    sets = choose(load_rule_sets(path), inputs.rules, inputs.city or "")
    series = _series(inputs, context)
    dated = inputs.rules == "auto"
    if isinstance(series, RollingSeries):
        found = rolling_warnings(series, sets, dated=dated)
    else:
        found = warnings_of(series.days, series.aqi, sets, dated=dated)
    notes = [*series.notes, *_of_ozone(series), *_without_rules(series, sets, inputs)]
    layer = ResultLayer(_frame(found, _area(inputs, context, notes)), "pollution_warnings")
    summary = _summary(series, found)
    facts = _facts(series, sets)
    side_files = {}
    if inputs.lists_output is not None:
        texts = [text for pair in facts for text in pair]
        side_files[Path(inputs.lists_output)] = partial(write_lists, [layer], [*texts, *notes])
    return Outcome(
        layers={"pollution_warnings": layer},
        summary_zh=summary[0],
        summary_en=summary[1],
        warnings=(*notes, *(_told(one) for one in found[:_LISTED]), *_more(found)),
        write=partial(write_layers, {"pollution_warnings": layer}, summary, everything=False),
        page=[ReportLayer(layer.frame.sort_values("start"), "pollution_warnings", listed=True)],
        facts=facts,
        side_files=side_files,
    )


def _series(inputs: WarningInputs, context: Context) -> AqiSeries | RollingSeries:
    if inputs.series is not None:
        path = context.file(inputs.series)
        return read_hourly_series(path) if inputs.rolling or is_hourly(path) else read_series(path)
    store = context.workspace
    held = store.exists() and (store.observations.months() or store.daily.months())
    if not held or not context.has_layer("stations"):
        raise InvalidInput("no series: give --series FILE, or bring stations and observations into the workspace")
    if inputs.rolling:
        if not store.observations.months():
            raise InvalidInput("24-h means need hourly observations, the workspace holds daily values only; add hours")
        return rolling_from_observations(store.observations.read(), context.vector("stations"))
    return series_from_observations(store.observations.read(), store.daily.read(), context.vector("stations"))


def _area(inputs: WarningInputs, context: Context, notes: list[str]) -> BaseGeometry | None:
    if inputs.area == "districts" and not context.has_layer("districts"):
        notes.append(
            "没有区县图层，预警没有图形 / there is no layer of districts: the warnings have no shape; give --area FILE"
        )
        return None
    shapes = context.vector(inputs.area).geometry
    polygons = shapes[shapes.geom_type.isin(["Polygon", "MultiPolygon"])]
    if polygons.empty:
        raise InvalidInput(f"--area {inputs.area}: it holds no polygon")
    return shapely.union_all(polygons.to_numpy())


def _without_rules(series: AqiSeries | RollingSeries, sets: tuple[RuleSet, ...], inputs: WarningInputs) -> list[str]:
    """Return what to say of days for which no rule set is in force."""
    if inputs.rules != "auto":
        return []
    bare = [day for day in series.days if not any(one.holds_on(day) for one in sets)]
    if not bare:
        return []
    return [
        f"{len(bare)} 天没有生效的规则（{bare[0]} 至 {bare[-1]}），可用 --rules 指定 / "
        f"no rule set is in force on {len(bare)} "
        f"days ({bare[0]} to {bare[-1]}): name one with --rules to replay them"
    ]


def _of_ozone(series: AqiSeries | RollingSeries) -> list[str]:
    """Return what to say of days above 100 that ozone makes: the rules speak of the index, plans often leave it out."""
    days = series.ozone_days
    if not days:
        return []
    span = f"{days[0]}" if len(days) == 1 else f"{days[0]} … {days[-1]}"
    many = "1 day" if len(days) == 1 else f"{len(days)} days"
    return [
        f"{len(days)} 天（{span}）首要污染物为臭氧：多数城市的预案不因臭氧发布预警颜色，请核对本市预案 / "
        f"ozone is the primary pollutant on {many} ({span}): most cities' plans do not call a colour for ozone, "
        "check the city's plan"
    ]


def _frame(found: list[PollutionWarning], area: BaseGeometry | None) -> gpd.GeoDataFrame:
    return frame_of("pollution_warnings", [_row(one) for one in found], [area] * len(found))


def _row(one: PollutionWarning) -> dict[str, Any]:
    begins = one.since if one.since is not None else pd.Timestamp(one.start).tz_localize(CITY_ZONE)
    ends = one.until if one.until is not None else pd.Timestamp(one.end).tz_localize(CITY_ZONE) + pd.Timedelta(days=1)
    rules = one.rule_set
    return {
        "colour": one.colour,
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        "hours": one.hours,
        "issue": (begins - pd.Timedelta(hours=rules.lead_hours)).tz_convert("UTC"),
        "lift": ends.tz_convert("UTC"),
        "peak_aqi": one.peak_aqi,
        "colour_start": one.colour_start.isoformat(),
        "colour_end": one.colour_end.isoformat(),
        "cut_pct": rules.cut_pct(one.colour),
        "rule_set": rules.id,
        "reason_zh": f"{rules.title_zh}：{one.reason}",
        "reason_en": f"{rules.title_en}: {one.reason}",
    }


def _told(one: PollutionWarning) -> str:
    zh, days = COLOURS_ZH[one.colour], f"{one.start} … {one.end}"
    if one.since is not None and one.until is not None:
        days = f"{one.since:%Y-%m-%d %H:%M} … {one.until:%Y-%m-%d %H:%M}"
    return f"{zh}预警 {days}：{one.reason} / {one.colour} warning {days}: {one.reason}"


def _more(found: list[PollutionWarning]) -> list[str]:
    more = len(found) - _LISTED
    return [f"另有 {more} 次预警，见结果 / {more} more warnings in the result"] if more > 0 else []


def _summary(series: AqiSeries | RollingSeries, found: list[PollutionWarning]) -> tuple[str, str]:
    span = f"{series.days[0]} … {series.days[-1]}"
    if not found:
        return f"{span}：未达到任何预警条件", f"{span}: no warning is called for"
    counts = {colour: sum(one.colour == colour for one in found) for colour in reversed(COLOURS)}
    days = sum(one.hours for one in found) // 24
    if all(one.since is None for one in found):
        # Where new rules call for more while a warning of the old ones is on, a day counts once.
        days = len({one.start + dt.timedelta(days=n) for one in found for n in range(one.hours // 24)})
    zh = "、".join(f"{COLOURS_ZH[colour]} {count} 次" for colour, count in counts.items() if count)
    en = ", ".join(f"{count} {colour}" for colour, count in counts.items() if count)
    return f"{span}：{zh}，共 {days} 天", f"{span}: {en}, {days} {'day' if days == 1 else 'days'} in all"


def _facts(series: AqiSeries | RollingSeries, sets: tuple[RuleSet, ...]) -> list[tuple[str, str]]:
    zh, en = "；".join(one.title_zh for one in sets), "; ".join(one.title_en for one in sets)
    days = len(series.days)
    kind = (
        ("任意 24 小时均值的 AQI", "AQI of any 24 hours")
        if isinstance(series, RollingSeries)
        else ("日 AQI", "daily AQI")
    )
    return [
        (f"规则：{zh}；{days} 天的{kind[0]}，按预测值提前发布", f"rules: {en}; {kind[1]}, {days} days, issued ahead"),
        *(_source(one) for one in sets if one.source),
        ("辅助决策，不能代替会商", "supports a decision, does not replace the consultation of forecasters"),
    ]


def _source(rules: RuleSet) -> tuple[str, str]:
    """Return where rules come from: the halves of "Chinese / English", or what stands there in both languages."""
    halves = rules.source.split(" / ")
    zh, en = halves if len(halves) == 2 else (rules.source, rules.source)
    return f"规则 {rules.id} 的来源：{zh}", f"source of rules {rules.id}: {en}"


PROCESS = Process(
    id="zone-warning",
    command=("zone", "warning"),
    title_zh="重污染天气预警",
    title_en="Heavy-pollution warnings",
    description_zh="由逐日 AQI 预报（或历史序列）按预警规则（2018、2024 或本市自定）判定预警级别、起止和理由。",
    description_en="Which warning (yellow, orange, red) a series of daily AQI calls for, from when to when, why, by "
    "the rules of 2018, of 2024 or of the city; forecasts, or the replay of past winters.",
    example="suyuan zone warning --series forecast.csv --rules 2024 --output warnings.csv",
    inputs=WarningInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".kmz", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("pollution_warnings",),
)
