"""What Python gives as numbers, as an array of autonet's default dtypes."""

from typing import Any

import numpy as np

from autonet.common import dtypes
from autonet.common.complex_numbers import holds_complex
from autonet.common.frames import frame_array, is_frame
from autonet.errors import DtypeError


def from_python(value: Any, typed: tuple[type, ...], narrow: bool) -> np.ndarray:
    """Numbers, nested lists of them, and whatever else `np.asarray` reads.

    Args:
        typed: the classes of array whose dtype is kept, also where a list holds one.
        narrow: whether numbers of Python become `floatx()` and int32; else they keep all digits.

    Raises: DtypeError for what is no array of numbers.
    """
    if value is None or isinstance(value, (str, bytes, dict, set)):
        raise DtypeError(f"Cannot make a Tensor of {describe(value)}. Put its numbers into an array first.")
    if isinstance(value, (list, tuple)):
        keeps = _holds(value, typed)
    else:
        keeps = hasattr(value, "__array__") or hasattr(value, "__array_interface__") or hasattr(value, "__dlpack__")
    if keeps and is_frame(value):
        value = frame_array(value, "The data")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DtypeError(f"Cannot make a Tensor of {describe(value)}: {error}.") from None
    if array.dtype.kind == "O" and not holds_complex(array):  # these have an error of their own
        raise DtypeError(
            f"Cannot make a Tensor of {describe(value)}: its elements are not numbers of at most 64 bits and one shape."
        )
    if keeps or not narrow:
        return array
    if array.dtype.kind == "f":
        return array.astype(dtypes.floatx())
    if array.dtype == np.int64 and (not array.size or (abs(array.max()) < 2**31 and abs(array.min()) < 2**31)):
        return array.astype(np.int32)
    return array


def _holds(values: Any, typed: tuple[type, ...]) -> bool:
    """Whether nested lists hold an instance of one of these classes."""
    return any(_holds(v, typed) if isinstance(v, (list, tuple)) else isinstance(v, typed) for v in values)


def describe(value: Any) -> str:
    """Type and text of a value, shortened for a message."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
