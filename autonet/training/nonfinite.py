"""NonFiniteChecker: looks at every operation's result for the first NaN or infinity, and says where it came from.

It is an observer, as a capture's recorder is, so it costs nothing when it is off; while it is on, whatever is compiled
runs operation by operation.
"""

import functools
import itertools
import sys
from typing import Any

import numpy as np

from autonet.common.lines import shown, users_line
from autonet.core.state import Observer, capturing, state
from autonet.errors import ArgumentError, NonFiniteError
from autonet.layers.building import current
from autonet.ops.kinks import Probing, bend, times

_MOST = 200_000  # operations whose origin is remembered, for a backward pass that comes later

_LOG = "Keep its operand above 0, as in ops.log(ops.maximum(x, 1e-7))."
_QUOTIENT = "Keep the divisor away from 0, as in x / (y + 1e-7), or take ops.divide_no_nan."
_ROOT = "Keep its operand above 0, as in ops.sqrt(x + 1e-7); at 0 the root has no finite derivative."
_EXP = "Subtract the maximum first, take ops.softmax, ops.logsumexp or a loss on logits, or lower the learning rate."
_ANY = "Scale the data, lower the learning rate, or clip the gradients with the optimizer's clipnorm."
_ADVICE = {
    **dict.fromkeys(("log", "log2", "log10", "log1p"), _LOG),
    **dict.fromkeys(("divide", "reciprocal", "true_divide", "mod", "floor_divide"), _QUOTIENT),
    **dict.fromkeys(("sqrt", "rsqrt"), _ROOT),
    **dict.fromkeys(("exp", "exp2", "expm1", "sinh", "cosh"), _EXP),
    "power": "Keep its base above 0, and its exponent small.",
}
_KINK = (
    "At a kink there is no second derivative. Take a smooth function (ops.softplus or ops.gelu for a relu), or move the "
    "inputs off the kink, as by a little noise."
)
_POINTWISE = frozenset({*_ADVICE, "multiply", "add", "subtract", "square", "arccos", "arcsin", "arctanh", "arccosh"})


