"""Scaled: another loss times a number, or summed over outputs."""

import inspect
from collections.abc import Callable
from typing import Any

from autonet.common.types import Dtype, Identifier
from autonet.core import Tensor
from autonet.errors import ArgumentError
from autonet.losses import classification, margins, regression
from autonet.losses.base import Loss, LossFunctionWrapper
from autonet.serialization import serialize_keras_object

_AVERAGING = (  # functions that take the mean over outputs; others give one number for all of a sample's
    *(classification.binary_crossentropy, classification.binary_focal_crossentropy),
    *(margins.hinge, margins.squared_hinge),
    *(regression.mean_squared_error, regression.mean_absolute_error, regression.mean_absolute_percentage_error),
    *(regression.mean_squared_logarithmic_error, regression.huber, regression.log_cosh, regression.poisson),
)
_KNOWN = frozenset(inspect.unwrap(f) for f in _AVERAGING)


def averages(loss: Loss) -> bool:
    """Whether a loss is known to be a mean over outputs."""
    function = getattr(loss, "fn", None)
    return function is not None and inspect.unwrap(function) in _KNOWN


class Scaled(Loss):
    """Another loss times a number, so that a cost is the literature's, and its learning rates fit.

        l = scale l_inner        times d with outputs="sum", d the number of outputs of which l_inner is the mean

    The package's docstring (`help(autonet.losses)`) has a table of the literature's costs.

    Shapes: as for the loss inside.

    Args:
        loss: a name, function or Loss.
        scale: the factor.
        outputs: "mean" leaves a mean over outputs as it is; "sum" makes a sum of it, for the losses that take one.
        reduction: over samples, as for every loss; by default that of `loss`.
        name, dtype: as for every loss; by default those of `loss`.

    Raises: ArgumentError for outputs="sum" of a loss that takes no mean over outputs, or of which that is not known.

    >>> quadratic = Scaled("mse", 1 / 2, outputs="sum")
    >>> float(quadratic([[0.0, 1.0], [0.0, 0.0]], [[1.0, 3.0], [1.0, 0.0]]))  # (1 + 4 + 1 + 0) / (2 n), n = 2
    1.5
    """

    _get: Callable[[Any], Any]  # the package gives it: the loss that a name means

    def __init__(
        self,
        loss: Identifier | Loss,
        scale: float = 1.0,
        outputs: str = "mean",
        reduction: str | None = None,
        name: str | None = None,
        dtype: Dtype = None,
    ):
        found = Scaled._get(loss)
        inner = found if isinstance(found, Loss) else LossFunctionWrapper(found)
        if outputs not in ("mean", "sum"):
            raise ArgumentError(f'Scaled expects outputs to be "mean" or "sum"; received {outputs!r}.')
        if isinstance(scale, bool) or not isinstance(scale, (int, float)):
            raise ArgumentError(f"Scaled expects scale to be a number; received {scale!r}.")
        if outputs == "sum" and not averages(inner):
            raise ArgumentError(
                f'Scaled expects outputs="sum" for losses that are means over outputs, as mse and binary_crossentropy; {inner.name} '
                "is none, or not known as one. Leave it out, or give the number of outputs as the scale."
            )
        super().__init__(name or inner.name, reduction or inner.reduction, dtype or inner._dtype)
        self.loss, self.inner, self.scale, self.outputs = loss, inner, scale, outputs

    def align(self, y_true: Any, y_pred: Any, weight_rank: int) -> tuple[Any, Any]:
        return self.inner.align(y_true, y_pred, weight_rank)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        losses = self.inner.call(y_true, y_pred)
        if self.outputs == "mean":
            return losses * self.scale
        axis = self.inner.arguments.get("axis", -1)  # type: ignore[attr-defined]  # a LossFunctionWrapper
        return losses * (self.scale * y_pred.shape[axis])

    def get_config(self) -> dict[str, Any]:
        loss = self.loss if isinstance(self.loss, str) else serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "scale": self.scale, "outputs": self.outputs}
