"""Layer: what it owns, its weights, losses, names, dtypes, masks, and its errors."""

import gc
import weakref

import numpy as np
import pytest

from autonet import Sequential, initializers, layers, metrics, ops, regularizers
from autonet.common import dtypes
from autonet.core import Tensor
from autonet.errors import ArgumentError, DtypeError, NotBuiltError, ShapeError
from autonet.legacy import LegacyWarning
from autonet.random import SeedGenerator
from autonet.variable import Variable


def batch(*shape, dtype="float32"):
    return Tensor(np.ones(shape, dtype))


class Block(layers.Layer):
    """A layer that owns others in every way there is."""

    def __init__(self, **common):
        super().__init__(**common)
        self.own = self.add_weight((2,), name="own")
        self.stack = [layers.Dense(2, name="first"), {"side": layers.Dense(3, name="side")}]
        self.pair = (layers.Dropout(0.5, seed=1), layers.Dense(3, name="last"))
        self.generator = SeedGenerator(3)
        self.total = metrics.Mean(name="total")
        self.stack.append(layers.BatchNormalization(name="later"))

    def call(self, x):
        first, side, norm = self.stack
        return self.pair[1](self.pair[0](norm(side["side"](first(x)))))


def names(variables):
    return [v.path for v in variables]


def test_finds_what_it_owns():
    """In attributes, lists (also what is appended later), tuples and dictionaries, each once, in order."""
    block = Block(name="block")
    block(batch(4, 5))
    assert names(block.weights) == [
        "block/own",
        "block/first/kernel",
        "block/first/bias",
        "block/side/kernel",
        "block/side/bias",
        "block/later/gamma",
        "block/later/beta",
        "block/later/moving_mean",
        "block/later/moving_variance",
        "block/last/kernel",
        "block/last/bias",
    ]
    assert len(block.trainable_weights) == 9
    assert names(block.non_trainable_weights) == ["block/later/moving_mean", "block/later/moving_variance"]
    others = [v for v in block.variables if not any(v is w for w in block.weights)]
    assert any(v is block.generator.state for v in others)
    assert len(others) == 2  # two generators
    assert [id(v) for v in block.metrics_variables] == [id(v) for v in block.total.variables]
    assert [m.name for m in block.metrics] == ["total"]


def test_what_stands_twice_counts_once():
    shared = layers.Dense(2)
    layer = layers.Layer()
    layer.a, layer.b, layer.more = shared, shared, [shared]
    shared.build((None, 3))
    assert len(layer.weights) == 2
    layer.a = None
    assert len(layer.weights) == 2
    layer.b = layer.more = None
    assert layer.weights == []


def test_replaced_and_deleted_attributes_are_given_up():
    layer = layers.Layer()
    layer.inner = layers.Dense(2)
    layer.inner.build((None, 3))
    layer.inner = layers.Dense(4)
    assert layer.weights == []
    layer.inner.build((None, 3))
    assert [w.shape for w in layer.weights] == [(3, 4), (4,)]
    del layer.inner
    assert layer.weights == []


def test_a_variable_of_its_own_is_a_weight():
    layer = layers.Layer()
    layer.scale = Variable(np.ones(2, "float32"))
    layer.count = Variable(np.zeros((), "int32"), trainable=False)
    assert [w is v for w, v in zip(layer.weights, (layer.scale, layer.count), strict=True)] == [True, True]
    assert len(layer.trainable_weights) == 1


def test_trainable_reaches_all_below():
    block = Block()
    block(batch(4, 5))
    block.trainable = False
    assert not block.trainable_weights and not block.stack[0].trainable
    assert not any(w.trainable for w in block.weights)
    assert len(block.non_trainable_weights) == len(block.weights)
    block.trainable = True
    block.stack[0].trainable = False
    assert len(block.trainable_weights) == 7
    assert not any(w.trainable for w in block.stack[2].non_trainable_weights)  # moving averages stay what they are


def test_frozen_before_it_is_built():
    layer = layers.Dense(2, trainable=False)
    layer.build((None, 3))
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 2
    layer.trainable = True
    assert len(layer.trainable_weights) == 2


def test_frozen_weights_get_no_gradient():
    layer = layers.Dense(2)
    layer(batch(1, 3))
    layer.trainable = False
    x = Tensor(np.ones((1, 3), "float32"), requires_grad=True)
    layer(x).sum().backward()
    assert layer.kernel.grad is None and x.grad is not None


