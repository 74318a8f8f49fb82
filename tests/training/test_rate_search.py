"""lr_find: a rate that trains well, and a model that is as it was before."""

import signal

import numpy as np
import pytest

import autonet as keras
from autonet import layers, optimizers
from autonet.errors import ArgumentError, NotBuiltError
from autonet.random import seeds
from autonet.training.rate_search import RateSearch

RNG = np.random.default_rng(0)
X = RNG.random((60, 2, 3)).astype("float32")
Y = np.arange(60) % 3


@pytest.fixture(autouse=True)
def no_machine_code(monkeypatch):
    """Which takes seconds to make, and has a test of its own below."""
    monkeypatch.setenv("AUTONET_NATIVE", "0")


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return X[i * 10 : i * 10 + 10], Y[i * 10 : i * 10 + 10]


class OwnStep(keras.Sequential):
    """Trained by a step of its own, with a second optimizer that nobody else knows."""

    def __init__(self, *args):
        super().__init__(*args)
        self.second = optimizers.SGD(0.01, momentum=0.9)

    def train_step(self, data):
        x, y = data[:2]
        loss = lambda weights: self.compute_loss(x, y, self(x, training=True))
        value, gradients = keras.value_and_grad(loss)(self.trainable_variables)
        self.optimizer.apply(gradients[2:], self.trainable_variables[2:])
        self.second.apply(gradients[:2], self.trainable_variables[:2])
        return {"loss": value}


