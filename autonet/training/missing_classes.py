"""What `fit` says of a validation part that cannot have been drawn from the same rows as the rest: classes are missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from autonet import losses
from autonet.common.lines import warn
from autonet.errors import AutonetError
from autonet.utils.splitting import class_numbers

ABOUT_CLASSES = (  # functions and classes: losses whose targets are class numbers or one-hot rows
    *(losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy, losses.CategoricalCrossentropy),
    *(losses.CategoricalFocalCrossentropy, losses.CategoricalGeneralizedCrossEntropy, losses.CategoricalHinge),
    *(losses.Hinge, losses.SparseCategoricalCrossentropy, losses.SquaredHinge),
    *(losses.binary_crossentropy, losses.binary_focal_crossentropy, losses.categorical_crossentropy),
    *(losses.categorical_focal_crossentropy, losses.categorical_generalized_cross_entropy, losses.categorical_hinge),
    *(losses.hinge, losses.sparse_categorical_crossentropy, losses.squared_hinge),
)
CHANCE = 1e-5  # of the classes that are missing to be missing in rows drawn at random: then nothing is said
LOOKED_AT = 256  # rows that show whether targets are classes
MOST = 1_000_000  # numbers of classes that are counted


def tell_missing_classes(loss: Any, rest: Any, tail: Any, fraction: float) -> None:
    """Warn if the last rows, taken by `validation_split`, lack classes, as those of sorted data do.

    Args:
        loss: as compile() was given it.
        rest, tail: the targets of both parts, nested alike.
        fraction: that was asked for.
    """
    for own, left, held in _pairs(loss, rest, tail):
        counts = _counted(left, held) if _is_about_classes(own) else None
        if counts is None:
            continue
        missing = (counts[1] == 0) & (counts[0] > 0)
        if missing.any() and _chance(counts, int(missing.sum())) < CHANCE:
            n, first = len(left) + len(held), np.flatnonzero(missing)
            names = ", ".join(map(str, (first[:3] + counts[2]).tolist())) + (", ..." if len(first) > 3 else "")
            warn(
                f"validation_split={fraction} takes the last {len(held)} of {n} rows, which lack {len(first)} of "
                f"{np.count_nonzero(counts[0])} classes ({names}): the rows are not in a random order. Shuffle x and y together "
                "first, or make the parts with (x, y), validation = utils.split(x, y, stratify=True) and pass "
                "validation_data=validation."
            )
            return


def _pairs(loss: Any, rest: Any, tail: Any) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    """Each array of targets, in both parts, with its loss."""
    if isinstance(rest, dict):
        keys: Any = rest
    elif isinstance(rest, (list, tuple)):
        keys = range(len(rest))
    else:
        if isinstance(loss, (list, tuple)) and len(loss) == 1:
            loss = loss[0]
        elif isinstance(loss, dict) and len(loss) == 1:
            loss = next(iter(loss.values()))
        if rest is not None:
            yield loss, rest, tail
        return
    for key in keys:
        own = loss
        if isinstance(loss, dict):
            own = loss.get(key)
        elif isinstance(loss, (list, tuple)):
            own = loss[key] if isinstance(key, int) and len(loss) == len(rest) else None
        yield from _pairs(own, rest[key], tail[key])


def _is_about_classes(loss: Any) -> bool:
    if isinstance(loss, (str, dict)):
        try:
            loss = losses.get(loss)
        except AutonetError:
            return False  # which the step says
    return loss in ABOUT_CLASSES or type(loss) in ABOUT_CLASSES


def _counted(rest: np.ndarray, tail: np.ndarray) -> tuple[np.ndarray, np.ndarray, int] | None:
    """How many rows of each class both parts have, and the first class's number; None if targets are no classes."""
    if not (isinstance(rest, np.ndarray) and isinstance(tail, np.ndarray)):
        return None  # they lie on disk
    if class_numbers(rest[:LOOKED_AT]) is None or class_numbers(tail[:LOOKED_AT]) is None or rest.dtype.kind in "OU":
        return None
    if rest.ndim == 2 and rest.shape[1] > 1:
        return np.count_nonzero(rest, axis=0), np.count_nonzero(tail, axis=0), 0
    numbers = [y.reshape(-1).astype(np.int64, copy=False) for y in (rest, tail)]
    low, high = min(y.min() for y in numbers), max(y.max() for y in numbers)
    if high - low >= MOST:
        return None
    first, last = (np.bincount(y - low, minlength=int(high - low) + 1) for y in numbers)
    return first, last, int(low)


def _chance(counts: tuple[np.ndarray, np.ndarray, int], missing: int) -> float:
    """A bound on the probability that a random tail lacks so many classes.

    Class k, with N_k of n rows, is missing in m rows drawn without replacement with p_k = C(n - N_k, m) / C(n, m); the
    number of missing classes behaves like a Poisson variable of mean s = sum of p_k, whose tail Chernoff bounds by
    exp(j - s) (s / j)^j.
    """
    whole = counts[0] + counts[1]
    n, m = int(whole.sum()), int(counts[1].sum())
    sizes, times = np.unique(whole, return_counts=True)
    mean = sum(t * math.exp(_log_absent(n, k, m)) for k, t in zip(sizes.tolist(), times.tolist(), strict=True) if k)
    if missing <= mean:
        return 1.0
    return math.exp(missing - mean + missing * (math.log(max(mean, 1e-300)) - math.log(missing)))


def _log_absent(n: int, size: int, m: int) -> float:
    """log of C(n - size, m) / C(n, m)."""
    if size > n - m:
        return -math.inf
    f = math.lgamma
    return f(n - size + 1) + f(n - m + 1) - f(n - size - m + 1) - f(n + 1)
