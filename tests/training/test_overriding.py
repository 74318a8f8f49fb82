"""It is known which methods of a model are the framework's own; a replaced one is what runs."""

import functools

import numpy as np
import pytest

import autonet as keras
from autonet.training.overriding import is_default

X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
DEFAULTS = sorted(name for cls in keras.Model.__mro__ for name in vars(cls).get("_default_methods", ()))
USES = {
    "build": lambda model: model(X),
    "call": lambda model: model.predict(X, verbose=0),
    "compile": lambda model: model.compile("sgd", "mse"),
    "compute_metrics": lambda model: model.evaluate(X, Y, verbose=0),
    "predict_step": lambda model: model.predict(X, verbose=0),
    "test_step": lambda model: model.evaluate(X, Y, verbose=0),
    "train_step": lambda model: model.fit(X, Y, verbose=0),
}


class Plain(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(1)

    def call(self, x):
        return self.out(x)


def test_every_default_is_tried():
    assert list(USES) == DEFAULTS


@pytest.mark.parametrize("name", USES)
def test_a_replaced_method_is_found_and_runs(name):
    ran = []
    original = getattr(Plain, name)

    @functools.wraps(original)
    def own(self, *args, **kwargs):
        ran.append(name)
        return original(self, *args, **kwargs)

    child = type("Child", (Plain,), {name: own})
    grandchild = type("Grandchild", (child,), {})
    model = grandchild()
    if name != "compile":
        model.compile("sgd", "mse", metrics=["mae"])
    assert not is_default(model, name)
    assert all(is_default(model, other) for other in USES if other not in (name, "call"))
    USES[name](model)
    assert ran
