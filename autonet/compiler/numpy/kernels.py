"""NumPy kernels: code generators that run a primitive into a buffer, as lines of Python.

A kernel receives the plan's writer, the instruction, the names of its operands and of its results' buffers, and writes
lines. It makes the very NumPy calls that the primitive's body makes, on arrays of the same layout, so results are equal
to the last bit. A primitive without a kernel is run by its body; its result is then a new array in each run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autonet.compiler.facts import FACTS, facts, row
from autonet.ops.indexing import sums_by_place
from autonet.ops.masks import _BITS
from autonet.ops.nn import _CUBIC, _NEAR, _SCALE  # type: ignore[attr-defined]

Kernel = Callable[[Any, Any, list[str], list[str]], None]


def kernel(name: str) -> Callable[[Kernel], Kernel]:
    """Register the kernel of the primitive `name`."""

    def register(f: Kernel) -> Kernel:
        row(name).numpy_kernel = f
        return f

    return register


def by_body(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    """Run the primitive's own body, and copy what it returns."""
    call = f"{write.constant(i.primitive.body)}({write.arguments(i, given)})"
    if len(out) == 1:
        write(f"{write.constant(np.copyto)}({out[0]}, {call})")
        return
    write(f"{', '.join(f't{k}' for k in range(len(out)))} = {call}")
    for k, name in enumerate(out):
        write.call(np.copyto, name, f"t{k}")


def refusal(i: Any) -> Callable[..., None]:
    """A function of an instruction's operands that raises the error which the primitive has for them."""

    def refuse(*operands: Any) -> None:
        i.primitive(*operands, **i.settings)
        raise RuntimeError(f"{i.op} refused its operands in a compiled step, but does not say why.")

    return refuse


@functools.cache
def number(x: float, dtype: np.dtype) -> np.ndarray:
    """A number as an array, which NumPy reads in half the time that it takes for Python's own."""
    made = np.array(x, dtype)
    made.flags.writeable = False
    return made


def as_bits(write: Any, name: str, dtype: np.dtype) -> str:
    """A float array seen as integers."""
    bits = _BITS[dtype.itemsize]
    return write.view(name, lambda a: a.view(bits)) if write.is_static(name) else f"{name}.view({write.constant(bits)})"


# Elementwise


