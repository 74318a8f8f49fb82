"""First weights: their laws (spread, range, orthogonality), repetition, names and configurations."""

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonet import initializers
from autonet.common import dtypes
from autonet.core import Tensor
from autonet.errors import ArgumentError, DtypeError, ShapeError
from autonet.initializers.scaled import TRUNCATED_STDDEV
from autonet.random import SeedGenerator
from autonet.utils import set_random_seed
from autonet.variable import Variable

seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)

SCALED = {  # scale, mode, distribution
    "GlorotUniform": (1, "fan_avg", "uniform"),
    "GlorotNormal": (1, "fan_avg", "truncated_normal"),
    "LecunUniform": (1, "fan_in", "uniform"),
    "LecunNormal": (1, "fan_in", "truncated_normal"),
    "HeUniform": (2, "fan_in", "uniform"),
    "HeNormal": (2, "fan_in", "truncated_normal"),
}
DRAWN = ["RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Orthogonal", *SCALED]
CONFIGS = {  # the keys and defaults of Keras 3; of Identity, the gain that Keras forgets
    "Zeros": {},
    "Ones": {},
    "Constant": {"value": 0.0},
    "Identity": {"gain": 1.0},
    "RandomNormal": {"seed": None, "mean": 0.0, "stddev": 0.05},
    "TruncatedNormal": {"seed": None, "mean": 0.0, "stddev": 0.05},
    "RandomUniform": {"seed": None, "minval": -0.05, "maxval": 0.05},
    "VarianceScaling": {
        "seed": None,
        "scale": 1.0,
        "mode": "fan_in",
        "distribution": "truncated_normal",
        "input_axes": None,
        "output_axes": None,
    },
    "Orthogonal": {"seed": None, "gain": 1.0},
    **{name: {"seed": None, "input_axes": None, "output_axes": None} for name in SCALED},
}


def make(name, **arguments):
    return getattr(initializers, name)(**arguments)