# Weights in and out


def test_get_weights_gives_copies():
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.get_weights()[0][:] = 7
    assert not np.any(layer.kernel.numpy() == 7)


@pytest.mark.parametrize("error, weights", [
    (ArgumentError, [np.zeros((3, 2))]),
    (ArgumentError, [np.zeros((3, 2)), np.zeros(2), np.zeros(2)]),
    (ShapeError, [np.zeros((3, 2)), np.zeros(3)]),
    (ShapeError, [np.zeros((3, 2)), np.zeros((1, 2))]),
])  # fmt: skip
def test_set_weights_takes_everything_or_nothing(error, weights):
    layer = layers.Dense(2, name="mine")
    layer.build((None, 3))
    before = layer.get_weights()
    with pytest.raises(error, match="mine.*set_weights received"):
        layer.set_weights(weights)
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_set_weights_keeps_the_dtype():
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.set_weights([np.full((3, 2), 0.5), np.arange(2)])
    assert layer.kernel.dtype == layer.bias.dtype == "float32"
    np.testing.assert_array_equal(layer(batch(1, 3)), [[1.5, 2.5]])


def test_count_params():
    layer = layers.Dense(2, name="mine")
    with pytest.raises(NotBuiltError, match="'mine' has no weights yet: build it"):
        layer.count_params()
    layer.build((None, 3))
    assert layer.count_params() == 8


def test_add_weight():
    layer = layers.Layer(name="mine")
    w = layer.add_weight(
        shape=(2, 3), initializer=initializers.Ones(), regularizer="l1", constraint="non_neg", name="w", dtype="float64"
    )
    assert (w.path, w.dtype, w.trainable, w.shape) == ("mine/w", "float64", True, (2, 3))
    assert w.constraint is not None and w.regularizer is not None
    steps = layer.add_weight(dtype="int32", trainable=False)
    assert (steps.shape, int(steps)) == ((), 0)
    with pytest.raises(ShapeError, match="every length must be known"):
        layer.add_weight(shape=(None, 2))


