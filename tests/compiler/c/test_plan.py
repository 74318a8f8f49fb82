"""The native plan: every primitive and large arrays as generated C or beside it, close to eager; runs over rows."""

import os
import random as python_random
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Sequential, gradients, layers, ops, random
from autonet.common import trees
from autonet.compiler import jit
from autonet.compiler.c.expressions import C_TYPES, literal
from autonet.compiler.c.plan import NativePlan
from autonet.compiler.c.runtime import library, toolchain
from autonet.compiler.passes.fuse import Loop
from autonet.core import no_grad
from autonet.errors import DataError
from autonet.random import SeedGenerator
from autonet.variable import Variable
from tests.compiler.numpy.test_plan import LARGE, plain, pulled, with_gradients
from tests.compiler.programs import assert_same_bits, captured, native_plan, needs_compiler, quiet, same_bits
from tests.ops.test_gradients import ROWS
from tests.share import share

pytestmark = needs_compiler


def apart(a, b, scale=2000.0):
    """By how much two results differ, in units of what rounding may do; None if by no more than that."""
    a, b = np.asarray(a), np.asarray(b)
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"{a.dtype}{a.shape} is not {b.dtype}{b.shape}"
    if a.dtype.kind != "f":
        return None if np.array_equal(a, b) else f"{a} is not {b}"
    limit = scale * np.finfo(a.dtype).eps * (1 + np.abs(b, where=np.isfinite(b), out=np.zeros(b.shape)))
    with np.errstate(invalid="ignore"):
        fine = (np.isnan(a) & np.isnan(b)) | (a == b) | (np.abs(a - b) <= limit)
    return None if fine.all() else f"{a[~fine][:3]} is not {b[~fine][:3]}"


# Every primitive: rows of the table, twenty programs to one translation unit


def _groups(size=20):
    names = list(ROWS)
    python_random.Random(1).shuffle(names)
    return [names[k : k + size] for k in range(0, len(names), size)]


@pytest.mark.parametrize("names", _groups(), ids=lambda names: f"{names[0]}+{len(names) - 1}")
@share(1 / 5)
@given(data=st.data())
def test_every_primitive_agrees(names, data):
    parts = []
    for name in names:
        case = ROWS[name]
        call = data.draw(case.calls())
        half = case.half and data.draw(st.booleans())
        xs = [x.astype(np.float32) if half and x.dtype == np.float64 else x for x in call.xs]
        parts.append((name, with_gradients(call, case.zero), xs))

    def f(*given):
        results, k = [], 0
        for name, part, xs in parts:
            made = trees.flatten(part(*given[k : k + len(xs)]))
            results += made
            told.extend([name] * len(made))
            k += len(xs)
        return results

    told: list[str] = []
    flat = [x for _, _, xs in parts for x in xs]
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program, eager = captured(f, *flat)
        plan = native_plan(program)
        first, again = plan.run(flat), plan.run(flat)
    for name, ours, theirs in zip(told, first, eager, strict=True):
        assert apart(ours, theirs) is None, f"{name}: {apart(ours, theirs)}"
    assert_same_bits(again, first, "second run")


@pytest.mark.parametrize("name", LARGE)
def test_large_arrays_agree(name):
    f, *shapes = LARGE[name]
    xs = [plain(*shape, seed=k) for k, shape in enumerate(shapes)]
    program, eager = captured(pulled(f), *xs)
    plan = native_plan(program)
    first = plan.run(xs)
    plan.run([np.roll(x, 5) for x in xs])
    assert_same_bits(plan.run(xs), first, "again")
    for ours, theirs in zip(first, eager, strict=True):
        spread = float(np.max(np.abs(theirs)))
        assert apart(ours / spread, theirs / spread, 5000) is None, apart(ours, theirs)


def test_small_integers_booleans_and_halves():
    def f(i, b, h, u):
        total = ops.sum(i) + ops.cast(ops.sum(b), "int8")
        return (
            i * i - 7,
            -i,
            total,
            ops.logical_xor(b, i > 3),
            h * 2 + 1,
            ops.sum(h),
            u - 1,
            ops.max(i, axis=0),
            ops.where(b, i, u),
        )

    xs = [
        np.arange(-6, 6, dtype=np.int8).reshape(3, 4),
        np.arange(12).reshape(3, 4) % 3 == 0,
        plain(3, 4).astype(np.float16),
        np.arange(12, dtype=np.uint8).reshape(3, 4),
    ]
    program, eager = captured(f, *xs)
    assert_same_bits(native_plan(program).run(xs), eager)


