"""Space: parameters by name."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import tuner
from autonet.errors import ArgumentError, DataError, SignatureError

SPACE = tuner.Space(
    rate=tuner.Log(1e-4, 1e-1),
    momentum=tuner.OneMinus(0.8, 0.999),
    units=tuner.Integer(8, 64, log=True),
    depth=tuner.Integer(1, 3),
    drop=tuner.Uniform(0, 0.5),
    sizes=tuner.Choice([(64,), (64, 32)]),
)


@given(st.integers(0, 10_000))
def test_draws_are_inside_and_survive_json(seed):
    drawn = SPACE.draw(np.random.default_rng(seed))
    assert list(drawn) == list(SPACE.scales) and SPACE.contains(drawn)
    assert SPACE.read(json.loads(json.dumps(drawn)), "here") == drawn
    assert len(SPACE.positions(drawn)) == 6


def test_a_zoom_is_inside():
    rng = np.random.default_rng(0)
    best = [SPACE.draw(rng) for _ in range(3)]
    inner = SPACE.zoom(best, 0.5)
    for _ in range(50):
        assert SPACE.contains(inner.draw(rng))
    assert inner.scales["rate"].high / inner.scales["rate"].low == pytest.approx(1000**0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"rate": 1.0},
        {**SPACE.draw(np.random.default_rng(0)), "rate": 5.0},
        {"x": 1, **SPACE.draw(np.random.default_rng(0))},
    ],
)
def test_parameters_of_another_space_are_refused(wrong):
    with pytest.raises(DataError, match="not of this space"):
        SPACE.read(wrong, "line 3")


def test_what_is_no_space_is_refused():
    with pytest.raises(ArgumentError, match="at least one parameter"):
        tuner.Space()
    with pytest.raises(ArgumentError, match="Choice\\(\\[value\\]\\)"):
        tuner.Space(rate=0.1)
    with pytest.raises(SignatureError):
        tuner.Space(tuner.Log(1, 2))
