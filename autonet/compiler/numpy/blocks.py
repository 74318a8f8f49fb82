"""NumPy kernels that go through their arrays a cache-sized block at a time: batch normalisation, convolution, pooling.

The blocks are those of the primitives' bodies; the views that each step reads and writes are made with the plan, and
the generated code loops over lists of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autonet.compiler.numpy.kernels import by_body, kernel
from autonet.ops.normalization import _row_blocks
from autonet.ops.pooling import _cell_counts, _least, _reach
from autonet.ops.sliding_windows import blocks, cells, empty_frame, frame_parts, lengths, patch_steps, seen_by, within

# Batch normalisation


def _matrix(write: Any, name: str, axis: int) -> np.ndarray | None:
    """A result as a matrix with a column for each place of `axis`, if that is a view of it."""
    return write.shared(name, lambda a: np.moveaxis(a, axis, -1).reshape(-1, a.shape[axis]))


def _columns(write: Any, v: Any, name: str, axis: int) -> np.ndarray:
    c = v.shape[axis]
    return write.rows(v, name, (v.size // max(c, 1), c), lambda a: np.moveaxis(a, axis, -1))


@kernel("batch_normalize")
def _batch_normalize(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x, axis = i.operands[0], i.settings["axis"]
    y = _matrix(write, out[0], axis)
    if x.dtype == np.float16 or y is None or not x.size:
        by_body(write, i, given, out)
        return
    rows = _columns(write, x, given[0], axis)
    n, c = rows.shape
    part, factor = write.workspace((c,), x.dtype), write.workspace((c,), x.dtype)
    mean, variance = out[1], out[2]
    some = [(rows[at], y[at]) for at in _row_blocks(rows)]
    write.call(np.matmul, np.ones(n, x.dtype), rows, mean)
    write.call(np.divide, mean, n, mean)
    write(f"{variance}.fill(0)")
    write(f"for a, b in {write.constant(some)}:")
    write.call(np.subtract, "a", mean, "b", indent="    ")
    write.call(np.einsum, "'nc,nc->c'", "b", "b", out=part, indent="    ")
    write.call(np.add, variance, part, variance, indent="    ")
    write.call(np.divide, variance, n, variance)
    write.call(np.add, variance, i.settings["epsilon"], factor)
    write.call(np.sqrt, factor, factor)
    write.call(np.divide, given[1], factor, factor)
    flags = write.workspace((c,), bool)
    write.call(np.isinf, variance, flags)
    write.call(np.copyto, factor, np.nan, where=flags)
    write(f"for a, b in {write.constant(some)}:")
    write.call(np.multiply, "b", factor, "b", indent="    ")
    write.call(np.add, "b", given[2], "b", indent="    ")


@kernel("batch_normalize_vjp")
def _batch_normalize_vjp(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    gy, x, axis = i.operands[0], i.operands[3], i.settings["axis"]
    gx = _matrix(write, out[0], axis)
    if x.dtype == np.float16 or gx is None or not x.size:
        by_body(write, i, given, out)
        return
    rows, g = _columns(write, x, given[3], axis), _columns(write, gy, given[0], axis)
    _, gmean, gvariance, _, scale, mean, variance = given
    n, c = rows.shape
    part, joint, inverse, a, b, d = (write.workspace((c,), x.dtype) for _ in range(6))
    gscale, total = out[1], out[2]
    at = list(_row_blocks(rows))
    products = write.statics[write.workspace((at[0].stop, c), x.dtype)]
    some = write.constant([(rows[k], g[k], gx[k], products[: k.stop - k.start]) for k in at])
    write.call(np.matmul, np.ones(n, x.dtype), g, total)
    write(f"{joint}.fill(0)")
    write(f"for x, g, y, p in {some}:")
    write.call(np.subtract, "x", mean, "y", indent="    ")
    write.call(np.einsum, "'nc,nc->c'", "g", "y", out=part, indent="    ")
    write.call(np.add, joint, part, joint, indent="    ")
    write.call(np.add, variance, i.settings["epsilon"], inverse)
    write.call(np.sqrt, inverse, inverse)
    write.call(np.reciprocal, inverse, inverse)
    write.call(np.multiply, scale, inverse, a)
    write.call(np.multiply, a, inverse, part)
    write.call(np.multiply, part, inverse, part)
    write.call(np.multiply, part, joint, part)
    write.call(np.multiply, gvariance, 2, b)
    write.call(np.subtract, b, part, b)
    write.call(np.divide, b, n, b)
    write.call(np.multiply, a, total, d)
    write.call(np.subtract, gmean, d, d)
    write.call(np.divide, d, n, d)
    write(f"for x, g, y, p in {some}:")
    write.call(np.multiply, "y", b, "y", indent="    ")
    write.call(np.add, "y", d, "y", indent="    ")
    write.call(np.multiply, "g", a, "p", indent="    ")
    write.call(np.add, "y", "p", "y", indent="    ")
    write.call(np.multiply, joint, inverse, gscale)


# Convolution


def _geometry(i: Any) -> tuple[tuple, tuple, tuple]:
    return i.settings["starts"], i.settings["strides"], i.settings["dilation"]


def _ungrouped(f: Any) -> Any:
    """The kernel for convolutions in one group; others, and empty ones, run by the body."""

    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        plain = write.statics[out[0]].flags.c_contiguous and all(v.size for v in (*i.operands, *i.results))
        (f if i.settings["groups"] == 1 and plain else by_body)(write, i, given, out)

    return write_it


def _write_patches(write: Any, steps: list, targets: list[tuple]) -> str:
    """Lines that gather each block of windows; then the variables `rows` and `more` hold its matrix and its targets."""
    items = [(s.fill, s.store, s.seen, s.matrix, target) for s, target in zip(steps, targets, strict=True)]
    write(f"for fill, store, seen, rows, more in {write.constant(items)}:")
    if any(s.fill is not None for s in steps):
        write(f"    if fill is not None: {write.constant(np.copyto)}(*fill)")
    write.call(np.copyto, "store", "seen", indent="    ")
    return "    "


@kernel("convolve")
@_ungrouped
def _convolve(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    kernel_, y = i.operands[1], write.statics[out[0]]
    starts, strides, dilation = _geometry(i)
    x = write.held(i.operands[0], given[0])
    filters = kernel_.shape[-1]
    matrix = write.rows(kernel_, given[1], (-1, filters))
    steps = list(patch_steps(x, starts, i.settings["size"], kernel_.shape[:-2], strides, dilation))
    indent = _write_patches(write, steps, [y[s.at].reshape(-1, filters) for s in steps])
    write.call(np.matmul, "rows", matrix, "more", indent=indent)


@kernel("convolve_kernel")
@_ungrouped
def _convolve_kernel(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    grad = i.operands[1]
    starts, strides, dilation = _geometry(i)
    x, g = write.held(i.operands[0], given[0]), write.rows(grad, given[1], grad.shape)
    window, filters = i.settings["size"], grad.shape[-1]
    steps = list(patch_steps(x, starts, grad.shape[1:-1], window, strides, dilation))
    total = write.view(out[0], lambda a: a.reshape(-1, filters))
    part = write.workspace(write.statics[total].shape, x.dtype)
    write(f"{total}.fill(0)")
    indent = _write_patches(write, steps, [(s.matrix.T, g[s.at].reshape(-1, filters)) for s in steps])
    write.call(np.matmul, "more[0]", "more[1]", part, indent=indent)
    write.call(np.add, total, part, total, indent=indent)


@kernel("convolve_input")
@_ungrouped
def _convolve_input(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    grad, taps = i.operands
    starts, strides, dilation = _geometry(i)
    counts, filters, channels, window = grad.shape[1:-1], grad.shape[-1], taps.shape[-2], taps.shape[:-2]
    g = write.rows(grad, given[0], grad.shape)
    kernel_ = write.rows(taps, given[1], (-1, channels, filters))
    x, places = write.statics[out[0]], i.settings["size"]
    covered = lengths(counts, window, strides, dilation)
    thin = channels < 16
    inside = within(starts, covered, places)
    at = list(blocks(g.shape[0], math.prod(counts) * channels * len(kernel_) * g.itemsize))
    most = at[0].stop
    laid = write.statics[
        write.workspace(((len(kernel_) if thin else 1) * channels * most * math.prod(counts),), x.dtype)
    ]
    framed = thin or not inside
    frame = write.statics[write.workspace((most * math.prod(covered) * channels if framed else 0,), x.dtype)]
    items = []
    for rows in at:
        n = rows.stop - rows.start
        flat = g[rows].reshape(-1, filters)
        size = n * math.prod(counts)
        if thin:
            whole = laid[: len(kernel_) * channels * size].reshape(len(kernel_) * channels, size)
            pieces = list(whole.reshape(-1, channels, n, *counts))
            shown = frame[: n * math.prod(covered) * channels].reshape(channels, n, *covered)
            seen = [(slice(None), *seen_by(cell, counts, strides, dilation)) for cell in cells(window)]
            sums = [(shown[at_cell], p) for at_cell, p in zip(seen, pieces, strict=True)]
            target, source = frame_parts(np.moveaxis(shown, 0, -1), x[rows], starts)[::-1]
            items.append((flat.T, whole, shown, sums, target, source))
            continue
        piece = laid[: size * channels].reshape(n, *counts, channels)
        shown = frame[: n * math.prod(covered) * channels].reshape(n, *covered, channels) if framed else x[rows]
        sums = [
            (matrix.T, shown[seen_by(cell, counts, strides, dilation)])
            for cell, matrix in zip(cells(window), kernel_, strict=True)
        ]
        target, source = frame_parts(shown, x[rows], starts)[::-1] if framed else (None, None)  # type: ignore[assignment]
        items.append((flat, piece.reshape(-1, channels), shown, piece, sums, target, source))  # type: ignore[arg-type]
    write(f"{out[0]}.fill(0)")
    if thin:
        write(f"for flat, laid, frame, sums, target, source in {write.constant(items)}:")
        write.call(np.matmul, kernel_.reshape(-1, filters), "flat", "laid", indent="    ")
        write("    frame.fill(0)")
        write("    for to, piece in sums:")
        write.call(np.add, "to", "piece", "to", indent="        ")
    else:
        write(f"for flat, laid, frame, piece, sums, target, source in {write.constant(items)}:")
        if framed:
            write("    frame.fill(0)")
        write("    for matrix, to in sums:")
        write.call(np.matmul, "flat", "matrix", "laid", indent="        ")
        write.call(np.add, "to", "piece", "to", indent="        ")
    if framed:
        write.call(np.copyto, "target", "source", indent="    ")


# Pooling


def _windows(i: Any) -> tuple[tuple, tuple, tuple, tuple]:
    return tuple([i.settings[k] for k in ("window", "strides", "size", "starts")])  # type: ignore[return-value]


def _sweep(write: Any, i: Any, given: list[str], out: str, f: np.ufunc, fill: Any) -> None:
    """`f` over the cells of each window, one axis after the other, as `_swept` does it."""
    window, strides, size, starts = _windows(i)
    x = write.held(i.operands[0], given[0])
    covered = _reach(window, strides, size)
    if within(starts, covered, x.shape[1:-1]):
        x = x[(slice(None), *[slice(0, n) for n in covered])]
    else:
        frame = empty_frame(x, x.shape[0], covered, fill)
        write.call(np.copyto, *frame_parts(frame, x, starts))
        x = frame
    last = max([k for k, w in enumerate(window) if w > 1], default=-1)
    for axis, (w, s, n) in enumerate(zip(window, strides, size, strict=True)):
        lead = (slice(None),) * (axis + 1)
        parts = [x[(*lead, slice(t, t + (n - 1) * s + 1, s))] for t in range(w)]
        if (
            w > 1
            and axis == last
            and all(s == 1 and w == 1 for w, s in zip(window[axis + 1 :], strides[axis + 1 :], strict=True))
        ):
            y = write.statics[out]
        elif w > 1:
            y = write.statics[write.workspace(parts[0].shape, x.dtype)]
        else:
            y = parts[0]
        for t in range(1, w):
            write.call(f, parts[0] if t == 1 else y, parts[t], out=y)
        x = y
    if x is not write.statics[out]:
        write.call(np.copyto, out, x)


@kernel("pool_max")
def _pool_max(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    if not i.results[0].size:
        return
    _sweep(write, i, given, out[0], np.maximum, _least(i.operands[0].dtype))


@kernel("pool_mean")
def _pool_mean(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    window, strides, size, starts = _windows(i)
    x = i.operands[0]
    if not i.results[0].size:
        return
    _sweep(write, i, given, out[0], np.add, 0)
    write.call(np.divide, out[0], _cell_counts(x.shape[1:-1], window, strides, size, starts, x.dtype), out[0])


def _overlay(i: Any, shape: tuple[int, ...]) -> tuple[tuple, bool, bool]:
    """What windows of an array of `shape` cover, whether they stay inside, and whether none meets another."""
    window, strides, size, starts = _windows(i)
    covered = _reach(window, strides, size)
    once = all(s >= w for s, w in zip(strides, window, strict=True))
    return covered, within(starts, covered, shape[1:-1]), once


@kernel("unpool_max")
def _unpool_max(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    values, x, peaks = (write.held(v, name) for v, name in zip(i.operands, given, strict=True))
    r = i.results[0]
    write(f"{out[0]}.fill(0)")
    if not x.size or not peaks.size:
        return
    if r.dtype.kind != "f":
        by_body(write, i, given, out)
        return
    window, strides, size, starts = _windows(i)
    covered, inside, once = _overlay(i, x.shape)
    y = write.statics[out[0]]
    at = list(blocks(x.shape[0], 4 * x.itemsize * math.prod(x.shape[1:])))
    most = at[0].stop
    seen = None if inside else empty_frame(x, most, covered, np.nan)
    frame = None if inside else empty_frame(y, most, covered)
    shape = (most, *peaks.shape[1:])
    first, free = (write.statics[write.workspace(shape, bool)] for _ in range(2))
    picked = write.statics[write.workspace(shape, r.dtype)]
    bits = np.dtype(f"i{r.dtype.itemsize}")
    items = []
    for rows in at:
        n = rows.stop - rows.start
        own, target = (x[rows], y[rows]) if seen is None else (seen[:n], frame[:n])  # type: ignore[index]
        fill = None if seen is None else frame_parts(own, x[rows], starts)
        back = None if seen is None else frame_parts(target, y[rows], starts)[::-1]
        places = [seen_by(cell, size, strides, (1,) * len(size)) for cell in cells(window)]
        cut = [(own[p], target[p], target[p].view(bits)) for p in places]
        own_picked = picked[:n], picked[:n].view(bits)
        items.append((fill, target, cut, peaks[rows], values[rows].view(bits), first[:n], free[:n], *own_picked, back))
    names = "fill, frame, parts, peaks, bits, first, free, picked, picked_bits, back"
    write(f"for {names} in {write.constant(items)}:")
    if not inside:
        write.call(np.copyto, "*fill", indent="    ")
        write("    frame.fill(0)")
    write("    free.fill(True)")
    write("    for own, to, to_bits in parts:")
    deep = "        "
    write.call(np.equal, "own", "peaks", "first", indent=deep)
    write.call(np.logical_and, "first", "free", "first", indent=deep)
    if once:
        write.call(np.multiply, "bits", "first", "to_bits", indent=deep)
    else:
        write.call(np.multiply, "bits", "first", "picked_bits", indent=deep)
        write.call(np.add, "to", "picked", "to", indent=deep)
    write.call(np.logical_xor, "free", "first", "free", indent=deep)
    if not inside:
        write.call(np.copyto, "*back", indent="    ")


@kernel("unpool_mean")
def _unpool_mean(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    window, strides, size, starts = _windows(i)
    values, y = write.held(i.operands[0], given[0]), write.statics[out[0]]
    places = i.settings["places"]
    write(f"{out[0]}.fill(0)")
    if not values.size or not y.size:
        return
    covered, inside, once = _overlay(i, y.shape)
    counts = _cell_counts(places, window, strides, size, starts, values.dtype)
    at = list(blocks(y.shape[0], y.itemsize * math.prod(y.shape[1:])))
    most = at[0].stop
    shares = write.statics[write.workspace((most, *values.shape[1:]), y.dtype)]
    frame = None if inside else empty_frame(y, most, covered)
    items = []
    for rows in at:
        n = rows.stop - rows.start
        target = y[rows] if frame is None else frame[:n]
        back = None if frame is None else frame_parts(target, y[rows], starts)[::-1]
        parts = [target[seen_by(cell, size, strides, (1,) * len(size))] for cell in cells(window)]
        items.append((values[rows], shares[:n], target, parts, back))
    write(f"for values, shares, frame, parts, back in {write.constant(items)}:")
    write.call(np.divide, "values", counts, "shares", indent="    ")
    if not inside:
        write("    frame.fill(0)")
    write("    for to in parts:")
    if once:
        write.call(np.copyto, "to", "shares", indent="        ")
    else:
        write.call(np.add, "to", "shares", "to", indent="        ")
    if not inside:
        write.call(np.copyto, "*back", indent="    ")
