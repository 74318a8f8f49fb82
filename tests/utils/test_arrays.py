import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autonet import Input, layers, ops, utils
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, DataError, DtypeError, ShapeError
from autonet.utils import normalize, pack_x_y_sample_weight, to_categorical, unpack_x_y_sample_weight


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_to_categorical_is_undone_by_argmax(labels):
    rows = to_categorical(labels, num_classes=7)
    assert rows.shape == (len(labels), 7)
    assert rows.dtype == np.float64
    assert rows.sum(axis=-1).tolist() == [1] * len(labels)
    assert rows.argmax(axis=-1).tolist() == labels


def test_to_categorical_takes_the_number_of_classes_from_the_labels():
    assert to_categorical([0, 2]).shape == (2, 3)


def test_to_categorical_drops_a_last_axis_of_one_and_keeps_others():
    assert to_categorical(np.array([[0], [2]])).shape == (2, 3)
    assert to_categorical(np.array([[0, 1], [2, 1]])).shape == (2, 2, 3)
    assert to_categorical(np.array([[1]]), 3).shape == (1, 3)


def test_to_categorical_gives_a_tensor_for_a_tensor():
    rows = to_categorical(Tensor(np.array([1, 0], np.int32)), 2)
    assert isinstance(rows, Tensor)
    assert rows.dtype == np.float32
    assert rows.numpy().tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_to_categorical_refuses_labels_out_of_range(labels):
    with pytest.raises(DataError, match="labels from 0 to 2; received"):
        to_categorical(labels, 3)


def test_to_categorical_refuses_fractions_and_nothing():
    with pytest.raises(DtypeError, match="integer labels"):
        to_categorical([0.5, 1.0])
    with pytest.raises(DataError, match="pass num_classes"):
        to_categorical([])
    assert to_categorical([], 3).shape == (0, 3)


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("axis", [0, -1])
def test_normalize_gives_norm_one(axis, order):
    x = np.random.default_rng(0).standard_normal((4, 5))
    y = normalize(x, axis=axis, order=order)
    assert np.allclose(np.linalg.norm(y, ord=order, axis=axis), 1)


def test_normalize_leaves_zeros_and_dtypes_alone():
    assert normalize(np.zeros((2, 3))).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert normalize(np.array([3, 4], "float32")).dtype == np.float32
    assert normalize([3, 4]).tolist() == [[0.6, 0.8]]


def test_normalize_of_a_tensor_is_differentiable():
    x = Tensor(np.array([[3.0, 4.0]]), requires_grad=True)
    y = normalize(x)
    assert np.allclose(y.numpy(), [[0.6, 0.8]])
    y[0, 0].backward()
    assert np.allclose(x.grad.numpy(), [[16 / 125, -12 / 125]])


def test_packing_and_unpacking():
    assert pack_x_y_sample_weight(1) == 1
    assert pack_x_y_sample_weight([1, 2]) == ([1, 2],)
    assert pack_x_y_sample_weight(1, 2, 3) == (1, 2, 3)
    assert unpack_x_y_sample_weight(1) == (1, None, None)
    assert unpack_x_y_sample_weight((1,)) == (1, None, None)
    assert unpack_x_y_sample_weight([1, 2, 3]) == (1, 2, 3)
    with pytest.raises(ShapeError, match="tuple of 4"):
        unpack_x_y_sample_weight((1, 2, 3, 4))


def test_source_inputs():
    """Those that a tensor depends on, once each however many ways lead to them; an Input is its own."""
    a, b, unused = (Input((3,)) for _ in range(3))
    y = layers.Concatenate()([layers.Dense(2)(b), a])
    z = layers.Add()([y, ops.sin(y)])
    found = utils.get_source_inputs(z)
    assert [x is y for x, y in zip(found, (b, a), strict=True)] == [True, True]
    assert utils.get_source_inputs(unused)[0] is unused
    with pytest.raises(ArgumentError, match="made of an Input"):
        utils.get_source_inputs(np.ones(3))


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, min_side=1), elements=st.floats(-5, 5)),
    st.floats(0, 0.99),
    st.booleans(),
)
def test_exponential_average_is_its_definition(values, beta, bias_correction):
    n = len(values)
    t, i = np.arange(n)[:, None], np.arange(n)
    weights = np.where(i <= t, (1 - beta) * np.power(beta, np.maximum(t - i, 0)), 0.0)
    if bias_correction:
        weights = weights / weights.sum(axis=1, keepdims=True)  # which makes a mean of it
    expected = np.tensordot(weights, values, 1)
    assert np.allclose(utils.exponential_average(values, beta, bias_correction), expected, rtol=1e-9, atol=1e-9)


def test_exponential_average_of_what_it_cannot_take():
    assert np.isnan(utils.exponential_average([1.0, np.nan, 1.0], 0.5)).tolist() == [False, True, True]
    assert utils.exponential_average([], 0.5).shape == (0,)
    for beta in (1.0, -0.1, True):
        with pytest.raises(ArgumentError, match=r"beta in \[0, 1\)"):
            utils.exponential_average([1.0], beta)
    with pytest.raises(ShapeError, match="along an axis"):
        utils.exponential_average(3.0, 0.5)


@pytest.mark.parametrize("given", [None, [None, 1.0], ["a"], object()], ids=["None", "list of None", "text", "object"])
def test_what_is_no_number_has_no_norm(given):
    with pytest.raises(DtypeError, match="normalize expects an array of numbers; received"):
        utils.normalize(given)
