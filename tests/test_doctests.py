"""Every example in a docstring comes true."""

import doctest
import importlib
import pathlib

import pytest

from autonet.core import Primitive

ROOT = pathlib.Path(__file__).parent.parent
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "autonet").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


def examples(module):
    """The module's doctests, those of its primitives included."""
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    for name, value in vars(module).items():
        if isinstance(value, Primitive) and value.__module__ == module.__name__ and value.__doc__:
            parser = doctest.DocTestParser()
            found.append(parser.get_doctest(value.__doc__, dict(vars(module)), name, module.__file__, 0))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    tests = examples(importlib.import_module(name))
    assert tests
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test, out=said.append)
    assert not said, "".join(said)
