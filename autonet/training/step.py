"""One batch: forward, backward and update; or forward and metrics; or forward alone."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from autonet import ops
from autonet.core.backward import gradients
from autonet.core.state import enable_grad, no_grad
from autonet.core.tensor import Tensor, wrap
from autonet.core.trees import flatten
from autonet.errors import ArgumentError, ShapeError


def batch_rows(x: Any) -> int:
    """Number of samples in a batch."""
    first = next((t for t in flatten(x) if t is not None), None)
    return first.shape[0] if first is not None and first.ndim else 1


def train_step(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Move the weights once along the gradient of the loss, and take the batch into the metrics."""
    model._clear_losses()
    with enable_grad():
        y_pred = model(x, training=True)
        loss = model.compute_loss(x, y, y_pred, sample_weight, training=True)
    trained = model.trainable_variables
    if trained:
        apply_gradients(model.optimizer, loss, trained)
    else:
        warnings.warn(f"{model.label} has no trainable weights: fit changes nothing.", stacklevel=4)
    with no_grad():
        _watch(model, x, y, y_pred, sample_weight, loss)


def apply_gradients(optimizer: Any, loss: Tensor, variables: list) -> None:
    """One step of the optimizer along the gradient of `loss` with respect to `variables`."""
    if loss._node is None:
        found: list[Tensor | None] = [None] * len(variables)
    else:
        scale = optimizer.scale_loss(wrap(np.ones(loss.shape, loss.dtype))) if optimizer.loss_scale_factor else None
        seed = wrap(np.ones(loss.shape, loss.dtype)) if scale is None else scale
        found = gradients([(loss, seed)], [v._node for v in variables], record=False)
    if all(g is None for g in found):
        raise ArgumentError(
            "The loss does not depend on any trainable weight, so nothing can be learned. "
            "Check that call() uses the weights, and that nothing on the way is stop_gradient, argmax or rounding."
        )
    with no_grad():
        optimizer.apply(found, variables)


def test_step(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Take the batch into loss and metrics."""
    model._clear_losses()
    with no_grad():
        y_pred = model(x, training=False)
        loss = model.compute_loss(x, y, y_pred, sample_weight, training=False)
        _watch(model, x, y, y_pred, sample_weight, loss)


def _watch(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Tensor) -> None:
    model._loss_tracker.update_state(ops.stop_gradient(loss), sample_weight=batch_rows(x))
    model._watch_metrics(x, y, y_pred, sample_weight)


def predict_step(model: Any, x: Any) -> Any:
    """The model's outputs in inference."""
    with no_grad():
        return model(x, training=False)


def total_loss(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Tensor:
    """The compiled loss plus everything that layers added."""
    total = None
    if model._compile_loss is not None:
        total = model._compile_loss(model, y, y_pred, sample_weight, batch_rows(x))
    for extra in model.losses:
        total = extra if total is None else total + extra
    if total is None:
        raise ArgumentError(
            f"{model.label} has nothing to lower: compile() got no loss and no layer calls add_loss(). "
            'Pass one, for example compile(loss="mse").'
        )
    if total.ndim:
        raise ShapeError(
            f"The loss must be one number; it has shape {total.shape}. Choose a reduction, or take the mean."
        )
    return total
