"""`suyuan observations`: add, export, check and assess hourly and daily observations."""

import argparse
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from api.additions import ObservationAddition, read_observation_file, store_observations
from api.cli_aqi import check_table_output
from api.cli_layers import tell_rejected
from api.cli_options import add_model_options, read_model
from api.settings import Settings
from api.store import workspace_of
from geo.errors import InvalidInput, MissingData
from layers.daily_columns import PERIODS
from layers.export import export_observations
from layers.fault_signs import faults, flag_faults
from layers.frames import WGS84
from layers.means import HOUR_NAMES
from layers.observation_report import BY, LEVELS, Measured, Period, daily_report, period, report
from layers.station_places import PLACES, with_place
from layers.store import Workspace
from layers.tables import infer_types, read_table
from layers.writers import write_table

_TOLD = 20


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `observations add|export|daily|report|check`."""
    group = commands.add_parser("observations", help="观测数据 · observations").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    _add_add(group, common)
    export = group.add_parser(
        "export", parents=[common], help="导出 · export", epilog="example: suyuan observations export hourly.csv"
    )
    export.add_argument("out", metavar="OUT", type=Path)
    export.add_argument("--period", choices=PERIODS, help="(default: hourly; daily where there is nothing else)")
    export.set_defaults(command=export_all)
    _add_daily(group, common)
    _add_report(group, common)
    _add_check(group, common)


def _add_add(group: Any, common: argparse.ArgumentParser) -> None:
    add = group.add_parser(
        "add",
        parents=[common],
        help="入库 · add a file",
        description="小时值或日均值，长表或宽表；重复入库不产生重复记录。 "
        "Hourly or daily values, long or wide; adding twice makes no duplicates.",
        epilog="example: suyuan observations add hourly.csv",
    )
    add.add_argument("file", metavar="FILE", type=Path)
    add.add_argument("--timezone", help="zone of times without one (default: the city's)", default=argparse.SUPPRESS)
    add_model_options(add, ObservationAddition)
    add.add_argument("--report", metavar="CSV", type=Path, help="write the rejected values to this file")
    add.set_defaults(command=add_observations)


def _add_daily(group: Any, common: argparse.ArgumentParser) -> None:
    daily = group.add_parser(
        "daily",
        parents=[common],
        help="日均值与日 AQI · daily values and their index",
        description="由小时值计算的日均值（小时值不足时用入库的日均值）、分指数、AQI 与首要污染物。 "
        "Daily values from the hours, or as given where these are too few, with their index.",
        epilog="example: suyuan observations daily --year 2021 --month 10 --output days.csv",
    )
    _add_choice(daily, "station")
    daily.add_argument("--output", metavar="OUT", type=Path, required=True, help="table out (.csv, .xlsx)")
    daily.set_defaults(command=write_daily)


def _add_choice(parser: argparse.ArgumentParser, by: str) -> None:
    """Declare what is assessed: the period, the places, and which values count."""
    parser.add_argument("--year", type=int, required=True)
    parser.add_argument("--month", type=int, choices=range(1, 13), metavar="1..12", help="this month only")
    parser.add_argument("--by", choices=BY, default=by, help="(default: %(default)s; places come with the whole city)")
    parser.add_argument(
        "--levels",
        nargs="+",
        metavar="LEVEL",
        default=list(LEVELS),
        help=f"levels of stations that count (default: {' '.join(LEVELS)})",
    )
    parser.add_argument("--hour-named", choices=HOUR_NAMES, default="start", help="what an hour's time says")
    parser.add_argument(
        "--leave-out",
        metavar="FLAG",
        nargs="+",
        default=[],
        help="values with these flags do not count, for example: stuck jump",
    )


def _add_report(group: Any, common: argparse.ArgumentParser) -> None:
    report = group.add_parser(
        "report",
        parents=[common],
        help="年度、月度评价与目标进度 · the year or month: means, ranks, progress",
        description="日均值、有效性、百分位数、优良天数比率、综合指数与排名，以及与年度目标的比较。 "
        "Means and their validity, percentiles, good days, composite index and rank; progress towards yearly targets.",
        epilog="example: suyuan observations report --year 2021 --targets targets.csv --output report.csv",
    )
    _add_choice(report, "district")
    report.add_argument("--targets", metavar="FILE", type=Path, help="table with name, pm25_target_ug_m3, ...")
    report.add_argument("--output", metavar="OUT", type=Path, required=True, help="table out (.csv, .xlsx)")
    report.set_defaults(command=write_report)


def _add_check(group: Any, common: argparse.ArgumentParser) -> None:
    check = group.add_parser(
        "check",
        parents=[common],
        help="故障迹象 · signs of faults",
        description="标出数值不变、突变、与周边站点不一致、PM2.5 高于 PM10、负值；只加标记，不删数据。 "
        "Flags stuck values, jumps, stations unlike their neighbours, PM2.5 above PM10, negatives; deletes nothing.",
        epilog="example: suyuan observations check --year 2021 --output signs.csv",
    )
    check.add_argument("--year", type=int, required=True)
    check.add_argument("--month", type=int, choices=range(1, 13), metavar="1..12", help="this month only")
    check.add_argument("--output", metavar="OUT", type=Path, help="also write the signs found (.csv, .xlsx)")
    check.set_defaults(command=check_observations)


def check_observations(options: argparse.Namespace, settings: Settings) -> None:
    """Flag the signs of faults in the workspace's observations of a year or month."""
    if options.output is not None:
        check_table_output(options.output)
    flagged, compared = _flag(workspace_of(settings), *period(options.year, options.month))
    found = faults(flagged)
    if options.output is not None:
        write_table(found, options.output)
    if not compared:
        sys.stderr.write("note: no layer stations; no station was compared with its neighbours\n")
    for row in found.head(_TOLD).itertuples():
        sys.stdout.write(
            f"{row.station_id} {row.pollutant} {row.sign}: {row.hours} h, {row.reason_zh} {row.reason_en}\n"
        )
    sys.stdout.write(f"{len(flagged)} values checked, {len(found)} signs of faults; flags stored, nothing deleted\n")


