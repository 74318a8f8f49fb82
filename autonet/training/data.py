"""What users pass as data, brought into one form: trees of arrays, floats in the model's dtype."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from autonet.common.complex_numbers import ADVICE, holds_complex
from autonet.common.frames import frame_array, is_frame
from autonet.common.trees import flatten, map_structure
from autonet.core.tensor import Tensor, to_array, wrap
from autonet.errors import ArgumentError, AutonetError, DataError
from autonet.utils.disk import DiskArray, on_disk

Batch = tuple[Any, Any, Any]  # x, y, sample_weight: trees of arrays, None where there is none
NAMES = ("x", "y", "sample_weight")
MOST_TOLD = 8  # arrays whose lengths an error lists


def unpack(batch: Any) -> Batch:
    """A batch as (x, y, sample_weight), from x alone, or a tuple or list of up to three."""
    if not isinstance(batch, (tuple, list)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise DataError(
            f"A batch is x, (x, y) or (x, y, sample_weight); received {len(batch)} parts. "
            "Several inputs or outputs belong together: ((x1, x2), y)."
        )
    return (*batch, None, None)[:3]  # type: ignore[return-value]


def pack(x: Any, y: Any, sample_weight: Any) -> Any:
    """What a `train_step` receives as its `data`: (x, y, sample_weight) without what is not there; x alone as it is."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (tuple, list)) else x


def arrays(tree: Any, name: str, float_dtype: str, lazy: bool = False) -> Any:
    """A tree of arrays. Dictionaries, and lists or tuples that hold arrays, are structure; lists of numbers are arrays.

    With `lazy`, what lies on disk stays there, as DiskArrays: these, memory-mapped arrays, and paths of `.npy` files.

    Raises: DataError for what is no array of numbers or texts with an axis for the samples.
    """
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return {key: arrays(branch, f"{name}[{key!r}]", float_dtype, lazy) for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)) and not _is_text_list(tree) and any(_is_branch(branch) for branch in tree):
        branches = [arrays(branch, f"{name}[{i}]", float_dtype, lazy) for i, branch in enumerate(tree)]
        return tuple(branches) if isinstance(tree, tuple) else branches
    if lazy and type(tree) is not np.ndarray:
        found = on_disk(tree)
        if found is not None and found.dtype.kind in "biufU":
            return found.astype(float_dtype) if found.dtype.kind == "f" else found
    return _array(tree, name, float_dtype)


class ClassWeights(DiskArray):
    """Sample weights that follow from targets on disk, made when rows of them are asked for."""

    def __init__(self, y: Any, weight: Any, table: dict[int, float]):
        self._parts, self._table = (None, y, weight), table
        first = self[:1]
        self.shape, self.dtype = (len(y), *first.shape[1:]), first.dtype

    def __getitem__(self, at: Any) -> np.ndarray:
        return weigh(cut(self._parts, at), self._table)[2]


def _is_text_list(values: Any) -> bool:
    """Whether nested lists hold texts, perhaps with gaps."""
    return _holds_text(values) and all(v is None or isinstance(v, (str, bytes)) for v in flatten(values))


def _is_branch(x: Any) -> bool:
    """Whether an entry of a list is an input or output of its own, rather than a number or a row of numbers."""
    if x is None or isinstance(x, (Mapping, os.PathLike)) or is_frame(x):
        return True
    if isinstance(x, (list, tuple)):
        return any(_is_branch(branch) for branch in x)
    return bool(getattr(x, "ndim", getattr(x, "shape", ())))


