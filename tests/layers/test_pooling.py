"""Pooling against windows cut by hand, masks in global pooling, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError


def by_hand(f, x, window, strides, padding):
    """`f` of each window's places inside the input, channels last."""
    _, *places, _ = x.shape
    ranges = []
    for size, w, s in zip(places, window, strides, strict=True):
        count = -(-size // s) if padding == "same" else (size - w) // s + 1
        start = max((count - 1) * s + w - size, 0) // 2 if padding == "same" else 0
        ranges.append([slice(max(o * s - start, 0), min(o * s - start + w, size)) for o in range(count)])
    axes = tuple(range(1, x.ndim - 1))
    values = [f(x[(slice(None), *cut)], axis=axes) for cut in itertools.product(*ranges)]
    return np.moveaxis(np.array(values), 0, 1).reshape(x.shape[0], *map(len, ranges), x.shape[-1])


@given(st.data())
@pytest.mark.parametrize("name, f", [("Max", np.max), ("Average", np.mean)])
def test_against_windows_by_hand(name, f, data):
    rank = data.draw(st.integers(1, 3))
    draw = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(rank))
    window, strides = draw(1, 3), draw(1, 3)
    places = tuple(w + more for w, more in zip(window, draw(0, 3), strict=True))
    padding = data.draw(st.sampled_from(["valid", "same"]))
    first = data.draw(st.booleans())
    x = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal((2, *places, 2))
    cls = getattr(layers, f"{name}Pooling{rank}D")
    layer = cls(window, strides, padding, "channels_first" if first else "channels_last", dtype="float64")
    y = np.array(layer(np.moveaxis(x, -1, 1) if first else x))
    y = np.moveaxis(y, 1, -1) if first else y
    np.testing.assert_allclose(y, by_hand(f, x, window, strides, padding), rtol=1e-12)


def test_strides_are_the_window_unless_told():
    assert layers.MaxPooling2D(3).strides == (3, 3)
    assert layers.MaxPool2D is layers.MaxPooling2D and layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D


def test_a_peak_takes_the_whole_slope():
    x = Tensor(np.array([[[1.0], [3.0], [3.0], [0.0]]], "float32"), requires_grad=True)
    layers.MaxPooling1D(4)(x).sum().backward()
    assert x.grad.numpy().ravel().tolist() == [0.0, 1.0, 0.0, 0.0]


@given(rows=st.integers(1, 3), places=st.integers(1, 4), more=st.integers(0, 3), seed=st.integers(0, 99))
def test_masked_mean_is_that_of_the_shorter_sequence(rows, places, more, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, places + more, 2))
    mask = np.arange(places + more) < np.full((rows, 1), places)
    for first in (False, True):
        layer = layers.GlobalAveragePooling1D("channels_first" if first else None, dtype="float64")
        y = layer(np.moveaxis(x, -1, 1) if first else x, mask=Tensor(mask))
        np.testing.assert_allclose(y, x[:, :places].mean(1), rtol=1e-12)


def test_integers_stay():
    x = np.arange(8, dtype="int32").reshape(1, 8, 1)
    y = layers.MaxPooling1D(3)(x)
    assert y.dtype == "int32" and y.tolist() == [[[2], [5]]]


def test_misfits():
    with pytest.raises(ShapeError, match="3 axes"):
        layers.MaxPooling1D()(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="'mine' expects an input at least as large"):
        layers.MaxPooling1D(5, name="mine").compute_output_shape((None, 4, 1))
    with pytest.raises(ShapeError, match="GlobalMaxPooling2D .* 4 axes"):
        layers.GlobalMaxPooling2D().compute_output_shape((None, 4, 1))
    with pytest.raises(ArgumentError, match="padding to be 'valid' or 'same'; received 'causal'"):
        layers.MaxPooling1D(padding="causal")
    with pytest.raises(ArgumentError, match="pool_size must be"):
        layers.AveragePooling2D((2, 0))


# Adaptive; the windows themselves are tested with the operations


def test_adaptive_windows_cover_everything():
    x = np.arange(7.0, dtype="float32").reshape(1, 7, 1)
    assert layers.AdaptiveAveragePooling1D(3)(x).numpy().ravel().tolist() == [1, 3, 5]
    assert layers.AdaptiveMaxPooling1D(3)(x).numpy().ravel().tolist() == [2, 4, 6]
    layer = layers.AdaptiveMaxPooling2D((2, 3), data_format="channels_first")
    assert layer.compute_output_shape((None, 5, None, None)) == (None, 5, 2, 3)
    assert layer(np.zeros((1, 5, 4, 4))).shape == (1, 5, 2, 3)


def test_adaptive_misfits():
    with pytest.raises(ArgumentError, match="output_size must be a whole number above 0, or 2 of them"):
        layers.AdaptiveAveragePooling2D((2, 2, 2))
    with pytest.raises(ShapeError, match="4 axes"):
        layers.AdaptiveMaxPooling2D(2)(np.zeros((1, 4, 2)))
