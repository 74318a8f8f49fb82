"""Every option of every function changes what the function gives, or is an error."""

import builtins
import functools
import inspect

import numpy as np
import pytest

from autonet import ops
from autonet.utils import set_random_seed
from tests.options import calls
from tests.options.hints import silent
from tests.options.probe import UNSET, options, works


def functions(package):
    """The public functions of a package that have options, by name."""
    found = {n: getattr(package, n) for n in dir(package) if not n.startswith("_")}
    return {n: f for n, f in found.items() if callable(f) and not inspect.isclass(f) and options(f)}


class Names(dict):
    """Arrays, then operations by their names."""

    def __missing__(self, name):
        return getattr(ops, name) if hasattr(ops, name) else getattr(builtins, name)


def table(text):
    """The rows of a text, by function: what it is called with, and values of options."""
    rows = {}
    for line in text.strip().splitlines():
        call, _, given = line.partition(" | ")
        name, _, args = call.partition("(")
        rows[name] = (f"({args[:-1]},)", f"dict({given})")
    return rows


ROWS = table(calls.OPS)
FOUND = functions(ops) | {f"image.{n}": f for n, f in functions(ops.image).items()}
CHECKS = [(n, o) for n, f in FOUND.items() for o in options(f) if not silent(n, o)]


def names():
    return Names({k: v.copy() if isinstance(v, np.ndarray) else v for k, v in calls.NAMES.items()})


def result(function, args, **given):
    """What a call gives; arguments without defaults may be replaced by their names."""
    set_random_seed(3)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_POSITIONAL]
    bound = dict(zip([p.name for p in parameters if p.kind is not p.KEYWORD_ONLY], args, strict=False))
    positional = [given.pop(n, v) for n, v in bound.items()] + list(args[len(bound) :])
    found = function(*positional, **given)
    return found(np.ones(3), np.ones(3)) if function is ops.vectorize else found


@pytest.mark.parametrize("name, option", CHECKS, ids=[f"{n}-{o}" for n, o in CHECKS])
def test_operation(name, option):
    assert name in ROWS, f"give {name} a row in the table"
    args, values = (eval(part, {"np": np}, names()) for part in ROWS[name])
    value = values.get(option, calls.USUAL.get(option, UNSET))
    assert value is not UNSET, f"the table has no value for {name}({option}=...)"
    assert works(functools.partial(result, FOUND[name], args), option, value), f"{name}({option}=...) does nothing"
