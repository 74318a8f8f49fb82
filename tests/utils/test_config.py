"""Config, and the questions of `autonet.backend`."""

import numpy as np
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


@pytest.fixture
def switches():
    """The settings of the process as they were, afterwards."""
    yield autonet.config
    autonet.config.enable_interactive_logging()
    autonet.config.set_max_epochs(None)
    autonet.config.set_max_steps_per_epoch(None)


def test_without_interactive_logging_an_epoch_is_a_line(switches, capsys):
    model = autonet.Sequential([autonet.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert switches.is_interactive_logging_enabled()
    switches.disable_interactive_logging()
    model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2)
    shown = capsys.readouterr().out
    assert shown.count("\r") == 0 and shown.count("loss") == 2
    assert not switches.is_interactive_logging_enabled()


@pytest.mark.parametrize("stream", [False, True])
def test_training_ends_early_for_a_first_look(switches, stream):
    def data():
        return (
            (((np.ones((3, 2)), np.ones((3, 1))) for _ in range(99)),)
            if stream
            else (np.ones((99, 2)), np.ones((99, 1)))
        )

    model = autonet.Sequential([autonet.layers.Dense(1)])
    model.compile("sgd", "mse")
    switches.set_max_epochs(2)
    switches.set_max_steps_per_epoch(1)
    with pytest.warns(UserWarning, match="Limiting"):
        history = model.fit(*data(), epochs=5, verbose=0)
    assert len(history.epoch) == 2 and int(model.optimizer.iterations) == 2
    assert (switches.max_epochs(), switches.max_steps_per_epoch()) == (2, 1)


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "3"])
def test_limits_that_are_none_are_refused(switches, most):
    for change in (switches.set_max_epochs, switches.set_max_steps_per_epoch):
        with pytest.raises(ArgumentError, match="at least 1"):
            change(most)


def test_what_other_backends_know(switches):
    switches.disable_flash_attention()
    assert not switches.is_flash_attention_enabled()
    switches.enable_flash_attention()
    assert switches.is_flash_attention_enabled() and not switches.is_nnx_enabled()
    switches.set_backend("numpy")
    with pytest.raises(ArgumentError, match="computes with NumPy"):
        switches.set_backend("jax")
    assert switches.enable_unsafe_deserialization() is None
