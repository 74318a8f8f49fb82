"""One batch: forward, backward and update; or forward and metrics; or forward alone."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from autonet import ops
from autonet.core.backward import gradients
from autonet.core.lines import warn
from autonet.core.state import enable_grad, no_grad
from autonet.core.tensor import Tensor, convert_to_tensor, wrap
from autonet.core.trees import flatten, map_structure
from autonet.errors import ArgumentError, ShapeError


def batch_rows(x: Any) -> int:
    """Number of samples in a batch."""
    first = next((t for t in flatten(x) if t is not None), None)
    return first.shape[0] if first is not None and first.ndim else 1


def train_step(model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
    """Move the weights once along the gradient of the loss, and take the batch into the metrics.

    Returns: None, or the results of a `compute_metrics` of the model's own.
    """
    model._clear_losses()
    with enable_grad():
        y_pred = model(x, training=True)
        loss = _loss(model, x, y, y_pred, sample_weight, training=True)
    trained = [v for v in model.trainable_variables if v.requires_grad]
    if trained:
        apply_gradients(model.optimizer, loss, trained)
    else:
        warn(f"{model.label} has no trainable weights: fit changes nothing.")
    with no_grad():
        return _watch(model, x, y, y_pred, sample_weight, loss)


def apply_gradients(optimizer: Any, loss: Tensor, variables: list) -> None:
    """One step of the optimizer along the gradient of `loss` with respect to `variables`."""
    if loss._node is None:
        found: list[Tensor | None] = [None] * len(variables)
    else:
        seed = optimizer.scale_loss(wrap(np.ones(loss.shape, loss.dtype)))
        found = gradients([(loss, seed)], [v._node for v in variables], record=False)
    if all(g is None for g in found):
        raise ArgumentError(
            "The loss does not depend on any trainable weight, so nothing can be learned. "
            "Check that call() uses the weights, and that nothing on the way is stop_gradient, argmax or rounding."
        )
    with no_grad():
        optimizer.apply(found, variables)


def test_step(model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
    """Take the batch into loss and metrics. Returns: as `train_step`."""
    model._clear_losses()
    with no_grad():
        y_pred = model(x, training=False)
        loss = _loss(model, x, y, y_pred, sample_weight, training=False)
        return _watch(model, x, y, y_pred, sample_weight, loss)


def _watch(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, loss: Tensor) -> Any:
    model._loss_tracker.update_state(ops.stop_gradient(loss), sample_weight=batch_rows(x))
    return model._watch_metrics(x, y, y_pred, sample_weight)


def predict_step(model: Any, x: Any) -> Any:
    """The model's outputs in inference, values alone: without masks, and without the logits that a softmax keeps."""
    with no_grad():
        y = model(x, training=False)
    return map_structure(lambda t: wrap(t._value) if type(t) is Tensor else t, y)


def _loss(model: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Tensor:
    """What the model's `compute_loss` says, as one number."""
    told = {"training": training} if _takes_training(model.__class__) else {}
    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **told)
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
    return total
