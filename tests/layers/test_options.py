"""Options declared once: every layer keeps them as attributes, and its configuration tells them."""

import inspect

import pytest

from autonet import layers
from autonet.layers.base import Layer
from autonet.layers.options import _declared
from tests.layers.test_every_layer import CASES

CLASSES = sorted(
    {c for c in vars(layers).values() if inspect.isclass(c) and issubclass(c, Layer)}, key=lambda c: c.__name__
)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_a_declared_option_is_an_argument_of_a_constructor(cls):
    known = {
        name for c in cls.__mro__ if "__init__" in vars(c) for name in inspect.signature(vars(c)["__init__"]).parameters
    }
    assert set(_declared(cls)) <= known


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_declared_options_and_families_stand_in_the_configuration(case):
    config = {k: v("float32") if k in ("layer", "cell", "function") else v for k, v in case.config.items()}
    layer = getattr(layers, case.name)(**config)
    families = [f"{f}_{part}" for f in layer._families for part in ("initializer", "regularizer", "constraint")]
    assert {*_declared(type(layer)), *families} <= set(layer.get_config())


def test_options_add_up_from_class_to_class():
    assert set(_declared(layers.Conv2D)) - set(_declared(layers.Conv2DTranspose)) == {"groups"}
    assert "output_padding" in _declared(layers.Conv2DTranspose)


def test_another_packages_class_may_use_the_words_for_itself():
    class Mine(layers.Dense):
        _options = ("chosen", "freely")

    assert Mine(2).get_config()["units"] == 2


def test_a_weight_follows_its_family():
    layer = layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l2", bias_constraint="non_neg")
    layer.build((None, 3))
    assert layer.kernel.numpy().tolist() == [[1.0, 1.0]] * 3
    assert layer.kernel.regularizer is layer.kernel_regularizer and layer.kernel.constraint is None
    assert layer.bias.constraint is layer.bias_constraint and layer.bias.path.endswith("/bias")
