"""SpectralNormalization: a layer whose kernel is kept at spectral norm 1."""

from typing import Any

from autonet import ops
from autonet.common.types import LayerOptions, Unpack
from autonet.errors import ArgumentError
from autonet.layers.base import Layer
from autonet.layers.dense import positive
from autonet.layers.spec import InputSpec
from autonet.layers.wrapping import Wrapper
from autonet.variable import Variable


class SpectralNormalization(Wrapper):
    """Another layer, whose kernel is divided by its largest singular value at each call in training.

        v = u W^T / |u W^T|,  u = v W / |v W|,  W <- W / (v W u^T)

    W is the kernel with all axes but the last made one; u goes on from call to call.

    Shapes: as of `layer`.

    Args:
        layer: a layer with a kernel, or with embeddings.
        power_iterations: how often v and u are improved in a call.

    Raises: ArgumentError for a layer with neither.

    Source: Miyato, Kataoka, Koyama, Yoshida, 2018, https://arxiv.org/abs/1802.05957

    >>> from autonet.layers import Dense
    >>> SpectralNormalization(Dense(4))(ops.ones((2, 3))).shape
    (2, 4)
    """

    _nests = ()

    def __init__(self, layer: Layer, power_iterations: int = 1, **common: Unpack[LayerOptions]):
        super().__init__(layer, **common)
        self.input_spec = layer.input_spec
        self.power_iterations = positive(power_iterations, "power_iterations", self.label)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        names = [name for name in ("kernel", "embeddings") if hasattr(self.layer, name)]
        if not names:
            raise ArgumentError(
                f"{self.label} expects a layer with a kernel or embeddings; received {self.layer.label}."
            )
        self.kernel = getattr(self.layer, names[0])
        if not isinstance(self.kernel, Variable):
            raise ArgumentError(f"{self.label} expects a layer without lora; received {self.layer.label}.")
        initializer = {"class_name": "TruncatedNormal", "config": {"stddev": 0.02}}
        self.vector_u = self.add_weight((1, self.kernel.shape[-1]), initializer, trainable=False, name="vector_u")

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        """Divide the kernel by its spectral norm, as far as the iterations have found it."""
        matrix = ops.stop_gradient(ops.reshape(self.kernel, (-1, self.kernel.shape[-1])))
        u: Any = self.vector_u
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)), axis=None)
            u = ops.normalize(ops.matmul(v, matrix), axis=None)
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        sigma = ops.where(ops.equal(sigma, 0), 1.0, sigma)  # a kernel of zeros stays one
        self.vector_u.assign(u)
        self.kernel.assign(ops.reshape(matrix / sigma, self.kernel.shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)
