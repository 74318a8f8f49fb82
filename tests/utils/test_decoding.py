"""Searches over drawn step functions, against all sequences."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet as keras
from autonet import ops
from autonet.errors import ArgumentError, DataError, ShapeError
from autonet.utils import beam_search, greedy_search


class Machine:
    """A drawn step function: what follows depends on all tokens so far, through a state of one number per row."""

    def __init__(self, seed, vocabulary, forbidden=0.0, ties=False, tensors=False):
        rng = np.random.default_rng(seed)
        logits = rng.integers(0, 2, (50, vocabulary)) * 1.0 if ties else 2 * rng.standard_normal((50, vocabulary))
        logits[rng.random(logits.shape) < forbidden] = -np.inf
        logits[np.all(logits == -np.inf, axis=1), 0] = 0.0
        peak = logits.max(axis=1, keepdims=True)
        self.log_p = logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
        self.tensors = tensors
        self.calls = 0

    def state(self, n):
        code = np.arange(n)[:, None] * 7
        return {"code": ops.convert_to_tensor(code) if self.tensors else code, "more": (None, 3, np.zeros((n, 2, 2)))}

    def __call__(self, tokens, state):
        assert tokens.dtype == np.int32 and tokens.shape == np.shape(state["code"])[:1]
        assert state["more"][:2] == (None, 3) and len(state["more"][2]) == len(tokens)
        self.calls += 1
        code = np.asarray(state["code"])[:, 0] * 3 + tokens + 1
        log_p = self.log_p[code % 50]
        new = ops.convert_to_tensor(code[:, None]) if self.tensors else code[:, None]
        return ops.convert_to_tensor(log_p) if self.tensors else log_p, {"code": new, "more": state["more"]}

    def everything(self, row, start, end, max_length, alpha=0.0):
        """All sequences of any probability and their scores, best first; equals in order of their tokens."""
        vocabulary = self.log_p.shape[1]
        found = {}
        for path in itertools.product(range(vocabulary), repeat=max_length):
            if end in path:
                path = path[: path.index(end) + 1]
            code, token, total = row * 7, start, 0.0
            for following in path:
                code = code * 3 + token + 1
                total += self.log_p[code % 50][following]
                token = following
            if total > -np.inf:
                found[path] = total / ((5 + len(path)) / 6) ** alpha
        return sorted(found.items(), key=lambda item: -item[1])


machines = st.builds(
    Machine, st.integers(0, 10**6), st.integers(2, 4), st.sampled_from([0.0, 0.4]), tensors=st.booleans()
)
ends = st.sampled_from([None, 0, 1])


@given(
    machine=machines, n=st.integers(1, 3), end=ends, max_length=st.integers(1, 4), alpha=st.sampled_from([0.0, 0.7, 2])
)
def test_a_wide_search_is_exhaustive(machine, n, end, max_length, alpha):
    width = machine.log_p.shape[1] ** max_length
    start = np.arange(n) + 1
    sequences, scores = beam_search(machine, machine.state(n), start, end, width, max_length, length_penalty=alpha)
    assert sequences.dtype == np.int32 and scores.shape == sequences.shape[:2] == (n, width)
    for row in range(n):
        expected = machine.everything(row, row + 1, end, max_length, alpha)
        real = scores[row] > -np.inf
        assert real.sum() == len(expected) and not real[len(expected) :].any()
        assert np.allclose(scores[row][real], [score for _, score in expected])
        found = [tuple(s) for s in sequences[row][real].tolist()]
        longest = sequences.shape[2]
        assert set(found) == {(*path, *[end] * (longest - len(path))) for path, _ in expected}
        assert np.all(sequences[row][~real] == (end or 0))


@given(machine=machines, n=st.integers(0, 3), end=ends, max_length=st.integers(1, 6))
def test_a_width_of_one_is_greedy(machine, n, end, max_length):
    start = np.arange(n)
    sequences, scores = greedy_search(machine, machine.state(n), start, end, max_length)
    beams, beam_scores = beam_search(machine, machine.state(n), start, end, 1, max_length)
    assert np.array_equal(sequences, beams[:, 0]) and np.array_equal(scores, beam_scores[:, 0])
    for row in range(n):
        code, token, total, path = row * 7, row, 0.0, []
        while len(path) < max_length and (end is None or end not in path):
            code = code * 3 + token + 1
            token = int(np.argmax(machine.log_p[code % 50]))
            total += machine.log_p[code % 50][token]
            path.append(token)
        length = sequences.shape[1]
        assert sequences[row].tolist() == path + [end] * (length - len(path))
        assert scores[row] == pytest.approx(total)


@given(machine=machines, end=ends, width=st.integers(1, 9), alpha=st.sampled_from([0.0, 0.7]))
def test_rows_do_not_know_of_each_other(machine, end, width, alpha):
    def alone(row):
        first = {"code": np.full((1, 1), 7 * row), "more": (None, 3, np.zeros((1, 2, 2)))}
        return beam_search(machine, first, [row], end, width, 4, alpha)

    sequences, scores = beam_search(machine, machine.state(3), [0, 1, 2], end, width, 4, alpha)
    for row in range(3):
        own, own_scores = alone(row)
        assert np.array_equal(scores[row], own_scores[0])
        length = own.shape[2]
        assert np.array_equal(sequences[row][:, :length], own[0]) and np.all(sequences[row][:, length:] == end)
        assert np.all(np.diff(scores[row][scores[row] > -np.inf]) <= 0)


@given(seed=st.integers(0, 99), end=ends, width=st.integers(1, 6))
def test_scores_are_those_of_the_sequences(seed, end, width):
    machine = Machine(seed, 3)
    sequences, scores = beam_search(machine, machine.state(1), 0, end, width, 4)
    known = dict(machine.everything(0, 0, end, 4))
    for path, score in zip(sequences[0].tolist(), scores[0], strict=True):
        path = tuple(path[: path.index(end) + 1] if end in path else path)
        assert score == -np.inf or known[path] == pytest.approx(score)


def test_ties_go_by_order():
    flat = np.log(np.full((1, 3), 1 / 3))
    step = lambda tokens, state: (np.repeat(flat, len(tokens), 0), state)
    sequences, scores = beam_search(step, None, 0, None, 4, 2)
    assert sequences[0].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0]] and np.ptp(scores) == 0
    sequences, _ = beam_search(step, None, 0, 0, 3, 2)
    assert sequences[0].tolist() == [[0, 0], [1, 0], [1, 1]]


def test_the_penalty_prefers_the_longer():
    table = np.log([[0.01, 0.5, 0.49], [0.05, 0.6, 0.35], [1 / 3, 1 / 3, 1 / 3]])
    step = lambda tokens, state: (table[tokens], state)
    short, _ = beam_search(step, None, 0, 2, 4, 4)
    long, _ = beam_search(step, None, 0, 2, 4, 4, length_penalty=3)
    assert short[0, 0].tolist() == [2, 2, 2, 2] and long[0, 0].tolist() == [1, 1, 1, 1]


def test_it_stops_when_all_have_ended():
    machine = Machine(1, 3)
    machine.log_p[:] = np.log([0.1, 0.1, 0.8])
    sequences, _ = greedy_search(machine, machine.state(4), np.zeros(4, int), 2, 1000)
    assert machine.calls == 1 and sequences.tolist() == [[2]] * 4


def test_where_nothing_may_follow():
    step = lambda tokens, state: (np.where(tokens[:, None] == 0, np.log([0.5, 0.5]), -np.inf), state)
    sequences, scores = beam_search(step, None, 0, None, 2, 3)
    assert sequences[0].tolist() == [[0, 0, 0], [0, 0, 1]] and np.allclose(scores, np.log(0.125))
    assert greedy_search(lambda tokens, state: (np.full((1, 2), -np.inf), state), None, 0, 1, 3)[1].tolist() == [
        -np.inf
    ]


def test_a_compiled_step_of_layers():
    keras.utils.set_random_seed(0)
    embedding, cell, dense = keras.layers.Embedding(7, 5), keras.layers.GRUCell(6), keras.layers.Dense(7)

    def step(tokens, state):
        output, (state,) = cell(embedding(tokens), [state])
        return ops.log_softmax(dense(output)), state

    first = np.random.default_rng(0).standard_normal((3, 6)).astype("float32")
    compiled = keras.jit(step)
    eager, eager_scores = beam_search(step, first, 1, 2, 4, 8)
    sequences, scores = beam_search(compiled, ops.convert_to_tensor(first), 1, 2, 4, 8)
    assert np.array_equal(sequences, eager) and np.allclose(scores, eager_scores, atol=1e-5)
    assert np.array_equal(first, np.random.default_rng(0).standard_normal((3, 6)).astype("float32"))


def test_errors():
    good = lambda tokens, state: (np.log(np.full((len(tokens), 2), 0.5)), state)
    with pytest.raises(ArgumentError, match="width of at least 1"):
        beam_search(good, None, 0, width=0)
    with pytest.raises(ArgumentError, match="max_length of at least 1"):
        beam_search(good, None, 0, max_length=0)
    with pytest.raises(ArgumentError, match="`end` below 2"):
        beam_search(good, None, 0, end=2)
    with pytest.raises(ArgumentError, match="`start` as an integer"):
        beam_search(good, None, 0.5)
    with pytest.raises(ShapeError, match="states with 2 rows"):
        beam_search(good, np.zeros((3, 2)), [0, 1])
    with pytest.raises(ShapeError, match="states with 4 rows"):
        beam_search(lambda tokens, state: (good(tokens, state)[0], np.zeros((2, 2))), np.zeros((2, 2)), 0, width=2)
    with pytest.raises(ShapeError, match=r"shape \(4, vocabulary\); received \(4, 1, 2\)"):
        beam_search(lambda tokens, state: (good(tokens, state)[0][:, None], state), None, 0)
    with pytest.raises(DataError, match="NaN for token 0"):
        beam_search(lambda tokens, state: (good(tokens, state)[0] * np.nan, state), None, 0)
    with pytest.raises(ArgumentError, match="the next state; received ndarray"):
        beam_search(lambda tokens, state: good(tokens, state)[0], None, 0)
    for wrong in ([2.0, -1.0], [0.3, 0.7], [-0.1, -0.2], [np.inf, 0.0]):
        with pytest.raises(DataError, match="log_softmax"):
            beam_search(lambda tokens, state, wrong=wrong: (np.tile(wrong, (len(tokens), 1)), state), None, 0)
    for wrong in ("</s>", -1, 1.0, True):
        with pytest.raises(ArgumentError, match="`end` to be the number of a token"):
            beam_search(good, None, 0, end=wrong)
    for wrong in (np.nan, np.inf, "0.6", None):
        with pytest.raises(ArgumentError, match="length_penalty to be a finite number"):
            beam_search(good, None, 0, length_penalty=wrong)
    with pytest.raises(ArgumentError, match="`start` of at least 0.*received -1"):
        beam_search(good, None, -1)
    with pytest.raises(ArgumentError, match="width of at least 1"):
        beam_search(good, None, 0, width="4")
