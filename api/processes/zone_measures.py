"""应急减排措施: for a warning's colour, which sources cut what, whether it is enough, and which sites stop."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import geopandas as gpd
import shapely
from pydantic import Field
from shapely.geometry.base import BaseGeometry

from api.processes.base import Cli, Inputs, Outcome, Process, ResultLayer, Zh
from api.processes.context import Context
from api.processes.hand_over import check_lists, write_layers, write_lists
from api.processes.incident_zones import frame_of
from api.processes.zone_contents import DIVISIONS, Ledgers, contents_of
from geo.errors import InvalidInput
from geo.geodesic import area_m2
from layers.periods import iso_day
from layers.reduction import Reduction, Total, load_measures, load_totals, reduction, sites_to_stop
from layers.warning_rules import COLOURS_ZH, RuleSet, choose, load_rule_sets
from web_map.report import ReportLayer


class MeasuresInputs(Inputs):
    """Which colour, which sources and sites, which measures."""

    colour: Literal["yellow", "orange", "red"] = Field(description="colour of the warning", examples=["orange"])
    sources: Annotated[str, Cli(metavar="FILE|LAYER")] = Field(
        "emission_sources", description="emission sources with grade, exemption and emissions in t/a"
    )
    sites: Annotated[str | None, Cli(metavar="FILE|LAYER")] = Field(
        None, description="construction sites; without it the layer construction_sites, if it is there"
    )
    vehicle_zone: Annotated[str | None, Cli(metavar="FILE|LAYER"), Zh("预警期间限行的面，列出其涉及的区县")] = Field(
        None, description="polygons that are closed to vehicles at the warning, listed with their districts"
    )
    date: str | None = Field(
        None, description="day of the warning: sites whose ledger holds then", examples=["2024-12-05"]
    )
    measures: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="the city's measures by colour and grade, in the columns of layers/reduction_measures.csv"
    )
    totals: Annotated[str | None, Cli(metavar="FILE")] = Field(
        None, description="the city's emissions: pollutant (so2, nox, pm, vocs), t_a; without it those of the sources"
    )
    rules: str = Field("2024", description="id of the rule set that says how much must be cut", examples=["2018"])
    rules_file: Annotated[str | None, Cli(metavar="FILE")] = Field(None, description="the city's own rule sets, JSON")
    everything: bool = Field(False, exclude=True, description="sites and totals in a .kml or .gpkg too; .kmz always")
    lists_output: Annotated[str | None, Cli(metavar="OUT.xlsx")] = Field(
        None, exclude=True, description="sources, totals and sites as lists, .xlsx or .csv"
    )


def run(inputs: MeasuresInputs, context: Context) -> Outcome:
    """List the sources with their measures, add up the cuts, and list the sites to stop."""
    check_lists(inputs.lists_output)
    day = None if inputs.date is None else iso_day(inputs.date)
    rules = _rules(inputs, context)
    measures = load_measures(None if inputs.measures is None else context.file(inputs.measures))
    totals = None if inputs.totals is None else load_totals(context.file(inputs.totals))
    sources = _sources(inputs, context)
    found = reduction(sources, inputs.colour, measures, needed_pct=rules.cut_pct(inputs.colour), totals_t_a=totals)
    notes = list(found.notes)
    if inputs.measures is None:
        notes.append(
            "B、C、D 级减排比例为程序假定值，无文件出处（企业自有措施除外），应换成本市方案 / "
            "the cuts of grades B, C and D are assumptions of this program without a document, except where a source "
            "has its own: replace them by the city's plan with --measures; `suyuan layers template reduction_measures` "
            "writes the table to fill in"
        )
    layers = {
        "reduction_sources": ResultLayer(frame_of("reduction_sources", found.rows, found.shapes), "reduction_sources"),
        "reduction_totals": ResultLayer(_totals_frame(found, inputs.colour, _city(context)), "reduction_totals"),
    }
    sites = _sites(inputs, context, day, notes)
    layers["sites_to_stop"] = ResultLayer(sites, "sites_to_stop")
    layers["vehicle_zones"] = ResultLayer(_vehicle_zones(inputs, context), "vehicle_zones")
    summary = _summary(inputs.colour, found, sites)
    side_files = {}
    if inputs.lists_output is not None:
        side_files[Path(inputs.lists_output)] = partial(write_lists, list(layers.values()), [*summary, *notes])
    return Outcome(
        layers=layers,
        summary_zh=summary[0],
        summary_en=summary[1],
        warnings=tuple(notes),
        write=partial(write_layers, layers, summary, everything=inputs.everything),
        page=_page(layers),
        facts=[_fact(total) for total in found.totals],
        side_files=side_files,
    )


def _rules(inputs: MeasuresInputs, context: Context) -> RuleSet:
    path = None if inputs.rules_file is None else context.file(inputs.rules_file)
    sets = load_rule_sets(path)
    if inputs.rules == "auto":
        raise InvalidInput(f"--rules auto: name one rule set here, of {', '.join(one.id for one in sets)}")
    return choose(sets, inputs.rules, "")[0]


def _sources(inputs: MeasuresInputs, context: Context) -> gpd.GeoDataFrame:
    if inputs.sources == "emission_sources" and not context.has_layer("emission_sources"):
        raise InvalidInput(
            "no emission sources: give --sources FILE, or bring them in with `suyuan layers add emission_sources FILE`"
        )
    return context.ledger(inputs.sources, "emission_sources")


def _sites(inputs: MeasuresInputs, context: Context, day: str | None, notes: list[str]) -> gpd.GeoDataFrame:
    if inputs.sites is None and not context.has_layer("construction_sites"):
        notes.append("没有工地台账，未列停工工地 / there is no ledger of construction sites: none are listed")
        return frame_of("sites_to_stop", [], [])
    found, said = sites_to_stop(
        context.ledger(inputs.sites or "construction_sites", "construction_sites"), inputs.colour, day
    )
    notes += said
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()}
        for row in found.drop(columns="geometry").to_dict(orient="records")
    ]
    return frame_of("sites_to_stop", rows, list(found.geometry))


def _vehicle_zones(inputs: MeasuresInputs, context: Context) -> gpd.GeoDataFrame:
    if inputs.vehicle_zone is None:
        return frame_of("vehicle_zones", [], [])
    frame = context.vector(inputs.vehicle_zone)
    zones = frame[frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"])]
    if zones.empty:
        raise InvalidInput(f"--vehicle-zone {inputs.vehicle_zone}: it holds no polygon")
    divisions = {name: context.vector(name) for name in DIVISIONS if context.has_layer(name)}
    rows = []
    for number, (_, row) in enumerate(zones.iterrows(), start=1):
        inside = contents_of(row.geometry, Ledgers(divisions, {}, None), None)
        rows.append(
            {
                "name": str(row["name"]) if "name" in zones and row["name"] else str(number),
                "colour": inputs.colour,
                "area_km2": float(area_m2(row.geometry)) / 1e6,
                "districts": inside.summary()["districts"],
                "measure_zh": "限制高排放车辆和非道路移动机械",
                "measure_en": "no high-emission vehicles and no off-road machines",
            }
        )
    return frame_of("vehicle_zones", rows, list(zones.geometry))


def _city(context: Context) -> BaseGeometry | None:
    if not context.has_layer("districts"):
        return None
    return shapely.union_all(context.vector("districts").geometry.to_numpy())


def _totals_frame(found: Reduction, colour: str, city: BaseGeometry | None) -> gpd.GeoDataFrame:
    rows = [
        {
            "pollutant": total.pollutant,
            "colour": colour,
            "total_t_d": total.total_t_d,
            "cut_t_d": total.cut_t_d,
            "reached_pct": total.reached_pct,
            "needed_pct": total.needed_pct,
            "enough": total.enough,
            "missing_t_d": total.missing_t_d,
            "n_unknown": total.n_unknown,
        }
        for total in found.totals
    ]
    return frame_of("reduction_totals", rows, [city] * len(rows))


def _fact(total: Total) -> tuple[str, str]:
    name = total.pollutant
    if total.total_t_d <= 0.0:
        return f"{name}：没有排放量，无法核算", f"{name}: no emissions are given, nothing to add up"
    numbers = f"{total.cut_t_d:.3g} / {total.total_t_d:.3g} t/d = {total.reached_pct:.1f} %"
    needed, short = f"{total.needed_pct:g} %", f"{total.missing_t_d:.3g} t/d"
    zh, en = ("达到", "enough") if total.enough else (f"差 {short}", f"{short} short")
    return f"{name} 减排 {numbers}，要求 {needed}：{zh}", f"{name} cut {numbers}, {needed} needed: {en}"


def _summary(colour: str, found: Reduction, sites: gpd.GeoDataFrame) -> tuple[str, str]:
    known = [total for total in found.totals if total.total_t_d > 0.0]
    zh, en = (
        separator.join(f"{one.pollutant} {one.reached_pct:.1f} %{'' if one.enough else short}" for one in known)
        for separator, short in (("、", "（不足）"), (", ", " (short)"))
    )
    needed = f"{found.totals[0].needed_pct:g} %"
    acting, listed, stopped = sum(row["cut_pct"] > 0.0 for row in found.rows), len(found.rows), len(sites)
    return (
        f"{COLOURS_ZH[colour]}预警：清单 {listed} 家中 {acting} 家减排，{zh or '排放量未知'}，要求 {needed}；"
        f"停工工地 {stopped} 个",
        f"{colour} warning: {acting} of {listed} listed sources cut, {en or 'emissions unknown'}, {needed} needed; "
        f"{stopped} construction sites stop",
    )


def _page(layers: dict[str, ResultLayer]) -> list[ReportLayer]:
    # The totals stand above the map already.
    return [
        ReportLayer(layer.frame, layer.schema, listed=name != "reduction_totals")
        for name, layer in layers.items()
        if len(layer.frame)
    ]


PROCESS = Process(
    id="zone-measures",
    command=("zone", "measures"),
    title_zh="应急减排措施",
    title_en="Emergency measures",
    description_zh="按预警级别列出排放源的减排措施（按绩效等级或一厂一策，豁免除外），核算减排比例，列出停工工地。",
    description_en="At a warning's colour: the sources with their measures by grade or plan, exempt ones left out, the "
    "cut reached per pollutant against what is needed, and the construction sites to stop.",
    example="suyuan zone measures --colour orange --sources sources.xlsx --date 2024-12-05 --output measures.xlsx",
    inputs=MeasuresInputs,
    run=run,
    output_formats=(".geojson", ".gpkg", ".kml", ".kmz", ".shp", ".csv", ".xlsx", ".fgb", ".parquet", ".pdf"),
    result_layers=("reduction_sources", "reduction_totals", "sites_to_stop", "vehicle_zones"),
)
