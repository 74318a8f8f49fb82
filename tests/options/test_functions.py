"""Every option of every function changes what the function gives, or is an error."""

import builtins
import functools
import inspect

import numpy as np
import pytest

from autonet import activations, gradients, losses, metrics, ops, random, tree, utils
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
    for line in text.strip().replace("\n    ", " ").splitlines():
        call, _, given = line.partition(" | ")
        name, _, args = call.partition("(")
        rows[name] = (f"({args[:-1]},)", f"dict({given})")
    return rows


ELSEWHERE = {  # what writes, or only checks: tests/gradients, tests/utils, tests/pictures
    *("check_gradients", "clear_session", "get_file", "plot_graph", "plot_model", "register_keras_serializable"),
    *("array_to_img", "load_img", "save_img"),  # the extra `images`: tests/utils/test_images.py
    *("image_dataset_from_directory", "text_dataset_from_directory"),  # files: tests/utils/test_folders.py
    *("deserialize", "deserialize_keras_object", "get_registered_object"),  # tests/serialization
}
ROWS = table(calls.OPS + calls.FUNCTIONS)
FOUND = functions(ops) | {f"image.{n}": f for n, f in functions(ops.image).items()}
for package in (activations, losses, metrics, random, tree, utils, gradients):
    FOUND |= {
        f"{package.__name__.removeprefix('autonet.')}.{n}": f
        for n, f in functions(package).items()
        if f not in FOUND.values() and f.__module__.startswith(package.__name__) and n not in ELSEWHERE
    }
CHECKS = [(n, o) for n, f in FOUND.items() for o in options(f) if not silent(n, o)]


def names():
    return Names({k: v.copy() if isinstance(v, np.ndarray) else v for k, v in calls.NAMES.items()})


def result(function, args, **given):
    """What a call gives; arguments without defaults may be replaced by their names."""
    set_random_seed(3)
    named_only = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.KEYWORD_ONLY)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind not in named_only]
    bound = dict(zip([p.name for p in parameters if p.kind is not p.KEYWORD_ONLY], args, strict=False))
    positional = [given.pop(n, v) for n, v in bound.items()] + list(args[len(bound) :])
    found = function(*positional, **given)
    if function is ops.vectorize:
        return found(np.ones(3), np.ones(3))
    if callable(found):  # a derivative
        return found(np.arange(3.0), np.ones(3)) if function is not gradients.vjp else found(np.ones((3, 4)))
    if function is gradients.vjp:
        return [found[0], found[1](np.ones((3, 4))) if "has_aux" in given else 0, *found[2:]]
    return list(found) if isinstance(found, utils.PyDataset) else found


@pytest.mark.parametrize("name, option", CHECKS, ids=[f"{n}-{o}" for n, o in CHECKS])
def test_operation(name, option):
    assert name in ROWS, f"give {name} a row in the table"
    args, values = (eval(part, {"np": np, "ops": ops}, names()) for part in ROWS[name])
    value = values.get(option, calls.USUAL.get(option, UNSET))
    assert value is not UNSET, f"the table has no value for {name}({option}=...)"
    assert works(functools.partial(result, FOUND[name], args), option, value), f"{name}({option}=...) does nothing"
