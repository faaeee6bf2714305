"""Command-line options derived from a process's input model."""

import argparse
import types
import typing
from typing import Any, TypeVar, Union

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from api.errors import InvalidOption
from api.language import allowed_zh
from api.processes.base import Cli, Inputs, Process, Zh
from api.processes.inputs_zh import WORDS

M = TypeVar("M", bound=BaseModel)


def add_process_options(parser: argparse.ArgumentParser, process: Process[Any]) -> None:
    """Give the parser one option for each input; `--output` belongs to the command itself."""
    add_model_options(parser, process.inputs)
    parser.add_argument(
        "--output",
        metavar="OUT",
        help=f"result file ({', '.join(process.output_formats)}); without it the result becomes a layer",
    )
    if ".pdf" in process.output_formats:
        parser.add_argument("--language", choices=("zh", "en"), default="zh", help="language of a .pdf (default: zh)")


def add_model_options(parser: argparse.ArgumentParser, model: type[BaseModel]) -> None:
    """Give the parser one option for each field of a model."""
    for name, field in model.model_fields.items():
        _add_option(parser, name, field)


def read_inputs(process: Process[Any], options: argparse.Namespace) -> Inputs:
    """Build the input model from what was typed.

    Raises
    ------
    InvalidInput
        If a value is not allowed; the message names the option, the value and what is allowed.
    """
    inputs: Inputs = read_model(process.inputs, options)
    return inputs


def read_model(model: type[M], options: argparse.Namespace) -> M:
    """Build a model from what was typed.

    Raises
    ------
    InvalidInput
        As `read_inputs`.
    """
    typed = {name: getattr(options, name) for name in model.model_fields if hasattr(options, name)}
    try:
        return model(**typed)
    except ValidationError as error:
        raise _first_problem(error.errors()[0], model) from error


def _add_option(parser: argparse.ArgumentParser, name: str, field: FieldInfo) -> None:
    marker = next((mark for mark in field.metadata if isinstance(mark, Cli)), Cli())
    help_text = _help(field)
    kind, repeated = _element_type(field.annotation)
    extra: dict[str, Any] = {"help": help_text, "default": argparse.SUPPRESS}
    if typing.get_origin(kind) is typing.Literal:
        extra["metavar"] = "|".join(str(choice) for choice in typing.get_args(kind))
    else:
        extra["metavar"] = marker.metavar or name.upper()
    if marker.positional:
        del extra["default"]
        parser.add_argument(name, **extra)
        return
    if kind is bool:
        del extra["metavar"]
        extra["action"] = "store_true"
    if repeated:
        extra |= {"nargs": "+", "action": "extend"}
    parser.add_argument(f"--{name.replace('_', '-')}", dest=name, **extra)


def _element_type(annotation: Any) -> tuple[Any, bool]:
    """Return the type of one value and whether several may be given."""
    origin = typing.get_origin(annotation)
    if origin in (Union, types.UnionType):
        inner = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return _element_type(inner[0])
    if origin in (tuple, list):
        return typing.get_args(annotation)[0], True
    return annotation, False


def _help(field: FieldInfo) -> str:
    text = field.description or ""
    if field.is_required() or field.default is None or field.default is False:
        return text.replace("%", "%%")
    default = " ".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    return f"{text} (default: {default})".replace("%", "%%")


def _first_problem(problem: ErrorDetails, model: type[BaseModel]) -> InvalidOption:
    message = problem["msg"].removeprefix("Value error, ")
    zh = allowed_zh(problem["type"], problem.get("ctx", {}), message)
    if not problem["loc"]:
        return InvalidOption(message, zh)
    name = str(problem["loc"][0])
    field = model.model_fields.get(name)
    marks = [] if field is None else field.metadata
    positional = any(isinstance(mark, Cli) and mark.positional for mark in marks)
    option = name.upper() if positional else f"--{name.replace('_', '-')}"
    if problem["type"] == "missing":
        about = next((mark.text for mark in marks if isinstance(mark, Zh)), None) or WORDS.get(name, "")
        return InvalidOption(f"{option} is missing: {field.description if field else ''}", f"缺 {option}：{about}")
    return InvalidOption(f"{option} {problem['input']}: {message}", f"{option} {problem['input']}：{zh}")