def _ufunc(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    ufunc = facts(i).ufunc
    if i.op in ("maximum", "minimum"):  # NumPy warns of a third argument without a name
        write.call(ufunc, *given, out=out[0])
    else:
        write.call(ufunc, *given, out[0])


for _facts in FACTS.values():
    if _facts.ufunc is not None:
        _facts.numpy_kernel = _ufunc


@kernel("rsqrt")
def _rsqrt(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write.call(np.sqrt, given[0], out[0])
    write.call(np.reciprocal, out[0], out[0])


@kernel("relu")
def _relu(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[0]
    if x.size > 4096 and x.dtype.kind == "f":
        write.call(np.clip, given[0], 0, np.inf, out[0])
    else:
        write.call(np.maximum, given[0], number(0, x.dtype), out=out[0])


@kernel("_select")
def _select(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    condition = given[0]
    if i.operands[0].dtype != bool:
        condition = write.workspace(i.operands[0].shape, bool)
        write.call(np.not_equal, given[0], 0, condition)
    write.call(np.copyto, out[0], given[2])
    write.call(np.copyto, out[0], given[1], where=condition)


@kernel("clip")
def _clip(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    shape = np.broadcast_shapes(i.operands[0].shape, i.operands[1].shape)
    part = out[0] if shape == i.results[0].shape else write.workspace(shape, i.results[0].dtype)
    write.call(np.maximum, given[0], given[1], out=part)
    write.call(np.minimum, part, given[2], out=out[0])


@kernel("step")
def _step(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    flags = write.workspace(i.results[0].shape, bool)
    halves = write.workspace(i.results[0].shape, i.results[0].dtype)
    write.call(np.equal, *given, flags)
    write.call(np.multiply, flags, i.results[0].dtype.type(0.5), halves)
    write.call(np.greater, *given, flags)
    write.call(np.add, flags, halves, out[0])


def _mask(write: Any, x: str, flags: str, out: str, dtype: np.dtype) -> None:
    """out = x where the flags hold, zero elsewhere."""
    write.call(np.multiply, as_bits(write, x, dtype), flags, as_bits(write, out, dtype))


@kernel("gate")
def _gate(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    if i.results[0].dtype.kind != "f":
        by_body(write, i, given, out)
        return
    flags = write.workspace(i.operands[1].shape, bool)
    write.call(np.greater, given[1], 0, flags)
    _mask(write, given[0], flags, out[0], i.results[0].dtype)


@kernel("leak")
def _leak(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    (x, switch), r = i.operands, i.results[0]
    if r.dtype.kind != "f" or x.shape != r.shape:
        by_body(write, i, given, out)
        return
    flags, part = write.workspace(switch.shape, bool), write.workspace(r.shape, r.dtype)
    write.call(np.less, given[1], 0, flags)
    write.call(np.multiply, given[0], i.settings["negative_slope"], part)
    _mask(write, part, flags, part, r.dtype)
    write.call(np.logical_not, flags, flags)
    _mask(write, given[0], flags, out[0], r.dtype)
    write.call(np.add, out[0], part, out[0])


@kernel("leaky_relu")
def _leaky_relu(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    derivative = i.settings["negative_slope"]
    write.call(np.multiply, given[0], derivative, out[0])
    write.call(np.maximum if derivative <= 1 else np.minimum, given[0], out[0], out=out[0])


@kernel("elu")
def _elu(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    above = write.workspace(i.results[0].shape, i.results[0].dtype)
    write.call(np.minimum, given[0], 0, out=out[0])
    write.call(np.expm1, out[0], out[0])
    write.call(np.multiply, out[0], i.settings["alpha"], out[0])
    write.call(np.maximum, given[0], 0, out=above)
    write.call(np.add, out[0], above, out[0])


@kernel("sigmoid")
def _sigmoid(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    y = out[0]
    write.call(np.negative, given[0], y)
    write.call(np.exp, y, y)
    write.call(np.add, y, number(1, i.results[0].dtype), y)
    write.call(np.reciprocal, y, y)


@kernel("silu")
def _silu(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    _sigmoid(write, i, given, out)
    write.call(np.multiply, given[0], out[0], out[0])


@kernel("gelu")
def _gelu(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    if not i.settings["approximate"]:
        by_body(write, i, given, out)
        return
    y = out[0]
    write.call(np.square, given[0], y)
    write.call(np.minimum, y, _NEAR, out=y)
    write.call(np.multiply, y, _CUBIC, y)
    write.call(np.add, y, 1, y)
    write.call(np.multiply, y, given[0], y)
    write.call(np.multiply, y, _SCALE, y)
    write.call(np.tanh, y, y)
    write.call(np.add, y, 1, y)
    write.call(np.multiply, y, given[0], y)
    write.call(np.multiply, y, 0.5, y)


@kernel("softplus")
def _softplus(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    above = write.workspace(i.results[0].shape, i.results[0].dtype)
    _log1p_exp(write, given[0], out[0])
    write.call(np.maximum, given[0], 0, out=above)
    write.call(np.add, out[0], above, out[0])


def _log1p_exp(write: Any, x: str, y: str) -> None:
    """y = log(1 + exp(-|x|))."""
    write.call(np.absolute, x, y)
    write.call(np.negative, y, y)
    write.call(np.exp, y, y)
    write.call(np.log1p, y, y)


@kernel("sigmoid_crossentropy")
def _sigmoid_crossentropy(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    _target, x = i.operands
    above = write.workspace(x.shape, x.dtype)
    product = write.workspace(i.results[0].shape, x.dtype)
    _log1p_exp(write, given[1], out[0])
    write.call(np.maximum, given[1], number(0, x.dtype), out=above)
    write.call(np.add, out[0], above, out[0])
    write.call(np.multiply, given[1], given[0], product)
    write.call(np.subtract, out[0], product, out[0])


@kernel("squareplus")
def _squareplus(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    b, y = i.settings["b"], out[0]
    size = write.workspace(i.results[0].shape, i.results[0].dtype)
    write.call(np.square, given[0], y)
    write.call(np.add, y, b, y)
    write.call(np.sqrt, y, y)
    write.call(np.absolute, given[0], size)
    write.call(np.add, y, size, y)
    write.call(np.multiply, 2, y, y)
    write.call(np.divide, b, y, y)
    write.call(np.maximum, given[0], 0, out=size)
    write.call(np.add, size, y, y)


@kernel("round")
def _round(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write.call(np.round, given[0], i.settings["decimals"], out[0])


@kernel("contiguous")
def _contiguous(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write.call(np.copyto, out[0], given[0])


@kernel("cast")
def _cast(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write.call(np.copyto, out[0], given[0], casting="'unsafe'")


# Products


@kernel("matmul")
def _matmul(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x1, x2 = i.operands
    if x1.dtype.itemsize == 1 and x1.dtype.kind in "iu":
        by_body(write, i, given, out)
        return
    if len(x2.shape) == 2 < len(x1.shape):
        whole = write.held(x1, given[0])
        columns = x2.shape[1]
        if whole.flags.c_contiguous:
            rows = whole.size // max(whole.shape[-1], 1) if whole.shape[-1] else int(np.prod(whole.shape[:-1]))
            target = write.view(out[0], lambda a: a.reshape(rows, columns))
            write.call(np.matmul, whole.reshape(rows, whole.shape[-1]), given[1], target)
            return
    write.call(np.matmul, *given, out[0])


# Reductions


@kernel("sum")
def _sum(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    axis, keep = i.settings["axis"], i.settings["keepdims"]
    write.call(np.add.reduce, given[0], axis, i.results[0].dtype, out[0], keep)


@kernel("prod")
def _prod(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    axis, keep = i.settings["axis"], i.settings["keepdims"]
    write.call(np.multiply.reduce, given[0], axis, i.results[0].dtype, out[0], keep)


@kernel("sum_to")
def _sum_to(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x, shape = i.operands[0], i.settings["shape"]
    lead = len(x.shape) - len(shape)
    axes = tuple(range(lead)) + tuple([k + lead for k, n in enumerate(shape) if n == 1 and x.shape[k + lead] != 1])
    if not axes:
        write.call(np.copyto, out[0], write.held(x, given[0]).reshape(shape))
        return
    if x.dtype == np.float16:  # which the body adds up in float32
        by_body(write, i, given, out)
        return
    kept = tuple([n for k, n in enumerate(x.shape) if k not in axes])
    write.call(np.add.reduce, given[0], axes, None, write.view(out[0], lambda a: a.reshape(kept)))


@kernel("mean")
def _mean(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[0]
    axis, keep = i.settings["axis"], i.settings["keepdims"]
    count = x.size // max(i.results[0].size, 1)
    if x.dtype == np.float16 or not count:
        by_body(write, i, given, out)
        return
    write.call(np.add.reduce, given[0], axis, None, out[0], keep)
    if x.dtype == np.float32 and count <= 2**24:  # NumPy divides in float64 and rounds: the same bits, more slowly
        write.call(np.divide, out[0], number(count, x.dtype), out[0])
    else:
        write.call(np.divide, out[0], np.intp(count), out[0], casting="'unsafe'")


def _extreme(ufunc: np.ufunc) -> Kernel:
    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        axis, keep, initial = i.settings["axis"], i.settings["keepdims"], i.settings["initial"]
        rest = () if initial is None else (initial,)
        write.call(ufunc.reduce, given[0], axis, None, out[0], keep, *rest)

    return write_it


row("max").numpy_kernel = _extreme(np.maximum)
row("min").numpy_kernel = _extreme(np.minimum)


def _truth(ufunc: np.ufunc) -> Kernel:
    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        write.call(ufunc.reduce, given[0], i.settings["axis"], bool, out[0], i.settings["keepdims"])

    return write_it


row("any").numpy_kernel = _truth(np.logical_or)
row("all").numpy_kernel = _truth(np.logical_and)


def _place(f: Callable) -> Kernel:
    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        places = write.workspace(i.results[0].shape, np.intp)
        write.call(f, given[0], i.settings["axis"], places, keepdims=i.settings["keepdims"])
        write.call(np.copyto, out[0], places, casting="'unsafe'")

    return write_it


row("argmax").numpy_kernel = _place(np.argmax)
row("argmin").numpy_kernel = _place(np.argmin)


def _running(ufunc: np.ufunc) -> Kernel:
    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        x, axis = given[0], i.settings["axis"]
        if axis is None:
            x, axis = write.rows(i.operands[0], x, (-1,)), 0
        elif not i.operands[0].shape:
            by_body(write, i, given, out)
            return
        write.call(ufunc.accumulate, x, axis, i.results[0].dtype, out[0])

    return write_it


row("cumsum").numpy_kernel = _running(np.add)
row("_cumprod").numpy_kernel = _running(np.multiply)

# Places


@kernel("_take")
def _take(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    # mode "raise" would buffer the output: the indices are checked by their extremes
    x, at = i.operands
    if not at.size:
        return
    limit = x.shape[i.settings["axis"]]
    refuse = write.constant(refusal(i))
    write(f"if {given[1]}.max() >= {limit} or {given[1]}.min() < {-limit}: {refuse}({given[0]}, {given[1]})")
    places = given[1]
    if at.dtype != np.intp:
        places = write.workspace(at.shape, np.intp)
        write.call(np.copyto, places, given[1], casting="'unsafe'")
    write.call(np.take, given[0], places, i.settings["axis"], out[0], "'wrap'")


@kernel("_join")
def _join(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write(f"{write.constant(np.concatenate)}(({', '.join(given)},), {i.settings['axis']}, {out[0]})")


def _laid(where: Callable[[Any, np.ndarray], np.ndarray]) -> Kernel:
    """The kernel of a primitive that lays its operand down somewhere among zeros."""

    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        write(f"{out[0]}.fill(0)")
        write.call(np.copyto, write.view(out[0], lambda a: where(i, a)), given[0])

    return write_it


def _within(i: Any, whole: np.ndarray) -> np.ndarray:
    axis, start = i.settings["axis"] % whole.ndim, i.settings["start"]
    return whole[(slice(None),) * axis + (slice(start, start + i.operands[0].shape[axis]),)]


def _inside(i: Any, whole: np.ndarray) -> np.ndarray:
    widths = i.settings["widths"]
    return whole[tuple([slice(w[0], w[0] + n) for w, n in zip(widths, i.operands[0].shape, strict=True)])]


def _keyed(i: Any, whole: np.ndarray) -> np.ndarray:
    key = tuple([slice(*k[1:]) if isinstance(k, tuple) else k for k in i.settings["key"]])
    return whole[key if Ellipsis in key else (*key, Ellipsis)]


def _diagonal(i: Any, whole: np.ndarray) -> np.ndarray:
    view = np.diagonal(whole, i.settings["offset"], i.settings["axis1"], i.settings["axis2"])
    view.flags.writeable = True
    return view


row("_within").numpy_kernel = _laid(_within)
row("_pad").numpy_kernel = _laid(_inside)
row("_putitem").numpy_kernel = _laid(_keyed)
row("_on_diagonal").numpy_kernel = _laid(_diagonal)


class _SumByPlace:
    """Adds up the rows of an array that go to the same place, as the primitive's body does it."""

    def __init__(self, rows: np.ndarray, whole: np.ndarray):
        self.rows, self.whole = rows, whole

    def __call__(self, places: np.ndarray) -> None:
        at, sums = sums_by_place(self.rows, places.astype(np.int64) % len(self.whole))
        self.whole.fill(0)
        self.whole[at] = sums


@kernel("_take_back")
def _take_back(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x, at = i.operands
    shape = i.settings["shape"]
    axis = i.settings["axis"] % len(shape)
    n, k = shape[axis], len(at.shape)
    width = i.results[0].size // max(n, 1)
    whole = write.shared(out[0], lambda a: np.moveaxis(a, axis, 0).reshape(n, width))
    if whole is None or not (at.size and n and width):
        by_body(write, i, given, out)
        return
    rows = write.rows(x, given[0], (at.size, width), lambda a: np.moveaxis(a, range(axis, axis + k), range(k)))
    places = write.rows(at, given[1], (at.size,))
    write.call(_SumByPlace(rows, whole), places)
