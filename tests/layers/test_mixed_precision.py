"""Layers that compute in float16 with weights of float32: a law over all, and what a policy says."""

import numpy as np
import pytest

import autonet
from autonet import (
    DTypePolicy,
    Input,
    Model,
    Sequential,
    Variable,
    config,
    dtype_policies,
    grad,
    layers,
    ops,
    optimizers,
)
from autonet.errors import ArgumentError, DtypeError
from autonet.layers.preprocessing.images import ImageLayer
from tests.layers.test_every_layer import CASES, draw, make


@pytest.fixture
def mixed():
    """The global policy "mixed_float16"."""
    config.set_dtype_policy("mixed_float16")
    yield
    config.set_dtype_policy(None)


FLOATS = [c for c in CASES if c.name != "InputLayer" and not issubclass(getattr(layers, c.name), ImageLayer)]


@pytest.mark.parametrize("case", FLOATS, ids=[f"{i}-{c.name}" for i, c in enumerate(FLOATS)])
def test_every_layer_computes_in_halves_with_weights_of_float32(case, rng):
    """What it gives is that of float32, rounded on the way; of placeholders too."""
    layer, alone = make(case, dtype="mixed_float16"), make(case, dtype="float32")
    x, options = draw(case, rng)
    y = layer(x, **options)
    assert y.dtype == "float16"
    assert {v.dtype.name for v in layer.weights if v.dtype.kind == "f"} <= {"float32"}
    if not case.more:
        placeholders = [Input(s[1:]) for s in case.shape] if isinstance(case.shape, list) else Input(case.shape[1:])
        assert layer(placeholders).dtype == "float16"
    if case.chance or case.name == "SpectralNormalization":
        return
    alone(x, **options)
    layer.set_weights(alone.get_weights())
    expected = alone(x, **options).numpy()
    found = layer(x, **options).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-2 * max(1.0, np.abs(expected).max()), rtol=0)


def test_derivatives_reach_the_weights_in_their_own_dtype(rng):
    layer = layers.Dense(3, dtype="mixed_float16")
    x = rng.standard_normal((4, 2)).astype(np.float32)
    layer.build(x.shape)
    found = grad(lambda w: ops.sum(ops.square(layer(x))))(layer.kernel)
    alone = layers.Dense(3)
    alone.build(x.shape)
    alone.set_weights(layer.get_weights())
    expected = grad(lambda w: ops.sum(ops.square(alone(x))))(alone.kernel)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=0.02, atol=0.02)


def test_a_layer_inside_goes_by_its_own_policy(rng):
    class Outer(layers.Layer):
        def __init__(self, **common):
            super().__init__(**common)
            self.inner = layers.Dense(2, dtype="float32")
            self.own = self.add_weight((2,), "ones", name="own")
            self.exact = self.add_weight((2,), "ones", name="exact")
            self.exact.autocast = False

        def call(self, x):
            y = self.inner(x)
            self.seen = y.dtype.name, (self.own + 0.0).dtype.name, (self.exact + 0.0).dtype.name
            return ops.cast(y, "float16") * self.own

    outer = Outer(dtype="mixed_float16")
    assert outer(rng.standard_normal((3, 4))).dtype == "float16"
    assert outer.seen == ("float32", "float16", "float32")
    assert (outer.own + 0.0).dtype == "float32"  # outside of the call


def test_a_global_policy_is_that_of_new_layers_and_scales_the_loss(mixed, rng):
    model = Sequential(
        [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(1, dtype="float32")]
    )
    model.compile("adam", "mse", metrics=["mae"])
    assert isinstance(model.optimizer, optimizers.LossScaleOptimizer)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    y = x.sum(axis=1, keepdims=True)
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert [layer.compute_dtype for layer in model.layers] == ["float16", "float16", "float32"]
    assert {v.dtype.name for v in model.trainable_variables} == {"float32"}
    model.compile("adam", "mse", auto_scale_loss=False)
    assert isinstance(model.optimizer, optimizers.Adam)


