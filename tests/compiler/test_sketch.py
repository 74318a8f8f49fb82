"""A sketch records what a capture records that computes, and is made only where nobody can tell the difference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet
from autonet import Sequential, layers, losses, ops
from autonet.compiler import sketch as module
from autonet.compiler.capture import Recorder, capture
from autonet.compiler.jit import Compiled
from autonet.compiler.sketch import FORETOLD, NumbersNeeded, Sketch
from autonet.core import PRIMITIVES, no_grad
from autonet.core.tensor import wrap
from autonet.errors import DataError
from autonet.ops import abstract
from tests.compiler.models import MODELS, assert_equal, captured_and_eager, trained
from tests.compiler.programs import quiet
from tests.compiler.test_models import OPTIMIZERS
from tests.ops.test_gradients import every_row
from tests.share import share

L = layers


@pytest.fixture
def everything(monkeypatch):
    """All that can be foretold is, however small."""
    monkeypatch.setattr(module, "LEAST", 0)


@pytest.fixture
def records(monkeypatch):
    """The kinds of records that functions were made from."""
    kinds, record = [], Compiled._record
    monkeypatch.setattr(
        Compiled, "_record", lambda self, recorder, *a: kinds.append(type(recorder)) or record(self, recorder, *a)
    )
    return kinds


def recorded(recorder, f, xs):
    """What a record says: operations with their settings, and the form of every value."""
    inputs = [wrap(recorder.input(np.asarray(x))) for x in xs]
    with no_grad(), quiet():
        capture(recorder, lambda: f(*inputs))
    number = {}
    form = lambda v: (number.setdefault(v, len(number)), v.kind, v.shape, v.dtype, v.order)
    return [
        (i.op, repr(i.settings), [form(v) for v in i.operands], [form(v) for v in i.results])
        for i in recorder.program.instructions
    ]


def test_what_is_foretold_are_primitives_that_take_any_numbers():
    assert set(FORETOLD) <= set(PRIMITIVES)
    refusing = {"_take", "_take_along", "_gather", "_one_hot", "_scatter", "cholesky", "inv", "solve", "pick_class"}
    assert not refusing & set(FORETOLD)


@pytest.mark.parametrize("transposed", [False, True])
@every_row
@share(1 / 4)
@given(data=st.data())
def test_every_primitive_is_recorded_alike(case, transposed, data):
    call = data.draw(case.calls())
    xs = [np.asarray(x, order="C") for x in call.xs]
    f = call.f
    if transposed:  # operands in another order of memory
        f = lambda *xs: call.f(*[ops.transpose(ops.transpose(x) * 1) if x.ndim == 2 else x for x in xs])
    before, module.LEAST = module.LEAST, 0
    try:
        found = recorded(Sketch(), f, xs)
    except (NumbersNeeded, Exception):  # which is not trusted
        return
    finally:
        module.LEAST = before
    try:
        expected = recorded(Recorder(strict=True), f, xs)
    except Exception:  # of numbers that a body refuses
        return
    assert found == expected


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model(name, numpy_only, everything):
    build, xy, loss = MODELS[name]
    assert_equal(*captured_and_eager(build, xy, loss, epochs=2), xy)


@pytest.mark.parametrize("name", ["dynamic scale", "averages", "accumulation", "adafactor", "amsgrad, global norm"])
def test_optimizers(name, numpy_only, everything):
    build, xy, loss = MODELS["normalized"]
    fast = trained(build, xy, loss, 2, optimizer=OPTIMIZERS[name]())
    assert_equal(fast, trained(build, xy, loss, 2, optimizer=OPTIMIZERS[name](), run_eagerly=True), xy)


def images():
    x = np.random.default_rng(0).random((8, 16, 16, 3), dtype=np.float32)
    return x, np.arange(8) % 3


def convolutional(*more):
    model = Sequential(
        [
            L.Conv2D(8, 3, padding="same"),
            L.BatchNormalization(),
            L.ReLU(),
            L.MaxPooling2D(),
            *more,
            L.Flatten(),
            L.Dense(3),
        ]
    )
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def test_fit_and_evaluate_compute_no_convolution_to_be_recorded(numpy_only, records, monkeypatch):
    x, y = images()
    model = convolutional()
    model.build(x.shape)
    for op in ("convolve", "convolve_kernel", "batch_normalize", "batch_normalize_vjp"):
        monkeypatch.setattr(PRIMITIVES[op], "body", None)
        monkeypatch.setattr(module, "LEAST", 100)
    model.fit(x, y, verbose=0)  # by the plan, which has kernels of its own
    assert records == [Sketch]


def test_a_sketch_leaves_nothing_behind(numpy_only, records):
    x, y = images()
    model = convolutional()
    model.fit(x, y, epochs=3, shuffle=False, verbose=0)
    autonet.utils.set_random_seed(1)
    model.evaluate(x, y, verbose=0)
    assert records == [Sketch, Sketch]
    assert all(np.isfinite(w.numpy()).all() for w in model.weights)
    assert all(type(w._array.base) is not type(Sketch().zeros) for w in [*model.weights, *model.optimizer.variables])


def test_code_of_others_runs_as_often_as_without_a_sketch(numpy_only, records, monkeypatch):
    x, y = images()
    seen = []

    class Own(L.Layer):
        def call(self, x):
            seen.append("layer")
            return x

    def loss(y, p):
        seen.append("loss")
        return losses.sparse_categorical_crossentropy(y, p, from_logits=True)

    def act(x):
        seen.append("activation")
        return x

    def run(*more, **options):
        seen.clear()
        model = convolutional(*more)
        model.build(x.shape)
        seen.clear()
        if options:
            model.compile("sgd", **options)
        model.fit(x, y, verbose=0)
        return list(seen)

    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)

    def all_runs():
        return (
            run(Own()),
            run(L.Dense(4, activation=act)),
            run(loss=loss),
            run(L.TimeDistributed(Own())),
            run(metrics=[lambda y, p: seen.append("metric") or ops.mean(p)], loss=sparse),
        )

    found = all_runs()
    assert found[0] == ["layer"] and Recorder in records and all(found)
    monkeypatch.setattr(Compiled, "_sketch", lambda *_: None)
    assert found == all_runs()


def test_what_needs_numbers_is_recorded_by_computing(numpy_only, records, monkeypatch):
    x, y = images()
    real = L.ReLU.call
    monkeypatch.setattr(L.ReLU, "call", lambda self, t: real(self, t) if float(ops.sum(t)) > -1e9 else t)
    model = convolutional()
    with pytest.warns(UserWarning, match="cannot be captured"):
        model.fit(x, y, verbose=0)
    assert records == [Sketch, Recorder]


def test_errors_are_those_of_a_run(numpy_only):
    x, y = images()
    model = convolutional()
    model.build(x.shape)
    before = model.get_weights()
    with pytest.raises(DataError, match="between 0 and 2"):
        model.fit(x, y + 1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_results_take_no_memory():
    made = Sketch().array((1 << 14, 1 << 14), np.float32)
    assert made[::5000, ::5000].sum() == 0 and not made.flags.writeable
    assert abstract.blank((2,), "float32").shape == (2,)
