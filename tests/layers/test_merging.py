"""Merging layers: values, shapes, masks and refusals are Keras's, as observed of keras 3.15."""

import itertools
import json

import numpy as np
import pytest

import autonet
from autonet import layers, ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import check_gradients
from autonet.serialization import deserialize_keras_object, serialize_keras_object

NUMPY = {  # class: the same of a list of arrays
    "Add": sum,
    "Subtract": lambda xs: xs[0] - xs[1],
    "Multiply": lambda xs: np.prod(np.broadcast_arrays(*xs), axis=0),
    "Average": lambda xs: sum(xs) / len(xs),
    "Maximum": lambda xs: np.max(np.broadcast_arrays(*xs), axis=0),
    "Minimum": lambda xs: np.min(np.broadcast_arrays(*xs), axis=0),
    "Concatenate": lambda xs: np.concatenate(xs, axis=-1),
}
SHAPES = {
    "alike": [(2, 3), (2, 3)],
    "ones": [(2, 3, 4), (2, 1, 4)],
    "fewer axes": [(2, 3), (2, 4, 3)],
}


def draw(rng, shapes):
    return [Tensor(rng.standard_normal(s)) for s in shapes]


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=list(SHAPES))
@pytest.mark.parametrize("name", [n for n in NUMPY if n != "Concatenate"])
def test_elementwise(name, shapes, rng):
    xs = draw(rng, shapes)
    layer = getattr(layers, name)(dtype="float64")
    axes = max(len(s) for s in shapes)
    aligned = [x.numpy().reshape(x.shape[0], *(1,) * (axes - x.ndim), *x.shape[1:]) for x in xs]
    expected = NUMPY[name](aligned)
    np.testing.assert_allclose(np.array(layer(xs)), expected, rtol=1e-12)
    assert layer.compute_output_shape(shapes) == expected.shape
    assert layer.compute_output_shape([(None, *s[1:]) for s in shapes]) == (None, *expected.shape[1:])
    check_gradients(lambda a, b: ops.sum(ops.sin(layer([a, b]))), *xs)


@pytest.mark.parametrize("name", [n for n in NUMPY if n != "Subtract"])
def test_three_inputs(name, rng):
    xs = draw(rng, [(2, 3)] * 3)
    np.testing.assert_allclose(
        np.array(getattr(layers, name)(dtype="float64")(xs)), NUMPY[name]([x.numpy() for x in xs]), rtol=1e-12
    )


@pytest.mark.parametrize("name", NUMPY)
def test_functions(name, rng):
    """`add([a, b])` is `Add()([a, b])`, on Tensors and on placeholders."""
    xs = draw(rng, [(2, 3)] * 2)
    function = getattr(layers, name.lower())
    np.testing.assert_array_equal(
        np.array(function(xs, dtype="float64")), np.array(getattr(layers, name)(dtype="float64")(xs))
    )
    a, b = autonet.Input((3,)), autonet.Input((3,))
    out = function([a, b], name="joined")
    assert out._origin.op.name == "joined"
    assert autonet.Model([a, b], out)([x.numpy() for x in xs]).shape == out.shape[:0] + (2, *out.shape[1:])


def test_concatenate_along_places(rng):
    xs = draw(rng, [(2, 3, 4), (2, 5, 4)])
    layer = layers.Concatenate(axis=1, dtype="float64")
    np.testing.assert_array_equal(np.array(layer(xs)), np.concatenate([x.numpy() for x in xs], axis=1))
    assert layer.compute_output_shape([(2, None, 3), (2, 4, 3)]) == (2, None, 3)
    assert layers.Concatenate().compute_output_shape([(None, 3, 4), (2, 3, None)]) == (2, 3, None)
    check_gradients(lambda a, b: ops.sum(ops.sin(layer([a, b]))), *xs)


@pytest.mark.parametrize("axes, shapes, subscripts", [
    (1, [(2, 3), (2, 3)], "na,na->n"),
    ((1, 2), [(2, 3, 4), (2, 5, 3)], "nac,nba->ncb"),
    (-1, [(2, 3, 4), (2, 5, 4)], "nac,nbc->nab"),
    ((1, 1), [(2, 4), (2, 4, 6)], "na,nab->nb"),
    ((3, 1), [(2, 4, 3, 5), (2, 5, 6)], "nabc,ncd->nabd"),
    ((3, 2), [(2, 4, 3, 5), (2, 7, 5, 6)], "nabc,ndce->nabde"),
])  # fmt: skip
@pytest.mark.parametrize("normalize", [False, True])
def test_dot(axes, shapes, subscripts, normalize, rng):
    xs = draw(rng, shapes)
    layer = layers.Dot(axes, normalize=normalize, dtype="float64")
    pair = (axes, axes) if isinstance(axes, int) else axes
    arrays = [x.numpy() for x in xs]
    if normalize:
        arrays = [a / np.sqrt(np.sum(a * a, axis=k, keepdims=True)) for a, k in zip(arrays, pair, strict=True)]
    expected = np.einsum(subscripts, *arrays)
    expected = expected[:, None] if expected.ndim == 1 else expected
    np.testing.assert_allclose(np.array(layer(xs)), expected, rtol=1e-6)
    assert layer.compute_output_shape([(None, *s[1:]) for s in shapes]) == (None, *expected.shape[1:])
    np.testing.assert_array_equal(
        np.array(layers.dot(xs, axes, normalize=normalize, dtype="float64")), np.array(layer(xs))
    )
    check_gradients(lambda a, b: ops.sum(ops.sin(layer([a, b]))), *xs)


ONE = np.array([[1, 1, 0], [1, 0, 0]], bool)
TWO = np.array([[1, 0, 1], [1, 0, 0]], bool)


