"""Text tables without a header, their cells apart by blanks, commas or semicolons."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from geo.errors import InvalidInput
from layers.tables import decode, read_bytes

_APART = re.compile(r"\s*[,;]\s*|\s+")


def read_headerless(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a text file whose columns are named by the user.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Names from left to right.

    Returns
    -------
    DataFrame of text
        The index, called "line", is the line of the file; blank lines are left out.

    Raises
    ------
    InvalidInput
        Two columns of one name, or a line that has another number of cells.
    SourceUnavailable
        The file cannot be read.
    """
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InvalidInput(f"two columns are called {twice[0]!r}; give each its own name")
    rows = {
        number: _APART.split(line.strip())
        for number, line in enumerate(decode(read_bytes(path), path.name).splitlines(), start=1)
        if line.strip()
    }
    other = next((number for number, cells in rows.items() if len(cells) != len(columns)), None)
    if other is not None:
        raise InvalidInput(f"{path.name}, line {other} has {len(rows[other])} cells, but {len(columns)} are named")
    index = pd.Index(list(rows), name="line", dtype="int64")
    return pd.DataFrame(list(rows.values()), index=index, columns=list(columns), dtype="str")
