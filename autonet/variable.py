"""Floor 2: Variable, state that a step reads and changes."""

import itertools
import math
import operator
import threading
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from autonet.common import dtypes
from autonet.common.lines import filters_traceback
from autonet.common.locks import in_turn, turns
from autonet.common.types import Dtype, Identifier, TensorLike
from autonet.common.versions import structure
from autonet.core.accumulate import cast
from autonet.core.primitive import primitive
from autonet.core.state import no_grad, state, uncaptured
from autonet.core.tape import Leaf
from autonet.core.tensor import Tensor, convert_to_tensor, to_array, wrap
from autonet.errors import ArgumentError, DtypeError, ShapeError

_unnamed = itertools.count().__next__
_NONE: frozenset[int] = frozenset()


def checked_trainable(value: Any, who: str) -> bool:
    """`value` as a truth.

    Raises: ArgumentError for what is none, as "no" is.
    """
    if not isinstance(value, (bool, np.bool_, int)):
        raise ArgumentError(f"{who} expects trainable to be True or False; received {value!r}.")
    return bool(value)


class _Reading(threading.local):
    """How the thread reads Variables (by a Reader; None: as they are), and below which names it makes them."""

    reader: Any = None
    scopes: tuple[str, ...] = ()


reading = _Reading()


class Variable(Tensor):
    """A named array that `assign` replaces: weights, optimizer slots, moving averages, counters, generator states.

    Args:
        initializer: values, or the name of an initializer or a function (shape, dtype) -> values; then `shape` is needed.
        shape: axis lengths; checked against given values.
        dtype: name of the element type. Given values keep theirs, a function gets the default float.
        trainable: whether gradients with respect to it are wanted (float dtypes only).
        autocast: whether layers of mixed precision read it as floats of the dtype in which they compute.
        aggregation, synchronization: a hint without effect.
        name: last part of `path`.

    An assignment gives the Variable a new array and leaves the old one alone, so a record made before it stays right.
    """

    _initializer_named: Callable[[str], Callable]  # the front door gives it: what an initializer's name stands for

    __slots__ = (
        "__dict__",  # a Variable carries what its owner says of it: constraint, regularizer, ...
        "_array",  # the current values
        "_readback",  # a copy of the storage, and the version that it had
        "_storage",  # where compiled plans keep the values; None before the first plan
        "_version",  # changes whenever the storage does
        "initializer",  # the function that made the first values; None where these were given
        "name",
        "path",
    )

    @filters_traceback
    def __init__(
        self,
        initializer: Identifier | TensorLike,
        shape: tuple[int, ...] | None = None,
        dtype: Dtype = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
    ):
        if isinstance(initializer, str):
            initializer = Variable._initializer_named(initializer)
        if callable(initializer) and not isinstance(initializer, Tensor):
            if shape is None:
                raise ArgumentError(
                    "A Variable whose initializer is a function needs a shape: Variable(initializer, shape=(2, 3))."
                )
            dtype = dtypes.standardize_dtype(dtype)
            with no_grad(), uncaptured():  # made once, also where a step makes it
                zeros = _reserve(math.prod(shape) * np.dtype(dtype).itemsize)
                value = np.zeros(shape, dtype) if zeros else initializer(tuple(shape), dtype=dtype)
        elif isinstance(initializer, Tensor):
            value = initializer = initializer._concrete("a new Variable's first value")
        else:
            value = initializer
        first = to_array(value, dtype)
        self.initializer: Any = None if value is initializer else initializer
        if value is initializer:
            _reserve(first.nbytes)
        array = np.array(first, order="C")
        if shape is not None and array.shape != tuple(shape):
            raise ShapeError(f"Variable {name or ''} expects shape {tuple(shape)}; its initializer gave {array.shape}.")
        self._array = array
        self._storage: np.ndarray | None = None
        self._readback: tuple[np.ndarray, Any] | None = None
        self._version: Any = None
        self._trainable = bool(trainable)  # not by the setter: no plan knows a new Variable, so none need look again
        self._node = Leaf() if self._trainable and array.dtype.kind == "f" else None
        self.unnamed = name is None  # then files know it by its place
        self.name = name if name is not None else f"variable_{_unnamed()}"
        self.path = "/".join([*reading.scopes, self.name])
        self.autocast = autocast
        self.aggregation = aggregation
        self.synchronization = synchronization
        self.overwrite_with_gradient = False
        state.made += 1

    # The array, for operations. Whoever reads it may keep it, so it is never the storage, which plans write into.
    @property
    def _value(self) -> np.ndarray:
        array = self._array
        if array is not self._storage:
            return array
        readback = self._readback
        if readback is None or readback[1] is not self._version:
            version = (
                self._version
            )  # as before the copy: if another thread runs a plan meanwhile, it is out of date at once
            readback = self._readback = self._copied(), version
        return readback[0]

    @_value.setter
    def _value(self, array: np.ndarray) -> None:
        self._array = array

    def _copied(self) -> np.ndarray:
        """A copy of the storage, made while no plan writes there."""
        storage: Any = self._storage
        if not turns and storage.size < 500:  # which NumPy copies without letting go of Python's lock
            version, array = self._version, storage.copy()
            if not turns and self._version is version:  # indeed
                return array
        return in_turn(frozenset((id(self),)), _NONE, storage.copy)

    def snapshot(self) -> Tensor:
        """The current values as a Tensor in the same place of the record, which later assignments leave alone."""
        reader = reading.reader
        return self._own_snapshot() if reader is None else reader.read(self)

    def _uncast(self) -> Tensor:
        """The current values in the Variable's own dtype, whatever layer asks."""
        reader = reading.reader
        return reader.uncast(self) if type(reader) is Autocast else self.snapshot()

    def _own_snapshot(self) -> Tensor:
        return wrap(self._value if state.observer is None else state.observer.read(self), self._node)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype, reader = self._array.dtype, reading.reader
        return reader.dtype if type(reader) is Autocast and self.autocast and dtype.kind == "f" else dtype

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def trainable(self) -> bool:
        """Whether optimizers move it and gradients reach it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value = checked_trainable(value, f"Variable {self.path!r}")
        if value and self._array.dtype.kind == "f":
            self._node = self._node or Leaf()
        else:
            self._node = None
        structure.changed()

    @property
    def constraint(self) -> Any:
        """The projection after each step, or None."""
        return self.__dict__.get("constraint")

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self.__dict__["constraint"] = value
        structure.changed()

    @property
    def regularizer(self) -> Any:
        """The penalty on its values that the loss takes in, or None."""
        return self.__dict__.get("regularizer")

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self.__dict__["regularizer"] = value
        structure.changed()

    @property
    def is_table(self) -> bool:
        """Whether steps look up a few of its rows, as of an Embedding's weights: LazyAdam then moves those alone."""
        return self.__dict__.get("is_table", False)

    @is_table.setter
    def is_table(self, value: bool) -> None:
        self.__dict__["is_table"] = bool(value)
        structure.changed()

    @property
    def value(self) -> Tensor:
        """The current values as a Tensor, which later assignments leave alone."""
        return self.snapshot()

    def numpy(self) -> np.ndarray:
        if reading.reader is not None:
            return reading.reader.read(self).numpy()
        self._look("numpy()")
        array = self._array
        return array.copy() if array is not self._storage else self._copied()

    def _concrete(self, asked: str) -> np.ndarray:
        reader = reading.reader
        return super()._concrete(asked) if reader is None else reader.read(self)._concrete(asked)

    @filters_traceback
    def __setitem__(self, key: Any, value: Any) -> None:
        raise DtypeError(
            f"Variable {self.name!r} is not written by places. Assign the whole: v.assign(ops.scatter_update(v, indices, "
            "updates)), or with ops.slice_update(v, start, updates)."
        )

    def assign(self, value: TensorLike) -> Self:
        """Replace the values; the shape must stay, the dtype stays.

        Derivatives do not pass through: what is read from the Variable afterwards does not depend on how `value` came about.
        Where `grad` and the like would miss a derivative by that, they raise a GradientError.

        Raises: ShapeError for another shape.
        """
        if isinstance(value, Tensor):
            tensor = value.snapshot()
        else:
            tensor = convert_to_tensor(value)
            if tensor.dtype.kind in "iu" and self._array.dtype.kind in "iu":  # a number that does not fit is refused
                tensor = convert_to_tensor(value, self._array.dtype)
        return self._assign(tensor, tensor._node if state.recording else None)

    def _assign(self, tensor: Tensor, source: Any) -> Self:
        """`assign`, of values that come from a node of the tape, or from constants."""
        if tensor.shape != self._array.shape:
            raise ShapeError(
                f"Variable {self.path!r} has shape {self._array.shape}; assign received shape {tensor.shape}. "
                "A Variable keeps its shape: reshape the value, or make another Variable."
            )
        if tensor.dtype != self._array.dtype:
            if tensor.dtype.kind == "f" and self._array.dtype.kind != "f":
                raise DtypeError(
                    f"Variable {self.path!r} holds {self._array.dtype}; assign received {tensor.dtype}. Cast it first."
                )
            tensor = convert_to_tensor(tensor, self._array.dtype)
        if reading.reader is not None and reading.reader.assign(self, tensor):
            return self
        for context in state.contexts:
            context.assigns(self, source)
        if not tensor._value.flags.c_contiguous:
            tensor = contiguous(tensor)
        # a Tensor's array never changes, so it can be taken over; it may be a view, or belong to another Variable
        array = tensor._value
        if state.observer is not None:
            state.observer.read(self)  # ops.cond may have to know what was here before
        self._array = array if array.base is None else array.copy()
        if state.observer is not None:
            state.observer.assigned(self, array)
        return self

    def assign_add(self, value: TensorLike) -> Self:
        """Add `value` to the values."""
        return self._add(convert_to_tensor(value, self._array.dtype), operator.add)

    def assign_sub(self, value: TensorLike) -> Self:
        """Subtract `value` from the values."""
        return self._add(convert_to_tensor(value, self._array.dtype), operator.sub)

    @filters_traceback
    def _add(self, change: Tensor, how: Callable[[Any, Any], Tensor]) -> Self:
        """Add or subtract, so that of what several threads and their plans do none is lost."""
        own = frozenset((id(self),))
        return in_turn(own, own, self._added, change, how)

    def _added(self, change: Tensor, how: Callable[[Any, Any], Tensor]) -> Self:
        recording, state.recording = state.recording, False
        try:
            return self._assign(how(self._uncast(), change), change._node if recording else None)
        finally:
            state.recording = recording

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        import copy

        self._look("copy.deepcopy()")
        name = None if self.unnamed else self.name
        new = Variable(self._value, dtype=self._array.dtype, trainable=self.trainable, name=name)
        memo[id(self)] = new
        new.path = self.path
        new.initializer = copy.deepcopy(self.initializer, memo)
        for key, value in self.__dict__.items():
            new.__dict__[key] = copy.deepcopy(value, memo)
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        self._look("pickling or copy.copy()")
        args = (
            self._value,
            None,
            None,
            self.trainable,
            self.autocast,
            self.aggregation,
            self.synchronization,
            None if self.unnamed else self.name,
        )
        known = (
            self.initializer if hasattr(self.initializer, "get_config") else None
        )  # a function may not go into a file
        return Variable, args, (dict(self.__dict__), {"path": self.path, "initializer": known})

    def __repr__(self) -> str:
        values = np.array2string(self._value, separator=", ", threshold=50)
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={values}>"


