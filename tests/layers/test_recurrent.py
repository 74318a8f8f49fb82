"""Recurrent layers do what Keras's do (values recorded by tests/golden/record_recurrent.py), and keep their laws."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Input, Model, Sequential, layers, ops, tree
from autonet.compiler import jit
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import check_gradients, grad
from autonet.utils import set_random_seed

with np.load(Path(__file__).parents[1] / "golden" / "recurrent.npz") as file:
    GOLDEN = dict(file)
FACTS = json.loads(str(GOLDEN["facts"]))
SIMPLE, LSTM, GRU, BEFORE = ("SimpleRNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"reset_after": False})
KINDS = [SIMPLE, LSTM, GRU, BEFORE]
kinds = pytest.mark.parametrize("name, config", KINDS, ids=["simple", "lstm", "gru", "gru-before"])


def arrays(key, layout):
    """The arrays of a case by name."""
    sizes = [int(np.prod(shape)) for _, shape in layout]
    pieces = np.split(GOLDEN[key], np.cumsum(sizes)[:-1])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(layout, pieces, strict=True)}


def parts(path):
    """The names in a path below the layer's own, without the numbers that make them unique."""
    return [re.sub(r"_\d+$", "", name) for name in path.split("/")[1:]]


def group(expected, word):
    """All arrays named `word` and a number, in order."""
    found = sorted([k for k in expected if k.removeprefix(word).isdigit()], key=lambda k: int(k.removeprefix(word)))
    return [expected[k] for k in found]


def close(received, expected):
    np.testing.assert_allclose(received, expected, rtol=3e-5, atol=3e-6)


def made(config):
    """Arguments with the inner layers made."""
    if isinstance(config, list) and config and isinstance(config[0], dict):
        return [made(c) for c in config]
    if isinstance(config, dict) and "class_name" in config:
        return getattr(layers, config["class_name"])(**config["config"])
    return config


def make(kind, config, **more):
    return getattr(layers, kind)(**{k: made(v) for k, v in config.items()}, **more)


def lists(shapes):
    """Tuples as lists, None as -1: what JSON has of them."""
    if isinstance(shapes, (list, tuple)):
        return [lists(s) for s in shapes]
    return -1 if shapes is None else shapes


@pytest.mark.parametrize("i", range(len(FACTS["cases"])), ids=[f"{i}-{c[0]}" for i, c in enumerate(FACTS["cases"])])
def test_values_and_slopes(i):
    name, config, shape, _, _, shapes, paths, layout = FACTS["cases"][i]
    expected = arrays(str(i), layout)
    layer = make(name, config)
    layer.build(tuple(shape))
    assert lists(layer.compute_output_shape((None, *shape[1:]))) == lists(shapes)
    assert [parts(w.path) for w in layer.weights] == [parts(p) for p in paths]
    layer.set_weights(group(expected, "before"))
    options = {"mask": expected["mask"].astype(bool)} if "mask" in expected else {}
    if states := group(expected, "state"):
        options["initial_state"] = [Tensor(s) for s in states]
    x = Tensor(expected["x"], requires_grad=name != "Embedding")
    ys = tree.flatten(layer(x, **options))
    for y, e in zip(ys, group(expected, "y"), strict=True):
        close(y, e)
    total = sum(ops.sum(y * np.cos(np.arange(y.size, dtype="float32") + k).reshape(y.shape)) for k, y in enumerate(ys))
    total.backward()
    if name != "Embedding":
        close(x.grad, expected["x_slope"])
    for w, slope in zip(layer.trainable_variables, group(expected, "slope"), strict=True):
        close(w.grad, slope)


@pytest.mark.parametrize("i", range(len(FACTS["cells"])), ids=[c[0] for c in FACTS["cells"]])
def test_a_step_of_a_cell_with_dropout(i):
    name, config, layout = FACTS["cells"][i]
    expected = arrays(f"cell{i}", layout)
    cell = make(name, config, dropout=0.5, recurrent_dropout=0.5)
    cell.build((2, 4))
    cell.set_weights(group(expected, "before"))
    cell.sequence_begins()
    cell._masks.update({"input": Tensor(expected["masks"]), "state": Tensor(expected["kept"])})
    states = [Tensor(s) for s in group(expected, "state")]
    y, after = cell(Tensor(expected["x"]), states, training=True)
    close(y, expected["y"])
    for a, e in zip(after, group(expected, "after"), strict=True):
        close(a, e)
    outputs, after = cell.scan(Tensor(expected["x"][:, None]), states, None, True)
    close(outputs[:, 0], expected["y"])
    for a, e in zip(after, group(expected, "after"), strict=True):
        close(a, e)


