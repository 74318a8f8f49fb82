"""Transposed convolutions: the transposes of convolutions, and their lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import vjp


@given(st.data())
def test_the_slope_of_a_convolution(data):
    """Laying windows down is the pullback of taking them up, along the input."""
    rank = data.draw(st.integers(1, 3))
    few = st.integers(1, 3 if rank < 3 else 2)
    window, strides = (tuple(data.draw(few) for _ in range(rank)) for _ in range(2))
    padding = data.draw(st.sampled_from(["valid", "same"]))
    places = tuple(data.draw(st.integers(1, 4)) for _ in range(rank))
    x = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal((2, *places, 2))
    layer = getattr(layers, f"Conv{rank}DTranspose")(3, window, strides, padding, dtype="float64")
    y = np.array(layer(x))
    assert y.shape == layer.compute_output_shape(x.shape)
    forward = getattr(layers, f"Conv{rank}D")(2, window, strides, padding, use_bias=False, dtype="float64")
    forward.build((2, *y.shape[1:-1], 3))
    forward.set_weights([layer.kernel.numpy()])
    out, pull = vjp(forward, np.zeros_like(y))
    assert out.shape == x.shape
    np.testing.assert_allclose(pull(x)[0], y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("config, length", [
    ({}, 9),
    ({"padding": "same"}, 8),
    ({"output_padding": 0}, 9),
    ({"output_padding": 1}, 10),
    ({"padding": "same", "output_padding": 0}, 7),
    ({"padding": "same", "output_padding": 1}, 8),
])  # fmt: skip
def test_lengths(config, length):
    layer = layers.Conv1DTranspose(1, 3, strides=2, **config)
    assert layer.compute_output_shape((None, 4, 2)) == (None, length, 1)
    assert layer.compute_output_shape((None, None, 2)) == (None, None, 1)
    assert layer(np.zeros((1, 4, 2))).shape == (1, length, 1)


def test_three_dimensions_take_their_paddings_in_keras_order():
    config = layers.Conv3DTranspose(1, 2, 2, "valid", "channels_first", 1).get_config()
    assert (config["data_format"], config["output_padding"]) == ("channels_first", (1, 1, 1))


def test_misfits():
    with pytest.raises(ArgumentError, match="output_padding to be None, or a whole number from 0 and below strides"):
        layers.Conv2DTranspose(1, 3, strides=2, output_padding=2)
    with pytest.raises(ArgumentError, match="strides or a dilation_rate above 1, not both"):
        layers.Conv2DTranspose(1, 3, strides=2, dilation_rate=2)
    with pytest.raises(ShapeError, match="4 axes"):
        layers.Conv2DTranspose(1, 3)(np.zeros((1, 4, 2)))
    layer = layers.Conv1DTranspose(1, 3)
    layer(np.zeros((1, 4, 2)))
    with pytest.raises(ShapeError, match="expects length 2 on axis -1"):
        layer(np.zeros((1, 4, 3)))
