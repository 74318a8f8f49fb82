"""Compilation budget: which signatures of a function are worth a plan, and which plans the cache keeps.

Making a plan takes as long as some eager runs. The first one is made without asking; so are those for other kinds of
arguments than their shapes, those for which enough runs are known to come, and all while shapes come one after the other
instead of in turn. Others are paid for by a share of the runs so far and by what the plans' own runs have saved: so a
function which meets ever new shapes, or more of them than memory holds plans for, goes on at the pace of eager runs. All of
it is counted, nothing is timed: the same calls take the same ways every time.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from autonet.compiler.program import Program

# In eager runs of a function whose arrays are small, so that Python takes all the time:
PRICE = 12.0  # of a plan
SMALL = 16  # operations whose plans cost twice that
COMPILING = 20.0  # prices that a run of the C compiler adds
# In eager runs of the function at hand:
HEAD_START = 2.0  # may be spent before there was any run: many plans where a run takes long
SHARE = 1 / 10  # of each run may be spent
SAVED = 3 / 4  # at least, by each run of a plan
CREDIT = 64  # plans that can be paid for in advance
FREE = 16  # plans that cost nothing, as long as each signature comes several times before the next
RENEWED = 16  # plans that cost nothing, for signatures whose plans a change elsewhere made useless
ALWAYS = 2**62  # runs to come where plans are not to be counted

SECONDS_PER_OPERATION = 1e-5  # of Python
SECONDS_PER_BYTE = 2.5e-10
SECONDS_PER_PRODUCT = 5e-11
PRODUCTS = ("matmul", "convolve", "lstm", "gru")
KNOWN = 4096  # signatures that are remembered
MEMORY = 2**30  # bytes of the plans of one function, beyond which those used longest ago go
LEAST = 4  # plans that are kept whatever they take
TRIES = 16  # runs in a row whose record is of no use, after which only some runs are recorded


class NotCompiled(Exception):
    """A plan needs the C compiler, which may not run now."""


class Account:
    """The budget of one function.

    Attributes:
        hits: runs of plans.
        ahead: runs that are known to come, all of a signature or two.
        compiled: names of the C of the plans so far, which others may use without running the compiler.
    """

    def __init__(self) -> None:
        self.hits = 0
        self.ahead = 0
        self.compiled: set[str] = set()
        self._runs = 0  # without a plan
        self._families: set[str] = set()  # signatures, but for shapes, of which there was a plan
        self._dull: set[int] = set()  # hashes of signatures that have none
        self._hits_before = -1  # there was the last plan
        self._refused = False  # whether a signature was not allowed one when it came first
        self._renewed = 0
        self._spent = 0.0
        self._cost = PRICE  # what a plan costs, in eager runs of this function
        self._made: OrderedDict[str, None] = OrderedDict()  # signatures that got plans
        self._met: OrderedDict[str, None] = OrderedDict()  # signatures that have none
        self._dear: OrderedDict[str, None] = OrderedDict()  # signatures whose plans need the compiler
        self._owed: set[str] = set()  # signatures that had plans before a training was resumed
        self._useless = 0  # recordings in a row
        self._wait = 0  # runs until the next recording

    def allows(self, key: Any, renew: bool = False) -> bool:
        """Whether a call with a signature that has no plan, or none that is of use, is to be recorded."""
        self._runs += 1
        if self._wait:
            self._wait -= 1
            return False
        if hash(key) in self._dull and not (renew or self.ahead or self._owed or self._left() >= self._cost):
            return False  # without a closer look at the signature, which takes time
        name = digest(key)
        if self._is_free(key, name, renew):
            return True
        self._dull.add(hash(key))
        if len(self._dull) > KNOWN:
            self._dull.clear()
        affordable = self._left() >= self._price(name)
        if affordable and self._spent + self._price(name) <= HEAD_START:
            return True
        self._refused = True
        if name not in self._met:  # it may never come again
            _remember(self._met, name)
            return False
        return affordable

    def charge(self, key: Any, program: Program, renew: bool = False) -> bool:
        """A plan is to be made. Returns: whether the C compiler may run for it."""
        self._useless = self._wait = 0
        name = digest(key)
        self._cost = _price(program)
        free = self._is_free(key, name, renew)
        self._families.add(family(key))
        self._hits_before = self.hits
        if not free:
            self._spent += self._price(name)
        self._renewed += renew
        if name in self._owed:  # this run counts as one of the plan that there was
            self._owed.remove(name)
            self._runs, self.hits = self._runs - 1, self.hits + 1
        self._met.pop(name, None)
        _remember(self._made, name)
        return free or name in self._dear

    def refuse(self, key: Any) -> None:
        """The plan of a signature needs the compiler, which was not paid for."""
        name = digest(key)
        self._made.pop(name, None)
        _remember(self._met, name)
        _remember(self._dear, name)

    def _is_free(self, key: Any, name: str, renew: bool) -> bool:
        coming_again = not self._refused and self.hits > self._hits_before and len(self._made) < FREE
        first = len(self._families) < FREE and family(key) not in self._families
        if renew and self._renewed >= RENEWED and self.ahead < ALWAYS:  # plans here do not last
            return name in self._owed
        worth = first or coming_again or self.ahead * SAVED >= self._cost
        return worth or renew or name in self._owed

    def _left(self) -> float:
        earned = HEAD_START + SHARE * (self._runs + self.hits) + SAVED * self.hits
        return min(earned - self._spent, CREDIT * self._cost)

    def _price(self, name: str) -> float:
        return self._cost * (1 + COMPILING * (name in self._dear))

    @property
    def useless(self) -> bool:
        """Whether the last recording was of no use."""
        return self._useless > 0

    def unsettled(self) -> bool:
        """A recording was of no use. Returns: whether that is to be said now, which is once."""
        self._useless += 1
        if self._useless >= TRIES:
            self._wait = 2 ** min(self._useless - TRIES, 10)
        return self._useless == TRIES

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs so that the same steps have plans in it."""
        names = {k: list(getattr(self, k)) for k in _NAMES}
        return {**{k: getattr(self, k) for k in _COUNTS}, **names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on as another process would that got this far."""
        for count in _COUNTS:
            setattr(self, count, state[count])
        self._families = set(state["_families"])
        self._made, self._met, self._dear = (OrderedDict.fromkeys(state[k]) for k in ("_made", "_met", "_dear"))
        self._owed = set(self._made)

    @staticmethod
    def trim(entries: OrderedDict[Any, Any]) -> None:
        """Evict the least recently used plans, as long as all together take more than MEMORY."""
        total = sum(entry.nbytes for entry in entries.values())
        while total > MEMORY and len(entries) > LEAST:
            total -= entries.popitem(last=False)[1].nbytes


def is_account(state: Any) -> bool:
    """Whether `state` is what `get_state` gives."""
    kinds: dict[str, Any] = dict.fromkeys(_COUNTS, (int, float)) | dict.fromkeys(_NAMES, list)
    if not isinstance(state, dict) or state.keys() != kinds.keys():
        return False
    return all(isinstance(state[k], kind) for k, kind in kinds.items()) and all(
        isinstance(name, str) for k in _NAMES for name in state[k]
    )


_SHAPE = re.compile(r"\(\(\d[\d, ]*\), ")
_NAMES = ("_made", "_met", "_dear", "_families")
_COUNTS = ("hits", "_runs", "_refused", "_hits_before", "_renewed", "_spent", "_cost")


def digest(key: Any) -> str:
    """A signature's name, the same in every process that computes with arrays of these shapes."""
    return hashlib.blake2b(repr(key).encode(), digest_size=8).hexdigest()


def family(key: Any) -> str:
    """A name for signatures that differ in shapes alone."""
    return hashlib.blake2b(_SHAPE.sub("((), ", repr(key)).encode(), digest_size=8).hexdigest()


def _remember(names: OrderedDict[str, None], name: str) -> None:
    names[name] = None
    if len(names) > KNOWN:
        names.popitem(last=False)


def _price(program: Program) -> float:
    """About what a plan costs, in eager runs: the less, the more of an eager run's time goes into arrays."""
    count = max(len(program.instructions), 1)
    arrays = 0.0
    for i in program.instructions:
        arrays += SECONDS_PER_BYTE * sum(v.nbytes for v in (*i.operands, *i.results))
        if i.op.startswith(PRODUCTS):  # matrices of sizes m k, k n and m n take m k n multiplications
            arrays += SECONDS_PER_PRODUCT * math.sqrt(math.prod(v.size for v in (*i.operands[:2], i.results[0])))
    python = SECONDS_PER_OPERATION * count
    return PRICE * (1 + SMALL / count) * python / (python + arrays)


class _Listener(threading.local):
    told: Callable[[], None] | None = None


_listener = _Listener()


class announcing:
    """Context manager: inside it, `told` is called in this thread before each run of the C compiler."""

    def __init__(self, told: Callable[[], None]):
        self.told = told

    def __enter__(self) -> None:
        self.before, _listener.told = _listener.told, self.told

    def __exit__(self, *exc: object) -> None:
        _listener.told = self.before


def announce() -> None:
    """The compiler is about to run."""
    if _listener.told is not None:
        _listener.told()
