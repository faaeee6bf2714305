"""`suyuan demo`: the practice episode computed and shown."""

import argparse
import importlib
import sys
import time
from typing import Any

from api.cli_serve import add_address_options
from api.demo import build, require_own_workspace
from api.progress import progress_bar
from api.settings import Settings

WORKERS = 2


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `demo`."""
    parser = commands.add_parser(
        "demo",
        parents=[common],
        help="演练数据与地图 · practice data and the map",
        description="导入演练数据，在本机 Dask 集群上计算供热范围、轨迹和热点，并发布地图。 "
        "Loads the practice data, computes zones, trajectories and hot spots on a local Dask cluster, serves the map.",
        epilog="example: suyuan demo --port 8000",
    )
    add_address_options(parser)
    parser.add_argument("--no-serve", action="store_true", help="stop before serving")
    parser.set_defaults(command=demo)


def demo(options: argparse.Namespace, settings: Settings) -> None:
    """Build the practice workspace, say what was made, and serve it."""
    # Loaded here: the server's and the cluster's libraries cost a second.
    server, cluster = (importlib.import_module(f"api.{name}") for name in ("server", "dask_client"))
    settings = settings.model_copy(update={"database_url": None, "store_url": None})  # always a folder of its own
    require_own_workspace(settings.workspace)
    if not options.no_serve:
        server.require_accounts(settings)
        server.listen(settings).close()
    begun = time.monotonic()
    sys.stdout.write("演练数据为合成数据 · the practice episode is synthetic\n")
    sys.stdout.flush()
    with progress_bar() as progress, cluster.local_client(WORKERS) as client:
        made = build(settings.workspace, client, progress)
    for line in made.lines:
        sys.stdout.write(f"  {line}\n")
    sys.stdout.write(
        f"{settings.workspace.absolute()}: layers.gpkg, observations/, rasters/ ({time.monotonic() - begun:.1f} s)\n"
    )
    sys.stdout.flush()
    if not options.no_serve:
        server.serve(settings)
