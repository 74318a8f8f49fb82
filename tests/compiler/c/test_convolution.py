"""C for convolutions of images: close to eager, without NumPy, whatever the groups, borders and strides of memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.compiler import jit
from autonet.compiler.c.runtime import library
from autonet.gradients import grad
from tests.compiler.c.test_attention import agrees
from tests.share import share

pytestmark = pytest.mark.skipif(not library.available(), reason="no C compiler here")


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


windows = st.sampled_from([(3, 3), (5, 5), (1, 5), (4, 1), (2, 3)])


@share(1 / 5)
@given(st.integers(1, 9), st.integers(5, 12), st.integers(5, 12), windows, st.sampled_from([1, 1, 2]),
       st.sampled_from(["same", "valid"]), st.integers(8, 40), st.integers(8, 40), st.integers(0, 99))  # fmt: skip
def test_windows_at_every_pixel(n, h, w, window, apart, padding, c, f, seed):
    """What Winograd's products do, and where they would not pay, plain sums."""
    rng = np.random.default_rng(seed)
    h, w = (max(size, (k - 1) * apart + 1) for size, k in zip((h, w), window, strict=True))
    x = rng.standard_normal((n, h, w, c)).astype("float32")
    kernel = rng.standard_normal((*window, c, f)).astype("float32") / 12
    y = lambda x, kernel: ops.conv(x, kernel, padding=padding, dilation_rate=apart)
    loss = lambda x, kernel: ops.mean(ops.square(y(x, kernel)))
    assert not agrees(lambda x, kernel: (y(x, kernel), grad(loss, (0, 1))(x, kernel)), x, kernel)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_goes_where_it_goes_eagerly(strange, rng):
    x = np.abs(rng.standard_normal((2, 9, 9, 16))).astype("float32")
    kernel = np.abs(rng.standard_normal((3, 3, 16, 16))).astype("float32") + 1
    x[0, 4, 4, 3] = strange
    step = jit(lambda x, kernel: ops.conv(x, kernel, padding="same"))
    with np.errstate(all="ignore"):
        eager = step(x, kernel)
    step(x, kernel)
    for native in (step(x, kernel), step(x, kernel)):
        np.testing.assert_array_equal(np.isnan(native), np.isnan(eager))
        np.testing.assert_array_equal(np.isposinf(native), np.isposinf(eager))
        finite = np.isfinite(eager)
        np.testing.assert_allclose(native.numpy()[finite], eager.numpy()[finite], rtol=1e-5)


@pytest.mark.parametrize("strange", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("place", ["images", "kernel"])
def test_windows_behind_a_maximum_over_all_positions(place, strange, rng):
    """Where nearly all of the gradient is zero, that is left out, unless zero times something is NaN."""
    x = rng.standard_normal((6, 60, 16)).astype("float32")
    kernel = rng.standard_normal((5, 16, 24)).astype("float32")
    if place == "images":
        x[0, 30] = strange
    else:
        kernel[2, 3, 4] = strange

    def loss(x, kernel):
        y = ops.conv(x, kernel)
        return ops.sum(ops.where(ops.equal(y, ops.stop_gradient(ops.max(ops.nan_to_num(y), 1, keepdims=True))), y, 0.0))

    step = jit(grad(loss, (0, 1)))
    with np.errstate(all="ignore"):
        eager = step(x, kernel)
    step(x, kernel)
    for a, b in zip(step(x, kernel), eager, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_allclose(np.nan_to_num(a.numpy()), np.nan_to_num(b.numpy()), 1e-4, 1e-4)


@share(1 / 5)
@given(st.integers(1, 4), st.integers(6, 13), st.integers(6, 13), windows, st.integers(1, 8), st.integers(0, 99))
def test_where_windows_are_zero_results_are_exactly_zero(n, h, w, window, pixels, seed):
    """So that a relu's gate stays shut where nothing is seen, as in the margins of a picture."""
    rng = np.random.default_rng(seed)
    x, weight = np.zeros((2, n, h, w, 16), "float32")
    for sparse in (x, weight):
        sparse[rng.integers(0, n, pixels), rng.integers(0, h, pixels), rng.integers(0, w, pixels)] = 1 + rng.random(16)
    kernel = rng.standard_normal((*window, 16, 16)).astype("float32")
    y = lambda x, kernel: ops.conv(x, kernel, padding="same")
    step = jit(lambda x, kernel, weight: (y(x, kernel), grad(lambda x: ops.sum(y(x, kernel) * weight))(x)))
    eager = step(x, kernel, weight)
    step(x, kernel, weight)
    for a, b in zip(step(x, kernel, weight), eager, strict=True):
        np.testing.assert_array_equal(a == 0, b == 0)
