"""An incident handed on: all its layers in one KML, KMZ or GeoPackage, its lists as sheets or a table."""

import importlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyogrio

from api.processes.base import ResultLayer
from geo.errors import InvalidInput, SourceUnavailable
from layers.catalogue import get_schema
from layers.files import write_vector
from layers.provenance import versions
from layers.writers import guarded, write_table
from web_map.kml import KmlLayer, kml_text, kmz_bytes

SUPPORT = "辅助决策，不能代替决策 / supports a decision, does not replace it"


def write_layers(
    layers: Mapping[str, ResultLayer],
    summary: tuple[str, str],
    path: Path,
    record: Mapping[str, Any],
    *,
    everything: bool,
) -> None:
    """Write the main layer; all of them in a KMZ, as sheets in Excel, and with `everything` in a KML or GeoPackage.

    Excel gets the lists without shapes: a cell cannot hold a large polygon.
    """
    suffix = path.suffix.lower()
    main = dict([next(iter(layers.items()))])
    if suffix in (".kml", ".kmz"):
        _write_kml(layers if everything or suffix == ".kmz" else main, summary, path, record)
    elif suffix == ".gpkg" and everything:
        _write_gpkg(layers, path, record)
    elif suffix == ".xlsx":
        notes = [*summary, *record.get("warnings", []), str(record.get("process", ""))]
        write_lists(list(layers.values()), notes, path)
    elif suffix == ".shp":
        _write_shapefile(next(iter(layers.values())), path, record)
    else:
        write_vector(next(iter(layers.values())).frame, path, dict(record))


def _write_kml(
    layers: Mapping[str, ResultLayer], summary: tuple[str, str], path: Path, record: Mapping[str, Any]
) -> None:
    version = record.get("versions", {}).get("suyuan", "")
    inputs = "; ".join(f"{entry['id']} sha256 {entry['sha256'][:12]}" for entry in record.get("inputs", []))
    lines = [*summary, *record.get("warnings", []), f"Suyuan {version}, {record.get('process', '')}; {inputs}", SUPPORT]
    text = kml_text(
        summary[0].split("：")[0], "\n".join(lines), [KmlLayer(layer.frame, layer.schema) for layer in layers.values()]
    )
    _publish(path, kmz_bytes(text) if path.suffix.lower() == ".kmz" else text)


def _publish(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SourceUnavailable(f"cannot write {path}: {error.strerror}; nothing was changed") from error


def _write_gpkg(layers: Mapping[str, ResultLayer], path: Path, record: Mapping[str, Any]) -> None:
    """Write each layer that has features as a table of its own; the main one always, under the file's name."""
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        for number, (name, layer) in enumerate(layers.items()):
            if number and not len(layer.frame):
                continue
            table = path.stem if number == 0 else name
            pyogrio.write_dataframe(layer.frame, temporary, driver="GPKG", layer=table, append=number > 0)
        os.replace(temporary, path)
    except (OSError, pyogrio.errors.DataSourceError) as error:
        temporary.unlink(missing_ok=True)
        raise SourceUnavailable(f"cannot write {path}: {' '.join(str(error).split())}; nothing was changed") from error


def _write_shapefile(layer: ResultLayer, path: Path, record: Mapping[str, Any]) -> None:
    """Write a Shapefile, which holds 254 bytes of text: longer ones go into the provenance beside it alone."""
    frame = layer.frame.copy()
    long = [
        name
        for name in frame.columns.drop("geometry")
        if any(isinstance(text, str) and len(text.encode()) > 254 for text in frame[name])
    ]
    texts = {name: frame[name].dropna().unique().tolist() for name in long}
    write_vector(frame.drop(columns=long), path, {**record, "long_texts": texts})


def check_lists(path: str | None) -> None:
    """Raise InvalidInput where the lists cannot be written.

    Raises
    ------
    InvalidInput
        Another ending than .xlsx or .csv, or no such folder.
    """
    if path is None:
        return
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".xlsx"):
        raise InvalidInput(f"--lists-output {target}: write a .xlsx or .csv file")
    if not target.absolute().parent.is_dir():
        raise InvalidInput(f"--lists-output {target}: the folder {target.parent} is not there; create it first")


def write_lists(layers: Sequence[ResultLayer], notes: Sequence[str], path: Path) -> None:
    """Write the lists: in Excel a sheet each and one of notes, in CSV one below the other with their layer's name."""
    tables = [_table(layer) for layer in layers]
    if path.suffix.lower() == ".csv":
        named = [
            table.assign(list=get_schema(layer.schema).title_zh) for table, layer in zip(tables, layers, strict=True)
        ]
        write_table(pd.concat([table for table in named if len(table)] or named[:1], ignore_index=True), path)
        return
    # Loaded for a workbook alone: it takes a twentieth of a second.
    book = importlib.import_module("openpyxl").Workbook(write_only=True)
    for table, layer in zip(tables, layers, strict=True):
        schema = get_schema(layer.schema)
        sheet = book.create_sheet(schema.title_zh[:31])
        sheet.append([guarded(_title(name, layer.schema)) for name in table.columns])
        for row in table.itertuples(index=False, name=None):
            sheet.append([_cell(value) for value in row])
    sheet = book.create_sheet("说明 notes")
    for note in (*notes, f"Suyuan {versions()['suyuan']}", SUPPORT):
        sheet.append([guarded(note)])
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        book.save(temporary)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SourceUnavailable(f"cannot write {path}: {error.strerror}; nothing was changed") from error


def _table(layer: ResultLayer) -> pd.DataFrame:
    frame = layer.frame
    table = pd.DataFrame(frame.drop(columns="geometry"))
    if len(frame) and (frame.geom_type == "Point").all():
        table = table.assign(lon=frame.geometry.x, lat=frame.geometry.y)
    return table.dropna(axis=1, how="all")


def _title(name: str, schema_id: str) -> str:
    titles = {field.name: f"{field.title_zh} {field.title_en}" for field in get_schema(schema_id).fields}
    return titles.get(name, name)


def _cell(value: object) -> object:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return None
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"  # a sheet's times know no zone
    return value.item() if hasattr(value, "item") else value
