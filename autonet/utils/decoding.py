"""Sequences from a function that gives the log-probability of each next token: greedy and beam search."""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from autonet.common import trees
from autonet.common.frames import plain
from autonet.common.types import TensorLike
from autonet.core.state import no_grad
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.ops.indexing import take
from autonet.ops.sorting import largest

Step = Callable[[np.ndarray, Any], tuple[TensorLike, Any]]


def greedy_search(
    step: Step, state: Any, start: TensorLike, end: int | None = None, max_length: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """The sequence that takes the likeliest token each time: `beam_search` of width 1.

    Args:
        step, state, start, end, max_length: as for `beam_search`; states have n rows.

    Returns: tokens, int32, shape (n, length), and log-probabilities, float64, shape (n,).

    >>> log_p = np.log([[0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.8, 0.1, 0.1]])  # of what follows 0, 1 and 2
    >>> sequences, scores = greedy_search(lambda tokens, state: (log_p[tokens], state), None, start=[0, 2], end=2)
    >>> sequences.tolist()
    [[1, 2, 2], [0, 1, 2]]
    """
    sequences, scores = beam_search(step, state, start, end, 1, max_length)
    return sequences[:, 0], scores[:, 0]


def beam_search(
    step: Step,
    state: Any,
    start: TensorLike,
    end: int | None = None,
    width: int = 4,
    max_length: int = 100,
    length_penalty: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest sequences of tokens that a search finds which keeps `width` of them at each length.

        score = log P / ((5 + |Y|) / 6)^length_penalty,   |Y| = tokens behind the start, the end included

    Sequences that ended stay among the `width` as long as no more than that score higher. Of equal scores the earlier
    sequence wins, then the smaller token. Nothing is recorded for derivatives.

    Args:
        step: a function of tokens, int32, shape (n * width,), and a state, that returns the log-probabilities of the next
            token, shape (n * width, vocabulary), -inf for what must not follow, and the next state. Its shapes stay the
            same, so that `jit(step)` is recorded once.
        state: the first state: a nest of arrays or Tensors with n rows, which are repeated and re-ordered as the sequences
            are; numbers, None and the like, and arrays of no axes, are everybody's.
        start: the token before the first one: n of them, or one for all rows of the state. `step` alone must know it: it
            may lie beyond the vocabulary of what follows.
        end: the token that ends a sequence; None if every sequence has max_length tokens.
        width: how many sequences are kept, and returned.
        max_length: most tokens of a sequence.
        length_penalty: 0 compares log-probabilities; 0.6 to 0.7 is usual for translations, which would be too short.

    Returns: tokens, int32, shape (n, width, length), without the start, filled with `end` behind the end; and scores,
        float64, shape (n, width), best first. Where there are fewer sequences of any probability, the last scores are
        -inf and their tokens `end`, or 0.

    Raises: ShapeError or DataError for what `step` must not return: other shapes, NaN, logits.

    Source: Wu et al., 2016, section 7, https://arxiv.org/abs/1609.08144

    >>> log_p = np.log([[0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.8, 0.1, 0.1]])  # of what follows 0, 1 and 2
    >>> sequences, scores = beam_search(lambda tokens, state: (log_p[tokens], state), None, start=0, end=2, width=2)
    >>> sequences.tolist(), np.exp(scores).round(2).tolist()
    ([[[1, 2], [2, 2]]], [[0.36, 0.3]])
    """
    for name, number in (("width", width), ("max_length", max_length)):
        if not isinstance(number, (int, np.integer)) or number < 1:
            raise ArgumentError(f"beam_search expects {name} of at least 1, a whole number; received {number!r}.")
    if not isinstance(length_penalty, Real) or not math.isfinite(length_penalty):
        raise ArgumentError(f"A search expects length_penalty to be a finite number; received {length_penalty!r}.")
    if end is not None and not (isinstance(end, (int, np.integer)) and not isinstance(end, bool) and end >= 0):
        raise ArgumentError(
            f"A search expects `end` to be the number of a token, an integer of at least 0, or None; received {end!r}."
        )
    tokens = np.repeat(_first_tokens(start, state), width)
    n = len(tokens) // width
    rows = np.repeat(np.arange(n), width)
    state = _take_rows(state, rows, n)
    log_p = np.tile(np.where(np.arange(width) == 0, 0.0, -np.inf), (n, 1))  # one sequence, of no tokens, so far
    lengths, ended = np.zeros((n, width), np.int64), np.zeros((n, width), bool)
    history = []
    with no_grad():
        for t in range(max_length):
            following, state = _checked(step(tokens, state), n * width, end, t)
            vocabulary = following.shape[-1]
            following = following.reshape(n, width, vocabulary)
            if end is not None:  # what ended is followed by the end alone, at no cost
                following[ended] = np.where(np.arange(vocabulary) == end, 0.0, -np.inf)
            candidates = (log_p[..., None] + following).reshape(n, width * vocabulary)
            ranked = candidates
            if length_penalty:
                penalties = _penalty(np.where(ended, lengths, t + 1), length_penalty)
                ranked = candidates / np.repeat(penalties, vocabulary, axis=1)
            best = largest(ranked, width)
            log_p = np.take_along_axis(candidates, best, 1)
            parents, new = best // vocabulary, best % vocabulary
            ended, lengths = np.take_along_axis(ended, parents, 1), np.take_along_axis(lengths, parents, 1)
            lengths = np.where(ended, lengths, t + 1)
            ended = ended | (new == end) if end is not None else ended
            history.append((parents, new))
            if np.all(ended | (log_p == -np.inf)):
                break
            tokens = new.astype(np.int32).ravel()
            order = (parents + width * np.arange(n)[:, None]).ravel()
            state = _take_rows(state, order, n * width)
    sequences = _traced(history, n, width)
    sequences[log_p == -np.inf] = 0 if end is None else end
    return sequences, log_p / _penalty(lengths, length_penalty)


def _penalty(lengths: np.ndarray, alpha: float) -> np.ndarray:
    return ((5 + lengths) / 6) ** alpha


def _traced(history: list[tuple[np.ndarray, np.ndarray]], n: int, width: int) -> np.ndarray:
    """The sequences that led to the last ones, from the parent and the token of each."""
    sequences = np.empty((n, width, len(history)), np.int32)
    which = np.tile(np.arange(width), (n, 1))
    for t in reversed(range(len(history))):
        parents, tokens = history[t]
        sequences[..., t] = np.take_along_axis(tokens, which, 1)
        which = np.take_along_axis(parents, which, 1)
    return sequences


def _first_tokens(start: TensorLike, state: Any) -> np.ndarray:
    tokens = np.asarray(plain(start, "start"))
    if tokens.dtype.kind not in "iu" or tokens.ndim > 1:
        raise ArgumentError(
            f"A search expects `start` as an integer, or one for each row; received dtype {tokens.dtype}, shape {tokens.shape}."
        )
    if tokens.size and tokens.min() < 0:
        raise ArgumentError(f"A search expects `start` of at least 0, numbers of tokens; received {tokens.min()}.")
    rows = next((x.shape[0] for x in trees.flatten(state) if _has_rows(x)), 1)
    return np.full(rows, tokens, np.int32) if not tokens.ndim else tokens.astype(np.int32)


def _has_rows(x: Any) -> bool:
    return isinstance(x, (np.ndarray, Tensor)) and x.ndim > 0


def _take_rows(state: Any, order: np.ndarray, rows: int) -> Any:
    """A state whose rows are those of `order`."""
    leaves = trees.flatten(state)
    for x in leaves:
        if _has_rows(x) and x.shape[0] != rows:
            raise ShapeError(
                f"A search expects states with {rows} rows, one for each sequence, on the first axis; "
                f"received an array of shape {x.shape}."
            )
    if len(order) == rows and np.array_equal(order, np.arange(rows)):
        return state
    taken = [
        x if not _has_rows(x) else x[order] if isinstance(x, np.ndarray) else take(x, order, axis=0) for x in leaves
    ]
    return trees.pack(state, taken)


def _checked(returned: Any, rows: int, end: int | None, t: int) -> tuple[np.ndarray, Any]:
    """Log-probabilities as an array of one's own, and the state, of what `step` returned."""
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise ArgumentError(
            f"A search expects `step` to return log-probabilities and the next state; received {type(returned).__name__}."
        )
    log_p = np.array(plain(returned[0], "what step returned"), np.float64)
    if log_p.ndim != 2 or len(log_p) != rows or not log_p.shape[1]:
        raise ShapeError(f"A search expects `step` to return shape ({rows}, vocabulary); received {log_p.shape}.")
    if end is not None and not 0 <= end < log_p.shape[1]:
        raise ArgumentError(
            f"A search expects `end` below {log_p.shape[1]}, the size of the vocabulary; received {end}."
        )
    if np.isnan(log_p).any():
        raise DataError(f"`step` returned NaN for token {t} of the sequences.")
    if log_p.max(initial=-np.inf) > 0.05 or (t == 0 and np.exp(log_p).sum(axis=1).max(initial=0) > 1.05):
        raise DataError(
            f"A search expects log-probabilities; what `step` returned for token {t} adds up to more than 1. Apply "
            "ops.log_softmax to logits, ops.log to probabilities."
        )
    return log_p, returned[1]
