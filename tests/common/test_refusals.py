"""Errors of operations name what was called, in words and with shapes that its caller knows."""

import itertools
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet import ops
from autonet.common.words import NAMES
from autonet.core.primitive import PRIMITIVES
from autonet.ops import shape_inference
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
    # loops over the rows of more would take long
    monkeypatch.setattr(shape_inference, "LENGTHS", shape_inference.LENGTHS[:2])
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


@pytest.mark.parametrize(
    ("home", "key"),
    [(home, key) for home in ("autonet", "autonet.ops", "Tensor") for key in NAMES[home]],
)
def test_words_of_other_libraries_say_what_to_write(home, key):
    place = {"autonet": keras, "autonet.ops": ops, "Tensor": keras.Tensor([1.0])}[home]
    with pytest.raises(AttributeError, match=re.escape(NAMES[home][key])):
        getattr(place, key)


def test_values_of_a_variable_are_not_written_by_places():
    v = keras.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match=r"v\.assign\(ops\.scatter_update"):
        v[0] = 3.0
    v.assign(ops.scatter_update(v, [[0]], [3.0]))
    assert v.tolist() == [3.0, 2.0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: ops.sum(keras.Tensor([1.0])).backward(create_graph=True), r"autonet\.grad\(f\)\(x\)"),
        (lambda: keras.Sequential().load_weights("x.npz", by_name=True), "skip_mismatch=True"),
        (lambda: keras.jit(lambda n: ops.fori_loop(0, n, lambda i, a: a, 1.0))(3), "static_argnums"),
    ],
)
def test_arguments_of_other_libraries_say_what_to_write(call, says):
    with pytest.raises(TypeError, match=says):
        call()


def test_numpys_warnings_about_the_packages_lines_are_not_shown():
    code = "from autonet import ops; ops.log(-1.0); ops.square(1e300); ops.exp(ops.array([1e4])) / 0.0"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not run.stderr
