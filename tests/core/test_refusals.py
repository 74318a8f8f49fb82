"""Errors of operations name what was called, in words and with shapes that its caller knows."""

import itertools
import re
import warnings

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet import ops
from autonet.core.primitive import PRIMITIVES
from autonet.ops import abstract
from tests.common.test_lines import calls, public

PRIVATE = {name.lstrip("_") for name in PRIMITIVES} - set(dir(ops))
NAMED = re.compile(r"(?:^|: )(\w+)(?:: \w+ is a setting| cannot take)")
TRIED = re.compile(r"\b(24|60|120|168|240240|120120)\b")
OPERATIONS = dict(public("ops")) | dict(public("ops.image"))


def errors(f, most, replace=lambda x: x):
    """What calls of f with mistaken arguments raise."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for given, named in itertools.islice(calls(f), most):
            try:
                f(*[replace(x) for x in given], **{k: replace(x) for k, x in named.items()})
            except Exception as error:
                yield error


def placeholder(x):
    """A placeholder of unknown batch in place of an array."""
    return keras.Input(x.shape[1:]) if isinstance(x, np.ndarray) and x.ndim > 1 else x


@pytest.mark.parametrize("name", OPERATIONS)
def test_errors_name_the_operation_that_was_called(name):
    f = OPERATIONS[name]
    for error in errors(f, 20):
        named = NAMED.findall(str(error))
        assert not PRIVATE.intersection(named), error
        if getattr(error, "nameless", False):
            assert re.match(rf"({name}|{f.__name__})\b", str(error)), error


@pytest.mark.parametrize("name", OPERATIONS)
def test_errors_about_placeholders_have_their_shapes(name, monkeypatch):
    monkeypatch.setattr(abstract, "LENGTHS", abstract.LENGTHS[:2])  # loops over the rows of more would take long
    for error in errors(OPERATIONS[name], 12, placeholder):
        assert not TRIED.search(str(error)), error


class Product(L.Layer):
    def call(self, x):
        return x @ np.ones((3, 3), "float32")


class Outer(L.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = Product(name="inner")

    def call(self, x):
        return self.inner(x)


class Own(L.Layer):
    def call(self, x):
        raise ValueError(f"no such {tuple(x.shape)}, {x.shape[0] * x.shape[-1]} numbers of 24")


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (Product(name="mine"), "Product 'mine': matmul cannot take operands of shapes (None, None, 4), (3, 3)"),
        (Outer(name="outer"), "Product 'inner': matmul cannot take operands of shapes (None, None, 4), (3, 3)"),
        (Own(), "no such (None, None, 4), None numbers of 24"),
    ],
    ids=["layer", "layer in a layer", "own error"],
)
def test_a_layer_on_placeholders_is_named_with_their_shape(layer, says):
    with pytest.raises(ValueError, match="^" + re.escape(says)):
        layer(keras.Input((None, 4)))


class Silent(L.Layer):
    def call(self, x):
        x + 1


@pytest.mark.parametrize("x", [np.ones((2, 4)), keras.Input((4,))], ids=["array", "placeholder"])
def test_a_call_that_returns_nothing_is_an_error(x):
    with pytest.raises(keras.errors.ArgumentError, match=r"Silent 'mine': its call\(\) returned nothing"):
        Silent(name="mine")(x)


A, B = np.ones((2, 3)), np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: keras.Tensor([2]) ** -1, "power .* dtype int32, int32: .* Cast the base to a float"),
        (lambda: ops.concatenate([A, B]), "^concatenate cannot take operands of shapes"),
        (lambda: ops.concatenate(A, B), r"^concatenate: axis is a setting .* shape \(3, 2\).* into one list"),
        (lambda: ops.stack(A, B), "^stack.* into one list"),
        (lambda: ops.hstack(A, B), "^hstack .* into one list"),
        (lambda: ops.sum(A, axis=4), "axis 4 is out of bounds .* Choose an axis"),
        (lambda: ops.max(np.zeros(0)), "zero-size array .* Leave out what is empty"),
        (lambda: keras.Tensor(A) + B, r"^add cannot take operands of shapes \(2, 3\), \(3, 2\): they do not broadcast"),
        (lambda: ops.map(lambda x: ops.concatenate([x, B]), A), "^concatenate cannot"),
    ],
)
def test_advice_fits(call, says):
    with pytest.raises(keras.errors.AutonetError, match=says):
        call()
