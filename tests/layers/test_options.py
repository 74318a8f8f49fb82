"""Options declared once: every layer keeps them as attributes, and its configuration tells them."""

import inspect

import pytest

from autonet import initializers, layers, regularizers
from autonet.layers.base import Layer
from autonet.layers.options import keeps, options_of
from tests.layers.test_every_layer import CASES

CLASSES = sorted(
    {c for c in vars(layers).values() if inspect.isclass(c) and issubclass(c, Layer)}, key=lambda c: c.__name__
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_options_and_families_stand_in_the_configuration(case):
    config = {k: v("float32") if k in ("layer", "cell", "function") else v for k, v in case.config.items()}
    layer = getattr(layers, case.name)(**config)
    assert set(options_of(type(layer))) <= set(layer.get_config())


def test_exceptions_are_arguments_of_constructors():
    classes = {c for cls in CLASSES for c in cls.__mro__ if c.__module__.startswith("autonet.")}
    known = {name for c in classes if "__init__" in vars(c) for name in inspect.signature(c.__init__).parameters}
    assert {name for c in classes for name in (*vars(c).get("_told", ()), *vars(c).get("_untold", ()))} <= known


def test_options_add_up_from_class_to_class():
    assert set(options_of(layers.Conv2D)) - set(options_of(layers.Conv2DTranspose)) == {"groups"}
    assert "output_padding" in options_of(layers.Conv2DTranspose)


def test_another_packages_class_may_use_the_words_for_itself():
    class Mine(layers.Dense):
        _untold = ("units",)

    assert Mine(2).get_config()["units"] == 2


def test_a_weight_follows_its_family():
    layer = layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l2", bias_constraint="non_neg")
    layer.build((None, 3))
    assert layer.kernel.numpy().tolist() == [[1.0, 1.0]] * 3
    assert layer.kernel.regularizer is layer.kernel_regularizer and layer.kernel.constraint is None
    assert layer.bias.constraint is layer.bias_constraint and layer.bias.path.endswith("/bias")


class Inner(layers.Layer):
    @keeps("kernel")
    def __init__(self, kernel_initializer="ones", kernel_regularizer=None, kernel_constraint=None, **common):
        super().__init__(**common)


class Outer(Inner):
    @keeps("kernel")
    def __init__(self, kernel_initializer="zeros", kernel_regularizer="l2", kernel_constraint=None, **common):
        super().__init__(**common)


@pytest.mark.parametrize("given", [{}, {"kernel_initializer": "he_normal"}])
def test_the_outermost_constructor_keeps_a_family(given):
    layer = Outer(**given)
    assert type(layer.kernel_initializer) is type(initializers.get(given.get("kernel_initializer", "zeros")))
    assert isinstance(layer.kernel_regularizer, regularizers.L2) and layer.kernel_constraint is None
    Inner.__init__(layer)
    assert isinstance(layer.kernel_initializer, initializers.Ones) and layer.kernel_regularizer is None


@pytest.mark.parametrize("wrong", [{"units": 2, "nonsense": 3}, {}, {"units": 2, "kernel_initializer": "nonsense"}])
def test_a_constructor_that_keeps_families_says_what_is_wrong(wrong):
    with pytest.raises((TypeError, ValueError), match="nonsense|needs 'units'"):
        layers.Dense(**wrong)
