"""New arrays, and the primitives that the backward walk itself needs."""

import numpy as np
import pytest

import autonet
from autonet import gradients, ops
from autonet.errors import DtypeError
from tests.ops.cases import Case, integers, made, reals

CASES = {
    "_one_hot": [
        Case(integers(-1, 6), settings={"num_classes": 5, "axis": -1, "dtype": "float32"}, zero=True),
        Case(
            integers(0, 3, min_dims=1),
            settings={"num_classes": 3, "axis": 0, "dtype": "float64"},
            zero=True,
            half=False,
        ),
        Case(
            made(lambda shape, rng: rng.integers(0, 3, shape)),
            settings={"num_classes": 3, "axis": -1, "dtype": "int32"},
            zero=True,
        ),
    ],
    "sum_to": [
        Case(
            reals(),
            shapes=[((2, 3),)],
            settings=[{"shape": s} for s in [(), (1,), (3,), (1, 3), (2, 1), (1, 1), (2, 3)]],
        ),
        Case(reals(), shapes=[((2, 0),)], settings=[{"shape": s} for s in [(), (2, 1), (2, 0), (1, 0)]]),
    ],
    "broadcast_to": [
        Case(
            reals(),
            shapes=[((),), ((1,),), ((3,),), ((1, 3),), ((2, 1),)],
            settings={"shape": (2, 3)},
            numpy=np.broadcast_to,
        ),
        Case(reals(), shapes=[((1,),), ((),)], settings={"shape": (2, 0)}, numpy=np.broadcast_to),
    ],
    "cast": Case(reals(), settings={"dtype": "float64"}, half=False),
    "alias": Case(reals(), numpy=np.array),
    "contiguous": Case(reals(), numpy=np.array),
    "detach": Case(reals(), numpy=np.array, zero=True),
    "linspace": Case(
        reals(), reals(), op=ops.linspace, settings=[{"num": 5}, {"num": 4, "endpoint": False}], numpy=np.linspace
    ),
}


@pytest.mark.parametrize(
    "made, expected",
    [
        (lambda: ops.zeros((2, 3)), np.zeros((2, 3))),
        (lambda: ops.ones(2), np.ones(2)),
        (lambda: ops.full((2, 1), 7), np.full((2, 1), 7.0)),
        (lambda: ops.eye(2, 3, 1), np.eye(2, 3, 1)),
        (lambda: ops.identity(2), np.identity(2)),
        (lambda: ops.tri(3, 2), np.tri(3, 2)),
        (lambda: ops.linspace(0.0, 1.0, 3), np.linspace(0, 1, 3)),
        (lambda: ops.logspace(0.0, 2.0, 3), np.logspace(0, 2, 3)),
        (lambda: ops.zeros_like([1.0, 2.0]), np.zeros(2)),
        (lambda: ops.ones_like([[1.0]]), np.ones((1, 1))),
        (lambda: ops.full_like([1.0, 2.0], 3), np.full(2, 3.0)),
        (lambda: ops.one_hot([0, 2], 3), np.eye(3)[[0, 2]]),
    ],
)
def test_new_arrays_have_the_default_float(made, expected):
    y = made()
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    autonet.config.set_floatx("float64")
    if not isinstance(y, type(None)) and made.__code__.co_names[-1] not in ("zeros_like", "ones_like", "full_like"):
        assert made().dtype == "float64"


@pytest.mark.parametrize(
    "args, dtype", [((3,), "int32"), ((1, 4), "int32"), ((0.0, 1.0, 0.25), "float32"), ((0, 3, 1.5), "float32")]
)
def test_arange(args, dtype):
    y = ops.arange(*args)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.arange(*args))


def test_linspace_carries_derivatives_to_both_ends():
    weights = np.array([1.0, 10.0, 100.0])
    start, stop = gradients.grad(lambda a, b: ops.sum(ops.linspace(a, b, 3) * weights), (0, 1))(0.0, 1.0)
    assert (float(start), float(stop)) == (6.0, 105.0)


def test_sparse_one_hot_is_refused():
    with pytest.raises(ValueError, match="sparse"):
        ops.one_hot([0], 2, sparse=True)


@pytest.mark.parametrize("value", ["text", None, {"a": 1}, [[1.0], [1.0, 2.0]], np.array(["a"]), 1j])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(DtypeError):
        ops.convert_to_tensor(value)


def test_cast_carries_the_derivative_between_floats():
    g = gradients.grad(lambda x: ops.sum(ops.cast(x, "float64") * 2.0))(np.ones(2, np.float32))
    assert g.dtype == "float32"
    assert g.tolist() == [2.0, 2.0]


def test_convert_to_numpy_gives_an_array_of_ones_own():
    t = ops.ones(2)
    a = ops.convert_to_numpy(t)
    a[0] = 9
    assert t.tolist() == [1.0, 1.0]


