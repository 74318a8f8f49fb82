"""What all optimizers have in common: clipping, decay, averages, the learning rate, errors."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonet import layers, losses, optimizers
from autonet.common.versions import structure
from autonet.core import Tensor
from autonet.errors import ArgumentError, DataError, NotBuiltError, ShapeError
from autonet.legacy import LegacyWarning
from autonet.models import Sequential
from autonet.optimizers import SGD, Adam, schedules
from autonet.serialization import register_keras_serializable
from autonet.variable import Variable

floats = st.floats(-1e3, 1e3, width=32)
arrays = hnp.arrays("float32", hnp.array_shapes(max_dims=2, max_side=4), elements=floats)


def step_of(gradients, **options):
    """What plain descent at rate 1 moves weights that start at zero, negated."""
    ws = [Variable(np.zeros(g.shape, g.dtype)) for g in gradients]
    SGD(1.0, **options).apply(gradients, ws)
    return [-w.numpy() for w in ws]


@given(arrays, st.floats(0.01, 100))
def test_clipvalue_bounds_each_element(g, limit):
    np.testing.assert_allclose(step_of([g], clipvalue=limit)[0], np.clip(g, -limit, limit), rtol=1e-6)


@given(arrays, arrays, st.floats(0.01, 100))
def test_clipnorm_bounds_each_gradient(a, b, limit):
    for g, clipped in zip((a, b), step_of([a, b], clipnorm=limit), strict=True):
        norm = np.linalg.norm(g.astype("float64"))
        np.testing.assert_allclose(clipped, g * min(1, limit / norm) if norm else g, rtol=1e-5, atol=1e-35)
        if norm < 0.99 * limit:
            assert np.array_equal(clipped, g)


@given(arrays, arrays, st.floats(0.01, 100))
def test_global_clipnorm_bounds_all_together(a, b, limit):
    norm = np.sqrt(np.sum(a.astype("float64") ** 2) + np.sum(b.astype("float64") ** 2))
    for g, clipped in zip((a, b), step_of([a, b], global_clipnorm=limit), strict=True):
        np.testing.assert_allclose(clipped, g * min(1, limit / norm) if norm else g, rtol=1e-5, atol=1e-35)


def test_the_order_is_clip_then_decay_then_update_then_average_then_constrain():
    w = Variable(np.array([2.0, -2.0], "float32"))
    w.constraint = lambda x: x * 10
    optimizer = SGD(0.5, weight_decay=0.1, clipvalue=1.0, use_ema=True, ema_momentum=0.9)
    optimizer.apply([np.array([5.0, 0.0], "float32")], [w])
    moved = np.array([2.0, -2.0]) * (1 - 0.1 * 0.5) - 0.5 * np.array([1.0, 0.0])
    np.testing.assert_allclose(w.numpy(), 10 * moved, rtol=1e-6)
    np.testing.assert_allclose(optimizer.variables[2].numpy(), moved, rtol=1e-6)


def test_weights_spared_the_decay():
    a, b, c = (Variable(np.ones(1, "float32"), name=n) for n in ("kernel", "bias", "gamma"))
    optimizer = SGD(1.0, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[c], var_names=["bia"])
    optimizer.apply([np.zeros(1)] * 3, [a, b, c])
    assert [w.item() for w in (a, b, c)] == [0.5, 1.0, 1.0]


@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=6), st.floats(0, 1))
def test_the_average_is_the_closed_formula(gs, momentum):
    w = Variable(np.zeros((), "float64"))
    optimizer = SGD(1.0, use_ema=True, ema_momentum=momentum)
    mean, x = None, 0.0
    for g in gs:
        optimizer.apply([g], [w])
        x -= g
        mean = x if mean is None else momentum * mean + (1 - momentum) * x
    assert w.item() == pytest.approx(x)
    optimizer.finalize_variable_values([w])
    assert w.item() == pytest.approx(mean, abs=1e-6)


def test_means_become_the_weights_only_once_there_are_some():
    w = Variable(np.ones(2, "float32"))
    optimizer = SGD(use_ema=True)
    optimizer.finalize_variable_values([w])
    optimizer.build([w])
    optimizer.finalize_variable_values([w])
    assert w.numpy().tolist() == [1.0, 1.0]
    with pytest.raises(ArgumentError, match="does not know"):
        optimizer.finalize_variable_values([Variable(np.ones(2))])


def test_a_copy_knows_its_own_weights():
    w = Variable(np.ones(2, "float32"), name="w")
    optimizer = Adam(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([w])
    optimizer.apply([np.ones(2)], [w])
    other, other_w = copy.deepcopy((optimizer, w))
    before = w.numpy()
    for _ in range(2):
        optimizer.apply([np.ones(2)], [w])
    assert other_w.numpy().tolist() == before.tolist()
    for _ in range(2):
        other.apply([np.ones(2)], [other_w])
    assert other_w.numpy().tolist() == w.numpy().tolist() and int(other.iterations) == 3


def test_a_scaled_loss_makes_the_same_step():
    a, b = (Variable(np.array([1.0, 2.0], "float32")) for _ in range(2))
    SGD(0.1).minimize(lambda: (a * a).sum(), [a])
    loss = SGD(0.1, loss_scale_factor=1024.0).minimize(lambda: (b * b).sum(), [b])
    assert loss.item() == 5.0
    np.testing.assert_allclose(a.numpy(), b.numpy())


# The learning rate


def test_the_learning_rate_is_a_variable_that_can_be_set():
    optimizer = SGD(1)
    rate = optimizer.learning_rate
    assert isinstance(rate, Variable) and rate.dtype == "float32" and not rate.trainable
    version = structure.version
    for value, expected in ((0.5, 0.5), (np.float64(0.25), 0.25), (Tensor(0.125), 0.125), (rate * 2, 2.0)):
        optimizer.learning_rate = value
        assert optimizer.learning_rate is rate and rate.item() == expected
    assert structure.version == version  # a captured step reads the Variable
    own = Variable(2.0, trainable=False)
    optimizer.learning_rate = own
    assert optimizer.learning_rate is own and optimizer.variables[1] is own
    assert structure.version > version
    w = Variable(np.zeros(1, "float32"))
    optimizer.apply([np.ones(1)], [w])
    assert w.item() == -2.0


def test_a_schedule_counts_the_steps_and_cannot_be_set_to_a_number():
    optimizer = SGD(schedules.PiecewiseConstantDecay([0, 1], [1.0, 10.0, 100.0]))
    w = Variable(np.zeros(1, "float32"))
    seen = []
    for _ in range(3):
        optimizer.apply([np.ones(1)], [w])
        seen.append(w.item())
    assert seen == [-1.0, -11.0, -111.0]
    assert [v.name for v in optimizer.variables] == ["iteration"]
    with pytest.raises(ArgumentError, match="follows PiecewiseConstantDecay"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(2.0, 1, 1.0)
    assert float(optimizer.learning_rate) == 2.0
    optimizer.learning_rate = Variable(3.0)
    assert float(optimizer.learning_rate) == 3.0


def test_a_schedule_can_follow_a_number():
    optimizer = SGD(0.5)
    optimizer.learning_rate = schedules.InverseTimeDecay(1.0, 1, 1.0)
    assert float(optimizer.learning_rate) == 1.0
    assert [v.name for v in optimizer.variables] == ["iteration"]


def test_a_plain_function_of_the_step_is_a_schedule():
    optimizer = SGD(lambda step: 1 / (1 + step))
    w = Variable(np.zeros(1, "float64"))
    for _ in range(3):
        optimizer.apply([np.ones(1)], [w])
    assert w.item() == pytest.approx(-(1 + 1 / 2 + 1 / 3))
    with pytest.raises(ArgumentError, match="must take nothing, or the step"):
        SGD(lambda a, b: 0.1)


@register_keras_serializable("tests")
def quarter():
    return 0.25


def test_a_function_without_arguments_is_asked_before_each_step():
    rates = iter([1.0, 0.5, 0.25, 0.125])
    optimizer = SGD(lambda: next(rates))
    w = Variable(np.zeros(1, "float32"))
    seen = []
    for _ in range(3):
        optimizer.apply([np.ones(1)], [w])
        seen.append(w.item())
    assert seen == [-0.5, -0.75, -0.875]  # the first was asked for when the optimizer was made
    assert [v.name for v in optimizer.variables] == ["iteration"]
    config = optimizers.serialize(SGD(quarter))
    assert float(optimizers.deserialize(config).learning_rate) == 0.25
    assert optimizers.deserialize(config).get_config() == config["config"]


@pytest.mark.parametrize("eagerly", [True, False])
def test_a_function_without_arguments_in_fit(eagerly):
    """Captured steps read what it said last; setting another form of the rate is seen, too."""
    rates = iter([0.0, 1.0, 0.5, 0.25, 0.125, 0.0625])
    model = Sequential([layers.Dense(1, use_bias=False, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(SGD(lambda: next(rates)), losses.LossFunctionWrapper(lambda y, p: p[:, 0]), run_eagerly=eagerly)
    x = np.ones((5, 1))
    model.fit(x, x, batch_size=1, verbose=0, shuffle=False)
    assert model.get_weights()[0].item() == -(1 + 0.5 + 0.25 + 0.125 + 0.0625)
    for rate, moved in ((Variable(2.0), 10.0), (3.0, 15.0), (lambda: 0.5, 2.5), (lambda step: 0 * step + 1, 5.0)):
        before = model.get_weights()[0].item()
        model.optimizer.learning_rate = rate
        model.fit(x, x, batch_size=1, verbose=0)
        assert before - model.get_weights()[0].item() == pytest.approx(moved)


def test_a_schedule_in_a_configuration():
    config = optimizers.serialize(Adam(schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3)))
    assert config["config"]["learning_rate"]["module"] == "keras.optimizers.schedules"
    again = optimizers.deserialize(config)
    assert again.get_config() == config["config"]


def test_words_of_keras_1():
    with pytest.warns(LegacyWarning, match="learning_rate"):
        assert float(SGD(lr=0.5, momentum=0.9).learning_rate) == 0.5
    with pytest.warns(LegacyWarning) as caught:
        optimizer = SGD(lr=1.0, decay=0.5)
    assert len(caught) == 2 and "InverseTimeDecay" in str(caught[1].message)
    assert all(c.filename == __file__ for c in caught)
    assert float(optimizer._rate(2)) == 0.5
    with pytest.raises(ArgumentError, match="Did you mean 'momentum'"):
        SGD(momentun=0.5)


# Parts that a subclass may replace


class Signs(optimizers.Optimizer):
    """A rule in this package's form."""

    slots = ("count",)

    def update(self, w, g, n, *, lr, t):
        n.assign_add(1)
        w.assign_sub(lr * np.sign(g) * t)


