"""No option is accepted and dropped: what a constructor takes is used by something besides the configuration.

Found in the source, class by class: an argument counts as used where `__init__` tests it or hands it on, or where another
method than `get_config` reads the attribute in which it is kept. A new class or argument is walked without being named.
"""

import ast
import functools
import inspect
import pathlib

import pytest

from autonet import callbacks, constraints, initializers, layers, losses, metrics, optimizers, regularizers, tuner
from autonet.optimizers import schedules

PACKAGES = (layers, losses, metrics, optimizers, schedules, initializers, regularizers, constraints, callbacks, tuner)
CLASSES = {
    f"{package.__name__.removeprefix('autonet.')}.{name}": cls
    for package in PACKAGES
    for name in dir(package)
    if isinstance(cls := getattr(package, name), type) and cls.__module__.startswith("autonet.")
}

# What only says something, and may: (class, argument), and why nothing follows from it here.
SAID = {
    ("TensorBoard", "write_graph"): "True by default, and there are no graphs of TensorFlow's to write",
    ("InputSpec", "dtype"): "a note for who reads it, as in Keras",
    ("InputSpec", "name"): "a label",
    ("InputSpec", "optional"): "a note for who reads it, as in Keras",
    ("InputLayer", "optional"): "read by the graph of a model",
    ("LearningRateScheduler", "verbose"): "read by the callbacks' base",
    ("MonitorCallback", "verbose"): "read by the callbacks' base",
    **{(name, "name"): "a label, in the configuration" for name in dir(schedules) if name[0].isupper()},
}


@functools.cache
def parsed(path):
    return ast.parse(pathlib.Path(path).read_text())


@functools.cache
def classes(path):
    """The parsed classes of a file by name."""
    return {n.name: n for n in reversed([*ast.walk(parsed(path))]) if isinstance(n, ast.ClassDef)}


@functools.cache
def methods(cls):
    """The parsed methods of a class of ours, those of its bases included, by name; several of one name in a list."""
    found = {}
    for base in cls.__mro__:
        if base.__module__.startswith("autonet."):
            for f in classes(inspect.getsourcefile(base))[base.__name__].body:
                if isinstance(f, ast.FunctionDef):
                    found.setdefault(f.name, []).append(f)
    return found


@functools.cache
def read_in(path):
    """Names of attributes that a file's functions read, but for `get_config` and constructors."""
    names = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef) and node.name not in ("get_config", "__init__"):
            names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}
    return names


@functools.cache
def read_near(cls):
    """Names of attributes that functions beside the class and its bases read."""
    paths = {inspect.getsourcefile(c) for c in cls.__mro__ if c.__module__.startswith("autonet.")}
    return set().union(*map(read_in, paths))


def kept_in(statement, argument):
    """The attribute of self in which a statement keeps an argument and does nothing else with it; None for other statements."""
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        plain = isinstance(statement.value, ast.Name) or (
            isinstance(statement.value, ast.Call)
            and isinstance(statement.value.func, ast.Name)
            and statement.value.func.id in ("float", "int", "bool", "str", "tuple", "list")
        )
        if plain and len(targets) == 1 and isinstance(targets[0], ast.Attribute):
            return targets[0].attr
    return None


def dropped(cls):
    """The arguments of a constructor that nothing uses."""
    init = next(iter(methods(cls).get("__init__", [])), None)
    if init is None or "arguments_of_cell" in map(ast.unparse, init.decorator_list):  # which hands all of them on
        return []
    decorators = [d for d in init.decorator_list if isinstance(d, ast.Call) and d.func.id == "keeps"]  # of families
    kept = tuple(family.value + "_" for d in decorators for family in d.args)
    names = [a.arg for a in [*init.args.posonlyargs, *init.args.args[1:], *init.args.kwonlyargs]]
    names = [n for n in names if not n.startswith(kept or "-")]
    found = []
    for name in names:
        used = False
        for statement in init.body:
            if any(
                isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) for n in ast.walk(statement)
            ):
                attribute = kept_in(statement, name)
                used |= attribute is None or attribute in read_near(cls)
        if not used:
            found.append(name)
    return found


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_no_option_is_dropped(name):
    left = [a for a in dropped(CLASSES[name]) if (CLASSES[name].__name__, a) not in SAID]
    assert not left
