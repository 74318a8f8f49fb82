"""How the NumPy plan runs each primitive into a buffer: lines of Python per primitive.

A kernel receives the plan's writer, the instruction, the names of its operands and of its results' buffers, and writes
lines. It makes the very NumPy calls that the primitive's body makes, so results are equal to the last bit. A primitive
without a kernel is run by its body; its result is then a new array in each run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Kernel = Callable[[Any, Any, list[str], list[str]], None]

KERNELS: dict[str, Kernel] = {}

# Primitives whose body is one ufunc: result k may lie in the operand's own buffer
UFUNCS: dict[str, np.ufunc] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "mod": np.remainder,
    "negative": np.negative,
    "absolute": np.absolute,
    "reciprocal": np.reciprocal,
    "square": np.square,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "power": np.power,
    "hypot": np.hypot,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "logaddexp": np.logaddexp,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "arctan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "floor_divide": np.floor_divide,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "logical_not": np.logical_not,
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
    "bitwise_invert": np.invert,
    "left_shift": np.left_shift,
    "right_shift": np.right_shift,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
    "matmul": np.matmul,
}
IN_PLACE = frozenset(UFUNCS) - {"matmul"}

# Primitives whose body gives a view of its operand wherever strides allow
VIEWS = frozenset(
    "reshape transpose expand_dims squeeze broadcast_to _getitem _part _crop flip diagonal _split alias detach".split()
)


def kernel(name: str) -> Callable[[Kernel], Kernel]:
    """Register the kernel of the primitive `name`."""

    def register(f: Kernel) -> Kernel:
        KERNELS[name] = f
        return f

    return register


def _ufunc(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    word = "out=" if i.op in ("maximum", "minimum") else ""  # which NumPy wants for these two
    write(f"{write.constant(UFUNCS[i.op])}({', '.join(given)}, {word}{out[0]})")


for _name in UFUNCS:
    KERNELS[_name] = _ufunc


@kernel("rsqrt")
def _rsqrt(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write(f"{write.constant(np.sqrt)}({given[0]}, {out[0]})")
    write(f"{write.constant(np.reciprocal)}({out[0]}, {out[0]})")


@kernel("relu")
def _relu(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write(f"{write.constant(np.maximum)}({given[0]}, 0, out={out[0]})")


@kernel("_select")
def _select(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    copy = write.constant(np.copyto)
    condition = given[0]
    if i.operands[0].dtype != bool:
        condition = write.workspace(i.operands[0].shape, np.dtype(bool))
        write(f"{write.constant(np.not_equal)}({given[0]}, 0, {condition})")
    write(f"{copy}({out[0]}, {given[2]})")
    write(f"{copy}({out[0]}, {given[1]}, where={condition})")


@kernel("clip")
def _clip(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write(f"{write.constant(np.maximum)}({given[0]}, {given[1]}, out={out[0]})")
    write(f"{write.constant(np.minimum)}({out[0]}, {given[2]}, out={out[0]})")


@kernel("step")
def _step(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    flags = write.workspace(i.results[0].shape, np.dtype(bool))
    halves = write.workspace(i.results[0].shape, i.results[0].dtype)
    half = write.constant(i.results[0].dtype.type(0.5))
    write(f"{write.constant(np.equal)}({given[0]}, {given[1]}, {flags})")
    write(f"{write.constant(np.multiply)}({flags}, {half}, {halves})")
    write(f"{write.constant(np.greater)}({given[0]}, {given[1]}, {flags})")
    write(f"{write.constant(np.add)}({flags}, {halves}, {out[0]})")


@kernel("gate")
def _gate(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    flags = write.workspace(i.operands[1].shape, np.dtype(bool))
    bits = np.dtype(f"i{i.results[0].dtype.itemsize}")
    write(f"{write.constant(np.greater)}({given[1]}, 0, {flags})")
    target = write.view(out[0], lambda a: a.view(bits))
    write(f"{write.constant(np.multiply)}({given[0]}.view({write.constant(bits)}), {flags}, {target})")


@kernel("sigmoid")
def _sigmoid(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    y = out[0]
    write(f"{write.constant(np.negative)}({given[0]}, {y})")
    write(f"{write.constant(np.exp)}({y}, {y})")
    write(f"{write.constant(np.add)}({y}, 1, {y})")
    write(f"{write.constant(np.reciprocal)}({y}, {y})")


@kernel("cast")
def _cast(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write(f"{write.constant(np.copyto)}({out[0]}, {given[0]}, casting='unsafe')")


# Reductions


def _axes(axis: Any, ndim: int) -> Any:
    return tuple(range(ndim)) if axis is None else axis


@kernel("sum")
def _sum(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    axis, keep = i.settings["axis"], i.settings["keepdims"]
    dtype = write.constant(i.results[0].dtype)
    write(f"{write.constant(np.add.reduce)}({given[0]}, {axis!r}, {dtype}, {out[0]}, {keep!r})")


@kernel("sum_to")
def _sum_to(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x, shape = i.operands[0], i.settings["shape"]
    lead = len(x.shape) - len(shape)
    axes = tuple(range(lead)) + tuple([k + lead for k, n in enumerate(shape) if n == 1 and x.shape[k + lead] != 1])
    if not axes:
        write(f"{write.constant(np.copyto)}({out[0]}, {given[0]}.reshape({shape!r}))")
        return
    kept = tuple([n for k, n in enumerate(x.shape) if k not in axes])
    target = write.view(out[0], lambda a: a.reshape(kept))
    write(f"{write.constant(np.add.reduce)}({given[0]}, {axes!r}, None, {target})")


@kernel("mean")
def _mean(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[0]
    axis, keep = i.settings["axis"], i.settings["keepdims"]
    count = x.size // max(i.results[0].size, 1)
    if x.dtype == np.float16 or not count:
        by_body(write, i, given, out)
        return
    write(f"{write.constant(np.add.reduce)}({given[0]}, {axis!r}, None, {out[0]}, {keep!r})")
    divisor = write.constant(np.intp(count))
    write(f"{write.constant(np.true_divide)}({out[0]}, {divisor}, {out[0]}, casting='unsafe')")


def _extreme(ufunc: np.ufunc) -> Kernel:
    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        axis, keep, initial = i.settings["axis"], i.settings["keepdims"], i.settings["initial"]
        rest = "" if initial is None else f", {initial!r}"
        write(f"{write.constant(ufunc.reduce)}({given[0]}, {axis!r}, None, {out[0]}, {keep!r}{rest})")

    return write_it


KERNELS["max"] = _extreme(np.maximum)
KERNELS["min"] = _extreme(np.minimum)


def _place(f: Callable) -> Kernel:
    def write_it(write: Any, i: Any, given: list[str], out: list[str]) -> None:
        places = write.workspace(i.results[0].shape, np.dtype(np.intp))
        write(f"{write.constant(f)}({given[0]}, {i.settings['axis']!r}, {places}, keepdims={i.settings['keepdims']!r})")
        write(f"{write.constant(np.copyto)}({out[0]}, {places}, casting='unsafe')")

    return write_it


KERNELS["argmax"] = _place(np.argmax)
KERNELS["argmin"] = _place(np.argmin)


# Classes


@kernel("_one_hot")
def _one_hot(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[0]
    n, axis = i.settings["num_classes"], i.settings["axis"] % (len(x.shape) + 1)
    classes = write.constant(np.arange(n, dtype=x.dtype).reshape((n,) + (1,) * (len(x.shape) - axis)))
    flags = write.workspace(i.results[0].shape, np.dtype(bool))
    column = write.view(given[0], lambda a: np.expand_dims(a, axis)) if write.is_static(given[0]) else None
    column = column or f"{write.constant(np.expand_dims)}({given[0]}, {axis})"
    write(f"{write.constant(np.equal)}({column}, {classes}, {flags})")
    write(f"{write.constant(np.copyto)}({out[0]}, {flags}, casting='unsafe')")


@kernel("softmax")
def _softmax(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    axis = i.settings["axis"]
    kept = tuple([1 if k in _normal(axis, len(i.results[0].shape)) else n for k, n in enumerate(i.results[0].shape)])
    top = write.workspace(kept, i.results[0].dtype)
    write(f"{write.constant(np.maximum.reduce)}({given[0]}, {axis!r}, None, {top}, True)")
    write(f"{write.constant(np.subtract)}({given[0]}, {top}, {out[0]})")
    write(f"{write.constant(np.exp)}({out[0]}, {out[0]})")
    write(f"{write.constant(np.add.reduce)}({out[0]}, {axis!r}, None, {top}, True)")
    write(f"{write.constant(np.divide)}({out[0]}, {top}, {out[0]})")


def _normal(axis: Any, ndim: int) -> set[int]:
    return {a % ndim for a in ((axis,) if isinstance(axis, int) else axis)}


@kernel("softmax_crossentropy")
def _softmax_crossentropy(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    target, x = i.operands
    if target.shape != x.shape:
        by_body(write, i, given, out)
        return
    axis = i.settings["axis"]
    kept = tuple([1 if k in _normal(axis, len(x.shape)) else n for k, n in enumerate(x.shape)])
    top, z, e = write.workspace(kept, x.dtype), write.workspace(x.shape, x.dtype), write.workspace(x.shape, x.dtype)
    write(f"{write.constant(np.maximum.reduce)}({given[1]}, {axis!r}, None, {top}, True)")
    write(f"{write.constant(np.subtract)}({given[1]}, {top}, {z})")
    write(f"{write.constant(np.exp)}({z}, {e})")
    write(f"{write.constant(np.add.reduce)}({e}, {axis!r}, None, {top}, True)")
    write(f"{write.constant(np.log)}({top}, {top})")
    write(f"{write.constant(np.subtract)}({top}, {z}, {z})")
    write(f"{write.constant(np.multiply)}({z}, {given[0]}, {z})")
    write(f"{write.constant(np.add.reduce)}({z}, {axis!r}, None, {out[0]})")


# Places


@kernel("_take")
def _take(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    # mode "raise" would buffer the output: the indices are checked by their extremes
    x, at = i.operands
    n = x.shape[i.settings["axis"]]
    if not at.size:
        return
    check = write.constant(_check_indices)
    write(f"{check}({given[1]}, {n})")
    write(f"{write.constant(np.take)}({given[0]}, {given[1]}, {i.settings['axis']}, {out[0]}, 'wrap')")


def _check_indices(at: np.ndarray, n: int) -> None:
    if at.max() >= n or at.min() < -n:
        raise IndexError(f"index out of bounds for an axis of {n} places: {at.min()} to {at.max()}")


@kernel("_join")
def _join(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    write(f"{write.constant(np.concatenate)}(({', '.join(given)},), {i.settings['axis']}, {out[0]})")


@kernel("_pad")
def _pad(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    inside = tuple([slice(w[0], w[0] + n) for w, n in zip(i.settings["widths"], i.operands[0].shape, strict=True)])
    write(f"{out[0]}.fill(0)")
    write(f"{write.constant(np.copyto)}({write.view(out[0], lambda a: a[inside])}, {given[0]})")


@kernel("_within")
def _within(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    x = i.operands[0]
    axis = i.settings["axis"] % len(x.shape)
    at = (slice(None),) * axis + (slice(i.settings["start"], i.settings["start"] + x.shape[axis]),)
    write(f"{out[0]}.fill(0)")
    write(f"{write.constant(np.copyto)}({write.view(out[0], lambda a: a[at])}, {given[0]})")


def by_body(write: Any, i: Any, given: list[str], out: list[str]) -> None:
    """Run the primitive's own body, and copy what it returns."""
    call = f"{write.constant(i.primitive.body)}({write.arguments(i, given)})"
    if len(out) == 1:
        write(f"{write.constant(np.copyto)}({out[0]}, {call})")
    else:
        write(f"{', '.join(['t' + str(k) for k in range(len(out))])} = {call}")
        for k, name in enumerate(out):
            write(f"{write.constant(np.copyto)}({name}, t{k})")
