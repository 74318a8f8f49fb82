"""C for convolutions and pooling of sequences, and for means of windows: close to eager, without NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers, ops
from autonet.compiler.c.runtime import library
from autonet.gradients import grad
from tests.compiler.c.test_attention import agrees

pytestmark = pytest.mark.skipif(not library.available(), reason="no C compiler here")


@st.composite
def windows(draw):
    """A layer over sequences, or means over images, and a shape that it can take."""
    kind = draw(st.sampled_from(["Conv1D", "Conv1DTranspose", "DepthwiseConv1D", "Max1D", "Average1D", "Average2D"]))
    padding = draw(st.sampled_from(["valid", "same"]))
    window, strides = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shape = (draw(st.integers(1, 3)), *(draw(st.integers(3, 7)) for _ in range(2 if "2D" in kind else 1)), 4)
    if kind == "DepthwiseConv1D":
        return layers.DepthwiseConv1D(window, strides, padding, depth_multiplier=draw(st.integers(1, 2))), shape
    if kind.startswith("Conv"):
        more = {"groups": draw(st.integers(1, 2))} if kind == "Conv1D" else {}
        return getattr(layers, kind)(4, window, strides, padding, **more), shape
    return getattr(layers, f"{kind[:-2]}Pooling{kind[-2:]}")(window, strides, padding), shape


@given(windows(), st.integers(0, 99))
def test_windows(drawn, seed):
    layer, shape = drawn
    x = np.random.default_rng(seed).standard_normal(shape).astype("float32")
    layer(x)
    kernels = [w.numpy() for w in layer.weights]

    def loss(x, *kernels):
        return ops.sum(ops.tanh(layer(x)))

    assert not agrees(lambda x: (layer(x), grad(loss)(x)), x)
    for w, kernel in zip(layer.weights, kernels, strict=True):
        np.testing.assert_array_equal(w, kernel)


def test_slopes_of_kernels(rng):
    """Those of a model that trains: as for images one place high."""
    x, kernel = rng.standard_normal((5, 9, 3)).astype("float32"), rng.standard_normal((4, 3, 2)).astype("float32")
    loss = lambda kernel, x: ops.sum(ops.square(ops.conv(x, kernel, padding="same")))
    assert not agrees(lambda kernel, x: grad(loss, (0, 1))(kernel, x), kernel, x)
    flat = grad(loss, (0, 1))(kernel, x)
    high = grad(loss, (0, 1))(kernel[None], x[:, None])
    for a, b in zip(flat, high, strict=True):
        np.testing.assert_allclose(a, np.asarray(b).reshape(a.shape), rtol=1e-4, atol=1e-4)
