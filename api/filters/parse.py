"""CQL2 text and JSON -> one tree, by the library `cql2`; guarded against texts made to exhaust it."""

import json
from functools import lru_cache
from typing import Any, Literal

import cql2

from geo.errors import InvalidInput

FilterLanguage = Literal["cql2-text", "cql2-json"]
LONGEST = 10_000
DEEPEST = 40


@lru_cache(maxsize=256)
def parse_filter(text: str, language: FilterLanguage) -> Any:
    """Return a filter as the tree that CQL2 JSON writes; it is kept, and must not be changed.

    Raises
    ------
    InvalidInput
        The text is no CQL2, too long, or nested too deeply.
    """
    if len(text) > LONGEST:
        raise InvalidInput(f"filter: {len(text)} characters; at most {LONGEST} are read")
    if _depth(text) > DEEPEST:
        raise InvalidInput(f"filter: nested more than {DEEPEST} deep; write it flatter")
    try:
        expression = cql2.parse_text(text) if language == "cql2-text" else cql2.parse_json(text)
        tree = expression.to_json()
        expression.validate()
    except (cql2.ParseError, cql2.ValidationError, ValueError) as error:
        raise InvalidInput(f"filter={text[:200]}: not {language}: {_first_line(error)}") from error
    return tree


def _depth(text: str) -> int:
    deepest = depth = 0
    for letter in text:
        if letter in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in ")]}":
            depth -= 1
    # A chain of NOT or of minus signs nests without brackets.
    return max(deepest, text.upper().count("NOT "), text.count("-") // 8 if "--" in text else 0)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("= ")), lines[0] if lines else "it cannot be read")
    return told.removeprefix("= ")[:300]


def properties(tree: Any) -> set[str]:
    """Return the names of the properties that a filter asks for."""
    if isinstance(tree, dict):
        if set(tree) == {"property"}:
            return {str(tree["property"])}
        return set().union(*(properties(value) for value in tree.values()))
    if isinstance(tree, list):
        return set().union(*(properties(value) for value in tree)) if tree else set()
    return set()


def equal_to(name: str, value: object) -> dict[str, Any]:
    """Return the tree that asks for a property with this value."""
    return {"op": "=", "args": [{"property": name}, json.loads(json.dumps(value))]}
