"""Convolutions against plain loops and against compositions of small ops, and their rows of the gradient table."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.gradients import vjp
from autonet.ops import sliding_windows
from autonet.ops.convolution import convolve, convolve_input, convolve_kernel
from tests.ops.cases import Case, reals, same_derivatives

# Inputs beside kernels: 1, 2 and 3 axes of places, groups, depthwise, and channels enough for a product per cell
PAIRS = [
    ((2, 5, 3), (3, 3, 2)),
    ((1, 6, 4), (2, 2, 4)),
    ((2, 4, 5, 2), (2, 3, 2, 3)),
    ((1, 4, 4, 6), (2, 2, 2, 3)),
    ((2, 5, 4, 3), (3, 2, 1, 6)),
    ((0, 4, 4, 2), (2, 2, 2, 2)),
    ((1, 3, 3, 17), (2, 2, 17, 2)),
    ((1, 3, 4, 3, 2), (2, 2, 1, 2, 2)),
]
MOVES = [(1, 1), (2, 1), (1, 2)]  # stride, dilation


def _layouts(places, window):
    """Strides, dilations, starts and counts of every window that fits."""
    n = len(places)
    for padding, (s, d) in itertools.product(("valid", "same"), MOVES):
        try:
            starts, counts = sliding_windows.place(places, window, (s,) * n, padding, (d,) * n, "test")
        except ShapeError:
            continue
        yield {"strides": (s,) * n, "dilation": (d,) * n, "starts": starts}, counts


def _forward(x, kernel):
    groups = x[-1] // kernel[-2]
    return [{**layout, "size": n, "groups": groups} for layout, n in _layouts(x[1:-1], kernel[:-2])]


def _to_input(out, kernel):
    """Any extent of the input will do, also one that the windows do not reach, or leave."""
    n = len(kernel) - 2
    found = []
    for (s, d), start, more in itertools.product(MOVES, (0, 1), (-1, 0, 2)):
        covered = [(o - 1) * s + (w - 1) * d + 1 for o, w in zip(out[1:-1], kernel[:-2], strict=True)]
        size = tuple(max(1, c - 2 * start + more) for c in covered)
        if all(start < c for c in covered):
            layout = {"strides": (s,) * n, "dilation": (d,) * n, "starts": (start,) * n}
            found.append({**layout, "size": size, "groups": 1})
    return found


def _to_kernel(x, out):
    n = len(x) - 2
    found = []
    for (s, d), start, w in itertools.product(MOVES, (0, 1), (1, 2)):
        layout = {"strides": (s,) * n, "dilation": (d,) * n, "starts": (start,) * n}
        if all((o - 1) * s + (w - 1) * d + 1 > start for o in out[1:-1]):
            found += [{**layout, "size": (w,) * n, "groups": g} for g in {1, math.gcd(x[-1], out[-1])}]
    return found


CASES = {
    "convolve": Case(reals(), reals(), shapes=PAIRS, settings=_forward),
    "convolve_input": Case(
        reals(),
        reals(),
        shapes=[
            ((2, 3, 2), (2, 3, 2)),
            ((1, 2, 3, 2), (2, 3, 2, 2)),
            ((0, 2, 2, 3), (2, 2, 1, 3)),
            ((1, 2, 2, 2), (2, 1, 17, 2)),
        ],
        settings=_to_input,
    ),
    "convolve_kernel": Case(
        reals(),
        reals(),
        shapes=[((2, 5, 3), (2, 4, 3)), ((2, 4, 4, 2), (2, 3, 2, 4)), ((0, 4, 4, 2), (0, 3, 3, 2))],
        settings=_to_kernel,
    ),
    "conv_transpose": Case(
        reals(),
        reals(),
        op=ops.conv_transpose,
        shapes=[((2, 3, 2), (3, 1, 2)), ((1, 3, 2, 2), (2, 3, 3, 2))],
        settings=[{"strides": 1}, {"strides": 2, "padding": "same"}, {"strides": 2, "output_padding": 1}],
    ),
    "separable_conv": Case(
        reals(),
        reals(),
        reals(),
        op=ops.separable_conv,
        shapes=[((2, 4, 3, 2), (2, 2, 2, 2), (1, 1, 4, 3))],
        settings=[{}, {"padding": "same", "strides": 2}],
    ),
}


def loops(x, kernel, strides, starts, dilation, counts, groups):
    """The formula of the module, a term at a time."""
    *window, own, filters = kernel.shape
    y = np.zeros((x.shape[0], *counts, filters))
    for n, o, t in itertools.product(range(x.shape[0]), np.ndindex(*counts), np.ndindex(*window)):
        at = tuple(a * s + b * d - start for a, s, b, d, start in zip(o, strides, t, dilation, starts, strict=True))
        if all(0 <= i < size for i, size in zip(at, x.shape[1:-1], strict=True)):
            for f in range(filters):
                group = f // (filters // groups)
                y[(n, *o, f)] += x[(n, *at)][group * own : (group + 1) * own] @ kernel[t][:, f]
    return y


@st.composite
def problems(draw):
    """Inputs, a kernel and the settings of a convolution that exists."""
    n = draw(st.integers(1, 3))
    window = draw(st.tuples(*[st.integers(1, 3)] * n))
    stride, dilation = draw(st.sampled_from([(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]))
    padding = draw(st.sampled_from(["valid", "same"]))
    reach = [(w - 1) * dilation + 1 for w in window]
    low = [1 if padding == "same" else r for r in reach]
    places = draw(st.tuples(*[st.integers(a, max(a, 5 if n == 3 else 7)) for a in low]))
    groups, own, each = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((draw(st.integers(1, 3)), *places, groups * own))
    kernel = rng.standard_normal((*window, own, groups * each))
    return x, kernel, stride, padding, dilation, groups


@given(problems())
def test_conv_is_the_sum_over_windows(problem):
    x, kernel, stride, padding, dilation, groups = problem
    n = x.ndim - 2
    every = ((stride,) * n, (dilation,) * n)
    starts, counts = sliding_windows.place(x.shape[1:-1], kernel.shape[:-2], every[0], padding, every[1], "test")
    expected = loops(x, kernel, every[0], starts, every[1], counts, groups)
    y = ops.conv(x, kernel, stride, padding, dilation_rate=dilation)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    first = ops.conv(np.moveaxis(x, -1, 1), kernel, stride, padding, "channels_first", dilation)
    np.testing.assert_allclose(np.moveaxis(np.asarray(first), 1, -1), expected, atol=1e-12)


@given(problems(), st.integers(0, 2**32 - 1))
def test_slopes_are_transposes_of_the_same_sum(problem, seed):
    """<g, conv(x, k)> = <x, slope along x> = <k, slope along k>, for a map that is linear in each."""
    x, kernel, stride, padding, dilation, _ = problem
    y, pull = vjp(lambda x, k: ops.conv(x, k, stride, padding, dilation_rate=dilation), x, kernel)
    g = np.random.default_rng(seed).standard_normal(y.shape)
    gx, gk = pull(Tensor(g))
    assert gx.shape == x.shape
    assert gk.shape == kernel.shape
    total = np.sum(np.asarray(y) * g)
    assert np.sum(np.asarray(gx) * x) == pytest.approx(total, abs=1e-9)
    assert np.sum(np.asarray(gk) * kernel) == pytest.approx(total, abs=1e-9)


@given(problems())
def test_blocks_give_what_one_block_gives(problem):
    """Patches are made a block at a time, of samples and, in large images, of places."""
    x, kernel, stride, padding, dilation, _ = problem

    def results():
        y, pull = vjp(lambda x, k: ops.conv(x, k, stride, padding, dilation_rate=dilation), x, kernel)
        return [np.asarray(r) for r in (y, *pull(y))]

    whole = results()
    for size in (1, 500):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sliding_windows, "SCRATCH", size)
            for a, b in zip(results(), whole, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def composed(x, kernel, stride, padding, dilation):
    """The same convolution from pad, slices and products of matrices."""
    n = len(x.shape) - 2
    *window, own, filters = kernel.shape
    starts, counts = sliding_windows.place(x.shape[1:-1], window, (stride,) * n, padding, (dilation,) * n, "test")
    reach = [(c - 1) * stride + (w - 1) * dilation + 1 for c, w in zip(counts, window, strict=True)]
    after = [max(r - a - size, 0) for r, a, size in zip(reach, starts, x.shape[1:-1], strict=True)]
    x = ops.pad(x, ((0, 0), *zip(starts, after, strict=True), (0, 0)))
    groups = x.shape[-1] // own
    parts = []
    for group in range(groups):
        share = slice(group * filters // groups, (group + 1) * filters // groups)
        terms = []
        for cell in np.ndindex(*window):
            at = [
                slice(t * dilation, t * dilation + (c - 1) * stride + 1, stride)
                for t, c in zip(cell, counts, strict=True)
            ]
            seen = x[(slice(None), *at, slice(group * own, (group + 1) * own))]
            terms.append(seen @ kernel[(*[int(t) for t in cell], slice(None), share)])
        parts.append(sum(terms[1:], terms[0]))
    return ops.concatenate(parts, axis=-1)


@pytest.mark.parametrize("shapes", [PAIRS[0], PAIRS[2], PAIRS[3], PAIRS[4]])
@pytest.mark.parametrize("stride, padding, dilation", [(1, "valid", 1), (2, "same", 1), (1, "same", 2)])
def test_derivatives_of_the_composition(shapes, stride, padding, dilation, rng):
    xs = [rng.standard_normal(shape) for shape in shapes]
    same_derivatives(
        lambda x, k: ops.conv(x, k, stride, padding, dilation_rate=dilation),
        lambda x, k: composed(x, k, stride, padding, dilation),
        xs,
        rng,
    )


def test_depthwise_is_a_convolution_of_each_channel(rng):
    x, kernel = rng.standard_normal((2, 5, 6, 3)), rng.standard_normal((3, 2, 3, 2))
    y = np.asarray(ops.depthwise_conv(x, kernel, 1, "same"))
    for c in range(3):
        alone = ops.conv(x[..., c : c + 1], kernel[:, :, c : c + 1], 1, "same")
        np.testing.assert_allclose(y[..., 2 * c : 2 * c + 2], alone, atol=1e-12)


def test_separable_is_depthwise_then_pointwise(rng):
    x, depthwise = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((3, 2, 3, 2))
    pointwise = rng.standard_normal((1, 1, 6, 4))
    y = ops.separable_conv(x, depthwise, pointwise, 2, "same", "channels_first")
    between = ops.depthwise_conv(np.moveaxis(x, 1, -1), depthwise, 2, "same")
    np.testing.assert_allclose(np.moveaxis(np.asarray(y), 1, -1), between @ pointwise[0, 0], atol=1e-12)


def test_a_window_of_one_is_a_product_of_matrices(rng):
    x, kernel = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((1, 1, 5, 6))
    np.testing.assert_allclose(ops.conv(x, kernel), x @ kernel[0, 0])
    np.testing.assert_allclose(ops.conv(x, kernel, 2), (x @ kernel[0, 0])[:, ::2, ::2])


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from(["valid", "same"]),
)
def test_conv_transpose_lays_windows_down(places, window, stride, dilation, more, padding):
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((2, places, 3)), rng.standard_normal((window, 2, 3))
    reach = (window - 1) * dilation + 1
    laid = np.zeros((2, (places - 1) * stride + reach, 2))
    for i, t in itertools.product(range(places), range(window)):
        laid[:, i * stride + t * dilation] += x[:, i] @ kernel[t].T
    if more is None:
        length = places * stride if padding == "same" else max(laid.shape[1], places * stride)
    else:
        length = laid.shape[1] + more - (2 * (reach // 2) if padding == "same" else 0)
    cut = max(laid.shape[1] - length, 0) // 2 if padding == "same" else 0
    if length < 1:
        with pytest.raises(ShapeError, match="leaves nothing"):
            ops.conv_transpose(x, kernel, stride, padding, more, dilation_rate=dilation)
        return
    expected = np.zeros((2, length, 2))
    part = laid[:, cut : cut + length]
    expected[:, : part.shape[1]] = part
    y = ops.conv_transpose(x, kernel, stride, padding, more, dilation_rate=dilation)
    np.testing.assert_allclose(y, expected, atol=1e-12)


# keras 3.15 on JAX, kernel (1, 2, 3), inputs (1, 10, 100)
@pytest.mark.parametrize(
    "stride, padding, more, dilation, expected",
    [
        (1, "valid", None, 1, [1, 12, 123, 230, 300]),
        (2, "valid", 1, 1, [1, 2, 13, 20, 130, 200, 300, 0]),
        (3, "valid", None, 2, [1, 0, 2, 10, 3, 20, 100, 30, 200, 0, 300]),
        (1, "same", None, 1, [12, 123, 230]),
        (1, "same", 1, 1, [1, 12, 123, 230]),
        (2, "same", None, 1, [1, 2, 13, 20, 130, 200]),
        (2, "same", 0, 1, [2, 13, 20, 130, 200]),
        (2, "same", 1, 2, [0, 12, 0, 123, 0, 230]),
        (3, "same", None, 2, [0, 2, 10, 3, 20, 100, 30, 200, 0]),
        (3, "same", 2, 2, [0, 2, 10, 3, 20, 100, 30, 200, 0]),
    ],
)
def test_conv_transpose_as_keras(stride, padding, more, dilation, expected):
    x, kernel = np.array([1, 10, 100.0]).reshape(1, 3, 1), np.array([1, 2, 3.0]).reshape(3, 1, 1)
    y = ops.conv_transpose(x, kernel, stride, padding, more, dilation_rate=dilation)
    assert np.asarray(y)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv_transpose_is_the_transpose_of_conv(padding, rng):
    small, kernel = rng.standard_normal((2, 3, 4, 3)), rng.standard_normal((3, 2, 2, 3))
    y = ops.conv_transpose(small, kernel, 2, padding)
    large = rng.standard_normal(y.shape)
    back = ops.conv(large, kernel, 2, padding)
    assert back.shape == small.shape
    assert np.sum(np.asarray(y) * large) == pytest.approx(np.sum(np.asarray(back) * small), abs=1e-9)


def test_channels_first_by_configuration(rng):
    x, kernel = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((3, 2, 3, 4))
    try:
        sliding_windows.set_image_data_format("channels_first")
        assert ops.conv(x, kernel).shape == (2, 4, 4, 4)
    finally:
        sliding_windows.set_image_data_format("channels_last")
    with pytest.raises(ArgumentError, match="channels_last"):
        sliding_windows.set_image_data_format("channels_middle")


def test_integers_and_half_precision(rng):
    x, kernel = rng.integers(-9, 9, (2, 5, 4, 3)), rng.integers(-9, 9, (2, 2, 3, 2))
    y = ops.conv(x.astype("int32"), kernel.astype("int32"))
    assert y.dtype == "int32"
    np.testing.assert_array_equal(y, ops.conv(x.astype("float64"), kernel.astype("float64")))
    assert ops.conv(x.astype("float16"), kernel.astype("float16")).dtype == "float16"
    assert ops.conv(x.astype("int32"), kernel.astype("float32")).dtype == "float32"


def test_gradients_of_what_lies_oddly_in_memory(rng):
    """A cotangent that is one number repeated, and a kernel seen backwards."""
    x, kernel = rng.standard_normal((3, 5, 5, 2)), rng.standard_normal((3, 3, 2, 4))[::-1, ::-1]
    y, pull = vjp(lambda x, k: ops.conv(x, k, padding="same"), x[:, ::-1], kernel)
    repeated = pull(Tensor(np.broadcast_to(1.0, y.shape)))
    plain = pull(Tensor(np.ones(y.shape)))
    for a, b in zip(repeated, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize(
    "call, advice",
    [
        (lambda: ops.conv(np.ones((2, 3)), np.ones((1, 3, 2))), "expand_dims"),
        (lambda: ops.conv(np.ones((2, 5, 3)), np.ones((1, 1, 3, 2))), "one axis per axis of places"),
        (lambda: ops.conv(np.ones((2, 5, 3)), np.ones((1, 2, 2))), "Check data_format"),
        (lambda: ops.conv(np.ones((2, 5, 4)), np.ones((1, 2, 3))), "multiple of 2"),
        (lambda: ops.conv(np.ones((2, 2, 3)), np.ones((3, 3, 2))), "padding='same'"),
        (lambda: ops.depthwise_conv(np.ones((2, 5, 3)), np.ones((3, 2, 1))), "Check data_format"),
        (lambda: ops.conv_transpose(np.ones((2, 5, 3)), np.ones((3, 3, 2))), "input channels come last"),
        (lambda: ops.conv(np.ones((2, 5, 3)), np.ones((3, 3, 2)), padding="causal"), "'valid' or 'same'"),
        (lambda: ops.conv(np.ones((2, 5, 3)), np.ones((3, 3, 2)), strides=0), "strides must be"),
        (lambda: ops.conv(np.ones((2, 5, 3)), np.ones((3, 3, 2)), strides=(1, 2)), "strides must be"),
        (lambda: ops.conv(np.ones((2, 5, 3)), np.ones((3, 3, 2)), dilation_rate=1.5), "dilation_rate must be"),
        (lambda: ops.conv_transpose(np.ones((2, 5, 3)), np.ones((3, 2, 3)), output_padding=-1), "output_padding must"),
    ],
)
def test_errors_give_advice(call, advice):
    with pytest.raises((ShapeError, ArgumentError), match=advice):
        call()


def test_no_operand_changes(rng):
    x, kernel = rng.standard_normal((2, 5, 5, 3)), rng.standard_normal((3, 3, 3, 4))
    out = rng.standard_normal((2, 5, 5, 4))
    common = {"strides": (1, 1), "starts": (1, 1), "dilation": (1, 1), "groups": 1}
    before = [x.copy(), kernel.copy(), out.copy()]
    convolve(x, kernel, size=(5, 5), **common)
    convolve_input(out, kernel, size=(5, 5), **common)
    convolve_kernel(x, out, size=(3, 3), **common)
    for a, b in zip(before, (x, kernel, out), strict=True):
        np.testing.assert_array_equal(a, b)
