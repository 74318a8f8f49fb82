"""Which signatures get plans: those that come again, as far as the runs of others have paid for them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.compiler import account
from autonet.compiler.account import COMPILED, FREE, PRICE, Account
from tests.compiler.programs import Counted, numpy_jit, same_bits


def made(sizes):
    """A function that was called with arrays of these sizes, and how often it was captured and ran eagerly."""
    f = Counted(lambda x: x * 2 + 1)
    g = numpy_jit(f)
    captures = []
    capture = g._capture
    g._capture = lambda *given, **named: captures.append(1) or capture(*given, **named)
    for n in sizes:
        x = np.arange(float(n))
        assert same_bits(g(x).numpy(), x * 2 + 1)
    return g, len(captures), f.runs - len(captures)


@given(st.lists(st.integers(1, 60), max_size=300))
def test_plans_beyond_the_first_are_paid_for(sizes):
    _, captures, eager = made(sizes)
    hits = len(sizes) - captures - eager
    assert captures <= FREE + hits // PRICE
    assert len(set(sizes)) > FREE or not eager


def test_ever_new_shapes_run_eagerly():
    _, captures, eager = made(range(1, 200))
    assert (captures, eager) == (FREE, 199 - FREE)


@pytest.mark.parametrize("count", [FREE, FREE + 1, 40, 200])
def test_a_cycle_of_any_length_ends_in_plans(count):
    g, captures, _ = made([*range(1, count + 1)] * 40)
    assert captures == count == len(g.entries)


def test_a_cycle_that_memory_cannot_hold_keeps_what_it_holds(monkeypatch):
    monkeypatch.setattr(account, "MEMORY", 8 * 4096 * 2)
    rounds, count = 40, 60
    g, captures, eager = made([*range(1, count + 1)] * rounds)
    hits = rounds * count - captures - eager
    assert len(g.entries) < count and captures <= FREE + hits // PRICE


def test_the_same_calls_take_the_same_ways():
    sizes = np.random.default_rng(0).integers(1, 50, 600).tolist()
    assert made(sizes)[1:] == made(sizes)[1:]


def test_machine_code_beyond_the_first_is_paid_for():
    """A plan that many runs lie behind, as where an attribute changes with each epoch, is worth compiling."""
    spent = Account()
    assert all(spent.charge() for _ in range(FREE))
    spent.hits = COMPILED + PRICE
    assert spent.charge() and spent.hits == PRICE
    assert not spent.charge() and spent.hits == 0
