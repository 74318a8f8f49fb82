"""Blocks of a batch, and the one order in which what they give is summed, whichever rank has them.

The blocks 0, 1, ... are the leaves of a binary tree that halves their range again and again. A sum goes up that tree: the
sum of a part is that of its first half plus that of its second. A rank has some blocks in a row; it sums the parts of the
tree that it has whole, and what is left of the tree is summed where the others' parts are known too. So every number of
ranks adds the same numbers in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Part = tuple[int, int]  # of the tree: the first block, and that after the last


def rows_of(block: int, blocks: int, rows: int) -> tuple[int, int]:
    """First row, and that after the last, of a block of a batch of `rows`. Sizes differ by 1 at most; some may be 0."""
    return block * rows // blocks, (block + 1) * rows // blocks


def blocks_of(rank: int, ranks: int, blocks: int) -> Part:
    """The blocks of a rank, in a row."""
    return rank * blocks // ranks, (rank + 1) * blocks // ranks


def parts_of(own: Part, whole: Part) -> list[Part]:
    """The largest parts of the tree over `whole` that lie within `own`, in order."""
    first, last = whole
    if own[0] <= first and last <= own[1]:
        return [whole]
    if own[1] <= first or last <= own[0]:
        return []
    middle = (first + last) // 2
    return parts_of(own, (first, middle)) + parts_of(own, (middle, last))


def add_up(found: dict[Part, Any], whole: Part, add: Callable[[Any, Any], Any]) -> Any:
    """The sum over `whole` of the tree, from the sums of the parts in `found`; None for parts without rows.

    Args:
        add: of two sums, in that order.
    """
    if whole in found or whole[1] - whole[0] == 1:
        return found.get(whole)
    middle = (whole[0] + whole[1]) // 2
    left, right = (add_up(found, part, add) for part in ((whole[0], middle), (middle, whole[1])))
    if left is None or right is None:
        return right if left is None else left
    return add(left, right)
