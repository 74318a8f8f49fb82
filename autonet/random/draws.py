"""Draws from the usual distributions.

Each is a primitive on a generator's state (seed, n): Philox with the seed as its key and n as the second word of its
counter, so that different draws never overlap and generated code can repeat the bits.

Source: Salmon, Moraes, Dror, Shaw, 2011, Parallel random numbers: as easy as 1, 2, 3, https://doi.org/10.1145/2063384.2063405
"""

import math
from typing import Any, TypeGuard

import numpy as np

from autonet import ops
from autonet.common import dtypes
from autonet.common.complex_numbers import refuse_complex
from autonet.common.types import Dtype, PartialShape, Shape, TensorLike
from autonet.core.primitive import primitive
from autonet.core.tensor import Tensor, convert_to_tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError, UnknownDtypeError
from autonet.random.seeds import SeedGenerator, draw_state

Seed = int | SeedGenerator | None


def philox(state: np.ndarray) -> np.random.Philox:
    """The bit generator for one draw."""
    key = np.array([state[0], 0], np.uint64)
    counter = np.array([0, state[1], 0, 0], np.uint64)
    return np.random.Philox(key=key, counter=counter)


def _generator(state: np.ndarray) -> np.random.Generator:
    return np.random.Generator(philox(state))


def _native(dtype: str) -> Any:
    """The dtype to draw in: NumPy's generators know no float16."""
    return np.float64 if dtype == "float64" else np.float32


@primitive(keep=("state",))
def random_uniform(state, *, shape, dtype="float32"):
    """Floats from 0 (included) to 1 (excluded), equally likely."""
    u = _generator(state).random(shape, dtype=_native(dtype))
    if dtype == "float16":
        u = np.floor(u * 2048) / 2048  # what float16 can hold below 1; rounding could reach 1
    return u.astype(dtype, copy=False)


@primitive(keep=("state",))
def random_normal(state, *, shape, dtype="float32"):
    """Floats from the standard normal distribution."""
    return _generator(state).standard_normal(shape, dtype=_native(dtype)).astype(dtype, copy=False)


@primitive(keep=("state",))
def random_truncated_normal(state, *, shape, dtype="float32"):
    """Floats from the standard normal distribution between -2 and 2."""
    generator = _generator(state)
    x = generator.standard_normal(shape, dtype=_native(dtype))
    x = np.atleast_1d(x)
    while (outside := np.flatnonzero(np.abs(x) > 2)).size:  # one in 22 is drawn again
        x.flat[outside] = generator.standard_normal(outside.size, dtype=x.dtype)
    return x.reshape(shape).astype(dtype, copy=False)


@primitive(keep=("state", "minval", "maxval"))
def random_integers(state, minval, maxval, *, shape, dtype="int32"):
    """Integers from `minval` (included) to `maxval` (excluded), equally likely."""
    high = np.maximum(maxval, minval + 1)  # an empty range gives its lower end
    return np.asarray(_generator(state).integers(minval, high, shape)).astype(dtype)


@primitive(keep=("state", "logits"))
def random_categorical(state, logits, *, num_samples, dtype="int32"):
    """Class numbers, `num_samples` per row of `logits`, with probabilities softmax(logits)."""
    p = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    totals = np.cumsum(p, axis=-1)
    u = _generator(state).random((logits.shape[0], num_samples)) * totals[:, -1:]
    drawn = [row.searchsorted(x, side="right") for row, x in zip(totals, u, strict=True)]
    drawn = np.minimum(np.array(drawn, np.int64), logits.shape[1] - 1)  # NaN would lie beyond the last class
    return drawn.reshape(u.shape).astype(dtype)


@primitive(keep=("state",))
def random_permutation(state, *, n):
    """The integers below `n` in random order."""
    return _generator(state).permutation(n)


