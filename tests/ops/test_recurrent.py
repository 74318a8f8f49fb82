"""Scans against their compositions, to third order, and their rows of the gradient table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet.core import convert_to_tensor
from autonet.gradients import vjp
from autonet.ops import recurrent
from autonet.ops.recurrent import ACTIVATIONS, gru_scan, gru_vjp, lstm_scan, lstm_vjp, simple_rnn_scan
from tests.ops.cases import Case, booleans, made, reals, same_derivatives

N, STEPS, UNITS = 2, 3, 2
STATE, MASK, EMPTY = (N, UNITS), (N, STEPS), (0, 0)
GATED = {"activation": "tanh", "recurrent_activation": "sigmoid"}


def _any(low=-1.0, high=1.0):
    """Numbers that are not differentiated."""
    return made(lambda shape, rng: rng.uniform(low, high, shape), smooth=False)


def _rows(*lead, gates, bias=()):
    """Shapes of a scan's operands, without and with dropout and mask."""
    width = (gates * UNITS,)
    common = ((N, STEPS, *width), *lead, (UNITS, *width), (*bias, *width))
    return [(*common, drop, mask) for drop in ((0, N, UNITS), (gates, N, UNITS)) for mask in (EMPTY, MASK)]


def _slopes(gs, states, gates, kept):
    """Shapes of what slopes take."""
    width = gates * UNITS
    common = (*gs, *states, (UNITS, width))
    return [(*common, drop, mask, *kept) for drop in ((0, N, UNITS), (gates, N, UNITS)) for mask in (EMPTY, MASK)]


SEQUENCE, FOUR = (N, STEPS, UNITS), (N, STEPS, 4 * UNITS)
DROP, MASKS = _any(0, 2), booleans()
CASES = {
    "simple_rnn_scan": Case(
        *[reals(-1, 1)] * 4, DROP, MASKS, shapes=_rows(STATE, gates=1), settings=[{"activation": "tanh"}]
    ),
    "lstm_scan": Case(*[reals(-1, 1)] * 5, DROP, MASKS, shapes=_rows(STATE, STATE, gates=4), settings=GATED),
    "gru_scan": [
        Case(
            *[reals(-1, 1)] * 4,
            DROP,
            MASKS,
            shapes=_rows(STATE, gates=3, bias=(1 + after,)),
            settings={**GATED, "reset_after": after},
        )
        for after in (True, False)
    ],
    # only used where nobody differentiates them
    "simple_rnn_vjp": Case(
        *[_any()] * 4,
        DROP,
        MASKS,
        _any(),
        shapes=_slopes((SEQUENCE, STATE), (STATE,), 1, (SEQUENCE,)),
        settings={"activation": "tanh"},
    ),
    "lstm_vjp": Case(
        *[_any()] * 8,
        DROP,
        MASKS,
        *[_any()] * 3,
        shapes=_slopes((SEQUENCE, STATE, STATE, SEQUENCE, FOUR), (STATE, STATE), 4, (SEQUENCE, SEQUENCE, FOUR)),
        settings=GATED,
    ),
    "gru_vjp": Case(
        *[_any()] * 5,
        DROP,
        MASKS,
        *[_any()] * 2,
        shapes=_slopes((SEQUENCE, STATE, FOUR), (STATE,), 3, (SEQUENCE, FOUR)),
        settings=[{**GATED, "reset_after": True}, {**GATED, "reset_after": False}],
    ),
}
KINDS = {
    "simple": (simple_rnn_scan, recurrent._simple_composed, _rows(STATE, gates=1), ()),
    "lstm": (lstm_scan, recurrent._lstm_composed, _rows(STATE, STATE, gates=4), ()),
    "gru": (gru_scan, recurrent._gru_composed, _rows(STATE, gates=3, bias=(2,)), (True,)),
    "gru-before": (gru_scan, recurrent._gru_composed, _rows(STATE, gates=3, bias=(1,)), (False,)),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def _functions(kind, row, rng, activation="tanh", gate="sigmoid", reverse=False):
    """The scan and its composition as functions of the smooth operands, and those."""
    scan, composed, rows, more = KINDS[kind]
    *shapes, drop, mask = rows[row]
    drop, mask = rng.uniform(0, 2, drop), rng.integers(0, 2, mask).astype(bool)
    settings = (*((activation,) if kind == "simple" else (activation, gate)), *more, reverse)
    constants = [convert_to_tensor(drop), convert_to_tensor(mask)]

    def large(*xs):
        return scan(*xs, drop, mask, *settings)

    def small(*xs):
        return composed(*[convert_to_tensor(x) for x in xs], *constants, *settings)

    return large, small, [rng.standard_normal(shape) for shape in shapes]


@kinds
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("row", range(4), ids=["plain", "mask", "dropout", "both"])
def test_derivatives_of_the_composition(kind, row, reverse, rng):
    large, small, xs = _functions(kind, row, rng, reverse=reverse)
    same_derivatives(large, small, xs, rng)


@kinds
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(kind, activation, rng):
    large, small, xs = _functions(kind, 3, rng, activation, activation)
    same_derivatives(large, small, xs, rng, order=2)


@kinds
@given(seed=st.integers(0, 2**32 - 1))
def test_slopes_of_few_results(kind, seed):
    """Cotangents that are zero, as those of gates in training, make no difference to the way back."""
    rng = np.random.default_rng(seed)
    large, small, xs = _functions(kind, 1, rng)
    results = large(*xs)
    gs = tuple(
        [convert_to_tensor(rng.standard_normal(y.shape) if i < 2 else np.zeros(y.shape)) for i, y in enumerate(results)]
    )
    for a, b in zip(vjp(large, *xs)[1](gs), vjp(small, *xs)[1](gs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_the_walk_back_is_one_primitive(rng):
    """Where nobody differentiates them, slopes come from the large primitive."""
    large, _, xs = _functions("lstm", 0, rng)
    calls = []
    body = lstm_vjp.body
    try:
        lstm_vjp.body = lambda *a, **k: calls.append(1) or body(*a, **k)
        results, pull = vjp(large, *xs)
        pull(tuple(results))
    finally:
        lstm_vjp.body = body
    assert calls == [1]


def test_dtypes():
    x = np.ones((1, 2, 3), "float16")
    zeros, kernel = np.zeros((1, 1), "float16"), np.ones((1, 3), "float16")
    nothing = np.zeros((0, 1, 1), "float16"), np.zeros((0, 0), bool)
    results = gru_scan(x, zeros, kernel, np.zeros((2, 3), "float16"), *nothing, "tanh", "sigmoid", True)
    assert all(y.dtype == "float16" for y in results)
    slopes = gru_vjp(
        results[0], zeros, results[2], zeros, kernel, *nothing, results[0], results[2], **GATED, reset_after=True
    )
    assert all(y.dtype == "float16" for y in slopes)
