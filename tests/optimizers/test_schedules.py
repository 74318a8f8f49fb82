"""Schedules against their closed formulas; agreement with Keras is tested in test_against_keras."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet import ops
from autonet.errors import ArgumentError, ShapeError
from autonet.optimizers import schedules
from autonet.serialization import register_keras_serializable
from autonet.variable import Variable

steps = st.integers(0, 10_000)
rates = st.floats(1e-4, 10)
times = st.integers(1, 1000)


@given(steps, rates, times, st.floats(0.1, 1), st.booleans())
def test_exponential(s, a, d, r, staircase):
    p = s // d if staircase else s / d
    got = float(schedules.ExponentialDecay(a, d, r, staircase)(s))
    assert got == pytest.approx(a * r**p, rel=1e-3, abs=1e-30)


@given(steps, rates, times, st.floats(0.1, 1), st.booleans())
def test_inverse_time(s, a, d, r, staircase):
    p = s // d if staircase else s / d
    assert float(schedules.InverseTimeDecay(a, d, r, staircase)(s)) == pytest.approx(a / (1 + r * p), rel=1e-5)


@given(steps, st.lists(steps, unique=True, max_size=5).map(sorted))
def test_piecewise(s, boundaries):
    values = list(range(len(boundaries) + 1))
    assert float(schedules.PiecewiseConstantDecay(boundaries, values)(s)) == sum(s > b for b in boundaries)


@given(steps, times, st.floats(0.5, 3), st.booleans())
def test_polynomial(s, d, power, cycle):
    total = d * max(1, math.ceil(s / d)) if cycle else d
    expected = (1.0 - 0.1) * (1 - min(s, total) / total) ** power + 0.1
    assert float(schedules.PolynomialDecay(1.0, d, 0.1, power, cycle)(s)) == pytest.approx(expected, abs=1e-3)


@given(steps, times, st.integers(1, 500), st.floats(0, 1))
def test_cosine_with_warm_up(s, d, warm, alpha):
    schedule = schedules.CosineDecay(0.1, d, alpha, warmup_target=1.0, warmup_steps=warm)
    if s < warm:
        expected = 0.1 + 0.9 * s / warm
    else:
        expected = (1 - alpha) * 0.5 * (1 + math.cos(math.pi * min((s - warm) / d, 1))) + alpha
    assert float(schedule(s)) == pytest.approx(expected, abs=1e-5)


@given(st.integers(1, 50), st.sampled_from([1, 2, 3, 5]), st.integers(0, 5))
def test_cosine_restarts_come_exactly_when_due(first, t_mul, wave):
    schedule = schedules.CosineDecayRestarts(1.0, first, t_mul=t_mul, m_mul=0.5)
    begin = first * sum(t_mul**i for i in range(wave))
    assert float(schedule(begin)) == pytest.approx(0.5**wave, rel=1e-5)
    middle = begin + first * t_mul**wave / 2
    assert float(schedule(middle)) == pytest.approx(0.5**wave / 2, abs=1e-3)
    if wave and first > 10:
        assert float(schedule(begin - 1)) < 0.5**wave


def test_a_function_of_the_step_or_of_the_epoch():
    by_step = schedules.FunctionSchedule(lambda step: 0.3 / np.sqrt(1 + step))
    assert float(by_step(8)) == pytest.approx(0.1)
    by_epoch = schedules.FunctionSchedule(lambda epoch: 0.3 / ops.sqrt(epoch), steps_per_epoch=10)
    assert [float(by_epoch(s)) for s in (0, 9, 10, 89)] == pytest.approx([0.3, 0.3, 0.3 / 2**0.5, 0.1])
    constant = schedules.FunctionSchedule(lambda step: 0.5)
    assert float(constant(3)) == 0.5
    with pytest.raises(ShapeError, match="one number"):
        schedules.FunctionSchedule(lambda step: ops.ones(3))(0)


@register_keras_serializable("tests")
def halving(step):
    return 0.5**step


def test_a_function_in_a_configuration():
    config = schedules.serialize(schedules.FunctionSchedule(halving, steps_per_epoch=2))
    again = schedules.deserialize(config)
    assert again.function is halving and again.steps_per_epoch == 2
    with pytest.raises(ArgumentError, match="lambda"):
        schedules.FunctionSchedule(lambda s: 0.1).get_config()


ALL = [
    schedules.ExponentialDecay(0.1, 10, 0.5),
    schedules.InverseTimeDecay(0.1, 10, 0.5),
    schedules.PiecewiseConstantDecay([3], [0.1, 0.2]),
    schedules.PolynomialDecay(0.1, 10, cycle=True),
    schedules.CosineDecay(0.1, 10, warmup_target=1.0, warmup_steps=4),
    schedules.CosineDecayRestarts(0.1, 10),
    schedules.FunctionSchedule(halving),
    schedules.ByEpoch(halving, steps_per_epoch=2),
]


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)
def test_every_schedule(schedule):
    step = Variable(7, dtype="int64", trainable=False)
    rate = schedule(step)
    assert rate.shape == () and rate.dtype == "float32"
    assert rate.item() == schedule(7).item() == schedule(np.int64(7)).item() == schedule(7.0).item()
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()
    short = {"class_name": type(schedule).__name__, "config": schedule.get_config()}
    assert type(schedules.deserialize(short)) is type(schedule)
    assert type(schedule).__name__ in repr(schedule)


def test_the_table_has_every_schedule():
    base = schedules.LearningRateSchedule
    public = {v for v in vars(schedules).values() if isinstance(v, type) and issubclass(v, base)}
    assert public - {base} == {type(s) for s in ALL}


def test_refusals():
    with pytest.raises(ArgumentError, match="decay_steps above 0"):
        schedules.ExponentialDecay(0.1, 0, 0.5)
    with pytest.raises(ArgumentError, match="one value more"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    with pytest.raises(ArgumentError, match="increase"):
        schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3])
    with pytest.raises(ArgumentError, match="t_mul"):
        schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5)
    with pytest.raises(ArgumentError, match="function of the step"):
        schedules.FunctionSchedule(0.1)
    with pytest.raises(NotImplementedError, match="__call__"):
        schedules.LearningRateSchedule()(0)


# By epoch

OF_EPOCH = {  # as the literature writes them, of epochs 1, 2, ...
    "inverse": (lambda e: 0.2 / (1 + 0.5 * e), lambda e: 0.2 / (1 + 0.5 * e)),
    "exponential": (lambda e: 0.95**e * 0.2, lambda e: 0.2 * 0.95**e),
    "root": (lambda e: 0.3 / ops.sqrt(e), lambda e: 0.3 / math.sqrt(e)),
    "steps": (schedules.PiecewiseConstantDecay([1, 2], [0.3, 0.2, 0.1]), lambda e: [0.3, 0.3, 0.2, 0.1, 0.1][e - 1]),
    "schedule": (schedules.ExponentialDecay(0.2, 1, 0.5), lambda e: 0.2 * 0.5 ** (e - 1)),
}


def endless():
    while True:
        yield np.ones((2, 1)), np.zeros((2, 1))


class Four:
    """Four batches, which it does not say before."""

    def __iter__(self):
        return itertools.islice(endless(), 4)


DATA = {
    "arrays": lambda: ((np.ones((7, 1)), np.zeros((7, 1))), {"batch_size": 2}),
    "generator": lambda: ((endless(),), {"steps_per_epoch": 4}),
    "unknown length": lambda: ((Four(),), {}),
    "validated": lambda: ((np.ones((10, 1)), np.zeros((10, 1))), {"batch_size": 2, "validation_split": 0.2}),
}


def walker(rate, **compiling):
    """A weight whose first-order loss moves it by the learning rate at each step."""
    model = keras.Sequential([keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
    optimizer = rate if isinstance(rate, keras.optimizers.Optimizer) else keras.optimizers.SGD(rate)
    model.compile(optimizer, lambda y, p: p[:, 0], **compiling)
    return model


@pytest.mark.parametrize("way", [{"run_eagerly": True}, {}, {"steps_per_execution": 3}], ids=["eager", "plan", "group"])
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", OF_EPOCH)
def test_each_epoch_has_its_rate(name, data, way, monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "0")
    given, expected = OF_EPOCH[name]
    model = walker(schedules.ByEpoch(given), **way)
    where = []
    for epochs in (3, 2):  # a second fit goes on
        args, fit = DATA[data]()
        seen = keras.callbacks.LambdaCallback(on_epoch_end=lambda *a: where.append(float(model.get_weights()[0][0, 0])))
        model.fit(*args, epochs=epochs, callbacks=[seen], verbose=0, **fit)
    walked = -np.diff([1.0, *where])
    assert walked == pytest.approx([4 * expected(e) for e in range(1, 6)], rel=1e-4)
    assert float(model.optimizer.learning_rate) == pytest.approx(expected(5))


def test_steps_per_epoch_says_it_without_fit():
    by_step = schedules.ByEpoch(lambda e: 1 / e, steps_per_epoch=3)
    assert [float(by_step(s)) for s in range(7)] == pytest.approx([1, 1, 1, 0.5, 0.5, 0.5, 1 / 3])
    model = walker(by_step)
    for _ in range(4):
        model.train_on_batch(np.ones((2, 1)), np.zeros((2, 1)))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.5)
    assert not any(v.name == "epoch" for v in model.optimizer.variables)


def test_the_rate_by_epoch_is_saved(tmp_path):
    args, fit = DATA["arrays"]()
    rate = schedules.ByEpoch(schedules.InverseTimeDecay(0.1, 1, 1.0))
    model, other = walker(keras.optimizers.SGD(rate, momentum=0.9)), walker(keras.optimizers.SGD(rate, momentum=0.9))
    model.compile(model.optimizer, "mse")
    other.compile(other.optimizer, "mse")
    model.fit(*args, epochs=2, verbose=0, shuffle=False, **fit)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert float(again.optimizer.learning_rate) == float(model.optimizer.learning_rate) == pytest.approx(0.05)
    again.fit(*args, epochs=2, verbose=0, shuffle=False, **fit)
    other.fit(*args, epochs=4, verbose=0, shuffle=False, **fit)
    assert np.array_equal(again.get_weights()[0], other.get_weights()[0])


def test_one_schedule_for_two_optimizers_counts_for_each():
    rate = schedules.ByEpoch(lambda e: 0.1 / e)
    one, other = walker(rate), walker(rate)
    args, fit = DATA["arrays"]()
    one.fit(*args, epochs=3, verbose=0, **fit)
    other.fit(*args, epochs=2, verbose=0, **fit)
    assert float(other.optimizer.learning_rate) == pytest.approx(0.05)


def test_a_rate_by_epoch_may_be_assigned_and_wrapped():
    args, fit = DATA["arrays"]()
    model = walker(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5)))
    model.optimizer.learning_rate = schedules.ByEpoch(lambda e: 0.1 / e)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)
    model.fit(*args, epochs=3, verbose=0, **fit)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 / 3)
    model.optimizer.learning_rate = schedules.ByEpoch(lambda e: 0.2 / e)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2 / 3)


def test_what_is_no_function_of_the_epoch():
    with pytest.raises(ArgumentError, match="a function of the epoch"):
        schedules.ByEpoch(0.1)
    with pytest.raises(ArgumentError, match="received a ByEpoch"):
        schedules.ByEpoch(schedules.ByEpoch(halving))
    with pytest.raises(ArgumentError, match="steps_per_epoch above 0"):
        schedules.ByEpoch(halving, steps_per_epoch=0)
    again = schedules.deserialize(schedules.serialize(schedules.ByEpoch(halving)))
    assert again.function is halving and again.counts_epochs


def trained_at(rate, epochs=1):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=epochs, verbose=0)


class Own(schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return ops.cast(step, "float32") * 0 + self.rate


@pytest.mark.parametrize("wrong", [-0.1, float("nan")])
@pytest.mark.parametrize(
    "make",
    [
        lambda rate: schedules.ByEpoch(lambda e: e * 0 + rate),
        lambda rate: schedules.ByEpoch(schedules.FunctionSchedule(lambda s: rate)),
        lambda rate: schedules.FunctionSchedule(lambda s: rate),
        lambda rate: lambda step: step * 0 + rate,
        lambda rate: lambda: rate,
        Own,
    ],
)
def test_a_rate_below_zero_is_refused(make, wrong):
    with pytest.raises(ArgumentError, match=f"its learning rate is {wrong} after 0 steps"):
        trained_at(make(wrong))
    trained_at(make(0.0))


def test_a_rate_that_becomes_negative_ends_the_training():
    with pytest.raises(ArgumentError, match=r"learning rate is -0.05 after 3 steps"):
        trained_at(schedules.ByEpoch(lambda e: 0.25 - 0.1 * e), epochs=9)


def test_an_answer_below_zero_ends_the_training_at_its_step():
    answers = iter([0.5, 0.5, 0.5, -1.0])  # the first is asked for when the optimizer is made
    with pytest.raises(ArgumentError, match=r"learning rate is -1 after 2 steps"):
        trained_at(lambda: next(answers), epochs=9)


@pytest.mark.parametrize("wrap", [lambda o: o, keras.optimizers.LossScaleOptimizer])
def test_history_asks_a_function_for_no_rate_more(wrap):
    answers = iter([0.5, 0.5, 0.25, 0.125])
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(wrap(keras.optimizers.SGD(lambda: next(answers))), "mse")
    rates = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0).history["learning_rate"]
    assert rates == [0.5, 0.25, 0.125]
