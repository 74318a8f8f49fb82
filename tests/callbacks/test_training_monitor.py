"""TrainingMonitor: it changes no bit, its numbers are those of the step, and it keeps to its time."""

import time

import numpy as np
import pytest

import autonet as keras
from autonet import layers, ops
from autonet.callbacks.state import give_back
from autonet.errors import ArgumentError, DataError
from tests.callbacks.nets import LABELS, Subclassed

DRAWS = np.random.default_rng(1)
X = DRAWS.standard_normal((50, 6)).astype("float32")
Y = DRAWS.integers(0, 3, 50)
CE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def sequential():
    return keras.Sequential(
        [
            layers.Dense(8, "relu", name="a"), layers.Dropout(0.3), layers.BatchNormalization(name="norm"),
            layers.Dense(6, "tanh", kernel_regularizer="l2", activity_regularizer="l2", name="b"), layers.Dense(3, name="c"),
        ]
    )  # fmt: skip


def functional():
    inputs = keras.Input((6,))
    x = layers.Dense(8, "sigmoid", name="a")(inputs)
    x = layers.Add()([x, layers.Dropout(0.2)(ops.relu(layers.Dense(8, name="b")(x)))])
    return keras.Model(inputs, layers.Dense(3, name="c")(x))


def recurrent():
    return keras.Sequential([layers.Reshape((3, 2)), layers.LSTM(5, dropout=0.2), layers.Dense(3)])


class OwnStep(keras.Model):
    """A step of its own, with two optimizers and a count in a Variable."""

    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(8, "relu"), layers.Dense(3)
        self.other = keras.optimizers.Adam(0.01)
        self.count = self.add_weight((), "zeros", trainable=False)

    def call(self, x):
        return self.b(self.a(x))

    def train_step(self, data):
        x, y = data
        loss = lambda weights: self.compute_loss(x, y, self(x, training=True))
        for optimizer, layer in ((self.optimizer, self.a), (self.other, self.b)):
            value, gradients = keras.value_and_grad(loss)(layer.trainable_variables)
            optimizer.apply(gradients, layer.trainable_variables)
        self.count.assign_add(1.0)
        return {"loss": value}


class ByHand(keras.Model):
    """A step that moves weights itself, and draws from NumPy's generator."""

    def __init__(self):
        super().__init__()
        self.a = layers.Dense(3)

    def call(self, x):
        return self.a(x)

    def train_step(self, data):
        x, y = data
        x = x + np.random.standard_normal(x.shape).astype("float32") * 0.01
        loss = lambda weights: self.compute_loss(x, y, self(x, training=True))
        value, gradients = keras.value_and_grad(loss)(self.trainable_variables)
        for v, g in zip(self.trainable_variables, gradients, strict=True):
            v.assign_sub(0.1 * g)
        return {"loss": value}


class Rows(keras.utils.PyDataset):
    @property
    def num_batches(self):
        return 5

    def __getitem__(self, n):
        return X[10 * n : 10 * n + 10], Y[10 * n : 10 * n + 10]


def own_generator():
    while True:
        for n in range(5):
            yield X[10 * n : 10 * n + 10], Y[10 * n : 10 * n + 10]


SETTINGS = {
    "sequential": dict(model=sequential, optimizer="adam", validation_split=0.2),
    "functional": dict(model=functional, optimizer="sgd"),
    "subclassed": dict(model=Subclassed),
    "recurrent": dict(model=recurrent),
    "own step": dict(model=OwnStep),
    "by hand": dict(model=ByHand, run_eagerly=True),
    "eager": dict(model=sequential, run_eagerly=True),
    "accumulation": dict(model=sequential, optimizer=lambda: keras.optimizers.Adam(gradient_accumulation_steps=3)),
    "averages": dict(model=sequential, optimizer=lambda: keras.optimizers.SGD(0.1, use_ema=True)),
    "scaled": dict(model=sequential, optimizer=lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))),
    "schedule": dict(
        model=functional, optimizer=lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 12))
    ),
    "data set": dict(model=sequential, x=lambda: Rows(), y=None),
    "generator": dict(model=sequential, x=own_generator, y=None, steps_per_epoch=5),
    "steps per epoch": dict(model=sequential, steps_per_epoch=3),
    "one step": dict(model=sequential, batch_size=50),
}


def run(callbacks, model, optimizer="rmsprop", run_eagerly=False, x=lambda: X, y=Y, epochs=3, **fit):
    """Everything that a training leaves behind."""
    keras.utils.set_random_seed(5)
    model = model()
    model.compile(optimizer() if callable(optimizer) else optimizer, CE, metrics=["accuracy"], run_eagerly=run_eagerly)
    batch_size = {} if y is None else {"batch_size": fit.pop("batch_size", 8)}
    history = model.fit(x(), y, epochs=epochs, verbose=0, callbacks=callbacks, **batch_size, **fit).history
    model.fit(x(), y, epochs=1, verbose=0, **batch_size, **{k: v for k, v in fit.items() if k != "validation_split"})
    optimizer = [v.numpy() for v in model.optimizer.variables]
    chance = [keras.random.normal((2,)).tolist(), np.random.random(), layers.Dropout(0.5).seed_generator.state.numpy()]
    return history, [w.numpy() for w in model.variables], optimizer, chance


