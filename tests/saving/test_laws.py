"""Save, then load, is the identity: outputs, configuration, every state, and the next training step."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet import layers as L
from autonet.common.trees import flatten
from autonet.random import seeds
from autonet.saving import load_model
from autonet.saving.names import layer_variables, optimizer_variables
from tests.saving.zoo import ZOO, X, Y


def states(model):
    """Everything that a file keeps, by name."""
    found = layer_variables(model)
    if model.compiled:
        found = found | optimizer_variables(model.optimizer)
    return {name: v.numpy() for name, v in found.items()}


def same(a, b):
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and np.array_equal(a[k], b[k]) for k in a)


def plain(config):
    return json.loads(json.dumps(config))


def unbuilt(config):
    """A configuration without the shapes that layers were built for, in which the first batch's size may stand."""
    if isinstance(config, dict):
        return {k: unbuilt(v) for k, v in config.items() if k != "build_config"}
    return [unbuilt(v) for v in config] if isinstance(config, (list, tuple)) else config


def outputs(model, x):
    return [t.numpy() for t in flatten(model(x, training=False))]


def step(model, x, y):
    keras.utils.set_random_seed(9)
    return model.train_on_batch(x, y, return_dict=True)


@pytest.mark.parametrize("ending", [".keras", ".json"])
@pytest.mark.parametrize("name", ZOO)
def test_the_loaded_model_is_the_saved_one(name, ending, tmp_path):
    model, x, y = ZOO[name]()
    model.run_eagerly = True
    model.fit(x, y, epochs=2, batch_size=4, verbose=0)
    path, again = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    model.save(path)
    loaded = load_model(path)
    loaded.run_eagerly = True

    assert type(loaded) is type(model) and loaded.compiled
    assert same(states(loaded), states(model))
    assert plain(loaded.optimizer.get_config()) == plain(model.optimizer.get_config())
    assert [v.trainable for v in loaded.weights] == [v.trainable for v in model.weights]
    assert all(np.array_equal(a, b) for a, b in zip(outputs(loaded, x), outputs(model, x), strict=True))
    if name in ("subclassed", "dictionary"):  # whose layers are made, and so named, anew
        assert plain(loaded.get_config()) == plain(model.get_config())
    else:
        assert unbuilt(keras.saving.serialize_keras_object(loaded)) == unbuilt(
            keras.saving.serialize_keras_object(model)
        )
        assert name == "custom_layers" or [v.path for v in loaded.weights] == [v.path for v in model.weights]

    loaded.save(again)
    repeated = load_model(again)
    assert same(states(repeated), states(model))
    repeated.run_eagerly = True
    repeated.save(path)
    assert path.read_bytes() == again.read_bytes()

    model.reset_metrics()
    for _ in range(3):
        assert step(model, x, y) == step(loaded, x, y)
    assert same(states(loaded), states(model))


def test_compiled_steps_go_on_too(tmp_path):
    model, x, y = ZOO["sequential"]()
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "a.keras")
    model, loaded = load_model(tmp_path / "a.keras"), load_model(tmp_path / "a.keras")
    assert [step(model, x, y) for _ in range(3)] == [step(loaded, x, y) for _ in range(3)]
    assert same(states(loaded), states(model))


def optimizers():
    common = st.fixed_dictionaries(
        {},
        optional={
            "clipvalue": st.floats(0.5, 2),
            "weight_decay": st.floats(0.001, 0.1),
            "use_ema": st.just(True),
            "gradient_accumulation_steps": st.integers(2, 3),
        },
    )
    names = "SGD RMSprop Adam AdamW Adagrad Adadelta Adamax Adafactor Nadam Ftrl Lion Lamb ScheduleFreeAdamW".split()
    return st.builds(lambda name, kwargs: getattr(keras.optimizers, name)(**kwargs), st.sampled_from(names), common)


