"""SpectralNormalization: the largest singular value, what training changes, and what it refuses."""

import numpy as np
import pytest

from autonet import Sequential, layers
from autonet.errors import ArgumentError


@pytest.mark.parametrize("inner, shape", [
    (lambda: layers.Dense(3), (4, 5)),
    (lambda: layers.Conv2D(3, 2), (1, 4, 4, 2)),
    (lambda: layers.Embedding(6, 3), (4,)),
])  # fmt: skip
def test_the_largest_singular_value_becomes_one(inner, shape, rng):
    layer = layers.SpectralNormalization(inner(), power_iterations=60)
    x = rng.integers(0, 6, shape) if len(shape) == 1 else rng.standard_normal(shape)
    layer(x)
    before = np.linalg.svd(layer.kernel.numpy().reshape(-1, 3), compute_uv=False)
    layer(x, training=True)
    after = np.linalg.svd(layer.kernel.numpy().reshape(-1, 3), compute_uv=False)
    np.testing.assert_allclose(after, before / before[0], rtol=1e-3)


def test_inference_changes_nothing(rng):
    layer = layers.SpectralNormalization(layers.Dense(3))
    x = rng.standard_normal((4, 5)).astype("float32")
    layer(x)
    before = layer.get_weights()
    np.testing.assert_array_equal(layer(x), layer.layer(x))
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_trains(rng):
    model = Sequential([layers.Input((5,)), layers.SpectralNormalization(layers.Dense(3)), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = rng.standard_normal((16, 5)), rng.standard_normal((16, 1))
    model.fit(x, y, epochs=30, verbose=0)
    norm = model.layers[0]
    assert np.linalg.norm(norm.kernel.numpy(), 2) == pytest.approx(1, abs=0.1)
    assert [w.path.split("/")[-1] for w in norm.trainable_weights] == ["kernel", "bias"]
    assert [w.name for w in norm.non_trainable_weights] == ["vector_u"]


def test_misfits():
    with pytest.raises(ArgumentError, match="power_iterations to be a whole number above 0"):
        layers.SpectralNormalization(layers.Dense(3), power_iterations=0)
    with pytest.raises(ArgumentError, match="with a kernel or embeddings; received Flatten"):
        layers.SpectralNormalization(layers.Flatten())(np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match="expects a layer to hold; received 3"):
        layers.SpectralNormalization(3)
