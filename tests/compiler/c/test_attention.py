"""C for attention, masks and layer normalisation, on arrays of several blocks; what it knows runs without NumPy."""

import numpy as np
import pytest

from autonet import Model, Sequential, layers, ops
from autonet.common import trees
from autonet.compiler import jit
from autonet.compiler.c.runtime import library
from autonet.gradients import grad
from autonet.ops.attention import attend

pytestmark = pytest.mark.skipif(not library.available(), reason="no C compiler here")


def agrees(f, *xs):
    """Eager, and the second run of the plan, which holds no line for NumPy."""
    step = jit(f)
    eager = step(*xs)
    step(*xs)
    for a, b in zip(trees.flatten(step(*xs)), trees.flatten(eager), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    return stepped_out(step.explain())


def stepped_out(explanation):
    return explanation.plan.kind != "native" or dict(explanation.facts)["run by NumPy inside a native plan"] != "0"


@pytest.mark.parametrize("t, s", [(5, 7), (40, 33), (300, 500), (700, 130)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, (1, 1, 1, 0), (1, 1, 0, 1), (1, 0, 0, 0)])
def test_attention_in_blocks(t, s, causal, mask, rng):
    """`mask` says along which axes it has length one."""
    n, h = (2, 3) if t < 50 else (1, 1)
    query, key, value = (rng.standard_normal((n, k, h, d)).astype("float32") for k, d in ((t, 4), (s, 4), (s, 6)))
    seen = np.True_
    if mask:
        seen = rng.random([1 if one else k for one, k in zip(mask, (n, h, t, s), strict=True)]) < 0.7

    def both(*xs):
        y, lse = attend(*xs, seen, scale=0.4, causal=causal)
        return ops.sum(y * y) + ops.sum(lse * 0.1)

    assert not agrees(
        lambda *xs: (attend(*xs, seen, scale=0.4, causal=causal), grad(both, (0, 1, 2))(*xs)), query, key, value
    )


def test_not_a_number_stays_one(rng):
    query, key = rng.standard_normal((2, 1, 4, 1, 3)).astype("float32")
    query[0, 2, 0, 1] = np.nan
    step = jit(lambda q, k: ops.dot_product_attention(q, k, k))
    for _ in range(3):
        y = np.array(step(query, key))
    assert np.isnan(y[0, 2]).all() and np.isfinite(np.delete(y, 2, 1)).all()


@pytest.mark.parametrize(
    "shape, axis", [((6, 32), -1), ((3, 5, 300), -1), ((4, 3, 7), (1, 2)), ((2, 3, 4), 1), ((5, 1), -1)]
)
def test_layer_normalization(shape, axis, rng):
    x = rng.standard_normal(shape).astype("float32")
    loss = lambda x: ops.sum(ops.layer_normalization(x, axis=axis) ** 3)
    assert not agrees(lambda x: (ops.layer_normalization(x, axis=axis), grad(loss)(x)), x)


def test_any_and_all(rng):
    x = rng.random((40, 3, 5)) < 0.3
    x[0] = True
    x[1] = False
    calls = lambda x: [f(x, axis=axis) for f in (ops.any, ops.all) for axis in (-1, (1, 2), None)]
    assert not agrees(lambda x: calls(ops.equal(x, 1.0)), x.astype("float32"))


@pytest.mark.parametrize("options", [{}, {"dropout": 0.3}, {"use_gate": True, "sliding_window": 3}])
@pytest.mark.parametrize("masked", [False, True])
def test_a_whole_block_trains_without_numpy(options, masked, rng):
    words = layers.Input((12,), dtype="int32")
    x = layers.Embedding(30, 8, mask_zero=masked)(words)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4, **options)(x, x, use_causal_mask=True))
    model = Model(words, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x)))
    model.compile("adam", "sparse_categorical_crossentropy")
    ids, labels = rng.integers(0, 30, (16, 12)), rng.integers(0, 3, 16)
    ids[:, 0] = 1
    for _ in range(3):
        model.train_on_batch(ids.astype("int32"), labels)
    assert not stepped_out(model.explain_step())
    first = model.train_on_batch(ids.astype("int32"), labels)
    for _ in range(30):
        last = model.train_on_batch(ids.astype("int32"), labels)
    assert last < first


def test_groups_train_without_numpy(rng):
    model = Sequential([layers.Input((4, 4, 6)), layers.GroupNormalization(3), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = rng.standard_normal((8, 4, 4, 6)), rng.standard_normal((8, 1))
    for _ in range(3):
        model.train_on_batch(x, y)
    assert not stepped_out(model.explain_step())
