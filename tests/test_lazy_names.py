"""What a module loads when it is asked for, its source says to editors and type checkers, who never ask."""

import ast
import importlib
import pathlib
import subprocess
import sys

import pytest

import autonet

ROOT = pathlib.Path(autonet.__file__).parent
FRESH = """
import importlib
module = importlib.import_module({name!r})
print(*sorted(n for n in {{*dir(module)}} - {{*vars(module)}} if not n.startswith("_")))
"""


def is_type_checking(test):
    return isinstance(test, ast.Attribute | ast.Name) and ast.unparse(test).endswith("TYPE_CHECKING")


def functions(statements):
    return [s.name for s in statements if isinstance(s, ast.FunctionDef)]


def hidden(tree):
    """Module-level functions that type checkers do not see."""
    blocks = [s for s in tree.body if isinstance(s, ast.If) and isinstance(s.test, ast.UnaryOp)]
    return [name for s in blocks if is_type_checking(s.test.operand) for name in functions(s.body)]


def declared(tree):
    """Name: where it comes from, of `from home import name as name` under TYPE_CHECKING."""
    found = {}
    for block in tree.body:
        if isinstance(block, ast.If) and is_type_checking(block.test):
            for line in block.body:
                assert isinstance(line, ast.ImportFrom)
                assert [a.name for a in line.names] == [a.asname for a in line.names], "explicit: import A as A"
                found.update({a.name: line.module for a in line.names})
    return found


TREES = {p: ast.parse(p.read_text(encoding="utf-8")) for p in sorted(ROOT.rglob("*.py"))}
LAZY = [p for p, t in TREES.items() if "__getattr__" in functions(t.body) + hidden(t)]


def module_name(path):
    return ".".join(["autonet", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")


SHOWN = [p for p in LAZY if "ops" not in p.parts]
MARKS = {"wrappers": [pytest.mark.extra("sklearn")]}  # what has its names only where an extra is installed


@pytest.mark.parametrize(
    "path", [pytest.param(p, marks=MARKS.get(p.parent.name, ()), id=module_name(p)) for p in SHOWN]
)
def test_lazy_names_are_declared(path):
    name = module_name(path)
    assert "__getattr__" in hidden(TREES[path]), "a type checker that sees __getattr__ takes every name for known"
    shown = subprocess.run([sys.executable, "-c", FRESH.format(name=name)], capture_output=True, text=True, check=True)
    homes = declared(TREES[path])
    module = importlib.import_module(name)
    assert {*shown.stdout.split()} <= {*homes} <= {*dir(module)}, "what dir() promises, and what is declared"
    for each, home in homes.items():
        known = getattr(importlib.import_module(home), each, None) or importlib.import_module(f"{home}.{each}")
        assert getattr(module, each) is known
