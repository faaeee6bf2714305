"""`suyuan observations`: add and export hourly observations."""

import argparse
import sys
from pathlib import Path
from typing import Any

from api.cli_layers import assignment, tell_rejected
from api.settings import Settings
from geo.errors import InvalidInput
from layers.export import export_observations
from layers.observations import read_observations
from layers.store import Workspace


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `observations add|export`."""
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
    add.add_argument(
        "--unit",
        metavar="POLLUTANT=UNIT",
        nargs="+",
        action="extend",
        default=[],
        help="unit where the file does not say it: ug/m3 or mg/m3, for example co=ug/m3",
    )
    add.add_argument("--accept-good", action="store_true", help="take the good values, report the others")
    add.add_argument("--report", metavar="CSV", type=Path, help="write the rejected values to this file")
    add.set_defaults(command=add_observations)
    export = group.add_parser(
        "export", parents=[common], help="导出 · export", epilog="example: suyuan observations export hourly.csv"
    )
    export.add_argument("out", metavar="OUT", type=Path)
    export.set_defaults(command=export_all)


def add_observations(options: argparse.Namespace, settings: Settings) -> None:
    """Store a file's observations; a second time they replace what is there."""
    units = dict(assignment("--unit", text) for text in options.unit)
    report = read_observations(options.file, timezone=settings.timezone, units=units, accept_good=options.accept_good)
    tell_rejected(report.rejected, report.notes, options.report)
    if report.refused:
        raise InvalidInput(
            f"{options.file}: {len(report.rejected)} values rejected, nothing was added: correct them, "
            "or take the good ones with --accept-good"
        )
    counts = Workspace(settings.workspace).observations.add(report.accepted)
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    sys.stdout.write(f"observations: {told}, {len(report.rejected)} rejected, {report.gaps} gaps\n")


def export_all(options: argparse.Namespace, settings: Settings) -> None:
    """Write all observations to one file."""
    count = export_observations(Workspace(settings.workspace), options.out)
    sys.stdout.write(f"{count} -> {options.out}\n")
