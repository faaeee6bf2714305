"""Tables as people keep them: CSV in UTF-8 or GB18030, Excel sheets; every cell as text with its line."""

import csv
import datetime as dt
import gzip
import importlib
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from geo.errors import InvalidInput, SourceUnavailable

# Chinese and Japanese spreadsheets take the wide signs for the narrow ones.
FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
GAPS = frozenset({"", "-", "--", "—", "——", "/", "-;", "na", "n/a", "#n/a", "nan", "null", "none"})

# What the library raises of a damaged ZIP archive, when it is opened and when a member is read.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)
# The same of a workbook, with the XML inside; sheets are read as one goes.
_DAMAGED = (*BROKEN_ARCHIVE, LookupError, AttributeError, TypeError, ElementTree.ParseError)

_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d{0,14}|\d{0,15}\.\d*|[1-9]\d{0,14}\.\d*)(?:[eE][+-]?\d{1,3})?")
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,14})")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)")


def read_table(path: Path, *, encoding: str | None = None, sheet: str | None = None) -> pd.DataFrame:
    """Read a CSV file or an Excel sheet as text.

    Parameters
    ----------
    path : Path
        A ``.csv``, ``.txt``, ``.tsv`` or ``.xlsx`` file.
    encoding : str, optional
        Of a CSV file; by default a byte-order mark, UTF-8, then GB18030 are tried.
    sheet : str, optional
        Excel sheet; by default the first that holds something.

    Returns
    -------
    DataFrame
        Text columns with missing values for empty cells; the index, called "line", is the line or sheet row.
        Blank lines are left out.

    Raises
    ------
    InvalidInput
        Not such a file, no header, two columns of one name, a line longer than the header.
    """
    if path.suffix.lower() == ".xlsx":
        rows = _excel_rows(path, sheet)
    else:
        rows = _csv_rows(path, encoding)
    if not rows:
        raise InvalidInput(f"{path.name} is empty; it needs a header line and data")
    return _frame(path.name, rows, ragged=path.suffix.lower() == ".xlsx")


def read_long_table(path: Path, *, encoding: str | None = None) -> pd.DataFrame:
    """Read a CSV file of many rows, gzipped or not, or an Excel sheet, as text; otherwise like `read_table`.

    Raises
    ------
    SourceUnavailable
        There is no such file.
    InvalidInput
        Not such a file.
    """
    if not path.is_file():
        raise SourceUnavailable(f"there is no file {path}; check the path")
    zipped = path.suffix.lower() == ".gz"
    kind = Path(path.stem).suffix.lower() if zipped else path.suffix.lower()
    if kind not in (".csv", ".txt", ".tsv", ".xlsx"):
        raise InvalidInput(f"{path.name}: unknown extension {kind!r}; readable are .csv, .csv.gz, .txt, .tsv, .xlsx")
    if kind == ".xlsx":
        return read_table(path)
    text = decode(_gunzip(path) if zipped else read_bytes(path), path.name, encoding)
    if not text.strip():
        raise InvalidInput(f"{path.name} is empty; it needs a header line and data")
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InvalidInput(f"{path.name} has two columns called {twice[0]!r}; rename one")
    options = {"sep": separator, "dtype": "str", "na_filter": False, "skip_blank_lines": False}
    try:
        table = pd.read_csv(io.StringIO(text), **options)  # type: ignore[call-overload]
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise InvalidInput(f"{path.name} is not a table: {' '.join(str(error).split())}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise InvalidInput(f"{path.name}: the rows have more cells than the header; check the commas at their ends")
    table.index = pd.RangeIndex(2, len(table) + 2, name="line")
    table.columns = pd.Index([_unguarded(str(name).strip()) for name in table.columns])
    for name in table.columns[[table[name].str.startswith("'").any() for name in table.columns]]:
        table[name] = table[name].map(_unguarded)
    return table[(table != "").any(axis=1)]


def _gunzip(path: Path) -> bytes:
    try:
        return gzip.decompress(read_bytes(path))
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path.name} is not a gzip file or is cut off") from error


def infer_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Give text columns the type that every one of their values has: int, float, bool or UTC time.

    Digits with leading zeros stay text: they are codes.
    """
    return frame.assign(**{name: _inferred(frame[name]) for name in frame.columns if _is_text(frame[name])})


def infer_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Make UTC times of text columns in which every value is an ISO 8601 time with zone."""
    return frame.assign(**{name: _timed(frame[name]) for name in frame.columns if _is_text(frame[name])})


