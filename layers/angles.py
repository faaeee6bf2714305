"""Angles as people write them: decimal degrees, or degrees, minutes and seconds in many spellings."""

import re
import unicodedata
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Axis = Literal["lon", "lat"]

# NFKC would make an o of the first and two primes of the second.
_SIGNS = str.maketrans({"º": "°", "˚": "°", "″": '"', "”": '"', "“": '"', "’": "'", "‘": "'", "′": "'", "´": "'"})
_HEMISPHERES = {"东": "E", "西": "W", "北": "N", "南": "S", "E": "E", "W": "W", "N": "N", "S": "S"}
_LETTER = r"(?:(?P<{}>[EWNS]|[东西]经?|[南北]纬?)\s*)?"
_DMS = re.compile(
    rf"{_LETTER.format('before')}(?P<sign>[+-])?\s*(?P<d>\d{{1,3}}(?:\.\d+)?)\s*(?:°|度|D|:|-|\s)\s*"
    r"(?:(?P<m>\d{1,2}(?:\.\d+)?)\s*(?:'(?!')|分|M|:|-|\s|$)\s*)?"
    rf"(?:(?P<s>\d{{1,2}}(?:\.\d+)?)\s*(?:\"|''|秒)?\s*)?{_LETTER.format('after')}"
)


def parse_angles(column: pd.Series, axis: Axis) -> NDArray[np.float64]:
    """Read a column of longitudes or latitudes.

    Numbers are taken as they are. ``119°12'30"E``, ``E119°12'30"``, ``东经119度12分30秒``, ``119 12 30``,
    ``119:12:30``, ``119-12-30`` and ``119°12.5'`` are degrees, minutes and seconds, ``119.2E`` are degrees.
    West and south are negative.

    Parameters
    ----------
    column : Series
        Text.
    axis : "lon" or "lat"
        A hemisphere that belongs to the other axis makes the value unusable.

    Returns
    -------
    ndarray, shape (row,), degrees or the number as written
        NaN where the text is neither.
    """
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan).copy()
    for row in np.flatnonzero(np.isnan(values) & column.notna().to_numpy()):
        values[row] = parse_angle(str(column.iloc[row]), axis)
    return values


def parse_angle(text: str, axis: Axis) -> float:
    """Return one angle in degrees, NaN when it is not one; see `parse_angles`.

    Examples
    --------
    >>> parse_angle("119°12'30\\"E", "lon")
    119.20833333333333
    """
    clean = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS).strip().upper()
    # 20S after 35' is south; only in 34d35m20s is it the sign of the seconds.
    clean = re.sub(r"(?<=\d)S(?=\s*[EWNS]?$)", '"', clean) if re.search(r"\d\s*M", clean) else clean
    signed = re.sub(r"(?<=\d)\s*(?=[EWNS东西南北][经纬]?$)", "°", clean)
    match = _DMS.fullmatch(clean) or _DMS.fullmatch(f"{clean}°") or _DMS.fullmatch(signed)
    if match is None:
        return float("nan")
    before, after = (_HEMISPHERES.get((match[name] or " ")[0]) for name in ("before", "after"))
    hemisphere = before or after
    if (before and after) or (hemisphere and (match["sign"] or hemisphere not in ("EW" if axis == "lon" else "NS"))):
        return float("nan")
    degrees, minutes, seconds = (float(match[name] or 0) for name in "dms")
    whole = all("." not in (match[name] or "") for name in ("d", "m")[: 2 if match["s"] else 1 if match["m"] else 0])
    if minutes >= 60 or seconds >= 60 or not whole:
        return float("nan")
    size = degrees + minutes / 60 + seconds / 3600
    return -size if hemisphere in ("W", "S") or match["sign"] == "-" else size