NUMBERS = [
    0.5,
    -0.5,
    -1.0,
    127.5,
    -128.9,
    255.9,
    300.0,
    65536.0,
    2.0**31,
    -(2.0**31) - 1000,
    2.0**32 + 512,
    -3e9,
    2.0**52,
]


@pytest.mark.parametrize("source", ["float32", "float64", "int32", "int64", "uint8", "int8", "uint32", "bool"])
def test_casts_of_what_does_not_fit(source):
    whole = np.array(NUMBERS).astype(np.int64)
    x = np.tile(np.array(NUMBERS) if source[0] == "f" else whole, 40).astype(source)
    with quiet():
        program, expected = captured(lambda x: [ops.cast(x, name) for name in map(str, C_TYPES)], x)
        results = native_plan(program).run([x])
    for name, found, wanted in zip(C_TYPES, results, expected, strict=True):
        np.testing.assert_array_equal(found, wanted, f"{source} to {name}")


def test_nan_and_infinities_go_the_same_ways():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-45], np.float32)
    y = x[::-1].copy()

    def f(x, y):
        small = [
            ops.relu,
            ops.absolute,
            ops.sign,
            ops.sqrt,
            ops.exp,
            ops.log,
            ops.tanh,
            ops.sigmoid,
            ops.softplus,
            ops.square,
        ]
        some = [g(x) for g in small] + [
            ops.leaky_relu(x),
            ops.elu(x),
            ops.floor(x),
            ops.isnan(x),
            ops.isinf(x),
            ops.isfinite(x),
        ]
        pairs = [ops.maximum, ops.minimum, ops.add, ops.divide, ops.equal, ops.less, ops.logical_and]
        return [*some, *[g(x, y) for g in pairs], ops.clip(x, -1.0, 1.0), ops.max(x), ops.min(x), ops.sum(x[3:7])]

    with quiet():
        program, eager = captured(f, x, y)
        plan = native_plan(program)
        for k, (ours, theirs) in enumerate(zip(plan.run([x, y]), eager, strict=True)):
            assert apart(ours, theirs) is None, (k, ours, theirs)


def test_shapes_without_elements_or_axes():
    def f(x, y, z):
        return [
            x + y,
            ops.sum(x + y, axis=0),
            ops.exp(z) * 2,
            ops.sum(z),
            ops.matmul(ops.transpose(x), x + y),
            ops.mean(z * z),
        ]

    xs = [np.zeros((3, 0), np.float32), np.zeros((3, 1), np.float32), np.float32(2.0)]
    program, eager = captured(f, *xs)
    plan = native_plan(program)
    for ours, theirs in zip(plan.run(xs), eager, strict=True):
        assert apart(ours, theirs) is None


