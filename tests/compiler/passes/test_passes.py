"""What each pass may do, and what it may not."""

import numpy as np
import pytest

from autonet import ops, random
from autonet.compiler.numpy.plan import NumpyPlan
from autonet.compiler.passes import redundancy
from autonet.compiler.passes.expand import expand
from autonet.compiler.passes.fuse import Loop, fuse, reduction_operand
from autonet.compiler.passes.layout import Layout
from autonet.compiler.passes.memory import Slot, assign_offsets, check_overlaps
from autonet.compiler.passes.pipeline import NATIVE_PASSES, PASSES, lower, optimize
from autonet.compiler.passes.redundancy import eliminate_common_subexpressions, eliminate_dead_code, fold_constants
from autonet.compiler.passes.verify import CompilerError, verify
from autonet.compiler.program import CONSTANT, RESULT, Instruction, Program
from autonet.core import PRIMITIVES
from autonet.random import SeedGenerator
from autonet.variable import Variable
from tests.compiler.programs import assert_same_bits, captured

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)


def names(program):
    return [i.op for i in program.instructions]


# The record


def test_the_record_names_inputs_variables_and_constants():
    w = Variable(np.ones(4, np.float32), name="w")
    program, _ = captured(lambda x: x * w + 3.0, X)
    assert names(program) == ["multiply", "add"]
    x, weight, three = program.inputs[0], *[v for v in program.used() if v.kind in ("variable", CONSTANT)]
    assert (x.kind, x.source, weight.source is w) == ("input", 0, True)
    assert three.source == 3.0
    text = str(program)
    assert "multiply" in text and "inputs: x" in text


def test_two_variables_that_share_an_array_stay_two():
    a, b = Variable(np.ones(4, np.float32)), Variable(np.zeros(4, np.float32))
    b.assign(a)
    program, _ = captured(lambda x: x * a + b, X)
    assert {id(v.source) for v in program.used() if v.kind == "variable"} == {id(a), id(b)}


def test_an_input_is_not_confused_with_a_constant_or_a_variable_of_the_same_array():
    w = Variable(np.ones(4, np.float32))
    t = w.value
    program, _ = captured(lambda x: x * t + w, t._value)
    kinds = sorted(v.kind for v in program.used() if v.kind != RESULT)
    assert kinds == ["constant", "input", "variable"]


# Dead code


def test_dead_code_goes_and_what_outputs_or_variables_need_stays():
    w = Variable(np.ones(4, np.float32))

    def f(x):
        ops.exp(x)  # nobody reads this
        w.assign(w * 2.0)
        return x + 1.0

    program, _ = captured(f, X)
    assert sorted(names(eliminate_dead_code(program))) == ["add", "multiply"]


def test_a_write_that_changes_nothing_goes():
    w, u = Variable(np.ones(4, np.float32)), Variable(np.zeros(4, np.float32))

    def f(x):
        old = w.value
        w.assign(x)
        w.assign(old)
        u.assign(w)  # this one is a change: u becomes w

    program, _ = captured(f, X[0])
    kept = eliminate_dead_code(program).writes
    assert list(kept) == [u] and kept[u].source is w


def test_a_draw_that_nobody_uses_still_moves_its_generator():
    g = SeedGenerator(3)
    program, _ = captured(lambda x: (random.uniform((2,), seed=g), x)[1], X)
    program = eliminate_dead_code(program)
    assert names(program) == ["add"] and list(program.writes) == [g.state]


# Constants


def test_what_depends_on_constants_alone_is_computed_now():
    a = ops.array(X)
    program, (_expected,) = captured(lambda x: x + ops.exp(a) * 2.0, X)
    folded = fold_constants(program)
    assert names(folded) == ["add"]
    (constant,) = [v for v in folded.used() if v.kind == CONSTANT]
    np.testing.assert_array_equal(constant.source, np.exp(X) * np.float32(2))


def test_large_constants_and_anything_of_an_input_are_left(monkeypatch):
    monkeypatch.setattr(redundancy, "FOLD_LIMIT", 8)
    program, _ = captured(lambda x: x + ops.exp(ops.array(X)), X)
    assert names(fold_constants(program)) == ["exp", "add"]


