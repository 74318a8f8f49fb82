"""Losses between embeddings: samples of one class near each other, those of different classes apart."""

from typing import Any

import numpy as np

from autonet import ops
from autonet.common import dtypes
from autonet.common.types import Dtype, TensorLike
from autonet.core import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.losses.base import LossFunctionWrapper
from autonet.ops.half_precision import accumulates


@accumulates(like="y_pred")
def circle(
    y_true: TensorLike,
    y_pred: TensorLike,
    ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Similarities within classes pulled towards 1, those between classes towards 0, the worst of them hardest.

        s_ij = similarity of sample i and reference j, their inner product
        P_i  = log of the sum over j of the same class of    exp(-gamma max(1 + margin - s_ij, 0) (s_ij - 1 + margin))
        N_i  = log of the sum over j of other classes of     exp( gamma max(s_ij + margin, 0) (s_ij - margin))
        loss = log(1 + exp(P_i + N_i));  0 for a sample without a reference of its class, or of another: means leave it
               out

    Args:
        y_true: class numbers, shape (n,) or (n, 1).
        y_pred: embeddings of length 1, shape (n, d).
        ref_labels: class numbers of the references, shape (m,); by default those of the samples.
        ref_embeddings: embeddings of the references, shape (m, d); by default those of the samples.
        remove_diagonal: whether reference i is sample i itself, which then does not count as one of its class. It
            needs as many references as samples; with another number all count.
        gamma: how sharply the worst pairs are weighed.
        margin: how far from 1 and 0 similarities are left alone.

    Returns: loss per sample, shape (n,).

    Raises: ShapeError if the shapes do not fit; ArgumentError for one of both reference arguments.

    Source: Sun et al., 2020, https://arxiv.org/abs/2002.10857

    >>> [round(x, 4) for x in circle([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], gamma=2).tolist()]
    [0.4518, 0.7763, 0.0]
    """
    if (ref_labels is None) != (ref_embeddings is None):
        raise ArgumentError("circle expects ref_labels and ref_embeddings together, or neither; received one of them.")
    labels, embeddings = _samples(y_true, y_pred, "y_true", "y_pred")
    others, references = labels, embeddings
    if ref_labels is not None:
        others, references = _samples(ref_labels, ref_embeddings, "ref_labels", "ref_embeddings")
        references = ops.cast(references, embeddings.dtype)
    if references.shape[1] != embeddings.shape[1]:
        raise ShapeError(
            f"circle expects embeddings of one length; received y_pred {embeddings.shape} and ref_embeddings "
            f"{references.shape}."
        )
    s = ops.matmul(embeddings, ops.transpose(references))
    same = ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(others, 0))
    different = ops.logical_not(same)
    if remove_diagonal and s.shape[0] == s.shape[1]:
        same = ops.logical_and(same, ops.logical_not(ops.eye(s.shape[0], dtype="bool")))
    p = -gamma * ops.maximum(1.0 + margin - s, 0.0) * (s - (1.0 - margin))
    n = gamma * ops.maximum(s + margin, 0.0) * (s - margin)
    some = ops.logical_and(ops.any(same, axis=1), ops.any(different, axis=1))
    total = _logsumexp(p, same) + _logsumexp(n, different)
    losses = ops.where(some, ops.softplus(ops.where(some, total, 0.0)), 0.0)
    losses._mask = some
    return losses


def _logsumexp(x: Tensor, counted: Tensor) -> Tensor:
    """Log of the sum of exp(x) over what is counted of each row; finite, but of no meaning, where nothing is."""
    return ops.logsumexp(ops.where(counted, x, float(np.finfo(x.dtype).min) / 8), axis=1)


def _samples(labels: Any, embeddings: Any, *names: str) -> tuple[Tensor, Tensor]:
    """Labels of shape (n,) and embeddings of shape (n, d), floats."""
    labels, embeddings = convert_to_tensor(labels), convert_to_tensor(embeddings)
    if not dtypes.is_float(embeddings.dtype):
        embeddings = ops.cast(embeddings, dtypes.floatx())
    flat = ops.squeeze(labels, 1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if embeddings.ndim != 2 or flat.shape != embeddings.shape[:1]:
        raise ShapeError(
            f"circle expects {names[0]} of shape (n,) beside {names[1]} of shape (n, d); received {labels.shape} and "
            f"{embeddings.shape}. Give one class number per embedding, or reshape them."
        )
    return flat, embeddings


class Circle(LossFunctionWrapper):
    """Samples of one class pulled together, others pushed apart, the worst hardest; see `circle`.

        l = log(1 + sum over pairs (j of the class, k of another) of
                    exp(gamma (max(s_k + margin, 0) (s_k - margin) - max(1 + margin - s_j, 0) (s_j - 1 + margin))))

    Each loss depends on the other samples of the batch. The model's last layer is to give embeddings of length 1, as
    `UnitNormalization` does.

    Shapes: y_true (n,) or (n, 1), y_pred (n, d), loss (n,).

    >>> round(float(Circle()([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])), 4)
    3.2008
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Dtype = None,
    ):
        more = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **more)
