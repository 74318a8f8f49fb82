"""What a layer accepts: by its InputSpec, and what no layer can take, which is refused by an error that names the layer."""

import functools
import inspect
from typing import Any

from autonet.common.lines import was_refused
from autonet.common.trees import flatten
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, AutonetError, DtypeError, NotBuiltError, ShapeError
from autonet.layers.arguments import call_parameters, is_ours, nests, takes_of


class InputSpec:
    """What a layer accepts: rank and axis lengths of its input.

    Args:
        dtype: expected dtype name, unchecked.
        shape: expected shape, None where any length will do.
        ndim, min_ndim, max_ndim: exact, least, largest number of axes.
        axes: {axis: length}.

    >>> InputSpec(ndim=2, axes={-1: 3}).fits((8, 3))
    True
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: tuple[Any, ...] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        if allow_last_axis_squeeze:
            raise ArgumentError(
                "InputSpec: no layer here drops or adds a last axis; leave allow_last_axis_squeeze False."
            )
        self.dtype, self.shape = dtype, shape
        self.ndim = len(shape) if shape is not None else ndim
        self.min_ndim, self.max_ndim = min_ndim, max_ndim
        self.axes = {int(a): n for a, n in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def fits(self, shape: tuple[Any, ...]) -> bool:
        """Whether there is nothing to say against `shape`; where it is False, `check` says what, if anything."""
        n = len(shape)
        if (self.ndim is not None and n != self.ndim) or self.max_ndim is not None or self.shape is not None:
            return False
        if self.min_ndim is not None and n < self.min_ndim:
            return False
        return all(-n <= axis < n and shape[axis] == length for axis, length in self.axes.items())

    def check(self, shape: tuple[Any, ...], label: str) -> None:
        """Raise ShapeError, in the name of `label`, if `shape` does not fit."""
        n = len(shape)
        if self.ndim is not None and n != self.ndim:
            raise ShapeError(
                f"{label} expects an input of {self.ndim} axes; received shape {shape}. Reshape the input."
            )
        if self.min_ndim is not None and n < self.min_ndim:
            raise ShapeError(
                f"{label} expects an input of at least {self.min_ndim} axes; received shape {shape}. "
                "Add the missing axes with Reshape or x[:, None]."
            )
        if self.max_ndim is not None and n > self.max_ndim:
            raise ShapeError(f"{label} expects an input of at most {self.max_ndim} axes; received shape {shape}.")
        wanted = dict(self.axes)
        if self.shape is not None:
            wanted.update({i: k for i, k in enumerate(self.shape) if k is not None})
        for axis, length in wanted.items():
            if length is not None and -n <= axis < n and shape[axis] not in (None, length):
                raise ShapeError(
                    f"{label} expects length {length} on axis {axis}; received shape {shape}. "
                    "The first input fixed that number: reshape this one, or build a second layer."
                )


# Refusals


def check_nests(layer: Any, args: tuple[Any, ...]) -> None:
    """Raise DtypeError for numbers and texts that are no arrays, ArgumentError for a list or dictionary where none is taken."""
    leaves = flatten(args[0]) if args else []
    for x in leaves:
        if isinstance(x, (int, float, str)):
            raise no_array(layer, args[0])
    if not args or not isinstance(args[0], (list, tuple, dict)):
        return
    inputs, taken = args[0], nests(type(layer))  # type: ignore[arg-type]
    some = not leaves or isinstance(inputs, dict) or any(x is None or hasattr(x, "shape") for x in leaves)
    if isinstance(inputs, taken) or not some:
        return
    expected = "a list of arrays" if list in taken else f"one input, an array{' or a dictionary' if taken else ''}"
    raise ArgumentError(
        f"{layer.label} expects {expected}; received {_shown(inputs)}. "
        "Join several with Concatenate or np.stack, or call the layer on each."
    )


def check_arrays(layer: Any, args: tuple[Any, ...]) -> None:
    """Raise for what is no array where the package's own `call` needs one, and for an array where it takes a truth."""
    names = call_parameters(type(layer))  # type: ignore[arg-type]
    for x, name in zip(args, names, strict=False):
        if len(args) <= len(names) and name == "training" and getattr(x, "shape", None):
            raise ArgumentError(
                f"{layer.label} expects training to be True or False; received an array of shape {tuple(x.shape)}. "
                "Give further arguments by their names."
            )
    for x, _ in zip(args, _needed(type(layer)), strict=False):  # type: ignore[arg-type]
        for leaf in () if type(x) is Tensor else flatten(x):
            known = isinstance(leaf, Tensor) or hasattr(leaf, "_symbolic")
            if not known and (isinstance(leaf, type) or not (hasattr(leaf, "shape") or hasattr(leaf, "__array__"))):
                if leaf is None and isinstance(x, dict):
                    continue  # a part of the data that is left out
                raise no_array(layer, x)