def test_compiled_steps_are_those_of_eager_ones(mixed, rng):
    x = rng.standard_normal((32, 3)).astype(np.float32)

    def trained(eagerly):
        autonet.utils.set_random_seed(3)
        model = Sequential([layers.Dense(8, activation="tanh"), layers.LayerNormalization(), layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=eagerly, jit_compile=False, auto_scale_loss=False)
        model.fit(x, x[:, :1], epochs=3, batch_size=8, verbose=0, shuffle=False)
        return model.get_weights()

    for a, b in zip(trained(True), trained(False), strict=True):
        assert np.array_equal(a, b)


def test_a_policy_is_saved_and_read(mixed, tmp_path):
    model = Sequential([Input((3,)), layers.Dense(2), layers.Dense(2, dtype="float64")])
    again = Sequential.from_config(model.get_config())
    assert [layer.dtype_policy.name for layer in again.layers] == ["mixed_float16", "float64"]
    model.save(tmp_path / "m.keras")
    config.set_dtype_policy(None)
    loaded = autonet.models.load_model(tmp_path / "m.keras")
    assert [layer.dtype_policy.name for layer in loaded.layers] == ["mixed_float16", "float64"]
    x = np.ones((2, 3), np.float32)
    assert np.array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_policies():
    policy = DTypePolicy("mixed_float16")
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == ("mixed_float16", "float16", "float32")
    assert DTypePolicy("float64").compute_dtype == DTypePolicy("float64").variable_dtype == "float64"
    assert (
        dtype_policies.deserialize(dtype_policies.serialize(policy))
        == policy
        == DTypePolicy.from_config(policy.get_config())
    )
    assert policy != DTypePolicy("float16") and len({policy, DTypePolicy("mixed_float16")}) == 1
    assert dtype_policies.get({"name": "float16"}) == dtype_policies.get(np.float16) == DTypePolicy("float16")
    assert autonet.mixed_precision.Policy is DTypePolicy
    assert config.dtype_policy() == DTypePolicy() == DTypePolicy("float32")
    layer = layers.Dense(2)
    layer.dtype_policy = "mixed_float16"
    assert layer(np.ones((1, 2))).dtype == "float16"


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float32", "float17"])
def test_policies_that_are_none_are_refused(name):
    for take in (DTypePolicy, lambda name: layers.Dense(1, dtype=name), config.set_dtype_policy):
        with pytest.raises(DtypeError, match=name.removeprefix("mixed_")):
            take(name)
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}
    config_of_file = {**layers.Dense(1, name="head").get_config(), "dtype": policy}
    with pytest.raises(DtypeError, match=rf"^Dense 'head': [^{{]*{name.removeprefix('mixed_')}"):
        layers.Dense.from_config(config_of_file)


def test_what_is_no_name_is_refused():
    with pytest.raises(DtypeError, match="name of a dtype"):
        DTypePolicy(3)
    with pytest.raises(ArgumentError, match="no dtype policy"):
        dtype_policies.get({"config": 3})


def test_assignments_are_exact_inside_a_call(rng):
    class Counting(layers.Layer):
        def build(self, input_shape):
            self.total = self.add_weight((), "zeros", trainable=False, name="total")

        def call(self, x):
            self.total.assign_add(4097.0)  # no float16
            return x

    layer = Counting(dtype="mixed_float16")
    for _ in range(3):
        layer(np.ones((1, 2)))
    assert float(layer.total.numpy()) == 3 * 4097.0


def test_a_functional_model(mixed, rng):
    x = Input((4,))
    model = Model(x, layers.Dense(2)(layers.Dense(3, activation="relu")(x)))
    assert model.outputs[0].dtype == "float16"
    assert model(rng.standard_normal((2, 4))).dtype == "float16"
    assert isinstance(model.layers[1].kernel, Variable)