def test_folding_says_nothing_of_infinite_constants():
    with np.errstate(divide="ignore"):
        program, _ = captured(lambda x: x + ops.log(ops.zeros(4)), X)
    assert names(fold_constants(program)) == ["add"]


# Equal expressions


def test_equal_expressions_are_computed_once():
    program, _ = captured(lambda x: ops.exp(x) + ops.exp(x), X)
    assert names(eliminate_common_subexpressions(program)) == ["exp", "add"]


def test_settings_of_other_types_are_not_equal():
    def f(x):
        return ops.sum(x, axis=0, keepdims=True), ops.sum(x, axis=0, keepdims=False), ops.sum(x, axis=1)

    program, _ = captured(f, X)
    assert names(eliminate_common_subexpressions(program)) == ["sum"] * 3
    program, _ = captured(lambda x: (ops.elu(x, alpha=1), ops.elu(x, alpha=1.0), ops.elu(x, alpha=True)), X)
    assert names(eliminate_common_subexpressions(program)) == ["elu"] * 3


def test_zeros_of_both_signs_stay_apart():
    program, _ = captured(lambda x: (x * np.float32(0.0), x * np.float32(-0.0)), X)
    assert names(eliminate_common_subexpressions(program)) == ["multiply", "multiply"]


def test_constants_of_other_dtype_or_order_stay_apart():
    square = np.arange(9.0, dtype=np.float32).reshape(3, 3)
    program, _ = captured(lambda x: (x @ ops.array(square), x @ ops.transpose(ops.array(square.T))), X.T)
    assert names(eliminate_common_subexpressions(fold_constants(program))) == ["matmul", "matmul"]


def test_draws_of_other_states_are_not_equal():
    g = SeedGenerator(3)
    program, _ = captured(lambda: (random.uniform((2,), seed=g), random.uniform((2,), seed=g)))
    assert names(eliminate_common_subexpressions(program)).count("random_uniform") == 2
    program, _ = captured(lambda: (random.uniform((2,), seed=1), random.uniform((2,), seed=1)))
    assert names(eliminate_common_subexpressions(program)).count("random_uniform") == 1


def test_the_two_sides_of_a_product_stay_two_matrices(rng):
    # BLAS rounds a matrix times its own transpose otherwise than two equal ones
    x = rng.standard_normal((50, 30)).astype(np.float32)
    program, eager = captured(lambda x: ops.matmul(x * 2.0, ops.transpose(x * 2.0)), x)
    assert names(eliminate_common_subexpressions(program)).count("multiply") == 2
    assert_same_bits(NumpyPlan(optimize(program)).run([x]), eager)


# Large primitives


def test_compositions_take_the_place_of_large_primitives():
    x, g = X, np.ones_like(X)
    slopes = PRIMITIVES["batch_normalize_vjp"]
    ones = np.ones(4, np.float32)

    def f(x, g):
        return slopes(g, ones, ones, x, ones, ones, ones, axis=-1, epsilon=0.1)

    program, eager = captured(f, x, g)
    program = verify(expand(program), "expand")
    assert "batch_normalize_vjp" not in names(program)
    for a, b in zip(NumpyPlan(program).run([x, g]), eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


# Loops


def loops(program):
    return [i for i in fuse(program).instructions if isinstance(i, Loop)]


def test_chains_join_with_the_reductions_at_their_ends():
    program, _ = captured(lambda x: ops.sum(ops.tanh(x * 2.0) + 1.0, axis=0), X)
    (loop,) = loops(program)
    assert [i.op for i in loop.body] == ["multiply", "tanh", "add", "sum"]
    assert [r.shape for r in loop.results] == [(4,)]


def test_a_loop_does_not_read_its_own_sums():
    def f(x):
        y = ops.exp(x - ops.max(x, axis=1, keepdims=True))
        return y / ops.sum(y, axis=1, keepdims=True)

    program, _ = captured(f, X)
    verify(fuse(program), "fuse")
    for loop in loops(program):
        made = {i.results[0] for i in loop.body if reduction_operand(i) is not None}
        assert not any(o in made for i in loop.body for o in i.operands)


def test_loops_that_wait_for_each_other_are_not_joined():
    def f(x, w):
        a = x * 2.0
        b = ops.matmul(a, w)  # waits for a
        return x + b  # of a's shape, reads what a reads, but waits for the product

    program, _ = captured(f, np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32))
    fused = verify(fuse(program), "fuse")
    assert len([i for i in fused.instructions if isinstance(i, Loop)]) == 2


