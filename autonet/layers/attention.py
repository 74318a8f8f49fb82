"""Attention: each place takes from other places, as much as its query fits their keys."""

from typing import Any

import numpy as np

from autonet import ops, random
from autonet.common.types import AttentionOptions, LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers import inference
from autonet.layers.base import Layer, _is_shape
from autonet.layers.dropout import checked_rate
from autonet.random.seeds import SeedGenerator


class ScoredAttention(Layer):
    """Means of values, weighted by the softmax of scores that `scores(query, key)` gives.

    Called with [query, value] or [query, value, key], of shapes (n, t, d), (n, s, e) and (n, s, d); without a key the
    value is the key too. It returns shape (n, t, e), and with `return_attention_scores=True` the weights, (n, t, s).

    A mask is a list, [of the query, of the value], of booleans (n, t) and (n, s): places of the value where it is False
    get no weight, those of the query give 0. With `use_causal_mask=True` place i sees only the places up to i.
    """

    _nests: tuple[type, ...] = (list, tuple)

    def __init__(self, dropout: float = 0.0, seed: int | None = None, **common: Unpack[LayerOptions]):
        super().__init__(**common)
        self.dropout = checked_rate(dropout, "dropout", self.label)
        self.seed = seed
        if self.dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """How much each place of the query (axis 1) wants of each place of the key (axis 2)."""
        raise NotImplementedError

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Tensor:
        self._check_list(inputs, mask)
        query, value = inputs[:2]
        scores = self.scores(query, inputs[-1])
        hidden = self._hidden(scores, mask, use_causal_mask)
        if hidden is not None:
            scores = scores - ops.cast(hidden, scores.dtype) * (65504.0 if scores.dtype == "float16" else 1e9)
        weights = ops.softmax(scores)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        y = ops.matmul(weights, value)
        if mask is not None and mask[0] is not None:
            y = y * ops.expand_dims(ops.cast(mask[0], y.dtype), -1)
        return (y, weights) if return_attention_scores else y  # type: ignore[return-value]  # a pair is unpacked like a Tensor

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("return_attention_scores"):
            return inference.dry_run(self, args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    @staticmethod
    def _hidden(scores: Tensor, mask: Any, causal: bool) -> Any:
        """Where the scores are not to count; None if they all do."""
        hidden = None
        if mask is not None and mask[1] is not None:
            hidden = ops.expand_dims(ops.logical_not(ops.cast(mask[1], "bool")), -2)
        if causal:
            later = np.tri(scores.shape[-2], scores.shape[-1]) == 0
            hidden = later if hidden is None else ops.logical_or(hidden, later)
        return hidden

    def _check_list(self, inputs: Any, mask: Any) -> None:
        listed = isinstance(inputs, (list, tuple)) and not _is_shape(inputs)
        if not listed or len(inputs) not in (2, 3):
            received = (
                f"{len(inputs)} inputs"
                if listed
                else f"one {'Tensor' if isinstance(inputs, tuple) else type(inputs).__name__}"
            )
            raise ArgumentError(
                f"{self.label} expects a list [query, value] or [query, value, key]; received {received}."
            )
        if mask is not None and (not isinstance(mask, (list, tuple)) or not 2 <= len(mask) <= len(inputs)):
            raise ArgumentError(
                f"{self.label} expects mask to be a list, [of the query, of the value], either of them None for no "
                f"mask; received {type(mask).__name__} for {len(inputs)} inputs."
            )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The query's mask."""
        return mask[0] if isinstance(mask, (list, tuple)) else None

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[0][:-1], input_shape[1][-1])


class Attention(ScoredAttention):
    """Means of values, weighted by the softmax of products of queries and keys.

        scores = scale query . key, or score_weight * sum of tanh(scale (query + key))
        y = softmax(scores) @ value

    Shapes: query (n, t, d), value (n, s, e), key (n, s, d), called as [query, value] or [query, value, key];
        y (n, t, e).

    Args:
        use_scale: whether scale is a number that is learned, from 1; otherwise 1.
        score_mode: "dot" or "concat", the first or the second form of the scores.
        dropout: part of the weights that is set to 0 in training.
        seed: integer from which the draws start.

    The call also takes `mask`, a list of booleans [(n, t), (n, s)] that hides places of the value,
    `return_attention_scores` (the weights (n, t, s) are then returned too), and `use_causal_mask` (place i sees only the
    places up to i).

    Source: Luong, Pham, Manning, 2015, https://arxiv.org/abs/1508.04025

    >>> Attention(use_scale=True)([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(dropout, seed, **common)
        if score_mode not in ("dot", "concat"):
            raise ArgumentError(f"{self.label} expects score_mode 'dot' or 'concat'; received {score_mode!r}.")
        self.use_scale, self.score_mode = use_scale, score_mode

    def build(self, input_shape: Any) -> None:
        self._check_list(input_shape, None)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.concat_score_weight is None:
            if query.shape[-1] != key.shape[-1]:
                raise ShapeError(
                    f"{self.label} expects query and key of one length on the last axis; received {query.shape} and "
                    f"{key.shape}. Bring them to one with Dense."
                )
            products = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return products if self.scale is None else products * self.scale
        pairs = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        pairs = pairs if self.scale is None else pairs * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(pairs), axis=-1)


class AdditiveAttention(ScoredAttention):
    """Means of values, weighted by the softmax of sums of queries and keys, bent.

        scores = sum over features of scale * tanh(query + key),  y = softmax(scores) @ value

    Shapes: query (n, t, d), value (n, s, e), key (n, s, d), called as [query, value] or [query, value, key]; scale (d,),
        y (n, t, e).

    Args:
        use_scale: whether scale is learned; otherwise it is 1.
        dropout: part of the weights that is set to 0 in training.

    The call takes `mask`, `return_attention_scores` and `use_causal_mask` like Attention's.

    Source: Bahdanau, Cho, Bengio, 2015, https://arxiv.org/abs/1409.0473

    >>> AdditiveAttention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **common: Unpack[AttentionOptions]):
        super().__init__(dropout, common.pop("seed", None), **common)  # type: ignore[misc]
        self.use_scale = use_scale

    def build(self, input_shape: Any) -> None:
        self._check_list(input_shape, None)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        pairs = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(pairs if self.scale is None else pairs * self.scale, axis=-1)
