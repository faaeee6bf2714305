"""The description of the interface: OpenAPI 3.0, as OGC API asks for, from what FastAPI knows of the routes."""

from typing import Any

from fastapi import FastAPI

from api.http_errors import PROBLEM_JSON

_PROBLEM = {
    "title": "Problem",
    "description": "Problem details, RFC 9457",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("field", "value", "allowed")},
            },
        },
    },
}
_REFUSED = {
    "description": "有问题 · A problem",
    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def description(app: FastAPI) -> dict[str, Any]:
    """Return the description: every answer that is no success is a problem, and a token may be sent."""
    found: dict[str, Any] = _as_3_0(app.openapi())
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _REFUSED
    parts = found.setdefault("components", {})
    parts["schemas"] = {
        name: schema
        for name, schema in parts.get("schemas", {}).items()
        if name not in ("HTTPValidationError", "ValidationError")
    } | {"Problem": _PROBLEM}
    parts["securitySchemes"] = {name: {"type": "http", "scheme": name} for name in ("bearer", "basic")}
    found["security"] = [{}, {"bearer": []}, {"basic": []}]
    return found


def _as_3_0(node: Any) -> Any:
    """Return a description without what OpenAPI 3.0 does not know: an alternative of the type null is `nullable`."""
    if isinstance(node, list):
        return [_as_3_0(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {name: _as_3_0(value) for name, value in node.items()}
    kinds = found.get("anyOf")
    if isinstance(kinds, list) and {"type": "null"} in kinds:
        rest = [kind for kind in kinds if kind != {"type": "null"}]
        del found["anyOf"]
        found |= {"nullable": True, **(rest[0] if len(rest) == 1 else {"anyOf": rest})}
    return found
