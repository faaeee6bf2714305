"""`suyuan layers`: list, template, add, show, history, diff, rollback, export."""

import argparse
import sys
from pathlib import Path
from typing import Any, cast

import pandas as pd

from api.additions import LayerAddition, add_to_layer
from api.cli_options import add_model_options, read_model
from api.settings import Settings
from api.store import workspace_of
from geo.errors import InvalidInput
from layers.catalogue import SCHEMAS
from layers.derived import derive, stale_sources
from layers.export import export_layer
from layers.history import diff, rollback
from layers.ingest import IngestReport
from layers.report import report_lines, write_report
from layers.store import LayerRecord
from layers.template import TABLES, write_template
from layers.writers import WRITABLE, write_table

# A clerk reads these on a terminal; the file of --report has all of them.
REJECTED_SHOWN = 20
DIFFERENCES_SHOWN = 50


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare `layers list|template|add|show|history|diff|rollback|export`."""
    group = commands.add_parser("layers", help="图层 · layers").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    listing = group.add_parser("list", parents=[common], help="列出图层 · list", epilog="example: suyuan layers list")
    listing.set_defaults(command=list_layers)
    template = group.add_parser(
        "template",
        parents=[common],
        help="空白填报表；warning_rules、reduction_measures、substances 写出程序自带的表供修改 · empty Excel template",
        epilog="example: suyuan layers template boilers boilers.xlsx",
    )
    template.add_argument("layer", metavar="LAYER")
    template.add_argument(
        "out", metavar="OUT.xlsx", type=Path, nargs="?", help="default: LAYER.xlsx, or the table's name"
    )
    template.set_defaults(command=make_template)
    _add_parser(group, common)
    show = group.add_parser(
        "show", parents=[common], help="说明一个图层 · show", epilog="example: suyuan layers show boilers"
    )
    show.add_argument("layer", metavar="LAYER")
    show.set_defaults(command=show_layer)
    _add_history(group, common)
    derive_all = group.add_parser(
        "derive",
        parents=[common],
        help="重算派生图层 · make derived layers again",
        description="供热半径、道路保洁区、未落实监控的工地与高架源随入库自动重算；其他程序改过依据图层时用本命令。 "
        "Zones and lists are made again with every ingest; this is for when other programs changed what they rest on.",
        epilog="example: suyuan layers derive",
    )
    derive_all.set_defaults(command=derive_layers)
    export = group.add_parser(
        "export", parents=[common], help="导出 · export", epilog="example: suyuan layers export boilers boilers.xlsx"
    )
    export.add_argument("layer", metavar="LAYER")
    export.add_argument("out", metavar="OUT", type=Path, help=f"file to write: {', '.join(WRITABLE)}")
    export.add_argument("--at", metavar="DAY", help="only what is valid on this day, e.g. 2021-11-01")
    export.set_defaults(command=export_to_file)


def _add_parser(group: Any, common: argparse.ArgumentParser) -> None:
    parser = group.add_parser(
        "add",
        parents=[common],
        help="入库 · add a file to a layer",
        description="把一个文件加入图层；有一行不合格则全部不入库，除非接受合格的行。 "
        "Adds a file to a layer; all rows or none, unless the good rows are accepted.",
        epilog="example: suyuan layers add boilers boilers.xlsx --datum gcj02 --accept-good --report rejected.csv",
    )
    parser.add_argument("layer", metavar="LAYER", help=f"one of {', '.join(sorted(SCHEMAS))}")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--report", metavar="FILE", type=Path, help="write the whole report: .csv, .xlsx or .json")
    add_model_options(parser, LayerAddition)
    parser.set_defaults(command=add_layer)


def _add_history(group: Any, common: argparse.ArgumentParser) -> None:
    told = group.add_parser(
        "history", parents=[common], help="版本 · versions", epilog="example: suyuan layers history boilers"
    )
    told.add_argument("layer", metavar="LAYER")
    told.set_defaults(command=show_history)
    compared = group.add_parser(
        "diff", parents=[common], help="版本比较 · compare", epilog="example: suyuan layers diff boilers 1 2"
    )
    compared.add_argument("layer", metavar="LAYER")
    compared.add_argument("first", metavar="A", type=int, help="number of a version")
    compared.add_argument("second", metavar="B", type=int, help="number of a version")
    compared.add_argument("--output", metavar="FILE", type=Path, help="write the differences: .csv or .xlsx")
    compared.set_defaults(command=show_diff)
    back = group.add_parser(
        "rollback", parents=[common], help="恢复版本 · restore", epilog="example: suyuan layers rollback boilers 1"
    )
    back.add_argument("layer", metavar="LAYER")
    back.add_argument("version", metavar="VERSION", type=int)
    back.set_defaults(command=roll_back)


def list_layers(options: argparse.Namespace, settings: Settings) -> None:
    """Print one line a layer: id, features, titles."""
    for record in workspace_of(settings).records():
        synthetic = "  合成 synthetic" if record.synthetic else ""
        sys.stdout.write(f"{record.id:<22}{record.count:>9}  {record.title_zh} · {record.title_en}{synthetic}\n")


def show_layer(options: argparse.Namespace, settings: Settings) -> None:
    """Print what a layer is, where it lies, where it comes from, and its columns."""
    workspace = workspace_of(settings)
    record = workspace.record(options.layer)
    for name, text in _described(record):
        sys.stdout.write(f"{name:<14}{text}\n")
    stale = stale_sources(workspace, record)
    if stale:
        told = f"{', '.join(stale)} 已变更，请运行 · changed since: run `suyuan layers derive`"
        sys.stdout.write(f"{'stale':<14}{told}\n")


def make_template(options: argparse.Namespace, settings: Settings) -> None:
    """Write the empty Excel sheet of a layer."""
    default = TABLES.get(options.layer, f"{options.layer}.xlsx")
    written = write_template(options.layer, options.out or Path(default))
    sys.stdout.write(f"{options.layer} -> {written}\n")


def show_history(options: argparse.Namespace, settings: Settings) -> None:
    """Print one line a version: number, time, what, who, file, its hash, features."""
    workspace = workspace_of(settings)
    record = workspace.record(options.layer)
    versions = workspace.versions(options.layer)
    if not versions:
        made = record.provenance.get("process", "")
        sys.stdout.write(f"{options.layer}: 没有入库版本 no versions: made by {made}\n")
    for version in versions:
        sys.stdout.write(
            f"{version.number:>4}  {version.time:%Y-%m-%dT%H:%M:%SZ}  {version.action:<14}{version.who:<12}"
            f"{version.count:>8}  {version.file} {version.file_sha256[:12]}\n"
        )


def show_diff(options: argparse.Namespace, settings: Settings) -> None:
    """Print what was added, removed and changed between two versions."""
    found = diff(workspace_of(settings), options.layer, options.first, options.second)
    if options.output is not None:
        write_table(found.astype("str"), options.output)
    signs = {"added": "+ 新增", "removed": "- 删除", "changed": "~ 修改"}
    for row in found.head(DIFFERENCES_SHOWN).to_dict(orient="records"):
        detail = f": {row['column']} {row['before']!r} -> {row['after']!r}" if row["change"] == "changed" else ""
        sys.stdout.write(f"{signs[row['change']]} {row['feature']}{detail}\n")
    if len(found) > DIFFERENCES_SHOWN:
        sys.stdout.write(f"... and {len(found) - DIFFERENCES_SHOWN} more; --output FILE writes them all\n")
    features = found.drop_duplicates(["change", "feature"])["change"].value_counts()
    totals = ", ".join(f"{int(features.get(name, 0))} {name}" for name in signs)
    sys.stdout.write(f"{options.layer} {options.first} -> {options.second}: {totals}\n")


def roll_back(options: argparse.Namespace, settings: Settings) -> None:
    """Restore a version as the newest one."""
    workspace = workspace_of(settings)
    record = rollback(workspace, options.layer, options.version)
    newest = workspace.versions(options.layer)[-1].number
    sys.stdout.write(
        f"{options.layer}: 版本 {options.version} 已恢复为版本 {newest} · version {options.version} is back as "
        f"version {newest}, {record.count} features\n"
    )


def derive_layers(options: argparse.Namespace, settings: Settings) -> None:
    """Make all derived layers again from what is held now."""
    made = derive(workspace_of(settings))
    for record in made:
        sys.stdout.write(f"{record.id}: {record.count}, {_inputs(record)}\n")
    if not made:
        sys.stdout.write("没有可派生的图层 · no layer that others rest on\n")


def export_to_file(options: argparse.Namespace, settings: Settings) -> None:
    """Write a layer to a file of the format that its name says."""
    written = export_layer(workspace_of(settings), options.layer, options.out, at=options.at)
    sys.stdout.write(f"{options.layer} -> {', '.join(map(str, written))}\n")


def add_layer(options: argparse.Namespace, settings: Settings) -> None:
    """Check a file against the layer's schema and store it."""
    additions = read_model(LayerAddition, options)
    added = add_to_layer(workspace_of(settings), options.layer, options.file, additions)
    if added.report is not None:
        _tell(added.report, options.report)
        if added.report.refused:
            raise InvalidInput(
                f"{options.file}: {added.report.rejected_rows} of {added.report.total} rows rejected, nothing added: "
                "correct them, or take the good rows with --accept-good"
            )
    if added.raster is not None:
        sys.stdout.write(f"fire_points: {added.raster.new_points} new of {added.raster.fire_pixels} fire pixels\n")
    counts = f"{added.added} added, {added.updated} updated, {added.unchanged} unchanged"
    rejected = 0 if added.report is None else added.report.rejected_rows
    sys.stdout.write(f"{options.layer}: {counts}, {rejected} rejected\n")