def test_add_variable_is_add_weight():
    class Counting(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seen = self.add_variable((), "zeros", trainable=False, name="seen")

        def call(self, x):
            self.seen.assign(self.seen + 1)
            return x

    layer = Counting()
    layer(np.ones((2, 2)))
    assert float(layer.seen) == 1 and [w.name for w in layer.non_trainable_weights] == ["seen"]


def test_unknown_features_are_refused():
    with pytest.raises(ShapeError, match="'mine' cannot make a weight of shape .*every length must be known"):
        layers.Dense(2, name="mine").build((None, None))


# Losses


class Penalised(layers.Layer):
    def call(self, x):
        self.add_loss(ops.sum(x))
        return x


def test_losses_of_the_last_call():
    """A call from outside starts them anew; within one call they come together."""
    layer = Penalised()
    layer(batch(2))
    layer(batch(3))
    assert [float(x) for x in layer.losses] == [3.0]
    model = Sequential([layer])
    model(batch(4, 1))
    assert [float(x) for x in model.losses] == [4.0]


def test_losses_within_one_call_add_up():
    class Twice(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Penalised()

        def call(self, x):
            return self.inner(self.inner(x) * 2)

    layer = Twice()
    for _ in range(2):
        layer(batch(2))
        assert [float(x) for x in layer.losses] == [2.0, 4.0]


def test_a_call_that_failed_leaves_nothing_behind():
    class Fails(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        Fails()(batch(2))
    layer = Penalised()
    for _ in range(2):
        layer(batch(2))
    assert len(layer.losses) == 1


def test_losses_of_regularized_weights():
    layer = layers.Dense(2, kernel_initializer="ones", kernel_regularizer=regularizers.L2(0.5), bias_regularizer="l1")
    layer.build((None, 3))
    assert [float(x) for x in layer.losses] == [3.0, 0.0]
    layer.trainable = False
    assert layer.losses == []


def test_activity_is_penalised_per_sample():
    layer = layers.Dense(2, kernel_initializer="ones", activity_regularizer=regularizers.L2(0.5))
    layer(batch(4, 3))
    assert [float(x) for x in layer.losses] == [9.0]  # 0.5 times two units of 3 squared
    layer(batch(0, 3))
    assert [float(x) for x in layer.losses] == [0.0]
    assert type(layers.Dense.from_config(layer.get_config()).activity_regularizer) is regularizers.L2


def test_a_loss_is_one_number():
    layer = layers.Layer()
    with pytest.raises(ShapeError, match=r"one number; received shape \(2,\). Reduce it"):
        layer.add_loss(batch(2))


# Names, dtypes


def test_names_count_up():
    first, second = layers.Dense(1), layers.Dense(1)
    start = first.name.removeprefix("dense").lstrip("_") or "0"
    assert second.name == f"dense_{int(start) + 1}"
    assert layers.MaxPooling2D().name.startswith("max_pooling2d")
    assert layers.LeakyReLU().name.startswith("leaky_re_lu")


@pytest.mark.parametrize("name", ["a/b", 3])
def test_names_are_strings_without_slashes(name):
    with pytest.raises(ArgumentError, match="string without '/'"):
        layers.Dense(2, name=name)


def test_default_dtype_is_floatx():
    dtypes.set_floatx("float64")
    layer = layers.Dense(2)
    assert layer(batch(1, 3)).dtype == layer.kernel.dtype == "float64"


def test_floats_are_cast_integers_not():
    layer = layers.Flatten()
    assert layer(batch(2, 3, dtype="float64")).dtype == "float32"
    assert layer(batch(2, 3, dtype="int32")).dtype == "int32"
    assert layers.Flatten(autocast=False)(batch(2, 3, dtype="float64")).dtype == "float64"
    assert layers.Dense(2)(batch(2, 3, dtype="int32")).dtype == "float32"


def test_gradients_pass_the_cast():
    layer = layers.Dense(2, kernel_initializer="ones")
    x = Tensor(np.ones((1, 3)), requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.dtype == "float64" and x.grad.tolist() == [[2.0, 2.0, 2.0]]


# The call


def test_arrays_and_keywords_are_taken():
    layer = layers.Dense(2, kernel_initializer="ones")
    x = np.ones((1, 3))
    assert layer(x).tolist() == layer(inputs=x).tolist() == layer(inputs=Tensor(x)).tolist() == [[3.0, 3.0]]
    fresh = layers.Dense(2)
    assert fresh(inputs=x).shape == (1, 2)  # also the first time


def test_numbers_in_lists_are_refused():
    with pytest.raises(DtypeError, match="'mine' expects arrays or Tensors; received list.*np.array"):
        layers.Dense(2, name="mine")([[1.0, 2.0]])


def test_misfit_features():
    layer = layers.Dense(2, name="mine")
    layer(batch(1, 3))
    with pytest.raises(ShapeError, match=r"'mine' expects length 3 on axis -1; received shape \(1, 4\).*reshape"):
        layer(batch(1, 4))
    with pytest.raises(ShapeError, match="'mine' expects an input of at least 2 axes"):
        layer(batch(3))


def test_a_layer_without_call():
    with pytest.raises(NotImplementedError, match="Define call"):
        layers.Layer()(batch(1, 2))


def test_training_is_passed_down_and_put_back():
    seen = []

    class Probe(layers.Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.probe = Probe()

        def call(self, x):
            return self.probe(self.probe(x), training=False)

    outer = Outer()
    outer(batch(1), training=True)
    outer(batch(1))
    assert seen == [True, False, None, False]


# Masks


def masked(x, mask):
    x = Tensor(x)
    x._mask = Tensor(mask)
    return x


def test_masks_travel_through_layers_that_support_them():
    mask = np.array([[True, False]])
    x = masked(np.ones((1, 2, 3), "float32"), mask)
    for layer in (layers.Dense(2), layers.Activation("relu"), layers.Dropout(0.5), layers.BatchNormalization()):
        for training in (False, True):
            y = layer(x, training=training)
            np.testing.assert_array_equal(y._mask, mask)
    assert getattr(layers.Flatten()(x), "_mask", None) is None
    assert getattr(layers.GlobalAveragePooling1D()(x), "_mask", None) is None


def test_masks_survive_the_cast():
    x = masked(np.ones((1, 2, 3)), np.array([[True, False]]))
    assert layers.Dense(2)(x)._mask is x._mask
    assert layers.GlobalAveragePooling1D()(x).shape == (1, 3)


def test_masks_reach_the_call():
    x = masked(np.array([[[1.0], [5.0]]], "float32"), np.array([[True, False]]))
    assert layers.GlobalAveragePooling1D()(x).tolist() == [[1.0]]


# Configuration, memory


def test_configuration_that_does_not_fit():
    with pytest.raises(ValueError, match="Dense cannot be made from the configuration|Dense has no argument"):
        layers.Dense.from_config({"units": 3, "colour": "red"})


def test_default_output_shape_is_that_of_the_call():
    class Halves(layers.Layer):
        def call(self, x):
            return x[:, ::2]

    assert Halves().compute_output_shape((None, 6)) == (None, 3)


def test_a_dropped_layer_is_freed_at_once():
    gc.disable()
    try:
        block = Block()
        block(batch(4, 5)).sum().backward()
        ref = weakref.ref(block)
        del block
        assert ref() is None
    finally:
        gc.enable()


def test_a_weight_by_the_name_of_its_initializer():
    """In front stands an initializer's name, or, as in Keras 2, the weight's own."""
    layer = layers.Layer()
    assert layer.add_weight("ones", shape=(2,)).tolist() == [1, 1]
    assert layer.add_weight("ones", (2,), name="w").name == "w"
    assert layer.add_weight("zeros").shape == ()
    for call in (
        lambda: layer.add_weight("kernel", shape=(2, 3), initializer="ones"),
        lambda: layer.add_weight("kernel", (2, 3), initializer="ones"),
    ):
        with pytest.warns(LegacyWarning, match="name='kernel'"):
            w = call()
        assert w.name == "kernel" and w.shape == (2, 3) and w.numpy().all()
    with pytest.raises(ArgumentError, match="by their names"):
        layer.add_weight("kernel", (2, 3), "float32")


def test_a_variable_is_not_replaced_by_a_tensor():
    class Counter(layers.Layer):
        def __init__(self):
            super().__init__()
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.count += 1
            return x

    counter = Counter()
    with pytest.raises(
        ArgumentError, match=r"Counter 'counter': its attribute 'count' is a Variable.*self\.count\.assign"
    ):
        counter(batch(1, 1))
    assert isinstance(counter.count, Variable) and len(counter.weights) == 1
    counter.count = Variable(1.0)  # another one may come
    counter.count = None


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: layers.Dense(3), "kernel"),
        (lambda: layers.Dense(3), "bias"),
        (lambda: layers.Embedding(5, 3), "embeddings"),
        (lambda: layers.Conv2D(3, 3), "kernel"),
        (lambda: layers.BatchNormalization(), "gamma"),
        (lambda: layers.LSTMCell(3), "recurrent_kernel"),
    ],
)
def test_a_weight_before_build_is_not_there_yet(make, name):
    layer = make()
    with pytest.raises(AttributeError, match=rf"has no '{name}' before it is built: call it on data"):
        getattr(layer, name)
    assert not hasattr(layer, name)
    layer.built = True  # as somebody's own `build` may say that made no such weight
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        getattr(layer, name)
    with pytest.raises(AttributeError, match="has no attribute 'misspelt'"):
        _ = make().misspelt


@pytest.mark.parametrize(
    "value", [np.ones((3, 2)), Tensor(np.ones((3, 2))), 0, 0.0, np.float32(1)], ids=lambda v: type(v).__name__
)
def test_numbers_take_no_variables_place(value):
    layer = layers.Dense(2, name="d")
    layer(np.ones((1, 3)))
    with pytest.raises(ArgumentError, match="Dense 'd': its attribute 'kernel' is a Variable.*self.kernel.assign"):
        layer.kernel = value
    layer.bias = None
    layer.kernel = Variable(np.zeros((3, 2)))
    assert not np.any(layer(np.ones((1, 3))))


@pytest.mark.parametrize("value", ["no", None, 0.5, [True]])
def test_trainable_is_a_truth(value):
    layer = layers.Dense(2, name="d")
    layer(np.ones((1, 3)))
    for owner in (layer, layer.kernel, layers.Flatten()):
        with pytest.raises(ArgumentError, match="expects trainable to be True or False; received"):
            owner.trainable = value
    layer.trainable = np.False_
    assert layer.trainable is False and not layer.trainable_weights
