"""Shapes and dtypes of results, foretold without computing a number.

A `AbstractTensor` is a Tensor of a shape and dtype whose elements are all the same one zero in memory, so that it costs nothing
however large it is. Code that computes with AbstractTensors runs as it stands: composed operations and layers see Tensors, while
each primitive that meets a AbstractTensor is answered by a rule on shapes (elementwise: broadcasting; reductions, products,
convolution, pooling, joins: their arithmetic; views: NumPy's own, which copy nothing). A primitive without a rule does
run, on those zeros; only then is its result allocated.

Where a length is unknown (None, mostly the batch), `shape_inference` runs everything at several lengths in place of None.
"""

import functools
import math
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.lines import filters_traceback
from autonet.common.refusals import explanation
from autonet.common.trees import flatten
from autonet.common.types import Dtype
from autonet.core.calls import convert
from autonet.core.primitive import Primitive
from autonet.core.tensor import Tensor
from autonet.errors import AutonetError
from autonet.untrusted.budget import limit, load_budget


class Spec:
    """Shape and dtype of a Tensor to come."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Any, dtype: Dtype):
        self.shape = tuple(shape)
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"Spec({self.shape}, {self.dtype})"


class AbstractTensor(Tensor):
    """A Tensor with a shape and a dtype, and zeros that take no memory."""

    __slots__ = ()

    def __init__(self, shape: tuple[int, ...], dtype: Dtype):
        self._value = blank(shape, dtypes.as_dtype(dtype))
        self._node = None

    @staticmethod
    def _symbolic(op: Primitive, operands: tuple, settings: dict) -> Any:
        budget = load_budget()
        if budget is not None:
            budget.step(op.name)
        tensors = convert(op, operands)
        values = [x._value for x in tensors]
        try:
            with np.errstate(all="ignore"):
                result = _result(op, values, settings)
        except AutonetError:
            raise
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            raise explanation(op, error, values, settings) from error
        several = type(result) is tuple
        now = limits[-1]
        now.results -= len(result) if several else 1
        if now.results < 0:
            raise TooLarge(op.name)
        return tuple([_haunt(r) for r in result]) if several else _haunt(result)


def _haunt(array: Any) -> AbstractTensor:
    tensor = object.__new__(AbstractTensor)
    tensor._value = array if array.ndim == 0 or not any(array.strides) else blank(array.shape, array.dtype)
    tensor._node = None
    return tensor


@functools.cache
def _zero(dtype: np.dtype) -> np.ndarray:
    return np.zeros((), dtype)


def blank(shape: tuple[int, ...], dtype: Dtype) -> np.ndarray:
    """An array of zeros that takes no memory and cannot be written."""
    return np.broadcast_to(_zero(np.dtype(dtype)), shape)


class TooLarge(Exception):
    """A primitive without a rule would have to allocate much, or a walk along an unknown axis goes on and on."""


class Limits:
    """What a run at lengths that were only tried may take: `elements` given to a primitive without a rule; results in all.

    counted: what stands for a length that values decide; asked: whether it was needed.
    """

    __slots__ = ("asked", "counted", "elements", "results")

    def __init__(self, elements: float = math.inf, results: float = math.inf):
        self.elements = elements
        self.results = results
        self.counted = 24
        self.asked = False


limits = [Limits()]


def length_by_values(x: Any, count: Callable[[], int]) -> int:
    """count(), a length that the values of `x` decide; of an AbstractTensor, one that stays unknown."""
    if type(x) is not AbstractTensor:
        return count()
    limits[-1].asked = True
    return limits[-1].counted


def _result(op: Primitive, values: list[np.ndarray], settings: dict) -> Any:
    """The array, or tuple of arrays, that the body would give, but for the numbers."""
    if op.name in VIEWS:
        return op.body(*values, **settings)
    if op.name in POINTWISE:
        shape = np.broadcast_shapes(*[v.shape for v in values])
        if op.name in WHOLE:  # as in Keras, floats are refused when there are numbers
            return blank(shape, values[0].dtype)
        return blank(shape, sample(op, [(1,)] * len(values), values, settings).dtype)
    rule = RULES.get(op.name)
    if rule is not None:
        return rule(op, *values, **settings)
    size = sum([v.size for v in values])
    if size > limits[-1].elements:
        raise TooLarge(op.name)
    if load_budget() is not None:  # what it makes may be as large as its settings say
        numbers = [n for n in flatten(list(settings.values())) if isinstance(n, int)]
        limit(op.name, max([size, *map(abs, numbers)]))
    return op.body(*values, **settings)


def sample(op: Primitive, shapes: list[tuple], values: list[np.ndarray], settings: dict) -> np.ndarray:
    """What the body gives for ones of small shapes and the values' dtypes."""
    return np.asarray(op.body(*[np.ones(s, v.dtype) for s, v in zip(shapes, values, strict=True)], **settings))


