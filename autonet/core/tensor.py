"""Tensor: an array and its place in the record."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autonet.common import dtypes
from autonet.common.arrays import describe, from_python
from autonet.common.complex_numbers import ADVICE, holds_complex
from autonet.common.lines import filters_traceback, shorten, warn
from autonet.common.types import Dtype, Operators, TensorLike
from autonet.core.state import state
from autonet.core.tape import Leaf, Node
from autonet.errors import DtypeError, GradientError

_new = object.__new__
ndarray = np.ndarray


class Tensor(Operators["Tensor"]):
    """An array of numbers that remembers, where asked, how it was computed.

    Args:
        value: number, array, Tensor, or nested lists of them. The values are copied.
        dtype: name or NumPy dtype; by default Python floats become `floatx()`, Python integers int32, arrays keep theirs.
        requires_grad: whether gradients with respect to this Tensor are wanted. It must then have a float dtype.

    Tensors are values: no operation changes one, and `t[0] = 1` is an error (`ops.slice_update` makes a changed copy).

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([2., 4.], dtype=float32)
    """

    # _absent: whether it stands for a cotangent that nobody gave; _attached: what floors above keep with it (common.attributes)
    __slots__ = ("__weakref__", "_absent", "_attached", "_node", "_value")

    __array_priority__ = 1000.0

    if TYPE_CHECKING:  # files that come later in the reading order give Tensor these
        _absent: bool
        _cast: Callable[..., "Tensor"]  # accumulate.py: the primitive `cast`
        _detach: Callable[["Tensor"], "Tensor"]  # ops.identity: the primitive `detach`
        _stack: Callable[[list["Tensor"]], "Tensor"]  # ops.operators: along a new first axis
        _walk_back: Callable[..., None]  # backward.py
        _attached: dict[str, Any]
        _logits: Any
        _mask: Any

    _value: np.ndarray
    _node: Node | None

    def __init__(self, value: TensorLike, dtype: Dtype = None, requires_grad: bool = False):
        try:
            self._node = None
            if isinstance(value, Tensor):
                same = convert_to_tensor(value, dtype).snapshot()  # its array never changes
                self._value = same._value
                if not requires_grad:
                    self._node = same._node
                else:
                    for context in state.contexts:
                        context.leaked(same, "Tensor(..., requires_grad=True)")
            else:
                self._value = own_array(value, dtype)
            if requires_grad:
                self.requires_grad = True
        except Exception as error:
            shorten(error)
            raise

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._value.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements; compares equal to its name."""
        return self._value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._value.size

    @property
    def requires_grad(self) -> bool:
        """Whether this Tensor is tracked: a leaf that wants a gradient, or computed from one."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not wanted:
            self._node = None
        elif self._node is None:
            if self.dtype.kind != "f":
                raise DtypeError(
                    f"Only float Tensors have gradients; this one has dtype {self.dtype}. Cast it first: ops.cast(x, 'float32')."
                )
            self._node = Leaf()

    @property
    def grad(self) -> "Tensor | None":
        """What `backward` calls have summed up for this leaf so far, None before the first."""
        node = self._node
        if node is not None and not isinstance(node, Leaf):
            warn(
                "This Tensor is computed, not a leaf, so backward() leaves no gradient in it. A leaf that was changed, as by "
                "t += 1, is another Tensor since: keep the leaf under a name of its own, or start from a new one, "
                "Tensor(t.detach(), requires_grad=True); a Variable is changed by assign()."
            )
            return None
        return None if node is None else node.grad

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if not isinstance(self._node, Leaf):
            raise GradientError("Only a leaf (requires_grad=True, not computed from others) holds a grad.")
        self._node.grad = value

    @filters_traceback
    def backward(self, gradient: TensorLike | None = None, retain_graph: bool = False) -> None:
        """Add the gradient of this Tensor to `.grad` of every leaf that it was computed from.

        Args:
            gradient: cotangent of this Tensor, its shape; may be left out when it has one element.
            retain_graph: keep the record, so that `backward` can run again. Otherwise it is freed.

        Raises: GradientError if nothing was recorded or the record was freed; ShapeError for a misfit gradient.
        """
        Tensor._walk_back(self, gradient, retain_graph)

    def detach(self) -> "Tensor":
        """The same values, cut off from the record."""
        return Tensor._detach(self)

    def snapshot(self) -> "Tensor":
        """A Tensor of these values that stays: itself, but for a Variable."""
        return self

    def numpy(self) -> np.ndarray:
        """The values as an array of the caller's own."""
        return self._concrete("numpy()").copy()

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self._concrete("item()").item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self._concrete("tolist()").tolist()

    def _concrete(self, asked: str) -> np.ndarray:
        """The values, for a use that a captured step could not repeat."""
        self._look(asked)
        return self._value

    def _look(self, asked: str) -> None:
        """Tell whoever records that Python is about to see the values."""
        if state.observer is not None:
            state.observer.leaked(self, asked)
        for context in state.contexts:
            context.leaked(self, asked)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._concrete("np.asarray()")
        if copy or (dtype is not None and dtype != array.dtype):
            return np.array(array, dtype=dtype)
        view = array.view()
        view.flags.writeable = False
        return view

    def __bool__(self) -> bool:
        return bool(self._concrete("its truth (if, while, and, or, not, assert)"))

    def __float__(self) -> float:
        return float(self._concrete("float()").item())

    def __int__(self) -> int:
        return int(self._concrete("int()").item())

    def __index__(self) -> int:
        return self._concrete("its use as an index").__index__()

    def __format__(self, spec: str) -> str:
        return format(self._concrete("format()").item(), spec) if spec else str(self)

    def __len__(self) -> int:
        if not self._value.ndim:
            raise TypeError("A Tensor without axes has no len().")
        return len(self._value)

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))  # operators.py gives Tensor its []

    @filters_traceback
    def __setitem__(self, key: Any, value: Any) -> None:
        raise DtypeError(
            "Tensors do not change. Use ops.slice_update or ops.scatter_update for a changed copy, or a Variable with assign."
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        return Tensor(self._concrete("copy.deepcopy()"), requires_grad=isinstance(self._node, Leaf))

    def __reduce__(self) -> tuple[Any, ...]:
        return Tensor, (self._concrete("pickling or copy.copy()"), None, isinstance(self._node, Leaf))

    def __repr__(self) -> str:
        values = np.array2string(self._value, separator=", ", prefix="Tensor(", threshold=200)
        tracked = "" if self._node is None else ", requires_grad=True"
        return f"Tensor({values}, dtype={self.dtype}{tracked})"

    def __hash__(self) -> int:  # __eq__ compares elements, so identity hashes
        return id(self)


for _method in (Tensor.detach, Tensor.snapshot):  # a class has no name inside itself
    _method.__annotations__["return"] = Tensor


class WeakScalar(Tensor):
    """A Python number among the arguments of a captured function: like one, it takes the dtype of what it meets.

    kind: int or float; the value is held as int64 or float64.
    """

    __slots__ = ("kind",)

    def __init__(self, value: int | float | np.ndarray, kind: type[Any]):
        self._value = np.asarray(value, np.int64 if kind is int else np.float64)
        self._node = None
        self.kind = kind

    def to_strong(self, dtype: Dtype = None) -> Tensor:
        """The number as a Tensor of `dtype`, by default of the dtype that a Python number alone gets."""
        if dtype is None:
            dtype = dtypes.of_number(self._value.item())
        tensor = wrap(self._value)
        return tensor if tensor.dtype == dtype else Tensor._cast(tensor, dtype=dtypes.standardize_dtype(dtype))


def wrap(array: np.ndarray, node: Node | None = None) -> Tensor:
    """A Tensor around `array` itself: no copy, no checks."""
    tensor = _new(Tensor)
    tensor._value = array
    tensor._node = node
    return tensor


def to_array(value: Any, dtype: Dtype = None) -> np.ndarray:
    """`value` as an array with autonet's default dtypes; shares memory where it can."""
    if isinstance(value, Tensor):
        array = value._concrete("its use as an array")
    elif isinstance(value, (ndarray, np.generic)):
        array = np.asarray(value)
    else:
        array = from_python(value, (ndarray, np.generic, Tensor), narrow=dtype is None)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        if holds_complex(array):
            raise DtypeError(f"Tensors hold no complex numbers; received {describe(value)}. {ADVICE}")
        raise DtypeError(
            f"Tensors hold booleans, integers and floats of at most 64 bits; received {describe(value)}. "
            "Encode it as such numbers first."
        )
    if dtype is not None:
        given = not array.ndim or not isinstance(value, (ndarray, Tensor))  # numbers; arrays are cast
        return fitted(array, dtype) if given else array.astype(dtypes.as_dtype(dtype), copy=False)
    return array if array.dtype.isnative else array.astype(np.dtype(array.dtype.char))


def fitted(array: np.ndarray, dtype: Dtype) -> np.ndarray:
    """`array` with element type `dtype`.

    Raises: DtypeError for numbers that an integer type does not hold.
    """
    there = dtypes.as_dtype(dtype)
    if there.kind in "iu" and array.dtype.kind in "iuf" and array.dtype != there and array.size:
        least, most = np.iinfo(there).min, np.iinfo(there).max
        for x in (array.min().item(), array.max().item()):
            if not least - 1 < x < most + 1:  # fractions are cut off
                raise DtypeError(
                    f"The number {x} does not fit in {there}, which goes from {least} to {most}. Choose another dtype."
                )
    return array.astype(there, copy=False)


def own_array(value: Any, dtype: Dtype = None) -> np.ndarray:
    """`to_array` without shared memory: the caller may change its array before a record or a Variable is done with it."""
    array = to_array(value, dtype)
    return array.copy() if array is value or array.base is not None else array


def _holds_tensor(values: Any) -> bool:
    return any(isinstance(v, Tensor) or (isinstance(v, (list, tuple)) and _holds_tensor(v)) for v in values)


def convert_to_tensor(x: TensorLike, dtype: Dtype = None) -> Tensor:
    """`x` as a Tensor: itself if it is one already (and has `dtype`), else a copy of its values.

    Lists may hold Tensors, which are stacked, with derivatives.
    """
    try:
        if isinstance(x, Tensor):
            if type(x) is WeakScalar:
                return x.to_strong(dtype)
            tensor = x
        elif isinstance(x, (list, tuple)) and _holds_tensor(x):
            tensor = Tensor._stack([convert_to_tensor(v) for v in x])
        elif hasattr(x, "_symbolic"):  # a placeholder stays one
            return x if dtype is None or x.dtype == dtype else Tensor._cast(x, dtype=dtypes.standardize_dtype(dtype))  # type: ignore[return-value, union-attr]
        else:
            if isinstance(x, (float, int)) and dtype is None:  # no arrays inside: skip the search
                dtype = dtypes.of_number(x)
            return wrap(own_array(x, dtype))
        if dtype is not None and tensor._value.dtype != dtypes.as_dtype(dtype):
            return Tensor._cast(tensor, dtype=dtypes.standardize_dtype(dtype))
        return tensor
    except Exception as error:
        shorten(error)
        raise


convert_to_tensor.shortens = True  # type: ignore[attr-defined]
