"""The floors: imports point down, and never in a circle. Every package's docstring says its floor."""

import ast
import re
from pathlib import Path

import pytest

import autonet

ROOT = Path(autonet.__file__).parent
FLOORS = {  # of what has no docstring that begins with its floor: files, and the front door above all
    "errors": 0,
    "lazy": 1,
    "legacy": 1,
    "tree": 2,
    "compiler": 3,
    "activations": 4,
    "constraints": 4,
    "regularizers": 4,
    "config": 7,
    "backend": 7,
    "autonet": 9,
    "__main__": 9,
}
CIRCLES = {"ops"}  # packages whose files import each other: derivative rules are made of operations that have rules


def modules():
    """Every module's name and syntax tree."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("autonet", *path.relative_to(ROOT).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(tree, known):
    """The modules of autonet that a module imports, anywhere in it; what only type checkers see does not count."""
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        for node in tree.orelse:
            yield from imports(node, known)
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names if alias.name in known)
    elif isinstance(tree, ast.ImportFrom) and tree.module in known:
        for alias in tree.names:
            inner = f"{tree.module}.{alias.name}"
            yield inner if inner in known else tree.module
    for node in ast.iter_child_nodes(tree):
        yield from imports(node, known)


TREES = modules()
ARROWS = {(a, b) for a, tree in TREES.items() for b in imports(tree, TREES) if b not in (a, "autonet")}


def room(module):
    """The package, or file, at the top level that a module belongs to."""
    return (module.split(".") + ["autonet"])[1] if "." in module else "autonet"


def floor(name):
    stated = re.match(r"Floor (\d)", ast.get_docstring(TREES.get(f"autonet.{name}", TREES["autonet"])) or "")
    return int(stated[1]) if stated else FLOORS[name]


def circles(arrows):
    """The nodes between which arrows go round."""
    after = {}
    for a, b in arrows:
        after.setdefault(a, set()).add(b)
    nodes = set(after)
    while True:  # take away what leads nowhere, and what nothing leads to
        ends = {a for a in nodes if not after[a] & nodes}
        starts = nodes - {b for a in nodes for b in after[a]}
        if not ends | starts:
            return sorted(nodes)
        nodes -= ends | starts


def test_every_room_has_a_floor():
    assert {room(m): floor(room(m)) for m in TREES}


def test_imports_point_down():
    upward = [(a, b) for a, b in sorted(ARROWS) if floor(room(a)) < floor(room(b))]
    assert not upward, f"{upward}: an import points up. Move what is needed down, or hand it over from above."


def test_no_package_comes_back_to_itself():
    found = circles({(room(a), room(b)) for a, b in ARROWS if room(a) != room(b)})
    assert not found, f"{found} import each other. Move what both need to a third."


@pytest.mark.parametrize("name", sorted({room(m) for m in TREES if m.count(".") > 1} - CIRCLES))
def test_no_file_comes_back_to_itself(name):
    found = circles({(a, b) for a, b in ARROWS if room(a) == room(b) == name})
    assert not found, f"{found} import each other. Move what both need to a third."


def test_a_circle_is_found():
    assert circles({("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")}) == ["b", "c"]
