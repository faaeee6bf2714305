"""`suyuan observations`: add and export hourly observations."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from api.additions import ObservationAddition, read_observation_file
from api.cli_aqi import check_table_output
from api.cli_layers import tell_rejected
from api.cli_options import add_model_options, read_model
from api.settings import Settings
from api.store import workspace_of
from geo.errors import InvalidInput, MissingData
from layers.export import export_observations
from layers.fault_signs import faults, flag_faults
from layers.means import HOUR_NAMES
from layers.observation_report import BY, LEVELS, Period, period, report
from layers.store import Workspace
from layers.tables import infer_types, read_table
from layers.writers import write_table

_TOLD = 20


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `observations add|export|report|check`."""
    group = commands.add_parser("observations", help="观测数据 · observations").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    add = group.add_parser(
        "add",
        parents=[common],
        help="入库 · add a file",
        description="长表或宽表；重复入库不产生重复记录。 Long or wide; adding twice makes no duplicates.",
        epilog="example: suyuan observations add hourly.csv",
    )
    add.add_argument("file", metavar="FILE", type=Path)
    add.add_argument("--timezone", help="zone of times without one (default: the city's)", default=argparse.SUPPRESS)
    add_model_options(add, ObservationAddition)
    add.add_argument("--report", metavar="CSV", type=Path, help="write the rejected values to this file")
    add.set_defaults(command=add_observations)
    export = group.add_parser(
        "export", parents=[common], help="导出 · export", epilog="example: suyuan observations export hourly.csv"
    )
    export.add_argument("out", metavar="OUT", type=Path)
    export.set_defaults(command=export_all)
    _add_report(group, common)
    _add_check(group, common)


def _add_report(group: Any, common: argparse.ArgumentParser) -> None:
    report = group.add_parser(
        "report",
        parents=[common],
        help="年度、月度评价与目标进度 · the year or month: means, ranks, progress",
        description="日均值、有效性、百分位数、优良天数比率、综合指数与排名，以及与年度目标的比较。 "
        "Means and their validity, percentiles, good days, composite index and rank; progress towards yearly targets.",
        epilog="example: suyuan observations report --year 2021 --targets targets.csv --output report.csv",
    )
    report.add_argument("--year", type=int, required=True)
    report.add_argument("--month", type=int, choices=range(1, 13), metavar="1..12", help="this month only")
    report.add_argument("--by", choices=BY, default="district", help="(default: district, with the whole city)")
    report.add_argument(
        "--levels",
        nargs="+",
        metavar="LEVEL",
        default=list(LEVELS),
        help=f"levels of stations that count (default: {' '.join(LEVELS)})",
    )
    report.add_argument("--targets", metavar="FILE", type=Path, help="table with name, pm25_target_ug_m3, ...")
    report.add_argument("--hour-named", choices=HOUR_NAMES, default="start", help="what an hour's time says")
    report.add_argument(
        "--leave-out",
        metavar="FLAG",
        nargs="+",
        default=[],
        help="values with these flags do not count, for example: stuck jump",
    )
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
    workspace = workspace_of(settings)
    workspace.require()
    start, end = period(options.year, options.month)
    with workspace.transaction():
        stations, observations = workspace.read("stations"), workspace.observations.read(start=start, end=end)
    targets = None if options.targets is None else infer_types(read_table(options.targets))
    chosen = Period(options.year, options.month, options.hour_named, tuple(options.leave_out))
    table, notes = report(stations, observations, chosen, by=options.by, levels=options.levels, targets=targets)
    write_table(table, options.output)
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    sys.stdout.write(f"{len(table)} rows -> {options.output}\n")


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
    counts = workspace_of(settings).observations.add(report.accepted)
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    sys.stdout.write(f"observations: {told}, {len(report.rejected)} rejected, {report.gaps} gaps\n")


def export_all(options: argparse.Namespace, settings: Settings) -> None:
    """Write all observations to one file."""
    count = export_observations(workspace_of(settings), options.out)
    sys.stdout.write(f"{count} -> {options.out}\n")
