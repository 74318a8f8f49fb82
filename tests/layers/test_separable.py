"""Depthwise and separable convolutions: each channel by itself, then mixed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.errors import ArgumentError, ShapeError


@given(st.data())
def test_each_channel_by_itself(data):
    """As a convolution of that channel alone would give it."""
    rank = data.draw(st.integers(1, 2))
    channels, times = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    config = {"padding": data.draw(st.sampled_from(["valid", "same"])), "strides": data.draw(st.integers(1, 2))}
    first = data.draw(st.booleans())
    x = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal((2, *(5, 4)[:rank], channels))
    form = {"data_format": "channels_first" if first else "channels_last", "dtype": "float64"}
    layer = getattr(layers, f"DepthwiseConv{rank}D")(2, depth_multiplier=times, **config, **form)
    y = np.array(layer(np.moveaxis(x, -1, 1) if first else x))
    y = np.moveaxis(y, 1, -1) if first else y
    assert y.shape[-1] == channels * times
    for c in range(channels):
        one = getattr(layers, f"Conv{rank}D")(times, 2, use_bias=False, dtype="float64", **config)
        one.build((None, *x.shape[1:-1], 1))
        one.set_weights([layer.kernel.numpy()[..., c : c + 1, :]])
        np.testing.assert_allclose(y[..., c * times : (c + 1) * times], one(x[..., c : c + 1]), rtol=1e-12, atol=1e-12)


@given(times=st.integers(1, 2), seed=st.integers(0, 99))
def test_two_convolutions_one_after_the_other(times, seed):
    x = np.random.default_rng(seed).standard_normal((2, 4, 5, 3))
    layer = layers.SeparableConv2D(4, (2, 3), depth_multiplier=times, activation="tanh", dtype="float64")
    y = layer(x)
    first = layers.DepthwiseConv2D((2, 3), depth_multiplier=times, use_bias=False, dtype="float64")
    second = layers.Conv2D(4, 1, activation="tanh", dtype="float64")
    second(first(x))
    first.set_weights([layer.depthwise_kernel.numpy()])
    second.set_weights([layer.pointwise_kernel.numpy(), layer.bias.numpy()])
    np.testing.assert_allclose(y, second(first(x)), rtol=1e-12)


def test_misfits():
    with pytest.raises(ArgumentError, match="strides or a dilation_rate above 1, not both"):
        layers.SeparableConv1D(2, 3, strides=2, dilation_rate=2)
    for make in (lambda **a: layers.DepthwiseConv1D(3, **a), lambda **a: layers.SeparableConv1D(2, 3, **a)):
        with pytest.raises(ArgumentError, match="padding to be 'valid' or 'same'; received 'causal'"):
            make(padding="causal")
        with pytest.raises(ArgumentError, match="depth_multiplier to be a whole number above 0"):
            make(depth_multiplier=0)
        with pytest.raises(ShapeError, match="expects an input at least as large as its window"):
            make()(np.zeros((1, 2, 2)))
        layer = make()
        layer(np.zeros((1, 4, 2)))
        with pytest.raises(ShapeError, match="expects length 2 on axis -1"):
            layer(np.zeros((1, 4, 3)))
    with pytest.raises(ShapeError, match="must know the channels"):
        layers.DepthwiseConv1D(2).build((None, 4, None))
