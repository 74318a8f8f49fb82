"""C for convolutions and pooling of sequences, and for means of windows: close to eager, without NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers, ops
from autonet.compiler.c.runtime import library
from autonet.gradients import grad
from tests.compiler.c.test_attention import agrees
from tests.share import share

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


VIEWS = {  # of an array made by concatenation: its channels' first half, other orders of memory
    "whole": lambda x: x,
    "half the channels": lambda x: ops.split(ops.concatenate([x, x + 1], -1), 2, -1)[0],
    "every second row": lambda x: ops.repeat(x, 2, 1)[:, ::2],
    "turned": lambda x: ops.swapaxes(ops.tanh(ops.swapaxes(x, 1, 2)), 1, 2),
}


@st.composite
def convolutions(draw):
    """A convolution over images, as settings of `ops.conv` or `conv_transpose`, shapes, and how its input is seen."""
    groups = draw(st.sampled_from([1, 1, 2, 5, 12]))
    own, each = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    window = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    strides, dilation = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (3, 1)]))
    settings = {"strides": strides, "padding": draw(st.sampled_from(["same", "valid"])), "dilation_rate": dilation}
    shape = (draw(st.integers(1, 4)), draw(st.integers(5, 9)), draw(st.integers(5, 9)), groups * own)
    back = groups == 1 and draw(st.booleans())
    kernel = (*window, each, own) if back else (*window, own, groups * each)
    return ops.conv_transpose if back else ops.conv, settings, shape, kernel, draw(st.sampled_from(list(VIEWS)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@share(1 / 3)
@given(convolutions(), st.integers(0, 99))
def test_convolutions_of_any_strides(dtype, drawn, seed):
    """Groups, strides, dilations, borders; operands and gradients that are parts of other arrays."""
    f, settings, shape, kernel_shape, view = drawn
    rng = np.random.default_rng(seed)
    x, kernel = (rng.standard_normal(s).astype(dtype) for s in (shape, kernel_shape))

    def y(x, kernel):
        return f(VIEWS[view](x), kernel, **settings)

    def loss(x, kernel):
        first = y(x, kernel)
        return ops.sum(ops.square(ops.concatenate([first, ops.tanh(first)], -1)))

    stepped_out = agrees(lambda x, kernel: (y(x, kernel), grad(loss, (0, 1))(x, kernel)), x, kernel)
    assert dtype == "float64" or not stepped_out


def test_slopes_of_kernels(rng):
    """Those of a model that trains: as for images one place high."""
    x, kernel = rng.standard_normal((5, 9, 3)).astype("float32"), rng.standard_normal((4, 3, 2)).astype("float32")
    loss = lambda kernel, x: ops.sum(ops.square(ops.conv(x, kernel, padding="same")))
    assert not agrees(lambda kernel, x: grad(loss, (0, 1))(kernel, x), kernel, x)
    flat = grad(loss, (0, 1))(kernel, x)
    high = grad(loss, (0, 1))(kernel[None], x[:, None])
    for a, b in zip(flat, high, strict=True):
        np.testing.assert_allclose(a, np.asarray(b).reshape(a.shape), rtol=1e-4, atol=1e-4)
