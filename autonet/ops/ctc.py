"""Connectionist temporal classification: what a sequence of labels costs, whatever the places of its labels.

Labels l_1 ... l_k are emitted on T >= k frames: each frame emits a label or the blank, and runs of one label count once
unless a blank parts them. States s = 0 ... 2 k stand for blank, l_1, blank, l_2, ... blank; a path stays, moves to the
next state, or jumps over a blank between two different labels. The cost is minus the log of the probability of all
paths, summed forwards; its derivative is minus the probability that a frame emits a class, from the sums of both directions.

Source: Graves, Fernandez, Gomez, Schmidhuber, 2006, https://doi.org/10.1145/1143844.1143891
"""

from typing import Any

import numpy as np

from autonet.common.types import TensorLike
from autonet.core.backward import gradients
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import DataError, ShapeError
from autonet.ops.comparison import equal, greater, less, logical_and, logical_not, logical_or
from autonet.ops.creation import arange, cast, full
from autonet.ops.identity import alias
from autonet.ops.indexing import take_along_axis
from autonet.ops.nn import log_softmax
from autonet.ops.pointwise import where
from autonet.ops.reduction import logsumexp
from autonet.ops.shaping import concatenate, expand_dims, reshape, stack

NEVER = -1e5  # the logarithm of a probability of 0, finite so that a sequence that does not fit has a finite cost


