"""What may be said about a file that is added: declared once, for the command line and for uploads."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from api.processes.base import Cli, Inputs, Zh
from geo.datum import DATUMS
from geo.errors import InvalidInput
from layers.add import Added, add_file
from layers.daily_columns import PERIODS
from layers.observations import ObservationReport, read_observations
from layers.report import document
from layers.store import Workspace

ROWS_TOLD = 1000


class LayerAddition(Inputs):
    """How a file goes into a layer."""

    datum: Annotated[
        str | None,
        # Spellings such as GCJ-02 are understood too; a form offers the plain ones.
        Field(
            None,
            description="wgs84, cgcs2000, gcj02 or bd09; by default what the file says, else wgs84",
            json_schema_extra={"enum": list(DATUMS)},
        ),
        Zh("坐标系：wgs84、cgcs2000、gcj02 或 bd09；不填则按文件所述，否则为 wgs84"),
    ]
    accept_good: Annotated[
        bool,
        Field(False, description="take the good rows, report the others"),
        Zh("接受合格的行，其余列入报告；不选则有一行不合格就全部不入库"),
    ]
    central_meridian: Annotated[
        float | None,
        Field(None, description="of Gauss-Kruger metres without a zone, e.g. 120"),
        Cli(metavar="DEG"),
        Zh("高斯-克吕格坐标（米）无带号时的中央经线，如 120"),
    ]
    set: Annotated[
        tuple[str, ...],
        Field(
            (),
            description="value for rows that have none, e.g. level=national; of a scene time=, kind=, satellite=",
        ),
        Cli(metavar="COLUMN=VALUE"),
        Zh("给没有该值的行补上，如 level=national；每项写作“列=值”"),
    ]
    replace: Annotated[
        bool,
        Field(False, description="put the file in place of what the layer holds"),
        Zh("用文件代替图层现有内容"),
    ]
    quarter: Annotated[
        str | None,
        Field(None, description="period of rows that name none; with --replace only this quarter's rows are replaced"),
        Cli(metavar="2021Q4"),
        Zh("未写有效期的行所属季度，如 2021Q4；与“代替”同选时只代替该季度的行"),
    ]


class ObservationAddition(Inputs):
    """How a file of observations is read."""

    period: Annotated[
        str | None,
        Field(
            None,
            description="what a value stands for; by default daily where the file has days without hours",
            json_schema_extra={"enum": list(PERIODS)},
        ),
        Zh("数值的时段：hourly 小时值，daily 日均值；不填则文件只有日期而无小时时按日均值"),
    ]
    columns: Annotated[
        str | None,
        Field(None, description="names of the columns of a file without header, from left to right"),
        Cli(metavar="NAME,NAME..."),
        Zh("无表头文件的列名，从左到右，以逗号分隔"),
    ]
    unit: Annotated[
        tuple[str, ...],
        Field((), description="unit where the file does not say it: ug/m3 or mg/m3, for example co=ug/m3"),
        Cli(metavar="POLLUTANT=UNIT"),
        Zh("文件未注明的单位：ug/m3 或 mg/m3，如 co=ug/m3"),
    ]
    accept_good: Annotated[
        bool,
        Field(False, description="take the good values, report the others"),
        Zh("接受合格的数值，其余列入报告；不选则有一个不合格就全部不入库"),
    ]


def add_to_layer(
    workspace: Workspace, layer: str, path: Path, options: LayerAddition, *, who: str | None = None
) -> Added:
    """Check a file against the layer's schema and store it; `who` goes into the layer's history.

    Raises
    ------
    UnknownLayer, InvalidInput, SourceUnavailable
        As `layers.add.add_file`.
    """
    return add_file(
        workspace,
        layer,
        path,
        datum=options.datum,
        accept_good=options.accept_good,
        set_values=dict(assignment("--set", text) for text in options.set),
        replace=options.replace,
        central_meridian=options.central_meridian,
        quarter=options.quarter,
        who=who,
    )


def read_observation_file(path: Path, options: ObservationAddition, timezone: str) -> ObservationReport:
    """Read a file of observations; what is accepted may be stored then.

    Raises
    ------
    InvalidInput, SourceUnavailable
        As `layers.observations.read_observations`.
    """
    units = dict(assignment("--unit", text) for text in options.unit)
    return read_observations(
        path,
        timezone=timezone,
        units=units,
        accept_good=options.accept_good,
        period=options.period,
        columns=options.columns.split(",") if options.columns else None,
    )


def store_observations(workspace: Workspace, report: ObservationReport) -> dict[str, int]:
    """Store what was accepted, daily values apart from hourly ones; return how many were added and corrected."""
    return (workspace.daily if report.period == "daily" else workspace.observations).add(report.accepted)


def assignment(option: str, text: str) -> tuple[str, str]:
    """Split NAME=VALUE as an option takes it.

    Raises
    ------
    InvalidInput
        If it is not of that form.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidInput(f"{option} {text}: write it as NAME=VALUE, without spaces")
    return name, value


def layer_document(added: Added) -> dict[str, Any]:
    """Return what became of a layer's file: what was stored, and the report that `--report` writes."""
    told = {"added": added.added, "updated": added.updated, "unchanged": added.unchanged}
    report = {"counts": {}, "notes": [], "rows": []} if added.report is None else document(added.report)
    return {"stored": added.record is not None, **told, **_shortened(report)}


def observation_document(report: ObservationReport, stored: dict[str, int]) -> dict[str, Any]:
    """Return what became of a file of observations, in the same form."""
    counts = {
        "total": report.total,
        "accepted": len(report.accepted),
        "rejected": len(report.rejected),
        "gaps": report.gaps,
    }
    rows = report.rejected.assign(outcome="rejected").astype(object)
    plain = rows.where(rows.notna(), None).to_dict(orient="records")
    told = {"added": stored.get("added", 0), "updated": stored.get("corrected", 0)}
    told["unchanged"] = stored.get("unchanged", 0)
    content = {"counts": counts, "notes": report.notes, "rows": [_as_text(row) for row in plain]}
    return {"stored": not report.refused, **told, **_shortened(content)}


def _as_text(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): value if value is None or name == "row" else str(value) for name, value in row.items()}


def _shortened(report: dict[str, Any]) -> dict[str, Any]:
    rows = report["rows"]
    return {**report, "rows": rows[:ROWS_TOLD], "rows_left_out": max(len(rows) - ROWS_TOLD, 0)}
