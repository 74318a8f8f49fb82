"""Generated loops over time against NumPy's: values and slopes, in every combination of what a scan can be asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.common import trees
from autonet.compiler import jit
from autonet.core import convert_to_tensor
from autonet.gradients import vjp
from autonet.ops.recurrent import ACTIVATIONS, gru_scan, lstm_scan, simple_rnn_scan
from tests.compiler.c.runtime.support import needs_compiler
from tests.share import share

pytestmark = needs_compiler
KINDS = {"simple": (simple_rnn_scan, 1, ()), "lstm": (lstm_scan, 4, ()), "gru": (gru_scan, 3, (True,))}
KINDS["gru-before"] = (gru_scan, 3, (False,))


def compare(kind, rng, n, steps, units, drop, mask, reverse, activation="tanh", gate="sigmoid"):
    """The walk and the walk back, once eagerly, once as C; nothing may step out to NumPy."""
    scan, gates, more = KINDS[kind]

    def numbers(*shape):
        return rng.standard_normal(shape).astype("float32")

    xs = [numbers(n, steps, gates * units), numbers(n, units), numbers(units, gates * units) / units**0.5]
    bias = {"gru": (2,), "gru-before": (1,)}.get(kind, ())
    xs.append(numbers(*bias, gates * units))
    if kind == "lstm":
        xs.insert(2, numbers(n, units))
    drop = (rng.integers(0, 2, (gates, n, units)) * 2).astype("float32") if drop else np.zeros((0, n, units), "float32")
    mask = rng.integers(0, 2, (n, steps)).astype(bool) if mask else np.zeros((0, 0), bool)
    options = (*((activation,) if kind == "simple" else (activation, gate)), *more, reverse)
    outputs = 3 if kind == "lstm" else 2  # the others are the walk back's, and receive no cotangents
    gs = [numbers(n, steps, units), numbers(n, units), numbers(n, units)][:outputs]

    def both(gs, drop, mask, *xs):
        y, pull = vjp(lambda *xs: scan(*xs, drop, mask, *options)[:outputs], *xs)
        return y, pull(tuple(gs))

    expected = both([convert_to_tensor(g) for g in gs], drop, mask, *xs)
    compiled = jit(both)
    compiled(gs, drop, mask, *xs)
    received = compiled(gs, drop, mask, *xs)
    plan = compiled.last.plan
    assert plan.kind == "native" and "_scan(" not in plan.source and "_vjp(" not in plan.source
    for a, b in zip(trees.flatten(received), trees.flatten(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6 * max(1, float(np.max(np.abs(np.asarray(b))))))


@pytest.mark.parametrize("kind", KINDS)
@share(1 / 3)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 20),
    steps=st.integers(1, 6),
    units=st.integers(1, 40),
    asked=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_walks(kind, seed, n, steps, units, asked):
    compare(kind, np.random.default_rng(seed), n, steps, units, *asked)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(kind, activation, rng):
    compare(kind, rng, 3, 4, 33, False, True, False, activation, activation)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_that_threads_share(kind, rng):
    compare(kind, rng, 10, 3, 420, True, True, True)


def test_cotangents_of_any_strides(rng):
    """As a flip, or a sum, sends them back."""
    x, h, kernel = (rng.standard_normal(s).astype("float32") * 0.3 for s in ((3, 4, 5), (3, 5), (5, 5)))
    nothing = np.zeros((0, 3, 5), "float32"), np.zeros((0, 0), bool)

    def slopes(g, x):
        pull = vjp(lambda x: simple_rnn_scan(x, h, kernel, np.zeros(5, "float32"), *nothing, "tanh")[0], x)[1]
        g = convert_to_tensor(g)
        return [pull(y)[0] for y in (g[:, ::-1], ops.broadcast_to(g[:, :1], g.shape))]

    g = rng.standard_normal((3, 4, 5)).astype("float32")
    compiled = jit(slopes)
    compiled(g, x)
    for a, b in zip(compiled(g, x), slopes(g, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
