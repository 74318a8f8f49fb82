"""Sums of what blocks of a batch give, each by the rank that has it: where arrays lie in vectors, and who adds what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autonet.distribution import blocks as trees

ALIGNED = 16  # numbers to whose multiples places in a vector are rounded


Take = Callable[[int, list[np.ndarray]], None]  # of the arrays of a group
Run = Callable[[int, Take], None]  # of a block, whose groups it hands over in order


class Vectors(NamedTuple):
    """Numbers of a block's result, or sums of such."""

    arrays: list[np.ndarray]
    views: list[list[np.ndarray]]  # for each group the result's arrays in them


class Layout:
    """Where the arrays of a block's result lie in vectors: each group of arrays in one for each of its dtypes.

    Attributes:
        vectors: dtype and length of each.
        numbers: for each group those of its vectors.
    """

    def __init__(self, groups: Sequence[Sequence[Any]]):
        self.vectors: list[tuple[Any, int]] = []
        self.numbers: list[list[int]] = []
        self._places: list[list[Any]] = []
        for group in groups:
            lengths: dict[Any, int] = {}
            places = []
            for a in group:
                first = lengths.get(a.dtype, 0)
                places.append((a.dtype, first, first + a.size, a.shape))
                lengths[a.dtype] = first + -(-a.size // ALIGNED) * ALIGNED
            numbers = {dtype: len(self.vectors) + n for n, dtype in enumerate(lengths)}
            self.vectors += lengths.items()
            self.numbers.append(list(numbers.values()))
            self._places.append([(numbers[dtype], *rest) for dtype, *rest in places])
        self._free: list[Vectors] = []

    def take(self) -> Vectors:
        """Vectors, whatever they hold."""
        if self._free:
            return self._free.pop()
        arrays = [np.zeros(n, dtype) for dtype, n in self.vectors]
        return Vectors(arrays, [[arrays[k][a:b].reshape(shape) for k, a, b, shape in g] for g in self._places])

    def give(self, vectors: Vectors) -> None:
        """Vectors that are not needed any more, for another `take`."""
        self._free.append(vectors)


def _keep(g: int, vectors: Vectors) -> None:
    """Nobody waits for a group."""


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

    def add_up(self, run: Run, layout: Layout) -> Vectors:
        """The vectors of what `run` gives for each block, summed over all blocks of all ranks.

        A group sets out for the other ranks as soon as this rank has its sum, while its last block still runs.
        """
        if self.group.size == 1:
            return self._sum(self.whole, run, layout)
        total = layout.take()
        parts = [self.parts(r) for r in range(self.group.size)]
        own = parts[self.group.rank]
        found: dict[trees.Part, Vectors] = {}

        def send(g: int, last: Vectors) -> None:
            for k in layout.numbers[g]:
                under_way.start(k, {p: v.arrays[k] for p, v in found.items()} | {own[-1]: last.arrays[k]})

        order = (parts, self.whole) if self.reproducible else None
        with self.group.begin(total.arrays, order) as under_way:
            for part in own[:-1]:
                found[part] = self._sum(part, run, layout)
            if own:
                found[own[-1]] = self._sum(own[-1], run, layout, send)
            else:
                for k, vector in enumerate(total.arrays):
                    vector[...] = 0
                    under_way.start(k, {})
        for vectors in found.values():
            layout.give(vectors)
        return total

    def _sum(self, part: trees.Part, run: Run, layout: Layout, then: Callable[[int, Vectors], None] = _keep) -> Vectors:
        """The sum over a part of the tree, of whose groups `then` is told one after the other."""
        first, last = part
        middle = (first + last) // 2
        left, right = (first, middle), (middle, last)

        if last - first > 1 and not (self.filled(left) and self.filled(right)):
            return self._sum(left if self.filled(left) else right, run, layout, then)
        vectors = layout.take() if last - first == 1 else self._sum(left, run, layout)

        def take(g: int, arrays: list[np.ndarray]) -> None:
            for here, a in zip(vectors.views[g], arrays, strict=True):
                if last - first == 1:
                    here[...] = a
                else:
                    np.add(here, a, out=here)
            then(g, vectors)

        def join(g: int, more: Vectors) -> None:
            for k in layout.numbers[g]:
                np.add(vectors.arrays[k], more.arrays[k], out=vectors.arrays[k])
            then(g, vectors)

        if last - first <= 2:
            run(last - 1, take)
        else:
            layout.give(self._sum(right, run, layout, join))
        return vectors
