"""Config, and the questions of `autonet.backend`."""

import pytest

import autonet
from autonet import backend, utils
from autonet.errors import ArgumentError


def test_entries_are_attributes():
    config = utils.Config(a=1)
    config.b = 2
    config["c"] = 3
    assert (config.a, config["b"], config.c) == (1, 2, 3)
    assert config.as_dict() == dict(config) == {"a": 1, "b": 2, "c": 3}
    assert len(config) == 3 and "a" in config and config.get("z", 7) == 7
    del config.c
    assert config.pop("b") == 2 and config == utils.Config(a=1)
    with pytest.raises(AttributeError, match="'z'"):
        _ = config.z
    with pytest.raises(KeyError):
        _ = config["z"]
    assert repr(config) == "<Config {'a': 1}>" and config.to_json() == '{"a": 1}'


def test_frozen_configs_refuse_changes():
    config = utils.Config(a=1)
    config.freeze()
    for change in (lambda: setattr(config, "b", 2), lambda: config.update(a=2), lambda: config.pop("a")):
        with pytest.raises(ArgumentError, match="unfreeze"):
            change()
    config.unfreeze()
    config.update(a=2)
    assert config.a == 2 and not config.frozen


def test_backend_answers():
    assert backend.backend() == "numpy"
    assert backend.result_type("int32", "float16") == "float16"
    assert [backend.get_uid("word") for _ in range(2)] == [1, 2]
    backend.clear_session()
    assert backend.get_uid("word") == 1
    assert backend.is_keras_tensor(autonet.Input((3,))) and not backend.is_keras_tensor(autonet.Tensor([1.0]))
    assert utils.is_keras_tensor is backend.is_keras_tensor
