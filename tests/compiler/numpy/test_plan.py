"""The NumPy plan: every primitive equal to its body to the last bit, and no array allocated in a steady step."""

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Sequential, gradients, layers, ops, optimizers, random
from autonet.common import trees
from autonet.compiler.numpy.plan import NumpyPlan
from autonet.compiler.passes.layout import DYNAMIC
from autonet.compiler.passes.pipeline import optimize
from autonet.variable import Variable
from tests.compiler.programs import assert_same_bits, captured, numpy_plan, quiet
from tests.ops.cases import smooth_results
from tests.ops.test_gradients import ROWS
from tests.share import share


def with_gradients(call, zero):
    """The drawn call as a function that also gives its gradients."""

    def f(*xs):
        results = trees.flatten(call.f(*xs))
        if not call.smooth or zero:
            return results

        def smooth(*some):
            whole = list(xs)
            for i, x in zip(call.smooth, some, strict=True):
                whole[i] = x
            return smooth_results(call.f)(*whole)

        values, pullback = gradients.vjp(smooth, *[xs[i] for i in call.smooth])
        return [*results, *pullback(tuple(y * 1.5 for y in values))]

    return f


def check(f, xs, what):
    """Plan and eager run agree on every bit, also after a run on other numbers."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program, eager = captured(f, *xs)
        plan = numpy_plan(program)
        first = plan.run(list(xs))
        try:
            plan.run([np.roll(x, 1) if x.dtype.kind == "f" else x for x in xs])
        except np.linalg.LinAlgError:  # of other numbers
            pass
        again = plan.run(list(xs))
    assert_same_bits(first, eager, what)
    assert_same_bits(again, eager, f"{what}, second run")
    return plan


@pytest.mark.parametrize("case", ROWS.values(), ids=list(ROWS))
@share(2 / 5)
@given(data=st.data())
def test_every_primitive_to_the_last_bit(case, data):
    call = data.draw(case.calls())
    dtype = data.draw(st.sampled_from(["float64", "float32", "float16"] if case.half else ["float64"]))
    xs = [x.astype(dtype) if x.dtype == np.float64 else x for x in call.xs]
    check(with_gradients(call, case.zero), xs, case.name)


def plain(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def labels(*shape, n=10):
    return np.random.default_rng(1).integers(0, n, shape)


def pulled(f, *fixed):
    """f with its gradient along all arguments, after the results."""

    def g(*xs):
        def many(*xs):
            return tuple(trees.flatten(f(*xs, *fixed)))

        values, pullback = gradients.vjp(many, *xs)
        return [*values, *pullback(tuple(ops.cos(y) for y in values))]

    return g


LARGE = {  # beyond the sizes at which bodies cut their work into blocks, or choose another way
    "batch": (lambda x, s, o: ops.batch_normalize(x, s, o), (300, 700), (700,), (700,)),
    "batch, inner axis": (lambda x, s, o: ops.batch_normalize(x, s, o, axis=1), (30, 20, 50), (20,), (20,)),
    "batch of images": (lambda x, s, o: ops.batch_normalize(x, s, o), (64, 28, 28, 32), (32,), (32,)),
    "conv, one channel": (lambda x, k: ops.conv(x, k), (40, 28, 28, 1), (3, 3, 1, 16)),
    "conv, few channels": (lambda x, k: ops.conv(x, k, padding="same"), (40, 28, 28, 3), (3, 3, 3, 16)),
    "conv, many channels": (lambda x, k: ops.conv(x, k), (40, 14, 14, 32), (3, 3, 32, 16)),
    "conv, padded": (lambda x, k: ops.conv(x, k, padding="same"), (40, 14, 14, 32), (3, 3, 32, 16)),
    "conv, large images": (lambda x, k: ops.conv(x, k, strides=2, padding="same"), (2, 160, 160, 24), (5, 5, 24, 8)),
    "conv, channels first": (
        lambda x, k: ops.conv(x, k, data_format="channels_first"),
        (20, 8, 28, 28),
        (3, 3, 8, 12),
    ),
    "conv, groups": (lambda x, k: ops.conv(x, k), (10, 14, 14, 8), (3, 3, 4, 6)),
    "conv transposed": (lambda x, k: ops.conv_transpose(x, k, strides=2), (20, 14, 14, 24), (3, 3, 8, 24)),
    "max pool": (lambda x: ops.max_pool(x, 2), (64, 29, 29, 32)),
    "max pool, overlapping": (lambda x: ops.max_pool(x, 3, 2, padding="same"), (64, 29, 29, 32)),
    "mean pool": (lambda x: ops.average_pool(x, 2), (64, 29, 29, 32)),
    "mean pool, overlapping": (lambda x: ops.average_pool(x, 3, 1, padding="same"), (64, 29, 29, 32)),
    "repeated operands": (lambda x, b, c: x * b + c, (3000, 8), (8,), (3000, 1)),
    "rectifiers": (lambda x: [ops.relu(x), ops.leaky_relu(x), ops.elu(x), ops.silu(x), ops.gelu(x)], (200, 100)),
    "transposed chains": (
        lambda x, w: ops.sum(ops.exp(ops.transpose(x) * 0.1) + w, axis=0) * ops.mean(ops.tanh(ops.transpose(x))),
        (200, 333),
        (333, 200),
    ),
    "transposed softmax": (lambda x: ops.softmax(ops.transpose(x)) + ops.log_softmax(ops.transpose(x), 0), (200, 333)),
    "other axes": (
        lambda x: [ops.logsumexp(ops.transpose(x, (2, 0, 1)), axis=1), ops.layer_normalization(ops.transpose(x))],
        (20, 33, 17),
    ),
    "stacks": (lambda x, w: ops.matmul(ops.relu(x), w), (8, 50, 64), (64, 32)),
    "transposed stacks": (lambda x, w: ops.matmul(ops.transpose(x, (0, 2, 1)), w), (8, 50, 64), (8, 50, 32)),
    "slices": (
        lambda x: [ops.sum(x[::2, 3:] * x[1::2, :-3], 0), ops.mean(x[::-1]), ops.softmax(x[:, ::-1])],
        (200, 99),
    ),
    "classes": (lambda x: ops.sparse_categorical_crossentropy(labels(500), x, from_logits=True), (500, 10)),
    "one-hot classes": (lambda x: ops.categorical_crossentropy(ops.softmax(x), x, from_logits=True), (500, 10)),
    "yes or no": (lambda x: ops.binary_crossentropy(ops.sigmoid(-x), x, from_logits=True), (500, 10)),
    "gather": (lambda x: ops.take(x, labels(40, 30, n=50) - 25, axis=0), (50, 64)),
    "gather along": (lambda x: ops.take(x, labels(40, n=50), axis=1), (8, 50, 3)),
}
BY_BODY = {"conv, groups"}  # whose bodies are kept: they allocate


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", LARGE)
def test_large_arrays_to_the_last_bit(name, dtype):
    f, *shapes = LARGE[name]
    plan = check(pulled(f), [plain(*shape, dtype=dtype, seed=k) for k, shape in enumerate(shapes)], name)
    if dtype == "float16":  # whose bodies are kept
        return
    allocating = [i.op for i in plan.program.instructions for r in i.results if plan.layout.kinds[r] == DYNAMIC]
    assert allocating == []


def test_halves_run_too():
    x = plain(40, 30, dtype="float16")

    def f(x):
        s, o = ops.ones(30, "float16"), ops.zeros(30, "float16")
        y = ops.batch_normalize(x, s, o)[0]
        u = random.dropout(x, 0.5, seed=3) + random.uniform((40, 30), dtype="float16", seed=4)
        return (
            y,
            ops.mean(x),
            ops.sum(x, axis=0),
            ops.softmax(x),
            ops.layer_normalization(x),
            ops.relu(x) @ ops.transpose(y),
            u,
        )

    check(f, [x], "halves")


def test_numbers_that_python_cannot_write():
    def f(x):
        return ops.max(x, axis=0, initial=-np.inf), ops.clip(x, -np.inf, np.inf), ops.where(x > 0, np.nan, x)

    check(f, [plain(3, 4)], "infinities")


def test_single_elements_are_views():
    x = plain(4, 5)
    plan = check(lambda x: [x[1][2] * 2, x[0, 0] + x[-1, -1], ops.sum(x)[None]], [x], "elements")
    assert all(
        plan.layout.kinds[r] == "view" for i in plan.program.instructions if i.op == "_getitem" for r in i.results
    )


# Allocations

WIDE = 256  # so that any float array of rows takes at least 256 KB


def mlp(optimizer):
    model = Sequential(
        [
            layers.Input((WIDE,)),
            layers.Dense(WIDE),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(WIDE, activation="sigmoid"),
            layers.Dense(WIDE, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, plain(WIDE, WIDE), labels(WIDE, n=WIDE)


def convnet(optimizer):
    model = Sequential(
        [
            layers.Input((16, 16, 4)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="softmax"),
        ]
    )
    model.compile(optimizer, "categorical_crossentropy")
    return model, plain(128, 16, 16, 4), np.eye(128, dtype=np.float32)


STEPS = {
    "MLP, SGD": lambda: mlp(optimizers.SGD(0.1, momentum=0.9)),
    "MLP, Adam": lambda: mlp(optimizers.Adam(clipnorm=1.0)),
    "convnet, Adam": lambda: convnet(optimizers.Adam()),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_steady_step_allocates_no_array(name, numpy_only):
    model, x, y = STEPS[name]()
    for _ in range(3):
        model.train_on_batch(x, y)
    entry = model._functions["train"].compiled.last
    plan = entry.plan
    assert plan.kind == "numpy"
    dynamic = [i.op for i in plan.program.instructions if any(plan.layout.kinds[r] == DYNAMIC for r in i.results)]
    assert dynamic == []
    arrays = [np.ascontiguousarray(a) for a in (x, y)]
    tracemalloc.start()
    try:
        plan.run(arrays)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            plan.run(arrays)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # ufuncs that cast between dtypes cut their work into blocks of 8192 elements, for which NumPy has buffers
    assert peak - before < 140_000 < x.nbytes and now - before < 2000


@pytest.mark.parametrize("order", [None, np.array([4, 1, 1, 0, 3, 2])])
def test_steps_over_rows_are_steps_one_by_one(order):
    w = Variable(np.zeros(3, np.float32))
    x = plain(6, 3)
    program, _ = captured(lambda x: (w.assign_add(ops.sum(x * (w + 1.0), axis=0)), None)[1], x[:2])
    plan = numpy_plan(program)
    assert plan.repeats
    found = []
    for way in ("rows", "single"):
        w.assign(np.zeros(3, np.float32))
        if way == "rows":
            plan.run_rows([x], order, 2, 2)
        for k in (2, 4) if way == "single" else ():
            plan.run([x[k : k + 2] if order is None else x[order[k : k + 2]]])
        found.append([w.numpy(), w.value.numpy()])
    assert_same_bits(*found)


def test_variables_are_computed_in_place(numpy_only):
    model, x, y = mlp(optimizers.Adam())
    for _ in range(3):
        model.train_on_batch(x, y)
    plan = model._functions["train"].compiled.last.plan
    homes = set(plan.layout.homes.values())
    assert all(w in homes for w in model.trainable_variables)
    assert plan.arena_bytes < 12 * x.nbytes


def test_the_plan_reuses_memory():
    def f(x):
        for _ in range(20):
            x = ops.tanh(x @ ops.transpose(x)) * 0.1
        return x

    x = plain(64, 64)
    program, eager = captured(f, x)
    plan = NumpyPlan(optimize(program))
    assert plan.arena_bytes <= 4 * x.nbytes
    assert_same_bits(plan.run([x]), eager)