class Reader:
    """What stands, inside `with`, between a thread and its Variables. Others may be around it."""

    _outer: Any = None

    def __enter__(self) -> Any:
        self._outer, reading.reader = reading.reader, self
        return self

    def __exit__(self, *exc: object) -> None:
        reading.reader, self._outer = self._outer, None

    def read(self, variable: Variable) -> Tensor:
        """The values that an operation takes for a Variable."""
        return variable._own_snapshot() if self._outer is None else self._outer.read(variable)

    def assign(self, variable: Variable, tensor: Tensor) -> bool:
        """Values are assigned to a Variable.

        Returns: whether they are kept elsewhere, and the Variable stays as it is.
        """
        return self._outer is not None and self._outer.assign(variable, tensor)


class Autocast(Reader):
    """Operations take Variables of floats as floats of this dtype, as a layer of mixed precision does in its call."""

    def __init__(self, dtype: str):
        self.dtype = dtypes.as_dtype(dtype)

    def uncast(self, variable: Variable) -> Tensor:
        """The values in the Variable's own dtype."""
        reader = self._outer
        while type(reader) is Autocast:  # a layer inside another goes by its own dtype
            reader = reader._outer
        return variable._own_snapshot() if reader is None else reader.read(variable)

    def read(self, variable: Variable) -> Tensor:
        """The values, cast unless the Variable says otherwise (`autocast=False`)."""
        tensor = self.uncast(variable)
        if not variable.autocast or tensor.dtype.kind != "f" or tensor.dtype == self.dtype:
            return tensor
        return cast(tensor, dtype=self.dtype.name)


