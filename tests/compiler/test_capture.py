"""What a capture refuses, and what it leaves behind."""

import weakref

import numpy as np
import pytest

from autonet import ops
from autonet.compiler import CaptureError, jit
from autonet.core import Tensor
from autonet.core.state import state
from autonet.errors import DataError, ShapeError
from autonet.variable import Variable
from tests.compiler.programs import X, both, numpy_jit, same_bits

# What cannot be captured

BRANCHES = {
    "if": lambda x: x * 2 if ops.sum(x) > 0 else x,
    "float": lambda x: x * float(ops.sum(x)),
    "item": lambda x: x * ops.sum(x).item(),
    "numpy": lambda x: x * x.numpy().sum(),
    "asarray": lambda x: x * np.asarray(x).sum(),
    "index": lambda x: [1.0, 2.0][ops.cast(ops.sum(x) > 0, "int32")] * x,
    "format": lambda x: x * float(f"{ops.sum(x):.1f}"),
    "loop": lambda x: next(x for _ in range(int(ops.sum(ops.ones_like(x)) + 0 * ops.sum(x)))),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_python_that_looks_at_a_value_is_an_error_that_names_the_line(name):
    f = jit(BRANCHES[name])
    with pytest.raises(CaptureError) as caught:
        f(X)
    message = str(caught.value)
    assert (
        f"{__file__}:" in message and "Two ways out" in message and "ops.where" in message and "run_eagerly" in message
    )
    assert state.observer is None
    with pytest.raises(CaptureError):
        f(X)


def test_variables_must_not_be_looked_at_but_constants_may():
    w = Variable(2.0)
    with pytest.raises(CaptureError, match="float"):
        jit(lambda x: x * float(w))(X)
    t = ops.array([2.0])
    f = numpy_jit(lambda x: x * float(ops.sum(t * 3)) if t[0] > 1 else x)
    assert f(X).numpy()[0, 0] == f(X).numpy()[0, 0] == -12

    def fresh(x):
        w.assign(3.0)
        return x * float(w)  # known by now

    assert jit(fresh)(X).numpy()[0, 0] == -6


def test_a_new_tensor_of_a_tensor_is_no_constant():
    f = numpy_jit(lambda x: Tensor(x * 2.0) + Tensor(x, dtype="float32"))
    assert [f(x).item() for x in (1.0, 2.0, 5.0)] == [3.0, 6.0, 15.0]
    with pytest.raises(CaptureError, match="first value"):
        jit(lambda x: Variable(x * 2.0).value)(X)
    f = numpy_jit(lambda x, y: ops.isclose(x, y))
    assert [bool(f(1.0, y)) for y in (1.0, 2.0, 1.0)] == [True, False, True]


def test_gradients_that_backward_leaves_behind_are_refused():
    w = Variable(np.ones(2, np.float32))
    with pytest.raises(CaptureError, match="leaves gradients"):
        jit(lambda x: ops.sum(x * w).backward())(X[0, :2])

    def adds(x):
        ops.sum(x * w).backward()
        w.assign_sub(w.grad)
        w._node.grad = None
        return None

    with pytest.raises(CaptureError, match="was there before"):
        jit(adds)(X[0, :2])
    w._node.grad = None
    w.assign([0.0, 0.0])
    f = numpy_jit(adds)
    for _ in range(3):
        f(np.array([1.0, 2.0], np.float32))
    assert w.numpy().tolist() == [-3.0, -6.0]


def test_an_error_inside_leaves_nothing_open():
    f = numpy_jit(lambda x: x @ x)
    for _ in range(2):
        with pytest.raises(ShapeError):
            f(X)
        assert state.observer is None and not f.entries
    assert f(X[:, :3]).shape == (3, 3)

    def stops(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        numpy_jit(stops)(X)
    assert state.observer is None and state.recording


@both
def test_operands_that_a_primitive_refuses_are_refused_by_a_plan_with_the_same_words(native):
    def f(labels, x):
        return ops.sparse_categorical_crossentropy(labels, x, from_logits=True), ops.take(x, labels, axis=0)

    g = jit(f, native=native)
    good = np.array([0, 1, 2])
    g(good, X), g(good, X)
    for bad in (np.array([0, 1, 7]), np.array([0, -5, 1])):
        with pytest.raises((DataError, ShapeError)) as eager:
            f(Tensor(bad), Tensor(X))
        with pytest.raises(type(eager.value)) as ours:
            g(bad, X)
        assert str(ours.value) == str(eager.value)
    assert same_bits(g(good, X)[1].numpy(), X[:3])


def test_a_record_keeps_no_results():
    """A first step needs the memory of an eager one; an array that gets the identity of one that ended is another value."""

    def f(x):
        ended = []
        for _ in range(50):
            x = ops.sin(x) + 1
            ended.append(weakref.ref(x._value))
        assert sum(r() is not None for r in ended) == 1
        return x

    compiled = jit(f)
    for _ in range(3):
        np.testing.assert_allclose(compiled(X), f(Tensor(X)), rtol=1e-5)
    assert len(compiled.explain().captured.instructions) == 100
