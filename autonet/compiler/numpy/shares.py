"""Arithmetic on large arrays, above all updates of weights, and dropout's masks in cache-sized blocks on several threads.

Consecutive shareable instructions make a group. Those that pass arrays on to each other are a chain: a function of blocks,
which keeps what only the chain itself reads in workspaces of a block. Blocks come in any order, on any thread: each number
is computed by the same operations from the same operands, so bits depend neither on blocks nor on threads.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autonet.common import pool
from autonet.compiler.facts import facts
from autonet.compiler.numpy.nn import Stream, kept_value
from autonet.compiler.passes.gather import is_mask, is_shareable
from autonet.compiler.passes.layout import BUFFER, Layout
from autonet.compiler.program import Instruction, Program, Value

BLOCK = 1 << 16  # elements: shorter ones cost more calls, and threads wait for Python's lock more often
PAYS = 1 << 21  # elements computed by a group, from which waking a thread pays
MASK_BLOCK = 1 << 15  # elements of a mask, which take longer
MASKS_PAY = 1 << 16
NUMBERS = 8  # float32 in a block of 256 bits of Philox
MOST = 4  # threads, which take turns between NumPy's calls


def in_order(program: Program, layout: Layout) -> Iterator[Instruction | Group | Masks]:
    """The instructions, with a group in the place of those that it runs."""
    readers: dict[Value, set[Instruction | None]] = {}
    for reader in program.instructions:
        for v in reader.operands:
            readers.setdefault(v, set()).add(reader)
    for v in (*program.outputs, *program.writes.values()):
        readers.setdefault(v, set()).add(None)
    several = helpful_threads() > 1
    for kind, run in itertools.groupby(program.instructions, lambda i: _kind(i, layout)):
        members = list(run)
        size = sum(i.results[0].size for i in members)
        if kind is Group and size >= PAYS:
            yield Group(members, readers)
        elif kind is Masks and size >= MASKS_PAY and several:
            yield Masks(members)
        else:
            yield from members


def _kind(i: Instruction, layout: Layout) -> type | None:
    """What an instruction can be a member of."""
    if layout.kinds[i.results[0]] != BUFFER:
        return None
    return Group if is_shareable(i) else Masks if is_mask(i) else None


class Chain:
    """Instructions on arrays of one size that pass them on to each other."""

    def __init__(self, members: list[Instruction], readers: dict[Value, set[Instruction | None]]):
        self.members = members
        self.size = members[0].results[0].size
        own = set(members)
        self.inner = {i.results[0] for i in members if readers.get(i.results[0], set()) <= own}
        used = [v for i in members for v in (*i.operands, *i.results) if v.size > 1 and v not in self.inner]
        self.outer = list(dict.fromkeys(used))  # whose arrays it reads and writes
        self.written = {i.results[0] for i in members if i.results[0] not in self.inner}


class Group:
    """Consecutive instructions, as chains of which none waits for another."""

    def __init__(self, members: list[Instruction], readers: dict[Value, set[Instruction | None]]):
        self.members = members
        place = {i: n for n, i in enumerate(members)}
        chain_of: dict[Value, list[Instruction]] = {}
        for i in members:
            arrays = [v for v in (*i.operands, *i.results) if v.size > 1]
            joined = list({id(c): c for v in arrays if (c := chain_of.get(v)) is not None}.values())
            chain = [*sorted((m for c in joined for m in c), key=place.__getitem__), i]
            for m in chain:
                chain_of.update(dict.fromkeys([v for v in (*m.operands, *m.results) if v.size > 1], chain))
        found = {id(chain_of[i.results[0]]): chain_of[i.results[0]] for i in members}
        self.chains = [Chain(c, readers) for c in found.values()]

    def is_free(self, arrays: dict[Value, np.ndarray]) -> bool:
        """Whether blocks may come in any order: what one writes, no other reads or writes."""
        shared = {v for i in self.members for v in i.operands if v.size == 1}
        found: list[tuple[Value, bool, Chain | None]] = [(v, False, None) for v in shared]
        found += [(v, v in chain.written, chain) for chain in self.chains for v in chain.outer]
        return _are_apart(found, arrays)

    def write(self, write: Any, names: dict[Value, str], arrays: dict[Value, np.ndarray]) -> None:
        """Write the chains as functions, and a line that runs their blocks."""
        count = helpful_threads()
        spaces: list[dict[tuple[int, np.dtype], np.ndarray]] = [{} for _ in range(count)]
        pairs = []
        for chain in self.chains:
            name, slots = _write_chain(write, chain, names)
            flat = [arrays[v].reshape(-1) for v in chain.outer]
            shares: list[list[tuple]] = [[] for _ in range(count)]
            for at in _blocks(chain.size):
                given = [a[at] for a in flat]
                for share, own in zip(shares, spaces, strict=True):
                    for slot in slots:
                        if slot not in own:
                            own[slot] = np.empty(BLOCK, slot[1])
                            write.workspace_bytes += own[slot].nbytes
                    share.append((*given, *[own[slot][: at.stop - at.start] for slot in slots]))
            pairs.append(f"({name}, {write.constant(shares)})")
        jobs = write.define(f"{write.constant(_parts)}([{', '.join(pairs)}])")
        write(f"{write.constant(pool.together)}({jobs})")


class Masks:
    """Dropout's masks, each drawn in blocks from where the generator is at their beginning."""

    def __init__(self, members: list[Instruction]):
        self.members = members

    def is_free(self, arrays: dict[Value, np.ndarray]) -> bool:
        """Whether blocks may come in any order."""
        found = [(v, False, None) for i in self.members for v in i.operands]
        found += [(i.results[0], True, None) for i in self.members]
        return _are_apart(list(dict.fromkeys(found)), arrays)

    def write(self, write: Any, names: dict[Value, str], arrays: dict[Value, np.ndarray]) -> None:
        """Write a line that draws all blocks."""
        shares: list[list[tuple]] = []
        for _ in range(helpful_threads()):
            at, draws, flags = Stream().at, np.empty(MASK_BLOCK, np.float32), np.empty(MASK_BLOCK, bool)
            write.workspace_bytes += draws.nbytes + flags.nbytes
            shares.append([])
            for i in self.members:
                state, mask = arrays[i.operands[0]], arrays[i.results[0]].reshape(-1)
                numbers = np.float32(i.settings["rate"]), kept_value(i)
                for k in range(0, mask.size, MASK_BLOCK):
                    part = mask[k : k + MASK_BLOCK]
                    own = draws[: part.size], flags[: part.size], part
                    shares[-1].append((_draw, (at, state, k // NUMBERS, *own, *numbers)))
        write(f"{write.constant(pool.together)}({write.constant(shares)})")


def _draw(at: Any, state: Any, skipped: int, draws: Any, flags: Any, mask: Any, rate: Any, kept: Any) -> None:
    at(state, skipped).random(None, np.float32, draws)
    np.greater_equal(draws, rate, flags)
    np.multiply(flags, kept, mask)


def _are_apart(found: list[tuple[Value, bool, Any]], arrays: dict[Value, np.ndarray]) -> bool:
    """Whether what is written (True) is neither read nor written otherwise, but for the same elements by the same chain."""
    places = []
    for v, writes, chain in found:
        a = arrays.get(v)
        if a is None or not a.flags.c_contiguous:
            return False
        start = a.__array_interface__["data"][0]
        places.append((start, start + a.nbytes, a.itemsize, writes, chain))
    places.sort(key=lambda p: p[:2])
    for n, (start, end, itemsize, writes, chain) in enumerate(places):
        for other in places[n + 1 :]:
            if other[0] >= end:
                break
            same = chain is not None and (*other[:3], other[4]) == (start, end, itemsize, chain)
            if (writes or other[3]) and not same:
                return False
    return True


def _blocks(size: int) -> list[slice]:
    """Nearly equal blocks; they begin where whole vectors and cache lines do."""
    step = -(-size // -(-size // BLOCK))
    step = min(-(-step // 64) * 64, BLOCK)
    return [slice(k, min(k + step, size)) for k in range(0, size, step)]


def _parts(chains: Sequence[tuple[Any, Sequence[list[tuple]]]]) -> list[pool.Parts]:
    """For each thread, all chains' functions with the blocks that they are called with."""
    threads = range(len(chains[0][1]))
    return [[(f, block) for f, shares in chains for block in shares[k]] for k in threads]


def _write_chain(write: Any, chain: Chain, names: dict[Value, str]) -> tuple[str, list[tuple[int, np.dtype]]]:
    """The chain as a function; its name, and the workspaces that it takes after the blocks of its outer arrays."""
    last = {v: i for i in chain.members for v in i.operands}
    slots: list[tuple[int, np.dtype]] = []
    free: list[tuple[int, np.dtype]] = []
    at: dict[Value, tuple[int, np.dtype]] = {}
    own = {v: f"a{n}" for n, v in enumerate(chain.outer)}
    lines = []

    def name(v: Value) -> str:
        return own.get(v) or (names[v] if v.ndim < 2 else f"{names[v]}.reshape(())")  # blocks have one axis

    for i in chain.members:
        given = [name(v) for v in i.operands]
        r = i.results[0]
        free += [at[v] for v in dict.fromkeys(i.operands) if v in at and last[v] is i]  # a ufunc may write over these
        if r in chain.inner:
            slot = next((s for s in free if s[1] == r.dtype), None)
            if slot is None:
                slot = (len(slots), r.dtype)
                slots.append(slot)
            else:
                free.remove(slot)
            at[r] = slot
            own[r] = f"b{slot[0]}"
            if r not in last:
                free.append(slot)
        out = f"out={own[r]}" if i.op in ("maximum", "minimum") else own[r]
        lines.append(f"{write.constant(facts(i).ufunc)}({', '.join(given)}, {out})")
    parameters = [*[own[v] for v in chain.outer], *[f"b{n}" for n, _ in slots]]
    return write.define_function(parameters, lines), slots


def helpful_threads() -> int:
    """How many threads plans are made for; fewer may come."""
    return min(MOST, os.cpu_count() or 1) if waits_are_short() else 1


def waits_are_short() -> bool:
    """Whether a second thread finds a processor right after a product.

    OpenBLAS's threads hold theirs for 2^26 ticks after each, waiting for the next one, unless the environment said
    otherwise when NumPy was loaded: autonet/__init__.py sees to that where it comes first.
    """
    blas = np.show_config("dicts")["Build Dependencies"]["blas"]["name"]  # type: ignore[index, call-overload]
    return "openblas" not in str(blas).lower() or "OPENBLAS_THREAD_TIMEOUT" in os.environ
