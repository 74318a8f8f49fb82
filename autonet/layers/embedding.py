"""Embedding: whole numbers to vectors."""

from typing import Any

from autonet import ops
from autonet.common.types import EmbeddingOptions, Identifier, ReversibleOptions, TensorLike, Unpack
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.layers import inference
from autonet.layers.base import Layer
from autonet.layers.dense import positive, unquantized
from autonet.layers.low_rank import LowRank
from autonet.layers.options import keeps


class Embedding(LowRank, Layer):
    """A vector for each whole number: row k of a matrix that is learned.

        y = embeddings[x]

    Shapes: x (...), whole numbers from 0 to input_dim - 1; embeddings (input_dim, output_dim); y (..., output_dim).
    Negative numbers count from the end; others are an error.

    Args:
        input_dim: how many numbers there are, the largest plus one.
        output_dim: length of the vectors.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the matrix.
        mask_zero: whether 0 stands for no word: layers that know masks then leave its steps out.
        weights: first values of the matrix, or a list with them.
        lora_rank, lora_alpha: the matrix is frozen, and trained through a correction of this rank (see enable_lora).
        quantization_config: only None.

    Raises: ArgumentError unless input_dim and output_dim are whole numbers above 0; ShapeError from the call for a
        number that has no row.

    >>> Embedding(3, 2, weights=ops.arange(6.0).reshape(3, 2))(ops.array([2, 0])).tolist()
    [[4.0, 5.0], [0.0, 1.0]]
    """

    adapts = "embeddings"

    _told = ("activity_regularizer",)
    _untold = ("weights",)

    @keeps("embeddings")
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Identifier = "uniform",
        embeddings_regularizer: Identifier = None,
        embeddings_constraint: Identifier = None,
        mask_zero: bool = False,
        weights: TensorLike | None = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: None = None,
        **common: Unpack[EmbeddingOptions],
    ):
        super().__init__(**common)
        self.quantization_config = unquantized(quantization_config, type(self))
        self.input_dim = positive(input_dim, "input_dim", self.label)
        self.output_dim = positive(output_dim, "output_dim", self.label)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self._take_lora(lora_rank, lora_alpha)
        self.autocast = False  # its inputs are numbers of rows, whatever their dtype
        self._begin_with(weights)

    def _begin_with(self, weights: Any) -> None:
        """Build, with these first values of the matrix; None leaves that to the first call."""
        if weights is not None:
            self.build()
            self.embeddings.assign(convert_to_tensor(weights[0] if isinstance(weights, (list, tuple)) else weights))

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self._add_of_family("embeddings", (self.input_dim, self.output_dim))
        self.embeddings.is_table = True
        self._build_lora()

    def call(self, inputs: Any) -> Tensor:
        if inputs.dtype.kind not in "iu":
            inputs = ops.cast(inputs, "int32")
        rows = ops.take(self._weight, inputs, axis=0)
        if not self.lora_enabled:
            return rows
        return rows + ops.cast(self._correction(ops.take(self._factors[0], inputs, axis=0)), rows.dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape, self.output_dim)


class ReversibleEmbedding(Embedding):
    """An embedding, and the way back: from a vector to a score for each whole number.

        y = embeddings[x];  with reverse=True, y = x @ embeddings.T

    Shapes: x (...), whole numbers, y (..., output_dim); with reverse=True, x (..., output_dim), y (..., input_dim).

    Args:
        input_dim, output_dim: how many numbers there are, and the length of the vectors.
        tie_weights: whether the way back takes the same matrix; otherwise it has reverse_embeddings,
            (output_dim, input_dim).
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: of the matrices.
        mask_zero: whether 0 stands for no word.
        reverse_dtype: name of the dtype in which the way back is computed; by default the layer's.
        logit_soft_cap: c, for scores c tanh(score / c); None for the scores themselves.

    Source: Press, Wolf, 2017, https://arxiv.org/abs/1608.05859

    >>> ReversibleEmbedding(input_dim=9, output_dim=3, tie_weights=False)(ops.ones((2, 4))).shape
    (2, 4, 3)
    """

    @keeps("embeddings")
    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Identifier = "uniform",
        embeddings_regularizer: Identifier = None,
        embeddings_constraint: Identifier = None,
        mask_zero: bool = False,
        reverse_dtype: str | None = None,
        logit_soft_cap: float | None = None,
        **common: Unpack[ReversibleOptions],
    ):
        first = common.pop("weights", None)  # which are for a matrix that is built
        super().__init__(input_dim, output_dim, mask_zero=mask_zero, **common)
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = tie_weights, reverse_dtype, logit_soft_cap
        self._begin_with(first)

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self._add_of_family(
                "embeddings", (self.output_dim, self.input_dim), "reverse_embeddings"
            )

    def call(self, inputs: Any, reverse: bool = False) -> Tensor:
        if not reverse:
            return super().call(inputs)
        matrix = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        dtype = self.reverse_dtype or self.compute_dtype
        y = ops.matmul(ops.cast(inputs, dtype), ops.cast(matrix, dtype))
        cap = self.logit_soft_cap
        return y if cap is None else ops.tanh(y / cap) * cap

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return super().compute_mask(inputs, mask) if inputs.dtype.kind in "iu" else mask

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return inference.dry_run(self, args, kwargs)
