"""First weights by chance, their spread fixed or fitted to the numbers of inputs and outputs."""

import math
from collections.abc import Sequence
from typing import Any

from autonet import ops, random
from autonet.common import dtypes
from autonet.common.types import Dtype
from autonet.core.tensor import Tensor
from autonet.errors import ArgumentError, ShapeError
from autonet.initializers.constant import Initializer, _lengths
from autonet.random.seeds import checked_seed, fresh_seed
from autonet.serialization import deserialize_keras_object, serialize_keras_object

Seed = int | random.SeedGenerator | None

# standard deviation of the standard normal distribution that is cut off at -2 and 2
TRUNCATED_STDDEV = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


class RandomInitializer(Initializer):
    """Base of the initializers that draw.

    Args:
        seed: an integer gives the same values at every call; None too, from a seed that is drawn once, here; a
            SeedGenerator goes on from call to call.

    Raises: ArgumentError for another seed.
    """

    def __init__(self, seed: Seed = None):
        if isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        self._given = seed if seed is None or isinstance(seed, random.SeedGenerator) else checked_seed(seed)
        self.seed = fresh_seed() if seed is None else self._given

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self._given)}


class RandomNormal(RandomInitializer):
    """Values from the normal distribution.

    Args:
        mean: of the distribution.
        stddev: its standard deviation.
        seed: integer, SeedGenerator or None; see `RandomInitializer`.

    >>> round(float(ops.std(RandomNormal(seed=1)((100, 100)))), 2)
    0.05
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Values of `shape`."""
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Values from the normal distribution, those further than 2 `stddev` from `mean` drawn again.

    Args:
        mean: of the distribution.
        stddev: its standard deviation before the cut; that of the values is 0.88 times as large.
        seed: integer, SeedGenerator or None; see `RandomInitializer`.

    >>> bool(ops.all(abs(TruncatedNormal(stddev=0.5)((9, 9))) <= 1))
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Values of `shape`."""
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Values from `minval` (included) to `maxval` (excluded), equally likely.

    Args:
        minval, maxval: the ends.
        seed: integer, SeedGenerator or None; see `RandomInitializer`.

    >>> bool(ops.all(abs(RandomUniform(-0.5, 0.5)((9, 9))) <= 0.5))
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Values of `shape`."""
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Values of mean 0 and variance scale / n, n being the number of inputs, of outputs, or their mean.

        kernel (..., i, o) with k places in the leading axes: inputs k i, outputs k o
        uniform: from -limit to limit, limit = sqrt(3 scale / n)

    Args:
        scale: factor of the variance, above 0.
        mode: what n is: "fan_in" (inputs), "fan_out" (outputs) or "fan_avg" (their mean).
        distribution: "truncated_normal", "untruncated_normal" or "uniform"; the variance is the same in all.
        seed: integer, SeedGenerator or None; see `RandomInitializer`.
        input_axes, output_axes: lists of the axes whose lengths, multiplied, are the numbers of inputs and outputs,
            for kernels of another layout. Give both or neither.

    Raises: ArgumentError for other values of these.

    >>> bool(ops.all(ops.abs(VarianceScaling(3.0, distribution="uniform")((9, 5))) <= 1.0))
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        who = type(self).__name__
        if not scale > 0:
            raise ArgumentError(f"{who} expects a scale above 0; received {scale!r}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(f"{who} expects mode 'fan_in', 'fan_out' or 'fan_avg'; received {mode!r}.")
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ArgumentError(
                f"{who} expects distribution 'truncated_normal', 'untruncated_normal' or 'uniform'; "
                f"received {distribution!r}."
            )
        lists = [isinstance(axes, (list, tuple)) for axes in (input_axes, output_axes)]
        if not all(lists) and not (input_axes is None and output_axes is None):
            raise ArgumentError(
                f"{who} expects input_axes and output_axes to be two lists of integers, or both None; received "
                f"{input_axes!r} and {output_axes!r}."
            )
        super().__init__(seed)
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Values of `shape`."""
        fan_in, fan_out = self._fans(_lengths(shape))
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(n, 1.0)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        return random.truncated_normal(shape, 0.0, math.sqrt(variance) / TRUNCATED_STDDEV, dtype, self.seed)

    def _fans(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """How many inputs feed one output of a kernel of `shape`, and how many outputs one input."""
        if self.input_axes is not None and self.output_axes is not None:
            if any(not -len(shape) <= axis < len(shape) for axis in (*self.input_axes, *self.output_axes)):
                raise ShapeError(
                    f"{type(self).__name__} was told input_axes {self.input_axes} and output_axes {self.output_axes}; "
                    f"the weight has shape {shape}, which lacks one of them."
                )
            return math.prod(shape[a] for a in self.input_axes), math.prod(shape[a] for a in self.output_axes)
        if len(shape) < 2:
            n = math.prod(shape)
            return n, n
        places = math.prod(shape[:-2])
        return places * shape[-2], places * shape[-1]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _Named(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution its class fixes."""

    recipe: tuple[float, str, str]

    def __init__(
        self, seed: Seed = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
    ):
        super().__init__(*self.recipe, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Named):
    """Uniform between -limit and limit, limit = sqrt(6 / (inputs + outputs)): variances stay, forward and backward.

    Args:
        seed: integer, SeedGenerator or None; see `RandomInitializer`.
        input_axes, output_axes: see `VarianceScaling`.

    Source: Glorot, Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html

    >>> bool(ops.all(abs(GlorotUniform()((3, 3))) <= 1))
    True
    """

    recipe = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Truncated normal of variance 2 / (inputs + outputs).

    Args:
        seed: integer, SeedGenerator or None; see `RandomInitializer`.
        input_axes, output_axes: see `VarianceScaling`.

    Source: Glorot, Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html

    >>> round(float(ops.std(GlorotNormal(seed=1)((100, 100)))), 2)
    0.1
    """

    recipe = (1.0, "fan_avg", "truncated_normal")


class LecunUniform(_Named):
    """Uniform between -limit and limit, limit = sqrt(3 / inputs).

    Args:
        seed: integer, SeedGenerator or None; see `RandomInitializer`.
        input_axes, output_axes: see `VarianceScaling`.

    Source: LeCun, Bottou, Orr, Mueller, 1998, Efficient BackProp, section 4.6.

    >>> bool(ops.all(abs(LecunUniform()((3, 3))) <= 1))
    True
    """

    recipe = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """Truncated normal of variance 1 / inputs; the companion of selu.

    Args:
        seed: integer, SeedGenerator or None; see `RandomInitializer`.
        input_axes, output_axes: see `VarianceScaling`.

    Source: LeCun, Bottou, Orr, Mueller, 1998, Efficient BackProp, section 4.6.

    >>> round(float(ops.std(LecunNormal(seed=1)((100, 100)))), 2)
    0.1
    """

    recipe = (1.0, "fan_in", "truncated_normal")


class HeUniform(_Named):
    """Uniform between -limit and limit, limit = sqrt(6 / inputs).

    Args:
        seed: integer, SeedGenerator or None; see `RandomInitializer`.
        input_axes, output_axes: see `VarianceScaling`.

    Source: He, Zhang, Ren, Sun, 2015, https://arxiv.org/abs/1502.01852

    >>> bool(ops.all(abs(HeUniform()((6, 3))) <= 1))
    True
    """

    recipe = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    """Truncated normal of variance 2 / inputs: relu halves the second moment, the 2 brings it back.

    Args:
        seed: integer, SeedGenerator or None; see `RandomInitializer`.
        input_axes, output_axes: see `VarianceScaling`.

    Source: He, Zhang, Ren, Sun, 2015, https://arxiv.org/abs/1502.01852

    >>> round(float(ops.std(HeNormal(seed=1)((200, 50)))), 2)
    0.1
    """

    recipe = (2.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal columns, or rows if these are fewer, times `gain`.

    A shape of more axes counts as a matrix of its last axis against all others. Every such matrix is equally likely.

    Args:
        gain: factor.
        seed: integer, SeedGenerator or None; see `RandomInitializer`.

    Source: Saxe, McClelland, Ganguli, 2014, https://arxiv.org/abs/1312.6120; Mezzadri, 2007,
        https://arxiv.org/abs/math-ph/0609050, for the signs that make all equally likely.

    >>> q = Orthogonal(seed=1)((3, 3))
    >>> bool(ops.all(abs(ops.matmul(q, q.T) - ops.eye(3)) < 1e-5))
    True
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Dtype = None) -> Tensor:
        """Values of `shape`.

        Raises: ShapeError unless it has at least two axes.
        """
        shape = _lengths(shape)
        if len(shape) < 2:
            raise ShapeError(
                f"Orthogonal needs at least two axes; received shape {shape}. Use another initializer for vectors."
            )
        name = dtypes.standardize_dtype(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        x = random.normal(tall, dtype="float32" if name == "float16" else name, seed=self.seed)
        q, r = ops.qr(x)
        q = q * ops.where(ops.diagonal(r) < 0, -1.0, 1.0)
        if rows < columns:
            q = ops.transpose(q)
        return ops.cast(ops.reshape(q, shape) * self.gain, name)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}