def test_halves_integers_and_empty_arrays_have_no_c_reductions():
    for x in (X.astype(np.int32), X[:0]):
        program, _ = captured(lambda x: ops.sum(x), x)
        assert not loops(program) and names(fuse(program)) == ["sum"]
    program, _ = captured(lambda x: ops.sum(x), X.astype(np.float16))  # which is a sum of floats
    assert names(fuse(program)) == ["cast", "loop", "cast"]


# Places in memory


def overlaps(a, b):
    in_time = a.first <= b.last and b.first <= a.last
    in_space = a.offset < b.offset + b.nbytes and b.offset < a.offset + a.nbytes
    return in_time and in_space


def test_no_two_slots_overlap_but_for_an_heir(rng):
    inherited = 0
    for _ in range(50):
        slots = []
        for _n in range(40):
            first = int(rng.integers(0, 60))
            donors = [s for s in slots if s.first < s.last == first and rng.random() < 0.5]
            slots.append(Slot(int(rng.choice([0, 4, 64, 100, 4000])), first, first + int(rng.integers(0, 9)), donors))
        size = assign_offsets(slots)
        for n, a in enumerate(slots):
            assert a.offset >= 0 and a.offset % 64 == 0 and a.offset + a.nbytes <= size
            for b in slots[:n]:
                heir = (b in a.donors and a.first == b.last) or (a in b.donors and b.first == a.last)
                assert heir or not overlaps(a, b)
        heirs = [s for s in slots if any(s.offset == d.offset and s.first == d.last for d in s.donors)]
        inherited += len(heirs)
        for s in heirs:  # one donor serves one heir
            assert not any(t is not s and t.offset == s.offset and t.first == s.first for t in heirs)
    assert inherited


def test_places_are_checked():
    a, b = Slot(100, 0, 2), Slot(100, 2, 3)
    a.offset = b.offset = 0
    with pytest.raises(CompilerError, match="share memory"):
        check_overlaps([a, b])
    b.donors.append(a)
    check_overlaps([a, b])
    b.first = 1  # the donor is still read
    with pytest.raises(CompilerError, match="share memory"):
        check_overlaps([a, b])
    b.offset = 128
    check_overlaps([a, b])


def test_a_long_chain_needs_two_buffers():
    def f(x):
        for _ in range(300):
            x = ops.exp(ops.sin(x) @ np.eye(4, dtype=np.float32))
        return x

    program, _ = captured(f, X)
    assert NumpyPlan(optimize(program)).arena_bytes <= 4 * X.nbytes + 256


def layout_of(f, *arrays):
    program, _ = captured(f, *arrays)
    program = optimize(program)
    return program, Layout(program)


def test_a_result_takes_its_variables_storage():
    w = Variable(np.ones((3, 4), np.float32))
    _, layout = layout_of(lambda x: (w.assign_sub(x * 0.1), None)[1] or x, X)
    assert list(layout.homes.values()) == [w]


@pytest.mark.parametrize("case", ["read later", "view read later", "returned", "given to another", "returned too"])
def test_a_result_stays_out_of_a_storage_that_is_still_read(case):
    w, u = Variable(np.ones((3, 4), np.float32)), Variable(np.ones((3, 4), np.float32))

    def f(x):
        old = w.value
        w.assign(x * 2.0)
        if case == "read later":
            return ops.exp(ops.sin(x)) * old  # after the new value exists
        if case == "view read later":
            return ops.matmul(ops.exp(w), ops.transpose(old))
        if case == "returned":
            return old
        if case == "given to another":
            u.assign(old)
            return x
        return w.value  # the new value goes out as well

    program, layout = layout_of(f, X)
    safe = all(
        layout.last_read.get(v, -1) <= n
        for n, i in enumerate(program.instructions)
        for r in i.results
        if layout.homes.get(r) is w
        for v in program.used()
        if v.kind == "variable" and v.source is w
    )
    assert safe and (case in ("read later", "view read later") or w not in layout.homes.values())


