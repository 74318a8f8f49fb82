"""Updates of rows: the same numbers as updates of whole tables, wherever a rule leaves the other rows alone."""

import numpy as np
import pytest

from autonet import Sequential, layers, ops, optimizers, value_and_grad
from autonet.compiler import jit
from autonet.compiler.passes.rows import RowUpdate
from autonet.compiler.program import VARIABLE
from autonet.variable import Variable
from tests.compiler.programs import assert_same_bits, both

ROWS = 300


def table(rng, width=(5,), dtype="float32", rows=ROWS):
    values = rng.standard_normal((rows, *width)).astype(dtype)
    values[::7] *= -0.0  # zeros of both signs stay what they are
    return Variable(values, name="table")


def mean_square(x, kernel):
    return ops.mean(ops.square(x @ kernel))


LOOKUPS = {  # a loss of a table, a kernel, and whole numbers (4, 6) from 0 to 40
    "take": lambda w, k, at: mean_square(ops.take(w, at, axis=0), k),
    "index": lambda w, k, at: mean_square(w[at], k),
    "index and slice": lambda w, k, at: mean_square(w[at, :], k),
    "pooled": lambda w, k, at: mean_square(ops.mean(ops.take(w, at, axis=0), axis=1), k),
    "summed": lambda w, k, at: ops.sum(ops.take(w, at, axis=0)),
    "from the end": lambda w, k, at: mean_square(ops.take(w, -1 - at, axis=0), k),
    "flat": lambda w, k, at: mean_square(ops.take(w, ops.reshape(at, (-1,)), axis=0), k),
    "two lookups": lambda w, k, at: mean_square(ops.take(w, at, axis=0) * ops.take(w, at + 30, axis=0), k),
    "two kinds": lambda w, k, at: mean_square(ops.take(w, at, axis=0) + w[at[:, :3]][:, :1], k),
    "columns apart": lambda w, k, at: mean_square(ops.transpose(ops.take(w, at, axis=0), (1, 0, 2)), k),
}
TIED = {
    "tied": lambda w, k, at: ops.mean(ops.square(ops.take(w, at, axis=0) @ ops.transpose(w))),
    "penalty": lambda w, k, at: LOOKUPS["take"](w, k, at) + 0.1 * ops.sum(ops.square(w)),
}
RULES = {
    "plain": lambda: optimizers.SGD(0.1),
    "schedule": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "clipped values": lambda: optimizers.SGD(0.1, clipvalue=0.01),
    "scaled loss": lambda: optimizers.SGD(0.1, loss_scale_factor=4.0),
    "lazy": lambda: optimizers.LazyAdam(0.1),
    "lazy amsgrad": lambda: optimizers.LazyAdam(0.1, amsgrad=True, clipvalue=0.01),
}
DENSE = {
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: optimizers.Adam(0.1),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "decay": lambda: optimizers.SGD(0.1, weight_decay=0.1),
    "lazy decay": lambda: optimizers.LazyAdam(0.1, weight_decay=0.1),
    "averages": lambda: optimizers.SGD(0.1, use_ema=True),
    "norm": lambda: optimizers.SGD(0.1, clipnorm=0.01),
    "norm of all": lambda: optimizers.SGD(0.1, global_clipnorm=0.01),
    "accumulation": lambda: optimizers.SGD(0.1, gradient_accumulation_steps=2),
}
ODD = {  # at which a gradient of zero moves the weights: to zero of the other sign, or to NaN
    "uphill": lambda: optimizers.SGD(-0.1),
    "infinite": lambda: optimizers.SGD(np.inf),
    "none": lambda: optimizers.SGD(np.nan),
    "zero": lambda: optimizers.SGD(0.0),
}


def steps(loss, rule, compiled, dtype="float32", whole="int32", count=4, rows=ROWS, width=5):
    """What a few steps give, and the plan."""
    rng = np.random.default_rng(0)
    w, k = table(rng, (width,), dtype, rows), Variable(rng.standard_normal((width, 2)).astype(dtype), name="kernel")
    w.is_table = True
    optimizer = rule()
    optimizer.build([w, k])

    def step(at):
        value, grads = value_and_grad(lambda a, b: loss(a, b, at), argnums=(0, 1))(w, k)
        pairs = [(g, v) for g, v in zip(grads, (w, k), strict=True) if g is not None]
        optimizer.apply([g for g, _ in pairs], [v for _, v in pairs])
        return ops.stop_gradient(value)

    run = step if compiled is None else jit(step, native=compiled)
    losses = [run(rng.integers(0, 40, (4, 6)).astype(whole)).numpy() for _ in range(count)]
    return [*losses, w.numpy(), k.numpy(), *[v.numpy() for v in optimizer.variables]], run


def updates(run):
    return [i for i in run.last.plan.program.instructions if isinstance(i, RowUpdate)]


def compare(loss, rule, native, **options):
    with np.errstate(all="ignore"):
        want, _ = steps(loss, rule, None, **options)
        found, run = steps(loss, rule, native, **options)
    if native:
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
            if a.shape[:1] == (ROWS,):
                np.testing.assert_array_equal(np.signbit(a[100:]), np.signbit(b[100:]))
    else:
        assert_same_bits(found, want)
    return run