LONG = {"accumulation", "averages", "scaled", "schedule", "recurrent", "data set", "steps per epoch"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in SETTINGS])
def test_training_goes_on_to_the_same_bits(name):
    monitor = keras.callbacks.TrainingMonitor(every=2)
    kept = run([monitor], **SETTINGS[name])
    assert len(monitor.history.step) >= 2
    assert name == "by hand" or all(np.isfinite(own["gradient"]).all() for own in monitor.history.values())
    np.testing.assert_equal(kept, run([], **SETTINGS[name]))


class Weights(keras.callbacks.Callback):
    """The weights before each step and after the last."""

    def on_train_batch_begin(self, batch, logs=None):
        self.path = [*getattr(self, "path", []), self.model.get_weights()]

    def on_train_end(self, logs=None):
        self.path.append(self.model.get_weights())


def test_numbers_are_those_of_the_step():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((6,)), layers.Dense(7, "sigmoid", name="a"), layers.Dense(3, name="b")])
    model.compile(keras.optimizers.SGD(3.0), CE)
    monitor, weights = keras.callbacks.TrainingMonitor(every=1), Weights()
    model.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0, callbacks=[monitor, weights])
    history = monitor.history
    assert history.step.tolist() == list(range(10)) and history.epoch.tolist() == [0] * 5 + [1] * 5
    for n in range(10):
        before, after = weights.path[n], weights.path[n + 1]
        model.set_weights(after)
        x, y = X[10 * n % 50 : 10 * n % 50 + 10], Y[10 * n % 50 : 10 * n % 50 + 10]
        loss = lambda ws, x=x, y=y: CE(y, model(x, training=True))
        value, gradients = keras.value_and_grad(loss)(model.trainable_variables)
        hidden = ops.sigmoid(x @ after[0] + after[1]).numpy()
        for name, at in (("a", slice(0, 2)), ("b", slice(2, 4))):
            norm = lambda arrays: np.sqrt(sum(np.sum(np.square(a, dtype=float)) for a in arrays))
            change = norm([q - p for p, q in zip(before[at], after[at], strict=True)]) / norm(before[at])
            assert history[name]["gradient"][n] == pytest.approx(norm([g.numpy() for g in gradients[at]]), rel=1e-4)
            assert history[name]["update"][n] == pytest.approx(change, rel=1e-4)
        assert history.loss[n] == pytest.approx(float(value), rel=1e-5)
        assert history["a"]["mean"][n] == pytest.approx(hidden.mean(), rel=1e-5)
        assert history["a"]["std"][n] == pytest.approx(hidden.std(), rel=1e-4)
        assert history["a"]["saturated"][n] == np.mean(4 * hidden * (1 - hidden) < 0.1)


