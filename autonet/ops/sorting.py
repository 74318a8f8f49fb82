"""Order: sort, argsort, top_k, searchsorted and their relatives.

Equal numbers keep the order in which they came, so results repeat on every machine; nan counts as larger than all.
"""

from typing import Literal

import numpy as np

from autonet.common.types import TensorLike
from autonet.core import Tensor, convert_to_tensor
from autonet.core.primitive import primitive
from autonet.core.state import is_recording
from autonet.errors import ArgumentError
from autonet.ops.indexing import take_along_axis
from autonet.ops.kinks import at_kinks
from autonet.ops.shaping import reshape


@primitive
def argsort(x, *, axis: int | None = -1):
    """Positions, int32, that put `x` in ascending order along `axis`; of the flattened array if `axis` is None.

    >>> argsort([3.0, 1.0, 2.0]).tolist()
    [1, 2, 0]
    """
    return np.asarray(np.argsort(x, axis=axis, kind="stable"), np.int32)


@primitive
def sort(x, *, axis: int | None = -1):
    """`x` in ascending order along `axis`; flattened first if `axis` is None.

    >>> sort([3.0, 1.0, 2.0]).tolist()
    [1.0, 2.0, 3.0]
    """
    return np.sort(x, axis=axis)


@primitive
def argpartition(x, *, kth: int, axis: int = -1):
    """Positions, int32, that put the element of rank `kth` in its place, smaller ones before it, larger ones after."""
    return np.asarray(np.argpartition(x, kth, axis=axis), np.int32)


@primitive
def top_k_indices(x, *, k: int):
    """Positions of the `k` largest elements along the last axis, largest first."""
    return largest(x, k)


def largest(x: np.ndarray, k: int) -> np.ndarray:
    """Positions, int32, of the `k` largest elements along the last axis, largest first; of equals the first come first."""
    n = x.shape[-1]
    if not 0 < k <= n // 16:
        ascending = np.argsort(x[..., ::-1], axis=-1, kind="stable")  # reversed twice, so that of equals the first wins
        return np.asarray(n - 1 - ascending[..., ::-1][..., :k], np.int32)
    top = np.partition(x, n - k, axis=-1)[..., n - k :]
    kth = top[..., :1]
    kept = x >= kth
    nan = x.dtype.kind == "f" and np.isnan(top).any()
    if nan or np.any(np.count_nonzero(kept, axis=-1) > k):  # of what equals the last, only the first ones are kept
        above, equal = x > kth, x == kth
        if nan:  # counts as larger than all
            above, equal = above | (np.isnan(x) & ~np.isnan(kth)), equal | (np.isnan(x) & np.isnan(kth))
        room = k - np.count_nonzero(above, axis=-1, keepdims=True)
        kept = above | (equal & (np.cumsum(equal, axis=-1) <= room))
    positions = np.nonzero(kept)[-1].reshape(*x.shape[:-1], k)
    order = largest(np.take_along_axis(x, positions, -1), k)  # too few for another partition
    return np.take_along_axis(positions, order, -1).astype(np.int32)


@primitive
def _top(x, *, k):
    """`x`, of which the `k` largest along the last axis are about to be picked."""
    return x


def _top_rule(g, x, y, k):
    if not is_recording() or not k:
        return g
    places = np.broadcast_to(np.arange(x.shape[-1]), x.shape)  # y is not sorted: each element stands where it was
    return at_kinks(g, g, y, x, places, "order", -1, tied="all")


_top.vjp(x=_top_rule)


def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest elements along the last axis, and their positions (int32), largest first.

    `sorted` is a hint without effect: this order is kept with False, too. Of equal elements the first come first.

    >>> values, indices = top_k([4.0, 9.0, 9.0, 1.0], k=2)
    >>> values.tolist(), indices.tolist()
    ([9.0, 9.0], [1, 2])
    """
    x = convert_to_tensor(x)
    if not x.ndim or not 0 <= k <= x.shape[-1]:
        raise ArgumentError(f"top_k expects k from 0 to the length of the last axis; received k={k}, shape {x.shape}.")
    indices = top_k_indices(x, k=int(k))
    return take_along_axis(_top(x, k=int(k)), indices, axis=-1), indices


@primitive
def searchsorted(sorted_sequence, values, *, side: Literal["left", "right"] = "left"):
    """Positions, int32, at which `values` would go into the ascending `sorted_sequence` (1-D) without disorder.

    With side "left" before its equals, with "right" after them.

    >>> searchsorted([1.0, 2.0, 3.0], [2.0, 9.0]).tolist()
    [1, 3]
    """
    if sorted_sequence.ndim != 1:
        raise ValueError("the sorted sequence must have one axis")
    return np.asarray(np.searchsorted(sorted_sequence, values, side=side), np.int32)


@primitive(keep=("targets",))
def in_top_k(targets, predictions, *, k: int):
    """Whether the prediction at each target's position is among the `k` largest of its row.

    Ties count as inside. A target out of range, or whose prediction is nan, is never inside.

    Args:
        targets: integers, shape (...,).
        predictions: shape (..., classes).
        k: how many.

    Returns: booleans, shape (...,).

    >>> in_top_k([2, 0], [[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]], k=2).tolist()
    [True, False]
    """
    classes = predictions.shape[-1]
    if targets.shape != predictions.shape[:-1]:
        raise ValueError("targets must have the predictions' shape without its last axis")
    targets = targets.astype(np.int64, copy=False)
    valid = (targets >= 0) & (targets < classes)
    if not classes:
        return valid
    chosen = np.take_along_axis(predictions, np.where(valid, targets, 0)[..., None], axis=-1)
    above = np.count_nonzero(predictions > chosen, axis=-1)
    return valid & (above < k) & ~np.isnan(chosen[..., 0])


def _sort_rule(g, x, y, axis):
    flat = reshape(x, (x.size,)) if axis is None else x
    along = 0 if axis is None else axis
    ranks = argsort(argsort(flat, axis=along), axis=along)  # the inverse of the order
    c = take_along_axis(g, ranks, axis=along)
    if is_recording():
        c = at_kinks(c, g, y, flat, ranks, "order", along, tied="all")
    return reshape(c, x.shape) if axis is None else c


sort.vjp(x=_sort_rule)
argsort.vjp(x=None)
argpartition.vjp(x=None)
top_k_indices.vjp(x=None)
searchsorted.vjp(sorted_sequence=None, values=None)
in_top_k.vjp(targets=None, predictions=None)
