"""Layer: a map with weights, built when it first sees a shape."""

from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from autonet import constraints, dtype_policies, initializers, regularizers
from autonet.common import dtypes
from autonet.common.frames import as_texts, frame_array, is_frame
from autonet.common.lines import filters_traceback
from autonet.common.trees import flatten, map_structure
from autonet.common.types import Dtype, Identifier, LayerOptions, Shape, TensorLike, Unpack
from autonet.core.accumulate import cast
from autonet.core.state import state
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.dtype_policies import DTypePolicy
from autonet.errors import ArgumentError, AutonetError, DtypeError, ShapeError
from autonet.layers import arguments, inference, spec, symbolic
from autonet.layers.building import building, current, name_first
from autonet.layers.options import Configured
from autonet.layers.weights import Weighted
from autonet.serialization.objects import snake_case
from autonet.untrusted.faults import described
from autonet.utils.naming import unique_name
from autonet.variable import Autocast, Variable, reading

if TYPE_CHECKING:
    from autonet.common.types import HasCall, P, R_co


class Layer(symbolic.Operation, Configured, Weighted):
    """A map from Tensors to Tensors with weights of its own.

    Subclasses create weights in `build(input_shape)` with `add_weight` and state the map in `call(inputs)`, which may
    take `training` and `mask`. Calling the layer builds it, casts floats to its dtype, carries masks and collects
    losses.

    Args:
        activity_regularizer: penalty on the output, added to the loss.
        trainable: whether its weights are trained.
        dtype: name of the dtype of weights and computation, or a `DTypePolicy`, such as "mixed_float16"; by default that of
            `config.dtype_policy()`, which is `floatx()` unless set.
        autocast: whether float inputs are cast to that dtype.
        name: unique among the layers of a model.
        input_shape, batch_input_shape, batch_shape, input_dim: shape of the input, for the first layer of a model.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(input_shape[-1:], "ones", name="scale")
    ...     def call(self, inputs):
    ...         return inputs * self.scale
    >>> Scale()(np.ones((2, 3))).shape
    (2, 3)
    """

    _untracked = frozenset(
        {"_trainable_variables", "_non_trainable_variables", "_losses", "_input_shape", "input_spec"}
    )
    _unfixed = frozenset({"_calls", "_losses"})
    _nests: tuple[type, ...] = ()  # which of list, tuple and dict the package's own `call` takes for several inputs
    _takes_too: tuple[str, ...] = ("input_shape", "batch_input_shape", "batch_shape", "input_dim", "input_length")

    __signature__ = arguments.InitSignature()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        arguments.refuse_fixed(cls, kwargs)
        layer = object.__new__(cls)
        layer.__dict__["_Layer__given"] = arguments.given(cls, args, kwargs)
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: Identifier = None,
        trainable: bool = True,
        dtype: Dtype = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        if not isinstance(trainable, (bool, np.bool_)):
            raise ArgumentError(f"{type(self).__name__} expects trainable to be True or False; received {trainable!r}.")
        self.name = name if name is not None else unique_name(snake_case(type(self).__name__))
        if not isinstance(self.name, str) or "/" in self.name:
            raise ArgumentError(f"A layer's name is a string without '/'; received {name!r}.")
        self._set_policy(dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.input_spec: Any = None
        self.supports_masking = False
        self.built = False
        self._trainable = bool(trainable)
        self._freezes = not trainable  # whether building it freezes the layers that it was given, too
        self._trainable_variables: list[Variable] = []
        self._non_trainable_variables: list[Variable] = []
        self._losses: list[Tensor] = []
        self._path = self.name
        self._input_shape = arguments.first_shape(kwargs, self)

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = building(cls.__dict__["build"])  # type: ignore[method-assign]
        if "__init__" in cls.__dict__ and cls.__module__.startswith("autonet."):
            cls.__init__ = arguments.plain_arguments(cls.__dict__["__init__"])  # type: ignore[method-assign]

    # Names and dtypes

    @property
    def label(self) -> str:
        """The layer in error messages: class and name."""
        return f"{type(self).__name__} {self.name!r}"

    @property
    def path(self) -> str:
        """Names of the enclosing layers and its own, joined by '/'."""
        return self._path

    @property
    def dtype(self) -> str:
        """Dtype of the weights."""
        return self._dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """Dtype in which it computes, and of its results."""
        return self._compute_dtype

    @property
    def dtype_policy(self) -> DTypePolicy:
        """Both dtypes, of weights and of computation."""
        return self._policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._set_policy(value)

    def _set_policy(self, policy: Any) -> None:
        self._policy = dtype_policies.get(policy)
        self._dtype, self._compute_dtype = self._policy.variable_dtype, self._policy.compute_dtype
        self._mixed = self._dtype != self._compute_dtype

    # Weights

    @building
    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of `input_shape`. The default has none to create."""

    def _builds_nothing(self) -> bool:
        """Whether a layer without weights is built from the start: unless a subclass of the user's has a `build`."""
        return type(self).build.__module__.startswith("autonet.")

    @name_first
    def add_weight(
        self,
        shape: Shape | None = None,
        initializer: Identifier = None,
        dtype: Dtype = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Identifier = None,
        constraint: Identifier = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """A new Variable of this layer.

        Args:
            shape: axis lengths, () for one number.
            initializer: name, object or function; by default glorot_uniform for floats, zeros for others. Its name may
                also stand in front: `add_weight("ones", shape=(3,))`.
            trainable: whether training moves it.
            regularizer: penalty on it, added to the loss.
            constraint: projection after each step.
        """
        if self.built and current.layer is self and not current.building:
            raise ArgumentError(
                f"{self.label} makes a weight in call(), where each call would make another one. "
                "Make it in build(self, input_shape), or in __init__."
            )
        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        if any(n is None or n < 0 for n in shape):
            raise ShapeError(
                f"{self.label} cannot make a weight of shape {shape}: every length must be known. "
                "Give the input's shape in full, but for the batch axis."
            )
        dtype = dtypes.standardize_dtype(dtype or self._dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        variable = Variable(initializers.get(initializer), shape, dtype, trainable, name=name)
        variable.path = f"{self._path}/{variable.name}"
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._adopt(variable)
        return variable

    def add_variable(
        self,
        shape: Shape,
        initializer: Identifier,
        dtype: Dtype = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Identifier = None,
        constraint: Identifier = None,
        name: str | None = None,
    ) -> Variable:
        """`add_weight`, by another name of Keras's."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name)

    if not TYPE_CHECKING:  # to type checkers, a class with this method has every name

        def __getattr__(self, name: str) -> Any:
            found = getattr(type(self), name, None)
            if isinstance(found, property):  # which raised an AttributeError: let it speak
                return found.__get__(self)
            if "_losses" in self.__dict__ or name.startswith("__"):
                if not self.__dict__.get("built", True) and name in arguments.made_by_build(type(self)):  # type: ignore[arg-type]
                    raise AttributeError(
                        f"{self.label} has no {name!r} before it is built: call it on data, or build(input_shape), first."
                    )
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            raise AttributeError(
                f"{type(self).__name__} has no {name!r} yet: its __init__ did not call super().__init__(). "
                "Call that first, with **kwargs."
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable) and "_trainable_variables" in self.__dict__:
            self._adopt(value)
        super().__setattr__(name, value)

    # Losses

    def add_loss(self, loss: TensorLike) -> None:
        """Add a number, or several, to what training lowers; called within `call`."""
        global _losses_were_added
        _losses_were_added = True
        for x in flatten(loss):
            if not isinstance(x, Tensor):
                x = convert_to_tensor(x)
            if x.ndim:
                raise ShapeError(
                    f"add_loss expects one number; received shape {x.shape}. Reduce it with ops.sum or ops.mean."
                )
            self._losses.append(x)

    @property
    def losses(self) -> list[Tensor]:
        """Losses added by the last call, and the penalties of regularized weights."""
        collected = [x for layer in self._flatten_layers() for x in layer._losses]
        return collected + [v.regularizer(v) for v in self.trainable_variables if v.regularizer]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            if layer._losses:
                layer._losses = []

    # The call

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The map itself; subclasses state it."""
        raise NotImplementedError(
            f"{self.label} has no call(). Define call(self, inputs) in class {type(self).__name__}."
        )

    if TYPE_CHECKING:  # what `call` takes and gives; `training` and `mask` may be told to any layer

        @overload
        def __call__(self: HasCall[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co: ...
        @overload
        def __call__(self: HasCall[..., R_co], *args: Any, training: bool | None, **kwargs: Any) -> R_co: ...
        @overload
        def __call__(self: HasCall[..., R_co], *args: Any, mask: Any, **kwargs: Any) -> R_co: ...

    @filters_traceback
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.__apply(args, kwargs)
        except (AutonetError, TypeError) as error:
            spec.explain(self, args, kwargs, error)
            raise

    def __apply(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not args and kwargs:
            first = next(iter(arguments.call_parameters(type(self))), None)  # type: ignore[arg-type]
            args = (kwargs.pop(first),) if first in kwargs else ()
        if args and type(args[0]) is Tensor and len(args) == 1:
            value = args[0]._value
            if self.autocast and value.dtype.kind == "f" and value.dtype != _NUMPY[self._compute_dtype]:
                args = (self._receive(args[0]),)
        else:
            spec.check_nests(self, args)
            args = tuple([self._receive(x) for x in args])
            kwargs = {k: self._receive(x) if k not in _FLAGS else x for k, x in kwargs.items()}
            spec.check_arrays(self, args)
            if any(hasattr(x, "_symbolic") for x in flatten([args, kwargs])):
                return inference.apply_layer(self, args, kwargs)
        if not self.built:
            self._build_for(args, kwargs)
        if self.input_spec is not None:
            spec.check_shapes(self, args)
        observer = state.observer
        if observer is not None:
            observer.touch(self)
        takes = arguments.takes_of(self.__class__)  # type: ignore[arg-type]
        before, outer = state.training, current.layer
        if outer is None and _losses_were_added:
            self._clear_losses()
        training = kwargs.get("training")
        if training is None:
            training = before
        if takes.training:
            if training is not None:
                kwargs["training"] = training
        else:
            kwargs.pop("training", None)
        if takes.mask and kwargs.get("mask") is None:
            masks = [getattr(x, "_mask", None) for x in flatten(args[0] if args else [])]
            if any(m is not None for m in masks):
                kwargs["mask"] = masks[0] if isinstance(args[0], Tensor) else masks
        state.training, current.layer = training, self
        try:
            y = (self._call_casting if self._casts() else self.call)(*args, **kwargs)
            if y.__class__ is not Tensor:
                inference.check_result(self, y)
        finally:
            state.training, current.layer = before, outer
        if self.activity_regularizer is not None:
            for output in flatten(y):
                self.add_loss(self.activity_regularizer(output) / ((output.shape or (1,))[0] or 1))  # of no samples, 0
        if args:
            self._carry_mask(args[0], y, kwargs.get("mask"))
        if observer is not None:
            observer.returned(self, y)
        return y

    def _casts(self) -> bool:
        """Whether its call reads Variables as another dtype than theirs, or than a layer around it does."""
        return self._mixed or type(reading.reader) is Autocast

    def _call_casting(self, *args: Any, **kwargs: Any) -> Any:
        """`call`, in which Variables are read as floats of the dtype in which the layer computes."""
        with Autocast(self._compute_dtype):
            return self.call(*args, **kwargs)

    def _receive(self, x: Any) -> Any:
        """Arrays become Tensors, floats the layer's dtype; everything else passes."""
        if isinstance(x, (list, tuple, dict)):
            return map_structure(self._receive, x)
        if not isinstance(x, (np.ndarray, np.generic, Tensor)):
            if not is_frame(x):
                return x
            x = frame_array(x, f"The input of {self.label}")
        if isinstance(x, (np.ndarray, np.generic)):
            if x.dtype.kind in "USO" and as_texts(np.asarray(x)).dtype != object:
                raise DtypeError(
                    f"{self.label} expects numbers; received texts, an array of shape {x.shape}. Turn them into numbers "
                    "first: x.astype('float32') for digits, layers.StringLookup or layers.TextVectorization for words."
                )
            x = convert_to_tensor(x)
        elif isinstance(x, Variable):
            return x
        if self.autocast and x.dtype.kind == "f" and x.dtype != _NUMPY[self._compute_dtype]:
            mask = getattr(x, "_mask", None)
            x = cast(x, dtype=self._compute_dtype)
            if mask is not None:
                x._mask = mask
        return x

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build for the shapes of the call's first arguments."""
        if not any(a is not None for a in args) and type(self).build is not Layer.build:
            raise spec.nothing(self, repr(args[0])[:100] if args else "no argument")
        shapes = [map_structure(lambda x: tuple(x.shape) if hasattr(x, "shape") else None, a) for a in args]
        names = arguments.build_parameters(type(self))  # type: ignore[arg-type]
        named = dict(zip(arguments.call_parameters(type(self)), shapes, strict=False))  # type: ignore[arg-type]
        for k, x in kwargs.items():
            if hasattr(x, "shape"):
                named[k] = tuple(x.shape)
        shapes_of = {n: named.get(n.removesuffix("_shape")) for n in names}
        try:
            if len(names) <= 1:
                self.build(shapes[0] if shapes else None)
            else:
                self.build(**{n: shape for n, shape in shapes_of.items() if shape is not None and shape != []})
        except (IndexError, TypeError, ValueError) as error:
            if not names:
                spec.explain(self, (shapes,), {}, error, "build")
            if self.input_spec is not None and not isinstance(error, AutonetError):  # which says more
                spec.check_shapes(self, args)
            raise

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output; by default the input's."""
        return previous_mask

    def _carry_mask(self, inputs: Any, outputs: Any, told: Any) -> None:
        """Give the outputs their masks, from that which the call was told, or those that the inputs carry."""
        if type(self).compute_mask is Layer.compute_mask:
            if not self.supports_masking:
                return
            if told is None and type(inputs) is Tensor and getattr(inputs, "_mask", None) is None:
                return
        masks = map_structure(lambda x: getattr(x, "_mask", None), inputs) if told is None else told
        if told is None and not isinstance(inputs, Tensor) and all(m is None for m in flatten(masks)):
            masks = None
        mask = self.compute_mask(inputs, masks)
        if mask is None:
            return
        for y, m in zip(flatten(outputs), flatten(mask), strict=False):  # a single mask is that of the first output
            if m is not None and isinstance(y, Tensor) and getattr(y, "_mask", None) is None:
                y._mask = m

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output for inputs of `input_shape`, None being any length.

        The default finds it by a dry run of `call`; no numbers are computed.
        """
        return inference.output_shape(self, input_shape)

    def _states_shape(self) -> bool:
        """Whether its class says itself what `compute_output_shape` finds by a dry run."""
        return type(self).compute_output_shape is not Layer.compute_output_shape

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """What a call on these placeholders will give: objects with a shape and a dtype, nested as its result."""
        return inference.output_spec(self, args, kwargs)

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": dtype_policies.serialize(self._policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return {**arguments.complete(self, config), **self._options_config()}

    @classmethod
    @described
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new layer of this configuration, without weights."""
        return arguments.make(cls, config)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for; None before it was, or if it was not built for shapes."""
        return arguments.build_config(self.__dict__.get("_Layer__built_with"))

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shapes that `get_build_config` told; nothing happens to a layer that is built already."""
        if not self.built:
            args, kwargs = arguments.shapes_of(config)
            self.build(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


class Elementwise(Layer):
    """Base of layers without weights, whose result has the shape and the mask of the input."""

    def __init__(self, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.supports_masking = True
        self.built = self._builds_nothing()

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return tuple(input_shape)


_FLAGS = ("training",)
_NUMPY = {name: np.dtype(name) for name in dtypes.NAMES}
_losses_were_added = False  # by any layer: until then a call need not look for losses of the call before


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, (list, tuple)) and all(n is None or isinstance(n, (int, np.integer)) for n in shape)