def number(mode, shape):
    places = math.prod(shape[:-2])
    fans = places * shape[-2], places * shape[-1]
    return {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[mode]


# Spread and range


@pytest.mark.parametrize("shape", [(300, 100), (3, 3, 40, 80)])
@pytest.mark.parametrize("name", SCALED)
def test_variance_of_the_named(name, shape):
    scale, mode, distribution = SCALED[name]
    x = make(name, seed=1)(shape).numpy()
    stddev = math.sqrt(scale / number(mode, shape))
    assert x.dtype == "float32" and x.shape == shape
    assert abs(x.mean()) < 5 * stddev / math.sqrt(x.size)
    assert x.std() == pytest.approx(stddev, rel=0.02)
    limit = math.sqrt(3) if distribution == "uniform" else 2 / TRUNCATED_STDDEV
    assert 0.99 * limit < np.abs(x).max() / stddev <= limit * 1.00001


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
def test_variance_is_scale_over_n_in_every_distribution(mode, distribution):
    shape = (2, 150, 90)
    x = initializers.VarianceScaling(0.7, mode, distribution, seed=3)(shape, "float64").numpy()
    assert x.var() == pytest.approx(0.7 / number(mode, shape), rel=0.04)
    if distribution == "untruncated_normal":
        assert np.abs(x).max() > 3 * x.std()


def test_variances_survive_a_relu_network():
    x = np.random.default_rng(0).normal(size=(400, 256))
    start = np.mean(x**2)
    for seed in range(6):
        x = np.maximum(x @ initializers.HeNormal(seed)((256, 256), "float64").numpy(), 0)
    assert np.mean(x**2) == pytest.approx(start, rel=0.5)  # without the factor 2 it would be down to 1/64


def test_axes_say_what_inputs_and_outputs_are():
    def n(mode, shape, **axes):
        x = initializers.VarianceScaling(1.0, mode, "uniform", seed=1, **axes)(shape).numpy()
        return 3 / np.abs(x).max() ** 2

    shape = (4, 50, 60)
    assert n("fan_in", shape, input_axes=[0, 1], output_axes=[2]) == pytest.approx(200, rel=0.01)
    assert n("fan_out", shape, input_axes=[0, 1], output_axes=[2]) == pytest.approx(60, rel=0.01)
    assert n("fan_avg", shape, input_axes=(0,), output_axes=(-2, -1)) == pytest.approx(1502, rel=0.01)
    assert n("fan_in", shape) == pytest.approx(200, rel=0.01)
    assert n("fan_in", (500,)) == pytest.approx(500, rel=0.01)
    assert initializers.GlorotUniform()(()).shape == ()
    assert initializers.GlorotUniform()((0, 3)).shape == (0, 3)


def test_parameters_of_the_unscaled():
    x = initializers.RandomNormal(2.0, 0.5, seed=1)((40000,)).numpy()
    assert x.mean() == pytest.approx(2, abs=0.02) and x.std() == pytest.approx(0.5, rel=0.02)
    x = initializers.TruncatedNormal(2.0, 0.5, seed=1)((40000,)).numpy()
    assert x.std() == pytest.approx(0.5 * TRUNCATED_STDDEV, rel=0.02) and 1 <= x.min() < 1.01 and 2.99 < x.max() <= 3
    x = initializers.RandomUniform(-1.0, 3.0, seed=1)((40000,)).numpy()
    assert -1 <= x.min() < -0.99 and 2.99 < x.max() < 3 and x.std() == pytest.approx(4 / math.sqrt(12), rel=0.02)


def test_the_truncated_stddev():
    z = np.linspace(-2, 2, 200001)
    p = np.exp(-(z**2) / 2)
    assert TRUNCATED_STDDEV**2 == pytest.approx((z**2 * p).sum() / p.sum(), rel=1e-4)


# Orthogonality


@given(shape=shapes, seed=seeds, gain=st.floats(0.25, 4))
def test_orthogonal(shape, seed, gain):
    q = initializers.Orthogonal(gain, seed)(shape, "float64").numpy()
    assert q.shape == shape
    q = q.reshape(-1, shape[-1]) / gain
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_orthogonal_prefers_no_sign():
    g = SeedGenerator(5)
    corners = [initializers.Orthogonal(seed=g)((2, 2)).numpy()[0, 0] for _ in range(200)]
    assert 70 < sum(c > 0 for c in corners) < 130


def test_orthogonal_narrow_floats():
    q = initializers.Orthogonal(seed=1)((6, 4), "float16")
    assert q.dtype == "float16"
    np.testing.assert_allclose(q.numpy().T.astype("float64") @ q.numpy(), np.eye(4), atol=5e-3)


# Known values


def test_constants():
    assert initializers.Zeros()((2, 3)).tolist() == [[0.0] * 3] * 2
    assert initializers.Ones()(3).tolist() == [1.0] * 3
    assert initializers.Constant(3)((2,), "int32").tolist() == [3, 3]
    assert initializers.Constant([1, 2])((2, 2)).dtype == "float32"
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    assert initializers.Identity(2)((2, 2), "int32").dtype == "int32"
    dtypes.set_floatx("float64")
    assert all(make(name)((3, 3)).dtype == "float64" for name in CONFIGS)


@given(shape=shapes, seed=seeds)
def test_an_array_serves_its_own_shape_alone(shape, seed):
    value = np.random.default_rng(seed).normal(size=shape)
    for given_value in (value, Tensor(value)):
        f = initializers.get(given_value)
        np.testing.assert_array_equal(f(shape, "float64").numpy(), value)
        with pytest.raises(ShapeError, match=r"or Constant\(array\) if it is to be repeated"):
            f((2, *shape))
    again = initializers.deserialize(json.loads(json.dumps(initializers.serialize(initializers.get(value)))))
    np.testing.assert_array_equal(again(shape, "float64").numpy(), value)


def test_an_array_is_copied():
    value = np.ones(2)
    f = initializers.get(value)
    value[0] = 5
    assert f((2,)).tolist() == [1.0, 1.0]


# Repetition


@pytest.mark.parametrize("name", DRAWN)
def test_seeds(name):
    shape = (4, 3)

    def values(f):
        return f(shape).tolist()

    numbered = make(name, seed=7)
    assert values(numbered) == values(numbered) == values(make(name, seed=7)) == values(numbered.clone())
    assert values(numbered) != values(make(name, seed=8))
    unseeded = make(name)
    assert values(unseeded) == values(unseeded) == values(copy.deepcopy(unseeded))
    assert values(unseeded) != values(make(name)) and values(unseeded) != values(unseeded.clone())
    moving = make(name, seed=SeedGenerator(7))
    assert values(moving) == values(numbered) != values(moving)
    set_random_seed(3)
    first = values(make(name))
    set_random_seed(3)
    assert first == values(make(name))


def test_making_one_does_not_disturb_the_global_draws():
    from autonet import random

    set_random_seed(3)
    first = random.normal((2,)).tolist()
    set_random_seed(3)
    initializers.GlorotUniform()((2, 2))
    assert random.normal((2,)).tolist() == first


def test_they_start_variables():
    v = Variable(initializers.get("glorot_uniform"), (3, 4), "float64")
    assert v.shape == (3, 4) and v.dtype == "float64" and v.numpy().std() > 0


# Names and configurations


@pytest.mark.parametrize("name", CONFIGS)
def test_configuration_round_trip(name):
    f = make(name)
    assert f.get_config() == CONFIGS[name]
    stored = initializers.serialize(f)
    assert stored == {
        "module": "keras.initializers",
        "class_name": name,
        "config": CONFIGS[name],
        "registered_name": None,
    }
    again = initializers.deserialize(json.loads(json.dumps(stored)))
    assert type(again) is type(f) and again.get_config() == CONFIGS[name]
    if "seed" in CONFIGS[name]:
        f = make(name, seed=11)
        assert initializers.get(initializers.serialize(f))((3, 2)).tolist() == f((3, 2)).tolist()


def test_configuration_keeps_all_arguments():
    for f in (
        initializers.Constant([[1.0], [2.0]]),
        initializers.Identity(3.0),
        initializers.RandomNormal(1.0, 2.0, np.int64(3)),
        initializers.VarianceScaling(2.0, "fan_out", "uniform", 3, [0], [1]),
        initializers.HeNormal(3, [1], [0]),
        initializers.Orthogonal(2.0, 3),
    ):
        again = initializers.deserialize(json.loads(json.dumps(initializers.serialize(f))))
        assert again.get_config() == f.get_config()
        shape = (2, 2)
        assert again(shape).tolist() == f(shape).tolist() == pickle.loads(pickle.dumps(f))(shape).tolist()


def test_a_generator_is_stored_by_its_configuration():
    f = initializers.RandomNormal(seed=SeedGenerator(3, name="g"))
    stored = json.loads(json.dumps(initializers.serialize(f)))
    assert stored["config"]["seed"]["class_name"] == "SeedGenerator"
    again = initializers.deserialize(stored)
    assert isinstance(again.seed, SeedGenerator)
    assert [again((2,)).tolist(), again((2,)).tolist()] == [f((2,)).tolist(), f((2,)).tolist()]


def test_names():
    for short, cls in {"zero": "Zeros", "one": "Ones", "uniform": "RandomUniform", "normal": "RandomNormal"}.items():
        assert type(initializers.get(short)).__name__ == cls
    for name in CONFIGS:
        cls = getattr(initializers, name)
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
        assert type(initializers.get(name)) is type(initializers.get(snake)) is type(initializers.get(cls)) is cls
        assert getattr(initializers, snake) is cls
    assert initializers.IdentityInitializer is initializers.Identity
    assert initializers.OrthogonalInitializer is initializers.Orthogonal
    assert type(initializers.get("OrthogonalInitializer")) is initializers.Orthogonal
    assert initializers.get(None) is None

    def own(shape, dtype=None):
        return np.full(shape, 7.0, dtype)

    assert initializers.get(own) is own
    assert initializers.deserialize({"class_name": "Constant", "config": {"value": 2}})(()).item() == 2


def test_errors():
    with pytest.raises(ArgumentError, match="Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(ArgumentError, match="Pass a name such as"):
        initializers.get(3)
    with pytest.raises(ArgumentError, match="two lists of integers, or both None"):
        initializers.GlorotUniform(input_axes=[0])
    with pytest.raises(ArgumentError, match="two lists of integers, or both None"):
        initializers.VarianceScaling(input_axes=0, output_axes=1)
    with pytest.raises(ShapeError, match="lacks one of them"):
        initializers.GlorotUniform(input_axes=[0], output_axes=[2])((3, 4))
    for arguments in ({"scale": 0}, {"mode": "fan"}, {"distribution": "normal"}):
        with pytest.raises(ArgumentError, match="VarianceScaling expects"):
            initializers.VarianceScaling(**arguments)
    for seed in ("x", 1.5, -1, True, 2**32):
        with pytest.raises(ArgumentError, match="A seed is an integer"):
            initializers.RandomNormal(seed=seed)
    with pytest.raises(ShapeError, match="at least two axes"):
        initializers.Orthogonal()((3,))
    with pytest.raises(ShapeError, match="Use Orthogonal for a kernel"):
        initializers.Identity()((2, 2, 2))
    with pytest.raises(ShapeError, match="does not broadcast"):
        initializers.Constant([1, 2, 3])((2,))
    with pytest.raises(DtypeError, match="expects a float dtype"):
        initializers.HeNormal()((2, 2), "int32")
    with pytest.raises(NotImplementedError, match="must define __call__"):
        initializers.Initializer()((2,))
