"""Sums of what blocks of a batch give, each by the rank that has it: where arrays lie in vectors, and who adds what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autonet.core.tensor import Tensor, wrap
from autonet.distribution import blocks as trees

ALIGNED = 16  # numbers to whose multiples places in a vector are rounded


class Vectors(NamedTuple):
    """Numbers of a block's result, or sums of such."""

    arrays: list[np.ndarray]  # for each dtype
    views: list[np.ndarray | None]  # the result's arrays in them


class Layout:
    """Where the arrays of a block's result lie in vectors, one for each dtype.

    Attributes:
        vectors: length by dtype.
    """

    def __init__(self, grads: Sequence[Tensor | None], changes: dict[int, Tensor]):
        self.numbers = list(changes)
        self.grads = len(grads)
        self.vectors: dict[Any, int] = {}
        self.places: list[Any] = []
        for t in (*grads, *changes.values()):
            if t is None:
                self.places.append(None)
                continue
            first = self.vectors.get(t.dtype, 0)
            self.places.append((t.dtype, first, first + t.size, t.shape))
            self.vectors[t.dtype] = first + -(-t.size // ALIGNED) * ALIGNED
        self._free: list[Vectors] = []

    def take(self) -> Vectors:
        """Vectors, whatever they hold."""
        if self._free:
            return self._free.pop()
        arrays = {dtype: np.zeros(n, dtype) for dtype, n in self.vectors.items()}
        views = [None if p is None else arrays[p[0]][p[1] : p[2]].reshape(p[3]) for p in self.places]
        return Vectors(list(arrays.values()), views)

    def give(self, vectors: Vectors) -> None:
        """Vectors that are not needed any more, for another `take`."""
        self._free.append(vectors)

    def put(self, vectors: Vectors, result: Any) -> None:
        """Write a block's result into vectors."""
        for here, t in self._pairs(vectors, result):
            here[...] = t._value

    def add(self, vectors: Vectors, result: Any) -> None:
        """Add a block's result to vectors."""
        for here, t in self._pairs(vectors, result):
            np.add(here, t._value, out=here)

    def _pairs(self, vectors: Vectors, result: Any) -> Iterator[tuple[np.ndarray, Tensor]]:
        grads, changes = result
        given = (*grads, *[changes[k] for k in self.numbers])
        return ((here, t) for here, t in zip(vectors.views, given, strict=True) if here is not None)

    def split(self, vectors: Vectors) -> tuple[list[Any], dict[int, Any]]:
        """A result, as Tensors over the vectors' memory."""
        found = [None if here is None else wrap(here) for here in vectors.views]
        return found[: self.grads], dict(zip(self.numbers, found[self.grads :], strict=True))


class Shares:
    """The blocks of a batch of so many rows, and who has them."""

    def __init__(self, distributed: Any, group: Any, rows: int):
        self.group, self.rows = group, rows
        self.reproducible = distributed.reproducible
        self.blocks = distributed.blocks_for(group.size)
        self.ranges = [trees.rows_of(b, self.blocks, rows) for b in range(self.blocks)]
        self.whole = (0, self.blocks)
        self.sizes = tuple(sorted({last - first for first, last in self.ranges}))

    def share(self, block: int) -> float:
        """Which part of the batch's rows a block has."""
        first, last = self.ranges[block]
        return (last - first) / self.rows

    def filled(self, part: trees.Part) -> bool:
        """Whether a part of the tree has rows."""
        return self.ranges[part[0]][0] < self.ranges[part[1] - 1][1]

    def parts(self, rank: int) -> list[trees.Part]:
        """The parts of the tree that a rank sums."""
        own = trees.blocks_of(rank, self.group.size, self.blocks)
        return [p for p in trees.parts_of(own, self.whole) if self.filled(p)]

    def add_up(self, run: Callable[[int], Any], layout: Layout) -> Vectors:
        """The vectors of `run(block)`, summed over all blocks of all ranks."""
        parts = [self.parts(r) for r in range(self.group.size)]
        announced = None
        if self.group.size > 1:
            announced = self.group.announce("add_up" if self.reproducible else "add", sum(layout.vectors.values()))
        own = {p: self._sum(p, run, layout) for p in parts[self.group.rank]}
        if self.group.size == 1:
            return own[self.whole]
        if not self.reproducible:
            total = own.popitem()[1] if own else layout.take()
            for array in total.arrays:
                if not parts[self.group.rank]:
                    array[...] = 0
            self.group.add(*total.arrays, announced=announced)
            return total
        total = layout.take()
        self.group.add_up({p: v.arrays for p, v in own.items()}, parts, self.whole, total.arrays, announced)
        for vectors in own.values():
            layout.give(vectors)
        return total

    def _sum(self, part: trees.Part, run: Callable[[int], Any], layout: Layout) -> Vectors:
        first, last = part
        if last - first == 1:
            vectors = layout.take()
            layout.put(vectors, run(first))
            return vectors
        middle = (first + last) // 2
        left, right = (first, middle), (middle, last)
        if not (self.filled(left) and self.filled(right)):
            return self._sum(left if self.filled(left) else right, run, layout)
        vectors = self._sum(left, run, layout)
        if last - middle == 1:
            layout.add(vectors, run(middle))
        else:
            more = self._sum(right, run, layout)
            for a, b in zip(vectors.arrays, more.arrays, strict=True):
                np.add(a, b, out=a)
            layout.give(more)
        return vectors
