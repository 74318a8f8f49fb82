"""What `help()` and editors say about every public class, function and method: all has a type, and no type is a quoted text."""

import importlib
import inspect

import pytest

import autonet

PACKAGES = [f"autonet.{name}" for name in autonet._PACKAGES] + [
    "autonet",
    "autonet.datasets.digits",
    "autonet.datasets.fashion_mnist",
    "autonet.datasets.mnist",
    "autonet.ops.image",
    "autonet.optimizers.schedules",
    "autonet.preprocessing.sequence",
]


def own(thing):
    return getattr(thing, "__module__", "").startswith("autonet")


def public(package):
    """Name and function of all that a user of the package finds, methods too."""
    module = importlib.import_module(package)
    for name in sorted(n for n in dir(module) if not n.startswith("_")):
        thing = getattr(module, name)
        if not own(thing) or inspect.ismodule(thing) or not callable(thing):
            continue
        if not inspect.isclass(thing):
            yield name, thing
            continue
        for cls in thing.__mro__:
            for word, value in vars(cls).items() if own(cls) else ():
                if word.startswith("_") and word not in ("__init__", "__call__"):
                    continue
                f = getattr(value, "__func__", value)  # of a class or static method
                if inspect.isfunction(f):
                    yield f"{cls.__name__}.{word}", f


def faults(f):
    signature = inspect.signature(f)
    for p in signature.parameters.values():
        if p.annotation is p.empty and p.name not in ("self", "cls"):
            yield f"{p.name} has no type"
        if isinstance(p.annotation, str):
            yield f"{p.name} has the quoted type {p.annotation!r}"
    if isinstance(signature.return_annotation, str):
        yield f"the result has the quoted type {signature.return_annotation!r}"
    if signature.return_annotation is signature.empty and getattr(f, "__name__", "") != "__init__":
        yield "the result has no type"


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_there_and_unquoted(package):
    found = {f"{name}: {fault}" for name, f in public(package) for fault in faults(f)}
    assert sorted(found) == []
