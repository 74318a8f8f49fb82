"""Who made the first NaN: named are the operation, its layer, its batch and the pass; off, the check changes nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet import config, ops
from autonet.errors import ArgumentError, NonFiniteError

GOOD = 1.0
POISONS = {  # function, the number that poisons it, the operation to be named, the pass
    "log of a negative": (ops.log, -2.0, "log", "forward"),
    "division by zero": (lambda x: 1.0 / x, 0.0, "divide", "forward"),
    "overflow": (lambda x: ops.exp(x), 200.0, "exp", "forward"),
    "Inf - Inf": (lambda x: ops.exp(x) - ops.exp(x + 1.0), 200.0, "exp", "forward"),
    "root at zero": (ops.sqrt, 0.0, "sqrt", "backward"),
    "norm at zero": (lambda x: ops.sqrt(ops.square(x)), 0.0, "sqrt", "backward"),
}
WAYS = {"eager": {"run_eagerly": True}, "captured": {}, "native": {}}


@pytest.fixture(params=list(WAYS))
def way(request, monkeypatch):
    """Arguments of compile() for one way to run steps."""
    monkeypatch.setenv("AUTONET_NATIVE", str(int(request.param == "native")))
    return WAYS[request.param]


@pytest.fixture(autouse=True)
def quiet():
    """NumPy warns of what these tests do on purpose."""
    with np.errstate(all="ignore"):
        yield


class Poisoned(keras.layers.Layer):
    """Adds f(weight * trigger), which is harmless but for one row."""

    def __init__(self, f, **common):
        super().__init__(**common)
        self.f = f

    def build(self, features_shape, trigger_shape):
        self.weight = self.add_weight((1,), "ones", name="weight")

    def call(self, features, trigger):
        return features + 0.01 * self.f(self.weight * trigger)


def poisoned_model(f, depth, place, nested, way):
    keras.utils.set_random_seed(3)
    x, trigger = keras.Input((3,)), keras.Input((1,))
    h = x
    for k in range(depth):
        h = keras.layers.Dense(4, activation="tanh", name=f"dense{k}")(h)
        if k == place:
            layer = Poisoned(f, name="poison")
            if nested:
                inner = keras.Input((4,)), keras.Input((1,))
                layer = keras.Model(inner, layer(*inner), name="inside")
                h = layer([h, trigger])
            else:
                h = layer(h, trigger)
    model = keras.Model([x, trigger], keras.layers.Dense(1)(h))
    model.compile(keras.optimizers.SGD(1e-3), "mse", **way)
    return model


def poisoned_data(number, row, poison, size=4, batches=6):
    rng = np.random.default_rng(0)
    trigger = np.full((size * batches, 1), GOOD, "float32")
    trigger[number * size + row] = poison
    x = rng.normal(size=(size * batches, 3)).astype("float32")
    return [x, trigger], rng.normal(size=(size * batches, 1)).astype("float32")


def state_of(model):
    return [
        v.numpy()
        for v in [*model.variables, *model.optimizer.variables, *(w for m in model.metrics for w in m.variables)]
    ]


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("poison", list(POISONS))
@given(data=st.data())
def test_the_switch_names_the_first(poison, data):
    f, number, op, direction = POISONS[poison]
    depth = data.draw(st.integers(1, 3))
    batch, row = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 3))
    nested = data.draw(st.booleans())
    model = poisoned_model(
        f, depth, data.draw(st.integers(0, depth - 1)), nested, data.draw(st.sampled_from(list(WAYS.values())))
    )
    x, y = poisoned_data(batch, row, number)
    epochs = data.draw(st.integers(1, 2))
    with config.debug_nans(), pytest.raises(NonFiniteError) as told:
        model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
    error = told.value
    assert (error.op, error.direction, error.epoch, error.batch) == (op, direction, 0, batch)
    assert error.layer.endswith("poison'") and error.shapes
    assert error.line is not None and error.line[0] == __file__
    message = str(error)
    assert f"Epoch 1, batch {batch + 1}: " in message and op in message and "poison" in message
    assert "operands of shapes" in message and f"first at [{row}, 0]" in message
    # the step was undone, so training can go on as if it had not been there
    assert int(model.optimizer.iterations) == batch
    assert all(np.isfinite(a).all() for a in state_of(model))
    good = poisoned_data(batch, row, GOOD)
    assert np.isfinite(model.fit(*good, batch_size=4, verbose=0).history["loss"][0])


@pytest.mark.parametrize("poison", list(POISONS))
@pytest.mark.parametrize("source", ["arrays", "generator"])
def test_terminate_on_nan_names_the_first(poison, source, way, capsys):
    f, number, op, direction = POISONS[poison]
    model = poisoned_model(f, 2, 1, False, way)
    batch = 3
    x, y = poisoned_data(batch, 2, number)
    seen = []
    spy = keras.callbacks.LambdaCallback(on_train_batch_end=lambda n, logs: seen.append(n))
    callbacks = [spy, keras.callbacks.TerminateOnNaN()]
    if source == "arrays":
        model.fit(x, y, batch_size=4, shuffle=False, verbose=2, epochs=2, callbacks=callbacks)
    else:
        batches = [((x[0][i : i + 4], x[1][i : i + 4]), y[i : i + 4]) for i in range(0, 24, 4)]
        model.fit(iter(batches), verbose=2, steps_per_epoch=6, callbacks=callbacks)
    noticed = batch if direction == "forward" else batch + 1  # what is ruined in a backward pass shows one step later
    assert seen[-1] == noticed and len(seen) == noticed + 1
    said = capsys.readouterr().out
    assert f"Batch {noticed}: Invalid loss, terminating training. Epoch 1, batch {batch + 1}: " in said
    assert (
        f"{op}, in the {direction} pass of layer" in said
        or f"in the derivative of {op}, in the {direction} pass" in said
    )
    assert "poison'" in said and f"At {__file__}:" in said


def test_looking_for_it_changes_nothing(way):
    """The weights, draws and metrics after TerminateOnNaN are those that training without it leaves."""

    def trained(callbacks):
        model = poisoned_model(ops.log, 2, 0, False, way)
        x, y = poisoned_data(2, 1, -1.0)
        model.fit(x, y, batch_size=4, shuffle=True, verbose=0, callbacks=callbacks)
        return model, keras.random.uniform((2,)).numpy()

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = not np.isfinite(logs["loss"])

    a, drawn = trained([keras.callbacks.TerminateOnNaN()])
    with pytest.warns(UserWarning, match="loss is NaN in epoch 1"):
        b, redrawn = trained([Stop()])
    assert same(state_of(a), state_of(b)) and same([drawn], [redrawn])


def test_rows_of_the_data_are_named(way, capsys):
    x, y = poisoned_data(0, 0, GOOD)
    for part, place, told in ((x[0], (13, 2), "x[0] has NaN in row"), (y, (7, 0), "y has NaN in row")):
        kept, part[place] = part[place], np.nan
        model = poisoned_model(ops.log, 1, 0, False, way)
        model.fit(x, y, batch_size=4, verbose=2, callbacks=[keras.callbacks.TerminateOnNaN()])
        said = capsys.readouterr().out
        assert told in said and f"(row {place[0]} of the data), column {place[1]}" in said
        model = poisoned_model(ops.log, 1, 0, False, way)
        with config.debug_nans(), pytest.raises(NonFiniteError, match="the data hold it") as error:
            model.fit(x, y, batch_size=4, verbose=0)
        assert error.value.direction == "data"
        part[place] = kept


def test_weights_that_were_bad_before_are_named(way, capsys):
    model = poisoned_model(ops.log, 2, 0, False, way)
    x, y = poisoned_data(0, 0, GOOD)
    model.get_layer("dense1").bias.assign([0, np.nan, 0, 0])
    model.fit(x, y, batch_size=4, verbose=2, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert "it was there before this step, in dense1/bias" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match=r"at batch 0\. .*before this step, in "):
        model.fit(x, y, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN(raise_error=True)])


def test_an_overflow_of_training_itself(way, capsys):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(10.0), "mse", **way)
    x, y = poisoned_data(0, 0, GOOD)
    model.fit(x[0], y, batch_size=4, epochs=50, verbose=2, callbacks=[keras.callbacks.TerminateOnNaN()])
    said = capsys.readouterr().out
    assert "made the first Inf from finite numbers" in said and "lower the learning rate" in said


# The switch by itself


def test_operations_outside_models():
    x = keras.Tensor([[1.0, -1.0], [0.0, 4.0]], requires_grad=True)
    with config.debug_nans():
        with pytest.raises(
            NonFiniteError, match=r"^log, in the forward pass, made the first NaN .*x=-1\. At .*ops\.log\(x\)"
        ):
            ops.log(x)
        with pytest.raises(NonFiniteError, match=r"divisor") as told:
            ops.ones((2,)) / ops.zeros((2,))
        assert told.value.op == "divide" and told.value.shapes == ((2,), (2,)) and told.value.layer is None
        root = ops.sqrt(ops.relu(x))  # this line is to be named
        with pytest.raises(NonFiniteError, match="# this line is to be named") as told:
            ops.sum(root).backward()
        assert (told.value.op, told.value.direction) == ("sqrt", "backward")
        with pytest.raises(NonFiniteError, match="log"):
            keras.jit(lambda t: ops.log(t))(np.array([-1.0], "float32"))
    assert np.isnan(ops.log(x).numpy()).any() and not config.is_debug_nans_enabled()
    assert isinstance(keras.jit(lambda t: t * 2)(np.ones(2, "float32")), keras.Tensor)


def test_infinities_on_purpose_pass():
    with config.debug_nans():
        scores = ops.where([[True, False], [True, True]], [[1.0, 2.0], [3.0, 4.0]], -np.inf)
        assert np.allclose(ops.sum(ops.softmax(scores), axis=-1).numpy(), 1)
        assert np.isinf(ops.full((2,), np.inf).numpy()).all()
        with pytest.raises(NonFiniteError, match="softmax"):  # of nothing but -inf
            ops.softmax(ops.full((2,), -np.inf))
        assert ops.where(ops.isnan([np.nan, 1.0]), 0.0, [np.nan, 1.0]).numpy().tolist() == [0, 1]


def test_a_custom_step_and_loss_are_named(way):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return ops.mean(ops.log(y - 100.0))

    x, y = poisoned_data(0, 0, GOOD)
    model = Own()
    model.compile("sgd", **way)
    with config.debug_nans(), pytest.raises(NonFiniteError, match="log, in the forward pass of model 'own"):
        model.fit(x[0], y, verbose=0)

    def own_loss(y_true, y_pred):
        return ops.mean(ops.log(y_true - 100.0), axis=-1)

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", own_loss, **way)
    with config.debug_nans():
        with pytest.raises(NonFiniteError, match=r"^Batch 1: log, in the forward pass of loss 'own_loss'"):
            model.evaluate(x[0], y, verbose=0)
        assert np.isfinite(model.predict(x[0], verbose=0)).all()


@given(seed=st.integers(0, 100), optimizer=st.sampled_from(["sgd", "adam", "rmsprop"]), eager=st.booleans())
def test_off_it_changes_nothing_and_on_it_changes_no_number(seed, optimizer, eager):
    def run(how):
        layers, (x, y) = keras.layers, poisoned_data(0, 0, GOOD)
        if how == "before":
            with config.debug_nans():
                keras.Sequential([layers.Dense(1)]).predict(x[0], verbose=0)
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.2), layers.Dense(1)])
        model.compile(optimizer, "mse", metrics=["mae"], run_eagerly=eager)
        if how == "on":
            config.set_debug_nans(True)
        try:
            history = model.fit(x[0], y, batch_size=5, epochs=2, verbose=0).history
        finally:
            config.set_debug_nans(False)
        return history, state_of(model)

    plain = run("off")
    for how in ("before", "on") if eager else ("before",):
        history, state = run(how)
        assert history == plain[0] and same(state, plain[1])


def test_the_switch_belongs_outside_a_capture():
    def inside(x):
        config.set_debug_nans(True)
        return x

    with pytest.raises(ArgumentError, match="before it"):
        keras.jit(inside)(np.ones(2, "float32"))
    with pytest.raises(ArgumentError, match="before it"):
        keras.jit(lambda x: config.debug_nans().__enter__())(np.ones(2, "float32"))
    assert not config.is_debug_nans_enabled()
