"""NumPy's run of row updates: the rows of each lookup's gradient summed, the rule's instructions on those rows, back."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.numpy.kernels import kernel, refusal
from autonet.compiler.passes.rows import RowUpdate
from autonet.compiler.program import Value
from autonet.ops.indexing import sums_by_place


@kernel("update_rows")
def _update_rows(write: Any, i: RowUpdate, given: list[str], out: list[str]) -> None:
    for name, r in zip(out, i.results, strict=True):
        old = given[i.operands.index(i.old[r])]
        if write.statics[name] is not write.statics[old]:  # somebody still needs the table as it was
            write.call(np.copyto, name, old)
    write.call(_Update(i), *given, *out)


class _Update:
    """One row update; called with the arrays of its operands and results, of which the latter hold the old tables."""

    def __init__(self, i: RowUpdate):
        self.i = i
        self.old = {old: r for r, old in i.old.items()}
        self.read_by_rows = [v for v in i.operands if i.is_rows(v) and v not in self.old]
        read = {v for b in i.body for v in b.operands}
        self.given = [v for v in i.operands if v in read and v not in self.old and not i.is_rows(v)]

    def __call__(self, *arrays: np.ndarray) -> None:
        i = self.i
        known = dict(zip((*i.operands, *i.results), arrays, strict=True))
        shared = {v: known[v] for v in self.given}
        rows, sums = self._sums(known)
        self._apply(rows, sums, known, shared)
        if not i.spares_others({v: a for v, a in known.items() if v.size == 1}):
            others = np.ones(i.shape[0], bool)
            others[rows] = False
            step = i.positions
            rest = np.flatnonzero(others)
            for begin in range(0, len(rest), step):
                part = rest[begin : begin + step]
                none = {v: np.zeros((len(part), *i.shape[1:]), v.dtype) for v in sums}
                self._apply(part, none, known, shared)

    def _sums(self, known: dict[Value, np.ndarray]) -> tuple[np.ndarray, dict[Value, np.ndarray]]:
        """The rows that lookups met, each once, and each source's sums for them."""
        i, n = self.i, self.i.shape[0]
        for s in i.sources:
            if s.op == "_scatter":
                check_places(s, known[s.operands[0]], known[s.operands[1]], n)
        at = [known[s.operands[1]].reshape(-1).astype(np.int64) % n for s in i.sources]
        grads = [known[s.operands[0]].reshape(len(k), -1) for s, k in zip(i.sources, at, strict=True)]
        parts = [
            sums_by_place(g, k) if s.op == "_take_back" else (k, g)
            for s, k, g in zip(i.sources, at, grads, strict=True)
        ]
        rows = parts[0][0]
        if len(parts) > 1 or i.sources[0].op == "_scatter":
            rows = np.unique(np.concatenate([own for own, _ in parts]))
        found = {}
        for s, (own, sums) in zip(i.sources, parts, strict=True):
            whole = sums
            if own is not rows:
                whole = np.zeros((len(rows), sums.shape[1]), sums.dtype)
                at_rows = np.searchsorted(rows, own)
                if s.op == "_take_back":
                    whole[at_rows] = sums
                else:
                    np.add.at(whole, at_rows, sums)
            found[s.results[0]] = whole.reshape(len(rows), *i.shape[1:])
        return rows, found

    def _apply(
        self,
        rows: np.ndarray,
        grads: dict[Value, np.ndarray],
        known: dict[Value, np.ndarray],
        shared: dict[Value, np.ndarray],
    ) -> None:
        """Change these rows of the tables."""
        values = {**shared, **grads}
        values.update({v: known[v][rows] for v in self.read_by_rows})
        values.update({old: known[r][rows] for old, r in self.old.items()})
        for b in self.i.body:
            values[b.results[0]] = b.primitive.body(*[values[v] for v in b.operands], **b.settings)
        for r in self.i.results:
            known[r][rows] = values[r]


def check_places(s: Any, x: np.ndarray, at: np.ndarray, n: int) -> None:
    """Raise the primitive's error unless all row numbers are inside a table of n rows."""
    if at.max() >= n or at.min() < -n:
        refusal(s)(x, at)
