"""Statements over the same images, one after the other, as one: all of them for a few images, then for the next few.

A convolution, its bias, its activation and the pooling after it then find their images in a core's cache, where each alone
would read all of them from memory and write all of them back. No result depends on it: each image has its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

LEAST = 4  # images: fewer would be too few pieces for loops that can be cut anywhere
Arrays = list[np.ndarray]


@dataclass
class Member:
    """A loop that `body` does for begin <= i < end, of the `count` steps of all images.

    images: arrays of which it reads the images that it works on alone.
    shared: arrays of which it may read anything.
    results: arrays, contiguous, of which it writes the images that it works on.
    grain: steps in a piece, if it stands alone.
    """

    body: list[str]
    count: int
    grain: int
    images: Arrays
    shared: Arrays
    results: Arrays


@dataclass
class Group:
    """Members for as many images, in order."""

    n: int
    members: list[Member] = field(default_factory=list)

    def takes(self, member: Member) -> bool:
        """Whether a member reads what the group made, and each piece can do it before another piece has begun."""
        if self.n < LEAST:
            return False
        made = [a for m in self.members for a in m.results]
        used = [a for m in self.members for a in (*m.images, *m.shared)] + made
        if not any(self._alike(a, b) for a in member.images for b in made):
            return False
        if any(np.may_share_memory(a, b) for a in member.shared for b in made):
            return False
        clash = [(a, b) for a in member.images for b in made] + [(a, b) for a in member.results for b in used]
        return all(self._alike(a, b) or not np.may_share_memory(a, b) for a, b in clash)

    def _alike(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether each image has the same memory in both arrays."""
        if (
            a.ctypes.data != b.ctypes.data
            or a.nbytes != b.nbytes
            or not (a.flags.c_contiguous and b.flags.c_contiguous)
        ):
            return False
        return a.ndim > 1 and b.ndim > 1 and a.shape[0] == b.shape[0] == self.n

    def write(self) -> tuple[list[str], int, int]:
        """The body, the number of its steps, and how many are a piece."""
        if len(self.members) == 1:
            member = self.members[0]
            return member.body, member.count, member.grain
        lines = []
        for member in self.members:
            each = member.count // self.n
            lines += [
                f"{{ const int64_t first = begin * {each}, last = end * {each};",
                "{ const int64_t begin = first, end = last;",
            ]
            lines += [*member.body, "} }"]
        return lines, self.n, max(-(-m.grain * self.n // m.count) for m in self.members)