class name_scope:  # Keras's name
    """Inside `with name_scope("block"):`, the paths of new Variables that belong to no layer begin with "block/".

    Args:
        name: a word without slashes. Scopes inside others are joined by them.
        **hints: without effect.
    """

    def __init__(self, name: str, **hints: Any):
        if not isinstance(name, str) or not name or "/" in name:
            raise ArgumentError(f"name_scope expects a name without '/'; received {name!r}.")
        self.name = name

    def __enter__(self) -> Self:
        reading.scopes = (*reading.scopes, self.name)
        return self

    def __exit__(self, *exc: object) -> None:
        reading.scopes = reading.scopes[:-1]


@primitive
def contiguous(x):
    """`x` with its elements in C order in memory."""
    return x.copy()


contiguous.vjp(x=lambda g: g)


def _reserve(nbytes: int) -> bool:
    """Announce a Variable to the contexts; whether zeros will do for its first values."""
    for context in reversed(state.contexts):
        zeros = context.reserve(nbytes)
        if zeros is not None:
            return zeros
    return False


def storage_of(variable: Variable) -> np.ndarray:
    """Where plans keep the Variable's values. What is there are those values after `sync_storage`."""
    if variable._storage is None:
        storage = np.empty(variable._array.shape, variable._array.dtype)
        if variable._storage is None:  # still: another thread makes plans, too
            variable._storage = storage
    return variable._storage


def sync_storage(variable: Variable) -> None:
    """Bring the current values to the storage, in a turn of a plan that reads or writes them."""
    storage = variable._storage
    while (array := variable._array) is not storage:
        np.copyto(storage, array)  # type: ignore[arg-type]
        variable._version = object()
        if variable._array is array:  # another thread assigned nothing meanwhile
            variable._array = storage  # type: ignore[assignment]