def test_products_in_double_precision():
    xs = [plain(70, 90, dtype="float64"), plain(90, 40, dtype="float64"), plain(6, 20, 90, dtype="float64")]
    program, eager = captured(lambda a, b, c: (a @ b, c @ b, ops.transpose(b) @ ops.transpose(a)), *xs)
    plan = native_plan(program)
    for ours, theirs in zip(plan.run(xs), eager, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", sorted(C_TYPES))
def test_numbers_as_c_source(dtype):
    kind = np.dtype(dtype).kind
    info = np.iinfo(dtype) if kind in "iu" else None
    values = (
        [0, 1] if kind == "b" else [info.min, info.max, 0, 7] if info else [0.1, -0.0, 1e-45, np.inf, -np.inf, np.nan]
    )
    ctype = C_TYPES[dtype]
    wanted = np.array(values, dtype)
    body = " ".join(f"to[{k}] = {literal(v, ctype)};" for k, v in enumerate(wanted))
    found = np.empty(len(values), dtype)
    unit = library.load(f"AN_EXPORT void numbers({ctype} *to) {{ {body} }}\n")
    unit.entry("numbers", found.ctypes.data)()
    assert same_bits(found, wanted)


# Loops that reduce a value and write a result where it stood


SHAPES_REDUCED = [((40, 14), None), ((40, 14), 0), ((40, 14), 1), ((3, 5000), 1), ((70000,), None), ((300, 300), 1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape,axis", SHAPES_REDUCED)
def test_what_is_reduced_is_read_before_a_result_takes_its_place(shape, axis, dtype):
    reductions = [ops.sum, ops.mean, ops.max, ops.min]
    ways = [*[[r] for r in reductions], reductions, [ops.sum, lambda x, axis: ops.max(ops.negative(x), axis=axis)]]

    order = np.arange(shape[0])[::-1].copy()

    def f(x):
        found = []
        for k, way in enumerate(ways):
            gathered = ops.take(x + k, order, axis=0)  # which the loop need not keep
            found += [*[reduce(gathered, axis=axis) for reduce in way], gathered * 0.5]
        return found

    rng = np.random.default_rng(3)
    x = (rng.integers(-800, 800, shape) / 8).astype(dtype)
    program, expected = captured(f, x)
    plan = native_plan(program)
    loops = [i for i in plan.program.instructions if isinstance(i, Loop) and len(i.results) > 1]
    pairs = [(plan.arrays[a], plan.arrays[b]) for i in loops for a in i.operands for b in i.results]
    assert sum(np.may_share_memory(*pair) for pair in pairs) >= len(ways)  # or nothing is tried
    for found, wanted in zip(plan.run([x]), expected, strict=True):
        assert (difference := apart(found, wanted)) is None, difference


# What stands in the plan


def test_chains_become_loops_and_nothing_steps_out_to_python():
    w = Variable(plain(64, 32))

    def f(x):
        y = ops.softmax(ops.relu(x @ w) * 2 + 1)
        w.assign_sub(ops.transpose(x) @ y * 0.01)

    program, _ = captured(f, plain(16, 64))
    plan = native_plan(program)
    assert plan.whole and len(plan.parts) == 1 and "an_rows" in plan.source_c
    assert sum(isinstance(i, Loop) for i in plan.program.instructions) == 2


def test_the_source_is_made_of_the_program_alone():
    def made(scale, name):
        w = Variable(plain(5, 7) * scale, name=name)
        program, _ = captured(lambda x: (w.assign_add(x * 0.5), ops.exp(x))[1], plain(5, 7) * scale)
        return native_plan(program).source_c

    source = made(1.0, "secret")
    assert source == made(3.0, 'x"); system("echo') and "secret" not in source and "system" not in source


def test_a_compiler_that_refuses_is_told_of_and_done_without(monkeypatch):
    def refuse(*args, **kwargs):
        raise toolchain.CompilationError("no such flag")

    monkeypatch.setattr(library, "load", refuse)
    f = jit(lambda x: x * 2)
    f(plain(3))
    with pytest.warns(UserWarning, match="no such flag"):
        assert f(plain(3)).shape == (3,)
    assert f.last.plan.kind == "numpy"


# Several steps in one call


def stepper(f, *arrays, whole=True):
    """A plan for a step without results."""
    program, _ = captured(f, *arrays)
    plan = native_plan(program)
    assert plan.repeats and plan.whole == whole
    return plan


@pytest.mark.parametrize("python", [False, True], ids=["all in C", "with Python in it"])
@pytest.mark.parametrize("order", [None, [5, 2, 2, 9, 0, 11, 3, 7]])
def test_rows_in_one_call_are_steps_one_by_one(order, python):
    x, y = plain(12, 4), np.arange(12) % 3
    state = [
        Variable(np.zeros(4, np.float32)),
        Variable(np.zeros((), np.int64)),
        Variable(np.zeros((2, 4), np.float32)),
    ]
    draws = SeedGenerator(5)

    def f(x, y):
        total, count, last = state
        total.assign_add(ops.sum(x * ops.cast(y[:, None], "float32"), axis=0) + random.uniform((4,), seed=draws))
        count.assign_add(ops.cast(1, "int64"))
        last.assign(ops.sort(x, axis=0) if python else x)  # an input itself becomes a Variable's value

    rows = None if order is None else np.array(order, np.int64)
    with no_grad():
        plan = stepper(f, x[:2], y[:2], whole=not python)
    results = []
    for way in ("single", "rows", "eager"):
        for v in state:
            v.assign(ops.zeros(v.shape, v.dtype))
        draws.state.assign(np.array([5, 0], np.uint32))
        at = [rows[k : k + 2] if rows is not None else slice(k, k + 2) for k in (2, 4, 6)]
        if way == "rows":
            plan.run_rows([x, y], rows, 2, 3)
        for k in at if way != "rows" else []:
            if way == "single":
                plan.run([x[k], y[k]])
            else:
                with no_grad():
                    f(ops.array(x[k]), ops.array(y[k]))
        results.append([v.numpy() for v in (*state, draws.state)])
    assert_same_bits(results[0], results[1])
    for ours, theirs in zip(results[0], results[2], strict=True):
        assert apart(ours, theirs) is None


def test_a_refusal_in_the_middle_of_rows_says_why():
    w = Variable(np.zeros(3, np.float32))

    def f(labels, x):
        w.assign_add(
            ops.sum(ops.one_hot(labels, 3), axis=0) * ops.mean(ops.sparse_categorical_crossentropy(labels, x, True))
        )

    labels, x = np.array([0, 1, 2, 1, 7, 0]), plain(6, 3)
    with no_grad():
        plan = stepper(f, labels[:2], x[:2])
    with pytest.raises(DataError, match="between 0 and 2"):
        plan.run_rows([labels, x], None, 0, 3)
    plan.run_rows([labels, x], None, 0, 2)  # and it goes on
    assert np.all(np.isfinite(w.numpy()))


def test_what_python_must_do_is_not_run_by_rows():
    w, u = Variable(plain(3)), Variable(plain(3))

    def swaps(x):
        old = w.value
        w.assign(u)
        u.assign(old)

    for f in (lambda x: x * 2, lambda x: w.assign(ops.sort(x))[:0], swaps):
        program, _ = captured(f, plain(3))
        plan = native_plan(program)
        assert not plan.whole and "an_rows" not in plan.source_c


# Threads and processors

THREADS = """
    import numpy as np, autonet
    from autonet import ops
    rng = np.random.default_rng(0)
    x = rng.standard_normal((700, 900)).astype("float32")
    w = rng.standard_normal((900, 300)).astype("float32")
    k = rng.standard_normal((3, 3, 9, 8)).astype("float32")
    def f(x, w, k):
        y = ops.tanh(x @ w)
        image = ops.reshape(x[:, :900], (700, 10, 10, 9))
        z = ops.conv(image, k)
        return y, ops.sum(y, axis=0), ops.sum(y), ops.mean(y, axis=1), z, ops.batch_normalize(y, y[0], y[1])[0], ops.max_pool(z, 2)
    g = autonet.jit(autonet.grad(lambda *a: sum([ops.sum(t) for t in f(*a)]), (0, 1, 2)))
    h = autonet.jit(f)
    import hashlib
    for _ in range(2):
        out = [t.numpy().tobytes() for t in (*g(x, w, k), *h(x, w, k))]
    assert h.last.plan.kind == "native"
    print(hashlib.sha256(b"".join(out)).hexdigest())
"""


def test_results_do_not_depend_on_the_number_of_threads():
    found = set()
    for n in ("1", "2", "5"):
        environment = {**os.environ, "PYTHONPATH": os.getcwd(), "AUTONET_NUM_THREADS": n}
        code = textwrap.dedent(THREADS)
        found.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_a_models_step_is_one_call():
    model = Sequential([layers.Input((20,)), layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(3)])
    model.compile("adam", "mse")
    x, y = plain(64, 20), plain(64, 3)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    plan = model._functions["train"].compiled.last.plan
    assert isinstance(plan, NativePlan) and plan.whole
    text = str(model.explain_step())
    assert "run by NumPy inside a native plan  0" in text


def test_gradients_of_second_order():
    f = jit(gradients.grad(lambda x: ops.sum(gradients.grad(lambda y: ops.sum(ops.tanh(y) ** 3))(x) ** 2)))
    x = plain(40)
    expected = f(x).numpy()
    for _ in range(2):
        np.testing.assert_allclose(f(x).numpy(), expected, rtol=1e-4, atol=1e-5)