def _array(value: Any, name: str, float_dtype: str) -> np.ndarray:
    if isinstance(value, Tensor):
        array = value._concrete("its use as data; the model itself, model(x), is differentiated")
    elif type(value) is np.ndarray:
        array = value
    elif isinstance(value, np.ndarray):  # such as one that lies on disk
        if isinstance(value, np.ma.MaskedArray):
            raise DataError(f"{name} is a masked array: fill it, with {name}.filled(0), and pass the mask as weights.")
        array = np.asarray(value)
    elif is_frame(value):
        array = frame_array(value, name, float_dtype)
    elif hasattr(value, "toarray"):
        raise DataError(f"{name} is a sparse matrix, and models take dense arrays: pass {name}.toarray().")
    else:
        try:
            if _holds_text(value):
                array = np.asarray(value, object)
            else:
                array = np.asarray(value if hasattr(value, "__array__") else to_array(value))
        except (AutonetError, ValueError, TypeError) as error:
            raise DataError(
                f"{name} cannot be used as an array: {str(error).rstrip('.')}. Make all rows of one length, as with utils.pad_sequences."
            ) from None
    kind = array.dtype.kind
    if kind == "S":
        array, kind = array.astype(object), "O"
    found = {type(v) for v in array.flat} if kind == "O" else set()
    texts = kind == "U" or (bool(found) and all(issubclass(t, (str, bytes)) for t in found))
    if not texts and any(issubclass(t, (str, bytes)) for t in found):
        odd = [i for i, v in enumerate(array.flat) if not isinstance(v, (str, bytes))]
        value, row = array.flat[odd[0]], np.unravel_index(odd[0], array.shape)[0]
        if value is None or value != value:
            raise DataError(
                f"{name}, row {row}: the text is missing ({len(odd)} of {array.size} are). Put '' there, or leave such rows out."
            )
        raise DataError(
            f"{name}, row {row}: {type(value).__name__} {value!r:.60} among texts. Mend it, as with str(value)."
        )
    if (
        kind not in "biuf" and not texts
    ):  # texts stay objects: as an array of their own each would be as long as the longest
        if holds_complex(array):
            raise DataError(f"{name} holds complex numbers, which models do not take. {ADVICE}")
        if found == {type(None)}:
            raise DataError(
                f"{name} holds None alone: all {array.size} values are missing. Look at where it comes from."
            )
        raise DataError(
            f"{name} holds elements of type {array.dtype}; models take numbers (and layers for texts, strings). "
            f"Convert it first, for example with np.asarray({name}, 'float32')."
        )
    if not array.ndim:
        raise DataError(f"{name} needs an axis for the samples; received a single value. Put it into a list.")
    if kind == "f" and array.dtype != float_dtype:
        return array.astype(float_dtype)
    return array


def _holds_text(value: Any) -> bool:
    return isinstance(_first_leaf(value), (str, bytes))


def _first_leaf(value: Any) -> Any:
    """The first entry of nested lists that is there."""
    if not isinstance(value, (list, tuple)):
        return value
    return next((leaf for leaf in (_first_leaf(v) for v in value) if leaf is not None), None)


def clean(batch: Batch, float_dtype: str, lazy: bool = False) -> Batch:
    """x, y and sample_weight as trees of arrays; see `arrays`."""
    x, y, w = (arrays(part, name, float_dtype, lazy) for name, part in zip(NAMES, batch, strict=True))
    return x, y, w


def length(data: Batch) -> int:
    """The number of samples, which all arrays share.

    Raises: DataError if they do not, or if there are none.
    """
    found: dict[str, int] = {}
    counts = []
    for name, part in zip(NAMES, data, strict=True):
        leaves = [a for a in flatten(part) if a is not None]
        counts.append(len(leaves))
        found.update({f"{name}{[i] if len(leaves) > 1 else ''}": len(a) for i, a in enumerate(leaves)})
    if not found:
        raise DataError("There is no data: x is empty.")
    if len(set(found.values())) > 1:
        told = [f"{name}: {n}" for name, n in found.items()]
        if len(told) > MOST_TOLD:
            parts = [p for p, leaves in zip(NAMES, counts, strict=True) if leaves > MOST_TOLD]
            raise DataError(
                f"All arrays must have one number of samples; received {', '.join(told[:3])}, ..., {told[-1]}. A list of "
                f"arrays is as many inputs or outputs: where the entries of {' and '.join(parts) or 'a list'} are samples, make "
                f"one array of them, with np.stack({parts[0] if parts else 'x'}), or with utils.pad_sequences where their "
                "lengths differ."
            )
        raise DataError(
            f"All arrays must have one number of samples; received {', '.join(told)}. Cut them alike, as with y = y[:len(x)]."
        )
    return next(iter(found.values()))


def is_empty(x: Any) -> bool:
    """Whether the arrays of the tree `x` have no rows."""
    first = x if isinstance(x, np.ndarray) else next((a for a in flatten(x) if a is not None), None)
    return first is not None and not len(first)


