"""Where mistakes are made: a few small models, their data, and a folder."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

import autonet as keras
from autonet import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
L = np.arange(20) % 3  # labels
Y = np.eye(3, dtype="float32")[L]  # the same, one-hot
R = X[:, :1] * 2


class Mistake(NamedTuple):
    """A mistake, and what must be said to it.

    code: a user's lines; beside the models of `World` it knows keras, layers, np, X, L, Y, R and path.
    error: class of the error, or of the warning.
    who, expected, received, advice: parts of the message.
    trained: whether the mistake comes after some good steps.
    """

    name: str
    code: str
    error: type
    who: str
    expected: str
    received: str
    advice: str
    trained: bool = False


class World(dict):
    """The names that a mistake's code knows; its models are made when it asks for them."""

    def __init__(self, folder, way):
        super().__init__()
        keras.utils.set_random_seed(0)
        keras.utils.clear_session(free_memory=False)
        self.way = way
        self.path = lambda name: str(folder / name)
        self.fixed = {"keras": keras, "layers": layers, "np": np, "X": X, "L": L, "Y": Y, "R": R, "path": self.path}

    def __missing__(self, name):
        if name not in MODELS:
            raise KeyError(name)
        return getattr(self, name)

    def run(self, code):
        """Run a user's lines."""
        exec(compile(code, "script.py", "exec"), {**self.fixed, "__name__": "script"}, self)

    @property
    def made(self):
        """The models that were asked for."""
        return {name: self.__dict__[name] for name in MODELS if name in self.__dict__}

    def _stack(self, name, *stack):
        model = keras.Sequential([keras.Input((4,)), *stack], name=name)
        COMPILE[name](model, self.way)
        return model

    @cached_property
    def m(self):
        return self._stack("m", layers.Dense(5, activation="relu", name="hidden"), softmax("out"))

    @cached_property
    def c(self):
        return self._stack("c", softmax("out"))

    @cached_property
    def r(self):
        return self._stack("r", layers.Dense(3, name="out"))

    @cached_property
    def two(self):
        left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
        model = keras.Model([left, right], softmax("out")(layers.Concatenate()([left, right])), name="two")
        COMPILE["two"](model, self.way)
        return model

    @cached_property
    def outs(self):
        x = keras.Input((4,))
        model = keras.Model(x, [softmax("a")(x), layers.Dense(1, name="b")(x)], name="outs")
        COMPILE["outs"](model, self.way)
        return model

    @cached_property
    def words(self):
        model = keras.Sequential(
            [keras.Input((2,), dtype="int32"), layers.Embedding(10, 3), layers.Flatten(), softmax("out")]
        )
        COMPILE["words"](model, self.way)
        return model


def softmax(name):
    return layers.Dense(3, activation="softmax", name=name)


def state(model):
    """What a training has learned."""
    return [*model.get_weights(), model.optimizer.iterations.numpy()]


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


SPARSE = "sparse_categorical_crossentropy"
COMPILE = {
    "m": lambda model, way: model.compile("adam", SPARSE, metrics=["accuracy"], **way),
    "c": lambda model, way: model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], **way),
    "r": lambda model, way: model.compile("sgd", "mse", **way),
    "two": lambda model, way: model.compile("adam", SPARSE, **way),
    "outs": lambda model, way: model.compile("adam", [SPARSE, "mse"], **way),
    "words": lambda model, way: model.compile("adam", SPARSE, **way),
}
GOOD = {
    "m": (X, L),
    "c": (X, Y),
    "r": (X, Y),
    "two": ([X, X], L),
    "outs": (X, [L, R]),
    "words": (np.arange(40).reshape(20, 2) % 10, L),
}
MODELS = tuple(COMPILE)