def rates():
    schedules = keras.optimizers.schedules
    return st.one_of(
        st.floats(1e-4, 0.1),
        st.builds(schedules.ExponentialDecay, st.floats(0.01, 0.1), st.integers(1, 9), st.floats(0.5, 1)),
        st.builds(schedules.PiecewiseConstantDecay, st.just([2, 5]), st.just([0.1, 0.05, 0.01])),
    )


@given(optimizer=optimizers(), rate=rates(), steps=st.integers(0, 5))
def test_optimizers_go_on(optimizer, rate, steps, tmp_path):
    optimizer.learning_rate = rate
    model = keras.Sequential([L.Input((6,)), L.Dense(3), L.Dropout(0.5), L.Dense(2)])
    model.compile(optimizer, "mse", run_eagerly=True)
    for _ in range(steps):
        step(model, X, Y)
    model.save(tmp_path / "a.keras")
    loaded = load_model(tmp_path / "a.keras")
    model.reset_metrics()
    assert [step(model, X, Y) for _ in range(2)] == [step(loaded, X, Y) for _ in range(2)]
    assert same(states(loaded), states(model))


def stacks():
    layer = st.one_of(
        st.builds(L.Dense, st.integers(1, 5), st.sampled_from([None, "relu", "tanh", "softmax"]), st.booleans()),
        st.builds(L.BatchNormalization, center=st.booleans(), scale=st.booleans()),
        st.builds(L.LayerNormalization),
        st.builds(L.Dropout, st.sampled_from([0.1, 0.5])),
        st.builds(lambda units: L.TimeDistributed(L.Dense(units)), st.integers(1, 4)),
        st.builds(
            L.GRU, st.integers(1, 4), return_sequences=st.just(True), recurrent_dropout=st.sampled_from([0.0, 0.3])
        ),
        st.builds(L.Conv1D, st.integers(1, 4), st.integers(1, 3), padding=st.just("same")),
        st.builds(
            lambda inner: keras.Sequential(inner),
            st.lists(st.builds(L.Dense, st.integers(1, 3)), min_size=1, max_size=2),
        ),
    )
    return st.lists(layer, min_size=1, max_size=5)


@given(stack=stacks(), functional=st.booleans())
def test_drawn_models(stack, functional, tmp_path):
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(2, 4, 3)
    if functional:
        first = y = L.Input((4, 3))
        for layer in stack:
            y = layer(y)
        model = keras.Model(first, [y, first * 2])
    else:
        model = keras.Sequential(stack)
    before = outputs(model, x)
    model.save(tmp_path / "a.keras")
    loaded = load_model(tmp_path / "a.keras")
    assert same(states(loaded), states(model))
    assert all(np.array_equal(a, b) for a, b in zip(outputs(loaded, x), before, strict=True))
    assert unbuilt(json.loads(model.to_json())) == unbuilt(json.loads(loaded.to_json()))


def test_a_layer_in_two_models_stays_one(tmp_path):
    model, _, _ = ZOO["nested"]()
    model.save(tmp_path / "a.keras")
    loaded = load_model(tmp_path / "a.keras")
    assert loaded.get_layer("shared") is loaded.get_layer("inner").get_layer("shared")
    assert len(loaded.weights) == len(model.weights)


def test_loading_draws_nothing(tmp_path):
    model, _, _ = ZOO["recurrent"]()
    model.save(tmp_path / "a.keras")
    keras.utils.set_random_seed(4)
    stream, generator = seeds.get_stream(), seeds.global_generator().state.numpy()
    load_model(tmp_path / "a.keras")
    assert seeds.get_stream() == stream and np.array_equal(seeds.global_generator().state.numpy(), generator)


