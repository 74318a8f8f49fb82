"""Random programs give the same three ways: run eagerly, replayed by NumPy (bit for bit), as machine code (rounded)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autonet.compiler import Compiled, jit
from tests.compiler.programs import assert_same_bits, needs_compiler, quiet
from tests.compiler.random_programs import scripts, tensors
from tests.share import share

MORE = share(4)


def eager(f):
    """No compiler."""
    return f


def trajectory(script, seeds, f, between):
    """What `f` gives on several inputs, one after the other, and the state after each run.

    `between` says what other code does with the Variables meanwhile: read them, or assign to them.
    """
    world = script.world()
    run = f(lambda *xs: script.run(world, *xs))
    assert f is eager or isinstance(run, Compiled)
    seen = []
    for seed, act in zip(seeds, between, strict=True):
        with quiet():
            results = run(*tensors(script.inputs(seed)))
        seen.append([*[r.numpy() for r in results], *world.state()])
        if act == "assign":
            for k, v in enumerate(world.variables):
                v.assign(np.full(v.shape, k / 4, v.dtype))
        elif act == "swap" and len(world.variables) > 1 and world.variables[0].shape == world.variables[1].shape:
            a, b = world.variables[:2]
            old = a.value
            a.assign(b)
            b.assign(old)
        elif act == "keep":  # what was given away stays as it was
            seen.append([r.numpy() for r in results])
    assert f is eager or run.last.plan is not None
    return seen


SEEDS = (1, 2, 3, 1)
acts = st.lists(st.sampled_from(["nothing", "assign", "swap", "keep"]), min_size=4, max_size=4)


@MORE
@given(script=scripts(), between=acts)
def test_numpy_plan_equals_eager(script, between):
    expected = trajectory(script, SEEDS, eager, between)
    found = trajectory(script, SEEDS, lambda f: jit(f, native=False), between)
    for n, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert_same_bits(a, b, f"run {n} of {script}")


@MORE
@given(script=scripts(differentiated=True, most=8), between=acts)
def test_gradients_by_the_numpy_plan_equal_eager(script, between):
    expected = trajectory(script, SEEDS, eager, between)
    found = trajectory(script, SEEDS, lambda f: jit(f, native=False), between)
    for n, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert_same_bits(a, b, f"run {n} of {script}")


def assert_close(found, expected, what):
    """Equal but for the rounding of a chain of operations."""
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b, f"result {k}, {what}")
            continue
        scale = float(np.max(np.abs(b), initial=1.0, where=np.isfinite(b)))
        tolerance = (2e-4 if np.float32 in (a.dtype, np.float32) else 1e-9) * scale
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=tolerance, err_msg=f"result {k}, {what}")


@needs_compiler
@given(script=scripts(), between=acts)
def test_native_plan_agrees(script, between):
    expected = trajectory(script, SEEDS, eager, between)
    found = trajectory(script, SEEDS, lambda f: jit(f, native=True), between)
    for n, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert_close(a, b, f"run {n} of {script}")


@needs_compiler
@given(script=scripts(differentiated=True, most=8), between=acts)
def test_gradients_by_the_native_plan_agree(script, between):
    expected = trajectory(script, SEEDS, eager, between)
    found = trajectory(script, SEEDS, lambda f: jit(f, native=True), between)
    for n, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert_close(a, b, f"run {n} of {script}")
