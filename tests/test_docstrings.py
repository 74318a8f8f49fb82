"""What `help` tells of layers, losses, metrics, optimizers and callbacks: each parameter, shapes or a formula, and an example."""

import inspect
import re

import pytest

from autonet import callbacks, layers, losses, metrics, optimizers
from autonet.optimizers import schedules

BASES = {
    layers: layers.Layer,
    losses: losses.Loss,
    metrics: metrics.Metric,
    optimizers: optimizers.Optimizer,
    schedules: schedules.LearningRateSchedule,
    callbacks: callbacks.Callback,
}
COMMON = {"name", "dtype", "trainable"}  # what all objects have
WITHOUT = {  # an example: what others are made of, or what needs a model and its training to be shown
    *("Layer", "Wrapper", "Loss", "LossFunctionWrapper", "Metric", "MeanMetricWrapper", "Optimizer"),
    *("LearningRateSchedule", "HessianFree", "Hashing"),
}
CLASSES = {
    f"{package.__name__.partition('.')[2]}.{name}": thing
    for package, base in BASES.items()
    for name, thing in sorted(vars(package).items())
    if isinstance(thing, type) and issubclass(thing, base) and thing.__name__ == name
}


def sections(doc):
    """The names that a docstring explains in its lists."""
    found = set()
    for block in re.finditer(r"^(?:Args|Attributes|Call arguments):\n((?:[ ].*\n|\n)*)", f"{doc}\n", re.MULTILINE):
        for line in re.finditer(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*):", block[1], re.MULTILINE):
            found |= {name.strip("* ") for name in line[1].split(",")}
    return found


def explained(cls, depth=2):
    """Names that the docstring explains or speaks of, those of its bases' lists, and of whatever else it names."""
    doc = inspect.getdoc(cls) or ""
    found = set(re.findall(r"\w+", doc))
    for base in cls.__mro__[1:] if isinstance(cls, type) else ():
        found |= sections(inspect.getdoc(base) or "") if base is not object else set()
    home = inspect.getmodule(cls)
    for name in re.findall(r"`(?:\w+\.)*(\w+)`", doc) if depth else ():
        other = getattr(home, name, None) or next((getattr(p, name) for p in BASES if hasattr(p, name)), None)
        found |= explained(other, depth - 1) if other is not None else set()
    return found


def parameters(cls):
    return [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in COMMON
    ]


@pytest.mark.parametrize("name", CLASSES)
def test_parameters_are_explained(name):
    assert [p for p in parameters(CLASSES[name]) if p not in explained(CLASSES[name])] == []


@pytest.mark.parametrize(
    "name", [n for n, c in CLASSES.items() if c.__name__ not in WITHOUT and not n.startswith("callbacks.")]
)
def test_there_is_an_example(name):
    assert ">>> " in CLASSES[name].__doc__
