"""Machine code for narrower instructions than the processor's, which AUTONET_INSTRUCTIONS asks for: the same to rounding."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from autonet import jit, ops, random
from autonet.common.trees import flatten, map_structure
from autonet.compiler.c.runtime import blas, library, toolchain
from autonet.errors import ArgumentError
from autonet.gradients import grad
from autonet.ops.attention import attend
from autonet.ops.recurrent import gru_scan, lstm_scan, simple_rnn_scan
from tests.compiler.programs import needs_compiler


def numbers(*shape, dtype="float32", seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(dtype)


def recurrent(scan, gates, **options):
    """A walk over 9 steps of 5 rows, 20 units."""
    bias = {"gru_scan": (2,)}.get(scan.__name__, ())
    more = [numbers(5, 20, seed=s) for s in range(2 if scan is lstm_scan else 1)]
    operands = (numbers(5, 9, gates * 20), *more, numbers(20, gates * 20) / 5, numbers(*bias, gates * 20))
    drop, mask = np.zeros((0, 5, 20), "float32"), np.zeros((0, 0), bool)
    return lambda *xs: scan(*xs, drop, mask, activation="tanh", **options)[0], operands


def pointwise(x):
    """Every elementary function with a form of its own in C."""
    low = ops.sigmoid(x) * 0.9 + 0.05
    found = [f(x) for f in (ops.exp, ops.tanh, ops.sin, ops.cos, ops.erf, ops.gelu, ops.softplus, ops.silu, ops.expm1)]
    return [*found, *[f(low) for f in (ops.log, ops.log1p, ops.sqrt, ops.rsqrt)], low**1.7]


IMAGES = numbers(3, 13, 11, 16)
PROGRAMS = {  # by name: a function, and what to apply it to
    "pointwise": (pointwise, [numbers(37, 23)]),
    "pointwise float64": (pointwise, [numbers(37, 23, dtype="float64")]),
    "products": (lambda a, b: [a @ b, a @ b[:, :1], a[:1] @ b], [numbers(67, 129), numbers(129, 83)]),
    "products float64": (lambda a, b: a @ b, [numbers(67, 129, dtype="float64"), numbers(129, 83, dtype="float64")]),
    "turned products": (lambda a, b: ops.transpose(a) @ ops.transpose(b), [numbers(129, 67), numbers(83, 129)]),
    "3 x 3": (lambda x, k: ops.conv(x, k, padding="same"), [IMAGES, numbers(3, 3, 16, 24) / 12]),
    "5 x 5, strides": (lambda x, k: ops.conv(x, k, strides=2), [IMAGES, numbers(5, 5, 16, 7) / 20]),
    "depthwise": (lambda x, k: ops.depthwise_conv(x, k, padding="same"), [IMAGES, numbers(3, 3, 16, 1)]),
    "groups": (lambda x, k: ops.conv(x, k), [IMAGES, numbers(3, 3, 4, 20) / 6]),
    "transposed": (lambda x, k: ops.conv_transpose(x, k, strides=2), [IMAGES, numbers(3, 3, 5, 16) / 6]),
    "pooling": (lambda x: [ops.max_pool(x, 2), ops.average_pool(x, 3, 2, padding="same")], [IMAGES]),
    "rows": (lambda x: [ops.softmax(x), ops.log_softmax(x), ops.layer_normalization(x)], [numbers(29, 45)]),
    "sums": (lambda x: [ops.sum(x, 0), ops.mean(x, 1), ops.max(x), ops.var(x, 0)], [numbers(61, 70)]),
    "attention": (lambda q, k, v: attend(q, k, v, np.True_, causal=True), [numbers(2, 40, 3, s) for s in (8, 8, 12)]),
    "lookups": (lambda t: ops.take(t, np.array([3, 1, 3, 0]), axis=0), [numbers(6, 19)]),
    "lstm": recurrent(lstm_scan, 4, recurrent_activation="sigmoid"),
    "gru": recurrent(gru_scan, 3, recurrent_activation="sigmoid", reset_after=True),
    "simple rnn": recurrent(simple_rnn_scan, 1),
}


def total(f):
    return lambda *xs: sum(ops.mean(ops.tanh(y)) for y in flatten(f(*xs)))


def draws():
    """A function of nothing that draws from a generator of its own."""
    source = random.SeedGenerator(3)
    return lambda: [
        random.randint((700,), 0, 1000, seed=source),
        random.uniform((700,), seed=source),
        random.dropout(np.ones((70, 30), "float32"), 0.3, seed=source),
        random.normal((700,), seed=source),
    ]


def second_run(f, xs, native):
    """What a plan of `f` gives, which the first call recorded."""
    run = jit(f, native=native)
    run(*xs)
    found = map_structure(np.asarray, run(*xs))
    assert run.explain().plan.kind == ("native" if native else "numpy")
    return found


def compare():
    """Every program by both plans, in this process's instructions; gives the runtime's bytes of a vector."""
    blas.find = lambda: None  # which otherwise does the products of narrow code
    *same, normal = zip(*[second_run(draws(), (), native) for native in (True, False)], strict=True)
    assert all(np.array_equal(ours, theirs) for ours, theirs in same)
    np.testing.assert_allclose(*normal, rtol=1e-5, atol=1e-6)
    for name, (f, xs) in PROGRAMS.items():
        step = lambda *xs, f=f: [f(*xs), grad(total(f), tuple(range(len(xs))))(*xs)]
        for ours, theirs in zip(*[flatten(second_run(step, xs, native)) for native in (True, False)], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5, err_msg=name)
    return library._started.function("an_vector_bytes", int)()


def there(name):
    return all(toolchain.features().get(feature) for feature in toolchain.SETS[name][1])


@needs_compiler
@pytest.mark.parametrize("name", [name for name in toolchain.SETS if there(name) and name != "native"])
def test_every_set_that_the_processor_has_gives_the_same(name):
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "AUTONET_INSTRUCTIONS": name, "AUTONET_NATIVE": "1"}
    code = f"from {__name__} import compare; print(compare())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) == {"avx512": 64, "avx2": 32, "baseline": 16, "plain": 16}[name]


@pytest.mark.parametrize("name", ["avx", "AVX-512", "neon "])
def test_what_is_no_set_is_refused(name, monkeypatch):
    monkeypatch.setenv("AUTONET_INSTRUCTIONS", name)
    with pytest.raises(ArgumentError, match=re.escape(f"one of {', '.join(toolchain.SETS)}; received ")):
        toolchain.instructions()


def test_what_the_processor_lacks_is_refused(monkeypatch):
    monkeypatch.setenv("AUTONET_NATIVE", "1")
    monkeypatch.setenv("AUTONET_INSTRUCTIONS", "avx512")
    monkeypatch.setattr(toolchain, "features", lambda: {"AVX512F": True, "AVX512CD": True, "AVX512BW": True})
    f = jit(ops.exp)
    with pytest.raises(ArgumentError, match="lacks AVX512DQ, AVX512VL. Unset"):
        for _ in range(2):
            f(1.0)


@needs_compiler
def test_a_cache_for_many_machines_holds_each_set_apart(monkeypatch):
    found = []
    for name in filter(there, toolchain.SETS):
        monkeypatch.setenv("AUTONET_INSTRUCTIONS", name)
        compiler = toolchain.find()
        found += [library.key_of("int a;", compiler, "plan"), toolchain._identity(compiler.command)]
    assert len(set(found)) == len(found)


@needs_compiler
def test_a_compiler_without_the_set_is_not_used(monkeypatch, tmp_path):
    """The narrow code that it would make instead is not what was asked for."""
    monkeypatch.setenv("AUTONET_CACHE", str(tmp_path))
    monkeypatch.setenv("AUTONET_INSTRUCTIONS", "avx2")
    monkeypatch.setattr(toolchain, "features", lambda: dict.fromkeys(toolchain.SETS["avx2"][1], True))
    monkeypatch.setitem(toolchain.SETS, "avx2", (("-march=unheard-of",), ("AVX2",)))
    toolchain._found.cache_clear()
    try:
        assert toolchain.find() is None
        assert "makes no code for AUTONET_INSTRUCTIONS='avx2'" in toolchain.why_none()
    finally:
        toolchain._found.cache_clear()
