"""What an analysis is: declared once, and its doors (command, HTTP, form) derived from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import geopandas as gpd
from pydantic import AfterValidator, BaseModel, ConfigDict

from api.processes.context import Context
from layers.provenance import provenance
from layers.store import LayerData
from web_map.report import ReportLayer


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A time that a user gives: UTC unless it carries a zone.
UtcTime = Annotated[datetime, AfterValidator(_in_utc)]


class Inputs(BaseModel):
    """Base of every input model: frozen, and nothing unknown slips in."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Cli:
    """How one input shows on the command line, where it is not simply `--name VALUE`."""

    positional: bool = False
    metavar: str | None = None


@dataclass(frozen=True)
class Zh:
    """What an input is, in Chinese, where forms and descriptions show it; its `description` is the English text."""

    text: str


@dataclass(frozen=True)
class ResultLayer:
    """One layer that an analysis makes: its data and the schema that it follows."""

    frame: gpd.GeoDataFrame
    schema: str


@dataclass(frozen=True)
class Outcome:
    """What an analysis found.

    Attributes
    ----------
    layers : result layers by id; the first is the main one, which `--output` writes. None of them and no `write`: the
        summary is all there is.
    summary_zh, summary_en : one sentence each, numbers with units.
    warnings : what the user must know about the numbers.
    write : writes the main result to a path with its provenance; None for the layer writer.
    page : what a printed page shows and lists; None for all layers as they are.
    facts : lines (Chinese, English) under the page's summary: model, inputs, validity.
    parameters : what the run came to rest on where that is more than its inputs, for the record: taken over from an
        earlier result, or read from a file.
    side_files : files beside the main result that the user named, each with its writer; only the command line, which
        runs with the user's own rights, writes them.
    """

    layers: Mapping[str, ResultLayer]
    summary_zh: str
    summary_en: str
    warnings: tuple[str, ...] = ()
    write: Callable[[Path, dict[str, Any]], None] | None = None
    page: Sequence[ReportLayer] | None = None
    facts: Sequence[tuple[str, str]] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    side_files: Mapping[Path, Callable[[Path], None]] = field(default_factory=dict)


InputsT = TypeVar("InputsT", bound=Inputs)


@dataclass(frozen=True)
class Process(Generic[InputsT]):
    """One analysis: id, titles, inputs, function, result layers.

    `practice` are inputs for a small run of an analysis that is called for in haste: a process that stands ready for
    jobs runs it once beforehand.
    """

    id: str
    command: tuple[str, ...]
    title_zh: str
    title_en: str
    description_zh: str
    description_en: str
    example: str
    inputs: type[InputsT]
    run: Callable[[InputsT, Context], Outcome]
    output_formats: tuple[str, ...]
    result_layers: tuple[str, ...] = field(default=())
    practice: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Result:
    """An outcome with the record that explains it."""

    outcome: Outcome
    provenance: dict[str, Any]


def execute(process: Process[InputsT], inputs: InputsT, context: Context) -> Result:
    """Run one analysis and record what it was made from."""
    outcome = process.run(inputs, context)
    record = provenance(
        process.id,
        inputs=context.inputs_read(),
        parameters=_without_folders(
            inputs.model_dump(mode="json", exclude_none=True) | dict(outcome.parameters), context
        ),
        seed=getattr(inputs, "seed", None),
        warnings=list(outcome.warnings),
    )
    return Result(outcome, record)


def _without_folders(value: Any, context: Context) -> Any:
    """Name the files that were read without their folders: where they lay does not change the result."""
    if isinstance(value, dict):
        return {name: _without_folders(item, context) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item, context) for item in value]
    return Path(value).name if isinstance(value, str) and context.was_file(value) else value


def store_layers(result: Result, context: Context) -> None:
    """Write all result layers to the workspace at once, each with the record that explains it."""
    context.workspace.write(
        {
            name: LayerData(layer.frame, layer.schema, provenance=result.provenance, synthetic=context.synthetic)
            for name, layer in result.outcome.layers.items()
        }
    )
