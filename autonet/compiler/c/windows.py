"""C for windows over sequences, by the kernels for images one place high, and for means of windows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.c import convolution  # noqa: F401  # whose kernels take sequences too
from autonet.compiler.c.kernels import native
from autonet.compiler.c.loops import PIECE
from autonet.compiler.facts import row
from autonet.compiler.program import Instruction

# Means


def _cells(i: Instruction, shape: tuple, deed: list[str]) -> list[str]:
    """Loops over the windows of images n, with `deed` for each cell inside the image at (v, u), `count` of them."""
    (kh, kw), (sh, sw), (oh, ow), (top, left) = (i.settings[k] for k in ("window", "strides", "size", "starts"))
    _, h, w, c = shape
    return [
        f"for (int64_t n = begin; n < end; n++) for (int64_t r = 0; r < {oh}; r++) for (int64_t s = 0; s < {ow}; s++) {{",
        f"  const int64_t v0 = r * {sh} - {top} > 0 ? r * {sh} - {top} : 0, u0 = s * {sw} - {left} > 0 ? s * {sw} - {left} : 0;",
        f"  const int64_t v1 = r * {sh} - {top} + {kh} < {h} ? r * {sh} - {top} + {kh} : {h};",
        f"  const int64_t u1 = s * {sw} - {left} + {kw} < {w} ? s * {sw} - {left} + {kw} : {w};",
        "  const float count = (float)((v1 - v0) * (u1 - u0));",
        f"  float *restrict window = windows + ((n * {oh} + r) * {ow} + s) * {c};",
        *[f"  {line}" for line in deed],
        "}",
    ]


def _pooling(write: Any, images: np.ndarray, windows: np.ndarray, body: list[str]) -> bool:
    own, n = images.size, images.shape[0]
    slots = f"float *images = t[{write.slot(images)}], *windows = t[{write.slot(windows)}];"
    write.parallel([slots, *body], n, max(1, PIECE // (own // n)))
    return True


@native("pool_mean")
def _pool_mean(write: Any, i: Instruction) -> bool:
    x, y = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if x.ndim != 4 or x.dtype != np.float32 or not (x.size and y.size) or not x.flags.c_contiguous:
        return False
    _, h, w, c = x.shape
    deed = [
        f"for (int64_t k = 0; k < {c}; k++) window[k] = 0;",
        "for (int64_t v = v0; v < v1; v++) for (int64_t u = u0; u < u1; u++) {",
        f"  const float *restrict cell = images + ((n * {h} + v) * {w} + u) * {c};",
        f"  for (int64_t k = 0; k < {c}; k++) window[k] += cell[k];",
        "}",
        f"for (int64_t k = 0; k < {c}; k++) window[k] = window[k] / count;",
    ]
    return _pooling(write, x, y, _cells(i, x.shape, deed))


@native("unpool_mean")
def _unpool_mean(write: Any, i: Instruction) -> bool:
    g, x = write.arrays[i.operands[0]], write.arrays[i.results[0]]
    if x.ndim != 4 or g.dtype != np.float32 or not (x.size and g.size) or not g.flags.c_contiguous:
        return False
    _, h, w, c = x.shape
    own = h * w * c
    deed = [
        "for (int64_t v = v0; v < v1; v++) for (int64_t u = u0; u < u1; u++) {",
        f"  float *restrict cell = images + ((n * {h} + v) * {w} + u) * {c};",
        f"  for (int64_t k = 0; k < {c}; k++) cell[k] += window[k] / count;",
        "}",
    ]
    clear = f"memset(images + begin * {own}, 0, (size_t)(end - begin) * {own * 4});"
    return _pooling(write, x, g, [clear, *_cells(i, x.shape, deed)])


# Sequences


def _as_images(flat: Callable, kernels: tuple[bool, ...]) -> Callable:
    """The kernel `flat`, for sequences too; `kernels` says which operands, and then the result, are windows' weights."""

    def kernel(write: Any, i: Instruction) -> bool:
        values = (*i.operands, i.results[0])
        if any(write.arrays[v].ndim != 3 for v in values) or len(set(values)) < len(values):
            return flat(write, i)
        seen = copy.copy(write)
        seen.arrays = {v: _one_high(write.arrays[v], k) for v, k in zip(values, kernels, strict=True)}
        return flat(seen, Instruction(i.primitive, i.operands, _two_axes(i.settings), i.results))

    return kernel


def _one_high(a: np.ndarray, weights: bool) -> np.ndarray:
    return a[None] if weights else a[:, None]


def _two_axes(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with an axis of one place before the sequence's."""
    first = {"starts": 0}
    return {k: (first.get(k, 1), *v) if isinstance(v, tuple) else v for k, v in settings.items()}


for _name, _kernels in {
    "convolve": (False, True, False),
    "convolve_input": (False, True, False),
    "convolve_kernel": (False, False, True),
    "pool_max": (False, False),
    "unpool_max": (False, False, False, False),
    "pool_mean": (False, False),
    "unpool_mean": (False, False),
}.items():
    native(_name)(_as_images(row(_name).c_kernel, _kernels))  # type: ignore[arg-type]
