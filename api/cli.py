"""The program `suyuan`: its commands, one clear line on bad input, and the exit codes 0, 1 and 2."""

import argparse
import gc
import importlib
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

import api
from api.cli_options import add_process_options, read_inputs
from api.errors import InvalidOption
from api.jobs.results import layer_found
from api.language import allowed_zh, terminal_language
from api.processes import all_processes, processes_of
from api.processes.base import Process, Result, execute, store_layers
from api.processes.context import Context
from api.progress import progress_bar
from api.result_files import write_result
from api.settings import Settings
from api.store import workspace_of
from api.translation import told
from geo.errors import InvalidInput, MissingData, SourceUnavailable, SuyuanError
from web_map.report import Language

BAD_INPUT = 2
FAILURE = 1

# The fixed commands; each is made by the module `api.cli_<name>`, which is loaded only when it is asked for.
ROOMS = ("demo", "serve", "layers", "observations", "aqi", "jobs", "users", "workspace")

Command = Callable[[argparse.Namespace, Settings], None]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and leave with exit code 2."""
        language = terminal_language(sys.argv[1:])
        see = f"；见 {self.prog} --help" if language == "zh" else f"; see {self.prog} --help"
        self.exit(BAD_INPUT, f"{self.prog}: {told(message, language)}{see}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    words = sys.argv[1:] if arguments is None else list(map(str, arguments))
    parser = build_parser(words)
    if arguments is None:
        # The process is ours: what is loaded stays, and is not looked through for garbage at each further load.
        gc.freeze()
    options = parser.parse_args(words)
    # GDAL's remarks on a file's details would stand between the user and the one line that matters.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="pyogrio")
    try:
        options.command(options, _settings(options))
    except SuyuanError as error:
        line = told(str(error), terminal_language(words), getattr(error, "zh", ""))
        sys.stderr.write(f"suyuan: {line}\n")
        bad_input = isinstance(error, InvalidInput | MissingData | SourceUnavailable)
        return BAD_INPUT if bad_input else FAILURE
    except KeyboardInterrupt:
        sys.stderr.write("suyuan: stopped\n")
        return 130
    return 0


def build_parser(words: Sequence[str] = ()) -> Parser:
    """Build the parser: the fixed commands, and one for each declared process.

    If ``words`` begin with a command that is known, only its parser is built: loading all takes three times as long.
    """
    room = words[0] if words and words[0] in ROOMS else None
    processes = () if room else processes_of(tuple(words[:2])) or all_processes()
    rooms = (room,) if room else () if len(processes) == 1 else ROOMS
    common = Parser(add_help=False)
    common.add_argument(
        "--workspace",
        metavar="DIR",
        type=Path,
        default=argparse.SUPPRESS,
        help="folder of the workspace (default: SUYUAN_WORKSPACE or ./suyuan-workspace)",
    )
    common.add_argument(
        "--lang",
        choices=("zh", "en"),
        default=argparse.SUPPRESS,
        help="language of what goes wrong (default: that of the terminal)",
    )
    parser = Parser(
        prog="suyuan",
        description="溯源 Suyuan: 看见、追溯、应对大气污染 · see, trace and answer air pollution",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"suyuan {api.version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in rooms:
        importlib.import_module(f"api.cli_{name}").add_commands(commands, common)
    _add_processes(commands, common, processes)
    return parser


def _add_processes(commands: Any, common: Parser, processes: Sequence[Process[Any]]) -> None:
    groups: dict[str, Any] = {}
    for process in processes:
        where = commands
        if len(process.command) == 2:
            group = process.command[0]
            if group not in groups:
                groups[group] = commands.add_parser(group, help=GROUPS[group]).add_subparsers(
                    title="commands", metavar="COMMAND", required=True
                )
            where = groups[group]
        parser = where.add_parser(
            process.command[-1],
            parents=[common],
            help=f"{process.title_zh} · {process.title_en}",
            description=f"{process.description_zh} {process.description_en}",
            epilog=f"example: {process.example}",
            allow_abbrev=False,
        )
        add_process_options(parser, process)
        parser.set_defaults(command=_process_command(process))


GROUPS = {"zone": "范围划定 · zones", "hotspots": "热点分析 · hot spots"}


def _process_command(process: Process[Any]) -> Command:
    def command(options: argparse.Namespace, settings: Settings) -> None:
        inputs = read_inputs(process, options)
        output = None if options.output is None else _checked_output(Path(options.output), process)
        with _ended_as_by_ctrl_c(), ExitStack() as held:
            with _client(settings) as client, progress_bar() as progress:
                context = Context(
                    partial(workspace_of, settings),
                    client=client,
                    progress=progress,
                    folder=settings.workspace,
                    output=output,
                    results=partial(layer_found, settings.workspace),
                )
                result = execute(process, inputs, held.enter_context(context))
            written = _deliver(process, result, context, language=getattr(options, "language", "zh"))
        _tell(result, written)

    return command


def _deliver(process: Process[Any], result: Result, context: Context, *, language: Language) -> str | None:
    """Write what was found to where it was asked for; return the places, None where nothing was made, only said."""
    outcome, output = result.outcome, context.output
    for path, write in outcome.side_files.items():
        write(path)
    beside = ", ".join(map(str, outcome.side_files))
    if not outcome.layers and outcome.write is None:
        return None
    if output is not None:
        write_result(process, result, output, context, language=language)
        return f"{output}, {beside}" if beside else str(output)
    if beside and not context.workspace.exists():
        # A table was asked for and got; a workspace is not made for the rest unasked.
        return beside
    store_layers(result, context)
    return f"{context.workspace.place}: {', '.join(outcome.layers)}"


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let a process that is told to end leave nothing half-written either."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _client(settings: Settings) -> AbstractContextManager[Any]:
    """Connect to the shared cluster, if there is one; what does it is loaded only then."""
    if settings.dask_scheduler is None:
        return nullcontext()
    client: AbstractContextManager[Any] = importlib.import_module("api.dask_client").shared_client(settings)
    return client


def _checked_output(path: Path, process: Process[Any]) -> Path:
    """Refuse an output that cannot be written before hours are spent computing it."""
    if path.suffix.lower() not in process.output_formats:
        allowed = ", ".join(process.output_formats)
        raise InvalidInput(f"--output {path}: unknown format {path.suffix or '(none)'}; use one of {allowed}")
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"--output {path}: the folder {path.parent} is not there; create it first")
    return path


def _tell(result: Result, written: str | None) -> None:
    outcome = result.outcome
    sys.stdout.write(f"{outcome.summary_zh}\n{outcome.summary_en}\n")
    if written is not None:
        sys.stdout.write(f"-> {written}\n")
    for warning in outcome.warnings:
        sys.stderr.write(f"note: {warning}\n")


def _settings(options: argparse.Namespace) -> Settings:
    given = {name: getattr(options, name) for name in Settings.model_fields if hasattr(options, name)}
    if "workspace" in given:  # a folder that is named outranks the shared store of the environment
        given |= {"database_url": None, "store_url": None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        zh = allowed_zh(first["type"], first.get("ctx", {}), message)
        if not first["loc"]:
            raise InvalidOption(f"settings: {message}", f"设置：{zh}") from error
        name = str(first["loc"][0])
        option = f"--{name} or SUYUAN_{name.upper()}"
        raise InvalidOption(f"{option}: {message}", f"{option.replace(' or ', ' 或 ')}：{zh}") from error