@pytest.mark.parametrize("layer, masks, expected", [
    (layers.Add(), (ONE, TWO), ONE | TWO),
    (layers.Average(), (ONE, TWO), ONE | TWO),
    (layers.Multiply(), (ONE, None), None),
    (layers.Subtract(), (None, None), None),
    (layers.Concatenate(), (ONE, TWO), ONE | TWO),
    (layers.Concatenate(), (ONE, None), np.ones((2, 3), bool)),
    (layers.Concatenate(axis=1), (ONE, TWO), np.concatenate([ONE, TWO], axis=1)),
    (layers.Concatenate(axis=1), (ONE, None), np.concatenate([ONE, np.ones((2, 3), bool)], axis=1)),
    (layers.Concatenate(axis=1), (None, None), None),
    (layers.Dot(2), (ONE, TWO), None),
])  # fmt: skip
def test_masks(layer, masks, expected, rng):
    xs = draw(rng, [(2, 3, 4)] * 2)
    for x, m in zip(xs, masks, strict=True):
        if m is not None:
            x._mask = Tensor(m)
    mask = getattr(layer(xs), "_mask", None)
    assert (mask is None) == (expected is None)
    if expected is not None:
        np.testing.assert_array_equal(np.array(mask), expected)


@pytest.mark.parametrize(
    "masked", list(itertools.product((False, True), repeat=3)), ids=lambda m: "".join("-m"[x] for x in m)
)
@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum"])
def test_a_masked_step_leaves_those_of_the_others(name, masked, rng):
    """Where none has a step, a product is 0, and of extremes the first input stays, as in Keras."""
    xs = draw(rng, [(2, 3, 4), (2, 3, 4), (2, 3, 1)])
    masks = [rng.random((2, 3)) < 0.5 if m else None for m in masked]
    choose = {"Multiply": np.prod, "Maximum": np.max, "Minimum": np.min}[name]
    expected = np.empty((2, 3, 4))
    for place in np.ndindex(2, 3):
        there = [np.broadcast_to(x.numpy()[place], 4) for x, m in zip(xs, masks, strict=True) if m is None or m[place]]
        expected[place] = (
            choose(there, axis=0) if there else np.zeros(4) if name == "Multiply" else xs[0].numpy()[place]
        )
    for x, m in zip(xs, masks, strict=True):
        if m is not None:
            x._mask = Tensor(m)
    layer = getattr(layers, name)(dtype="float64")
    np.testing.assert_allclose(layer(xs), expected)
    if any(masked):
        check_gradients(lambda *xs: ops.sum(ops.sin(layer(list(xs), mask=masks))), *xs)


@pytest.mark.parametrize("layer, shapes, message", [
    (layers.Add(), (2, 3), "combines a list of inputs, as in Add"),
    (layers.Add(), [], "combines a list of inputs"),
    (layers.Subtract(), [(2, 3)] * 3, "expects exactly 2 inputs; received 3"),
    (layers.Dot(1), [(2, 3)] * 3, "expects exactly 2 inputs; received 3"),
    (layers.Add(), [(2, 3), (2, 4)], "cannot combine inputs of shapes"),
    (layers.Add(), [(2, 3), (2, 3, 4)], "cannot combine inputs of shapes"),
    (layers.Add(), [(2, 3), (1, 3)], "expects inputs of one batch"),
    (layers.Add(), [(2, 3), (3,)], "expects inputs of one batch"),
    (layers.Concatenate(), [(2, 3), (3, 4)], "agree on every axis but 1"),
    (layers.Concatenate(axis=1), [(2, 3), (2, 3, 4)], "inputs of equally many axes"),
    (layers.Concatenate(axis=3), [(2, 3), (2, 3)], "joins along axis 3"),
    (layers.Dot((2, 1)), [(2, 3, 4), (2, 5, 3)], "of one length"),
    (layers.Dot(0), [(2, 3), (2, 3)], "not the batch's"),
])  # fmt: skip
def test_refusals(layer, shapes, message):
    for use in (
        lambda: layer.compute_output_shape(shapes),
        lambda: layer([np.ones(s) for s in shapes] if isinstance(shapes, list) else np.ones(shapes)),
    ):
        with pytest.raises((ArgumentError, ShapeError), match=message):
            use()


def test_axes_of_dot():
    with pytest.raises(TypeError, match="whole number or a pair"):
        layers.Dot("a")
    with pytest.raises(ValueError, match="two whole numbers"):
        layers.Dot((1, 2, 3))


@pytest.mark.parametrize("name, config", [
    ("Add", {}), ("Subtract", {}), ("Multiply", {}), ("Average", {}), ("Maximum", {}), ("Minimum", {}),
    ("Concatenate", {"axis": 1}), ("Dot", {"axes": [1, 2], "normalize": True}),
])  # fmt: skip
def test_configuration(name, config):
    """As keras 3.15 writes it."""
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    stored = json.loads(json.dumps(serialize_keras_object(getattr(layers, name)(**config, name="it"))))
    assert stored == {
        "module": "keras.layers",
        "class_name": name,
        "config": {"name": "it", "trainable": True, "dtype": policy, **config},
        "registered_name": None,
    }
    assert json.loads(json.dumps(serialize_keras_object(deserialize_keras_object(stored)))) == stored


@pytest.mark.parametrize("name", [*NUMPY, "Dot"])
def test_dtypes(name):
    """Integers stay integers, but for a mean."""
    make = getattr(layers, name)
    layer = make(1) if name == "Dot" else make()
    ones = np.ones((2, 3), "int32")
    assert layer([ones, ones]).dtype == ("float32" if name == "Average" else "int32")
    assert layer([ones, ones.astype("float32")]).dtype == "float32"
