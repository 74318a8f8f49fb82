"""Loops and choices: definitions, derivatives, and the same course in captured steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Variable, check_gradients, gradients, jit, ops, random
from autonet.compiler.capture import CaptureError
from autonet.errors import ArgumentError, DtypeError, ShapeError


def test_cond_takes_one_branch():
    taken = []
    assert ops.cond(np.array(1), lambda: taken.append("yes") or 1, lambda: taken.append("no") or 2) == 1
    assert taken == ["yes"]
    assert ops.cond(False, lambda: {"a": 1}, lambda: {"a": 2}) == {"a": 2}
    with pytest.raises(ShapeError, match="single value"):
        ops.cond(np.array([True]), lambda: 1, lambda: 2)


def test_switch_stays_within_its_branches():
    branches = [lambda x: x, lambda x: -x, lambda x: x * 10]
    assert [ops.switch(i, branches, 2) for i in (-4, 0, 1, 2, 9)] == [2, 2, -2, 20, 20]
    assert [ops.switch(np.array(i), branches, 2) for i in (-4, 1, 9)] == [2, -2, 20]
    with pytest.raises(DtypeError, match="whole number"):
        ops.switch(np.array(1.0), branches, 2)
    with pytest.raises(ArgumentError, match="at least one"):
        ops.switch(0, [])


def test_captured_choices_change_the_same_variables():
    start = {"v": 1.0, "w": 5.0, "u": 7.0}
    made = {name: Variable(np.float32(x), name=name) for name, x in start.items()}
    v, w, u = made.values()

    def yes(x):
        v.assign(x * 2)
        w.assign_add(1.0)
        return {"y": x * 3}

    def no(x):
        v.assign(v + 10)
        u.assign(x)
        return {"y": -x}

    def f(x):
        return ops.cond(x > 0, lambda: yes(x), lambda: no(x))["y"]

    fast = jit(f)
    for x in (1.0, -2.0, 3.0, -4.0, -5.0):
        results = []
        before = [variable.numpy() for variable in made.values()]
        for g in (f, fast):
            for variable, value in zip(made.values(), before, strict=True):
                variable.assign(value)
            results.append([g(np.float32(x)).item(), *[float(variable.numpy()) for variable in made.values()]])
        assert results[0] == results[1]


def test_captured_branches_draw_only_when_taken():
    generator = random.SeedGenerator(3)
    branches = [
        lambda: random.uniform((), seed=generator),
        lambda: ops.zeros(()),
        lambda: random.normal((), seed=generator),
    ]
    f = lambda i: ops.switch(i, branches)
    runs = []
    for g in (f, jit(f)):
        generator.state.assign(np.array([3, 0], np.uint32))
        runs.append([g(np.int32(i)).item() for i in (0, 1, 2, 0, 5, -1, 1, 2)])
    assert runs[0] == runs[1]


def test_captured_branches_must_agree():
    with pytest.raises(ArgumentError, match="same shapes and dtypes"):
        jit(lambda x: ops.cond(x > 0, lambda: ops.zeros(2), lambda: ops.zeros(3)))(1.0)


def test_derivative_of_a_choice():
    f = lambda x: ops.cond(x > 0, lambda: x * x, lambda: -3 * x)
    for g in (gradients.grad(f), jit(gradients.grad(f))):
        assert [g(np.float32(x)).item() for x in (2.0, -2.0, 5.0)] == [4.0, -3.0, 10.0]


def test_while_loop():
    assert ops.while_loop(lambda x: x < 10, lambda x: x + 3, 0).item() == 12
    assert [v.item() for v in ops.while_loop(lambda i, s: i < 4, lambda i, s: [i + 1, s + i], [0, 0])] == [4, 6]
    assert ops.while_loop(lambda t: t["n"] > 1, lambda t: {"n": t["n"] // 2}, {"n": 40})["n"].item() == 1
    assert ops.while_loop(lambda i: i < 10, lambda i: (i + 1,), (0,), maximum_iterations=3)[0].item() == 3
    with pytest.raises(ArgumentError, match="Structures differ"):
        ops.while_loop(lambda i, j: i < 3, lambda i, j: (i + 1,), (0, 0))


def test_while_loop_in_a_captured_step():
    known = jit(lambda x: ops.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s * x), (0, 1.0))[1])
    assert [known(2.0).item() for _ in range(3)] == [16.0] * 3
    with pytest.raises(CaptureError, match="fori_loop"):
        jit(lambda x: ops.while_loop(lambda s: s < 100, lambda s: s * x, 1.0))(2.0)


def test_fori_loop():
    f = lambda x: ops.fori_loop(1, 4, lambda i, v: v * x + ops.cast(i, "float32"), 0.0)
    for g in (f, jit(f)):
        assert [g(np.float32(2.0)).item() for _ in range(3)] == [11.0] * 3
    assert ops.fori_loop(3, 3, lambda i, v: v + 1, 7).item() == 7


@given(st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_scan_is_a_loop(n, reverse, seed):
    xs = np.random.default_rng(seed).standard_normal((n, 2))
    f = lambda c, x: (c * 0.5 + x, {"y": c * x})
    carry, ys = ops.scan(f, np.zeros(2), xs, reverse=reverse)
    c, expected = np.zeros(2), [None] * n
    for i in reversed(range(n)) if reverse else range(n):
        expected[i], c = c * xs[i], c * 0.5 + xs[i]
    np.testing.assert_allclose(carry, c)
    np.testing.assert_allclose(ys["y"], expected)
    again = jit(lambda xs: ops.scan(f, np.zeros(2), xs, reverse=reverse))
    for _ in range(2):
        np.testing.assert_array_equal(again(xs)[1]["y"], ys["y"])


def test_scan_over_nothing_and_without_results():
    carry, ys = ops.scan(lambda c, x: (c + x[0], (c, x)), np.float32(1), np.zeros((0, 2), "float32"))
    assert carry.item() == 1 and ys[0].shape == (0,) and ys[1].shape == (0, 2)
    carry, ys = ops.scan(lambda c, x: (c + 1, None), 0, length=3)
    assert carry.item() == 3 and ys is None
    with pytest.raises(ArgumentError, match="length"):
        ops.scan(lambda c, x: (c, c), 0)
    with pytest.raises(ShapeError, match="one length"):
        ops.scan(lambda c, x: (c, c), 0, np.zeros(3), length=2)
    with pytest.raises(ArgumentError, match="unroll"):
        ops.scan(lambda c, x: (c, c), 0, np.zeros(3), unroll=0)
    with pytest.raises(TypeError, match="function"):
        ops.scan(3, 0, np.zeros(3))


def test_derivative_through_a_loop(rng):
    check_gradients(
        lambda w, xs: ops.sum(ops.scan(lambda c, x: (ops.tanh(c * w + x), c), np.zeros(2), xs)[1]),
        rng.standard_normal(2),
        rng.standard_normal((4, 2)),
    )


@given(st.integers(1, 9), st.booleans(), st.sampled_from([0, 1, -2]), st.integers(0, 99))
def test_associative_scan_is_a_running_product(n, reverse, axis, seed):
    x = np.moveaxis(np.random.default_rng(seed).standard_normal((n, 3, 2, 2)), 0, 0 if axis == 0 else 1)
    if axis == -2:
        x = np.moveaxis(x, 1, -2)
        f = lambda a, b: a * b  # elementwise along any axis
        combine = np.multiply
    else:
        f, combine = (lambda a, b: b @ a), (lambda a, b: b @ a)
    steps = np.moveaxis(x, axis, 0)
    steps = steps[::-1] if reverse else steps
    expected = [steps[0]]
    for step in steps[1:]:
        expected.append(combine(expected[-1], step))
    expected = np.stack(expected[::-1] if reverse else expected, axis)
    np.testing.assert_allclose(ops.associative_scan(f, x, reverse=reverse, axis=axis), expected, rtol=1e-9)


def test_associative_scan_of_a_structure():
    f = lambda a, b: {"k": a["k"] * b["k"], "c": a["c"] * b["k"] + b["c"]}  # y <- k y + c
    k, c = np.array([2.0, 3.0, 0.5]), np.array([1.0, 1.0, 4.0])
    assert ops.associative_scan(f, {"k": k, "c": c})["c"].tolist() == [1.0, 4.0, 6.0]
    with pytest.raises(ShapeError, match="one length"):
        ops.associative_scan(f, {"k": k, "c": c[:2]})


def test_maps():
    assert ops.map(lambda x: x * x, np.arange(3)).tolist() == [0, 1, 4]
    a, b = ops.map(lambda x: (x[0] + x[1], x[0]), (np.arange(3.0), np.ones(3)))
    assert (a.tolist(), b.tolist()) == ([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    assert ops.map(lambda x: {"y": ops.stack([x, x])}, np.zeros((0,)))["y"].shape == (0, 2)
    assert ops.vectorized_map(lambda x: ops.sum(x), np.ones((3, 2))).tolist() == [2.0] * 3
    with pytest.raises(ShapeError, match="one length"):
        ops.map(lambda x: x[0], (np.zeros(2), np.zeros(3)))
    with pytest.raises(ShapeError, match="leading axis"):
        ops.map(lambda x: x, 3.0)


def test_vectorized_functions(rng):
    a, b = rng.standard_normal((4, 2, 3)), rng.standard_normal((5, 1, 3))
    product = ops.vectorize(lambda m, v: m @ v, signature="(m,n),(n)->(m)")
    np.testing.assert_allclose(product(a, b), np.einsum("bmn,abn->abm", a, np.broadcast_to(b, (5, 4, 3))))
    scaled = ops.vectorize(lambda x, words: x * len(words), excluded={1})
    assert scaled([1.0, 2.0], ["a", "b", "c"]).tolist() == [3.0, 6.0]
    with pytest.raises(ShapeError, match="broadcast"):
        ops.vectorize(lambda a, b: a + b)(np.zeros(2), np.zeros(3))
    with pytest.raises(ArgumentError, match="signature"):
        ops.vectorize(lambda a: a, signature="m,n")([1.0])


def test_functions_with_slopes_of_their_own():
    @ops.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

        return ops.log(1 + e), grad

    assert gradients.grad(log1pexp)(np.float32(0)).item() == 0.5
    value, slope, aux = ops.jvp(lambda x: (ops.sin(x), {"twice": x * 2}), (0.0,), (1.0,), has_aux=True)
    assert (value.item(), slope.item(), aux["twice"].item()) == (0.0, 1.0, 0.0)
