"""Each mistake gets one clear error, with nothing chained to it, and leaves models that train as if it had not been made."""

import functools
import re

import numpy as np
import pytest

import autonet as keras
from tests.mistakes import data, layer, model
from tests.mistakes.world import COMPILE, GOOD, MODELS, World, same, state

ROWS = [*data.ROWS, *layer.ROWS, *model.ROWS]
WAYS = ["native", "captured", "eager"]


def compiled_way(name, monkeypatch):
    """Arguments of compile() for one way to run steps."""
    monkeypatch.setenv("AUTONET_NATIVE", str(int(name == "native")))
    return {"run_eagerly": name == "eager"}


def trained(model, name):
    """State of the model after an epoch of proper training."""
    keras.utils.set_random_seed(7)
    history = model.fit(*GOOD[name], batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    return state(model)


@functools.cache
def undisturbed(name, way, folder):
    """The same where no mistake was made."""
    return trained(getattr(World(folder, {"run_eagerly": way == "eager"}), name), name)


CASES = [
    pytest.param(row, way, id=f"{row.name}-{way}") for row in ROWS for way in (WAYS if row in data.ROWS else WAYS[:1])
]


@pytest.mark.parametrize(("row", "way"), CASES)
def test_mistake(row, way, tmp_path, monkeypatch):
    world = World(tmp_path, compiled_way(way, monkeypatch))
    for name in MODELS:
        if re.search(rf"\b{name}[.(]", row.code):
            getattr(world, name)
    before = {name: state(made) for name, made in world.made.items()}
    with pytest.raises(row.error) as told:
        world.run(row.code)
    error = told.value
    assert type(error) is row.error
    for part in row[3:7]:
        assert part and part in str(error)
    assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)
    for name, made in world.made.items():
        again = f"{name}.compile(" in row.code or "trainable" in row.code
        assert row.trained or again or same(state(made), before[name])
        if again and row.trained is False and "trainable" not in row.code and "fit(" not in row.code:
            again = False  # a compile() that fails leaves what was compiled before
        if again:
            made.trainable = True
            COMPILE[name](made, world.way)
        after = trained(made, name)
        assert row.trained or same(after, undisturbed(name, way, None))


def test_there_are_enough():
    assert len(ROWS) >= 100 and len({row.name for row in ROWS}) == len(ROWS)


# Errors that are the user's own


class Own(Exception):
    """An error of a user's own."""


def hooks():
    return [
        name
        for name in dir(keras.callbacks.Callback)
        if name.startswith("on_") and "predict" not in name and "test" not in name
    ]


@pytest.mark.parametrize("hook", hooks())
def test_what_a_callback_raises_comes_through_as_it_is(hook, tmp_path):
    def boom(self, *args):
        raise Own(hook)

    callback = type("Mine", (keras.callbacks.Callback,), {hook: boom})()
    world = World(tmp_path, {})
    x, y = GOOD["m"]
    with pytest.raises(Own) as told:
        world.m.fit(x, y, verbose=0, callbacks=[callback])
    assert told.value.__cause__ is None and told.value.__context__ is None
    trained(world.m, "m")


@pytest.mark.parametrize("way", WAYS)
def test_what_a_layer_raises_comes_through_and_can_be_repaired(way, monkeypatch):
    class Mine(keras.layers.Layer):
        broken = True

        def call(self, x):
            if self.broken:
                raise Own("not yet")
            return x

    mine = Mine()
    model = keras.Sequential([mine, keras.layers.Dense(3)])
    model.compile("sgd", "mse", **compiled_way(way, monkeypatch))
    with pytest.raises(Own, match="not yet"):
        model.fit(*GOOD["r"], verbose=0)
    mine.broken = False
    trained(model, "r")