def _tell(report: IngestReport, path: Path | None) -> None:
    """Print notes and the report on stderr, and write the whole of it where the user asked for it."""
    if path is not None:
        write_report(report, path)
    told = set(report.remarks["reason_en"])
    notes = [f"note: {note}" for note in report.notes if note not in told]
    for line in (*notes, *report_lines(report, REJECTED_SHOWN)):
        sys.stderr.write(f"{line}\n")


def tell_rejected(rejected: pd.DataFrame, notes: list[str], report: Path | None) -> None:
    """Print notes and the first rejected rows on stderr, and write all of them where the user asked for it."""
    if report is not None:
        write_table(rejected, report)
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
    for row in rejected.head(REJECTED_SHOWN).itertuples():
        sys.stderr.write(f"row {row.row}: {row.column} {row.value!r}: {row.reason_zh} · {row.reason_en}\n")
    if len(rejected) > REJECTED_SHOWN:
        sys.stderr.write(f"... and {len(rejected) - REJECTED_SHOWN} more; --report CSV writes them all\n")


def _inputs(record: LayerRecord) -> str:
    """Return what a layer was made from: name, version where it is one, hash."""
    entries = cast(list[dict[str, Any]], record.provenance.get("inputs", []))
    numbered = {entry["id"]: f" 版本 version {entry['version']}," if entry.get("version") else "" for entry in entries}
    return "; ".join(f"{entry['id']}{numbered[entry['id']]} {entry['sha256'][:12]}" for entry in entries)


def _described(record: LayerRecord) -> list[tuple[str, str]]:
    box = "" if record.bbox is None else "{:.4f} {:.4f} {:.4f} {:.4f} °".format(*record.bbox)
    times = (
        "" if record.time_start is None else f"{record.time_start:%Y-%m-%dT%H:%MZ} - {record.time_end:%Y-%m-%dT%H:%MZ}"
    )
    return [
        ("layer", f"{record.id} ({record.schema})"),
        ("title", f"{record.title_zh} · {record.title_en}"),
        ("features", str(record.count)),
        ("geometry", record.geometry),
        ("extent", box),
        ("time", times),
        ("synthetic", "是 yes" if record.synthetic else "否 no"),
        ("note", " ".join(text for text in (record.note_zh, record.note_en) if text)),
        ("columns", ", ".join(record.columns)),
        ("made by", str(record.provenance.get("process", ""))),
        ("inputs", _inputs(record)),
        ("updated", f"{record.updated_at:%Y-%m-%dT%H:%MZ}"),
    ]
