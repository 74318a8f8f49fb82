"""Tensor: values, dtypes, operators, NumPy's protocols, printing."""

import copy
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autonet
from autonet import Tensor, ops
from autonet.common import dtypes
from autonet.core import convert_to_tensor
from autonet.errors import DtypeError

DTYPES = ["bool", "int8", "uint8", "int32", "int64", "uint32", "float16", "float32", "float64"]


@pytest.mark.parametrize(
    "value, dtype",
    [
        (1.5, "float32"),
        (3, "int32"),
        (2**40, "int64"),
        (True, "bool"),
        ([1.0, 2.0], "float32"),
        ([1, 2.5], "float32"),
        ([[1, 2], [3, 4]], "int32"),
        ([True, False], "bool"),
        ([], "float32"),
        (np.float64(1.5), "float64"),
        (np.array([1.0]), "float64"),
        (np.array([1]), "int64"),
        (np.array([1], np.uint8), "uint8"),
        ([np.float64(1.0)], "float64"),
        ([2**40], "int64"),
        (range(3), "int32"),
    ],
)
def test_dtype_of_given_values(value, dtype):
    assert Tensor(value).dtype == dtype
    assert convert_to_tensor(value).dtype == dtype


def test_floatx_is_the_dtype_of_python_floats():
    dtypes.set_floatx("float64")
    assert Tensor(1.5).dtype == "float64"
    assert ops.sqrt(2).dtype == "float64"
    assert (Tensor([1, 2]) * 0.5).dtype == "float64"


def test_shape_size_and_items():
    t = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert (t.shape, t.ndim, t.size, len(t), t.T.shape) == ((2, 3), 2, 6, 2, (3, 2))
    assert t[1, 2].item() == 6.0
    assert t.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert [row.tolist() for row in t] == [[1, 2, 3], [4, 5, 6]]
    assert float(t[0, 0]) == 1.0 and int(t[0, 1]) == 2 and bool(t[0, 0] > 0)
    assert list(range(4))[Tensor(2)] == 2
    assert f"{t[0, 0]:.2f}" == "1.00"


def test_a_tensor_without_axes_has_no_length():
    with pytest.raises(TypeError, match="no len"):
        len(Tensor(1.0))


@pytest.mark.parametrize("f", [bool, float, int])
def test_many_numbers_are_not_one(f):
    with pytest.raises((ValueError, TypeError)):
        f(Tensor([1.0, 2.0]))


def test_the_values_are_the_tensors_own():
    a = np.zeros(2)
    t = Tensor(a)
    u = convert_to_tensor(a)
    a[0] = 9
    assert t.tolist() == u.tolist() == [0.0, 0.0]
    b = t.numpy()
    b[0] = 9
    assert t.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(t)[0] = 9


def test_asarray_takes_dtype_and_copy():
    t = Tensor([1.5, 2.5])
    assert np.asarray(t, np.float64).dtype == np.float64
    assert np.array(t).flags.writeable
    assert np.array([Tensor(1.0), Tensor(2.0)], np.float32).tolist() == [1.0, 2.0]


def test_tensors_in_lists_are_stacked():
    assert convert_to_tensor([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])]).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "text, value",
    [
        ("Tensor([1., 2.], dtype=float32)", Tensor([1.0, 2.0])),
        ("Tensor(3, dtype=int32)", Tensor(3)),
        ("Tensor([], dtype=float32)", Tensor([])),
        ("Tensor([1.], dtype=float32, requires_grad=True)", Tensor([1.0], requires_grad=True)),
        ("Tensor([2.], dtype=float32, requires_grad=True)", Tensor([1.0], requires_grad=True) * 2),
    ],
)
def test_repr_shows_values_and_whether_it_is_tracked(text, value):
    assert repr(value) == text


def test_repr_of_many_numbers_is_short():
    assert len(repr(ops.zeros((1000, 1000)))) < 2000


def test_copies_and_pickles():
    t = Tensor([1.0, 2.0], requires_grad=True)
    for twin in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert twin.tolist() == [1.0, 2.0]
        assert twin.requires_grad and twin.dtype == "float32"


def test_tensors_are_hashable_by_identity():
    a, b = Tensor(1.0), Tensor(1.0)
    assert {a: 1, b: 2}[a] == 1


BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
def test_operators_are_numpys(f, rng):
    a, b = rng.uniform(1, 3, (2, 3)), rng.uniform(1, 3, 3)
    for left, right in ((Tensor(a), Tensor(b)), (Tensor(a), b), (a, Tensor(b)), (Tensor(a), 2.0), (2.0, Tensor(b))):
        y = f(left, right)
        assert isinstance(y, Tensor)
        np.testing.assert_allclose(y, f(np.asarray(left), np.asarray(right)), rtol=1e-12)


