"""Derivatives asked through the results of plans: those of the eager run, or an error, never zeros."""

import numpy as np
import pytest

from autonet import Model, Sequential, Variable, jit, layers, ops, optimizers
from autonet.errors import GradientError
from autonet.gradients import grad, jacobian, value_and_grad
from autonet.pictures.records import record_diagram

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def net():
    return Sequential([layers.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)])


def gradients_of(net):
    found = [v._node.grad.numpy() for v in net.trainable_variables]
    for v in net.trainable_variables:
        v._node.grad = None
    return found


def same(ours, theirs):
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_steps_on_a_models_weights_run_their_plans(net):
    optimizer = optimizers.SGD(0.1)
    optimizer.build(net.trainable_variables)
    loss = value_and_grad(lambda weights, x: ops.mean(net(x) ** 2))

    def step(x):
        value, found = loss(net.trainable_weights, x)
        optimizer.apply(found, net.trainable_weights)
        return value

    start = net.get_weights()
    expected = [step(X).item() for _ in range(4)]
    net.set_weights(start)
    compiled = jit(step, native=False)
    assert [compiled(X).item() for _ in range(4)] == expected
    assert compiled.account.hits == 3
    with pytest.raises(GradientError, match="assigned 'sequential.*by itself.*value_and_grad"):
        compiled(X).backward()


def test_gradients_and_jacobians_of_a_models_weights_run_their_plans(net):
    loss = value_and_grad(lambda weights, x: ops.mean(net(x) ** 2))
    compiled = jit(loss, native=False)
    rows, plain = jit(jacobian(net.call), native=False), jacobian(net.call)
    for k in range(3):
        value, found = compiled(net.trainable_weights, X + k)
        expected, theirs = loss(net.trainable_weights, X + k)
        assert value.item() == expected.item() and same(map(np.asarray, found), map(np.asarray, theirs))
        assert np.array_equal(rows(X + k).numpy(), plain(X + k).numpy())
    assert rows.account.hits == 2
    assert compiled.account.hits == 2


def test_a_derivative_through_a_plan_is_that_of_the_eager_run(net):
    compiled = jit(lambda x, scale: {"y": net(x), "sum": [ops.sum(net(x)) * scale]}, native=False)
    for k in range(3):
        x = X + k
        result = compiled(x, 2.0)
        x[:] = 7  # the record has its own
        (ops.sum(result["y"] ** 2) + result["sum"][0]).backward()
        ours = gradients_of(net)
        (ops.sum(net(X + k) ** 2) + ops.sum(net(X + k)) * 2.0).backward()
        assert all(np.allclose(a, b, rtol=1e-5) for a, b in zip(ours, gradients_of(net), strict=True))
    assert compiled.account.hits == 2


def test_second_derivatives_through_a_plan():
    w = Variable(np.float32(3.0))
    f = jit(grad(lambda x: x * w * w), native=False)  # w squared
    f(1.0)
    slope = grad(lambda _: f(1.0))(w)
    assert slope.item() == 6.0
    f(2.0).backward()
    assert w.grad.item() == 6.0


def test_logits_that_results_carry_are_places_of_the_record_too(net):
    model = Sequential([*net.layers, layers.Activation("sigmoid")])
    compiled = jit(lambda x: model(x), native=False)
    target = np.ones((4, 1), np.float32)
    for f in (model, compiled, compiled):
        ops.mean(ops.binary_crossentropy(target, f(X))).backward()
        ours = gradients_of(net)
        if f is model:
            expected = ours
        assert all(np.allclose(a, b, rtol=1e-4) for a, b in zip(ours, expected, strict=True))


def test_chance_and_moving_averages_are_those_of_the_call():
    class Noisy(Model):
        def __init__(self):
            super().__init__()
            self.parts = [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5, seed=1), layers.Dense(1)]

        def call(self, x, training=None):
            for part in self.parts:
                x = part(x, training=training) if type(part) is not layers.Dense else part(x)
            return x

    def run(jitted):
        model = Noisy()
        model(X)
        for v, seed in zip(model.trainable_variables, range(9)):  # noqa: B905
            v.assign(np.random.default_rng(seed).standard_normal(v.shape))
        f = jit(lambda x: model(x, training=True), native=False) if jitted else lambda x: model(x, training=True)
        found = []
        for k in range(3):
            y = f(X + k)
            between = [v.numpy() for v in model.non_trainable_variables]
            ops.sum(y * y).backward()
            assert same(between, [v.numpy() for v in model.non_trainable_variables])
            found += gradients_of(model)
        return found

    assert all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(run(True), run(False), strict=True))


def test_values_that_are_gone_are_an_error():
    w = Variable(X)
    f = jit(lambda x: ops.sum(x * w), native=False)
    f(X)
    y = f(X)
    w.assign(w + 1)
    with pytest.raises(GradientError, match="was assigned since"):
        y.backward()
    y = f(X)
    w.trainable = False
    with pytest.raises(GradientError, match="no longer trained"):
        y.backward()


def test_a_function_that_would_give_something_else_now_is_an_error():
    w, outside = Variable(X), [1.0]
    f = jit(lambda x: ops.sum(x * w) * outside[0], native=False)
    f(X)
    y = f(X)
    outside[0] = 2.0
    with pytest.raises(GradientError, match="what it finds outside itself has changed"):
        y.backward()


def test_the_record_behind_a_replay_can_be_drawn(net):
    f = jit(lambda x: ops.sum(net(x)), native=False)
    f(X)
    titles = [box.title for box in record_diagram(f(X) * 2, {}, 50).boxes]
    assert "jit" in titles and titles.count("leaf") == len(net.trainable_variables)
