"""A layer's schema as JSON Schema, for the HTTP interface and for other programs."""

from layers.schema import Field, LayerSchema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[str, dict[str, str]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
}
_GEOMETRIES = {
    "point": ("Point",),
    "line": ("LineString", "MultiLineString"),
    "polygon": ("Polygon", "MultiPolygon"),
    "point_or_polygon": ("Point", "Polygon", "MultiPolygon"),
}


def json_schema(schema: LayerSchema) -> dict[str, object]:
    """Return the JSON Schema (2020-12) of one feature of the layer, as GeoJSON.

    Titles stand in Chinese in `title` and in English in `x-title-en`; units in `x-unit`; the titles of the choices in
    `x-choices`. Optional fields may be null; columns of the file's own are allowed beside the declared ones.

    Parameters
    ----------
    schema : LayerSchema

    Returns
    -------
    dict
        Plain JSON data.

    Examples
    --------
    >>> from layers.catalogue import get_schema
    >>> json_schema(get_schema("boilers"))["properties"]["properties"]["required"]
    ['fuel', 'capacity_tph']
    """
    fields: dict[str, object] = {field.name: _property(field) for field in schema.fields}
    properties = {
        "type": "object",
        "properties": fields,
        "required": [field.name for field in schema.fields if field.required],
        "additionalProperties": True,
    }
    geometry: dict[str, object] = {"type": ["object", "null"]}
    if schema.geometry in _GEOMETRIES:
        kinds = {"type": {"enum": list(_GEOMETRIES[schema.geometry])}}
        geometry = {"type": "object", "required": ["type", "coordinates"], "properties": kinds}
    return {
        "$schema": DIALECT,
        "$id": f"urn:suyuan:layer:{schema.id}",
        "title": schema.title_zh,
        "x-title-en": schema.title_en,
        "x-derived": schema.derived,
        "x-kind": schema.kind,
        "x-identity": list(schema.identity),
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {"type": {"const": "Feature"}, "geometry": geometry, "properties": properties},
    }


def _property(field: Field) -> dict[str, object]:
    plain: dict[str, object] = dict(_TYPES[field.dtype])
    if not field.required:
        plain["type"] = [plain["type"], "null"]
    plain |= {"title": field.title_zh, "x-title-en": field.title_en}
    if field.unit:
        plain["x-unit"] = field.unit
    if field.minimum is not None:
        plain["minimum"] = field.minimum
    if field.maximum is not None:
        plain["maximum"] = field.maximum
    if field.choices and field.dtype == "str":
        values: list[object] = [choice.value for choice in field.choices]
        plain["enum"] = values if field.required else [*values, None]
    if field.choices:
        plain["x-choices"] = {c.value: {"zh": c.title_zh, "en": c.title_en} for c in field.choices}
    return plain
