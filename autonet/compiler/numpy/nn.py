"""NumPy kernels for classes (softmax, cross-entropies), normalisation along an axis, and draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonet.compiler.numpy.kernels import by_body, kernel, number, refusal
from autonet.ops.reduction import kept_shape

# Along an axis


@kernel("softmax")
def _softmax(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    r, axis = i.results[0], i.settings["axis"]
    if not r.size:
        return
    top = write.like(r, out[0], kept_shape(r.shape, axis))
    write.call(np.maximum.reduce, given[0], axis, None, top, True)
    write.call(np.subtract, given[0], top, out[0])
    write.call(np.exp, out[0], out[0])
    write.call(np.add.reduce, out[0], axis, None, top, True)
    write.call(np.divide, out[0], top, out[0])


@kernel("softmax_vjp")
def _softmax_vjp(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    r, axis = i.results[0], i.settings["axis"]
    if not r.size:
        return
    total = write.like(r, out[0], kept_shape(r.shape, axis))
    write.call(np.multiply, given[0], given[1], out[0])
    write.call(np.add.reduce, out[0], axis, None, total, True)
    write.call(np.subtract, given[0], total, out[0])
    write.call(np.multiply, given[1], out[0], out[0])


@kernel("log_softmax")
def _log_softmax(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    r, axis = i.results[0], i.settings["axis"]
    if not r.size:
        return
    top, e = write.like(r, out[0], kept_shape(r.shape, axis)), write.like(r, out[0])
    write.call(np.maximum.reduce, given[0], axis, None, top, True)
    write.call(np.subtract, given[0], top, out[0])
    write.call(np.exp, out[0], e)
    write.call(np.add.reduce, e, axis, None, top, True)
    write.call(np.log, top, top)
    write.call(np.subtract, out[0], top, out[0])


@kernel("logsumexp")
def _logsumexp(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x, axis = i.operands[0], i.settings["axis"]
    kept = kept_shape(x.shape, axis)
    peak, total, e = write.like(x, given[0], kept), write.like(x, given[0], kept), write.like(x, given[0])
    flags = write.workspace(kept, bool)
    write.call(np.maximum.reduce, given[0], axis, None, peak, True, -np.inf)
    write.call(np.isfinite, peak, flags)
    write.call(np.logical_not, flags, flags)
    write.call(np.copyto, peak, 0, where=flags)
    write.call(np.subtract, given[0], peak, e)
    write.call(np.exp, e, e)
    write.call(np.add.reduce, e, axis, None, total, True)
    write.call(np.log, total, total)
    write.call(np.add, total, peak, write.view(out[0], lambda a: a.reshape(kept)))


@kernel("standardize")
def _standardize(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x, axis = i.operands[0], i.settings["axis"]
    if x.dtype == np.float16:
        by_body(write, i, given, out)
        return
    y, r = i.results
    n = max(x.size // max(r.size, 1), 1)
    squares = write.like(y, out[0])
    write.call(np.add.reduce, given[0], axis, None, out[1], True)
    write.call(np.divide, out[1], n, out[1])
    write.call(np.subtract, given[0], out[1], out[0])
    write.call(np.square, out[0], squares)
    write.call(np.add.reduce, squares, axis, None, out[1], True)
    write.call(np.divide, out[1], n, out[1])
    write.call(np.add, out[1], i.settings["epsilon"], out[1])
    flags = write.workspace(r.shape, bool)
    write.call(np.isinf, out[1], flags)
    write.call(np.sqrt, out[1], out[1])
    write.call(np.reciprocal, out[1], out[1])
    write.call(np.copyto, out[1], np.nan, where=flags)
    write.call(np.multiply, out[0], out[1], out[0])


@kernel("standardize_vjp")
def _standardize_vjp(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    gy, _, y, r = i.operands
    axis, gx = i.settings["axis"], out[0]
    if y.dtype == np.float16:
        by_body(write, i, given, out)
        return
    n = max(y.size // max(r.size, 1), 1)
    derivative, part = write.like(i.results[0], gx, r.shape), write.like(i.results[0], gx, r.shape)
    mean = write.like(gy, given[0], r.shape)
    write.call(np.multiply, given[0], given[2], gx)
    write.call(np.add.reduce, gx, axis, None, derivative, True)
    write.call(np.multiply, given[1], given[3], part)
    write.call(np.add, derivative, part, derivative)
    write.call(np.divide, derivative, n, derivative)
    write.call(np.multiply, given[2], derivative, gx)
    write.call(np.subtract, given[0], gx, gx)
    write.call(np.add.reduce, given[0], axis, None, mean, True)
    write.call(np.divide, mean, n, mean)
    write.call(np.subtract, gx, mean, gx)
    write.call(np.multiply, gx, given[3], gx)


# Classes


@kernel("bounded")
def _bounded(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[0]
    flags, more = write.workspace(x.shape, bool), write.workspace(x.shape, bool)
    refuse = f"{write.constant(refusal(i))}({given[0]})"
    low, high = (
        number(i.settings[k], x.dtype if x.dtype.kind == "f" else np.dtype("float64")) for k in ("low", "high")
    )
    write.call(np.less, given[0], low, flags)
    write.call(np.greater, given[0], high, more)
    write.call(np.logical_or, flags, more, flags)
    if i.settings["whole"] and x.dtype.kind == "f":
        floors = write.workspace(x.shape, x.dtype)
        write.call(np.floor, given[0], floors)
        write.call(np.not_equal, given[0], floors, more)
        write.call(np.logical_or, flags, more, flags)
    write(f"if {flags}.any(): {refuse}")
    write.call(np.copyto, out[0], given[0])


@kernel("_one_hot")
def _one_hot(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[0]
    n, axis = i.settings["num_classes"], i.settings["axis"] % (len(x.shape) + 1)
    classes = np.arange(n, dtype=x.dtype).reshape((n,) + (1,) * (len(x.shape) - axis))
    flags = write.workspace(i.results[0].shape, bool)
    write.call(np.equal, np.expand_dims(write.held(x, given[0]), axis), classes, flags)
    write.call(np.copyto, out[0], flags, casting="'unsafe'")


@kernel("softmax_crossentropy")
def _softmax_crossentropy(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    target, x = i.operands
    if target.shape != x.shape:
        by_body(write, i, given, out)
        return
    axis = i.settings["axis"]
    top, z, e = (write.like(x, given[1], shape) for shape in (kept_shape(x.shape, axis), x.shape, x.shape))
    write.call(np.maximum.reduce, given[1], axis, None, top, True)
    write.call(np.subtract, given[1], top, z)
    write.call(np.exp, z, e)
    write.call(np.add.reduce, e, axis, None, top, True)
    write.call(np.log, top, top)
    write.call(np.subtract, top, z, z)
    write.call(np.multiply, z, given[0], z)
    write.call(np.add.reduce, z, axis, None, out[0])


def _numbers(write: Any, i: Any, given: list[str], classes: int) -> str:
    """A workspace with the places that class numbers pick in rows of so many classes, laid end to end; checked."""
    target = i.operands[0]
    n = target.size
    flat = write.constant(write.rows(target, given[0], (n,)))
    refuse = f"{write.constant(refusal(i))}({', '.join(given)})"
    at = flat
    if target.dtype != np.int64:
        at = write.workspace((n,), np.int64)
        write.call(np.copyto, at, flat, casting="'unsafe'")
    if target.dtype.kind not in "iu":
        flags = write.workspace((n,), bool)
        write.call(np.not_equal, at, flat, flags)
        write(f"if {flags}.any(): {refuse}")
    write(f"if {at}.min() < 0 or {at}.max() >= {classes}: {refuse}")
    places = write.workspace((n,), np.int64)
    write.call(np.add, at, np.arange(n) * classes, places)
    return places


def _last(x: np.ndarray, axis: int) -> np.ndarray:
    return x if axis in (-1, x.ndim - 1) else np.moveaxis(x, axis, -1)


@kernel("class_crossentropy")
def _class_crossentropy(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[1]
    moved = _last(write.held(x, given[1]), i.settings["axis"])
    n, classes = i.results[0].size, moved.shape[-1]
    if not (n and classes and moved.flags.c_contiguous) or i.operands[0].shape != moved.shape[:-1]:
        by_body(write, i, given, out)
        return
    places = _numbers(write, i, given, classes)
    rows = moved.reshape(n, classes)
    top = write.workspace((n, 1), x.dtype)
    z, e = write.workspace((n, classes), x.dtype), write.workspace((n, classes), x.dtype)
    total, picked = write.workspace((n,), x.dtype), write.workspace((n,), x.dtype)
    write.call(np.maximum.reduce, rows, -1, None, top, True)
    write.call(np.subtract, rows, top, z)
    write.call(np.exp, z, e)
    write.call(np.add.reduce, e, -1, None, total)
    write.call(np.log, total, total)
    write.call(np.take, write.view(z, lambda a: a.reshape(-1)), places, 0, picked, "'wrap'")
    write.call(np.subtract, total, picked, write.view(out[0], lambda a: a.reshape(-1)))


@kernel("pick_class")
def _pick_class(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[1]
    shape = _last(np.empty(x.shape, bool), i.settings["axis"]).shape
    n, classes = i.results[0].size, shape[-1]
    if not n or not classes or i.operands[0].shape != shape[:-1]:
        by_body(write, i, given, out)
        return
    rows = write.rows(x, given[1], (n * classes,), lambda a: _last(a, i.settings["axis"]))
    places = _numbers(write, i, given, classes)
    write.call(np.take, rows, places, 0, write.view(out[0], lambda a: a.reshape(-1)), "'wrap'")


# Draws


class Stream:
    """A plan's own generator, moved to the start of a draw: what `np.random.Philox(key, counter)` would be."""

    def __init__(self) -> None:
        self.bits = np.random.Philox(key=np.zeros(2, np.uint64), counter=np.zeros(4, np.uint64))
        self.generator = np.random.Generator(self.bits)
        self.state: Any = self.bits.state

    def at(self, state: np.ndarray, skipped: int = 0) -> np.random.Generator:
        """The generator for the draw that `state`, (seed, number of the draw), stands for, past so many blocks of 256 bits."""
        words = self.state["state"]
        words["key"][0], words["counter"][0], words["counter"][1] = state[0], skipped, state[1]
        self.bits.state = self.state
        return self.generator


