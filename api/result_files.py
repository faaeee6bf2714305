"""A result into the file that the user named: data, or a printed page."""

import importlib
from pathlib import Path
from typing import Any

import pandas as pd

from api.processes.base import Process, Result
from api.processes.context import Context
from layers.files import write_vector
from layers.times import CITY_ZONE
from web_map.report import Language, Report, ReportLayer

BASE_LAYERS = ("region", "districts")


def write_result(process: Process[Any], result: Result, path: Path, context: Context, *, language: Language) -> None:
    """Write the main layer, or with `.pdf` a page of all of them, in the format that the path's ending says."""
    outcome = result.outcome
    if path.suffix.lower() == ".pdf":
        # Loaded for a page alone: what draws it takes a fifth of a second.
        page = importlib.import_module("web_map.report_page")
        page.write_report(_page(process, result, context), path, made=_now(), language=language)
    elif outcome.write is not None:
        outcome.write(path, result.provenance)
    else:
        write_vector(next(iter(outcome.layers.values())).frame, path, result.provenance)


def _page(process: Process[Any], result: Result, context: Context) -> Report:
    outcome = result.outcome
    all_layers = [ReportLayer(layer.frame, layer.schema, listed=True) for layer in outcome.layers.values()]
    return Report(
        title=(process.title_zh, process.title_en),
        summary=(outcome.summary_zh, outcome.summary_en),
        layers=all_layers if outcome.page is None else outcome.page,
        base=[ReportLayer(context.workspace.read(name), name) for name in BASE_LAYERS if context.has_layer(name)],
        warnings=outcome.warnings,
        facts=outcome.facts,
        provenance=result.provenance,
        synthetic=context.synthetic,
    )


def _now() -> pd.Timestamp:
    return pd.Timestamp.now(tz=CITY_ZONE).floor("s")
