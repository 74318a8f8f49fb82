"""What a primitive says of operands that NumPy refused: who, in the caller's word, which shapes, why, and what to do."""

import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.common.lines import PACKAGE
from autonet.errors import AutonetError, DataError, DtypeError, ShapeError

_CORE, _OPS = f"{PACKAGE}core", f"{PACKAGE}ops"
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
    name, reason = called(op.name), _BROADCAST.sub("they do not broadcast", str(error).rstrip(" ."))
    other = ", or choose other settings" if details else ""
    advice = next((advice for part, advice in _ADVICE.items() if part in reason), "")
    if isinstance(error, TypeError) or "negative integer powers" in reason:
        kinds = ", ".join(str(v.dtype) for v in values)
        return DtypeError(
            f"{name} cannot take operands of dtype {kinds}{details}: {reason}. {advice or f'Cast an operand{other}'}."
        )
    if isinstance(error, np.linalg.LinAlgError) and "dimension" not in reason:  # the numbers are to blame
        return DataError(
            f"{name} cannot take these operands of shapes {shapes}{details}: {reason}. Check their numbers."
        )
    return ShapeError(
        f"{name} cannot take operands of shapes {shapes}{details}: {reason}. "
        f"{advice or f'Reshape or transpose an operand{other}'}."
    )


def called(name: str) -> str:
    """A primitive's name as its caller knows it: before it, or in place of a name that is not public, the function of
    `autonet.ops` that was called by somebody else than another of them, if it is on the stack.
    """
    public = dir(sys.modules["autonet.ops"]) if "autonet.ops" in sys.modules else ()
    frame: Any = sys._getframe(1)
    caller = None
    while frame is not None:
        file, word = frame.f_code.co_filename, frame.f_code.co_name
        if file.startswith(_OPS):
            caller = word if word in public else caller
        elif not file.startswith((_CORE, "<autonet")):
            break
        frame = frame.f_back
    own = name.lstrip("_")
    if caller is None or caller == name:
        return own
    return f"{caller}: {own}" if name in public else caller
