"""Attention in several heads, each with projections of its own."""

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from autonet import initializers, ops, regularizers
from autonet.common.types import ActivityOptions, Identifier, LayerOptions, Unpack
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.layers import inference
from autonet.layers.activation import softmax_where
from autonet.layers.base import Layer
from autonet.layers.dense import EinsumDense, positive
from autonet.layers.dropout import Dropout, checked_rate
from autonet.layers.options import keeps


class HeadedAttention(Layer):
    """What attention with heads shares: projections, masks, and how the heads look.

    Subclasses name the heads' widths in `build`.
    """

    _untold = ("flash_attention", "activity", "activity_regularizer")
    _gate_dense: Any
    _query_dense: Any
    _key_dense: Any
    _value_dense: Any
    _output_dense: Any
    _score_equation: str
    _mean_equation: str
    _places: int  # axes that a query looks along
    _letters = ""  # of the axes before the last of all inputs; empty where each may have its own number
    hears_query_mask = True  # whether a query's mask counts that the call is told, or that alone which it carries

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        use_gate: bool,
        seed: int | None,
        activity: Identifier,
        **common: Unpack[LayerOptions],
    ):
        super().__init__(**common)
        self.dropout = checked_rate(dropout, "dropout", self.label)
        self.use_bias, self.use_gate = use_bias, use_gate
        self.sliding_window = None if sliding_window is None else positive(sliding_window, "sliding_window", self.label)
        self.seed = seed
        self.activity = regularizers.get(activity)  # of each projection
        self.supports_masking = True
        del flash_attention  # what can be done without storing the scores, always is

    @property
    def query_dense(self) -> EinsumDense:
        """The projection of queries."""
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        """The projection of keys."""
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        """The projection of values."""
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        """The projection of what all heads saw."""
        return self._output_dense

    def _project(self, equation: str, shape: Any, bias_axes: str, name: str) -> EinsumDense:
        """A projection, not yet built."""
        return EinsumDense(
            equation,
            output_shape=shape,
            bias_axes=bias_axes if self.use_bias else None,
            kernel_initializer=initializers.serialize(self.kernel_initializer),  # a new one: draws of its own
            bias_initializer=initializers.serialize(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self.activity,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )

    def _build_heads(
        self, query_shape: Any, key_shape: Any, value_shape: Any, counts: list[int], widths: list[int]
    ) -> None:
        """The projections of the inputs: how many heads queries have, and keys and values; widths of keys and values."""
        if value_shape is None:
            raise ArgumentError(
                f"{self.label} expects a query and a value; received one input, of shape {tuple(query_shape)}. "
                "Call it as layer(x, x) for self-attention."
            )

        self._check_places(value_shape, key_shape)

        def heads(name: str, shape: tuple[Any, ...], n: int, width: int) -> EinsumDense:
            axes = self._letters or string.ascii_lowercase[: len(shape) - 1]
            layer = self._project(f"{axes}x,xyz->{axes}yz", (*[None] * (len(axes) - 1), n, width), "yz", name)
            layer.build(shape)
            return layer

        self._query_dense = heads("query", query_shape, counts[0], widths[0])
        self._key_dense = heads("key", value_shape if key_shape is None else key_shape, counts[1], widths[0])
        if self.use_gate:
            self._gate_dense = heads("gate", query_shape, counts[0], widths[1])
        self._value_dense = heads("value", value_shape, counts[1], widths[1])

    def _check_places(self, value_shape: Any, key_shape: Any) -> None:
        if key_shape is not None and value_shape is not None and tuple(key_shape[1:-1]) != tuple(value_shape[1:-1]):
            raise ShapeError(
                f"{self.label} expects a key for each place of the value; received a value of shape {tuple(value_shape)} and "
                f"a key of shape {tuple(key_shape)}."
            )

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Tensor:
        key = value if key is None else key
        query_mask = query_mask if self.hears_query_mask else None
        masks = [m if m is not None else getattr(x, "_mask", None) for x, m in
                 ((query, query_mask), (value, value_mask), (key, key_mask))]  # fmt: skip
        mask = self._joined(masks, attention_mask)
        gate = ops.sigmoid(self._gate_dense(query)) if self.use_gate else None
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        if self.dropout > 0 or return_attention_scores or query.ndim != 4:
            y, scores = self._weighted(query, key, value, mask, training, use_causal_mask)
        else:
            y, scores = self._fused(query, key, value, mask, use_causal_mask), None
        y = self._output_dense(y if gate is None else y * gate)
        return (y, scores) if return_attention_scores else y  # type: ignore[return-value]  # a pair is unpacked like a Tensor

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("return_attention_scores"):
            return inference.dry_run(self, args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def _joined(self, masks: list[Any], attention_mask: Any) -> Tensor | None:
        """All masks as one that broadcasts to (n, t, s); None if nothing is hidden."""
        joined = None if attention_mask is None else ops.cast(attention_mask, "bool")
        for axis, mask in zip((-1, -2, -2), masks, strict=True):
            if mask is not None:
                mask = ops.expand_dims(ops.cast(mask, "bool"), axis)
                joined = mask if joined is None else ops.logical_and(joined, mask)
        return joined

    def _fused(self, query: Tensor, key: Tensor, value: Tensor, mask: Any, causal: bool) -> Tensor:
        """Attention without storing the weights."""
        if self.sliding_window is not None:
            window = self._order(query.shape[1], key.shape[1], causal)
            mask, causal = window if mask is None else ops.logical_and(mask, window), False
        if mask is not None:
            mask = ops.convert_to_tensor(mask)
            mask = mask if mask.ndim == 4 else ops.expand_dims(mask, -3)  # one for each head, or for all
        return ops.dot_product_attention(query, key, value, mask=mask, is_causal=causal)

    def _weighted(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any, training: Any, causal: bool
    ) -> tuple[Any, ...]:
        """Attention with its weights, which may suffer dropout."""
        key, value = self._spread(key), self._spread(value)
        scores = ops.einsum(self._score_equation, query * (1 / math.sqrt(query.shape[-1])), key)
        if causal or self.sliding_window is not None:
            order = self._order(query.shape[1], key.shape[1], causal)
            mask = order if mask is None else ops.logical_and(mask, order)
        if mask is not None:
            mask = ops.convert_to_tensor(mask)
            for _ in range(scores.ndim - mask.ndim):
                mask = ops.expand_dims(mask, -2 * self._places - 1)
        scores = softmax_where(mask, scores, tuple(range(-self._places, 0)) if self._places > 1 else -1)
        weights = self._dropout_layer(scores, training=training) if self.dropout > 0 else scores
        return ops.einsum(self._mean_equation, weights, value), scores

    def _spread(self, x: Tensor) -> Tensor:
        """Keys or values, one head for each of the query's."""
        return x

    def _order(self, t: int, s: int, causal: bool) -> np.ndarray:
        """Which places of the key each place of the query sees, by their distance, (t, s)."""
        behind = np.arange(t)[:, None] - np.arange(s)
        seen = behind >= 0 if causal else np.ones((t, s), bool)
        if self.sliding_window is not None:
            seen = seen & (np.abs(behind) < self.sliding_window)
        return seen

    def _add_dropout(self) -> None:
        if self.dropout > 0:
            self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy, name="dropout")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activity_regularizer": regularizers.serialize(self.activity)}


class MultiHeadAttention(HeadedAttention):
    """Several attentions side by side, each on projections of its own, and a projection of what they found.

        head h = softmax(query W_h . key U_h / sqrt(key_dim)) @ value V_h,  y = sum over h of head h O_h, plus biases

    Shapes: query (n, t, a), value (n, s, b), key (n, s, c) (by default the value); query/kernel (a, num_heads, key_dim),
        key/kernel (c, num_heads, key_dim), value/kernel (b, num_heads, value_dim),
        attention_output/kernel (num_heads, value_dim, *output_shape); y (n, t, *output_shape).

    Args:
        num_heads, key_dim: how many heads, and the width of queries and keys in each.
        value_dim: width of values; by default key_dim.
        dropout: part of the weights that is set to 0 in training.
        use_bias: whether the projections have biases.
        output_shape: lengths of the last axes of y; by default the query's width.
        attention_axes: axes of places, where there are more than one, and not all are to be looked at; by default all
            but the first and the last.
        sliding_window: places further than this away (itself counted) are not seen.
        flash_attention: a hint without effect: what can be done without storing the weights, always is.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: of all
            projections.
        activity_regularizer: of their results.
        use_gate: whether the heads' results are multiplied by sigmoid(a projection of the query).
        seed: integer from which the draws of dropout start.

    The call takes (query, value, key=None, query_mask, value_mask, key_mask, attention_mask, return_attention_scores,
    training, use_causal_mask): masks of places, (n, t) or (n, s), are by default those that the inputs carry;
    attention_mask is (n, t, s); with return_attention_scores the weights (n, num_heads, t, s) come along. All masks are
    joined: a place of the query that is masked, or sees nothing for other reasons, finds the plain mean of all values
    (with dropout or return_attention_scores: 0). As in Keras, query_mask changes nothing: what counts is the mask that the
    query carries.

    Source: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    >>> x = np.ones((2, 5, 8))
    >>> MultiHeadAttention(num_heads=2, key_dim=4)(x, x, use_causal_mask=True).shape
    (2, 5, 8)
    """

    hears_query_mask = False

    @keeps("kernel", "bias")
    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        use_gate: bool = False,
        seed: int | None = None,
        **common: Unpack[ActivityOptions],
    ):
        own = dropout, use_bias, sliding_window, flash_attention, use_gate, seed
        super().__init__(*own, activity_regularizer, **common)
        self.num_heads = positive(num_heads, "num_heads", self.label)
        self.key_dim = positive(key_dim, "key_dim", self.label)
        self.value_dim = self.key_dim if value_dim is None else positive(value_dim, "value_dim", self.label)
        self.output_shape = _axes(output_shape, "output_shape", self.label)
        self.attention_axes = _axes(attention_axes, "attention_axes", self.label)

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        self._build_heads(query_shape, key_shape, value_shape, [self.num_heads] * 2, [self.key_dim, self.value_dim])
        rank = len(query_shape)
        axes = self.attention_axes or tuple(range(1, rank - 1))
        self.attention_axes = axes
        self._places = len(axes)
        self._score_equation, self._mean_equation = _equations(rank, tuple([a % rank for a in axes]))
        made = self.output_shape or (query_shape[-1],)
        letters, out = string.ascii_lowercase[: rank - 1], string.ascii_uppercase[: len(made)]
        equation = f"{letters}yz,yz{out}->{letters}{out}"
        self._output_dense = self._project(equation, (*[None] * (rank - 2), *made), out, "attention_output")
        self._output_dense.build((*query_shape[:-1], self.num_heads, self.value_dim))
        self._add_dropout()

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> tuple[Any, ...]:
        self._check_places(value_shape, key_shape)
        return (*query_shape[:-1], *(self.output_shape or (query_shape[-1],)))