def cut(data: Batch, at: Any) -> Batch:
    """The samples `at` (a slice, or row numbers) of all arrays."""
    return tuple([map_structure(lambda a: None if a is None else a[at], part) for part in data])  # type: ignore[return-value]


def split(data: Batch, fraction: float, float_dtype: str) -> tuple[Batch, Batch]:
    """The first rows for training, the last `fraction` of them for validation, before any shuffling.

    Raises: ArgumentError where one part would be empty.
    """
    if not 0 < fraction < 1:
        raise ArgumentError(
            f"validation_split expects a share between 0 and 1; received {fraction!r}. Write 0.2 for a fifth."
        )
    whole = clean(data, float_dtype, lazy=True)
    n = length(whole)
    first = int(np.floor(n * (1 - fraction)))
    if first in (0, n):
        raise ArgumentError(f"validation_split={fraction} of {n} samples leaves one part empty.")
    return part(whole, 0, first), part(whole, first, n)


def part(data: Batch, first: int, last: int) -> Batch:
    """Rows in a row, of which those on disk stay there."""
    x, y, w = (
        map_structure(
            lambda a: a.part(first, last) if isinstance(a, DiskArray) else a if a is None else a[first:last], p
        )
        for p in data
    )
    return x, y, w


# Class weights


def class_table(class_weight: Any) -> dict[int, float]:
    """`class_weight` as a dictionary of numbers.

    Raises: ArgumentError for anything else.
    """
    try:
        return {int(k): float(w) for k, w in class_weight.items()}
    except (AttributeError, TypeError, ValueError):
        raise ArgumentError(
            f"class_weight expects a dictionary from class numbers to weights, as {{0: 1.0, 1: 5.0}}; "
            f"received {class_weight!r}."
        ) from None


def class_weights(y: Any, table: dict[int, float]) -> np.ndarray:
    """The weight of each sample's class, 1 for classes that the table leaves out.

    Shapes: y holds classes (n, ...) or (n, ..., 1), or one-hot rows (n, ..., classes); the result is (n, ...).
    """
    if not isinstance(y, np.ndarray):
        raise ArgumentError("class_weight works with a single array of targets; weigh others with sample_weight.")
    if y.ndim > 1 and y.shape[-1] != 1:
        if not np.allclose(y.sum(-1), 1, atol=1e-3):
            raise ArgumentError(
                f"class_weight expects y to hold class numbers or one-hot rows; the rows of y, shape {y.shape}, do not "
                "sum to 1. Weigh the samples with sample_weight."
            )
        classes = np.argmax(y, -1)
    else:
        classes = y[..., 0] if y.ndim > 1 else y
    classes = np.rint(classes).astype(np.int64)
    weights = np.ones(classes.shape, np.float32)
    for k, w in table.items():
        weights[classes == k] = w
    return weights


def weigh(data: Batch, table: dict[int, float] | None) -> Batch:
    """The data with its sample weights times those of the classes."""
    if table is None:
        return data
    x, y, weight = data
    if isinstance(y, DiskArray) and isinstance(weight, (np.ndarray, DiskArray, type(None))):
        return x, y, ClassWeights(y, weight, table)
    own = class_weights(y, table)
    if weight is not None:
        if not isinstance(weight, np.ndarray):
            raise ArgumentError("class_weight goes with a single array of sample weights.")
        most = max(own.ndim, weight.ndim)  # axes meet from the left: (n,) and (n, 1) are both one per sample
        own, weight = (a.reshape(a.shape + (1,) * (most - a.ndim)) for a in (own, weight))
        own = (own * weight).astype(weight.dtype)
    return x, y, own


# To Tensors and back


def as_tensors(tree: Any) -> Any:
    """A tree of arrays as Tensors around the same memory, where it is in C order; texts and None stay."""
    if tree is None:
        return None
    if type(tree) is np.ndarray and tree.dtype.kind not in "UO":
        return wrap(np.asarray(to_array(tree), order="C").view())  # a view: a Variable that is given it takes a copy
    return map_structure(lambda a: as_tensors(a) if type(a) is np.ndarray and a.dtype.kind not in "UO" else a, tree)


def as_arrays(tree: Any) -> Any:
    """A tree of Tensors as arrays of the caller's own."""
    if type(tree) is Tensor:
        return tree._value.copy()
    return map_structure(lambda x: x.numpy() if isinstance(x, Tensor) else np.array(x), tree)