def plain(default):
    """A default with (1, 1) and 1 made the same: both mean one for each axis."""
    return default[0] if isinstance(default, (list, tuple)) and len(set(default)) == 1 else default


@pytest.mark.parametrize("name", FACTS["public"])
def test_arguments(name):
    facts = FACTS["public"][name]
    cls = getattr(layers, name)
    parameters = [p for p in inspect.signature(cls).parameters.values() if p.kind is not p.VAR_KEYWORD]
    received = [[p.name, None if p.default is p.empty else [plain(p.default)]] for p in parameters]
    assert received == [[n, None if d is None else [plain(d[0])]] for n, d in facts["arguments"]]
    config = make(name, facts["given"], name="given").get_config()
    assert json.loads(json.dumps(config)) == facts["config"]
    assert json.loads(json.dumps(cls.from_config(config).get_config())) == facts["config"]


# Laws


@kinds
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 4))
def test_a_masked_step_equals_a_shorter_sequence(name, config, seed, length):
    rng = np.random.default_rng(seed)
    layer = make(name, {**config, "units": 3, "return_state": True}, dtype="float64")
    x = rng.standard_normal((1, 5, 2))
    counts = np.zeros(5, bool)
    counts[rng.permutation(5)[:length]] = True
    for y, z in zip(layer(x, mask=counts[None]), layer(x[:, counts]), strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-12, atol=1e-12)


@kinds
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(1, 5))
def test_stateful_is_one_long_sequence_cut(name, config, seed, cut):
    x = np.random.default_rng(seed).standard_normal((2, 6, 2))
    whole = make(name, {**config, "units": 3, "return_sequences": True}, dtype="float64")
    expected = whole(x)
    pieces = make(name, {**config, "units": 3, "return_sequences": True, "stateful": True}, dtype="float64")
    pieces.build((2, 6, 2))
    pieces.set_weights(whole.get_weights())
    for _ in range(2):
        parts = [np.asarray(pieces(x[:, :cut])), np.asarray(pieces(x[:, cut:]))]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, rtol=1e-12, atol=1e-12)
        pieces.reset_state()


