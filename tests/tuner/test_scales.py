"""Scales: draws stay inside and follow the scale, positions and values belong together, grids cover, zooms shrink."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import tuner
from autonet.errors import ArgumentError
from autonet.tuner.scales import Scale, zoom

SCALES = [
    tuner.Uniform(-2, 3),
    tuner.Log(1e-4, 1e-1),
    tuner.Log(3, 5),
    tuner.OneMinus(0.9, 0.999),
    tuner.OneMinus(-1, 0.5),
    tuner.Integer(-3, 4),
    tuner.Integer(16, 128),
    tuner.Integer(1, 1000, log=True),
    tuner.Integer(16, 128, log=True),
    tuner.Choice(["relu", "tanh", None]),
    tuner.Choice([True, 1.5, 1, (64, 32), (64,)]),
]
every = pytest.mark.parametrize("scale", SCALES, ids=repr)
positions = st.floats(0, 1)


def is_continuous(scale):
    return isinstance(scale, (tuner.Uniform, tuner.Log, tuner.OneMinus))


def test_every_scale_is_here():
    known = {c for c in vars(tuner).values() if isinstance(c, type) and issubclass(c, Scale)} - {Scale}
    assert known == {type(s) for s in SCALES}


@every
@given(p=positions)
def test_values_stay_inside_and_know_their_positions(scale, p):
    value = scale.at(p)
    assert scale.contains(value)
    if is_continuous(scale):
        assert scale.position(value) == pytest.approx(p, abs=1e-9)
    else:
        assert scale.at(scale.position(value)) == value
    assert scale.read(value) == value


@every
@given(p=positions, q=positions)
def test_values_are_in_order(scale, p, q):
    if not isinstance(scale, tuner.Choice):
        assert (scale.at(min(p, q)) <= scale.at(max(p, q))) is True


@every
def test_draws_follow_the_scale(scale, rng):
    # Kolmogorov and Smirnov: positions of continuous draws are uniform; of others, shares are those of intervals of positions
    n = 4000
    drawn = [scale.at(p) for p in rng.random(n)]
    if is_continuous(scale):
        u = np.sort([scale.position(v) for v in drawn])
        assert np.max(np.abs(u - np.arange(n) / n)) < 1.7 / math.sqrt(n)
        return
    fine = Counter(repr(scale.at(p)) for p in (np.arange(100_000) + 0.5) / 100_000)
    counts = Counter(map(repr, drawn))
    assert counts.keys() <= fine.keys()
    for value, times in fine.items():
        expected = times / 100_000
        assert abs(counts[value] / n - expected) < 5 * math.sqrt(expected / n) + 1e-3


@pytest.mark.parametrize(
    ("scale", "test", "share"),
    [
        (tuner.Log(1e-4, 1e-1), lambda v: v < 1e-3, 1 / 3),
        (tuner.OneMinus(0.9, 0.999), lambda v: v < 0.99, 1 / 2),
        (tuner.Uniform(-2, 3), lambda v: v < 0, 2 / 5),
        (tuner.Integer(1, 10), lambda v: v == 10, 1 / 10),
        (tuner.Integer(1, 99, log=True), lambda v: v < 10, 1 / 2),
        (tuner.Choice(["a", "b", "c"]), lambda v: v == "b", 1 / 3),
    ],
    ids=lambda value: repr(value) if isinstance(value, Scale) else "",
)
def test_what_the_scales_mean(scale, test, share):
    assert np.mean([test(scale.at(p)) for p in (np.arange(9999) + 0.5) / 9999]) == pytest.approx(share, abs=2e-4)


@every
@pytest.mark.parametrize("points", [1, 2, 3, 7])
def test_a_grid_covers_evenly(scale, points):
    values = scale.grid(points)
    assert all(scale.contains(v) for v in values)
    assert len({repr(v) for v in values}) == len(values)
    if isinstance(scale, tuner.Choice):
        assert values == scale.options
        return
    assert len(values) <= points
    if points > 1:
        assert values[0] == scale.low and values[-1] == scale.high
    if is_continuous(scale) and points > 1:
        np.testing.assert_allclose(np.diff([scale.position(v) for v in values]), 1 / (points - 1), rtol=1e-6)


@every
@given(around=st.lists(positions, min_size=1, max_size=4), shrink=st.sampled_from([0.25, 0.5, 0.9]))
def test_a_zoom_is_a_smaller_part(scale, around, shrink):
    if isinstance(scale, tuner.Choice):
        around = [scale.position(scale.at(p)) for p in around]
        inner = zoom(scale, around, shrink)
        assert {repr(o) for o in inner.options} == {repr(scale.at(p)) for p in around}
        return
    inner = zoom(scale, around, shrink)
    ends = (inner.at(0.0), inner.at(1.0))
    assert all(scale.contains(e) for e in ends)
    if is_continuous(scale):
        width = scale.position(ends[1]) - scale.position(ends[0])
        assert width == pytest.approx(shrink, rel=1e-6)
        middle = scale.position(ends[0]) + width / 2
        assert abs(middle - np.mean(around)) < 1e-6 or min(scale.position(ends[0]), 1 - scale.position(ends[1])) < 1e-6
    elif isinstance(inner, tuner.Integer):
        assert inner.high - inner.low <= scale.high - scale.low


@every
def test_ticks_are_on_the_scale(scale):
    ticks = scale.ticks()
    assert len(ticks) >= 2
    for v in ticks:
        assert -1e-6 < scale.position(v) < 1 + 1e-6


def test_ticks_are_round():
    assert tuner.Log(1e-4, 1e-1).ticks() == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])
    assert tuner.OneMinus(0.9, 0.999).ticks() == [0.9, 0.99, 0.999]
    assert tuner.Uniform(0, 0.5).ticks() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert tuner.Integer(1, 4).ticks() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tuner.Uniform(1, 1), "below high"),
        (lambda: tuner.Uniform("a", 1), "numbers"),
        (lambda: tuner.Uniform(0, math.inf), "numbers"),
        (lambda: tuner.Uniform(0, math.nan), "numbers"),
        (lambda: tuner.Log(0, 1), "low above 0"),
        (lambda: tuner.Log(True, 2), "numbers"),
        (lambda: tuner.OneMinus(0.5, 1), "high below 1"),
        (lambda: tuner.Integer(1, 2.5), "whole numbers"),
        (lambda: tuner.Integer(0, 5, log=True), "at least 1"),
        (lambda: tuner.Choice([]), "at least one"),
        (lambda: tuner.Choice("abc"), "a list of options"),
        (lambda: tuner.Choice(["a", "a"]), "differ"),
        (lambda: tuner.Choice([object()]), "look the name up"),
        (lambda: tuner.Choice([math.nan]), "received nan"),
    ],
)
def test_what_is_no_scale_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_true_is_not_one():
    scale = tuner.Choice([1, True])
    assert scale.read(True) is True and scale.read(1) is not True
