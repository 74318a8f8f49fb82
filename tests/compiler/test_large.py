"""Eager work on large arrays by kernels: the numbers of NumPy's, whatever the layout, the threads and what ran before."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Tensor, config, grad, no_grad, ops
from autonet.common.pool import LARGE
from autonet.compiler import large
from autonet.compiler.c.runtime import toolchain
from autonet.core.accumulate import sum_to
from autonet.core.large import LargeNode
from autonet.core.settings import exact_key
from autonet.core.state import Context, Observer, state
from autonet.core.tensor import wrap
from autonet.errors import ShapeError
from tests.ops.calls import ARRAYS, LINES

pytestmark = pytest.mark.skipif(toolchain.find() is None, reason="needs a C compiler")
SHAPE = (600, LARGE // 600 + 1)
EVERY = 12  # of the lines of calls, in the quick suite: each compiles some C


def arrays(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def close(a, b, what=""):
    assert a.dtype == b.dtype and a.shape == b.shape, what
    if a.dtype.kind != "f":
        assert (a == b).all(), what
        return
    with np.errstate(all="ignore"):
        scale = np.where(np.isfinite(b), np.abs(b), 0).max(initial=0)
    np.testing.assert_allclose(a, b, 2e-5, 1e-5 * scale + 1e-30, err_msg=str(what))


class ByBoth(Observer):
    """Asks for the kernels of every operation, and of every node's rules, and compares."""

    def __init__(self):
        self.results, self.rules = [], []

    def compute(self, primitive, values, settings):
        found = primitive.body(*values, **settings)
        state.observer = None
        try:
            mine = large.compute(primitive, values, settings)
        finally:
            state.observer = self
        if mine is not None:
            self.results.append(primitive.name)
            expected = found if isinstance(found, tuple) else (found,)
            for a, b in zip(mine if isinstance(mine, tuple) else (mine,), expected, strict=True):
                close(a, np.asarray(b), (primitive, settings))
        return found

    def record(self, primitive, operands, settings, results):
        node = results[0]._node
        if node is None or len(results) > 1 or node.primitive is not primitive:
            return
        g = wrap(np.random.default_rng(0).standard_normal(results[0].shape).astype(results[0].dtype))
        state.observer = None
        try:
            with no_grad():
                mine = large.pull(g, node, None)
                expected = None if mine is None else primitive.pull(g, node, None)
        finally:
            state.observer = self
        if mine is None:
            return
        self.rules.append(primitive.name)
        for (p, _, c), (q, operand, d) in zip(mine, expected, strict=True):
            shape = operand[0] if type(operand) is tuple else operand.shape
            assert p is q
            d = np.asarray(sum_to(d, shape=shape) if d.shape != shape else d)
            close(np.asarray(c), d, (primitive, settings))


def by_both(line):
    names = {k: Tensor(v, requires_grad=v.dtype.kind == "f") for k, v in ARRAYS.items()}
    watch = ByBoth()
    state.observer = watch
    try:
        with np.errstate(all="ignore"):
            eval(line, {name: getattr(ops, name) for name in dir(ops)} | {"np": np, **names})
    finally:
        state.observer = None
    return watch


LISTED = [line.strip() for line in LINES.replace("\n", ";").split(";") if line.strip()]


@pytest.mark.parametrize("part", range(4))
def test_kernels_give_what_the_bodies_and_rules_give(part):
    seen = [by_both(line) for line in LISTED[part::4][::EVERY]]
    assert sum(len(w.results) for w in seen) and sum(len(w.rules) for w in seen)


@pytest.mark.slow
@pytest.mark.parametrize("line", LISTED)
def test_kernels_of_every_call(line):
    by_both(line)


