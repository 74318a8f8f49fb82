"""Placeholders and the graph that grows when layers and operations are applied to them.

A `KerasTensor` stands for a Tensor to come: shape (None where any length will do) and dtype. A layer or operation that
is applied to one leaves a `LayerCall`, the graph's node, and gives new KerasTensors, which know their node; nothing is computed, and shapes
come from `compute_output_shape`, or from `ops.shape_inference.infer_spec` (see `inference`).

References point backwards only: from a KerasTensor to its node, from there to the layer and the KerasTensors before
it. A layer knows its nodes weakly, so that a model that nobody holds any more is gone at once.
"""

import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from autonet.common import dtypes
from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Axis, Dtype, PartialShape
from autonet.core.calls import bind
from autonet.core.primitive import Primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.ops import abstract, operators
from autonet.ops.abstract import AbstractTensor, Spec
from autonet.ops.shape_inference import infer_spec
from autonet.serialization.objects import snake_case
from autonet.utils.naming import unique_name

if TYPE_CHECKING:  # layers and operations take it for the Tensor to come, and so do functions of Tensors
    from autonet.core.tensor import Tensor as _Stands
else:
    _Stands = object


class KerasTensor(_Stands):
    """A placeholder: shape and dtype of a Tensor to come, and where it will come from.

    Args:
        shape: lengths of all axes, None where any will do.
        dtype: name of the element type.
        sparse, ragged: only False: all Tensors here are dense.
        record_history: a hint without effect.
        name: by default keras_tensor, keras_tensor_1, ...

    Operators, indexing and the functions of `autonet.ops` apply to it as to a Tensor, and give placeholders.

    >>> (KerasTensor((None, 3)) * 2)[:, :2].shape
    (None, 2)
    """

    shape: tuple[Any, ...]  # type: ignore[misc]

    @filters_traceback
    def __init__(
        self,
        shape: PartialShape,
        dtype: Dtype = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ):
        for word, value in (("sparse", sparse), ("ragged", ragged)):
            if value:
                raise ArgumentError(f"KerasTensor: all Tensors are dense here; received {word}={value!r}.")
        self.shape = tuple(shape)
        self.dtype: Any = dtype if dtype == "string" else dtypes.as_dtype(dtype)
        self.name = name or unique_name("keras_tensor")
        self.sparse = self.ragged = False
        self._origin: LayerCall | None = None
        self._index = 0  # among the outputs of its node

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @staticmethod
    def _symbolic(op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return apply_op(op, args, kwargs)

    def snapshot(self) -> Self:
        """Itself: it never changes."""
        return self

    def reshape(self, *newshape: Any) -> Self:
        """The same elements in another shape, given as numbers or as one tuple."""
        from autonet import ops

        return ops.reshape(self, newshape=newshape[0] if len(newshape) == 1 else newshape)  # type: ignore[return-value]

    def squeeze(self, axis: Axis = None) -> Self:
        """Without axes of length one."""
        from autonet import ops

        return ops.squeeze(self, axis=axis)  # type: ignore[return-value]

    @filters_traceback
    def __getitem__(self, key: Any) -> Self:
        from autonet.ops.indexing import getitem

        return apply_op(getitem, (self, key), {}, "get_item")

    @filters_traceback
    def _no_value(self, *_: Any, **__: Any) -> Any:
        raise DtypeError(
            f"{self!r} is a placeholder: it has a shape and a dtype, but no values until a model is called on data. "
            "Use operations of autonet.ops, or a layer, in place of NumPy, `if` and loops over it."
        )

    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = __len__ = _no_value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """array * placeholder: the placeholder answers. NumPy's functions do not apply."""
        answer = _ANSWERS.get(ufunc.__name__)
        array_first = len(inputs) == 2 and inputs[1] is self and isinstance(inputs[0], (np.ndarray, np.generic))
        if answer is None or not array_first or method != "__call__" or kwargs:
            return self._not_numpy(ufunc.__name__)
        answered = getattr(self, answer)(inputs[0])
        return False if answered is NotImplemented else answered  # to ==: they are not one object

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._not_numpy(func.__name__)

    def _not_numpy(self, name: str) -> Any:
        op = operators.op_named(name)
        instead = f"autonet.ops.{op.__name__}" if callable(op) else "the operations of autonet.ops"
        raise TypeError(
            f"np.{name}: {self!r} is a placeholder: it has a shape and a dtype, but no values until a model is called on "
            f"data. Use {instead}."
        )

    def __getattr__(self, name: str) -> Any:
        if name in ("numpy", "item", "tolist"):
            raise AttributeError(
                f"{self!r} is a placeholder: it has no values, and no {name}(), until a model is called on data.",
                name=name,
                obj=self,
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


# what a placeholder does where NumPy has an array before it, by the ufunc that stands for the operator
_ANSWERS = {
    **dict(add="__radd__", subtract="__rsub__", multiply="__rmul__", divide="__rtruediv__", true_divide="__rtruediv__"),
    **dict(floor_divide="__rfloordiv__", remainder="__rmod__", power="__rpow__", matmul="__rmatmul__"),
    **dict(bitwise_and="__rand__", bitwise_or="__ror__", bitwise_xor="__rxor__"),
    **dict(left_shift="__rlshift__", right_shift="__rrshift__", divmod="__rdivmod__"),
    **dict(
        less="__gt__", less_equal="__ge__", greater="__lt__", greater_equal="__le__", equal="__eq__", not_equal="__ne__"
    ),
}
_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}
_COMPARISONS = {
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "neg": "negative",
    "abs": "absolute",
}


def _operator(name: str, swapped: bool = False) -> Callable[..., Any]:
    def apply(self: KerasTensor, *other: Any) -> KerasTensor:
        from autonet import ops

        named = name
        if name.startswith("logical") and self.dtype != "bool":
            named = name.replace("logical", "bitwise").replace("_not", "_invert")
        operands = (*other, self) if swapped else (self, *other)
        return apply_op(getattr(ops, named), operands, {}, named)

    return filters_traceback(apply)


for _word, _name in _OPERATORS.items():
    setattr(KerasTensor, f"__{_word}__", _operator(_name))
    setattr(KerasTensor, f"__r{_word}__", _operator(_name, swapped=True))
for _word, _name in {**_COMPARISONS, "invert": "logical_not"}.items():
    setattr(KerasTensor, f"__{_word}__", _operator(_name))
KerasTensor.__hash__ = object.__hash__  # type: ignore[method-assign]
abstract.placeholder = KerasTensor


class _At:
    """In the structure of a node's outputs: number `index` among them."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index


class LayerCall:
    """One application of a layer or operation to placeholders.

    Args:
        op: the Layer or Operation.
        args, kwargs: what it was called with: trees with KerasTensors and constants.
        outputs: tree with a Spec for each Tensor that it will return.
        names: of the outputs' KerasTensors.
    """

    __slots__ = ("__weakref__", "_living", "args", "kwargs", "names", "number", "op", "specs", "structure")

    _count = itertools.count().__next__

    def __init__(
        self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any, names: list[str] | None = None
    ):
        self.op, self.args, self.kwargs = op, args, kwargs
        self.specs = [x for x in flatten(outputs) if isinstance(x, Spec)]
        indices = itertools.count()
        self.structure = map_structure(lambda x: _At(next(indices)) if isinstance(x, Spec) else x, outputs)
        self.names = names or [unique_name("keras_tensor") for _ in self.specs]
        self.number = LayerCall._count()  # a node comes after those that it depends on
        self._living: list[Any] = [None] * len(self.specs)
        calls = op.__dict__.setdefault("_calls", [])
        calls[:] = [r for r in calls if r() is not None]
        calls.append(weakref.ref(self))

    @property
    def inputs(self) -> list[KerasTensor]:
        """The placeholders among the arguments, in order."""
        return [x for x in flatten([self.args, self.kwargs]) if isinstance(x, KerasTensor)]

    def output(self, index: int) -> KerasTensor:
        """The placeholder of one output."""
        alive = self._living[index]
        tensor = alive() if alive is not None else None
        if tensor is None:
            spec = self.specs[index]
            tensor = KerasTensor(spec.shape, spec.dtype, name=self.names[index])
            tensor._origin, tensor._index = self, index
            self._living[index] = weakref.ref(tensor)
        return tensor

    @property
    def outputs(self) -> Any:
        """The placeholders of all outputs, nested as the call returns them."""
        return map_structure(lambda x: self.output(x.index) if isinstance(x, _At) else x, self.structure)

    @property
    def spec_tree(self) -> Any:
        """The Specs of the outputs, nested likewise."""
        return map_structure(lambda x: self.specs[x.index] if isinstance(x, _At) else x, self.structure)


class GraphMember:
    """What layers and operations have in common: they know the nodes of the graphs they stand in."""

    name: str

    def _nodes(self) -> Iterator[LayerCall]:
        """The living nodes, first call first."""
        for reference in self.__dict__.get("_calls", ()):
            node = reference()
            if node is not None:
                yield node

    def _first(self, asked: str) -> LayerCall:
        for node in self._nodes():
            return node
        raise AttributeError(
            f"{getattr(self, 'label', self.name)} has no {asked} yet: it has one once it was called on an Input, or "
            "stands in a model that knows its shapes."
        )

    @property
    def input(self) -> Any:
        """The placeholder (or list of them) that it was first called on."""
        inputs = self._first("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The placeholder (or tree of them) that its first call gave."""
        return self._first("output").outputs

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_calls"}


class Operation(GraphMember):
    """A map that may stand in a graph: of Tensors by `call`, of placeholders by `compute_output_spec`.

    Subclasses state `call`, and, where a dry run of it on shapes does not do, `compute_output_spec`. Layers are operations
    with weights.

    Args:
        name: unique in a model; by default the class's, numbered.
    """

    def __init__(self, name: str | None = None):
        self.name = name or unique_name(snake_case(type(self).__name__))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, KerasTensor) for x in flatten([args, kwargs])):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The map itself; subclasses state it."""
        raise NotImplementedError(f"{type(self).__name__} has no call(). Define call(self, ...) in it.")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The placeholders of what it gives for placeholders: a node of a graph."""
        outputs = map_structure(as_spec, self.compute_output_spec(*args, **kwargs))
        return LayerCall(self, args, kwargs, outputs).outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """What it gives for these placeholders: objects with a shape and a dtype, nested as its result."""
        return infer_spec(self.call, args, kwargs)

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `from_config` makes another one; a subclass adds its own."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new one, from what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class FunctionOperation(Operation):
    """A function of `autonet.ops` at one place of a graph.

    Args:
        function: the Primitive or composed function.
        word: its public name, as in `ops.mean`.
        name: unique in a model, by default mean, mean_1, ...
    """

    def __init__(self, function: Callable[..., Any], word: str, name: str | None = None):
        self.function, self.word = function, word
        self.name = name or unique_name(snake_case(word))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _operation, (self.word, self.name)

    def __repr__(self) -> str:
        return f"<Operation {self.word}, name={self.name}>"


