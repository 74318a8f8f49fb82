"""Layers to configurations and back."""

import pytest

from autonet import layers
from autonet.errors import ArgumentError


def test_there_and_back():
    config = layers.serialize(layers.Dense(3, activation="relu", name="mine"))
    assert (config["module"], config["class_name"]) == ("keras.layers", "Dense")
    again = layers.deserialize(config)
    assert type(again) is layers.Dense and again.get_config() == config["config"]


def test_without_a_module():
    assert layers.deserialize({"class_name": "Dense", "config": {"units": 2}}).units == 2


def test_a_class_of_ones_own():
    class Mine(layers.Layer):
        pass

    config = {"class_name": "Mine", "config": {"name": "one"}}
    assert type(layers.deserialize(config, custom_objects={"Mine": Mine})) is Mine


def test_something_else():
    with pytest.raises(ArgumentError, match="expects the configuration of a layer"):
        layers.deserialize({"module": "keras.optimizers", "class_name": "SGD", "config": {}, "registered_name": None})
