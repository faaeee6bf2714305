"""What can be asked of a layer, as JSON Schema: queryables, sortables and the schema of its features."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.filters.evaluate import GEOMETRY
from api.routes.links import collection_path, link
from api.routes.query import check_format, check_parameters
from api.routes.selection import time_field_of
from api.routes.services import RecordDep
from layers.catalogue import SCHEMAS
from layers.store import LayerRecord

router = APIRouter(tags=["features"])
SCHEMA_JSON = "application/schema+json"
_TYPES: dict[str, dict[str, str]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
}
_GEOMETRIES = {"point": "point", "line": "linestring", "polygon": "polygon"}


class SchemaResponse(JSONResponse):
    """A JSON Schema."""

    media_type = SCHEMA_JSON


@router.get(
    "/collections/{collection_id}/queryables", summary="What a filter may ask for", response_class=SchemaResponse
)
def show_queryables(request: Request, record: RecordDep, f: str = "json") -> SchemaResponse:
    """Return the properties that filters, property parameters and sortby may name."""
    return _document(request, record, f, "queryables")


@router.get(
    "/collections/{collection_id}/schema", summary="Schema of a layer's features", response_class=SchemaResponse
)
def show_schema(request: Request, record: RecordDep, f: str = "json") -> SchemaResponse:
    """Return the properties of a layer's features, with titles and units."""
    return _document(request, record, f, "schema")


def _document(request: Request, record: LayerRecord, f: str, name: str) -> SchemaResponse:
    check_parameters(request, ("f",))
    check_format(f, ("json",))
    body = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": link(request, collection_path(record.id, name), "self")["href"],
        "type": "object",
        "title": f"{record.title_zh} · {record.title_en}",
        "properties": _properties(record),
        "additionalProperties": False,
    }
    return SchemaResponse(body, headers={"Cache-Control": "no-cache"})


def _properties(record: LayerRecord) -> dict[str, Any]:
    schema = SCHEMAS.get(record.schema)
    fields = {field.name: field for field in schema.fields} if schema else {}
    time = time_field_of(record)
    found: dict[str, Any] = {}
    for name, kind in record.columns.items():
        found[name] = dict(_TYPES[kind])
        if name in fields:
            found[name]["title"] = f"{fields[name].title_zh} · {fields[name].title_en}"
            if fields[name].unit:
                found[name]["x-ogc-unit"] = fields[name].unit
        if name == time:
            found[name]["x-ogc-role"] = "primary-instant"
    if record.geometry != "none":
        kind = _GEOMETRIES.get(record.geometry, "any")
        found[GEOMETRY] = {"format": f"geometry-{kind}", "x-ogc-role": "primary-geometry"}
    return found