# Rules. Each gets the primitive, its operands as arrays, and its settings.

VIEWS = frozenset(
    """reshape transpose matrix_transpose expand_dims squeeze broadcast_to _getitem _part _crop diagonal flip _split alias
    detach grid_coordinates""".split()
)

POINTWISE = frozenset(
    """add subtract multiply divide mod floor_divide power hypot arctan2 logaddexp maximum minimum clip _select step
    negative absolute reciprocal square sqrt rsqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos
    arctan sinh cosh tanh arcsinh arccosh arctanh equal not_equal less less_equal greater greater_equal logical_and
    logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_invert left_shift right_shift isnan
    gcd lcm isinf isfinite sign signbit floor ceil trunc round relu gate leaky_relu leak elu sigmoid softplus silu gelu squareplus erf
    erfc erfinv lgamma polygamma sigmoid_crossentropy""".split()
)

WHOLE = frozenset("bitwise_and bitwise_or bitwise_xor bitwise_invert left_shift right_shift gcd lcm".split())


def _axes(x: np.ndarray, axis: Any) -> Any:
    """The numbers of the axes that `axis` names."""
    return range(x.ndim) if axis is None else [a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)]


def _reduced(op: Primitive, x: np.ndarray, *, axis: Any, keepdims: bool, **settings: Any) -> np.ndarray:
    one = sample(op, [(1,) * x.ndim], [x], {"axis": axis, "keepdims": True, **settings})  # refuses wrong axes
    axes = _axes(x, axis)
    lengths = [1 if i in axes else n for i, n in enumerate(x.shape)]
    return blank(tuple(lengths if keepdims else [n for i, n in enumerate(lengths) if i not in axes]), one.dtype)


def _alike(op: Primitive, x: np.ndarray, **settings: Any) -> np.ndarray:
    one = sample(op, [(1,) * x.ndim], [x], settings)
    return blank(x.shape if one.ndim == x.ndim else (x.size,), one.dtype)  # some flatten for axis=None


def _rolled(op: Primitive, x: np.ndarray, **settings: Any) -> np.ndarray:
    sample(op, [(1,) * x.ndim], [x], settings)  # refuses wrong axes
    return blank(x.shape, x.dtype)


def _squares(x: np.ndarray) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError("the last two axes must have one length")


def _of_square(op: Primitive, x: np.ndarray, **settings: Any) -> np.ndarray:
    _squares(x)
    return blank(x.shape, x.dtype)


def _of_each_square(op: Primitive, x: np.ndarray) -> np.ndarray:
    _squares(x)
    return blank(x.shape[:-2], x.dtype)


def _sign_and_log(op: Primitive, x: np.ndarray) -> tuple:
    return _of_each_square(op, x), _of_each_square(op, x)


def _eigen(op: Primitive, x: np.ndarray) -> tuple:
    _squares(x)
    return blank(x.shape[:-1], x.dtype), blank(x.shape, x.dtype)


def _cast(op: Primitive, x: np.ndarray, *, dtype: str) -> np.ndarray:
    return blank(x.shape, dtype)


