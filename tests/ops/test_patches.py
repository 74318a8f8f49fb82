"""Windows laid side by side and back: rows of the gradient table, laws, shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import ops
from autonet.errors import ArgumentError, ShapeError
from autonet.ops import patches
from tests.ops.cases import Case, reals

TAKEN = {"window": (2, 3), "strides": (2, 1), "dilation": (1, 2), "starts": (1, 0), "counts": (2, 2)}

CASES = {
    "windows_of": [
        Case(reals(), settings=[TAKEN], shapes=[((2, 4, 6, 1),), ((1, 3, 5, 2),)]),
        Case(
            reals(),
            settings=[{"window": (3,), "strides": (2,), "dilation": (1,), "starts": (0,), "counts": (2,)}],
            shapes=[((2, 5, 1),), ((0, 6, 2),)],
        ),
    ],
    "overlap": Case(
        reals(),
        settings=[
            {"strides": (1,), "dilation": (1,), "starts": (0,), "places": (4,)},
            {"strides": (2,), "dilation": (2,), "starts": (1,), "places": (5,)},
        ],
        shapes=[((2, 2, 3, 1),), ((1, 3, 2, 2),)],
    ),
}


@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.integers(0, 99)
)
def test_fold_is_the_transpose_of_unfold(window, stride, channels, padding, dilation, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, channels, 6, 7))
    settings = {"dilation": dilation, "padding": padding, "stride": stride}
    y = ops.unfold(x, window, **settings)
    g = rng.standard_normal(y.shape)
    back = ops.fold(g, (6, 7), window, **settings)
    assert np.sum(g * np.asarray(y)) == pytest.approx(np.sum(x * np.asarray(back)))


@pytest.mark.parametrize("strides", [None, 1, (2, 1)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_patches_are_blocks_of_the_image(strides, padding, rng):
    x = rng.standard_normal((2, 6, 7, 2))
    y = np.asarray(ops.image.extract_patches(x, (3, 2), strides, padding=padding))
    down, across = (3, 2) if strides is None else (strides, strides) if strides == 1 else strides
    if padding == "same":
        y = y[:, 1:-1, 1:-1]  # those in the middle lie inside
        top = down - max((-(-6 // down) - 1) * down + 3 - 6, 0) // 2
        left = across - max((-(-7 // across) - 1) * across + 2 - 7, 0) // 2
    else:
        top = left = 0
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            block = x[:, top + i * down : top + i * down + 3, left + j * across : left + j * across + 2]
            np.testing.assert_array_equal(y[:, i, j], block.reshape(2, -1))


def test_patches_side_by_side_equal_windows(rng):
    x = rng.standard_normal((2, 6, 5, 3))
    settings = {"window": (2, 2), "strides": (2, 2), "dilation": (1, 1), "starts": (0, 0), "counts": (3, 2)}
    taken = np.asarray(patches.windows_of(x, **settings)).reshape(2, 3, 2, 12)
    np.testing.assert_array_equal(ops.image.extract_patches(x, 2), taken)


def test_shapes_and_errors(rng):
    x = rng.standard_normal((5, 6, 7, 2))
    assert ops.image.extract_patches_3d(x, 2).shape == (2, 3, 3, 16)
    assert ops.image.extract_patches(x, (2, 2, 2)).shape == (2, 3, 3, 16)
    assert ops.image.extract_patches(x, 2).shape == (5, 3, 3, 8)
    assert ops.extract_sequences(np.zeros((2, 9), "int32"), 4, 2).shape == (2, 3, 4)
    with pytest.raises(ShapeError, match="expects 3 axes"):
        ops.image.extract_patches(x[0, 0], 2)
    with pytest.raises(ShapeError, match="at least as large"):
        ops.image.extract_patches(x, 9)
    with pytest.raises(ShapeError, match="channels"):
        ops.unfold(x[0], 2)
    with pytest.raises(ShapeError, match="one column for each window"):
        ops.fold(np.zeros((1, 4, 3)), (3, 3), 2)
    with pytest.raises(ArgumentError, match="padding"):
        ops.unfold(x, 2, padding=-1)