def _draw(method: str, numbers: tuple[str, ...]) -> Any:
    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        r = i.results[0]
        if r.dtype.name not in numbers or not write.statics[out[0]].flags.c_contiguous:
            by_body(write, i, given, out)
            return
        write(f"{write.constant(Stream().at)}({given[0]}).{method}(None, {write.constant(r.dtype.type)}, {out[0]})")

    return write_it


kernel("random_uniform")(_draw("random", ("float32", "float64")))
kernel("random_normal")(_draw("standard_normal", ("float32", "float64")))


@kernel("dropout_mask")
def _dropout_mask(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    r, rate = i.results[0], i.settings["rate"]
    if r.dtype == np.float16:
        by_body(write, i, given, out)
        return
    draws, flags = write.workspace(r.shape, np.float32), write.workspace(r.shape, bool)
    write(f"{write.constant(Stream().at)}({given[0]}).random(None, {write.constant(np.float32)}, {draws})")
    write.call(np.greater_equal, draws, np.float32(rate), flags)
    write.call(np.multiply, flags, kept_value(i), out[0])


def kept_value(i: Any) -> Any:
    """What a dropout mask has where it keeps."""
    rate = i.settings["rate"]
    return i.results[0].dtype.type(1 / (1 - rate) if rate < 1 else 0)
