"""The texts of all errors, as the sources have them: what is fixed in them, with {1}, {2} for what is filled in."""

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOMS = ("geo", "layers", "tracing", "web_map", "api", "data_samples")
# Errors of other kinds are faults of the program itself: nobody is told their text.
OURS = frozenset(
    {"InvalidInput", "MissingData", "NotConverged", "SourceUnavailable", "UnknownLayer", "ValueError"}
    | {
        "UnknownResource",
        "Busy",
        "Conflict",
        "NotSignedIn",
        "Forbidden",
        "Throttled",
        "TooLarge",
        "ProviderUnavailable",
    }
)


@dataclass(frozen=True)
class Raised:
    """One text that may be raised at a place; `chinese` says that the Chinese one stands beside it."""

    place: str
    text: str
    chinese: bool = False


def raised_texts(root: Path) -> Iterator[Raised]:
    """Return every text of every raise in the packages."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            yield from _of_module(ast.parse(path.read_text("utf-8")), path.relative_to(root).as_posix())


def _of_module(module: ast.Module, name: str) -> Iterator[Raised]:
    functions = {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    inner = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in ast.walk(module):
        # An error that is returned is raised by who asked for it.
        made = node.exc if isinstance(node, ast.Raise) else node.value if isinstance(node, ast.Return) else None
        if not isinstance(made, ast.Call) or ast.unparse(made.func).split(".")[-1] not in OURS or not made.args:
            continue
        around = [one for one in inner if one.lineno <= node.lineno <= (one.end_lineno or 0)]
        scope = max(around, key=lambda one: one.lineno) if around else module
        place, beside = f"{name}:{node.lineno}", len(made.args) > 1
        for text in _texts(made.args[0], scope, functions):
            yield Raised(place, _numbered(text), chinese=beside)
        for text in _phrases(made.args[0], (scope, module), functions):
            yield Raised(place, _numbered(text), chinese=beside)


HOLE = "\0"
_DEEPEST = 8
Functions = dict[str, ast.FunctionDef]


def _texts(node: ast.expr, scope: ast.AST, functions: Functions, depth: int = 0) -> list[str]:
    """Return what an expression may read, with a hole for each part that is filled in."""
    if depth > _DEEPEST:
        return [HOLE]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return _joined([_part(value, scope, functions, depth) for value in node.values])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined([_texts(side, scope, functions, depth + 1) for side in (node.left, node.right)])
    if isinstance(node, ast.IfExp):
        return [text for side in (node.body, node.orelse) for text in _texts(side, scope, functions, depth + 1)]
    if isinstance(node, ast.Name):
        found = [
            text
            for one in ast.walk(scope)
            if isinstance(one, ast.Assign) and any(isinstance(t, ast.Name) and t.id == node.id for t in one.targets)
            for text in _texts(one.value, scope, functions, depth + 1)
        ]
        return found or [HOLE]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
        function = functions[node.func.id]
        returned = [
            text
            for one in ast.walk(function)
            if isinstance(one, ast.Return) and one.value is not None
            for text in _texts(one.value, function, functions, depth + 1)
        ]
        given = [
            text for argument in node.args for text in _texts(argument, scope, functions, depth + 1) if " " in text
        ]
        return [*returned, *given]
    return [HOLE]


def _phrases(node: ast.expr, scopes: tuple[ast.AST, ...], functions: Functions) -> Iterator[str]:
    """Return the phrases of ours that fill holes: variables, constants of the module, what its functions return."""
    for hole in ast.walk(node):
        if not isinstance(hole, ast.FormattedValue):
            continue
        for one in ast.walk(hole.value):
            if isinstance(one, ast.Name | ast.Call):
                found = (text for scope in scopes for text in _texts(one, scope, functions))
                yield from (text for text in found if re.search("[a-z]{2,} [a-z]{2,}", text))


def _part(value: ast.expr, scope: ast.AST, functions: Functions, depth: int) -> list[str]:
    if isinstance(value, ast.FormattedValue):
        choice = isinstance(value.value, ast.IfExp)
        return _texts(value.value, scope, functions, depth + 1) if choice else [HOLE]
    return _texts(value, scope, functions, depth + 1)


def _joined(parts: list[list[str]]) -> list[str]:
    return ["".join(chosen) for chosen in itertools.product(*parts)]


def _numbered(text: str) -> str:
    """Return a text with its holes numbered; holes side by side are one, and white space is one space."""
    pieces = " ".join(text.split()).split(HOLE)
    shown, number = pieces[0], 0
    for piece in pieces[1:]:
        if not shown.endswith("}") or number == 0:
            number += 1
            shown += f"{{{number}}}"
        shown += piece
    return shown