def _matmul(op: Primitive, x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    ends = [x1.shape[-2:], x2.shape[-2:]]
    if x1.ndim and x2.ndim and ends[0][-1] == ends[1][0]:
        stack = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
        dtype = np.int32 if x1.dtype.itemsize == 1 and x1.dtype.kind in "iu" else x1.dtype
        return blank((*stack, *ends[0][:-1], *ends[1][1:]), dtype)
    raise ValueError("the last axis of the first and the last but one of the second must have one length")


def _join(op: Primitive, *xs: np.ndarray, axis: int) -> np.ndarray:
    shapes = [list(x.shape) for x in xs]
    total = sum([s[axis] for s in shapes])
    for s in shapes:
        s[axis] = total
        if s != shapes[0] and len(s) == len(shapes[0]):
            shapes[0][axis] = total
        if s != shapes[0]:
            raise ValueError("they must agree on every other axis")
    return blank(tuple(shapes[0]), xs[0].dtype)


def _padded(op: Primitive, x: np.ndarray, *, widths: tuple) -> np.ndarray:
    return blank(tuple([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]), x.dtype)


def _within(op: Primitive, x: np.ndarray, *, start: int, length: int, axis: int) -> np.ndarray:
    axis %= x.ndim
    return blank((*x.shape[:axis], length, *x.shape[axis + 1 :]), x.dtype)


def _shaped(op: Primitive, x: np.ndarray, *others: np.ndarray, shape: tuple, **settings: Any) -> np.ndarray:
    return blank(shape, x.dtype)


def _taken(op: Primitive, x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    axis = range(x.ndim)[axis]
    return blank((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _taken_along(op: Primitive, x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    axis = range(x.ndim)[axis]
    if indices.ndim != x.ndim:
        raise ValueError("they must have the same number of axes")
    shape = list(np.broadcast_shapes((*x.shape[:axis], 1, *x.shape[axis + 1 :]), indices.shape))
    return blank(tuple(shape), x.dtype)


def _gathered(op: Primitive, *xs: np.ndarray, key: tuple) -> np.ndarray:
    """Shape by NumPy's own indexing of an array without elements to copy: one more axis, of length zero."""
    empty = np.empty((*xs[0].shape, 0), xs[0].dtype)
    if not any(k is Ellipsis for k in key):
        key = (*key, Ellipsis)
    return blank(op.body(empty, *xs[1:], key=key).shape[:-1], xs[0].dtype)


def _seen(op: Primitive, x: np.ndarray, rows: np.ndarray, columns: np.ndarray, **settings: Any) -> np.ndarray:
    return blank((*np.broadcast_shapes((len(x), 1, 1), rows.shape, columns.shape), x.shape[3]), x.dtype)


def _hot(op: Primitive, x: np.ndarray, *, num_classes: int, axis: int, dtype: str) -> np.ndarray:
    axis %= x.ndim + 1
    return blank((*x.shape[:axis], num_classes, *x.shape[axis:]), dtype)


def _convolved(op: Primitive, x: np.ndarray, kernel: np.ndarray, *, size: tuple, groups: int, **_: Any) -> np.ndarray:
    if x.shape[-1] != kernel.shape[-2] * groups:
        raise ValueError("the kernel's input channels, times the groups, must be the input's channels")
    return blank((x.shape[0], *size, kernel.shape[-1]), x.dtype)


def _unconvolved(op: Primitive, x: np.ndarray, kernel: np.ndarray, *, size: tuple, groups: int, **_: Any) -> np.ndarray:
    return blank((x.shape[0], *size, kernel.shape[-2] * groups), x.dtype)


def _pooled(op: Primitive, x: np.ndarray, *, size: tuple, **_: Any) -> np.ndarray:
    return blank((x.shape[0], *size, x.shape[-1]), x.dtype)


def _standardized(op: Primitive, x: np.ndarray, *, axis: Any, epsilon: float) -> tuple:
    axes = _axes(x, axis)
    return blank(x.shape, x.dtype), blank(tuple([1 if i in axes else n for i, n in enumerate(x.shape)]), x.dtype)


def _attended(op: Primitive, query: np.ndarray, key: np.ndarray, value: np.ndarray, *_: Any, **settings: Any) -> tuple:
    n, t, h, _ = query.shape
    return blank((n, t, h, value.shape[3]), query.dtype), blank((n, h, t), query.dtype)


def _batch_normalized(op: Primitive, x: np.ndarray, scale: np.ndarray, *_: Any, **settings: Any) -> tuple:
    return blank(x.shape, x.dtype), blank(scale.shape, x.dtype), blank(scale.shape, x.dtype)


def _top(op: Primitive, x: np.ndarray, *, k: int) -> np.ndarray:
    return blank((*x.shape[:-1], k), np.int32)


def _solved(op: Primitive, a: np.ndarray, b: np.ndarray, **_: Any) -> np.ndarray:
    _squares(a)
    if (b.shape[-2] if b.ndim > 1 else b.size) != a.shape[-1]:
        raise ValueError("the second must have as many rows as the first")
    right = (1,) if b.ndim == 1 else b.shape[-1:]
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-1], *right)
    return blank(shape[:-1] if b.ndim == 1 else shape, b.dtype)


def _segments(op: Primitive, x: np.ndarray, ids: np.ndarray, *, count: int, **_: Any) -> np.ndarray:
    return blank((count, *x.shape[1:]), x.dtype)


def _drawn(op: Primitive, *xs: np.ndarray, shape: tuple, dtype: str, **_: Any) -> np.ndarray:
    return blank(shape, dtype)


RULES: dict[str, Callable] = {
    **dict.fromkeys(["sum", "mean", "prod", "max", "min", "argmax", "argmin", "any", "all", "logsumexp"], _reduced),
    **dict.fromkeys(["softmax", "log_softmax", "sparsemax", "cumsum", "_cumprod", "sort", "argsort"], _alike),
    **dict.fromkeys(["inv", "cofactors", "inverse_or_nan", "cholesky"], _of_square),
    "roll": _rolled,
    "det": _of_each_square,
    "slogdet": _sign_and_log,
    "eigh": _eigen,
    **dict.fromkeys(["sum_to", "_putitem", "_on_diagonal", "_scatter", "_take_back", "_take_along_back"], _shaped),
    **dict.fromkeys(["pool_max", "pool_mean"], _pooled),
    **dict.fromkeys(["solve", "solve_triangular"], _solved),
    **dict.fromkeys(["random_uniform", "random_normal", "random_truncated_normal", "random_integers"], _drawn),
    **dict.fromkeys(["random_gamma", "random_beta", "random_binomial", "dropout_mask"], _drawn),
    **dict.fromkeys(["segment_total", "segment_extreme", "segment_product"], _segments),
    "cast": _cast,
    "matmul": _matmul,
    "_join": _join,
    "_pad": _padded,
    "_within": _within,
    "_take": _taken,
    "_take_along": _taken_along,
    "_gather": _gathered,
    "_one_hot": _hot,
    "grid_sample": _seen,
    "convolve": _convolved,
    "convolve_input": _unconvolved,
    "standardize": _standardized,
    "attend": _attended,
    "batch_normalize": _batch_normalized,
    "top_k_indices": _top,
}


# Any function


DRY_RUN_ERRORS = (  # of a run on AbstractTensors that needs numbers, other lengths, or what placeholders do not have
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)


# Placeholders at the front door

placeholder: Any = None  # the class of what stands for Tensors to come; the layers' floor sets it
WITHOUT = frozenset(  # functions that take no Tensors, or do with a placeholder what they do with a Tensor
    """shape ndim size is_tensor convert_to_numpy convert_to_tensor array zeros ones empty full eye identity tri""".split()
)


def dispatch_symbolic(op: Primitive, operands: tuple, settings: dict) -> Any:
    """A primitive met a AbstractTensor or a placeholder: that one knows how to go on."""
    known = next(x for x in operands if hasattr(x, "_symbolic"))
    return known._symbolic(op, operands, settings)


def _stands_in(values: Any) -> bool:
    """Whether a placeholder is among `values`, or inside their lists."""
    for x in values:
        kind = type(x)
        if kind is placeholder:
            return True
        if (kind is list or kind is tuple) and _stands_in(x):
            return True
    return False


def make_symbolic(namespace: dict[str, Any]) -> None:
    """Let the composed functions of a namespace take placeholders, each as one operation; primitives do by themselves."""
    wrappers: dict[Any, Callable] = {}
    for name, f in list(namespace.items()):
        if type(f) is FunctionType and name[0] != "_" and f.__module__.startswith("autonet.ops."):
            if f not in wrappers:
                wrappers[f] = symbolic_wrapper(f, name not in WITHOUT)
                if wrappers[f] is not f:
                    wrappers[f].__module__ = "autonet.ops"  # where it is found: it can be pickled
            namespace[name] = wrappers[f]


def symbolic_wrapper(f: Callable, takes_placeholders: bool = True) -> Callable:
    """`f` as an entrance, whose errors begin with its name; it also takes placeholders, as one operation."""

    @functools.wraps(f)
    def op(*args: Any, **kwargs: Any) -> Any:
        try:
            if len(args) == 1 and type(args[0]) is Tensor and not kwargs:
                return f(args[0])
            if (
                takes_placeholders
                and placeholder is not None
                and (_stands_in(args) or (kwargs and _stands_in(kwargs.values())))
            ):
                return placeholder._symbolic(entrance, args, kwargs)
            return f(*args, **kwargs)
        except AutonetError as error:
            name_caller(error, f.__name__)
            raise

    entrance = filters_traceback(op)
    return entrance


def name_caller(error: AutonetError, caller: str) -> None:
    """Let an error about an operation inside `caller` begin with that name: before the operation's, if that is public."""
    own, error.operation = error.operation, ""
    if own and own != caller:
        text = error.args[0]
        text = f"{caller}: {text}" if own in dir(sys.modules["autonet.ops"]) else caller + text.removeprefix(own)
        error.args = (text, *error.args[1:])


Primitive.symbolic = staticmethod(dispatch_symbolic)
