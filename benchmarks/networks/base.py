"""What a kind is, and what its networks are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of training or inference.

    Args:
        title: a line for the table.
        net: a function of a `Net` and of the inputs that gives the output (logits, where the loss is a cross-entropy).
        data: a function of a generator and of a number of rows that gives the inputs, and the targets.
        batch: rows of a step.
        steps: of one walk over the rows; rows are `batch * steps` where `rows` is not given.
        loss: "softmax" (labels), "sigmoid" (0 or 1) or "mse".
        optimizer: "sgd" (rate 0.01), "adam" (0.001), or "lazy_adam", which moves the rows of tables that were looked up
            alone (PyTorch's SparseAdam; JAX and Keras have Adam alone).
        task: "train", "predict" or "evaluate"; the last two count a walk over all rows as one step.
        custom: by library ("autonet", "torch", "jax", "keras"), a function of the kind and of the options that makes the
            step by hand: `Running`. Kinds without it are trained in each library's usual way.
        close: how near the first loss is to the other libraries', relatively; wider where padding or chance differ.
    """

    title: str
    net: Callable[..., Any] | None = None
    data: Callable[[np.random.Generator, int], tuple[Arrays, np.ndarray]] | None = None
    batch: int = 32
    steps: int = 8
    rows: int | None = None
    loss: str = "softmax"
    optimizer: str = "adam"
    task: str = "train"
    custom: dict[str, Callable[..., Running]] = field(default_factory=dict)
    close: float = 1e-3

    def arrays(self, small: bool = False) -> tuple[Arrays, np.ndarray]:
        """Inputs and targets of one walk."""
        assert self.data is not None
        rows = self.rows or self.batch * self.steps
        if small:
            rows = max(rows // 4 // self.batch, 1) * self.batch
        return self.data(np.random.default_rng(0), rows)


@dataclass
class Running:
    """A kind at work in one library.

    Args:
        first: runs one step on the first batch, waits for it, and returns its loss (None: there is none to compare).
        walk: runs `steps` steps.
        steps: of a walk.
        model: what has `explain_step`, where there is such a thing.
    """

    first: Callable[[], float | None]
    walk: Callable[[], Any]
    steps: int = 1
    model: Any = None


class Net:
    """The layers in which networks are written; a subclass for each library makes them and calls them.

    Images are (rows, height, width, channels), sequences (rows, length, width); PyTorch keeps channels second, and
    `signal` says where a sequence becomes one to convolve. Weights are drawn in the order of the calls, so that all
    libraries start alike: kernels normal with variance 1 / fan-in, all other weights 0, or 1 where they multiply.

        dense(x, units, act), conv(x, filters, size, strides, padding, dilation, act), depthwise(x, size, strides)
        transposed(x, filters, size): strides are the size; upsample(x): twice as high and wide
        norm(x): over the batch; layer_norm(x); act(x, name); max_pool(x), mean_over(x), max_over(x): over positions
        flatten(x), reshape(x, shape), concat(a, b), distance(a, b): |a - b|
        embed(x, words, width, masked), places(x, words, width): words and positions, added; mean_words(x)
        lstm(x, units, sequences, words), gru(x, units, sequences, start), both_ways(x, units): words 0 of `words` are masked
        attention(x, context, heads, causal), signal(x), shared(f, a, b): the same layers on both
        sample(mean, log_variance): a draw; its divergence from a standard normal joins the loss
    """

    def __init__(self) -> None:
        self.rng = np.random.default_rng(1)

    def kernel(self, *shape: int, fan_in: int | None = None) -> np.ndarray:
        """First weights of a kernel."""
        fan_in = fan_in or int(np.prod(shape[:-1]))
        return (self.rng.standard_normal(shape) / np.sqrt(fan_in)).astype("float32")

    def recurrent(self, width: int, units: int, gates: int) -> tuple[np.ndarray, np.ndarray]:
        """First weights of a recurrent layer, for its input and for its state."""
        return self.kernel(width, gates * units), self.kernel(units, gates * units)


def noise(shape: tuple[int, ...], classes: int = 10) -> Callable[[np.random.Generator, int], tuple[Arrays, np.ndarray]]:
    """Data: rows of a shape, uniform from 0 to 1, and labels."""
    return lambda rng, rows: ((rng.random((rows, *shape), dtype="float32"),), rng.integers(0, classes, rows))


def words(length: int, vocabulary: int, shortest: int | None = None):
    """Data: rows of words (from 1, so many of them that are not 0 at the end), and targets 0 or 1 as a column."""

    def make(rng: np.random.Generator, rows: int) -> tuple[Arrays, np.ndarray]:
        x = rng.integers(1, vocabulary, (rows, length)).astype("int32")
        if shortest is not None:
            x[np.arange(length) >= rng.integers(shortest, length + 1, (rows, 1))] = 0
        return (x,), rng.integers(0, 2, (rows, 1)).astype("float32")

    return make
