"""Configurations: there, through JSON, and back; and what they refuse."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import activations, initializers, layers, losses, metrics, optimizers, regularizers
from autonet.core import Tensor
from autonet.errors import ArgumentError, AutonetError, DataError, DtypeError
from autonet.serialization import (
    CustomObjectScope,
    Family,
    deserialize_keras_object,
    get_custom_objects,
    register_keras_serializable,
    serialize_keras_object,
    snake_case,
)


@pytest.fixture(autouse=True)
def own_names():
    """What a test registers is gone after it."""
    before = dict(get_custom_objects())
    yield
    get_custom_objects().clear()
    get_custom_objects().update(before)


def there_and_back(obj, **options):
    return deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(obj))), **options)


# Plain values

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
nests = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
).filter(lambda x: "class_name" not in str(x))


@given(nests)
def test_plain_values_are_their_own_configuration(x):
    assert serialize_keras_object(x) == x
    assert there_and_back(x) == x


def test_tuples_stay_until_json_makes_them_lists():
    config = serialize_keras_object((1, (2, [3])))
    assert config == (1, (2, [3]))
    assert deserialize_keras_object(config) == (1, (2, [3]))
    assert there_and_back((1, 2)) == [1, 2]


# The forms in which Keras 3.15.1 stores them


@pytest.mark.parametrize("obj, stored", [
    (np.arange(3.0), {"class_name": "__numpy__", "config": {"value": [0.0, 1.0, 2.0], "dtype": "float64"}}),
    (Tensor([1.0, 1.0]), {"class_name": "__tensor__", "config": {"value": [1.0, 1.0], "dtype": "float32"}}),
    (slice(1, 2), {"class_name": "__slice__", "config": {"start": 1, "stop": 2, "step": None}}),
    (..., {"class_name": "__ellipsis__", "config": {}}),
    (b"ab", {"class_name": "__bytes__", "config": {"value": "ab"}}),
])  # fmt: skip
def test_values_that_json_lacks(obj, stored):
    assert serialize_keras_object(obj) == stored
    back = there_and_back(obj)
    assert type(back) is type(obj)
    np.testing.assert_equal(*[np.array(x) if isinstance(x, Tensor) else x for x in (back, obj)])
    assert getattr(back, "dtype", None) == getattr(obj, "dtype", None)


def test_older_tuples():
    assert deserialize_keras_object({"class_name": "__tuple__", "config": {"value": [1, [2]]}}) == (1, [2])


@pytest.mark.parametrize("scalar", [np.float32(2.5), np.int64(3), np.bool_(True)])
def test_scalars_of_numpy_become_numbers(scalar):
    stored = serialize_keras_object(scalar)
    assert stored == scalar and type(stored) in (float, int, bool)


def test_dtypes_become_names():
    assert serialize_keras_object(np.dtype("float32")) == "float32"


@pytest.mark.parametrize("obj, module", [
    (layers.Dense(3, name="mine"), "keras.layers"),
    (losses.MeanSquaredError(), "keras.losses"),
    (metrics.Mean(), "keras.metrics"),
    (optimizers.Adam(), "keras.optimizers"),
    (initializers.GlorotUniform(seed=3), "keras.initializers"),
    (regularizers.L2(0.5), "keras.regularizers"),
], ids=lambda x: x if isinstance(x, str) else "")  # fmt: skip
def test_objects(obj, module):
    stored = serialize_keras_object(obj)
    assert list(stored) == ["module", "class_name", "config", "registered_name"]
    assert (stored["module"], stored["class_name"], stored["registered_name"]) == (module, type(obj).__name__, None)
    back = there_and_back(obj)
    assert type(back) is type(obj)
    assert serialize_keras_object(back) == stored


def test_a_nest_of_objects():
    back = there_and_back({"a": 1, "b": [layers.Dense(2), {"c": initializers.Zeros()}]})
    assert isinstance(back["b"][0], layers.Dense) and isinstance(back["b"][1]["c"], initializers.Zeros)


def test_functions_are_stored_by_name():
    stored = serialize_keras_object(losses.mean_squared_error)
    expected = {"module": "builtins", "class_name": "function", "registered_name": "function"}
    assert stored == {**expected, "config": "mean_squared_error"}
    assert there_and_back(losses.mean_squared_error) is losses.mean_squared_error


def test_what_was_built_and_compiled_comes_back():
    """Objects that say how they were built and compiled are told so again."""

    @register_keras_serializable("shop")
    class Machine:
        built = compiled = None

        def get_config(self):
            return {}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

        def get_build_config(self):
            return self.built

        def build_from_config(self, config):
            self.built = config

        def get_compile_config(self):
            return self.compiled

        def compile_from_config(self, config):
            self.compiled = config

    machine = Machine()
    assert set(serialize_keras_object(machine)) == {"module", "class_name", "config", "registered_name"}
    machine.built, machine.compiled = {"input_shape": [None, 3]}, {"loss": "mse"}
    assert serialize_keras_object(machine)["build_config"] == machine.built
    back = there_and_back(machine)
    assert (back.built, back.compiled) == (machine.built, machine.compiled)


# The user's own


def own_gate():
    class Gate(layers.Layer):
        def __init__(self, strength=1, **common):
            super().__init__(**common)
            self.strength = strength

        def get_config(self):
            return {**super().get_config(), "strength": self.strength}

    return Gate


def test_registered_classes():
    gate = register_keras_serializable("shop")(own_gate())
    stored = serialize_keras_object(gate(3))
    assert (stored["module"], stored["class_name"], stored["registered_name"]) == (None, "Gate", "shop>Gate")
    assert there_and_back(gate(3)).strength == 3


def test_unregistered_classes_are_passed_or_refused():
    gate = own_gate()
    assert serialize_keras_object(gate())["registered_name"] == "Gate"
    with pytest.raises(ArgumentError, match=r"Unknown class: 'Gate'.*@register_keras_serializable\(\)"):
        there_and_back(gate(3))
    assert there_and_back([gate(3)], custom_objects={"Gate": gate})[0].strength == 3
    with CustomObjectScope({"Gate": gate}):
        assert there_and_back(gate(3)).strength == 3
    with pytest.raises(ArgumentError, match="Unknown class: 'Gate'"):  # what was passed once is not kept
        there_and_back(gate(3))


def test_custom_objects_reach_the_inside():
    def cubed(x):
        return x * x * x

    layer = layers.Dense(2, activation=cubed)
    assert there_and_back(layer, custom_objects={"cubed": cubed}).activation is cubed
    with pytest.raises(ArgumentError, match="Unknown function: 'cubed'"):
        there_and_back(layer)


def test_own_functions():
    @register_keras_serializable("shop")
    def halved(x):
        return x / 2

    assert serialize_keras_object(halved)["config"] == "shop>halved"
    assert there_and_back(halved) is halved
    assert activations.get("shop>halved") is halved


def test_a_constructor_that_disagrees_is_named():
    gate = register_keras_serializable("shop")(own_gate())
    stored = serialize_keras_object(gate(3))
    stored["config"]["colour"] = "red"
    with pytest.raises((TypeError, ArgumentError), match="colour"):
        deserialize_keras_object(stored)

    @register_keras_serializable("shop")
    class Plain:
        def get_config(self):
            return {"size": 1}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    with pytest.raises(DataError, match="TypeError.*While building Plain from its configuration {'size': 1}") as caught:
        there_and_back(Plain())
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize("config", [
    {"class_name": {}, "config": {}},
    {"class_name": "Dense", "module": "keras.layers", "config": 3},
    {"class_name": "Dense", "module": "keras.layers", "config": {"units": 2, "dtype": {"config": "x"}}},
    {"class_name": "Zeros", "module": "keras.initializers", "config": {"x": 3}},
    {"class_name": "L2", "module": "keras.regularizers", "config": "x"},
    {"class_name": "MeanSquaredError", "module": "keras.losses", "config": 3},
    {"class_name": "AUC", "module": "keras.metrics", "config": {"num_thresholds": "x"}},
    {"class_name": "Adam", "module": "keras.optimizers", "config": {"clipnorm": "x"}},
    {"class_name": "Sequential", "module": "keras", "config": {"layers": [3]}},
    {"class_name": "Functional", "module": "keras", "config": {"layers": [{}], "input_layers": 3, "output_layers": []}},
    {"class_name": "__numpy__", "config": {"value": [1]}},
    {"class_name": "__tensor__", "config": {"value": 10**30, "dtype": "int64"}},
    {"class_name": "__tuple__", "items": 3},
    {"class_name": "__slice__", "config": []},
    {"class_name": "Dense", "module": "keras.layers", "config": {"units": 2}, "shared_object_id": []},
])  # fmt: skip
def test_configurations_that_describe_nothing(config):
    """One kind of error, alone, in a list, and as an argument of something sound."""
    dense = {"class_name": "Dense", "module": "keras.layers", "config": {"units": 2, "kernel_initializer": config}}
    for described in (config, [config], {"a": config}, dense):
        with pytest.raises(AutonetError):
            deserialize_keras_object(described)


def test_a_class_without_from_config():
    @register_keras_serializable("shop")
    class Half:
        def get_config(self):
            return {}

    with pytest.raises(ArgumentError, match=r"Class Half has no from_config\(\)"):
        there_and_back(Half())


# Refusals


def test_code_is_refused_both_ways():
    with pytest.raises(ArgumentError, match="A lambda cannot be serialized.*Define it with `def`"):
        serialize_keras_object(lambda x: x)
    with pytest.raises(ArgumentError, match="A lambda cannot be serialized"):
        serialize_keras_object(layers.Dense(2, activation=lambda x: x))
    for safe_mode in (True, False):
        with pytest.raises(ArgumentError, match="holds the code of a lambda, which is never run"):
            deserialize_keras_object({"class_name": "__lambda__", "config": {"value": "4wEA"}}, safe_mode=safe_mode)


@pytest.mark.parametrize("obj", [{1, 2}, 1 + 2j, object(), layers.Dense], ids=lambda x: type(x).__name__)
def test_what_has_no_configuration(obj):
    with pytest.raises(DtypeError, match=r"no get_config\(\). Give its class"):
        serialize_keras_object([obj])


@pytest.mark.parametrize("config", [
    {"class_name": "system", "module": "os", "config": {"command": "true"}, "registered_name": None},
    {"class_name": "function", "module": "os", "config": "system", "registered_name": "function"},
    {"class_name": "Dense", "config": {"units": 3}},
    {"class_name": "__import__", "module": "builtins", "config": {}},
])  # fmt: skip
def test_names_that_nothing_answers_to(config):
    with pytest.raises(ArgumentError, match="Unknown (class|function)"):
        deserialize_keras_object(config)


def test_unknown_option():
    with pytest.raises(ArgumentError, match="Did you mean 'safe_mode'"):
        deserialize_keras_object(3, safe_mod=True)


# Families


class Shape:
    def __init__(self, size=1):
        self.size = size

    def get_config(self):
        return {"size": self.size}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class RoundShape(Shape):
    pass


class RSquare(Shape):
    pass


def flat(x):
    return x


family = Family("shape", "keras.shapes", Shape, (RoundShape, RSquare, flat), {"ball": RoundShape}, default=flat)


@pytest.mark.parametrize("name", ["RoundShape", "round_shape", "roundshape", "ball"])
def test_every_spelling(name):
    assert type(family.get(name)) is RoundShape


def test_whatever_means_a_shape():
    assert family.get(None) is flat and family.get("flat") is flat
    assert type(family.get(RSquare)) is RSquare
    made = RSquare(3)
    assert family.get(made) is made and family.get(flat) is flat
    assert family.get({"class_name": "round_shape", "config": {"size": 4}}).size == 4
    with CustomObjectScope({"Mine": RSquare}):
        assert type(family.get("Mine")) is RSquare
    assert type(family.deserialize("Mine", {"Mine": RSquare})) is RSquare


def test_a_shape_with_a_config_of_its_own():
    register_keras_serializable("shop")(RSquare)
    assert family.deserialize(family.serialize(RSquare(5))).size == 5


def test_near_misses():
    with pytest.raises(ArgumentError, match="Unknown shape: 'round_shap'. Did you mean 'round_shape'"):
        family.get("round_shap")
    with pytest.raises(ArgumentError, match="Could not interpret 3 as shape. Pass a name such as 'RoundShape'"):
        family.get(3)
    with pytest.raises(ArgumentError, match="which is no shape. Pass what keras.shapes.serialize returned"):
        family.deserialize({"class_name": "__numpy__", "config": {"value": 1, "dtype": "int32"}})


@pytest.mark.parametrize("name, expected", [
    ("Dense", "dense"),
    ("MaxPooling2D", "max_pooling2d"),
    ("LeakyReLU", "leaky_re_lu"),
    ("PReLU", "p_re_lu"),
    ("L1L2", "l1l2"),
    ("BatchNormalization", "batch_normalization"),
    ("LSTM", "lstm"),
    ("GRUCell", "gru_cell"),
])  # fmt: skip
def test_snake_case(name, expected):
    assert snake_case(name) == expected
