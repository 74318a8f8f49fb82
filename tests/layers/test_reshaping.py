"""Flatten and Reshape: order, empty batches, shapes that do not fit."""

import numpy as np
import pytest

from autonet import layers
from autonet.errors import ArgumentError, ShapeError


def test_flatten_keeps_the_order():
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(layers.Flatten()(x), x.reshape(2, 12))


def test_flatten_moves_channels_last():
    """So that weights behind it fit both formats."""
    x = np.arange(48.0).reshape(2, 2, 3, 4)
    last = layers.Flatten()(np.moveaxis(x, 1, -1))
    np.testing.assert_array_equal(layers.Flatten(data_format="channels_first")(x), last)


@pytest.mark.parametrize("shape, flat", [((3,), (3, 1)), ((0, 2, 2), (0, 4)), ((2, 0, 3), (2, 0))])
def test_flatten_of_little(shape, flat):
    assert layers.Flatten()(np.zeros(shape)).shape == flat


@pytest.mark.parametrize("target, shape, result", [
    ((-1,), (2, 3, 4), (2, 12)),
    ((4, 3), (2, 3, 4), (2, 4, 3)),
    ((2, -1), (0, 6), (0, 2, 3)),
    ((), (5, 1), (5,)),
])  # fmt: skip
def test_reshape(target, shape, result):
    layer = layers.Reshape(target)
    assert layer(np.zeros(shape)).shape == layer.compute_output_shape(shape) == result


def test_reshape_of_unknown_lengths():
    assert layers.Reshape((-1, 2)).compute_output_shape((None, None, 4)) == (None, None, 2)
    assert layers.Reshape((-1, 2)).compute_output_shape((None, 3, 4)) == (None, 6, 2)


@pytest.mark.parametrize("target", [(5,), (-1, 5), (2, 3)])
def test_another_number_of_elements(target):
    layer = layers.Reshape(target, name="mine")
    with pytest.raises(ShapeError, match="'mine' cannot make .*a sample has 12 elements. Give lengths"):
        layer(np.zeros((2, 3, 4)))
    with pytest.raises(ShapeError, match="'mine' cannot make"):
        layer.compute_output_shape((None, 3, 4))


@pytest.mark.parametrize("target", [4, (-1, -1), "ab"])
def test_targets_that_are_none(target):
    with pytest.raises(ArgumentError, match="a tuple of lengths with at most one -1"):
        layers.Reshape(target)


def test_permute_counts_axes_from_one():
    x = np.arange(24.0, dtype="float32").reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(layers.Permute((3, 1, 2))(x), x.transpose(0, 3, 1, 2))
    for dims in ((0, 1), (1, 3), (1, 1)):
        with pytest.raises(ArgumentError, match="the numbers from 1 on, each once"):
            layers.Permute(dims)
    with pytest.raises(ShapeError, match="3 axes"):
        layers.Permute((2, 1))(x)


def test_repeat_vector():
    x = np.arange(6.0, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(layers.RepeatVector(2)(x), np.stack([x, x], 1))
    with pytest.raises(TypeError, match="n to be a whole number; received 'a'"):
        layers.RepeatVector("a")
    with pytest.raises(ShapeError, match="2 axes"):
        layers.RepeatVector(2)(x[None])
