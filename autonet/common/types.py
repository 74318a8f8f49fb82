"""Names for what public functions take, one for each kind of argument.

Type checkers see what a name stands for; at run time it is only a name, so that `help()` shows `x: TensorLike` and not
a page of alternatives.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeAlias, TypedDict, TypeVar, overload

import numpy as np

if TYPE_CHECKING:
    from typing import Unpack as Unpack

    from typing_extensions import TypeVar as DefaultTypeVar

    from autonet.callbacks import Callback
    from autonet.compiler.explain import Explanation as Explanation
    from autonet.core.tensor import Tensor
    from autonet.layers.base import Layer
    from autonet.layers.symbolic import KerasTensor
    from autonet.models.model import Model as Model
    from autonet.random import SeedGenerator as SeedGenerator
    from autonet.training.position import Position as Position
    from autonet.utils.datasets import PyDataset
    from autonet.variable import Variable

    R = TypeVar("R")
    P = ParamSpec("P")
    R_co = TypeVar("R_co", covariant=True)
    S_co = TypeVar("S_co", covariant=True)
    Out = DefaultTypeVar("Out", covariant=True, default=object)

    class SupportsArray(Protocol):
        """What `np.asarray` reads: arrays, data frames, Tensors of other frameworks."""

        def __array__(self) -> np.ndarray: ...

    class NestedNumbers(Protocol):
        """Lists and tuples of numbers, nested or not. A text is none: only letters can be searched in it."""

        def __len__(self) -> int: ...
        def __contains__(self, x: object, /) -> bool: ...
        def __getitem__(self, i: int, /) -> "float | SupportsArray | KerasTensor | NestedNumbers": ...

    class Gives(Generic[Out]):
        """A model whose `call` gives this."""

    class HasCall(Protocol[P, R_co]):
        """A layer, seen as the function that its `call` is."""

        def call(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    class HasResult(Protocol[P, R_co]):
        """A metric, seen as the function that takes in a batch and tells the number."""

        def update_state(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
        def result(self) -> R_co: ...

    class Derivative(Protocol[P, R_co, S_co]):
        """What `grad` and its like return: of one array R, of a list of Variables S, of another nest its like."""

        @overload
        def __call__(self, x: Tensor | SupportsArray | float, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
        @overload
        def __call__(self, x: list[Variable], /, *args: P.args, **kwargs: P.kwargs) -> S_co: ...
        @overload
        def __call__(self, x: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any: ...

    # What every layer's constructor takes, and what is left of it where a constructor names some of it.

    class _Common(TypedDict, total=False):
        trainable: bool
        autocast: bool
        input_shape: "PartialShape | int | None"
        batch_input_shape: "PartialShape | None"
        input_length: "PartialShape | int | None"

    class _Penalized(TypedDict, total=False):
        activity_regularizer: "Identifier"

    class _Sized(TypedDict, total=False):
        batch_shape: "PartialShape | None"
        input_dim: int | None

    class _Typed(TypedDict, total=False):
        dtype: Any  # a Dtype, or a policy

    class _Named(TypedDict, total=False):
        name: str | None

    class LayerOptions(_Common, _Penalized, _Sized, _Typed, _Named, total=False): ...

    class InputOptions(_Common, _Penalized, total=False): ...

    class ActivityOptions(_Common, _Sized, _Typed, _Named, total=False): ...

    class EmbeddingOptions(_Common, _Penalized, _Typed, _Named, total=False):
        batch_shape: "PartialShape | None"

    class ReversibleOptions(EmbeddingOptions, total=False):
        weights: "TensorLike | None"

    class ConvolutionOptions(ActivityOptions, total=False):
        lora_rank: int | None
        lora_alpha: float | None

    class CellOptions(ActivityOptions, total=False):
        implementation: int
        zero_output_for_mask: bool

    class BoxOptions(LayerOptions, total=False):
        bounding_box_format: str | None

    class ImageOptions(BoxOptions, total=False):
        data_format: str | None

    class AttentionOptions(LayerOptions, total=False):
        seed: int | None

    class NameOptions(_Common, _Penalized, _Sized, _Typed, total=False): ...

    class BoxNameOptions(NameOptions, total=False):
        bounding_box_format: str | None

    class DtypeNameOptions(_Common, _Penalized, _Sized, total=False): ...

    class DecayOptions(_Named, total=False):
        """What every optimizer's constructor takes, but weight_decay."""

        clipnorm: float | None
        clipvalue: float | None
        global_clipnorm: float | None
        use_ema: bool
        ema_momentum: float
        ema_overwrite_frequency: int | None
        loss_scale_factor: float | None
        gradient_accumulation_steps: int | None
        lr: float
        decay: float

    class OptimizerOptions(DecayOptions, total=False):
        """What every optimizer's constructor takes."""

        weight_decay: float | None

    TensorLike: TypeAlias = (
        Tensor | SupportsArray | KerasTensor | float | NestedNumbers
    )  # an array, or what becomes one
    Shape: TypeAlias = int | Sequence[int]  # lengths of axes
    PartialShape: TypeAlias = Sequence[int | None]  # lengths of axes, None where any will do
    Sizes: TypeAlias = int | Sequence[int]  # one for all axes, or one for each
    Axis: TypeAlias = int | Sequence[int] | None  # None: all
    Dtype: TypeAlias = str | np.dtype[Any] | type[Any] | None  # None: the default
    Identifier: TypeAlias = (
        str | Mapping[str, Any] | Callable[..., Any] | None
    )  # a name, configuration, class or function
    Data: TypeAlias = Tensor | SupportsArray | Iterable[Any] | None  # arrays, nested or not; batches, PyDatasets
    Placeholders: TypeAlias = "KerasTensor | Tensor | Sequence[Any] | Mapping[str, Any]"  # one, or nested
    Layers: TypeAlias = Iterable["Layer | KerasTensor"]
    Callbacks: TypeAlias = "Callback | Iterable[Callback] | None"
    PathLike: TypeAlias = str | os.PathLike[str]
    Dataset: TypeAlias = PyDataset

    class Operators(Generic[R]):
        """Operators and methods of Tensors and placeholders, which `ops.operators` and `layers.symbolic` give them."""

        def __add__(self, other: TensorLike) -> R: ...
        def __radd__(self, other: TensorLike) -> R: ...
        def __sub__(self, other: TensorLike) -> R: ...
        def __rsub__(self, other: TensorLike) -> R: ...
        def __mul__(self, other: TensorLike) -> R: ...
        def __rmul__(self, other: TensorLike) -> R: ...
        def __truediv__(self, other: TensorLike) -> R: ...
        def __rtruediv__(self, other: TensorLike) -> R: ...
        def __floordiv__(self, other: TensorLike) -> R: ...
        def __rfloordiv__(self, other: TensorLike) -> R: ...
        def __mod__(self, other: TensorLike) -> R: ...
        def __rmod__(self, other: TensorLike) -> R: ...
        def __pow__(self, other: TensorLike) -> R: ...
        def __rpow__(self, other: TensorLike) -> R: ...
        def __matmul__(self, other: TensorLike) -> R: ...
        def __rmatmul__(self, other: TensorLike) -> R: ...
        def __neg__(self) -> R: ...
        def __pos__(self) -> R: ...
        def __abs__(self) -> R: ...
        def __eq__(self, other: object) -> R: ...  # type: ignore[override]
        def __ne__(self, other: object) -> R: ...  # type: ignore[override]
        def __lt__(self, other: TensorLike) -> R: ...
        def __le__(self, other: TensorLike) -> R: ...
        def __gt__(self, other: TensorLike) -> R: ...
        def __ge__(self, other: TensorLike) -> R: ...
        def __and__(self, other: TensorLike) -> R: ...
        def __rand__(self, other: TensorLike) -> R: ...
        def __or__(self, other: TensorLike) -> R: ...
        def __ror__(self, other: TensorLike) -> R: ...
        def __xor__(self, other: TensorLike) -> R: ...
        def __rxor__(self, other: TensorLike) -> R: ...
        def __lshift__(self, other: TensorLike) -> R: ...
        def __rshift__(self, other: TensorLike) -> R: ...
        def __rlshift__(self, other: TensorLike) -> R: ...
        def __rrshift__(self, other: TensorLike) -> R: ...
        def __divmod__(self, other: TensorLike) -> tuple[R, R]: ...
        def __rdivmod__(self, other: TensorLike) -> tuple[R, R]: ...
        def __invert__(self) -> R: ...
        def __getitem__(self, key: Any) -> R: ...
        @property
        def T(self) -> R: ...
        def sum(self, axis: Axis = None, keepdims: bool = False) -> R: ...
        def mean(self, axis: Axis = None, keepdims: bool = False) -> R: ...
        def max(self, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> R: ...
        def min(self, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> R: ...
        def prod(self, axis: Axis = None, keepdims: bool = False, dtype: Dtype = None) -> R: ...
        def var(self, axis: Axis = None, keepdims: bool = False) -> R: ...
        def std(self, axis: Axis = None, keepdims: bool = False) -> R: ...
        def argmax(self, axis: int | None = None, keepdims: bool = False) -> R: ...
        def argmin(self, axis: int | None = None, keepdims: bool = False) -> R: ...
        def cumsum(self, axis: int | None = None, dtype: Dtype = None) -> R: ...
        def all(self, axis: Axis = None, keepdims: bool = False) -> R: ...
        def any(self, axis: Axis = None, keepdims: bool = False) -> R: ...
        def squeeze(self, axis: Axis = None) -> R: ...
        def swapaxes(self, axis1: int, axis2: int) -> R: ...
        def ravel(self) -> R: ...
        def flatten(self) -> R: ...
        def round(self, decimals: int = 0) -> R: ...
        def clip(self, x_min: TensorLike, x_max: TensorLike) -> R: ...
        def reshape(self, *newshape: Shape) -> R: ...
        def transpose(self, *axes: Any) -> R: ...
        def astype(self, dtype: Dtype) -> R: ...
else:

    class Operators:
        """At run time, no base at all."""

        def __class_getitem__(cls, result: Any) -> type:
            return object

    Gives = Operators

    class _Name:
        """A name that stands for a type, with as much of a type's arithmetic as annotations use."""

        def __init__(self, name: str):
            self._name = name

        def __or__(self, other: Any) -> Any:
            return _Name(f"{self} | {_shown(other)}")

        def __ror__(self, other: Any) -> Any:
            return _Name(f"{_shown(other)} | {self}")

        def __repr__(self) -> str:
            return self._name

    class _Generic(_Name):
        """The same for one that takes types."""

        def __getitem__(self, types: Any) -> "_Name":
            return _Name(f"{self}[{', '.join(map(_shown, types))}]")

    def _shown(other: Any) -> str:
        return "None" if other is None else other.__name__ if isinstance(other, type) else str(other)

    TensorLike = _Name("TensorLike")
    Shape = _Name("Shape")
    Axis = _Name("Axis")
    Dtype = _Name("Dtype")
    Identifier = _Name("Identifier")
    PartialShape = _Name("PartialShape")
    Sizes = _Name("Sizes")
    Data = _Name("Data")
    Layers = _Name("Layers")
    Placeholders = _Name("Placeholders")
    Callbacks = _Name("Callbacks")
    PathLike = _Name("PathLike")
    Dataset = _Name("PyDataset")
    Model = _Name("Model")
    Explanation = _Name("Explanation")
    Position = _Name("Position")
    SeedGenerator = _Name("SeedGenerator")

    class Unpack:
        """As `typing.Unpack`, for names."""

        def __class_getitem__(cls, options: Any) -> Any:
            return options

    LayerOptions = InputOptions = ActivityOptions = EmbeddingOptions = ReversibleOptions = _Name("LayerOptions")
    CellOptions = ConvolutionOptions = ImageOptions = BoxOptions = BoxNameOptions = AttentionOptions = NameOptions = (
        DtypeNameOptions
    ) = LayerOptions
    OptimizerOptions = DecayOptions = _Name("OptimizerOptions")
    Derivative = _Generic("Derivative")
    SupportsArray = _Name("SupportsArray")
    NestedNumbers = _Name("NestedNumbers")


class Figure(Protocol):
    """A matplotlib Figure; a notebook shows it."""

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """Write the picture into a file, by the ending of its name."""
