"""A native plan that reads its inputs where the caller has them and writes its results into new arrays: it copies nothing.

Kernels find arrays by addresses in tables (parameters.py), so those of inputs and results can be put in for each run.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from autonet.compiler.c.parameters import ARRAYS
from autonet.compiler.c.plan import NativePlan
from autonet.compiler.passes.layout import Layout
from autonet.compiler.program import RESULT, Program, Value


class Unsuitable(Exception):
    """A program that is more than one run of C, or whose result shows another array's memory."""


class DirectPlan(NativePlan):
    """A program without Variables, ready to run on arrays of the caller's.

    Raises: Unsuitable, CompilationError.
    """

    def _layout(self, program: Program) -> Layout:
        return Layout(program, all_static=True, apart=program.outputs)

    def _finish(self, writes: dict[Any, Value]) -> None:
        self.end_group()
        outputs = self.program.outputs
        if self.stepped_out or len(self.parts) > 1 or self.variables or len(set(outputs)) < len(outputs):
            raise Unsuitable
        if any(v.kind != RESULT or self.layout.root(v) is not v or v in self.layout.copied for v in outputs):
            raise Unsuitable
        super()._finish(writes)
        outer = [self.arrays[v] for v in (*self.program.inputs, *outputs)]
        self._lock = threading.Lock()
        self._results = [(v.shape, v.dtype) for v in outputs]
        self._part = self.write.names["an_part_0"]
        self._contexts = self._parameters[0]
        self._find(outer)
        # of the rest, what kernels work with is kept
        self.table.arrays = [a for a in self.table.arrays if not any(np.may_share_memory(a, b) for b in outer)]
        self.arrays, self.names, self._step, self._body = {}, {}, None, None

    def _find(self, outer: list[np.ndarray]) -> None:
        """Where in the contexts which of these arrays stand, and how far from their start."""
        starts = [a.ctypes.data for a in outer]
        places, which, offsets, place = [], [], [], 0
        for _, _, slots in self.kernels.calls:
            place += ARRAYS
            for slot in slots:
                address = int(self.addresses[slot])
                for k, a in enumerate(outer):
                    if starts[k] <= address < starts[k] + a.nbytes:
                        places.append(place)
                        which.append(k)
                        offsets.append(address - starts[k])
                place += 1
        self._places, self._which, self._offsets = (np.array(x, np.uintp) for x in (places, which, offsets))

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray] | None:
        """New arrays of the results, of inputs in C order; None if these are refused. Threads wait for each other."""
        outputs = [np.empty(shape, dtype) for shape, dtype in self._results]
        addresses = np.array([a.__array_interface__["data"][0] for a in (*inputs, *outputs)], np.uintp)
        with self._lock:
            self._contexts[self._places] = addresses[self._which] + self._offsets
            self._part()
            if self.status[0]:
                self.status[0] = 0
                return None
        return outputs