@both
@pytest.mark.parametrize("lookup", LOOKUPS)
@pytest.mark.filterwarnings("ignore:There are no gradients")
def test_every_lookup(lookup, native):
    for rule in ("plain",) if native else ("plain", "lazy"):
        assert len(updates(compare(LOOKUPS[lookup], RULES[rule], native))) == 1


@both
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_that_leaves_other_rows_alone(rule, native):
    run = compare(LOOKUPS["take"], RULES[rule], native, count=6)
    (update,) = updates(run)
    whole = [v for i in run.last.plan.program.instructions if i is not update for v in (*i.operands, *i.results)]
    assert all(v.kind == VARIABLE or v.size < ROWS for v in whole)  # nothing else is as large as the table
    assert set(update.results) <= set(run.last.plan.layout.homes)


@pytest.mark.parametrize("rule", DENSE)
def test_a_rule_that_moves_all_rows_moves_them(rule):
    assert not updates(compare(LOOKUPS["take"], DENSE[rule], False))


@pytest.mark.parametrize("loss", TIED)
@pytest.mark.parametrize("rule", ["plain", "lazy"])
def test_a_gradient_of_the_whole_table_moves_all_rows(loss, rule):
    assert not updates(compare(TIED[loss], RULES[rule], False))


@both
@pytest.mark.parametrize("rule", ODD)
def test_a_rate_at_which_zero_moves_the_weights(rule, native):
    assert updates(compare(LOOKUPS["take" if native else "two kinds"], ODD[rule], native))


@both
@pytest.mark.parametrize("whole", ["int8", "uint8", "uint64"])
def test_every_kind_of_whole_numbers(whole, native):
    assert updates(compare(LOOKUPS["take"], RULES["plain"], native, whole=whole))


@both
def test_double_precision(native):
    assert updates(compare(LOOKUPS["two lookups"], RULES["lazy"], native, dtype="float64"))


@both
@pytest.mark.parametrize("width", [1, 33])
def test_every_width(width, native):
    assert updates(compare(LOOKUPS["take"], RULES["lazy"], native, width=width))


@both
def test_a_small_table_is_updated_as_a_whole(native):
    assert not updates(compare(LOOKUPS["take"], RULES["plain"], native, rows=41))


@both
def test_a_vector_and_a_table_of_matrices(native):
    for width in ((), (2, 3)):
        found = []
        for compiled in (None, native):
            rng = np.random.default_rng(0)
            w = table(rng, width)

            def step(at, w=w):
                g = value_and_grad(lambda w: ops.sum(ops.sin(ops.take(w, at, axis=0))))(w)[1]
                w.assign_sub(0.1 * g)
                return ops.stop_gradient(ops.sum(ops.take(w, at, axis=0)))

            run = step if compiled is None else jit(step, native=compiled)
            at = rng.integers(0, 40, 30)
            found.append([*[run(at).numpy() for _ in range(3)], w.numpy()])
        assert len(updates(run)) == 1
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@both
def test_the_table_before_and_after_the_step(native):
    """Reads of both are right; the one from before costs a copy."""

    def run(compiled):
        rng = np.random.default_rng(0)
        w = table(rng)

        def step(at):
            before = w.value
            w.assign_sub(0.5 * value_and_grad(lambda w: ops.sum(ops.square(ops.take(w, at, axis=0))))(w)[1])
            return tuple(ops.stop_gradient(x) for x in (before, ops.sum(w), ops.take(w, at, axis=0)))

        f = step if compiled is None else jit(step, native=compiled)
        return [a.numpy() for _ in range(3) for a in f(rng.integers(0, 40, 30))] + [w.numpy()], f

    (found, f), (want, _) = run(native), run(None)
    assert updates(f)
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@both
def test_a_place_outside_the_table_is_refused(native):
    w = Variable(np.zeros((ROWS, 2), np.float32))

    def step(at, x):
        w.assign_sub(0.1 * ops.scatter(at[:, None], x, (ROWS, 2)))

    f, x = jit(step, native=native), np.ones((3, 2), np.float32)
    for _ in range(3):
        f(np.array([1, 2, ROWS - 1]), x)
    assert updates(f)
    with pytest.raises((IndexError, ValueError), match="out of bounds|bounds"):
        f(np.array([1, 2, ROWS]), x)
    assert np.all(w.numpy()[3:-1] == 0)


@both
def test_an_embedding_in_fit(native, monkeypatch):
    if not native:
        monkeypatch.setenv("AUTONET_NATIVE", "0")
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2000, (64, 7)), rng.standard_normal((64, 1))
    found = []
    for eager in (False, True):
        model = Sequential([layers.Input((7,), dtype="int32"), layers.Embedding(2000, 4, mask_zero=True)])
        model.add(layers.GlobalAveragePooling1D()), model.add(layers.Dense(1))
        model.set_weights([np.random.default_rng(k).standard_normal(v.shape) for k, v in enumerate(model.weights)])
        model.compile(optimizers.LazyAdam(0.01), "mse", run_eagerly=eager)
        model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
        found.append([v.numpy() for v in (*model.weights, *model.optimizer.variables)])
        if not eager:
            assert [i for i in model.explain_step().plan.program.instructions if isinstance(i, RowUpdate)]
    for a, b in zip(*found, strict=True):
        if native:
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
        else:
            assert_same_bits([a], [b])