@primitive(keep=("state",))
def dropout_mask(state, *, shape, rate, dtype="float32"):
    """0 with probability `rate`, otherwise 1 / (1 - rate): where a uniform float32 is below `rate`."""
    kept = np.greater_equal(_generator(state).random(shape, dtype=np.float32), np.float32(rate))
    scale = _native(dtype)(1 / (1 - rate) if rate < 1 else 0)
    return np.multiply(kept, scale).astype(dtype, copy=False)


@primitive(keep=("state", "alpha"))
def random_gamma(state, alpha, *, shape, dtype="float32"):
    """Floats from the gamma distribution of shape parameter `alpha` and scale 1."""
    return np.asarray(_generator(state).standard_gamma(alpha, shape)).astype(dtype)


@primitive(keep=("state", "alpha", "beta"))
def random_beta(state, alpha, beta, *, shape, dtype="float32"):
    """Floats from the beta distribution of parameters `alpha` and `beta`."""
    return np.asarray(_generator(state).beta(alpha, beta, shape)).astype(dtype)


@primitive(keep=("state", "counts", "probabilities"))
def random_binomial(state, counts, probabilities, *, shape, dtype="float32"):
    """Numbers of successes in `counts` trials, each a success with probability `probabilities`."""
    return np.asarray(_generator(state).binomial(counts.astype(np.int64), probabilities, shape)).astype(dtype)


def uniform(
    shape: Shape, minval: TensorLike = 0.0, maxval: TensorLike = 1.0, dtype: Dtype = None, seed: Seed = None
) -> Tensor:
    """Floats from `minval` (included) to `maxval` (excluded), equally likely.

    Args:
        shape: shape of the result.
        minval, maxval: numbers, or Tensors that broadcast to `shape`; maxval at least minval.
        dtype: a float dtype; None is the default float.
        seed: an integer gives the same values at every call, a SeedGenerator goes on, None asks the global generator.

    Raises: DtypeError for a dtype that is not float; ArgumentError for numbers with minval > maxval.

    >>> u = uniform((2, 3), -1, 1, seed=1)
    >>> bool(ops.all((u >= -1) & (u < 1)))
    True
    """
    dtype = _float("uniform", dtype)
    u = random_uniform(draw_state(seed), shape=_shape(shape), dtype=dtype)
    if not (_is_number(minval) and _is_number(maxval)):
        least = convert_to_tensor(minval, dtype)
        return least + (convert_to_tensor(maxval, dtype) - least) * u
    low, high = float(minval), float(maxval)
    if low > high:
        raise ArgumentError(f"uniform expects minval <= maxval; received minval={minval}, maxval={maxval}.")
    if (low, high) == (0.0, 1.0):
        return u
    kind = np.dtype(dtype).type
    below = float(np.nextafter(kind(high), kind(low)))  # rounding must not reach maxval itself
    return ops.minimum(low + (high - low) * u, below)


def normal(
    shape: Shape, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: Dtype = None, seed: Seed = None
) -> Tensor:
    """Floats from the normal distribution.

    Args:
        shape: shape of the result.
        mean, stddev: numbers, or Tensors that broadcast to `shape`.
        dtype: a float dtype; None is the default float.
        seed: as in `uniform`.
    """
    dtype = _float("normal", dtype)
    return _scaled(random_normal(draw_state(seed), shape=_shape(shape), dtype=dtype), mean, stddev, dtype)


