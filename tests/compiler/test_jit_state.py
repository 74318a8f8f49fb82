"""jit: Variables, draws, primitives of the user's own, memory, processes."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc
import weakref

import numpy as np
import pytest

import autonet
from autonet import ops, random
from autonet.compiler import Compiled, jit
from autonet.core import Tensor, no_grad, primitive
from autonet.core.primitive import PRIMITIVES
from autonet.errors import NotBuiltError
from autonet.random import SeedGenerator
from autonet.variable import Variable
from tests.compiler.programs import X, both, numpy_jit, same_bits

# Variables


@both
@pytest.mark.parametrize("n", [3, 40])
def test_swaps_views_and_repeated_assignments(native, n):
    start = [np.arange(n * n, dtype=np.float32).reshape(n, n) + k for k in range(3)]
    plain, fast = ([Variable(a) for a in start] for _ in range(2))

    def step(ws, x):
        a, b, c = ws
        old = a.value
        a.assign(b)
        b.assign(old)
        c.assign(x)
        c.assign_add(ops.transpose(c) * 0.5)
        c.assign(ops.flip(c, axis=0))
        a.assign_sub(0.25 * ops.transpose(b))
        return None

    f = jit(lambda x: step(fast, x), native=native)
    with no_grad():
        for k in range(5):
            x = start[0] * k
            step(plain, Tensor(x))
            f(x)
            for ours, theirs in zip(fast, plain, strict=True):
                np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


@both
def test_other_code_may_read_and_assign_between_runs(native):
    w = Variable(np.zeros(4, np.float32))
    f = jit(lambda x: w.assign_add(x).value * 1.0, native=native)
    x = np.ones(4, np.float32)
    with no_grad():
        f(x), f(x)
        seen = w.value
        array = w.numpy()
        f(x)
        assert seen.numpy().tolist() == array.tolist() == [2] * 4
        assert w.numpy().tolist() == w.value.numpy().tolist() == [3] * 4
        w.assign([10, 20, 30, 40])
        assert f(x).numpy().tolist() == [11, 21, 31, 41] and w.numpy()[0] == 11
        w.assign(w * 2)  # eagerly, from its own value
        assert f(x).numpy()[0] == 23 and (w + 0.0).numpy()[0] == 23
        u, a, b = Variable(w), np.asarray(w), w.numpy()
        f(x)
        assert u.numpy()[0] == a[0] == b[0] == 23 and w.numpy()[0] == 24


def test_two_functions_share_variables():
    w = Variable(np.zeros(2, np.float32))
    up, down = numpy_jit(lambda: w.assign_add(1.0).value + 0), numpy_jit(lambda: w.assign_sub(0.5).value + 0)
    with no_grad():
        seen = [f().numpy()[0] for f in (up, down, up, down, up, up, down)]
    assert seen == [1.0, 0.5, 1.5, 1.0, 2.0, 3.0, 2.5]


def test_variables_made_inside_are_made_once():
    class Lazy:
        w = None

        def __call__(self, x):
            if self.w is None:
                self.w = Variable(lambda shape, dtype: random.uniform(shape, dtype=dtype), shape=x.shape[1:])
            return ops.stop_gradient(x * self.w)

    autonet.utils.set_random_seed(5)
    layer = Lazy()
    f = numpy_jit(layer)
    first = [f(X).numpy() for _ in range(3)]
    after = random.uniform((3,)).numpy()
    autonet.utils.set_random_seed(5)
    plain = Lazy()
    assert same_bits(first[0], plain(Tensor(X)).numpy()) and same_bits(first[2], first[0])
    assert same_bits(after, random.uniform((3,)).numpy())  # the replays drew nothing more


def test_draws_go_on_from_call_to_call_and_repeat_from_the_seed():
    g = SeedGenerator(7)
    f = numpy_jit(lambda: (random.uniform((3,), seed=g), random.normal((2,), seed=g), random.uniform((2,), seed=4)))
    ours = [[t.numpy() for t in f()] for _ in range(3)]
    h = SeedGenerator(7)
    theirs = [
        [random.uniform((3,), seed=h), random.normal((2,), seed=h), random.uniform((2,), seed=4)] for _ in range(3)
    ]
    assert all(same_bits(a, b.numpy()) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True))
    assert g.state.numpy().tolist() == h.state.numpy().tolist()


@both
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.75, 1.0])
def test_dropout_masks_are_the_same_three_ways(native, rate):
    shape = (129, 300)
    generators = [SeedGenerator(11), SeedGenerator(11)]
    f = jit(lambda: random.dropout(np.ones(shape, np.float32), rate, seed=generators[0]), native=native)
    for _ in range(3):
        ours, theirs = f().numpy(), random.dropout(np.ones(shape, np.float32), rate, seed=generators[1]).numpy()
        assert same_bits(ours, theirs)
        assert abs(np.mean(ours == 0) - rate) < 0.02


# Primitives of the user's own


@pytest.fixture
def own():
    """Primitives that a user wrote; forgotten afterwards."""
    before = set(PRIMITIVES)

    def make(f):
        f.__module__ = "somewhere"
        return primitive(f)

    yield make
    for name in set(PRIMITIVES) - before:
        del PRIMITIVES[name]


@both
def test_bodies_may_return_views_and_numbers(native, own):
    def every_other(x):
        return x[::2]

    def largest(x):
        return x.max()

    def same(x):
        return x

    views, number, alias = own(every_other), own(largest), own(same)

    def f(x):
        y = views(ops.exp(x))  # a view of a buffer that others would use again
        z = alias(ops.sin(x))
        for k in range(4):
            x = ops.cos(x) * (k + 1.0)
        return y, z, number(x), x

    g = jit(f, native=native)
    for k in range(3):
        expected = f(Tensor(X * k))
        kept = g(X * k)
        g(X * 9)
        for ours, theirs in zip(kept, expected, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


# Memory


def test_plans_and_functions_leave_no_cycle_behind():
    gc.collect()
    gc.disable()
    try:
        for native in (False, True):
            w = Variable(X)
            f = jit(lambda x, w=w: w.assign_add(ops.exp(x)).value * 2, native=native)
            with no_grad():
                f(X), f(X)
            gone = [weakref.ref(o) for o in (f, f.last.plan, w)]
            del f, w
            assert all(r() is None for r in gone)
    finally:
        gc.enable()


def test_memory_is_flat_over_many_calls():
    w = Variable(np.zeros((50, 50), np.float32))
    f = numpy_jit(lambda x: (w.assign_add(x @ w + 1.0), None)[1])
    x = np.full((50, 50), 0.001, np.float32)
    for _ in range(10):
        f(x)
    tracemalloc.start()
    try:
        for _ in range(100):
            f(x)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            f(x)
        assert tracemalloc.get_traced_memory()[0] - before < 2000
    finally:
        tracemalloc.stop()


# The process


def python(code, **environment):
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.getcwd(), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


KIND = """
    import numpy as np, autonet
    f = autonet.jit(lambda x: x * 2)
    f(np.ones(3)), f(np.ones(3))
    print(f.last.plan.kind)
