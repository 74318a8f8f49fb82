"""The registry: what names reach, and above all what they do not."""

import threading

import pytest

import autonet
from autonet import layers, losses, metrics, optimizers, random
from autonet.errors import ArgumentError
from autonet.serialization import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from autonet.serialization.registry import FUNCTIONS, PACKAGES, find_class, find_function, module_of


@pytest.fixture(autouse=True)
def own_names():
    """What a test registers is gone after it."""
    before = dict(get_custom_objects())
    yield
    get_custom_objects().clear()
    get_custom_objects().update(before)


def twice(x):
    return 2 * x


class Gate(layers.Layer):
    pass


# The user's names


def test_registered_under_package_and_name():
    assert register_keras_serializable("shop")(twice) is twice
    assert register_keras_serializable("shop", name="Door")(Gate) is Gate
    assert get_registered_name(twice) == "shop>twice" and get_registered_name(Gate) == "shop>Door"
    assert get_registered_object("shop>twice") is twice and find_function("shop>twice") is twice
    assert find_class("Gate", None, "shop>Door") is Gate
    assert get_registered_object("twice") is None


def test_default_package():
    register_keras_serializable()(twice)
    assert get_custom_objects()["Custom>twice"] is twice


def test_a_cell_that_runs_again_replaces():
    @register_keras_serializable("shop")
    class Door(layers.Layer):
        pass

    first = Door

    @register_keras_serializable("shop")
    class Door(layers.Layer):
        pass

    assert get_registered_object("shop>Door") is Door is not first


def test_a_class_needs_a_configuration():
    class Bare:
        pass

    with pytest.raises(ArgumentError, match=r"class Bare: it has no get_config\(\).*Add get_config"):
        register_keras_serializable()(Bare)


def test_names_of_what_was_not_registered():
    class Unhashable:
        __hash__ = None
        __name__ = "thing"

    assert get_registered_name(twice) in ("twice", "shop>twice", "Custom>twice")
    assert get_registered_name(Unhashable()) == "thing"


def test_the_dictionary_may_be_changed():
    get_custom_objects()["mine"] = twice
    assert find_function("mine") is twice


def test_order_of_search():
    """What the caller passes, then the innermost scope, the outer ones, the registry, the module's."""
    values = iter(range(10))
    register_keras_serializable("p", name="x")(twice)
    assert get_registered_object("p>x", None, {"p>x": 0}) is twice
    with CustomObjectScope({"p>x": next(values)}):
        assert get_registered_object("p>x") == 0
        with custom_object_scope({"p>x": next(values)}):
            assert get_registered_object("p>x") == 1
            assert get_registered_object("p>x", {"p>x": 2}) == 2
        assert get_registered_object("p>x") == 0
    assert get_registered_object("p>x") is twice
    assert get_registered_object("nothing", None, {"nothing": 3}) == 3
    assert get_registered_object("nothing") is None


def test_a_scope_ends_with_an_error_too():
    with pytest.raises(RuntimeError), CustomObjectScope({"own": twice}):
        raise RuntimeError
    assert get_registered_object("own") is None


def test_a_scope_keeps_what_it_was_given():
    names = {"own": twice}
    with CustomObjectScope(names):
        names.clear()
        assert get_registered_object("own") is twice
    with CustomObjectScope(None):
        pass


def test_scopes_belong_to_their_thread():
    found = []
    with CustomObjectScope({"own": twice}):
        thread = threading.Thread(target=lambda: found.append(get_registered_object("own")))
        thread.start()
        thread.join()
    assert found == [None]


# autonet's own names


@pytest.mark.parametrize("cls, module", [
    (layers.Dense, "keras.layers"),
    (losses.MeanSquaredError, "keras.losses"),
    (metrics.Mean, "keras.metrics"),
    (optimizers.Adam, "keras.optimizers"),
    (optimizers.schedules.ExponentialDecay, "keras.optimizers.schedules"),
    (random.SeedGenerator, "keras.random"),
    (autonet.regularizers.L2, "keras.regularizers"),
    (autonet.initializers.Zeros, "keras.initializers"),
    (autonet.Sequential, "keras"),
    (autonet.Model, "keras"),
    (Gate, None),
    (dict, None),
])  # fmt: skip
def test_modules_are_keras(cls, module):
    assert module_of(cls) == module
    if module is not None:
        assert find_class(cls.__name__, module) is cls


@pytest.mark.parametrize("package", [p for p in PACKAGES if p not in ("keras", "keras.random")])
def test_every_public_class_is_found_where_it_is_filed(package):
    import importlib

    public = vars(importlib.import_module(PACKAGES[package])).values()
    classes = {c for c in public if isinstance(c, type) and hasattr(c, "from_config") and "autonet" in c.__module__}
    for cls in classes:
        assert find_class(cls.__name__, module_of(cls)) in cls.__mro__[:2]  # itself, or what it is the first edition of


def test_insides_of_keras_are_its_packages():
    """Files that Keras wrote may name the file in which a class stands there."""
    assert find_class("Dense", "keras.src.layers.core.dense") is layers.Dense
    assert find_class("Sequential", "keras.src.models.sequential") is autonet.Sequential


@pytest.mark.parametrize("name, module", [
    ("system", "os"),
    ("Popen", "subprocess"),
    ("Popen", "keras.src.subprocess"),
    ("Dense", "autonet.layers"),
    ("Dense", None),
    ("Dense", 3),
    ("np", "keras.layers"),
    ("base", "keras.layers"),
    ("Input", "keras.layers"),
    ("serialize", "keras.initializers"),
    ("__class__", "keras.layers"),
    ("_family", "keras.initializers"),
    ("Dense.__init__", "keras.layers"),
    ("Tensor", "keras"),
    ("jit", "keras"),
    ("", "keras.layers"),
    (None, "keras.layers"),
    (["Dense"], "keras.layers"),
])  # fmt: skip
def test_nothing_else_is_reached(name, module):
    with pytest.raises((ArgumentError, TypeError)):
        find_class(name, module)


@pytest.mark.parametrize("name", ["system", "eval", "Dense", "_family", "__import__", "np", "Any", "", "os.system"])
def test_no_other_function_is_reached(name):
    with pytest.raises(ArgumentError, match="Unknown function"):
        find_function(name)


@pytest.mark.parametrize("name", ["relu", "mean_squared_error", "softmax", "matmul"])
def test_functions_of_the_packages(name):
    assert find_function(name).__name__ == name
    assert len(FUNCTIONS) == 4


def test_a_near_miss_is_named():
    with pytest.raises(ArgumentError, match=r"Unknown class: 'Dens'. Did you mean 'Dense'.*custom_objects="):
        find_class("Dens", "keras.layers")
    with pytest.raises(ArgumentError, match=r"Unknown function: 'reluu'. Did you mean 'relu'"):
        find_function("reluu")
    with CustomObjectScope({"MyGate": Gate}), pytest.raises(ArgumentError, match="Did you mean 'MyGate'"):
        find_class("MyGatt")
