"""Compilation budget: which signatures of a function are worth a plan, and which plans the cache keeps.

Making a plan takes as long as some eager runs save. The first ones are made without asking; those for further
signatures come out of what the plans' own runs have saved, so that a function which meets ever new shapes, or more of
them than memory holds plans for, goes on at the pace of eager runs. All of it is counted, nothing is timed: the same calls
take the same ways every time.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

FREE = 16  # plans that cost nothing, and may be machine code
PRICE = 8  # runs of plans that pay for another: each saves most of an eager run, and a NumPy plan costs some six
COMPILED = 256  # ... for one that is machine code, as where an attribute changes from epoch to epoch
CREDIT = 64  # plans that can be paid for in advance
KNOWN = 4096  # signatures that are remembered without a plan
MEMORY = 2**30  # bytes of the plans of one function, beyond which those used longest ago go
LEAST = 4  # plans that are kept whatever they take
TRIES = 16  # runs in a row whose record is of no use, after which only some runs are recorded


class Account:
    """The budget of one function.

    Attributes:
        hits: runs of plans, those paid out subtracted.
    """

    def __init__(self) -> None:
        self.hits = 0
        self._made = 0
        self._known: OrderedDict[int, None] = OrderedDict()  # hashes of signatures
        self._useless = 0  # recordings in a row
        self._wait = 0  # runs until the next recording

    def allows(self, key: Any) -> bool:
        """Whether a call with a signature that has no plan is to be recorded."""
        if self._wait:
            self._wait -= 1
            return False
        if self._made < FREE:
            return True
        if hash(key) not in self._known:  # it may never come again
            self._known[hash(key)] = None
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
            return False
        return self.hits >= PRICE

    def charge(self) -> bool:
        """A plan is made. Returns: whether it may be machine code, which takes longest to make."""
        self._useless = self._wait = 0
        self._made += 1
        if self._made <= FREE:
            return True
        compiled = self.hits >= COMPILED
        self.hits = min(self.hits, CREDIT * PRICE) - (COMPILED if compiled else PRICE)
        return compiled

    def unsettled(self) -> bool:
        """A recording was of no use. Returns: whether that is to be said now, which is once."""
        self._useless += 1
        if self._useless >= TRIES:
            self._wait = 2 ** min(self._useless - TRIES, 10)
        return self._useless == TRIES

    @staticmethod
    def trim(entries: OrderedDict[Any, Any]) -> None:
        """Evict the least recently used plans, as long as all together take more than MEMORY."""
        total = sum(entry.nbytes for entry in entries.values())
        while total > MEMORY and len(entries) > LEAST:
            total -= entries.popitem(last=False)[1].nbytes
