"""What a primitive says of operands that NumPy refused: who, which shapes, why, and what to do."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.errors import AutonetError, DataError, DtypeError, ShapeError

_BROADCAST = re.compile(r"(operands|objects) (could not|cannot) be broadcast .*")  # it repeats the shapes
_ADVICE = {  # by a part of NumPy's reason
    "negative integer powers": "Cast the base to a float",
    "is out of bounds for array of dimension": "Choose an axis that the operand has",
    "zero-size array": "Leave out what is empty",
}


def explanation(op: Any, error: Exception, values: Sequence[np.ndarray], settings: dict[str, Any]) -> AutonetError:
    """The error for operands that the body of `op` refused with `error`."""
    shapes = ", ".join(str(v.shape) for v in values)
    details = "".join(f", {k}={v!r}" for k, v in settings.items())
    name, reason = op.name.lstrip("_"), _BROADCAST.sub("they do not broadcast", str(error).rstrip(" ."))
    other = ", or choose other settings" if details else ""
    advice = next((advice for part, advice in _ADVICE.items() if part in reason), "")
    if isinstance(error, TypeError) or "negative integer powers" in reason:
        kinds = ", ".join(str(v.dtype) for v in values)
        return DtypeError(
            f"{name} cannot take operands of dtype {kinds}{details}: {reason}. {advice or f'Cast an operand{other}'}."
        ).about(name)
    if isinstance(error, np.linalg.LinAlgError) and "dimension" not in reason:  # the numbers are to blame
        return DataError(
            f"{name} cannot take these operands of shapes {shapes}{details}: {reason}. Check their numbers."
        ).about(name)
    return ShapeError(
        f"{name} cannot take operands of shapes {shapes}{details}: {reason}. "
        f"{advice or f'Reshape or transpose an operand{other}'}."
    ).about(name)
