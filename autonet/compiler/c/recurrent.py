"""C for recurrent scans and their gradients: calls of the functions in runtime/recurrent.h, blocks of rows on the pool.

Where the kernel is too large for a core's own cache, one block takes all rows, and the threads share its products. What
the reverse scan leaves for the gradient of the kernel is one product over all steps at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.c.copies import copy
from autonet.compiler.c.kernels import any_strides, native
from autonet.compiler.c.runtime.sources import expand
from autonet.compiler.program import CONSTANT, Instruction, Value

ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid", "softsign")  # AN_TANH and so on in recurrent.h
OWN_CACHE = 1 << 19  # bytes of a kernel that a core keeps for itself
ROWS = 8  # of a block


class Scan:
    """One scan or reverse scan: its numbers, and the C that runs it.

    Args:
        write, i: as for every kernel.
        steps: an operand or result (n, steps, ...). given: the cotangents of all states, for a reverse scan.
    """

    def __init__(
        self, write: Any, i: Instruction, steps: Value, kernel: Value, drop: Value, mask: Value, given: Any = None
    ):
        self.write, self.i, self.kernel, self.drop, self.mask = write, i, kernel, drop, mask
        self.n, self.steps = steps.shape[:2]
        self.units, self.width = kernel.shape
        self.gates = self.width // self.units if self.units else 0
        self.alone = kernel.nbytes <= OWN_CACHE
        self.grain = min(self.n, ROWS) if self.alone else self.n
        self.given = given
        self.fits = self._fits()
        if self.fits:
            self._include()
            s = i.settings
            strides = [x // 4 for x in write.arrays[given].strides] if given is not None else [0, 0, 0]
            kinds = [f"AN_{s[k].upper()}" for k in ("activation", "recurrent_activation") if k in s]
            numbers = (self.n, self.steps, self.units, self.gates, int(s["reverse"]), int(self.alone), *strides)
            self.struct = write.declare("an_scan", (*numbers, *kinds, *("AN_LINEAR",) * (2 - len(kinds))))

    def _fits(self) -> bool:
        """Whether the arrays are such as the C expects: floats in order; only the states' cotangents in any order."""
        if not (self.n and self.steps and self.units):
            return False
        for v in (*self.i.operands, *self.i.results):
            array = self.write.arrays[v]
            if v.size and array.dtype != (np.bool_ if v is self.mask else np.float32):
                return False
            if v.size and v is not self.given and not (array.flags.c_contiguous or array.ndim == 2):
                return False
        return True

    def _include(self) -> None:
        self.write.plan.includes[expand("recurrent.h")] = None

    def at(self, v: Any) -> str:
        """The address of an array, 0 for one that is empty. A matrix that is a part of another is copied first."""
        array = v if isinstance(v, np.ndarray) else self.write.arrays[v]
        if array.ndim == 2 and not array.flags.c_contiguous:
            whole = self.write.space(array.shape, array.dtype)
            copy(self.write, whole, array)
            array = whole
        return f"t[{self.write.slot(array)}]" if array.size else "0"

    def maybe(self, v: Value) -> str:
        """The same, 0 also for an array that is known to be zero: first states, absent cotangents."""
        return "0" if v.kind == CONSTANT and not np.any(v.source) else self.at(v)

    def run(self, function: str, arrays: list, *more: int) -> None:
        """Call a function of recurrent.h for all blocks of rows. Arrays are Values, workspaces, or C."""
        given = ", ".join(
            [f"&{self.struct}", *map(str, more), *[a if isinstance(a, str) else self.at(a) for a in arrays]]
        )
        self.write.parallel([f"{function}({given}, begin, end);"], self.n, self.grain)
        self.write.flops += 2 * self.n * self.steps * self.kernel.size

    # Of reverse scans

    def transposed_kernel(self) -> np.ndarray:
        """The kernel transposed."""
        space = self.write.space((self.width, self.units), np.float32)
        self.write.run(f"an_transpose_kernel({self.units}, {self.width}, {self.at(self.kernel)}, {self.at(space)});")
        return space

    def previous_states(self, gates: int) -> np.ndarray:
        """Space for the states before all steps; with dropout those of each gate."""
        return self.write.space((gates if self.drop.size else 1, self.n * self.steps, self.units), np.float32)

    def sums(self, columns: int) -> np.ndarray:
        """Space for each block's sum of rows."""
        return self.write.space((-(-self.n // self.grain), columns), np.float32)

    def own(self, sums: np.ndarray) -> str:
        """Each block's part of `sums`."""
        return f"(float *){self.at(sums)} + begin / {self.grain} * {sums.shape[1]}"

    def sum_blocks(self, sums: np.ndarray, out: Any) -> None:
        """`out` (columns) = the sum of the blocks' sums."""
        self.write.run(f"an_sum_blocks({sums.shape[0]}, {sums.shape[1]}, {self.at(sums)}, {self.at(out)});")

    def kernel_gradient(self, out: Value, left: Any, right: Any, first: int, gates: int, apart: bool) -> None:
        """Columns of the gradient of the kernel: left (n * steps, units) transposed, times right (n * steps, ...).

        left, right: (array, column, row length). first: the gate whose columns come first. apart: whether each gate has
        a left of its own, one after the other.
        """
        u, rows = self.units, self.n * self.steps
        for k in range(gates) if apart else (0,):
            a, b = (f"(const float *){self.at(v)} + {column}" for v, column, _ in (left, right))
            columns = u if apart else gates * u
            self.write.run(
                f"an->sgemm(1, 0, {u}, {columns}, {rows}, {a} + {k * rows * u}, {left[2]}, {b} + {k * u}, {right[2]},"
                f" (float *){self.at(out)} + {(first + k) * u}, {self.width}, 0, 0, 0);"
            )
        self.write.flops += 2 * rows * u * gates * u


@native("simple_rnn_scan", any_strides)
def _simple_rnn_scan(write: Any, i: Instruction) -> bool:
    x, h, kernel, bias, drop, mask = i.operands
    scan = Scan(write, i, x, kernel, drop, mask)
    if scan.fits:
        scan.run("an_simple_forward", [x, scan.maybe(h), kernel, bias, drop, mask, *i.results])
    return scan.fits


@native("simple_rnn_vjp", any_strides)
def _simple_rnn_vjp(write: Any, i: Instruction) -> bool:
    ghs, gh, h, kernel, drop, mask, hs = i.operands
    dx, dh, dkernel, dbias = i.results
    scan = Scan(write, i, hs, kernel, drop, mask, ghs)
    if scan.fits:
        before, sums = scan.previous_states(1), scan.sums(scan.width)
        given = [scan.maybe(v) for v in (ghs, gh, h)]
        scan.run("an_simple_back", [*given, scan.transposed_kernel(), drop, mask, hs, dx, dh, before, scan.own(sums)])
        scan.kernel_gradient(dkernel, (before, 0, scan.units), (dx, 0, scan.width), 0, 1, False)
        scan.sum_blocks(sums, dbias)
    return scan.fits


@native("lstm_scan", any_strides)
def _lstm_scan(write: Any, i: Instruction) -> bool:
    x, h, c, kernel, bias, drop, mask = i.operands
    scan = Scan(write, i, x, kernel, drop, mask)
    if scan.fits:
        scan.run("an_lstm_forward", [x, scan.maybe(h), scan.maybe(c), kernel, bias, drop, mask, *i.results])
    return scan.fits


@native("lstm_vjp", any_strides)
def _lstm_vjp(write: Any, i: Instruction) -> bool:
    ghs, gh, gc, gcs, ggates, h, c, kernel, drop, mask, hs, cs, gates = i.operands
    dx, dh, dc, dkernel, dbias = i.results
    scan = Scan(write, i, hs, kernel, drop, mask, ghs)
    if not scan.fits or scan.maybe(gcs) != "0" or scan.maybe(ggates) != "0":
        return False
    before, sums = scan.previous_states(4), scan.sums(scan.width)
    given = [scan.maybe(v) for v in (ghs, gh, gc, h, c)]
    arrays = [*given, scan.transposed_kernel(), drop, mask, hs, cs, gates, dx, dh, dc, before, scan.own(sums)]
    scan.run("an_lstm_back", arrays)
    scan.kernel_gradient(dkernel, (before, 0, scan.units), (dx, 0, scan.width), 0, 4, bool(drop.size))
    scan.sum_blocks(sums, dbias)
    return True


@native("gru_scan", any_strides)
def _gru_scan(write: Any, i: Instruction) -> bool:
    x, h, kernel, bias, drop, mask = i.operands
    scan = Scan(write, i, x, kernel, drop, mask)
    if scan.fits:
        arrays = [x, scan.maybe(h), kernel, bias, drop, mask, *i.results]
        scan.run("an_gru_forward", arrays, int(i.settings["reset_after"]))
    return scan.fits


@native("gru_vjp", any_strides)
def _gru_vjp(write: Any, i: Instruction) -> bool:
    ghs, gh, ggates, h, kernel, drop, mask, hs, gates = i.operands
    dx, dh, dkernel, dbias = i.results
    scan = Scan(write, i, hs, kernel, drop, mask, ghs)
    if not scan.fits or scan.maybe(ggates) != "0":
        return False
    u, after = scan.units, int(i.settings["reset_after"])
    before, sums = scan.previous_states(3 if after else 2), scan.sums(4 * u)
    du = write.space((scan.n * scan.steps if after else 1, u), np.float32)
    given = [scan.maybe(v) for v in (ghs, gh, h)]
    arrays = [*given, scan.transposed_kernel(), drop, mask, hs, gates, dx, dh, du, before, scan.own(sums)]
    scan.run("an_gru_back", arrays, after)
    scan.kernel_gradient(dkernel, (before, 0, u), (dx, 0, 3 * u), 0, 2, bool(drop.size))
    if after:
        own = 2 * scan.n * scan.steps * u if drop.size else 0
        scan.kernel_gradient(dkernel, (before, own, u), (du, 0, u), 2, 1, False)
    else:
        scan.kernel_gradient(dkernel, (gates, 3 * u, 4 * u), (dx, 2 * u, 3 * u), 2, 1, False)
    total = write.space((4 * u,), np.float32)
    scan.sum_blocks(sums, total)
    out, from_, size = f"(float *){scan.at(dbias)}", f"(const float *){scan.at(total)}", 4 * u
    write.run(f"memcpy({out}, {from_}, {3 * size});")
    if after:
        write.run(f"memcpy({out} + {3 * u}, {from_}, {2 * size}); memcpy({out} + {5 * u}, {from_} + {3 * u}, {size});")
    return True
