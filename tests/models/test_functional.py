"""Models given by inputs and outputs: what they take, return, refuse, store, and cost."""

import gc
import pickle
import sys
import weakref
from collections import OrderedDict
from functools import partial

import numpy as np
import pytest

import autonet as keras
from autonet import Input, Model, Sequential, layers, models
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.utils import set_random_seed


def two_inputs(outputs=None):
    """Inputs a and b of three features through one Dense, their sum, and a head of it."""
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = layers.Dense(2, activation="tanh", name="shared")
    total = layers.Add(name="total")([shared(a), shared(b)])
    return Model([a, b], [total, layers.Dense(1, name="head")(total)], name="two")


def values(*arrays):
    return [np.array(x) for x in arrays]


@pytest.fixture
def data(rng):
    return [rng.standard_normal((5, 3)).astype("float32") for _ in range(2)]


# In and out


def test_what_it_is():
    model = two_inputs()
    assert type(model) is models.Functional and isinstance(model, Model)
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "total", "head"]
    assert (model.input_names, model.output_names) == (["a", "b"], ["total", "head"])
    assert model.input_shape == [(None, 3), (None, 3)] and model.output_shape == [(None, 2), (None, 1)]
    assert model.input == model.inputs and model.output == model.outputs
    assert model.built and len(model.weights) == 4  # the shared layer's once
    assert model.get_layer("shared") is model.get_layer(index=2)


@pytest.mark.parametrize("pack", [
    lambda a, b: [a, b], lambda a, b: (a, b), lambda a, b: {"a": a, "b": b}, lambda a, b: {"b": Tensor(b), "a": Tensor(a)},
])  # fmt: skip
def test_ways_to_give_inputs(pack, data):
    model = two_inputs()
    kernel, bias = model.get_layer("shared").get_weights()
    expected = sum(np.tanh(x @ kernel + bias) for x in data)
    for outputs in (model(pack(*data)), model.predict(pack(*data), verbose=0)):
        assert isinstance(outputs, list)
        np.testing.assert_allclose(np.array(outputs[0]), expected, rtol=1e-5)


def test_trees_of_inputs_and_outputs(data):
    a, b, c = (Input((3,), name=name) for name in "abc")
    model = Model({"one": a, "two": [b, c]}, {"sum": a + b, "rest": (c * 2, [a])})
    x = data[0]
    out = model({"one": x, "two": [x, x]})
    assert out.keys() == {"sum", "rest"} and isinstance(out["rest"], tuple)
    np.testing.assert_array_equal(np.array(out["rest"][0]), x * 2)
    np.testing.assert_array_equal(np.array(out["rest"][1][0]), x)
    with pytest.warns(UserWarning, match="has no input for"):
        model({"one": x, "two": [x, x], "three": x})


def test_a_single_input_and_output(data):
    a = Input((3,), name="a")
    model = Model(inputs=a, outputs=a * 2, name="double")
    for given in (data[0], [data[0]], {"a": data[0]}, Tensor(data[0])):
        np.testing.assert_array_equal(np.array(model(given)), data[0] * 2)
    assert model.output_shape == (None, 3)


def test_inputs_take_the_declared_shape_and_dtype(data):
    a = Input((3, 1), name="a")
    lone = Model(a, a + 0)
    assert lone(data[0]).shape == (5, 3, 1)
    b = Input((3,), dtype="int32", name="b")
    whole = Model(b, b + 1)
    assert whole(data[0][..., None]).shape == (5, 3)
    assert whole(data[0]).dtype == "int32"
    c = Input((3,), dtype="float64")
    assert Model(c, c * 2)(np.ones((2, 3), "uint8")).dtype == "float64"