@functools.cache
def _needed(cls: Any) -> tuple[str, ...]:
    """Names of the arguments that must be arrays: those without a default. None where the function is the user's."""
    if not is_ours(cls.call) or {list, dict} <= set(nests(cls)):
        return ()
    return tuple([p.name for p in list(inspect.signature(cls.call).parameters.values())[1:] if p.default is p.empty])


def no_array(layer: Any, x: Any) -> AutonetError:
    """The error for a call on `x`, which is no array."""
    if any(leaf is None for leaf in flatten(x)):
        return nothing(layer, _shown(x))
    advice = "Call it on the inputs, and this on what it gives." if callable(x) else "Make it an array: np.array(...)."
    return DtypeError(f"{layer.label} expects arrays or Tensors; received {type(x).__name__} {repr(x)[:100]}. {advice}")


def nothing(layer: Any, received: str) -> ArgumentError:
    """The error for a call on nothing."""
    return ArgumentError(
        f"{layer.label} expects an array or Tensor to be called on; received {received}. "
        "Where a layer before it gave that, its call() lacks a return."
    )


def _shown(x: Any) -> str:
    """A nest of inputs in few words."""
    if not isinstance(x, (list, tuple, dict)):
        return repr(x)[:100]
    leaves = flatten(x)
    parts = [f"shape {tuple(v.shape)}" if hasattr(v, "shape") else repr(v)[:40] for v in leaves[:3]]
    return f"a {type(x).__name__} of {len(leaves)}: {', '.join(parts)}{', ...' if len(leaves) > 3 else ''}"


def check_shapes(layer: Any, args: tuple[Any, ...]) -> None:
    """Raise where the inputs do not fit the layer's `input_spec`."""
    spec = layer.input_spec
    if type(spec) is InputSpec and len(args) == 1 and type(args[0]) is Tensor:
        if not spec.fits(shape := args[0]._value.shape):
            spec.check(shape, layer.label)
        return
    specs = spec if isinstance(spec, (list, tuple)) else [spec]
    inputs = flatten(args[0]) if args else []
    if len(specs) != len(inputs):
        raise ArgumentError(
            f"{layer.label} expects {len(specs)} inputs; received {len(inputs)}. "
            "Pass that many, in a list if there are several."
        )
    for spec, x in zip(specs, inputs, strict=True):
        if spec is not None and hasattr(x, "shape"):
            spec.check(tuple(x.shape), layer.label)


def check_signature(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise SignatureError for arguments that `call` does not have or lacks, before anything is built."""
    if not takes_of(type(layer)).training:  # type: ignore[arg-type]
        kwargs = {k: x for k, x in kwargs.items() if k != "training"}
    try:
        inspect.signature(layer.call).bind(*args, **kwargs)
    except TypeError as error:
        explain(layer, args, kwargs, error)
        raise


def explain(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception, method: str = "call") -> None:
    """Put the layer's name before a message without one; raise SignatureError where Python refused the method's arguments."""
    if not isinstance(error, AutonetError):
        call = getattr(type(layer), method)
        if not hasattr(inspect.unwrap(call), "__code__") or not was_refused(
            getattr(layer, method), args, kwargs, error
        ):
            return
        from autonet.common.signatures import refusal

        refused = refusal(call, (layer, *args), kwargs)
        explain(layer, args, kwargs, refused)
        raise refused from error
    ours = type(layer).__module__.startswith("autonet.layers.")  # its layers inside are nothing that the user made
    misfit = isinstance(error, (ShapeError, DtypeError, ArgumentError, NotBuiltError)) and layer.label not in str(error)
    if error.nameless or (misfit and (ours or not error.seen)):
        error.prefix(layer.label)
    error.seen = True
