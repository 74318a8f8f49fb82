"""Updates in blocks, on several threads: the bits of the eager run, whatever blocks and threads there are."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import config, ops, optimizers, random
from autonet.compiler import jit
from autonet.compiler.numpy import shares
from autonet.compiler.passes import gather
from autonet.variable import Variable
from tests.compiler.programs import assert_same_bits, captured, numpy_plan, quiet
from tests.compiler.random_programs import scripts, tensors

SHAPES = ((40, 30), (7,), (30, 40), (1201,), (40, 30))


@pytest.fixture(scope="module", autouse=True)
def small():
    """Whatever can be shared is shared, in blocks of 64 elements, by up to three threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "LEAST", 2)
        patch.setattr(shares, "PAYS", 2)
        patch.setattr(shares, "BLOCK", 64)
        patch.setattr(shares, "MASKS_PAY", 2)
        patch.setattr(shares, "MASK_BLOCK", 64)
        patch.setattr(shares, "waits_are_short", lambda: True)
        patch.setattr(shares.os, "cpu_count", lambda: 3)
        yield


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    config.set_threads(request.param)
    yield request.param
    config.set_threads(None)


RULES = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(0.01),
    "amsgrad, clipped, averaged": lambda: optimizers.Adam(0.01, amsgrad=True, clipvalue=0.5, use_ema=True),
    "decay, norm of all": lambda: optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=1.0),
    "accumulation": lambda: optimizers.RMSprop(0.01, gradient_accumulation_steps=2),
    "lion": lambda: optimizers.Lion(0.01),
}


def trained(rule, wrap):
    """What a few steps of a rule make of weights of several shapes, and the plan."""
    rng = np.random.default_rng(0)
    weights = [Variable(rng.standard_normal(s).astype(np.float32), name=f"w{k}") for k, s in enumerate(SHAPES)]
    optimizer = rule()
    optimizer.build(weights)
    run = wrap(lambda *grads: optimizer.apply(list(grads), weights))
    with quiet():
        for _ in range(4):
            run(*[rng.standard_normal(s).astype(np.float32) for s in SHAPES])
    return [v.numpy() for v in (*weights, *optimizer.variables)], run


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_keeps_its_bits(rule, threads):
    expected, _ = trained(RULES[rule], lambda f: lambda *g: f(*map(ops.convert_to_tensor, g)))
    found, run = trained(RULES[rule], lambda f: jit(f, native=False))
    assert "together(" in run.last.plan.source
    assert_same_bits(found, expected, f"{rule} on {threads} threads")


def dropped(wrap, dtype):
    """What three steps with masks of several sizes give, from two generators, one of which draws twice in a step."""
    seeds = [random.SeedGenerator(k) for k in range(2)]

    def step(x, y):
        a = random.dropout(x * 2.0, 0.5, seed=seeds[0])
        b = random.dropout(ops.exp(y), 0.2, seed=seeds[1])
        return [a, b, random.dropout(ops.sum(a) + x, 0.9, seed=seeds[0]), random.uniform((3,), seed=seeds[1])]

    run = wrap(step)
    xs = [np.ones(s, dtype) for s in ((31, 17), (64, 4))]
    return [y.numpy() for _ in range(3) for y in run(*map(ops.convert_to_tensor, xs))], run


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_masks_are_those_of_one_draw(dtype, threads):
    expected, _ = dropped(lambda f: f, dtype)
    found, run = dropped(lambda f: jit(f, native=False), dtype)
    assert ("together(" in run.last.plan.source.split("def body")[1].split("exp(")[0]) == (dtype != "float16")
    assert_same_bits(found, expected, f"{threads} threads")


@given(script=scripts())
def test_random_programs_keep_their_bits(script):
    world, other = script.world(), script.world()
    run = jit(lambda *xs: script.run(other, *xs), native=False)
    for seed in (1, 2, 1):
        with quiet():
            expected, found = script.run(world, *tensors(script.inputs(seed))), run(*tensors(script.inputs(seed)))
        assert_same_bits([r.numpy() for r in found], [r.numpy() for r in expected], str(script))
        assert_same_bits(other.state(), world.state(), str(script))


@pytest.mark.parametrize("shape", [(1, 200), (200,), (1, 200, 1), (2, 100)])
def test_single_numbers_of_as_many_axes(shape, rng):
    x = rng.standard_normal(shape).astype(np.float32)
    program, eager = captured(lambda x: (x * ops.sum(x, keepdims=True) + 1.0) * 0.5, x)
    plan = numpy_plan(program)
    assert "together(" in plan.source
    assert_same_bits(plan.run([x]), eager)


def test_what_only_a_chain_reads_takes_a_block(rng):
    x = rng.standard_normal((50, 70)).astype(np.float32)
    program, eager = captured(lambda x: ((x - 1.0) * x + x) * 2.0, x)
    plan = numpy_plan(program)
    assert_same_bits(plan.run([x]), eager)
    assert plan.write.workspace_bytes <= 2 * 3 * 64 * 4


def test_a_chain_does_not_run_into_another_ones_memory(rng):
    # v stands where a chain of another size has been: blocks in any order would write over what is still to be read
    xs = [rng.standard_normal(s).astype(np.float32) for s in ((64, 64), (64, 32))]
    program, eager = captured(lambda a, b: [ops.sum((a + 1.0) * 2.0), b * 3.0 - 1.0, ops.sum(b * b)], *xs)
    plan = numpy_plan(program)
    for _ in range(3):
        assert_same_bits(plan.run(list(xs)), eager)


def overlapping(first, second):
    """Whether a group of two chains, whose results lie in these parts of a buffer, may run in any order."""
    program, _ = captured(lambda a, b: [a * 2.0, b * 2.0], *np.zeros((2, 8), np.float32))
    group = shares.Group(program.instructions, {v: {None} for v in program.outputs})
    buffer = np.zeros(32, np.float32)
    arrays = {v: np.zeros(v.shape, v.dtype) for v in program.used()}
    arrays.update({v: buffer[k : k + 8] for v, k in zip(program.outputs, (first, second), strict=True)})
    return not group.is_free(arrays)


@given(first=st.integers(0, 24), second=st.integers(0, 24))
def test_groups_whose_memory_overlaps_are_found(first, second):
    assert overlapping(first, second) == (abs(first - second) < 8)


@pytest.mark.parametrize("size", [1, 63, 64, 65, 65_536, 65_537, 401_408, 1_000_003])
def test_blocks_are_all_there_is(size):
    blocks = shares._blocks(size)
    assert [b.start for b in blocks] == [0, *[b.stop for b in blocks[:-1]]]
    assert blocks[-1].stop == size and max(b.stop - b.start for b in blocks) <= shares.BLOCK
    assert all(b.start % 64 == 0 for b in blocks)


FIRST = "import {}, os, {}; print(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))"


@pytest.mark.parametrize(("order", "told"), [(("autonet", "numpy"), "16"), (("numpy", "autonet"), "None")])
def test_openblas_is_told_to_wait_briefly_where_it_still_listens(order, told, monkeypatch):
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    run = subprocess.run([sys.executable, "-c", FIRST.format(*order)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == told
