"""`suyuan aqi`: the air quality index of a table; no workspace is needed."""

import argparse
import sys
from pathlib import Path
from typing import Any

from api.additions import assignment
from api.settings import Settings
from geo.errors import InvalidInput
from layers.aqi_tables import KINDS, index_of_file
from layers.writers import write_table

FORMATS = (".csv", ".xlsx")


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `aqi`."""
    parser = commands.add_parser(
        "aqi",
        parents=[common],
        help="空气质量指数 · air quality index of a table",
        description="日表（date）或小时表（time）逐行计算 IAQI、AQI 与首要污染物；"
        "2026-03-01 起用 HJ 633-2026，此前用 HJ 633-2012。 "
        "Index of each row of a daily (date) or hourly (time) table, by the standard of its date.",
        epilog="example: suyuan aqi daily.csv --output aqi.csv",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="CSV in UTF-8 or GB18030 (.gz too), or Excel")
    parser.add_argument("--output", metavar="OUT", type=Path, required=True, help="table out (.csv, .xlsx)")
    parser.add_argument("--kind", choices=KINDS, help="daily or hourly (default: by the columns and times)")
    parser.add_argument(
        "--columns", metavar="NAME,NAME...", help="names of the columns of a file without header, from left to right"
    )
    parser.add_argument("--timezone", help="zone of times without one (default: the city's)", default=argparse.SUPPRESS)
    parser.add_argument(
        "--unit",
        metavar="POLLUTANT=UNIT",
        nargs="+",
        action="extend",
        default=[],
        help="unit where the header does not say it: ug/m3 or mg/m3 (default: ug/m3, CO mg/m3)",
    )
    parser.add_argument("--accept-good", action="store_true", help="take cells that are no numbers for gaps")
    parser.set_defaults(command=write_index)


def write_index(options: argparse.Namespace, settings: Settings) -> None:
    """Write the table with its index."""
    output: Path = options.output
    check_table_output(output)
    found = index_of_file(
        options.file,
        kind=options.kind,
        columns=options.columns.split(",") if options.columns else None,
        timezone=settings.timezone,
        units=dict(assignment("--unit", text) for text in options.unit),
        accept_good=options.accept_good,
    )
    write_table(found.table, output)
    counted = int(found.table["aqi"].notna().sum())
    for note in found.notes:
        sys.stderr.write(f"note: {note}\n")
    sys.stdout.write(f"{counted} of {len(found.table)} {found.kind} rows have an index -> {output}\n")


def check_table_output(output: Path) -> None:
    """Refuse an output that cannot be written before the work is done.

    Raises
    ------
    InvalidInput
        Another extension than .csv and .xlsx, or no such folder.
    """
    if output.suffix.lower() not in FORMATS:
        raise InvalidInput(f"--output {output}: unknown format {output.suffix or '(none)'}; use {' or '.join(FORMATS)}")
    if not output.absolute().parent.is_dir():
        raise InvalidInput(f"--output {output}: the folder {output.parent} is not there; create it first")