class GroupQueryAttention(HeadedAttention):
    """Attention in several heads, of which groups share their keys and values.

        head h = softmax(query W_h . key U_g / sqrt(head_dim)) @ value V_g,  g = h // (num_query_heads / num_key_value_heads)
        y = sum over h of head h O_h, plus biases

    Shapes: query (n, t, a), value (n, s, b), key (n, s, c) (by default the value);
        query/kernel (a, num_query_heads, head_dim), key/kernel (c, num_key_value_heads, head_dim), value/kernel
        (b, num_key_value_heads, head_dim), attention_output/kernel (num_query_heads, head_dim, a); y (n, t, a).

    Args:
        head_dim: width of queries, keys and values in each head.
        num_query_heads: how many heads.
        num_key_value_heads: how many different keys and values they have; divides num_query_heads.
        others: as for `MultiHeadAttention`, and so the call; `flash_attention` is a hint without effect.

    Source: Ainslie et al., 2023, https://arxiv.org/abs/2305.13245

    >>> x = np.ones((2, 5, 8))
    >>> GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (2, 5, 8)
    """

    _letters = "ab"

    @keeps("kernel", "bias")
    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Identifier = "glorot_uniform",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        use_gate: bool = False,
        seed: int | None = None,
        **common: Unpack[ActivityOptions],
    ):
        own = dropout, use_bias, sliding_window, flash_attention, use_gate, seed
        super().__init__(*own, activity_regularizer, **common)
        self.head_dim = positive(head_dim, "head_dim", self.label)
        self.num_query_heads = positive(num_query_heads, "num_query_heads", self.label)
        self.num_key_value_heads = positive(num_key_value_heads, "num_key_value_heads", self.label)
        if self.num_query_heads % self.num_key_value_heads:
            raise ArgumentError(
                f"{self.label} expects num_key_value_heads to divide num_query_heads; received {num_key_value_heads} "
                f"and {num_query_heads}."
            )
        self._places = 1
        self._score_equation, self._mean_equation = _equations(3, (1,))

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        counts = [self.num_query_heads, self.num_key_value_heads]
        self._build_heads(query_shape, key_shape, value_shape, counts, [self.head_dim] * 2)
        self._output_dense = self._project("abyz,yzx->abx", (None, query_shape[-1]), "x", "attention_output")
        self._output_dense.build((*query_shape[:-1], self.num_query_heads, self.head_dim))
        self._add_dropout()

    def _spread(self, x: Tensor) -> Tensor:
        return ops.repeat(x, self.num_query_heads // self.num_key_value_heads, axis=2)

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> tuple[Any, ...]:
        self._check_places(value_shape, key_shape)
        return tuple(query_shape)


def _axes(value: Any, name: str, label: str) -> tuple[Any, ...] | None:
    """`value` as a tuple of whole numbers, None as it is."""
    if value is None:
        return None
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not all(hasattr(v, "__index__") for v in values):
        raise ArgumentError(f"{label} expects {name} to be a whole number or several; received {value!r}.")
    return tuple([v.__index__() for v in values])


def _equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str]:
    """For inputs of `rank` axes, the einsum of scores from query and key, and the one of means from weights and value.

    Query and key have (n, *places, heads, width); the scores have n, the places not among `axes`, the heads, the places
    of the query among them, those of the key.
    """
    letters = string.ascii_lowercase[: rank - 1]
    query, key = list(letters), list(letters)
    for a in axes:
        key[a] = letters[a].upper()
    free = "".join(c for i, c in enumerate(letters) if i not in axes)
    ours, theirs = "".join(query[a] for a in axes), "".join(key[a] for a in axes)
    q, k, scores = "".join(query) + "yz", "".join(key) + "yz", f"{free}y{ours}{theirs}"
    return f"{q},{k}->{scores}", f"{scores},{k}->{q}"
