"""Variable: state with a name, replaced by assign."""

import copy
import pickle

import numpy as np
import pytest

from autonet import Tensor, Variable, gradients, ops
from autonet.errors import ArgumentError, DtypeError, ShapeError


def test_values_shape_dtype_name():
    v = Variable([[1.0, 2.0]], name="kernel")
    assert (v.shape, v.ndim, v.size, v.dtype, v.name, v.path) == ((1, 2), 2, 2, "float32", "kernel", "kernel")
    assert v.trainable and v.requires_grad
    assert isinstance(v, Tensor)
    assert repr(v).startswith("<Variable path=kernel, shape=(1, 2), dtype=float32")


def test_initializers():
    v = Variable(lambda shape, dtype: np.full(shape, 3.0), shape=(2, 2))
    assert v.dtype == "float32" and v.tolist() == [[3, 3], [3, 3]]
    assert Variable(lambda shape, dtype: ops.zeros(shape, dtype), shape=(2,), dtype="float64").dtype == "float64"
    assert Variable(np.zeros(2)).dtype == "float64"
    assert Variable(np.zeros(2), dtype="float16").dtype == "float16"
    assert Variable(7).dtype == "int32"
    with pytest.raises(ArgumentError, match="shape"):
        Variable(lambda shape, dtype: np.zeros(shape))
    with pytest.raises(ShapeError, match="shape"):
        Variable(np.zeros(3), shape=(2,))


def test_assign_replaces_and_keeps_shape_and_dtype():
    v = Variable([1.0, 2.0])
    assert v.assign([3.0, 4.0]) is v
    v.assign_add(np.array([1.0, 1.0]))
    v.assign_sub(0.5)
    assert v.tolist() == [3.5, 4.5] and v.dtype == "float32"
    v.assign(np.array([1.0, 2.0], np.float64))
    assert v.dtype == "float32"
    v.assign([1, 2])
    assert v.tolist() == [1.0, 2.0] and v.dtype == "float32"
    with pytest.raises(ShapeError, match="keeps its shape"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="keeps its shape"):
        v.assign(1.0)
    with pytest.raises(DtypeError, match="Cast it"):
        Variable(1).assign(1.5)


def test_the_values_are_its_own():
    a = np.zeros(2)
    v = Variable(a)
    a[0] = 9
    assert v.tolist() == [0, 0]
    v.numpy()[0] = 9
    assert v.tolist() == [0, 0]
    b = np.ones(2)
    v.assign(b)
    b[0] = 9
    assert v.tolist() == [1, 1]
    w = Variable(np.zeros(2))
    w.assign(v)
    v.assign_add([1.0, 1.0])
    assert w.tolist() == [1, 1]


def test_what_was_read_before_an_assignment_stays():
    v = Variable(np.array([1.0, 2.0]))
    before, array = v.value, np.asarray(v)
    v.assign([5.0, 6.0])
    assert before.tolist() == [1.0, 2.0]
    assert array.tolist() == [1.0, 2.0]


def test_the_walk_sees_the_values_of_the_forward_pass():
    v = Variable(np.array([1.0, 2.0]))
    y = (v * v).sum()
    v.assign([10.0, 20.0])
    y.backward()
    assert v.grad.tolist() == [2.0, 4.0]


def test_gradients_reach_trainable_ones_only():
    v, w = Variable(2.0), Variable(3.0, trainable=False)
    (v * w).backward()
    assert v.grad.item() == 3.0
    assert w.grad is None
    v.trainable = False
    assert not v.requires_grad
    assert not (v * 2).requires_grad
    w.trainable = True
    (v * w).backward()
    assert w.grad.item() == 2.0


def test_integers_are_not_tracked():
    assert not Variable(3).requires_grad


def test_a_gradient_with_respect_to_a_variables_values():
    v = Variable(np.array(3.0))
    assert gradients.grad(lambda x: x * x)(v).item() == 6.0
    assert v.grad is None


def test_assignments_are_not_differentiated():
    v, x = Variable(np.array(1.0)), Tensor(np.array(2.0), requires_grad=True)
    v.assign(x * 3)
    (v * x).backward()
    assert x.grad.item() == 6.0
    v.assign_add(x)
    assert v.item() == 8.0


def test_operators_and_ops_take_variables():
    v = Variable([1.0, 4.0])
    for y in (v + 1, 1 + v, np.sqrt(v), ops.sqrt(v), v[0], v @ v, np.ones(2, np.float32) * v, ops.concatenate([v, v])):
        assert type(y) is Tensor and y.requires_grad


def test_copies_and_pickles():
    v = Variable([1.0, 2.0], trainable=False, name="m")
    v.path, v.constraint = "layer/m", abs
    for twin in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert isinstance(twin, Variable)
        assert (twin.tolist(), twin.name, twin.trainable) == ([1.0, 2.0], "m", False)
        assert (twin.path, twin.constraint) == (v.path, v.constraint)
        twin.assign([0.0, 0.0])
        assert v.tolist() == [1.0, 2.0]


def test_keras_attributes_are_there():
    v = Variable(1.0)
    assert (v.constraint, v.regularizer, v.overwrite_with_gradient) == (None, None, False)
    v.constraint = max
    assert v.constraint is max


def test_an_initializer_by_its_name():
    v = Variable("uniform", shape=(2, 3))
    assert v.shape == (2, 3) and v.dtype == "float32" and np.unique(v).size == 6
    assert Variable("ones", (2,), "int32").tolist() == [1, 1]
    with pytest.raises(ArgumentError, match=r"shape=\(2, 3\)"):
        Variable("uniform")
    with pytest.raises(ArgumentError, match="uniform"):
        Variable("unifrom", shape=(2,))
