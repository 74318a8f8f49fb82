"""Gathering: large arithmetic stands together, and everything is still computed before it is used."""

import numpy as np
import pytest

from autonet import ops, optimizers, random
from autonet.compiler.passes import gather
from autonet.compiler.passes.pipeline import optimize
from autonet.compiler.passes.verify import verify
from autonet.random.draws import dropout_mask
from autonet.variable import Variable
from tests.compiler.programs import captured


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(gather, "LEAST", 100)


def gathered(f, *arrays):
    """Which instructions are shareable, before and after."""
    program = optimize(captured(f, *arrays)[0])
    after = verify(gather.gather(program), "gather")
    assert sorted(map(repr, after.instructions)) == sorted(map(repr, program.instructions))
    assert (after.writes, after.outputs) == (program.writes, program.outputs)
    return [[gather.is_shareable(i) for i in p.instructions] for p in (program, after)]


def runs(flags):
    """How many runs of True there are."""
    return sum(b and not a for a, b in zip([False, *flags], flags, strict=False))


def test_updates_of_all_weights_stand_together_at_the_end():
    weights = [Variable(np.ones(s, np.float32), name=f"w{s}") for s in ((20, 10), (10,), (30, 10), (3,), (10, 20))]
    optimizer = optimizers.Adam()
    optimizer.build(weights)
    before, after = gathered(lambda *g: optimizer.apply(list(g), weights), *[w.numpy() for w in weights])
    assert runs(before) > runs(after) == 1 and after[-1]


def test_a_result_that_is_needed_is_there(rng):
    x = rng.standard_normal((20, 20)).astype(np.float32)
    _, after = gathered(lambda x: ops.sum(((x + 1.0) @ x) * 2.0), x)
    assert after == [True, False, True, False]


def test_what_is_small_broadcast_or_rounded_by_place_is_no_part(rng):
    x, row = rng.standard_normal((20, 20)).astype(np.float32), np.ones(20, np.float32)
    for f in (lambda x, r: x + r, lambda x, r: ops.exp(x), lambda x, r: r * 2.0, lambda x, r: ops.transpose(x) * 2.0):
        _, after = gathered(f, x, row)
        assert not any(after)
    assert gathered(lambda x, r: x * 2.0, x, row)[1] == [True]


def test_masks_come_first_with_the_states_that_they_need(rng):
    x, seed = rng.standard_normal((20, 20)).astype(np.float32), random.SeedGenerator(0)

    def f(x):
        a = random.dropout(x @ x, 0.5, seed=seed)
        return random.dropout(a @ x, 0.5, seed=seed)

    program = verify(gather.gather(optimize(captured(f, x)[0])), "gather")
    assert [i.op for i in program.instructions][:3] == ["add", "dropout_mask", "dropout_mask"]


def test_a_mask_whose_state_is_computed_from_data_stays(rng):
    x = rng.standard_normal((20, 20)).astype(np.float32)

    def f(x):
        state = ops.cast(ops.sum(x) * ops.convert_to_tensor([0.0, 1.0]), "uint32")
        return x * dropout_mask(state, shape=(20, 20), rate=0.5)

    program = verify(gather.gather(optimize(captured(f, x)[0])), "gather")
    assert program.instructions[0].op == "sum"