class KerasSigns(optimizers.Optimizer):
    """The same rule as one writes it for Keras."""

    def build(self, variables):
        super().build(variables)
        self.counts = [self.add_variable_from_reference(v, name="count") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        n = self.counts[self._get_variable_index(variable)]
        self.assign_add(n, 1)
        self.assign_sub(variable, learning_rate * np.sign(gradient) * (self.iterations + 1))


@pytest.mark.parametrize("cls", [Signs, KerasSigns])
def test_own_rules(cls):
    w = Variable(np.zeros(2, "float32"), name="w")
    optimizer = cls(1.0, gradient_accumulation_steps=2)
    for _ in range(4):
        optimizer.apply([np.array([3.0, -3.0])], [w])
    assert w.numpy().tolist() == [-3.0, 3.0]
    (count,) = [v for v in optimizer.variables if v.name == "w_count"]
    assert count.numpy().tolist() == [2.0, 2.0]


def test_a_rule_without_update_says_so():
    with pytest.raises(NotImplementedError, match="must define update"):
        optimizers.Optimizer(0.1).apply([np.ones(1)], [Variable(np.ones(1))])


def test_a_variable_that_takes_its_gradient_as_value():
    a, b = Variable(np.zeros(1, "float32")), Variable(np.zeros(1, "float32"))
    a.overwrite_with_gradient = True
    SGD(1.0).apply([np.full(1, 7.0), np.ones(1)], [a, b])
    assert (a.item(), b.item()) == (7.0, -1.0)


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "only one of clipnorm"),
        ({"clipnorm": -1.0}, "clipnorm above 0"),
        ({"use_ema": True, "ema_momentum": 2.0}, "ema_momentum in"),
        ({"ema_overwrite_frequency": 2.5}, "ema_overwrite_frequency"),
        ({"gradient_accumulation_steps": 1}, ">= 2"),
        ({"learning_rate": "fast"}, "received 'fast'"),
        ({"learning_rate": True}, "received True"),
        ({"momentum": 1.5}, "momentum in"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ArgumentError, match=message):
        SGD(**options)


