"""C for images at places between their pixels: calls of the function in runtime/sampling.h."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.c.expressions import literal
from autonet.compiler.c.kernels import native
from autonet.compiler.c.loops import PIECE, collapse
from autonet.compiler.c.runtime.sources import expand
from autonet.compiler.program import Instruction

BORDER = 2  # AN_BORDER in sampling.h


@native("grid_sample")
def _grid_sample(write: Any, i: Instruction) -> bool:
    x, rows, columns = (write.arrays[v] for v in i.operands)
    y = write.arrays[i.results[0]]
    n, height, width, channels = x.shape
    cells = (height + 2 * BORDER) * (width + 2 * BORDER) * channels
    if x.dtype != np.float32 or not y.flags.c_contiguous or not (x.size and y.size) or cells >= 2**31:
        return False
    write.plan.includes[expand("sampling.h")] = None
    places = [np.broadcast_to(p, y.shape[:3]) for p in (rows, columns)]
    dims, steps = collapse(y.shape[1:3], [p.strides[1:] for p in places])
    lines, count = dims if len(dims) == 2 else (1, dims[0])
    inner = [[*(0,) * (2 - len(own)), *own] for own in steps]  # from line to line, from place to place
    strides = [s // 4 for p, own in zip(places, inner, strict=True) for s in (p.strides[0], *own)]
    settings = int(i.settings["order"]), f"AN_{i.settings['fill_mode'].upper()}"
    fill = literal(np.float32(i.settings["fill_value"]), "float")
    numbers = (height, width, channels, *[s // 4 for s in x.strides], lines, count, *strides, *settings, fill)
    s = write.declare("an_sampling", numbers)
    slots = [write.slot(a) for a in (x, *places, y)]
    body = [f"an_sample_f32(&{s}, {', '.join(f't[{k}]' for k in slots)}, begin, end);"]
    write.parallel(body, n, max(1, PIECE // (y.size // n)))
    return True
