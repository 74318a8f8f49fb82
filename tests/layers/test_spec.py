"""What layers refuse to be called on: each by an error of the package that names the layer, built or not."""

import numpy as np
import pytest

from autonet import Input, layers
from autonet.core import Tensor
from autonet.errors import ArgumentError, AutonetError, SignatureError
from tests.layers.preprocessing.test_categories import CASES as CATEGORIES
from tests.layers.test_every_layer import CASES, draw, make

ONE = {case.name: case for case in CASES}
WRONG = {
    "None": None,
    "text": "text",
    "bytes": b"text",
    "dict": {},
    "dict of a number": {"a": 1.0},
    "object": object(),
    "list of None": [None],
    "list of two None": [None, None],
    "list of an object": [object()],
    "list": [],
    "generator": (i for i in (1, 2)),
    "set": {1, 2},
    "range": range(3),
    "function": len,
    "class": np.ndarray,
    "layer": layers.Flatten(),
    "whole number": 3,
    "number": 3.0,
    "truth": True,
    "complex number": 1j,
    "shape": (None, 3),
    "array of objects": np.array([None, object()], object),
    "array of texts": np.array(["a", "b"]),
    "array of a number": np.float32(3),
    "Tensor of a number": Tensor(3.0),
    "vector": np.ones(3, "float32"),
}
ARRAYS = ("array of a number", "Tensor of a number", "vector")  # which some take
TAKE_ANYTHING = {"Identity", "InputLayer", "Lambda"}  # as the user's own layers do; what follows refuses


def fed(case, rng, built):
    layer = make(case)
    x, options = draw(case, rng)
    if built:
        layer(x, **options)
    return layer, x, {k: v for k, v in options.items() if k != "mask"}


@pytest.mark.parametrize("name", sorted(ONE))
def test_what_is_no_array_is_refused_in_the_layers_name(name, rng):
    for built in (False, True):
        for kind, given in WRONG.items():
            layer, _, options = fed(ONE[name], rng, built)
            try:
                y = layer(given, **options)
            except AutonetError as error:
                assert layer.label in str(error), (kind, built)
            else:
                assert kind in ARRAYS or kind == "list" or name in TAKE_ANYTHING, (kind, built, y)


@pytest.mark.parametrize("case", CATEGORIES, ids=lambda case: case.name)
@pytest.mark.parametrize("given", [None, object(), len, {"a": object()}], ids=["None", "object", "function", "dict"])
def test_layers_of_categories_and_texts(case, given):
    layer = make(case)
    with pytest.raises(AutonetError) as caught:
        layer(given)
    assert layer.label in str(caught.value)


@pytest.mark.parametrize("name", sorted(ONE))
@pytest.mark.parametrize("symbolic", [False, True], ids=["arrays", "placeholders"])
def test_arguments_that_a_call_lacks_or_does_not_have(name, symbolic, rng):
    for built in (False, True):
        layer, x, options = fed(ONE[name], rng, built)
        if symbolic:
            x = [Input(v.shape[1:]) for v in x] if isinstance(x, list) else Input(x.shape[1:])
            options = {}
        for args, more in ((), {}), ((x,) * 9, {}), ((x,), {**options, "colour": 1}):
            with pytest.raises(AutonetError) as caught:
                layer(*args, **more)
            assert layer.label in str(caught.value)
            assert isinstance(caught.value, SignatureError) or not more


def test_one_none_among_arrays():
    x = np.ones((2, 3, 4), "float32")
    for layer in (layers.Add(), layers.Concatenate(), layers.Attention(), layers.Dot(1)):
        with pytest.raises(ArgumentError, match=r"received a list of 2: shape \(2, 3, 4\), None. Where a layer before"):
            layer([x, None])
    assert layers.GRU(2)(x, initial_state=None, mask=None).shape == (2, 2)
    assert layers.RandomFlip()({"images": x[..., None], "labels": None})["labels"] is None


class Own(layers.Layer):
    def call(self, x, more=None):
        return 0 if x is None else layers.Flatten(name="inside")(x)


def test_a_layer_of_the_users_own_takes_what_it_likes():
    assert Own()(None) == 0
    with pytest.raises(SignatureError, match="Own 'mine': Own.call has no argument 'colour'"):
        Own(name="mine")(np.ones((2, 3)), colour=1)


def test_a_layer_inside_the_users_own_speaks_for_itself():
    with pytest.raises(AutonetError, match="^Flatten 'inside' expects"):
        Own(name="mine")(Tensor(1.0))


def test_operations_inside_have_the_layers_name_before_theirs():
    layer = layers.LayerNormalization(name="norm")
    layer(np.ones((2, 3)))
    with pytest.raises(AutonetError, match="^LayerNormalization 'norm': layer_normalization expects"):
        layer(np.ones(4))


def test_training_is_no_array(rng):
    x = np.ones((2, 3), "float32")
    with pytest.raises(ArgumentError, match="expects training to be True or False"):
        layers.BatchNormalization()(x, x)
    assert layers.BatchNormalization()(x, True).shape == x.shape


class NoShape(layers.Layer):
    def build(self):
        pass

    def call(self):
        pass


def test_methods_that_take_nothing():
    with pytest.raises(SignatureError, match=r"'mine': NoShape.build takes .* def build\(self, input_shape\)"):
        NoShape(name="mine")(np.ones((2, 3)))
    with pytest.raises(SignatureError, match=r"NoShape.call takes .* def call\(self, inputs\)"):
        type("NoShape", (NoShape,), {"build": layers.Layer.build})()(np.ones((2, 3)))


def test_advice_goes_by_what_came():
    with pytest.raises(AutonetError, match="Call it on the inputs, and this on what it gives"):
        layers.Dense(2)(layers.Dense(3))
    with pytest.raises(AutonetError, match="^TextVectorization 'mine': .*adapt"):
        layers.TextVectorization(name="mine")(["a"])
    with pytest.raises(AutonetError, match=r"One axis of 4 is written \(4,\)"):
        Input(4)
