"""Configurations: JSON there and back, the user's own names, functions without names, classes without a get_config."""

import json
import math
import warnings

import numpy as np
import pytest

import autonet as keras
from autonet import layers as L
from autonet.errors import ArgumentError, AutonetError, DataError, ShapeError
from autonet.saving import custom_object_scope, load_model, register_keras_serializable
from tests.saving.zoo import ZOO, X


@pytest.fixture(autouse=True)
def own_names():
    """What a test registers is gone after it."""
    before = dict(keras.saving.get_custom_objects())
    yield
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(before)


def saved(model, tmp_path):
    model.save(tmp_path / "x.keras")
    return tmp_path / "x.keras"


# JSON


@pytest.mark.parametrize("name", ["sequential", "recurrent", "attentive", "nested", "convolutional"])
def test_json_there_and_back(name):
    model, x, _ = ZOO[name]()
    text = model.to_json()
    copy = keras.models.model_from_json(text)
    assert type(copy) is type(model) and [w.shape for w in copy.weights] == [w.shape for w in model.weights]
    assert json.loads(copy.to_json()) == json.loads(text)
    copy.set_weights(model.get_weights())
    one, other = (keras.tree.flatten(m(x, training=False)) for m in (model, copy))
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(one, other, strict=True))
    assert json.loads(json.dumps(type(model).from_config(model.get_config()).get_config())) == json.loads(
        json.dumps(model.get_config())
    )


@pytest.mark.parametrize("text", ["", "[]", "3", "null", '"Sequential"', "{}", '{"class_name": "Dense"'])
def test_no_model_in_json(text):
    with pytest.raises(DataError):
        keras.models.model_from_json(text)


def test_json_of_another_object():
    with pytest.raises(DataError, match="describes a Dense, which is no model"):
        keras.models.model_from_json(json.dumps(keras.saving.serialize_keras_object(L.Dense(2))))


def test_what_json_cannot_hold(tmp_path):
    model = keras.Sequential([L.Input((3,)), L.Masking(mask_value=math.nan)])
    with pytest.raises(ArgumentError, match="cannot be stored as JSON"):
        model.to_json()
    with pytest.raises(ArgumentError, match="cannot be stored as JSON"):
        model.save(tmp_path / "x.keras")
    assert not any(tmp_path.iterdir())


# The user's own classes and functions


class Double(L.Layer):
    def call(self, x):
        return x * 2


def halved(x):
    return x / 2


def own_model():
    return keras.Sequential([L.Input((6,)), Double(name="double"), L.Dense(2, activation=halved)])


def test_custom_objects(tmp_path):
    model = own_model()
    path = saved(model, tmp_path)
    with pytest.raises(ArgumentError, match=r"Unknown class: 'Double'.*register_keras_serializable.*custom_objects="):
        load_model(path)
    with pytest.raises(ArgumentError, match="Unknown function: 'halved'"):
        load_model(path, custom_objects={"Double": Double})
    names = {"Double": Double, "halved": halved}
    for load in (lambda: load_model(path, names), lambda: keras.models.model_from_json(model.to_json(), names)):
        assert isinstance(load().layers[0], Double)
    with custom_object_scope(names):
        loaded = load_model(path)
    assert np.array_equal(loaded(X).numpy(), model(X).numpy())


def test_registered_names(tmp_path):
    register_keras_serializable("shop")(Double)
    register_keras_serializable("shop")(halved)
    model = own_model()
    assert np.array_equal(load_model(saved(model, tmp_path))(X).numpy(), model(X).numpy())


def test_what_compile_received(tmp_path):
    def loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    model = keras.Sequential([L.Input((6,)), L.Dense(1)])
    model.compile("sgd", loss, metrics=[loss])
    path = saved(model, tmp_path)
    with pytest.raises(ArgumentError, match="Unknown function: 'loss'"):
        load_model(path)
    assert load_model(path, {"loss": loss}).loss is loss
    assert not load_model(path, compile=False).compiled


def test_what_compile_received_and_nobody_can_store(tmp_path):
    model = keras.Sequential([L.Input((6,)), L.Dense(1)])
    model.compile("sgd", lambda y_true, y_pred: keras.ops.mean(y_true - y_pred))
    with pytest.warns(UserWarning, match="How Sequential .* was compiled is not saved. A lambda.*Compile it again"):
        model.save(tmp_path / "x.keras")
    assert model.compiled and not load_model(tmp_path / "x.keras").compiled