def test_bad_calls():
    w, other = Variable(np.ones(2, "float32"), name="w"), Variable(np.ones(2, "float32"), name="other")
    optimizer = SGD()
    with pytest.raises(NotBuiltError, match="build"):
        optimizer.apply([np.ones(2)])
    with pytest.raises(NotBuiltError, match="build"):
        optimizer.set_weights([1])
    optimizer.build([w])
    with pytest.raises(ArgumentError, match="does not know the variable 'other'"):
        optimizer.apply([np.ones(2)], [other])
    with pytest.raises(ArgumentError, match="expects 1 gradients"):
        optimizer.apply([np.ones(2), np.ones(2)])
    with pytest.raises(ArgumentError, match="no gradient for any"):
        optimizer.apply([None])
    with pytest.raises(ShapeError, match=r"shape \(2,\); its gradient has shape \(2, 1\)"):
        optimizer.apply([np.ones((2, 1))])
    with pytest.raises(DataError, match="expects 2 arrays"):
        optimizer.set_weights([1])
    with pytest.raises(ShapeError, match="sgd\\w*/iteration"):
        optimizer.set_weights([[1, 2], 1])
    w.trainable = False
    with pytest.raises(ArgumentError, match="frozen variables"):
        optimizer.minimize(lambda: w.sum())
    assert int(optimizer.iterations) == 0
    for nothing in (lambda: optimizer.apply([], []), lambda: optimizer.apply_gradients([])):
        with pytest.raises(ArgumentError, match="received no gradients, so there is nothing to move.*build them"):
            nothing()
    with pytest.raises(ArgumentError, match="received no variables"):
        optimizer.minimize(lambda: w.sum(), [])
    with pytest.raises(ArgumentError, match="expects 1 gradients, one for each variable; received 0"):
        optimizer.apply([], [w])
    assert int(optimizer.iterations) == 0


def test_missing_gradients_warn_and_leave_the_weight():
    a, b = Variable(np.ones(2, "float32"), name="a"), Variable(np.ones(2, "float32"), name="b")
    optimizer = Adam(weight_decay=0.1)
    with pytest.warns(UserWarning, match="no gradients for the variables b"):
        optimizer.apply_gradients([(np.ones(2), a), (None, b)])
    assert b.numpy().tolist() == [1.0, 1.0] and a.numpy()[0] < 1


def test_unknown_optimizers():
    with pytest.raises(ArgumentError, match="Did you mean 'adam"):
        optimizers.get("adams")
    assert optimizers.get(None) is None
    with pytest.raises(ArgumentError, match="optimizer"):
        optimizers.get(3)


def test_repr_tells_the_state():
    assert repr(SGD(0.5, name="plain")) == "<SGD 'plain', learning_rate=0.5, iterations=0>"