def as_spec(x: Any) -> Any:
    """Shape and dtype of a placeholder or Tensor; anything else as it is."""
    return Spec(x.shape, x.dtype) if isinstance(x, (KerasTensor, Tensor)) else x


def _operation(word: str, name: str) -> FunctionOperation:
    return FunctionOperation(function_named(word), word, name)


def function_named(word: str) -> Callable[..., Any]:
    """The function behind a public name: of `autonet.ops`, or the activation where that keeps the logits."""
    from autonet import activations, ops
    from autonet.core.primitive import PRIMITIVES
    from autonet.ops.indexing import getitem

    if word in ("softmax", "sigmoid"):
        return getattr(activations, word)
    if word == "get_item":
        return getitem
    found = getattr(ops, word, None) or PRIMITIVES.get(word)
    if not callable(found):
        raise ArgumentError(f"There is no operation {word!r} in autonet.ops.")
    return found


def apply_op(op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], word: str | None = None) -> Any:
    """An operation on placeholders: a new node, and the placeholders of its results."""
    if isinstance(op, Primitive) and op.name in abstract.POINTWISE:
        bound, settings = bind(op, args, dict(kwargs))
        outputs: Any = _elementwise(op, bound, settings)
    else:
        outputs = infer_spec(getattr(op, "__wrapped__", op), args, kwargs, match=True)
    word = str(word or getattr(op, "__name__", "operation"))
    if word in ("softmax", "sigmoid"):
        op = function_named(word)
    return LayerCall(FunctionOperation(op, word), args, kwargs, outputs).outputs


def _elementwise(op: Primitive, operands: tuple[Any, ...], settings: dict[str, Any]) -> Spec:
    """Broadcasting where lengths may be unknown: a known length above one decides."""
    known = [x.shape if hasattr(x, "shape") else np.shape(x) for x in operands]
    axes = max([len(s) for s in known], default=0)
    columns = list(zip(*[(1,) * (axes - len(s)) + tuple(s) for s in known], strict=True))
    shape = []
    for lengths in columns:
        others = {n for n in lengths if n not in (1, None)}
        if len(others) > 1:
            details = " and ".join(str(tuple(s)) for s in known)
            raise ShapeError(f"{op.name} cannot broadcast shapes {details}. Reshape one of them, or add axes to it.")
        shape.append(others.pop() if others else None if None in lengths else 1)
    single = [KerasTensor((), x.dtype, name="x") if isinstance(x, KerasTensor) else _one_of(x) for x in operands]
    return Spec(shape, infer_spec(op, tuple(single), settings).dtype)


def _one_of(x: Any) -> Any:
    """A constant operand as one element: its dtype is all that counts."""
    return x if type(x) in (bool, int, float) else AbstractTensor((), convert_to_tensor(x).dtype)
