"""The import arrows of the house: geo <- {layers, tracing} <- web_map <- api, and no cycles, functions included."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = ("geo", "layers", "tracing", "web_map", "api", "data_samples")
MAY_IMPORT = {
    "geo": {"geo"},
    "layers": {"geo", "layers"},
    "tracing": {"geo", "tracing"},
    "web_map": {"geo", "layers", "tracing", "web_map"},
    "api": {"geo", "layers", "tracing", "web_map", "api", "data_samples"},
    "data_samples": {"geo", "layers", "tracing", "data_samples"},
}
# Where a heavy library or an optional extra is the reason to import late.
OPTIONAL_EXTRAS = {"frykit", "cfgrib"}


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[str, int]]:
    """Yield each imported module's full name with its line, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".") if is_package else module.split(".")[:-1]
                kept = parents[: len(parents) - node.level + 1]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def sources(root: Path) -> dict[str, Path]:
    paths = (path for room in ROOMS for path in (root / room).rglob("*.py") if "node_modules" not in path.parts)
    return {module_name(path, root): path for path in paths}


def wrong_arrows(root: Path) -> list[str]:
    found = []
    for module, path in sources(root).items():
        room = module.split(".")[0]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, line in imported(tree, module, path.name == "__init__.py"):
            target = name.split(".")[0]
            if target in ROOMS and target not in MAY_IMPORT[room]:
                found.append(f"{path.relative_to(root)}:{line} {room} -> {target}")
    return sorted(set(found))


def cycles(root: Path) -> list[str]:
    modules = sources(root)
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = {name for name, _ in imported(ast.parse(path.read_text("utf-8")), module, path.name == "__init__.py")}
        targets = {name for name in names if name in modules and name != module}
        # `from package import module` needs the module, not what the package's __init__ gathers.
        graph[module] = {name for name in targets if not any(other.startswith(f"{name}.") for other in targets)}
    done: set[str] = set()
    found: list[str] = []

    def visit(module: str, trail: tuple[str, ...]) -> None:
        if module in trail:
            found.append(" -> ".join([*trail[trail.index(module) :], module]))
        elif module not in done:
            for target in sorted(graph[module]):
                visit(target, (*trail, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
    return found


def late_imports(root: Path) -> list[str]:
    found = []
    for module, path in sources(root).items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            for name, line in imported(function, module, path.name == "__init__.py"):
                if name.split(".")[0] not in OPTIONAL_EXTRAS:
                    found.append(f"{path.relative_to(root)}:{line} {name}")
    return sorted(set(found))


def test_arrows_go_one_way(root: Path) -> None:
    assert sources(root), "no modules found: the test would pass on nothing"
    assert wrong_arrows(root) == []


def test_no_cycles(root: Path) -> None:
    assert cycles(root) == []


def test_imports_in_functions_only_for_optional_extras(root: Path) -> None:
    assert late_imports(root) == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("layers", "from tracing import hotspots"),
        ("geo", "def f():\n    import api.cli"),
        ("tracing", "def f():\n    from layers.store import Workspace"),
        ("web_map", "import api"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path: Path, room: str, line: str) -> None:
    for name in ROOMS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / room / "wrong.py").write_text(line)
    assert len(wrong_arrows(tmp_path)) == 1


def test_a_cycle_is_found(tmp_path: Path) -> None:
    for name in ROOMS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "geo" / "a.py").write_text("def f():\n    from geo import b")
    (tmp_path / "geo" / "b.py").write_text("from .a import f")
    assert cycles(tmp_path) == ["geo.a -> geo.b -> geo.a"]