def _states(labels: np.ndarray, blank: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes of the states, (n, 2 k + 1), and the log of whether state s can be reached from s - 2."""
    n, k = labels.shape
    classes = np.full((n, 2 * k + 1), blank, np.int64)
    classes[:, 1::2] = labels
    jump = np.full(classes.shape, NEVER)
    jump[:, 3::2] = np.where(labels[:, 1:] != labels[:, :-1], 0.0, NEVER)
    return classes, jump


def _ends(lengths: np.ndarray, states: int) -> np.ndarray:
    """0 at the last label and the last blank of each sequence, NEVER elsewhere: (n, states)."""
    at = np.arange(states)
    last = 2 * lengths[:, None]
    return np.where((at == last) | ((at == last - 1) & (last > 0)), 0.0, NEVER)


def _shifted(a: np.ndarray, by: int) -> np.ndarray:
    out = np.full_like(a, NEVER)
    out[:, by:] = a[:, :-by] if by < a.shape[1] else a[:, :0]
    return out


def _forward(emitted, jump, frames):
    """Log of the sum over paths that are in each state after each frame: (T, n, states)."""
    a = np.full(emitted.shape[1:], NEVER)
    a[:, 0] = 0.0
    sums = []
    for t, e in enumerate(emitted):
        new = np.logaddexp(np.logaddexp(a, _shifted(a, 1)), _shifted(a, 2) + jump) + e
        a = np.where(t < frames, new, a)
        sums.append(a)
    return np.array(sums).reshape(emitted.shape)


def _backward(emitted, jump, frames, ends):
    """Log of the sum over ways on from each state after each frame: (T, n, states)."""
    b = ends
    sums = []
    flipped = jump[:, ::-1]
    for t in range(len(emitted) - 1, -1, -1):
        sums.append(b)
        c = (b + emitted[t])[:, ::-1]
        jumped = _shifted(c + flipped, 2)
        new = np.logaddexp(np.logaddexp(c, _shifted(c, 1)), jumped)[:, ::-1]
        b = np.where(t < frames, new, b)
    return np.array(sums[::-1]).reshape(emitted.shape)


def _trellis(logp, labels, label_lengths, frame_lengths, blank):
    """Classes of the states, log-probabilities emitted (T, n, states), jumps, frame numbers (n, 1), ends, forward sums."""
    n, frames, classes = logp.shape
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise DataError(
            f"ctc_loss expects labels from 0 to {classes - 1}, as there are {classes} classes; received {labels.min()} "
            f"to {labels.max()}. Give the last layer more units."
        )
    states, jump = _states(labels, blank)
    emitted = np.take_along_axis(logp.astype(np.float64), states[:, None, :].repeat(frames, 1), axis=2).swapaxes(0, 1)
    lengths = frame_lengths.reshape(n, 1)
    ends = _ends(label_lengths, states.shape[1])
    return states, emitted, jump, lengths, ends, _forward(emitted, jump, lengths)


@primitive(floating=True, keep=("labels", "label_lengths", "frame_lengths"))
def ctc_cost(logp, labels, label_lengths, frame_lengths, *, blank=0):
    """Minus the log-probability of each sequence of labels, from log-probabilities (n, T, classes): (n,)."""
    *_, ends, sums = _trellis(logp, labels, label_lengths, frame_lengths, blank)
    last = sums[-1] if len(sums) else np.where(np.arange(ends.shape[1]) == 0, 0.0, NEVER) + 0 * ends
    return np.minimum(-np.logaddexp.reduce(last + ends, axis=1), np.finfo(logp.dtype).max).astype(logp.dtype)


@primitive(floating=True, keep=("labels", "label_lengths", "frame_lengths"))
def ctc_emission(logp, labels, label_lengths, frame_lengths, *, blank=0):
    """Probability that a frame emits a class, given the sequence of labels: (n, T, classes)."""
    states, emitted, jump, lengths, ends, forward = _trellis(logp, labels, label_lengths, frame_lengths, blank)
    both = forward + _backward(emitted, jump, lengths, ends)
    total = np.logaddexp.reduce(both, axis=2, keepdims=True)
    p = np.exp(both - total) * (np.arange(len(both))[:, None, None] < lengths)
    one_hot = (states[:, :, None] == np.arange(logp.shape[2])).astype(np.float64)
    return np.matmul(p.swapaxes(0, 1), one_hot).astype(logp.dtype)


def _composed(logp: Tensor, labels: Any, label_lengths: Any, frame_lengths: Any, blank: int) -> Tensor:
    """`ctc_cost` of small primitives."""
    n, k = labels.shape
    count = 2 * k + 1
    states = _between(full((n, k + 1), blank, labels.dtype), labels)
    least = max(NEVER, float(np.finfo(logp.dtype).min) / 4)
    never = full((n, count + 2), least, logp.dtype)
    changes = least * cast(equal(labels[:, 1:], labels[:, :-1]), logp.dtype)
    jump = _between(never[:, : k + 1], concatenate([never[:, : min(k, 1)], changes], axis=1))
    at, last = arange(count), 2 * expand_dims(label_lengths, 1)
    last_label = logical_and(equal(at, last - 1), greater(last, 0))
    ends = least * cast(logical_not(logical_or(equal(at, last), last_label)), logp.dtype)
    a = concatenate([never[:, :1] * 0, never[:, : count - 1]], axis=1)
    for t in range(logp.shape[1]):
        one, two = (concatenate([never[:, :by], a], axis=1)[:, :count] for by in (1, 2))
        new = logsumexp(stack([a, one, two + jump]), axis=0) + take_along_axis(logp[:, t], states, axis=1)
        a = where(less(t, expand_dims(frame_lengths, 1)), new, a)
    return -logsumexp(a + ends, axis=1)


def _between(gaps: Tensor, values: Tensor) -> Tensor:
    """gap, value, gap, ... value, gap along the last axis, of which there is one gap more."""
    n, k = values.shape
    pairs = reshape(stack([gaps[:, :k], values], axis=2), (n, 2 * k))
    return concatenate([pairs, gaps[:, k:]], axis=1)


def _cost_rule(g, logp, labels, label_lengths, frame_lengths, blank):
    if is_recording():  # the derivative is to have derivatives itself
        own = alias(logp)
        cost = _composed(own, labels, label_lengths, frame_lengths, blank)
        return gradients([(cost, g)], [own._node], record=True)[0]
    return -g[:, None, None] * ctc_emission(logp, labels, label_lengths, frame_lengths, blank=blank)


ctc_cost.vjp(logp=_cost_rule, labels=None, label_lengths=None, frame_lengths=None)


def ctc_loss(
    target: TensorLike, output: TensorLike, target_length: TensorLike, output_length: TensorLike, mask_index: int = 0
) -> Tensor:
    """What sequences of labels cost under the scores of frames; see the top of this file.

    Args:
        target: class numbers, shape (n, k); those from `target_length` on do not count.
        output: logits, shape (n, frames, classes).
        target_length: number of labels, shape (n,).
        output_length: number of frames that count, shape (n,).
        mask_index: class number of the blank.

    Returns: cost in nats, shape (n,); above 1e5 where the labels do not fit on the frames.

    Raises: ShapeError if the shapes do not fit; DataError for labels that name no class.

    >>> round(float(ctc_loss([[1]], [[[0.0, 0.0], [0.0, 0.0]]], [1], [2])[0]), 4)    # 3 of 4 paths say "1"
    0.2877
    """
    target, output = convert_to_tensor(target), convert_to_tensor(output)
    lengths = [cast(convert_to_tensor(length), "int64") for length in (target_length, output_length)]
    dims = (output.ndim, target.ndim, *[x.ndim for x in lengths])
    if dims != (3, 2, 1, 1) or any(x.shape[:1] != output.shape[:1] for x in (target, *lengths)):
        raise ShapeError(
            "ctc_loss expects target (n, labels), output (n, frames, classes) and two lengths (n,); received "
            f"{target.shape}, {output.shape}, {lengths[0].shape} and {lengths[1].shape}."
        )
    if output.dtype.kind != "f":
        output = cast(output, None)
    elif output.dtype == np.float16:  # in which sums over paths have no room
        output = cast(output, "float32")
    labels = cast(target, "int64") if target.dtype.kind != "i" else target
    return ctc_cost(log_softmax(output, axis=-1), labels, *lengths, blank=mask_index)
