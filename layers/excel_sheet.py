"""Rows into an Excel sheet. Loaded for a sheet alone: the library takes a twentieth of a second."""

from pathlib import Path

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from geo.errors import InvalidInput


def save_sheet(header: list[str], rows: list[list[object]], path: Path) -> None:
    """Write a workbook of one sheet.

    Raises
    ------
    InvalidInput
        Too many rows for a sheet, or a text too long for a cell.
    """
    if len(rows) >= 2**20:
        raise InvalidInput(f"{path.name}: {len(rows)} rows do not fit into an Excel sheet; write .csv")
    # What a cell cannot hold is refused before the book is begun: a half-written one complains when it is dropped.
    cells = [[_sheet_cell(value, path.name) for value in row] for row in [list[object](header), *rows]]
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("suyuan")
    for row in cells:
        sheet.append(row)
    book.save(path)


def _sheet_cell(value: object, name: str) -> object:
    if not isinstance(value, str):
        return value
    if len(value) > 32767:
        raise InvalidInput(f"{name}: a text of {len(value)} characters does not fit into an Excel cell; write .gpkg")
    return ILLEGAL_CHARACTERS_RE.sub("", value)
