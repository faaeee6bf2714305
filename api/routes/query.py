"""Query text -> typed values: bbox, datetime, paging, and nothing that is not known."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from fastapi import Query, Request

from geo.errors import InvalidInput
from layers.store import BBox

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


@dataclass(frozen=True)
class TimeFilter:
    """A closed interval of time (UTC); None is an open end."""

    start: pd.Timestamp | None
    end: pd.Timestamp | None


@dataclass(frozen=True)
class ItemsQuery:
    """What a request for features asks for."""

    bbox: BBox | None
    time: TimeFilter | None
    limit: int
    offset: int


def parse_bbox(text: str | None) -> BBox | None:
    """Parse ``west,south,east,north`` in degrees (CRS84), or six numbers with heights, which are not used.

    Raises
    ------
    InvalidInput
        Not four or six finite numbers, outside the globe, or corners in the wrong order.
    """
    if not text:
        return None
    shape = "bbox must be west,south,east,north in degrees, such as 118.9,34.5,119.5,34.9"
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInput(f"bbox={text}: {shape}") from None
    if len(numbers) not in (4, 6) or not all(math.isfinite(number) for number in numbers):
        raise InvalidInput(f"bbox={text}: {shape}")
    west, south, east, north = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise InvalidInput(f"bbox={text}: longitude is -180 to 180 and latitude -90 to 90; {shape}")
    if south > north:
        raise InvalidInput(f"bbox={text}: south {south} is north of {north}; {shape}")
    if west > east:
        raise InvalidInput(f"bbox={text}: west {west} is east of {east}; a box across 180 degrees is asked for in two")
    return west, south, east, north


def parse_datetime(text: str | None) -> TimeFilter | None:
    """Parse an instant or an interval: ``T``, ``T1/T2``, ``../T2`` or ``T1/..``, each T as of RFC 3339 with zone.

    Raises
    ------
    InvalidInput
        No such text, a time without zone, or an interval that ends before it begins.
    """
    if not text:
        return None
    parts = text.split("/")
    if len(parts) == 1:
        instant = _instant(parts[0], text)
        return TimeFilter(instant, instant)
    if len(parts) != 2:
        raise InvalidInput(f"datetime={text}: give one time, or two with one / between them")
    start, end = (None if part in ("", "..") else _instant(part, text) for part in parts)
    if start is None and end is None:
        raise InvalidInput(f"datetime={text}: at least one end of the interval must be a time")
    if start is not None and end is not None and start > end:
        raise InvalidInput(f"datetime={text}: the interval ends before it begins")
    return TimeFilter(start, end)


def _instant(part: str, text: str) -> pd.Timestamp:
    # A plus sign that was not percent-encoded arrives as a space.
    part = re.sub(r" (?=\d{2}:\d{2}$)", "+", part)
    if _RFC3339.fullmatch(part):
        try:
            return pd.Timestamp(part.upper()).tz_convert("UTC")
        except (ValueError, OverflowError):
            pass
    raise InvalidInput(f"datetime={text}: times are like 2025-01-15T08:00:00Z or 2025-01-15T16:00:00+08:00") from None


def check_parameters(request: Request, known: Collection[str]) -> None:
    """Refuse query parameters that mean nothing here: a misspelt one would be an answer to another question.

    Raises
    ------
    InvalidInput
        A parameter is not known; the message lists those that are.
    """
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise InvalidInput(f"unknown parameter {', '.join(unknown)}; this resource takes {', '.join(sorted(known))}")


def items_query(
    request: Request,
    bbox: Annotated[str, Query(description="west,south,east,north in degrees (CRS84)")] = "",
    datetime: Annotated[str, Query(description="RFC 3339 time, or interval T1/T2, ../T2, T1/..")] = "",
    limit: Annotated[
        int, Query(ge=1, description="most features in one answer", json_schema_extra={"maximum": MAX_LIMIT})
    ] = DEFAULT_LIMIT,
    offset: Annotated[int, Query(ge=0, le=2**53, description="features to skip")] = 0,
    crs: Annotated[str, Query(description="CRS of the answer: CRS84")] = CRS84,
    bbox_crs: Annotated[str, Query(alias="bbox-crs", description="CRS of bbox: CRS84")] = CRS84,
    f: Annotated[str, Query(description="format: json")] = "json",
) -> ItemsQuery:
    """Return what a request for features asks for; a larger limit than `MAX_LIMIT` is cut, as OGC asks."""
    check_parameters(request, ("bbox", "bbox-crs", "crs", "datetime", "limit", "offset", "f"))
    for name, value in (("crs", crs), ("bbox-crs", bbox_crs)):
        if value != CRS84:
            raise InvalidInput(f"{name}={value}: features are given and asked for in {CRS84}")
    check_format(f, ("json", "geojson"))
    return ItemsQuery(parse_bbox(bbox), parse_datetime(datetime), min(limit, MAX_LIMIT), offset)


def check_format(name: str, allowed: Collection[str]) -> None:
    """Raise InvalidInput unless the format is one of those allowed."""
    if name not in allowed:
        raise InvalidInput(f"f={name}: this resource is given as {', '.join(allowed)}")
