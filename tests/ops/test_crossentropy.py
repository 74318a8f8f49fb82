"""Cross-entropies against their compositions, at their edges, and their rows of the gradient table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.common import dtypes
from autonet.errors import DataError, ShapeError
from autonet.gradients import grad
from autonet.ops.crossentropy import class_crossentropy, pick_class, sigmoid_crossentropy, softmax_crossentropy
from tests.ops.cases import Case, integers, reals, same_derivatives

ROWS = [((2,), (2, 3)), ((), (4,)), ((2, 3), (2, 3, 5)), ((0,), (0, 3))]
COLUMNS = [((2, 4), (2, 3, 4))]

CASES = {
    "softmax_crossentropy": [
        Case(reals(0, 1), reals(), shapes=[((3,), (3,)), ((2, 4), (2, 4)), ((0, 3), (0, 3))]),
        Case(reals(0, 1), reals(), shapes=[((2, 3, 2), (2, 3, 2))], settings=[{"axis": 1}, {"axis": 0}]),
    ],
    "class_crossentropy": [
        Case(integers(0, 3), reals(), shapes=ROWS),
        Case(integers(0, 3), reals(), shapes=COLUMNS, settings={"axis": 1}),
    ],
    "pick_class": [
        Case(integers(0, 3), reals(), shapes=ROWS),
        Case(integers(0, 3), reals(), shapes=COLUMNS, settings={"axis": -2}),
    ],
    "sigmoid_crossentropy": Case(reals(0, 1), reals()),
    "categorical_crossentropy": Case(
        reals(0, 1),
        reals(0.1, 1),
        op=ops.categorical_crossentropy,
        shapes=[((3,), (3,)), ((2, 4), (2, 4))],
    ),
    "sparse_categorical_crossentropy": Case(
        integers(0, 3), reals(0.1, 1), op=ops.sparse_categorical_crossentropy, shapes=ROWS
    ),
    "binary_crossentropy": Case(
        reals(0, 1), reals(0.1, 0.9), op=ops.binary_crossentropy, shapes=[((), ()), ((2, 3), (2, 3))]
    ),
}  # fmt: skip


def softmax_composed(x):
    e = ops.exp(x)
    return e / ops.sum(e, axis=-1, keepdims=True)


def sigmoid_composed(x):
    return 1 / (1 + ops.exp(-x))


def test_derivatives_of_the_composition(rng):
    t, z = rng.uniform(0, 1, (3, 4)), rng.standard_normal((3, 4))
    labels = np.array([0, 3, 1])
    hot = np.eye(4)[labels]
    same_derivatives(
        softmax_crossentropy, lambda t, z: -ops.sum(t * ops.log(softmax_composed(z)), axis=-1), [t, z], rng
    )
    same_derivatives(
        lambda z: class_crossentropy(labels, z),
        lambda z: -ops.sum(hot * ops.log(softmax_composed(z)), axis=-1),
        [z],
        rng,
    )
    same_derivatives(lambda z: pick_class(labels, z) ** 2, lambda z: ops.sum(hot * z, axis=-1) ** 2, [z], rng)
    same_derivatives(
        sigmoid_crossentropy,
        lambda t, z: -t * ops.log(sigmoid_composed(z)) - (1 - t) * ops.log(1 - sigmoid_composed(z)),
        [t, z],
        rng,
    )


@given(st.integers(1, 5), st.integers(1, 5), st.booleans(), st.integers(0, 2**32 - 1))
def test_class_numbers_are_one_hot_targets(n, classes, from_logits, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    output = rng.uniform(0.1, 1, (n, classes))
    dense = ops.categorical_crossentropy(np.eye(classes)[labels], output, from_logits)
    np.testing.assert_allclose(ops.sparse_categorical_crossentropy(labels, output, from_logits), dense, atol=1e-12)
    column = labels[:, None].astype("float32")
    np.testing.assert_allclose(ops.sparse_categorical_crossentropy(column, output, from_logits), dense, atol=1e-12)
    across = ops.sparse_categorical_crossentropy(labels, output.T, from_logits, axis=0)
    np.testing.assert_allclose(across, dense, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_logits_and_probabilities_agree(seed):
    rng = np.random.default_rng(seed)
    z, t = rng.uniform(-4, 4, (3, 4)), rng.dirichlet(np.ones(4), 3)
    np.testing.assert_allclose(
        ops.categorical_crossentropy(t, z, from_logits=True),
        ops.categorical_crossentropy(t, ops.softmax(z)),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        ops.binary_crossentropy(t, z, from_logits=True), ops.binary_crossentropy(t, ops.sigmoid(z)), rtol=1e-5
    )


def test_as_keras():
    """keras 3.15 on JAX."""
    t = np.array([[0, 1, 0], [0, 0, 1.0]], "float32")
    p = np.array([[0.05, 0.95, 0], [0.1, 0.8, 0.1]], "float32")
    np.testing.assert_allclose(ops.categorical_crossentropy(t, p), [0.051293306, 2.3025851], rtol=1e-6)
    np.testing.assert_allclose(ops.categorical_crossentropy(t, p * 3), [0.051293306, 2.3025851], rtol=1e-6)
    np.testing.assert_allclose(ops.categorical_crossentropy(t, p, True), [0.58406353, 1.3897266], rtol=1e-6)
    np.testing.assert_allclose(ops.categorical_crossentropy(p, t), [0.8059049, 14.506287], rtol=1e-6)
    np.testing.assert_allclose(
        ops.binary_crossentropy(t, p),
        [[0.051293306, 0.051293306, 1.1920929e-07], [0.10536055, 1.6094379, 2.3025851]],
        rtol=1e-6,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        ops.binary_crossentropy(t, p, True),
        [[0.71845967, 0.32695642, 0.6931472], [0.7443967, 1.1711006, 0.64439666]],
        rtol=1e-6,
    )
    slope = grad(lambda p: ops.sum(ops.categorical_crossentropy(t, p)))(p)
    np.testing.assert_allclose(slope, [[1, -0.052631617, 1], [1, 1, -9]], rtol=1e-5)


def test_extreme_logits_have_exact_losses():
    z = np.array([[1e4, 0.0], [0.0, 1e4]], "float32")
    np.testing.assert_array_equal(ops.sparse_categorical_crossentropy([0, 0], z, from_logits=True), [0, 1e4])
    np.testing.assert_array_equal(ops.categorical_crossentropy(np.eye(2), z, from_logits=True), [0, 0])
    np.testing.assert_array_equal(
        ops.binary_crossentropy([1.0, 0.0], [1e4, 1e4], from_logits=True), np.array([0, 1e4], "float32")
    )
    slope = grad(lambda z: ops.sum(ops.sparse_categorical_crossentropy([1, 1], z, from_logits=True)))(z)
    np.testing.assert_array_equal(slope, [[1, -1], [0, 0]])


def test_epsilon_is_that_of_the_configuration():
    dtypes.set_epsilon(0.25)
    np.testing.assert_allclose(ops.binary_crossentropy([0.0], [1.0]), -np.log([0.25]), rtol=1e-6)


def test_dtypes_follow_the_outputs():
    t64, p32 = np.eye(2), np.full((2, 2), 0.5, "float32")
    for logits in (False, True):
        assert ops.categorical_crossentropy(t64, p32, logits).dtype == "float32"
        assert ops.binary_crossentropy(t64.astype("int64"), p32, logits).dtype == "float32"
        assert ops.sparse_categorical_crossentropy(np.array([0, 1]), p32, logits).dtype == "float32"
    assert ops.categorical_crossentropy(np.eye(2, dtype="int32"), np.eye(2, dtype="int32"), True).dtype == "float32"


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [0.5, 1.0]])
def test_numbers_that_name_no_class_are_refused(labels, from_logits):
    with pytest.raises(DataError, match=r"Count classes from 0|categorical_crossentropy"):
        ops.sparse_categorical_crossentropy(labels, np.full((2, 3), 0.3), from_logits)


@pytest.mark.parametrize(
    "call, advice",
    [
        (lambda: ops.categorical_crossentropy(np.ones((1, 3)), np.ones((2, 3))), "nothing is broadcast"),
        (lambda: ops.categorical_crossentropy(1.0, 1.0), "axis of classes"),
        (lambda: ops.binary_crossentropy(np.ones(3), np.ones((3, 1))), "nothing is broadcast"),
        (lambda: ops.sparse_categorical_crossentropy([0, 1, 1], np.ones((2, 3))), "one-hot targets"),
        (lambda: ops.sparse_categorical_crossentropy(np.eye(3), np.ones((3, 3))), "one-hot targets"),
        (lambda: class_crossentropy([0, 1, 1], np.ones((2, 3))), "class numbers must have the shape"),
    ],
)
def test_errors_give_advice(call, advice):
    with pytest.raises(ShapeError, match=advice):
        call()