@given(st.data())
def test_a_form_gives_back_the_array(data):
    a = np.arange(240.0).reshape(data.draw(st.permutations([2, 3, 4, 10])))
    for _ in range(data.draw(st.integers(0, 4))):
        axis = data.draw(st.integers(0, a.ndim - 1))
        match data.draw(st.sampled_from("transpose slice index repeat".split())):
            case "transpose":
                a = a.transpose(data.draw(st.permutations(range(a.ndim))))
            case "slice":
                start = data.draw(st.integers(0, a.shape[axis] - 1))
                a = a[(*[slice(None)] * axis, slice(start, None, data.draw(st.integers(1, 3))))]
            case "index" if a.ndim > 1:
                a = a[(*[slice(None)] * axis, 0)]
            case "repeat":
                a = np.broadcast_to(a, [2, *[3 if n == 1 else n for n in a.shape]])
    form = large._form(a)
    if form is None:
        return
    steps = np.empty(form.whole).strides
    b = np.lib.stride_tricks.as_strided(a, form.whole, steps)
    if form.kept != form.whole:
        b = b[(*[slice(n) for n in form.kept], *[0] * (len(form.whole) - len(form.kept)))]
    b = b.transpose(form.axes or None) if form.axes else b
    np.testing.assert_array_equal(np.broadcast_to(b, form.shape), a)


def layouts(a):
    """The same shape and numbers of the same kind, laid out otherwise."""
    wide = np.concatenate([a, a], 1)
    return {
        "in order": a,
        "transposed": np.ascontiguousarray(a.T).T,
        "columns of a wider one": wide[:, 3 : 3 + a.shape[1]],
        "every other column": wide[:, ::2],
        "backwards": a[::-1],
        "one row, repeated": np.broadcast_to(a[:1], a.shape),
        "one column, repeated": np.broadcast_to(a[:, 2:3], a.shape),
        "one number, repeated": np.broadcast_to(a[0, 0], a.shape),
    }


@pytest.mark.parametrize("layout", list(layouts(np.zeros((4, 4)))))
def test_layouts(layout):
    x, y = (layouts(a)[layout] for a in arrays(SHAPE, SHAPE))
    tx, ty = Tensor(x, requires_grad=True), Tensor(np.ascontiguousarray(y), requires_grad=True)
    out = ops.tanh(tx) * ty
    out.sum().backward()
    close(out.numpy(), np.tanh(x) * y)
    close(tx.grad.numpy(), (1 - np.tanh(x) ** 2) * y)
    close(ty.grad.numpy(), np.tanh(x))


def step(x, y):
    tx, ty = Tensor(x, requires_grad=True), Tensor(y, requires_grad=True)
    out = ops.softmax(tx * ty + tx, -1) * ops.max(ty, 1, keepdims=True)
    out.sum().backward()
    return [out.numpy(), tx.grad.numpy(), ty.grad.numpy()]


def test_bits_depend_neither_on_threads_nor_on_what_ran_before():
    x, y = arrays(SHAPE, SHAPE)
    first = step(x, y)
    try:
        config.set_threads(1)
        alone = step(x, y)
    finally:
        config.set_threads(None)
    large._works.clear()
    for a, b, c in zip(first, alone, step(x, y), strict=True):
        assert a.tobytes() == b.tobytes() == c.tobytes()


def test_a_node_of_large_operands_has_a_record_like_any_other():
    x = arrays(SHAPE)[0]
    t = Tensor(x, requires_grad=True)
    y = ops.exp(t)
    assert type(y._node) is LargeNode
    curvature = grad(lambda a: grad(lambda b: ops.sum(ops.sin(b) * b))(a).sum())(t)
    close(np.asarray(curvature), 2 * np.cos(x) - x * np.sin(x))


def test_several_results_and_broadcast_operands():
    x, row, column = arrays(SHAPE, (SHAPE[1],), (SHAPE[0], 1))
    ts = [Tensor(a, requires_grad=True) for a in (x, row, column)]
    a, b = ops.split(ops.square(ts[0] * ts[1] + ts[2]), 2, axis=0)
    (a * b).sum().backward()
    z = x.astype("float64") * row + column
    upper, lower = np.split(z, 2)
    g = np.concatenate([2 * upper * lower**2, 2 * lower * upper**2])
    for t, expected in zip(ts, (g * row, (g * x).sum(0), g.sum(1, keepdims=True)), strict=True):
        np.testing.assert_allclose(t.grad.numpy(), expected, 1e-3, 1e-3 * np.abs(expected).max())


