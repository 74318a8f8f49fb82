"""LazyAdam: Adam in the rows that were looked up, nothing in the others, Adam in other weights."""

import numpy as np
import pytest

from autonet import optimizers
from autonet.variable import Variable


def step(optimizer, weights, gradients):
    optimizer.apply([np.asarray(g, np.float32) for g in gradients], weights)
    return [v.numpy() for v in weights]


def variables(rng):
    table, kernel = (Variable(rng.standard_normal((6, 3)).astype(np.float32), name=n) for n in ("table", "kernel"))
    table.is_table = True
    return [table, kernel]


def test_rows_without_a_gradient_wait_and_the_others_are_adams():
    lazy, adam = optimizers.LazyAdam(0.1), optimizers.Adam(0.1)
    ours, theirs = variables(np.random.default_rng(0)), variables(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    first = rng.standard_normal((6, 3))
    step(lazy, ours, [first, first]), step(adam, theirs, [first, first])
    for o, t in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(o.numpy(), t.numpy())  # every row was met
    before = [v.numpy() for v in (ours[0], *[lazy._slots[s][0] for s in lazy.slots])]
    g = rng.standard_normal((6, 3))
    g[[0, 2, 5]] = 0
    step(lazy, ours, [g, g]), step(adam, theirs, [g, g])
    np.testing.assert_array_equal(ours[1].numpy(), theirs[1].numpy())  # a kernel's rows all move
    np.testing.assert_array_equal(ours[0].numpy()[[1, 3, 4]], theirs[0].numpy()[[1, 3, 4]])
    assert np.all(theirs[0].numpy()[[0, 2, 5]] != before[0][[0, 2, 5]])
    for v, old in zip((ours[0], *[lazy._slots[s][0] for s in lazy.slots]), before, strict=True):
        np.testing.assert_array_equal(v.numpy()[[0, 2, 5]], old[[0, 2, 5]])
        assert np.all(v.numpy()[[1, 3, 4]] != old[[1, 3, 4]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_is_not_taken_for_none(bad):
    (table, _), g = variables(np.random.default_rng(0)), np.zeros((6, 3))
    g[2, 1] = bad
    with np.errstate(all="ignore"):
        (found,) = step(optimizers.LazyAdam(0.1), [table], [g])
    assert np.isnan(found[2, 1]) and np.isfinite(found[[0, 1, 3, 4, 5]]).all()


def test_amsgrad_waits_too():
    lazy = optimizers.LazyAdam(0.1, amsgrad=True)
    table, _ = variables(np.random.default_rng(0))
    step(lazy, [table], [np.ones((6, 3))])
    before = lazy._slots["velocity_hat"][0].numpy()
    g = np.full((6, 3), 5.0)
    g[3] = 0
    step(lazy, [table], [g])
    moved = np.any(lazy._slots["velocity_hat"][0].numpy() != before, axis=1)
    assert moved.tolist() == [True, True, True, False, True, True]