@pytest.mark.parametrize("use, error, message", [
    (lambda m, x: m([x]), ArgumentError, r"Functional 'two' expects 2 inputs, \['a', 'b'\]; received 1"),
    (lambda m, x: m({"a": x}), ArgumentError, r"Functional 'two' is missing its input 'b': it expects the inputs \['a', 'b'\]"),
    (lambda m, x: m([x, None]), ArgumentError, "is missing its input 'b', which is not optional"),
    (lambda m, x: m([x, x[:, :2]]), ShapeError, r"expects its input 'b' to have shape \(None, 3\); received \(5, 2\)"),
    (lambda m, x: m([x[0], x]), ShapeError, r"expects its input 'a' to have shape \(None, 3\); received \(3,\)"),
    (lambda m, x: m([x, x[..., None, None]]), ShapeError, r"received \(5, 3, 1, 1\). The first axis counts the samples"),
    (lambda m, x: m([Input((4,)), Input((3,))]), ShapeError, r"its input 'a' to have shape \(None, 3\); received \(None, 4\)"),
    (lambda m, x: m.fit([x, x[:, :2]], [x[:, :2], x[:, :1]], verbose=0), ShapeError, "expects its input 'b'"),
])  # fmt: skip
def test_misfits_name_the_input(use, error, message, data):
    model = two_inputs()
    model.compile("sgd", "mse")
    with pytest.raises(error, match=message):
        use(model, data[0])


def test_optional_inputs(data):
    class Plus(layers.Layer):
        def call(self, inputs):
            x, extra = inputs
            return x if extra is None else x + extra

        def compute_output_shape(self, input_shape):
            return input_shape[0]

    a, b = Input((3,), name="a"), Input((3,), name="b", optional=True)
    model = Model([a, b], Plus()([a, b]))
    np.testing.assert_array_equal(np.array(model([data[0], None])), data[0])
    np.testing.assert_array_equal(np.array(model(data)), data[0] + data[1])


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_an_optional_input_may_be_left_out_in_training(names):
    class Plus(layers.Layer):
        def call(self, inputs):
            return inputs["a"] if inputs["b"] is None else inputs["a"] + inputs["b"]

        def compute_output_shape(self, input_shape):
            return input_shape["a"]

    inputs = {name: Input((3,), name=name, optional=name == "b") for name in names}
    model = Model(inputs, layers.Dense(1)(Plus()(inputs)))
    model.compile("sgd", "mse")
    x, y = np.ones((5, 3), "float32"), np.ones((5, 1), "float32")
    without, both = {n: x if n == "a" else None for n in names}, dict.fromkeys(names, x)
    for given in (without, both, without):
        assert np.isfinite(model.fit(given, y, batch_size=2, validation_split=0.4, verbose=0).history["val_loss"][0])
        assert model.predict(given, verbose=0).shape == (5, 1)
    loss = model.evaluate(without, y, verbose=0)
    assert model.evaluate(iter([(without, y)]), verbose=0) == pytest.approx(loss)
    with pytest.raises(ArgumentError, match="missing its input 'a', which is not optional"):
        model.fit({n: None if n == "a" else x for n in names}, y, verbose=0)


@pytest.mark.parametrize("make, message", [
    (lambda a, b: Model(a, a + b), r"output 0 depends on the input 'b', which is not among the inputs \['a'\]"),
    (lambda a, b: Model(a, np.ones(3)), "expects outputs to be placeholders"),
    (lambda a, b: Model(np.ones(3), a), "expects inputs to be placeholders"),
    (lambda a, b: Model([a, a], a), "one placeholder twice"),
    (lambda a, b: Model(a, layers.Dense(2, name="d")(layers.Dense(2, name="d")(a))), "2 layers named 'd'"),
    (lambda a, b: Model(a), "expects inputs and outputs, or neither"),
    (lambda a, b: Model(a, a * 2).get_layer("Dense"), "layer of Functional"),
])  # fmt: skip
def test_refusals(make, message):
    with pytest.raises(ArgumentError, match=message):
        make(Input((3,), name="a"), Input((3,), name="b"))


def test_an_input_that_nothing_needs(data):
    a, b = Input((3,), name="a"), Input((3,), name="b")
    np.testing.assert_array_equal(np.array(Model([a, b], a * 2)(data)), data[0] * 2)


# Graphs in graphs


def test_models_inside_models(data):
    """A model applied to placeholders is a layer; applied twice, it has its weights once."""
    inner = two_inputs()
    c, d = Input((3,)), Input((3,))
    once, head = inner([c, d])
    twice = inner({"a": d, "b": c})[0]
    outer = Model([c, d], [once - twice, head])
    assert outer.layers[2] is inner and len(outer.weights) == len(inner.weights)
    difference, received = outer(data)
    np.testing.assert_allclose(np.array(difference), 0, atol=1e-6)
    np.testing.assert_array_equal(np.array(received), np.array(inner(data)[1]))
    assert inner.output[0] is not once and inner.output_shape == [(None, 2), (None, 1)]


