"""Schedules against their closed formulas; agreement with Keras is tested in test_against_keras."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.core import Variable
from autonet.errors import ArgumentError, ShapeError
from autonet.optimizers import schedules
from autonet.serialization import register_keras_serializable

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
