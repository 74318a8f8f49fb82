"""MultiOptimizer and OptimizerMap."""

import json

import numpy as np
import pytest

from autonet import callbacks, layers, models, optimizers, saving
from autonet.compiler import Compiled
from autonet.compiler.c.runtime import toolchain
from autonet.core import Tensor
from autonet.errors import ArgumentError, DtypeError
from autonet.optimizers import LBFGS, SGD, Adam, LossScaleOptimizer, MultiOptimizer, OptimizerMap
from autonet.saving.keras_names import keras_groups
from autonet.variable import Variable

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def net():
    return models.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(4, kernel_initializer="ones", name="low"),
            layers.Dense(1, kernel_initializer="ones", name="high"),
        ]
    )


def both(**options):
    return MultiOptimizer(OptimizerMap(SGD(0.01, momentum=0.5), {".*low/.*": Adam(0.02, **options)}))


def trained(optimizer, epochs=3, model=None, **options):
    model = model or net()
    model.compile(optimizer, "mse", **options)
    model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
    return model


def same(some, others):
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_map_looks_for_the_key_itself_then_for_a_pattern_then_for_the_default():
    exact, pattern, default = SGD(), SGD(), SGD()
    found = OptimizerMap(default, {"encoder/dense": exact, "encoder/.*": pattern})
    assert found["encoder/dense"] is exact
    assert found["encoder/other/kernel"] is pattern
    assert found["encoder"] is found["head/encoder/x"] is found.default_optimizer is default
    assert list(found) == ["encoder/dense", "encoder/.*"]
    assert len(found) == 2
    found[".*/kernel"] = SGD()
    with pytest.raises(ArgumentError, match="Make the patterns narrower"):
        found["encoder/other/kernel"]
    del found[".*/kernel"]
    assert found["encoder/other/kernel"] is pattern


@pytest.mark.parametrize(
    "inside", [LossScaleOptimizer(SGD()), MultiOptimizer(OptimizerMap(SGD())), LBFGS(), "sgd", None]
)
def test_what_cannot_be_inside(inside):
    found = OptimizerMap(SGD(), {"a": SGD()})
    with pytest.raises((ArgumentError, DtypeError)):
        found["b"] = inside
    with pytest.raises((ArgumentError, DtypeError)):
        OptimizerMap(inside)
    with pytest.raises(ArgumentError, match="MultiOptimizer expects"):
        MultiOptimizer(lambda variable: inside).build([Variable(np.ones(2))])


def test_misuse():
    found = OptimizerMap(SGD(), {"a": SGD()})
    for key in ("a", 3, "("):
        with pytest.raises(ArgumentError):
            found[key] = SGD()
    with pytest.raises(DtypeError):
        OptimizerMap(SGD(), [SGD()])
    with pytest.raises(ArgumentError):
        MultiOptimizer({"a": SGD()})
    optimizer = MultiOptimizer(found)
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="optimizers"):
        optimizer.learning_rate = 0.1


@pytest.mark.parametrize("captured", [False, True])
def test_each_weight_moves_as_its_own_optimizer_moves_it(captured):
    grads = [Tensor(np.full(2, g, "float32")) for g in (1.0, -2.0, 0.5)]
    weights = [Variable(np.ones(2, "float32"), name=n) for n in "abc"]
    optimizer = MultiOptimizer(OptimizerMap(SGD(0.1, momentum=0.9), {"b|c": Adam(0.01, clipnorm=1.0)}))
    optimizer.build(weights)
    step = lambda *g: optimizer.apply(list(g), weights)
    step = Compiled(step, native=False) if captured else step
    for _ in range(4):
        step(*grads)
    alone = [Variable(np.ones(2, "float32"), name=n) for n in "abc"]
    sgd, adam = SGD(0.1, momentum=0.9), Adam(0.01, clipnorm=1.0)
    for _ in range(4):
        sgd.apply(grads[:1], alone[:1])
        adam.apply(grads[1:], alone[1:])
    same(weights, alone)
    assert [int(x.iterations) for x in (optimizer, *optimizer.optimizers)] == [4, 4, 4]


def test_a_function_may_choose_and_no_optimizer_need_be_used():
    low, high = SGD(0.5), SGD(0.0)
    optimizer = MultiOptimizer(lambda v: low if "low/" in v.path else high)
    assert optimizer.optimizers == []
    model = trained(optimizer, 1)
    assert optimizer.optimizers == [low, high]
    same(model.layers[1].get_weights(), net().layers[1].get_weights())
    unused = MultiOptimizer(OptimizerMap(SGD(), {".*": SGD(0.1)}))
    trained(unused, 1)
    assert [int(x.iterations) for x in unused.optimizers] == [4, 0]


def test_the_loss_is_scaled_once():
    w = Variable(np.full(2, 2.0, "float32"))
    optimizer = MultiOptimizer(OptimizerMap(SGD(0.1, loss_scale_factor=2.0)), loss_scale_factor=5.0)
    optimizer.build([w])
    assert float(optimizer.scale_loss(Tensor(2.0))) == 10
    optimizer.apply([Tensor(np.full(2, 10.0, "float32"))], [w])
    np.testing.assert_allclose(w, [1.8, 1.8], rtol=1e-6)


def test_compiled_as_eager():
    eager, compiled = (trained(both(), **way).get_weights() for way in ({"run_eagerly": True}, {"jit_compile": True}))
    for a, b in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=0 if toolchain.find() is None else 1e-6)  # C rounds otherwise


def test_configuration():
    shared = Adam(0.5)
    optimizer = MultiOptimizer(OptimizerMap(SGD(0.1), {"a": shared, "b": shared}), loss_scale_factor=4.0, name="two")
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    again = optimizers.deserialize(config)
    assert again.get_config() == optimizer.get_config()
    assert again.optimizer_map["a"] is again.optimizer_map["b"]
    assert [type(x).__name__ for x in again.optimizers] == ["Adam", "SGD"]


@pytest.mark.parametrize("around", [lambda x: x, LossScaleOptimizer])
def test_saved_and_resumed(tmp_path, around):
    model = trained(around(both(use_ema=True)))
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    same(again.optimizer.get_weights(), model.optimizer.get_weights())
    for each in (model, again):
        each.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    same(again.get_weights(), model.get_weights())
    same(again.optimizer.get_weights(), model.optimizer.get_weights())


def test_state_lies_where_keras_looks_for_it():
    groups = dict(keras_groups(trained(both(), 1)))
    assert groups["optimizer/optimizers/adam"].slots and "optimizer/optimizers/sgd" in groups


def test_callbacks_reach_the_optimizers_inside(capsys):
    optimizer = both(use_ema=True)
    model = net()
    model.compile(optimizer, "mse")
    followed = [
        callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1),
        callbacks.SwapEMAWeights(),
    ]
    history = model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=followed).history
    names = [f"learning_rate_{x.name}" for x in optimizer.optimizers]
    for name, rate in zip(names, (0.02, 0.01), strict=True):
        np.testing.assert_allclose(history[name], [rate / 2, rate / 4], rtol=1e-6)
    assert "learning rate of" in capsys.readouterr().out
    plateau = callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_lr=0.004)
    plateau.set_model(model)
    plateau.on_train_begin()
    for epoch in range(2):
        plateau.on_epoch_end(epoch, {"val_loss": 1.0})
    # 0.02 and 0.01 were halved twice before, to 0.005 and 0.0025, which is below min_lr already
    np.testing.assert_allclose([float(x.learning_rate) for x in optimizer.optimizers], [0.004, 0.0025], rtol=1e-6)
