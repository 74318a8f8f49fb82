"""reinitialize: a model as one that was just built, with its plans."""

import copy
import pickle

import numpy as np
import pytest

import autonet as keras
from autonet import layers, ops, optimizers
from autonet.errors import ArgumentError, NotBuiltError
from autonet.random import seeds
from tests.saving.zoo import ZOO

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 6)).astype("float32")
Y = RNG.standard_normal((24, 2)).astype("float32")


@pytest.fixture(autouse=True)
def no_machine_code(monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")


def everything(model):
    found = {id(v): v for v in [*model.variables, *model.optimizer.variables]}
    found |= {id(v): v for m in model.metrics for v in m.variables}
    return [v.numpy() for v in found.values()]


def same(a, b):
    return len(a) == len(b) and all(
        np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(a, b, strict=True)
    )


def training(model, x, y):
    """Losses of two epochs, whatever the stream of seeds gave before."""
    keras.utils.set_random_seed(11)
    return model.fit(x, y, batch_size=4, epochs=2, verbose=0).history


@pytest.mark.parametrize("name", ZOO)
def test_a_trained_model_becomes_one_that_was_never_trained(name):
    keras.utils.set_random_seed(1)
    model, x, y = ZOO[name]()
    training(model, x, y)
    keras.utils.set_random_seed(2)  # another one of the same kind, with other weights
    other, *_ = ZOO[name]()
    other.fit(x, y, batch_size=4, epochs=1, verbose=0)
    for m in (model, other):
        m.reinitialize(7)
    assert same(everything(model), everything(other))
    again = training(model, x, y)
    assert again == training(other, x, y)
    model.reinitialize(7)
    assert training(model, x, y) == again


def classifier(optimizer="adam", **dense):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", **dense),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(2),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize(
    "optimizer", ["adam", "nadam", "schedulefreeadamw", "ftrl", "hessian_free", "lbfgs", "scaled", "several", "epochs"]
)
def test_all_state_is_that_of_a_fresh_model(optimizer):
    make = {
        "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1, momentum=0.9)),
        "several": lambda: optimizers.MultiOptimizer(
            optimizers.OptimizerMap(optimizers.SGD(0.1), {".*kernel": optimizers.Adam(0.1)})
        ),
        "epochs": lambda: optimizers.SGD(optimizers.schedules.ByEpoch(lambda e: 0.1 / e)),
    }.get(optimizer, lambda: optimizer)
    model, fresh = classifier(make()), classifier(make())
    model.fit(X, Y, verbose=0)
    fresh.optimizer.build(fresh.trainable_variables)
    if optimizer in ("adam", "nadam", "ftrl"):
        model.optimizer.learning_rate = 0.5
    model.reinitialize()
    fresh.set_weights(model.get_weights())
    if optimizer == "schedulefreeadamw":
        fresh.optimizer.reset()
    for a, b in zip(model.optimizer.variables, fresh.optimizer.variables, strict=True):
        assert np.array_equal(a.numpy(), b.numpy()), a.path
    assert not model.get_weights()[0].any() == 0 and not model.get_weights()[1].any()
    assert same(model.layers[1].get_weights(), [np.ones(8), np.zeros(8), np.zeros(8), np.ones(8)])
    assert float(model.metrics[0].result()) == 0


def test_seeds_given_stay_and_others_are_new():
    seeded = keras.initializers.GlorotUniform(seed=3)
    model = classifier(kernel_initializer=seeded)
    start = model.get_weights()
    model.fit(X, Y, verbose=0)
    model.reinitialize()
    assert np.array_equal(model.get_weights()[0], start[0])
    assert not np.array_equal(model.get_weights()[-2], start[-2])
    first = model.get_weights()
    model.reinitialize()
    assert not np.array_equal(model.get_weights()[-2], first[-2])
    keras.utils.set_random_seed(5)
    model.reinitialize()
    one = everything(model)
    keras.utils.set_random_seed(5)
    model.reinitialize()
    assert same(everything(model), one)


def test_weights_are_distributed_as_the_initializer_says():
    model = keras.Sequential([keras.Input((200,)), layers.Dense(300, kernel_initializer="he_normal")])
    for seed in range(3):
        model.reinitialize(seed)
        assert model.get_weights()[0].std() == pytest.approx(np.sqrt(2 / 200), rel=0.02)


