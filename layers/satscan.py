"""SaTScan's own text files: cases, controls, population, coordinates, and the parameters of a study."""

import csv
import io
from pathlib import Path

import pandas as pd

from geo.errors import InvalidInput
from layers.tables import decode, read_bytes

# The columns of each kind of file, in order; a case and a control may have a time, and covariates may follow.
_COLUMNS = {
    ".cas": ("id", "cases", "time"),
    ".ctl": ("id", "controls", "time"),
    ".pop": ("id", "year", "population"),
    ".geo": ("id", "lat", "lon"),
}
SATSCAN = tuple(_COLUMNS)
_TIMED = (".cas", ".ctl")


def read_satscan(path: Path, *, timed: bool = True, axes: tuple[str, str] | None = None) -> pd.DataFrame:
    """Read one of SaTScan's data files, which have no header, as text.

    Cells stand between blanks, tabs or commas; a cell with blanks is in quotes.

    Parameters
    ----------
    path : Path
        .cas (id, cases, time, covariates), .ctl (id, controls, time, covariates), .pop (id, year, population,
        covariates) or .geo (id, latitude, longitude; or id, x, y).
    timed : bool
        Whether cases and controls have times; else what follows the count are covariates.
    axes : (str, str), optional
        What plain coordinates are called; lat and lon without it.

    Returns
    -------
    DataFrame
        Text columns named as above, covariates as covariate_1, covariate_2, ...

    Raises
    ------
    InvalidInput
        Not such a file, an empty one, or lines of different lengths.
    """
    kind = path.suffix.lower()
    names = list(_COLUMNS[kind])
    if kind in _TIMED and not timed:
        names = names[:2]
    if kind == ".geo" and axes is not None:
        names = ["id", *axes]
    rows = _rows(path)
    if not rows:
        raise InvalidInput(f"{path.name} is empty; a line has {', '.join(names)}")
    width = len(rows[0][1])
    least = 2 if kind in _TIMED else 3
    for line, cells in rows:
        if len(cells) != width or width < least:
            raise InvalidInput(
                f"{path.name} line {line} has {len(cells)} cells, not {max(width, least)}: write {', '.join(names)}"
            )
    names = (names + [f"covariate_{k}" for k in range(1, width + 1)])[:width]
    if kind == ".geo":
        names[3:] = [f"column_{k}" for k in range(4, width + 1)]
    return pd.DataFrame([cells for _, cells in rows], columns=names, dtype="str")


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    text = decode(read_bytes(path), path.name, None)
    found: list[tuple[int, list[str]]] = []
    for line, content in enumerate(io.StringIO(text), start=1):
        plain = content.strip().replace("\t", " ")
        delimiter = "," if "," in plain else " "
        try:
            cells = next(csv.reader([plain], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error as error:
            raise InvalidInput(f"{path.name} line {line}: {error}; check the quotes") from error
        kept = [cell.strip() for cell in cells if delimiter == "," or cell.strip()]
        if any(kept):
            found.append((line, kept))
    return found


def read_parameters(path: Path) -> dict[str, str]:
    """Read a SaTScan parameter file (.prm): names in lower case and their values as text.

    Raises
    ------
    InvalidInput
        A file without any `Name=value`.
    """
    found = {}
    for content in io.StringIO(decode(read_bytes(path), path.name, None)):
        name, equals, value = content.strip().partition("=")
        if equals and not name.startswith((";", "[")):
            found[name.strip().lower()] = value.strip()
    if "casefile" not in found:
        raise InvalidInput(f"{path.name} names no CaseFile: it is no parameter file of SaTScan")
    return found
