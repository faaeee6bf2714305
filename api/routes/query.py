"""Query text -> typed values: bbox, datetime, filters, order, paging, and nothing that is not known."""

import json
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
import shapely
from fastapi import Query, Request
from pydantic import BaseModel, Field

from api.filters.parse import FilterLanguage, equal_to, parse_filter
from api.routes.crs import CRS84, LON_LAT, Reference, parse_crs, region
from api.routes.services import RecordDep
from geo.errors import InvalidInput
from layers.store import BBox, LayerRecord

RESERVED = (
    "bbox",
    "bbox-crs",
    "crs",
    "datetime",
    "filter",
    "filter-crs",
    "filter-lang",
    "limit",
    "offset",
    "sortby",
    "f",
)
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
    """What a request for features asks for.

    Attributes
    ----------
    region : geometry in longitude and latitude that features must meet.
    conditions : CQL2 trees that must all be true; geometries in them are of `filter_reference`.
    order : properties to sort by, and whether ascending.
    key : the text of all that decides which features there are and in which order.
    """

    region: shapely.Geometry | None
    time: TimeFilter | None
    limit: int
    offset: int
    reference: Reference = LON_LAT
    conditions: tuple[Any, ...] = ()
    filter_reference: Reference = LON_LAT
    order: tuple[tuple[str, bool], ...] = ()
    format: str = "json"
    key: str = ""


def parse_bbox(text: str | None, reference: Reference = LON_LAT) -> BBox | None:
    """Parse ``west,south,east,north`` in degrees (CRS84), or in a reference's own order and unit; six numbers hold
    heights, which are not used.

    Raises
    ------
    InvalidInput
        Not four or six finite numbers, outside the globe, or corners in the wrong order.
    """
    if not text:
        return None
    shape = "bbox must be west,south,east,north in degrees, such as 118.9,34.5,119.5,34.9"
    if reference.code:
        shape = f"bbox must be two corners in the order of axes of {reference.uri}"
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInput(f"bbox={text}: {shape}") from None
    if len(numbers) not in (4, 6) or not all(math.isfinite(number) for number in numbers):
        raise InvalidInput(f"bbox={text}: {shape}")
    first, second, third, fourth = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    west, south, east, north = first, second, third, fourth
    if reference.north_first:
        south, west, north, east = first, second, third, fourth
    degrees = reference.code in (0, 4326, 4490)
    if degrees and not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise InvalidInput(f"bbox={text}: longitude is -180 to 180 and latitude -90 to 90; {shape}")
    if south > north:
        raise InvalidInput(f"bbox={text}: south {south} is north of {north}; {shape}")
    if west > east and not degrees:
        raise InvalidInput(f"bbox={text}: west {west} is east of {east}; {shape}")
    return first, second, third, fourth


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


class ItemsParameters(BaseModel):
    """What a request for features may say, as text."""

    bbox: str = Field("", description="west,south,east,north in degrees (CRS84), or as bbox-crs says")
    datetime: str = Field("", description="RFC 3339 time, or interval T1/T2, ../T2, T1/..")
    limit: int = Field(
        DEFAULT_LIMIT, ge=1, description="most features in one answer", json_schema_extra={"maximum": MAX_LIMIT}
    )
    offset: int = Field(0, ge=0, le=2**53, description="features to skip")
    crs: str = Field(CRS84, description="CRS of the answer, one of the collection's")
    bbox_crs: str = Field(CRS84, alias="bbox-crs", description="CRS of bbox")
    filter: str = Field("", description="CQL2")
    filter_lang: FilterLanguage = Field("cql2-text", alias="filter-lang", description="how filter is written")
    filter_crs: str = Field(CRS84, alias="filter-crs", description="CRS of geometries in filter")
    sortby: str = Field("", description="properties by which to sort, such as -aqi,+name")
    f: str = Field("", description="format: json, html, csv, fgb")


def items_query(request: Request, record: RecordDep, given: Annotated[ItemsParameters, Query()]) -> ItemsQuery:
    """Return what a request for features asks for; a larger limit than `MAX_LIMIT` is cut, as OGC asks."""
    check_parameters(request, (*RESERVED, *record.columns))
    asked = parse_crs("bbox-crs", given.bbox_crs, record)
    box = parse_bbox(given.bbox, asked)
    return ItemsQuery(
        region=None if box is None else region(box, asked),
        time=parse_datetime(given.datetime),
        limit=min(given.limit, MAX_LIMIT),
        offset=given.offset,
        reference=parse_crs("crs", given.crs, record),
        conditions=_conditions(request, record, given.filter, given.filter_lang),
        filter_reference=parse_crs("filter-crs", given.filter_crs, record),
        order=parse_order(given.sortby, record),
        format=_format(request, given.f),
        key=_key(request),
    )


def parse_order(text: str, record: LayerRecord) -> tuple[tuple[str, bool], ...]:
    """Parse ``+name,-aqi`` into names and whether each ascends.

    Raises
    ------
    InvalidInput
        A property is not there.
    """
    # A plus sign that was not percent-encoded arrives as a space.
    parts = [part for part in text.replace(" ", "+").split(",") if part.strip("+")]
    order = tuple((part.lstrip("+-"), not part.startswith("-")) for part in parts)
    for name, _ in order:
        if name not in record.columns:
            raise InvalidInput(f"sortby={text}: no property {name!r}; there are {', '.join(record.columns)}")
    return order


def _conditions(request: Request, record: LayerRecord, text: str, language: FilterLanguage) -> tuple[Any, ...]:
    found = [parse_filter(text, language)] if text else []
    for name, value in request.query_params.multi_items():
        if name in record.columns and name not in RESERVED:
            found.append(_equality(name, value, record.columns[name]))
    return tuple(found)


def _equality(name: str, text: str, kind: str) -> Any:
    """Return the condition that ``name=text`` means for a property of some kind."""
    try:
        if kind == "bool":
            return equal_to(name, {"true": True, "false": False}[text.lower()])
        if kind in ("int", "float"):
            return equal_to(name, float(text))
    except (KeyError, ValueError):
        allowed = "true or false" if kind == "bool" else "a number"
        raise InvalidInput(f"{name}={text}: {name} is {allowed}") from None
    if kind == "time":
        return equal_to(name, {"timestamp": str(_instant(text, text))})
    return equal_to(name, text)


def _format(request: Request, f: str) -> str:
    if f:
        check_format(f, ("json", "geojson", "html", "csv", "fgb"))
        return "json" if f == "geojson" else f
    accept = request.headers.get("accept", "")
    known = {"text/html": "html", "text/csv": "csv", "application/flatgeobuf": "fgb"}
    return next((name for media, name in known.items() if media in accept), "json")


def _key(request: Request) -> str:
    """Return what of the query decides which features there are and in which order: not the page, not the format."""
    apart = ("limit", "offset", "f", "crs")
    kept = sorted((name, value) for name, value in request.query_params.multi_items() if name not in apart)
    return json.dumps(kept, ensure_ascii=False)


def check_format(name: str, allowed: Collection[str]) -> None:
    """Raise InvalidInput unless the format is one of those allowed."""
    if name not in allowed:
        raise InvalidInput(f"f={name}: this resource is given as {', '.join(allowed)}")
