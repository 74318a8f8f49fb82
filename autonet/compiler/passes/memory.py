"""Memory planning: offsets in one arena; buffers whose lifetimes do not overlap share memory."""

from __future__ import annotations

import bisect
import heapq
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autonet.compiler.passes.verify import CompilerError

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(slots=True, eq=False)
class Slot:
    """A range of the arena that is live from step `first` to step `last`, both included.

    donors: slots whose memory it may take over at `first` although they end there too (an elementwise result may lie
    over its operand).
    """

    nbytes: int
    first: int
    last: int
    donors: list[Slot] = field(default_factory=list, repr=False)
    offset: int = -1


def assign_offsets(slots: list[Slot]) -> int:
    """Give each slot its offset so that no two overlap in time and space; returns the arena's size in bytes.

    First fit by start in time, best fit in space, with neighbouring free stretches joined.
    """
    free = _Free()
    end = 0
    live: set[Slot] = set()
    ends: list[tuple[int, int, Slot]] = []  # a heap
    for number, slot in enumerate(sorted(slots, key=lambda s: s.first)):
        size = _rounded(slot)
        while ends and ends[0][0] < slot.first:
            ended = heapq.heappop(ends)[-1]
            if ended in live:
                live.remove(ended)
                free.release(ended.offset, _rounded(ended))
        heir = next((d for d in slot.donors if d in live and d.last == slot.first and _rounded(d) == size), None)
        if heir is not None:
            live.remove(heir)
            slot.offset = heir.offset
        else:
            at = free.take(size)
            if at is None:
                at, end = end, end + size
            slot.offset = at
        live.add(slot)
        heapq.heappush(ends, (slot.last, number, slot))
    return end


class _Free:
    """Free stretches of the arena, found by place and by size."""

    def __init__(self) -> None:
        self.by_place: list[tuple[int, int]] = []  # (offset, size), sorted; no two touch
        self.by_size: list[tuple[int, int]] = []  # (size, offset), sorted

    def take(self, size: int) -> int | None:
        """The offset of the smallest stretch that is large enough, the first of those; what it has beyond stays free."""
        k = bisect.bisect_left(self.by_size, (size, -1))
        if k == len(self.by_size):
            return None
        n, at = self.by_size[k]
        self._remove(at, n)
        if n > size:
            self._add(at + size, n - size)
        return at

    def release(self, offset: int, size: int) -> None:
        """Free a stretch, joined with its neighbours."""
        k = bisect.bisect_left(self.by_place, (offset, -1))
        if k < len(self.by_place) and self.by_place[k][0] == offset + size:
            at, n = self.by_place[k]
            self._remove(at, n)
            size += n
        if k and sum(self.by_place[k - 1]) == offset:
            at, n = self.by_place[k - 1]
            self._remove(at, n)
            offset, size = at, size + n
        self._add(offset, size)

    def _add(self, at: int, n: int) -> None:
        bisect.insort(self.by_place, (at, n))
        bisect.insort(self.by_size, (n, at))

    def _remove(self, at: int, n: int) -> None:
        del self.by_place[bisect.bisect_left(self.by_place, (at, n))]
        del self.by_size[bisect.bisect_left(self.by_size, (n, at))]


def check_overlaps(slots: list[Slot]) -> None:
    """See that no two slots share memory while both are wanted, but for one that takes over its donor's place.

    Raises: CompilerError, which is a defect of `assign_offsets`.
    """
    slots = sorted(slots, key=lambda s: s.first)
    first, last, start, size = (
        np.array([(s.first, s.last, s.offset, s.nbytes) for s in slots], np.int64).reshape(-1, 4).T
    )
    for n, slot in enumerate(slots):
        end = slot.offset + slot.nbytes
        shared = (last[:n] >= first[n]) & (start[:n] < end) & (start[:n] + size[:n] > slot.offset)
        for other in (slots[k] for k in np.flatnonzero(shared)):
            if not (other.last == slot.first and other in slot.donors):
                raise CompilerError(f"Two buffers share memory: {slot} and {other}.")


def _rounded(slot: Slot) -> int:
    return -(-max(slot.nbytes, 1) // ALIGNMENT) * ALIGNMENT


def shaped(flat: np.ndarray, shape: tuple[int, ...], order: Any) -> np.ndarray:
    """The elements of a flat array in `shape`, its axes following each other in memory in this order (None: C order)."""
    if not order:
        return flat.reshape(shape)
    return flat.reshape([shape[a] for a in order]).transpose(np.argsort(order))


def aligned(nbytes: int) -> np.ndarray:
    """Bytes from the start of a cache line on."""
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    return raw[skip : skip + nbytes]