def test_a_seed_moves_nothing_outside():
    model = classifier()
    stream, state = seeds.get_stream(), seeds.global_generator().state.numpy()
    model.reinitialize(3)
    assert seeds.get_stream() == stream and np.array_equal(seeds.global_generator().state.numpy(), state)


def test_initializers_that_draw_from_the_global_generator_follow_the_seed():
    model = classifier(kernel_initializer=lambda shape, dtype: keras.random.normal(shape, dtype=dtype))
    drawn = []
    for seed in (1, 2, 1):
        model.reinitialize(seed)
        drawn.append(model.get_weights()[0])
    assert np.array_equal(drawn[0], drawn[2]) and not np.array_equal(drawn[0], drawn[1])


def test_plans_survive():
    model = classifier()
    model.fit(X, Y, verbose=0)
    model.evaluate(X, Y, verbose=0)
    plans = {name: f.compiled for name, f in model._functions.items()}
    entries = {name: dict(f.entries) for name, f in plans.items()}
    for seed in range(3):
        model.reinitialize(seed)
        model.fit(X, Y, verbose=0)
        model.evaluate(X, Y, verbose=0)
    assert {name: f.compiled for name, f in model._functions.items()} == plans
    assert {name: dict(f.entries) for name, f in plans.items()} == entries and len(plans) == 2


def test_what_was_learned_by_adapt_is_kept():
    normalization = layers.Normalization()
    normalization.adapt(X)
    model = keras.Sequential([keras.Input((6,)), normalization, layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    mean = np.asarray(normalization.mean)
    before = [np.asarray(v) for v in normalization.get_weights()]
    model.reinitialize(0)
    assert same(normalization.get_weights(), before) and np.array_equal(np.asarray(normalization.mean), mean)


def test_shared_layers_are_drawn_once_and_frozen_ones_too():
    shared = layers.Dense(6, activation="tanh")
    x = keras.Input((6,))
    model = keras.Model(x, layers.Dense(2)(shared(shared(x))))
    shared.trainable = False
    model.compile("sgd", "mse")
    before = shared.get_weights()
    model.reinitialize(4)
    assert len(model.weights) == 4 and not np.array_equal(shared.get_weights()[0], before[0])


def test_states_of_recurrent_layers_are_zero_again():
    model = keras.Sequential([keras.Input((3, 2), batch_size=4), layers.GRU(3, stateful=True), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = RNG.standard_normal((4, 3, 2))
    model.predict(x, batch_size=4, verbose=0)
    assert np.any(model.layers[0].states[0].numpy())
    model.reinitialize(0)
    assert not np.any(model.layers[0].states[0].numpy())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), keras.models.clone_model])
def test_copies_know_how_they_began(copied):
    model = classifier()
    other = copied(model)
    other.compile("adam", "mse")
    other.reinitialize(3)
    model.reinitialize(3)
    assert same(model.get_weights(), other.get_weights())


def test_a_loaded_model_knows_too(tmp_path):
    model = classifier()
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    again.evaluate(X, Y, verbose=0)  # which makes its metrics
    for m in (model, again):
        m.reinitialize(3)
    assert same(everything(model), everything(again))


def test_variables_that_were_made_from_values_have_these_again():
    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.gain = keras.Variable(2.0, name="gain")
            self.more = [keras.Variable(np.arange(6.0)), keras.Variable(0, dtype="int32", trainable=False)]

        def call(self, x):
            self.more[1].assign_add(1)
            return x * self.gain + ops.cast(self.more[0], x.dtype)

    own = Own()
    model = keras.Sequential([keras.Input((6,)), own, layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert float(own.gain) != 2 and int(own.more[1]) > 0
    model.reinitialize(0)
    assert float(own.gain) == 2 and own.more[0].numpy().tolist() == list(range(6)) and int(own.more[1]) == 0


def test_before_there_are_weights():
    with pytest.raises(NotBuiltError, match="no weights yet"):
        keras.Sequential([layers.Dense(2)]).reinitialize()


def test_seeds_are_checked():
    with pytest.raises(ArgumentError, match="A seed is an integer"):
        classifier().reinitialize(-1)