@pytest.mark.parametrize("f", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift])
def test_bit_operators(f):
    a, b = np.array([6, 5]), np.array([3, 1])
    for left, right in ((Tensor(a), Tensor(b)), (Tensor(a), b), (6, Tensor(b))):
        np.testing.assert_array_equal(f(left, right), f(np.asarray(left), np.asarray(right)))
    mask = Tensor([True, False])
    assert (~mask).tolist() == [False, True]
    assert (mask & [True, True]).tolist() == [True, False]


def test_other_operators():
    t = Tensor([-1.25, 2.0])
    assert (-t).tolist() == [1.25, -2.0]
    assert (+t).tolist() == t.tolist()
    assert abs(t).tolist() == [1.25, 2.0]
    assert round(t, 1).tolist() == pytest.approx([-1.2, 2.0])
    assert (t @ t).item() == pytest.approx(5.5625)
    assert (np.ones((2, 2)) @ t).shape == (2,)
    assert [q.tolist() for q in divmod(t, 0.5)] == [[-3.0, 4.0], [0.25, 0.0]]
    assert [q.tolist() for q in divmod(7, Tensor([2, 3]))] == [[3, 2], [1, 1]]
    t += 1
    assert t.tolist() == [-0.25, 3.0]


def test_membership_and_comparison_with_what_is_no_number():
    t = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert 3 in t and 5 not in t and None not in t
    assert (t == None) is False and (t != None) is True  # noqa: E711
    assert (t == "auto") is False
    assert t in [None, t]


def test_methods_keep_their_numpy_names():
    t = Tensor(np.arange(6.0).reshape(2, 3))
    assert t.reshape(3, 2).shape == t.reshape((3, -1)).shape == (3, 2)
    assert t.transpose().shape == t.transpose(1, 0).shape == (3, 2)
    assert t.ravel().shape == t.flatten().shape == (6,)
    assert t.astype("int32").dtype == "int32"
    assert t.astype(np.float32).dtype == "float32"
    assert t.clip(1.0, 2.0).tolist() == [[1, 1, 2], [2, 2, 2]]


UFUNCS = "exp log sqrt sin tanh negative absolute square floor isfinite".split()


@pytest.mark.parametrize("name", UFUNCS)
def test_numpys_functions_of_one_tensor(name, rng):
    x = rng.uniform(0.5, 2, (2, 3))
    y = getattr(np, name)(Tensor(x))
    assert isinstance(y, Tensor)
    np.testing.assert_allclose(y, getattr(np, name)(x))


@pytest.mark.parametrize(
    "name", "add subtract multiply divide power maximum minimum hypot arctan2 greater matmul".split()
)
def test_numpys_functions_of_two(name, rng):
    x, y = rng.uniform(0.5, 2, (2, 2)), rng.uniform(0.5, 2, (2, 2))
    for a, b in ((Tensor(x), y), (x, Tensor(y)), (Tensor(x), Tensor(y))):
        z = getattr(np, name)(a, b)
        assert isinstance(z, Tensor)
        np.testing.assert_allclose(z, getattr(np, name)(x, y))


@pytest.mark.parametrize(
    "f",
    [
        lambda t: np.sum(t),
        lambda t: np.sum(t, axis=0, keepdims=True),
        lambda t: np.mean(t, axis=-1),
        lambda t: np.max(t),
        lambda t: np.amin(t, 0),
        lambda t: np.prod(t),
        lambda t: np.var(t),
        lambda t: np.std(t, axis=1),
        lambda t: np.add.reduce(t),
        lambda t: np.cumsum(t, axis=1),
        lambda t: np.argmax(t, axis=1),
        lambda t: np.concatenate([t, t], axis=1),
        lambda t: np.stack([t, t]),
        lambda t: np.vstack([t, t]),
        lambda t: np.hstack((t, t)),
        lambda t: np.reshape(t, (3, 2)),
        lambda t: np.transpose(t),
        lambda t: np.squeeze(t[:1], 0),
        lambda t: np.expand_dims(t, 0),
        lambda t: np.swapaxes(t, 0, 1),
        lambda t: np.moveaxis(t, 0, 1),
        lambda t: np.broadcast_to(t, (2, 2, 3)),
        lambda t: np.where(t > 1, t, -t),
        lambda t: np.clip(t, 0.5, 1.5),
        lambda t: np.tile(t, 2),
        lambda t: np.repeat(t, 2, axis=0),
        lambda t: np.flip(t, 1),
        lambda t: np.roll(t, 1),
        lambda t: np.pad(t, 1),
        lambda t: np.take(t, [0, 1, 0], axis=1),
        lambda t: np.dot(t, np.ones(3)),
        lambda t: np.tensordot(t, t, 2),
        lambda t: np.einsum("ij,kj->ik", t, t),
        lambda t: np.outer(t, t),
        lambda t: np.trace(t),
        lambda t: np.sort(t, axis=0),
        lambda t: np.argsort(t, axis=0),
        lambda t: np.tril(t),
        lambda t: np.diagonal(t),
        lambda t: np.zeros_like(t),
        lambda t: np.ones_like(t),
        lambda t: np.round(t, 1),
        lambda t: np.linalg.norm(t),
    ],
)
def test_numpys_protocol_gives_tensors(f, rng):
    x = rng.uniform(0, 2, (2, 3))
    y = f(Tensor(x))
    assert isinstance(y, Tensor), "NumPy's function gave an array"
    np.testing.assert_allclose(y, f(x), rtol=1e-12)


