"""Permutation: an order of any number of rows that is computed where it is looked at, and never held in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

ROUNDS = (
    8  # four make a strong pseudorandom permutation of random functions (Luby, Rackoff, 1988); these are only hashes
)
CHUNK = 1 << 15  # positions at a time, whose temporary arrays stay in the first caches


class Permutation:
    """A pseudorandom bijection of 0, 1, ..., n - 1, chosen by a key: `p[i]` is the row at position i.

    A Feistel network over the bits of the position: its two halves, which may differ by a bit in length, are in turn changed
    by a keyed hash of the other, which can be undone whatever the hash is. It permutes 2**bits >= n numbers, fewer than 2 n;
    one that falls on n or above is passed through again until it is below ("cycle walking"), which is once on average at most.

    Memory: none that grows with n. For orders of data, not for secrets.

    Args:
        n: number of rows, from 0 to 2**63 - 1.
        key: integers of at least 0, such as a seed and an epoch.
        block: rows that stay together, in their order; rows that fill no block stay last.

    Source: Black, Rogaway, Ciphers with arbitrary finite domains, 2002, methods 2 and 3,
    https://www.cs.ucdavis.edu/~rogaway/papers/subset.pdf

    >>> p = Permutation(10, [1, 0])
    >>> sorted(p[:].tolist()) == list(range(10)) and int(p[3]) == int(p[2:5][1])
    True
    """

    def __init__(self, n: int, key: int | list[int], block: int = 1):
        self.n, self.block = n, block
        self.blocks = n // block
        bits = max((self.blocks - 1).bit_length(), 2)
        self.low = np.uint64(bits // 2)
        halves = bits - bits // 2, bits // 2
        self.masks = [np.uint64((1 << h) - 1) for h in halves]
        self.shifts = [np.uint32(32 - h) for h in halves]
        self.keys = np.random.SeedSequence(key).generate_state(ROUNDS, np.uint32)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, at: Any) -> Any:
        """The rows at positions: a number, a slice, or an array of numbers from 0 to n - 1."""
        if isinstance(at, slice):
            start, stop, step = at.indices(self.n)
            return self._rows(np.arange(start, stop, step, dtype=np.int64))
        rows = self._rows(np.asarray(at, np.int64).reshape(-1))
        return int(rows[0]) if np.ndim(at) == 0 else rows.reshape(np.shape(at))

    def _rows(self, positions: np.ndarray) -> np.ndarray:
        if len(positions) and not 0 <= positions.min() <= positions.max() < self.n:
            raise IndexError(f"A permutation of {self.n} rows has positions from 0 to {self.n - 1}.")
        if self.block == 1:
            return self._walk(positions)
        block, place = np.divmod(positions, self.block)
        whole = block < self.blocks
        block[whole] = self._walk(block[whole])
        return block * self.block + place

    def _walk(self, positions: np.ndarray) -> np.ndarray:
        """Numbers below that of the blocks, permuted."""
        rows = positions.copy()
        outside: Any = slice(None)
        while len(walked := rows[outside]):
            for first in range(0, len(walked), CHUNK):
                walked[first : first + CHUNK] = self._pass(walked[first : first + CHUNK].view(np.uint64))
            rows[outside] = walked
            left = np.flatnonzero(walked >= self.blocks)
            outside = left if isinstance(outside, slice) else outside[left]
        return rows

    def _pass(self, x: np.ndarray) -> np.ndarray:
        """The network on numbers of `bits` bits."""
        halves = [(x >> self.low).astype(np.uint32), (x & self.masks[1]).astype(np.uint32)]
        for i, key in enumerate(self.keys):
            mixed = halves[1 - i % 2] ^ key
            mixed *= np.uint32(0x7FEB352D)
            mixed ^= mixed >> np.uint32(15)
            mixed *= np.uint32(0x846CA68B)  # both factors: Wellons, hash-prospector, 2018
            mixed >>= self.shifts[i % 2]
            halves[i % 2] ^= mixed
        return (halves[0].astype(np.uint64) << self.low) | halves[1]
