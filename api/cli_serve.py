"""`suyuan serve`: the web map and the HTTP interface."""

import argparse
import importlib
from typing import Any

from api.settings import Settings


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `serve`."""
    parser = commands.add_parser(
        "serve",
        parents=[common],
        help="发布地图与接口 · serve the map and the interface",
        description="发布工作区的地图与 HTTP 接口。 Serves the map and the HTTP interface of a workspace.",
        epilog="example: suyuan serve --workspace suyuan-workspace --port 8000",
    )
    add_address_options(parser)
    parser.set_defaults(command=_serve)


def _serve(options: argparse.Namespace, settings: Settings) -> None:
    # Half a second that `suyuan --help` does not spend.
    importlib.import_module("api.server").serve(settings)


def add_address_options(parser: argparse.ArgumentParser) -> None:
    """Give a parser the address that the server listens on."""
    parser.add_argument("--host", default=argparse.SUPPRESS, help="address to serve on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=argparse.SUPPRESS, metavar="N", help="port to serve on (default: 8000); 0 is any"
    )
