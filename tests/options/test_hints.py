"""The table of hints is complete, and the docstrings of those who take one say that nothing follows."""

import inspect

import pytest

import autonet as keras
from autonet import layers
from tests.options.hints import HINTS
from tests.options.probe import options
from tests.options.test_functions import FOUND

TAKERS = sorted((who, option) for option, (takers, _) in HINTS.items() for who in takers)


def thing(who):
    """The class or function of a name in the table."""
    return (
        FOUND.get(who) or getattr(layers, who, None) or getattr(keras.callbacks, who, None) or getattr(keras.Model, who)
    )


@pytest.mark.parametrize("who, option", TAKERS)
def test_a_hint_is_taken_and_documented(who, option):
    assert option in options(thing(who))
    told = inspect.getdoc(thing(who))
    assert option in told and "without effect" in told
