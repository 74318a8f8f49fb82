"""What a primitive says of operands that NumPy refused, and of rules that give no gradient: who, why, and what to do."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet.errors import AutonetError, DataError, DtypeError, GradientError, ShapeError

_BROADCAST = re.compile(r"(operands|objects) (could not|cannot) be broadcast .*")  # it repeats the shapes
_ADVICE = {  # by a part of NumPy's reason
    "negative integer powers": "Cast the base to a float",
    "is out of bounds for array of dimension": "Choose an axis that the operand has",
    "is out of bounds for axis": "Choose indices that the axis has",
    "zero-size array": "Leave out what is empty",
}


def explanation(op: Any, error: Exception, values: Sequence[np.ndarray], settings: dict[str, Any]) -> AutonetError:
    """The error for operands that the body of `op` refused with `error`."""
    shapes = ", ".join(str(v.shape) for v in values)
    details = "".join(f", {k}={v!r}" for k, v in settings.items())
    name, reason = op.name.lstrip("_"), _BROADCAST.sub("they do not broadcast", str(error).rstrip(" ."))
    other = ", or choose other settings" if details else ""
    advice = next((advice for part, advice in _ADVICE.items() if part in reason), "")
    if isinstance(error, (TypeError, OverflowError)) or "negative integer powers" in reason:
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


def missing_rule(name: str, operand: str) -> GradientError:
    """The error where an operand has no rule."""
    return GradientError(
        f"{name} has no derivative with respect to its operand {operand!r}. "
        "Cut it off with ops.stop_gradient if it is to be constant."
    )


def rule_without_result(name: str, operand: str) -> GradientError:
    """The error for a rule that returns None."""
    return GradientError(
        f"The rule of {name} for its operand {operand!r} returns nothing. Let it return the cotangent; where that is "
        f"zero, declare {name}.vjp({operand}=None)."
    )


def misfit(node: Any, parent: Any, received: tuple[int, ...], shape: tuple[int, ...]) -> ShapeError:
    """The error for a rule whose cotangent of shape `received` does not fit its operand's shape."""
    place = [p is parent for p in node.parents].index(True)
    names = getattr(node.primitive, "operand_names", ())
    which = repr(names[place]) if len(names) == len(node.parents) else str(place)
    return ShapeError(
        f"The rule of {node.primitive.name} for its operand {which} gave a cotangent of shape {received}; the operand has "
        f"shape {shape}. Return one of that shape, or one to which the operand broadcasts."
    )