@pytest.mark.parametrize("picture", [False, True])
def test_units_at_rest_are_counted(picture):
    """A unit whose bias is far below 0 is dead; one that some rows wake is not."""
    x = np.zeros((64, 4, 4, 1) if picture else (64, 3), "float32")
    x[::8] = 1.0
    layer = layers.Conv2D(4, 2, activation="relu", name="a") if picture else layers.Dense(4, "relu", name="a")
    model = keras.Sequential([layer, layers.Flatten(), layers.Dense(1)])
    model(x)
    layer.set_weights([np.ones_like(layer.get_weights()[0]), np.array([-9.0, -0.5, 0.5, -9.0], "float32")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    monitor = keras.callbacks.TrainingMonitor(every=1)
    model.fit(x, np.zeros((64, 1)), batch_size=16, epochs=2, verbose=0, callbacks=[monitor])
    assert monitor.history["a"]["dead"][-1] == 0.5


def test_an_activation_belongs_to_its_layer():
    monitor = keras.callbacks.TrainingMonitor(every=2)
    run([monitor], functional)
    history = monitor.history
    assert [name for name in history if not np.isnan(history[name]["saturated"]).all()] == ["a"]
    assert [name for name in history if not np.isnan(history[name]["dead"]).all()] == ["b"]
    assert list(history)[:3] == ["a", "b", "c"]


def test_gates_and_formulas_are_no_activations():
    model = keras.Sequential([layers.Dense(4, "silu"), layers.Dense(4, "gelu"), layers.Dense(3)])
    monitor = keras.callbacks.TrainingMonitor(every=1)
    run([monitor], lambda: model, epochs=1)
    assert all(np.isnan(own[q]).all() for own in monitor.history.values() for q in ("saturated", "dead"))


def test_layers_made_of_layers_are_listed_by_parts():
    inputs = keras.Input((4, 6))
    x = layers.MultiHeadAttention(2, 3, name="heads")(inputs, inputs)
    x = layers.Bidirectional(layers.LSTM(3, name="lstm"), name="both")(x)
    monitor = keras.callbacks.TrainingMonitor()
    model = keras.Model(inputs, keras.Sequential([layers.Dense(3, name="d")], name="inner")(x))
    keras.utils.set_random_seed(0)
    model.compile("sgd", CE)
    model.fit(DRAWS.standard_normal((8, 4, 6)), Y[:8], verbose=0, callbacks=[monitor])
    assert set(monitor.history) >= {
        "heads/query", "heads/key", "heads/value", "both/forward_lstm", "both/backward_lstm", "inner/d",
    }  # fmt: skip


def test_each_fit_starts_anew_and_prints_a_table():
    model = sequential()
    model.compile("adam", CE)
    monitor = keras.callbacks.TrainingMonitor(every=3)
    assert repr(monitor) == "<TrainingMonitor of no samples>"
    for _ in range(2):
        model.fit(X, Y, batch_size=10, epochs=3, verbose=0, callbacks=[monitor])
        assert monitor.history.step.tolist() == [0, 2, 5, 8, 11, 14]
    head, names, *rows = repr(monitor.history).splitlines()
    assert head == "6 samples of 3 epochs; medians of the last quarter:" and names.split()[:3] == [
        "layer",
        "gradient",
        "update",
    ]
    assert len(rows) == len(monitor.history)
    assert [f.kind for f in monitor.diagnose()]


@pytest.mark.parametrize("steps", [2, 5, 7, 10])
@pytest.mark.parametrize("freq", ["epoch", 1])
def test_resumed_it_goes_on_with_its_numbers(freq, steps, tmp_path):
    def train(folder, most=10**9):
        class Stop(keras.callbacks.Callback):
            steers = False

            def on_train_batch_begin(self, batch, logs=None):
                if self.model.optimizer.iterations == most:
                    raise RuntimeError

        keras.utils.set_random_seed(3)
        model = sequential()
        model.compile("adam", CE)
        monitor = keras.callbacks.TrainingMonitor(every=3)
        backup = keras.callbacks.BackupAndRestore(folder, freq)
        model.fit(X, Y, batch_size=20, epochs=4, verbose=0, callbacks=[monitor, backup, Stop()])
        return monitor, model.get_weights()

    whole = train(tmp_path / "a")
    with pytest.raises(RuntimeError):
        train(tmp_path / "b", steps)
    resumed = train(tmp_path / "b")
    np.testing.assert_equal(resumed[1], whole[1])
    np.testing.assert_equal(dict(resumed[0].history), dict(whole[0].history))
    np.testing.assert_equal(resumed[0].get_state(), whole[0].get_state())
    with pytest.raises(DataError, match="no state of a TrainingMonitor"):
        give_back(whole[0], {"epochs": [1]}, {})


def test_it_keeps_to_its_share():
    """Beyond the allowance of short trainings, samples take no more than their share of the time."""
    model = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    monitor = keras.callbacks.TrainingMonitor(share=0.1)
    x = DRAWS.standard_normal((len(LABELS), 64)).astype("float32")
    began = time.perf_counter()
    while time.perf_counter() < began + 2:
        model.fit(x, LABELS, epochs=50, verbose=0, callbacks=[monitor])
        spent, elapsed = monitor._spent, time.perf_counter() - monitor._began
        assert len(monitor.history.step) > 1
        assert spent < max(0.2 * elapsed, 0.3)  # one sample may be slow


def test_a_step_that_cannot_run_apart_is_told():
    class Once(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.calls = layers.Dense(3), 0

        def call(self, x):
            return self.a(x)

        def train_step(self, data):
            if self.stop_here():
                raise RuntimeError("no more.")
            return super().train_step(data)

        def stop_here(self):
            return getattr(keras.core.state.state, "observer", None).__class__.__name__ == "Activity"

    model = Once()
    model.compile("sgd", CE)
    with pytest.warns(UserWarning, match="cannot run a training step of Once .* no more"):
        model.fit(X, Y, verbose=0, callbacks=[keras.callbacks.TrainingMonitor()])


def test_a_rehearsal_outside_of_fit_is_none():
    model = sequential()
    model.compile("sgd", CE)
    assert model._rehearse(0, None) is None


@pytest.mark.parametrize(
    "given", [{"every": 0}, {"every": 1.5}, {"every": True}, {"share": 0}, {"share": 2}, {"share": "x"}]
)
def test_wrong_arguments_are_named(given):
    with pytest.raises(ArgumentError, match=f"TrainingMonitor expects {next(iter(given))}"):
        keras.callbacks.TrainingMonitor(**given)


@pytest.mark.extra("plot")
def test_the_picture_has_a_part_for_each_quantity():
    monitor = keras.callbacks.TrainingMonitor(every=2)
    run([monitor], sequential)
    figure = monitor.plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
    shown = [axes.get_ylabel().split()[0] for axes in figure.axes]
    assert shown == ["gradient", "update", "saturated", "dead", "mean", "spread"]
    assert all(axes.get_xlabel() == "training step" and axes.lines for axes in figure.axes)
    assert [axes.get_yscale() for axes in figure.axes][:2] == ["log", "log"]
    assert {t.get_text() for t in figure.legends[0].get_texts()} == set(monitor.history)
    assert keras.callbacks.TrainingMonitor().plot().axes == []