def test_elementwise_results_may_lie_over_an_operand_but_not_over_its_view():
    w = Variable(np.ones((3, 3), np.float32))
    _, layout = layout_of(lambda: (w.assign(ops.add(w, ops.transpose(w))), None)[1])
    assert w not in layout.homes.values()  # w.T is read while w would be written
    _, layout = layout_of(lambda: (w.assign(ops.matmul(w, ops.eye(3))), None)[1])
    assert w not in layout.homes.values()  # a product is not elementwise
    _, layout = layout_of(lambda: (w.assign(w * w), None)[1])
    assert list(layout.homes.values()) == [w]


def test_strides_decide_what_is_a_view():
    _, layout = layout_of(lambda x: (ops.reshape(x, (12,)) + 1.0, ops.reshape(ops.transpose(x), (12,)) + 1.0), X)
    kinds = [layout.kinds[r] for i in layout.program.instructions if i.op == "reshape" for r in i.results]
    assert kinds == ["view", "buffer"]


def test_buffers_have_the_order_of_the_eager_run():
    # a sum over a transposed array goes another way through memory, and rounds otherwise
    x = np.random.default_rng(0).standard_normal((200, 300)).astype(np.float32)
    program, eager = captured(lambda x: ops.sum(ops.exp(ops.transpose(x)), axis=0), x)
    plan = NumpyPlan(optimize(program))
    (exp,) = [i for i in plan.program.instructions if i.op == "exp"]
    assert plan.arrays[exp.results[0]].flags.f_contiguous
    assert_same_bits(plan.run([x]), eager)


# All of them


def test_the_passes_are_named_and_can_be_watched():
    seen = []
    program, _ = captured(lambda x: ops.exp(x) + ops.exp(x) + ops.log(ops.ones(4)), X)

    def show(name, program):
        assert str(program)
        seen.append((name, len(program.instructions)))

    lower(optimize(program, show), show)
    assert [name for name, _ in seen] == ["capture", *[p.__name__ for p in (*PASSES, *NATIVE_PASSES)]]
    assert [n for _, n in seen] == [5, 5, 4, 3, 3, 3, 3, 2, 2, 2, 2, 2, 1]


def broken(change):
    """A small program after `change(program)`."""
    program, _ = captured(lambda x: ops.exp(x) + 1.0, X)
    change(program)
    return program


def uses_before(program):
    program.instructions.reverse()


def computes_twice(program):
    program.instructions.append(program.instructions[-1])


def overwrites_an_input(program):
    i = program.instructions[0]
    program.instructions[0] = Instruction(i.primitive, i.operands, i.settings, (program.inputs[0],))


def has_array_settings(program):
    program.instructions[0].settings = {"axis": [1]}


def writes_nothing(program):
    program.writes[Variable(np.ones((3, 4), np.float32))] = program.value(RESULT, (3, 4), "float32")


def writes_another_shape(program):
    program.writes[Variable(np.ones(2, np.float32))] = program.instructions[0].results[0]


def fused(change):
    """A change of the loop that a small program becomes."""

    def make(program):
        whole = fuse(program)
        program.instructions = whole.instructions
        change(program.instructions[0])

    return make


def forgets_its_body(loop):
    loop.body = loop.body[1:]


def turns_its_body(loop):
    loop.body = loop.body[::-1]


def forgets_an_operand(loop):
    loop.operands = loop.operands[1:]


def forgets_what_it_gives(loop):
    loop.body = loop.body[:1]


def gives_nothing(program):
    program.outputs = [program.value(RESULT, (3,), "float32")]


@pytest.mark.parametrize(
    "change, told",
    [
        (uses_before, "before it exists"),
        (computes_twice, "computed twice"),
        (overwrites_an_input, "overwrites"),
        (has_array_settings, "not static"),
        (writes_nothing, "never computed"),
        (writes_another_shape, "is to become"),
        (gives_nothing, "never computed"),
        (fused(forgets_its_body), "none of its operands|before it exists"),
        (fused(turns_its_body), "before it exists"),
        (fused(forgets_an_operand), "none of its operands"),
        (fused(forgets_what_it_gives), "does not compute"),
    ],
)
def test_the_verifier_finds_broken_programs(change, told):
    with pytest.raises(CompilerError, match=told):
        verify(broken(change), "a pass")


def test_the_verifier_lets_sound_programs_through():
    program = broken(lambda p: None)
    assert verify(program, "nothing") is program
    assert verify(Program(), "nothing").instructions == []
