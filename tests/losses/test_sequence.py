"""Connectionist temporal classification, against all paths counted one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import gradients, losses, ops
from autonet.compiler import Compiled
from autonet.core import Tensor
from autonet.errors import DataError, ShapeError
from autonet.ops import ctc


def merged(path, blank=0):
    """The labels that a path says: runs counted once, blanks left out."""
    return [c for c, _ in itertools.groupby(path) if c != blank]


def by_hand(labels, logits):
    p = np.exp(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))
    frames, classes = logits.shape
    paths = itertools.product(range(classes), repeat=frames)
    return -np.log(sum(np.prod(p[range(frames), path]) for path in paths if merged(path) == list(labels)))


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 2), max_size=2), st.integers(3, 4))
def test_all_paths(seed, labels, frames):
    logits = np.random.default_rng(seed).normal(size=(1, frames, 3))
    row = np.array([labels + [0] * (3 - len(labels))])
    assert losses.ctc(row, logits).item() == pytest.approx(by_hand(labels, logits[0]))


@given(st.integers(0, 2**32 - 1))
def test_slopes(seed):
    """By the sums of both directions as by small primitives; and those have slopes themselves."""
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(3, 4, 3)), np.array([[1, 1], [2, 1], [0, 0]])
    lengths, frames = np.array([2, 1, 0]), np.array([4, 3, 4])
    cost = lambda x: ops.sum(ops.ctc_loss(labels, x, lengths, frames))
    small = lambda x: ops.sum(
        ctc._composed(ops.log_softmax(x), *[Tensor(a) for a in (labels, lengths, frames)], blank=0)
    )
    assert cost(logits).item() == pytest.approx(small(Tensor(logits)).item())
    np.testing.assert_allclose(gradients.grad(cost)(logits), gradients.grad(small)(logits), atol=1e-12)
    gradients.check_gradients(cost, logits, order=3, elements=6)


def test_frames_and_labels_beyond_the_lengths_do_not_matter(rng):
    logits, labels = rng.normal(size=(1, 5, 4)), np.array([[2, 3, 1]])
    cut = ops.ctc_loss(labels[:, :2], logits[:, :3], [2], [3]).item()
    assert ops.ctc_loss(labels, logits, [2], [3]).item() == pytest.approx(cut)
    slope = gradients.grad(lambda x: ops.sum(ops.ctc_loss(labels, x, [2], [3])))(logits).numpy()
    assert not slope[:, 3:].any() and slope[:, :3].all()


def test_another_blank(rng):
    logits, labels = rng.normal(size=(2, 5, 4)), np.array([[2, 1], [1, 1]])
    moved = np.concatenate([logits[..., 1:], logits[..., :1]], axis=-1)
    expected = ops.ctc_loss(labels, logits, [2, 2], [5, 5])
    np.testing.assert_allclose(ops.ctc_loss(labels - 1, moved, [2, 2], [5, 5], mask_index=3), expected)


def test_what_does_not_fit(rng):
    logits = rng.normal(size=(1, 3, 4))
    assert losses.ctc([[1, 1, 1]], logits).item() > 1e5
    assert np.isfinite(losses.ctc([[1, 1, 1]], logits.astype("float16")).item())
    with pytest.raises(DataError, match="labels from 0 to 3"):
        losses.ctc([[4]], logits)
    with pytest.raises(ShapeError, match=r"received \(2, 1\) and \(1, 3, 4\)"):
        losses.ctc([[1], [2]], logits)
    with pytest.raises(ShapeError, match="two lengths"):
        ops.ctc_loss([[1]], logits, [1, 1], [3])


def test_captured(rng):
    """Labels and lengths are read at every run, also for second slopes."""
    second = lambda y, x: gradients.hvp(lambda x: losses.CTC(reduction="sum")(y, x), (x,), (ops.ones_like(x),))
    runs = [(rng.integers(1, 4, (2, 2)), rng.normal(size=(2, 5, 4))) for _ in range(3)]
    compiled = Compiled(second, native=False)
    for y, x in runs:
        np.testing.assert_array_equal(compiled(Tensor(y), Tensor(x)), second(Tensor(y), Tensor(x)))