def test_a_compile_of_its_own(tmp_path):
    @register_keras_serializable("shop")
    class Twofold(keras.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = L.Dense(2), L.Dense(2)

        def compile(self, left_optimizer, right_optimizer):
            super().compile()
            self.left_optimizer, self.right_optimizer = left_optimizer, right_optimizer

        def call(self, x):
            return self.left(x) + self.right(x)

    model = Twofold()
    model(X)
    model.compile(keras.optimizers.Adam(), keras.optimizers.SGD(momentum=0.5))
    model.left_optimizer.build(model.left.trainable_variables)
    model.right_optimizer.build(model.right.trainable_variables)
    model.left_optimizer.apply([np.ones(w.shape) for w in model.left.weights])
    path = saved(model, tmp_path)
    with pytest.warns(UserWarning, match=r"Twofold 'twofold.*' has a compile\(\) of its own.*get_compile_config\(\)"):
        loaded = load_model(path)
    assert not loaded.compiled and np.array_equal(loaded(X).numpy(), model(X).numpy())

    def get_compile_config(self):
        return {
            "left": keras.optimizers.serialize(self.left_optimizer),
            "right": keras.optimizers.serialize(self.right_optimizer),
        }

    def compile_from_config(self, config):
        self.compile(*[keras.optimizers.deserialize(config[k]) for k in ("left", "right")])
        for layer, optimizer in ((self.left, self.left_optimizer), (self.right, self.right_optimizer)):
            optimizer.build(layer.trainable_variables)

    Twofold.get_compile_config, Twofold.compile_from_config = get_compile_config, compile_from_config
    loaded = load_model(saved(model, tmp_path))
    assert int(loaded.left_optimizer.iterations) == 1
    for one, other in ((loaded.left_optimizer, model.left_optimizer), (loaded.right_optimizer, model.right_optimizer)):
        assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


# Lambda


def test_a_lambda_needs_its_function(tmp_path):
    model = keras.Sequential(
        [L.Input((6,)), L.Lambda(lambda x: x * 2, name="doubled"), L.Lambda(halved, name="halved")]
    )
    path = saved(model, tmp_path)
    assert b"lambda x" not in path.read_bytes()
    with pytest.raises(ArgumentError, match=r"code from a file is never run.*custom_objects=\{'doubled': function\}"):
        load_model(path, {"halved": halved})
    loaded = load_model(path, {"doubled": lambda x: x * 3, "halved": halved})
    assert np.allclose(loaded(X).numpy(), X * 1.5)
    for safe_mode in (True, False):
        with pytest.raises(ArgumentError):
            load_model(path, safe_mode=safe_mode)


def test_a_lambda_with_shape_and_mask(tmp_path):
    layer = L.Lambda(
        lambda x: x[:, :2], output_shape=lambda shape: (shape[0], 2), mask=lambda x, mask: mask, name="cut"
    )
    path = saved(keras.Sequential([L.Input((6,)), layer]), tmp_path)
    with pytest.raises(ArgumentError, match=r"'cut\.(output_shape|mask)'"):
        load_model(path, {"cut": layer.function})
    names = {"cut": layer.function, "cut.output_shape": lambda shape: (shape[0], 2), "cut.mask": lambda x, mask: mask}
    assert load_model(path, names).output_shape == (None, 2)


def test_a_lambda_of_an_operation(tmp_path):
    path = saved(keras.Sequential([L.Input((6,)), L.Lambda(keras.ops.relu)]), tmp_path)
    assert np.array_equal(load_model(path)(X).numpy(), np.maximum(X, 0))


# Classes without a get_config


@register_keras_serializable("kept")
class Plain(keras.Model):
    def __init__(self, units, activation="relu", name=None):
        super().__init__(name=name)
        self.dense = L.Dense(units, activation)

    def call(self, x):
        return self.dense(x)


def test_plain_arguments_are_kept(tmp_path):
    register_keras_serializable("kept")(Plain)
    model = Plain(3, activation="tanh", name="plain")
    model(X)
    assert model.get_config().items() >= {"units": 3, "activation": "tanh", "name": "plain"}.items()
    loaded = load_model(saved(model, tmp_path))
    assert loaded.name == "plain" and np.array_equal(loaded(X).numpy(), model(X).numpy())
    assert type(keras.models.clone_model(model)) is Plain


def test_other_arguments_are_refused():
    class Holder(L.Layer):
        def __init__(self, inner, **common):
            super().__init__(**common)
            self.inner = inner

    with pytest.raises(
        ArgumentError, match=r"was made with inner, a Dense, which a configuration cannot hold.*get_config\(\)"
    ):
        Holder(L.Dense(2)).get_config()

    class Open(L.Layer):
        def __init__(self, *units):
            super().__init__()

    with pytest.raises(ArgumentError, match="was made with units"):
        Open(1, 2).get_config()


def test_a_get_config_of_its_own_speaks_for_itself():
    class Own(L.Layer):
        def __init__(self, f, size=1, **common):
            super().__init__(**common)
            self.f, self.size = f, size

        def get_config(self):
            return {**super().get_config(), "size": self.size}

    assert set(Own(print, size=2).get_config()) == {"name", "trainable", "dtype", "size"}


def test_constructors_that_take_no_name(tmp_path):
    class Bare(L.Layer):
        def __init__(self):
            super().__init__(name="bare", dtype="float64")

        def call(self, x):
            return x

    layer = Bare()
    layer.trainable = False
    copy = Bare.from_config({**layer.get_config(), "name": "other"})
    assert copy.name == "other" and not copy.trainable and copy.dtype == "float64"
    with pytest.raises(ArgumentError, match=r"Bare cannot be made from the configuration.*size.*get_config\(\)"):
        Bare.from_config({"size": 3})


# What layers were built for


def test_built_again():
    layer = L.Dense(2)
    assert layer.get_build_config() is None
    layer.build((None, 3))
    assert layer.get_build_config() == {"input_shape": (None, 3)}
    heads = L.MultiHeadAttention(2, 3)
    heads(np.ones((1, 4, 6)), np.ones((1, 5, 7)))
    assert heads.get_build_config() == {"shapes_dict": {"query_shape": (1, 4, 6), "value_shape": (1, 5, 7)}}
    for built in (layer, heads):
        stored = json.loads(json.dumps(keras.saving.serialize_keras_object(built)))
        copy = keras.saving.deserialize_keras_object(stored)
        assert copy.built and [w.shape for w in copy.weights] == [w.shape for w in built.weights]


@pytest.mark.parametrize("config, error", [
    (3, ArgumentError),
    ({}, ArgumentError),
    ({"input_shape": "ab"}, ArgumentError),
    ({"input_shape": [None, -3]}, ShapeError),
    ({"input_shape": [None, 2.5]}, ArgumentError),
    ({"input_shape": [None, True]}, ArgumentError),
    ({"other": [None, 3]}, ArgumentError),
    ({"shapes_dict": [3]}, ArgumentError),
])  # fmt: skip
def test_no_shapes(config, error):
    with pytest.raises(error):
        L.Dense(2).build_from_config(config)


def test_layers_that_a_call_does_not_reach(tmp_path):
    """Layers that only training uses, or that were built by hand, are built again when they are loaded."""

    @register_keras_serializable("kept")
    class Sometimes(keras.Model):
        def __init__(self):
            super().__init__()
            self.main, self.extra = L.Dense(2), [L.Dense(3)]

        def call(self, x, training=False):
            return self.main(self.extra[0](x)[:, :2]) if training else self.main(x[:, :2])

    model = Sometimes()
    model(X)
    model(X, training=True)
    loaded = load_model(saved(model, tmp_path))
    assert len(loaded.weights) == 4 and np.array_equal(
        loaded(X, training=True).numpy(), model(X, training=True).numpy()
    )


def test_errors_of_the_users_own_classes_are_shown(tmp_path):
    @register_keras_serializable("kept")
    class Odd(L.Layer):
        def __init__(self, size=1, **common):
            super().__init__(**common)
            self.size = 1 // size

        def call(self, x):
            return x

        def get_config(self):
            return {**super().get_config(), "size": 0}

    path = saved(keras.Sequential([L.Input((6,)), Odd()]), tmp_path)
    with pytest.raises(DataError, match="cannot be made. ZeroDivisionError") as caught:
        load_model(path)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_loading_twice_gives_two(tmp_path):
    path = saved(keras.Sequential([L.Input((6,)), L.Dense(2)]), tmp_path)
    one, other = load_model(path), load_model(path)
    one.weights[0].assign(one.weights[0] * 0)
    assert other.weights[0].numpy().any() and one.layers[0] is not other.layers[0]


def test_arguments_of_load_model(tmp_path):
    for path in (tmp_path / "none.keras", tmp_path):
        with pytest.raises(DataError, match="There is no file"):
            load_model(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AutonetError):
            load_model(__file__)