def test_shape_and_is_tensor():
    assert ops.shape(np.zeros((2, 3))) == (2, 3)
    assert ops.is_tensor(ops.ones(1)) and not ops.is_tensor(np.ones(1))


@pytest.mark.parametrize("endpoint", [True, False])
def test_linspace_in_whole_numbers_is_rounded_down(endpoint):
    got = ops.linspace(-5, 9, 6, endpoint=endpoint, dtype="int32")
    np.testing.assert_array_equal(got, np.linspace(-5, 9, 6, endpoint=endpoint, dtype="int32"), strict=True)


# Integer types that do not hold the numbers

MAKERS = {
    "array": ops.array,
    "array of a list": lambda v, dtype: ops.array([0, v], dtype),
    "array of NumPy's number": lambda v, dtype: ops.array(np.asarray(v)[()], dtype),
    "convert_to_tensor": ops.convert_to_tensor,
    "cast": ops.cast,
    "cast of a list": lambda v, dtype: ops.cast([v], dtype),
    "full": lambda v, dtype: ops.full((2,), v, dtype),
    "full_like": lambda v, dtype: ops.full_like(ops.zeros((2,), dtype), v),
    "linspace": lambda v, dtype: ops.linspace(ops.array(0.0, "float64"), v, 3, dtype=dtype),
    "linspace down": lambda v, dtype: ops.linspace(v, ops.array(0.0, "float64"), 3, dtype=dtype),
    "arange": lambda v, dtype: ops.arange(v, v + 1, dtype=dtype),
    "pad": lambda v, dtype: ops.pad(ops.zeros((2,), dtype), 1, constant_values=v),
    "Tensor": lambda v, dtype: autonet.Tensor(v, dtype=dtype),
    "Variable": lambda v, dtype: autonet.Variable(v, dtype=dtype),
    "assign": lambda v, dtype: autonet.Variable(0, dtype=dtype).assign(v),
    "assign_add": lambda v, dtype: autonet.Variable(0, dtype=dtype).assign_add(v),
    "Constant": lambda v, dtype: autonet.initializers.Constant(v)((2,), dtype),
}
INTEGERS = ["uint8", "uint16", "uint32", "int8", "int16", "int32"]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", MAKERS)
def test_numbers_that_an_integer_type_does_not_hold_are_refused(name, dtype):
    make, limits = MAKERS[name], np.iinfo(dtype)
    for v in (limits.min, 0, limits.max):
        y = make(v, dtype)
        assert y.dtype == dtype and v in np.asarray(y).tolist() if np.ndim(y) else np.asarray(y) == v
    wrong = [limits.min - 1, limits.max + 1, 2**40, -(2**40)]
    wrong += [] if name in ("arange", "assign") else [1e20, -1e20, np.nan, np.inf]
    for v in wrong:
        with pytest.raises(DtypeError, match=f"does not fit in {dtype}, which goes from {limits.min} to {limits.max}"):
            make(v, dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_powers_that_an_integer_type_does_not_hold_are_refused(dtype):
    for make in (ops.logspace, lambda a, b, n, dtype: ops.logspace(ops.array(a), b, n, dtype=dtype)):
        np.testing.assert_array_equal(make(0.0, 2.0, 3, dtype=dtype), [1, 10, 100])
        with pytest.raises(DtypeError, match="does not fit"):
            make(0.0, 12.0, 3, dtype=dtype)
    np.testing.assert_array_equal(ops.geomspace(1, 100, 3, dtype=dtype), [1, 10, 100])
    with pytest.raises(DtypeError, match="does not fit"):
        ops.geomspace(1, 1e12, 3, dtype=dtype)


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, "float16", "float32"])
@pytest.mark.parametrize("way", [lambda f: f, autonet.jit])
def test_one_hot_of_more_classes_than_the_type_has_numbers(dtype, way):
    x = np.array([0, 1, 1] if dtype == "bool" else [0, 3, 127], dtype)
    hot = np.asarray(way(lambda x: ops.one_hot(x, 3000))(x))
    np.testing.assert_array_equal(hot.argmax(-1), x)
    np.testing.assert_array_equal(hot.sum(-1), 1)
    below = np.array([-1], "int8")
    assert not np.any(ops.one_hot(below, 300)) and not np.any(ops.multi_hot(below, 300))


def test_arrays_are_cast_as_numpy_does():
    assert ops.cast(np.array([300, -1]), "uint8").tolist() == [44, 255]
    assert ops.saturate_cast([300, -1], "uint8").tolist() == [255, 0]


def test_ranges_of_large_and_of_broken_steps():
    assert ops.arange(2**40, 2**40 + 2).tolist() == [2**40, 2**40 + 1]
    assert ops.arange(0, 3, 0.5, dtype="int32").tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(DtypeError, match="does not fit in uint8"):
        ops.arange(300, dtype="uint8")
