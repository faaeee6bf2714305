"""What the HTTP and form doors know of a process: its inputs as fields, and the reading of values into them."""

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from api.language import Language, allowed_zh
from api.processes.base import Cli, Inputs, Process, Zh
from api.processes.inputs_zh import WORDS
from geo.errors import InvalidInput

Kind = Literal["text", "number", "integer", "boolean", "choice", "datetime", "date"]
_FORMATS: dict[tuple[str, str], Kind] = {("string", "date-time"): "datetime", ("string", "date"): "date"}
_TYPES: dict[str, Kind] = {"number": "number", "integer": "integer", "boolean": "boolean"}


@dataclass(frozen=True)
class InputField:
    """One input as a form or a description shows it; `schema` is its JSON schema without an alternative of null."""

    name: str
    description_zh: str
    description_en: str
    schema: Mapping[str, Any]
    kind: Kind
    choices: tuple[str, ...]
    several: bool
    required: bool
    default: Any
    example: Any
    source: bool

    @property
    def limits(self) -> dict[str, Any]:
        """The least and greatest value, where there are any."""
        item = _item(self.schema)
        low = item.get("minimum", item.get("exclusiveMinimum"))
        high = item.get("maximum", item.get("exclusiveMaximum"))
        return {name: value for name, value in (("min", low), ("max", high)) if value is not None}


@dataclass(frozen=True)
class Fault:
    """One value that is not allowed, and what is."""

    field: str
    value: str
    allowed_zh: str
    allowed_en: str

    def text(self, language: Language) -> str:
        """Return what is allowed."""
        return self.allowed_zh if language == "zh" else self.allowed_en


class InvalidFields(InvalidInput):
    """Inputs of a process that are not allowed, each with its reason."""

    def __init__(self, text: str, faults: Sequence[Fault] = ()) -> None:
        """Keep the faults."""
        super().__init__(text)
        self.faults = tuple(faults)

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> "InvalidFields":
        """Return the error that tells of these faults."""
        return cls("; ".join(f"{fault.field}={fault.value}: {fault.allowed_en}" for fault in faults), faults)


def input_fields(process: Process[Any]) -> tuple[InputField, ...]:
    """Return the inputs that may be given over HTTP: all but those that name files to write, which only the command
    line does, with its user's own rights."""
    return fields_of(process.inputs, process.id)


def fields_of(model: type[Inputs], owner: str) -> tuple[InputField, ...]:
    """Return the fields of a model as a form shows them; `owner` tells apart inputs of one name, see `inputs_zh`."""
    properties = model.model_json_schema()["properties"]
    return tuple(
        _field(owner, name, info, properties[name]) for name, info in model.model_fields.items() if not info.exclude
    )


def read_values(process: Process[Any], values: Mapping[str, Any]) -> Inputs:
    """Check values and return them as the process's inputs; one value stands for a list of one.

    Raises
    ------
    InvalidFields
        A value is not allowed, is missing, or belongs to no input.
    """
    fields = {field.name: field for field in input_fields(process)}
    unknown = [
        Fault(name, _short(values[name]), "没有这个输入", _no_such(fields)) for name in values if name not in fields
    ]
    if unknown:
        raise InvalidFields.of(unknown)
    listed = {
        name: [value] if fields[name].several and not isinstance(value, list) else value
        for name, value in values.items()
        if value is not None
    }
    try:
        inputs: Inputs = process.inputs.model_validate(listed)
    except ValidationError as error:
        raise InvalidFields.of(faults_of(error)) from error
    return inputs


def faults_of(error: ValidationError) -> list[Fault]:
    """Return what pydantic found wrong."""
    return [_fault(problem) for problem in error.errors(include_url=False)]


def _field(process: str, name: str, info: FieldInfo, schema: dict[str, Any]) -> InputField:
    plain = _without_null(schema)
    item = _item(plain)
    kind: Kind = _FORMATS.get((item.get("type", ""), item.get("format", "")), _TYPES.get(item.get("type", ""), "text"))
    choices = tuple(map(str, item.get("enum", [item["const"]] if "const" in item else [])))
    marker = next((mark for mark in info.metadata if isinstance(mark, Cli)), Cli())
    marked = next((mark.text for mark in info.metadata if isinstance(mark, Zh)), None)
    english = info.description or name
    return InputField(
        name=name,
        description_zh=marked or WORDS.get(f"{process}.{name}") or WORDS.get(name) or english,
        description_en=english,
        schema=plain,
        kind="choice" if choices else kind,
        choices=choices,
        several=plain.get("type") == "array",
        required=info.is_required(),
        default=None if info.is_required() else schema.get("default"),
        example=(info.examples or [None])[0],
        source=bool(marker.metavar and "FILE" in marker.metavar) or name == "inventory",
    )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "title", "description")}
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    if schema.get("default", 0) is None:
        rest.pop("default", None)
    return {**kinds[0], **rest} if kinds else rest


def _item(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return typing.cast(Mapping[str, Any], schema["items"]) if schema.get("type") == "array" else schema


def _fault(problem: Mapping[str, Any]) -> Fault:
    where = ".".join(str(part) for part in problem["loc"])
    english = str(problem["msg"]).removeprefix("Value error, ")
    chinese = allowed_zh(problem["type"], problem.get("ctx", {}), english)
    value = "" if problem["type"] == "missing" or not problem["loc"] else _short(problem["input"])
    return Fault(where, value, chinese, english)


def _no_such(fields: Mapping[str, InputField]) -> str:
    return f"no such input; the inputs are {', '.join(fields)}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
