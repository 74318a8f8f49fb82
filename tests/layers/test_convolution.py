"""Convolutions against a loop that does what the formula says, and what they refuse."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import layers
from autonet.errors import ArgumentError, ShapeError


def by_hand(x, kernel, bias, strides, padding, dilation, groups):
    """The sums over windows, channels last, one number at a time."""
    n, *places, _ = x.shape
    *window, per_group, filters = kernel.shape
    starts, counts = [], []
    for size, w, s, d in zip(places, window, strides, dilation, strict=True):
        reach = (w - 1) * d + 1
        counts.append(-(-size // s) if padding != "valid" else (size - reach) // s + 1)
        total = max((counts[-1] - 1) * s + reach - size, 0)
        starts.append({"valid": 0, "same": total // 2, "causal": reach - 1}[padding])
    y = np.zeros((n, *counts, filters)) + bias
    for row, f in itertools.product(range(n), range(filters)):
        first = f // (filters // groups) * per_group
        for out in itertools.product(*map(range, counts)):
            for cell in itertools.product(*map(range, window)):
                at = [o * s + t * d - a for o, s, t, d, a in zip(out, strides, cell, dilation, starts, strict=True)]
                if all(0 <= p < size for p, size in zip(at, places, strict=True)):
                    seen = x[(row, *at)][first : first + per_group]
                    y[(row, *out, f)] += seen @ kernel[(*cell, slice(None), f)]
    return y


@st.composite
def convolutions(draw):
    """A layer's arguments and a shape that it can take."""
    rank = draw(st.integers(1, 3))
    few = st.integers(1, 3 if rank < 3 else 2)
    window = tuple(draw(few) for _ in range(rank))
    strides, dilation = (1,) * rank, (1,) * rank
    if draw(st.booleans()):
        strides = tuple(draw(few) for _ in range(rank))
    else:
        dilation = tuple(draw(few) for _ in range(rank))
    padding = draw(st.sampled_from(["valid", "same", "causal"] if rank == 1 else ["valid", "same"]))
    groups = draw(st.integers(1, 2))
    reach = [(w - 1) * d + 1 for w, d in zip(window, dilation, strict=True)]
    places = [draw(st.integers(r, r + 3 if rank < 3 else r + 1)) for r in reach]
    shape = (draw(st.integers(1, 2)), *places, groups * draw(st.integers(1, 2)))
    arguments = {
        "filters": groups * draw(st.integers(1, 2)),
        "kernel_size": window,
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation,
        "groups": groups,
        "bias_initializer": "ones",
    }
    return rank, arguments, shape


@given(convolutions(), st.booleans(), st.integers(0, 99))
def test_against_a_loop(drawn, first, seed):
    rank, arguments, shape = drawn
    x = np.random.default_rng(seed).standard_normal(shape)
    cls = (layers.Conv1D, layers.Conv2D, layers.Conv3D)[rank - 1]
    layer = cls(**arguments, data_format="channels_first" if first else "channels_last", dtype="float64")
    y = np.array(layer(np.moveaxis(x, -1, 1) if first else x))
    if first:
        y = np.moveaxis(y, 1, -1)
    settings = [arguments[k] for k in ("strides", "padding", "dilation_rate", "groups")]
    expected = by_hand(x, layer.kernel.numpy(), layer.bias.numpy(), *settings)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def test_causal_outputs_do_not_see_the_future(rng):
    layer = layers.Conv1D(2, 3, padding="causal", dilation_rate=2)
    x = rng.standard_normal((1, 8, 2)).astype("float32")
    changed = x.copy()
    changed[:, 5:] += 1
    before, after = np.array(layer(x)), np.array(layer(changed))
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).any()


def test_an_empty_batch():
    assert layers.Conv2D(2, 3)(np.zeros((0, 4, 5, 3))).shape == (0, 2, 3, 2)


def test_a_number_stands_for_every_axis():
    config = layers.Conv3D(2, 3, strides=2, padding="SAME").get_config()
    assert (config["kernel_size"], config["strides"], config["padding"]) == ((3, 3, 3), (2, 2, 2), "same")


@pytest.mark.parametrize("options, advice", [
    ({"filters": 0}, "filters to be a whole number above 0"),
    ({"groups": 0}, "groups to be a whole number above 0"),
    ({"groups": 3}, "filters in 3 equal groups; received 4 filters"),
    ({"kernel_size": (3, 3, 3)}, "kernel_size must be a whole number above 0, or 2 of them"),
    ({"kernel_size": 0}, "kernel_size must be"),
    ({"strides": (1, 0)}, "strides must be"),
    ({"strides": 2, "dilation_rate": 2}, "strides or a dilation_rate above 1, not both"),
    ({"padding": "causal"}, "padding to be 'valid' or 'same'; received 'causal'"),
    ({"data_format": "last"}, "data_format must be"),
])  # fmt: skip
def test_misfit_arguments(options, advice):
    with pytest.raises(ArgumentError, match=advice):
        layers.Conv2D(**{"filters": 4, "kernel_size": 3, **options})


def test_misfit_inputs():
    with pytest.raises(ShapeError, match=r"4 axes .*; received shape \(1, 4, 4\)"):
        layers.Conv2D(2, 3)(np.zeros((1, 4, 4)))
    with pytest.raises(ShapeError, match="channels that its 2 groups divide; received 3 on axis -1"):
        layers.Conv2D(2, 3, groups=2)(np.zeros((1, 4, 4, 3)))
    for see in (lambda layer: layer(np.zeros((1, 2, 4, 3))), lambda layer: layer.compute_output_shape((None, 2, 4, 3))):
        with pytest.raises(ShapeError, match="'mine' expects an input at least as large as its window"):
            see(layers.Conv2D(2, 3, name="mine"))
    layer = layers.Conv2D(2, 3, data_format="channels_first")
    layer(np.zeros((1, 2, 4, 4)))
    with pytest.raises(ShapeError, match="expects length 2 on axis 1"):
        layer(np.zeros((1, 3, 4, 4)))
