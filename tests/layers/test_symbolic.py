"""Placeholders: what they say, what can be done with them, and that nothing is computed."""

import gc
import operator
import tracemalloc
import weakref

import numpy as np
import pytest

import autonet
from autonet import Variable, layers, ops
from autonet.common.trees import flatten, map_structure
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers.symbolic import KerasTensor, Operation
from autonet.ops.operators import op_named
from tests.layers.test_every_layer import draw, every, make

x = KerasTensor((None, 4))
y = KerasTensor((None, 4))
whole = KerasTensor((None, 4), "int32")


def told(t):
    return t.shape, t.dtype.name


def test_what_it_says():
    t = KerasTensor([None, 3], "int32", name="t")
    assert (t.shape, t.dtype, t.ndim, t.name) == ((None, 3), "int32", 2, "t")
    assert repr(t) == "<KerasTensor shape=(None, 3), dtype=int32, name=t>"
    assert autonet.KerasTensor is KerasTensor
    assert isinstance(autonet.Input((3,)), KerasTensor)
    assert len({x, y, x}) == 2
    assert (x == y) is False and (x == x) is True  # identity, so that they can be kept in sets
    with pytest.raises(ArgumentError, match="dense"):
        KerasTensor((2,), sparse=True)


OPERATORS = {
    "add": (lambda a, b: a + b, "Add"),
    "radd": (lambda a, b: 1 + a, "Add"),
    "subtract": (lambda a, b: a - b, "Subtract"),
    "rsub": (lambda a, b: 1 - a, "Subtract"),
    "multiply": (lambda a, b: a * np.float32(2), "Multiply"),
    "rmul": (lambda a, b: np.ones(4, "float32") * a, "Multiply"),
    "divide": (lambda a, b: a / b, "TrueDivide"),
    "floor": (lambda a, b: a // 2, "FloorDivide"),
    "mod": (lambda a, b: a % 3, "Mod"),
    "power": (lambda a, b: a**2, "Power"),
    "rpow": (lambda a, b: 2**a, "Power"),
    "negative": (lambda a, b: -a, "Negative"),
    "absolute": (lambda a, b: abs(a), "Absolute"),
    "matmul": (lambda a, b: a @ ops.transpose(b), "Matmul"),
    "less": (lambda a, b: a < b, "Less"),
    "not equal": (lambda a, b: a != 0, "NotEqual"),
    "greater or equal": (lambda a, b: a >= b, "GreaterEqual"),
    "and": (lambda a, b: (a > 0) & (b > 0), "LogicalAnd"),
    "or": (lambda a, b: (a > 0) | (b > 0), "LogicalOr"),
    "xor": (lambda a, b: (a > 0) ^ (b > 0), "LogicalXor"),
    "not": (lambda a, b: ~(a > 0), "LogicalNot"),
    "item": (lambda a, b: a[:, 1:3], "GetItem"),
    "one item": (lambda a, b: a[..., 0, None], "GetItem"),
    "rows by number": (lambda a, b: a[np.array([0, 1])], "GetItem"),
    "reshape": (lambda a, b: a.reshape((-1, 2, 2)), "Reshape"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, rng):
    """Shape, dtype and values are those of Tensors."""
    f, word = OPERATORS[name]
    a, b = autonet.Input((4,)), autonet.Input((4,))
    model = autonet.Model([a, b], f(a, b))
    u, v = (Tensor(rng.standard_normal((3, 4)), "float32") for _ in range(2))
    expected = f(u, v)
    result = model([u, v])
    np.testing.assert_array_equal(np.array(result), np.array(expected))
    assert result.dtype == expected.dtype == model.output.dtype
    assert len(model.output.shape) == result.ndim
    assert all(n is None or n == m for n, m in zip(model.output.shape, result.shape, strict=True))
    assert model.get_config()["layers"][-1]["class_name"] == word


FUNCTIONS = {  # on x of shape (None, 4)
    "composed": (lambda a: ops.gelu(a, approximate=False), (None, 4)),
    "a list": (lambda a: ops.concatenate([a, a * 2], axis=-1), (None, 8)),
    "several results": (lambda a: ops.split(a, [1, 3], axis=-1)[1], (None, 2)),
    "a pair": (lambda a: ops.top_k(a, 2)[0], (None, 2)),
    "keywords": (lambda a: ops.mean(a, axis=-1, keepdims=True), (None, 1)),
    "by name": (lambda a: ops.sum(x=a, axis=1), (None,)),
    "where": (lambda a: ops.where(a > 0, a, 0.0), (None, 4)),
    "constant first": (
        lambda a: ops.matmul(np.ones((2, 3, 1), "float32"), ops.expand_dims(a, (1, 2))),
        (None, 2, 3, 4),
    ),
    "activation": (lambda a: autonet.activations.mish(a), (None, 4)),
    "softmax": (lambda a: autonet.activations.softmax(a), (None, 4)),
    "new axes": (lambda a: ops.stack([a, a], axis=1), (None, 2, 4)),
    "variance": (lambda a: ops.var(a, axis=1), (None,)),
    "quantile": (lambda a: ops.median(a, axis=1), (None,)),
    "cast": (lambda a: ops.cast(a, "float64"), (None, 4)),
    "inside a room": (lambda a: ops.nn.hard_silu(a), (None, 4)),  # past the front door
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, rng):
    f, shape = FUNCTIONS[name]
    a = autonet.Input((4,))
    out = f(a)
    assert out.shape == shape
    u = Tensor(rng.standard_normal((3, *a.shape[1:])), "float32")
    np.testing.assert_array_equal(np.array(autonet.Model(a, out)(u)), np.array(f(u)))


def test_lengths_unknown_and_known():
    assert (x + KerasTensor((5, 4))).shape == (5, 4)  # as Keras has it: the known length decides
    assert (x + np.ones((5, 1, 4), "float32")).shape == (5, None, 4)
    assert ops.add(KerasTensor((None, 1)), KerasTensor((1, None))).shape == (None, None)
    assert x[2:5].shape == (None, 4)
    assert x[0].shape == (4,)
    with pytest.raises(ShapeError, match=r"add cannot broadcast shapes \(None, 4\) and \(None, 3\)"):
        x + KerasTensor((None, 3))


def test_dtypes_meet_as_those_of_tensors():
    assert [told(t)[1] for t in (whole + 1, whole * 2.0, whole + x, whole / 2, whole > 0, whole & 3)] == [
        "int32", "float32", "float32", "float32", "bool", "int32",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "use", [bool, float, int, list, len, np.asarray, np.mean, lambda t: [*t], lambda t: 1 if t else 0]
)
def test_has_no_values(use):
    with pytest.raises(TypeError, match="is a placeholder: it has a shape and a dtype, but no values"):
        use(x)


def test_numpy_functions_are_refused():
    with pytest.raises(TypeError):
        np.sin(x)


def test_layers_leave_their_mark():
    dense = layers.Dense(3)
    with pytest.raises(AttributeError, match=r"Dense 'dense\w*' has no output yet"):
        _ = dense.output
    first = dense(x)
    assert dense.built and dense.kernel.shape == (4, 3)
    second = dense(y)
    assert dense.output is first and dense.input is x
    assert second.shape == (None, 3)
    with pytest.raises(ShapeError, match="expects length 4 on axis -1"):
        dense(KerasTensor((None, 5)))


def test_operations_are_named_in_turn():
    autonet.utils.clear_session()
    nodes = [t._origin for t in (x + 1, x + 2, ops.mean(x), x[0])]
    assert [node.op.name for node in nodes] == ["add", "add_1", "mean", "get_item"]
    assert all(isinstance(node.op, Operation) for node in nodes)


class Several(layers.Layer):
    """Returns a dictionary; changes a Variable, draws, and adds a loss on the way."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(5)
        self.drop = layers.Dropout(0.5)
        self.count = Variable(0, trainable=False)

    def call(self, inputs, training=False):
        self.count.assign_add(1)
        self.add_loss(ops.sum(inputs))
        return {"y": self.drop(self.dense(inputs), training=training), "rest": [inputs[:, 0], None]}


def test_layers_without_a_stated_shape():
    """A dry run finds it, and leaves no trace."""
    layer = Several()
    states = [v.numpy() for v in layer.variables if "seed" in v.path]
    out = layer(x, training=True)
    assert out["y"].shape == (None, 5)
    assert out["rest"][0].shape == (None,) and out["rest"][1] is None
    assert layer.count.numpy() == 0 and layer.losses == []
    assert [v.numpy().tolist() for v in layer.variables if "seed" in v.path] == [s.tolist() for s in states]
    assert layer.compute_output_shape((7, 4))["y"] == (7, 5)


def test_layers_that_state_a_spec():
    class Counts(layers.Layer):
        def call(self, inputs):
            return ops.cast(ops.sum(inputs, axis=-1), "int32")

        def compute_output_spec(self, inputs):
            return KerasTensor(inputs.shape[:-1], "int32")

    assert told(Counts()(x)) == ((None,), "int32")


@pytest.mark.parametrize("layer, dtype", [
    (layers.Flatten(), "int32"), (layers.Reshape((2, 2)), "int32"), (layers.Dense(2), "float32"),
    (layers.Embedding(5, 2), "float32"), (layers.Identity(), "int32"), (layers.Lambda(lambda t: t / 2), "float32"),
])  # fmt: skip
def test_integers_in(layer, dtype):
    """What only moves integers leaves them integers."""
    a = autonet.Input((4,), dtype="int32")
    model = autonet.Model(a, layer(a))
    assert model.output.dtype == dtype
    assert model(np.ones((2, 4), "int32")).dtype == dtype


def test_nothing_is_allocated():
    a = autonet.Input((100_000, 100_000))
    tracemalloc.start()
    try:
        h = layers.Activation("gelu")(a)
        h = layers.Concatenate(axis=1)([h, a * 2 + 1])
        h = layers.Reshape((400_000, 50_000))(h)
        out = layers.GlobalAveragePooling1D()(ops.softmax(h))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert out.shape == (None, 50_000)
    assert peak < 2**20


def test_text_goes_in_unseen():
    t = autonet.Input((1,), dtype="string")
    assert t.dtype == "string" and t.shape == (None, 1)


def test_a_graph_that_nobody_holds_is_gone():
    """By reference counts alone; a chain of any length."""
    gc.disable()
    try:
        a = autonet.Input((2,))
        out = a
        for _ in range(3000):
            out = out + 1
        dense = layers.Dense(2)
        last = dense(out)
        gone = weakref.ref(last._origin), weakref.ref(dense)
        del a, out, last, dense
        assert [r() for r in gone] == [None, None]
    finally:
        gc.enable()


@every
def test_every_layer_on_placeholders(case, rng):
    """The placeholder foretells shape and dtype, and a model of the one layer does what the layer does."""
    data, options = draw(case, rng)
    if options or case.name == "InputLayer":
        return  # a mask comes as a Tensor: test_functional has masks in graphs
    layer = make(case)
    inputs = map_structure(lambda t: autonet.Input(batch_shape=(None, *t.shape[1:]), dtype=t.dtype), data)
    out = layer(inputs)
    model = autonet.Model(inputs, out)
    told = {"training": False} if case.trains else {}  # otherwise two calls draw differently
    received, expected = model(data, **told), layer(data, **told)
    for said, got, wanted in zip(*[flatten(t) for t in (out, received, expected)], strict=True):
        assert said.dtype == got.dtype
        assert len(said.shape) == got.ndim
        assert all(n is None or n == m for n, m in zip(said.shape, got.shape, strict=True))
        np.testing.assert_array_equal(np.array(got), np.array(wanted))


UFUNCS = sorted({u.__name__: u for u in vars(np).values() if isinstance(u, np.ufunc)}.items())


@pytest.mark.parametrize(("name", "ufunc"), UFUNCS)
def test_functions_of_numpy_name_the_operation_to_use(name, ufunc):
    placeholder, t = KerasTensor((None, 4)), autonet.Tensor(np.ones((2, 4)))
    op = op_named(name)
    instead = rf"autonet\.ops\.{op.__name__}" if op else "operations of autonet.ops"
    with pytest.raises(TypeError, match=rf"np\.{name}: <KerasTensor .*Use .*{instead}"):
        ufunc(*[placeholder] * ufunc.nin)
    if op is None:
        with pytest.raises(TypeError, match=rf"np\.{name} has no counterpart in autonet\.ops"):
            ufunc(*[t] * ufunc.nin)
    with pytest.raises(TypeError, match=rf"np\.{name} "):
        ufunc(*[t] * ufunc.nin, dtype="float64")


def test_other_functions_of_numpy_name_the_operation_too():
    placeholder = KerasTensor((None, 4))
    for f, instead in ((np.sum, "sum"), (np.amax, "max"), (np.linalg.norm, "norm"), (np.transpose, "transpose")):
        with pytest.raises(TypeError, match=rf"Use autonet\.ops\.{instead}"):
            f(placeholder)
    for name in ("numpy", "item", "tolist"):
        assert not hasattr(placeholder, name)
        with pytest.raises(AttributeError, match=f"placeholder: it has no values, and no {name}"):
            getattr(placeholder, name)


def test_an_array_before_a_placeholder_leaves_the_answer_to_it():
    placeholder, a = KerasTensor((None, 4)), np.ones((1, 4), "float32")
    for left in (a, np.float32(2)):
        for word in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge", "ne"):
            found = getattr(operator, word)(left, placeholder)
            assert isinstance(found, KerasTensor) and found.shape == (None, 4)
        assert (left == placeholder) is False
    assert (np.ones((3, 4), "float32") @ KerasTensor((4, 2))).shape == (3, 2)
    with pytest.raises(TypeError, match=r"Use autonet\.ops\.add"):
        a += placeholder