def test_what_a_body_refuses_is_refused():
    x = Tensor(arrays(SHAPE)[0])
    with pytest.raises(ShapeError, match="take"):
        ops.take(x, np.array([SHAPE[0]]), axis=0)
    with pytest.raises(ShapeError, match="add"):
        x + Tensor(arrays((7, 7))[0])


def test_values_that_are_not_numbers_pass_through():
    x = arrays(SHAPE)[0]
    x[0, :4] = np.nan, np.inf, -np.inf, -0.0
    for f in (ops.tanh, ops.relu, ops.exp, ops.sqrt, lambda t: ops.max(t, 1), lambda t: ops.min(t, 1), ops.softplus):
        with np.errstate(all="ignore"):
            close(f(Tensor(x)).numpy()[0], f(Tensor(x[:1])).numpy()[0])


def test_threads_at_once():
    x, y = arrays(SHAPE, SHAPE)
    expected, found = step(x, y), []
    threads = [threading.Thread(target=lambda: found.extend(step(x, y) for _ in range(4))) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 12
    assert all(a.tobytes() == b.tobytes() for result in found for a, b in zip(result, expected, strict=True))


@pytest.mark.parametrize("one, other", [(0.0, -0.0), (1, True), (1, 1.0), (1.0, True), ((0, 1.0), (False, 1))])
def test_settings_that_are_equal_and_differ_are_other_keys(one, other):
    assert one == other and exact_key({"k": one}) != exact_key({"k": other})


def test_a_plan_is_not_that_of_another_setting():
    x = np.full(SHAPE, -1, "float32")
    for slope in (0.0, -0.0, 0.0):
        y = ops.leaky_relu(Tensor(x), negative_slope=slope).numpy()
        assert (np.signbit(y) == np.signbit(np.float32(-1) * slope)).all()


def test_a_context_that_casts_otherwise_is_heard():
    class Kept(Context):
        def casts(self, old, new):
            return old

    x = arrays(SHAPE)[0]
    assert ops.cast(Tensor(x), "float64").dtype == "float64"
    with Kept():
        assert ops.cast(Tensor(x), "float64").dtype == "float32"


def test_ever_new_shapes_become_numpys(monkeypatch):
    monkeypatch.setattr(large, "SHAPES", 3)
    large._shapes.clear()
    large._works.clear()
    for n in range(6):
        x = arrays((SHAPE[0] + n, SHAPE[1]))[0]
        close(ops.tanh(Tensor(x)).numpy(), np.tanh(x))
    assert sum(w is not None for w in large._works.values()) == 3


def test_plans_keep_no_arrays_of_the_callers():
    x, y = arrays(SHAPE, SHAPE)
    large._works.clear()
    (Tensor(x) * Tensor(y)).sum()
    assert all(w.plan.arena_bytes < x.nbytes // 8 for w in large._works.values() if w)


def test_what_overflows_is_seen_where_that_is_asked_for():
    x = np.full(SHAPE, 1000, "float32")
    assert np.isinf(ops.exp(Tensor(x))).all()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        ops.exp(Tensor(x))


def test_a_compiler_that_fails_leaves_the_work_to_numpy(monkeypatch):
    x, y = arrays(SHAPE, SHAPE)
    large._works.clear()

    def fail(*_):
        raise toolchain.CompilationError("no space left")

    monkeypatch.setattr(large, "DirectPlan", fail)
    assert (Tensor(x) * Tensor(y)).numpy().tobytes() == (x * y).tobytes()
    large._works.clear()


def test_without_a_compiler_all_is_numpys(numpy_only):
    x = arrays(SHAPE)[0]
    assert ops.exp(Tensor(x)).numpy().tobytes() == np.exp(x).tobytes()


@pytest.mark.parametrize("shape", [(9_000_000,), (3, 200_001), (1000, 1001)])
def test_sums_of_many_numbers_are_as_exact_as_numpys(shape):
    x = np.full(shape, 0.1, "float32")
    for axis in (None, -1):
        exact = x.sum(axis, dtype="float64")
        np.testing.assert_allclose(ops.sum(Tensor(x), axis=axis), exact, rtol=1e-6)
        np.testing.assert_allclose(ops.mean(Tensor(x), axis=axis), 0.1, rtol=1e-6)