def noise(shape: Shape, dtype: Dtype = None, seed: Seed = None) -> Tensor:
    """Floats from the standard normal distribution, for many numbers in each step: other bits than those of `normal`.

    They are made in pairs from uniform ones, by operations that generated code runs in half the time of NumPy's draws.

    Source: Box, Muller, 1958, https://doi.org/10.1214/aoms/1177706645
    """
    name, lengths = _float("noise", dtype), _shape(shape)
    exact = "float64" if name == "float64" else "float32"
    n = math.prod(lengths)
    u = uniform((2, (n + 1) // 2), dtype=exact, seed=seed)
    radius, angle = ops.sqrt(-2.0 * ops.log(1.0 - u[0])), u[1] * (2 * math.pi)
    pairs = ops.concatenate([radius * ops.cos(angle), radius * ops.sin(angle)])
    return ops.cast(ops.reshape(pairs[:n] if n % 2 else pairs, lengths), name)


def truncated_normal(
    shape: Shape, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: Dtype = None, seed: Seed = None
) -> Tensor:
    """Floats from the normal distribution, those further than 2 `stddev` from `mean` drawn again.

    Args:
        shape: shape of the result.
        mean, stddev: numbers, or Tensors that broadcast to `shape`, of the distribution before truncation.
        dtype: a float dtype; None is the default float.
        seed: as in `uniform`.
    """
    dtype = _float("truncated_normal", dtype)
    return _scaled(random_truncated_normal(draw_state(seed), shape=_shape(shape), dtype=dtype), mean, stddev, dtype)


def randint(shape: Shape, minval: TensorLike, maxval: TensorLike, dtype: Dtype = "int32", seed: Seed = None) -> Tensor:
    """Integers from `minval` (included) to `maxval` (excluded), equally likely.

    Args:
        shape: shape of the result.
        minval, maxval: integers, or integer Tensors that broadcast to `shape`; an empty range gives minval.
        dtype: an integer dtype that holds them.
        seed: as in `uniform`.

    Raises: DtypeError for a dtype that is not integer; ArgumentError for numbers outside of it.
    """
    name = dtypes.standardize_dtype(dtype)
    if np.dtype(name).kind not in "iu":
        raise UnknownDtypeError(f"randint expects an integer dtype; received {name}. Use uniform for floats.")
    limits = np.iinfo(name)
    if any(_is_number(v) and not limits.min <= v <= limits.max + 1 for v in (minval, maxval)):
        raise ArgumentError(
            f"randint's {name} holds {limits.min} to {limits.max}; received minval={minval}, maxval={maxval}. "
            "Choose another dtype."
        )
    low, high = (convert_to_tensor(v, "int64") for v in (minval, maxval))
    return random_integers(draw_state(seed), low, high, shape=_shape(shape), dtype=name)


def categorical(logits: TensorLike, num_samples: int, dtype: Dtype = "int32", seed: Seed = None) -> Tensor:
    """Class numbers drawn with probabilities softmax(logits).

    Args:
        logits: unnormalised log-probabilities, shape (n, classes).
        num_samples: draws per row.
        dtype: an integer dtype.
        seed: as in `uniform`.

    Returns: class numbers, shape (n, num_samples).

    Raises: ShapeError unless logits has two axes.
    """
    logits = convert_to_tensor(logits)
    if logits.ndim != 2:
        raise ShapeError(f"categorical expects logits of shape (n, classes); received shape {logits.shape}.")
    name = dtypes.standardize_dtype(dtype)
    return random_categorical(draw_state(seed), logits, num_samples=num_samples, dtype=name)


def dropout(inputs: TensorLike, rate: float, noise_shape: PartialShape | None = None, seed: Seed = None) -> Tensor:
    """`inputs` with a random part of its elements set to 0, the others divided by 1 - rate: the expectation stays.

    Args:
        inputs: floats of any shape.
        rate: probability of each element to become 0, a number from 0 to 1.
        noise_shape: shape of the mask, which broadcasts to that of inputs; None entries stand for the length there.
        seed: as in `uniform`.

    Source: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """
    if not _is_number(rate) or not 0 <= rate <= 1:
        raise ArgumentError(f"dropout expects a rate from 0 to 1; received {rate!r}.")
    x = inputs if hasattr(inputs, "dtype") and hasattr(inputs, "shape") else convert_to_tensor(inputs)
    if not dtypes.is_float(x.dtype):
        refuse_complex("dropout", x)
        raise DtypeError(f"dropout expects floats; received dtype {x.dtype}. Cast the inputs first.")
    if rate == 0:
        return x if isinstance(x, Tensor) else convert_to_tensor(x)
    dtype = dtypes.standardize_dtype(x.dtype)
    mask = dropout_mask(draw_state(seed), shape=_noise_shape(noise_shape, x.shape), rate=float(rate), dtype=dtype)
    return x * mask


def shuffle(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """`x` with its slices along `axis` in random order.

    Args:
        x: a Tensor with at least one axis.
        axis: the axis to reorder.
        seed: as in `uniform`.
    """
    x = convert_to_tensor(x)
    return ops.take(x, random_permutation(draw_state(seed), n=x.shape[axis]), axis=axis)


def gamma(shape: Shape, alpha: TensorLike, dtype: Dtype = None, seed: Seed = None) -> Tensor:
    """Floats from the gamma distribution of shape parameter `alpha` (above 0) and scale 1; no derivative.

    Args:
        shape: shape of the result.
        alpha: number, or Tensor that broadcasts to `shape`.
        dtype: a float dtype; None is the default float.
        seed: as in `uniform`.
    """
    name = _float("gamma", dtype)
    return random_gamma(draw_state(seed), convert_to_tensor(alpha), shape=_shape(shape), dtype=name)


def beta(shape: Shape, alpha: TensorLike, beta: TensorLike, dtype: Dtype = None, seed: Seed = None) -> Tensor:
    """Floats from the beta distribution of parameters `alpha` and `beta` (both above 0); no derivative.

    Args:
        shape: shape of the result.
        alpha, beta: numbers, or Tensors that broadcast to `shape`.
        dtype: a float dtype; None is the default float.
        seed: as in `uniform`.
    """
    name = _float("beta", dtype)
    parameters = convert_to_tensor(alpha), convert_to_tensor(beta)
    return random_beta(draw_state(seed), *parameters, shape=_shape(shape), dtype=name)


def binomial(
    shape: Shape, counts: TensorLike, probabilities: TensorLike, dtype: Dtype = None, seed: Seed = None
) -> Tensor:
    """Numbers of successes in `counts` trials, each a success with probability `probabilities`.

    Args:
        shape: shape of the result.
        counts: whole numbers, or a Tensor of them that broadcasts to `shape`.
        probabilities: numbers from 0 to 1, or a Tensor that broadcasts to `shape`.
        dtype: a float dtype; None is the default float.
        seed: as in `uniform`.
    """
    name = _float("binomial", dtype)
    parameters = convert_to_tensor(counts), convert_to_tensor(probabilities)
    return random_binomial(draw_state(seed), *parameters, shape=_shape(shape), dtype=name)


def _scaled(x: Tensor, mean: Any, stddev: Any, dtype: str) -> Tensor:
    if not (_is_number(stddev) and stddev == 1):
        x = x * (float(stddev) if _is_number(stddev) else convert_to_tensor(stddev, dtype))
    if not (_is_number(mean) and mean == 0):
        x = x + (float(mean) if _is_number(mean) else convert_to_tensor(mean, dtype))
    return x


def _is_number(x: Any) -> TypeGuard[float]:
    return isinstance(x, (int, float, np.integer, np.floating))


def _float(who: str, dtype: Any) -> str:
    name = dtypes.standardize_dtype(dtype)
    if not dtypes.is_float(name):
        raise UnknownDtypeError(
            f"{who} expects a float dtype; received {name}. Use randint for integers, or cast the result."
        ).about(who)
    return name


def _shape(shape: Any) -> tuple[int, ...]:
    lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in lengths):
        raise ShapeError(
            f"A draw needs a shape of whole numbers; received {shape!r}. Put a number for each unknown length."
        )
    return tuple(int(n) for n in lengths)


def _noise_shape(noise_shape: Any, shape: tuple[Any, ...]) -> tuple[int, ...]:
    if noise_shape is None:
        return tuple(shape)
    if len(noise_shape) != len(shape) or any(n not in (None, 1, m) for n, m in zip(noise_shape, shape, strict=True)):
        raise ShapeError(
            f"dropout's noise_shape {tuple(noise_shape)} does not broadcast to the inputs' shape {tuple(shape)}: "
            "give each axis its length, 1, or None."
        )
    return tuple(m if n is None else n for n, m in zip(noise_shape, shape, strict=True))
