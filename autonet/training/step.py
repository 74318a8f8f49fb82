"""One batch: forward, backward and update; or forward and metrics; or forward alone."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from autonet import ops
from autonet.common.lines import warn
from autonet.common.trees import flatten, map_structure
from autonet.core.backward import gradients
from autonet.core.state import enable_grad, no_grad
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.errors import ArgumentError, ShapeError
from autonet.training.overriding import is_default


def batch_rows(x: Any) -> int:
    """Number of samples in a batch."""
    first = next((t for t in flatten(x) if t is not None), None)
    return first.shape[0] if first is not None and first.ndim else 1


def train_step(model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
    """One step of the optimizer on the gradient of the loss of a batch, which then goes into the metrics.

    Returns: None, or the results of a `compute_metrics` of the model's own.
    """
    if getattr(model.optimizer, "needs_function", False):
        return model._objective().step(x, y, sample_weight)
    y_pred, loss = forward(model, x, y, sample_weight)
    trained = [v for v in model.trainable_variables if v.requires_grad]
    if trained:
        apply_gradients(model.optimizer, loss, trained)
    else:
        warn(f"{model.label} has no trainable weights: fit changes nothing.")
    with no_grad():
        return update_metrics(model, x, y, y_pred, sample_weight, loss)


def forward(model: Any, x: Any, y: Any, sample_weight: Any) -> tuple[Any, Tensor]:
    """The outputs in training, and their loss."""
    model._clear_losses()
    with enable_grad():
        y_pred = model(x, training=True)
        return y_pred, loss_of(model, x, y, y_pred, sample_weight, training=True)


def apply_gradients(optimizer: Any, loss: Tensor, variables: list) -> None:
    """One step of the optimizer along the gradient of `loss` with respect to `variables`."""
    found = gradients_of(optimizer, loss, variables)
    with no_grad():
        optimizer.apply(found, variables)


def gradients_of(optimizer: Any, loss: Tensor, variables: list, share: Any = None) -> list[Tensor | None]:
    """Derivatives of `loss`, scaled as the optimizer asks, and times `share` if that is given; None where there is none."""
    found: list[Tensor | None] = [None] * len(variables)
    if loss._node is not None:
        seed = optimizer.scale_loss(wrap(np.ones(loss.shape, loss.dtype)))
        seed = seed if share is None else seed * share
        found = gradients([(loss, seed)], [v._node for v in variables], record=False)
    if all(g is None for g in found):
        raise independent()
    return found


def independent() -> ArgumentError:
    """The error for a loss that no weight changes."""
    return ArgumentError(
        "The loss does not depend on any trainable weight, so nothing can be learned. "
        "Check that call() uses the weights, and that nothing on the way is stop_gradient, argmax, rounding, numpy() or float()."
    )


def test_step(model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
    """Take the batch into loss and metrics.

    Returns: as `train_step`.
    """
    model._clear_losses()
    with no_grad():
        y_pred = model(x, training=False)
        loss = loss_of(model, x, y, y_pred, sample_weight, training=False)
        return update_metrics(model, x, y, y_pred, sample_weight, loss)


def predict_step(model: Any, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The model's outputs in inference, values alone: without masks, and without the logits that a softmax keeps."""
    with no_grad():
        outputs = model(x, training=False)
    return map_structure(lambda t: wrap(t._value) if type(t) is Tensor else t, outputs)


def loss_of(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Tensor:
    """What the model's `compute_loss` returns, if that is one number."""
    known = {"training": training} if _takes_training(model.__class__) else {}
    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **known)
    if loss is None:
        raise ArgumentError(f"{model.label}: compute_loss returned None. Let it return the loss, one number.")
    loss = convert_to_tensor(loss)
    if loss.ndim:
        raise ShapeError(
            f"{model.label}: the loss must be one number; it has shape {loss.shape}. Choose a reduction, or take the mean."
        )
    return loss


@functools.cache
def _takes_training(cls: Any) -> bool:
    """Whether a subclass's `compute_loss` knows the argument; in early versions of Keras 3 it did not exist."""
    parameters = inspect.signature(cls.compute_loss).parameters
    return "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def update_metrics(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Tensor) -> Any:
    """Take a batch into the loss's mean and the metrics, whose results are computed only where the model has its own
    `compute_metrics`: these are returned, else None."""
    model._loss_tracker.update_state(ops.stop_gradient(loss), sample_weight=batch_rows(x))
    if not is_default(model, "compute_metrics"):
        return model.compute_metrics(x, y, y_pred, sample_weight)
    model._update_compiled_metrics(y, y_pred, sample_weight)
    return None
