"""`suyuan workspace`: move a workspace into another store, and compare what it holds with its hashes."""

import argparse
import sys
from pathlib import Path
from typing import Any

from api.progress import progress_bar
from api.settings import Settings
from api.store import workspace_of
from geo.errors import InvalidInput
from layers.move import check, move
from layers.store import Workspace
from layers.stores import SCHEMA, open_workspace


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `workspace move|check`."""
    group = commands.add_parser("workspace", help="工作区 · the workspace").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    mover = group.add_parser(
        "move",
        parents=[common],
        help="迁移到另一处存储 · into another store",
        description="把整个工作区复制到文件夹或 PostGIS，逐项核对哈希；中断后再次运行即可继续，原工作区不变。 "
        "Copies all into a folder or PostGIS, comparing hashes; run again after a stop; the source stays as it is.",
        epilog="example: suyuan workspace move --to postgresql://suyuan@gis.local/air --to-store s3://air/suyuan",
    )
    mover.add_argument("--to", metavar="DIR|URL", required=True, help="an empty folder, or postgresql://user@host/base")
    mover.add_argument("--to-store", metavar="URL", help="with a database: fsspec URL or folder of the files")
    mover.add_argument("--to-schema", metavar="NAME", default=SCHEMA, help=f"with a database (default: {SCHEMA})")
    mover.set_defaults(command=move_workspace)
    checker = group.add_parser(
        "check",
        parents=[common],
        help="核对哈希 · compare with the hashes",
        epilog="example: suyuan workspace check",
    )
    checker.set_defaults(command=check_workspace)


def move_workspace(options: argparse.Namespace, settings: Settings) -> None:
    """Copy the workspace of the settings into another store."""
    target = _target(options, settings)
    with progress_bar() as progress:
        done = move(workspace_of(settings), target, progress)
    sys.stdout.write(
        f"{target.place}: {done.layers} layers, {done.versions} versions, {done.months} months of observations, "
        f"{done.rasters} rasters; {done.brought} brought now\n"
        "哈希全部一致，原工作区未改动 · all hashes agree, the source is unchanged\n"
    )


def check_workspace(options: argparse.Namespace, settings: Settings) -> None:
    """Compare everything that the workspace holds with its hashes."""
    workspace = workspace_of(settings)
    count = check(workspace)
    sys.stdout.write(f"{workspace.place}: {count} 项哈希一致 · {count} layers, versions and files agree\n")


def _target(options: argparse.Namespace, settings: Settings) -> Workspace:
    if "://" not in options.to:
        if options.to_store is not None:
            raise InvalidInput(f"--to-store goes with a database, --to {options.to} is a folder: leave it out")
        return Workspace(Path(options.to).expanduser())
    if options.to_store is None:
        raise InvalidInput("--to-store is missing: say where the files go, a folder that all can reach or a URL")
    return open_workspace(settings.workspace, options.to, options.to_store, options.to_schema)
