"""Draws of random numbers outside autonet, while a step is recorded: they are told, with the line, and never frozen unsaid."""

import random
import warnings
from random import gauss

import numpy as np
import pytest
from numpy.random import standard_normal

import autonet
from autonet import Sequential, jit, layers, ops
from autonet.compiler.chance import _GENERATORS

module_generator = np.random.default_rng(0)
legacy_generator = np.random.RandomState(0)
python_generator = random.Random(0)


class Holder:
    def __init__(self):
        self.generator = np.random.Generator(np.random.MT19937(0))

    def draw(self):
        return self.generator.normal()


holder = Holder()


def draw_elsewhere():
    return module_generator.normal()


DRAWS = {
    "np.random": lambda layer: np.random.normal(),
    "np.random.rand": lambda layer: np.random.rand(),
    "from numpy.random": lambda layer: standard_normal(),
    "random": lambda layer: random.random(),
    "from random": lambda layer: gauss(0, 1),
    "Generator": lambda layer: module_generator.normal(),
    "RandomState": lambda layer: legacy_generator.normal(),
    "Random": lambda layer: python_generator.random(),
    "attribute": lambda layer: layer.generator.normal(),
    "object": lambda layer: holder.draw(),
    "helper": lambda layer: draw_elsewhere(),
    "branch": lambda layer: 1.0 if random.random() < 0.5 else 2.0,
}


class Noisy(layers.Layer):
    def __init__(self, draw):
        super().__init__()
        self.draw, self.generator = draw, np.random.default_rng(0)

    def call(self, x):
        return x + np.float32(self.draw(self))


@pytest.mark.parametrize("name", DRAWS)
def test_a_step_that_draws_runs_each_time_and_says_so_once(name):
    m = Sequential([Noisy(DRAWS[name])])
    with pytest.warns(
        UserWarning, match=r"operation by operation.*test_chance.py:\d+: .*this line draws .*SeedGenerator"
    ) as told:
        y = m.predict(np.zeros((64, 1)), batch_size=4, verbose=0)[::4]
    assert len(told) == 1
    assert len(np.unique(y)) == (2 if name == "branch" else 16)


@pytest.mark.parametrize("name", DRAWS)
def test_a_compiled_function_says_that_it_repeats(name):
    layer = Noisy(DRAWS[name])
    f = jit(lambda x: x + DRAWS[name](layer))
    with pytest.warns(UserWarning, match=r"test_chance.py:\d+: .*this line draws .*repeat those of this one") as told:
        first = f(1.0)
    assert len(told) == 1 and f(1.0).item() == first.item()


def test_a_train_step_that_draws_runs_each_time():
    class Model(autonet.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def train_step(self, data):
            return {"noise": ops.convert_to_tensor(np.random.normal())}

    m = Model()
    m.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="this line draws NumPy's random numbers"):
        noise = m.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=4, verbose=0).history["noise"]
    assert len(set(noise)) == 4


def test_what_draws_from_autonet_or_around_the_step_is_silent():
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")

    def batches():
        for _ in range(4):
            np.random.normal(), random.random(), module_generator.normal()
            yield x, x[:, :1]

    m = Sequential([layers.Dense(4), layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.Dense(1)])
    m.compile("adam", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m.fit(batches(), epochs=1, verbose=0)
        jit(lambda x: x + autonet.random.normal((1,)))(1.0)
        jit(lambda x: x + 1)(1.0)
    assert all(isinstance(g, _GENERATORS) for g in (module_generator, legacy_generator, python_generator))