def walked(layer):
    """The same layer, its cell called for each step."""

    class Stepwise(layers.RNN):
        def inner_loop(self, *arguments):
            return self._steps(*arguments)

    walk = {k: getattr(layer, k) for k in ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")}
    return Stepwise(layer.cell, **walk, dtype=layer.dtype)


@kinds
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("extra", [{}, {"go_backwards": True}, {"zero_output_for_mask": True}, {"use_bias": False}])
def test_a_scan_is_the_cell_step_by_step(name, config, masked, extra, rng):
    x = rng.standard_normal((3, 4, 2))
    options = {"mask": rng.integers(0, 2, (3, 4)).astype(bool)} if masked else {}
    config = {**config, **extra, "units": 3, "return_state": True}
    for sequences in (False, True):
        layer = make(name, {**config, "return_sequences": sequences}, dtype="float64")
        if "use_bias" not in extra:
            layer.build(x.shape)
            layer.cell.bias.assign(rng.standard_normal(layer.cell.bias.shape))
        for y, z in zip(layer(x, **options), walked(layer)(x, **options), strict=True):
            np.testing.assert_allclose(y, z, rtol=1e-10, atol=1e-10)


@kinds
def test_slopes_of_the_layer(name, config, rng):
    layer = make(name, {**config, "units": 2, "return_sequences": True}, dtype="float64")
    mask = rng.integers(0, 2, (2, 3)).astype(bool)
    check_gradients(lambda x: layer(x, mask=mask), rng.standard_normal((2, 3, 2)), order=2)


@kinds
def test_dropout_stays_for_a_sequence_and_changes_after_it(name, config, rng):
    x = np.ones((4, 6, 5), "float32")
    layer = make(
        name, {**config, "units": 4, "dropout": 0.5, "recurrent_dropout": 0.5, "return_sequences": True}, seed=7
    )
    plain_y, first, second = (layer(x, training=t).numpy() for t in (False, True, True))
    np.testing.assert_array_equal(plain_y, layer(x))
    assert not np.array_equal(first, second) and not np.array_equal(first, plain_y)
    again = make(
        name, {**config, "units": 4, "dropout": 0.5, "recurrent_dropout": 0.5, "return_sequences": True}, seed=7
    )
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    stepwise = walked(again)
    stepwise.build(x.shape)
    np.testing.assert_allclose(stepwise(x, training=True), first, rtol=1e-5, atol=1e-6)  # the same masks at each step
    assert layer.cell._masks is None


@kinds
@pytest.mark.parametrize("native", [False, "auto"])
def test_captured_equals_eager(name, config, native, rng):
    layer = make(name, {**config, "units": 4, "recurrent_dropout": 0.25, "dropout": 0.25, "return_sequences": True})
    layer.build((3, 5, 2))
    layer.trainable = False  # the walk back is then no record itself
    mask = rng.integers(0, 2, (3, 5)).astype(bool)

    def slopes(x, mask):
        return grad(lambda x: ops.sum(ops.sin(layer(x, mask=mask, training=True))))(x)

    inputs = [(rng.standard_normal((3, 5, 2)).astype("float32"), mask) for _ in range(3)]
    start = layer.cell.seed_generator.state.numpy()
    eager = [slopes(*i) for i in inputs]
    layer.cell.seed_generator.state.assign(start)
    compiled = jit(slopes, native=native)
    for expected, arguments in zip(eager, inputs, strict=True):
        if native:
            np.testing.assert_allclose(compiled(*arguments), expected, rtol=2e-5, atol=2e-6)
        else:
            np.testing.assert_array_equal(compiled(*arguments), expected)


@kinds
def test_a_sequence_is_one_loop_of_a_captured_step(name, config, rng):
    layer = make(name, {**config, "units": 4}, trainable=False)
    counts = []
    for steps in (3, 30):
        x = rng.standard_normal((2, steps, 3)).astype("float32")
        layer(x)
        f = jit(lambda x: grad(lambda x: ops.sum(layer(x)))(x), native=False)
        f(x)
        counts.append(len(f.last.captured.instructions))
    assert counts[0] == counts[1] < 40


def test_a_running_sum_is_learned(rng):
    x = rng.standard_normal((256, 30, 1)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("float32")
    model = Sequential([layers.Input((30, 1)), layers.LSTM(8), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.02
    model.fit(x, y, batch_size=32, epochs=20, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9


# In models


def test_states_and_masks_in_a_graph_of_layers(rng):
    """Encoder to decoder: states handed on, words of padding left out."""
    words = Input((None,), dtype="int32")
    vectors = layers.Embedding(20, 4, mask_zero=True)(words)
    y, *states = layers.LSTM(3, return_sequences=True, return_state=True)(vectors)
    verdict = layers.LSTM(3)(layers.Bidirectional(layers.GRU(2, return_sequences=True))(y), initial_state=states)
    model = Model(words, layers.Dense(1)(verdict))
    x = rng.integers(1, 20, (4, 6))
    padded = np.concatenate([x, np.zeros((4, 3), int)], axis=1)
    np.testing.assert_allclose(model(padded), model(x), rtol=1e-5, atol=1e-6)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(x), model(x))
    model.compile("adam", "mse")
    losses = model.fit(x, x.mean(axis=1, keepdims=True) / 20, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_fit_of_a_stateful_model(rng):
    """Batches go on where the one before them ended, in compiled steps as in eager ones."""
    x, y = rng.standard_normal((6, 5, 3)).astype("float32"), np.zeros((6, 1), "float32")
    results = []
    for eager in (True, False):
        set_random_seed(3)
        model = Sequential([layers.Input((5, 3), batch_size=2), layers.GRU(2, stateful=True), layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=eager)
        model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0)
        results.append([*model.get_weights(), model.layers[0].states[0].numpy()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


# States


def test_states_are_no_weights():
    layer = layers.LSTM(2, stateful=True, name="lstm")
    layer(np.ones((2, 3, 4), "float32"))
    assert [w.path for w in layer.variables] == [
        "lstm/lstm_cell/kernel",
        "lstm/lstm_cell/recurrent_kernel",
        "lstm/lstm_cell/bias",
        layer.cell.seed_generator.state.path,
    ]
    assert [s.path for s in layer.states] == ["lstm/rnn_state"] * 2
    assert all(np.any(s.numpy()) for s in layer.states)
    layer.reset_states()
    assert not any(np.any(s.numpy()) for s in layer.states)


def test_stateful_in_a_captured_step(rng):
    layer = layers.LSTM(2, stateful=True)
    x = rng.standard_normal((2, 3, 4)).astype("float32")
    eager = [np.asarray(layer(x)) for _ in range(3)]
    layer.reset_state()
    f = jit(lambda x: layer(x))
    for y in eager:
        np.testing.assert_allclose(f(x), y, rtol=1e-5, atol=1e-6)


def test_stack_of_stateful_cells(rng):
    x = rng.standard_normal((2, 6, 3)).astype("float32")
    layer = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], stateful=True, return_sequences=True)
    first, second = np.asarray(layer(x[:, :3])), np.asarray(layer(x[:, 3:]))
    layer.reset_state()
    np.testing.assert_allclose(np.concatenate([first, second], 1), layer(x), rtol=1e-5, atol=1e-6)


class Decay(layers.Layer):
    """A cell with a matrix and a vector as states, whose output is neither."""

    def __init__(self, units, **common):
        super().__init__(**common)
        self.units = units
        self.state_size = [(2, units), units]
        self.output_size = units

    def build(self, input_shape):
        self.k = self.add_weight((input_shape[-1], self.units), "ones", name="k")

    def call(self, x, states):
        h = states[1] * 0.5 + x @ self.k
        return h * 2, [states[0] + 1, h]


@pytest.mark.parametrize("zero", [False, True])
def test_a_cell_of_ones_own(zero):
    x = np.ones((2, 3, 1), "float32")
    layer = layers.RNN(Decay(1), return_sequences=True, return_state=True, zero_output_for_mask=zero)
    y, count, h = layer(x, mask=np.array([[1, 1, 1], [1, 0, 1]], bool))
    np.testing.assert_allclose(y[..., 0], [[2, 3, 3.5], [2, 0 if zero else 2, 3]])
    np.testing.assert_allclose(count[:, 0, 0], [3, 2])
    np.testing.assert_allclose(h[:, 0], [1.75, 1.5])
    assert layer.compute_output_shape((None, 3, 1)) == ((None, 3, 1), (None, 2, 1), (None, 1))
    stack = layers.RNN([Decay(2), layers.GRUCell(3)])
    assert stack(x).shape == (2, 3) == stack.compute_output_shape((2, 3, 1))


# Wrappers


def test_both_directions(rng):
    x = rng.standard_normal((2, 4, 3)).astype("float32")
    layer = layers.Bidirectional(layers.LSTM(2, return_sequences=True, return_state=True, name="it"))
    y, *states = layer(x)
    ahead, h, c = layer.forward_layer(x)
    back, h2, c2 = layer.backward_layer(x)
    np.testing.assert_array_equal(y, np.concatenate([ahead, np.asarray(back)[:, ::-1]], axis=-1))
    for s, e in zip(states, (h, c, h2, c2), strict=True):
        np.testing.assert_array_equal(s, e)
    assert (layer.forward_layer.name, layer.backward_layer.name) == ("forward_it", "backward_it")
    again = layers.Bidirectional.from_config(layer.get_config())
    assert (again.forward_layer.name, again.backward_layer.name) == ("forward_it", "backward_it")
    assert layer.states is None


def test_first_weights_of_both_directions(rng):
    x = rng.standard_normal((2, 4, 3)).astype("float32")
    layer = layers.Bidirectional(layers.GRU(2))
    y = layer(x)
    np.testing.assert_array_equal(layers.Bidirectional(layers.GRU(2), weights=layer.get_weights())(x), y)


def test_masks_go_on():
    x = np.array([[3, 1, 0, 0], [2, 0, 5, 0]])
    words = layers.Embedding(7, 3, mask_zero=True)(x)
    counts = x != 0
    for layer in (layers.LSTM(2, return_sequences=True), layers.Bidirectional(layers.GRU(2, return_sequences=True))):
        np.testing.assert_array_equal(layer(words)._mask, counts)
    assert getattr(layers.LSTM(2)(words), "_mask", None) is None
    y, h = layers.GRU(2, return_sequences=True, return_state=True)(words)
    np.testing.assert_array_equal(y._mask, counts)
    assert getattr(h, "_mask", None) is None
    np.testing.assert_array_equal(layers.TimeDistributed(layers.Dense(2))(words)._mask, counts)
    y, z = layers.Bidirectional(layers.GRU(2, return_sequences=True), merge_mode=None)(words)
    np.testing.assert_array_equal(y._mask, z._mask)


def test_a_layer_for_each_step(rng):
    x = rng.standard_normal((3, 4, 5)).astype("float32")
    norm = layers.TimeDistributed(layers.BatchNormalization())
    y = np.asarray(norm(x, training=True))
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-5)  # each step by its own moments
    dense = layers.TimeDistributed(layers.Dense(2))
    regular = layers.TimeDistributed(layers.Dense(2, activity_regularizer="l2"))
    regular.build(x.shape)
    y = dense(x)
    regular.set_weights(dense.get_weights())
    np.testing.assert_allclose(regular(x), y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(sum(regular.losses), 0.01 * np.sum(np.square(y)) / 3, rtol=1e-5)
    masked = layers.TimeDistributed(layers.LSTM(2))
    mask = np.ones((2, 3), bool)
    assert masked(rng.standard_normal((2, 3, 4, 5)), mask=mask[:, :, None] & np.ones(4, bool)).shape == (2, 3, 2)


def test_mask_of_a_convolutional_memory(rng):
    x = rng.standard_normal((2, 4, 5, 1)).astype("float32")
    layer = layers.ConvLSTM1D(2, 3, return_sequences=True)
    mask = np.array([[1, 0, 1, 1], [1, 1, 1, 1]], bool)
    y = layer(x, mask=mask)
    np.testing.assert_allclose(y[:1, [0, 2, 3]], layer(x[:1, [0, 2, 3]]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y[0, 1], y[0, 0])


X = np.ones((2, 3, 4), "float32")


@pytest.mark.parametrize(
    "call, error, advice",
    [
        (lambda: layers.RNN(3), ArgumentError, "expects a cell"),
        (lambda: layers.RNN(layers.Dense(3)), ArgumentError, "state_size"),
        (lambda: layers.StackedRNNCells([3]), ArgumentError, "expects a cell"),
        (lambda: layers.LSTM(0), ArgumentError, "above 0"),
        (lambda: layers.LSTM(2, colour=3), ArgumentError, "no argument 'colour'"),
        (lambda: layers.LSTM(2)(X[0]), ShapeError, "3 axes"),
        (lambda: layers.LSTM(2)(X[:, :0]), ShapeError, "at least one step"),
        (lambda: layers.LSTM(2)(X, initial_state=[X[:, 0, :2]]), ShapeError, "initial_state of shapes"),
        (lambda: layers.GRU(2)(X, initial_state=X[:, 0]), ShapeError, "initial_state of shapes"),
        (lambda: layers.LSTM(2)(X, mask=X[:, :2, 0]), ShapeError, "one truth for each step"),
        (lambda: layers.LSTM(2, stateful=True).build((None, 3, 4)), ShapeError, "batch_size="),
        (lambda: layers.Bidirectional(layers.Dense(2)), ArgumentError, "recurrent layer"),
        (lambda: layers.Bidirectional(layers.LSTM(2), "max"), ArgumentError, "one of 'concat'"),
        (lambda: layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2)), ArgumentError, "opposite"),
        (
            lambda: layers.Bidirectional(
                layers.LSTM(2), backward_layer=layers.LSTM(2, go_backwards=True, return_state=True)
            ),
            ArgumentError,
            "agree on return_state",
        ),
        (lambda: layers.Bidirectional(layers.LSTM(2))(X, initial_state=[X[:, 0, :2]]), ArgumentError, "even number"),
        (lambda: layers.TimeDistributed(3), ArgumentError, "expects a layer"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(X[:, 0]), ShapeError, "three axes"),
    ],
)
def test_errors_give_advice(call, error, advice):
    with pytest.raises(error, match=advice):
        call()


def test_another_batch_size_of_a_stateful_layer():
    layer = layers.LSTM(2, stateful=True)
    layer(X)
    with pytest.raises(ShapeError, match="Keep the batch size"):
        layer(X[:1])