class NonFiniteChecker(Observer):
    """The observer that checks results.

    An operation is blamed if it makes a NaN although no operand has one, or an infinity although all operands and
    settings are finite. What comes in as NaN (data, constants) may pass, until a step would put it into a Variable.

    Attributes:
        place: epoch and batch of the step under way, counted from 0, where they are known.
        data: name and array of what the step was given.
        rows: the number of each of its rows in the data as a whole, where that is known.
    """

    def __init__(self) -> None:
        self.place: tuple[int | None, int | None] = (None, None)
        self.data: list[tuple[str, np.ndarray]] = []
        self.rows: np.ndarray | None = None
        self._before: dict[int, tuple[Any, np.ndarray]] | None = None  # Variables of a step, as they were
        self._origins: dict[int, tuple[str, tuple[str, int] | None, str]] = {}  # by the order of nodes: who, line, name

    # What a step does

    def begin(
        self, place: tuple[int | None, int | None], data: list[tuple[str, np.ndarray]], rows: np.ndarray | None
    ) -> None:
        """A step begins: from now on Variables can be put back."""
        self.place, self.data, self.rows, self._before = place, data, rows, {}
        self._origins.clear()

    def end(self) -> None:
        """The step has ended."""
        self.place, self.data, self.rows, self._before = (None, None), [], None, None

    def take_back(self) -> None:
        """Give every Variable the value that it had when the step began."""
        for variable, array in (self._before or {}).values():
            variable._array = array

    # What an observer is told

    def record(
        self, primitive: Any, operands: tuple[Any, ...], settings: dict[str, Any], results: tuple[Any, ...]
    ) -> None:
        """A primitive was applied: look at what it gave."""
        if any(isinstance(context, Probing) for context in state.contexts):
            return  # a kink's rule asks where derivatives would be NaN; they are no one's results
        for result in results:
            value = result._value
            if (
                value.dtype.kind in "fc"
                and not np.isfinite(value).all()
                and _guilty(primitive, value, operands, settings)
            ):
                raise self._blame(primitive, operands, settings, value)
        node = results[0]._node if results else None
        if node is not None:
            if type(node.settings) is int:  # one of several results: the operation is behind it
                node = node.parents[0]
            if len(self._origins) >= _MOST:
                for order in list(itertools.islice(self._origins, _MOST // 2)):
                    del self._origins[order]
            origin = self._origins.get(self.pulled.order) if self.pulled is not None else None
            if primitive is bend and origin is not None:  # the operation whose kink it is
                self._origins[node.order] = origin
            else:
                self._origins[node.order] = _who()[0], users_line(), primitive.name

    def read(self, variable: Any) -> np.ndarray:
        if self._before is not None:
            self._before.setdefault(id(variable), (variable, variable._array))
        return variable._value

    def assigned(self, variable: Any, array: np.ndarray) -> None:
        """A Variable was given an array: in a step it must be finite, or have been as bad before."""
        if self._before is None or array.dtype.kind != "f" or np.isfinite(array).all():
            return
        raise self._carried(variable)

    # What is said

    def _blame(
        self, primitive: Any, operands: tuple[Any, ...], settings: dict[str, Any], value: np.ndarray
    ) -> NonFiniteError:
        who, direction = _who()
        line, op, how = users_line(), primitive.name, primitive.name
        node = self.pulled
        if node is not None:
            direction = "backward"
            who, line, op = self._origins.get(node.order, (who, line, node.primitive.name))
            how = f"{primitive.name}, in the derivative of {op}"
        bad = ~np.isfinite(value)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        what = "NaN" if np.isnan(value[first]) else "Inf"
        shapes = tuple([x._value.shape for x in operands])
        at = f", the first at {list(first)}" if first else ""
        details = f"{how}, in the {direction} pass{f' of {who}' if who else ''}"
        given = ", ".join(str(shape) for shape in shapes)
        came = _values(primitive, operands, first, value.shape)
        message = (
            f"{self._where()}{details}, made the first {what} from finite numbers: operands of shapes {given}, result of "
            f"shape {value.shape}, {int(bad.sum())} of {value.size} elements{at}{came}.{f' At {shown(line)}.' if line else ''} "
            f"{_KINK if primitive is times else _ADVICE.get(op, _ANY)}"
        )
        return NonFiniteError(
            message, op=op, layer=who or None, direction=direction, epoch=self.place[0], batch=self.place[1], shapes=shapes, line=line
        )  # fmt: skip

    def _carried(self, variable: Any) -> NonFiniteError:
        """The error for a Variable that becomes bad although no operation can be blamed: what came in was bad."""
        found = [f"{name} {spot(array, self.rows)}" for name, array in self.data if is_bad(array)]
        was = [v.path for v, array in (self._before or {}).values() if is_bad(array)]
        if found:
            why = f"the data hold it: {'; '.join(found)}. Remove or fill such rows, as with np.nan_to_num(x)."
        elif was:
            shown = ", ".join(was[:5]) + (", ..." if len(was) > 5 else "")
            why = (
                f"it was there before this step, in {shown}. Go back to weights saved earlier, or build the model anew."
            )
        else:
            why = "a constant of the model or of the loss holds it. Look for np.nan and np.inf in them."
        message = f"{self._where()}Variable {variable.path!r} would become NaN or Inf; {why}"
        return NonFiniteError(
            message, op=None, layer=None, direction="data" if found else "state", epoch=self.place[0], batch=self.place[1]
        )  # fmt: skip

    def _where(self) -> str:
        epoch, batch = self.place
        parts = [f"{name} {n + 1}" for name, n in (("epoch", epoch), ("batch", batch)) if n is not None]
        return f"{', '.join(parts).capitalize()}: " if parts else ""


def is_bad(array: np.ndarray) -> bool:
    """Whether a float array holds NaN or infinity."""
    return array.dtype.kind == "f" and not bool(np.isfinite(array).all())


def spot(array: np.ndarray, rows: np.ndarray | None) -> str:
    """Where the first NaN or infinity of a batch's array is, in words."""
    first = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
    what = "NaN" if np.isnan(array[tuple(first)]) else "Inf"
    within = "" if rows is None else f" (row {rows[first[0]]} of the data)"
    rest = [f"column {first[1]}"] if len(first) == 2 else [f"axis {i} at {n}" for i, n in enumerate(first) if i]
    return ", ".join([f"has {what} in row {first[0]} of the batch{within}", *rest])


def _guilty(primitive: Any, value: np.ndarray, operands: tuple[Any, ...], settings: dict[str, Any]) -> bool:
    """Whether the operation itself made what is not finite in `value`."""
    if primitive is times:  # by the NaN of a rule, where there is no derivative
        return bool(np.isnan(value).any()) and not np.isnan(operands[0]._value).any()
    floats = [x._value for x in operands if x._value.dtype.kind in "fc"]
    if np.isnan(value).any() and not any(np.isnan(x).any() for x in floats):
        return True
    given = [v for v in settings.values() if isinstance(v, float)]
    return all(np.isfinite(x).all() for x in floats) and all(np.isfinite(v) for v in given)


def _values(primitive: Any, operands: tuple[Any, ...], first: tuple[Any, ...], shape: tuple[Any, ...]) -> str:
    """The operands' numbers at the place of the first bad result, for elementwise operations."""
    if primitive.name not in _POINTWISE:
        return ""
    values = [
        f"{name}={np.broadcast_to(x._value, shape)[first].item():.6g}"
        for name, x in zip(primitive.operand_names, operands, strict=True)
    ]
    return f", where {', '.join(values)}"


def _who() -> tuple[str, str]:
    """The layer whose call is under way, else the loss, metric, optimizer or model; and which pass that is."""
    if current.layer is not None:
        return f"layer {current.layer.path!r}", "forward"
    kinds = {**_kinds(), **ROLES}
    frame: Any = sys._getframe(2)
    while frame is not None:
        thing = frame.f_locals.get("self")
        for kind, (word, direction) in kinds.items():
            if isinstance(thing, kind):
                return f"{word} {(getattr(thing, 'name', None) or type(thing).__name__)!r}", direction
        frame = frame.f_back
    return "", "forward"


ROLES: dict[type[Any], tuple[str, str]] = {}  # of classes of this package: each says its word and pass here itself


@functools.cache
def _kinds() -> dict[type[Any], tuple[str, str]]:
    """What else than layers applies operations: its word, and the pass that it is part of."""
    from autonet.losses import Loss
    from autonet.metrics import Metric
    from autonet.optimizers import Optimizer
    from autonet.regularizers import Regularizer

    return {
        Loss: ("loss", "forward"),
        Regularizer: ("regularizer", "forward"),
        Metric: ("metric", "metric"),
        Optimizer: ("optimizer", "update"),
    }


# The switch


class checking:
    """Context manager: inside it, every operation of this thread is checked.

    >>> from autonet import ops
    >>> with np.errstate(all="ignore"), checking():
    ...     try:
    ...         ops.log(ops.subtract(1.0, 2.0))
    ...     except NonFiniteError as error:
    ...         print(error.op, error.direction)
    log forward
    """

    def __enter__(self) -> NonFiniteChecker:
        self.before = state.observer
        if capturing():
            raise ArgumentError("A step is being captured: switch the check on before it, not inside.")
        checker = state.observer = NonFiniteChecker()
        return checker

    def __exit__(self, *exc: object) -> None:
        state.observer = self.before


def set_debug_nans(enabled: bool) -> None:
    """Check, or no longer check, every operation of this thread for the first NaN or infinity that it makes.

    The error names the operation, the layer, epoch and batch, forward or backward, the shapes, and the line of the
    user's code; a training step that raised it is undone. While the switch is on, everything runs operation by
    operation, `jit` and compiled models included; while it is off, it costs nothing.

    Raises: NonFiniteError, from the operation; ArgumentError inside a captured step.
    """
    if capturing():
        raise ArgumentError("A step is being captured: call set_debug_nans before it, not inside.")
    state.observer = NonFiniteChecker() if enabled else None


def is_debug_nans_enabled() -> bool:
    """Whether operations of this thread are checked for NaN and infinity."""
    return isinstance(state.observer, NonFiniteChecker)


def debug_nans() -> checking:
    """Context manager: `set_debug_nans(True)` inside it, and afterwards what was before."""
    return checking()