def _flag(workspace: Workspace, start: pd.Timestamp, end: pd.Timestamp) -> tuple[pd.DataFrame, bool]:
    """Flag and store under one lock, so that nobody's correction in between is overwritten."""
    workspace.require()
    with workspace.transaction():
        stations = workspace.read("stations") if any(r.id == "stations" for r in workspace.records()) else None
        observations = workspace.observations.read(start=start, end=end)
        if observations.empty:
            raise MissingData(f"no observations from {start:%Y-%m-%d} on in {workspace.place}: nothing to check")
        flagged = flag_faults(observations, stations)
        workspace.observations.add(flagged[flagged["flag"] != observations["flag"]])
    return flagged, stations is not None


def write_report(options: argparse.Namespace, settings: Settings) -> None:
    """Assess the workspace's observations of a year or month and write one table."""
    check_table_output(options.output)
    stations, measured, notes = _held(options, workspace_of(settings))
    targets = None if options.targets is None else infer_types(read_table(options.targets))
    table, more = report(stations, measured, _chosen(options), by=options.by, levels=options.levels, targets=targets)
    _tell(table, notes + more, options.output)


def write_daily(options: argparse.Namespace, settings: Settings) -> None:
    """Write the days of a year or month with their index to one table."""
    check_table_output(options.output)
    stations, measured, notes = _held(options, workspace_of(settings))
    table, more = daily_report(stations, measured, _chosen(options), by=options.by, levels=options.levels)
    _tell(table, notes + more, options.output)


def _chosen(options: argparse.Namespace) -> Period:
    return Period(options.year, options.month, options.hour_named, tuple(options.leave_out))


def _tell(table: pd.DataFrame, notes: list[str], output: Path) -> None:
    write_table(table, output)
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    sys.stdout.write(f"{len(table)} rows -> {output}\n")


def _held(options: argparse.Namespace, workspace: Workspace) -> tuple[gpd.GeoDataFrame, Measured, list[str]]:
    """Read stations and observations of one state of the workspace; stations get their place from the boundaries."""
    workspace.require()
    start, end = period(options.year, options.month)
    layer = PLACES.get(options.by)
    with workspace.transaction():
        there = {record.id for record in workspace.records()}
        measured = Measured(*(s.read(start=start, end=end) for s in (workspace.observations, workspace.daily)))
        if "stations" not in there and layer is None:
            ids = pd.concat([measured.hours["station_id"], measured.days["station_id"]]).drop_duplicates()
            return gpd.GeoDataFrame({"id": ids, "name": ids}, geometry=[None] * len(ids), crs=WGS84), measured, []
        stations = workspace.read("stations")
        polygons = workspace.read(layer) if layer in there else None
    if layer is None or polygons is None:
        return stations, measured, []
    stations, placed = with_place(stations, polygons, options.by)
    return stations, measured, [f"{placed} stations placed by the boundaries of layer {layer}"] if placed else []


def add_observations(options: argparse.Namespace, settings: Settings) -> None:
    """Store a file's observations; a second time they replace what is there."""
    additions = read_model(ObservationAddition, options)
    report = read_observation_file(options.file, additions, settings.timezone)
    tell_rejected(report.rejected, report.notes, options.report)
    if report.refused:
        raise InvalidInput(
            f"{options.file}: {len(report.rejected)} values rejected, nothing was added: correct them, "
            "or take the good ones with --accept-good"
        )
    counts = store_observations(workspace_of(settings), report)
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    what = "daily observations" if report.period == "daily" else "observations"
    sys.stdout.write(f"{what}: {told}, {len(report.rejected)} rejected, {report.gaps} gaps\n")


def export_all(options: argparse.Namespace, settings: Settings) -> None:
    """Write all observations to one file."""
    count = export_observations(workspace_of(settings), options.out, period=options.period)
    sys.stdout.write(f"{count} -> {options.out}\n")
