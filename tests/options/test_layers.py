"""Every option of every layer changes what comes out, what is penalised or constrained, what is kept, or an error."""

import functools

import numpy as np
import pytest

from autonet import Model, layers
from autonet.common.trees import map_structure
from autonet.core import Tensor
from autonet.errors import ArgumentError
from autonet.utils import set_random_seed
from tests.layers.preprocessing.test_categories import CASES as CATEGORIES
from tests.layers.test_every_layer import CASES, draw
from tests.options.hints import silent
from tests.options.probe import UNSET, options, works
from tests.options.table import ROWS, USUAL

ABSTRACT = {"Wrapper"}  # what others are made of
CLASSES = {
    n: c
    for n, c in vars(layers).items()
    if isinstance(c, type) and issubclass(c, layers.Layer) and c.__name__ == n and n not in ABSTRACT
}
FIRST = {case.name: case for case in reversed([*CASES, *CATEGORIES])}
CHECKS = [(n, o) for n, c in CLASSES.items() for o in options(c) if not silent(n, o)]


def effect(name, **config):
    """What a layer made so brings about: results, masks, losses, and its weights with what becomes of them."""
    row, case = ROWS.get(name, {}), FIRST.get(name)
    set_random_seed(5)
    rng = np.random.default_rng(3)
    base = row.get("given", {k: v(None) if callable(v) else v for k, v in case.config.items()} if case else {})
    x, call = (case.x, {}) if hasattr(case, "x") else draw(case, rng) if case else (None, {})
    call = {**call, **{k: v for k, v in row.items() if k in ("mask", "value", "reverse")}}
    for k in ("mask", "value", "reverse"):
        if k in config and k not in options(CLASSES[name]):
            call[k] = config.pop(k)
    if row.get("mask", 0) is None:
        call.pop("mask")
    x = config.pop("x", row.get("x", x))
    calls = config.pop("calls", 1)
    if config.pop("double", False):
        x = map_structure(lambda a: Tensor(a, "float64"), x)
    config = {k: v() if k == "backward_layer" else v for k, v in config.items()}
    layer = row.get("make", CLASSES[name])(**{**base, **config})
    found = [layer._input_shape, [] if layer.weights else layer.trainable]
    if config.get("vocabulary", 0) is None or "num_bins" in config:
        layer.adapt(x)
    if name.endswith(("Cell", "Cells")):
        layer = layers.RNN(layer)
    modes = (False, True, False) if call.get("training", 0) == 0 and not hasattr(case, "x") else (None,)
    for training in modes * calls:
        y = layer(x, **call, **({} if training is None else {"training": training}))
        found += [y, [getattr(y, "_mask", None) for y in (y if isinstance(y, (list, tuple)) else [y])]]
    trained = {id(v) for v in layer.trainable_variables}
    found.append([(v.shape, str(v.dtype), id(v) in trained, v.numpy()) for v in layer.variables])
    for v in layer.variables:
        if v.dtype.kind == "f":
            v.assign(rng.uniform(0.5, 1.5, v.shape))
    found += [layer(x, **call), layer.losses]
    found.append(layer.compute_output_shape(x.shape) if name == "Lambda" else None)
    found.append([v.constraint(v.value) for v in layer.variables if getattr(v, "constraint", None)])
    return found


@functools.cache
def effect_of(name):
    return entered if name == "InputLayer" else functools.partial(effect, name)


def entered(**given):
    """What an InputLayer brings about: what a model lets in."""
    layer = layers.InputLayer(**given)
    other = layers.Input((2,))
    model = Model([other, layer.output], [layers.Identity()(other), layers.Identity()(layer.output)])
    try:
        missing = model([np.ones((1, 2)), None])[0]
    except ArgumentError as error:
        missing = str(error)[-20:]
    return layer.batch_shape, layer.dtype, layer.trainable, missing


@pytest.mark.parametrize("name, option", CHECKS, ids=[f"{n}-{o}" for n, o in CHECKS])
def test_layer(name, option):
    values = ROWS.get(name, {}).get(option, USUAL.get(option, UNSET))
    assert values is not UNSET, f"the table has no value for {name}({option}=...)"
    assert works(effect_of(name), option, values), f"{name}({option}=...) does nothing"
