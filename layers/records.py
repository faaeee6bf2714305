"""What a store knows of a layer, and what a reader may ask of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

import pandas as pd

BBox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Selection:
    """Which features of a layer, in the order in which they were written: all, or those that fit.

    `bbox` is (west, south, east, north) in degrees; `limit` and `offset` page what is left; `at` is a day of the city.
    """

    bbox: BBox | None = None
    limit: int | None = None
    offset: int = 0
    at: str | date | None = None


@dataclass(frozen=True)
class LayerRecord:
    """What the workspace knows of one layer without reading it.

    `bbox` is (west, south, east, north) in degrees; `geometry` is "point", "line", "polygon", "mixed" or "none";
    `columns` maps each attribute column to str, int, float, bool or time; times are aware UTC timestamps.
    """

    id: str
    schema: str
    title_zh: str
    title_en: str
    kind: str
    geometry: str
    count: int
    bbox: tuple[float, float, float, float] | None
    time_start: pd.Timestamp | None
    time_end: pd.Timestamp | None
    synthetic: bool
    note_zh: str
    note_en: str
    provenance: dict[str, object]
    updated_at: pd.Timestamp
    columns: dict[str, str]
    content_hash: str


def to_row(record: LayerRecord) -> tuple[object, ...]:
    """Return a record as numbers and texts, in the order of its fields."""
    row = asdict(record)
    for name in ("bbox", "provenance", "columns"):
        row[name] = json.dumps(row[name], ensure_ascii=False)
    for name in ("time_start", "time_end", "updated_at"):
        row[name] = None if row[name] is None else row[name].isoformat()
    return tuple(int(value) if isinstance(value, bool) else value for value in row.values())


def from_row(row: Sequence[Any]) -> LayerRecord:
    """Return the record that `to_row` wrote."""
    values: dict[str, object] = dict(zip((f.name for f in fields(LayerRecord)), row, strict=True))
    decode: dict[str, Callable[[str], object]] = {
        "bbox": lambda text: tuple(json.loads(text)) if text != "null" else None,
        "provenance": json.loads,
        "columns": json.loads,
        "time_start": pd.Timestamp,
        "time_end": pd.Timestamp,
        "updated_at": pd.Timestamp,
        "synthetic": bool,
    }
    for name, convert in decode.items():
        value = values[name]
        values[name] = None if value is None else convert(value)  # type: ignore[arg-type]
    return LayerRecord(**values)  # type: ignore[arg-type]
