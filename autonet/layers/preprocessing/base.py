"""What layers that prepare data have in common."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autonet.common.frames import frame_array, is_frame, plain
from autonet.common.trees import flatten
from autonet.core.state import capturing, state
from autonet.core.tensor import Tensor, to_array
from autonet.errors import ArgumentError, AutonetError, DataError, DtypeError
from autonet.layers.base import Layer
from autonet.layers.spec import explain
from autonet.layers.symbolic import KerasTensor


class DataLayer(Layer):
    """Base of layers that prepare data: they take lists of numbers, too."""

    _empty: str | None = None  # dtype of a list that holds nothing; None for the default of floats

    if not TYPE_CHECKING:  # to type checkers it is what `call` is

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*_given(self, args), **kwargs)

    def _promise(self, inputs: Any, dtype: Any) -> KerasTensor:
        """The placeholder of the result, for layers whose dtype is not that of what they compute with."""
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)


class TextLayer(DataLayer):
    """Base of layers that read text: strings, lists or arrays of them. They run ahead of captured steps.

    `call` receives an array of strings.

    Attributes:
        lengths_vary: whether texts of one shape may become arrays of several.
    """

    _fixed = ("activity_regularizer",)  # results are numbers of tokens: there is nothing to lower
    lengths_vary = False
    _empty = "object"

    if not TYPE_CHECKING:  # to type checkers it is what `call` is

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            if not args and len(kwargs) == 1:  # given by its name
                args, kwargs = tuple(kwargs.values()), {}
            args = _given(self, args)
            if not args or not is_text(args[0]):
                return super().__call__(*args, **kwargs)
            if capturing():
                ahead = state.observer.read_ahead(self, args, kwargs)
                if ahead is not None:
                    return ahead
                state.observer.touch(self)
            try:
                text = as_text(args[0], getattr(self, "encoding", "utf-8"))
                if not self.built:
                    self._build_for((text,), {})
                return self.call(text, *args[1:], **kwargs)
            except (AutonetError, TypeError) as error:
                explain(self, args, kwargs, error)
                raise


def _given(layer: DataLayer, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Tables, columns and nested lists of numbers as arrays; everything else as it is.

    Raises: DtypeError where the first of the arguments is None, or a list in which some element is.
    """
    for place, v in enumerate(flatten(args[:1])):
        if v is None and not any(isinstance(other, (np.ndarray, Tensor)) for other in flatten(args[0])):
            raise DtypeError(
                f"{layer.label}: element {place} of {args[0]!r:.80} is missing. Put a value there, such as '' among texts or 0 "
                "among numbers, or leave it out."
                if isinstance(args[0], (list, tuple))
                else f"{layer.label} expects data; received None."
            )
    return tuple([_as_given(x, layer) for x in args])


def _as_given(x: Any, layer: DataLayer) -> Any:
    if is_frame(x):
        return frame_array(x, f"The input of {layer.label}")
    if isinstance(x, (list, tuple)):
        leaves = flatten(x)
        if not leaves and layer._empty:
            return np.array(x, layer._empty)
        if all(isinstance(v, (int, float, np.generic)) for v in leaves):
            return to_array(x)
    return x


def is_text(x: Any) -> bool:
    """Whether `x` is text: a string, an array of strings, or lists of these."""
    if isinstance(x, (str, bytes)):
        return True
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "USO" or x.dtype.kind == "T"
    if isinstance(x, (list, tuple)):
        return any(is_text(v) for v in x)
    return False


def as_text(x: Any, encoding: str = "utf-8") -> np.ndarray:
    """An array of str objects; bytes are decoded.

    Raises: DtypeError for what is neither; DataError for bytes in another encoding.
    """
    array = np.asarray(x, object) if not isinstance(x, np.ndarray) or x.dtype.kind != "U" else x.astype(object)

    def one(v: Any) -> str:
        if isinstance(v, bytes):
            try:
                return v.decode(encoding)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"Bytes that are no text in {encoding}: {v[:40]!r}. Give the layer their encoding."
                ) from error
        if v is None or (isinstance(v, float) and v != v):
            raise DtypeError(f"A text is missing: received {v!r} among texts. Put '' there, or leave it out.")
        if not isinstance(v, str):
            raise DtypeError(f"Text is made of strings, all rows of one length; received {type(v).__name__} {v!r}.")
        return v

    if all(type(v) is str for v in array.flat):
        return array
    return np.frompyfunc(one, 1, 1)(array) if array.ndim else np.array(one(array.item()), object)


def batches(data: Any, convert: Callable[[Any], np.ndarray], who: str) -> Iterator[np.ndarray]:
    """The arrays that `adapt` is to learn from: `data` itself, or the inputs of each batch that it yields.

    Args:
        data: an array, Tensor, list of samples, PyDataset, or an iterable of batches (x, or tuples that begin with it); so is
            a list, too, where each has two axes or more.
        convert: makes an array of one batch.
        who: for messages.
    """
    if is_frame(data) or (isinstance(data, (np.ndarray, Tensor, list, tuple, str)) and not _are_batches(data)):
        yield convert(plain(data, f"The data of {who}"))
        return
    if not hasattr(data, "__iter__") and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        source = data
        data = (source[i] for i in range(len(source)))
    if getattr(data, "num_batches", 0) is None:
        raise ArgumentError(
            f"{who}.adapt expects data that ends: let take(n) give the first n batches of this data set."
        )
    if not hasattr(data, "__iter__"):
        raise ArgumentError(f"{who}.adapt expects an array, or an iterable of batches; received {type(data).__name__}.")
    found = False
    for batch in data:
        found = True
        yield convert(plain(batch[0] if isinstance(batch, tuple) else batch, f"The data of {who}"))
    if not found:
        raise DataError(f"{who}.adapt received no data.")


def _are_batches(data: Any) -> bool:
    """Whether a list is one of batches, as in Keras, rather than of samples."""
    if not isinstance(data, (list, tuple)) or not data:
        return False
    first = [x[0] if isinstance(x, tuple) and x else x for x in data]
    return all(isinstance(x, (np.ndarray, Tensor)) and x.ndim > 1 for x in first)


def check_choice(who: str, name: str, value: Any, known: tuple[Any, ...]) -> None:
    """Raise ArgumentError unless `value` is one of the known."""
    if value not in known:
        raise ArgumentError(f"{who} expects {name} to be one of {', '.join(map(repr, known))}; received {value!r}.")