def decode(data: bytes, name: str, encoding: str | None = None) -> str:
    """Turn a text file's bytes into text: byte-order mark, UTF-8, then GB18030.

    Raises
    ------
    InvalidInput
        The bytes are not text in this encoding, or the encoding is not known.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        tries: Sequence[str] = ("utf-16",)
    elif b"\x00" in data[:4096]:
        raise InvalidInput(f"{name} is not a text file; save it as CSV or give it its right extension")
    else:
        tries = (encoding,) if encoding else ("utf-8-sig", "gb18030")
    for candidate in tries:
        try:
            return data.decode(candidate).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
        except LookupError as error:
            raise InvalidInput(f"unknown encoding {encoding!r}; use utf-8 or gb18030") from error
    raise InvalidInput(f"{name} is not text in {' or '.join(tries)}; save it as UTF-8")


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; a clear error when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceUnavailable(f"cannot read {path}: {error.strerror}") from error


def _csv_rows(path: Path, encoding: str | None) -> list[tuple[int, list[str]]]:
    text = decode(read_bytes(path), path.name, encoding)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            rows.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"{path.name}, line {line}: {error}; check the quotes") from error
    return [(number, cells) for number, cells in rows if any(cells)]


def _excel_rows(path: Path, sheet: str | None) -> list[tuple[int, list[str]]]:
    # Loaded for a sheet alone: it takes a twentieth of a second.
    openpyxl = importlib.import_module("openpyxl")
    try:
        book = openpyxl.load_workbook(io.BytesIO(read_bytes(path)), read_only=True, data_only=True)
    except _DAMAGED as error:
        hint = "save it as .xlsx without a password" if read_bytes(path)[:2] == b"\xd0\xcf" else "save it as .xlsx"
        raise InvalidInput(f"{path.name} is not an Excel .xlsx file or is damaged; {hint}") from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise InvalidInput(f"{path.name} has no sheet {sheet!r}; its sheets are {', '.join(book.sheetnames)}")
        for name in [sheet] if sheet else book.sheetnames:
            found = _filled(book[name].iter_rows(values_only=True))
            if found:
                return found
    except _DAMAGED as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path.name} is not an Excel .xlsx file or is damaged; save it as .xlsx") from error
    finally:
        book.close()
    return []


def _filled(rows: object) -> list[tuple[int, list[str]]]:
    """Keep rows that hold something; titles above the header, one cell wide, are passed over."""
    texts = ((number, [_cell(value) for value in row]) for number, row in enumerate(rows, start=1))  # type: ignore[arg-type, var-annotated]
    found = [(number, cells) for number, cells in texts if any(cells)]
    wide = max((sum(map(bool, cells)) for _, cells in found[:20]), default=0)
    while wide > 1 and len(found) > 1 and sum(map(bool, found[0][1])) == 1:
        found.pop(0)
    return found


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ") if value.time() != dt.time() else value.date().isoformat()
    return str(value).strip()


def _frame(name: str, rows: list[tuple[int, list[str]]], *, ragged: bool) -> pd.DataFrame:
    """Build the table; cells to the right of the header are an error unless `ragged`, which names them."""
    (_, header), body = rows[0], rows[1:]
    filled = {number: max((i + 1 for i, cell in enumerate(cells) if cell), default=0) for number, cells in rows}
    width = max(filled.values()) if ragged else filled[rows[0][0]]
    wide = next((line for line, _ in body if filled[line] > width), None)
    if wide is not None:
        raise InvalidInput(f"{name}, line {wide} has {filled[wide]} cells, the header {width}; check commas and quotes")
    header = [*header[:width], *[""] * (width - len(header))]
    names = [_unguarded(text) or f"column_{index}" for index, text in enumerate(header, start=1)]
    twice = sorted({text for text in names if names.count(text) > 1})
    if twice:
        raise InvalidInput(f"{name} has two columns called {twice[0]!r}; rename one")
    lines = pd.Index([line for line, _ in body], name="line", dtype="int64")
    cells_of = ([_unguarded(cells[i]) if i < len(cells) else "" for _, cells in body] for i in range(width))
    columns = {text: _text_column(cells, lines) for text, cells in zip(names, cells_of, strict=True)}
    kept = {text: column for text, column in columns.items() if text in header or column.notna().any()}
    return pd.DataFrame(kept, index=lines)


def _text_column(cells: list[str], lines: pd.Index) -> pd.Series:
    return pd.Series([cell or None for cell in cells], index=lines, dtype="str")


def _unguarded(text: str) -> str:
    """Drop the apostrophe that keeps a spreadsheet from running a cell as a formula."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_START) else text


def guarded(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(FORMULA_START) else text


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column.dtype)


def _inferred(column: pd.Series) -> pd.Series:
    filled = column.mask(column.str.strip().str.casefold().isin(GAPS)) if column.notna().any() else column
    values = filled.dropna()
    if values.empty:
        return column
    if values.str.fullmatch(_NUMBER).all() and values.str.contains(r"\d").all():
        whole = values.str.fullmatch(_INTEGER).all() and len(values) == len(column)
        return pd.to_numeric(filled).astype("int64" if whole else "float64")
    if values.isin(["true", "false", "True", "False"]).all():
        found = filled.str.casefold().map({"true": True, "false": False})
        return found.astype("bool" if len(values) == len(column) else "boolean")
    return _timed(column)


def _timed(column: pd.Series) -> pd.Series:
    values = column.dropna()
    if values.empty or not values.str.fullmatch(_TIME).all():
        return column
    return pd.Series(pd.to_datetime(column, utc=True, format="ISO8601"), index=column.index)
