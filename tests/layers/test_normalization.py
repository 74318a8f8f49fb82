"""Normalisations: which statistics they use and keep, with masks, frozen, and over channels anywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import Sequential, grad, layers, ops
from autonet.core import Tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.gradients import check_gradients

SHAPES = st.lists(st.integers(1, 4), min_size=2, max_size=4)


def moments(x, axis):
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    return x.mean(others), x.var(others)


@given(shape=SHAPES, axis=st.integers(-4, 3), momentum=st.floats(0, 1), seed=st.integers(0, 99))
def test_statistics(shape, axis, momentum, seed):
    """Training uses the batch's moments and moves the moving ones towards them; inference uses those."""
    axis = axis % len(shape)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * 3 + 2
    layer = layers.BatchNormalization(axis=axis, momentum=momentum, epsilon=1e-3, dtype="float64")
    layer.build(tuple(shape))
    gamma, beta, mean, variance = (rng.uniform(0.5, 2, shape[axis]) for _ in range(4))
    layer.set_weights([gamma, beta, mean, variance])

    def normalized(m, v):
        along = [-1 if i == axis else 1 for i in range(x.ndim)]
        m, v, g, b = (a.reshape(along) for a in (m, v, gamma, beta))
        return (x - m) / np.sqrt(v + 1e-3) * g + b

    np.testing.assert_allclose(layer(x), normalized(mean, variance), rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(layer.moving_mean, mean)  # inference moves nothing
    own = moments(x, axis)
    np.testing.assert_allclose(layer(x, training=True), normalized(*own), rtol=1e-9, atol=1e-9)
    mean, variance = (a * momentum + b * (1 - momentum) for a, b in zip((mean, variance), own, strict=True))
    np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer(x), normalized(mean, variance), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("trainable, training, batch_moments", [
    (True, True, True),
    (True, False, False),
    (True, None, False),
    (False, True, False),
    (False, False, False),
    (False, None, False),
])  # fmt: skip
@pytest.mark.parametrize("masked", [False, True])
def test_trainable_by_training(trainable, training, batch_moments, masked, rng):
    """Only an unfrozen layer in training normalises by the batch and moves its averages."""
    layer = layers.BatchNormalization(trainable=trainable)
    x = Tensor(rng.standard_normal((5, 3)) + 4, "float32")
    y = np.array(layer(x, training=training, mask=Tensor(np.ones(5, bool)) if masked else None))
    assert (abs(float(y.mean())) < 1e-3) is batch_moments
    assert layer.moving_mean.numpy().any() == batch_moments
    assert len(layer.trainable_weights) == (2 if trainable else 0)


def test_freezing_by_hand_takes_effect_at_once(rng):
    layer = layers.BatchNormalization()
    x = rng.standard_normal((5, 3))
    layer(x, training=True)
    before = layer.get_weights()
    layer.trainable = False
    layer(x, training=True)
    np.testing.assert_array_equal(layer.get_weights(), before)
    layer.trainable = True
    layer(x, training=True)
    assert not np.array_equal(layer.get_weights()[2], before[2])


def test_freezing_reaches_a_compiled_step(rng):
    """A step that was captured before the layer was frozen is not used after."""
    model = Sequential([layers.Input((3,)), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
    for _ in range(3):
        model.train_on_batch(x, y)
    norm = model.layers[0]
    norm.trainable = False
    before = norm.get_weights()
    for _ in range(3):
        model.train_on_batch(x, y)
    np.testing.assert_array_equal(norm.get_weights(), before)


@given(rows=st.integers(1, 4), places=st.integers(1, 4), more=st.integers(0, 3), seed=st.integers(0, 99))
def test_masked_places_count_for_nothing(rows, places, more, seed):
    """A batch padded and masked gives the same moments, results and slopes as the places alone."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, places, 2))
    padded = np.concatenate([x, rng.standard_normal((rows, more, 2)) * 100], axis=1)
    mask = np.arange(places + more) < np.full((rows, 1), places)
    results = []
    for values, options in ((x, {}), (padded, {"mask": Tensor(mask)})):
        layer = layers.BatchNormalization(dtype="float64")
        inputs = Tensor(values, requires_grad=True)
        y = layer(inputs, training=True, **options)[:, :places]
        (y * y * y).sum().backward()
        results.append([y, inputs.grad[:, :places], layer.moving_mean, layer.moving_variance, layer.gamma.grad])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)


def test_a_batch_that_is_masked_altogether():
    layer = layers.BatchNormalization()
    y = layer(np.ones((2, 3, 2)), training=True, mask=Tensor(np.zeros((2, 3), bool)))
    assert np.isfinite(y).all() and np.isfinite(layer.moving_variance).all()


def test_without_center_or_scale(rng):
    x = rng.standard_normal((6, 2))
    for options, names in (
        ({"center": False}, ["gamma"]),
        ({"scale": False}, ["beta"]),
        ({"center": False, "scale": False}, []),
    ):
        layer = layers.BatchNormalization(**options)
        y = np.array(layer(x, training=True))
        assert [w.name for w in layer.trainable_weights] == names
        np.testing.assert_allclose(y.mean(0), 0, atol=1e-6)


def test_third_order_in_training(rng):
    layer = layers.BatchNormalization(dtype="float64")
    x = rng.standard_normal((5, 2))
    check_gradients(lambda x: (layer(x, training=True) ** 3).sum(), x, variables=layer, order=3, elements=4, rtol=1e-4)


def test_one_row_in_training_stays_finite():
    y = layers.BatchNormalization()(np.full((1, 2), 5.0), training=True)
    np.testing.assert_allclose(y, 0, atol=1e-5)


@pytest.mark.parametrize("bounds", [None, {"rmax": 1.5, "rmin": 0.7, "dmax": 0.5}])
def test_batch_renormalization(bounds, rng):
    """Values, moving moments and gradient are those of the paper's algorithm, written out."""
    layer = layers.BatchNormalization(
        renorm=True, renorm_clipping=bounds, renorm_momentum=0.8, momentum=0.9, dtype="float64"
    )
    low, high, far = (
        (bounds or {}).get("rmin", 0),
        (bounds or {}).get("rmax", np.inf),
        (bounds or {}).get("dmax", np.inf),
    )
    m, s, moving, deviation = np.zeros(3), np.ones(3), np.zeros(3), np.ones(3)
    for i in range(4):
        x = rng.normal(i, 1 + i, (8, 3))
        mean, sigma = x.mean(0), np.sqrt(x.var(0) + 1e-3)
        r, d = np.clip(sigma / s, low, high), np.clip((mean - m) / s, -far, far)
        np.testing.assert_allclose(layer(x, training=True), (x - mean) / sigma * r + d)
        m, s = 0.8 * m + 0.2 * mean, 0.8 * s + 0.2 * sigma
        moving, deviation = 0.9 * moving + 0.1 * mean, 0.9 * deviation + 0.1 * sigma
    np.testing.assert_allclose(layer.moving_variance, deviation**2 - 1e-3)
    np.testing.assert_allclose(layer(x, training=False), (x - moving) / deviation)
    r, d = np.clip(sigma / s, low, high), np.clip((mean - m) / s, -far, far)

    def fixed(x):
        return ops.sum(ops.sin((x - ops.mean(x, axis=0)) / ops.sqrt(ops.var(x, axis=0) + 1e-3) * r + d))

    slope = grad(lambda x: ops.sum(ops.sin(layer(x, training=True))))(x)
    np.testing.assert_allclose(slope, grad(fixed)(x), atol=1e-10)


def test_misfits():
    with pytest.raises(ShapeError, match=r"has axis=3; received an input of shape \(2, 3\)"):
        layers.BatchNormalization(axis=3)(np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="axis to be one whole number; received \\[1\\]"):
        layers.BatchNormalization(axis=[1])
    for bounds in ({"rmax": 1, "rmin": 2}, {"dmax": -1}, {"max": 1}, {"rmax": "x"}):
        with pytest.raises(ArgumentError, match="renorm_clipping to hold"):
            layers.BatchNormalization(renorm=True, renorm_clipping=bounds)
    for dropped in ({"renorm_clipping": {"rmax": 2}}, {"renorm_momentum": 0.5}):
        with pytest.raises(ArgumentError, match="count with renorm=True only"):
            layers.BatchNormalization(**dropped)
    layer = layers.BatchNormalization()
    layer(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="expects length 3 on axis -1"):
        layer(np.ones((2, 4)))


# Over features


@given(shape=st.lists(st.integers(1, 4), min_size=2, max_size=4), seed=st.integers(0, 99), data=st.data())
def test_features_have_mean_0_and_variance_1(shape, seed, data):
    rng = np.random.default_rng(seed)
    axes = sorted(data.draw(st.sets(st.integers(1, len(shape) - 1), min_size=1)))
    x = rng.standard_normal(shape) * 3 + 1
    layer = layers.LayerNormalization(axis=axes, epsilon=0.01, dtype="float64")
    layer.build(tuple(shape))
    gamma, beta = (rng.uniform(0.5, 2, [shape[a] for a in axes]) for _ in range(2))
    layer.set_weights([gamma, beta])
    along = [n if i in axes else 1 for i, n in enumerate(shape)]
    mean, variance = x.mean(tuple(axes), keepdims=True), x.var(tuple(axes), keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 0.01) * gamma.reshape(along) + beta.reshape(along)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-9, atol=1e-9)


@given(groups=st.integers(1, 3), each=st.integers(1, 3), last=st.booleans(), seed=st.integers(0, 99))
def test_groups_of_channels(groups, each, last, seed):
    """Each is the layer normalisation of its places and channels."""
    x = np.random.default_rng(seed).standard_normal((2, groups * each, 3, 2))
    layer = layers.GroupNormalization(groups, axis=-1 if last else 1, epsilon=0.01, dtype="float64")
    y = np.array(layer(np.moveaxis(x, 1, -1) if last else x))
    y = np.moveaxis(y, -1, 1) if last else y
    for g in range(groups):
        own = x[:, g * each : (g + 1) * each]
        expected = (own - own.mean((1, 2, 3), keepdims=True)) / np.sqrt(own.var((1, 2, 3), keepdims=True) + 0.01)
        np.testing.assert_allclose(y[:, g * each : (g + 1) * each], expected, rtol=1e-9, atol=1e-9)


def test_each_channel_for_itself():
    layer = layers.GroupNormalization(-1)
    layer.build((None, 4, 6))
    assert layer.get_config()["groups"] == 6


def test_lengths_of_one(rng):
    x = rng.standard_normal((3, 4, 2)) * 5
    y = np.array(layers.UnitNormalization(axis=(1, 2), dtype="float64")(x))
    np.testing.assert_allclose((y**2).sum((1, 2)), 1)
    y = np.array(layers.RMSNormalization(axis=1, epsilon=0.0, dtype="float64")(x))
    np.testing.assert_allclose((y**2).mean(1), 1)


def test_misfits_over_features():
    with pytest.raises(ShapeError, match=r"has axis=3; received an input of shape \(2, 3\)"):
        layers.LayerNormalization(axis=3)(np.ones((2, 3)))
    for make in (layers.LayerNormalization, layers.RMSNormalization, layers.UnitNormalization):
        with pytest.raises(DtypeError, match="axis to be a whole number or several; received 'a'"):
            make(axis="a")
    with pytest.raises(ArgumentError, match="take RMSNormalization instead"):
        layers.LayerNormalization(rms_scaling=True)
    with pytest.raises(ArgumentError, match="its 3 groups divide; received 4 on axis -1"):
        layers.GroupNormalization(3)(np.ones((2, 4)))
    with pytest.raises(ArgumentError, match="groups to be a whole number above 0, or -1; received 0"):
        layers.GroupNormalization(0)
    with pytest.raises(ArgumentError, match="axis to be one whole number; received .1, 2."):
        layers.GroupNormalization(axis=[1, 2])


@pytest.mark.parametrize("make", [layers.LayerNormalization, layers.RMSNormalization])
def test_axes_come_in_order(make, rng):
    x = rng.standard_normal((2, 3, 4))
    one, other = make(axis=[-1, -2]), make(axis=[1, 2])
    np.testing.assert_array_equal(one(x), other(x))
    assert one.weights[0].shape == (3, 4)
    assert one.get_config()["axis"] == [-2, -1]
