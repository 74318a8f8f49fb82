"""More arrangements of the same numbers: NumPy's answers, inverses, derivatives, errors."""

import numpy as np
import pytest

from autonet import check_gradients, ops
from autonet.errors import ArgumentError, ShapeError

BIG = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("k", range(-5, 6))
@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (1, 2), (2, 0), (-1, 0)])
def test_rotations(k, axes):
    np.testing.assert_array_equal(ops.rot90(BIG, k, axes), np.rot90(BIG, k, axes))


@pytest.mark.parametrize("sections", [1, 2, 3, 5, 9, [1], [0, 2], [1, 1, 3]])
def test_cuts(sections):
    for part, expected in zip(ops.array_split(BIG, sections, 2), np.array_split(BIG, sections, 2), strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("n", range(1, 4))
def test_grids(indexing, n):
    vectors = [np.arange(float(k)) for k in range(2, 2 + n)]
    for part, expected in zip(
        ops.meshgrid(*vectors, indexing=indexing), np.meshgrid(*vectors, indexing=indexing), strict=True
    ):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("block", [2, 3])
def test_blocks_and_channels_are_inverses(block, first, rng):
    x = rng.standard_normal((2, 6, 12, 5))
    x, data_format = (np.moveaxis(x, -1, 1), "channels_first") if first else (x, "channels_last")
    deep = ops.space_to_depth(x, block, data_format)
    np.testing.assert_array_equal(ops.depth_to_space(deep, block, data_format), x)


@pytest.mark.parametrize(
    ("pattern", "lengths", "expected"),
    [
        ("a b c -> c a b", {}, lambda x: x.transpose(2, 0, 1)),
        ("a b c -> (a b) c", {}, lambda x: x.reshape(6, 4)),
        ("a b (c d) -> a c (d b)", {"d": 2}, lambda x: x.reshape(2, 3, 2, 2).transpose(0, 2, 3, 1).reshape(2, 2, 6)),
        ("a ... -> ... a", {}, lambda x: np.moveaxis(x, 0, -1)),
        ("a b c -> a 1 b c", {}, lambda x: x[:, None]),
        ("a b c->(c b a)", {}, lambda x: x.T.ravel()),
    ],
)
def test_patterns(pattern, lengths, expected):
    np.testing.assert_array_equal(ops.rearrange(BIG, pattern, **lengths), expected(BIG))


@pytest.mark.parametrize(
    ("pattern", "lengths", "error"),
    [
        ("a b c", {}, ArgumentError),
        ("a b -> b a", {}, ShapeError),
        ("a b c -> a b", {}, ArgumentError),
        ("a b (c d) -> a b c d", {}, ShapeError),
        ("a b (c d) -> a b c d", {"d": 3}, ShapeError),
        ("a b c -> c b a", {"x": 3}, ArgumentError),
        ("a b (c -> c b a", {}, ArgumentError),
        ("a b ) -> c b a", {}, ArgumentError),
    ],
)
def test_patterns_that_do_not_fit(pattern, lengths, error):
    with pytest.raises(error, match="rearrange"):
        ops.rearrange(BIG, pattern, **lengths)


def test_derivatives(rng):
    x = rng.standard_normal((2, 4))
    for f in (
        lambda x: ops.rot90(x, 1),
        lambda x: ops.vander(x[0], 3),
        lambda x: ops.geomspace(1 + x[0] ** 2, 9.0, 3),
        lambda x: ops.rearrange(x, "a (b c) -> c (b a)", b=2),
        lambda x: ops.append(x, x * 2),
        lambda x: ops.diagflat(x, -1),
        lambda x: ops.meshgrid(x[0], x[1])[0],
        lambda x: ops.dstack([x, x])[:, 1:],
    ):
        check_gradients(lambda x, f=f: ops.sum(ops.sin(f(x))), x)


def test_errors():
    with pytest.raises(ArgumentError, match="two different axes"):
        ops.rot90(BIG, 1, (0, 0))
    with pytest.raises(ArgumentError, match="indexing"):
        ops.meshgrid([1], indexing="ji")
    with pytest.raises(ShapeError, match="multiples of 4"):
        ops.depth_to_space(np.zeros((1, 2, 2, 3)), 2)
    with pytest.raises(ShapeError, match="multiples of 2"):
        ops.space_to_depth(np.zeros((1, 3, 2, 3)), 2)
    with pytest.raises(ShapeError, match="four axes"):
        ops.space_to_depth(np.zeros((3, 2, 3)), 2)
    with pytest.raises(ShapeError, match="vector"):
        ops.vander(BIG)
    with pytest.raises(ArgumentError, match="section"):
        ops.array_split(BIG, 0)
