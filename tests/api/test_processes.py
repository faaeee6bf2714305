"""Each analysis is declared once; what its doors know follows from that."""

import argparse
from pathlib import Path

import pandas as pd
import pytest

from api.cli import build_parser
from api.cli_options import read_inputs
from api.processes import all_processes, processes_of
from api.processes.base import Process
from geo.errors import InvalidInput
from layers.catalogue import SCHEMAS
from tracing.exchange import write_trajectories

PROCESSES = {process.id: process for process in all_processes()}


def parser_of(process: Process) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = build_parser()
    for word in process.command:
        (choices,) = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        parser = choices[word]
    return parser


def test_the_three_of_the_first_slice_are_declared() -> None:
    assert {process.command for process in PROCESSES.values()} >= {("zone", "heating"), ("trace",), ("hotspots", "gi")}


@pytest.mark.parametrize("name", PROCESSES)
def test_the_command_knows_each_input_and_nothing_else(name: str) -> None:
    process = PROCESSES[name]
    known = {action.dest for action in parser_of(process)._actions}
    of_the_door = {"output", "workspace", "help", "lang"} | (
        {"language"} if ".pdf" in process.output_formats else set()
    )
    assert known == {*process.inputs.model_fields, *of_the_door}


@pytest.mark.parametrize("name", PROCESSES)
def test_its_module_is_found_by_the_command(name: str) -> None:
    command = PROCESSES[name].command
    assert [process.id for process in processes_of((*command, "--help")[:2])] == [name]
    assert processes_of(("no", "such")) == processes_of(()) == processes_of((command[0] + "x",)) == ()


@pytest.mark.parametrize("name", PROCESSES)
def test_titles_descriptions_and_result_layers_are_there_in_both_languages(name: str) -> None:
    process = PROCESSES[name]
    for text in (process.title_zh, process.description_zh):
        assert any("一" <= letter <= "鿿" for letter in text)
    assert process.title_en.isascii()
    assert process.result_layers
    assert set(process.result_layers) <= set(SCHEMAS)
    for field in process.inputs.model_fields.values():
        assert field.description


@pytest.mark.parametrize("name", PROCESSES)
def test_the_schema_of_the_inputs_can_be_published(name: str) -> None:
    schema = PROCESSES[name].inputs.model_json_schema()
    assert set(schema["properties"]) == set(PROCESSES[name].inputs.model_fields)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", PROCESSES)
def test_the_example_of_each_command_is_understood(name: str) -> None:
    process = PROCESSES[name]
    program, *words = process.example.split()
    assert program == "suyuan"
    options = build_parser().parse_args(words)
    assert isinstance(read_inputs(process, options), process.inputs)


def test_every_format_that_trace_declares_is_written(tmp_path: Path) -> None:
    for suffix in PROCESSES["trace"].output_formats:
        with pytest.raises(InvalidInput, match="column"):
            write_trajectories(_no_points(), tmp_path / f"x{suffix}", {})
    with pytest.raises(InvalidInput, match=r"\.tdump"):
        write_trajectories(_no_points(), tmp_path / "x.dwg", {})


def _no_points() -> pd.DataFrame:
    return pd.DataFrame({"lon": [1.0]})
