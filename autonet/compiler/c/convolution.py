"""C for convolutions of images and their gradients: plain sums, or Winograd's where these take fewer multiplications."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.c.groups import Member
from autonet.compiler.c.kernels import native
from autonet.compiler.c.loops import PIECE
from autonet.compiler.program import Instruction

TILES = 192  # of Winograd's in a piece: some times those that are done at a time, AN_TILES in winograd.c
LONGEST = 5  # window of Winograd's


class _Convolution:
    """One of the three: its images x, kernel w and results y, as the primitive has them."""

    def __init__(self, write: Any, i: Instruction, x: np.ndarray, w: np.ndarray, y: np.ndarray):
        s = i.settings
        arrays = (x, w, y)
        self.fits = all(a.ndim == 4 and a.dtype == np.float32 and a.size and a.flags.c_contiguous for a in arrays)
        if not self.fits:
            return
        n, h, wide, c = x.shape
        kh, kw, _, f = w.shape
        numbers = (n, h, wide, c, kh, kw, f, *y.shape[1:3], *s["strides"], *s["dilation"], *s["starts"], s["groups"])
        self.table = write.declare("an_conv", numbers)
        self.n, self.c, self.f = n, c, f
        self.work = y.size * w.size // f
        made = x if i.op == "convolve_input" else y
        self.tiles, self.places = 1, 1
        for size, k, apart in zip(made.shape[1:3], (kh, kw), s["dilation"], strict=True):
            tiles, places = _tiles(size, k, apart)
            self.tiles, self.places = self.tiles * tiles, self.places * places
        # few channels, and borders that fill a tile up, take longer than they save; measured, in multiplications
        transforms = 3 * sum(k > 1 for k in (kh, kw)) * (c + f)
        self.tiled = (
            (*s["strides"], s["groups"]) == (1, 1, 1)
            and 1 < max(kh, kw) <= LONGEST
            and min(c, f) >= 8
            and self.tiles * self.places * (c * f + transforms) <= 0.7 * made.shape[1] * made.shape[2] * kh * kw * c * f
            and self.tiles * n >= 16
        )
        write.flops += 2 * self.work

    @property
    def grain(self) -> int:
        """Images per piece: a million multiplications or all tiles at a time; four pieces where there are as many images."""
        wanted = -(-TILES // self.tiles) if self.tiled else -(-1_000_000 // max(self.work // self.n, 1))
        return max(1, min(-(-self.n // 4), wanted))

    def weights(self, write: Any, kernel: np.ndarray, turned: bool) -> int:
        """The slot of what Winograd's products multiply with, made of `kernel`."""
        u = write.slot(write.space((self.places * self.c * self.f,), np.float32))
        a, b = (self.f, self.c) if turned else (self.c, self.f)
        body = f"an->winograd_weights(&{self.table}, {int(turned)}, t[{write.slot(kernel)}], t[{u}], begin, end);"
        write.parallel([body], a, max(1, PIECE // (self.places * b)))
        return u


def _tiles(size: int, window: int, apart: int) -> tuple[int, int]:
    """Winograd's tiles along an axis with `size` results, and pixels of a tile; an_tile_axis in winograd.c."""
    if window == 1:
        return size, 1
    step, between = max(LONGEST + 2 - window, 1), -(-size // apart)
    return min(apart, size) * -(-between // step), LONGEST + 1


@native("convolve")
def _convolve(write: Any, i: Instruction) -> bool:
    x, w = (write.arrays[v] for v in i.operands)
    y = write.arrays[i.results[0]]
    made = _Convolution(write, i, x, w, y)
    if not made.fits:
        return False
    f, operands = "conv_forward", f"t[{write.slot(x)}], t[{write.slot(w)}]"
    if made.tiled:
        f, operands = "winograd_forward", f"{operands}, t[{made.weights(write, w, turned=False)}]"
    body = [f"an->{f}(&{made.table}, {operands}, t[{write.slot(y)}], begin, end);"]
    write.over_images(made.n, Member(body, made.n, made.grain, [x], [w], [y]))
    return True


@native("convolve_input")
def _convolve_input(write: Any, i: Instruction) -> bool:
    dy, w = (write.arrays[v] for v in i.operands)
    dx = write.arrays[i.results[0]]
    made = _Convolution(write, i, dx, w, dy)
    if not made.fits:
        return False
    transposed = write.space((w.size + 1,), np.float32)
    write.run(f"an->conv_transpose_kernel(&{made.table}, t[{write.slot(w)}], t[{write.slot(transposed)}]);")
    f, operands = "conv_input", f"t[{write.slot(dy)}], t[{write.slot(transposed)}]"
    if made.tiled:
        f, operands = "winograd_input", f"{operands}, t[{made.weights(write, transposed, turned=True)}]"
    body = [f"an->{f}(&{made.table}, {operands}, t[{write.slot(dx)}], begin, end);"]
    write.over_images(made.n, Member(body, made.n, made.grain, [dy], [], [dx]))
    return True


@native("convolve_kernel")
def _convolve_kernel(write: Any, i: Instruction) -> bool:
    x, dy = (write.arrays[v] for v in i.operands)
    dw = write.arrays[i.results[0]]
    made = _Convolution(write, i, x, dw, dy)
    if not made.fits:
        return False
    grain = max(made.grain, -(-made.n // 8))  # private copies of dw
    pieces = -(-made.n // grain)
    part = write.space((pieces, dw.size), np.float32)
    f = "winograd_kernel" if made.tiled else "conv_kernel"
    body = [
        f"float *part = (float *)t[{write.slot(part)}] + begin / {grain} * {dw.size};",
        f"memset(part, 0, {dw.size} * sizeof *part);",
        f"an->{f}(&{made.table}, t[{write.slot(x)}], t[{write.slot(dy)}], part, begin, end);",
    ]
    write.parallel(body, made.n, grain)
    write.run(f"an_sum_pieces_f32(t[{write.slot(part)}], t[{write.slot(dw)}], {dw.size}, {pieces});")
    return True