def test_a_stack_inside_and_around(data):
    stack = Sequential([Input((3,)), layers.Dense(4, name="s1"), layers.Dense(2, name="s2")], name="stack")
    a = Input((3,), name="a")
    model = Model(a, stack(a) * 2)
    np.testing.assert_array_equal(np.array(model(data[0])), np.array(stack(data[0]) * 2))
    around = Sequential([model, layers.Dense(1)])
    assert around.input_shape == (None, 3) and around.output_shape == (None, 1)


def test_parts_of_a_model(data):
    """`layer.input` and `layer.output` give what lies inside."""
    model = two_inputs()
    inside = Model(model.inputs, [model.get_layer("shared").output, model.get_layer("total").output])
    first, total = inside(data)
    np.testing.assert_array_equal(np.array(total), np.array(model(data)[0]))
    assert first.shape == (5, 2)
    upper = Model(model.get_layer("head").input, model.get_layer("head").output)
    np.testing.assert_array_equal(np.array(upper(total)), np.array(model(data)[1]))
    assert [type(layer).__name__ for layer in upper.layers] == ["InputLayer", "Dense"]


def test_a_subclass_with_its_own_step(data):
    class Noisy(Model):
        def train_step(self, data):
            self.seen = True
            return super().train_step(data)

    a = Input((3,))
    model = Noisy(a, layers.Dense(1)(a))
    model.compile("sgd", "mse")
    model.fit(data[0], data[1][:, :1], verbose=0)
    assert model.seen and model.output_names[0].startswith("dense")
    assert type(Noisy.from_config(model.get_config())) is Noisy


def test_a_subclass_with_its_own_constructor(data):
    class Wide(Model):
        def __init__(self, units, **common):
            a = Input((3,))
            super().__init__(inputs=a, outputs=layers.Dense(units)(a), **common)
            self.units = units

        def get_config(self):
            return {"units": self.units, "name": self.name}

    model = Wide(7)
    assert model(data[0]).shape == (5, 7)
    assert Wide.from_config(model.get_config()).output_shape == (None, 7)


def test_models_without_a_graph_have_none_of_it():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.outputs = 3  # these names are its own

        def call(self, inputs):
            return inputs

    model = Own()
    assert model.outputs == 3
    assert not hasattr(model, "inputs")
    with pytest.raises(AttributeError, match="was not given by inputs and outputs"):
        _ = model.output_shape
    with pytest.raises(NotImplementedError, match=r"has no call\(\)"):
        Model()(np.ones(2))


# What is carried along


def test_training_reaches_every_layer(data):
    a = Input((3,))
    inner = Sequential([Input((3,)), layers.Dropout(0.5, seed=1)])
    model = Model(a, [layers.Dropout(0.5, seed=1)(a), layers.Dropout(0.5, seed=1)(a, training=False), inner(a),
                      layers.Dropout(0.5, seed=1)(a, training=True)])  # fmt: skip
    assert not np.array_equal(np.array(model(data[0])[3]), data[0])  # nothing is said but in the graph
    for call in (lambda **t: model(data[0], **t), lambda **t: model.call(Tensor(data[0]), **t)):
        for training in (True, False):
            changed = [not np.array_equal(np.array(y), data[0]) for y in call(training=training)]
            assert changed == [training, False, training, training]


def test_states_go_from_layer_to_layer(rng):
    """A decoder that starts from an encoder's states."""
    x = rng.standard_normal((3, 5, 4)).astype("float32")
    a = Input((5, 4))
    encoder, decoder = layers.LSTM(2, return_sequences=True, return_state=True), layers.LSTM(2)
    y, *states = encoder(a)
    model = Model(a, decoder(y, initial_state=states))
    y, *states = encoder(x)
    expected = np.array(decoder(y, initial_state=states))
    assert np.array_equal(np.array(model(x)), expected)
    assert np.allclose(model.predict(x, verbose=0), expected, atol=1e-6)


