"""Numbers as tables hold them: gaps in many spellings, and cells that are no numbers."""

import unicodedata

import numpy as np
import pandas as pd

from layers.observation_columns import texts
from layers.tables import GAPS

SENTINELS = (-9999.0, -999.0, -99.0)


def parse_numbers(given: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Read a column of numbers.

    Parameters
    ----------
    given : Series
        Numbers or text. Empty cells, ``-``, ``-;``, ``NA``, ``-9999`` and the like are gaps; full-width digits count.

    Returns
    -------
    numbers : Series of float64
        NaN for gaps and for what is no number.
    wrong : ndarray of bool
        Cells that are neither a gap nor a finite number.
    """
    if pd.api.types.is_numeric_dtype(given.dtype):
        numbers, present = given.astype("float64"), given.notna()
    else:
        text = texts(given)
        numbers = pd.to_numeric(text, errors="coerce").astype("float64")
        odd = (numbers.isna() & text.notna()).to_numpy()
        plain = text[odd].map(lambda cell: unicodedata.normalize("NFKC", cell).strip().casefold()).astype("str")
        numbers[odd] = pd.to_numeric(plain, errors="coerce").astype("float64")
        present = text.notna()
        present[odd] = ~plain.isin(GAPS)
    wrong = (present & ~np.isfinite(numbers)).to_numpy(dtype=bool)
    return numbers.mask(numbers.isin(SENTINELS) | wrong), wrong