def test_loading_computes_no_first_weights(tmp_path):
    calls = []

    @keras.saving.register_keras_serializable("laws")
    class Counted(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            calls.append(shape)
            return np.ones(shape, dtype)

    model = keras.Sequential([L.Input((3,)), L.Dense(2, kernel_initializer=Counted())])
    model.save(tmp_path / "a.keras")
    assert len(calls) == 1
    load_model(tmp_path / "a.keras")
    assert len(calls) == 1


def test_states_may_be_left_out(tmp_path):
    model, x, y = ZOO["sequential"]()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "a.keras", include_optimizer=False)
    loaded = load_model(tmp_path / "a.keras")
    assert loaded.compiled and int(loaded.optimizer.iterations) == 0 and int(model.optimizer.iterations) == 1
    model.save(tmp_path / "a.keras")
    loaded = load_model(tmp_path / "a.keras", compile=False)
    assert not loaded.compiled and np.array_equal(outputs(loaded, x)[0], outputs(model, x)[0])


def test_an_optimizer_that_was_not_built(tmp_path):
    model, x, y = ZOO["sequential"]()
    model.save(tmp_path / "a.keras")
    loaded = load_model(tmp_path / "a.keras")
    assert loaded.compiled and not loaded.optimizer.built
    assert step(model, x, y) == step(loaded, x, y)


class Nameless(L.Layer):
    """Weights without names, one of them an attribute, others in a list and a dictionary."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 2), initializer="normal")
        self.shift = self.add_weight(shape=(2,), initializer="normal")
        self.scale = keras.Variable(np.full(2, 3.0, "float32"))
        self.more = [keras.Variable(2.0), {"last": keras.Variable(0.5, trainable=False)}]

    def call(self, x):
        y = (x @ self.kernel + self.shift) * self.scale
        return y * self.more[0] + self.more[1]["last"]


@pytest.mark.parametrize("way", ["file", "weights", "copy"])
def test_weights_without_names(way, tmp_path):
    """How many nameless Variables were made before does not matter."""

    def make():
        return keras.Sequential([keras.Input((3,)), Nameless(), L.Dense(2), Nameless()])

    x = np.random.default_rng(0).standard_normal((8, 3)).astype("float32")
    model = make()
    model.compile("adam", "mse")
    model.fit(x, x[:, :2], verbose=0)
    assert len(model.weights) == 12 and len(model.trainable_variables) == 10
    keras.Variable(1.0)
    if way == "file":
        model.save(tmp_path / "m.keras")
        other = load_model(tmp_path / "m.keras", custom_objects={"Nameless": Nameless})
    elif way == "weights":
        model.save_weights(tmp_path / "m.weights")
        other = make()
        other.load_weights(tmp_path / "m.weights")
    else:
        other = copy.deepcopy(model)
        model.save_weights(tmp_path / "m.weights")
        other.set_weights([w * 0 for w in other.get_weights()])
        other.load_weights(tmp_path / "m.weights")
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
    for layer in model.layers:
        layer.trainable = False
    assert not model.trainable_variables


class Circular(keras.Model):
    """Containers that hold themselves and each other."""

    def __init__(self, **common):
        super().__init__(**common)
        self.blocks = []
        self.named = {"blocks": self.blocks, "hidden": [L.Dense(3)]}
        self.named["self"] = self.named
        self.blocks += [self.blocks, self.named]
        self.last = L.Dense(2)

    def call(self, x):
        return self.last(self.named["hidden"][0](x))


@pytest.mark.parametrize("name", ["m.keras", "m.json", "m.weights.h5", "m.weights"])
def test_containers_that_hold_themselves(name, tmp_path):
    x = np.random.default_rng(0).standard_normal((8, 3)).astype("float32")
    model = Circular()
    model.compile("adam", "mse")
    model.fit(x, x[:, :2], epochs=3, verbose=0)
    assert len(model.weights) == 4
    if "weights" in name:
        model.save_weights(tmp_path / name)
        other = Circular()
        other(x)
        other.load_weights(tmp_path / name)
    else:
        model.save(tmp_path / name)
        other = load_model(tmp_path / name, custom_objects={"Circular": Circular})
    for loaded in (other, copy.deepcopy(model)):
        assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True))