def network(optimizer=None, cls=keras.Sequential, build=True, **compiling):
    keras.utils.set_random_seed(3)
    model = cls(
        [
            layers.GRU(5, return_sequences=True, stateful=False),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    metrics = compiling.pop("metrics", ["accuracy"])
    model.compile(optimizer or "adam", "sparse_categorical_crossentropy", metrics=metrics, **compiling)
    if build:
        model.fit(X, Y, batch_size=20, verbose=0)
    return model


def state(model):
    optimizer = model.optimizer
    everything = [*model.variables, *(v for m in model.metrics for v in m.variables), *optimizer.variables]
    if isinstance(model, OwnStep):
        everything += model.second.variables
    kept = [v.numpy().tobytes() for v in [*everything, seeds.global_generator().state]]
    return kept, seeds.get_stream(), model.stop_training, model.history


def generator():
    while True:
        yield X[:10], Y[:10]


CASES = {
    "arrays": lambda: (network(), (X, Y), {}),
    "eager": lambda: (network(run_eagerly=True), (X, Y), {"steps": 12}),
    "weights": lambda: (
        network(),
        (X, Y),
        {"sample_weight": np.linspace(0, 1, 60), "class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    ),
    "dataset": lambda: (network(), (Pairs(4),), {"steps": 15}),
    "generator": lambda: (network(), (generator(),), {"steps": 15}),
    "schedule": lambda: (network(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 5, 0.5))), (X, Y), {}),
    "asked": lambda: (network(optimizers.Adam(lambda: 0.01)), (X, Y), {}),
    "scaled": lambda: (network(optimizers.LossScaleOptimizer(optimizers.Adam())), (X, Y), {}),
    "averages": lambda: (network(optimizers.Adam(use_ema=True, gradient_accumulation_steps=2)), (X, Y), {}),
    "own step": lambda: (network(cls=OwnStep), (X, Y), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_all_is_as_before_to_the_bit(case):
    model, data, options = CASES[case]()
    before = state(model)
    found = model.lr_find(*data, batch_size=10, **{"steps": 20, **options})
    assert state(model) == before
    assert len(found.rates) == len(found.losses) == len(found.batch_losses) > 0
    follows, kept = model.optimizer, [w.copy() for w in model.get_weights()]
    model.fit(X, Y, batch_size=20, verbose=0)
    other = CASES[case]()[0]
    other.fit(X, Y, batch_size=20, verbose=0)
    assert follows is model.optimizer
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(model.get_weights(), kept, strict=True))


def test_machine_code_leaves_all_as_before(monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "1")
    model = keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    before = state(model)
    model.lr_find(X, Y)
    assert state(model) == before


def test_a_model_that_is_not_built_trains_as_without_it():
    one, other = network(build=False), network(build=False)
    keras.utils.set_random_seed(5)
    one.lr_find(X, Y)
    first = one.fit(X, Y, epochs=2, verbose=0)
    keras.utils.set_random_seed(5)
    assert first.history == other.fit(X, Y, epochs=2, verbose=0).history


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_inside_puts_all_back(error):
    def failing(fail=True):
        for i in range(12):
            if i == 7 and fail:
                signal.raise_signal(signal.SIGINT) if error is KeyboardInterrupt else int("seven")
            yield X[:10], Y[:10]

    schedule = optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    for model in (network(), network(optimizers.SGD(schedule))):
        before = state(model)
        with pytest.raises(error):
            model.lr_find(failing(), steps=12)
        assert state(model) == before
        model.lr_find(failing(False), steps=12)


def test_an_interrupted_step_is_finished_first():
    class Interrupting(keras.metrics.Mean):
        def update_state(self, *args, **kwargs):
            super().update_state(1.0)
            if armed:
                signal.raise_signal(signal.SIGINT)

    armed = False
    model = network(run_eagerly=True, metrics=[Interrupting()])
    before = state(model)
    armed = True
    with pytest.raises(KeyboardInterrupt):
        model.lr_find(X, Y)
    assert state(model) == before


@pytest.mark.parametrize("optimizer", [optimizers.SGD, optimizers.Adam])
def test_the_suggestion_trains_well_and_a_hundred_times_as_much_does_not(optimizer):
    (x, y), (x_test, y_test) = keras.datasets.digits.load_data()

    def digits():
        keras.utils.set_random_seed(1)
        stack = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")]
        model = keras.Sequential(stack)
        model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    found = digits().lr_find(x / 16, y)
    accuracy, loss = [], []
    for factor in (0.01, 1, 100):
        model = digits()
        model.optimizer.learning_rate = found.suggestion * factor
        loss += [model.fit(x / 16, y, epochs=4, verbose=0).history["loss"][-1]]
        accuracy += [model.evaluate(x_test / 16, y_test, verbose=0)[1]]
    assert accuracy[1] > 0.92 > 0.6 > max(accuracy[0], accuracy[2]) and loss[1] < 0.5 * min(loss[0], loss[2])


def test_the_rule_on_a_curve_that_is_known():
    rates = np.geomspace(1e-6, 10, 141)
    e = np.log10(rates)
    losses = 2 - 1.5 / (1 + np.exp(-4 * (e + 2))) + np.where(e > 0, e**2 * 5, 0)  # falls at 0.01, is least at 1
    found = RateSearch(rates, losses, losses, diverged=False)
    assert 0.008 < found.steepest < 0.0125
    assert 0.9 < found.minimum < 1.1
    assert found.suggestion == found.steepest
    flat = RateSearch(rates, np.ones(141), np.ones(141), diverged=False)
    assert flat.suggestion is None
    assert "no suggestion" in repr(flat)
    for line in ("141 rates from 1e-06 to 10", "falls fastest at 0.01", "suggestion 0.01"):
        assert line in repr(found)


def test_smoothing_divergence_and_rates():
    model = network()
    found = model.lr_find(X, Y, batch_size=10, start=1e-3, end=1e3, steps=61, beta=0.8)
    assert np.allclose(found.rates, np.geomspace(1e-3, 1e3, 61)[: len(found.rates)])
    assert np.allclose(found.losses, keras.utils.exponential_average(found.batch_losses, 0.8), rtol=1e-6)
    ends = found.losses > 4 * np.minimum.accumulate(found.losses)
    assert found.diverged == ends[-1] and not ends[:-1].any()


def test_a_loss_that_becomes_infinite_ends_the_search():
    model = keras.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile(optimizers.SGD(), "mse")
    x = np.full((40, 2), 1e15, "float32")
    with pytest.warns(UserWarning, match="no suggestion, .* before it was infinite"):
        found = model.lr_find(x, x[:, :1], end=1e20)
    assert found.diverged and not np.isfinite(found.batch_losses[-1]) and np.isfinite(found.losses[0])
    assert np.isfinite(model.get_weights()[0]).all()


def test_a_step_of_ones_own_returns_a_loss():
    class Silent(keras.Sequential):
        def train_step(self, data):
            super().train_step(data)
            return {"error": 1.0}

    with pytest.raises(ArgumentError, match="returns error"):
        network(cls=Silent).lr_find(X, Y)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": 0.0},
        {"start": 1.0, "end": 0.5},
        {"end": float("inf")},
        {"steps": 3},
        {"beta": 1.0},
        {"start": "1e-3"},
        {"end": None},
        {"beta": "0.9"},
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ArgumentError, match="lr_find expects"):
        network().lr_find(X, Y, **wrong)


def test_it_needs_compile():
    with pytest.raises(NotBuiltError, match="compile"):
        keras.Sequential([layers.Dense(1)]).lr_find(X, Y)


@pytest.mark.extra("plot")
def test_its_picture():
    axes = network().lr_find(X, Y).plot().axes[0]
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "learning rate" and len(axes.lines) >= 2


@pytest.mark.parametrize("rows", [slice(None), slice(7, 8)])
def test_data_that_hold_nan_are_told(rows):
    x = np.array(X, "float32")
    x[rows] = np.nan
    with pytest.warns(
        UserWarning, match=r"the loss is NaN in step \d+ of lr_find. The data hold such numbers: x, .*NaN"
    ):
        network().lr_find(x, Y, batch_size=10)


def test_why_there_is_no_suggestion_is_told():
    model = keras.Sequential([layers.Dense(1, kernel_initializer="zeros", input_shape=(2,))])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no suggestion, since the loss did not fall"):
        found = model.lr_find(np.zeros((40, 2), "float32"), np.zeros((40, 1), "float32"))
    assert found.suggestion is None
