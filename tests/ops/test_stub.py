"""What type checkers read of autonet.ops is what Python runs."""

import ast
import importlib
import inspect

import pytest

from tests.ops import stub


@pytest.mark.parametrize("path", stub.pages(), ids=lambda p: p.name)
def test_stub_is_up_to_date(path):
    written, due = path.read_text(encoding="utf-8"), stub.pages()[path]
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(due)), "run: python tests/ops/stub.py"


@pytest.mark.parametrize("name", stub.PAGES)
def test_pages_hold_what_ops_has(name):
    module, page = importlib.import_module(f"autonet.ops.{name}"), stub.page(name)
    for line in ast.parse(page).body[1:]:
        (alias,) = line.names
        here, there = getattr(module, alias.asname), getattr(stub.ops, alias.name)
        assert inspect.unwrap(here) is inspect.unwrap(there), "one operation, under both addresses"