def test_masks_pass_through(rng):
    """As through a Sequential of the same layers, and through a model inside."""
    words = rng.integers(0, 4, (6, 5)).astype("int32")
    words[:, 0] = 1
    embed, pool = layers.Embedding(4, 3, mask_zero=True), layers.GlobalAveragePooling1D()
    stack = Sequential([embed, layers.Dense(2, name="d"), pool])
    expected = np.array(stack(words))
    a, h = Input((5,), dtype="int32"), Input((5, 3))
    middle = Model(h, stack.get_layer("d")(h))
    model = Model(a, pool(middle(embed(a))))
    np.testing.assert_array_equal(np.array(model(words)), expected)
    assert not np.allclose(expected, np.array(stack.get_layer("d")(embed(words))).mean(axis=1))
    given = Model(h, pool(layers.Activation("linear")(h)))
    mask = Tensor(words != 0)
    received = given(embed(words), mask=mask)
    np.testing.assert_allclose(np.array(received), np.array(pool(embed(words), mask=mask)), rtol=1e-6)


def test_losses_of_layers_count(data):
    a = Input((3,))
    model = Model(a, layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l2")(a))
    model(data[0])
    assert len(model.losses) == 2


# Training


def test_losses_by_output(data):
    """A list and a dictionary by name mean the same, and the loss is their weighted sum."""
    y = [data[0][:, :2], data[1][:, :1]]
    logs = []
    for loss, weights, targets, metrics in (
        (["mse", "mae"], [2.0, 0.5], y, [["mae"], ["mse"]]),
        ({"total": "mse", "head": "mae"}, {"total": 2.0, "head": 0.5}, dict(zip(["total", "head"], y, strict=True)),
         {"total": "mae", "head": "mse"}),
    ):  # fmt: skip
        set_random_seed(3)
        model = two_inputs()
        model.compile("sgd", loss, loss_weights=weights, metrics=metrics)
        start = model.predict(data, verbose=0)
        logs.append(model.evaluate(data, targets, verbose=0, return_dict=True))
        model.fit({"a": data[0], "b": data[1]}, targets, epochs=2, batch_size=2, verbose=0)
        logs[-1] |= {f"after_{k}": v for k, v in model.evaluate(data, targets, verbose=0, return_dict=True).items()}
    assert logs[0] == logs[1]
    expected = 2 * np.mean((start[0] - y[0]) ** 2) + 0.5 * np.mean(np.abs(start[1] - y[1]))
    assert logs[0]["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs[0]["after_loss"] < logs[0]["loss"]
    assert list(logs[0])[:5] == ["loss", "total_loss", "head_loss", "total_mae", "head_mse"]


def test_dictionaries_of_outputs(data):
    a = Input((3,))
    model = Model(a, {"p": layers.Dense(2)(a), "q": layers.Dense(1)(a)})
    model.compile("sgd", {"p": "mse", "q": "mae"}, loss_weights={"q": 3.0})
    y = {"p": data[1][:, :2], "q": data[1][:, :1]}
    history = model.fit(data[0], y, epochs=3, verbose=0, validation_data=(data[0], y))
    assert {"p_loss", "q_loss", "val_q_loss"} <= history.history.keys()
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.predict(data[0], verbose=0)["p"].shape == (5, 2)
    with pytest.raises(ArgumentError, match="output in loss"):
        model.compile("sgd", {"r": "mse"})
        model.fit(data[0], y, verbose=0)


def test_an_output_without_a_loss(data):
    model = two_inputs()
    model.compile("sgd", ["mse", None])
    before = model.get_layer("head").get_weights()
    with pytest.warns(UserWarning, match="no gradients for the variables head/kernel"):
        model.fit(data, [data[0][:, :2], None], verbose=0)
    for w, after in zip(before, model.get_layer("head").get_weights(), strict=True):
        np.testing.assert_array_equal(w, after)


# What it costs


def stacks():
    """The same layers as a Sequential and by inputs and outputs, with the same first weights."""
    make = lambda: [
        layers.Dense(16, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.3, seed=2),
        layers.Dense(3),
    ]
    set_random_seed(1)
    one = Sequential([Input((8,)), *make()])
    set_random_seed(1)
    a = h = Input((8,))
    for layer in make():
        h = layer(h)
    two = Model(a, h)
    for model in (one, two):
        model.compile("adam", "mse")
    return one, two


@pytest.mark.parametrize("eagerly", [False, True])
def test_trains_as_the_same_stack(eagerly, rng):
    x, y = rng.standard_normal((20, 8)).astype("float32"), rng.standard_normal((20, 3)).astype("float32")
    results = []
    for model in stacks():
        model.run_eagerly = eagerly
        set_random_seed(4)
        model.fit(x, y, epochs=2, batch_size=8, verbose=0)
        results.append([*model.get_weights(), model.predict(x, verbose=0)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_has_the_plan_of_the_same_stack(rng):
    """Compiled, the step is the same list of operations."""
    x, y = rng.standard_normal((16, 8)).astype("float32"), rng.standard_normal((16, 3)).astype("float32")
    programs = []
    for model in stacks():
        model.fit(x, y, epochs=2, batch_size=8, verbose=0)
        programs.append([line.split(" @ ")[0] for line in operations(model)])
    assert programs[0] == programs[1]


def operations(model):
    """Names of the operations of the training step, in order."""
    (entry,) = list(model._functions["train"].compiled.entries.values())
    return [i.op for i in entry.program.instructions]


def test_costs_no_more_than_the_same_stack(rng):
    """Run operation by operation, counted in calls of Python's functions."""
    x = Tensor(rng.standard_normal((4, 8)), "float32")

    def calls(model):
        model(x)
        count = 0

        def counted(frame, event, argument):
            nonlocal count
            count += event == "call"

        sys.setprofile(counted)
        try:
            model(x)
        finally:
            sys.setprofile(None)
        return count

    one, two = (calls(model) for model in stacks())
    assert 20 < two < 1.3 * one


# Large and long


def test_gone_when_nobody_holds_it(data):
    """By reference counts alone, also after steps."""
    model = two_inputs()
    model.compile("sgd", "mse")
    for _ in range(3):
        model.train_on_batch(data, [data[0][:, :2], data[1][:, :1]])
    gc.collect()
    gc.disable()
    try:
        gone = [weakref.ref(x) for x in (model, model.get_layer("shared"), model.get_layer("shared").kernel)]
        del model
        assert [r() for r in gone] == [None, None, None]
    finally:
        gc.enable()


def test_a_long_chain():
    """Deeper than Python's recursion goes."""
    a = out = Input((1,), name="a")
    for _ in range(2000):
        out = out + 1.0
    model = Model(a, out)
    assert np.array(model(np.zeros((1, 1)))).item() == 2000
    again = pickle.loads(pickle.dumps(model))
    assert again.get_config() == model.get_config()
    assert np.array(Model.from_config(model.get_config())(np.zeros((1, 1)))).item() == 2000
    del a, out, model, again


def test_front_door():
    assert keras.Model is models.Model and keras.Input is layers.Input
    assert keras.models.clone_model is models.clone_model


# Which input is which

ORDERS = {"sorted": ["alpha", "zeta"], "another": ["zeta", "alpha"]}


def nested_inputs(names):
    """A model for each way to nest two inputs, and trees of values that it must take to mean 1 and 10."""
    a, z = (Input((1,), name=n) for n in ("alpha", "zeta"))
    ones = {"alpha": np.ones((2, 1), "float32"), "zeta": np.full((2, 1), 10, "float32")}
    inputs = {"alpha": a, "zeta": z}
    order = lambda tree: {n: tree[n] for n in names}
    row = lambda tree: [tree[n] for n in names]
    for wrap in (
        order,
        row,
        lambda t: tuple(row(t)),
        lambda t: [order(t)],
        lambda t: {"p": order(t)},
        lambda t: {"p": row(t)},
        lambda t: [row(t)[0], [row(t)[1]]],
        lambda t: [row(t)[0], {"q": row(t)[1]}],
        lambda t: OrderedDict(order(t)),
    ):
        yield Model(wrap(inputs), z * 10 + a), wrap, wrap(ones)


@pytest.mark.parametrize("names", ORDERS.values(), ids=ORDERS)
@pytest.mark.filterwarnings("ignore:.*takes a dictionary of inputs")
def test_inputs_are_taken_for_what_they_are_or_refused(names):
    """Whatever the nesting, no model takes a tree in another order than that in which it was declared."""
    for model, _, right in nested_inputs(names):
        model.compile("sgd", "mse")
        ways = model, partial(model.predict, verbose=0)
        for ask in ways:
            np.testing.assert_array_equal(ask(right), 101.0)
        for other, _, tree in nested_inputs(names):
            for ask in ways:
                try:
                    result = ask(tree)
                except (ArgumentError, DataError):
                    continue
                np.testing.assert_array_equal(result, 101.0, err_msg=f"{model.input} {other.input}")


def test_a_list_for_a_dictionary_whose_order_is_another():
    z, a = Input((1,), name="zeta"), Input((1,), name="alpha")
    x = [np.ones((2, 1), "float32")] * 2
    model = Model({"zeta": z, "alpha": a}, z * 10 + a)
    for ask in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ArgumentError, match=r"nested as \{'zeta': 'zeta', 'alpha': 'alpha'\}; received \["):
            ask(x)
        for wrong in ({"zeta": x[0]}, {"zeta": x[0], "beta": x[1]}):
            with pytest.raises(ArgumentError, match="missing its input 'alpha'"):
                ask(wrong)
    with pytest.warns(UserWarning, match="takes a dictionary of inputs; received a list"):  # as in Keras
        Model({"alpha": a, "zeta": z}, z * 10 + a)(x)
    with pytest.raises(ArgumentError, match="missing its input 'alpha'"):
        Model([z, a], z * 10 + a)({"zeta": x[0], "beta": x[1]})
    with pytest.raises(ArgumentError, match="expects inputs nested as"):
        Model([z, a], z * 10 + a)([{"zeta": x[0], "alpha": x[1]}])


class TestFunction:
    def test_it_is_what_stands_between_placeholders(self, rng):
        a, b = Input((3,)), Input((3,))
        inside = layers.Dense(4)(a)
        f = keras.Function([a, b], {"sum": inside + 1.0, "b": b * 2.0})
        x, y = rng.standard_normal((2, 5, 3)).astype(np.float32)
        found = f([x, y])
        np.testing.assert_allclose(found["b"].numpy(), 2 * y)
        part = keras.Function(inside, inside + 1.0)
        np.testing.assert_allclose(part(np.zeros((2, 4))).numpy(), np.ones((2, 4)))
        assert part.input_shape == part.output_shape == (None, 4)
        assert [op.name for op in f.operations][:2] and f.inputs == [a, b]

    def test_on_placeholders_it_is_an_operation(self, rng):
        a = Input((3,))
        f = keras.Function(a, keras.ops.exp(a), name="growth")
        b = Input((3,))
        model = Model(b, f(b) - 1.0)
        x = rng.standard_normal((2, 3)).astype(np.float32)
        np.testing.assert_allclose(model(x).numpy(), np.expm1(x), rtol=1e-5, atol=1e-6)
        with pytest.raises(ArgumentError, match="growth"):
            keras.Function(a, x, name="growth")


class TestOperation:
    class Scale(keras.Operation):
        def __init__(self, factor, name=None):
            super().__init__(name)
            self.factor = factor

        def call(self, x):
            return x * self.factor

    def test_eagerly_and_in_a_graph(self):
        x = Input((3,))
        scale = self.Scale(3.0)
        y = scale(x)
        assert y.shape == (None, 3) and scale.output is y and scale.name.startswith("scale")
        model = Model(x, y)
        assert model(np.ones((1, 3))).numpy().tolist() == [[3.0, 3.0, 3.0]]
        assert scale(np.float32(2)) == 6.0
        assert scale.symbolic_call(x).shape == (None, 3)

    def test_layers_are_operations_and_a_bare_one_says_what_is_missing(self):
        assert isinstance(layers.Dense(1), keras.Operation)
        with pytest.raises(NotImplementedError, match="call"):
            keras.Operation()(np.ones(2))
        assert keras.Operation.from_config(keras.Operation("a").get_config()).name == "a"