def test_numpy_itself_says_shape_and_ndim():
    t = Tensor(np.zeros((2, 3)))
    assert np.shape(t) == (2, 3)
    assert np.ndim(t) == 2
    assert np.size(t) == 6


def test_arrays_on_the_left_give_tensors_and_derivatives():
    t = Tensor([1.0, 2.0], requires_grad=True)
    y = np.array([3.0, 4.0], np.float32) * t
    assert isinstance(y, Tensor) and y.requires_grad
    y = np.float32(2) * t
    assert isinstance(y, Tensor) and y.requires_grad
    np.sum(np.exp(t)).backward()
    np.testing.assert_allclose(t.grad, np.exp([1.0, 2.0]), rtol=1e-6)


def test_what_numpy_cannot_do_with_tensors_says_so():
    t = Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="out"):
        np.add(t, t, out=np.zeros(2))
    with pytest.raises(TypeError, match="no counterpart"):
        np.lexsort((t, t))


# bool int8 uint8 int32 int64 float16 float32 float64, as JAX and Keras promote
@pytest.mark.parametrize(
    "a, b, common",
    [
        ("bool", "int8", "int8"),
        ("int8", "uint8", "int16"),
        ("int32", "int64", "int64"),
        ("uint8", "int32", "int32"),
        ("int32", "float16", "float16"),
        ("int32", "float32", "float32"),
        ("int64", "float32", "float32"),
        ("uint32", "float32", "float32"),
        ("bool", "float16", "float16"),
        ("float16", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("int64", "float64", "float64"),
        ("uint64", "int64", "float32"),
    ],
)
def test_promotion(a, b, common):
    x, y = Tensor(np.ones(1, a)), Tensor(np.ones(1, b))
    assert (x + y).dtype == (y + x).dtype == common
    assert dtypes.result_type(a, b) == dtypes.result_type(np.dtype(b), np.dtype(a)) == common


@pytest.mark.parametrize("dtype", DTYPES)
def test_python_numbers_are_weak(dtype):
    x = Tensor(np.ones(1, dtype))
    kind = np.dtype(dtype).kind
    assert (x + 1).dtype == (dtype if kind != "b" else "int32")
    assert (1 + x).dtype == (x + 1).dtype
    assert (x * 0.5).dtype == (dtype if kind == "f" else "float32")
    assert (x == 1).dtype == "bool"
    assert (x / x).dtype == (dtype if kind == "f" else "float32")


@given(st.sampled_from(DTYPES), st.sampled_from(DTYPES), st.sampled_from(DTYPES))
def test_promotion_does_not_depend_on_the_order(a, b, c):
    results = {dtypes.result_type(*order) for order in [(a, b, c), (c, b, a), (b, a, c), (b, c, a)]}
    if not {a, b, c} & {"float16"} or len({a, b, c}) < 3:  # ints that meet as floats first would be another float
        assert len(results) == 1


@pytest.mark.parametrize(
    "value", ["float128", "complex64", "str", object, ",f4", "2f4", "(3,", pytest.param("1" * 3000 + "f4", id="long")]
)
def test_dtypes_that_are_not_known_are_refused(value):
    with pytest.raises(DtypeError):
        dtypes.standardize_dtype(value)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long doubles are doubles here")
def test_wider_floats_are_refused():
    with pytest.raises(DtypeError, match="at most 64 bits"):
        Tensor(np.ones(2, np.longdouble))
    with pytest.raises(DtypeError, match="at most 64 bits"):
        ops.exp(np.ones(2, np.longdouble))


def test_only_floats_are_tracked():
    with pytest.raises(DtypeError, match="Cast it"):
        Tensor([1, 2], requires_grad=True)


def test_detach_cuts_the_record():
    t = Tensor([1.0], requires_grad=True)
    assert not (t * 2).detach().requires_grad
    assert not Tensor(t.detach()).requires_grad


def test_the_front_door():
    assert autonet.Tensor is Tensor
    assert isinstance(autonet.Variable(1.0), Tensor)


CHANGES = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "**=": operator.ipow,
    "@=": operator.imatmul,
}


@pytest.mark.parametrize("sign", CHANGES)
def test_the_gradient_of_a_leaf_that_was_replaced_is_told_to_be_elsewhere(sign):
    leaf = t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    t = CHANGES[sign](t, np.float32([[1.0, 1.0], [1.0, 1.0]]))
    t.sum().backward()
    with pytest.warns(UserWarning, match=r"computed, not a leaf.*t \+= 1"):
        assert t.grad is None
    assert leaf.grad.shape == (2, 2)
    assert Tensor([1.0]).grad is None
