"""Inner products, sums and lengths of trees of arrays."""

from typing import Any

from autonet import ops
from autonet.common.trees import assert_same_structure, flatten, map_structure, pack
from autonet.common.types import TensorLike
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError

Tree = Any  # nested lists, tuples and dictionaries of arrays


def dot(x: Tree, y: Tree) -> Tensor:
    """Inner product: the sum of x_i y_i over all numbers of all leaves.

    Raises: ShapeError for leaves of other shapes; ArgumentError for trees without leaves.
    """
    pairs = paired("dot", x, y)
    total = ops.sum(pairs[0][0] * pairs[0][1])
    for a, b in pairs[1:]:
        total = total + ops.sum(a * b)
    return total


def norm(x: Tree) -> Tensor:
    """Euclidean length: the root of the sum of all squares; its derivative at 0 is 0."""
    leaves = [ops.norm(ops.reshape(convert_to_tensor(leaf), (-1,))) for leaf in flatten(x)]
    if not leaves:
        raise empty("norm")
    return leaves[0] if len(leaves) == 1 else ops.norm(ops.stack(leaves))


def scale(a: TensorLike, x: Tree) -> Tree:
    """a x: every leaf times one number."""
    return map_structure(lambda leaf: a * convert_to_tensor(leaf), x)


def axpy(a: TensorLike, x: Tree, y: Tree) -> Tree:
    """a x + y, leaf by leaf, a one number.

    Raises: ShapeError for leaves of other shapes.
    """
    return pack(y, [a * p + q for p, q in paired("axpy", x, y)])


def paired(who: str, x: Tree, y: Tree) -> list[tuple[Tensor, Tensor]]:
    """The leaves of two trees of one form side by side; ShapeError or ArgumentError in the name of `who` where it is not."""
    if not isinstance(x, Tensor) or not isinstance(y, Tensor):
        assert_same_structure(x, y)
    pairs = [(convert_to_tensor(p), convert_to_tensor(q)) for p, q in zip(flatten(x), flatten(y), strict=True)]
    if not pairs:
        raise empty(who)
    for p, q in pairs:
        if p.shape != q.shape:
            raise ShapeError(f"{who} expects leaves of the same shapes; received {p.shape} beside {q.shape}.")
    return pairs


def empty(who: str) -> ArgumentError:
    """The error for a tree without leaves."""
    return ArgumentError(f"{who} expects a tree with at least one array; received one without.")
