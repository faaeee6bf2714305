"""The report of an ingest for a clerk: as lines, as a table, as CSV, Excel or JSON."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import InvalidInput
from layers.ingest import IngestReport
from layers.remarks import COLUMNS
from layers.writers import write_table, write_text

OUTCOMES = {
    "rejected": ("拒绝", "rejected"),
    "duplicate": ("重复", "duplicate"),
    "changed": ("改动", "changed"),
    "outside_city": ("市外", "outside the city"),
    "doubtful_datum": ("坐标系存疑", "doubtful datum"),
}


def report_table(report: IngestReport) -> pd.DataFrame:
    """Return everything that was noticed, one line each, with the columns of `remarks.COLUMNS`.

    Rejected rows first; a rejected row that repeats the identity of another is a duplicate.
    """
    rejected = report.rejected.assign(row=report.rejected["row"].astype("Int64"))
    again = rejected["reason_en"].str.startswith("is already in row").astype(bool)
    rejected.insert(0, "outcome", again.map({True: "duplicate", False: "rejected"}).astype("str"))
    parts = [part.astype(object) for part in (rejected, report.remarks) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    types = {name: "Int64" if name in ("row", "line") else "object" for name in COLUMNS}
    return table[list(COLUMNS)].astype(types)


def counts(report: IngestReport) -> dict[str, int]:
    """Return rows in the file, accepted and rejected, and how many lines of each outcome there are."""
    outcomes = report_table(report)["outcome"].value_counts()
    found = {name: int(outcomes.get(name, 0)) for name in OUTCOMES}
    return {"total": report.total, "accepted": len(report.accepted), "rejected_rows": report.rejected_rows, **found}


def write_report(report: IngestReport, path: str | Path) -> None:
    """Write the report: ``.csv`` or ``.xlsx`` as a table, ``.json`` with the counts and notes beside it.

    Raises
    ------
    InvalidInput, SourceUnavailable
        Another extension; the file cannot be written, and what was there is as it was.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".xlsx", ".json"):
        raise InvalidInput(
            f"{path.name}: unknown extension {path.suffix!r}; a report is written as .csv, .xlsx or .json"
        )
    table = report_table(report)
    if path.suffix.lower() != ".json":
        write_table(table.assign(value=table["value"].map(_text).astype("str")), path)
        return
    write_text(json.dumps(document(report), ensure_ascii=False, indent=1, default=int) + "\n", path)


def document(report: IngestReport) -> dict[str, Any]:
    """Return the report for programs: counts, notes and one entry for everything that was noticed."""
    table = report_table(report)
    plain = table.assign(value=table["value"].map(_text)).astype(object)
    rows = plain.where(plain.notna(), None).to_dict(orient="records")
    return {"counts": counts(report), "notes": report.notes, "rows": [_plain(row) for row in rows]}


def _plain(row: dict[Hashable, Any]) -> dict[str, Any]:
    """Return an entry whose numbers JSON can hold."""
    return {
        str(name): int(value) if name in ("row", "line") and value is not None else value for name, value in row.items()
    }


def report_lines(report: IngestReport, shown: int) -> list[str]:
    """Return the report as lines for a terminal, each outcome with its first `shown` entries."""
    found = counts(report)
    lines = [
        f"共 {found['total']} 行，合格 {report.good}，拒绝 {found['rejected_rows']}，接受 {found['accepted']} · "
        f"{found['total']} rows, {report.good} good, {found['rejected_rows']} rejected, {found['accepted']} accepted"
    ]
    table = report_table(report)
    for outcome, (zh, en) in OUTCOMES.items():
        part = table[table["outcome"] == outcome]
        lines += [f"[{zh} {en}] {_entry(entry)}" for entry in part.head(shown).to_dict(orient="records")]
        if len(part) > shown:
            lines.append(f"[{zh} {en}] ... and {len(part) - shown} more; --report FILE writes them all")
    return lines


def _entry(entry: dict[Hashable, Any]) -> str:
    where = "" if pd.isna(entry["row"]) else f"row {entry['row']}: "
    value = "" if _text(entry["value"]) is None else f" {entry['value']!r}"
    return f"{where}{entry['column']}{value}: {entry['reason_zh']} · {entry['reason_en']}"


def _text(value: object) -> str | None:
    return None if value is None or value is pd.NA or value != value else str(value)
