"""LossScaleOptimizer."""

import copy
import json

import numpy as np
import pytest

from autonet import layers, optimizers
from autonet.compiler import Compiled
from autonet.core import Tensor
from autonet.errors import ArgumentError
from autonet.models import Sequential
from autonet.optimizers import SGD, Adam, LossScaleOptimizer
from autonet.variable import Variable

GRADIENTS = [[8.0, 8.0], [8, 8], [np.inf, 1], [8, 8], [8, 8], [8, 8], [np.nan, 1], [1, 1]]
# weights, step counter, scale, iterations after each of these, as Keras 3.15.1 has them on JAX
KERAS = [
    (0.9, 1, 8, 1),
    (0.8, 0, 16, 2),
    (0.8, 0, 8, 2),
    (0.7, 1, 8, 3),
    (0.6, 0, 16, 4),
    (0.55, 1, 16, 5),
    (0.55, 0, 8, 5),
    (0.5375, 1, 8, 6),
]


@pytest.mark.parametrize("captured", [False, True])
def test_steps(captured):
    w = Variable(np.ones(2, "float32"))
    optimizer = LossScaleOptimizer(SGD(0.1), initial_scale=8.0, dynamic_growth_steps=2)
    optimizer.build([w])
    step = lambda g: optimizer.apply([g], [w])
    step = Compiled(step, native=False) if captured else step
    for g, (weight, counter, scale, iterations) in zip(GRADIENTS, KERAS, strict=True):
        step(Tensor(np.array(g, "float32")))
        np.testing.assert_allclose(w, [weight] * 2, rtol=1e-6)
        assert optimizer.step_counter.item() == counter
        assert optimizer.dynamic_scale.item() == optimizer.scale_loss(1.0).item() == scale
        assert optimizer.iterations.item() == iterations


@pytest.mark.parametrize("inner", [SGD(0.1), Adam(0.1, use_ema=True, gradient_accumulation_steps=2, clipnorm=1.0)])
def test_finite_steps_are_those_of_the_inner_optimizer(inner):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3)).astype("float32"), rng.normal(size=(32, 1)).astype("float32")
    weights = []
    for optimizer in (copy.deepcopy(inner), LossScaleOptimizer(copy.deepcopy(inner))):
        model = Sequential([layers.Dense(1, input_shape=(3,), kernel_initializer="ones")])
        model.compile(optimizer, "mse")
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_state_and_configuration():
    w = Variable(np.ones(2, "float32"), name="w")
    optimizer = LossScaleOptimizer(Adam(0.5, name="inner"), initial_scale=4.0, name="outer")
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == float(optimizer.learning_rate) == 0.25
    config = json.loads(json.dumps(optimizers.serialize(optimizer)))
    again = optimizers.deserialize(config)
    assert again.get_config() == optimizer.get_config() == config["config"]
    assert list(again.get_config()) == ["name", "inner_optimizer", "initial_scale", "dynamic_growth_steps"]
    optimizer.minimize(lambda: (w * w).sum(), [w])
    assert [v.path for v in optimizer.variables][:6] == [
        "outer/iteration",
        "outer/learning_rate",
        "outer/step_counter",
        "outer/dynamic_scale",
        "inner/iteration",
        "inner/learning_rate",
    ]
    copied = Variable(w.numpy(), name="w")
    again.build([copied])
    store = {}
    optimizer.save_own_variables(store)
    again.load_own_variables(store)
    for other, v in ((optimizer, w), (again, copied)):
        other.minimize(lambda v=v: (v * v).sum(), [v])
    assert copied.numpy().tolist() == w.numpy().tolist()
    assert "LossScaleOptimizer" in repr(optimizer)


def test_refusals():
    with pytest.raises(ArgumentError, match="an optimizer to wrap"):
        LossScaleOptimizer(0.1)
    with pytest.raises(ArgumentError, match="dynamic_growth_steps"):
        LossScaleOptimizer(SGD(), dynamic_growth_steps=0)
    with pytest.raises(ArgumentError, match="clipnorm"):
        LossScaleOptimizer(SGD(), clipnorm=1.0)


@pytest.mark.parametrize("many", [False, True])
def test_a_scale_inside_gives_way(many):
    """Only one of the two divides: as in Keras, the outer one."""
    inner = SGD(0.5, loss_scale_factor=100.0)
    if many:
        inner = optimizers.MultiOptimizer(optimizers.OptimizerMap(inner), loss_scale_factor=100.0)
    optimizer, w = LossScaleOptimizer(inner, initial_scale=8.0), Variable([1.0, 2.0])
    optimizer.build([w])
    assert float(optimizer.scale_loss(Tensor(2.0))) == 16.0
    optimizer.apply([np.array([8.0, 48.0])], [w])
    np.testing.assert_allclose(w, [0.5, -1.0])
    assert inner.loss_scale_factor is None
