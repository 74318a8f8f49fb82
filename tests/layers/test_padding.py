"""Cropping, zero padding and up-sampling: what stands where afterwards, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.core import Tensor
from autonet.errors import ArgumentError, ShapeError


@given(st.data())
def test_cropping_undoes_padding(data):
    rank = data.draw(st.integers(1, 3))
    edges = tuple((data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in range(rank))
    amounts = edges if rank > 1 else edges[0]
    first = data.draw(st.booleans()) and rank > 1
    form = {"data_format": "channels_first"} if first else {}
    x = (
        np.random.default_rng(data.draw(st.integers(0, 99)))
        .standard_normal((2, *(2, 3, 2)[:rank], 2))
        .astype("float32")
    )
    padded = getattr(layers, f"ZeroPadding{rank}D")(amounts, **form)(x)
    still = (0, 0)
    widths = (still, still, *edges) if first else (still, *edges, still)
    np.testing.assert_array_equal(padded, np.pad(x, widths if not first else widths[: rank + 2]))
    np.testing.assert_array_equal(getattr(layers, f"Cropping{rank}D")(amounts, **form)(padded), x)


@pytest.mark.parametrize("given_, kept", [
    (1, ((1, 1), (1, 1))),
    ((1, 2), ((1, 1), (2, 2))),
    (((0, 1), (2, 3)), ((0, 1), (2, 3))),
    ([[0, 1], 2], ((0, 1), (2, 2))),
])  # fmt: skip
def test_numbers_for_both_ends_or_for_each(given_, kept):
    assert layers.ZeroPadding2D(given_).get_config()["padding"] == kept
    assert layers.Cropping2D(given_).get_config()["cropping"] == kept


@given(rows=st.integers(1, 3), columns=st.integers(1, 3))
def test_places_are_repeated(rows, columns):
    x = np.arange(12.0, dtype="float32").reshape(1, 2, 3, 2)
    y = layers.UpSampling2D((rows, columns))(x)
    np.testing.assert_array_equal(y, x.repeat(rows, 1).repeat(columns, 2))
    np.testing.assert_array_equal(layers.UpSampling1D(rows)(x[0]), x[0].repeat(rows, 1))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_even_images_stay_even(interpolation):
    y = layers.UpSampling2D(3, interpolation=interpolation.upper())(np.full((1, 4, 5, 2), 7.0, "float32"))
    np.testing.assert_allclose(y, np.full((1, 12, 15, 2), 7.0), rtol=1e-6)


def test_slopes_gather_what_was_repeated():
    x = Tensor(np.ones((1, 2, 2, 1), "float32"), requires_grad=True)
    layers.UpSampling2D((2, 3))(x).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full((1, 2, 2, 1), 6.0))


def test_misfits():
    for cropping in ((3, 2), (5, 0)):
        with pytest.raises(ShapeError, match="must leave something of each axis"):
            layers.Cropping1D(cropping)(np.zeros((1, 5, 2)))
    with pytest.raises(ShapeError, match="check data_format"):
        layers.Cropping2D(1).compute_output_shape((None, 2, 4, 3))
    for wrong in (-1, "a", (1, 2, 3), ((1, 2), (3,)), 1.5):
        with pytest.raises(ArgumentError, match="padding must be a whole number from 0"):
            layers.ZeroPadding2D(wrong)
    with pytest.raises(ArgumentError, match="size must be a whole number above 0"):
        layers.UpSampling1D(0)
    with pytest.raises(ArgumentError, match="interpolation to be one of nearest, .*; received 'area'"):
        layers.UpSampling2D(2, interpolation="area")