"""


def test_native_code_can_be_switched_off():
    assert python(KIND, AUTONET_NATIVE="0") == ("numpy\n", "")


def test_without_a_compiler_one_line_says_so():
    out, err = python(KIND, AUTONET_CC="no-such-compiler")
    assert out == "numpy\n" and err.count("\n") == 1 and "NumPy alone" in err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@both
def test_a_forked_child_runs_the_plans(native):
    w = Variable(np.zeros((300, 300), np.float32))
    f = jit(lambda x: ops.sum(w.assign_add(ops.exp(x) @ w + 1.0).value), native=native)
    x = np.zeros((300, 300), np.float32)
    with no_grad():
        f(x), f(x)
        before = w.numpy()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:  # pragma: no cover
            signal.alarm(30)
            try:
                os.write(writing, repr(f(x).item()).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        told = os.read(reading, 100).decode()
        os.close(reading)
        assert same_bits(w.numpy(), before)
        assert told == repr(f(x).item())


def test_compiled_is_what_models_use():
    f = Compiled(lambda x: x * 2 if ops.sum(x) > 0 else x, strict=False, native=False)
    with pytest.warns(UserWarning, match="operation by operation") as caught:
        assert f(Tensor(X + 5)).numpy()[0, 0] == 6
    assert len(caught) == 1 and __file__ in str(caught[0].message)
    assert f(Tensor(X)).numpy()[0, 0] == -2 and f(Tensor(X[:2] + 5)).numpy()[0, 0] == 6  # no second warning
    with pytest.raises(NotBuiltError, match="cannot be captured"):
        f.explain()
