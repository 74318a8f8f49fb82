"""A frozen weight and a small correction that is trained."""

import numpy as np
import pytest

import autonet
from autonet import layers, ops
from autonet.errors import ArgumentError, NotBuiltError

X = np.random.default_rng(0).normal(size=(6, 5, 4)).astype("float32")
CASES = {
    "dense": (lambda **k: layers.Dense(3, **k), X[:, 0], "kernel"),
    "einsum": (lambda **k: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", **k), X, "kernel"),
    "embedding": (lambda **k: layers.Embedding(7, 3, **k), np.arange(6).reshape(2, 3), "embeddings"),
    "conv": (lambda **k: layers.Conv1D(3, 2, padding="causal", **k), X, "kernel"),
}
every = pytest.mark.parametrize(("make", "x", "name"), CASES.values(), ids=list(CASES))


@every
def test_starts_without_a_correction_and_then_equals_the_merged_weight(make, x, name):
    plain, adapted = make(), make(lora_rank=2, lora_alpha=3)
    plain(x), adapted(x)
    weight = getattr(plain, name)
    adapted._weight.assign(weight)
    np.testing.assert_array_equal(adapted(x), plain(x))
    a, b = (getattr(adapted, f"lora_{name}_{letter}") for letter in "ab")
    b.assign(np.random.default_rng(1).normal(size=b.shape))
    weight.assign(weight + 1.5 * ops.matmul(a, b))
    np.testing.assert_allclose(adapted(x), plain(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(getattr(adapted, name), weight, rtol=1e-5, atol=1e-6)


@every
def test_the_weight_is_frozen_and_training_moves_the_correction(make, x, name):
    model = autonet.Sequential([make(lora_rank=2), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.build(x.shape) if name == "kernel" else model(x)
    layer = model.layers[0]
    kept, moved = layer._weight.numpy(), getattr(layer, f"lora_{name}_b").numpy()
    assert [w.name for w in layer.weights if not w.trainable] == [name]
    model.fit(x, np.ones((len(x), 1)), epochs=2, verbose=0)
    np.testing.assert_array_equal(layer._weight, kept)
    assert np.any(getattr(layer, f"lora_{name}_b").numpy() != moved)


@every
def test_enabled_later_it_is_in_the_configuration_and_in_the_file(make, x, name, tmp_path):
    layer = make()
    with pytest.raises(NotBuiltError, match="build it"):
        layer.enable_lora(2)
    layer(x)
    assert "lora_rank" not in layer.get_config()
    layer.enable_lora(2, b_initializer="ones")
    assert {"lora_rank": 2, "lora_alpha": 2}.items() <= layer.get_config().items()
    again = type(layer).from_config(layer.get_config())
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), layer(x))
    with pytest.raises(ArgumentError, match="called once"):
        layer.enable_lora(2)
    model = autonet.Sequential([layer])
    model(x)
    model.save(tmp_path / "m.keras")
    again = autonet.saving.load_model(tmp_path / "m.keras")
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every
def test_files_of_weights_hold_the_sum(make, x, name, tmp_path):
    """As in Keras: a plain layer takes them, and an adapted one takes those of a plain one."""
    adapted, plain = (autonet.Sequential([make(**k)]) for k in ({"lora_rank": 2}, {}))
    y = adapted(x), plain(x)
    b = getattr(adapted.layers[0], f"lora_{name}_b")
    b.assign(np.random.default_rng(1).normal(size=b.shape))
    y = adapted(x)
    adapted.save_weights(tmp_path / "x.weights.h5")
    plain.load_weights(tmp_path / "x.weights.h5")
    np.testing.assert_allclose(plain(x), y, rtol=1e-5, atol=1e-5)
    plain.set_weights([2 * w for w in plain.get_weights()])
    plain.save_weights(tmp_path / "x.weights.h5")
    adapted.load_weights(tmp_path / "x.weights.h5")
    np.testing.assert_array_equal(adapted(x), plain(x))
    assert np.any(getattr(adapted.layers[0], f"lora_{name}_a").numpy())  # so that training can go on


@every
def test_the_weight_stays_frozen_and_its_penalty_is_on_the_factors(make, x, name):
    layer = make(lora_rank=2, **{f"{name}_regularizer": "l2"})
    layer(x)
    layer.trainable = False
    layer.trainable = True
    assert name not in [w.name for w in layer.trainable_weights]
    assert len(layer.losses) == 2


@every
def test_factors_are_not_narrower_than_float32(make, x, name):
    for dtype, wanted in (("float16", "float32"), ("mixed_float16", "float32"), ("float64", "float64")):
        layer = make(lora_rank=2, dtype=dtype)
        assert layer(x).dtype == layer.compute_dtype
        assert getattr(layer, f"lora_{name}_b").dtype == wanted


def test_layers_inside_others_come_back_adapted(tmp_path):
    """Whose configurations do not speak of them."""
    x = autonet.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 3)
    model = autonet.Model(x, layers.Dense(1)(attention(x, x)))
    for layer in (attention.query_dense, attention.output_dense):
        layer.enable_lora(2, lora_alpha=5)
    model.compile(autonet.optimizers.SGD(0.1, momentum=0.9), "mse")
    y = np.ones((6, 5, 1), "float32")
    model.fit(X, y, epochs=2, verbose=0)
    for name in ("m.keras", "m.json"):
        model.save(tmp_path / name)
        again = autonet.saving.load_model(tmp_path / name)
        assert again.layers[1].query_dense.lora_alpha == 5 and not again.layers[1].key_dense.lora_enabled
        for step in range(2):
            for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5 * step, atol=1e-6 * step)
            assert model.train_on_batch(X, y) == pytest.approx(again.train_on_batch(X, y), rel=1e-5)


def test_what_cannot_be_adapted_is_refused():
    layer = layers.Dense(3, kernel_constraint="non_neg")
    layer.build((None, 4))
    with pytest.raises(ArgumentError, match="kernel_constraint"):
        layer.enable_lora(2)
    with pytest.raises(ArgumentError, match="kernel_constraint"):
        layers.Dense(3, kernel_constraint="non_neg").enable_lora(2)
    with pytest.raises(ArgumentError, match="without lora"):
        layers.SpectralNormalization(layers.Dense(3, lora_rank=1))(X[:, 0])
    for rank in (0, 1.5, True):
        with pytest.raises(ArgumentError, match="whole number above 0"):
            layers.Dense(3, lora_rank=rank)
